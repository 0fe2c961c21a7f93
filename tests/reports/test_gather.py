"""A run's records -> report.json and report.html, from records alone."""

import json

import pytest

from alignray.config.reporting import ReportConfig
from alignray.errors import ArtifactError, ConfigError
from alignray.evaluation.judges.positions import FLIP_RATE
from alignray.evaluation.summary import build_forms
from alignray.reports import build_report
from alignray.reports.gather import load_runs
from tests.reports.full_metrics import build_full_config
from tests.reports.hostile import HOSTILE
from tests.reports.made_up import build_full_metrics, write_record, write_rows, write_run
from tests.reports.markup import Reader


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "pocket")


def test_report_json_is_the_list_of_the_evaluations_entries(run):
    path, _ = build_report(run)
    entries = json.loads(path.read_text())
    assert isinstance(entries, list)
    metrics = json.loads((run / "eval" / "record.json").read_text())["metrics"]
    assert entries == metrics["report"] + metrics["judges"]


def test_page_shows_every_stage_and_every_rate(run):
    _, path = build_report(run)
    page = Reader(path.read_text())
    text = " ".join(page.texts)
    for name in (
        "Cost and time",
        "Lineage",
        "Judge quality",
        "Ranking: rank",
        "Pairs: pairs",
        "Loss: dpo",
        "Reward margin",
        "flips",
    ):
        assert name in text, name
    for name in (
        "harmful_rate",
        "over_refusal_rate_truth",
        "judge_tau_mean",
        "Not measured",
        "n = ",
    ):
        assert name in text, name
    assert page.running == [] and page.count("svg") >= 10
    assert json.loads(page.scripts["report"]) == json.loads((run / "report.json").read_text())


def test_stages_stand_in_the_order_they_ran(run):
    text = build_report(run)[1].read_text()
    table = text[text.index("Rows of every stage") :]
    places = [table.index(f'row">{name}<') for name in ("sample", "rank", "pairs", "dpo", "eval")]
    assert places == sorted(places)


def test_same_records_same_page(run):
    first = build_report(run)[1].read_bytes()
    assert build_report(run)[1].read_bytes() == first


def test_a_run_without_evaluation_still_has_a_report(tmp_path):
    write_record(tmp_path, "sample", "sample", {"prompt_tokens": 5})
    entries, page = build_report(tmp_path)
    assert json.loads(entries.read_text()) == []
    assert "Rows of every stage" in page.read_text()


def test_an_empty_directory_is_an_error_and_nothing_is_written(tmp_path):
    with pytest.raises(ArtifactError, match="no finished stage"):
        build_report(tmp_path)
    assert not list(tmp_path.iterdir())


def test_hostile_names_in_records_do_not_become_nodes(run):
    def build(text):
        path = run / "rank" / "record.json"
        record = json.loads(path.read_text())
        record["metrics"] = {"orders": [{"order": text, "flips": text}]}
        record["stage"] = text
        path.write_text(json.dumps(record))
        return Reader(build_report(run)[1].read_text())

    plain = build("x")
    for text in HOSTILE:
        page = build(text)
        assert page.running == []
        assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]


def test_everything_that_was_measured_is_on_the_page(run):
    page = build_report(run)[1].read_text()
    for text in (
        "Rates with their intervals",
        "Holm-corrected over the",
        "On the Pareto front",
        "Harm against utility: risky, plain",
        "By harm category",
        "no scored row for Lost",
        "Findings in the benchmarks",
        "risky: category Spam is missing",
        "Right answers by category: mmlu",
        "Right answers by sub-category: mmlu",
        "Right answers by subject: mmlu",
        "social sciences",
        "Harmful answers by threshold: risky",
        "By threshold of the reward: risky",
        "Of the judges: grader kappa",
        "judge policy",
        "5 no label",
        f"Of the judges: {FLIP_RATE.name.replace('_', ' ')}",
        "against base",
        "Flips with the order of presentation: rank",
        "Seconds by stage",
        "Cost by engine",
        "Rows behind the rates",
        "f0f0f0f0",
        "abc123",
        "sampling.seed",
    ):
        assert text in page, text


