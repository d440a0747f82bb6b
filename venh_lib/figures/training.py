"""The plots of notebook 06."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from venh_lib.figures import style
from venh_lib.photos import resized
from venh_lib.scenes import Layer, Scene


def _cut_out(layer: Layer) -> np.ndarray:
    """The photo's square cut to the layer's shape, over white, uint8 [S, S, 3]."""
    (x, y), alpha = layer.corner, layer.shape.alpha()[..., None]
    square = resized(layer.picture)[y : y + len(alpha), x : x + len(alpha)]
    return np.rint(255 + alpha * (square - 255.0)).astype(np.uint8)


def material(scene: Scene) -> Figure:
    """What a scene is made of: the background photo with the window on it, and each cut-out."""
    time = (scene.frames - 1) / 2
    corners = np.array([[0, scene.width, scene.width, 0], [0, 0, scene.height, scene.height]], np.float32)
    outline = np.stack(scene.camera.to_source(corners[:1], corners[1:], time), axis=-1)[0]
    background, columns = resized(scene.background), 1 + len(scene.layers)
    wide = background.shape[1] / background.shape[0]
    figure, axes = style.new(1, columns, height=9.0 / (wide + len(scene.layers)) + 0.4,
                             width_ratios=[wide, *[1.0] * len(scene.layers)])  # fmt: skip
    style.picture(axes[0, 0], background, f"background: {scene.background.photo.stem}")
    axes[0, 0].add_patch(Polygon(outline, fill=False, edgecolor=style.YELLOW, linewidth=1.8))
    for place, layer in zip(axes[0, 1:], scene.layers, strict=True):
        style.picture(place, _cut_out(layer), layer.picture.photo.stem)
    return figure


def motion(rgb: np.ndarray, flow: np.ndarray, valid: np.ndarray, spacing: int = 16) -> Figure:
    """A frame with its flow as arrows, the flow's two components in pixels, and where it is valid."""
    figure, axes = style.new(2, 2, height=5.4)
    height, width = valid.shape
    y, x = np.mgrid[spacing // 2 : height : spacing, spacing // 2 : width : spacing]
    style.picture(axes[0, 0], rgb, "where each place goes (arrows twice as long)")
    axes[0, 0].quiver(x, y, flow[y, x, 0], flow[y, x, 1], color=style.YELLOW, angles="xy", scale_units="xy",
                      scale=0.5, width=0.003)  # fmt: skip
    axes[0, 0].set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    limit = float(np.abs(flow).max())
    for place, part, name in ((axes[0, 1], flow[..., 0], "to the right"), (axes[1, 0], flow[..., 1], "downwards")):
        style.picture(place, rgb, name)
        drawn = place.imshow(part, cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(drawn, ax=place, label="pixels", shrink=0.8)
    style.picture(axes[1, 1], np.repeat(valid[..., None] * np.uint8(255), 3, axis=2), "valid (white)")
    return figure


def pairs(given: Sequence[np.ndarray], truth: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Compressed crops above, raw ones below, a column for each title."""
    figure, axes = style.new(2, len(titles), height=9.0 / len(titles) * 2 + 0.6)
    for column, title in enumerate(titles):
        style.picture(axes[0, column], given[column], title)
        style.picture(axes[1, column], truth[column])
    for place, name in zip(axes[:, 0], ("compressed", "raw"), strict=True):
        place.set_ylabel(name)
    return figure


def colours(points: Mapping[str, np.ndarray]) -> Figure:
    """Mean Cb and Cr of crops, [K, 2] in 8-bit steps from neutral, a panel for each name; a cross at their mean."""
    figure, axes = style.new(1, len(points), height=3.6, sharex=True, sharey=True)
    for place, (name, values) in zip(axes[0], points.items(), strict=True):
        place.plot(*values.T, ".", color=style.BLUE, alpha=0.5)
        place.plot(*values.mean(axis=0), "X", color=style.VERMILION, markersize=10)
        place.axhline(0, color=style.BLACK, linewidth=0.6)
        place.axvline(0, color=style.BLACK, linewidth=0.6)
        place.set(title=name, xlabel="mean Cb − 128", ylabel="mean Cr − 128", aspect="equal")
    return figure


def spread(values: Mapping[str, np.ndarray], what: str) -> Figure:
    """For each name the share of its values that lie below one, over the values on a logarithmic axis."""
    figure, axes = style.new(height=2.8)
    place = axes[0, 0]
    for (name, own), dashes in zip(values.items(), ("-", "--", "-.", ":"), strict=False):
        place.plot(np.sort(own), np.arange(1, len(own) + 1) * 100 / len(own), linestyle=dashes, label=name)
    place.set(xscale="log", xlabel=what, ylabel="share of crops below (%)")
    place.legend()
    return figure


def _lines(place: Axes, x: np.ndarray, lines: Mapping[str, np.ndarray]) -> None:
    for (name, values), dashes in zip(lines.items(), ("-", "--", "-.", ":", (0, (5, 1, 1, 1))), strict=False):
        place.plot(x, values, linestyle=dashes, label=name)


def losses(errors: np.ndarray, values: Mapping[str, np.ndarray], slopes: Mapping[str, np.ndarray]) -> Figure:
    """The value and the slope of each loss of one sample, over its error in 0–1."""
    figure, axes = style.new(1, 2, height=3.2)
    kinds = ((axes[0, 0], values, "loss", "upper center"), (axes[0, 1], slopes, "gradient", "upper left"))
    for place, lines, name, corner in kinds:
        _lines(place, errors, lines)
        place.set(xlabel="output − target (0–1)", ylabel=name)
        place.legend(fontsize=8, loc=corner)
    return figure


def compromise(outputs: np.ndarray, curves: Mapping[str, np.ndarray], truths: Sequence[float]) -> Figure:
    """Each loss over the one output that must serve for several truths, scaled to 0–1, its minimum marked."""
    figure, axes = style.new(height=3.0)
    place = axes[0, 0]
    scaled = {name: (curve - curve.min()) / np.ptp(curve) for name, curve in curves.items()}
    _lines(place, outputs, scaled)
    for colour, curve in zip(style.PALETTE, scaled.values(), strict=False):
        place.plot(outputs[curve.argmin()], 0, "v", color=colour, markersize=9)
    place.plot(truths, np.full(len(truths), -0.06), "|", color=style.BLACK, markersize=12, label="truths")
    place.set(xlabel="the one output given", ylabel="loss, from its least to its greatest")
    place.legend()
    return figure


def blind_spots(pictures: Mapping[str, np.ndarray], costs: Mapping[str, Mapping[str, float]]) -> Figure:
    """Wrong pictures, float [3, H, W] in 0–1, the raw one first, and what each loss says of each, noise being 1.

    ``costs`` gives each loss by name its values by picture, of which one is called ``noise``.
    """
    figure = style.new(height=4.6)[0]
    figure.delaxes(figure.axes[0])
    grid = figure.add_gridspec(2, len(pictures), height_ratios=[1, 1.3])
    for column, (name, image) in enumerate(pictures.items()):
        frame = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
        style.picture(figure.add_subplot(grid[0, column]), frame, name)
    place, faults = figure.add_subplot(grid[1, :]), list(pictures)[1:]
    width = 0.8 / len(faults)
    for number, (fault, colour) in enumerate(zip(faults, style.PALETTE, strict=False)):
        values = [own[fault] / own["noise"] for own in costs.values()]
        at = np.arange(len(costs)) + (number - (len(faults) - 1) / 2) * width
        place.bar(at, values, width, color=colour, label=fault)
    place.set_xticks(range(len(costs)), costs)
    place.set_ylabel("loss / loss of noise")
    place.legend(ncols=len(faults), fontsize=8)
    for side in ("top", "right"):
        place.spines[side].set_visible(False)
    return figure


def schedules(curves: Mapping[str, np.ndarray]) -> Figure:
    """Learning rates over the share of a training's steps, on a logarithmic axis."""
    figure, axes = style.new(height=3.2)
    place = axes[0, 0]
    for (name, rates), dashes in zip(curves.items(), ("-", "--", "-.", ":"), strict=False):
        place.plot(np.linspace(0, 100, len(rates)), rates, linestyle=dashes, label=name)
    place.set(xlabel="share of the steps (%)", ylabel="learning rate", yscale="log")
    place.legend(fontsize=8)
    return figure


def run(rows: Sequence[Mapping], shipped: float) -> Figure:
    """A training's log: loss, learning rate, and validation gain in dB beside that of the shipped weights."""
    figure, axes = style.new(1, 3, height=2.8)
    for place, key, name in zip(axes[0], ("loss", "learning_rate", "gain_db"),
                                ("mean loss since the last look", "learning rate", "validation gain (dB)"),
                                strict=True):  # fmt: skip
        points = [(row["step"], row[key]) for row in rows if key in row]
        place.plot(*np.transpose(points), "o-", markersize=3)
        place.set(xlabel="step", title=name)
    axes[0, 2].axhline(0, color=style.BLACK, linewidth=0.6)
    axes[0, 2].axhline(shipped, color=style.VERMILION, linestyle="--", label="shipped weights")
    axes[0, 2].legend(fontsize=8)
    axes[0, 2].set_xlim(left=0)
    return figure


def errors(frames: Mapping[str, np.ndarray], truth: np.ndarray) -> Figure:
    """The frames, uint8 [H, W, 3], by name, and below each its mean absolute error in 8-bit levels."""
    figure, axes = style.new(2, len(frames), height=3.8)
    for column, (name, frame) in enumerate(frames.items()):
        style.picture(axes[0, column], frame, name)
        drawn = style.error_map(axes[1, column], frame, truth)
    figure.colorbar(drawn, ax=axes[1], label="error (levels)", shrink=0.8)
    return figure


def averages(weight: Sequence[float], average: Sequence[float]) -> Figure:
    """One weight of a network after each step, and its exponential moving average."""
    figure, axes = style.new(height=2.8)
    place = axes[0, 0]
    place.plot(weight, color=style.ORANGE, label="the weight")
    place.plot(average, color=style.BLUE, linestyle="--", label="its moving average")
    place.set(xlabel="step", ylabel="value")
    place.legend()
    return figure


def norms(values: Mapping[str, Sequence[float]], limit: float) -> Figure:
    """The gradient's norm of each of some batches, by name, and the limit above which it is scaled down."""
    figure, axes = style.new(height=3.2)
    place = axes[0, 0]
    for (name, row), marker in zip(values.items(), "os^", strict=False):
        place.plot(row, marker, markersize=4, label=name)
    place.axhline(limit, color=style.VERMILION, linestyle="--", label=f"clip_norm = {limit}")
    place.set(xlabel="batch", ylabel="gradient norm", yscale="log")
    place.legend(fontsize=8, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def kept(shares: Mapping[str, float], factor: float) -> Figure:
    """The share of each layer's gradient that adaptive clipping leaves, and the one factor of clipping by norm."""
    figure, axes = style.new(height=3.2)
    place = axes[0, 0]
    place.plot(list(shares.values()), "o", label="adaptive, λ = 0.01")
    place.axhline(factor, color=style.VERMILION, linestyle="--", label="by norm")
    place.set_xticks(range(len(shares)), [name.removesuffix(".weight") for name in shares], rotation=60, ha="right",
                     fontsize=7)  # fmt: skip
    place.set(xlabel="layer", ylabel="share of the gradient kept", ylim=(0, 1.05))
    place.legend(fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure
