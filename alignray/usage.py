"""The texts of `--help`; those of stages are made from their configuration classes."""

from __future__ import annotations

from alignray.verbs import VERBS, Verb

_ALL = """usage: alignray <verb> [--config FILE] [key=value ...] [--dry-run] [--address A] [--json]

Safety alignment of language models on Ray.

stages (each with --help, --dry-run):
{stages}

recipes:
  plan RECIPE [--out DIR] [stage.key=value ...] [--json]    what it would do
  run RECIPE --out DIR [stage.key=value ...] [--address A]  do it, or go on with it
                       (both with --override FILE: values over the recipe's, under the arguments)
  status DIR [--json]                                       where it is
  report DIR... [out=DIR] [examples=N] [mixed=true]         one page, tables and text out of runs

  convert DIR FORMAT --out OUT                              an evaluation as others' files
  score METRIC FILE... [key=value ...] [--json]             a metric out of files alone
  benchmarks [NAME] [--json]                                the table of benchmarks, or one of them
  data check FILE [verb=sft|dpo] [key=value ...] [--json]   what rows become in training
  doctor [--json]                                           what this machine can run
  --version

exit codes: 0 done, 1 failed, 2 bad input (nothing was done), 3 done but some rows failed,
130 interrupted. RAY_ADDRESS or --address joins a cluster; a local Ray is started otherwise."""

_STAGE = """usage: alignray {name} [--config FILE] [key=value ...] [options]

  --config FILE   YAML file; key=value arguments (values in YAML) override it
  --dry-run       check, print the configuration, what would be read and written, and end; exit 2
                  where the run would be refused
  --address A     Ray cluster to join ($RAY_ADDRESS; a local Ray is started otherwise)
  --json          print the stage's record as JSON"""

_LAUNCH = """
  --deepspeed FILE  launch file of accelerate (DeepSpeed, FSDP, MULTI_GPU) or a DeepSpeed
                  configuration: sets resources.num_workers, strategy and offload

FILE of --config may be a recipe of alignment-handbook as it is (dataset_mixer or dataset_mixture,
torch_dtype, max_seq_length, ...), known by its keys. A line on stderr says of each key what it
became, or that it is ignored or not honoured and why. Arguments come last, in the keys below."""

