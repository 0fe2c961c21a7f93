"""A benchmark as one YAML file: where it is, how a row becomes a prompt, what should be there.

The files of the table lie in `alignray/evaluation/benchmarks/`; a user's own has the same keys.
Facts that nobody could check are left out, never guessed: an unknown count is null.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from alignray.config.base import Config, as_list

Kind = Literal["harmful", "benign", "choice", "number", "open"]
Names = Annotated[tuple[str, ...], BeforeValidator(as_list)]

_FACTS = ("name", "title", "judges", "metrics", "paper", "licence", "caveat", "counted", "expected")
"""Fields that say something about a benchmark and change none of its answers."""


class Decoding(Config):
    """How answers are drawn, key by key; what is not set is left to the benchmark or the stage."""

    temperature: float | None = Field(default=None, ge=0, le=10)
    """0 is greedy."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Nucleus sampling: mass of the tokens kept."""
    top_k: int | None = Field(default=None, ge=0)
    """Tokens kept; 0 keeps all."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest response in tokens."""
    repetition_penalty: float | None = Field(default=None, gt=0, le=10)
    """Above 1 discourages repeated tokens."""
    stop: tuple[str, ...] | None = None
    """Strings that end a response."""
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    """Seed of the run."""


class SourceSpec(Config):
    """Where a benchmark comes from."""

    hub: str | None = None
    """Data set on the hub: `owner/name[@CONFIG_OR_FOLDER][:SPLIT]`."""
    revision: str = "main"
    """Commit, tag or branch on the hub."""
    loads: bool = True
    """Whether the hub's copy can be read as it is; else its files are to be downloaded."""
    gated: bool = False
    """Whether the hub asks for an agreement and a token."""
    url: str | None = None
    """Where the files are, outside the hub or on it."""
    builtin: str | None = None
    """A built-in source, e.g. `pocket:eval`."""


class FilesSpec(Config):
    """What a local copy is called, and what its files look like."""

    patterns: Names = ()
    """Names of the file, the first that is there; `*` may stand for any text."""
    many: bool = False
    """Whether all files that match one pattern make up the benchmark."""
    columns: Names = ()
    """Names of the cells of a CSV file without a header."""
    name_pattern: str = ""
    """Regular expression over a file's name; its groups `(?P<column>...)` become columns."""
    reader: str | None = None
    """Prefix of a source of `alignray sample` that reads the rows, e.g. `hh-rlhf`."""


class PromptForm(Config):
    """How a row becomes what the model is asked."""

    column: Names = ("prompt",)
    """Column of the prompt: the first of these that a row has, in any letter case."""
    template: str = "{{ prompt }}"
    """Jinja text over `prompt`, `row` (all columns), `category`, `shots` (see few_shot)."""
    system: str | None = None
    """System message before it."""
    unique: bool = False
    """Whether a prompt that came before is left out (and counted)."""


class LabelSpec(Config):
    """A label of a row: the category or the subset."""

    column: Names
    """The first of these columns that a row has, in any letter case."""
    names: dict[str, str] = Field(default={})
    """Value -> label; patterns with `*` are allowed, the first that fits; others stay."""


class GoldSpec(Config):
    """The right answer of a row."""

    column: Names
    """The first of these columns that a row has, in any letter case."""
    labels: tuple[str, ...] = ()
    """Labels to choose from; a whole number in the column is a position in them, from 0."""


class FewShotSpec(Config):
    """Solved examples before the question."""

    count: int = Field(ge=1, le=64)
    """How many, the first ones of the same category."""
    patterns: Names = ()
    """Files that hold them in a local copy, beside the benchmark's own."""
    split: str | None = None
    """Split that holds them on the hub."""


class ExpectedSpec(Config):
    """What a whole copy holds, so that lost rows and categories are noticed by name."""

    rows: int | None = Field(default=None, ge=1)
    """Prompts in all."""
    categories: dict[str, int | None] = Field(default={})
    """Category -> prompts; null where only its being there is known."""
    subsets: dict[str, int | None] = Field(default={})
    """Subset -> prompts."""
    gone: dict[str, str] = Field(default={})
    """Category -> why newer copies lack it."""


class BenchmarkSpec(Config):
    """One benchmark: one YAML file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """What recipes call it."""
    title: str
    """One line."""
    kind: Kind | Literal["mixed"]
    """`harmful`: should be refused; `benign`: should be answered; `choice`: a label is right;
    `number`: a number is right; `open`: judged as a whole; `mixed`: see `kinds`."""
    kinds: dict[str, Kind] = Field(default={})
    """mixed: subset -> kind."""
    source: SourceSpec = SourceSpec()
    files: FilesSpec = FilesSpec()
    prompt: PromptForm = PromptForm()
    subset: LabelSpec | None = None
    """Subset of a row."""
    category: LabelSpec | None = None
    """Category of a row."""
    gold: GoldSpec | None = None
    """Right answer of a row; kept in the row's `original`."""
    few_shot: FewShotSpec | None = None
    decoding: Decoding = Decoding()
    """Its own decoding, for all models alike."""
    judges: tuple[str, ...] = ()
    """Judges that it is meant for, by their `type`."""
    metrics: tuple[str, ...] = ()
    """Metrics that it is meant for."""
    paper: str = ""
    """Where it was published."""
    licence: str = "unknown"
    """Licence of the data; alignray ships none of them."""
    caveat: str = ""
    """What a reader of its numbers must know."""
    counted: Literal["file", "publisher", "unknown"] = "unknown"
    """Where `expected` is from: counted in a real file, or the publisher's word."""
    expected: ExpectedSpec = ExpectedSpec()

    @model_validator(mode="after")
    def _check_kinds(self) -> Self:
        if (self.kind == "mixed") != bool(self.kinds):
            raise ValueError("`kinds` (subset: kind) is for kind mixed, which needs it")
        if self.kind in ("choice", "number") and self.gold is None:
            raise ValueError(f"kind {self.kind} needs `gold.column`")
        return self

    def identity(self) -> dict[str, Any]:
        """What decides prompts and answers: not where a copy lies, not what is said of it."""
        dump = self.model_dump(mode="json", exclude=set(_FACTS), exclude_none=True)
        del dump["source"], dump["files"]["patterns"]
        return dump
