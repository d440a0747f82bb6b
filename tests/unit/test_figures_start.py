"""Where notebook 00 looks, and the README's picture."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from venh_lib import checkpoints, methods
from venh_lib.figures import readme, start
from venh_lib.metrics import fidelity

HEIGHT, WIDTH = 96, 160
BETTER, WORSE = (slice(8, 40), slice(16, 64)), (slice(56, 88), slice(96, 144))


@pytest.fixture
def pictures():
    """Raw, compressed, and an enhanced frame that is better in one place and worse in another."""
    raw = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    compressed = raw + 10
    enhanced = compressed.copy()
    enhanced[BETTER] -= 8
    enhanced[WORSE] += 8
    return raw, compressed, enhanced


def test_the_box_lies_where_the_error_fell_most(pictures):
    raw, compressed, enhanced = pictures
    assert start.most_helped(raw, compressed, enhanced, height=32, width=48) == (8, 16, 32, 48)
    assert start.most_helped(raw, enhanced, compressed, height=32, width=48) == (56, 96, 32, 48)


def test_titles_give_the_psnr_of_frames_and_boxes(pictures):
    raw, compressed, enhanced = pictures
    figure = start.before_after_raw(*pictures, (8, 16, 32, 48))
    titles = [axes.get_title() for axes in figure.axes]
    given, output = (float(fidelity.psnr(*_tensors(frame, raw))) for frame in (compressed, enhanced))
    assert titles[:3] == [f"compressed: {given:.2f} dB", f"enhanced: {output:.2f} dB", "raw"]
    assert titles[3:] == ["in the box 28.13 dB", "in the box 42.11 dB", ""]
    plt.close(figure)


def _tensors(*frames):
    return [torch.from_numpy(frame).permute(2, 0, 1)[None] for frame in frames]


def test_the_psnr_in_titles_is_the_librarys():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 40, 50, 3), np.uint8)
    assert start.psnr(a, b) == pytest.approx(float(fidelity.psnr(*_tensors(a, b))), abs=1e-4)
    assert start.psnr(a, a) == np.inf


def test_gain_and_qp_stand_under_each_frame():
    figure = start.before_and_after([30, 28, 28.5], [30.5, 28.1, 28.4], [36, 45, 44, 45])
    _, gains, qps = figure.axes
    assert [bar.get_height() for bar in gains.patches] == pytest.approx([0.5, 0.1, -0.1])
    coded = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in qps.patches}
    assert coded == {0: 36, 1: 45, 2: 44}
    plt.close(figure)


def test_the_course_map_links_each_notebook_by_its_title(tmp_path):
    path = tmp_path / "07_x.ipynb"
    path.write_text(json.dumps({"cells": [{"source": ["# A title\n", "text"]}]}), encoding="utf-8")
    assert start.course_map([path]).data == "- [07_x](07_x.ipynb): A title"


def test_the_readmes_picture_is_small_and_of_the_shipped_weights():
    picture = readme.path()
    shipped = checkpoints.shipped(methods.get(readme.METHOD), readme.TRACK)
    assert picture.stat().st_size <= 300 * 1024
    advice = "the weights have changed: run `python -m venh_lib.figures.readme`"
    assert readme.weights_of(picture) == checkpoints.file_hash(shipped), advice
