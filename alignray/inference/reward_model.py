"""A sequence classifier as a reward model: loading it without surprises, scoring one batch.

Refused rather than guessed at: weights that lack the head (transformers would draw it at random),
several logits without a word on which is the reward, pickled weights, code from the repository.

Shapes: B texts, T tokens of the longest, L logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alignray.errors import AlignrayError, ModelError


@dataclass(frozen=True)
class RewardModelSettings:
    """What a reward model is loaded with, as plain values that travel to its process."""

    model: str
    revision: str
    dtype: str
    label: str | None
    max_length: int
    batch_tokens: int
    pad_token_id: int | None
    """The tokenizer's; used where the model's configuration names none."""
    device: str
    """`cpu` or `cuda`."""
    num_threads: int


class RewardModel:
    """A loaded reward model; see `load_reward_model`."""

    def __init__(self, model: Any, logit: int, settings: RewardModelSettings) -> None:
        self._model = model
        self._logit = logit
        self._device = settings.device
        config = model.config
        if config.pad_token_id is None:
            config.pad_token_id = settings.pad_token_id
        self._pad = config.pad_token_id
        self._has_types = getattr(config, "type_vocab_size", 0) > 1

    def score(self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]) -> list[float]:
        """The rewards of a batch, rounded nowhere.

        Args:
            ids: token ids of each text.
            types: 0 or 1 for each token; used by models that tell two texts apart by it.
        """
        import torch

        if self._pad is None and len(ids) > 1:  # nothing to pad with: the model takes one at a time
            return [self.score([one], [kind])[0] for one, kind in zip(ids, types, strict=True)]
        width = max(map(len, ids))
        pad = self._pad or 0
        inputs = {
            "input_ids": torch.tensor([[*one, *[pad] * (width - len(one))] for one in ids]),
            "attention_mask": torch.tensor([[1] * len(o) + [0] * (width - len(o)) for o in ids]),
        }
        if self._has_types:
            padded = [[*kind, *[0] * (width - len(kind))] for kind in types]
            inputs["token_type_ids"] = torch.tensor(padded)
        with torch.inference_mode():
            moved = {name: tensor.to(self._device) for name, tensor in inputs.items()}
            logits_BL = self._model(**moved).logits
        rewards: list[float] = logits_BL[:, self._logit].double().tolist()
        return rewards


def load_reward_model(settings: RewardModelSettings) -> RewardModel:
    """Loads a reward model from safetensors.

    Raises:
        ModelError: it cannot be loaded, is no reward model, or has several logits.
    """
    import torch
    from transformers import AutoConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(settings.num_threads)
    where = {"revision": settings.revision, "trust_remote_code": False}
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ModelError(settings.model, "no GPU", "a GPU (resources.num_gpus is not 0)")
    try:
        config = AutoConfig.from_pretrained(settings.model, **where)
        logit = choose_logit(settings.model, config.id2label, settings.label)
        check_length(settings.model, settings.max_length, config)
        model = _load_classifier(settings, where)
    except AlignrayError:
        raise
    except Exception as error:  # transformers raises many kinds for a model it cannot use
        raise _explain(settings.model, error) from error
    return RewardModel(model.to(settings.device).eval(), logit, settings)


def choose_logit(model: str, names: dict[int, str], label: str | None) -> int:
    """Which logit is the reward.

    Args:
        model: what errors call the model.
        names: the configuration's `id2label`.
        label: name or number of the logit; may be None where there is one.

    Raises:
        ModelError: several logits and no label, or none of that name.
    """
    if label is None and len(names) == 1:
        return 0
    for number, name in names.items():
        if label in (name, str(number)):
            return int(number)
    known = ", ".join(f"{number} ({name})" for number, name in list(names.items())[:8])
    if label is None:
        found = f"{len(names)} logits: {known}"
        raise ModelError(model, found, "one, the reward", "say which: label=NAME or NUMBER")
    raise ModelError(model, f"no logit {label!r}", f"one of {known}", "correct the key label")


def check_length(model: str, max_length: int, config: Any) -> None:
    """Refuses texts longer than the model has positions for.

    Raises:
        ModelError: `max_length` exceeds the model's own.
    """
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and 0 < positions < max_length:
        found = f"{positions} positions"
        raise ModelError(model, found, f"max_length={max_length}", f"set max_length={positions}")


def _load_classifier(settings: RewardModelSettings, where: dict[str, Any]) -> Any:
    import torch
    from transformers import AutoModelForSequenceClassification

    model, info = AutoModelForSequenceClassification.from_pretrained(
        settings.model,
        dtype=getattr(torch, settings.dtype),
        use_safetensors=True,
        output_loading_info=True,
        **where,
    )
    missing = sorted(info["missing_keys"])
    if missing:
        raise ModelError(
            settings.model,
            f"weights without {', '.join(missing[:4])}",
            "a trained reward head",
            "name a sequence classifier: a language model has no reward",
        )
    return model


def _explain(model: str, error: Exception) -> ModelError:
    line = (str(error).strip().splitlines() or [""])[0][:200]
    return ModelError(
        model,
        f"no reward model that transformers can load ({type(error).__name__}: {line})",
        "a sequence classifier in safetensors, without code of its own",
    )
