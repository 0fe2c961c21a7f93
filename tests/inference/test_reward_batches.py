"""Batches of like length: the bound, the cover, the optimum."""

import gzip
import itertools
import json
import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from alignray.inference.reward_batches import (
    LAUNCH_TOKENS,
    MAX_PADDING,
    count_padded,
    cut_batches,
)
from tests.sources.real_data import find_data

LENGTHS = st.lists(st.integers(1, 600), max_size=120)


@given(LENGTHS, st.integers(1, 4096))
def test_every_text_is_in_one_batch_and_the_bound_holds(lengths, batch_tokens):
    batches = cut_batches(lengths, batch_tokens)
    assert sorted(itertools.chain(*batches)) == list(range(len(lengths)))
    assert count_padded(batches, lengths) <= MAX_PADDING * sum(lengths)
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch[0]] <= batch_tokens
        assert lengths[batch[0]] == max(lengths[at] for at in batch)


def test_no_texts_are_no_batches():
    assert cut_batches([], 8192) == []


def test_equal_texts_fill_whole_batches():
    assert sorted(map(len, cut_batches([100] * 10, 400))) == [2, 4, 4]


def list_cuts(size):
    """All ways to cut a row of `size` into runs."""
    for marks in itertools.product((False, True), repeat=size - 1):
        edges = [0, *(at + 1 for at, mark in enumerate(marks) if mark), size]
        yield list(itertools.pairwise(edges))


def test_it_is_the_cheapest_of_all_cuts():
    rng = random.Random(3)
    for _ in range(20):
        lengths = sorted((rng.randint(50, 900) for _ in range(9)), reverse=True)
        cheapest = min(
            sum((end - start) * lengths[start] + LAUNCH_TOKENS for start, end in runs)
            for runs in list_cuts(9)
            if all(e - s == 1 or (e - s) * lengths[s] <= 2000 for s, e in runs)
        )
        batches = cut_batches(lengths, 2000, max_padding=9.0)
        assert count_padded(batches, lengths) + LAUNCH_TOKENS * len(batches) == cheapest


def read_word_counts():
    """Words of prompt and response of HH-RLHF test rows, both sides, in the order of the file."""
    path = Path(find_data("hh-rlhf")) / "harmless-base" / "test.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    return [len(row[side].split()) for row in rows for side in ("chosen", "rejected")]


def test_real_lengths_in_windows_are_padded_by_three_percent_at_most():
    lengths = read_word_counts()
    padded = real = at_random = num_batches = 0
    for start in range(0, len(lengths), 1024):
        window = lengths[start : start + 1024]
        batches = cut_batches(window, 8192)
        num_batches += len(batches)
        padded += count_padded(batches, window)
        real += sum(window)
        shuffled = random.Random(0).sample(range(len(window)), len(window))
        sizes = itertools.accumulate((len(batch) for batch in batches), initial=0)
        random_batches = [shuffled[s:e] for s, e in itertools.pairwise(sizes)]
        at_random += count_padded(random_batches, window)
    assert real == sum(lengths) and len(lengths) == 4624
    assert padded / real <= 1.03 < 1.5 < at_random / real
    assert num_batches < 300
