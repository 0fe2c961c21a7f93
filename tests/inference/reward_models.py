"""Tiny random reward models, built on the spot: the shape of OpenAssistant's, and a Llama."""

from pathlib import Path
from typing import Any

from alignray.pocket import MODELS

SPECIALS = ("[PAD]", "[CLS]", "[SEP]")


def build_pair_tokenizer() -> Any:
    """Bytes as tokens; two texts are joined as DeBERTa joins them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: number for number, symbol in enumerate((*SPECIALS, *alphabet))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


def build_deberta(directory: Path, num_labels: int = 1, **changes: Any) -> Path:
    """A DebertaV2 with the wiring of reward-model-deberta-v3-large-v2, at 2 layers of 32."""
    import torch
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    torch.manual_seed(0)
    tokenizer = build_pair_tokenizer()
    config = DebertaV2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=512,
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,
        num_labels=num_labels,
        **changes,
    )
    DebertaV2ForSequenceClassification(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def build_llama(directory: Path, *, head: bool = True, **changes: Any) -> Path:
    """A Llama with a reward head and the tokenizer and template of the built-in models."""
    import torch
    from transformers import (
        AutoTokenizer,
        LlamaConfig,
        LlamaForCausalLM,
        LlamaForSequenceClassification,
    )

    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(MODELS["pocket-base"])
    fields = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": None,
        "num_labels": 1,
        "initializer_range": 0.3,
    }
    config = LlamaConfig(**(fields | changes))
    kind = LlamaForSequenceClassification if head else LlamaForCausalLM
    kind(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
