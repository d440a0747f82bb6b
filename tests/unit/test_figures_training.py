"""The plots of notebook 06 that compute something."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from venh_lib.figures import training


def test_blind_spots_are_relative_to_noise():
    pictures = {name: np.full((3, 8, 8), 0.5) for name in ("raw", "brighter", "noise")}
    costs = {"L1": {"brighter": 0.2, "noise": 0.2}, "gradient": {"brighter": 0.0, "noise": 0.4}}
    figure = training.blind_spots(pictures, costs)
    *shown, bars = figure.axes
    assert [axes.get_title() for axes in shown] == list(pictures)
    assert [bar.get_height() for bar in bars.patches] == pytest.approx([1, 0, 1, 1])
    plt.close(figure)


def test_spread_gives_the_share_below_each_value():
    figure = training.spread({"any place": np.array([4.0, 1.0, 2.0, 8.0])}, "error")
    line = figure.axes[0].lines[0]
    assert list(line.get_xdata()) == [1, 2, 4, 8] and list(line.get_ydata()) == [25, 50, 75, 100]
    plt.close(figure)