def test_urls_lose_their_passwords(run):
    build_report(run)
    for path in run.glob("report.*"):
        assert "secret" not in path.read_text(), path
    assert "***@192.0.2.1" in (run / "report.html").read_text()


def test_texts_are_on_the_page_only_if_asked_for_behind_a_warning(run):
    assert "Ask a locksmith." not in build_report(run)[1].read_text()
    page = build_report(run, ReportConfig(examples=2))[1].read_text()
    metrics = build_full_metrics()
    assert page.count("Ask a locksmith.") == 2 * len(metrics["examples"])
    assert page.index("Content warning") < page.index("Ask a locksmith.")
    before = page[: page.index("Ask a locksmith.")]
    assert before.count("<details") - before.count("</details>") == 2
    assert "<details open" not in page


def test_examples_whose_rows_are_gone_are_one_line(run):
    (run / "eval" / "data" / "eval.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"eval\.parquet: cannot be read"):
        build_report(run, ReportConfig(examples=1))


def test_two_evaluations_of_one_run_stay_apart(run):
    write_record(run, "eval_b", "eval", build_full_metrics(), 6)
    _, page = build_report(run)
    text = page.read_text()
    assert "eval: Main numbers" in text and "eval_b: Main numbers" in text
    assert "### eval_b" in (run / "report.md").read_text().replace("\\_", "_")


def test_a_stage_by_itself_is_reported_elsewhere(run, tmp_path):
    with pytest.raises(ConfigError, match="out=DIR"):
        build_report(run / "eval")
    assert not (run / "eval" / "report.html").exists()
    _, page = build_report(run / "eval", ReportConfig(out=str(tmp_path / "o"), examples=1))
    assert page == tmp_path / "o" / "report.html" and "Ask a locksmith." in page.read_text()


def find_line(written, line):
    return line in Reader(written[1].read_text()).texts


class TestSeveralRuns:
    """Runs side by side."""

    def build(self, tmp_path, **changes):
        other = build_full_metrics()
        for form in other["forms"].values():
            form["sampling"] |= changes
        runs = [write_run(tmp_path / "a"), write_run(tmp_path / "b", other)]
        return runs, ReportConfig(out=str(tmp_path / "out"))

    def test_models_of_one_name_are_told_apart_by_their_run(self, tmp_path):
        runs, options = self.build(tmp_path)
        path, page = build_report(runs, options)
        entries = json.loads(path.read_text())
        assert {"base (a)", "base (b)", "sft (a)", "sft (b)", "judge (a)"} <= {
            entry["model"] for entry in entries
        }
        assert {entry["run"] for entry in entries} == {"a", "b"}
        metrics = build_full_metrics()
        assert len(entries) == 2 * len(metrics["report"] + metrics["judges"])
        assert "a/sample" in page.read_text()

    def test_another_seed_is_a_repetition(self, tmp_path):
        runs, options = self.build(tmp_path, seed=5)
        assert "seed 0, 5" in build_report(runs, options)[1].read_text()

    @pytest.mark.parametrize("changes", [{"temperature": 0.7}, {"max_tokens": 7}])
    def test_other_decoding_is_refused_in_one_line_unless_mixed(self, tmp_path, changes):
        runs, options = self.build(tmp_path, **changes)
        with pytest.raises(ConfigError) as caught:
            build_report(runs, options)
        [name] = changes
        assert f"sampling.{name} is" in str(caught.value) and "\n" not in str(caught.value)
        assert "in a, " in str(caught.value) and "in b" in str(caught.value)
        assert not (tmp_path / "out").exists()
        mixed = options.model_copy(update={"mixed": True})
        page = build_report(runs, mixed)[1].read_text()
        assert "Settings that differ" in page and f"sampling.{name} is" in page

    @pytest.mark.parametrize(
        ("changes", "line"),
        [
            (
                {"benchmarks": {"gsm8k": {"decoding": {"max_tokens": 16}}}},
                "benchmark gsm8k: sampling.max_tokens is 512 in a, 16 in b",
            ),
            (
                {"judges": {"rewards": {"harmless_above": -1.0}}},
                "judges.rewards: harmless_above is -3.0 in a, -1.0 in b",
            ),
            (
                {"judges": {"policy": {"engine": {"type": "fake", "model": "third"}}}},
                "judges.policy: engine.model is other in a, third in b",
            ),
        ],
    )
    def test_what_decides_a_benchmark_or_a_judge_is_compared(self, tmp_path, changes, line):
        def build(**changes):
            config = build_full_config(**changes)
            return build_full_metrics() | {"forms": build_forms(config)}

        plain = build_full_config().model_dump(mode="json", exclude_unset=True)
        changed = {
            name: plain[name] | {key: plain[name][key] | value for key, value in items.items()}
            for name, items in changes.items()
        }
        runs = [
            write_run(tmp_path / "a", build()),
            write_run(tmp_path / "b", build(**changed), **changed),
        ]
        options = ReportConfig(out=str(tmp_path / "out"))
        with pytest.raises(ConfigError) as caught:
            build_report(runs, options)
        assert line in str(caught.value) and "more)" not in str(caught.value)
        assert find_line(build_report(runs, options.model_copy(update={"mixed": True})), line)

    def test_a_judge_that_one_run_alone_has_is_no_difference(self, tmp_path):
        runs = [write_run(tmp_path / "a"), write_run(tmp_path / "b", judges={})]
        report, _ = build_report(runs, ReportConfig(out=str(tmp_path / "out")))
        models = {entry["model"] for entry in json.loads(report.read_text())}
        assert {"base (a)", "base (b)"} <= models

    def test_rubrics_of_judges_count_by_content(self, tmp_path):
        runs = [write_run(tmp_path / name) for name in "ab"]
        for run, identity in zip(runs, ("one", "two"), strict=True):
            path = run / "eval" / "record.json"
            record = json.loads(path.read_text())
            found = {"name": f"{run.name}.txt", "identity": identity}
            record["inputs"]["judges.policy.rubric"] = found
            record["config"]["judges"]["policy"]["rubric"] = found["name"]
            path.write_text(json.dumps(record))
        with pytest.raises(ConfigError, match=r"judges\.policy: rubric is one in a, two in b"):
            build_report(runs, ReportConfig(out=str(tmp_path / "out")))

    def test_other_thresholds_prompts_and_judges_are_refused(self, tmp_path):
        for change in ("thresholds", "prompts", "judge"):
            runs, options = self.build(tmp_path / change)
            path = runs[1] / "eval" / "record.json"
            record = json.loads(path.read_text())
            if change == "thresholds":
                record["metrics"]["thresholds"]["harmful_below"] = 3.5
            elif change == "prompts":
                record["inputs"]["benchmarks.risky.prompts"]["identity"] = "other"
            else:
                record["metrics"]["judge"] = "another"
            path.write_text(json.dumps(record))
            with pytest.raises(ConfigError, match=f"benchmark risky: {change}"):
                build_report(runs, options)

    def test_a_place_is_needed_and_no_run_twice(self, tmp_path):
        runs, _ = self.build(tmp_path)
        with pytest.raises(ConfigError, match="2 runs and no out"):
            build_report(runs)
        with pytest.raises(ConfigError, match="given twice"):
            build_report([runs[0], tmp_path / "b" / ".." / "a"])

    def test_directories_of_one_name_are_told_apart_by_those_above(self, tmp_path):
        runs = [write_run(tmp_path / above / "pocket") for above in ("x", "y")]
        assert [run.name for run in load_runs(runs)] == ["x/pocket", "y/pocket"]

    def test_texts_are_found_in_the_run_of_their_model(self, tmp_path):
        runs, options = self.build(tmp_path)
        write_rows(runs[1] / "eval", build_full_metrics(), answer="Of run b.")
        page = build_report(runs, options.model_copy(update={"examples": 1}))[1].read_text()
        assert page.count("Of run b.") == page.count("Ask a locksmith.") > 0
        assert "on risky" in page and "base (b) on" in page
