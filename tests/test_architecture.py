"""The house rules that a linter cannot hold: floors, light imports, small functions and modules."""

import ast
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alignray.verbs import VERBS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "alignray"
HEAVY = ("torch", "ray", "vllm", "deepspeed", "transformers", "trl", "peft", "datasets", "openai")
MAX_FUNCTION_LINES, MAX_PARAMETERS, MAX_MODULE_LINES, MAX_NESTING = 50, 6, 280, 4

# A module may import from floors below its own, and from its own package.
FLOORS = [
    {"errors", "progress"},
    {"records", "config", "durable"},
    {
        "artifacts",
        "fingerprint",
        "models",
        "chat",
        "chat_encoder",
        "chat_skeleton",
        "chat_templates",
        "prompts",
        "pocket",
    },
    {"sources", "selection", "fusion"},
    {"inference", "training", "reports"},
    {"sampling", "ranking"},
    {"evaluation", "serving"},
    {"verbs"},
    {"doctor", "pipeline", "usage", "arguments"},
    {"file_commands"},
    {"cli"},
    {"__main__"},
]
# What a part may import from its own floor: names, the judge's wording, and the one place that
# starts Ray; a training draws its own curves.
NEIGHBOURS = {
    "artifacts": ("fingerprint",),
    "fingerprint": ("models",),
    "chat": ("chat_encoder", "chat_skeleton", "chat_templates", "models"),
    "chat_encoder": ("chat_skeleton",),
    "chat_skeleton": ("chat_templates",),
    "models": ("pocket",),
    "pocket": ("prompts", "chat"),
    "training": ("inference.cluster", "reports.training"),
}
# Which files may import which heavy library (prefixes of paths below alignray/).
HOMES = {
    "ray": (
        "inference/on_ray",
        "inference/cluster",
        "inference/monitor",
        "inference/stage_watch",
        "sampling/on_ray",
        "ranking/on_ray",
        "evaluation/on_ray",
        "training/",
        "serving/",
    ),
    "vllm": ("inference/vllm_", "serving/"),
    "deepspeed": ("training/",),
    "openai": ("inference/openai_", "serving/client"),
    "trl": ("training/",),
    "peft": ("training/", "fusion/"),
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Modules imported anywhere in a file, within functions too, with their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            if node.module == "alignray":
                yield from ((f"alignray.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def floor_of(part: str) -> int:
    found = [level for level, parts in enumerate(FLOORS) if part in parts]
    assert found, f"alignray/{part} is on no floor: put it on one in {Path(__file__).name}"
    return found[0]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_go_down(path):
    part = name_of(path).split("/")[0]
    if part == "__init__":
        return
    for module, line in imports_of(path):
        if not module.startswith("alignray.") or module == "alignray.__version__":
            continue
        other = module.split(".")[1]
        seen = tuple(f"alignray.{name}" for name in NEIGHBOURS.get(part, ()))
        allowed = other == part or floor_of(other) < floor_of(part) or module.startswith(seen)
        assert allowed, f"{path}:{line}: {part} imports {module}, which is not below it"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_heavy_libraries_are_imported_where_they_live(path):
    for module, line in imports_of(path):
        homes = HOMES.get(module.split(".")[0])
        allowed = homes is None or name_of(path).startswith(homes)
        assert allowed, f"{path}:{line}: imports {module}; its homes are {homes}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_modules_and_functions_are_small(path):
    text = path.read_text(encoding="utf-8")
    length = len(text.splitlines())
    assert length <= MAX_MODULE_LINES, f"{path}: {length} lines, at most {MAX_MODULE_LINES}"
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        where = f"{path}:{node.lineno}: {node.name}"
        lines = (node.end_lineno or 0) - node.lineno + 1
        assert lines <= MAX_FUNCTION_LINES, f"{where}: {lines} lines, at most {MAX_FUNCTION_LINES}"
        count = count_parameters(node)
        assert count <= MAX_PARAMETERS, f"{where}: {count} parameters, at most {MAX_PARAMETERS}"
        depth = compute_nesting(node.body)
        assert depth <= MAX_NESTING, f"{where}: nested {depth} deep, at most {MAX_NESTING}"


def count_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def compute_nesting(body: list[ast.stmt]) -> int:
    """How deep blocks lie in each other; an `elif` is as deep as its `if`."""
    deepest = 0
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        inner = [getattr(node, name, []) for name in ("body", "finalbody")]
        inner += [handler.body for handler in getattr(node, "handlers", [])]
        rest = getattr(node, "orelse", [])
        chained = len(rest) == 1 and isinstance(rest[0], ast.If) and isinstance(node, ast.If)
        depths = [1 + compute_nesting(block) for block in inner if block]
        depths += [compute_nesting(rest) + (0 if chained else 1)] if rest else []
        deepest = max([deepest, *depths])
    return deepest


@pytest.mark.parametrize(
    "arguments",
    [None, ["--help"], *([verb, "--help"] for verb in [*VERBS, "run"])],
    ids=lambda a: "import" if a is None else a[0],
)
def test_imports_and_help_are_light_and_fast(arguments):
    work = (
        "import alignray" if arguments is None else f"import alignray.cli as c; c.main({arguments})"
    )
    code = f"{work}\nimport sys; print('LOADED', [m for m in {HEAVY} if m in sys.modules])"
    fastest = 10.0
    for _ in range(5):  # CPU seconds, the best of a few tries: the machine may be busy
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        fastest = min(fastest, spent)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("LOADED []"), done.stdout.splitlines()[-1]
        if fastest < 1.0:
            return
    pytest.fail(f"took {fastest:.2f} s, expected less than 1 s")


def test_no_module_is_named_for_nothing():
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert [name_of(p) for p in modules() if p.stem in vague] == []