_COMMANDS = {
    "plan": """usage: alignray plan RECIPE [--out DIR] [--override FILE] [--json]
                     [stage.key=value ...]

What `alignray run` would do with the same arguments, stage by stage: run, resume, skip (finished),
rerun (settings changed; the old directory is moved aside), check (depends on what is made before).
Nothing is touched. Rows, requests and tokens are upper bounds.

  --out DIR        run directory (default: runs/NAME of the recipe)
  --override FILE  YAML of `vars` and `stages` over the recipe's; arguments go over both
  --json           the plan as JSON, with the configuration of every stage

{recipe}""",
    "run": """usage: alignray run RECIPE --out DIR [--override FILE] [--address A] [--dry-run]
                    [stage.key=value ...]

Runs the stages of a recipe that are not finished, each in DIR/<stage>, then writes DIR/record.json,
DIR/report.html, .json, .csv and .md. The same command again goes on where it stopped. Stages of
other settings are moved aside to DIR/.superseded and never written over.

  --out DIR        run directory; it belongs to one recipe
  --override FILE  YAML of `vars` and `stages` over the recipe's; arguments go over both
  --address A      Ray cluster to join ($RAY_ADDRESS; a local Ray is started otherwise)
  --dry-run        the same as alignray plan

{recipe}""",
    "status": """usage: alignray status DIR [--json]

Where a run (or a single stage) is: the state of each stage, its rows in, ok, unscored and failed,
its times, and what stopped it. Read from files alone, while a run is at work or not.""",
    "report": """usage: alignray report DIR... [out=DIR] [examples=N] [mixed=true]

Writes report.html (one self-contained page), report.json (every number), report.csv (the same for
spreadsheets) and report.md (the main numbers, for a pull request), out of the records of finished
stages. DIR is a run, or one finished stage (then with out=).

Several runs become one report. A model name that two of them have becomes `name (run)`. A
benchmark that two of them share must have been answered and judged alike: prompts, decoding but
for the seed, system prompt, thresholds, judge, rubrics; else they are refused, or shown with a
warning with mixed=true. Differences are marked against the first model of the same run.

{options}""",
    "data": """usage: alignray data check FILE [verb=sft|dpo] [rows=N] [key=value ...] [--json]
       alignray data check --config FILE [key=value ...] [--json]

What the rows of a data set become in training: how many are kept, left out (by reason), truncated;
how long they are in tokens; the share of tokens with a loss; and the first rows, token by token, by
kind: prompt (dim), response (green), control token (cyan), cut off (red). Elsewhere than on a
terminal, and with $NO_COLOR, marks stand in for colours. It prints the text of these rows.

  verb            training whose rows are shown: sft (default) or dpo
  rows            rows shown (default 3)
  key=value       keys of that training, as in alignray sft --help: model_name_or_path (default
                  pocket-base), chat_template, max_length, truncation_mode, loss_on...
  --config FILE   configuration of the training, with its data sets if there is no FILE
  --json          the report as JSON""",
    "convert": """usage: alignray convert DIR FORMAT --out OUT

A finished evaluation as the files of another project, a folder per model below OUT.

  lm_eval          results.json of lm-evaluation-harness: every number of the report
  alpaca_eval      model_outputs.json: the answers; annotations.json: a comparing judge's word
  jailbreakbench   an artifact for each set of harmful prompts, with the judge's verdicts

Nothing is written over. All but lm_eval's hold prompts and answers as they are.""",
    "score": """usage: alignray score METRIC FILE... [key=value ...] [--json]

A metric out of files alone, ours or a publisher's, with intervals; no model and no Ray. JSON:
`scores` (entries of report.json), `details` (sweeps, tables, ids), `notes`.

{scorers}""",
    "benchmarks": """usage: alignray benchmarks [NAME] [--json]

The benchmarks that `alignray eval` knows by name: name, kind, number of prompts, licence, source,
caveat; with NAME (or the path of a YAML file) all that one row says, and where its copy is.

In a recipe `benchmarks: {xs: xstest}` or `{xs: {name: xstest, select: {num_prompts: 100}}}` takes
one. Its prompts come from the key `prompts`, else from a copy in $ALIGNRAY_BENCHMARKS (in NAME/, or
as the row's `files.patterns` call it), else from the hub. No data of others is shipped. A mixed row
becomes one benchmark for each of its subsets: `xs-safe`, `xs-unsafe`.

A benchmark of yours is one YAML file, in that folder or named by its path:

  name: my-set
  title: What it is
  kind: harmful                     # or benign, choice, number, open, mixed
  files: {patterns: [my_set.csv]}   # beside the YAML file, or in $ALIGNRAY_BENCHMARKS
  prompt: {column: question}
  category: {column: topic}
  expected: {rows: 120, categories: {fraud: 60, theft: 60}}

{keys}""",
    "doctor": """usage: alignray doctor [--json]

What this machine can run, a line per finding: ok, note (something is missing or short) or bad.""",
}


def render_usage() -> str:
    """The text of `alignray --help`."""
    stages = "\n".join(f"  {verb.name:<8} {verb.summary}" for verb in VERBS.values())
    return _ALL.format(stages=stages)


def render_stage_help(verb: Verb) -> str:
    """The text of `alignray <verb> --help`: every key with type, bounds, default, documentation."""
    from alignray.config.help import render_help

    name = f"{verb.name} {verb.positional.upper()}".strip()
    text = _STAGE.format(name=name) + (_LAUNCH if verb.takes_launch_file else "")
    return render_help(verb.load_config_class(), text)


def render_command_help(name: str, of: str | None = None) -> str:
    """The text of `alignray <command> --help`; with the form of recipes where it takes one.

    `of` is what the command was to do: of `score`, the metric, whose options alone are shown.
    """
    from alignray.config import recipe
    from alignray.config.help import render_help

    if name == "score":
        return _COMMANDS[name].replace("{scorers}", _render_scorers(of))
    if name == "benchmarks":
        from alignray.config.benchmark_spec import BenchmarkSpec

        return _COMMANDS[name].replace("{keys}", render_help(BenchmarkSpec, "").strip())
    if name == "report":
        from alignray.config.reporting import ReportConfig

        return _COMMANDS[name].replace("{options}", render_help(ReportConfig, "").strip())
    form = f"{(recipe.__doc__ or '').strip()}\n\n{render_help(recipe.RecipeFile, '').strip()}"
    return _COMMANDS[name].replace("{recipe}", form)


def _render_scorers(metric: str | None) -> str:
    """Every metric of `alignray score`, or one, with the files it reads and its options."""
    from alignray.config.help import render_help
    from alignray.evaluation.score import SCORERS, find_scorer

    return "\n\n".join(
        render_help(scorer.load_options(), f"{scorer.name}: {scorer.reads}").strip()
        for scorer in ([find_scorer(metric)] if metric else SCORERS.values())
    )
