"""The table of sources: a prefix of a name -> what it gives.

`hh-rlhf:PATH_OR_HUB_ID` looks up `hh-rlhf`; a name without a known prefix is a file, a directory or
a hub id. A new source is one file and one line here.
"""

from __future__ import annotations

from alignray.sources.file_source import FILE_SOURCE
from alignray.sources.hh_source import build_hh_source
from alignray.sources.pku_saferlhf import build_saferlhf_source
from alignray.sources.pocket_source import POCKET_SOURCE
from alignray.sources.sharegpt import SHAREGPT_SOURCE
from alignray.sources.shp import SHP_SOURCE
from alignray.sources.source import Source
from alignray.sources.stack_exchange import build_stack_exchange_source

SOURCES: dict[str, Source] = {
    "pocket": POCKET_SOURCE,
    "hh-rlhf": build_hh_source("turns"),
    "hh-rlhf-rfind": build_hh_source("rfind"),
    "hh-rlhf-common-prefix": build_hh_source("common_prefix"),
    "hh-rlhf-no-split": build_hh_source("no_split"),
    "hh-rlhf-paragraph-drop": build_hh_source("paragraph_drop"),
    "pku-saferlhf": build_saferlhf_source("all"),
    "pku-saferlhf-last": build_saferlhf_source("last"),
    "sharegpt": SHAREGPT_SOURCE,
    "shp": SHP_SOURCE,
    "stack-exchange": build_stack_exchange_source("all"),
    "stack-exchange-train": build_stack_exchange_source("train"),
    "stack-exchange-test": build_stack_exchange_source("test"),
}


def find_source(name: str) -> tuple[Source, str]:
    """The source that a name means, and the name without its prefix."""
    prefix, separator, rest = name.partition(":")
    if separator and prefix in SOURCES:
        return SOURCES[prefix], rest
    return FILE_SOURCE, name
