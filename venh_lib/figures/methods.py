"""What all method notebooks draw: sizes, insides, gains, departures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence as SequenceOf

import numpy as np
import pandas
import torch
from IPython.display import Markdown, display
from matplotlib.figure import Figure

from venh_lib import challenge
from venh_lib.dataset import Sequence
from venh_lib.errors import SettingError
from venh_lib.figures import style
from venh_lib.methods import METHODS
from venh_lib.methods.method import PRESETS, Method

# Of methods beside each other; eleven shapes and six colours have no divisor in common, so 66 methods differ. Bars are
# sky blue, and yellow is hard to see.
MARKS = "o^sDvP*<>hX"
MARK_COLOURS = tuple(colour for colour in style.PALETTE if colour not in (style.SKY, style.YELLOW))


def sizes(method: Method, track: int = 1) -> pandas.DataFrame:
    """Parameters of both presets, and the report's average gain of the method's team in dB, NaN where it lists none."""
    rows = []
    published = challenge.published_gains(track).get(method.entry, float("nan"))
    for preset in PRESETS:
        with torch.device("meta"):
            count = sum(p.numel() for p in method.build(preset).parameters())
        rows.append(
            {"preset": preset, "parameters": count, "report's gain (dB)": published if preset == "paper" else None}
        )
    return pandas.DataFrame(rows).set_index("preset")


def reported(method: Method, track: int = 1) -> pandas.DataFrame:
    """The method's row of the report's table of ``track``, 1 or 3, and the unprocessed one, with times of Table 4.

    Times are seconds per frame. Raises SettingError for Track 2, which has no PSNR, and where the method has no row.
    """
    if method.entry not in challenge.published_gains(track):
        raise SettingError(f"the report has no entry of {method.slug} in track {track}.")
    table = challenge.table(track).set_index("slug").loc[[method.entry, "unprocessed"]]
    seconds = challenge.table(4).set_index("slug")[f"Track {track} running time (s per frame)"]
    rows = table[["Team", "Average PSNR (dB)", "Average MS-SSIM"]].assign(
        **{"Gain (dB)": table["Average PSNR (dB)"] - table.loc["unprocessed", "Average PSNR (dB)"]}
    )
    return rows.assign(**{seconds.name: seconds.reindex(rows.index)}).round(4).set_index("Team")


def tensor(rgb: np.ndarray) -> torch.Tensor:
    """A frame uint8 [H, W, 3] as the network's input, float32 [3, H, W] in 0–1."""
    return torch.from_numpy(rgb).permute(2, 0, 1).float().div(255)


