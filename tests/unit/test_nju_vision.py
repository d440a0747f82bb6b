"""NJU-Vision's QENet: two steps of one alignment, flows that can be read, the frames of its window."""

import pytest
import torch
from torch import nn

from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.alignment import ProgressiveAlignment
from venh_lib.blocks.deformable import DeformConv, flow_of_offsets
from venh_lib.blocks.flow import warp
from venh_lib.blocks.residual import rectified
from venh_lib.errors import SettingError
from venh_lib.methods import nju_vision
from venh_lib.methods.nju_vision import METHOD, QENet, QENetCore


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def narrow(**switches) -> QENet:
    """A small network with noise on its weights, so that no start at zero hides a broken path."""
    network = QENet(QENetCore(8, offset_blocks=1, reconstruct=1, groups=2, **switches), 8, extract=2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


def moves_(layer: DeformConv, right: float, down: float) -> None:
    """Make a deformable convolution read its input at one place for every pixel, and change nothing else."""
    channels = len(layer.weight)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[range(channels), range(channels), 1, 1] = 2  # masks start at one half
        nn.init.zeros_(layer.bias)
        nn.init.zeros_(layer.conv_offset.weight)
        offsets = layer.conv_offset.bias.zero_()[: 2 * layer.groups * 9]
        offsets[0::2], offsets[1::2] = down, right


def test_paper_preset_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = nju_vision.build("paper")
    assert sum(parameter.numel() for parameter in network.parameters()) == 15_342_811


@pytest.mark.parametrize("switches", [{}, {"steps": 1}, {"aligned": False}])
def test_odd_sizes_are_kept_and_every_parameter_learns(switches):
    network = narrow(**switches)
    output = network(torch.rand(2, 7, 3, 19, 30))
    assert output.shape == (2, 3, 19, 30)
    output.square().mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_untrained_network_gives_the_middle_frame_back():
    window = torch.rand(1, 7, 3, 17, 22)
    network = QENet(QENetCore(8, offset_blocks=1, reconstruct=1, groups=2), 8, extract=2).eval()
    with torch.no_grad():
        assert torch.equal(network(window), window[:, 3])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(window), window[:, 3])


def test_steps_share_one_offset_network_and_one_convolution():
    counts = [sum(p.numel() for p in narrow(steps=steps).parameters()) for steps in (1, 2)]
    assert counts[0] == counts[1]
    network = narrow().eval()
    assert sum(isinstance(module, DeformConv) for module in network.modules()) == 1


def test_the_second_step_compares_what_the_first_aligned():
    align = ProgressiveAlignment(4, 1, groups=2)
    neighbour, reference = torch.rand(1, 4, 8, 12), torch.rand(1, 4, 8, 12)
    compared, aligned = [], []
    align.guide.register_forward_pre_hook(lambda _, inputs: compared.append(inputs[0]))
    align.align.register_forward_hook(lambda *parts: aligned.append(rectified(parts[2])))
    output = align(neighbour, reference)
    assert torch.equal(compared[0], torch.cat((neighbour, reference), dim=1))
    assert torch.equal(compared[1], torch.cat((aligned[0], reference), dim=1))
    assert len(compared) == 2 and torch.equal(output, aligned[1])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_features_move_by_every_step_and_flows_say_so(steps):
    align = ProgressiveAlignment(4, 1, groups=2, steps=steps)
    moves_(align.align, right=2.0, down=-1.0)
    features = torch.rand(1, 4, 16, 24)
    aligned = align(features, torch.rand(1, 4, 16, 24))
    flow = torch.tensor((2.0 * steps, -1.0 * steps)).view(1, 2, 1, 1).expand(1, 2, 16, 24)
    inside = (..., slice(4, -4), slice(7, -7))
    torch.testing.assert_close(aligned[inside], warp(features, flow)[inside], atol=1e-5, rtol=0)
    flows = align.flows()
    assert len(flows) == steps and torch.equal(flows[0], flow / steps)
    torch.testing.assert_close(flows[-1], flow)


