"""Rank mode as a row task: one order of the N responses per presentation, brought together.

Each presentation is one request whose answer can only be an order: one of all permutations for up
to five responses, a regex beyond (which lets a number repeat; such an answer is unreadable). A row
is scored if all its presentations are: a missing one would let the places of the others count.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import pyarrow as pa

from alignray.config.inference import SamplingParams
from alignray.config.ranking import RankConfig
from alignray.inference.engine import Constraint, Request, Result, get_model_label
from alignray.inference.identity import describe_engine
from alignray.inference.row_task import (
    compute_row_key,
    compute_salt,
    compute_seed,
    raise_rejected,
)
from alignray.prompts import build_rank_message, load_rubric
from alignray.ranking.judging import (
    build_ranked_row,
    check_judgeable,
    choose_nonce,
    compute_form_digest,
    summarize_verdicts,
)
from alignray.ranking.orders import Order, aggregate_rankings, build_orders
from alignray.ranking.verdicts import OrderVerdict, Verdict, parse_order
from alignray.records import RankedPrompt, RowStatus

MAX_LISTED = 5
"""Responses up to which all orders are listed (120 of them)."""


@functools.lru_cache(maxsize=64)
def build_order_constraint(num_responses: int) -> Constraint:
    """The orders that a judge may write, e.g. `1 2` and `2 1`."""
    names = [str(i) for i in range(1, num_responses + 1)]
    if num_responses <= MAX_LISTED:
        return Constraint(choice=tuple(" ".join(order) for order in permutations(names)))
    one = "|".join(reversed(names))  # 12 before 1
    return Constraint(regex=f"({one})( ({one})){{{num_responses - 1}}}")


class RankTask:
    """Orders of the responses to one prompt; see `alignray.inference.row_task.RowTask`."""

    output_schema: pa.Schema = RankedPrompt.ARROW_SCHEMA

    def __init__(self, config: RankConfig) -> None:
        """Raises SourceError or ModelError where rubric or judge are missing."""
        self._rubric = load_rubric(config.rank_rubric)
        self._num_orders = config.num_orders
        self._seed = config.seed
        self._judge = get_model_label(config.judge)
        self._sampling = SamplingParams(n=1, temperature=0, max_tokens=config.max_verdict_tokens)
        self.salt = compute_salt(
            {
                "stage": "rank",
                "mode": "rank",
                "judge": describe_engine(config.judge),
                "rubrics": [self._rubric.digest],
                "form": compute_form_digest(),
                "num_orders": config.num_orders,
                "max_verdict_tokens": config.max_verdict_tokens,
                "seed": config.seed,
            }
        )

    def compute_key(self, row: Mapping[str, Any]) -> str:
        """Judge, rubric and orders (the salt), prompt id, conversation and responses."""
        return compute_row_key(self.salt, row["prompt_id"], row["messages"], row["generations"])

    def build_requests(self, row: Mapping[str, Any]) -> list[Request]:
        """One request per presentation order.

        Raises:
            RequestRejected: fewer than two responses.
        """
        check_judgeable(row, at_least=2)
        generations = row["generations"]
        nonce, key = choose_nonce(row, self._seed), self.compute_key(row)
        requests = []
        for number, order in enumerate(self._build_orders(row)):
            shown = [generations[i] for i in order]
            content = build_rank_message(self._rubric.text, row["messages"], shown, nonce)
            requests.append(
                Request(
                    request_id=f"{key}-{number}",
                    messages=[{"role": "user", "content": content}],
                    sampling=self._sampling,
                    seed=self._seed,
                    constraint=build_order_constraint(len(generations)),
                )
            )
        return requests

    def build_row(self, row: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
        """The prompt's columns, its responses and their mean ranks."""
        size = len(row["generations"])
        raise_rejected(results)
        outputs = [result.outputs[0] for result in results]
        verdicts = [parse_order(o.text, size, o.finish_reason) for o in outputs]
        return (
            build_ranked_row(row, self._judge, self.compute_key(row))
            | combine_orders(self._build_orders(row), verdicts)
            | {
                "prompt_tokens": sum(result.prompt_tokens for result in results),
                "completion_tokens": sum(output.num_tokens for output in outputs),
            }
        )

    def build_empty_row(
        self, row: Mapping[str, Any], status: RowStatus, reason: str
    ) -> dict[str, Any]:
        """The row with its responses, all unscored, and the reason."""
        empty = build_ranked_row(row, self._judge, self.compute_key(row))
        return empty | {"status": status.value, "reason": reason}

    def _build_orders(self, row: Mapping[str, Any]) -> list[Order]:
        seed = compute_seed(self._seed, row["prompt_id"])
        return build_orders(len(row["generations"]), self._num_orders, seed)


def combine_orders(orders: Sequence[Order], verdicts: Sequence[OrderVerdict]) -> dict[str, Any]:
    """Ratings (N + 1 - mean rank), ranks, position ranks, flips; unscored if any order is."""
    size = len(orders[0])
    reason = next((verdict.reason for verdict in verdicts if verdict.reason), None)
    rankings = [verdict.order for verdict in verdicts if verdict.order is not None]
    if reason is not None or len(rankings) < len(orders):
        row = summarize_verdicts([Verdict(None, reason)] * size)
        return row | {"reason": f"{reason}: {len(rankings)} of {len(orders)} orders are readable"}
    consensus = aggregate_rankings(orders, rankings)
    ratings = [Verdict(size + 1 - mean) for mean in consensus.mean_ranks]
    return summarize_verdicts(ratings) | {
        "position_ranks": consensus.position_ranks,
        "flip_rate": consensus.flip_rate,
    }
