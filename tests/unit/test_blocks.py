"""Blocks against their slow, obvious versions."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from venh_lib.blocks.flow import divided_lucas_kanade_, flow_level, lucas_kanade_, pyramid, upsample_flow, warp
from venh_lib.blocks.light import mean_about
from venh_lib.blocks.padding import middle_of, pad_to_multiple
from venh_lib.blocks.residual import ResidualBlock, pass_through_, same_conv, zero_


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7, 9])
def test_same_conv_keeps_the_size(kernel_size):
    assert same_conv(3, 4, kernel_size)(torch.rand(1, 3, 11, 13)).shape == (1, 4, 11, 13)


def test_zero_clears_weights_and_bias():
    conv = zero_(same_conv(3, 2))
    assert torch.equal(conv(torch.rand(1, 3, 5, 5)), torch.zeros(1, 2, 5, 5))


def test_pass_through_copies_the_first_channels_and_leaves_the_others():
    conv = same_conv(4, 5, 7)
    before = conv.weight[3:].clone()
    frames = torch.rand(2, 4, 9, 9)
    assert torch.equal(pass_through_(conv, 3)(frames)[:, :3], frames[:, :3])
    assert torch.equal(conv.weight[3:], before)


def test_residual_block_is_its_formula():
    block = ResidualBlock(4, scale=0.5)
    x = torch.randn(1, 4, 6, 7)
    expected = x + 0.5 * block.conv2(functional.relu(block.conv1(x)))
    assert torch.allclose(block(x), expected, atol=1e-6)


def test_pad_to_multiple_repeats_the_border_at_the_bottom_and_right():
    frames = torch.arange(6.0).view(1, 1, 2, 3)
    padded = pad_to_multiple(frames, 4)
    assert padded[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert pad_to_multiple(padded, 4) is padded


@pytest.mark.parametrize("around", [1, 5, 31])
def test_a_mean_about_a_pixel_is_over_what_lies_inside_of_its_square(around):
    values, half = torch.rand(2, 1, 9, 14), around // 2
    expected = torch.empty_like(values)
    for y in range(9):
        for x in range(14):
            square = values[..., max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1]
            expected[..., y, x] = square.mean(dim=(-2, -1))
    torch.testing.assert_close(mean_about(values, around), expected)


def test_the_middle_is_as_large_as_what_it_is_like():
    frames = torch.rand(2, 5, 3, 10, 12)
    assert torch.equal(middle_of(frames, torch.zeros(3, 4, 8)), frames[..., 3:7, 2:10])
    assert torch.equal(middle_of(frames, frames), frames)


def test_warp_looks_up_x_plus_u_and_y_plus_v():
    frame = torch.rand(2, 3, 6, 8)
    flow = torch.zeros(2, 2, 6, 8)
    flow[:, 0], flow[:, 1] = 2, -1
    warped = warp(frame, flow)
    for y in range(6):
        for x in range(8):
            source = frame[:, :, max(y - 1, 0), min(x + 2, 7)]
            assert torch.allclose(warped[:, :, y, x], source, atol=1e-5)


def test_warp_interpolates_between_pixels():
    frame = torch.rand(1, 1, 5, 5)
    flow = torch.full((1, 2, 5, 5), 0.25)
    (a, b), (c, d) = frame[0, 0, 1:3, 2:4]
    expected = 0.75 * (0.75 * a + 0.25 * b) + 0.25 * (0.75 * c + 0.25 * d)
    assert warp(frame, flow)[0, 0, 1, 2].item() == pytest.approx(expected.item(), abs=1e-5)


def test_warp_by_zero_is_the_identity_and_flow_gets_a_gradient():
    frame = torch.rand(1, 3, 7, 5)
    flow = torch.zeros(1, 2, 7, 5, requires_grad=True)
    warped = warp(frame, flow)
    assert torch.allclose(warped, frame, atol=1e-6)
    (warped**2).sum().backward()
    assert flow.grad.abs().sum() > 0


def test_upsampled_flow_doubles_its_vectors():
    flow = torch.tensor([1.5, -0.5]).view(1, 2, 1, 1).expand(1, 2, 3, 4)
    larger = upsample_flow(flow)
    assert larger.shape == (1, 2, 6, 8)
    assert torch.allclose(larger, torch.tensor([3.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 6, 8))


def test_upsampled_flow_warps_like_the_small_one():
    small = torch.rand(1, 1, 8, 8)
    frame = nn.functional.interpolate(small, scale_factor=2, mode="nearest")
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0] = 1
    large = functional.avg_pool2d(warp(frame, upsample_flow(flow)), 2)
    assert torch.allclose(large[..., :7], warp(small, flow)[..., :7], atol=1e-5)


def test_pyramid_is_coarsest_first_and_averages():
    frames = torch.rand(1, 3, 8, 16)
    scales = pyramid(frames, 3)
    assert [tuple(s.shape[-2:]) for s in scales] == [(2, 4), (4, 8), (8, 16)]
    assert torch.allclose(scales[0][0, 0, 0, 0], frames[0, 0, :4, :4].mean())


def test_a_lucas_kanade_start_sees_small_motion_and_gradients_reach_what_is_unheard():
    convs = [nn.Conv2d(inside, out, 7, padding=3) for inside, out in ((8, 12), (12, 16), (16, 8), (8, 2))]
    level = nn.Sequential(*(layer for conv in convs for layer in (conv, nn.ReLU())))[:-1]
    lucas_kanade_(level)
    texture = functional.avg_pool2d(torch.rand(1, 1, 96, 96), 7, stride=1, padding=3)
    frame = (3 * (texture - texture.mean()) + 0.5).expand(1, 3, -1, -1)
    for x, y in ((0.6, 0.0), (0.0, -0.6), (-0.4, 0.4)):
        motion = torch.tensor([x, y]).reshape(1, 2, 1, 1).expand(1, 2, 96, 96)
        # The reference holds the frame's detail further on by the motion.
        moved = warp(frame, -motion)
        found = level(torch.cat((moved, frame, torch.zeros(1, 2, 96, 96)), dim=1))[..., 16:-16, 16:-16]
        mean = found.mean(dim=(0, 2, 3))
        for axis, true in enumerate((x, y)):
            if true:
                assert 0.1 < mean[axis].item() / true < 2
            else:
                assert abs(mean[axis].item()) < 0.1
    still = level(torch.cat((frame, frame, torch.zeros(1, 2, 96, 96)), dim=1))
    assert still.abs().max() < 1e-5
    still.sum().backward()
    assert all(conv.weight.grad.abs().sum() > 0 for conv in convs[-1:])


def test_a_divided_start_says_how_far_whatever_the_contrast():
    texture = functional.avg_pool2d(torch.rand(1, 1, 96, 96), 7, stride=1, padding=3)
    texture = (texture - texture.mean()).expand(1, 3, -1, -1)
    apart = torch.tensor([0.5, -0.3])
    moved = warp(texture, -apart.reshape(1, 2, 1, 1).expand(1, 2, 96, 96))

    def said(start, strength: float) -> torch.Tensor:
        level = flow_level((32, 64, 32, 16), partial(start, centre_first=True))
        pair = 0.5 + strength * texture, 0.5 + strength * moved
        with torch.no_grad():
            flow = level(torch.cat((*pair, torch.zeros(1, 2, 96, 96)), dim=1))
        return flow[0, :, 16:-16, 16:-16].mean(dim=(1, 2)) / apart

    faint, strong = (said(divided_lucas_kanade_, strength) for strength in (3, 12))
    assert ((faint > 0.5) & (faint < 1.2) & (strong > 0.5) & (strong < 1.2)).all()
    assert (said(lucas_kanade_, 12) > 3.5 * said(lucas_kanade_, 3)).all()
    # What is fainter than noise is not enlarged.
    assert said(divided_lucas_kanade_, 0.1).abs().max() < 0.1
    assert said(divided_lucas_kanade_, 0).abs().max() < 1e-5
