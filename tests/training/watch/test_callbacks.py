"""What is asked for, told and refused beside the steps."""

import json

import pytest
from transformers import TrainerControl, TrainerState

from alignray.errors import TrainingError
from alignray.training.checkpoints import commit_checkpoint
from alignray.training.watch.callbacks import (
    BestKeeper,
    CheckpointCommitter,
    LossGuard,
    ProgressTeller,
)

LAYOUT = {"strategy": "replicated"}


def make_state(**fields):
    return TrainerState(**{"is_world_process_zero": True, "max_steps": 10, **fields})


def make_checkpoint(directory, step, committed=True):
    path = directory / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "weights").write_text("x")
    if committed:
        commit_checkpoint(path, LAYOUT)
    return path


def test_a_checkpoint_is_asked_for_every_save_steps_and_logged(tmp_path):
    committer = CheckpointCommitter(tmp_path, LAYOUT, 3, 2)
    control = TrainerControl()
    committer.on_step_end(None, make_state(global_step=4), control)
    assert not control.should_save and not control.should_log
    committer.on_step_end(None, make_state(global_step=6), control)
    assert control.should_save and control.should_log


def test_saving_commits_and_prunes_all_but_the_best_and_the_newest(tmp_path):
    for step in (2, 4):
        make_checkpoint(tmp_path, step)
    make_checkpoint(tmp_path, 6, committed=False)
    state = make_state(global_step=6, best_global_step=2)
    CheckpointCommitter(tmp_path, LAYOUT, 2, 1).on_save(None, state, TrainerControl())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-2", "checkpoint-6"]


def test_the_best_checkpoint_is_found_where_the_stage_was_moved(tmp_path):
    best = make_checkpoint(tmp_path, 4)
    state = make_state(best_global_step=4, best_model_checkpoint="/gone/checkpoint-4")
    BestKeeper(tmp_path, "eval_loss").on_train_begin(None, state, TrainerControl())
    assert state.best_model_checkpoint == str(best)


def test_a_damaged_best_checkpoint_is_one_line(tmp_path):
    (make_checkpoint(tmp_path, 4) / "weights").write_text("xy")
    keeper = BestKeeper(tmp_path, "eval_loss")
    with pytest.raises(
        TrainingError, match=r"checkpoint-4: the best checkpoint is damaged"
    ) as caught:
        state = make_state(global_step=6, best_global_step=4)
        keeper.on_train_begin(None, state, TrainerControl())
    assert "checkpoint-6 is whole" in str(caught.value) and "delete" not in str(caught.value)
    keeper.on_train_begin(None, make_state(), TrainerControl())


@pytest.mark.parametrize("name", ["rewards/margins", "eval_rewards/margins"])
def test_the_metric_of_the_best_is_measured_and_a_number(tmp_path, name):
    keeper, control = BestKeeper(tmp_path, name), TrainerControl()
    keeper.on_evaluate(None, make_state(), control, metrics={"eval_rewards/margins": 0.5})
    with pytest.raises(TrainingError, match="is not measured; expected one of eval_loss, eval_ppl"):
        keeper.on_evaluate(None, make_state(), control, {"eval_loss": 1, "eval_ppl": 2, "epoch": 1})
    with pytest.raises(TrainingError, match="step 3: eval_rewards/margins is nan"):
        state = make_state(global_step=3)
        keeper.on_evaluate(None, state, control, {"eval_rewards/margins": float("nan")})


@pytest.mark.parametrize("name", ["loss", "grad_norm", "eval_loss"])
def test_what_is_not_a_number_ends_the_run(name):
    guard, control = LossGuard(), TrainerControl()
    guard.on_log(None, make_state(), control, {"loss": 1.0, "grad_norm": 2.0, "eval_loss": 3.0})
    with pytest.raises(TrainingError, match=f"step 5: {name} is inf"):
        guard.on_log(None, make_state(global_step=5), control, {name: float("inf")})


def test_progress_tells_losses_and_where_this_run_began(tmp_path):
    path, control = tmp_path / "progress.json", TrainerControl()
    teller = ProgressTeller(path, seconds=0)
    teller.on_train_begin(None, make_state(global_step=4, num_input_tokens_seen=100), control)
    begun = json.loads(path.read_text())
    assert (begun["first_step"], begun["step"], begun["loss"]) == (4, 4, None)
    assert begun["eta_seconds"] is None
    state = make_state(global_step=5, num_input_tokens_seen=150)
    teller.on_log(None, state, control, {"loss": 1.5})
    teller.on_log(None, state, control, {"eval_loss": 1.75})
    teller.on_step_end(None, state, control)
    told = json.loads(path.read_text())
    assert (told["first_step"], told["step"], told["steps"]) == (4, 5, 10)
    assert (told["loss"], told["eval_loss"]) == (1.5, 1.75)
    assert (told["first_tokens"], told["tokens"]) == (100, 150)
    assert told["begun"] == begun["begun"] and told["eta_seconds"] >= 0
