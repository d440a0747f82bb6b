"""The plots of notebook 00, and the picture of the README."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from venh_lib.figures import style


def _squared_error(frame: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Squared error [H, W] of a frame uint8 [H, W, 3], pooled over its three channels."""
    return np.square(frame.astype(np.float32) - raw).mean(axis=2)


def psnr(frame: np.ndarray, raw: np.ndarray) -> float:
    """RGB PSNR in dB of a frame or a crop, uint8 [H, W, 3], against the raw one; infinite where they are equal."""
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(255**2 / _squared_error(frame, raw).mean()))


def most_helped(
    raw: np.ndarray, compressed: np.ndarray, enhanced: np.ndarray, height: int = 64, width: int = 96
) -> style.Box:
    """The box of this size in which the squared error fell most from ``compressed`` to ``enhanced``.

    With those two exchanged it is the box in which the error rose most. Frames are uint8 [H, W, 3].
    """
    fell = _squared_error(compressed, raw) - _squared_error(enhanced, raw)
    sums = cv2.boxFilter(fell, -1, (width, height), anchor=(0, 0))
    sums = sums[: fell.shape[0] - height + 1, : fell.shape[1] - width + 1]
    top, left = np.unravel_index(sums.argmax(), sums.shape)
    return int(top), int(left), height, width


def before_after_raw(
    raw: np.ndarray, compressed: np.ndarray, enhanced: np.ndarray, box: style.Box, *, width: float = 9.0
) -> Figure:
    """A frame compressed, enhanced and raw, uint8 [H, W, 3], whole with ``box`` outlined, and the box below.

    The titles give the PSNR in dB of the whole frames and of the boxes.
    """
    tall, wide = raw.shape[:2]
    each = width / 3
    rows = [each * tall / wide, each * box[2] / box[3]]
    figure, axes = style.new(2, 3, width=width, height=sum(rows) + 0.55, height_ratios=rows)
    for column, (name, frame) in enumerate({"compressed": compressed, "enhanced": enhanced, "raw": raw}.items()):
        part = style.crop(frame, box)
        levels = ("", "")
        if name != "raw":
            levels = (f": {psnr(frame, raw):.2f} dB", f"in the box {psnr(part, style.crop(raw, box)):.2f} dB")
        style.mark(style.picture(axes[0, column], frame, name + levels[0]), box)
        style.picture(axes[1, column], part, levels[1])
    return figure


def before_and_after(before: Sequence[float], after: Sequence[float], qps: Sequence[int]) -> Figure:
    """PSNR of each frame before and after enhancement, the gain, both in dB, and the QP that the frame was coded at."""
    figure, axes = style.new(3, 1, height=5.6, sharex=True, height_ratios=[2.2, 1.2, 1])
    frames, coded = np.arange(len(before)), np.array(qps[: len(before)])
    fine = coded < (coded.min() + coded.max()) / 2
    place = axes[0, 0]
    place.fill_between(frames, before, after, color=style.SKY, alpha=0.3, linewidth=0)
    place.plot(frames, before, "o-", color=style.COMPRESSED, label="compressed")
    place.plot(frames, after, "s-", color=style.ENHANCED, label="enhanced")
    place.set_ylabel("RGB PSNR (dB)")
    place.legend()
    place, gains = axes[1, 0], np.subtract(after, before)
    place.bar(frames, gains, color=style.ENHANCED)
    for t, gain in enumerate(gains if len(gains) <= 16 else ()):
        below = {"va": "bottom" if gain >= 0 else "top"}
        place.annotate(f"{gain:+.2f}", (t, gain), ha="center", fontsize=8, **below)
    place.margins(y=0.25)
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set_ylabel("gain (dB)")
    place = axes[2, 0]
    for chosen, colour, name in ((fine, style.GREEN, "finer"), (~fine, "#999999", "coarser")):
        place.bar(frames[chosen], coded[chosen], color=colour, label=name)
    place.set_ylim(0, 1.25 * coded.max())
    for t, qp in enumerate(coded if len(coded) <= 16 else ()):
        place.annotate(str(qp), (t, qp), ha="center", va="bottom", fontsize=8)
    place.set_ylabel("QP")
    place.set_xlabel("frame")
    place.legend(ncols=2, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    place.xaxis.get_major_locator().set_params(integer=True)
    return figure


def gains(recorded: Mapping[str, float], measured: Mapping[str, float]) -> Figure:
    """Gain in dB of each clip as recorded, the largest first, and what was measured now of some of them."""
    figure, axes = style.new(height=0.32 * len(recorded) + 1.0)
    place, names = axes[0, 0], sorted(recorded, key=recorded.get, reverse=True)
    place.barh(names, [recorded[name] for name in names], color=style.ENHANCED, label="recorded")
    place.plot(list(measured.values()), list(measured), "D", color=style.VERMILION, label="measured now")
    place.invert_yaxis()
    place.axvline(0, color=style.BLACK, linewidth=0.8)
    place.set_xlabel("gain in RGB PSNR (dB)")
    place.legend(loc="lower right")
    return figure


def error_before_and_after(raw: np.ndarray, compressed: np.ndarray, enhanced: np.ndarray) -> Figure:
    """Error maps of a compressed and an enhanced frame on one scale, and the change of the error, in 8-bit levels."""
    figure, axes = style.new(1, 3, height=2.2)
    style.error_map(axes[0, 0], compressed, raw, "compressed")
    drawn = style.error_map(axes[0, 1], enhanced, raw, "enhanced")
    figure.colorbar(drawn, ax=axes[0, :2], label="error (levels)", shrink=0.6)
    before, after = (np.abs(frame.astype(np.float32) - raw).mean(axis=2) for frame in (compressed, enhanced))
    style.picture(axes[0, 2], np.zeros_like(raw), "change of the error (below 0 is better)")
    change = axes[0, 2].imshow(after - before, cmap="RdBu_r", vmin=-10, vmax=10, interpolation="nearest")
    figure.colorbar(change, ax=axes[0, 2], label="levels", shrink=0.6)
    return figure


def course_map(notebooks: Sequence[Path]) -> Markdown:
    """The notebooks in the order given, each by its title, linked."""
    lines = []
    for path in notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title = "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")
        lines.append(f"- [{path.stem}]({path.name}): {title}")
    return Markdown("\n".join(lines))
