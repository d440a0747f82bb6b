"""Optical flow: warping by it, changing its size, and estimating it from coarse to fine.

A flow is ``[B, 2, H, W]`` in pixels of its own size, horizontal component first, and points from the
frame that is to be rebuilt into the frame that is looked at: ``warped(x, y) = frame(x + u, y + v)``
(backward warping), so a flow from ``t`` to a reference brings the reference onto ``t``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib.blocks.residual import he_, same_conv, zero_, zero_mean_

# Frames are in 0–1 and what differs between two of them is small: the first layer enlarges it to about 1.
DETAIL_GAIN = 8.0


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


def light(difference: Tensor, cell: int) -> Tensor:
    """What ``difference`` [B, C, H, W] is over surroundings of three cells of ``cell`` pixels: the light, no detail."""
    height, width = difference.shape[-2:]
    cell = min(cell, height, width)
    cells = functional.avg_pool2d(difference.float(), cell, ceil_mode=True, count_include_pad=False)
    cells = functional.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False)
    return functional.interpolate(cells, (height, width), mode="bilinear").to(difference.dtype)


def lucas_kanade_(
    level: nn.Sequential,
    *,
    centre_first: bool = False,
    gain: float = DETAIL_GAIN,
    around: float | None = None,
    length: float = 1.0,
) -> None:
    """Start a level of a motion net as a crude gradient method (Lucas and Kanade, 1981), in place.

    ``level``: four or more convolutions of one odd kernel size with a rectifier between each two, at least 8
    channels in the first and 4 in the others; in come the warped reference (3 channels), the centre (3), with
    ``centre_first`` the other way round, and the flow so far (2); out comes the flow's correction. ``gain`` brings
    differences between the frames to about 1. Where a detail moved by δ, the difference d of the
    frames is δ·g, g the gradient, so d·g tells where it went. Rectifiers cannot multiply, but
    |d + g| − |d − g| has the sign of d·g and grows with both: the first eight units are the halves of these
    absolute values, the next layer takes their mean over its kernel, the others pass it on, as it is or, with
    ``around``, as a mean with Gaussian weights of that deviation in pixels. What comes out has the flow's direction;
    its ``length`` is nobody's but ours, as nothing divides by the squared gradient. All other units start as He et al.
    (2015) say, unheard. From random weights alone the nets learned nothing in a thousand steps (ours).
    """
    convs = [module for module in level if isinstance(module, nn.Conv2d)]
    he_(level)
    zero_(convs[-1])
    first, second, *others, last = convs
    size = first.kernel_size[0]
    centre = size // 2
    place = torch.arange(size) - float(centre)
    bell = torch.exp(-place.square() / 2)
    smooth = torch.outer(bell, bell) / bell.sum() ** 2
    wide = torch.exp(-place.square() / (2 * around**2)) if around else (place == 0).float()
    slope = torch.outer(bell, bell * place)
    slope = slope / (slope * place).sum()  # the response to a ramp of one a pixel is one
    with torch.no_grad():
        zero_mean_(first)
        first.weight[:, :6] *= gain
        towards = 1 if centre_first else -1
        difference = torch.cat((towards * smooth.expand(3, -1, -1), -towards * smooth.expand(3, -1, -1))) / 3
        units = iter(range(8))
        for gradient in (slope, slope.T):
            for sign, side in ((1, 1), (-1, -1), (1, -1), (-1, 1)):
                unit = next(units)
                first.weight[unit] = 0
                first.weight[unit, :6] = gain * (sign * difference + side * gradient / 6)
        for axis in range(2):
            for unit, sign in ((2 * axis, 1), (2 * axis + 1, -1)):
                second.weight[unit] = 0
                for half, part in enumerate((1, 1, -1, -1)):
                    second.weight[unit, 4 * axis + half] = sign * part / size**2
                last.weight[axis, unit, centre, centre] = length * sign
        for conv in others:
            conv.weight[:4] = 0
            for unit in range(4):
                conv.weight[unit, unit] = torch.outer(wide, wide) / wide.sum() ** 2


def flow_level(channels: Sequence[int], **start) -> nn.Sequential:
    """One level of a flow network: 7×7 convolutions of ``channels`` with rectifiers between, then one to 2 channels.

    Eight channels come in: two frames, one of them warped, and the flow so far. ``start`` goes to ``lucas_kanade_``.
    """
    layers: list[nn.Module] = []
    for inside, out in zip((8, *channels[:-1]), channels, strict=True):
        layers += [same_conv(inside, out, 7), nn.ReLU(inplace=True)]
    level = nn.Sequential(*layers, same_conv(channels[-1], 2, 7))
    lucas_kanade_(level, **start)
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
