"""Rows of different lengths -> tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def pad(rows: Sequence[Sequence[Any]], value: int | float) -> torch.Tensor:
    """Rows as a tensor [rows, longest], filled up on the right."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])
