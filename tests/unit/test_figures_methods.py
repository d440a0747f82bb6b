"""What the method notebooks choose to draw, what they say of it, and the motion that they make visible."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch

from venh_lib import challenge, methods
from venh_lib.blocks.flow import warp
from venh_lib.blocks.residual import zero_
from venh_lib.errors import SettingError
from venh_lib.figures import layers, leaderboard, methods as draw, motion, style, words
from venh_lib.methods import mfqe


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
    # A training's own record has no test gains, and a record of the sample set none of LDV's clips.
    for record in ({}, {"test_gain_db": {"park": -1.0}}):
        assert draw.hardest(record, table, clips).name == "a"


def test_moved_holds_the_clips_that_were_measured_again_against_the_record():
    record = {"validation_gain_db": {"a": 0.3, "b": 0.2}}
    assert draw.moved(record, {"b": 0.21}).to_dict("index") == {
        "b": {"recorded (dB)": 0.2, "now (dB)": 0.21, "moved (dB)": 0.01}
    }


def test_residuals_share_a_scale_when_they_are_given_one():
    changes = {"a": np.full((8, 12), 3.0), "b": np.full((8, 12), 9.0)}
    scales = [
        [axes.images[-1].get_clim()[1] for axes in draw.residuals(changes, limit=limit).axes if axes.images]
        for limit in (None, 15.0)
    ]
    assert scales == [[3, 9], [15, 15]]


def test_better_or_worse_is_negative_where_the_error_fell():
    raw, compressed, enhanced = (np.full((8, 12, 3), value, np.uint8) for value in (100, 110, 104))
    enhanced[:, 6:] = 113
    drawn = draw.better_or_worse(raw, compressed, enhanced).axes[1].images[-1].get_array()
    assert np.all(drawn[:, :6] == -6) and np.all(drawn[:, 6:] == 3)


def test_the_box_lies_where_the_error_changed_most():
    raw = np.full((40, 64, 3), 100, np.uint8)
    before, after = raw + 3, raw + 3
    before[8:16, 32:40] += 20  # there it gets much better
    after[24:32, 8:16] += 10  # and there somewhat worse
    assert draw.most_changed_box(raw, before, after, 8) == (8, 32, 8, 8)


@pytest.mark.parametrize(("slug", "track"), [("arcnn", 1), ("ivp_tencent", 1), ("noahtcv", 3), ("mcenhance", 3)])
def test_the_reported_row_is_that_of_the_track(slug, track):
    row = draw.reported(methods.get(slug), track).iloc[0]
    assert row["Gain (dB)"] == challenge.published_gains(track)[slug]
    times = challenge.table(4).set_index("slug")[f"Track {track} running time (s per frame)"]
    assert row[times.name] == times[slug]


def test_a_teams_second_method_has_the_teams_row():
    assert draw.reported(methods.get("vue_four"), 3).iloc[0]["Gain (dB)"] == challenge.published_gains(3)["vue"]


def test_the_reported_row_is_of_track_1_by_default():
    method = methods.get("noahtcv")
    assert draw.reported(method).equals(draw.reported(method, 1))
    assert not draw.reported(method).equals(draw.reported(method, 3))


@pytest.mark.parametrize(("slug", "track"), [("noahtcv", 2), ("noahtcv", 4), ("mcenhance", 1)])
def test_only_what_the_report_has_is_reported(slug, track):
    with pytest.raises(SettingError):
        draw.reported(methods.get(slug), track)


def test_sizes_have_the_gain_of_the_team():
    gain = "report's gain (dB)"
    assert draw.sizes(methods.get("vue_four"), 3).loc["paper", gain] == challenge.published_gains(3)["vue"]
    assert math.isnan(draw.sizes(methods.get("spynet")).loc["paper", gain])


def test_every_method_has_a_mark_beside_the_bars_and_none_has_their_colour():
    names = [f"m{number:02d}" for number in range(17)]
    rows = [(name, clip, 0.1) for name in names for clip in ("a", "b")]
    figure = draw.beside(pandas.DataFrame(rows, columns=["method", "clip", "gain_db"]), "m03")
    marks = [line for line in figure.axes[0].lines if line.get_label().startswith("m")]
    assert {line.get_label() for line in marks} == set(names) - {"m03"}
    assert style.SKY not in {line.get_color() for line in marks}
    assert len({(line.get_color(), line.get_marker()) for line in marks}) == 16


def test_a_method_has_the_same_mark_in_every_figure():
    names = ["noahtcv", "gogoing", "vue", "arcnn"]
    rows = pandas.DataFrame(
        [(name, clip, 0.1) for name in names for clip in ("a", "b")], columns=["method", "clip", "gain_db"]
    )
    looks = [
        {line.get_label(): (line.get_color(), line.get_marker()) for line in draw.beside(shown, "vue").axes[0].lines}
        for shown in (rows, rows[rows["method"] != "arcnn"])
    ]
    assert looks[0]["noahtcv"] == looks[1]["noahtcv"] != looks[0]["gogoing"]


def test_names_beside_the_dots_do_not_meet():
    heights = [0.1, 0.5, 0.51, 0.52, 0.9]
    moved = leaderboard.apart(heights, 0.1)
    assert min(np.diff(moved)) > 0.1 - 1e-9 and np.mean(moved) == pytest.approx(np.mean(heights))
    assert leaderboard.apart([0.1, 0.9], 0.1) == pytest.approx([0.1, 0.9]) and leaderboard.apart([], 0.1) == []


def test_phases_show_the_pixels_of_the_box():
    rgb = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    sub_frames = torch.nn.functional.pixel_unshuffle(draw.tensor(rgb)[None], 2)[0]
    figure = layers.phases(rgb, sub_frames, (4, 8, 8, 8))
    for phase, axes in enumerate(figure.axes[1:]):
        pixels = rgb[4 + phase // 2 : 12 : 2, 8 + phase % 2 : 16 : 2, 0]
        assert np.array_equal(np.round(axes.images[-1].get_array()), pixels)


def test_by_level_draws_a_line_for_each_name():
    axes = layers.by_level({"a": [1.0, 0.1], "b": [2.0, 2.0]}, ["first", "second"], "size").axes[0]
    assert [line.get_label() for line in axes.lines] == ["a", "b"] and axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["first", "second"]


# --- words ---------------------------------------------------------------------------------------


@pytest.fixture
def luma():
    """A dark half and a light half, with the edge in the middle."""
    picture = np.zeros((20, 40))
    picture[:, 20:] = 1
    return picture


def test_likeness_tells_the_picture_its_negative_and_its_edges(luma):
    assert words.likeness(3 * luma + 1, luma) == "like the picture (1.00)"
    assert words.likeness(-luma, luma) == "like its negative (1.00)"
    assert words.likeness(words.edges(luma), luma) == "light on edges (1.00)"
    assert words.likeness(-words.edges(luma), luma) == "dark on edges (1.00)"
    assert words.likeness(np.full_like(luma, 0.5), luma) == "even"
    noise = np.random.default_rng(0).normal(size=luma.shape)
    assert words.likeness(noise, luma) == "like neither the picture nor its edges"


def test_features_at_half_resolution_are_held_against_the_smaller_picture(luma):
    frame = torch.from_numpy(luma).float().expand(3, 20, 40)
    small = torch.stack([-frame[0, ::2, ::2], torch.ones(10, 20)])
    text = words.features(small, [1, 0], frame)
    assert "2 channels: channel 1 is even, channel 0 is like its negative (1.00);" in text


def test_energy_on_edges(luma):
    edge = words.edges(luma)
    assert words.on_edges(edge, luma) == 1
    assert words.on_edges(np.zeros_like(luma), luma) == 0
    assert words.on_edges(np.where(edge > 0, 0.0, 2.0), luma) == 0
    text = words.residuals({"the right one": 10 * edge, "ours": 1 - edge / edge.max()}, luma)
    assert "the right one, of 1.1 levels with 100%" in text and "ours, of 0.2 levels with 0%" in text


def test_gains_in_words_count_the_bars_below_zero():
    table = pandas.DataFrame({"pqf_gain_db": [0.1, -0.2, np.nan], "non_pqf_gain_db": [0.3, 0.0, -0.01]})
    text = words.gains(table)
    assert text.startswith("Two bars for each of 3 clips: from -0.20 to +0.10 dB on the peak")
    assert text.endswith("from -0.01 to +0.30 dB on the others; 2 of the bars are below zero.")


def test_beside_says_who_is_above_and_below():
    rows = [
        (m, c, gain)
        for m, gains in (("a", (0.1, 0.3)), ("b", (-0.1, 0.3)), ("c", (0, 0)))
        for c, gain in zip("xy", gains, strict=True)
    ]
    text = words.beside(pandas.DataFrame(rows, columns=["method", "clip", "gain_db"]), "b")
    assert text.startswith("A bar for each of 2 clips, from -0.10 to +0.30 dB, 1 below zero, +0.10 dB on average.")
    assert text.endswith("higher on average: a (+0.20); lower: c (+0.00).")


def test_better_or_worse_in_words():
    raw, compressed, enhanced = (np.full((8, 12, 3), value, np.uint8) for value in (100, 110, 104))
    enhanced[:, 9:] = 113
    assert (
        "75% of the pixels are blue, 25% red; the mean error went from 10.00 to 6.25 levels"
        in words.better_or_worse(raw, compressed, enhanced)
    )


def test_a_close_up_tells_how_much_of_the_detail_is_there():
    raw = np.zeros((8, 8, 3), np.uint8)
    raw[:, ::2] = 100
    text = words.close_up({"compressed": raw // 4, "enhanced": raw // 2, "raw": raw}, (0, 0, 8, 8))
    assert text.endswith("steps between its pixels in raw: compressed 25%, enhanced 50%.")


# --- motion --------------------------------------------------------------------------------------


def test_unseen_clips_lie_beyond_the_seeds_of_every_recipe():
    recipes = [recipe for method in methods.METHODS.values() for recipe in method.recipes.values()]
    assert all(recipe.clips < motion.FIRST_UNSEEN for recipe in recipes)
    clip = motion.unseen(4)
    assert clip.seed == motion.FIRST_UNSEEN + 4 and [info.qp for info in clip.infos[:5]] == [36, 45, 44, 45, 38]
    flow, valid = clip.scene().motion(6, 4)
    assert flow.shape[:2] == valid.shape == clip.raw_frames().shape[1:]


@pytest.mark.parametrize("size", [(32, 48), (40, 56)])
def test_inside_shows_the_flows_and_what_the_fusion_gets(size):
    torch.manual_seed(0)
    network = mfqe.build("course").eval()
    for level in (*network.motion_previous.levels, *network.motion_next.levels):
        zero_(level[-1])
    # The finest level sees one pixel to the right on frames of half size.
    network.motion_previous.levels[-1][-1].bias.data = torch.tensor([1.0, 0.0])
    window = torch.rand(3, 3, *size)
    passed = motion.inside(network, window)
    levels = len(network.motion_previous.levels)
    expected = [(0, 0)] * (levels - 1) + [(2, 0)] * 2
    assert np.allclose([flow.reshape(-1, 2).mean(0) for flow in passed.flows_previous], expected)
    assert all(flow.shape == (*size, 2) for flow in (*passed.flows_previous, *passed.flows_next))
    there = torch.tensor([2.0, 0.0])[None, :, None, None].expand(1, 2, *size)
    torch.testing.assert_close(passed.previous, warp(window[:1], there)[0])
    torch.testing.assert_close(passed.following, window[2])
    torch.testing.assert_close(passed.output, network(window[None])[0])
    assert not network.quality_enhancement._forward_hooks


def test_a_level_s_flow_in_pixels_of_the_frame():
    flow = torch.tensor([[[1.0, -1.0]], [[0.5, 0.0]]])  # one row, two columns
    large = motion.in_pixels(flow, 7, 15)
    assert large.shape == (7, 15, 2)
    assert np.all(large[:, :8] == (8, 4)) and np.all(large[:, 8:] == (-8, 0))


def test_matching_is_nothing_at_the_truth_and_its_slope_points_there_on_a_ramp():
    x = torch.arange(32.0).expand(3, 16, 32) / 100
    true = torch.tensor([2.0, 0.0])[None, :, None, None].expand(1, 2, 16, 32)
    inner = (slice(2, -2), slice(4, -4))
    assert motion.matching(x, x + 0.02, true)[inner].max() < 1e-10
    assert np.allclose(motion.turn_to_truth(x, x + 0.02, true)[inner], 1, atol=1e-5)
    assert np.allclose(motion.turn_to_truth(x, x - 0.02, true)[inner], -1, atol=1e-5)
    assert np.all(motion.turn_to_truth(x, x + 0.02, 0 * true) == 0)


def test_teachers_leave_out_what_does_not_move_and_count_from_no_motion():
    cosine, moving = np.full((4, 6), 0.5), np.zeros((4, 6), bool)
    moving[:2] = True
    figure = motion.teachers(np.zeros((4, 6, 3), np.uint8), cosine, moving, np.array([-0.5, 0, 0.5, 1]), [6, 4, 2, 1])
    assert figure.axes[1].images[-1].get_array().count() == 12
    line = next(axes.lines[0] for axes in figure.axes if axes.lines)
    assert line.get_ydata().tolist() == [1.5, 1, 0.5, 0.25]


def test_flows_end_with_a_key_whose_places_have_the_colour_of_the_way_there():
    flow = np.zeros((96, 144, 2), np.float32)
    flow[..., 0] = 4
    figure = motion.flows({"a": flow, "b": flow / 2})
    *drawn, key = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == 2 and key.get_title() == "key: up to 4.0 px; arrows 12 times as long"
    disc = key.images[0].get_array()
    right = motion.colours(np.array([[[4.0, 0]]]), 4)[0, 0]
    assert np.array_equal(disc[100, -1], right) and np.array_equal(drawn[0].images[0].get_array()[0, 0], right)
    assert np.all(disc[0, 0] == 255) and np.all(disc[100, 100] >= 250)


def test_fusion_draws_where_the_last_frame_is_nearer_than_the_one_before():
    truth, before, after = (np.full((8, 12, 3), value, np.uint8) for value in (100, 110, 104))
    figure = motion.fusion(truth, {"x": before, "y": before, "out": after}, before)
    maps = [axes.images[-1].get_array() for axes in figure.axes if axes.get_title()]
    assert np.all(maps[0] == 10) and np.all(maps[2] == -6)
