"""McEnhance's PEN: two branches side by side, what moves together, flows that can be read, its peak frames."""

import pytest
import torch
from torch import nn

from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.deformable import DeformConv
from venh_lib.blocks.stdf import SpatioTemporalFusion
from venh_lib.errors import SettingError
from venh_lib.methods import mcenhance
from venh_lib.methods.mcenhance import METHOD, PEN

SIZES = {"extract": 1, "reconstruct": 1, "offset_channels": 8, "fused": 8, "quality_channels": 8}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def narrow(**switches) -> PEN:
    """A small network with noise on its weights, so that no start at zero hides a broken path."""
    network = PEN(8, **SIZES, **switches)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def infos(*qps: int) -> list[FrameInfo]:
    return [FrameInfo(index=t, slice_type="B" if t else "I", qp=qp, size=100) for t, qp in enumerate(qps)]


def test_paper_preset_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = mcenhance.build("paper")
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_212_369


@pytest.mark.parametrize("switches", [{}, {"branches": ("qe",)}, {"branches": ("tsa",)}])
def test_odd_sizes_are_kept_and_every_parameter_learns(switches):
    network = narrow(**switches)
    output = network(torch.rand(2, 3, 3, 21, 30))
    assert output.shape == (2, 3, 21, 30)
    output.square().mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_untrained_network_gives_the_middle_frame_back():
    window = torch.rand(1, 3, 3, 17, 22)
    network = PEN(8, **SIZES).eval()
    with torch.no_grad():
        assert torch.equal(network(window), window[:, 1])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(window), window[:, 1])


def test_output_is_the_mean_of_what_the_branches_give_alone():
    both, window = narrow().eval(), torch.rand(1, 3, 3, 16, 24)
    outputs = []
    for branch in ("qe", "tsa"):
        alone = narrow(branches=(branch,)).eval()
        assert list(alone.core.branches) == [branch]
        alone.core.branches[branch].load_state_dict(both.core.branches[branch].state_dict())
        with torch.no_grad():
            outputs.append(alone(window))
    with torch.no_grad():
        torch.testing.assert_close(both(window), (outputs[0] + outputs[1]) / 2)
    assert not torch.allclose(outputs[0], outputs[1], atol=1e-3)


def test_each_colour_of_each_frame_is_an_offset_group_of_its_own():
    """The green of the last frame alone reads one pixel further right."""
    channels = 3
    fusion = narrow().core.branches["qe"].fusion
    assert fusion.groups == 9
    fusion = SpatioTemporalFusion(3, channels, 3 * channels, channels=4, frame_groups=3)
    group = 2 * 3 + 1
    with torch.no_grad():
        fusion.weight.zero_()
        fusion.weight[range(3 * channels), range(3 * channels), 1, 1] = 2  # masks start at one half
        # Nine taps of (down, right) a group.
        fusion.conv_offset.predict.bias[18 * group : 18 * (group + 1)] = torch.tensor((0.0, 1.0)).repeat(9)
    window = torch.rand(1, 3, 3, 8, 10)
    with torch.no_grad():
        fused = fusion(window).unflatten(1, (3, 3))
    expected = window.clone()
    expected[:, 2, 1, ..., :-1] = window[:, 2, 1, ..., 1:]
    torch.testing.assert_close(fused[..., :-1], expected[..., :-1], atol=1e-5, rtol=0)
    # A third of the last frame's groups moved.
    assert fusion.flows()[0, :2].abs().max() == 0
    torch.testing.assert_close(fusion.flows()[0, 2, :, 0, 0], torch.tensor((1 / 3, 0.0)))


