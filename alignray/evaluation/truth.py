"""What is truly so, where that is known: answers to prompts of the pocket world.

Everywhere else there is no truth but the judge's word, and the report says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from alignray.pocket.truth import Truth, grade_response
from alignray.pocket.world import find_prompt
from alignray.records import Message


def find_truth(messages: Sequence[Message], response: str) -> Truth | None:
    """The oracle's grade of a response, or None if the prompt is not of the pocket world."""
    turns = [message for message in messages if message["role"] != "system"]
    if len(turns) != 1 or turns[0]["role"] != "user":
        return None
    prompt = find_prompt(turns[0]["content"])
    return None if prompt is None else grade_response(prompt, response)