def image(output: torch.Tensor) -> np.ndarray:
    """A network's output [3, H, W] in 0–1 as the frame that is written: rounded and clipped, uint8 [H, W, 3]."""
    return output.mul(255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def liveliest(features: torch.Tensor, count: int = 4) -> list[int]:
    """The ``count`` channels of features [C, H, W] that vary most over the frame, in ascending order."""
    return sorted(features.flatten(1).std(1).topk(count).indices.tolist())


def maps(
    features: torch.Tensor,
    title: str,
    *,
    channels: SequenceOf[int] | None = None,
    count: int = 8,
    columns: int = 4,
    width: float = 9.0,
) -> Figure:
    """``channels`` of features [C, H, W], else the first ``count``: each scaled to its own range, named above it.

    Dark is low and light high. The range leaves out the lowest and the highest 0.5 % of the values, so that one
    bright spot does not blacken a map; a channel of one value says so.
    """
    chosen = list(channels if channels is not None else range(min(count, len(features))))
    rows, ratio = -(-len(chosen) // columns), features.shape[1] / features.shape[2]
    figure, axes = style.new(rows, columns, width=width, height=rows * (width / columns * ratio + 0.2) + 0.4)
    for place in axes.flat[len(chosen) :]:
        place.set_axis_off()
    for channel, place in zip(chosen, axes.flat, strict=False):
        values = features[channel].numpy()
        low, high = np.quantile(values, (0.005, 0.995)) if np.ptp(values) else (values.min(), values.max())
        span = f"{low:.2g} to {high:.2g}" if high > low else f"{low + 0.0:.2g} nearly everywhere"
        style.picture(place, np.zeros((*values.shape, 3), np.uint8), f"channel {channel}: {span}")
        place.imshow(values, cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
    figure.suptitle(title, fontsize=10)
    return figure


def residual(axes, change: np.ndarray, title: str, limit: float = 12.0):
    """Draw what a network added, signed luma change [H, W] in 8-bit levels; returns the image for a colour bar."""
    style.picture(axes, np.zeros((*change.shape, 3), np.uint8), title)
    return axes.imshow(change, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")


def residuals(changes: Mapping[str, np.ndarray], *, limit: float | None = None, width: float = 9.0) -> Figure:
    """Signed luma changes [H, W] in 8-bit levels side by side, each on its own scale, or all on one up to ``limit``."""
    height, across = next(iter(changes.values())).shape
    figure, axes = style.new(1, len(changes), width=width, height=0.85 * width / len(changes) * height / across + 0.4)
    for place, (title, change) in zip(axes[0], changes.items(), strict=True):
        drawn = residual(place, change, title, limit or float(np.quantile(np.abs(change), 0.995)) or 1.0)
        if limit is None:
            figure.colorbar(drawn, ax=place, label="levels", shrink=0.8)
    if limit is not None:
        figure.colorbar(drawn, ax=axes[0], label="levels", shrink=0.8)
    return figure


def gains(table: pandas.DataFrame, title: str) -> Figure:
    """Bars of the gain on each clip's PQFs and on its other frames, in dB."""
    figure, axes = style.new(height=3.0)
    place, places = axes[0, 0], np.arange(len(table))
    place.bar(places - 0.2, table["pqf_gain_db"], 0.4, label="peak quality frames")
    place.bar(places + 0.2, table["non_pqf_gain_db"], 0.4, label="other frames")
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set_xticks(places, table["clip"], rotation=20, ha="right")
    place.set_ylabel("gain in RGB PSNR (dB)")
    place.set_title(title, loc="left")
    place.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    return figure


def beside(recorded: pandas.DataFrame, slug: str, now: pandas.DataFrame | None = None) -> Figure:
    """Recorded gain in dB on each clip: bars for ``slug``, a mark for each other method, crosses for ``now``.

    Marks stand side by side in the order of METHODS; a method has the same in every figure.
    """
    table = recorded.pivot(index="clip", columns="method", values="gain_db")
    figure, axes = style.new(height=3.4)
    place = axes[0, 0]
    place.bar(range(len(table)), table[slug], 0.7, color=style.SKY, label=slug)
    known = (*METHODS, *sorted(set(table.columns) - METHODS.keys()))
    others = [name for name in known if name in table.columns and name != slug]
    for number, name in enumerate(others):
        at = np.arange(len(table)) + 0.6 * ((number + 0.5) / len(others) - 0.5)
        look = known.index(name)  # the same in every notebook
        shape, colour = MARKS[look % len(MARKS)], MARK_COLOURS[look % len(MARK_COLOURS)]
        place.plot(at, table[name], shape, markersize=5, color=colour, label=name)
    if now is not None:
        measured = now[now["clip"].isin(table.index)]
        at = table.index.get_indexer(measured["clip"])
        place.plot(at, measured["gain_db"], "x", color=style.BLACK, markersize=9, label=f"{slug}, this run")
    place.axhline(0, color=style.BLACK, linewidth=0.8)
    place.set_xticks(range(len(table)), table.index, rotation=20, ha="right")
    place.set_ylabel("gain in RGB PSNR (dB)")
    figure.legend(loc="outside upper center", ncols=6, fontsize=9)
    return figure


def hardest(record: Mapping, table: pandas.DataFrame, clips: SequenceOf[Sequence]) -> Sequence:
    """The clip of ``clips`` with the least recorded test gain, or the least of ``table`` where none is recorded."""
    gain = record.get("test_gain_db", {})
    if not any(clip.name in gain for clip in clips):
        gain = dict(zip(table["clip"], table["gain_db"], strict=True))
    return min((clip for clip in clips if clip.name in gain), key=lambda clip: gain[clip.name])


def better_or_worse(
    raw: np.ndarray, before: np.ndarray, after: np.ndarray, *, name: str = "compressed", width: float = 9.0
) -> Figure:
    """A frame, and where another came nearer to the raw one (blue) or went away from it (red), in 8-bit levels."""
    error, error_after = (np.abs(frame.astype(np.float32) - raw).mean(2) for frame in (before, after))
    figure, axes = style.new(1, 2, width=width, height=0.45 * width * raw.shape[0] / raw.shape[1] + 0.4)
    style.picture(axes[0, 0], before, name)
    limit = float(np.quantile(np.abs(error_after - error), 0.99)) or 1.0
    drawn = residual(axes[0, 1], error_after - error, "change of the error", limit)
    figure.colorbar(drawn, ax=axes[0], label="levels: below 0 is better", shrink=0.8)
    return figure


def most_changed_box(raw: np.ndarray, before: np.ndarray, after: np.ndarray, size: int) -> style.Box:
    """The square of ``size`` pixels where the error against ``raw`` changed most, either way, on a grid of 8 pixels."""
    error, error_after = (np.abs(frame.astype(np.float32) - raw).mean(2) for frame in (before, after))
    change = np.abs(error_after - error)
    places = [(y, x) for y in range(0, raw.shape[0] - size + 1, 8) for x in range(0, raw.shape[1] - size + 1, 8)]
    top, left = max(places, key=lambda p: change[p[0] : p[0] + size, p[1] : p[1] + size].sum())
    return top, left, size, size


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


def departures(method: Method, besides: Method | None = None) -> None:
    """List where the method differs from the report, and why; ``besides``: one whose own are listed already."""
    listed = besides.departures if besides else ()
    display(Markdown("\n".join(f"- {text}" for text in method.departures if text not in listed)))
