"""STDF, wide-activation blocks, channel attention and SMGF: shapes, sizes, starts, directions, mask, frames."""

import pytest
import torch
from networks import awakened, without_gradient
from torch import nn
from torch.nn import functional

from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.attention import ChannelAttention
from venh_lib.blocks.flow import warp
from venh_lib.blocks.stdf import STDF, SpatioTemporalFusion
from venh_lib.blocks.wide import AdaptiveWideBlock, NormedConv
from venh_lib.errors import SettingError
from venh_lib.losses import FFT, L1, Gradient
from venh_lib.methods import bilibili
from venh_lib.methods.bilibili import SMGF, Gate, SMGFModel

SMALL = {"offset_channels": 8, "fused": 8, "channels": 8, "wide": 16, "blocks": 2, "reduction": 2}
# The QPs of HM 16.20 at QP 37, and a stream of x265.
HM = (36, 45, 44, 45, 38, 45, 44, 45, 38, 45, 44, 45, 38, 45, 44, 45, 38)
X265 = "IBBBPBBPPBBBBPBI"


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def small(frames: int, *, gated: bool = True, **switches) -> SMGF:
    models = (SMGFModel(frames=frames, **SMALL, **switches) for _ in range(2))
    return SMGF(*models, Gate(8, 4) if gated else None)


def set_motion_(fusion: SpatioTemporalFusion, motion: torch.Tensor) -> None:
    """Every tap of every frame at ``motion`` [N, 2] (x, y) in pixels, and fully heard."""
    predict = fusion.conv_offset.predict
    offsets = motion.flip(1)[:, None].expand(-1, 9, -1).flatten()
    with torch.no_grad():
        predict.weight.zero_()
        predict.bias.copy_(torch.cat((offsets, torch.full((len(motion) * 9,), 100.0))))


# --- STDF ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes, expected", [({}, 364_510), ({"channels": 64, "quality_channels": 64, "layers": 16}, 1_274_622)]
)
def test_stdf_has_the_published_number_of_parameters(sizes, expected):
    with torch.device("meta"):
        assert count(STDF(**sizes)) == expected


def test_stdf_restores_odd_sizes_and_every_parameter_learns():
    network = awakened(STDF(5, 3, channels=8, fused=8, quality_channels=8, layers=3))
    window = torch.rand(2, 5, 3, 19, 27)
    output = network(window)
    assert output.shape == (2, 3, 19, 27)
    output.square().sum().backward()
    assert not without_gradient(network)


def test_each_frame_is_read_where_its_own_flow_points():
    """One output channel takes one frame's green: it is that frame, warped by the flow that ``flows`` reports."""
    fusion = SpatioTemporalFusion(3, 3, 3, channels=4)
    motion = torch.tensor([[2.0, 1.0], [0.0, 0.0], [-1.5, 3.0]])
    set_motion_(fusion, motion)
    with torch.no_grad():
        fusion.weight.zero_()
        for frame in range(3):
            fusion.weight[frame, 3 * frame + 1, 1, 1] = 1
    window = torch.rand(1, 3, 3, 14, 18)
    fused = fusion(window)
    flows = fusion.flows()
    torch.testing.assert_close(flows, motion[None, :, :, None, None].expand(1, 3, 2, 14, 18))
    expected = torch.cat([warp(window[:, k, 1:2], flows[:, k], outside="zeros") for k in range(3)], dim=1)
    torch.testing.assert_close(fused, expected, atol=1e-5, rtol=0)


def test_flows_are_the_mean_over_taps_and_can_be_taught():
    fusion = SpatioTemporalFusion(3, 1, 4, channels=4)
    with torch.no_grad():
        # The first tap of the second frame alone moves by 9 to the right: 18 numbers a frame, y before x.
        fusion.conv_offset.predict.bias[18 + 1] = 9
    fusion(torch.rand(1, 3, 1, 8, 8))
    flows = fusion.flows()
    assert flows[0, :, :, 0, 0].tolist() == [[0, 0], [1, 0], [0, 0]]
    flows.sum().backward()
    assert fusion.conv_offset.predict.weight.grad.any()


def test_without_alignment_every_offset_is_zero_and_masks_stay():
    fusion = awakened(SpatioTemporalFusion(3, 3, 4, channels=4))
    held = SpatioTemporalFusion(3, 3, 4, channels=4, aligned=False)
    held.load_state_dict(fusion.state_dict())
    window = torch.rand(1, 3, 3, 10, 12)
    moved, still = fusion(window), held(window)
    assert fusion.flows().any() and not held.flows().any()
    assert not torch.allclose(moved, still)
    with torch.no_grad():
        for own in (fusion, held):
            own.conv_offset.predict.weight.zero_()
            own.conv_offset.predict.bias.zero_()
    half = functional.relu(functional.conv2d(window.flatten(1, 2), held.weight / 2, held.bias, padding=1))
    torch.testing.assert_close(held(window), half, atol=1e-5, rtol=0)


