"""PCD, flow-guided alignment, TSA, propagation and SpyNet: shapes, directions, starts, gradients to every parameter."""

import pytest
import torch
from networks import awakened, calmed, without_gradient
from torch import nn
from torch.nn import functional

from venh_lib.blocks.alignment import FeaturePyramid, FlowGuidedAlignment, PCDAlignment
from venh_lib.blocks.attention import TSAFusion
from venh_lib.blocks.deformable import DeformConv
from venh_lib.blocks.edvr import EDVR
from venh_lib.blocks.flow import warp
from venh_lib.blocks.propagation import SecondOrderPropagation
from venh_lib.blocks.spynet import SpyNet, from_published
from venh_lib.methods.ntu_slab import BasicVSRPlusPlus


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def identity_(layer: DeformConv, channels: int) -> None:
    """Make a deformable convolution pass its first ``channels`` inputs through, at its offsets."""
    with torch.no_grad():
        layer.weight.zero_()
        for channel in range(channels):
            # Masks start at one half.
            layer.weight[channel, channel, 1, 1] = 2


def test_pcd_aligns_to_the_finest_size_and_every_parameter_learns():
    pyramid, align = FeaturePyramid(16), awakened(PCDAlignment(16, groups=4))
    frames = [pyramid(torch.rand(2, 16, 24, 32)) for _ in range(2)]
    assert [level.shape[-2:] for level in frames[0]] == [(24, 32), (12, 16), (6, 8)]
    aligned = align(*frames)
    assert aligned.shape == (2, 16, 24, 32)
    aligned.square().sum().backward()
    assert not without_gradient(align) and not without_gradient(pyramid)


def test_pcd_hands_offsets_down_twice_as_long():
    """All coarse guides at a constant: what reaches the next level's refinement is twice that constant."""
    align = PCDAlignment(8, groups=2)
    handed = []
    align.levels[1].refine.register_forward_pre_hook(lambda _, inputs: handed.append(inputs[0][:, 8:]))
    with torch.no_grad():
        align.levels[2].refine.weight.zero_()
        align.levels[2].refine.bias.fill_(1.5)
    frames = [torch.rand(1, 8, 16 >> level, 24 >> level) for level in range(3)]
    align(frames, frames)
    assert torch.equal(handed[0], torch.full_like(handed[0], 3.0))


def test_the_flow_guides_the_alignment():
    """With no residue, features of one and two frames before are read where the two flows point."""
    align = FlowGuidedAlignment(4, groups=2)
    identity_(align, 4)
    with torch.no_grad():
        align.weight[:, 4:, 1, 1] = 2 * torch.eye(4)
    one, two = torch.rand(1, 4, 12, 16), torch.rand(1, 4, 12, 16)
    first, second = (
        torch.tensor(flow).view(1, 2, 1, 1).expand(1, 2, 12, 16) for flow in ((2.0, 1.0), (-1.0, 3.0))
    )
    aligned = align(torch.cat((one, two), dim=1), torch.rand(1, 12, 12, 16), first, second)
    expected = warp(one, first, outside="zeros") + warp(two, second, outside="zeros")
    torch.testing.assert_close(aligned, expected, atol=1e-5, rtol=0)


def test_the_residue_is_bounded():
    align = FlowGuidedAlignment(4, groups=2, most=3.0)
    nn.init.normal_(align.conv_offset[-1].weight, std=100)
    nothing = torch.zeros(1, 2, 12, 16)
    align(torch.rand(1, 8, 12, 16), torch.rand(1, 12, 12, 16), nothing, nothing)
    assert 2.9 < align.offsets.abs().max() <= 3


@pytest.mark.parametrize("second_order", [True, False])
def test_propagation_passes_on_what_two_frames_before_knew(second_order):
    branch = awakened(SecondOrderPropagation(4, 1, 1, groups=2, second_order=second_order))
    features = [torch.rand(1, 4, 12, 16) for _ in range(4)]
    flows = [torch.rand(1, 2, 12, 16) for _ in range(3)]
    made = branch([[own] for own in features], flows)
    assert [m.shape for m in made] == [(1, 4, 12, 16)] * 4
    changed = branch([[features[0] + 0.1], *([own] for own in features[1:])], flows)
    assert all(not torch.equal(a, b) for a, b in zip(made, changed, strict=True))
    sum(m.square().sum() for m in made).backward()
    assert not without_gradient(branch)


def test_second_order_flows_go_through_the_frame_between():
    """The features of two frames before, a blob in one place, are read where both motions together put it."""
    branch = SecondOrderPropagation(1, 1, 0, groups=2)
    read = []
    branch.align.register_forward_pre_hook(lambda _, inputs: read.append(inputs))
    blob = torch.zeros(1, 1, 12, 16)
    blob[..., 6, 8] = 1
    flows = [torch.tensor(flow).view(1, 2, 1, 1).expand(1, 2, 12, 16) for flow in ((1.0, 0.0), (2.0, -1.0))]
    made = [blob, torch.zeros_like(blob)]
    branch._aligned(torch.zeros_like(blob), made, flows)
    _, warped, first, second = read[0]
    assert first[0, :, 6, 5].tolist() == [2, -1] and second[0, :, 6, 5].tolist() == [3, -1]
    assert warped[0, 2].nonzero().tolist() == [[7, 5]]


def test_tsa_weighs_frames_by_their_likeness_to_the_centre():
    fuse = TSAFusion(8, frames=3, centre=1)
    with torch.no_grad():
        fuse.embed.weight.copy_(fuse.embed_reference.weight)
        fuse.embed.bias.copy_(fuse.embed_reference.bias)
    centre = torch.randn(1, 8, 16, 16)
    attention = fuse.temporal_attention(torch.stack((-centre, centre, centre), dim=1))
    assert (attention[:, 1] >= 0.5).all() and torch.equal(attention[:, 1], attention[:, 2])
    assert attention[:, 0].mean() < 0.5


