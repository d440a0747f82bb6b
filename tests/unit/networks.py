"""What the tests of networks share: weights that are nowhere zero, parameters that no gradient reaches."""

import torch
from torch import nn


def awakened(network: nn.Module) -> nn.Module:
    """Noise on all weights, as some start at zero: zeros hide what stands behind them."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


def without_gradient(network: nn.Module) -> list[str]:
    """Names of the parameters that the last backward pass did not reach."""
    return [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def of_one_scene(batch: int, count: int, height: int, width: int) -> torch.Tensor:
    """Frames [B, count, 3, H, W] that differ little: between strangers flow finds anything, and leaves the frame."""
    still, changing = (torch.rand(batch, n, 3, height, width) for n in (1, count))
    return 0.2 + 0.6 * still + 0.02 * changing