def test_later_steps_start_from_where_the_earlier_read():
    """A first step that differs from place to place is taken at the place the second step points to."""
    align = ProgressiveAlignment(4, 1, groups=2)
    first = torch.zeros(1, 2, 8, 8)
    first[..., 4:] = 3.0
    second = torch.zeros(1, 2, 8, 8)
    second[:, 0] = 2.0
    # Eighteen pairs of (down, right): two groups of nine taps.
    align.offsets = [flow.flip(1).repeat(1, 18, 1, 1) for flow in (first, second)]
    assert torch.equal(flow_of_offsets(align.offsets[1]), second)
    both = align.flows()[1]
    assert both[0, :, 0, 2].tolist() == [5.0, 3.0] and both[0, :, 0, 1].tolist() == [2.0, 0.0]


def test_flows_are_in_the_windows_order_and_of_the_features_size():
    core = narrow().core.eval()
    features = torch.rand(2, 7, 8, 8, 12)
    with torch.no_grad():
        core(features)
        flows = core.flows()
        assert [flow.shape for flow in flows] == [(14, 2, 8, 12)] * 2
        core.align(features[1, 5:6], features[1, 3:4])
    torch.testing.assert_close(flows[1][7 + 5], core.align.flows()[1][0], atol=1e-5, rtol=0)
    assert not torch.allclose(flows[1][7 + 5], flows[1][7 + 4], atol=1e-3)


def test_flows_can_be_taught():
    network = narrow().train()
    network(torch.rand(1, 7, 3, 16, 16))
    network.core.flows()[1].sum().backward()
    assert network.core.align.align.conv_offset.weight.grad.any() and network.first.weight.grad.any()


def test_switches_change_the_path():
    two, window = narrow().eval(), torch.rand(1, 7, 3, 16, 16)
    one = narrow(steps=1).eval()
    one.load_state_dict(two.state_dict())
    apart = narrow(aligned=False).eval()
    apart.load_state_dict({name: v for name, v in two.state_dict().items() if not name.startswith("core.align.")})
    with torch.no_grad():
        outputs = [network(window) for network in (two, one, apart)]
        assert all(not torch.allclose(outputs[a], outputs[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
        features = torch.rand(1, 7, 8, 16, 16)
        assert torch.equal(apart.core.aligned(features), features)
    assert apart.core.flows() == []
    assert not any(isinstance(module, DeformConv) for module in apart.modules())


def test_every_frame_is_heard():
    network, window = narrow().eval(), torch.rand(1, 7, 3, 16, 16, requires_grad=True)
    (network(window) - window[:, 3]).sum().backward()
    assert window.grad.abs().sum(dim=(0, 2, 3, 4)).gt(0).all()


def test_window_is_seven_frames_in_order():
    infos = [FrameInfo(index=t, slice_type="P" if t else "I", qp=37, size=100) for t in range(9)]
    assert METHOD.policy(infos, 4) == (1, 2, 3, 4, 5, 6, 7)
    assert METHOD.policy(infos, 0) == (0, 0, 0, 0, 1, 2, 3)
    assert METHOD.policy(infos, 7) == (4, 5, 6, 7, 8, 8, 8)


def test_record_and_presets():
    assert {scale for _, scale in METHOD.recipes} == {"smoke", "course", "paper"}
    assert METHOD.recipe(1, "paper").preset == "paper" and METHOD.recipe(1, "smoke").preset == "course"
    assert all(text.endswith(".") for text in METHOD.departures)
    with torch.device("meta"):
        paper, course = nju_vision.build("paper"), nju_vision.build("course")
    assert {type(module) for module in course.core.modules()} == {type(module) for module in paper.core.modules()}
    with pytest.raises(SettingError, match="course"):
        nju_vision.build("huge")
