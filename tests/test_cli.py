"""The command line: what it prints, where, and with which exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import alignray
import alignray.verbs
from alignray.cli import COMMANDS, main
from alignray.pipeline.commands import hide_secrets
from alignray.verbs import VERBS
from tests.pipeline import toy_stages

ROOT = Path(__file__).parents[1]
SAMPLE = ["engine.type=fake", "prompts=p.txt"]


@pytest.fixture
def toys(monkeypatch, tmp_path):
    for name, verb in toy_stages.VERBS.items():
        monkeypatch.setitem(alignray.verbs.VERBS, name, verb)
    monkeypatch.chdir(tmp_path)
    toy_stages.CALLS.clear()
    return toy_stages.CALLS


def fails(capsys, *arguments, code=2):
    assert main(list(arguments)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert lines[0].startswith("alignray: error: ")
    return lines[0]


def test_help_lists_all_verbs(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in [*VERBS, "plan", "run", "status", "doctor"])
    assert main([]) == 2


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"alignray {alignray.__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb(capsys, verb):
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: alignray {verb}" in text
    assert "output_dir  (text, not empty, required)" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(capsys, name):
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: alignray {name}" in text
    assert ("stages  (map of" in text) == (name in ("plan", "run"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["smaple"], "no verb `smaple`"),
        (["sample", "--n=3"], "keys are key=value, without dashes"),
        (["sample", "--confg", "x"], "unrecognized arguments: --confg"),
        (["sample", "--config"], "expected one argument"),
        (["sample", "--config", "none.yaml"], "none.yaml: no such file"),
        (["sample", "n"], "not of the form key=value"),
        (["run", "none.yaml"], "no --out"),
        (["run"], "no recipe"),
        (["plan", "none.yaml"], "none.yaml: no such file"),
        (["status", "a", "b"], "'b'; see alignray status --help"),
        (["doctor", "x=1"], "'x=1'"),
    ],
)
def test_wrong_arguments_are_one_line(capsys, arguments, expected):
    assert expected in fails(capsys, *arguments)


def test_dry_run_prints_configuration_reads_and_writes_without_touching(capsys, tmp_path):
    prompts, out = tmp_path / "p.txt", tmp_path / "o"
    prompts.write_text("Hello\n")
    arguments = ["sample", "engine.type=fake", f"prompts={prompts}", f"output_dir={out}"]
    assert main([*arguments, "sampling.n=3", "--dry-run"]) == 0
    text = capsys.readouterr().out
    config = yaml.safe_load(text)
    assert (config["sampling"]["n"], config["sampling"]["top_p"]) == (3, 0.95)
    assert f"prompts: {prompts} [" in text
    assert "# would run: the directory is new" in text
    assert not out.exists()


def test_what_a_dry_run_prints_is_a_configuration(capsys, tmp_path):
    (tmp_path / "p.txt").write_text("Hello\n")
    place = [f"prompts={tmp_path / 'p.txt'}", f"output_dir={tmp_path / 'o'}"]
    main(["sample", "engine.type=fake", *place, "--dry-run"])
    (tmp_path / "c.yaml").write_text(capsys.readouterr().out)
    assert main(["sample", "--config", str(tmp_path / "c.yaml"), "--dry-run"]) == 0


def test_dry_run_says_what_is_missing_and_refuses_it_as_the_run_does(capsys, tmp_path):
    arguments = ["sample", "engine.type=fake", "prompts=./none.txt", f"output_dir={tmp_path}/o"]
    assert main([*arguments, "--dry-run"]) == main(arguments) == 2
    shown = capsys.readouterr()
    assert "none.txt [missing: no such file or directory]" in shown.out
    assert len(set(shown.err.strip().splitlines())) == 1


def test_dry_run_does_not_load_heavy_libraries(tmp_path):
    (tmp_path / "p.txt").write_text("Hello\n")
    code = (
        "import sys; from alignray.cli import COMMANDS, main; "
        f"main(['sample', 'engine.type=fake', 'prompts={tmp_path}/p.txt', "
        f"'output_dir={tmp_path}/o', '--dry-run']); "
        "print([m for m in ('torch', 'ray', 'vllm', 'transformers') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stderr


def test_states_of_a_stage_in_dry_runs(toys, capsys):
    def describe(*arguments):
        main([*arguments, "--dry-run"])
        return capsys.readouterr().out.strip().splitlines()[-1]

    assert describe("make", "output_dir=o").startswith("# would run")
    main(["make", "output_dir=o"])
    capsys.readouterr()
    assert describe("make", "output_dir=o").startswith("# would be skipped")
    line = describe("make", "output_dir=o", "text=other")
    assert line.startswith("# would be refused")
    assert "text: a there, other now" in line


def test_a_stage_prints_counts_or_its_record(toys, capsys):
    assert main(["make", "output_dir=o"]) == 0
    assert capsys.readouterr().out.startswith("make: 1 rows in, 1 ok, 0 unscored, 0 failed in 0:0")
    assert main(["make", "output_dir=o", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verb"] == "make"
    assert toys == ["o"]


def test_a_directory_of_other_settings_is_refused_and_kept(toys, capsys):
    main(["make", "output_dir=o"])
    capsys.readouterr()
    line = fails(capsys, "make", "output_dir=o", "text=b")
    assert "holds the output of another configuration (text: a there, b now)" in line
    assert Path("o/data/lines.txt").read_text() == "a"


def test_missing_input_leaves_nothing(toys, capsys):
    assert "./none: no such file" in fails(capsys, "join", "source=./none", "output_dir=o")
    assert not Path("o").exists()


def test_failed_rows_are_exit_code_3(toys, capsys):
    assert main(["make", "output_dir=o", "failed=2"]) == 3
    assert "2 of 3 rows failed; they are named in o/data" in capsys.readouterr().err


def test_an_unexpected_error_is_one_line_and_a_file(toys, capsys):
    main(["make", "output_dir=m"])
    capsys.readouterr()
    line = fails(capsys, "join", "source=m", "output_dir=o", "crash=x", code=1)
    assert "unexpected ZeroDivisionError: boom; traceback in o/logs/" in line
    assert "boom" in Path(line.split("traceback in ")[1]).read_text()


def test_interruption_is_exit_code_130(toys, capsys):
    main(["make", "output_dir=m"])
    capsys.readouterr()
    assert main(["join", "source=m", "output_dir=o", "crash=x.int"]) == 130
    assert capsys.readouterr().err.strip().endswith("run the same command again to go on")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_cleanly(tmp_path, number):
    code = (
        "import sys, time, alignray.cli as c\n"
        "def hang(arguments, place):\n    print('up', flush=True); time.sleep(60)\n"
        "c.COMMANDS['doctor'] = hang\n"
        "sys.exit(c.main(['doctor']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        # A shell starts background jobs with SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    time.sleep(0.05)
    process.send_signal(number)
    _, text = process.communicate(timeout=20)
    assert process.returncode == 130
    assert text == "alignray: interrupted: run the same command again to go on\n"


def test_address_reaches_ray(toys, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "old:1")
    main(["make", "output_dir=o", "--address", "new:2"])
    assert os.environ["RAY_ADDRESS"] == "new:2"


def test_secrets_in_urls_are_hidden():
    assert hide_secrets("base_url: https://me:pw@host/v1") == "base_url: https://***@host/v1"


def test_doctor_has_one_line_per_finding(capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    main(["doctor"])
    text = capsys.readouterr().out
    assert "sk-secret" not in text
    assert all(line[:4].strip() in ("ok", "note", "bad") for line in text.strip().splitlines())
    for what in ("python", "cores", "memory", "disk", "engine vllm", "engine fake"):
        assert what in text
    main(["doctor", "--json"])
    assert json.loads(capsys.readouterr().out)


def test_a_full_disk_leaves_no_empty_log_and_names_none(tmp_path):
    """No file may grow in this process, as on a full disk."""
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "config.json").write_text("{}")
    code = (
        "import resource; from pathlib import Path; from alignray import cli; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
        "raise SystemExit(cli._explain(OSError(28, 'No space left on device'), Path('o')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "unexpected OSError: [Errno 28] No space left on device; traceback not written" in line
    assert list(tmp_path.rglob("*.log")) == []


def test_the_module_runs_too():
    done = subprocess.run(
        [sys.executable, "-m", "alignray", "--version"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout == f"alignray {alignray.__version__}\n"


HANDBOOK = ROOT / "tests/config/handbook"


@pytest.mark.parametrize("name", ["sft_full", "sft_qlora", "dpo_full"])
def test_a_recipe_of_the_handbook_is_taken_as_it_is(capsys, name):
    verb = name.partition("_")[0]
    recipe, launch = HANDBOOK / f"{name}.yaml", HANDBOOK / "deepspeed_zero3.yaml"
    arguments = [verb, "--config", str(recipe), "--deepspeed", str(launch), "resources.num_gpus=0"]
    here = ["push_to_hub=false", "load_in_4bit=false"]  # there may be no token and no GPU
    assert main([*arguments, *here, "train_batch_size=256", "--dry-run"]) == 0
    captured = capsys.readouterr()
    config = yaml.safe_load(captured.out)
    assert (config["train_batch_size"], config["resources"]["num_workers"]) == (256, 8)
    assert captured.err.count(f"alignray: {name}.yaml: ") > 20
    assert "deepspeed_zero3.yaml: num_processes -> resources.num_workers=8" in captured.err


def test_launch_files_are_for_training(capsys):
    launch = str(HANDBOOK / "deepspeed_zero3.yaml")
    assert "unrecognized" in fails(capsys, "sample", "--deepspeed", launch)
    assert "expected `distributed_type`" in fails(
        capsys, "sft", "--deepspeed", str(HANDBOOK / "sft_full.yaml")
    )
    for verb in ("sft", "dpo"):
        main([verb, "--help"])
        assert "--deepspeed FILE" in capsys.readouterr().out
    main(["sample", "--help"])
    assert "--deepspeed" not in capsys.readouterr().out
