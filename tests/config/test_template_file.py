"""Which values of chat_template are files: none that has the name of a built-in template."""

import pytest

from alignray.chat_templates import CHAT_TEMPLATES, resolve_chat_template
from alignray.config.template_file import TEMPLATE_NAMES, read_template_file
from alignray.errors import ConfigError


def test_a_file_does_not_take_the_place_of_a_built_in_template(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (*CHAT_TEMPLATES, "mine"):
        (tmp_path / name).write_text("{{ messages }}")
        expected = "{{ messages }}" if name == "mine" else name
        assert read_template_file(name) == expected
    assert set(TEMPLATE_NAMES) == set(CHAT_TEMPLATES)


@pytest.mark.parametrize("name", ["x" * 300, "~nobody-here/x", "a\0b", "directory", "latin"])
def test_what_is_no_template_file_is_said_where_templates_are_looked_up(
    tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory").mkdir()
    (tmp_path / "latin").write_bytes(b"{{ \xe9 }}")
    assert read_template_file(name) == name
    with pytest.raises(ConfigError, match="chat_template"):
        resolve_chat_template(name)
