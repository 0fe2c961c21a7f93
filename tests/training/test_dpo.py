"""DPO's columns."""

import pytest

from alignray.chat import ChatTokenizer
from alignray.config.dpo import DPOStageConfig
from alignray.training.dpo import DPOMethod, build_dpo_columns, count_pair_tokens
from alignray.training.rows.encoding import EncodedRows, Limits, Skipped, encode_rows

PROMPT, CHOSEN, REJECTED = [1, 2, 3], [4, 5], [6, 7, 8]


def make_config(**fields):
    return DPOStageConfig(output_dir="out", model_name_or_path="m", dataset="d", **fields)


def test_a_pair_that_fits_is_kept_as_it_is():
    columns, was_cut = build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(6, "none"))
    assert columns == {"prompt_ids": PROMPT, "chosen_ids": CHOSEN, "rejected_ids": REJECTED}
    assert not was_cut


def test_the_longer_response_decides():
    assert build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(5, "none")) == Skipped("too_long")


def test_keep_start_cuts_responses_and_keep_end_the_prompt():
    start, _ = build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(5, "keep_start"))
    assert start == {"prompt_ids": PROMPT, "chosen_ids": CHOSEN, "rejected_ids": [6, 7]}
    end, was_cut = build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(5, "keep_end"))
    assert end == {"prompt_ids": [2, 3], "chosen_ids": CHOSEN, "rejected_ids": REJECTED}
    assert was_cut


@pytest.mark.parametrize("mode", ["keep_start", "keep_end"])
def test_a_pair_without_room_is_too_long(mode):
    assert build_dpo_columns(PROMPT, CHOSEN, REJECTED, Limits(3, mode)) == Skipped("too_long")


def test_responses_that_a_cut_makes_equal_are_too_long():
    cut = build_dpo_columns(PROMPT, [4, 5], [4, 6], Limits(4, "keep_start"))
    assert cut == Skipped("too_long")


def test_identical_answers_teach_nothing():
    same = build_dpo_columns(PROMPT, CHOSEN, CHOSEN, Limits(9, "none"))
    assert same == Skipped("identical_answers")


def test_a_pair_is_encoded_with_the_border_before_the_response(tiny_model):
    tokenizer = ChatTokenizer.load(str(tiny_model))
    row = {
        "prompt": [{"role": "user", "content": "Hi"}],
        "chosen": [{"role": "assistant", "content": "yes"}],
        "rejected": [{"role": "assistant", "content": "no"}],
    }
    columns, _ = DPOMethod(make_config()).encode(row, tokenizer, Limits(64, "none"))
    decode = tokenizer.tokenizer.decode
    assert decode(columns["prompt_ids"]).endswith("<|im_start|>assistant\n")
    assert decode(columns["chosen_ids"]) == "yes<|im_end|>"
    assert decode(columns["rejected_ids"]) == "no<|im_end|>"


def test_rows_for_the_trainer_have_names_and_lengths():
    encoded = EncodedRows()
    columns = {"prompt_ids": PROMPT, "chosen_ids": CHOSEN, "rejected_ids": REJECTED}
    encode_rows([{"prompt_id": "p7"}], lambda _: (columns, False), encoded)
    [row] = DPOMethod(make_config()).arrange(encoded, 64)
    assert row["names"] == ["p7"] and row["length"] == count_pair_tokens(columns) == 8
