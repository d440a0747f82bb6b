"""Flow without training, and flows made smaller."""

import pytest
import torch
from torch.nn import functional

from venh_lib.blocks.dis import DenseInverseSearch
from venh_lib.blocks.flow import shrunk_flow, upsample_flow, warp


def texture(height: int, width: int) -> torch.Tensor:
    """Something soft to follow, [1, 3, H, W] in 0–1."""
    torch.manual_seed(0)
    blurred = functional.avg_pool2d(torch.rand(1, 3, height + 8, width + 8), 9, stride=1)
    return (blurred - blurred.min()) / (blurred.max() - blurred.min())


def inside(flow: torch.Tensor) -> torch.Tensor:
    return flow[..., 12:-12, 12:-12]


def test_dense_inverse_search_points_from_the_first_frame_into_the_other():
    large = texture(72, 100)
    frame, other = large[..., 4:-4, 4:-4], large[..., 5:-3, 2:-6]
    # What stands at (x, y) of the frame stands two to the right and one up in the other.
    flow = DenseInverseSearch()(frame, other)
    assert flow.shape == (1, 2, 64, 92) and flow.dtype == torch.float32
    true = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1)
    assert inside(flow - true).norm(dim=1).mean() < 0.1
    brought = warp(other, flow)
    assert inside(brought - frame).abs().mean() < 0.1 * inside(other - frame).abs().mean()


def test_dense_inverse_search_takes_each_pair_of_a_batch_by_itself_and_learns_nothing():
    one, two = texture(48, 48), texture(48, 48).flip(3)
    search = DenseInverseSearch()
    frame = torch.cat((one, two)).requires_grad_()
    flows = search(frame, torch.cat((one, two.roll(2, dims=3))))
    assert not flows.requires_grad and not list(search.parameters()) and not search.state_dict()
    assert flows[0].abs().max() < 0.05 and inside(flows[1:])[:, 0].mean() == pytest.approx(2, abs=0.1)


def test_dense_inverse_search_takes_frames_of_a_few_pixels():
    frame = texture(9, 21)
    assert DenseInverseSearch()(frame, frame).shape == (1, 2, 9, 21)


def test_dense_inverse_search_has_a_shape_where_nothing_is_computed():
    frame = torch.rand(1, 3, 32, 48, device="meta")
    assert DenseInverseSearch()(frame, frame).shape == (1, 2, 32, 48)


def test_noise_is_no_motion_though_interpolation_makes_frames_more_alike():
    frame = texture(48, 48)
    noisy = frame + 0.02 * torch.randn(frame.shape)
    assert not DenseInverseSearch()(frame, noisy).any()
    # Half of it moves.
    half = torch.cat((noisy[..., :24], noisy.roll(2, dims=3)[..., 24:]), dim=3)
    flow = DenseInverseSearch()(frame, half)
    assert not flow[..., :12].any() and flow[:, 0, 12:-12, 36:].mean() == pytest.approx(2, abs=0.2)


def test_a_shrunk_flow_points_at_the_same_place():
    flow = torch.zeros(1, 2, 8, 12)
    flow[:, 0], flow[:, 1] = 4.0, -2.0
    small = shrunk_flow(flow, 2)
    assert small.shape == (1, 2, 4, 6)
    torch.testing.assert_close(small[0, :, 1, 1], torch.tensor([2.0, -1.0]))
    torch.testing.assert_close(upsample_flow(small), flow)
