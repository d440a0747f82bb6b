"""The plots of notebook 02."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

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


def windows(qps: Sequence[int], t: int, chosen: Mapping[str, Sequence[int]]) -> Figure:
    """Which frames each policy takes for frame ``t``: dots for frames, arcs to those chosen."""
    figure, axes = style.new(len(chosen), 1, height=1.25 * len(chosen) + 0.4, sharex=True)
    low = np.array(qps) <= np.sort(qps)[len(qps) // 4]
    for place, (name, indices) in zip(axes[:, 0], chosen.items(), strict=True):
        frames = np.arange(len(qps))
        place.scatter(frames, 0 * frames, s=np.where(low, 70, 25), color=np.where(low, style.BLUE, "#999999"))
        place.plot(t, 0, "s", markersize=11, color=style.VERMILION)
        for index in sorted(set(indices) - {t}):
            bend = 0.45 if index > t else -0.45
            arc = FancyArrowPatch((index, 0.06), (t, 0.06), connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>",
                                  mutation_scale=10, color=style.BLACK)  # fmt: skip
            place.add_patch(arc)
        place.set_ylim(-0.4, 2.2)
        place.set_yticks([])
        place.grid(False)
        place.set_title(f"{name}: {tuple(indices)}", fontsize=9, loc="left")
    axes[-1, 0].set_xlabel(f"frame; the square is frame {t}, large dots have a low QP")
    return figure


def stream(infos: Sequence, peaks: Sequence[int], title: str) -> Figure:
    """QP of each frame of a rate-controlled stream, coloured by slice type, peaks marked."""
    figure, axes = style.new(height=2.8)
    place = axes[0, 0]
    colours = {"I": style.VERMILION, "P": style.BLUE, "B": style.GREEN}
    place.plot([info.qp for info in infos], "-", color="#999999", linewidth=1)
    for kind, colour in colours.items():
        own = [info for info in infos if info.slice_type == kind]
        if own:
            place.plot([i.index for i in own], [i.qp for i in own], "o", color=colour, label=f"{kind} frames")
    marks = {"markerfacecolor": "none", "markersize": 13}
    place.plot(list(peaks), [infos[t].qp for t in peaks], "D", color=style.BLACK, label="peaks by QP", **marks)
    place.invert_yaxis()
    place.set_xlabel("frame")
    place.set_ylabel("QP (low is fine)")
    place.set_title(title)
    place.legend(ncols=4)
    return figure
