"""How answers were drawn, in words: as it was, not as the recipe's default has it."""

from alignray.evaluation.summary import build_forms
from alignray.reports.decoding import describe_decoding
from alignray.reports.evaluation import describe_evaluation
from tests.evaluation.made_up import build_made_up_metrics
from tests.reports.full_metrics import build_full_config
from tests.reports.made_up import build_full_metrics


def test_one_phrase_where_all_were_answered_alike():
    text = describe_evaluation(build_made_up_metrics())
    drawn = "temperature 0.0, at most 256 tokens, seed 0"
    assert text == f"base, sft answered the same prompts ({drawn}); judge judge"


def test_a_phrase_for_each_way_of_answering():
    assert describe_decoding(build_full_metrics()) == (
        "risky, plain: temperature 0.0, at most 256 tokens, seed 0;"
        " mmlu: the likeliest of A, B, C, D;"
        " gsm8k: temperature 0.0, at most 512 tokens, seed 0"
    )


def test_what_does_something_is_named():
    drawn = {"temperature": 0.7, "top_p": 0.9, "top_k": 0, "stop": ["END"], "max_tokens": 7}
    config = build_full_config(
        benchmarks={"plain": {"prompts": "p.jsonl", "kind": "benign", "decoding": drawn}}
    )
    metrics = {"benchmarks": {"plain": "benign"}, "forms": build_forms(config)}
    assert describe_decoding(metrics) == (
        "temperature 0.7, at most 7 tokens, top_p 0.9, stop at ['END'], seed 0"
    )
