"""Memories that know how well frames were coded: filters along the motion, and the network that has them."""

import math

import pytest
import torch
from networks import awakened, without_gradient
from torch.nn import functional

from venh_lib.blocks import recall
from venh_lib.blocks.flow import warp
from venh_lib.losses import L1
from venh_lib.methods import ntu_slab, vue
from venh_lib.methods.recalling import GAIN, RecallingBRNet

CHANNELS = 16
# A low-delay stream: peaks at 0 and 4.
QPS = torch.tensor([[36.0, 45, 44, 45, 38, 45, 44]])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def picture(height=48, width=64):
    """A smooth frame [1, 3, H, W] in 0–1."""
    return functional.interpolate(torch.rand(1, 3, 6, 8), (height, width), mode="bicubic").clamp(0, 1)


def coded(frames, qps):
    """Frames [1, T, 3, H, W] with the noise that their QPs promise."""
    errors = recall.ERROR * recall.coding_error(qps)
    return frames + errors.sqrt()[..., None, None, None] * torch.randn_like(frames)


def branch(**settings):
    return recall.RecallingBranch(CHANNELS, 1, blocks=1, groups=4, gain=GAIN, **settings)


def still(count, height=48, width=64):
    return [torch.zeros(1, 2, height, width)] * (count - 1)


def maps(frames):
    """Folded maps [1, T, 16, H/2, W/2] of frames [1, T, 3, H, W]: the picture, and a map of zeros."""
    return recall.folded(GAIN * torch.cat((frames, torch.zeros_like(frames[:, :, :1])), dim=2))


def test_folding_moves_at_full_size():
    frame, flow = torch.rand(1, 4, 12, 16), torch.zeros(1, 2, 12, 16)
    flow[:, 0] = 1
    assert torch.equal(recall.unfolded(recall.folded(frame)), frame)
    moved = recall.unfolded(recall.warp_folded(recall.folded(frame), flow))
    torch.testing.assert_close(moved, warp(frame, flow))
    torch.testing.assert_close(moved[..., :-1], frame[..., 1:], atol=1e-5, rtol=0)


def test_six_qps_more_are_twice_the_quantisers_step_and_four_times_the_squared_error():
    assert recall.coding_error(torch.tensor([40.0, 46, 34])).tolist() == pytest.approx([1, 4, 0.25])


def test_a_branch_starts_as_a_kalman_filter():
    frames = coded(picture().expand(7, -1, -1, -1)[None], QPS)
    errors, own = recall.coding_error(QPS), maps(frames)
    filtered = branch()
    with torch.no_grad():
        filtered.keep.log_doubt.fill_(-math.inf)
        made = filtered([[frame] for frame in own.unbind(1)], still(7), errors)
    held, variance = own[:, 0], errors[0, 0]
    for t in range(1, 7):
        recalled = held + recall.light(own[:, t] - held, recall.CELL)
        variance = variance + recall.DRIFT
        share = variance / (variance + errors[0, t])
        held, variance = recalled + share * (own[:, t] - recalled), (1 - share) * variance
        torch.testing.assert_close(made[t], held, atol=1e-4, rtol=0)


def test_a_peak_is_remembered_through_the_frames_that_follow():
    """Told its QPs, a filter holds more than each frame does; untold, it believes the worst as much as the best."""
    truth = picture().expand(7, -1, -1, -1)[None]
    frames = coded(truth, QPS)
    own = [[frame] for frame in maps(frames).unbind(1)]

    def error(qps):
        with torch.no_grad():
            held = branch()(own, still(7), recall.coding_error(qps))
        return (torch.stack(held, dim=1) - maps(truth)).square().mean(dim=(0, 2, 3, 4))

    alone = (maps(frames) - maps(truth)).square().mean(dim=(0, 2, 3, 4))
    told, untold = error(QPS), error(torch.full_like(QPS, recall.QP))
    assert (told[1:4] < 0.4 * alone[1:4]).all() and (told[1:4] < 0.8 * untold[1:4]).all()
    # The next peak is nearly as good by itself.
    assert 0.5 * alone[4] < told[4] < alone[4]


