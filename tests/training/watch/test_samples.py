"""Sampled prompts: which they are, what stands in the file; the model is left as it was."""

import json

import pyarrow as pa
import pytest

from alignray.config.sft import SFTStageConfig
from alignray.training.watch.samples import keep_until, select_prompts, take_prompt
from tests.training.conftest import build_model

SFT = [
    {"input_ids": [1, 2, 3, 4], "labels": [-100, -100, 3, 4], "names": ["a"]},
    {"input_ids": [5, 6], "labels": [5, 6], "names": ["b"]},
    {"input_ids": [7, 8, 9], "labels": [-100, 8, -100], "names": ["c"]},
]


def test_the_prompt_of_a_dialogue_is_what_stands_before_the_first_label():
    assert [take_prompt(row) for row in SFT] == [[1, 2], [], [7]]


def test_a_pair_has_its_prompt_apart():
    assert take_prompt({"prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [4]}) == [1, 2]


def test_the_first_rows_are_taken_by_name_and_those_without_prompt_left_out():
    found = select_prompts(pa.Table.from_pylist(SFT), 3)
    assert [(prompt.row, prompt.ids) for prompt in found] == [("a", [1, 2]), ("c", [7])]
    assert select_prompts(pa.Table.from_pylist(SFT), 0) == []


def test_lines_past_the_checkpoint_and_a_torn_one_are_dropped(tmp_path):
    path = tmp_path / "samples.jsonl"
    lines = [json.dumps({"step": step, "response": "x"}) + "\n" for step in (2, 4, 6)]
    path.write_text("".join(lines) + '{"step": 4, "resp')
    keep_until(path, 4)
    assert path.read_text() == "".join(lines[:2])
    keep_until(path, 0)
    assert path.read_text() == ""
    keep_until(tmp_path / "none.jsonl", 4)


@pytest.fixture
def writer(tiny_model, tmp_path):
    from alignray.chat import ChatTokenizer
    from alignray.training.watch.samples import SamplePrompt, SampleWriter

    config = SFTStageConfig(
        output_dir="o",
        model_name_or_path=str(tiny_model),
        dataset="d",
        eval_dataset="e",
        eval_samples=3,
        eval_max_new_tokens=6,
        resources={"per_device_train_batch_size": 2},
    )
    prompts = [SamplePrompt(name, ids) for name, ids in (("a", [40]), ("b", [50] * 7), ("c", [9]))]
    tokenizer = ChatTokenizer.load(str(tiny_model))
    return SampleWriter(tmp_path / "samples.jsonl", prompts, tokenizer, config)


def evaluate(writer, model, step):
    from transformers import TrainerControl, TrainerState

    state = TrainerState(global_step=step, is_world_process_zero=True)
    writer.on_evaluate(None, state, TrainerControl(), model=model)
    return [json.loads(line) for line in writer.path.read_text().splitlines()]


def test_padding_does_not_change_an_answer(writer):
    import torch

    model = build_model(len(writer.tokenizer.tokenizer)).eval()
    lines = evaluate(writer, model, 3)
    assert [(line["step"], line["row"]) for line in lines] == [(3, "a"), (3, "b"), (3, "c")]
    for prompt, line in zip(writer.prompts, lines, strict=True):
        ids = list(prompt.ids)
        for _ in range(6):
            with torch.no_grad():
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] in writer.tokenizer.stop_token_ids:
                break
        assert line["response"] == writer.tokenizer.decode(ids[len(prompt.ids) :])
        assert line["prompt_tokens"] == len(prompt.ids)


@pytest.mark.parametrize("training", [True, False])
def test_random_state_and_mode_are_as_before(writer, training):
    import torch

    model = build_model(len(writer.tokenizer.tokenizer)).train(training)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    evaluate(writer, model, 1)
    assert torch.equal(torch.rand(3), wanted)
    assert model.training is training
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_an_answer_ends_before_the_token_that_ends_the_turn(writer):
    end = writer.tokenizer.stop_token_ids[0]
    assert writer._cut([7, 8, end, 9]) == [7, 8]
    assert writer._cut([7, 8]) == [7, 8]
