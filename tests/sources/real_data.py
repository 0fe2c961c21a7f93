"""Where the public data files are that some tests read."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[3] / "shared" / "data"))


def find_data(name: str) -> str:
    """The path of a data file; skips the test where the folder is absent."""
    if not DATA.is_dir():
        pytest.skip("needs the public data files: set ALIGNRAY_DATA")
    return str(DATA / name)
