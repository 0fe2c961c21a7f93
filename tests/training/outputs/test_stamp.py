import shutil

import pytest

from alignray.chat import ChatTokenizer
from alignray.config.dpo import DPOStageConfig
from alignray.errors import ModelError
from alignray.training.on_ray import run_dpo
from alignray.training.outputs.stamp import STAMP_NAME, Stamp, check_stamp, read_stamp, write_stamp
from alignray.training.policy import load_tokenizer, locate_models


def build_config(tiny_model, **settings):
    return DPOStageConfig(
        output_dir="o", model_name_or_path=str(tiny_model), dataset="d", **settings
    )


@pytest.fixture
def adapter(tiny_model, tmp_path):
    """What a training with the template `hh` leaves beside the weights."""
    config = build_config(tiny_model, chat_template="hh")
    tokenizer = load_tokenizer(config)
    directory = tmp_path / "adapter"
    tokenizer.tokenizer.save_pretrained(directory)
    (directory / "adapter_config.json").write_text("{}")
    write_stamp(Stamp.of(config, tokenizer.template_digest), directory)
    return directory


def test_the_saved_tokenizer_has_the_stamped_template(adapter, tiny_model):
    stamp = read_stamp(adapter)
    assert stamp == Stamp(stamp.template_digest, "hh", str(tiny_model))
    assert ChatTokenizer.load(str(adapter)).template_digest == stamp.template_digest


def test_the_same_template_is_accepted_however_it_is_named(adapter, tiny_model, tmp_path):
    (tmp_path / "hh.jinja").write_text(
        load_tokenizer(build_config(tiny_model, chat_template="hh")).tokenizer.chat_template
    )
    for settings in (
        {"chat_template": "hh"},
        {"chat_template": str(tmp_path / "hh.jinja")},
        {"tokenizer_name_or_path": str(adapter)},
    ):
        config = build_config(tiny_model, adapter_name_or_path=str(adapter), **settings)
        assert load_tokenizer(config).template_digest == read_stamp(adapter).template_digest
        check_stamp(config)
    with pytest.raises(ModelError):
        check_stamp(config.model_copy(update={"tokenizer_name_or_path": None}))


def test_another_template_is_refused_before_any_work(adapter, tiny_model, tmp_path, monkeypatch):
    config = build_config(tiny_model, adapter_name_or_path=str(adapter))
    with pytest.raises(ModelError) as caught:
        check_stamp(config)
    text = str(caught.value)
    assert read_stamp(adapter).template_digest in text
    assert load_tokenizer(config).template_digest in text
    assert "set chat_template=hh" in text and "\n" not in text
    monkeypatch.setattr("alignray.training.preparation.check_model", lambda config: None)
    out = tmp_path / "out"
    with pytest.raises(ModelError, match="trained with the chat template"):
        run_dpo(config.model_copy(update={"output_dir": str(out)}))
    assert not out.exists()


@pytest.fixture
def trained(tiny_model, tmp_path):
    """All weights, trained with the template `hh`."""
    directory = shutil.copytree(tiny_model, tmp_path / "trained")
    config = build_config(tiny_model, chat_template="hh", use_peft=False)
    tokenizer = load_tokenizer(config)
    tokenizer.tokenizer.save_pretrained(directory)
    write_stamp(Stamp.of(config, tokenizer.template_digest), directory)
    return directory


def test_a_trained_model_goes_on_with_its_template(trained, tiny_model):
    check_stamp(build_config(trained))
    check_stamp(build_config(trained, chat_template="hh"))
    for other in ({"chat_template": "zephyr"}, {"tokenizer_name_or_path": str(tiny_model)}):
        with pytest.raises(ModelError, match=r"trained: trained with .* \(hh\)") as caught:
            check_stamp(build_config(trained, **other))
        assert "set chat_template=hh, or train a new model" in str(caught.value)
        assert "delete its alignray.json" in str(caught.value)


def test_the_adapter_has_the_last_word(trained, adapter, tiny_model):
    """It was trained after the model, so its template is what the two speak now."""
    config = build_config(tiny_model, chat_template="zephyr")
    write_stamp(Stamp.of(config, load_tokenizer(config).template_digest), trained)
    given = {"adapter_name_or_path": str(adapter), "chat_template": "hh"}
    check_stamp(build_config(trained, **given))
    (adapter / STAMP_NAME).unlink()
    with pytest.raises(ModelError, match=r"trained with .* \(zephyr\)"):
        check_stamp(build_config(trained, **given))


def test_a_template_without_a_name_says_what_to_use(adapter, tiny_model):
    config = build_config(tiny_model)
    write_stamp(Stamp.of(config, "0" * 32), adapter)
    with pytest.raises(ModelError, match="use the tokenizer and chat_template of that adapter"):
        check_stamp(build_config(tiny_model, adapter_name_or_path=str(adapter)))


def test_adapters_without_a_stamp_are_accepted_and_broken_ones_are_not(adapter, tiny_model):
    config = build_config(tiny_model, adapter_name_or_path=str(adapter))
    (adapter / STAMP_NAME).write_text("[]")
    with pytest.raises(ModelError, match=r"alignray\.json: not a template stamp"):
        check_stamp(config)
    (adapter / STAMP_NAME).unlink()
    check_stamp(config)
    shutil.rmtree(adapter)


def test_workers_get_the_text_of_a_template(tiny_model, tmp_path, monkeypatch):
    (tmp_path / "own.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    monkeypatch.chdir(tmp_path)
    located = locate_models(build_config(tiny_model, chat_template="own.jinja"))
    assert located.chat_template == (tmp_path / "own.jinja").read_text()
    before = load_tokenizer(build_config(tiny_model, chat_template="zephyr"))
    after = load_tokenizer(locate_models(build_config(tiny_model, chat_template="zephyr")))
    assert before.template_digest == after.template_digest
