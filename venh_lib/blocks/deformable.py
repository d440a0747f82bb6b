"""Modulated deformable convolution: sampling where the network says, with one result on every device.

Dai et al., ICCV 2017, and Zhu et al., CVPR 2019 (DCNv2); the report's alignment modules (§4.1, §4.2, §4.4,
§4.5, §4.8, §4.11) stand on it. For each output pixel p and tap k of the kernel the input is read at
``p + k + offset`` by bilinear interpolation (zero outside the frame), times a ``mask``, and the values of
all taps go through the kernel's weights.

Offsets are ``[B, 2·G·K, H, W]`` in pixels of the input, for each of G groups and K taps first the vertical
then the horizontal one; masks are ``[B, G·K, H, W]``. Group g moves the channels ``g·C/G … (g + 1)·C/G − 1``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib import devices
from venh_lib.blocks.residual import LEAK, he_, same_conv, zero_
from venh_lib.errors import SettingError

# Bytes of samples that the CPU's formulation holds at a time: they then stay in its caches.
CHUNK_BYTES = 2**22
BILINEAR, ZEROS = 0, 0
# See ``torchvision_everywhere``.
_torchvision_everywhere = False


def deform_conv2d(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    mask: Tensor | None = None,
) -> Tensor:
    """Deformable convolution of ``x`` ``[B, C, H, W]`` by ``weight`` ``[D, C, k, k]``: ``[B, D, H', W']``.

    On CUDA torchvision's operator, elsewhere our own by bilinear gathering, which on a CPU is several times
    faster (``venh bench deform``). Both sample in float32 whatever the precision of the rest; under autocast ours
    multiplies in its precision. Raises SettingError for shapes that do not fit together.
    """
    size = _check(x, offset, weight, stride, padding, dilation, mask)
    if x.device.type == "cuda" or _torchvision_everywhere:
        from torchvision.ops import deform_conv2d as operator

        with devices.full_precision(x.device):
            inputs = [None if t is None else t.float() for t in (x, offset, weight, bias, mask)]
            x, offset, weight, bias, mask = inputs
            return operator(x, offset, weight, bias, stride, padding, dilation, mask)
    kernel = _Kernel(weight.shape[-1], stride, padding, dilation, size)
    precision = devices.current_precision(x.device)
    with devices.full_precision(x.device):
        mask = None if mask is None else mask.float()
        output = _Gathered.apply(x.float(), offset.float(), weight, mask, kernel, precision)
    return output if bias is None else output + bias.to(output.dtype)[:, None, None]


@contextmanager
def torchvision_everywhere() -> Iterator[None]:
    """torchvision's operator on every device inside, for comparisons and benchmarks."""
    global _torchvision_everywhere
    before, _torchvision_everywhere = _torchvision_everywhere, True
    try:
        yield
    finally:
        _torchvision_everywhere = before


