"""What all method notebooks draw: sizes, insides, gains, departures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas
import torch
from IPython.display import Markdown, display
from matplotlib.figure import Figure

from venh_lib import challenge
from venh_lib.dataset import Sequence
from venh_lib.figures import style
from venh_lib.methods.method import PRESETS, Method


def sizes(method: Method, track: int = 1) -> pandas.DataFrame:
    """Parameters of both presets, and the report's average PSNR and gain of this method in dB."""
    rows = []
    published = challenge.published_gains(track).get(method.slug, float("nan"))
    for preset in PRESETS:
        with torch.device("meta"):
            count = sum(p.numel() for p in method.build(preset).parameters())
        rows.append(
            {"preset": preset, "parameters": count, "report's gain (dB)": published if preset == "paper" else None}
        )
    return pandas.DataFrame(rows).set_index("preset")


def tensor(rgb: np.ndarray) -> torch.Tensor:
    """A frame uint8 [H, W, 3] as the network's input, float32 [3, H, W] in 0–1."""
    return torch.from_numpy(rgb).permute(2, 0, 1).float().div(255)


def image(output: torch.Tensor) -> np.ndarray:
    """A network's output [3, H, W] in 0–1 as the frame that is written: rounded and clipped, uint8 [H, W, 3]."""
    return output.mul(255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def maps(features: torch.Tensor, title: str, *, count: int = 8, columns: int = 4, width: float = 9.0) -> Figure:
    """The first ``count`` channels of features [C, H, W], each scaled to its own range, dark low and light high."""
    count = min(count, len(features))
    rows, ratio = -(-count // columns), features.shape[1] / features.shape[2]
    figure, axes = style.new(rows, columns, width=width, height=rows * width / columns * ratio + 0.5)
    for place in axes.flat[count:]:
        place.set_axis_off()
    for channel, place in enumerate(axes.flat[:count]):
        style.picture(place, features[channel].numpy()[..., None].repeat(3, 2) * 0, f"channel {channel}")
        place.imshow(features[channel].numpy(), cmap="cividis")
    figure.suptitle(title, fontsize=10)
    return figure


def residual(axes, change: np.ndarray, title: str, limit: float = 12.0):
    """Draw what a network added, signed luma change [H, W] in 8-bit levels; returns the image for a colour bar."""
    style.picture(axes, np.zeros((*change.shape, 3), np.uint8), title)
    return axes.imshow(change, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")


def gains(table: pandas.DataFrame, title: str) -> Figure:
    """Bars of the gain on each clip's PQFs and on its other frames, in dB."""
    figure, axes = style.new(height=3.0)
    place, places = axes[0, 0], np.arange(len(table))
    place.bar(places - 0.2, table["pqf_gain_db"], 0.4, label="peak quality frames")
    place.bar(places + 0.2, table["non_pqf_gain_db"], 0.4, label="other frames")
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set_xticks(places, table["clip"], rotation=20, ha="right")
    place.margins(y=0.3)
    place.set_ylabel("gain in RGB PSNR (dB)")
    place.set_title(title)
    place.legend()
    return figure


def compare(sequence: Sequence, enhanced: np.ndarray, t: int, size: int = 72) -> Figure:
    """Frame ``t`` of a clip: raw, compressed and enhanced, at its liveliest place."""
    raw, compressed = sequence.raw_frames().rgb(t), sequence.compressed_frames().rgb(t)
    box = style.liveliest_box(raw, size, size)
    return style.close_up({"compressed": compressed, "enhanced": enhanced, "raw": raw}, box)


def moved(record: Mapping, measured: Mapping[str, float]) -> pandas.DataFrame:
    """Validation gains in dB: as the checkpoint's record has them, as measured now, and the difference."""
    rows = [
        {"clip": clip, "recorded (dB)": record["validation_gain_db"][clip], "now (dB)": gain}
        for clip, gain in measured.items()
    ]
    table = pandas.DataFrame(rows).set_index("clip")
    return table.assign(**{"moved (dB)": table["now (dB)"] - table["recorded (dB)"]}).round(3)


def departures(method: Method) -> None:
    """List where the method differs from the report, and why."""
    display(Markdown("\n".join(f"- {text}" for text in method.departures)))