def test_what_differs_is_forgotten_where_it_differs():
    before = picture().expand(4, -1, -1, -1)[None].clone()
    after = before.clone()
    # A checkerboard comes in on the right: no change of light.
    after[:, 2:, :, :, 32:] += 0.4 * (-1.0) ** (torch.arange(48)[:, None] // 2 + torch.arange(32) // 2)
    qps = torch.tensor([[36.0, 45, 45, 45]])
    with torch.no_grad():
        made = branch()([[frame] for frame in maps(after).unbind(1)], still(4), recall.coding_error(qps))
    left = (made[2] - maps(after)[:, 2]).abs().mean(dim=(0, 1, 2))
    # In units of what has changed, 0.4 · GAIN in three maps of four.
    assert left[22:].max() < 0.05 * 0.4 * GAIN and left[:8].max() < 1e-3


def test_light_is_the_new_frames_own():
    frames = picture().expand(3, -1, -1, -1)[None] + torch.tensor([0.0, 0.1, 0.0])[:, None, None, None]
    with torch.no_grad():
        own = maps(frames)
        made = branch()(
            [[frame] for frame in own.unbind(1)], still(3), recall.coding_error(torch.tensor([[30.0, 50, 50]]))
        )
    torch.testing.assert_close(made[1][:, : recall.PICTURE], own[:, 1, : recall.PICTURE], atol=1e-4, rtol=0)


@pytest.mark.parametrize("second_order", [True, False])
def test_two_frames_before_are_heard_at_once(second_order):
    """Without the second order frame 0 reaches frame 2 through frame 1 alone."""
    awake = awakened(branch(second_order=second_order))
    own = maps(torch.rand(1, 3, 3, 16, 16)).requires_grad_()
    recalled = awake.recalled(own[:, 2], [own[:, 0], own[:, 1]], still(3, 16, 16))
    (reached,) = torch.autograd.grad(recalled.square().mean(), own)
    assert reached[:, 1].any() and bool(reached[:, 0].any()) == second_order


# --- the network ---


def test_untrained_it_enhances_what_its_filters_hold():
    """With BRNet the identity, a clip of noisy frames comes out better, and best told which are the noisier."""
    network = ntu_slab.build("course").eval()
    truth = picture().expand(7, -1, -1, -1)[None]
    clip = coded(truth, QPS)
    with torch.no_grad():
        told, untold = network(clip, QPS), network(clip)
    before, after, blind = ((own - truth).square().mean() for own in (clip, told, untold))
    assert after < 0.5 * before and after < 0.9 * blind
    torch.testing.assert_close(untold, network(clip, torch.full_like(QPS, recall.QP)))


def test_untrained_a_single_frame_is_brnets():
    network = ntu_slab.build("course").eval()
    awakened(network.single)
    frame = torch.rand(1, 1, 3, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(network(frame, QPS[:, :1])[:, 0], network.single(frame), atol=1e-5, rtol=0)


def test_every_frame_of_a_clip_hears_every_other_and_every_parameter_learns():
    network = awakened(ntu_slab.build("course"))
    clip = torch.rand(1, 4, 3, 32, 32, requires_grad=True)
    for t in (0, 3):
        (reached,) = torch.autograd.grad(network(clip, QPS[:, :4])[:, t].square().mean(), clip)
        assert reached.abs().sum(dim=(0, 2, 3, 4)).gt(0).all()
    network(clip, QPS[:, :4]).square().mean().backward()
    assert [name for name in without_gradient(network) if "mean" not in name] == []


def test_what_starts_unheard_is_reached_by_a_first_step():
    network = ntu_slab.build("course")
    awakened(network.single)
    network(torch.rand(1, 4, 3, 32, 32), QPS[:, :4]).square().mean().backward()
    reached = {
        name for name, parameter in network.named_parameters() if parameter.grad is not None and parameter.grad.any()
    }
    for part in ("leave.weight", "core.shares", "core.reconstruct.0.weight", "core.branches.backward_2.keep.log_doubt"):
        assert part in reached
    assert {
        f"core.branches.{name}.{own}.weight" for name in ntu_slab.BRANCHES for own in ("align", "refine.0")
    } <= reached


def test_ends_of_clips_and_odd_sides():
    network = awakened(ntu_slab.build("course")).eval()
    with torch.no_grad():
        assert network(torch.rand(2, 1, 3, 21, 27)).shape == (2, 1, 3, 21, 27)
        clip = torch.rand(1, 3, 3, 33, 47)
        output = network(clip, QPS[:, :3])
        assert output.shape == clip.shape
        torch.testing.assert_close(network.residual(clip, QPS[:, :3]), output - clip)


def test_the_ablation_looks_at_one_frame_before():
    twin = ntu_slab.METHOD.ablations["first order"]()
    assert isinstance(twin, RecallingBRNet) and not any(own.second_order for own in twin.core.branches.values())


def test_four_models_share_the_flow_and_learn_from_their_own_outputs():
    network = awakened(vue.build_four("course"))
    clip, calls = torch.rand(1, 3, 3, 33, 48), []
    network.models[0].flow.register_forward_hook(lambda *_: calls.append("first"))
    network.models[1].flow.register_forward_hook(lambda *_: calls.append("second"))
    with torch.no_grad():
        output = network(clip, QPS[:, :3])
        each = [model(clip, QPS[:, :3]) for model in network.models]
    torch.testing.assert_close(output, sum(each) / len(each))
    # Both ways: by the first model for all four, then by each for itself.
    assert calls == ["first"] * 4 + ["second"] * 2 and len({model.sum() for model in each}) == 4
    samples = {"lq": clip, "gt": torch.rand_like(clip), "qps": QPS[:, :3]}
    loss = network.training_loss(samples, 0, 1, L1())
    assert loss.item() == pytest.approx(sum(L1()(own, samples["gt"]).item() for own in each) / 4, rel=1e-4)
    loss.backward()
    assert [name for name in without_gradient(network) if "mean" not in name] == []


def test_a_first_order_branch_starts_as_the_same_filter_as_a_second_order_one():
    own, errors = maps(coded(picture().expand(7, -1, -1, -1)[None], QPS)), recall.coding_error(QPS)
    first = recall.FirstOrderRecallingBranch(CHANNELS, CHANNELS, blocks=1, gain=GAIN)
    with torch.no_grad():
        held = first(list(own.unbind(1)), still(7), errors)
        other = branch()([[frame] for frame in own.unbind(1)], still(7), errors)
        unmoved = first(list(own.unbind(1)), [None] * 6, errors)
    for one, two, three in zip(held, other, unmoved, strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=0)
        torch.testing.assert_close(one, three, atol=1e-4, rtol=0)
