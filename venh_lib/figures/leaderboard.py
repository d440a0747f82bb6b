"""The plots of the leaderboards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas
from matplotlib.figure import Figure

from venh_lib.figures import style


def gains_by_clip(table: pandas.DataFrame) -> Figure:
    """Gain of each method on each clip in dB: a row per method, the best above, a dot per clip, a bar for the mean."""
    order = table.groupby("method")["gain_db"].mean().sort_values()
    figure, axes = style.new(height=0.5 * len(order) + 1.2)
    place = axes[0, 0]
    for row, method in enumerate(order.index):
        own = table[table["method"] == method]["gain_db"]
        place.barh(row, own.mean(), color=style.SKY)
        place.plot(own, np.full(len(own), row), "o", color=style.BLACK, markersize=4)
    place.set_yticks(range(len(order)), order.index)
    place.axvline(0, color=style.BLACK, linewidth=0.8)
    place.set_xlabel("gain in RGB PSNR (dB); dots are clips")
    return figure


def apart(heights: Sequence[float], least: float) -> list[float]:
    """``heights``, in ascending order, moved so that neighbours are at least ``least`` apart, their mean kept."""
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + least) if moved else height)
    raised = sum(moved) / len(moved) - sum(heights) / len(moved) if moved else 0.0
    return [height - raised for height in moved]


def beside_the_report(board: pandas.DataFrame) -> Figure:
    """Our mean gain against the report's, in dB, one labelled dot per method, with the line of equal gains.

    Names stand in a column beside the dots, as methods often lie close.
    """
    figure, axes = style.new(width=6.5, height=4.0)
    place, both = axes[0, 0], board.dropna(subset=["report_gain_db"])
    most = 1.1 * max(both["gain_db"].max(), both["report_gain_db"].max())
    place.plot([0, most], [0, most], "--", color="#999999", label="equal")
    place.plot(both["report_gain_db"], both["gain_db"], "o", color=style.BLUE)
    both = both.sort_values("gain_db")
    for (method, row), height in zip(both.iterrows(), apart(both["gain_db"], 0.06 * most), strict=True):
        line = {"arrowstyle": "-", "color": "#bbbbbb", "linewidth": 0.6, "relpos": (0, 0.5)}
        dot, name_at = (row["report_gain_db"], row["gain_db"]), (1.08 * most, height)
        place.annotate(method, dot, name_at, fontsize=9, va="center", arrowprops=line, annotation_clip=False)
    place.set_xlabel("gain in the report (dB)")
    place.set_ylabel("gain here (dB)")
    place.legend()
    return figure
