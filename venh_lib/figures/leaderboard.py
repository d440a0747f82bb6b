"""The plots of the leaderboards."""

from __future__ import annotations

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


def beside_the_report(board: pandas.DataFrame) -> Figure:
    """Our mean gain against the report's, in dB, one labelled dot per method, with the line of equal gains."""
    figure, axes = style.new(width=5.5, height=4.0)
    place, both = axes[0, 0], board.dropna(subset=["report_gain_db"])
    most = 1.1 * max(both["gain_db"].max(), both["report_gain_db"].max())
    place.plot([0, most], [0, most], "--", color="#999999", label="equal")
    place.plot(both["report_gain_db"], both["gain_db"], "o", color=style.BLUE)
    for method, row in both.iterrows():
        place.annotate(f" {method}", (row["report_gain_db"], row["gain_db"]), fontsize=9)
    place.set_xlabel("gain in the report (dB)")
    place.set_ylabel("gain here (dB)")
    place.legend()
    return figure
