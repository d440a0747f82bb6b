"""The plots of what single layers and scales do, for the notebooks of the baselines, BRNet and Gogoing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from venh_lib.figures import style


def kernels(start: torch.Tensor, trained: torch.Tensor, channels: Sequence[int]) -> Figure:
    """Kernels [out, in, k, k] at the start, after training and their difference, mean over ``in``, one scale a row."""
    rows = {"start": start, "trained": trained, "trained − start": trained - start}
    figure, axes = style.new(3, len(channels), height=4.2)
    for row, (name, weights) in enumerate(rows.items()):
        mean = weights.mean(1).numpy()
        limit = np.abs(mean[list(channels)]).max()
        for place, channel in zip(axes[row], channels, strict=True):
            style.picture(place, np.zeros((*mean[channel].shape, 3), np.uint8), f"kernel {channel}" * (row == 0))
            drawn = place.imshow(mean[channel], cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        axes[row, 0].set_ylabel(name, fontsize=9)
        figure.colorbar(drawn, ax=axes[row], label="weight", shrink=0.9)
    return figure


def first_steps(changes: Mapping[str, Mapping[float, Sequence[float]]]) -> Figure:
    """PSNR in dB against the input's after each step of a training, a panel per network, a line per learning rate."""
    figure, axes = style.new(1, len(changes), height=3.0, sharey=True)
    for place, (name, lines) in zip(axes[0], changes.items(), strict=True):
        for rate, line in lines.items():
            place.plot(range(len(line) + 1), [0.0, *line], "o-", markersize=3, label=f"learning rate {rate:g}")
        place.axhline(0, color=style.BLACK, linewidth=0.8)
        place.set(title=name, xlabel="steps of Adam")
    axes[0, 0].set_ylabel("PSNR less the input's (dB)")
    axes[0, -1].legend(loc="lower right", fontsize=8)
    return figure


def by_level(lines: Mapping[str, Sequence[float]], levels: Sequence[str], ylabel: str) -> Figure:
    """One value a level of a network, on a logarithmic scale, a line for each name."""
    figure, axes = style.new(width=6.0, height=2.8)
    for (name, values), shape in zip(lines.items(), "osD^", strict=False):
        axes[0, 0].plot(range(len(values)), values, f"{shape}-", label=name)
    axes[0, 0].set(yscale="log", ylabel=ylabel)
    axes[0, 0].set_xticks(range(len(levels)), levels)
    axes[0, 0].legend()
    return figure


