"""From a benchmark's name to its prompts, with what its copy lacks said by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alignray.config.benchmark_spec import BenchmarkSpec
from alignray.config.benchmarks import TableRow, find_row
from alignray.config.evaluation import BenchmarkConfig
from alignray.errors import SourceError
from alignray.evaluation.benchmarks.counts import PromptCounts, compare_counts
from alignray.evaluation.benchmarks.form import FormedRow, form_row, render_prompt
from alignray.evaluation.benchmarks.reading import read_rows, read_shots
from alignray.records import Message, Prompt
from alignray.sources import SourceAudit, load_prompts
from alignray.sources.json_text import encode_compact
from alignray.sources.labels import DEFAULT_SUBSET
from alignray.sources.prompt_ids import compute_prompt_id
from alignray.sources.prompts import build_prompts
from alignray.sources.rows import SourceRow

NO_PROMPT, REPEATED = "no_prompt", "repeated_prompt"
"""Why a row is left out: nothing was submitted for it; it was asked before (`prompt.unique`)."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark and the copy that its prompts are read from.

    Example: `Benchmark(TableRow(spec, file), "data/xstest_prompts.csv")`.
    """

    row: TableRow
    data: str

    @property
    def spec(self) -> BenchmarkSpec:
        """What the YAML file says."""
        return self.row.spec

    def load_prompts(self, audit: SourceAudit | None = None) -> Iterator[Prompt]:
        """The prompts in order; `original` keeps the whole row with its right answer.

        Args:
            audit: filled while rows are read: counts, rows left out with their reasons, repeats,
                and in `findings` what the copy lacks by the benchmark's own counts.

        Raises:
            SourceError: no copy, or one of another shape; with file and row.
        """
        audit = SourceAudit() if audit is None else audit
        audit.name = f"{self.spec.name} ({self.data})"
        counts = PromptCounts()
        for prompt in self._explain(self._stream(audit)):
            subset = prompt.subset if prompt.subset != DEFAULT_SUBSET else None
            counts.add(prompt.category, subset)
            yield prompt
        audit.findings += [
            f"{self.spec.name}: {line}" for line in compare_counts(self.spec, counts)
        ]

    def _stream(self, audit: SourceAudit) -> Iterator[Prompt]:
        if self.spec.source.builtin == self.data:
            return load_prompts(self.data, audit=audit)
        if self.spec.files.reader is not None:
            name = f"{self.spec.files.reader}:{self.data}"
            return load_prompts(name, revision=self.spec.source.revision, audit=audit)
        return build_prompts(self._form_rows(), _Reader(self.spec), audit)

    def _explain(self, prompts: Iterator[Prompt]) -> Iterator[Prompt]:
        """The prompts; where the hub cannot be reached, the error says how to do without."""
        try:
            yield from prompts
        except SourceError as error:
            if self.data != self.spec.source.hub:
                raise
            do = self.row.describe_copy()
            raise SourceError(error.where, error.found, "the hub or a local copy", do) from error

    def _form_rows(self) -> Iterator[SourceRow]:
        """The rows with their prompt, subset and category in columns that `sources` knows."""
        shots: dict[str | None, list[FormedRow]] | None = None
        for row in read_rows(self.spec, self.data):
            shots = self._group_shots() if shots is None else shots
            formed = form_row(self.spec, row.values, row.where)
            values: dict[str, str | None] = {}
            if formed is not None:
                solved = shots[formed.category] if self.spec.few_shot is not None else []
                values["prompt"] = render_prompt(self.spec, formed, solved, row.where)
                values |= {"subset": formed.subset, "category": formed.category}
            yield SourceRow(
                values, row.where, row.source, row.text or encode_compact(dict(row.values))
            )

    def _group_shots(self) -> dict[str | None, list[FormedRow]]:
        few, shots = self.spec.few_shot, defaultdict[str | None, list[FormedRow]](list)
        if few is None:
            return shots
        for row in read_shots(self.spec, self.data):
            formed = form_row(self.spec, row.values, row.where)
            if formed is not None and len(shots[formed.category]) < few.count:
                shots[formed.category].append(formed)
        return shots


class _Reader:
    """Reads a formed row; knows which prompts came before."""

    def __init__(self, spec: BenchmarkSpec) -> None:
        self._spec = spec
        self._seen: set[str] = set()

    def __call__(self, row: SourceRow) -> tuple[list[Message], tuple[str, ...]]:
        text = row.values.get("prompt")
        if text is None:
            return [], (NO_PROMPT,)
        if not text.strip():
            raise SourceError(row.where, "an empty prompt", "text")
        messages: list[Message] = [{"role": "user", "content": text}]
        if self._spec.prompt.system is not None:
            messages.insert(0, {"role": "system", "content": self._spec.prompt.system})
        if not self._spec.prompt.unique:
            return messages, ()
        prompt_id = compute_prompt_id(messages)
        if prompt_id in self._seen:
            return messages, (REPEATED,)
        self._seen.add(prompt_id)
        return messages, ()


def load_benchmark(name: str | Path, data: str | Path | None = None) -> Benchmark:
    """A benchmark of the table, of `$ALIGNRAY_BENCHMARKS`, or of a YAML file.

    Args:
        name: a row's name or the path of a YAML file.
        data: its prompts; by default a local copy, else the hub.

    Raises:
        ConfigError: no such benchmark, or no copy of it (with where to get one).
    """
    row = find_row(str(name))
    return Benchmark(row, row.locate() if data is None else str(data))


def load_benchmark_prompts(config: BenchmarkConfig, audit: SourceAudit) -> Iterator[Prompt]:
    """The prompts of a benchmark of a recipe: by its row, or as any source's.

    Raises:
        SourceError: as `Benchmark.load_prompts`.
    """
    if config.name is None:
        return load_prompts(config.prompts, audit=audit)
    return Benchmark(find_row(config.name), config.prompts).load_prompts(audit)
