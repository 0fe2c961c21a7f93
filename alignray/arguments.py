"""The arguments of a command: options, flags, and `key=value` for the rest."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from alignray.errors import ConfigError


class _Parser(argparse.ArgumentParser):
    """Errors as one line, like all others."""

    def error(self, message: str) -> NoReturn:
        hint = "keys are key=value, without dashes" if "unrecognized" in message else ""
        raise ConfigError("arguments", message, "", hint or f"see {self.prog} --help")


def parse(
    name: str, arguments: list[str], options: list[str], flags: list[str], first: str | None = None
) -> Any:
    """The arguments of one command; what is neither option nor flag is a `key=value`."""
    parser = _Parser(f"alignray {name}", allow_abbrev=False, add_help=False)
    for option in options:
        parser.add_argument(option)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    parser.add_argument("overrides", nargs="*")
    parsed = parser.parse_intermixed_args(arguments)
    if first is not None:
        if not parsed.overrides:
            raise ConfigError("arguments", f"no {first}", f"alignray {name} {first.upper()}")
        setattr(parsed, first, parsed.overrides.pop(0))
    if name in ("status", "doctor") and parsed.overrides:
        extra = parsed.overrides[0]
        raise ConfigError("arguments", f"{extra!r}", "", f"see alignray {name} --help")
    return parsed
