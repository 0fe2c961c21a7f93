"""What the driver shows of a training: losses, rows of this run and of earlier ones."""

import io

from alignray.progress import Progress
from alignray.training.watch.follow import describe_losses, show_told

TOLD = {
    "begun": 7.0,
    "first_step": 0,
    "step": 5,
    "steps": 20,
    "loss": 1.23456,
    "eval_loss": None,
    "first_tokens": 0,
    "tokens": 1000,
}


def show(*seen):
    now, stream = [0.0], io.StringIO()
    with Progress("dpo", 160, stream=stream, clock=lambda: now[0]) as progress:
        for seconds, told, is_new in seen:
            now[0] = seconds
            show_told(told, 8, progress, is_new)
    return stream.getvalue().splitlines()


def test_rows_tokens_loss_and_rest_are_shown():
    begun = TOLD | {"step": 0, "tokens": 0, "loss": None}
    last = show((10.0, begun, True), (20.0, TOLD, False))[-1]
    assert last == "dpo       25% 40/160 rows  ETA 0:30  100 tokens/s  loss 1.235"


def test_a_resumed_run_counts_the_checkpoint_as_done_but_not_as_speed():
    resumed = TOLD | {"first_step": 10, "first_tokens": 9000, "step": 10, "tokens": 9000}
    later = resumed | {"step": 15, "tokens": 10_000}
    last = show((30.0, resumed, True), (40.0, later, False))[-1]
    assert "75% 120/160 rows  ETA 0:10  100 tokens/s" in last


def test_the_loss_of_an_evaluation_stands_beside_that_of_the_training():
    assert describe_losses(TOLD | {"eval_loss": 1.5}) == "loss 1.235  eval loss 1.5"
    assert describe_losses(TOLD | {"loss": None}) == ""