def statistics(kept: tuple[np.ndarray, np.ndarray], batches: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Means and deviations [C] of batches, in deviations of those ``kept`` from training: 0 and 1 would be theirs."""
    figure, axes = style.new(1, 2, height=2.9)
    mean, deviation = kept
    for (name, (own_mean, own_deviation)), shape in zip(batches.items(), "os^", strict=False):
        axes[0, 0].plot((own_mean - mean) / deviation, shape, label=name)
        axes[0, 1].plot(own_deviation / deviation, shape, label=name)
    axes[0, 0].axhline(0, color=style.BLACK, linewidth=0.8, label="kept from training")
    axes[0, 1].axhline(1, color=style.BLACK, linewidth=0.8)
    axes[0, 0].set(xlabel="channel", ylabel="mean − kept\n(kept deviations)")
    axes[0, 1].set(xlabel="channel", ylabel="deviation / kept deviation")
    for place in axes[0]:
        place.margins(y=0.15)
        place.set_xticks(range(0, len(mean), max(1, len(mean) // 8)))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    return figure


def phases(rgb: np.ndarray, sub_frames: torch.Tensor, box: style.Box) -> Figure:
    """The pixels of ``box`` in red, and the same place in the four sub-frames [12, H/2, W/2] of red."""
    top, left, height, width = (value // 2 for value in box)
    figure, axes = style.new(1, 5, height=2.3, width_ratios=[2, 1, 1, 1, 1])
    red = style.crop(rgb, box)[..., 0]
    low, high = red.min(), red.max()
    style.picture(axes[0, 0], style.crop(rgb, box), "red of the frame")
    axes[0, 0].imshow(red, cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
    for phase, place in enumerate(axes[0, 1:]):
        part = sub_frames[phase, top : top + height, left : left + width].mul(255).numpy()
        style.picture(place, np.zeros((height, width, 3), np.uint8), f"rows {phase // 2}::2\ncolumns {phase % 2}::2")
        place.imshow(part, cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
    return figure


def _near(gradient: np.ndarray, centre: tuple[int, int], radius: int) -> np.ndarray:
    """The part [2·radius + 1, 2·radius + 1] of ``gradient`` [H, W] around ``centre`` (row, column)."""
    row, column = centre
    return gradient[row - radius : row + radius + 1, column - radius : column + radius + 1]


def _draw_strength(place: Axes, part: np.ndarray, most: float, title: str) -> AxesImage:
    """``part`` as powers of ten of ``most``, dark for a hundred millionth and less."""
    with np.errstate(divide="ignore"):
        strength = np.maximum(np.log10(part / most), -8)
    style.picture(place, np.zeros((*part.shape, 3), np.uint8), title)
    return place.imshow(strength, cmap="cividis", vmin=-8, vmax=0, interpolation="nearest")


def _within(part: np.ndarray, whole: float) -> list[float]:
    """Shares of ``whole`` that lie within squares around the middle of ``part``, from one pixel to all of it."""
    radius = len(part) // 2
    steps = np.abs(np.arange(len(part)) - radius)
    distance = np.maximum.outer(steps, steps)
    return [part[distance <= r].sum() / whole for r in range(radius + 1)]


def influence(gradient: np.ndarray, centre: tuple[int, int], radius: int) -> Figure:
    """How strongly each pixel [H, W] moves the output at ``centre`` (row, column), within ``radius``; dark is none."""
    part = _near(gradient, centre, radius)
    figure, axes = style.new(1, 2, height=3.2, width_ratios=[1, 1.6])
    drawn = _draw_strength(axes[0, 0], part, part.max(), "influence on the middle pixel")
    figure.colorbar(drawn, ax=axes[0, 0], label="log10, most is 0", shrink=0.8)
    axes[0, 1].plot(_within(part, part.sum()), color=style.BLUE)
    axes[0, 1].set(xlabel="pixels from the middle", ylabel="share of the influence", ylim=(0, 1.05))
    return figure


def influences(gradients: Mapping[str, np.ndarray], centre: tuple[int, int], radius: int) -> Figure:
    """How strongly each place [h, w] of features moves the output at ``centre``, within ``radius``, by several routes.

    Maps on one scale, dark for none, and the share of each route's own influence that lies within a square.
    """
    near = {name: _near(own, centre, radius) for name, own in gradients.items()}
    figure, axes = style.new(1, len(near) + 1, height=2.7, width_ratios=[*[1.0] * len(near), 1.3])
    most = max(part.max() for part in near.values())
    for (name, part), place, dashes in zip(near.items(), axes[0], cycle(("-", "--", "-.", ":")), strict=False):
        drawn = _draw_strength(place, part, most, name)
        axes[0, -1].plot(_within(part, gradients[name].sum()), dashes, label=name)
    figure.colorbar(drawn, ax=list(axes[0, :-1]), label="log10, most is 0", shrink=0.7)
    axes[0, -1].set(xlabel="pixels from the middle", ylabel="share within", ylim=(0, 1.05))
    axes[0, -1].legend(loc="lower right", fontsize=8)
    return figure


def factors(layers: Mapping[str, np.ndarray], columns: int) -> Figure:
    """Factors [frames, C] of layers of channel attention, a panel each: each channel's mean, and its range over frames.

    Channels stand in the order of their means, so a panel without bars is a layer that does not listen.
    """
    rows = -(-len(layers) // columns)
    figure, axes = style.new(rows, columns, height=1.9 * rows + 0.3, sharey=True)
    for (name, values), place in zip(layers.items(), axes.flat, strict=False):
        values = values[:, np.argsort(values.mean(axis=0))]
        means = values.mean(axis=0)
        span = np.stack((means - values.min(axis=0), values.max(axis=0) - means))
        marks = {"fmt": "o", "markersize": 2.5, "elinewidth": 1.2, "ecolor": style.ORANGE, "color": style.BLUE}
        place.errorbar(range(len(means)), means, np.maximum(span, 0), **marks)
        place.set_title(name, fontsize=9)
        place.set_xticks([])
    for place in axes[-1]:
        place.set_xlabel("channels, by mean")
    for place in axes[:, 0]:
        place.set_ylabel("factor")
    return figure


def bars(table: pandas.DataFrame, label: str) -> Figure:
    """A group of bars for each row of ``table``, a bar in it for each column."""
    figure, axes = style.new(height=2.9)
    place, width = axes[0, 0], 0.8 / table.shape[1]
    for number, (name, values) in enumerate(table.items()):
        across = np.arange(len(table)) + (number - (table.shape[1] - 1) / 2) * width
        place.bar(across, values, width, label=name)
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set_xticks(range(len(table)), table.index)
    place.set_ylabel(label)
    figure.legend(*place.get_legend_handles_labels(), loc="outside upper center", ncols=table.shape[1], fontsize=9)
    return figure
