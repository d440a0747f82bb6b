"""The plots of notebook 22, and what it measures with: how far networks see, what passes inside, at which scale."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, NullLocator
from torch import Tensor, nn
from torch.nn import functional

from venh_lib import codec
from venh_lib.blocks.residual import LEAK, he_
from venh_lib.colour import join_planes, split_planes
from venh_lib.errors import SettingError
from venh_lib.figures import style
from venh_lib.video import VideoWriter, read_planes

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def influence(network: nn.Module, features: Tensor) -> Tensor:
    """How strongly each place of ``features`` [1, C, h, w] moves the network's output in the middle, [h, w]."""
    watched = features.clone().requires_grad_()
    output = network(watched)
    middle = output[0, :, output.shape[2] // 2, output.shape[3] // 2].sum()
    return torch.autograd.grad(middle, watched)[0][0].abs().sum(0)


def can_see(network: nn.Module, channels: int, side: int) -> int:
    """Columns of features [1, ``channels``, ``side``, ``side``] that can move the output in the middle.

    Counted in a copy whose convolutions are all positive, so that nothing cancels.
    """
    positive = copy.deepcopy(network)
    for part in positive.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.constant_(part.weight, 1 / part.weight[0].numel())
    return int((influence(positive, torch.ones(1, channels, side, side)) > 0).any(0).sum())


def does_see(network: nn.Module, channels: int, side: int, share: float = 0.9) -> int:
    """Width of the square around the middle that holds ``share`` of all influence, with He et al.'s random weights.

    On features [1, ``channels``, ``side``, ``side``] of noise, in a copy of the network; by torch's random state.
    """
    begun = copy.deepcopy(network)
    he_(begun, LEAK)
    strength = influence(begun, torch.randn(1, channels, side, side))
    away = (torch.arange(side) - side // 2).abs()
    distance = torch.maximum(away[:, None], away)
    rings = torch.zeros(int(distance.max()) + 1).index_add(0, distance.flatten(), strength.flatten())
    return 1 + 2 * int((rings.cumsum(0) < share * rings.sum()).sum())


def passing(parts: Mapping[str, nn.Module], run: Callable, *inputs: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """What each of ``parts`` is given and makes in ``run(*inputs)``, without gradients: {name: (given, made)}."""
    noted: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = [
        part.register_forward_hook(lambda _, given, made, name=name: noted.update({name: (given[0], made)}))
        for name, part in parts.items()
    ]
    try:
        with torch.no_grad():
            run(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return noted


@contextmanager
def instead(part: nn.Module, **changed: Callable) -> Iterator[None]:
    """While it lasts, methods of ``part`` are others."""
    for name, function in changed.items():
        setattr(part, name, function)
    try:
        yield
    finally:
        for name in changed:
            delattr(part, name)


def coded(pictures: Sequence[Planes], qps: Sequence[int]) -> Tensor:
    """Luma of ``pictures`` (Y, Cb, Cr, uint8, chroma of half the sides) coded at each of ``qps``, in 0–1.

    [QPs, pictures, H, W]. They are coded as one stream, once for each QP, every picture at another QP than the one
    before it: where neighbours show different scenes, each is coded nearly by itself.
    """
    height, width = pictures[0][0].shape
    made = torch.zeros(len(qps), len(pictures), height, width)
    with tempfile.TemporaryDirectory() as folder:
        raw, stream = Path(folder) / "raw.mkv", Path(folder) / "coded.mkv"
        with VideoWriter(raw, width, height, Fraction(30), encoder="lossless") as writer:
            for planes in pictures:
                writer.write_planes(join_planes(*planes))
        for turn in range(len(qps)):
            levels = [(number + turn) % len(qps) for number in range(len(pictures))]
            codec.compress_with_qps(raw, stream, [qps[level] for level in levels])
            for number, (level, planes) in enumerate(zip(levels, read_planes(stream), strict=True)):
                made[level, number] = torch.from_numpy(split_planes(planes)[0].copy()).float() / 255
    return made


def by_octave(values: Tensor, halvings: int) -> list[float]:
    """Mean square of ``values`` [C, H, W] by scale: what each averaging over 2×2 takes away, and what is left at last.

    ``halvings`` + 1 numbers, finest first, in squared units of ``values``; their sum is the mean square of the part
    that was cut to sides of a multiple of 2^``halvings``. Raises SettingError where nothing is left of it.
    """
    multiple = 2**halvings
    height, width = (side // multiple * multiple for side in values.shape[-2:])
    if not height or not width:
        raise SettingError(f"{list(values.shape)} is too small for {halvings} halvings: sides of {multiple} at least.")
    cut = values[..., :height, :width]
    left = [functional.avg_pool2d(cut, 2**times).square().mean().item() for times in range(halvings + 1)]
    return [fine - coarse for fine, coarse in zip(left, left[1:], strict=False)] + left[-1:]


def error_by_frequency(truth: Tensor, output: Tensor, edges: Sequence[float]) -> list[float]:
    """Energy of the error of ``output`` over that of ``truth``, both [C, H, W], between frequencies ``edges``.

    Edges are in cycles a pixel, rising, one half the finest along an axis; one number for each pair of them, in the
    middle of the frame (a Hann window takes its borders away), means taken off. One: nothing of it has come through.
    """
    height, width = truth.shape[-2:]
    window = torch.outer(torch.hann_window(height), torch.hann_window(width))

    def energy(values: Tensor) -> Tensor:
        centred = values - values.mean(dim=(-2, -1), keepdim=True)
        return torch.fft.fft2(centred * window).abs().square().sum(dim=0)

    lacking, there = energy(output - truth), energy(truth)
    down, right = torch.fft.fftfreq(height), torch.fft.fftfreq(width)
    frequency = torch.hypot(*torch.meshgrid(down, right, indexing="ij"))
    bands = [(frequency > low) & (frequency <= high) for low, high in zip(edges, edges[1:], strict=False)]
    return [(lacking[band].sum() / there[band].sum()).item() for band in bands]


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    *,
    marks: Mapping[str, float] | None = None,
    ticks: Sequence[float] = (),
    logarithmic: str = "",
) -> Figure:
    """Lines (x, y) by name, and dashed lines across at ``marks``; ``logarithmic`` names axes: "x", "y" or "xy".

    With ``ticks`` the x axis has them and no others.
    """
    figure, axes = style.new(height=3.0)
    place = axes[0, 0]
    shapes, colours = cycle("os^Dv"), cycle(style.PALETTE)
    for (name, (x, y)), shape, colour in zip(lines.items(), shapes, colours, strict=False):
        place.plot(x, y, f"{shape}-", markersize=4, color=colour, label=name)
    for (name, value), dashes in zip((marks or {}).items(), cycle(("--", ":", "-.")), strict=False):
        place.axhline(value, color=style.BLACK, linestyle=dashes, linewidth=1, label=name)
    place.set(xlabel=xlabel, ylabel=ylabel, **{f"{axis}scale": "log" for axis in logarithmic})
    if "y" in logarithmic:
        # Plain numbers: within two decades powers of ten with factors are hard to read.
        place.yaxis.set_major_formatter("{x:g}")
        place.yaxis.set_minor_formatter(LogFormatter())
    if len(ticks):
        place.set_xticks(ticks, [f"{value:g}" for value in ticks])
        place.xaxis.set_minor_locator(NullLocator())
    place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    return figure


def scales(features: Mapping[str, Tensor], columns: int) -> Figure:
    """One channel of features [C, h, w] of every size, the one that varies most, all drawn equally large.

    Dark is low and light high, each map on a scale of its own, less the lowest and the highest 0.5 % of its values.
    """
    height, width = max((own.shape[-2:] for own in features.values()), key=lambda side: side[0])
    rows = -(-len(features) // columns)
    figure, axes = style.new(rows, columns, height=rows * (9.0 / columns * height / width + 0.3))
    for place in axes.flat[len(features) :]:
        place.set_axis_off()
    for (name, own), place in zip(features.items(), axes.flat, strict=False):
        channel = own.flatten(1).std(1).argmax()
        low, high = np.quantile(own[channel].numpy(), (0.005, 0.995))
        style.picture(place, np.zeros((*own.shape[-2:], 3), np.uint8), f"{name}: {own.shape[-1]}×{own.shape[-2]}")
        place.imshow(own[channel].numpy(), cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
    return figure
