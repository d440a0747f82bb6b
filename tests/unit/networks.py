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


def calmed(flow: nn.Module) -> None:
    """Make SpyNet's flow a tenth as long, in place: a longer one of awakened weights leaves the frame."""
    with torch.no_grad():
        for level in flow.levels:
            level[-1].weight.mul_(0.1)
