"""What the method notebooks choose to draw: the liveliest channels, the hardest clip, the report's row."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch

from venh_lib import challenge, methods
from venh_lib.figures import layers, methods as draw


@pytest.fixture
def features():
    torch.manual_seed(0)
    return torch.randn(6, 8, 12) * torch.tensor([0.1, 3.0, 0.2, 0.0, 2.0, 0.3])[:, None, None]


def test_liveliest_are_the_channels_that_vary_most(features):
    assert draw.liveliest(features, 2) == [1, 4]
    assert draw.liveliest(features + 100 * torch.arange(6)[:, None, None], 3) == [1, 4, 5]


def test_maps_name_the_channels_and_their_ranges(features):
    features[4] = torch.linspace(-1, 1, 96).reshape(8, 12)
    figure = draw.maps(features, "x", channels=[4, 3])
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["channel 4: -0.99 to 0.99", "channel 3: 0 nearly everywhere"]


def test_the_hardest_clip_is_of_the_record_and_else_of_this_run():
    clips = [SimpleNamespace(name=name) for name in "abc"]
    table = pandas.DataFrame({"clip": ["a", "b"], "gain_db": [0.1, 0.2]})
    assert draw.hardest({"test_gain_db": {"a": 0.3, "b": 0.2, "c": 0.1}}, table, clips).name == "c"
    assert draw.hardest({"test_gain_db": {}}, table, clips).name == "a"


def test_better_or_worse_is_negative_where_the_error_fell():
    raw, compressed, enhanced = (np.full((8, 12, 3), value, np.uint8) for value in (100, 110, 104))
    enhanced[:, 6:] = 113
    drawn = draw.better_or_worse(raw, compressed, enhanced).axes[1].images[-1].get_array()
    assert np.all(drawn[:, :6] == -6) and np.all(drawn[:, 6:] == 3)


@pytest.mark.parametrize("slug", ["arcnn", "ivp_tencent"])
def test_the_reported_gain_is_that_of_the_tables(slug):
    row = draw.reported(methods.get(slug)).iloc[0]
    assert row["Gain (dB)"] == challenge.published_gains(1)[slug]


def test_phases_show_the_pixels_of_the_box():
    rgb = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    sub_frames = torch.nn.functional.pixel_unshuffle(draw.tensor(rgb)[None], 2)[0]
    figure = layers.phases(rgb, sub_frames, (4, 8, 8, 8))
    for phase, axes in enumerate(figure.axes[1:]):
        pixels = rgb[4 + phase // 2 : 12 : 2, 8 + phase % 2 : 16 : 2, 0]
        assert np.array_equal(np.round(axes.images[-1].get_array()), pixels)