def _check(
    x: Tensor, offset: Tensor, weight: Tensor, stride: int, padding: int, dilation: int, mask: Tensor | None
) -> tuple[int, int]:
    """Height and width of the output; SettingError for shapes that do not fit."""
    side = weight.shape[-1]
    reach = dilation * (side - 1) + 1
    size = tuple((extent + 2 * padding - reach) // stride + 1 for extent in x.shape[-2:])
    groups, rest = divmod(offset.shape[1], 2 * side * side)
    fits = weight.shape[1:] == (x.shape[1], side, side) and not rest and groups and not x.shape[1] % groups
    if not fits or min(size) < 1 or offset.shape != (x.shape[0], 2 * groups * side * side, *size):
        raise SettingError(
            f"offsets {list(offset.shape)} and weights {list(weight.shape)} do not fit an input "
            f"{list(x.shape)}: expected offsets [{x.shape[0]}, 2·groups·{side * side}, {size[0]}, {size[1]}], "
            f"weights [any, {x.shape[1]}, {side}, {side}], and groups that divide the channels."
        )
    if mask is not None and mask.shape != (x.shape[0], offset.shape[1] // 2, *size):
        raise SettingError(
            f"mask {list(mask.shape)}: expected half as many channels as the offsets {list(offset.shape)} have."
        )
    return size


@dataclass(frozen=True)
class _Kernel:
    """The geometry of one deformable convolution: ``size`` is the output's height and width."""

    side: int
    stride: int
    padding: int
    dilation: int
    size: tuple[int, int]

    @property
    def taps(self) -> int:
        return self.side**2

    def chunks(self, batch: int, channels: int) -> list[range]:
        """Ranges of output rows whose samples take CHUNK_BYTES or less (or one row)."""
        row = 4 * batch * channels * self.taps * self.size[1]
        rows = min(max(CHUNK_BYTES // row, 1), self.size[0])
        # Chunks of nearly the same size: a last one of a single row would cost as much as any.
        count = math.ceil(self.size[0] / rows)
        cuts = [self.size[0] * k // count for k in range(count + 1)]
        return [range(first, last) for first, last in pairwise(cuts)]

    def grid(self, offset: Tensor, rows: range, source: tuple[int, int]) -> Tensor:
        """Where to read for output ``rows``: [B·G, K·rows, W', 2], x before y, −1 … 1 the source's edges."""
        batch, channels = offset.shape[:2]
        groups, height, width = channels // (2 * self.taps), len(rows), self.size[1]
        moved = offset[:, :, rows.start : rows.stop].reshape(batch * groups, self.side, self.side, 2, height, width)
        grid = offset.new_empty(batch * groups, self.side, self.side, height, width, 2)
        tap = torch.arange(self.side, device=offset.device, dtype=offset.dtype) * self.dilation - self.padding
        for axis, (places, extent) in enumerate(((rows, source[0]), (range(width), source[1]))):
            place = torch.arange(places.start, places.stop, device=offset.device, dtype=offset.dtype) * self.stride
            # A pixel's centre lies half a pixel behind its edge.
            regular = (2 * (tap[:, None] + place) + 1) / extent - 1
            regular = regular[:, None, :, None] if axis == 0 else regular[None, :, None, :]
            torch.add(regular, moved[:, :, :, axis], alpha=2 / extent, out=grid[..., 1 - axis])
        return grid.reshape(batch * groups, self.taps * height, width, 2)


class _Gathered(torch.autograd.Function):
    """Deformable convolution by ``grid_sample`` of all taps, a chunk of rows at a time, and one product.

    What is kept for the backward pass are the inputs alone; the samples, K times as large, are taken again.
    """

    @staticmethod
    def forward(ctx, x, offset, weight, mask, kernel: _Kernel, precision: torch.dtype) -> Tensor:
        ctx.save_for_backward(x, offset, weight, mask)
        ctx.kernel, ctx.precision = kernel, precision
        batch, channels, *source = x.shape
        images = _by_group(x, offset, kernel)
        matrix = weight.reshape(len(weight), -1).to(precision)
        output = torch.empty(batch, len(weight), *kernel.size, dtype=precision, device=x.device)
        for rows in kernel.chunks(batch, channels):
            samples = _samples(images, kernel.grid(offset, rows, source))
            if mask is not None:
                samples *= _of_rows(mask, rows, len(images))
            product = matrix @ samples.reshape(batch, channels * kernel.taps, -1).to(precision)
            output[:, :, rows.start : rows.stop] = product.reshape(batch, len(weight), len(rows), -1)
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor):
        x, offset, weight, mask = ctx.saved_tensors
        kernel, precision = ctx.kernel, ctx.precision
        to_x, to_offset, to_weight, to_mask = (ctx.needs_input_grad[k] for k in range(4))
        batch, channels, *source = x.shape
        images = _by_group(x, offset, kernel)
        matrix = weight.reshape(len(weight), -1).to(precision)
        grad_x = torch.zeros_like(images) if to_x else None
        grad_offset = torch.empty_like(offset, memory_format=torch.contiguous_format) if to_offset else None
        grad_mask = torch.empty_like(mask, memory_format=torch.contiguous_format) if to_mask else None
        grad_matrix = torch.zeros(len(weight), channels * kernel.taps, device=x.device) if to_weight else None
        columns = (batch, channels * kernel.taps, -1)
        for rows in kernel.chunks(batch, channels):
            part = grad[:, :, rows.start : rows.stop].reshape(batch, len(weight), -1).to(precision)
            grid = kernel.grid(offset, rows, source)
            share = None if mask is None else _of_rows(mask, rows, len(images))
            samples = _samples(images, grid) if to_weight or to_mask else None
            pull = (matrix.T @ part).float().reshape(len(images), channels * batch // len(images), -1)
            if to_mask:
                own = (pull * samples).sum(1)
                grad_mask[:, :, rows.start : rows.stop] = own.reshape(batch, -1, len(rows), kernel.size[1])
            if to_weight:
                masked = samples if share is None else samples.mul_(share)
                grad_matrix += torch.bmm(part, masked.reshape(columns).to(precision).mT).sum(0, dtype=torch.float32)
            if not (to_x or to_offset):
                continue
            if share is not None:
                pull = pull * share
            to_images, to_grid = torch.ops.aten.grid_sampler_2d_backward(
                pull.reshape(*images.shape[:2], *grid.shape[1:3]), images, grid, BILINEAR, ZEROS, False, [to_x, True]
            )
            if to_x:
                grad_x += to_images
            if to_offset:
                steps = torch.tensor([2 / extent for extent in source], device=x.device)
                moved = to_grid.flip(-1).mul_(steps).reshape(len(images), kernel.taps, len(rows), kernel.size[1], 2)
                grad_offset[:, :, rows.start : rows.stop] = moved.movedim(-1, 2).reshape(
                    batch, -1, len(rows), kernel.size[1]
                )
        return (
            grad_x.reshape(x.shape) if to_x else None,
            grad_offset,
            grad_matrix.reshape(weight.shape).to(weight.dtype) if to_weight else None,
            grad_mask,
            None,
            None,
        )


def _by_group(x: Tensor, offset: Tensor, kernel: _Kernel) -> Tensor:
    """Each offset group of channels as an image of its own: [B·G, C/G, H, W], contiguous."""
    groups = offset.shape[1] // (2 * kernel.taps)
    return x.contiguous().reshape(len(x) * groups, -1, *x.shape[2:])


def _samples(images: Tensor, grid: Tensor) -> Tensor:
    """[B·G, C/G, K·P] read at the grid's places."""
    return functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False).flatten(2)


def _of_rows(mask: Tensor, rows: range, images: int) -> Tensor:
    """The mask at some output rows, to be multiplied with samples: [B·G, 1, K·P]."""
    return mask[:, :, rows.start : rows.stop].reshape(images, 1, -1)


class DeformConv(nn.Module):
    """A deformable convolution that predicts its offsets and masks from a guide (DCNv2's pack).

    ``forward(x, guide)``: ``x`` ``[B, C, H, W]``, ``guide`` ``[B, D, H, W]`` to ``[B, out, H, W]``. ``predictor`` maps
    the guide to the offsets and the masks' logits, 3·G·K channels; one convolution of zeros by default, so that
    every offset starts at zero and every mask at one half. ``offsets`` holds the last forward's offsets (with their
    graph while training), for the offset losses and the guard.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        guide_channels: int,
        *,
        kernel_size: int = 3,
        groups: int = 8,
        predictor: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if in_channels % groups:
            raise SettingError(f"{groups} offset groups do not divide {in_channels} channels.")
        self.groups, self.padding = groups, kernel_size // 2
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        reach = 1 / math.sqrt(self.weight[0].numel())
        nn.init.uniform_(self.weight, -reach, reach)
        self.conv_offset = predictor or zero_(same_conv(guide_channels, offset_channels(groups, kernel_size)))
        self.offsets: Tensor | None = None

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        return self.sample(x, *self.predict(guide))

    def predict(self, guide: Tensor) -> tuple[Tensor, Tensor]:
        """Offsets ``[B, 2·G·K, H, W]`` as predicted, and masks ``[B, G·K, H, W]`` in 0–1, both float32."""
        predicted = self.conv_offset(guide).float()
        offsets, logits = predicted.tensor_split([predicted.shape[1] * 2 // 3], dim=1)
        return offsets, torch.sigmoid(logits)

    def sample(self, x: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        """The convolution at given offsets, which are remembered."""
        self.offsets = offsets if self.training and torch.is_grad_enabled() else offsets.detach()
        return deform_conv2d(x, offsets, self.weight, self.bias, padding=self.padding, mask=mask)


def offset_channels(groups: int, kernel_size: int = 3) -> int:
    """Channels that a predictor of offsets and masks must have: 3 for each group and tap."""
    return 3 * groups * kernel_size**2


def flow_of_offsets(offsets: Tensor) -> Tensor:
    """The motion that offsets ``[B, 2·G·K, H, W]`` agree on, a flow ``[B, 2, H, W]`` in pixels (x, y).

    It is their mean over groups and taps: the taps of a kernel lie around its centre, so their own places cancel.
    """
    # Offsets are (y, x), flows (x, y).
    return offsets.float().unflatten(1, (-1, 2)).mean(dim=1).flip(1)


def keep_variance_(*parts: nn.Module | None, slope: float = LEAK) -> None:
    """``he_`` for ``parts`` and the deformable convolutions in them, in place: features do not fade on their way.

    PyTorch's defaults leave about a fortieth of them behind EDVR's alignment (ours, at 32 channels), and what varies
    over the frame drowns in the biases. Offsets still start at zero; masks start at one half, which the weights make
    up for. A part that an ablation left out is None.
    """
    network = nn.ModuleList(part for part in parts if part is not None)
    he_(network, slope)
    for layer in network.modules():
        if isinstance(layer, DeformConv):
            nn.init.kaiming_normal_(layer.weight, a=slope)
            with torch.no_grad():
                layer.weight *= 2
            *_, last = (module for module in layer.conv_offset.modules() if isinstance(module, nn.Conv2d))
            zero_(last)


def start_from_differences_(layer: nn.Conv2d | DeformConv, frames: int, *, both_signs: bool = False) -> None:
    """Let a layer that fuses ``frames`` frames' features, side by side, start as differences to the middle one.

    Each output channel takes one channel of one frame less the same of the middle frame, twice, at the middle of the
    kernel: the frames next to the middle one first, then those beyond. What a frame holds that the restored one does
    not is of use from the first step. A random mixture is noise at first, and training begins by silencing it. With
    ``both_signs`` the second half of the outputs is the negative of the first: of what lies below zero rectifiers leave
    next to nothing.
    """
    outputs, inputs, height, width = layer.weight.shape
    channels, centre = inputs // frames, frames // 2
    others = sorted((frame for frame in range(frames) if frame != centre), key=lambda f: (abs(f - centre), f < centre))
    with torch.no_grad():
        middle = layer.weight[:, :, height // 2, width // 2]
        # A mask starts at one half.
        times = 4.0 if isinstance(layer, DeformConv) else 2.0
        layer.weight.zero_()
        layer.bias.zero_()
        differences = outputs // 2 if both_signs else outputs
        for output in range(outputs):
            number, signed = output % differences, times if output < differences else -times
            frame, channel = others[number // channels % len(others)], number % channels
            middle[output, frame * channels + channel] = signed
            middle[output, centre * channels + channel] = -signed


def overflowing(network: nn.Module) -> dict[str, float]:
    """Layers whose last offsets average more than half their frame's longer side, and that average in pixels.

    Offsets that grew so large read mostly zeros, and no gradient brings them back: the training goes on without
    alignment, and its loss does not say so.
    """
    found = {}
    for name, layer in network.named_modules():
        if isinstance(layer, DeformConv) and layer.offsets is not None:
            mean = float(layer.offsets.detach().abs().mean())
            if not mean <= max(layer.offsets.shape[-2:]) / 2:
                found[name] = mean
    return found
