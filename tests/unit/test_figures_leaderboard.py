"""What the leaderboards' plots choose to draw."""

from __future__ import annotations

import pandas
import pytest

from venh_lib.bitstream import FrameInfo
from venh_lib.figures import leaderboard


def test_the_best_on_average_is_marked_and_clips_without_gains_are_left_out():
    rows = [
        (m, c, gain) for m, gains in (("a", (0.9, 0.1)), ("b", (0.5, 0.7))) for c, gain in zip("xy", gains, strict=True)
    ]
    table = pandas.DataFrame(rows, columns=["method", "clip", "gain_db"])
    place = leaderboard.gains_against({"QP": ({"y": 40.0, "z": 50.0, "x": 30.0}, table)}, reverse=["QP"]).axes[0]
    lines = {line.get_label().split(",")[0]: line for line in place.lines}
    assert lines["b"].get_xdata().tolist() == [40, 30] and lines["b"].get_ydata().tolist() == [0.7, 0.5]
    assert lines["mean of all"].get_ydata() == pytest.approx([0.4, 0.7]) and place.xaxis_inverted()


def test_gains_and_shares_have_a_line_for_each_weights_of_means_over_neighbouring_qps():
    rows = [(f"w{number}", qp, gain, 0.5) for number in range(9) for qp, gain in ((30, 0.0), (30, 0.2), (40, 0.5))]
    table = pandas.DataFrame(rows, columns=["weights", "QP", "gain", "share"])
    places = leaderboard.gain_and_share(table, [36, 38, 36]).axes
    means = [line for line in places[0].lines if line.get_label().startswith("w")]
    assert len(means) == 9 and means[0].get_xdata().tolist() == [30, 40]
    assert means[0].get_ydata() == pytest.approx([0.3, 0.3])  # fewer than five QPs: one mean
    assert [line.get_label() for line in places[0].lines].count("QPs of Track 1") == 1


def test_the_mean_by_kind_keeps_clips_that_gain_and_clips_that_lose_apart():
    gains = {"x": (0.4, 0.2), "y": (-0.8, 0.1), "z": (0.2, 0.4)}
    rows = [("w", clip, kind, gain) for clip, both in gains.items() for kind, gain in zip("PI", both, strict=True)]
    place = leaderboard.by_kind(pandas.DataFrame(rows, columns=["weights", "clip", "kind", "gain"])).axes[0]
    means = {line.get_label(): line.get_ydata() for line in place.lines if line.get_label().startswith("mean")}
    assert [text.get_text() for text in place.get_xticklabels()] == ["I", "P"]
    assert means["mean of clips that gain"] == pytest.approx([0.3, 0.3])
    assert means["mean of clips that lose"] == pytest.approx([0.1, -0.8])


def test_qps_have_a_dot_for_each_frame_and_a_stroke_at_the_mean():
    infos = [FrameInfo(t, kind, qp, 1) for t, (kind, qp) in enumerate(zip("IBP", (30, 36, 33), strict=True))]
    place = leaderboard.qps({"a": infos, "b": infos[:2]}, [38, 36, 38]).axes[0]
    at = [set(line.get_xdata()) for line in place.lines]
    assert at[:2] == [{36}, {38}]
    assert at[2:6] == [{30}, {33}, {36}, {33}] and at[-1] == {33}
    assert [text.get_text() for text in place.get_yticklabels()] == ["a", "b"]
