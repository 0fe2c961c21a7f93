"""Which curves of a training are drawn, from which entries, and into which files."""

from xml.etree import ElementTree

from alignray.reports.training import build_training_figures, write_training_plots

CURVE = [
    {"step": 1, "loss": 2.0, "grad_norm": 3.0, "learning_rate": 1e-5},
    {"step": 2, "loss": 1.0, "grad_norm": 2.0, "learning_rate": 5e-6},
]
EVALUATIONS = [
    {"step": 1, "eval_loss": 1.5, "eval_perplexity": 4.5},
    {"step": 2, "eval_loss": 1.8, "eval_perplexity": 6.0},
]
REWARDS = {
    "rewards/chosen": 0.5,
    "rewards/rejected": -0.5,
    "rewards/margins": 1.0,
    "rewards/accuracies": 0.8,
}
METRICS = {"curve": CURVE, "evaluations": EVALUATIONS, "steps": 2, "result_step": 2}


def test_a_drawing_for_each_kind_of_number_that_was_logged():
    assert list(build_training_figures("sft", METRICS)) == [
        "loss", "perplexity", "learning_rate", "grad_norm",
    ]  # fmt: skip
    with_rewards = METRICS | {"curve": [entry | REWARDS for entry in CURVE]}
    assert list(build_training_figures("dpo", with_rewards))[4:] == [
        "rewards", "margins", "accuracies",
    ]  # fmt: skip
    assert build_training_figures("sft", {}) == {}


def test_evaluations_are_dots_beside_the_curve_of_the_training():
    figure = build_training_figures("sft", METRICS)["loss"]
    root = ElementTree.fromstring(str(figure.drawing))
    assert len(root.findall("polyline")) == 2
    dots = root.findall("circle")
    assert [dot.get("class") for dot in dots] == ["dot c2", "dot c2"]
    assert float(dots[0].get("cy")) > float(dots[1].get("cy"))
    assert figure.caption.startswith("4 logged points over 2 steps. Dots: evaluations.")


def test_the_caption_says_which_step_is_the_result_where_it_is_not_the_last():
    best = build_training_figures("sft", METRICS | {"result_step": 1})["loss"].caption
    assert best.endswith("The result is the model of step 1.")
    assert "The result" not in build_training_figures("sft", METRICS)["loss"].caption


def test_each_drawing_is_written_as_svg_and_png(tmp_path):
    write_training_plots(tmp_path / "sft", METRICS)
    names = sorted(path.name for path in (tmp_path / "sft" / "plots").iterdir())
    stems = ("grad_norm", "learning_rate", "loss", "perplexity")
    assert names == [f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")]
