"""Tiles: a large frame in overlapping pieces, blended by tapered weights (report §4.10)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from venh_lib.errors import SettingError


def check_tile(tile: tuple[int, int], overlap: int) -> None:
    """Raise SettingError unless ``tile`` is (height, width) and ``overlap`` smaller than both, in pixels."""
    if len(tile) != 2 or min(tile) < 1:
        raise SettingError(f"tile must be (height, width) in pixels, got {tile}.")
    if not 0 <= overlap < min(tile):
        raise SettingError(f"overlap must be at least 0 and less than the tile {tile}, got {overlap}.")


def tile_starts(size: int, tile: int, overlap: int) -> tuple[int, ...]:
    """First pixels of the tiles along one axis; the last tile ends with the frame.

    All starts are multiples of k when ``size``, ``tile`` and ``overlap`` are, so that a network that
    works on blocks of k pixels sees the same blocks as without tiles.
    """
    if tile >= size:
        return (0,)
    return (*range(0, size - tile, tile - overlap), size - tile)


def taper(length: int, overlap: int) -> Tensor:
    """Weights [length] of a tile along one axis: 1 inside, raised-cosine ramps of ``overlap`` pixels.

    Two ramps that meet over ``overlap`` pixels sum to 1. Never zero, so every pixel keeps a weight.
    """
    ramp = torch.arange(1, min(overlap, length) + 1, dtype=torch.float32) / (overlap + 1)
    ramp = torch.sin(ramp * (math.pi / 2)) ** 2
    weights = torch.ones(length)
    weights[: len(ramp)] = torch.minimum(weights[: len(ramp)], ramp)
    weights[length - len(ramp) :] = torch.minimum(weights[length - len(ramp) :], ramp.flip(0))
    return weights


def tiled(forward: Callable[[Tensor], Tensor], frames: Tensor, tile: tuple[int, int], overlap: int) -> Tensor:
    """``forward`` on tiles of ``frames`` [..., H, W], one at a time, blended into one float32 result.

    ``forward`` may drop leading axes but keeps H and W. A tile larger than the frame is cut to it; a
    pointwise ``forward`` gives what it gives without tiles, up to rounding.
    """
    height, width = frames.shape[-2:]
    tile_height, tile_width = min(tile[0], height), min(tile[1], width)
    weights = torch.outer(taper(tile_height, overlap), taper(tile_width, overlap)).to(frames.device)
    total: Tensor | None = None
    weight_sum = torch.zeros(height, width, device=frames.device)
    for y in tile_starts(height, tile_height, overlap):
        for x in tile_starts(width, tile_width, overlap):
            place = (..., slice(y, y + tile_height), slice(x, x + tile_width))
            output = forward(frames[place].contiguous()).to(torch.float32)
            if total is None:
                total = torch.zeros(*output.shape[:-2], height, width, device=frames.device)
            total[place] += output * weights
            weight_sum[place] += weights
    return total.div_(weight_sum)
