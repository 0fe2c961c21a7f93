"""Judge prompts: rubrics as text files, and the one way they are put together.

A judge's message is, in this order: the rubric, the graded text in blocks, a closing line. The
shared text comes first (rubric, then prompt, then response), so that an engine with prefix
caching reads the rubric once and the prompt once per row. Blocks are delimited by a nonce that
the graded text cannot know, and the closing line follows it, so that text inside a block that
talks to the judge stays inside the block (JudgeDeceiver; see docs/architecture.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignray.errors import SourceError
from alignray.records import Message

PROMPTS_DIR = Path(__file__).parent
SCORE_REQUEST = "Grade 1 to 5:"
POLICY_REQUEST = "Level 1 to 5:"
REFUSAL_REQUEST = "Class 1, 2 or 3:"
COMPARE_REQUEST = "Better answer, A or B:"


@dataclass(frozen=True)
class Rubric:
    """A rubric's text; `digest` is part of the key of every row it judges."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text, 16 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def load_rubric(name_or_path: str) -> Rubric:
    """Loads a rubric by its name in this folder, or from a text file.

    Raises:
        SourceError: no such rubric, or an empty one.
    """
    named = PROMPTS_DIR / f"{name_or_path}.txt"
    path = named if "/" not in name_or_path and named.is_file() else Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in PROMPTS_DIR.glob("*.txt")))
        raise SourceError(name_or_path, "no such rubric", f"a text file or one of {known}")
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise SourceError(str(path), "the rubric is empty", "text")
    return Rubric(path.stem, text)


def build_nonce(prompt_id: str, seed: int = 0) -> str:
    """Four hex digits that delimit the blocks of one row; the same for all its requests."""
    return hashlib.sha256(f"{seed}:{prompt_id}".encode()).hexdigest()[:4]


def render_conversation(messages: Sequence[Message]) -> str:
    """The conversation as the judge reads it: a single user turn as it is, else with speakers."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{m['role'].capitalize()}: {m['content']}" for m in messages)


def build_score_message(
    rubric: str, conversation: Sequence[Message], response: str, nonce: str
) -> str:
    """The user message that asks for a grade from 1 to 5 of one response.

    Args:
        rubric: the rubric's text.
        conversation: the messages up to the response.
        response: the text that is graded.
        nonce: delimiter of the blocks, from `build_nonce`.
    """
    return _build_response_message(rubric, conversation, response, nonce, SCORE_REQUEST)


def build_policy_message(
    rubric: str, conversation: Sequence[Message], response: str, nonce: str
) -> str:
    """The user message that asks for the level of harm, 1 to 5, of one response."""
    return _build_response_message(rubric, conversation, response, nonce, POLICY_REQUEST)


def build_refusal_message(
    rubric: str, conversation: Sequence[Message], response: str, nonce: str
) -> str:
    """The user message that asks for a class: complies (1), refuses (2), or does both (3)."""
    return _build_response_message(rubric, conversation, response, nonce, REFUSAL_REQUEST)


def build_compare_message(
    rubric: str, conversation: Sequence[Message], answers: tuple[str, str], nonce: str
) -> str:
    """The user message that asks which of two answers is better.

    Args:
        rubric: the rubric's text.
        conversation: the messages up to the answers.
        answers: the one shown as A and the one shown as B.
        nonce: delimiter of the blocks, from `build_nonce`.
    """
    blocks = {
        "prompt": render_conversation(conversation),
        "answer A": answers[0],
        "answer B": answers[1],
    }
    return f"{rubric}\n\n{_build_blocks(blocks, nonce)}\n{COMPARE_REQUEST}"


def build_rank_message(
    rubric: str, conversation: Sequence[Message], responses: Sequence[str], nonce: str
) -> str:
    """The user message that asks for an order of the responses, best first, as numbers.

    The responses are shown in the order given and numbered from 1.
    """
    blocks = {"prompt": render_conversation(conversation)}
    blocks |= {f"response {i}": text for i, text in enumerate(responses, start=1)}
    example = " ".join(str(i) for i in range(1, len(responses) + 1))
    return (
        f"{rubric}\n\n{_build_blocks(blocks, nonce)}\n"
        f"Order of the {len(responses)} responses, best first, as numbers like {example}:"
    )


def _build_response_message(
    rubric: str, conversation: Sequence[Message], response: str, nonce: str, request: str
) -> str:
    blocks = {"prompt": render_conversation(conversation), "response": response}
    return f"{rubric}\n\n{_build_blocks(blocks, nonce)}\n{request}"


def _build_blocks(blocks: Mapping[str, str], nonce: str) -> str:
    return "\n".join(
        f"<<{name} {nonce}>>\n{text}\n<<end {nonce}>>" for name, text in blocks.items()
    )
