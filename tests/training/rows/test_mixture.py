"""Order and books of mixtures; the order against the library whose semantics it has."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignray.config.sft import SFTStageConfig
from alignray.errors import SourceError
from alignray.training.rows.encoding import EncodedRows, PartCounts
from alignray.training.rows.mixture import Mixing, mix_rows, order_mixture
from alignray.training.watch.measures import build_counts


def part(name, count, weight=1.0, skipped=0, not_taken=0):
    return EncodedRows(
        rows=[{"input_ids": [i]} for i in range(count)],
        names=[f"{name}{i}" for i in range(count)],
        weights=[weight] * count,
        skipped={"too_long": [f"{name}x{i}" for i in range(skipped)]} if skipped else {},
        cut={0} if count else set(),
        parts=[PartCounts(name, count + skipped + not_taken, 0, count, skipped, not_taken)],
    )


def balanced(counts):
    return counts.rows + counts.pieces == counts.used + counts.skipped + counts.not_taken


def test_concatenation_keeps_order_weights_and_books():
    mixed = mix_rows([part("a", 2), part("b", 3, weight=0.5, skipped=1)], Mixing())
    assert mixed.names == ["a0", "a1", "b0", "b1", "b2"]
    assert mixed.weights == [1.0, 1.0, 0.5, 0.5, 0.5]
    assert mixed.skipped == {"too_long": ["bx0"]}
    assert (mixed.repeated, mixed.truncated) == (0, 2)
    assert build_counts(mixed).rows_in == 6
    assert [(p.dataset, p.used, p.skipped) for p in mixed.parts] == [("a", 2, 0), ("b", 3, 1)]


def test_max_samples_is_of_the_whole():
    mixed = mix_rows([part("a", 2), part("b", 3)], Mixing(max_samples=3))
    assert mixed.names == ["a0", "a1", "b0"]
    assert [p.not_taken for p in mixed.parts] == [0, 2]


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    seed=st.integers(0, 2**31 - 1),
    strategy=st.sampled_from(["first_exhausted", "all_exhausted"]),
    data=st.data(),
)
def test_the_order_is_that_of_interleave_datasets(lengths, seed, strategy, data):
    datasets = pytest.importorskip("datasets")
    shares = [data.draw(st.integers(1, 5)) for _ in lengths]
    chances = tuple(share / sum(shares) for share in shares)
    sets = [
        datasets.Dataset.from_dict({"number": [number] * length, "row": list(range(length))})
        for number, length in enumerate(lengths)
    ]
    theirs = datasets.interleave_datasets(
        sets, probabilities=list(chances), seed=seed, stopping_strategy=strategy
    )
    ours = order_mixture(lengths, Mixing(strategy, chances, seed))
    assert ours == list(zip(theirs["number"], theirs["row"], strict=True))


@given(
    shapes=st.lists(
        st.tuples(st.integers(1, 12), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=4
    ),
    strategy=st.sampled_from(["concatenate", "first_exhausted", "all_exhausted"]),
    most=st.one_of(st.none(), st.integers(1, 30)),
    seed=st.integers(0, 99),
)
def test_the_books_of_every_part_balance(shapes, strategy, most, seed):
    parts = [part(f"p{i}-", *shape[:1], 1.0, *shape[1:]) for i, shape in enumerate(shapes)]
    chances = tuple(1 / len(parts) for _ in parts)
    mixed = mix_rows(parts, Mixing(strategy, chances, seed, most))
    assert all(balanced(counts) for counts in mixed.parts)
    assert len(set(mixed.names)) == mixed.num_used == sum(p.used for p in mixed.parts)
    assert mixed.repeated == sum(p.repeated for p in mixed.parts)
    assert len(mixed.rows) == len(mixed.names) == len(mixed.weights)
    assert most is None or len(mixed.rows) <= most
    counts, summary = build_counts(mixed), mixed.summarize()
    assert counts.rows_in == summary["rows_in"] == mixed.num_used + mixed.num_skipped
    if strategy != "all_exhausted":
        assert mixed.repeated == 0
    elif most is None:
        assert all(p.used == shape[0] for p, shape in zip(mixed.parts, shapes, strict=True))


def test_rows_that_are_taken_again_count_once():
    chances = (0.5, 0.5)
    mixed = mix_rows([part("a", 1), part("b", 20)], Mixing("all_exhausted", chances, seed=3))
    assert mixed.repeated == len(mixed.rows) - 21 > 0
    assert build_counts(mixed).ok == 21
    assert mixed.truncated == 2
    assert mixed.summarize()["rows_mixed_again"] == mixed.repeated


def test_nothing_cannot_be_interleaved():
    mixing = Mixing("first_exhausted", (0.5, 0.5))
    with pytest.raises(SourceError, match=r"dataset_mixture\.1: a data set without rows"):
        mix_rows([part("a", 1), part("b", 0)], mixing)


def test_a_mixture_in_a_configuration():
    config = SFTStageConfig(
        output_dir="o",
        model_name_or_path="m",
        mixing_strategy="first_exhausted",
        dataset_mixture=[
            {"dataset": "a", "probability": 0.9},
            {"dataset": "b", "probability": 0.1, "weight": 2, "fraction": 0.5, "max_rows": 3},
        ],
    )
    assert [p.weight for p in config.list_datasets()] == [1.0, 2.0]
