"""Deformable convolution: equal to torchvision's, forward and in every gradient, and bounded in memory."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.ops import deform_conv2d as reference

from venh_lib.blocks import deformable
from venh_lib.blocks.deformable import DeformConv, deform_conv2d, start_from_differences_
from venh_lib.errors import SettingError

# batch, channels, height, width, out, kernel, groups, stride, padding, dilation, with a mask, size of the offsets
CASES = {
    "as in EDVR": (2, 16, 13, 17, 6, 3, 8, 1, 1, 1, True, 2.0),
    "as in BasicVSR++": (1, 32, 9, 20, 4, 3, 16, 1, 1, 1, True, 10.0),
    "as in STDF": (2, 14, 12, 11, 5, 3, 7, 1, 1, 1, True, 5.0),
    "far outside the frame": (1, 8, 15, 11, 4, 3, 4, 1, 1, 1, True, 1e3),
    "one group, a stride, no mask": (2, 6, 15, 11, 5, 3, 1, 2, 1, 1, False, 3.0),
    "large kernel, dilated": (1, 6, 16, 18, 4, 5, 2, 1, 4, 2, True, 2.0),
    "one tap": (1, 4, 7, 8, 4, 1, 2, 1, 0, 1, True, 2.0),
    "no offsets": (1, 4, 9, 9, 4, 3, 1, 1, 1, 1, False, 0.0),
    "a frame of one pixel": (1, 4, 1, 1, 4, 3, 2, 1, 1, 1, True, 1.0),
}


def problem(case: tuple) -> tuple[list, dict, torch.Tensor]:
    """Inputs (x, offset, weight, bias, mask), geometry, and a gradient for the output."""
    batch, channels, height, width, out, kernel, groups, stride, padding, dilation, masked, size = case
    draw = torch.Generator().manual_seed(1)
    reach = dilation * (kernel - 1) + 1
    rows, columns = ((extent + 2 * padding - reach) // stride + 1 for extent in (height, width))
    taps = groups * kernel**2
    inputs = [
        torch.randn(batch, channels, height, width, generator=draw),
        # Not whole pixels: there the slope of bilinear interpolation has two values.
        torch.randn(batch, 2 * taps, rows, columns, generator=draw) * size + 0.123 * (size > 0),
        torch.randn(out, channels, kernel, kernel, generator=draw) / (channels * kernel**2) ** 0.5,
        torch.randn(out, generator=draw),
        torch.rand(batch, taps, rows, columns, generator=draw) if masked else None,
    ]
    geometry = {"stride": stride, "padding": padding, "dilation": dilation}
    return inputs, geometry, torch.randn(batch, out, rows, columns, generator=draw)


def results(operator, inputs: list, geometry: dict, pull: torch.Tensor) -> list[torch.Tensor]:
    """The output and the gradient of every input."""
    leaves = [None if value is None else value.clone().requires_grad_() for value in inputs]
    *positional, mask = leaves
    output = operator(*positional, mask=mask, **geometry)
    output.backward(pull.to(output.dtype))
    return [output.detach(), *(leaf.grad for leaf in leaves if leaf is not None)]


@pytest.mark.parametrize("chunk", [2**22, 1000], ids=["one chunk", "a row at a time"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_output_and_every_gradient_are_those_of_torchvision(case, chunk, monkeypatch):
    monkeypatch.setattr(deformable, "CHUNK_BYTES", chunk)
    inputs, geometry, pull = problem(case)
    ours, theirs = (results(operator, inputs, geometry, pull) for operator in (deform_conv2d, reference))
    compared = list(zip(ours, theirs, strict=True))
    if not case[-1]:
        # At whole pixels the gradient of the offsets has two values, and both are right.
        del compared[2]
    for own, their in compared:
        assert own.shape == their.shape
        torch.testing.assert_close(own, their, atol=1e-4 * max(1, float(their.abs().max())), rtol=0)


def test_without_offsets_it_is_a_convolution():
    inputs, geometry, _ = problem(CASES["no offsets"])
    x, offset, weight, bias, _ = inputs
    expected = functional.conv2d(x, weight, bias, **geometry)
    torch.testing.assert_close(deform_conv2d(x, offset, weight, bias, **geometry), expected, atol=1e-5, rtol=0)


def test_a_whole_offset_moves_the_frame():
    x = torch.rand(1, 2, 6, 8)
    weight = torch.eye(2)[:, :, None, None]
    offset = torch.tensor([1.0, -2.0])[None, :, None, None].expand(1, 2, 6, 8)
    moved = deform_conv2d(x, offset, weight)
    torch.testing.assert_close(moved[:, :, :5, 2:], x[:, :, 1:, :6], atol=1e-5, rtol=0)
    assert not moved[:, :, 5].any() and not moved[:, :, :, :2].any()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_autocast_multiplies_in_bf16_and_samples_in_float32(layout):
    inputs, geometry, pull = problem(CASES["as in EDVR"])
    exact = results(deform_conv2d, inputs, geometry, pull)
    inputs = [value.contiguous(memory_format=layout) if value.ndim == 4 else value for value in inputs]
    with torch.autocast("cpu", torch.bfloat16):
        rounded = results(deform_conv2d, inputs, geometry, pull)
    assert rounded[0].dtype == torch.bfloat16
    for low, full in zip(rounded, exact, strict=True):
        assert (low.float() - full).abs().max() < 0.02 * full.abs().max()
    assert all(gradient.dtype == torch.float32 for gradient in rounded[1:])


def test_frozen_inputs_get_no_gradient():
    inputs, geometry, pull = problem(CASES["as in EDVR"])
    x, offset, weight, bias, mask = inputs
    weight.requires_grad_()
    deform_conv2d(x, offset, weight, bias, mask=mask, **geometry).backward(pull)
    assert weight.grad is not None and all(value.grad is None for value in (x, offset, bias, mask))


def test_memory_is_bounded_by_the_chunk():
    """The samples of all taps take 88 MB here; the largest tensor that is made has to stay near a chunk."""
    x, offset, weight = torch.rand(1, 64, 192, 200), torch.zeros(1, 144, 192, 200), torch.rand(8, 64, 3, 3)
    given = {value.untyped_storage().data_ptr() for value in (x, offset, weight)}
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            made = function(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor) and made.untyped_storage().data_ptr() not in given:
                largest = max(largest, made.untyped_storage().nbytes())
            return made

    with torch.no_grad(), Watch():
        deform_conv2d(x, offset, weight, padding=1)
    assert 0.5 * deformable.CHUNK_BYTES < largest <= deformable.CHUNK_BYTES


def test_shapes_at_paper_size_without_memory():
    with torch.device("meta"):
        layer = DeformConv(128, 64, 128, groups=16)
        output = layer(torch.rand(1, 128, 270, 480), torch.rand(1, 128, 270, 480))
    assert output.shape == (1, 64, 270, 480) and layer.offsets.shape == (1, 2 * 16 * 9, 270, 480)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"offset": (2, 100, 13, 17)}, "do not fit"),
        ({"offset": (2, 144, 12, 17)}, "do not fit"),
        ({"offset": (2, 18 * 5, 13, 17)}, "do not fit"),
        ({"weight": (6, 15, 3, 3)}, "do not fit"),
        ({"mask": (2, 144, 13, 17)}, "half as many"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, said):
    shapes = {"x": (2, 16, 13, 17), "offset": (2, 144, 13, 17), "weight": (6, 16, 3, 3), "mask": (2, 72, 13, 17)}
    inputs = {name: torch.zeros(shape) for name, shape in (shapes | change).items()}
    with pytest.raises(SettingError, match=said):
        deform_conv2d(**inputs, padding=1)


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(SettingError, match="7 offset groups do not divide 64 channels"):
        DeformConv(64, 64, 64, groups=7)


def test_the_pack_starts_as_half_a_convolution_and_learns_offsets():
    torch.manual_seed(0)
    layer = DeformConv(8, 8, 4, groups=2)
    x, guide = torch.rand(1, 8, 12, 14), torch.rand(1, 4, 12, 14)
    half = functional.conv2d(x, layer.weight / 2, layer.bias, padding=1)
    torch.testing.assert_close(layer(x, guide), half, atol=1e-5, rtol=0)
    nn.init.normal_(layer.conv_offset.weight)
    layer(x, guide).square().sum().backward()
    assert layer.conv_offset.weight.grad.abs().min() > 0


def test_offsets_are_remembered_with_their_graph_only_in_training():
    layer = DeformConv(8, 8, 8, groups=2)
    x = torch.rand(1, 8, 12, 14)
    layer(x, x)
    assert layer.offsets.shape == (1, 36, 12, 14) and layer.offsets.requires_grad
    layer.eval()(x, x)
    assert not layer.offsets.requires_grad


@pytest.mark.parametrize("deformable_layer", [False, True])
def test_a_fusion_may_start_as_differences_to_the_middle_frame(deformable_layer):
    torch.manual_seed(0)
    layer = DeformConv(5 * 3, 7, 5 * 3, groups=5) if deformable_layer else nn.Conv2d(5 * 3, 7, 1)
    start_from_differences_(layer, frames=5)
    frames = torch.rand(2, 5, 3, 8, 9)

    def fused(window):
        side_by_side = window.flatten(1, 2)
        return layer(side_by_side, side_by_side) if deformable_layer else layer(side_by_side)

    # The frames behind and before the middle one, then one channel of the frame beyond.
    expected = torch.cat([frames[:, 3], frames[:, 1], frames[:, 4, :1]], dim=1)
    expected = 2 * (expected - torch.cat([frames[:, 2], frames[:, 2], frames[:, 2, :1]], dim=1))
    assert torch.allclose(fused(frames), expected, atol=1e-5)
    assert not fused(frames[:, 2:3].expand(-1, 5, -1, -1, -1)).abs().max() > 1e-5


def test_differences_may_start_with_both_signs_so_that_a_rectifier_loses_nothing():
    layer = nn.Conv2d(3 * 4, 4, 1)
    start_from_differences_(layer, frames=3, both_signs=True)
    frames = torch.rand(2, 3, 4, 8, 9)
    rectified = torch.relu(layer(frames.flatten(1, 2)))
    assert torch.allclose(rectified[:, :2] - rectified[:, 2:], 2 * (frames[:, 2] - frames[:, 1])[:, :2], atol=1e-5)
