"""Weights and frames by formula, so that two implementations can be filled alike without sharing a file."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def _wave(shape: tuple[int, ...], k: int) -> np.ndarray:
    return np.sin(0.37 * np.arange(np.prod(shape), dtype=np.float64) + k).reshape(shape)


def fill(parameters: Iterable[Tensor], scale: float = 1.5) -> None:
    """Fill ``parameters`` in place, one after the other.

    Element ``i`` (flattened) of the parameter number ``k`` is sin(0.37·i + k) · scale / √fan-in, fan-in
    being the product of all sizes but the first; a one-dimensional parameter has 0.1 · sin(0.37·i + k).
    """
    with torch.no_grad():
        for k, parameter in enumerate(parameters):
            shape = tuple(parameter.shape)
            factor = 0.1 if len(shape) == 1 else scale / np.sqrt(np.prod(shape[1:]))
            parameter.copy_(torch.from_numpy((factor * _wave(shape, k)).astype(np.float32)))


def fill_statistics(layers: Iterable[torch.nn.BatchNorm2d]) -> None:
    """Fill the running means with 0.1 · sin(0.37·i + k) and the running variances with 1 + 0.5 · sin(…)."""
    for k, layer in enumerate(layers):
        wave = torch.from_numpy(_wave((layer.num_features,), k).astype(np.float32))
        layer.running_mean.copy_(0.1 * wave)
        layer.running_var.copy_(1 + 0.5 * wave)


def frame(height: int, width: int, t: int = 0) -> Tensor:
    """A frame ``[1, 3, height, width]`` in 0–1; channel c at (x, y) is
    0.5 + 0.4 · sin(0.11·x + 0.17·y + c) · cos(0.05·x·c + 0.07·y), with x + 1.5·t for x and y − 0.5·t for y.
    """
    c, y, x = np.meshgrid(np.arange(3), np.arange(height) - 0.5 * t, np.arange(width) + 1.5 * t, indexing="ij")
    values = 0.5 + 0.4 * np.sin(0.11 * x + 0.17 * y + c) * np.cos(0.05 * x * c + 0.07 * y)
    return torch.from_numpy(values.astype(np.float32))[None]


def clip(frames: int, height: int, width: int) -> Tensor:
    """``[1, frames, 3, height, width]``: ``frame`` at t = 0, 1, …, drifting to the left and down."""
    return torch.stack([frame(height, width, t) for t in range(frames)], dim=1)


def describe(output: Tensor) -> dict[str, float | list[float]]:
    """Mean, standard deviation and nine pixels (red, green, blue at three places) of ``[1, 3, H, W]``.

    Of ``[1, T, 3, H, W]`` the frames one below the other.
    """
    image = output[0].double()
    if image.ndim == 4:
        image = image.transpose(0, 1).flatten(1, 2)
    height, width = image.shape[-2:]
    places = ((0, 0), (height // 2, width // 3), (height - 1, width - 1))
    pixels = [image[channel, y, x].item() for y, x in places for channel in range(3)]
    return {"mean": image.mean().item(), "std": image.std().item(), "pixels": pixels}
