from __future__ import annotations

import asyncio
import re
from typing import Any

import pyarrow as pa
import pytest

from alignray.config.inference import FakeEngineConfig
from alignray.inference.engine import Output, RequestRejected, Result
from alignray.inference.fake_engine import FakeEngine
from alignray.ranking.rank_task import RankTask, build_order_constraint
from alignray.records import RankedPrompt
from tests.ranking.completions import build_completion, build_config


def finish(task: RankTask, row: dict[str, Any], results: list[Result]) -> RankedPrompt:
    finished = task.build_row(row, results)
    table = pa.Table.from_pylist([finished], RankedPrompt.ARROW_SCHEMA)
    assert set(finished) == set(RankedPrompt.ARROW_SCHEMA.names)
    return RankedPrompt.from_row(table.to_pylist()[0])


def say(text: str) -> Result:
    return Result([Output(text, "stop", len(text.split()))], prompt_tokens=20)


def shown(request: Any) -> list[str]:
    """The responses as the judge reads them, by place."""
    text = request.messages[0]["content"]
    return re.findall(r"<<response \d+ \w+>>\n(.*?)\n<<end", text, re.DOTALL)


def read_like_a_judge(task: RankTask, row: dict[str, Any], best_first: list[str]) -> list[Result]:
    """Answers of a judge that knows the true order and does not look at places."""
    answers = []
    for request in task.build_requests(row):
        places = shown(request)
        answers.append(say(" ".join(str(places.index(text) + 1) for text in best_first)))
    return answers


@pytest.mark.parametrize("num_orders", [1, 2, 3, 4, 7])
def test_a_judge_that_reads_is_understood_in_any_order(num_orders: int) -> None:
    task = RankTask(build_config(mode="rank", num_orders=num_orders))
    row = build_completion()
    results = read_like_a_judge(task, row, ["No.", "Maybe.", "Yes, like this."])
    ranked = finish(task, row, results)
    assert ranked.ranks == [3.0, 1.0, 2.0]
    assert ranked.ratings == [1.0, 3.0, 2.0]
    assert ranked.verdicts == ["scored"] * 3
    assert ranked.flip_rate == (None if num_orders == 1 else 0.0)
    assert ranked.prompt_tokens == 20 * num_orders
    assert ranked.status == "ok"
    assert ranked.safety == [None] * 3


def test_a_judge_that_looks_at_places_alone_gives_ties() -> None:
    task = RankTask(build_config(mode="rank", num_orders=3))
    ranked = finish(task, build_completion(), [say("1 2 3")] * 3)
    assert ranked.ratings == [2.0] * 3
    assert ranked.verdicts == ["tie"] * 3
    assert ranked.position_ranks == [1.0, 2.0, 3.0]
    assert ranked.flip_rate is not None
    assert ranked.flip_rate > 0.5


@pytest.mark.parametrize(
    ("text", "reason"), [("2 2 1", "unreadable"), ("I'm sorry, I can't do that.", "refused")]
)
def test_one_order_that_cannot_be_read_leaves_the_row_unscored(text: str, reason: str) -> None:
    task = RankTask(build_config(mode="rank", num_orders=2))
    ranked = finish(task, build_completion(), [say("1 2 3"), say(text)])
    assert ranked.status == "unscored"
    assert ranked.ratings == ranked.ranks == [None] * 3
    assert ranked.verdict_reasons == [reason] * 3
    assert ranked.reason == f"{reason}: 1 of 2 orders are readable"
    assert ranked.position_ranks == []


def test_a_cut_off_order_is_truncated() -> None:
    task = RankTask(build_config(mode="rank", num_orders=1))
    ranked = finish(task, build_completion(), [Result([Output("1 2", "length", 2)], 20)])
    assert ranked.verdict_reasons == ["truncated"] * 3


def test_identical_responses_can_be_ordered() -> None:
    task = RankTask(build_config(mode="rank", num_orders=2))
    row = build_completion(generations=["Same.", "Same."])
    assert len(task.build_requests(row)) == 2


def test_a_single_response_has_no_order() -> None:
    task = RankTask(build_config(mode="rank"))
    with pytest.raises(RequestRejected, match="nothing to order"):
        task.build_requests(build_completion(generations=["Yes."]))


def test_constraints() -> None:
    two = build_order_constraint(2)
    assert two.choice == ("1 2", "2 1")
    assert build_order_constraint(5).choice is not None
    assert len(build_order_constraint(5).choice or ()) == 120
    twelve = build_order_constraint(12)
    assert twelve.regex is not None
    assert re.fullmatch(twelve.regex, "12 1 2 3 4 5 6 7 8 9 10 11")
    assert not re.fullmatch(twelve.regex, "13 1 2 3 4 5 6 7 8 9 10 11")
    assert not re.fullmatch(twelve.regex, "1 2 3")


def test_keys() -> None:
    row = build_completion()
    base = RankTask(build_config(mode="rank")).compute_key(row)
    assert RankTask(build_config(mode="rank", safety_weight=1.0)).compute_key(row) == base
    assert RankTask(build_config(mode="rank", num_orders=3)).compute_key(row) != base
    assert RankTask(build_config(mode="rank", rank_rubric="safety")).compute_key(row) != base


def test_with_a_fake_engine_that_favours_places() -> None:
    task = RankTask(build_config(mode="rank", num_orders=5))
    rows = [build_completion(i, generations=[f"{i} {j}" for j in range(5)]) for i in range(60)]

    async def judge(bias: float) -> list[RankedPrompt]:
        engine = FakeEngine(FakeEngineConfig(position_bias=bias))
        await engine.start()
        finished = []
        for row in rows:
            results = [await engine.generate(r) for r in task.build_requests(row)]
            finished.append(finish(task, row, results))
        return finished

    biased, fair = asyncio.run(judge(1.0)), asyncio.run(judge(0.0))
    assert all(row.position_ranks == [1, 2, 3, 4, 5] for row in biased)
    assert all(row.verdicts == ["tie"] * 5 for row in biased)
    first = sum(row.position_ranks[0] or 0 for row in fair) / len(fair)
    assert 2.7 < first < 3.3
