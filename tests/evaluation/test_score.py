"""A score of nothing is no success, whatever the scorer."""

from pathlib import Path

import pytest

from alignray.config.base import Config
from alignray.errors import EvaluationError
from alignray.evaluation.score import SCORERS, Scorer, run_score
from alignray.evaluation.scoring.score import ScoreReport

EMPTY = {
    "xstest": '[{"id": 1, "type": "homonyms", "response": null}]',
    "asr": '[{"responses": []}]',
    "cas": '[{"prompt": "p", "response": "r", "rating": null}]',
    "preference_accuracy": '[{"score_chosen": null, "score_rejected": 1}]',
    "win_rate": '[{"output_1": "a", "output_2": "b", "preference": null}]',
    "moderation": '[{"results": []}]',
    "harmfulness": '[{"score": null}]',
    "perplexity": '[{"nll": null, "tokens": 3}]',
    "agreement": '[{"annotator1": "a", "annotator2": null}]',
    "judge_accuracy": '[{"gold": "a", "verdict": null}]',
    "position_consistency": '[{"verdict_ab": "1", "verdict_ba": null}]',
}


@pytest.mark.parametrize("metric", EMPTY)
def test_a_file_with_nothing_scored_is_an_error(metric, tmp_path):
    path = tmp_path / "1_base_helpful.json"
    path.write_text(EMPTY[metric])
    with pytest.raises(EvaluationError):
        run_score(metric, [str(path)], as_json=True)


@pytest.mark.parametrize("name", SCORERS)
def test_no_scorer_may_come_back_with_nothing(name, monkeypatch):
    class Silent:
        @staticmethod
        def score_files(files, options):
            return ScoreReport([])

    monkeypatch.setattr(Scorer, "_load", lambda scorer: Silent)
    with pytest.raises(EvaluationError, match=f"no scored rows for {name}"):
        SCORERS[name].score([Path("a.json")], Config())
