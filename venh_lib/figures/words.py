"""What figures show, in words made from the numbers they show: alt texts that hold whatever a training gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas
from torch import Tensor
from torch.nn import functional

# A correlation below this is not called a likeness.
LEAST_LIKENESS = 0.3
STRONGEST_EDGES = 0.1


def edges(luma: np.ndarray) -> np.ndarray:
    """Strength of the edges of ``luma`` [H, W]: length of its gradient, same shape and units a pixel."""
    return np.hypot(*np.gradient(luma.astype(np.float64)))


def likeness(values: np.ndarray, luma: np.ndarray) -> str:
    """Whether a map [H, W] is like the picture ``luma`` [H, W], its negative or its edges, with the correlation."""
    if not np.ptp(values) or not np.ptp(luma):
        return "even"
    kinds = {("like the picture", "like its negative"): luma, ("light on edges", "dark on edges"): edges(luma)}
    found = {names: float(np.corrcoef(values.ravel(), own.ravel())[0, 1]) for names, own in kinds.items()}
    names = max(found, key=lambda key: abs(found[key]))
    strength = found[names]
    if abs(strength) < LEAST_LIKENESS:
        return "like neither the picture nor its edges"
    return f"{names[strength < 0]} ({abs(strength):.2f})"


def features(values: Tensor, channels: Sequence[int], frame: Tensor) -> str:
    """What ``channels`` of features [C, h, w] look like beside ``frame`` [3, H, W], with correlations."""
    luma = functional.adaptive_avg_pool2d(frame.mean(0)[None], values.shape[-2:])[0].numpy()
    parts = [f"channel {channel} is {likeness(values[channel].numpy(), luma)}" for channel in channels]
    return f"Maps of {len(parts)} channels: {', '.join(parts)}; in brackets the correlation."


def on_edges(change: np.ndarray, luma: np.ndarray) -> float:
    """Share of the energy of ``change`` [H, W] on the tenth of the pixels that have the strongest edges of ``luma``."""
    strength = edges(luma)
    strong = (strength >= np.quantile(strength, 1 - STRONGEST_EDGES)) & (strength > 0)
    energy = np.square(change, dtype=np.float64)
    return float(energy[strong].sum() / energy.sum()) if energy.any() else 0.0


def residuals(changes: Mapping[str, np.ndarray], luma: np.ndarray) -> str:
    """Size of signed changes [H, W] in levels, and how much of each lies on the edges of ``luma`` [H, W]."""
    parts = [
        f"{name}, of {change.std():.1f} levels with {on_edges(change, luma):.0%} of its energy on the "
        f"{STRONGEST_EDGES:.0%} of the pixels with the strongest edges"
        for name, change in changes.items()
    ]
    return f"Signed maps in red and blue: {'; '.join(parts)}."


def gains(table: pandas.DataFrame) -> str:
    """The bars of ``methods.gains``: how many clips, from where to where, how many below zero."""
    peaks, others = table["pqf_gain_db"].dropna(), table["non_pqf_gain_db"].dropna()
    text = f"Two bars for each of {len(table)} clips"
    if len(peaks):
        text += f": from {peaks.min():+.2f} to {peaks.max():+.2f} dB on the peak quality frames"
    if len(others):
        text += f", from {others.min():+.2f} to {others.max():+.2f} dB on the others"
    return f"{text}; {int((peaks < 0).sum() + (others < 0).sum())} of the bars are below zero."


def beside(recorded: pandas.DataFrame, slug: str) -> str:
    """The bars and marks of ``methods.beside``: where this method's bars lie, and who lies above and below."""
    own = recorded[recorded["method"] == slug]["gain_db"]
    means = recorded.groupby("method")["gain_db"].mean().sort_values(ascending=False)
    above, below = ([f"{name} ({value:+.2f})" for name, value in part.items()] for part in _around(means, slug))
    return (
        f"A bar for each of {len(own)} clips, from {own.min():+.2f} to {own.max():+.2f} dB, {int((own < 0).sum())} "
        f"below zero, {means[slug]:+.2f} dB on average. Marks higher on average: {', '.join(above) or 'none'}; "
        f"lower: {', '.join(below) or 'none'}."
    )


def _around(means: pandas.Series, slug: str) -> tuple[pandas.Series, pandas.Series]:
    place = means.index.get_loc(slug)
    return means.iloc[:place], means.iloc[place + 1 :]


def better_or_worse(
    raw: np.ndarray, before: np.ndarray, after: np.ndarray, *, name: str = "The compressed frame"
) -> str:
    """The map of ``methods.better_or_worse``: how many pixels came nearer to ``raw`` and how many went away."""
    error, error_after = (np.abs(frame.astype(np.float32) - raw).mean(2) for frame in (before, after))
    return (
        f"{name}, and a map of red and blue specks: {np.mean(error_after < error):.0%} of the pixels are blue, "
        f"{np.mean(error_after > error):.0%} red; the mean error went from {error.mean():.2f} to "
        f"{error_after.mean():.2f} levels."
    )


def close_up(frames: Mapping[str, np.ndarray], box: tuple[int, int, int, int]) -> str:
    """Enlarged crops [top, left, height, width] of frames: which has how much of the last one's detail."""
    top, left, height, width = box
    detail = {
        name: np.abs(np.diff(frame[top : top + height, left : left + width].astype(np.float32), axis=1)).mean()
        for name, frame in frames.items()
    }
    last = list(detail)[-1]
    parts = [f"{name} {value / detail[last]:.0%}" for name, value in detail.items() if name != last]
    return f"A frame with a box, and the box enlarged; of the steps between its pixels in {last}: {', '.join(parts)}."
