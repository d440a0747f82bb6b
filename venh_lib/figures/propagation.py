"""Recurrence made visible: how far along a clip something is heard, how many frames a gain comes from, what moves."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
import pandas
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from venh_lib.figures import style


def by_distance(table: pandas.DataFrame, label: str, *, log: bool = False) -> Figure:
    """A line for each column of ``table`` against the distance in frames, its index, whose name is the axis's.

    Zero is marked by an upright line. ``log``: a logarithmic scale, on which zeros are left out.
    """
    figure, axes = style.new(height=3.2)
    place = axes[0, 0]
    for (name, values), shape, colour in zip(table.items(), cycle("os^Dv"), cycle(style.PALETTE), strict=False):
        shown = values.where(values > 0) if log else values
        place.plot(table.index, shown, f"{shape}-", markersize=4, color=colour, label=name)
    place.axvline(0, color=style.BLACK, linestyle=":", linewidth=1)
    if log:
        place.set_yscale("log")
    else:
        place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set(xlabel=table.index.name, ylabel=label)
    place.xaxis.set_major_locator(MaxNLocator(integer=True))
    place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def by_reach(tables: Mapping[str, pandas.DataFrame], label: str) -> Figure:
    """Against how many frames are heard, a table's index, a line for each column; a picture for each table, one scale.

    Counts stand at equal distances, whatever lies between them. Their name is the axis's.
    """
    figure, axes = style.new(1, len(tables), height=3.2, sharey=True)
    for place, (title, table) in zip(axes[0], tables.items(), strict=True):
        for (name, values), shape, colour in zip(table.items(), cycle("os^Dv"), cycle(style.PALETTE), strict=False):
            place.plot(range(len(table)), values, f"{shape}-", markersize=4, color=colour, label=name)
        place.axhline(0, color=style.BLACK, linewidth=0.8)
        place.set_xticks(range(len(table)), table.index)
        place.set_title(title, loc="left", fontsize=10)
        place.set_xlabel(table.index.name)
    axes[0, 0].set_ylabel(label)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=5, fontsize=9)
    return figure


def on_one_scale(maps: Mapping[str, np.ndarray], columns: int = 3, label: str = "") -> Figure:
    """Maps [H, W] in rows of ``columns``, dark to light on the scale of the first, less its outermost 1 %."""
    first = next(iter(maps.values()))
    low, high = np.quantile(first, (0.005, 0.995))
    rows, (height, width) = -(-len(maps) // columns), first.shape
    figure, axes = style.new(rows, columns, height=rows * (8 / columns * height / width + 0.35))
    for place in axes.flat[len(maps) :]:
        place.set_axis_off()
    for place, (name, values) in zip(axes.flat, maps.items(), strict=False):
        style.picture(place, np.zeros((height, width, 3), np.uint8), name)
        drawn = place.imshow(values, cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.7)
    return figure
