"""What the figures of recurrence draw: lines against distance and reach, maps on one scale."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest

from venh_lib.figures import propagation as draw


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_distances_have_a_sign_and_zeros_no_logarithm():
    distances = pandas.Index([-1, 0, 2], name="frames from the changed one")
    table = pandas.DataFrame({"start": [0.5, 1.0, 0.0], "trained": [0.4, 1.0, 0.2]}, index=distances)
    axes = draw.by_distance(table, "share", log=True).axes[0]
    assert [line.get_label() for line in axes.lines[:2]] == ["start", "trained"]
    assert list(axes.lines[0].get_xdata()) == [-1, 0, 2] and axes.get_yscale() == "log"
    assert np.isnan(axes.lines[0].get_ydata()[2]) and axes.lines[1].get_ydata()[2] == 0.2
    assert axes.get_xlabel() == "frames from the changed one" and axes.get_ylabel() == "share"
    linear = draw.by_distance(table - 0.5, "dB").axes[0]
    assert linear.get_yscale() == "linear" and list(linear.lines[0].get_ydata()) == [0, 0.5, -0.5]


def test_each_table_of_reaches_has_a_picture_and_all_have_one_scale():
    reach = pandas.Index([0, 1, 8], name="frames heard")
    one = pandas.DataFrame({"phase 1": [0.1, 0.2, 0.3], "phase 2": [0.0, 0.0, 0.9]}, index=reach)
    figure = draw.by_reach({"earlier": one, "later": one / 2}, "gain (dB)")
    left, right = figure.axes[:2]
    assert list(left.lines[1].get_xdata()) == [0, 1, 2] and list(left.lines[1].get_ydata()) == [0, 0, 0.9]
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["0", "1", "8"]
    assert left.get_ylim() == right.get_ylim() and left.get_title(loc="left") == "earlier"
    assert right.get_xlabel() == "frames heard" and left.get_ylabel() == "gain (dB)"


def test_maps_share_the_first_ones_scale():
    first = np.linspace(-1, 3, 48).reshape(6, 8)
    figure = draw.on_one_scale({"own": first, "held": 5 * first}, columns=2, label="feature")
    own, held = (axes.images[-1] for axes in figure.axes[:2])
    assert own.get_clim() == held.get_clim() == tuple(np.quantile(first, (0.005, 0.995)))
    assert figure.axes[-1].get_ylabel() == "feature"
