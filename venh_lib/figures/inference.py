"""The plots of notebook 07."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from venh_lib.figures import style
from venh_lib.segments import Segment


def windows(plans: Mapping[str, Sequence[Sequence[int]]], held: Mapping[str, Sequence[int]]) -> Figure:
    """Which frames each output asks for, by name of the policy, and how many are held meanwhile."""
    figure, axes = style.new(2, len(plans), height=5.0, sharex=True, height_ratios=[3, 1])
    for column, (name, plan) in enumerate(plans.items()):
        points = [(t, frame) for t, window in enumerate(plan) for frame in window]
        axes[0, column].plot(*np.transpose(points), "s", color=style.BLUE, markersize=5)
        axes[0, column].set(title=name, ylabel="frames in its window")
        axes[1, column].bar(range(len(plan)), held[name], color=style.ORANGE)
        axes[1, column].set_xticks(range(0, len(plan), 4))
        axes[1, column].set(xlabel="output frame", ylabel="frames held", ylim=(0, 1 + max(map(max, held.values()))))
    return figure


def alive(counts: Mapping[int, Sequence[int]], parts: int = 25) -> Figure:
    """Most frames in memory during each of ``parts`` parts of a video, for videos of several lengths."""
    figure, axes = style.new(height=2.8)
    place = axes[0, 0]
    for (length, row), dashes in zip(counts.items(), ("o-", "s--", "^:"), strict=False):
        most = [max(part) for part in np.array_split(np.array(row), parts)]
        place.plot((np.arange(parts) + 0.5) * 100 / parts, most, dashes, markersize=4, label=f"{length} frames")
    place.set(xlabel="share of the video done (%)", ylabel="frames in memory", ylim=(0, None))
    place.legend(loc="lower left")
    return figure


def segments(plan: Sequence[Segment]) -> Figure:
    """The segments that a recurrent network gets, and the part of each whose output is kept."""
    figure, axes = style.new(height=0.35 * len(plan) + 1.0)
    place = axes[0, 0]
    for row, part in enumerate(plan):
        names = ("read", "kept") if row == 0 else (None, None)
        place.barh(row, part.stop - part.start, left=part.start, height=0.7, color=style.SKY, label=names[0])
        place.barh(row, part.last - part.first, left=part.first, height=0.4, color=style.BLUE, label=names[1])
    place.invert_yaxis()
    place.set(xlabel="frame", ylabel="segment", yticks=range(len(plan)))
    place.legend(loc="upper right")
    return figure


def tapers(weights: Sequence[np.ndarray]) -> Figure:
    """The weight of each tile along one axis of the frame, and their sum."""
    figure, axes = style.new(height=2.6)
    place = axes[0, 0]
    for number, row in enumerate(weights):
        place.plot(np.where(row > 0, row, np.nan), label=f"tile {number + 1}")
    place.plot(np.sum(weights, axis=0), color=style.BLACK, linestyle=":", label="sum")
    place.set(xlabel="pixel", ylabel="weight", ylim=(0, 1.15))
    place.legend(loc="center right", fontsize=8)
    return figure


def seams(maps: Mapping[str, np.ndarray], limit: float) -> Figure:
    """How far tiled outputs are from the untiled one, in 8-bit levels, one map [H, W] for each name."""
    figure, axes = style.new(1, len(maps), height=2.9)
    for place, (name, values) in zip(axes[0], maps.items(), strict=True):
        style.picture(place, np.zeros((*values.shape, 3), np.uint8), name)
        drawn = place.imshow(values, cmap="cividis", vmin=0, vmax=limit, interpolation="nearest")
    figure.colorbar(drawn, ax=axes[0], label="difference (levels)", shrink=0.8)
    return figure


def overlaps(pixels: Sequence[int], error: Sequence[float], work: Sequence[float]) -> Figure:
    """The error that tiles make, in 8-bit levels, and the work they cost, over their overlap in pixels."""
    figure, axes = style.new(1, 2, height=2.8)
    names = ("RMS difference (levels)", "pixels computed / pixels of the frame")
    for place, values, name in zip(axes[0], (error, work), names, strict=True):
        place.plot(pixels, values, "o-")
        place.set(xlabel="overlap (pixels)", ylabel=name)
    axes[0, 0].set_yscale("log")
    return figure


def reach(field: np.ndarray) -> Figure:
    """How strongly each input pixel moves one output pixel, [H, W], in orders of magnitude below the strongest."""
    figure, axes = style.new(width=5.0, height=3.6)
    strength = np.log10(np.maximum(field / field.max(), 1e-5))
    style.picture(axes[0, 0], np.zeros((*field.shape, 3), np.uint8))
    drawn = axes[0, 0].imshow(strength, cmap="cividis", vmin=-5, vmax=0, interpolation="nearest")
    figure.colorbar(drawn, ax=axes[0, 0], label="log10 of the influence")
    return figure


def turned(frames: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Copies of a frame, turned and mirrored, each at its own shape."""
    figure, axes = style.new(2, len(frames) // 2, height=4.6)
    for place, frame, title in zip(axes.flat, frames, titles, strict=True):
        style.picture(place, frame, title)
    return figure


def gain_and_time(counts: Sequence[int], gains: Sequence[float], seconds: Sequence[float]) -> Figure:
    """Gain in dB over the compressed frames against seconds a frame, a point for each size of the self-ensemble."""
    figure, axes = style.new(height=3.0)
    place = axes[0, 0]
    place.plot(seconds, gains, "o-", color=style.ENHANCED)
    for count, x, y in zip(counts, seconds, gains, strict=True):
        place.annotate(f"×{count}", (x, y), textcoords="offset points", xytext=(6, -12))
    place.margins(x=0.1, y=0.2)
    place.set(xlabel="seconds a frame", ylabel="gain (dB)")
    return figure


def gain_by_qp(qps: Sequence[int], gains: Sequence[float], trained: int) -> Figure:
    """Gain in dB over the QP of the file, with the QP that the network was trained at."""
    figure, axes = style.new(height=2.8)
    place = axes[0, 0]
    place.plot(qps, gains, "o-", color=style.ENHANCED)
    place.axhline(0, color=style.BLACK, linewidth=0.6)
    place.axvline(trained, color=style.VERMILION, linestyle="--", label=f"trained at QP {trained}")
    place.set(xlabel="QP of the file", ylabel="gain (dB)", xticks=list(qps))
    place.legend()
    return figure
