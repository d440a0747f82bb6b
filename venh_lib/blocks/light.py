"""The light that a frame stands in, and means about each pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# What coding moves the light of a place by, in 0–1: five of 255 levels.
SHADE = 5 / 255


def light(difference: Tensor, cell: int) -> Tensor:
    """What ``difference`` [B, C, H, W] is over surroundings of three cells of ``cell`` pixels: the light, no detail."""
    height, width = difference.shape[-2:]
    cell = min(cell, height, width)
    cells = functional.avg_pool2d(difference.float(), cell, ceil_mode=True, count_include_pad=False)
    cells = functional.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False)
    return functional.interpolate(cells, (height, width), mode="bilinear").to(difference.dtype)


def lit_as(frame: Tensor, other: Tensor, cell: int) -> Tensor:
    """``other`` ``[B, 3, H, W]``, RGB in 0–1, in the ``light`` of ``frame`` where they clearly differ in it.

    A slow shade that coding took from the one the other may still have, and should keep: so a difference of light L
    counts by e / (e + SHADE²), e its mean square around.
    """
    difference = light(frame - other, cell)
    squared = difference.float().square().mean(dim=1, keepdim=True)
    around = mean_about(squared, 2 * cell + 1)
    return other + (difference * around / (around + SHADE**2)).to(other.dtype)


def mean_about(values: Tensor, around: int) -> Tensor:
    """Mean of ``values`` ``[B, C, H, W]`` over ``around`` pixels a side, odd, about each, of those inside; float32."""
    # Running sums cost the same for any width. What they differ by is small beside them, so they are doubles.
    exact = torch.float32 if values.device.type == "mps" else torch.float64
    means, half = values.to(exact), around // 2
    for dim in (-2, -1):
        sums = means.cumsum(dim)
        none, whole = torch.zeros_like(sums.narrow(dim, 0, 1)), sums.narrow(dim, -1, 1)
        sums = torch.cat((*[none] * (half + 1), sums, *[whole] * half), dim=dim)
        size = means.shape[dim]
        count = 1 + sum((torch.arange(size) - end).abs().clamp(max=half) for end in (0, size - 1))
        count = count.to(sums).view(-1, *[1] * (-1 - dim))
        means = (sums.narrow(dim, around, size) - sums.narrow(dim, 0, size)) / count
    return means.float()
