"""Memories that know how well frames were coded: their errors along a walk, and what they believe of each frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from venh_lib.figures import style

# Where the axis of errors may have a number.
TICKS = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20, 30)


def walk(table: pandas.DataFrame) -> Figure:
    """A filter's walk: above the errors of frames and memory, below the share of each frame that is believed.

    ``table``: columns ``frame``, ``recalled``, ``held`` (squared errors in one unit, which the axis calls that of
    QP 40) and ``share`` (0–1), by the frame's number. The memory's line rises from what was held of a frame to what is
    recalled at the next, and falls to what is held of that: a saw.
    """
    figure, axes = style.new(2, 1, height=4.4, sharex=True, height_ratios=[1.5, 1])
    errors, shares = axes[:, 0]
    frames = table.index.to_numpy()
    errors.plot(frames, table["frame"], "o", color=style.ORANGE, label="the frame, by its QP")
    saw = table[["recalled", "held"]].to_numpy().ravel()
    errors.plot(np.repeat(frames, 2), saw, color=style.BLUE, linewidth=1, label="the memory, on its way")
    errors.plot(frames, table["held"], "s", markersize=4, color=style.BLUE, label="held of the frame")
    errors.set_yscale("log")
    errors.yaxis.set_minor_locator(NullLocator())
    errors.set_yticks(ticks := [tick for tick in TICKS if saw.min() / 1.2 <= tick <= 1.2 * table["frame"].max()], ticks)
    errors.set_ylabel("expected squared error\n(1: a frame of QP 40)")
    errors.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    shares.bar(frames, table["share"], 0.6, color=style.SKY)
    shares.set(ylim=(0, 1), xlabel=table.index.name, ylabel="share of the\nnew frame")
    shares.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def believed(frames: Mapping[str, np.ndarray], shares: Mapping[str, np.ndarray]) -> Figure:
    """Frames uint8 [H, W, 3] above, and under each the share of it that was believed, [h, w] on the scale 0–1.

    ``frames`` and ``shares`` have the same number of entries, each under its own title.
    """
    columns, (height, width) = len(frames), next(iter(frames.values())).shape[:2]
    figure, axes = style.new(2, columns, height=2 * (8 / columns * height / width + 0.35))
    for place, (title, frame) in zip(axes[0], frames.items(), strict=True):
        style.picture(place, frame, title)
    for place, (title, values) in zip(axes[1], shares.items(), strict=True):
        style.picture(place, np.zeros((*values.shape, 3), np.uint8), title)
        drawn = place.imshow(values, cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(drawn, ax=axes[1], label="share of\nthe new frame", shrink=0.8)
    return figure
