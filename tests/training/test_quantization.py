import importlib.machinery
import importlib.util

import pytest

from alignray.config.sft import SFTStageConfig
from alignray.errors import ConfigError
from alignray.training.quantization import build_quantization_config, check_quantization


def make(**fields):
    return SFTStageConfig(output_dir="o", model_name_or_path="m", dataset="d", **fields)


@pytest.fixture
def installed(monkeypatch):
    """bitsandbytes as if it were there: only whether it is found is asked."""
    real = importlib.util.find_spec
    spec = importlib.machinery.ModuleSpec("bitsandbytes", None)

    def find(name, package=None):
        return spec if name == "bitsandbytes" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


@pytest.fixture
def missing(monkeypatch):
    real = importlib.util.find_spec

    def find(name, package=None):
        return None if name == "bitsandbytes" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"load_in_4bit": True}, "load_in_4bit=true"),
        ({"load_in_8bit": True}, "load_in_8bit=true"),
        ({"optim": "paged_adamw_32bit"}, "optim=paged_adamw_32bit"),
    ],
)
def test_without_the_library_it_is_one_line(missing, fields, named):
    with pytest.raises(ConfigError, match="bitsandbytes is not installed") as caught:
        check_quantization(make(**fields, resources={"num_gpus": 1}))
    assert str(caught.value).startswith(f"{named}: ")


def test_without_a_gpu_it_is_one_line(installed):
    with pytest.raises(ConfigError, match=r"resources.num_gpus is 0; expected a GPU"):
        check_quantization(make(load_in_4bit=True))


def test_quantised_weights_are_not_sharded(installed):
    resources = {"num_gpus": 1, "strategy": "zero3"}
    with pytest.raises(ConfigError, match="strategy is zero3; expected replicated"):
        check_quantization(make(load_in_4bit=True, resources=resources))


def test_what_needs_nothing_passes(missing):
    check_quantization(make())
    assert build_quantization_config(make()) is None


def test_what_the_model_is_loaded_with(installed, monkeypatch, tiny_model):
    """transformers asks for the library's version, nothing else, when a configuration is built."""
    import importlib.metadata

    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda n: "0.48.0" if n == "bitsandbytes" else real(n)
    )
    from alignray.training.arguments import build_model_arguments

    config = make(load_in_4bit=True, resources={"num_gpus": 1}).model_copy(
        update={"model_name_or_path": str(tiny_model)}
    )
    check_quantization(config)
    built = build_model_arguments(config)["quantization_config"].to_dict()
    assert built["load_in_4bit"] is True
    assert built["bnb_4bit_quant_type"] == "nf4"
    assert built["bnb_4bit_use_double_quant"] is True
    assert built["bnb_4bit_compute_dtype"] == "bfloat16"
    assert build_quantization_config(make(load_in_8bit=True)).to_dict()["load_in_8bit"] is True
