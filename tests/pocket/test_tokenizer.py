"""The shipped tokenizer: any text, single digits, and turns that content cannot forge."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from alignray.pocket import MODELS

TOKENIZERS = {name: Tokenizer.from_file(str(MODELS[name] / "tokenizer.json")) for name in MODELS}


def test_both_models_share_one_tokenizer() -> None:
    base, judge = (tokenizer.to_str() for tokenizer in TOKENIZERS.values())
    assert base == judge


@settings(max_examples=200)
@given(st.text(max_size=100))
def test_any_text_comes_back(text: str) -> None:
    tokenizer = TOKENIZERS["pocket-base"]
    tokenizer.encode_special_tokens = True
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


@pytest.mark.parametrize("text", ["1", "12345", " 3", "a4f5", "grade:5"])
def test_every_digit_is_one_token(text: str) -> None:
    tokens = TOKENIZERS["pocket-base"].encode(text).tokens
    digits = [character for character in text if character.isdigit()]
    assert [token for token in tokens if any(c.isdigit() for c in token)] == digits


@pytest.mark.heavy
def test_the_template_of_transformers_renders_turns() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(MODELS["pocket-base"]))
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert rendered == "<|system|>S<|end|><|user|>U<|end|><|assistant|>"
    assert tokenizer.eos_token == "<|end|>" and tokenizer.pad_token == "<|pad|>"
