"""What the figures of deformable alignment compute: where taps look, errors of offsets, windows with their motion."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
import torch

from venh_lib.blocks.deformable import deform_conv2d
from venh_lib.figures import alignment as draw


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_the_places_are_those_that_the_convolution_reads():
    """Of an image that holds its own coordinates each tap reads the place that is drawn for it."""
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(12.0), torch.arange(16.0), indexing="ij")
    # Two groups: only the second's channels hold the coordinates.
    image = torch.stack((torch.zeros(12, 16), torch.zeros(12, 16), columns, rows))[None]
    offsets = 2 * torch.rand(1, 36, 12, 16) - 1
    regular, moved = draw.looked_at(offsets[0].numpy(), (5, 7), group=1)
    assert regular.tolist()[0] == [6, 4] and regular.tolist()[5] == [8, 5]
    for tap in range(9):
        weight = torch.zeros(2, 4, 3, 3)
        weight[0, 2, tap // 3, tap % 3] = weight[1, 3, tap // 3, tap % 3] = 1
        read = deform_conv2d(image, offsets, weight, padding=1)[0, :, 5, 7]
        assert moved[tap].tolist() == pytest.approx(read.tolist(), abs=1e-5)


def test_taps_are_as_large_as_their_masks():
    frame, still = np.zeros((16, 16, 3), np.uint8), np.zeros((18, 16, 16), np.float32)
    mask = np.linspace(0, 1, 9)[:, None, None] * np.ones((1, 16, 16))
    figure = draw.taps(frame, {"a": still, "b": still}, [(8, 8)], (4, 4, 8, 8), {"b": mask})
    sizes = [axes.collections[1].get_sizes() / draw.TAP_AREA for axes in figure.axes]
    assert np.allclose(sizes[0], 1) and np.allclose(sizes[1], np.linspace(0, 1, 9))
    assert figure.axes[0].get_xlim() == (3.5, 11.5) and figure.axes[0].get_ylim() == (11.5, 3.5)


def test_the_error_of_a_half_sized_flow_is_in_pixels_of_the_frame():
    motion = torch.zeros(1, 2, 2, 8, 12)
    motion[:, 0, 0], motion[:, 1, 1] = 6, 2
    samples = {"motion": motion, "known": torch.ones(1, 2, 8, 12, dtype=torch.bool)}
    half = torch.zeros(1, 2, 4, 6)
    half[:, 0] = 1
    assert draw.offset_error(half, samples) == pytest.approx(4)
    assert draw.offset_error(0 * half, samples, 1) == pytest.approx(2)


def test_a_window_has_its_frames_in_the_policys_order_and_the_motion_to_each():
    frames = SimpleNamespace(rgb=lambda t: np.full((8, 12, 3), t, np.uint8))
    scene = SimpleNamespace(
        motion=lambda t, s: (np.full((8, 12, 2), (s - t, 0), np.float32), np.full((8, 12), s != t, bool))
    )
    sequence = SimpleNamespace(
        infos=[SimpleNamespace(qp=30 + t) for t in range(10)],
        scene=lambda: scene,
        compressed_frames=lambda: frames,
        raw_frames=lambda: frames,
    )
    window = draw.known_window(sequence, 6, lambda infos, t: (4, t, 9))
    assert (255 * window["lq"][0, :, 0, 0, 0]).round().tolist() == [4, 6, 9]
    assert window["gt"].shape == (1, 3, 8, 12) and round(255 * window["gt"].max().item()) == 6
    assert window["motion"][0, :, 0, 3, 3].tolist() == [-2, 0, 3] and window["motion"].shape == (1, 3, 2, 8, 12)
    assert window["known"][0, :, 3, 3].tolist() == [True, False, True]
    assert (window["qps"].tolist(), window["places"].tolist()) == ([[34, 36, 39]], [[-2, 0, 3]])


def test_curves_and_marks_are_named():
    axes = draw.learning([0, 5], {"a": [4.0, 1.0], "b": [4.0, 6.0]}, {"still": 4.0}, "off by (pixels)").axes[0]
    assert [line.get_label() for line in axes.lines] == ["a", "b", "still"]
    assert list(axes.lines[1].get_ydata()) == [4, 6] and axes.get_ylabel() == "off by (pixels)"


def test_errors_are_drawn_by_class_of_motion():
    errors = pandas.DataFrame({"no motion": [0.5, 3.0], "brought": [0.5, 0.3]}, index=["0–1", "2–4"])
    axes = draw.by_speed(errors).axes[0]
    assert [line.get_label() for line in axes.lines] == ["no motion", "brought"] and axes.get_yscale() == "log"
    assert list(axes.lines[1].get_ydata()) == [0.5, 0.3]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0–1", "2–4"]


def test_each_share_has_a_bar_and_each_clip_a_name():
    bars = draw.shares({"down, 1/2": 0.5, "up, 1/2": 0.2}, "share").axes[0]
    assert [bar.get_height() for bar in bars.patches] == [0.5, 0.2] and bars.get_ylabel() == "share"
    clips = pandas.DataFrame({"lead (dB)": [1.0, 4.0], "gain (dB)": [0.1, 0.3]}, index=["even", "uneven"])
    points = draw.scattered(clips).axes[0]
    assert points.collections[0].get_offsets().tolist() == [[1.0, 0.1], [4.0, 0.3]]
    assert [text.get_text() for text in points.texts] == ["even", "uneven"] and points.get_xlabel() == "lead (dB)"


def test_attention_is_drawn_on_one_scale():
    figure = draw.attention({"a": np.full((4, 6), 0.5), "b": np.zeros((4, 6))}, columns=2)
    assert all(axes.images[-1].get_clim() == (0, 1) for axes in figure.axes[:2])


def test_the_guards_limit_is_marked():
    axes = draw.overflow([0, 1], {"gradient": [1.0, 0.0]}, 0.5).axes[0]
    assert axes.lines[0].get_label() == "gradient" and list(axes.lines[1].get_xdata()) == [0.5, 0.5]
