"""Gogoing's two stages: sizes, starts, the order of the frames, and what each ablation leaves out."""

import pytest
import torch
from torch import nn

from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.deformable import DeformConv
from venh_lib.blocks.half_size import HalfSize
from venh_lib.errors import SettingError
from venh_lib.losses import L2
from venh_lib.methods import gogoing
from venh_lib.methods.gogoing import FRAMES, METHOD, RADIUS, GogoingCore, build


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def small(**switches) -> HalfSize:
    """A narrow network with noise on all weights, as some start at zero: zeros hide what stands behind them."""
    core = GogoingCore(8, groups=2, widths=(16, 16, 16), blocks=1, reduction=2, **switches)
    network = HalfSize(core, 8, 16, extract=1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


def residual(network: HalfSize, window: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(window) - window[:, RADIUS]


def test_sizes_of_the_presets():
    with torch.device("meta"):
        paper, course = build("paper"), build("course")
        assert paper(torch.rand(1, FRAMES, 3, 21, 35)).shape == (1, 3, 21, 35)
    assert sum(p.numel() for p in paper.parameters()) == 26_704_524
    assert sum(p.numel() for p in course.core.parameters()) < 1_000_000
    assert {type(m) for m in course.core.modules()} == {type(m) for m in paper.core.modules()}


@pytest.mark.parametrize("size", [(35, 45), (16, 16), (9, 3)])
@pytest.mark.parametrize("switches", [{}, {"aligned": False}, {"attention": False}], ids=str)
def test_odd_sizes_come_back_and_every_parameter_learns(size, switches):
    network = small(**switches)
    window = torch.rand(2, FRAMES, 3, *size)
    output = network(window)
    assert output.shape == (2, 3, *size)
    output.square().sum().backward()
    if min(size) >= 16:
        assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def test_untrained_it_gives_the_middle_frame_back():
    window = torch.rand(1, FRAMES, 3, 24, 24)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(build("paper")(window), window[:, RADIUS])


def test_the_detail_of_the_frames_comes_through_the_untrained_alignment():
    network, window = build("course"), torch.rand(1, FRAMES, 3, 24, 32)
    detail = {}
    for name, module in (("enter", network.enter), ("pcd", network.core.pcd)):
        module.register_forward_hook(
            lambda module, inputs, output, name=name: detail.update({name: output.std(dim=(-1, -2)).mean().item()})
        )
    residual(network, window)
    assert detail["pcd"] > 0.3 * detail["enter"]
    assert not any(layer.offsets.any() for layer in network.modules() if isinstance(layer, DeformConv))


def test_mixed_precision_restores_odd_sizes_in_float32():
    network, window = small().eval(), torch.rand(1, FRAMES, 3, 21, 27)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert network(window).dtype == torch.float32


def test_offsets_stand_in_the_order_of_the_frames():
    """A change of one frame of the second window changes that frame's offsets and no other's, at every level."""
    network, window = small(), torch.rand(2, FRAMES, 3, 32, 48)
    layers = [*(level.align for level in network.core.pcd.levels), network.core.pcd.cascade]

    def offsets() -> list[torch.Tensor]:
        residual(network, window)
        return [layer.offsets.unflatten(0, (2, FRAMES)) for layer in layers]

    before = offsets()
    assert [tuple(kept.shape[-2:]) for kept in before] == [(16, 24), (8, 12), (4, 6), (16, 24)]
    window[1, 5] = torch.rand(3, 32, 48)
    for kept, now in zip(before, offsets(), strict=True):
        moved = (now - kept).abs().amax(dim=(2, 3, 4)) > 0
        assert moved.nonzero().tolist() == [[1, 5]]


def test_frames_are_read_where_the_offsets_point():
    """PCD's finest level passes features on at one offset for all: the features of each frame move by it."""
    network = small()
    with torch.no_grad():
        for parameter in network.core.pcd.parameters():
            parameter.zero_()
        finest, cascade = network.core.pcd.levels[0], network.core.pcd.cascade
        for channel in range(8):
            # Masks of zero logits are one half; the rectifier behind the cascade lets what is positive pass.
            finest.align.weight[channel, channel, 1, 1] = cascade.weight[channel, channel, 1, 1] = 2
            finest.merge.weight[channel, channel, 1, 1] = 1
        finest.align.conv_offset.bias[: 2 * 18] = torch.tensor([2.0, -3.0]).repeat(18)
        features = torch.rand(1, FRAMES, 8, 16, 24)
        aligned = gogoing.aligned_onto(RADIUS, features, network.core.pyramid, network.core.pcd)
    torch.testing.assert_close(aligned[..., :14, 3:], features[..., 2:, :21], atol=1e-5, rtol=0)


def test_without_both_the_mean_of_the_frames_is_restored():
    network, window = small(aligned=False, attention=False), torch.rand(1, FRAMES, 3, 24, 24)
    assert not any(isinstance(m, DeformConv) for m in network.modules()) and network.core.tsa is None
    shuffled = window[:, torch.randperm(FRAMES)]
    torch.testing.assert_close(residual(network, window), residual(network, shuffled), atol=1e-5, rtol=1e-4)


def test_alignment_is_onto_the_middle_frame_and_attention_tells_the_frames_apart():
    window = torch.rand(1, FRAMES, 3, 24, 24)
    neighbours, middle = window[:, [6, 1, 2, 3, 4, 5, 0]], window[:, [0, 1, 3, 2, 4, 5, 6]]
    aligned, attending = small(attention=False), small(aligned=False)
    same = residual(aligned, window)
    torch.testing.assert_close(residual(aligned, neighbours), same, atol=1e-5, rtol=1e-4)
    assert (residual(aligned, middle) - same).abs().max() > 1e-4
    assert (residual(attending, neighbours) - residual(attending, window)).abs().max() > 1e-4


def test_the_window_is_seven_consecutive_frames():
    infos = tuple(FrameInfo(index=t, slice_type="P" if t else "I", qp=37, size=100) for t in range(9))
    assert METHOD.policy(infos, 4) == (1, 2, 3, 4, 5, 6, 7)
    assert METHOD.policy(infos, 1) == (0, 0, 0, 1, 2, 3, 4)
    assert METHOD.policy(infos, 8) == (5, 6, 7, 8, 8, 8, 8)


@pytest.mark.parametrize("track", [1, 3])
def test_paper_recipe_has_the_settings_of_the_report(track):
    recipe = METHOD.recipe(track, "paper")
    assert (recipe.batch, recipe.crop, recipe.loss, recipe.learning_rate) == (12, 256, L2(), 4e-4)
    rates = [recipe.learning_rate_at(step) for step in (0, 99_999, 100_000)]
    assert rates[0] == rates[2] == 4e-4 and rates[1] < 1e-5
    assert recipe.flips and METHOD.recipe(track, "smoke").preset == "course"


def test_unknown_preset_is_refused():
    with pytest.raises(SettingError, match="course"):
        build("huge")


def test_every_departure_is_a_sentence():
    assert METHOD.departures and all(text.endswith(".") for text in METHOD.departures)


def test_the_spatial_stage_attends_to_channels_at_every_scale():
    network = small()
    scales = [*network.core.spatial.encoder.blocks, *network.core.spatial.decoder.blocks]
    assert len(scales) == 5
    for level in scales:
        assert all(isinstance(block, gogoing.ResidualChannelAttentionBlock) for block in level)
    window = torch.rand(1, FRAMES, 3, 24, 24)
    before = residual(network, window)
    for level in scales:
        nn.init.constant_(level[0].attention.excite.bias, -100)
    assert (residual(network, window) - before).abs().max() > 1e-5
