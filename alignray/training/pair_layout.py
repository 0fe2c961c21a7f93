r"""Layouts of a batch of preference pairs: padded copies, or both responses behind one prompt.

`padded` is TRL's: 2B sequences, prompt + response each, chosen first.

`shared_prefix` puts a pair into one sequence: the prompt but its last token p, then two branches,
p + chosen and p + rejected, which see the prompt and themselves, not each other:

    tokens     x_1 ... x_m-1 | p  c_1 ... c_k | p  r_1 ... r_l
    positions  0   ... m-2   | m-1 ...        | m-1 ...
    branch     0             | 1              | 2

The prompt is read once instead of twice (Wang & Hegde 2024, arXiv 2410.20305, with the last token
kept in each branch, so that both first tokens are predicted alike), and no response is padded to
the length of the other. It needs attention that takes a mask (sdpa or eager) and positions that
are given: the log-probabilities are those of the padded layout up to rounding.

Shapes: B pairs, R rows of the batch (2B padded, B shared), T positions.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from alignray.config.training import TrainingConfig
from alignray.errors import ConfigError
from alignray.training.policy import load_hub_config
from alignray.training.rows.encoding import IGNORED
from alignray.training.rows.padding import pad

Layout = Literal["padded", "shared_prefix"]
PROMPT, CHOSEN, REJECTED, PADDING = 0, 1, 2, -1
"""Values of `branch`."""
_WINDOWS = ("sliding_window", "window_size", "attention_window", "attention_chunk_size")
_REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")


@dataclass
class PairCollator:
    """`collate_pairs` as a trainer calls it."""

    pad_token_id: int
    layout: Layout

    def __call__(self, pairs: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """The batch of some pairs."""
        return collate_pairs(pairs, self.pad_token_id, self.layout)


def collate_pairs(
    pairs: Sequence[dict[str, Any]], pad_token_id: int, layout: Layout
) -> dict[str, torch.Tensor]:
    """A batch of pairs with `prompt_ids`, `chosen_ids`, `rejected_ids`, `row`.

    Returns:
        input_ids, position_ids [R, T]; labels [R, T], the token to predict AT each position, else
        IGNORED; branch [R, T]: 0 prompt, 1 chosen, 2 rejected, -1 padding; attention_mask [R, T],
        1 on tokens; rows [B]; and cached reference log-probabilities [B] where pairs have them.
    """
    sequences = (
        [_share(pair) for pair in pairs]
        if layout == "shared_prefix"
        else [_copy(pair, branch) for branch in (CHOSEN, REJECTED) for pair in pairs]
    )
    ids, positions, labels, branches = zip(*sequences, strict=True)
    batch = {
        "input_ids": pad(ids, pad_token_id),
        "position_ids": pad(positions, 0),
        "labels": pad(labels, IGNORED),
        "branch": pad(branches, PADDING),
        "attention_mask": pad([[1] * len(row) for row in ids], 0),
        "rows": torch.tensor([pair["row"] for pair in pairs]),
    }
    if all(name in pairs[0] for name in _REFERENCE):
        batch |= {name: torch.tensor([pair[name] for pair in pairs]) for name in _REFERENCE}
    return batch


_Sequence = tuple[list[int], list[int], list[int], list[int]]


def _share(pair: dict[str, Any]) -> _Sequence:
    prompt = pair["prompt_ids"]
    ids, labels, branches = list(prompt[:-1]), [IGNORED] * (len(prompt) - 1), []
    positions = list(range(len(ids)))
    branches = [PROMPT] * len(ids)
    for branch, name in ((CHOSEN, "chosen_ids"), (REJECTED, "rejected_ids")):
        response = pair[name]
        ids += [prompt[-1], *response[:-1]]
        labels += response
        positions += range(len(prompt) - 1, len(prompt) - 1 + len(response))
        branches += [branch] * len(response)
    return ids, positions, labels, branches


def _copy(pair: dict[str, Any], branch: int) -> _Sequence:
    prompt, response = (
        pair["prompt_ids"],
        pair["chosen_ids" if branch == CHOSEN else "rejected_ids"],
    )
    ids = [*prompt, *response[:-1]]
    labels = [*[IGNORED] * (len(prompt) - 1), *response]
    branches = [*[PROMPT] * (len(prompt) - 1), *[branch] * len(response)]
    return ids, list(range(len(ids))), labels, branches


def count_tokens(pair: dict[str, Any], layout: Layout) -> int:
    """Positions that a pair takes, padding apart."""
    responses = len(pair["chosen_ids"]) + len(pair["rejected_ids"])
    prompts = 1 if layout == "shared_prefix" else 2
    return prompts * (len(pair["prompt_ids"]) - 1) + responses


def build_branch_mask(branch_RT: torch.Tensor) -> torch.Tensor:
    """Attention mask [R, 1, T, T]: whether a position (row) sees another (column).

    A position sees earlier ones of the prompt and of its own branch, and itself.
    """
    length = branch_RT.shape[1]
    causal_TT = torch.ones(length, length, dtype=torch.bool, device=branch_RT.device).tril()
    same_RTT = branch_RT[:, :, None] == branch_RT[:, None, :]
    prompt_RTT = (branch_RT == PROMPT)[:, None, :]
    return (causal_TT & (same_RTT | prompt_RTT))[:, None]


def build_model_inputs(
    batch: dict[str, torch.Tensor], layout: Layout, model: Any
) -> dict[str, torch.Tensor]:
    """What the model takes of a batch: ids, positions and the mask of the layout.

    sdpa takes a mask of booleans, eager attention one that is added to its scores.
    """
    inputs = {"input_ids": batch["input_ids"], "position_ids": batch["position_ids"]}
    if layout == "padded":
        return {**inputs, "attention_mask": batch["attention_mask"]}
    mask = build_branch_mask(batch["branch"])
    if model.config._attn_implementation == "eager":
        hidden = torch.finfo(model.dtype).min
        mask = torch.zeros(mask.shape, dtype=model.dtype, device=mask.device).masked_fill(
            ~mask, hidden
        )
    return {**inputs, "attention_mask": mask}


def choose_layout(config: TrainingConfig) -> Layout:
    """The layout that is asked for, or the shared one where the model can take it.

    Raises:
        ConfigError: `shared_prefix` is asked of a model that cannot.
    """
    asked = config.resources.layout
    if asked == "padded":
        return "padded"
    able = supports_masks(load_hub_config(config), config.resources.attn_implementation)
    if asked == "shared_prefix" and not able:
        raise ConfigError(
            "resources.layout",
            f"shared_prefix, which {config.model_name_or_path} cannot take",
            "sdpa or eager attention without windows, and positions as an input",
            "set resources.layout=padded",
        )
    return "shared_prefix" if able else "padded"


def supports_masks(model_config: Any, attention: str) -> bool:
    """Whether a model may be given positions and a mask of its own; `probe.py` tries it out.

    Not so: flash and flex kernels, windows of attention (longer texts than the probe's would show
    them), routers whose loss reads the mask, models without positions as an input.
    """
    from transformers import AutoModelForCausalLM

    if attention not in ("auto", "sdpa", "eager"):
        return False
    text_config = model_config.get_text_config()
    windowed = any(getattr(text_config, name, None) is not None for name in _WINDOWS)
    if windowed and getattr(text_config, "use_sliding_window", True):
        return False
    if getattr(text_config, "output_router_logits", False) or getattr(text_config, "alibi", False):
        return False
    known = AutoModelForCausalLM._model_mapping
    if type(model_config) not in known:
        return False
    model_class = known[type(model_config)]
    return "position_ids" in inspect.signature(model_class.forward).parameters


def split_branches(
    values_RT: torch.Tensor, batch: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Values at response positions as chosen [B, T] and rejected [B, T], 0 elsewhere."""
    chosen_RT = values_RT * (batch["branch"] == CHOSEN)
    rejected_RT = values_RT * (batch["branch"] == REJECTED)
    if len(values_RT) == len(batch["rows"]):
        return chosen_RT, rejected_RT
    pairs = len(batch["rows"])
    return chosen_RT[:pairs], rejected_RT[pairs:]
