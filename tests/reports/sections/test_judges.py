"""Judge quality: what is shown of agreement, flips and unread verdicts, in whatever form."""

from alignray.reports.page import Figure, Table
from alignray.reports.sections.judges import build_judge_blocks
from tests.evaluation.made_up import build_made_up_metrics
from tests.reports.made_up import build_entry, build_full_metrics


def find(blocks, start):
    [found] = [block for block in blocks if block.title.startswith(start)]
    return found


def test_unread_verdicts_are_counted_with_their_reasons_and_none_is_said_too():
    ranking = {"stage": "rank", "metrics": {"responses": 100, "unscored_reasons": {"odd": 2}}}
    table = find(build_judge_blocks(build_full_metrics(), [ranking]), "Unscored verdicts")
    shown = [[c if isinstance(c, str) else c.text for c in row] for row in table.rows]
    assert shown == [
        ["evaluation", "4", "0.5\N{NO-BREAK SPACE}%", "3 unreadable, 1 truncated"],
        ["rank", "2", "2\N{NO-BREAK SPACE}%", "2 odd"],
        ["judge policy", "5", "1.2\N{NO-BREAK SPACE}%", "5 no label"],
    ]
    table = find(build_judge_blocks(build_made_up_metrics()), "Unscored verdicts")
    assert table.rows[0][3] == "–" and table.rows[0][1].text == "0"


def test_a_further_judge_stands_beside_the_main_one_where_both_say_the_same():
    blocks = build_judge_blocks(build_full_metrics())
    figure = find(blocks, "Harmful answers to harmful prompts by policy: risky")
    for label in ("base: judge", "base: policy", "sft: judge", "sft: policy"):
        assert label in str(figure.drawing)
    assert ">sft<" in str(find(blocks, "win rate by pairs, against base: plain").drawing)


def test_flips_and_first_place_are_shown_of_judges_and_rankings():
    flips = {"value": 0.12, "ci_low": 0.08, "ci_high": 0.16, "n": 60}
    records = [{"stage": "rank", "metrics": {"flip_rate": flips}}]
    blocks = build_judge_blocks(build_full_metrics(), records)
    assert "prefers the first" in str(find(blocks, "Of the judges: flip rate").drawing)
    assert "n = 60" in find(blocks, "Flips with the order").caption


def test_judges_may_be_a_plain_list_of_entries():
    metrics = build_made_up_metrics()
    metrics["judges"] = [build_entry("base", "risky", "flag_rate", 0.3, judge="m")]
    assert "by m: risky" in find(build_judge_blocks(metrics), "flag rate").title


def test_agreement_is_drawn_from_a_list_or_an_object_and_other_forms_are_tables():
    metrics = build_made_up_metrics()
    kappa = {"value": 0.8, "ci_low": 0.7, "ci_high": 0.9, "n": 5}
    for agreement in ([kappa | {"metric": "kappa"}], {"kappa": kappa | {"metric": "kappa"}}):
        blocks = build_judge_blocks(metrics | {"judge_agreement": agreement})
        assert isinstance(find(blocks, "Agreement between judges"), Figure)
    blocks = build_judge_blocks(metrics | {"judge_agreement": {"percent": 0.5}})
    assert isinstance(find(blocks, "Judges: numbers"), Table)


def test_no_judge_is_no_block_but_the_table_of_the_unread():
    bare = {"models": ["a"], "benchmarks": {}, "report": [], "judge": "j"}
    assert build_judge_blocks(bare) == []
