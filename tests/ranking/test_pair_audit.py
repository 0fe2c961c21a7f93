import pytest

from alignray.ranking.intervals import compute_wilson_interval, describe_share
from alignray.ranking.pair_audit import PairTables
from alignray.ranking.pairs import select_pairs
from tests.ranking.rows import build_config, build_row

REFUSAL = "I'm sorry, but I can't help with that."


def tables_of(*rows, **fields):
    config = build_config(**fields)
    tables = PairTables()
    for row in rows:
        found = select_pairs(row, config)
        tables.add(row, found, len(found.pairs))
    return tables.to_metrics()


def test_rules_are_counted_where_they_decide():
    audit = tables_of(
        build_row([5.0, 1.0], [REFUSAL, "Sure."], 0, subset="harmful"),
        build_row([1.0, 5.0], [REFUSAL, "Take two eggs and some flour, and stir it well."], 1),
        build_row([1.0, 5.0], ["four", "five"], 2),
    )["label_audit"]
    counts = {rule: (share["k"], share["n"]) for rule, share in audit["all"].items()}
    assert counts == {"longer": (2, 2), "shorter": (0, 2), "refusal": (1, 2), "first": (1, 3)}
    assert audit["harmful"]["refusal"]["value"] == 1.0
    assert audit["default"]["refusal"]["value"] == 0.0
    assert tables_of(build_row([2.0, 2.0]))["label_audit"]["all"]["longer"]["value"] is None


def test_yield_adds_up():
    table = tables_of(
        build_row([5.0, 1.0], number=0),
        build_row([3.0, 3.0], number=1),
        build_row([], generations=[], number=2, status="failed"),
        build_row([5.0, 4.0, 1.0], number=3, subset="harmful"),
        strategy="all",
    )["yield"]
    assert list(table) == ["all", "default", "harmful"]
    total = table["all"]
    assert (total["prompts"], total["prompts_with_pairs"], total["pairs"]) == (4, 2, 4)
    assert total["prompts_without_pairs"] == {"row_failed": 1, "tie": 1}
    assert total["pairs_dropped"] == {"tie": 1}
    for column in ("prompts", "prompts_with_pairs", "pairs", "best_responses"):
        assert total[column] == table["default"][column] + table["harmful"][column]


def test_wilson_interval_against_hand_computed_numbers():
    # 10 of 20: centre .5, half width z/(1+z2/n) * sqrt(.25/20 + z2/1600), z2 = 3.841459
    assert compute_wilson_interval(10, 20) == pytest.approx((0.299298, 0.700702), abs=1e-6)
    assert compute_wilson_interval(0, 10) == pytest.approx((0.0, 0.277533), abs=1e-6)
    assert compute_wilson_interval(10, 10)[1] == 1.0
    assert describe_share(0, 0)["value"] is None
