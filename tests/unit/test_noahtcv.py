"""NOAHTCV's network: sizes, joint offsets, shared heads, fusions at the scales, and what each ablation leaves out."""

import pytest
import torch
from networks import awakened

from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.deformable import DeformConv
from venh_lib.blocks.half_size import HalfSize
from venh_lib.errors import SettingError
from venh_lib.losses import L2
from venh_lib.methods.noahtcv import CENTRE, FRAMES, METHOD, JointAlignment, NOAHTCVCore, ScaleFusion, build


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def small(**switches) -> HalfSize:
    sizes = {"groups": 2, "offset_widths": (8, 8), "widths": (8, 12, 16), "blocks": 1, "reconstruct": 1}
    return awakened(HalfSize(NOAHTCVCore(8, **sizes, **switches), 8, 8, extract=1))


def residual(network: HalfSize, window: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(window) - window[:, CENTRE]


def test_sizes_of_the_presets():
    with torch.device("meta"):
        paper, course = build("paper"), build("course")
        assert paper(torch.rand(1, FRAMES, 3, 21, 35)).shape == (1, 3, 21, 35)
    assert sum(p.numel() for p in paper.parameters()) == 17_742_444
    assert sum(p.numel() for p in course.core.parameters()) < 1_000_000
    assert {type(m) for m in course.core.modules()} == {type(m) for m in paper.core.modules()}


@pytest.mark.parametrize("size", [(35, 45), (16, 16), (9, 3)])
@pytest.mark.parametrize("switches", [{}, {"references": False}, {"fused_scales": False}], ids=str)
def test_odd_sizes_come_back_and_every_parameter_learns(size, switches):
    network = small(**switches)
    window = torch.rand(2, FRAMES, 3, *size)
    output = network(window)
    assert output.shape == (2, 3, *size)
    output.square().sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def test_untrained_it_gives_the_centre_back():
    window = torch.rand(1, FRAMES, 3, 24, 24)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(build("paper")(window), window[:, CENTRE])


def test_mixed_precision_restores_odd_sizes_in_float32():
    network, window = small().eval(), torch.rand(1, FRAMES, 3, 21, 27)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert network(window).dtype == torch.float32


def test_each_frame_is_read_where_its_own_guide_says():
    """Frame 0 two pixels further down, the centre where it is, frame 2 one pixel further left, in both windows."""
    alignment = JointAlignment(4, 2, (4, 4), 1)
    with torch.no_grad():
        for parameter in alignment.parameters():
            parameter.zero_()
        for channel in range(4):
            alignment.align.weight[channel, channel, 1, 1] = 2  # masks are one half
        # Of the guides' 3·4 channels, channel 0 of frame 0 and channel 1 of frame 2 are one.
        alignment.guides.bias[0] = alignment.guides.bias[2 * 4 + 1] = 1
        offset = alignment.align.conv_offset.weight[: 2 * 18].view(18, 2, 4, 3, 3)
        offset[:, 0, 0, 1, 1], offset[:, 1, 1, 1, 1] = 2, -1
        features = torch.rand(2 * FRAMES, 4, 12, 16)
        aligned = alignment(features)
    kept = alignment.align.offsets.unflatten(0, (2, FRAMES)).unflatten(2, (-1, 2))
    assert kept.amax(dim=(0, 2, 4, 5)).tolist() == kept.amin(dim=(0, 2, 4, 5)).tolist() == [[2, 0], [0, 0], [0, -1]]
    previous, centre, following = (features[n::FRAMES] for n in range(FRAMES))
    torch.testing.assert_close(aligned[0::FRAMES][..., :10, :], previous[..., 2:, :], atol=1e-5, rtol=0)
    torch.testing.assert_close(aligned[1::FRAMES], centre, atol=1e-5, rtol=0)
    torch.testing.assert_close(aligned[2::FRAMES][..., 1:], following[..., :-1], atol=1e-5, rtol=0)


def test_offsets_are_predicted_jointly_but_window_by_window():
    network, window = small(), torch.rand(2, FRAMES, 3, 24, 32)
    residual(network, window)
    before = network.core.alignment.align.offsets.unflatten(0, (2, FRAMES))
    assert before.shape == (2, FRAMES, 2 * 2 * 9, 12, 16)
    window[1, 2] = torch.rand(3, 24, 32)
    residual(network, window)
    moved = (network.core.alignment.align.offsets.unflatten(0, (2, FRAMES)) - before).abs().amax(dim=(2, 3, 4)) > 0
    assert moved.tolist() == [[False] * 3, [True] * 3]


def test_a_scale_fuses_each_frame_by_its_own_offsets_and_gives_every_head_the_same():
    fusion = ScaleFusion(2, groups=1)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.zero_()
        for frame in range(FRAMES):
            for channel in range(2):
                fusion.fuse.weight[channel, 2 * frame + channel, 1, 1] = 2  # masks are one half
        # The offsets of frame 2 are the last third: three pixels to the right.
        fusion.fuse.conv_offset[-1].bias[2 * 18 : 3 * 18 : 1].view(9, 2)[:, 1] = 3
        features = torch.rand(2 * FRAMES, 2, 6, 10)
        added = (fusion(features) - features).unflatten(0, (2, FRAMES))
    frames = features.unflatten(0, (2, FRAMES))
    assert torch.allclose(added[:, 0], added[:, 1], atol=1e-6) and torch.allclose(added[:, 0], added[:, 2], atol=1e-6)
    expected = frames[:, 0, ..., :7] + frames[:, 1, ..., :7] + frames[:, 2, ..., 3:]
    torch.testing.assert_close(added[:, 0, ..., :7], expected, atol=1e-5, rtol=0)


def test_heads_share_their_weights_and_meet_only_where_scales_are_fused():
    features = torch.rand(2 * FRAMES, 8, 12, 16)
    changed = features.clone()
    changed[0] = torch.rand(8, 12, 16)
    turned = torch.tensor([2, 0, 1, 5, 3, 4])
    for fused_scales, reached in ((False, [0]), (True, [0, 1, 2])):
        heads = small(fused_scales=fused_scales).core.heads
        with torch.no_grad():
            output = heads(features)
            moved = (heads(changed) - output).abs().amax(dim=(1, 2, 3)) > 1e-6
            assert moved.nonzero().flatten().tolist() == reached
            assert torch.allclose(heads(features[turned]), output[turned], atol=1e-6) == (not fused_scales)


def test_scales_down_and_up_have_a_fusion_each():
    def deformable(network):
        return [name for name, m in network.core.named_modules() if isinstance(m, DeformConv)]

    assert deformable(small(fused_scales=False)) == ["alignment.align"]
    down = [f"heads.encoder.blocks.{scale}.1.fuse" for scale in range(3)]
    up = [f"heads.decoder.blocks.{scale}.1.fuse" for scale in range(2)]
    assert deformable(small()) == ["alignment.align", *down, *up]


def test_without_references_the_centre_is_seen_three_times():
    alone, window = small(references=False), torch.rand(2, FRAMES, 3, 16, 24)
    other = torch.rand_like(window)
    other[:, CENTRE] = window[:, CENTRE]
    assert torch.equal(residual(alone, window), residual(alone, other))
    network = small()
    network.load_state_dict(alone.state_dict())
    assert (residual(network, window) - residual(network, other)).abs().max() > 1e-4
    thrice = window[:, [CENTRE] * FRAMES]
    torch.testing.assert_close(residual(network, thrice), residual(alone, window))


def test_the_window_is_the_frame_between_its_peaks():
    qps = (36, 45, 44, 45, 38, 45, 44, 45, 38, 45)
    infos = tuple(FrameInfo(index=t, slice_type="P" if t else "I", qp=qp, size=100) for t, qp in enumerate(qps))
    assert [METHOD.policy(infos, t) for t in (0, 2, 4, 7, 9)] == [(4, 0, 4), (0, 2, 4), (0, 4, 8), (4, 7, 8), (8, 9, 8)]


@pytest.mark.parametrize("track", [1, 3])
def test_recipes_of_both_tracks_minimise_l2(track):
    for scale in ("smoke", "paper"):
        assert METHOD.recipe(track, scale).loss == L2()


def test_unknown_preset_is_refused():
    with pytest.raises(SettingError, match="course"):
        build("huge")


def test_every_departure_is_a_sentence():
    assert METHOD.departures and all(text.endswith(".") for text in METHOD.departures)