# --- blocks ----------------------------------------------------------------------------------


def test_channel_attention_gives_each_channel_one_factor():
    layer = awakened(ChannelAttention(8, 4))
    features = torch.randn(2, 8, 6, 7)
    factors = layer.factors(features)
    assert factors.shape == (2, 8, 1, 1) and ((factors > 0) & (factors < 1)).all()
    torch.testing.assert_close(layer(features) / features, factors.expand_as(features))
    # Means alone are seen: pixels in another order get the same factors, another mean gets others.
    torch.testing.assert_close(layer.factors(features.flip(2, 3)), factors)
    assert not torch.allclose(layer.factors(features + torch.randn(1, 8, 1, 1)), factors)
    assert ChannelAttention(8).squeeze.out_channels == 1


def test_a_normed_convolution_is_a_direction_times_a_length():
    conv = NormedConv(3, 5)
    x = torch.rand(1, 3, 8, 9)
    with torch.no_grad():
        before = conv(x)
        torch.testing.assert_close(before, functional.conv2d(x, conv.weight, conv.bias, padding=1))
        conv.weight *= 3
        torch.testing.assert_close(conv(x), before)
        conv.gain *= torch.arange(1.0, 6.0)[:, None, None, None]
        torch.testing.assert_close(conv(x), before * torch.arange(1.0, 6.0)[:, None, None])


def test_the_block_is_alpha_x_plus_beta_attended_body():
    block = AdaptiveWideBlock(8, 32, 2)
    x = torch.randn(1, 8, 9, 11)
    assert block.alpha.item() == 1 and block.beta.item() == pytest.approx(0.2)
    with torch.no_grad():
        block.alpha.fill_(0.7)
        block.beta.fill_(-3.0)
        body = block.narrow(functional.relu(block.widen(x)))
        torch.testing.assert_close(block(x), 0.7 * x - 3 * body * block.attend.factors(body))
    assert block.widen.out_channels == 32


# --- SMGF ------------------------------------------------------------------------------------


def test_smgf_at_the_size_of_the_report():
    with torch.device("meta"):
        network = bilibili.build("paper")
    core = network.first.core
    assert len(core.body) == 96 and core.head.in_channels == 128
    block = 2 * 64 * 256 * 9 + 2 * 256 + 2 * 64 + (64 * 4 + 4) + (4 * 64 + 64) + 2
    assert count(core.body) == 96 * block
    assert count(network.first) == count(network.second) == 29_294_393
    assert count(network) == 2 * 29_294_393 + 79_681


def test_smgf_restores_odd_sizes_and_every_parameter_learns():
    network = awakened(small(5))
    window = torch.rand(2, 5, 3, 21, 31)
    output = network(window)
    assert output.shape == (2, 3, 21, 31)
    first, second, mask = network.parts(window)
    torch.testing.assert_close(output, window[:, 2] + mask * first + (1 - mask) * second)
    output.square().sum().backward()
    assert not without_gradient(network)


def test_untrained_smgf_gives_the_centre_back():
    window = torch.rand(1, 9, 3, 16, 24)
    with torch.no_grad():
        assert torch.equal(small(9)(window), window[:, 4])
        torch.testing.assert_close(bilibili.build("course")(window), window[:, 4], atol=1e-5, rtol=0)


def test_a_mask_of_one_gives_the_first_model_and_of_zero_the_second():
    network = awakened(small(3)).eval()
    window = torch.rand(1, 3, 3, 16, 16)
    with torch.no_grad():
        first, second, learned = network.first(window), network.second(window), network.parts(window)[2]
        assert learned.shape == (1, 1, 16, 16) and ((learned > 0) & (learned < 1)).all() and learned.std() > 0
        torch.testing.assert_close(network(window), learned * first + (1 - learned) * second)
        for bias, expected in ((200.0, first), (-200.0, second)):
            network.gate.last.bias.fill_(bias)
            torch.testing.assert_close(network(window), expected)
    assert not torch.allclose(first, second)


def test_the_gate_sees_both_predictions_and_the_frame_and_starts_at_one_half():
    gate = bilibili.Gate(8, 4)
    inputs = [torch.rand(1, 3, 8, 8), *(0.02 * torch.randn(1, 3, 8, 8) for _ in range(2))]
    assert torch.equal(gate(*inputs), torch.full((1, 1, 8, 8), 0.5))
    mask = awakened(gate)(*inputs)
    for place in range(3):
        changed = [value + 0.1 * (place == number) for number, value in enumerate(inputs)]
        assert not torch.allclose(gate(*changed), mask)
    assert sum(isinstance(layer, nn.Conv2d) for layer in gate.modules()) == 4


