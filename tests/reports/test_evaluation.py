"""The page of one evaluation, with everything and with next to nothing."""

from alignray.reports.evaluation import build_eval_page, build_eval_sections
from tests.evaluation.made_up import build_made_up_metrics
from tests.reports.made_up import build_entry, build_full_metrics
from tests.reports.markup import Reader

BARE = {
    "report": [],
    "models": ["a"],
    "benchmarks": {"risky": "harmful"},
    "judge": "j",
    "sampling": {"temperature": 0, "max_tokens": 9, "seed": 0},
}


def test_sections_stand_in_order_and_cost_is_last():
    page = Reader(build_eval_page("eval", build_full_metrics()))
    text = " ".join(page.texts)
    places = [
        text.index(f" {name} ")
        for name in ("Main numbers", "Rates", "By harm category", "Judge quality", "Cost")
    ]
    assert places == sorted(places)


def test_what_is_absent_is_left_out():
    assert [section.title for section in build_eval_sections(BARE)] == []
    assert Reader(build_eval_page("eval", BARE)).running == []
    some = BARE | {"report": [build_entry("a", "gsm", "gsm8k_strict_match", 0.4)]}
    titles = [section.title for section in build_eval_sections(some)]
    assert titles == ["Main numbers", "Rows and numbers"]


def test_each_key_of_the_metrics_may_be_missing_but_the_first_few():
    full = build_full_metrics()
    for key in full.keys() - BARE.keys():
        page = build_eval_page("eval", {k: v for k, v in full.items() if k != key})
        assert Reader(page).running == [], key


def test_differences_show_raw_and_corrected_p():
    [section] = [
        s for s in build_eval_sections(build_made_up_metrics()) if s.title == "Model against model"
    ]
    [table] = section.blocks
    rows = {(row[1], row[2]): row for row in table.rows}
    assert rows["harmful_rate", "risky"][7:9] == ["< .001", "< .001"]
    assert rows["harmful_rate_truth", "risky"][8] == "–"
    assert rows["harmful_rate", "risky"][3].startswith("-")
