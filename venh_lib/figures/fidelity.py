"""The plots of notebook 03."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from venh_lib.figures import style


def traps(differences: Mapping[str, float]) -> Figure:
    """Bars of what each trap does to the measured figure, in dB against the right one."""
    figure, axes = style.new(height=0.45 * len(differences) + 1.0)
    place, names = axes[0, 0], list(differences)
    values = [differences[name] for name in names]
    place.barh(names, values, color=[style.VERMILION if v < 0 else style.BLUE for v in values])
    place.invert_yaxis()
    place.axvline(0, color=style.BLACK, linewidth=0.8)
    for row, value in enumerate(values):
        place.annotate(f" {value:+.2f} ", (value, row), va="center", ha="left" if value >= 0 else "right")
    place.margins(x=0.18)
    place.set_xlabel("what is measured, less what is right (dB)")
    return figure


def psnr_of_error(points: Sequence[tuple[float, float]]) -> Figure:
    """PSNR against mean squared error, with frames (mse, dB) on the curve."""
    figure, axes = style.new(height=3.0)
    place, errors = axes[0, 0], np.linspace(2, max(p[0] for p in points) * 1.15, 200)
    place.plot(errors, 10 * np.log10(255**2 / errors), color=style.BLACK, label="10 log10(255² / MSE)")
    place.plot(*np.transpose(points), "o", color=style.COMPRESSED, label="frames of the clip")
    place.set_xlabel("mean squared error (squared 8-bit levels)")
    place.set_ylabel("PSNR (dB)")
    place.legend()
    return figure


def shifted(raw: np.ndarray, wrong: np.ndarray) -> Figure:
    """A frame and the same frame through the wrong colour matrix, with their difference."""
    figure, axes = style.new(1, 3, height=2.2)
    style.picture(axes[0, 0], raw, "right matrix")
    style.picture(axes[0, 1], wrong, "wrong matrix")
    drawn = style.error_map(axes[0, 2], wrong, raw, "difference", limit=20)
    figure.colorbar(drawn, ax=axes[0, 2], label="levels", shrink=0.8)
    return figure


def structure(maps: Sequence[np.ndarray]) -> Figure:
    """The contrast-and-structure map of each scale of MS-SSIM, from −1 or 0 (lost) to 1 (kept)."""
    figure, axes = style.new(1, len(maps), height=2.0)
    for scale, (place, values) in enumerate(zip(axes[0], maps, strict=True)):
        style.picture(place, np.zeros((*values.shape, 3), np.uint8), f"scale {scale + 1}")
        drawn = place.imshow(values, cmap="cividis", vmin=0, vmax=1)
    figure.colorbar(drawn, ax=axes[0], shrink=0.7, label="structure kept")
    return figure
