"""Alignment by offsets made visible: where taps look, how offsets learn, which frames are heard, when offsets leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence as SequenceOf
from itertools import cycle

import numpy as np
import pandas
import torch
from matplotlib.figure import Figure
from torch import Tensor

from venh_lib import dataset
from venh_lib.blocks.flow import flow_error
from venh_lib.figures import motion, style
from venh_lib.figures.methods import tensor
from venh_lib.methods.method import readings

# Largest marker of a tap, in points squared: that of a mask of one.
TAP_AREA = 36.0


def looked_at(offsets: np.ndarray, place: tuple[int, int], group: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Where the taps of a 3×3 kernel look at ``place`` (row, column): regular and moved places, [9, 2] (x, y).

    ``offsets`` [2·G·9, H, W] as ``blocks.deformable`` has them: for each group and tap first the vertical one.
    """
    row, column = place
    # Taps go along rows first; a regular one is one pixel from the next.
    regular = np.array([(column + tap % 3 - 1, row + tap // 3 - 1) for tap in range(9)], float)
    own = offsets.reshape(-1, 9, 2, *offsets.shape[1:])[group, :, :, row, column]
    return regular, regular + own[:, ::-1]


def taps(
    frame: np.ndarray,
    offsets: Mapping[str, np.ndarray],
    places: SequenceOf[tuple[int, int]],
    box: style.Box,
    masks: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Where nine taps look at some ``places`` (row, column), by offsets [2·G·9, H, W] of group 0, over ``box``.

    White: the regular places. Orange: where offsets take them; its area is the mask [G·9, H, W] where one is given.
    """
    top, left, height, width = box
    columns = len(offsets)
    figure, axes = style.new(1, columns, height=9 / columns * height / width + 0.35)
    for axis, (name, own) in zip(axes[0], offsets.items(), strict=True):
        style.picture(axis, frame, name)
        for row, column in places:
            regular, moved = looked_at(own, (row, column))
            mask = np.ones(9) if masks is None or name not in masks else masks[name][:9, row, column]
            for start, end in zip(regular, moved, strict=True):
                axis.plot(*zip(start, end, strict=True), color=style.ORANGE, linewidth=0.8)
            axis.scatter(*regular.T, s=6, color="white", edgecolors=style.BLACK, linewidths=0.5, zorder=3)
            dots = {"color": style.ORANGE, "edgecolors": style.BLACK, "linewidths": 0.6, "zorder": 4}
            axis.scatter(*moved.T, s=TAP_AREA * mask, **dots)
        axis.set(xlim=(left - 0.5, left + width - 0.5), ylim=(top + height - 0.5, top - 0.5))
    return figure


def known_window(sequence: dataset.Sequence, t: int, policy: Callable) -> dict[str, Tensor]:
    """The window of frame ``t`` of a synthesised clip as a batch of one, whole frames, as ``Crops`` gives crops.

    ``lq`` [1, N, 3, H, W] and ``gt`` [1, 3, H, W] in 0–1; ``motion`` [1, N, 2, H, W] in pixels from the frame to each
    of the window, ``known`` [1, N, H, W]; ``qps`` and ``places`` [1, N]. ``policy`` as in ``references``.
    """
    window, scene = policy(sequence.infos, t), sequence.scene()
    given, flows = sequence.compressed_frames(), [scene.motion(t, s) for s in window]
    return {
        "lq": torch.stack([tensor(given.rgb(s)) for s in window])[None],
        "gt": tensor(sequence.raw_frames().rgb(t))[None],
        "motion": torch.cat([motion.as_tensor(flow) for flow, _ in flows])[None],
        "known": torch.stack([torch.from_numpy(known) for _, known in flows])[None],
    } | readings(("qps", "places"), sequence.infos, [window])


def offset_error(flow: Tensor, samples: Mapping[str, Tensor], number: int = 0) -> float:
    """Mean distance of a flow [B, 2, h, w] from the true motion to frame ``number`` of the window, in full-size pixels.

    ``samples`` hold ``motion`` [B, N, 2, H, W] and ``known`` [B, N, H, W].
    """
    return float(flow_error([flow], samples["motion"][:, number], samples["known"][:, number]))


def learning(
    steps: SequenceOf[int], errors: Mapping[str, SequenceOf[float]], marks: Mapping[str, float], label: str
) -> Figure:
    """Curves against the steps of a training, and dashed lines for values that do not depend on them."""
    figure, axes = style.new(height=3.0)
    place = axes[0, 0]
    for (name, values), colour, shape in zip(errors.items(), cycle(style.PALETTE), cycle("os^Dv"), strict=False):
        place.plot(steps, values, f"{shape}-", markersize=3, color=colour, label=name)
    for (name, value), dashes in zip(marks.items(), ("--", ":", "-."), strict=False):
        place.axhline(value, color=style.BLACK, linestyle=dashes, linewidth=1, label=name)
    place.set(xlabel="steps", ylabel=label)
    place.xaxis.get_major_locator().set_params(integer=True)
    place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def attention(maps: Mapping[str, np.ndarray], columns: int = 3, label: str = "attention") -> Figure:
    """Maps [H, W] of how much each pixel is heard, all on the scale from 0 to 1, in rows of ``columns``."""
    rows, (height, width) = -(-len(maps) // columns), next(iter(maps.values())).shape
    figure, axes = style.new(rows, columns, height=rows * (8 / columns * height / width + 0.35))
    for place in axes.flat[len(maps) :]:
        place.set_axis_off()
    for place, (name, values) in zip(axes.flat, maps.items(), strict=False):
        style.picture(place, np.zeros((height, width, 3), np.uint8), name)
        drawn = place.imshow(values, cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.7)
    return figure


def overflow(pushes: SequenceOf[float], curves: Mapping[str, SequenceOf[float]], limit: float) -> Figure:
    """What is left against how far offsets were pushed, in sides of the frame; a dashed line where the guard speaks."""
    figure, axes = style.new(height=2.8)
    place = axes[0, 0]
    for (name, values), shape in zip(curves.items(), "os^", strict=False):
        place.plot(pushes, values, f"{shape}-", markersize=4, label=name)
    place.axvline(limit, color=style.BLACK, linestyle="--", linewidth=1, label="the guard's limit")
    place.set(xlabel="mean length of the offsets (longer sides of the frame)", ylabel="share of what it is at rest")
    place.set_ylim(-0.03, None)
    place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def by_speed(errors: pandas.DataFrame) -> Figure:
    """Mean errors in pixels, a column for each estimate, against how far pixels moved, a row for each class."""
    figure, axes = style.new(height=3.2)
    place = axes[0, 0]
    # Curves that coincide show beside each other: each is thinner than those it lies upon.
    widths = np.linspace(4.0, 1.0, len(errors.columns))
    looks = zip(errors.items(), cycle("os^Dv"), cycle(style.PALETTE), widths, strict=False)
    for (name, values), shape, colour, wide in looks:
        place.plot(
            range(len(errors)), values, f"{shape}-", markersize=2 + 2 * wide, linewidth=wide, color=colour, label=name
        )
    place.set_xticks(range(len(errors)), errors.index)
    place.set(yscale="log", xlabel="true motion (px)", ylabel="mean error (px)")
    place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def shares(values: Mapping[str, float], label: str) -> Figure:
    """A bar for each name."""
    figure, axes = style.new(height=2.6)
    axes[0, 0].bar(range(len(values)), values.values(), 0.6)
    axes[0, 0].set_xticks(range(len(values)), values)
    axes[0, 0].set_ylabel(label)
    return figure


def scattered(clips: pandas.DataFrame) -> Figure:
    """A named point for each clip: the second column of ``clips`` against its first; the columns name the axes."""
    figure, axes = style.new(height=3.4)
    place, (across, up) = axes[0, 0], clips.columns
    place.scatter(clips[across], clips[up], color=style.BLUE)
    scaled = (clips - clips.min()) / (clips.max() - clips.min()).replace(0, 1)
    for name, (right, high) in scaled.iterrows():
        # A name stands left of a point in the right half, and under one that has another close above it.
        near = scaled[(scaled - [right, high]).abs().lt([0.2, 0.08]).all(axis=1)]
        under = (near[up] > high).any()
        side, level = ("right", -4) if right > 0.5 else ("left", 4), -10 if under else 4
        place.annotate(name, clips.loc[name], (side[1], level), textcoords="offset points", ha=side[0], fontsize=8)
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set(xlabel=across, ylabel=up)
    return figure


def cobweb(
    before: SequenceOf[float],
    after: Mapping[str, SequenceOf[float]],
    followed: SequenceOf[str],
    start: float,
    steps: int,
) -> Figure:
    """What a step leaves against what there was, in pixels, a curve for each aligner, and the diagonal of no change.

    From ``start`` the way of ``steps`` steps is drawn for each curve that is ``followed``, a picture for each: up to
    the curve, across to the diagonal.
    """
    figure, axes = style.new(1, len(followed), width=9.0, height=9.0 / len(followed) + 0.6)
    most = max(before)
    for place, own in zip(axes[0], followed, strict=True):
        place.plot((0, most), (0, most), "--", color=style.BLACK, linewidth=1, label="nothing found")
        for (name, values), shape, colour in zip(after.items(), cycle("os^D"), cycle(style.PALETTE), strict=False):
            strength = 1 if name == own else 0.35
            place.plot(before, values, f"{shape}-", markersize=4, color=colour, label=name, alpha=strength)
        way, left = [(start, 0.0)], start
        for _ in range(steps):
            here, left = left, float(np.interp(left, before, after[own]))
            way += [(here, left), (left, left)]
        place.plot(*zip(*way, strict=True), color=style.VERMILION, linewidth=1.4)
        place.set(xlabel="displacement before a step (px)", ylabel="left by the step (px)", title=own)
        place.set(xlim=(0, most), ylim=(0, 1.05 * most))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(after) + 1)
    return figure


def strengths(maps: Mapping[str, np.ndarray], columns: int = 2) -> Figure:
    """Maps [H, W] in rows of ``columns``, each on its own scale, which stands in its title; dark is low."""
    rows, (height, width) = -(-len(maps) // columns), next(iter(maps.values())).shape
    figure, axes = style.new(rows, columns, height=rows * (9 / columns * height / width + 0.3))
    for place in axes.flat[len(maps) :]:
        place.set_axis_off()
    for place, (name, values) in zip(axes.flat, maps.items(), strict=False):
        low, high = np.quantile(values, (0.005, 0.995))
        style.picture(place, np.zeros((height, width, 3), np.uint8), f"{name}: {low:.2g} to {high:.2g}")
        # What is the same everywhere, for all that its title shows, has no pattern.
        spread = max(high - low, 0.02 * max(abs(low), abs(high)))
        place.imshow(values, cmap="cividis", vmin=low, vmax=low + spread, interpolation="nearest")
    return figure
