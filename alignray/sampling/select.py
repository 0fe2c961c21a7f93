"""The seeded choice of K prompts, by hash of seed and prompt id.

Neither the order of the source nor its partitions nor the number of workers change who is chosen.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace

from alignray.config.sampling import PromptSelection
from alignray.errors import SourceError
from alignray.records import Prompt


def select_prompts(prompts: Iterable[Prompt], selection: PromptSelection) -> Iterator[Prompt]:
    """The chosen prompts in source order, numbered anew from 0.

    Memory is flat where all prompts are taken, else K prompts.

    Raises:
        SourceError: fewer prompts than asked for, or none.
    """
    wanted = (p for p in prompts if not selection.subsets or p.subset in selection.subsets)
    chosen: Iterable[Prompt] = wanted
    if selection.num_prompts is not None:
        chosen = _select_smallest(wanted, selection.num_prompts, selection.seed)
    row = -1
    for row, prompt in enumerate(chosen):
        yield replace(prompt, row=row)
    if row < 0:
        subsets = f" in subsets {', '.join(selection.subsets)}" if selection.subsets else ""
        raise SourceError("prompts", f"no prompt{subsets}", "at least one")


def _select_smallest(prompts: Iterable[Prompt], count: int, seed: int) -> list[Prompt]:
    ranked = ((compute_rank(seed, p.prompt_id), i, p) for i, p in enumerate(prompts))
    smallest = heapq.nsmallest(count, ranked, key=lambda item: item[:2])
    if len(smallest) < count:
        raise SourceError(
            "prompts",
            f"{len(smallest)} prompts, but select.num_prompts is {count}",
            "at least as many prompts as asked for",
            "ask for fewer or leave num_prompts out",
        )
    return [prompt for _, _, prompt in sorted(smallest, key=lambda item: item[1])]


def compute_rank(seed: int, prompt_id: str) -> bytes:
    """The place of a prompt in the seeded order of all possible prompts."""
    return hashlib.blake2b(f"{seed}:{prompt_id}".encode(), digest_size=16).digest()
