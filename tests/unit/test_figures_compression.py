"""Where ``figures.compression.places`` finds each artefact, on frames that have one, and the plots of notebook 01."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from venh_lib.colour import join_planes
from venh_lib.figures import compression

HEIGHT, WIDTH = 128, 192
SPOT = (slice(64, 112), slice(96, 176))


def _planes(luma: np.ndarray, cb: np.ndarray | None = None) -> np.ndarray:
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return join_planes(luma.astype(np.uint8), grey if cb is None else cb, grey)


def _overlaps(box: tuple[int, int, int, int]) -> float:
    """Share of the box that lies in the spot."""
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[SPOT] = True
    top, left, height, width = box
    return inside[top : top + height, left : left + width].mean()


def _blurred() -> tuple[np.ndarray, np.ndarray]:
    texture = np.random.default_rng(0).integers(60, 200, (HEIGHT, WIDTH))
    smooth = texture.copy()
    smooth[SPOT] = 130
    return _planes(texture), _planes(smooth)


def _blocky() -> tuple[np.ndarray, np.ndarray]:
    luma = np.full((HEIGHT, WIDTH), 100)
    blocks = luma + 12 * ((np.arange(HEIGHT)[:, None] // 8 + np.arange(WIDTH) // 8) % 2)
    luma_blocky = luma.copy()
    luma_blocky[SPOT] = blocks[SPOT]
    return _planes(luma), _planes(luma_blocky)


def _banded() -> tuple[np.ndarray, np.ndarray]:
    ramp = np.broadcast_to(20 + np.arange(WIDTH), (HEIGHT, WIDTH))
    flat = ramp.copy()
    flat[SPOT] = ramp[SPOT] // 16 * 16
    return _planes(ramp), _planes(flat)


def _bled() -> tuple[np.ndarray, np.ndarray]:
    luma, cb = np.full((HEIGHT, WIDTH), 100), np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    cb[32:56, 48:88] = 160
    return _planes(luma), _planes(luma, cb)


def _ringing() -> tuple[np.ndarray, np.ndarray]:
    luma = np.full((HEIGHT, WIDTH), 60)
    luma[:, 136:] = 180
    waves = luma.copy()
    waves[SPOT] += (8 * np.cos(np.pi * np.arange(WIDTH))).astype(int)[SPOT[1]]
    return _planes(luma), _planes(waves)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("blur", _blurred),
        ("blocking", _blocky),
        ("banding", _banded),
        ("colour bleeding", _bled),
        ("ringing", _ringing),
    ],
)
def test_an_artefact_is_found_where_it_is(name, made):
    box = compression.places(*made(), height=32, width=48)[name]
    assert _overlaps(box) > 0.8


def test_a_ladder_names_artefacts_on_the_picture_asked_for():
    pictures = {name: np.full((72, 96, 3), 90, np.uint8) for name in ("raw", "QP 27", "QP 42", "QP 47")}
    figure = compression.ladder(pictures, {"QP 42": {"blur": (4, 8, 20, 32), "blocking": (40, 50, 20, 32)}})
    named = {axes.get_title(): [text.get_text() for text in axes.texts] for axes in figure.axes if axes.get_title()}
    assert named == {"raw": [], "QP 27": [], "QP 42": ["blur", "blocking"], "QP 47": []}
    plt.close(figure)


def test_blocking_is_shown_by_clip_in_order():
    figure = compression.across_a_grid(np.linspace(0.7, 0.8, 8), {"a": 1.1, "b": 0.9, "c": 1.0})
    bars, dots = figure.axes
    assert [bar.get_height() for bar in bars.patches] == pytest.approx(np.linspace(0.7, 0.8, 8))
    assert list(dots.lines[0].get_xdata()) == [0.9, 1.0, 1.1]
    assert [label.get_text() for label in dots.get_yticklabels()] == ["b", "c", "a"]
    plt.close(figure)
