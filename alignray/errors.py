"""One error class per boundary; messages say where, what was found, expected, and what to do.

All errors are picklable (they cross process borders) and carry the exit code of the command that
ends with them. Exit codes: 0 done; 1 a stage failed; 2 bad input or configuration, nothing was
done; 3 done, but some rows failed (they are named in the record); 130 interrupted.
"""

from __future__ import annotations

import re

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_PARTIAL = 3
EXIT_INTERRUPTED = 130

_ERROR_LINE = re.compile(r"[\w.]*(?:Error|Exception)(?::\s.*)?")


def find_error_line(traceback: str) -> str | None:
    """The first line of a traceback that names an error: in Ray's, that of the innermost cause."""
    lines = (line.strip() for line in traceback.splitlines())
    return next((line for line in lines if _ERROR_LINE.fullmatch(line)), None)


class AlignrayError(Exception):
    """Base of every error a user may see.

    Args:
        where: the file, row, field or component the error is about.
        found: what was there.
        expected: what should have been there; empty where it is plain from `found`.
        do: what the reader can do about it.
    """

    exit_code = EXIT_FAILED

    def __init__(self, where: str, found: str, expected: str = "", do: str = "") -> None:
        super().__init__(where, found, expected, do)
        self.where, self.found, self.expected, self.do = where, found, expected, do

    def __str__(self) -> str:
        """One line: `where: found; expected ...; do`."""
        parts = [f"{self.where}: {self.found}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.do:
            parts.append(self.do)
        return "; ".join(" ".join(part.split()) for part in parts)


class ConfigError(AlignrayError):
    """A configuration key or value that cannot be used."""

    exit_code = EXIT_BAD_INPUT


class SourceError(AlignrayError):
    """Input data that is missing, unreadable or of the wrong shape."""

    exit_code = EXIT_BAD_INPUT


class ModelError(AlignrayError):
    """A model, adapter or tokenizer that is missing or does not fit."""

    exit_code = EXIT_BAD_INPUT


class ChatError(AlignrayError):
    """Messages that a chat template cannot render safely."""

    exit_code = EXIT_BAD_INPUT


class ArtifactError(AlignrayError):
    """An output directory that belongs to another configuration, or cannot be written."""

    exit_code = EXIT_BAD_INPUT


class StorageError(AlignrayError):
    """A disk that takes no more, or refuses; what was there before is intact."""


class LedgerError(AlignrayError):
    """A ledger whose files contradict its manifest, or rows that do not add up."""


class EngineError(AlignrayError):
    """An inference engine that cannot start or does not answer."""


class VerdictError(AlignrayError):
    """A judge whose verdicts cannot be used: too many are unscored."""


class TrainingError(AlignrayError):
    """A training run that cannot start or did not finish."""


class HubError(AlignrayError):
    """A model that could not be pushed to the hub; model and record are whole."""


class EvaluationError(AlignrayError):
    """A metric that is not defined on the rows at hand."""


class RecipeError(AlignrayError):
    """A recipe whose stages do not fit together."""

    exit_code = EXIT_BAD_INPUT