def test_every_parameter_of_tsa_learns_and_a_mask_of_one_half_changes_nothing():
    fuse = TSAFusion(8, frames=3, centre=1)
    aligned = torch.randn(2, 3, 8, 16, 20)
    fuse(aligned).square().sum().backward()
    assert not without_gradient(fuse)
    for conv in (fuse.mask_last, fuse.shift[1]):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
    weighted = (aligned * fuse.temporal_attention(aligned)[:, :, None]).flatten(1, 2)
    expected = functional.leaky_relu(fuse.fuse(weighted), 0.1)
    torch.testing.assert_close(fuse(aligned), expected)


def test_edvr_restores_odd_sizes_and_every_parameter_learns():
    network = awakened(EDVR(8, frames=3, extract=1, reconstruct=1, groups=2))
    window = torch.rand(1, 3, 3, 35, 45)
    output = network(window)
    assert output.shape == (1, 3, 35, 45)
    output.square().sum().backward()
    assert not without_gradient(network)


def test_edvr_at_the_size_of_its_large_model():
    with torch.device("meta"):
        network = EDVR(128, 5, extract=5, reconstruct=40)
        assert network(torch.rand(1, 5, 3, 536, 960)).shape == (1, 3, 536, 960)
    count = sum(parameter.numel() for parameter in network.parameters())
    # The published four-fold enlargement, and two strided convolutions of 128 channels.
    assert count == 20_633_827 + 2 * (128 * 128 * 9 + 128)


def test_basicvsr_plus_plus_at_the_size_of_the_report():
    with torch.device("meta"):
        network = BasicVSRPlusPlus(128, 25)
        assert network(torch.rand(1, 3, 3, 536, 960)).shape == (1, 3, 3, 536, 960)
    assert sum(parameter.numel() for parameter in network.parameters()) == 44_075_631
    assert sum(parameter.numel() for parameter in network.flow.parameters()) == 1_440_300


@pytest.mark.parametrize("count", [1, 2, 4])
def test_basicvsr_plus_plus_on_short_clips_of_odd_sizes(count):
    network = awakened(BasicVSRPlusPlus(16, 1))
    calmed(network.flow)
    frames = torch.rand(1, count, 3, 35, 45)
    output = network(frames)
    assert output.shape == frames.shape
    output.square().sum().backward()
    idle = without_gradient(network)
    # One frame has no motion; a clip of two none of second order, which shares its parameters with the first.
    assert all("flow" in name or "align" in name for name in idle) if count == 1 else not idle


def test_a_change_at_either_end_reaches_every_frame():
    network = awakened(BasicVSRPlusPlus(16, 1)).eval()
    frames = torch.rand(1, 5, 3, 32, 32)
    calmed(network.flow)
    with torch.no_grad():
        before = network(frames)
        for end in (0, 4):
            changed = frames.clone()
            changed[:, end] = 1 - changed[:, end]
            moved = (network(changed) - before).abs().amax(dim=(0, 2, 3, 4))
            assert (moved > 1e-6).all()


def test_spynet_scales_its_flow_with_the_frame():
    """A net that finds one pixel to the right at its finest level says so in pixels of the frame as given."""
    network = SpyNet()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(network.levels[-1][-1].bias, 1.0)
    frame = torch.rand(1, 3, 48, 100)
    flow = network(frame, frame)
    assert flow.shape == (1, 2, 48, 100)
    torch.testing.assert_close(flow[:, 0], torch.full((1, 48, 100), 100 / 128))
    torch.testing.assert_close(flow[:, 1], torch.full((1, 48, 100), 48 / 64))


def test_spynet_doubles_its_flow_from_level_to_level():
    network = SpyNet()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(network.levels[0][-1].bias, 1.0)
    frame = torch.rand(1, 3, 64, 96)
    assert [float(flow.detach().mean()) for flow in network.flows(frame, frame)] == [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize("inside", ["", ".conv"])
def test_spynet_reads_published_names(inside):
    network = SpyNet()
    step = 1 if inside else 2
    published = {"mean": torch.zeros(3), "std": torch.ones(3)}
    for level, layers in enumerate(network.levels):
        for number, conv in enumerate(layer for layer in layers if isinstance(layer, nn.Conv2d)):
            for kind, values in conv.named_parameters():
                published[f"basic_module.{level}.basic_module.{number * step}{inside}.{kind}"] = values + 1
    expected = {name: values + 1 for name, values in network.named_parameters()}
    fresh = SpyNet()
    fresh.load_state_dict(from_published(published))
    assert all(torch.equal(values, expected[name]) for name, values in fresh.named_parameters())


def test_tsa_may_start_with_half_of_every_frame_and_their_differences():
    torch.manual_seed(0)
    fuse, started = (TSAFusion(32, frames=3, centre=1) for _ in range(2))
    started.start_from_differences_()
    frames = torch.randn(1, 3, 32, 16, 20)
    heard = started.temporal_attention(frames)
    # With PyTorch's defaults the centre agrees with itself so well that nothing is left to learn.
    assert (heard - 0.5).abs().max() < 0.1 < (fuse.temporal_attention(frames)[:, 1] - 0.5).abs().max()
    weighted = (frames * heard[:, :, None]).flatten(1, 2)
    difference = 4 * (frames * heard[:, :, None])[:, 2, :16] - 4 * (frames * heard[:, :, None])[:, 1, :16]
    torch.testing.assert_close(started.fuse(weighted), torch.cat((difference, -difference), dim=1))
    started(frames).square().sum().backward()
    assert not without_gradient(started)
