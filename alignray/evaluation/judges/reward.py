"""The reward model as a judge: one reward per answer, and what scores are made of them.

Rows are `JUDGEMENT_SCHEMA`; a value is the model's logit, rounded nowhere. Answers that are too
long for the model, or whose reward is no number, have a reason.

Not measured: safety. Reward models are near chance on harmlessness, their scale has no zero, and
two of them do not share it.
"""

from __future__ import annotations

import math

from alignray.config.judges import RewardJudgeConfig
from alignray.evaluation.judges.judgement import Judgement
from alignray.evaluation.judges.per_number import PerNumberTask
from alignray.inference.engine import Output
from alignray.inference.reward_engine import REWARD


class RewardTask(PerNumberTask):
    """A reward for every answer; the thresholds are no part of it, so they cost no new rewards."""

    kind = "reward"

    def __init__(self, name: str, config: RewardJudgeConfig) -> None:
        """Builds the task.

        Args:
            name: of the judge in the configuration; the rows' `judge`.
            config: the reward model.

        Raises:
            ModelError: the model is missing.
        """
        super().__init__(name, config.engine)

    def read(self, output: Output) -> Judgement:
        """The reward as the value."""
        reward = output.scores.get(REWARD)
        if reward is None or not math.isfinite(reward):
            return Judgement(reason="no reward")
        return Judgement(value=reward)
