"""Optical flow: warping by it, changing its size, and estimating it from coarse to fine.

A flow is ``[B, 2, H, W]`` in pixels of its own size, horizontal component first, and points from the
frame that is to be rebuilt into the frame that is looked at: ``warped(x, y) = frame(x + u, y + v)``
(backward warping), so a flow from ``t`` to a reference brings the reference onto ``t``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def warp(frame: Tensor, flow: Tensor) -> Tensor:
    """Backward-warp ``frame`` ``[B, C, H, W]`` by ``flow`` ``[B, 2, H, W]`` with bilinear interpolation.

    Places outside the frame take the nearest pixel of its border. A flow of zeros gives the frame back.
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
        frame.float(), grid, mode="bilinear", padding_mode="border", align_corners=True
    )
    return warped.to(frame.dtype)


def upsample_flow(flow: Tensor, factor: int = 2) -> Tensor:
    """Enlarge a flow ``[B, 2, H, W]`` ``factor`` times: its vectors grow with its size.

    A motion of one pixel at half resolution is one of two pixels at full resolution; forgetting that
    is the commonest slip in coarse-to-fine estimation.
    """
    return factor * functional.interpolate(flow, scale_factor=factor, mode="bilinear", align_corners=False)


def pyramid(frames: Tensor, levels: int) -> list[Tensor]:
    """``frames`` ``[B, C, H, W]`` and its halvings by 2×2 averages, coarsest first, ``levels`` in all.

    Height and width must be multiples of 2^(levels − 1).
    """
    scales = [frames]
    for _ in range(levels - 1):
        scales.append(functional.avg_pool2d(scales[-1], 2))
    return scales[::-1]
