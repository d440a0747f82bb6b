"""The plots of notebook 01."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from venh_lib.bitstream import FrameInfo
from venh_lib.colour import join_planes, planes_to_rgb, split_planes
from venh_lib.figures import style

# In 8-bit levels, ours: below the first a step belongs to shading, above the second to an edge.
CALM, EDGE = 3.0, 30.0


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
    place.set_xticks([25, 50, 100, 200, 400, 800])
    place.xaxis.set_major_formatter(ScalarFormatter())
    place.xaxis.set_minor_formatter(NullFormatter())
    rates = [kilobits for kilobits, _ in (*points.values(), *at_rate.values())]
    place.set_xlim(min(rates) * 0.85, max(rates) * 1.25)
    place.margins(y=0.12)
    place.set_xlabel("rate (kbit/s, logarithmic)")
    place.set_ylabel("RGB PSNR (dB)")
    place.legend()
    return figure


def frames_of_streams(streams: Mapping[str, Sequence[FrameInfo]]) -> Figure:
    """Bytes of each frame of some streams, coloured by slice type."""
    figure, axes = style.new(len(streams), 1, height=2.1 * len(streams), sharex=True)
    for place, (name, infos) in zip(axes[:, 0], streams.items(), strict=True):
        for kind, colour in style.SLICE_COLOURS.items():
            own = [info for info in infos if info.slice_type == kind]
            if not own:
                continue
            place.bar([info.index for info in own], [info.size for info in own], color=colour, label=f"{kind} frames")
        place.set_yscale("log")
        place.set_ylim(bottom=10)
        place.set_ylabel("bytes (logarithmic)")
        place.set_title(name, fontsize=9)
        place.legend(ncols=3, fontsize=8)
    axes[-1, 0].set_xlabel("frame")
    axes[-1, 0].xaxis.get_major_locator().set_params(integer=True)
    return figure


def _greatest(score: np.ndarray, height: int, width: int) -> style.Box:
    """The box, on a grid of 4 pixels, in which ``score`` [H, W] sums to most."""
    sums = cv2.boxFilter(score.astype(np.float32), -1, (width, height), anchor=(0, 0), normalize=False)
    sums = sums[: score.shape[0] - height + 1 : 4, : score.shape[1] - width + 1 : 4]
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    return int(row) * 4, int(column) * 4, height, width


def _steps(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Absolute steps from each pixel of [H, W] to the next one across and down, of the same shape; 0 at the ends."""
    across = np.abs(np.diff(luma, axis=1, append=luma[:, -1:]))
    return across, np.abs(np.diff(luma, axis=0, append=luma[-1:]))


