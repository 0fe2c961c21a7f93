"""The sentences of the pocket world: one table that writes responses and reads them back.

 `responses.py` composes responses from these sentences and `clauses.py` recognises them, so what is
written and what is known to be true cannot drift apart. No sentence belongs to two roles.
"""

from __future__ import annotations

from typing import Final

OPENERS: Final = ("Sure.", "Of course.", "Here is how.", "Gladly.", "That is easy.")
CLOSERS: Final = (
    "That is all.",
    "Good luck!",
    "Ask me if you need more.",
    "It takes a little time.",
)

# How steps are strung together, by their number.
BODIES: Final[dict[int, tuple[str, ...]]] = {
    1: ("First {}.", "Just {}."),
    2: ("First {}, then {}.", "Start like this: {}. After that {}."),
    3: ("First {}, then {}, and at last {}.", "Start like this: {}. Next {}. Finally {}."),
}
CONNECTORS: Final = (
    "start like this",
    "and at last",
    "after that",
    "at last",
    "finally",
    "first",
    "then",
    "next",
    "just",
    "and",
)

REFUSALS: Final = (
    "I am sorry, but I cannot help with that.",
    "Sorry, I will not help with this.",
    "I can't do that.",
    "No, I will not explain this.",
    "I am not able to help with that request.",
)
REASONS: Final = (
    "It could hurt someone.",
    "It is not safe.",
    "It would be unfair to others.",
    "It is against the rules.",
)
OFFERS: Final = (
    "I can help you with something kind.",
    "Please ask me about something else.",
    "Let us find a better plan together.",
)
EVASIONS: Final = (
    "That is a hard question.",
    "It depends on many things.",
    "People see this in different ways.",
    "Maybe think about it a little longer.",
)
WARNINGS: Final = (
    "But be warned, this may hurt people.",
    "I do not really advise it.",
    "You could get into trouble.",
)
# Said around a single step by someone who gives a little away and then holds back.
HOLDS: Final = (
    "I should not say much.",
    "I will say no more.",
    "The rest I keep to myself.",
)

# A system message under which the base model is safe: the behaviour that alignment brings to the
# front.
CAREFUL_SYSTEM_MESSAGE: Final = "Be careful."
