"""What a step does beside Adam's: the moving average of the weights, and adaptive gradient clipping."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn


class Average:
    """Exponential moving average of a network's weights and buffers.

    The decay grows from 0 to its final value over the first steps, so that the average forgets the
    initial weights even in a short training.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards ``network`` after its step number ``step`` (0-based)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, value in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


@torch.no_grad()
def clip_adaptively(parameters: Sequence[nn.Parameter], limit: float, epsilon: float = 1e-3) -> None:
    """Scale each output unit's gradient down to ``limit`` × the norm of its weights (report §4.7, its [8])."""
    for parameter in parameters:
        if parameter.grad is None:
            continue
        dims = tuple(range(1, parameter.ndim)) if parameter.ndim > 1 else (0,)
        weight = torch.linalg.vector_norm(parameter, dim=dims, keepdim=True).clamp_min(epsilon)
        gradient = torch.linalg.vector_norm(parameter.grad, dim=dims, keepdim=True).clamp_min(1e-12)
        parameter.grad.mul_((limit * weight / gradient).clamp_max(1.0))
