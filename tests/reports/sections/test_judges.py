"""Judge quality: what is shown of agreement, flips and unread verdicts."""

from alignray.evaluation.judges.positions import FLIP_RATE
from alignray.reports.sections.judges import build_judge_blocks
from tests.evaluation.made_up import build_made_up_metrics
from tests.reports.made_up import build_full_metrics


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
        ["judge policy", "5", "0.6\N{NO-BREAK SPACE}%", "5 no label"],
        *(
            [f"judge {name}", "0", "0\N{NO-BREAK SPACE}%", "–"]
            for name in ("classes", "pairs", "rewards", "flags", "second")
        ),
    ]
    table = find(build_judge_blocks(build_made_up_metrics()), "Unscored verdicts")
    assert table.rows[0][3] == "–" and table.rows[0][1].text == "0"


def test_a_further_judge_stands_beside_the_main_one_where_both_say_the_same():
    blocks = build_judge_blocks(build_full_metrics())
    figure = find(blocks, "Mean helpfulness by second: risky")
    for label in ("base: judge", "base: second", "sft: judge", "sft: second"):
        assert label in str(figure.drawing)
    assert ">sft<" in str(find(blocks, "win rate by pairs, against base: plain").drawing)


def test_flips_and_first_place_are_shown_of_judges_and_rankings():
    flips = {"value": 0.12, "ci_low": 0.08, "ci_high": 0.16, "n": 60}
    records = [{"stage": "rank", "metrics": {"flip_rate": flips}}]
    blocks = build_judge_blocks(build_full_metrics(), records)
    assert "prefers the first" in str(
        find(blocks, f"Of the judges: {FLIP_RATE.name.replace('_', ' ')}").drawing
    )
    assert "n = 60" in find(blocks, "Flips with the order").caption


def test_agreement_with_the_second_grader_is_shown():
    blocks = build_judge_blocks(build_full_metrics())
    for name in ("grader agreement", "grader kappa", "grader tau"):
        assert "second, plain" in str(find(blocks, f"Of the judges: {name}").drawing)


def test_no_judge_is_no_block_but_the_table_of_the_unread():
    bare = {"models": ["a"], "benchmarks": {}, "report": [], "judge": "j"}
    assert build_judge_blocks(bare) == []