def test_without_the_gate_the_two_are_averaged():
    network = awakened(small(3, gated=False)).eval()
    window = torch.rand(1, 3, 3, 16, 16)
    with torch.no_grad():
        mean = (network.first(window) + network.second(window)) / 2
        torch.testing.assert_close(network(window), mean)
        assert torch.equal(network.parts(window)[2], torch.full((1, 1, 16, 16), 0.5))
    assert count(network) == 2 * count(network.first)


def test_both_models_see_the_frames_that_the_first_brought():
    network = awakened(bilibili.build("course")).eval()
    large = functional.avg_pool2d(torch.rand(1, 3, 56, 96), 9, stride=1)
    window = torch.stack([large[..., 12 + 2 * t : 76 + 2 * t] for t in range(-4, 5)], dim=1)
    with torch.no_grad():
        assert not torch.equal(network.first.brought(window), window)
        first, second, mask = network.parts(window)
        torch.testing.assert_close(window[:, 4] + first, network.first(window))
        torch.testing.assert_close(window[:, 4] + second, network.second(window))
        torch.testing.assert_close(network(window), window[:, 4] + mask * first + (1 - mask) * second)


def test_flows_say_where_each_frame_is_read_and_are_zero_when_not_aligned():
    core = SMGFModel(frames=3, **SMALL).core
    motion = torch.tensor([[4.0, -2.0], [0.0, 0.0], [-1.0, 6.0]])
    set_motion_(core.fusion, motion)
    core(torch.rand(2, 3, 3, 15, 17))
    (flows,) = core.flows()
    torch.testing.assert_close(flows, motion.repeat(2, 1)[:, :, None, None].expand(6, 2, 15, 17))
    still = SMGFModel(frames=3, aligned=False, **SMALL).core
    still.load_state_dict(core.state_dict())
    still(torch.rand(2, 3, 3, 15, 17))
    assert not still.flows()[0].any()


def test_every_frame_of_the_window_counts():
    network = awakened(SMGFModel(frames=5, **SMALL)).eval()
    window = torch.rand(1, 5, 3, 16, 16)
    with torch.no_grad():
        before = network.residual(window)
        for frame in range(5):
            changed = window.clone()
            changed[:, frame] = 1 - changed[:, frame]
            assert (network.residual(changed) - before).abs().max() > 1e-4


def test_mixed_precision_adds_float32_to_the_frame():
    network, window = awakened(small(3)).eval(), torch.rand(1, 3, 3, 16, 16)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert all(part.dtype == torch.float32 for part in network.parts(window))


# --- frames and record -----------------------------------------------------------------------


def test_references_of_track_1_follow_frames_of_lower_qp():
    infos = tuple(FrameInfo(t, "P" if t else "I", qp, 100) for t, qp in enumerate(HM))
    # The adjacent frame, then again and again the next beyond it whose QP is below both its neighbours'.
    assert bilibili.POLICY(infos, 9) == (2, 4, 6, 8, 9, 10, 12, 14, 16)
    assert bilibili.POLICY(infos, 4) == (0, 0, 2, 3, 4, 5, 6, 8, 10)
    assert bilibili.POLICY(infos, 0) == (0, 0, 0, 0, 0, 1, 2, 4, 6)
    assert bilibili.POLICY(infos, 15) == (8, 10, 12, 14, 15, 16, 16, 16, 16)


def test_references_of_track_3_follow_i_and_p_frames():
    infos = tuple(FrameInfo(t, kind, 30, 100) for t, kind in enumerate(X265))
    assert bilibili.candidates(infos) == (0, 4, 7, 8, 13, 15)
    assert bilibili.POLICY(infos, 6) == (0, 0, 4, 5, 6, 7, 8, 13, 15)


def test_the_gate_is_trained_behind_two_models_that_were_trained_first():
    parts = {part.slug: part for part in (bilibili.FIRST, bilibili.SECOND)}
    with torch.device("meta"):
        network, part = bilibili.build("course"), bilibili.build_model("course")
    for track in (1, 3):
        smoke, paper = (bilibili.METHOD.recipe(track, scale) for scale in ("smoke", "paper"))
        assert (smoke.preset, paper.preset) == ("course", "paper") and not smoke.start
        for prefix, slug in paper.start:
            assert parts[slug].recipe(track, "paper").preset == "paper" and parts[slug].policy is bilibili.POLICY
            assert part.state_dict().keys() == network.get_submodule(prefix.rstrip(".")).state_dict().keys()
        trained = {name.split(".")[0] for name, _ in network.named_parameters() if not name.startswith(paper.frozen)}
        assert trained == {"gate"} and len(paper.start) == 2
        assert {type(term) for _, term in paper.loss.terms} == {L1, FFT, Gradient}
    assert bilibili.FIRST.recipe(1, "paper") != bilibili.SECOND.recipe(1, "paper")


def test_unknown_presets_and_sizes_are_refused():
    for build in (bilibili.build, bilibili.build_model):
        with pytest.raises(SettingError, match="course"):
            build("huge")
    with pytest.raises(TypeError, match="width"):
        SMGFModel(width=3)
