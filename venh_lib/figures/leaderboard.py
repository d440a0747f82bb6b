"""The plots of the leaderboards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from venh_lib.bitstream import FrameInfo
from venh_lib.figures import style

# A marker for each kind of frame beside its colour, and how far its row is moved, so that none hides another.
KINDS = {"I": ("D", 0.22), "P": ("o", 0.0), "B": (".", -0.22)}


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


def qps(streams: Mapping[str, Sequence[FrameInfo]], fixed: Collection[int]) -> Figure:
    """The QP of every frame: a row for each stream, the first one above, a dot for each frame by its kind.

    A black stroke is the mean of a stream; grey lines are the QPs ``fixed`` of another coding.
    """
    figure, axes = style.new(height=0.42 * len(streams) + 1.3)
    place = axes[0, 0]
    for number, qp in enumerate(sorted(set(fixed))):
        place.axvline(qp, color="#999999", linestyle="--", linewidth=1, label="QPs of Track 1" if number == 0 else None)
    for row, infos in enumerate(streams.values()):
        for kind, (marker, moved) in KINDS.items():
            own = [info.qp for info in infos if info.slice_type == kind]
            label = f"{kind} frames" if row == 0 else None
            colour = style.SLICE_COLOURS[kind]
            place.plot(own, [row - moved] * len(own), marker, color=colour, markersize=5, label=label)
        mean = sum(info.qp for info in infos) / len(infos)
        place.plot([mean, mean], [row - 0.4, row + 0.4], color=style.BLACK, linewidth=2)
    place.set_yticks(range(len(streams)), streams)
    place.invert_yaxis()
    place.xaxis.get_major_locator().set_params(integer=True)
    place.set_xlabel("QP in the header of each frame; the stroke is a clip's mean")
    figure.legend(loc="outside upper center", ncols=4, fontsize=9)
    return figure


def labelled(points: Mapping[str, tuple[float, float]], across: str, upwards: str) -> Figure:
    """A named dot for each of ``points`` (across, upwards), with names of both axes.

    Names stand on the left and on the right by turns, from the lowest dot up, so that few of them meet.
    """
    figure, axes = style.new(width=6.5, height=3.6)
    place = axes[0, 0]
    for number, (name, point) in enumerate(sorted(points.items(), key=lambda item: item[1][1])):
        place.plot(*point, "o", color=style.BLUE)
        side = {"ha": "left", "xytext": (6, -3)} if number % 2 else {"ha": "right", "xytext": (-6, -3)}
        place.annotate(name, point, textcoords="offset points", fontsize=8, **side)
    place.margins(0.3, 0.1)
    place.set(xlabel=across, ylabel=upwards)
    return figure


def gains_against(
    panels: Mapping[str, tuple[Mapping[str, float], pandas.DataFrame]], reverse: Collection[str] = ()
) -> Figure:
    """Gain in dB on each clip against a property of the clip, a panel for each property: (of each clip, table).

    Each method of the table has grey dots, the best one blue squares; a black stroke is the mean of all. Panels
    named in ``reverse`` have their greatest values on the left.
    """
    figure, axes = style.new(1, len(panels), height=3.4)
    for place, (name, (of, table)) in zip(axes[0], panels.items(), strict=True):
        wide = table.pivot(index="clip", columns="method", values="gain_db")
        wide = wide.loc[[clip for clip in of if clip in wide.index]]
        at, best = [of[clip] for clip in wide.index], wide.mean().idxmax()
        for method in wide.columns.drop(best):
            place.plot(at, wide[method], "o", color="#aaaaaa", markersize=4)
        place.plot(at, wide[best], "s", color=style.BLUE, markersize=6, label=f"{best}, the best on average")
        place.plot(at, wide.mean(axis=1), "_", color=style.BLACK, markersize=14, markeredgewidth=2, label="mean of all")
        place.axhline(0, color=style.BLACK, linewidth=0.6)
        place.set(xlabel=name, ylabel="gain in RGB PSNR (dB)")
        if name in reverse:
            place.invert_xaxis()
        place.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0, handletextpad=0.3)
    return figure


def _by_weights(place: Axes, table: pandas.DataFrame, column: str, level: float, name: str) -> None:
    groups = table.groupby("weights", sort=False)
    for (weights, own), colour, marker in zip(groups, cycle(style.PALETTE), cycle("os^v"), strict=False):
        place.plot(own["QP"], own[column], marker, color=colour, markersize=4, alpha=0.45)
        mean = own.groupby("QP")[column].mean().rolling(5, center=True, min_periods=1).mean()
        place.plot(mean.index, mean, "-", color=colour, linewidth=2, marker=marker, markersize=3, label=weights)
    place.axhline(level, color=style.BLACK, linewidth=0.8)
    place.set(xlabel="QP in the header of the frame", ylabel=name)
    place.xaxis.get_major_locator().set_params(integer=True)


def gain_and_share(table: pandas.DataFrame, trained: Collection[int]) -> Figure:
    """Gain in dB and the best share of what was added, over the QP of the frame, a colour for each of ``weights``.

    Dots are frames, lines are running means over five QPs, dashed lines the QPs ``trained`` of Track 1.
    """
    figure, axes = style.new(1, 2, height=3.4)
    _by_weights(axes[0, 0], table, "gain", 0, "gain (dB)")
    _by_weights(axes[0, 1], table, "share", 1, "best share of what was added")
    for number, qp in enumerate(sorted(set(trained))):
        for place in axes[0]:
            label = "QPs of Track 1" if number == 0 and place is axes[0, 0] else None
            place.axvline(qp, color="#999999", linestyle="--", linewidth=0.8, zorder=0, label=label)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=9)
    return figure


def header_and_picture(streams: Mapping[str, tuple[Sequence[int], Sequence[int], Sequence[float]]]) -> Figure:
    """Streams of one clip, by name: (frames, QPs in their headers, PSNRs in dB), QP above and PSNR below.

    The third line is dotted: where two streams have the same QPs, both are seen.
    """
    figure, axes = style.new(2, 1, height=4.6, sharex=True)
    shapes = zip(streams.items(), cycle(style.PALETTE), cycle(("o-", "s-", "^:", "D--", "v-.")), strict=False)
    for (name, (frames, qp, psnr)), colour, shape in shapes:
        inside = "none" if ":" in shape else colour
        drawn = {"color": colour, "markersize": 7 if ":" in shape else 4, "markerfacecolor": inside, "linewidth": 1.6}
        axes[0, 0].plot(frames, qp, shape, **drawn)
        axes[1, 0].plot(frames, psnr, shape, **drawn, label=name)
    axes[0, 0].invert_yaxis()
    axes[0, 0].yaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("QP in the header\n(low is fine)")
    axes[1, 0].set(xlabel="frame", ylabel="RGB PSNR (dB)")
    figure.legend(loc="outside upper center", ncols=len(streams), fontsize=9)
    return figure


def by_kind(table: pandas.DataFrame) -> Figure:
    """Gain in dB of frames of each kind, a panel for each of ``weights``: a line for each clip.

    Black lines are means, solid of the clips that gain over all their kinds, dashed of those that lose.
    """
    groups = list(table.groupby("weights", sort=False))
    figure, axes = style.new(1, len(groups), height=3.4, sharey=True)
    for place, (weights, own) in zip(axes[0], groups, strict=True):
        wide = own.pivot_table(index="clip", columns="kind", values="gain")
        wide = wide[[kind for kind in KINDS if kind in wide.columns]].dropna()
        for _, row in wide.iterrows():
            place.plot(row.index, row, "-", color="#bbbbbb", linewidth=1)
        for kind in wide.columns:
            marker, _ = KINDS[kind]
            place.plot([kind] * len(wide), wide[kind], marker, color=style.SLICE_COLOURS[kind], markersize=6)
        gains = wide.mean(axis=1) > 0
        for part, dashes, name in ((wide[gains], "-", "clips that gain"), (wide[~gains], "--", "clips that lose")):
            if len(part):
                place.plot(wide.columns, part.mean(), dashes, color=style.BLACK, linewidth=2.5, label=f"mean of {name}")
        place.axhline(0, color=style.BLACK, linewidth=0.6)
        place.margins(x=0.15)
        place.set_title(weights, fontsize=10, loc="left")
        place.set_xlabel("kind of frame")
    axes[0, 0].set_ylabel("gain (dB)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=9)
    return figure
