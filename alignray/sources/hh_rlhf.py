r"""Anthropic's HH-RLHF: `chosen` and `rejected` as whole dialogues, and where the prompt ends.

Both strings read `\n\nHuman: ...\n\nAssistant: ...`. Projects split them in ways that are not
equivalent (measured on harmless-base/test, 2,312 rows):

- `turns`, ours and the default: split on speakers; the turns up to the last Assistant turn must be
  the same in both. Rows that break the form are left out and listed with every reason in the audit.
- `rfind` (eric-mitchell/direct-preference-optimization, get_hh): prompt = chosen up to and with its
  last `\n\nAssistant:`; the rejected string is cut at the same *length*. 4 rows are cut wrongly.
- `common_prefix` (TRL, extract_prompt): longest common prefix of characters, one less where it ends
  with a space. In 444 rows (19.2 %) the first words of the answer become part of the prompt.
- `no_split` (SEAL, train_dpo.py): an empty prompt, the whole dialogue is the response.
- `paragraph_drop` (evaluation prompts of arXiv 2509.09055): the last paragraph of chosen goes if it
  begins with `Assistant:`. Answers with blank lines stay in the prompt. It gives prompts alone.

The last four are for parity with published numbers: no row is left out, texts are kept to the
character (one user message holds the raw prompt), and faults are noted in the audit.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from alignray.records import Message

HUMAN = "\n\nHuman:"
ASSISTANT = "\n\nAssistant:"
_SPEAKER = re.compile(r"\n\n(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}


@dataclass(frozen=True)
class DialoguePair:
    """One row, split. `faults` are empty for a row of the form that the data set promises.

    Example: `DialoguePair([user, assistant, user], [assistant], [assistant], ())`.
    """

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    faults: tuple[str, ...]


class TextSplit(NamedTuple):
    """A row split into strings, as the compatibility modes do."""

    prompt: str
    chosen: str
    rejected: str


def is_dialogue(text: Any) -> bool:
    """Whether a value is a dialogue string of this data set; blank lines before it may be cut."""
    return isinstance(text, str) and text.lstrip().startswith(HUMAN.lstrip())


def is_hh_row(values: Mapping[str, Any]) -> bool:
    """Whether a row has this data set's form: two dialogues and no prompt column."""
    return (
        values.get("prompt") is None
        and is_dialogue(values.get("chosen"))
        and is_dialogue(values.get("rejected"))
    )


def parse_turns(text: str) -> list[Message]:
    """The turns of a dialogue, white space around each left out; empty if it is no dialogue."""
    parts = _SPEAKER.split("\n\n" + text.lstrip())
    if parts[0].strip():
        return []
    turns = zip(parts[1::2], parts[2::2], strict=True)
    return [{"role": _ROLES[speaker], "content": content.strip()} for speaker, content in turns]


def split_turns(chosen: str, rejected: str) -> DialoguePair:
    """The default rule: turns; every way in which the row breaks the form is a fault."""
    chosen_turns, rejected_turns = parse_turns(chosen), parse_turns(rejected)
    prompt, chosen_end = _split_last_answer(chosen_turns)
    rejected_prompt, rejected_end = _split_last_answer(rejected_turns)
    checks = {
        "no_assistant_turn": not chosen_end or not rejected_end,
        "text_after_last_answer": len(chosen_end) > 1 or len(rejected_end) > 1,
        "repeated_role_chosen": _repeats_role(chosen_turns),
        "repeated_role_rejected": _repeats_role(rejected_turns),
        "different_prompts": prompt != rejected_prompt,
        "empty_prompt": not prompt or (prompt[-1]["role"] == "user" and not prompt[-1]["content"]),
        "empty_chosen": bool(chosen_end) and not chosen_end[0]["content"],
        "empty_rejected": bool(rejected_end) and not rejected_end[0]["content"],
        "identical_answers": bool(chosen_end) and chosen_end == rejected_end,
    }
    faults = tuple(name for name, broken in checks.items() if broken)
    return DialoguePair(prompt, chosen_end, rejected_end, faults)


def _split_last_answer(turns: list[Message]) -> tuple[list[Message], list[Message]]:
    places = [i for i, turn in enumerate(turns) if turn["role"] == "assistant"]
    cut = places[-1] if places else len(turns)
    return turns[:cut], turns[cut:]


def _repeats_role(turns: list[Message]) -> bool:
    return any(a["role"] == b["role"] for a, b in itertools.pairwise(turns))


def split_rfind(chosen: str, rejected: str) -> TextSplit:
    """S1. The prompt ends with `Assistant:`, the responses begin with a space."""
    end = chosen.rfind(ASSISTANT) + len(ASSISTANT)
    return TextSplit(chosen[:end], chosen[end:], rejected[end:])


def split_common_prefix(chosen: str, rejected: str) -> TextSplit:
    """S2. As in TRL, where one text begins with the other, their last shared character is left."""
    shortest = min(len(chosen), len(rejected))
    pairs = enumerate(zip(chosen, rejected, strict=False))
    end = next((i for i, (a, b) in pairs if a != b), None)
    if end is None:
        end = max(shortest - 1, 0)
    elif end > 0 and chosen[end - 1] == " ":
        end -= 1
    return TextSplit(chosen[:end], chosen[end:], rejected[end:])


def split_nothing(chosen: str, rejected: str) -> TextSplit:
    """S3. The prompt's terms cancel in the difference of the DPO loss."""
    return TextSplit("", chosen, rejected)


def drop_last_paragraph(chosen: str) -> str:
    """S4. The prompt as text, without blank lines before it and `Assistant:` after it."""
    paragraphs = chosen.strip().split("\n\n")
    if paragraphs[-1].startswith("Assistant:"):
        paragraphs = paragraphs[:-1]
    return "\n\n".join(paragraphs)


def _split_paragraph(chosen: str, rejected: str) -> TextSplit:
    return TextSplit(drop_last_paragraph(chosen), "", "")


@dataclass(frozen=True)
class SplitRule:
    """A compatibility mode and what it can give."""

    split: Callable[[str, str], TextSplit]
    has_prompts: bool = True
    has_preferences: bool = True


COMPATIBILITY_RULES: dict[str, SplitRule] = {
    "rfind": SplitRule(split_rfind),
    "common_prefix": SplitRule(split_common_prefix),
    "no_split": SplitRule(split_nothing, has_prompts=False),
    "paragraph_drop": SplitRule(_split_paragraph, has_preferences=False),
}


def split_dialogues(chosen: str, rejected: str, mode: str = "turns") -> DialoguePair:
    """A row split by `turns` or by a compatibility mode, with its faults.

    A compatibility mode adds the fault of its own rule: `answer_in_prompt` where its prompt goes
    beyond the last `Assistant:` of chosen.
    """
    by_turns = split_turns(chosen, rejected)
    if mode == "turns":
        return by_turns
    text = COMPATIBILITY_RULES[mode].split(chosen, rejected)
    faults = by_turns.faults
    question = chosen[: max(chosen.rfind(ASSISTANT), 0)].strip()
    if len(text.prompt.removesuffix(ASSISTANT).strip()) > len(question):
        faults = (*faults, "answer_in_prompt")
    return DialoguePair(
        [{"role": "user", "content": text.prompt}] if text.prompt else [],
        [{"role": "assistant", "content": text.chosen}],
        [{"role": "assistant", "content": text.rejected}],
        faults,
    )
