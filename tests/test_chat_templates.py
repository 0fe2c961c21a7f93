"""The built-in templates: what they print, what has a loss, and what contents cannot do."""

from __future__ import annotations

import copy

import pytest

from alignray.chat import ChatTokenizer
from alignray.chat_templates import CHAT_TEMPLATES, fit_chat_template, resolve_chat_template
from alignray.errors import ChatError, ConfigError
from tests.test_chat import FILES, TOKENIZERS, answer, build_directory, count_controls, user

hypothesis = pytest.importorskip("hypothesis")
transformers = pytest.importorskip("transformers")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

pytestmark = pytest.mark.skipif(not TOKENIZERS.is_dir(), reason=f"no test data in {TOKENIZERS}")

NEW_TOKENS = [
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|im_start|>",
    "<|im_end|>",
]
DIALOGUE = [
    {"role": "system", "content": "Be kind."},
    user("One?"),
    answer("Two."),
    user("Three?"),
    answer("Four."),
]
PRINTED = {
    "zephyr": (
        "<|system|>\nBe kind.</s>\n<|user|>\nOne?</s>\n<|assistant|>\nTwo.</s>\n"
        "<|user|>\nThree?</s>\n<|assistant|>\nFour.</s>\n"
    ),
    "llama-2": (
        "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nOne? [/INST] Two. </s>"
        "<s>[INST] Three? [/INST] Four. </s>"
    ),
    "llama-3": (
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nOne?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nTwo.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nThree?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nFour.<|eot_id|>"
    ),
    "chatml": (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n"
        "<|im_start|>assistant\nTwo.<|im_end|>\n<|im_start|>user\nThree?<|im_end|>\n"
        "<|im_start|>assistant\nFour.<|im_end|>\n"
    ),
    "hh": "Be kind.\n\nHuman: One?\n\nAssistant: Two.</s>\n\nHuman: Three?\n\nAssistant: Four.</s>",
    "alpaca": (
        "Be kind.\n\n### Instruction:\nOne?\n\n### Response:\nTwo.</s>\n\n"
        "### Instruction:\nThree?\n\n### Response:\nFour.</s>"
    ),
    "raw": "Be kind.One?Two.</s>Three?Four.</s>",
    "vicuna": (
        "Be kind.\n###Human: One?\n###Assistant: Two.</s>\n"
        "###Human: Three?\n###Assistant: Four.</s>"
    ),
}
OPENINGS = {
    "zephyr": "<|user|>\nOne?</s>\n<|assistant|>\n",
    "llama-2": "<s>[INST] One? [/INST]",
    "llama-3": (
        "<s><|start_header_id|>user<|end_header_id|>\n\nOne?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "chatml": "<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\n",
    "hh": "\n\nHuman: One?\n\nAssistant:",
    "alpaca": (
        "Below is an instruction that describes a task. Write a response that appropriately"
        " completes the request.\n\n### Instruction:\nOne?\n\n### Response:\n"
    ),
    "raw": "One?",
    "vicuna": "###Human: One?\n###Assistant:",
}

_CHATS: dict[tuple[str, str], ChatTokenizer] = {}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    tokenizers = {}

    def load_one(name, template, fresh=False):
        if name not in tokenizers:
            folder = build_directory(name, tmp_path_factory.mktemp(name))
            tokenizers[name] = ChatTokenizer.load(str(folder)).tokenizer
        if fresh or (name, template) not in _CHATS:
            tokenizer = copy.deepcopy(tokenizers[name])
            tokenizer.add_tokens(NEW_TOKENS, special_tokens=True)
            if tokenizer.eos_token is None:
                tokenizer.add_special_tokens({"eos_token": "<|end of text|>"})
            text = fit_chat_template(resolve_chat_template(template), tokenizer, name)
            tokenizer.chat_template = text
            chat = ChatTokenizer(tokenizer, name)
            if fresh:
                return chat
            _CHATS[name, template] = chat
        return _CHATS[name, template]

    return load_one


@pytest.mark.parametrize("name", CHAT_TEMPLATES)
def test_what_is_printed(load, name):
    tokenizer = load("tiny_bpe", name, fresh=True).tokenizer
    tokenizer.bos_token, tokenizer.eos_token = "<s>", "</s>"
    assert tokenizer.apply_chat_template(DIALOGUE, tokenize=False) == PRINTED[name]
    opening = tokenizer.apply_chat_template(
        [user("One?")], tokenize=False, add_generation_prompt=True
    )
    assert opening == OPENINGS[name]


@pytest.mark.parametrize("template", CHAT_TEMPLATES)
@pytest.mark.parametrize("name", FILES)
def test_loss_is_on_answers_and_their_ends_alone(load, name, template):
    chat = load(name, template)
    dialogue = chat.encode_dialogue(DIALOGUE)
    runs, previous = [], 0
    for token, counts in zip(dialogue.input_ids, dialogue.loss_mask, strict=True):
        if counts and not previous:
            runs.append([])
        if counts:
            runs[-1].append(token)
        previous = counts
    assert len(runs) == 2
    for run, text in zip(runs, ("Two.", "Four."), strict=True):
        assert chat.decode(run).strip() == chat.decode(chat.encode_response(text)).strip()
        assert run[-1] in chat.stop_token_ids
        assert count_controls(chat, run) == 1


TEXTS = st.text(min_size=1, max_size=12).filter(str.strip)


@pytest.mark.parametrize("template", CHAT_TEMPLATES)
@pytest.mark.parametrize("name", ["tiny_bpe", "gpt2_files", "torchtune", "torchtitan"])
@settings(max_examples=25)
@given(question=TEXTS, text=st.one_of(TEXTS, st.sampled_from(["Hello", " Hello", "\n\nHello"])))
def test_the_first_response_token_has_a_loss(load, name, template, question, text):
    """Prompts and whole dialogues agree up to the answer, and the answer counts from its start."""
    chat = load(name, template)
    hypothesis.assume(chat.encode_content(text.strip()))  # small vocabularies lack characters
    prompt = chat.encode_prompt([user(question)])
    dialogue = chat.encode_dialogue([user(question), answer(text)])
    start = dialogue.loss_mask.index(1)
    assert dialogue.input_ids[:start] == prompt
    assert all(dialogue.loss_mask[start : -dialogue.loss_mask[::-1].index(1) or None])
    pairs = zip(dialogue.input_ids, dialogue.loss_mask, strict=True)
    trained = [token for token, counts in pairs if counts]
    assert chat.decode(trained).strip() == chat.decode(chat.encode_response(text)).strip()
    prompt_ids, completion = chat.encode_preference([user(question)], [answer(text)])
    assert (prompt_ids, completion) == (prompt, trained)


@pytest.mark.parametrize("template", CHAT_TEMPLATES)
@pytest.mark.parametrize("name", FILES)
def test_contents_never_give_control_tokens(load, name, template):
    chat = load(name, template)
    wanted = count_controls(chat, chat.encode_dialogue(DIALOGUE).input_ids)
    for special in sorted(chat._encoder.controls.values()):
        hostile = [{**m, "content": f"{special}a {special}"} for m in DIALOGUE]
        assert count_controls(chat, chat.encode_dialogue(hostile).input_ids) == wanted


def test_a_space_that_merges_with_the_first_word_is_part_of_the_answer(load):
    chat = load("gpt2_files", "hh")
    _, completion = chat.encode_preference([user("One?")], [answer("Two")])
    assert chat.tokenizer.decode(completion).startswith(" Two")


def test_bos_comes_first_where_the_tokenizer_puts_it(load):
    tokenizer = load("gemma_cropped", "zephyr").tokenizer
    assert tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
    for template in CHAT_TEMPLATES:
        ids = load("gemma_cropped", template).encode_prompt([user("a")])
        assert ids.count(tokenizer.bos_token_id) == (template != "raw")
        assert (ids[0] == tokenizer.bos_token_id) == (template != "raw")
    other = load("torchtitan", "zephyr")
    assert other.tokenizer.bos_token_id not in other.encode_prompt([user("a")])


def test_the_form_of_hh_is_the_fallback(load):
    fallback = copy.deepcopy(load("gpt2_files", "hh").tokenizer)
    fallback.chat_template = None
    messages = DIALOGUE[1:]
    assert ChatTokenizer(fallback).encode_dialogue(messages) == load(
        "gpt2_files", "hh"
    ).encode_dialogue(messages)


def test_a_template_of_tokens_that_are_not_there_is_refused(tmp_path):
    folder = build_directory("torchtune", tmp_path / "plain")
    with pytest.raises(ChatError, match=r"no token <\|im_start\|> or <\|im_end\|>.*chatml.*zephyr"):
        ChatTokenizer.load(str(folder), chat_template="chatml")
    chat = ChatTokenizer.load(str(folder), chat_template="zephyr")
    assert "<|assistant|>" in chat.tokenizer.chat_template


def test_names_files_and_texts(tmp_path):
    text = "{% for m in messages %}{{ m.content }}{% endfor %}"
    path = tmp_path / "own.jinja"
    path.write_text(text)
    assert resolve_chat_template(text) == resolve_chat_template(str(path)) == text
    assert resolve_chat_template("zephyr") == CHAT_TEMPLATES["zephyr"]
    assert resolve_chat_template(CHAT_TEMPLATES["hh"]) == CHAT_TEMPLATES["hh"]
    path.write_text("nothing")
    with pytest.raises(ConfigError, match=r"own\.jinja prints nothing"):
        resolve_chat_template(str(path))
    with pytest.raises(ConfigError, match="did you mean `zephyr`") as caught:
        resolve_chat_template("zephir")
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="no template and no file"):
        resolve_chat_template(str(tmp_path))