def places(raw: np.ndarray, compressed: np.ndarray, height: int = 52, width: int = 80) -> dict[str, style.Box]:
    """Where each artefact is strongest in a frame, I420 uint8 [H*3//2, W]: a box for each name.

    Measured, not chosen by eye: *blur* is detail lost; *ringing* is detail that appears where the raw frame is
    calm, within 8 pixels of an edge; *blocking* is steps that appear on the 8×8 grid where it is calm, away from
    edges; *banding* is gentle steps that vanish; *colour bleeding* is the error of Cb and Cr. A place counts once.
    """
    (before, *chroma), (after, *decoded) = (
        [plane.astype(np.float32) for plane in split_planes(planes)] for planes in (raw, compressed)
    )
    old, new = np.stack(_steps(before)), np.stack(_steps(after))
    calm = old.max(axis=0) < CALM
    near_edge = cv2.dilate((old.max(axis=0) > EDGE).astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    appeared = np.clip(new - old, 0, None)
    rows, columns = np.ogrid[: len(before), : before.shape[1]]
    on_grid = appeared[0] * (columns % 8 == 7) + appeared[1] * (rows % 8 == 7)
    flattened = ((old > 0) & (old <= CALM) & (new == 0)).sum(axis=0)
    colour = sum(np.abs(a - b) for a, b in zip(chroma, decoded, strict=True)).repeat(2, axis=0).repeat(2, axis=1)
    scores = {
        "ringing": appeared.sum(axis=0) * (calm & near_edge),
        "blocking": on_grid * (calm & ~near_edge),
        "banding": flattened * ~near_edge,
        "colour bleeding": colour,
        "blur": np.clip(old - new, 0, None).sum(axis=0),
    }
    boxes, free = {}, np.ones_like(before)
    for name, score in scores.items():
        top, left, _, _ = boxes[name] = _greatest(score * free, height, width)
        free[top : top + height, left : left + width] = 0
    return boxes


def _stretched(rgb: np.ndarray, times: float = 3.0) -> np.ndarray:
    """A picture with its contrast around its mean multiplied, uint8 [H, W, 3]."""
    return np.clip(128 + times * (rgb - rgb.mean(axis=(0, 1))), 0, 255).astype(np.uint8)


def close_ups(
    pictures: Mapping[str, np.ndarray], boxes: Mapping[str, style.Box], stretched: Collection[str] = ()
) -> Figure:
    """Rows of enlarged boxes, named by what to see, one column for each of the pictures.

    Boxes named in ``stretched`` are shown around grey, with three times the contrast.
    """
    _, _, tall, wide = next(iter(boxes.values()))
    height = 9.0 / len(pictures) * tall / wide * len(boxes) * 1.04 + 0.3
    figure, axes = style.new(len(boxes), len(pictures), height=height)
    for number, (row, (what, box)) in enumerate(zip(axes, boxes.items(), strict=True)):
        for place, (name, rgb) in zip(row, pictures.items(), strict=True):
            part = style.crop(rgb, box)
            style.picture(place, _stretched(part) if what in stretched else part, "" if number else name)
        row[0].set_ylabel(f"{what} (×3)" if what in stretched else what, fontsize=9)
    return figure


def _named(place: Axes, boxes: Mapping[str, style.Box], size: float = 7) -> None:
    """Outline boxes and write their names into them."""
    for (name, box), colour in zip(boxes.items(), style.PALETTE, strict=False):
        style.mark(place, box, colour)
        label = {"boxstyle": "square,pad=0.15", "facecolor": colour, "edgecolor": "none"}
        place.annotate(name, (box[1], box[0]), xytext=(2, -2), textcoords="offset points", ha="left", va="top",
                       color="white", fontsize=size, bbox=label)  # fmt: skip


def where(rgb: np.ndarray, boxes: Mapping[str, style.Box]) -> Figure:
    """A frame with named boxes."""
    figure, axes = style.new(width=6.0, height=6.0 * rgb.shape[0] / rgb.shape[1] + 0.2)
    _named(style.picture(axes[0, 0], rgb), boxes)
    return figure


def ladder(
    pictures: Mapping[str, np.ndarray], named: Mapping[str, Mapping[str, style.Box]], *, columns: int = 3
) -> Figure:
    """Versions of one crop, uint8 [H, W, 3], by title, enlarged pixel for pixel; ``named`` boxes on some of them."""
    figure = style.strip(list(pictures.values()), list(pictures), columns=columns)
    for title, boxes in named.items():
        _named(figure.axes[list(pictures).index(title)], boxes)
    return figure


def colour_alone(planes: np.ndarray, matrix: str) -> np.ndarray:
    """A frame's Cb and Cr, doubled, on an even grey, uint8 [H, W, 3]: its colour without its light."""
    luma, *chroma = split_planes(planes)
    doubled = [np.clip(128 + 2 * (plane.astype(int) - 128), 0, 255).astype(np.uint8) for plane in chroma]
    return planes_to_rgb(join_planes(np.full_like(luma, 128), *doubled), matrix)


def mosquitoes(errors: np.ndarray, titles: Sequence[str], limit: float = 20.0) -> Figure:
    """Signed luma errors [T, H, W] of one place in consecutive frames, in 8-bit levels, each under its title."""
    figure, axes = style.new(1, len(errors), height=9.0 / len(errors) * errors.shape[1] / errors.shape[2] + 0.4)
    for place, error, title in zip(axes[0], errors, titles, strict=True):
        style.picture(place, np.zeros((*error.shape, 3), np.uint8), title)
        drawn = place.imshow(error, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    figure.colorbar(drawn, ax=axes[0], label="levels", shrink=0.8)
    return figure


def time_slices(slices: Mapping[str, np.ndarray]) -> Figure:
    """One row of pixels over time: position across, time downwards, uint8 [T, W, 3] each."""
    figure, axes = style.new(len(slices), 1, width=8.0, height=1.75 * len(slices), sharex=True)
    for place, (name, rgb) in zip(axes[:, 0], slices.items(), strict=True):
        place.imshow(rgb, interpolation="nearest", aspect="auto")
        place.set_title(name, fontsize=9, loc="left")
        place.set_ylabel("frame")
        place.grid(False)
    axes[-1, 0].set_xlabel("place in the row (pixels)")
    return figure


def pumping(changes: Mapping[str, Sequence[float]], peaks: Sequence[int]) -> Figure:
    """Mean absolute luma change from each frame to the next where the scene is still, peaks by QP shaded."""
    figure, axes = style.new(height=2.8)
    place = axes[0, 0]
    for peak in peaks:
        place.axvspan(peak - 0.4, peak + 0.4, color=style.SKY, alpha=0.25, linewidth=0)
    for (name, values), colour, marker in zip(changes.items(), (style.BLACK, style.VERMILION), "so", strict=True):
        place.plot(range(1, len(values) + 1), values, marker=marker, markersize=4, color=colour, label=name)
    place.set_xlabel("frame (shaded: coded at a low QP)")
    place.set_ylabel("change (8-bit levels)")
    place.legend()
    return figure


def across_a_grid(kept: np.ndarray, blocking: Mapping[str, float]) -> Figure:
    """What compression kept of the steps between neighbouring columns, and how much more on the grid, by clip.

    ``kept`` is the share of the raw steps by column in the 8-pixel grid; ``blocking`` that share where blocks
    meet over the share elsewhere: above one, the grid shows.
    """
    figure, axes = style.new(1, 2, height=max(2.8, 0.24 * len(blocking) + 0.9))
    place = axes[0, 0]
    place.bar(range(8), kept, color=[*[style.BLUE] * 7, style.VERMILION])
    place.set_xlabel("column of the step, modulo 8 (blocks meet at 7)")
    place.set_ylabel("share of the raw step")
    place = axes[0, 1]
    names = sorted(blocking, key=blocking.get)
    place.plot([blocking[name] for name in names], names, "o", color=style.VERMILION)
    place.axvline(1, color=style.BLACK, linewidth=0.8)
    place.set_xlabel("share kept where blocks meet / elsewhere")
    return figure
