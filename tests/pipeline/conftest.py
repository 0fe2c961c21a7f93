import pytest

import alignray.verbs
from alignray.pipeline import commands
from tests.pipeline import toy_stages


@pytest.fixture
def toys(monkeypatch, tmp_path):
    """A recipe of toy stages, in a directory of its own; the list of stages that really ran."""
    for name, verb in toy_stages.VERBS.items():
        monkeypatch.setitem(alignray.verbs.VERBS, name, verb)
    monkeypatch.setattr(commands, "write_report", lambda run_dir: run_dir / "report.html")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.yaml").write_text(toy_stages.RECIPE)
    toy_stages.CALLS.clear()
    return toy_stages.CALLS
