"""What the figures of memories draw: the saw of their errors, shares on one scale."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest

from venh_lib.figures import recalling as draw


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_a_walk_saws_between_what_is_recalled_and_what_is_held():
    frames = pandas.Index([4, 5], name="frame")
    table = pandas.DataFrame(
        {"frame": [0.5, 3.0], "recalled": [0.5, 0.6], "held": [0.4, 0.5], "share": [1.0, 0.2]}, index=frames
    )
    errors, shares = draw.walk(table).axes
    _, saw, held = errors.lines
    assert list(saw.get_xdata()) == [4, 4, 5, 5] and list(saw.get_ydata()) == [0.5, 0.4, 0.6, 0.5]
    assert list(held.get_ydata()) == [0.4, 0.5] and errors.get_yscale() == "log"
    assert [bar.get_height() for bar in shares.patches] == [1.0, 0.2] and shares.get_ylim() == (0, 1)
    assert shares.get_xlabel() == "frame"


def test_what_is_believed_stands_under_its_frame_on_one_scale():
    frame = np.zeros((12, 16, 3), np.uint8)
    figure = draw.believed({"a": frame, "b": frame}, {"0.2": np.full((6, 8), 0.2), "0.9": np.full((6, 8), 0.9)})
    above, below = figure.axes[:2], figure.axes[2:4]
    assert [place.get_title() for place in (*above, *below)] == ["a", "b", "0.2", "0.9"]
    assert all(place.images[-1].get_clim() == (0, 1) for place in below)
    assert below[1].images[-1].get_array().mean() == pytest.approx(0.9)
