"""The plots of notebook 02."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from venh_lib import references
from venh_lib.bitstream import FrameInfo
from venh_lib.figures import style


def qp_and_psnr(qps: Sequence[int], psnr: Sequence[float], peaks: Sequence[int]) -> Figure:
    """QP above and PSNR in dB below, frame by frame, peak quality frames marked."""
    figure, axes = style.new(2, 1, height=4.6, sharex=True)
    frames = np.arange(len(qps))
    axes[0, 0].step(frames, qps, where="mid", color=style.BLACK)
    axes[0, 0].set_ylabel("QP (low is fine)")
    axes[0, 0].invert_yaxis()
    axes[1, 0].plot(frames, psnr, "o-", color=style.COMPRESSED)
    axes[1, 0].plot(list(peaks), [psnr[t] for t in peaks], "D", color=style.BLUE, label="peak quality frames, by QP")
    axes[1, 0].set_ylabel("RGB PSNR (dB)")
    axes[1, 0].set_xlabel("frame")
    axes[1, 0].legend()
    return figure


def found_two_ways(psnr: Sequence[float], by_qp: Sequence[int], by_psnr: Sequence[int], title: str) -> Figure:
    """PSNR in dB with the peaks found by QP and those found by PSNR."""
    figure, axes = style.new(height=2.8)
    place = axes[0, 0]
    place.plot(psnr, "-", color=style.BLACK, linewidth=1)
    place.plot(list(by_qp), [psnr[t] for t in by_qp], "D", color=style.BLUE, label="by QP")
    marks = {"markerfacecolor": "none", "markersize": 12}
    place.plot(list(by_psnr), [psnr[t] for t in by_psnr], "o", color=style.VERMILION, label="by PSNR", **marks)
    place.set_xlabel("frame")
    place.set_ylabel("RGB PSNR (dB)")
    place.set_title(title)
    place.legend()
    return figure


def leads(table: pandas.DataFrame) -> Figure:
    """Bars, for each clip (row), of what frames of one QP (column) lead the mean of their two neighbours by, in dB."""
    figure, axes = style.new(height=3.0)
    place, places = axes[0, 0], np.arange(len(table))
    width = 0.8 / len(table.columns)
    for number, (qp, colour) in enumerate(zip(table.columns, style.PALETTE, strict=False)):
        place.bar(places + (number - 1) * width, table[qp], width, color=colour, label=f"QP {qp}")
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set_xticks(places, table.index, rotation=12)
    place.set_ylabel("lead over neighbours (dB)")
    place.legend(ncols=len(table.columns))
    return figure


def windows(qps: Sequence[int], chosen: Mapping[str, Mapping[int, Sequence[int]]]) -> Figure:
    """Arcs from the frames that a policy takes to the centre: a row for each policy, a column for each centre.

    Dots are frames; the peaks by QP are large.
    """
    centres = list(next(iter(chosen.values())))
    taken = [index for row in chosen.values() for window in row.values() for index in window]
    frames = np.arange(max(min(taken) - 1, 0), min(max(taken) + 2, len(qps)))
    peaks = set(references.peak_quality_frames(qps))
    sizes = [80 if t in peaks else 22 for t in frames]
    colours = [style.BLUE if t in peaks else "#999999" for t in frames]
    tops = [0.6 + 0.11 * max(abs(i - t) for t, window in row.items() for i in window) for row in chosen.values()]
    figure, axes = style.new(len(chosen), len(centres), height=0.55 * len(chosen) + 0.6 * sum(tops), sharex=True,
                             height_ratios=[top + 0.4 for top in tops])  # fmt: skip
    for row, top, (name, windows) in zip(axes, tops, chosen.items(), strict=True):
        for place, (t, indices) in zip(row, windows.items(), strict=True):
            place.scatter(frames, 0 * frames, s=sizes, color=colours)
            place.plot(t, 0, "s", markersize=10, color=style.VERMILION)
            for index in set(indices) - {t}:
                along = np.linspace(0, 1, 40)
                height = 0.25 + 0.11 * abs(index - t)
                place.plot(index + along * (t - index), height * np.sin(np.pi * along) + 0.06, color=style.BLACK)
            place.set_title(f"{name}: {', '.join(map(str, indices))}", fontsize=8, loc="left")
            place.set_ylim(-0.4, top)
            place.set_yticks([])
            place.grid(False)
            place.spines["left"].set_visible(False)
    for place, t in zip(axes[-1], centres, strict=True):
        place.set_xlabel(f"frame; the square is frame {t}, large dots are peaks")
        place.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def streams(given: Mapping[str, Sequence[FrameInfo]]) -> Figure:
    """QP of each frame of rate-controlled streams, coloured by slice type, peaks by QP marked."""
    figure, axes = style.new(len(given), 1, height=2.5 * len(given), sharex=True)
    for place, (name, infos) in zip(axes[:, 0], given.items(), strict=True):
        place.plot([info.qp for info in infos], "-", color="#999999", linewidth=1)
        for kind, colour in style.SLICE_COLOURS.items():
            own = [info for info in infos if info.slice_type == kind]
            if own:
                place.plot([i.index for i in own], [i.qp for i in own], "o", color=colour, label=f"{kind} frames")
        peaks = references.peak_frames(infos)
        marks = {"markerfacecolor": "none", "markersize": 12}
        if peaks:
            place.plot(peaks, [infos[t].qp for t in peaks], "D", color=style.BLACK, label="peaks by QP", **marks)
        place.invert_yaxis()
        place.margins(y=0.2)
        place.yaxis.get_major_locator().set_params(integer=True)
        place.set_ylabel("QP (low is fine)")
        place.set_title(name, fontsize=10, loc="left")
        place.legend(ncols=4, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1))
    axes[-1, 0].set_xlabel("frame")
    return figure


def errors_around(truth: Sequence[np.ndarray], frames: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Error maps of frames, uint8 [H, W, 3] each, against the raw frames, side by side on one scale."""
    figure, axes = style.new(1, len(frames), height=9.0 / len(frames) * 0.62 + 0.5)
    for place, raw, frame, title in zip(axes[0], truth, frames, titles, strict=True):
        drawn = style.error_map(place, frame, raw, title)
    figure.colorbar(drawn, ax=axes[0], label="error (levels)", shrink=0.75)
    return figure
