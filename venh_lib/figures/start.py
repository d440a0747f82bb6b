"""The plots of notebook 00."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from venh_lib.figures import style


def before_and_after(before: Sequence[float], after: Sequence[float], qps: Sequence[int]) -> Figure:
    """PSNR in dB of each frame before and after enhancement, with each frame's QP along the bottom."""
    figure, axes = style.new(height=3.2)
    place, frames = axes[0, 0], np.arange(len(before))
    place.plot(frames, before, "o-", color=style.COMPRESSED, label="compressed")
    place.plot(frames, after, "s-", color=style.ENHANCED, label="enhanced")
    place.set_xlabel("frame, and its QP below")
    place.set_ylabel("RGB PSNR (dB)")
    step = max(len(frames) // 14, 1)
    place.set_xticks(frames[::step], [f"{t}\n{qps[t]}" for t in frames[::step]])
    place.legend()
    return figure


def error_before_and_after(raw: np.ndarray, compressed: np.ndarray, enhanced: np.ndarray) -> Figure:
    """Error maps of a compressed and an enhanced frame on one scale, in 8-bit levels."""
    figure, axes = style.new(1, 2, height=3.0)
    style.error_map(axes[0, 0], compressed, raw, "compressed")
    drawn = style.error_map(axes[0, 1], enhanced, raw, "enhanced")
    figure.colorbar(drawn, ax=axes[0], label="mean absolute error (levels)", shrink=0.8)
    return figure
