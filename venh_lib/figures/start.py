"""The plots of notebook 00."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from venh_lib.figures import style


def before_and_after(before: Sequence[float], after: Sequence[float], qps: Sequence[int]) -> Figure:
    """PSNR of each frame before and after enhancement and the gain, in dB, with each frame's QP at the bottom."""
    figure, axes = style.new(2, 1, height=4.6, sharex=True, height_ratios=[2, 1])
    place, frames = axes[0, 0], np.arange(len(before))
    place.plot(frames, before, "o-", color=style.COMPRESSED, label="compressed")
    place.plot(frames, after, "s-", color=style.ENHANCED, label="enhanced")
    place.set_ylabel("RGB PSNR (dB)")
    place.legend()
    place = axes[1, 0]
    place.bar(frames, np.subtract(after, before), color=style.ENHANCED)
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set_ylabel("gain (dB)")
    place.set_xlabel("frame, and its QP below")
    step = max(len(frames) // 14, 1)
    place.set_xticks(frames[::step], [f"{t}\n{qps[t]}" for t in frames[::step]])
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
    """Error maps of a compressed and an enhanced frame on one scale, and how far the error fell, in 8-bit levels."""
    figure, axes = style.new(1, 3, height=2.2)
    style.error_map(axes[0, 0], compressed, raw, "compressed")
    drawn = style.error_map(axes[0, 1], enhanced, raw, "enhanced")
    figure.colorbar(drawn, ax=axes[0, :2], label="error (levels)", shrink=0.6)
    before, after = (np.abs(frame.astype(np.float32) - raw).mean(axis=2) for frame in (compressed, enhanced))
    style.picture(axes[0, 2], np.zeros_like(raw), "error removed (blue), added (red)")
    fell = axes[0, 2].imshow(before - after, cmap="RdBu", vmin=-10, vmax=10, interpolation="nearest")
    figure.colorbar(fell, ax=axes[0, 2], label="levels", shrink=0.6)
    return figure


def course_map(notebooks: Sequence[Path]) -> Markdown:
    """The notebooks in the order given, each by its title, linked."""
    lines = []
    for path in notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title = "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")
        lines.append(f"- [{path.stem}]({path.name}): {title}")
    return Markdown("\n".join(lines))
