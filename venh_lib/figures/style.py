"""What all figures share: colours that colour-blind readers can tell apart, captions, alt text, pictures of frames."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from venh_lib.errors import SettingError

# Okabe and Ito (2008): eight colours that stay apart for every common kind of colour blindness.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, YELLOW)
RAW, COMPRESSED, ENHANCED = BLACK, ORANGE, BLUE
SLICE_COLOURS = {"I": VERMILION, "P": BLUE, "B": GREEN}
Box = tuple[int, int, int, int]

_RC = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "axes.prop_cycle": plt.cycler(color=PALETTE),
    "figure.dpi": 110,
}


def new(
    rows: int = 1, columns: int = 1, *, width: float = 9.0, height: float = 3.2, **options
) -> tuple[Figure, np.ndarray]:
    """A figure in the course's style and its axes as an array [rows, columns]; sizes in inches."""
    with plt.rc_context(_RC):
        return plt.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **options)


def show(figure: Figure, caption: str, alt: str) -> None:
    """Show ``figure`` in the notebook with its caption under it and alt text for those who cannot see it.

    Raises SettingError when either is empty: every figure of the course has both.
    """
    if not caption.strip() or not alt.strip():
        raise SettingError("a figure needs a caption and alt text; say what it shows and what to see in it.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    plt.close(figure)
    picture = base64.b64encode(buffer.getvalue()).decode()
    display(
        HTML(
            f'<figure style="margin:0.5em 0"><img style="max-width:100%" alt="{html.escape(alt, quote=True)}" '
            f'src="data:image/png;base64,{picture}"/>'
            f'<figcaption style="font-size:0.9em;color:#555">{html.escape(caption)}</figcaption></figure>'
        )
    )


def picture(axes: Axes, rgb: np.ndarray, title: str = "") -> Axes:
    """Draw a frame, uint8 [H, W, 3], pixel for pixel: no smoothing that would hide what compression did."""
    axes.imshow(rgb, interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def mark(axes: Axes, box: Box, colour: str = YELLOW) -> None:
    """Outline ``box`` = (top, left, height, width) in pixels."""
    top, left, height, width = box
    axes.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=colour, linewidth=1.6))


def crop(rgb: np.ndarray, box: Box) -> np.ndarray:
    """The pixels of ``box`` = (top, left, height, width)."""
    top, left, height, width = box
    return rgb[top : top + height, left : left + width]


def close_up(frames: Mapping[str, np.ndarray], box: Box, *, width: float = 9.0) -> Figure:
    """The first frame whole with ``box`` outlined, and the box enlarged from each of ``frames``, titled by its key."""
    names = list(frames)
    whole = frames[names[0]]
    ratio = whole.shape[1] / whole.shape[0] / (box[3] / box[2])
    figure, axes = new(1, len(names) + 1, width=width, height=width / (len(names) + ratio) * box[2] / box[3] + 0.5,
                       width_ratios=[ratio, *[1.0] * len(names)])  # fmt: skip
    mark(picture(axes[0, 0], whole, f"{names[0]}, whole frame"), box)
    for place, name in zip(axes[0, 1:], names, strict=True):
        picture(place, crop(frames[name], box), name)
    return figure


def error_map(axes: Axes, frame: np.ndarray, truth: np.ndarray, title: str = "", limit: float = 30.0):
    """Draw each pixel's mean absolute RGB error in 8-bit levels, dark to light; returns the image for a colour bar."""
    error = np.abs(frame.astype(np.float32) - truth.astype(np.float32)).mean(axis=2)
    picture(axes, np.zeros_like(truth), title)
    return axes.imshow(error, cmap="cividis", vmin=0, vmax=limit, interpolation="nearest")


def liveliest_box(rgb: np.ndarray, height: int, width: int) -> Box:
    """The box of this size with the most detail (sum of absolute luma differences), on a grid of 8 pixels."""
    luma = rgb.astype(np.float32).mean(axis=2)
    detail = np.abs(np.diff(luma, axis=0))[:, :-1] + np.abs(np.diff(luma, axis=1))[:-1]
    places = [(y, x) for y in range(0, rgb.shape[0] - height, 8) for x in range(0, rgb.shape[1] - width, 8)]
    top, left = max(places, key=lambda p: detail[p[0] : p[0] + height, p[1] : p[1] + width].sum())
    return top, left, height, width


def strip(frames: Sequence[np.ndarray], titles: Sequence[str], *, columns: int = 4, width: float = 9.0) -> Figure:
    """Frames of one size in rows of ``columns``, each under its title."""
    rows = -(-len(frames) // columns)
    height, across = frames[0].shape[:2]
    figure, axes = new(rows, columns, width=width, height=rows * (width / columns * height / across + 0.3))
    for place, frame, title in zip(axes.flat, frames, titles, strict=False):
        picture(place, frame, title)
    for place in axes.flat[len(frames) :]:
        place.set_axis_off()
    return figure
