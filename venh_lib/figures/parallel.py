"""Two estimates side by side made visible, and how peaks are told in a stream of I, P and B frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from venh_lib.figures import style

SHAPES = {"I": "s", "P": "o", "B": "^"}


def told(streams: Mapping[str, pandas.DataFrame], peaks: Mapping[str, Mapping[str, Sequence[int]]]) -> Figure:
    """QP, PSNR in dB and sharpness of each frame, a column for each clip, with the peaks that each of them tells.

    ``streams`` hold ``type``, ``QP``, ``PSNR`` and ``sharpness``, a row for each frame; ``peaks`` frames by clip and
    by ``QP``, ``PSNR`` and ``sharpness``. Upright lines go through the peaks by QP.
    """
    figure, axes = style.new(3, len(streams), height=6.0, sharex="col")
    labels = {"QP": "QP (low is fine)", "PSNR": "RGB PSNR (dB)", "sharpness": "sharpness (levels)"}
    for places, (name, own) in zip(axes.T, streams.items(), strict=True):
        for place, (measure, label) in zip(places, labels.items(), strict=True):
            for t in peaks[name]["QP"]:
                place.axvline(t, color=style.SKY, linewidth=0.8, zorder=0)
            place.plot(own.index, own[measure], "-", color="#999999", linewidth=1, zorder=1)
            at = sorted(peaks[name][measure])
            rings = {"markerfacecolor": "none", "markersize": 10}
            place.plot(at, own[measure][at], "o", color=style.BLACK, label="peaks by what is drawn", **rings)
            place.set_ylabel(label)
        for kind, shape in SHAPES.items():
            rows, colour = own[own["type"] == kind], style.SLICE_COLOURS[kind]
            places[0].plot(rows.index, rows["QP"], shape, color=colour, markersize=4, label=f"{kind} frames")
        places[0].invert_yaxis()
        places[0].yaxis.set_major_locator(MaxNLocator(integer=True))
        places[0].set_title(name, loc="left", fontsize=10)
        places[-1].set_xlabel("frame")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8)
    return figure


def of_two(
    correlations: np.ndarray, curves: Mapping[str, np.ndarray], points: Mapping[str, tuple[Sequence[float], ...]]
) -> Figure:
    """Gain in dB of the mean of two estimates over the better one, against the correlation of their errors.

    ``points`` are measured: correlations and gains under each name.
    """
    figure, axes = style.new(height=3.4)
    place = axes[0, 0]
    for (name, gains), dashes in zip(curves.items(), cycle(("-", "--", "-.", ":")), strict=False):
        place.plot(correlations, gains, dashes, color=style.BLACK, linewidth=1, label=name)
    for (name, (across, up)), shape, colour in zip(points.items(), cycle("os^Dv"), cycle(style.PALETTE), strict=False):
        place.plot(across, up, shape, color=colour, markersize=5, label=name)
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set(xlabel="correlation of the two errors", ylabel="gain of the mean over\nthe better of the two (dB)")
    place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def by_share(shares: Sequence[float], gains: pandas.DataFrame, label: str) -> Figure:
    """Gains in dB against the share of one of two branches: a line for each column, the last one, their mean, thick."""
    figure, axes = style.new(height=3.4)
    place = axes[0, 0]
    for name, shape, colour in zip(gains.columns[:-1], cycle("os^DvP*X"), cycle(style.PALETTE), strict=False):
        place.plot(shares, gains[name], f"{shape}-", color=colour, linewidth=1, markersize=4, label=name)
    place.plot(shares, gains.iloc[:, -1], "-", color=style.BLACK, linewidth=2.5, label=gains.columns[-1])
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set(xlabel=label, ylabel="gain in RGB PSNR (dB)")
    place.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    return figure