def test_flows_are_in_the_windows_order_and_of_their_levels_sizes():
    network = narrow().core.eval()
    fusion, levels = network.branches["qe"].fusion, network.branches["tsa"].align.levels
    with torch.no_grad():
        for head in (fusion.conv_offset.predict, *(level.align.conv_offset for level in levels)):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        # The last of three frames, all of whose three groups and nine taps read three right and one up.
        fusion.conv_offset.predict.bias[2 * 54 : 3 * 54] = torch.tensor((-1.0, 3.0)).repeat(27)
        # PCD has no frames in its groups: its offsets follow the batch.
        levels[1].align.conv_offset.bias[:36] = torch.tensor((0.5, -2.0)).repeat(18)
        network(torch.rand(2, 3, 3, 16, 24))
    flows = network.flows()
    assert [flow.shape for flow in flows] == [(6, 2, 16, 24), (6, 2, 4, 6), (6, 2, 8, 12), (6, 2, 16, 24)]
    of_fusion = flows[0].unflatten(0, (2, 3))
    assert (of_fusion[:, :2] == 0).all()
    assert of_fusion[1, 2, :, 5, 5].tolist() == pytest.approx([3.0, -1.0])
    assert flows[2][4, :, 2, 3].tolist() == [-2.0, 0.5] and (flows[3] == 0).all()


def test_flows_of_the_tsa_branch_belong_to_their_frames():
    network, window = narrow(branches=("tsa",)).core.eval(), torch.rand(2, 3, 3, 16, 16)
    with torch.no_grad():
        network(window)
        before = network.flows()
        window[1, 2] = torch.rand(3, 16, 16)
        network(window)
    for flow, changed in zip(before, network.flows(), strict=True):
        moved = (flow - changed).abs().amax(dim=(1, 2, 3)) > 1e-5
        assert moved.tolist() == [False] * 5 + [True]


def test_flows_can_be_taught():
    network = narrow().core.train()
    network(torch.rand(1, 3, 3, 16, 16))
    sum(flow.sum() for flow in network.flows()).backward()
    assert network.branches["qe"].fusion.conv_offset.predict.weight.grad.any()
    for level in network.branches["tsa"].align.levels:
        assert level.align.conv_offset.weight.grad.any()


def test_without_alignment_nothing_moves():
    network = narrow(aligned=False).core.eval()
    with torch.no_grad():
        network(torch.rand(1, 3, 3, 16, 16))
    layers = [module for module in network.modules() if isinstance(module, DeformConv)]
    assert len(layers) == 1 and (layers[0].offsets == 0).all()
    assert network.flows() == []


def test_alignment_changes_both_branches():
    aligned, frames = narrow().core.eval(), torch.rand(1, 3, 3, 16, 16)
    apart = narrow(aligned=False).core.eval()
    missing, unexpected = apart.load_state_dict(aligned.state_dict(), strict=False)
    assert missing == [] and all(
        name.startswith(("branches.tsa.align.", "branches.tsa.pyramid.")) for name in unexpected
    )
    with torch.no_grad():
        for name in ("qe", "tsa"):
            outputs = [network.branches[name].residual(frames) for network in (aligned, apart)]
            assert not torch.allclose(*outputs, atol=1e-4), name


@pytest.mark.parametrize("branches", [(), ("qe", "pcd")])
def test_unknown_branches_name_the_known_ones(branches):
    with pytest.raises(SettingError, match="qe, tsa"):
        PEN(8, **SIZES, branches=branches)


def test_window_is_the_nearest_peaks_by_qp():
    stream = infos(31, 35, 34, 35, 32, 36, 34, 36, 33)
    assert METHOD.policy(stream, 2) == (0, 2, 4)
    assert METHOD.policy(stream, 4) == (0, 4, 8)
    assert METHOD.policy(stream, 0) == (4, 0, 4)
    assert METHOD.policy(stream, 7) == (4, 7, 8)
    assert METHOD.policy(infos(30, 30, 30, 30), 2) == (1, 2, 3)


def test_record_and_presets():
    assert {scale for _, scale in METHOD.recipes} == {"smoke", "course", "paper"} and METHOD.tracks == (3,)
    assert METHOD.recipe(3, "paper").preset == "paper" and METHOD.recipe(3, "smoke").preset == "course"
    assert all(text.endswith(".") for text in METHOD.departures)
    with torch.device("meta"):
        paper, course = mcenhance.build("paper"), mcenhance.build("course")
    assert {type(module) for module in course.core.modules()} == {type(module) for module in paper.core.modules()}
    with pytest.raises(SettingError, match="course"):
        mcenhance.build("huge")
