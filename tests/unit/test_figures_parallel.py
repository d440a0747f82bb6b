"""Two estimates side by side, and peaks of a stream at a fixed rate, as they are drawn."""

from __future__ import annotations

import numpy as np
import pandas

from venh_lib.figures import parallel


def test_told_marks_each_kind_of_frame_and_the_peaks_of_each_measure():
    own = pandas.DataFrame(
        {"type": list("IBPB"), "QP": [30, 34, 31, 35], "PSNR": [3.0, 1.0, 2.0, 2.5], "sharpness": [1.0, 2.0, 1.0, 2.0]}
    )
    figure = parallel.told({"a": own}, {"a": {"QP": {0, 2}, "PSNR": {0, 3}, "sharpness": {1, 3}}})
    rings = [next(x for x in axes.lines if x.get_label().startswith("peaks")) for axes in figure.axes]
    assert [ring.get_xdata().tolist() for ring in rings] == [[0, 2], [0, 3], [1, 3]]
    kinds = {x.get_label(): x.get_xdata().tolist() for x in figure.axes[0].lines if x.get_label().endswith("frames")}
    assert kinds == {"I frames": [0], "P frames": [2], "B frames": [1, 3]}
    # Fine quantisation lies at the top.
    assert figure.axes[0].yaxis_inverted() and not figure.axes[1].yaxis_inverted()


def test_of_two_draws_a_line_for_each_curve_and_points_for_what_was_measured():
    across = np.array([0.0, 0.5, 1.0])
    axes = parallel.of_two(across, {"equal": 3 - 3 * across}, {"measured": ([0.4], [1.2])}).axes[0]
    drawn = {line.get_label(): line for line in axes.lines}
    assert drawn["equal"].get_ydata().tolist() == [3, 1.5, 0]
    assert (drawn["measured"].get_xdata()[0], drawn["measured"].get_ydata()[0]) == (0.4, 1.2)


def test_by_share_has_a_thin_line_for_each_clip_and_a_thick_one_for_the_mean():
    gains = pandas.DataFrame({f"clip {k}": [0.1 * k, 0.2] for k in range(9)} | {"all": [0.4, 0.2]})
    axes = parallel.by_share([0, 1], gains, "share").axes[0]
    drawn = [line for line in axes.lines if line.get_label() in gains]
    assert [line.get_label() for line in drawn] == list(gains)
    assert all(line.get_ydata().tolist() == gains[line.get_label()].tolist() for line in drawn)
    assert [line.get_linewidth() for line in drawn[:-1]] == [1] * 9 and drawn[-1].get_linewidth() > 2
