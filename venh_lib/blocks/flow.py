"""Optical flow: warping by it, changing its size, and estimating it from coarse to fine.

A flow is ``[B, 2, H, W]`` in pixels of its own size, horizontal component first, and points from the
frame that is to be rebuilt into the frame that is looked at: ``warped(x, y) = frame(x + u, y + v)``
(backward warping), so a flow from ``t`` to a reference brings the reference onto ``t``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib.blocks.residual import he_, same_conv, zero_, zero_mean_

# Frames are in 0–1 and what differs between two of them is small: the first layer enlarges it to about 1.
DETAIL_GAIN = 8.0
# Of ``divided_lucas_kanade_``, chosen by how well flow brings raw frames of the validation clips onto each other and
# how far it is off on synthesised clips: contrasts in units of a gradient that ``gain`` brings to 1, pixels, a share.
CONTRASTS, AROUND, TRUSTED = (0.16, 0.32, 0.64, 1.28), 2.5, 0.8


def warp(frame: Tensor, flow: Tensor, outside: Literal["border", "zeros"] = "border") -> Tensor:
    """Backward-warp ``frame`` ``[B, C, H, W]`` by ``flow`` ``[B, 2, H, W]`` with bilinear interpolation.

    Places ``outside`` the frame take the nearest pixel of its border, or zero, as features often should. A flow of
    zeros gives the frame back.
    """
    height, width = frame.shape[-2:]
    # Half precision cannot tell neighbouring pixels apart beyond a few hundred.
    flow = flow.float()
    rows, columns = torch.meshgrid(
        torch.arange(height, device=flow.device, dtype=flow.dtype),
        torch.arange(width, device=flow.device, dtype=flow.dtype),
        indexing="ij",
    )
    x, y = columns + flow[:, 0], rows + flow[:, 1]
    # With align_corners=True, −1 and 1 are the centres of the first and the last pixel.
    grid = torch.stack((2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1), dim=-1)
    warped = functional.grid_sample(
        frame.float(), grid, mode="bilinear", padding_mode=outside, align_corners=True
    )
    return warped.to(frame.dtype)


def upsample_flow(flow: Tensor, factor: int = 2) -> Tensor:
    """Enlarge a flow ``[B, 2, H, W]`` ``factor`` times: its vectors grow with its size.

    A motion of one pixel at half resolution is one of two pixels at full resolution; forgetting that
    is the commonest slip in coarse-to-fine estimation.
    """
    return factor * functional.interpolate(flow, scale_factor=factor, mode="bilinear", align_corners=False)


def shrunk_flow(flow: Tensor, factor: int) -> Tensor:
    """A flow ``[B, 2, H, W]`` made ``factor`` times smaller, its vectors with it: the mean over each square."""
    return functional.avg_pool2d(flow, factor) / factor


def lucas_kanade_(level: nn.Sequential, *, centre_first: bool = False, gain: float = DETAIL_GAIN) -> None:
    """Start a level of a motion net as a crude gradient method (Lucas and Kanade, 1981), in place.

    ``level``: four or more convolutions of one odd kernel size with a rectifier between each two, at least 8
    channels in the first and 4 in the others; in come the warped reference (3 channels), the centre (3), with
    ``centre_first`` the other way round, and the flow so far (2); out comes the flow's correction. ``gain`` brings
    differences between the frames to about 1. Where a detail moved by δ, the difference d of the
    frames is δ·g, g the gradient, so d·g tells where it went. Rectifiers cannot multiply, but
    |d + g| − |d − g| has the sign of d·g and grows with both: the first eight units are the halves of these
    absolute values, the next layer takes their mean over its kernel, the others pass it on. All other units
    start as He et al. (2015) say, unheard. From random weights alone the nets learned nothing in a thousand
    steps (ours).
    """
    first, second, *others, last = _convolutions(level)
    centre = last.kernel_size[0] // 2
    with torch.no_grad():
        _see_(first, gain, centre_first)
        for axis in range(2):
            for unit, sign in ((2 * axis, 1), (2 * axis + 1, -1)):
                _say_way_(second, unit, axis, sign)
                last.weight[axis, unit, centre, centre] = sign
        for conv in others:
            conv.weight[:4] = 0
            for unit in range(4):
                conv.weight[unit, unit, centre, centre] = 1


def divided_lucas_kanade_(level: nn.Sequential, *, centre_first: bool = False, gain: float = DETAIL_GAIN) -> None:
    """Start a level of a motion net as ``lucas_kanade_`` does, and divide by the contrast, as they did, in place.

    For displacements δ of up to a pixel |d + g| − |d − g| is 2·δ·|g|. So its mean N has to be divided by D, that of
    |g|, and rectifiers cannot divide, either. But N can be multiplied by less where D is larger, step by step: of each
    step min(N, M) = N − max(N − M, 0) is heard, where M is large while D is below the step's contrast, and zero above.
    Beneath the least of CONTRASTS noise counts as much as what is seen, and is not enlarged; over the largest nothing
    falls any more. ``level`` has five convolutions, of 12, 4 + 2·S, 4 + 4·S, 4 and 2 channels or more for S contrasts.
    Means are taken over AROUND pixels, and of what comes out TRUSTED is said: what goes too far a finer level can
    hardly mend. All ours.
    """
    first, second, third, fourth, last = _convolutions(level)
    size, centre = last.kernel_size[0], last.kernel_size[0] // 2
    bell = torch.exp(-(torch.arange(size) - centre).square() / (2 * AROUND**2))
    mean = torch.outer(bell, bell) / bell.sum() ** 2
    # Between two contrasts N/(2·D) is about right with their geometric mean for D.
    slopes = [2**0.5 / (2 * contrast) for contrast in CONTRASTS]
    steps = [slope - less for slope, less in zip(slopes, [*slopes[1:], slopes[-1] / 2], strict=True)]
    with torch.no_grad():
        _see_(first, gain, centre_first, alone=True)
        for conv, heard in ((second, 4 + 2 * len(steps)), (third, 4 + 4 * len(steps)), (fourth, 4)):
            conv.weight[:heard] = 0
        for axis in range(2):
            below = [4 + len(steps) * axis + number for number in range(len(steps))]
            for unit, contrast in zip(below, CONTRASTS, strict=True):
                second.weight[unit, [8 + 2 * axis, 9 + 2 * axis]] = -1 / size**2
                second.bias[unit] = contrast
            for way, sign in ((2 * axis, 1), (2 * axis + 1, -1)):
                _say_way_(second, way, axis, sign)
                other = way + sign
                whole, *above = range((len(steps) + 1) * way, (len(steps) + 1) * (way + 1))
                for unit in (whole, *above):
                    third.weight[unit, way], third.weight[unit, other] = mean, -mean
                fourth.weight[way, whole] = TRUSTED * slopes[0] * mean
                for unit, limit, step in zip(above, below, steps, strict=True):
                    third.weight[unit, limit] = -2 * mean
                    fourth.weight[way, unit] = -TRUSTED * step * mean
                last.weight[axis, way, centre, centre] = sign


def _convolutions(level: nn.Sequential) -> list[nn.Conv2d]:
    """Those of a level, started as He et al. say; the last one is zero."""
    convs = [module for module in level if isinstance(module, nn.Conv2d)]
    he_(level)
    zero_(convs[-1])
    return convs


def _see_(first: nn.Conv2d, gain: float, centre_first: bool, alone: bool = False) -> None:
    """The halves of |d + g| and |d − g| for both axes from the first eight units; ``alone``: and of |g| from four more.

    d is the difference of the frames and g the gradient, which is the mean of theirs.
    """
    zero_mean_(first)
    first.weight[:, :6] *= gain
    place = torch.arange(first.kernel_size[0]) - float(first.kernel_size[0] // 2)
    bell = torch.exp(-place.square() / 2)
    smooth = torch.outer(bell, bell) / bell.sum() ** 2
    slope = torch.outer(bell, bell * place)
    slope = slope / (slope * place).sum()  # the response to a ramp of one a pixel is one
    towards = 1 if centre_first else -1
    difference = torch.cat((towards * smooth.expand(3, -1, -1), -towards * smooth.expand(3, -1, -1))) / 3
    ways = ((1, 1), (-1, -1), (1, -1), (-1, 1))
    both = [(sign, side, gradient) for gradient in (slope, slope.T) for sign, side in ways]
    only = [(0, side, gradient) for gradient in (slope, slope.T) for side in (1, -1)] if alone else []
    for unit, (sign, side, gradient) in enumerate(both + only):
        first.weight[unit] = 0
        first.weight[unit, :6] = gain * (sign * difference + side * gradient / 6)


def _say_way_(second: nn.Conv2d, unit: int, axis: int, sign: int) -> None:
    """``unit`` becomes the mean of |d + g| − |d − g| along ``axis``, as far as it has ``sign``."""
    second.weight[unit] = 0
    for half, part in enumerate((1, 1, -1, -1)):
        second.weight[unit, 4 * axis + half] = sign * part / second.kernel_size[0] ** 2


def flow_level(channels: Sequence[int], start: Callable[[nn.Sequential], None] = lucas_kanade_) -> nn.Sequential:
    """One level of a flow network: 7×7 convolutions of ``channels`` with rectifiers between, then one to 2 channels.

    Eight channels come in: two frames, one of them warped, and the flow so far. ``start`` makes the weights.
    """
    layers: list[nn.Module] = []
    for inside, out in zip((8, *channels[:-1]), channels, strict=True):
        layers += [same_conv(inside, out, 7), nn.ReLU(inplace=True)]
    level = nn.Sequential(*layers, same_conv(channels[-1], 2, 7))
    start(level)
    return level


def flow_error(flows: Sequence[Tensor], motion: Tensor, known: Tensor) -> Tensor:
    """Mean distance of ``flows`` from the true motion where it is known, in pixels of full size, mean over the levels.

    ``flows`` are of any sizes [B, 2, h, w] in pixels of their own, ``motion`` is [B, 2, H, W] and ``known`` [B, H, W];
    a coarse flow is compared with the mean motion of the known pixels that it stands for. Zero where nothing is
    known.
    """
    share = known[:, None].float()
    motion = motion * share
    total = torch.zeros((), device=motion.device)
    for flow in flows:
        size = max(round(motion.shape[-1] / flow.shape[-1]), 1)
        weight = functional.avg_pool2d(share, size)
        true = functional.avg_pool2d(motion, size) / weight.clamp_min(1e-6)
        rows, columns = flow.shape[-2:]
        error = torch.linalg.vector_norm(size * flow.float() - true[..., :rows, :columns], dim=1)
        weight = weight[:, 0, :rows, :columns]
        total = total + (error * weight).sum() / weight.sum().clamp_min(1)
    return total / len(flows)


def pyramid(frames: Tensor, levels: int) -> list[Tensor]:
    """``frames`` ``[B, C, H, W]`` and its halvings by 2×2 averages, coarsest first, ``levels`` in all.

    Height and width must be multiples of 2^(levels − 1).
    """
    scales = [frames]
    for _ in range(levels - 1):
        scales.append(functional.avg_pool2d(scales[-1], 2))
    return scales[::-1]
