"""The plots of notebook 01."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from venh_lib.bitstream import FrameInfo
from venh_lib.figures import style

SLICE_COLOURS = {"I": style.VERMILION, "P": style.BLUE, "B": style.GREEN}


def rate_distortion(points: Mapping[int, tuple[float, float]], at_rate: Mapping[int, tuple[float, float]]) -> Figure:
    """PSNR in dB over kbit/s: one point per QP, and one per rate asked of two-pass x265."""
    figure, axes = style.new(height=3.4)
    place = axes[0, 0]
    place.plot(*zip(*points.values(), strict=True), "o-", color=style.BLUE, label="fixed QP")
    for qp, point in points.items():
        place.annotate(f"QP {qp}", point, textcoords="offset points", xytext=(6, -10), fontsize=8)
    place.plot(
        *zip(*at_rate.values(), strict=True), "*", markersize=13, color=style.VERMILION, label="x265, two passes"
    )
    place.set_xscale("log")
    place.set_xlabel("rate (kbit/s, logarithmic)")
    place.set_ylabel("RGB PSNR (dB)")
    place.legend()
    return figure


def frames_of_streams(streams: Mapping[str, Sequence[FrameInfo]]) -> Figure:
    """Bytes of each frame of some streams, coloured by slice type."""
    figure, axes = style.new(len(streams), 1, height=2.1 * len(streams), sharex=True)
    for place, (name, infos) in zip(axes[:, 0], streams.items(), strict=True):
        for kind, colour in SLICE_COLOURS.items():
            own = [info for info in infos if info.slice_type == kind]
            if not own:
                continue
            place.bar([info.index for info in own], [info.size for info in own], color=colour, label=f"{kind} frames")
        place.set_yscale("log")
        place.set_ylabel("bytes")
        place.set_title(name, fontsize=9)
        place.legend(ncols=3, fontsize=8)
    axes[-1, 0].set_xlabel("frame")
    axes[-1, 0].xaxis.get_major_locator().set_params(integer=True)
    return figure


def close_ups(pictures: Mapping[str, np.ndarray], boxes: Mapping[str, style.Box]) -> Figure:
    """Rows of enlarged boxes, titled by what to see, one column for each of the pictures."""
    figure, axes = style.new(len(boxes), len(pictures), width=8.0, height=8.0 / len(pictures) * 0.62 * len(boxes) + 0.4)
    for row, (what, box) in zip(axes, boxes.items(), strict=True):
        for place, (name, rgb) in zip(row, pictures.items(), strict=True):
            style.picture(place, style.crop(rgb, box), name)
        row[0].set_ylabel(what, fontsize=9)
    return figure


def time_slices(slices: Mapping[str, np.ndarray]) -> Figure:
    """One row of pixels over time: position across, time downwards, uint8 [T, W, 3] each."""
    figure, axes = style.new(len(slices), 1, width=8.0, height=1.5 * len(slices))
    for place, (name, rgb) in zip(axes[:, 0], slices.items(), strict=True):
        style.picture(place, rgb.repeat(2, axis=0), name)
        place.set_ylabel("time", fontsize=8)
    return figure


def across_a_grid(kept: np.ndarray) -> Figure:
    """Share of the raw steps between neighbouring columns that compression kept, by column in the 8-pixel grid."""
    figure, axes = style.new(height=2.6)
    place = axes[0, 0]
    place.bar(range(8), kept, color=[*[style.BLUE] * 7, style.VERMILION])
    place.set_ylim(kept.min() * 0.9, kept.max() * 1.05)
    place.set_xlabel("column of the step, modulo 8 (blocks meet at 7)")
    place.set_ylabel("share of the raw step")
    return figure
