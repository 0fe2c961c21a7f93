"""Muon (Jordan, 2024): momentum whose update is orthogonalised, for the matrices inside a network.

With it the pocket models need about half of AdamW's steps. `torch.optim.Muon` does the same in
bfloat16, which is slow on CPUs without it and rounds differently from one kind of CPU to the next;
this one stays in float32 and treats all matrices of one shape at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import torch

# Quintic Newton-Schulz iteration of the reference implementation: singular values end between 0.7
# and 1.2.
_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
_ITERATIONS: Final = 5


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, scaled to the usual size of AdamW's updates (0.2).

    Args:
        params: matrices alone; embeddings, norms and biases belong to another optimizer.
    """

    def __init__(
        self, params: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """One update of every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape].append(parameter)
            for shape, parameters in by_shape.items():
                directions = torch.stack(
                    [self._momentum_of(p, group["momentum"]) for p in parameters]
                )
                scale = 0.2 * max(shape) ** 0.5
                for parameter, update in zip(parameters, orthogonalise(directions), strict=True):
                    parameter.add_(update, alpha=-group["lr"] * scale)

    def _momentum_of(self, parameter: torch.nn.Parameter, momentum: float) -> torch.Tensor:
        assert parameter.grad is not None
        buffer = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
        buffer.lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(buffer, momentum)


def orthogonalise(matrices_KRC: torch.Tensor) -> torch.Tensor:
    """K matrices (R rows, C columns) with their singular values brought near 1."""
    a, b, c = _COEFFICIENTS
    tall = matrices_KRC.shape[-2] > matrices_KRC.shape[-1]
    x = matrices_KRC.mT if tall else matrices_KRC
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x
