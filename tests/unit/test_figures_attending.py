"""What the figures of attention and U-Nets measure: reach, energy by scale and frequency, what passes inside."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from venh_lib.blocks.residual import same_conv
from venh_lib.blocks.unet import UNet
from venh_lib.errors import SettingError
from venh_lib.figures import attending as draw


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_a_stack_sees_one_more_on_every_side_with_each_layer():
    torch.manual_seed(0)
    stack = nn.Sequential(same_conv(4, 4), nn.ReLU(), same_conv(4, 4), nn.ReLU(), same_conv(4, 4))
    before = [own.clone() for own in stack.parameters()]
    assert draw.can_see(stack, 4, 21) == 7
    assert 1 < draw.does_see(stack, 4, 21) <= draw.does_see(stack, 4, 21, share=1 - 1e-5) == 7
    assert all(torch.equal(own, old) for own, old in zip(stack.parameters(), before, strict=True))


def test_a_unet_sees_twice_as_far_at_half_the_size():
    """Fifteen columns, as counted by hand: two for bilinear enlarging, and each of the coarser ones stands for two."""
    assert draw.can_see(UNet((4, 4), lambda width: same_conv(width, width)), 4, 33) == 15


def test_octaves_hold_all_the_energy():
    torch.manual_seed(0)
    fine = torch.randn(3, 32, 48)
    checked = torch.ones(1, 16, 16)
    checked[:, ::2, ::2] = checked[:, 1::2, 1::2] = -1
    octaves = draw.by_octave(fine, 3)
    assert len(octaves) == 4 and sum(octaves) == pytest.approx(fine.square().mean().item(), rel=1e-5)
    assert draw.by_octave(checked, 2) == pytest.approx([1, 0, 0])
    assert draw.by_octave(functional.interpolate(checked[None], scale_factor=4)[0], 3) == pytest.approx([0, 0, 1, 0])
    with pytest.raises(SettingError, match="sides of 64"):
        draw.by_octave(fine, 6)


def test_a_blur_loses_the_short_waves():
    torch.manual_seed(0)
    truth = torch.randn(1, 64, 96)
    blurred = functional.avg_pool2d(truth[None], 5, stride=1, padding=2)[0]
    lost = draw.error_by_frequency(truth, blurred, [0, 1 / 32, 1 / 8, 1 / 2])
    assert lost[0] < 0.05 < lost[1] < 0.5 < lost[2]
    assert draw.error_by_frequency(truth, truth, [0, 0.5]) == [0]
    assert draw.error_by_frequency(truth, truth.mean().expand_as(truth), [0, 0.5]) == pytest.approx([1])


def test_what_passes_is_noted_once_and_methods_come_back():
    layer = nn.Linear(2, 3)
    network = nn.Sequential(nn.ReLU(), layer)
    x = torch.tensor([[-1.0, 2.0]])
    given, made = draw.passing({"linear": layer}, network, x)["linear"]
    assert given.tolist() == [[0, 2]] and torch.equal(made, layer(given)) and not made.requires_grad
    assert not layer._forward_hooks
    with pytest.raises(ZeroDivisionError), draw.instead(layer, forward=lambda own: own + 1):
        assert network(x).tolist() == [[1, 3]]
        1 / 0  # noqa: B018
    assert torch.equal(network(x), made)


def test_pictures_are_coded_worse_at_a_higher_qp():
    rng = np.random.default_rng(0)
    smooth = [np.kron(rng.integers(60, 200, (8, 10)), np.ones((8, 8))).astype(np.uint8) for _ in range(3)]
    grey = np.full((32, 40), 128, np.uint8)
    made = draw.coded([(own, grey, grey) for own in smooth], (22, 46))
    truth = torch.from_numpy(np.stack(smooth)).float() / 255
    error = (made - truth).square().mean((2, 3))
    assert made.shape == (2, 3, 64, 80) and (error[0] < error[1]).all()
    assert error.max() < 0.01  # each is the coded version of its own picture


def test_curves_and_marks_are_named():
    axes = draw.curves({"a": ([1, 2], [3, 4])}, "x", "y", marks={"still": 2.0}, ticks=[1, 2], logarithmic="x").axes[0]
    assert [line.get_label() for line in axes.lines] == ["a", "still"]
    assert axes.get_xscale() == "log" and axes.get_yscale() == "linear"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2"]


def test_every_size_is_drawn_with_the_channel_that_varies_most():
    coarse = torch.stack((torch.zeros(2, 3), torch.arange(6.0).view(2, 3)))
    axes = draw.scales({"fine": torch.randn(2, 8, 12), "coarse": coarse}, columns=3).axes
    assert axes[1].get_title() == "coarse: 3×2" and not axes[2].axison
    assert np.array_equal(axes[1].images[-1].get_array(), coarse[1].numpy())
