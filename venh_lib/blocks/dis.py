"""Optical flow that nobody has to train: dense inverse search, as OpenCV computes it (Kroeger et al., ECCV 2016)."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib.blocks.flow import warp

# Luma of BT.601 from R, G and B.
LUMA = (0.299, 0.587, 0.114)
# The search's patches have eight pixels a side at half the size.
LEAST = 16
# A flow is believed where the squared difference, over a square of so many pixels, falls below this share of that
# without motion. Interpolation blurs, and so makes anything somewhat more alike. Both are ours.
FITS, AROUND = 0.8, 9


def dense_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The flow float32 [H, W, 2] in pixels from one grey picture to another, uint8 [H, W], whatever it is worth."""
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(first, second, None)


class DenseInverseSearch(nn.Module):
    """Flow ``[B, 2, H, W]`` in pixels from ``frame`` to ``other``, both ``[B, 3, H, W]`` RGB in 0–1: no weights.

    A stand-in for SpyNet where there are two cores and an hour: its motion is good from the first step. It looks at
    luma in eight bits, runs on the CPU wherever the frames are, and passes no gradient.

    No motion is said where ``other``, warped by what was found, fits ``frame`` hardly better than as it is. In what
    stands still an estimate trembles: each pixel would be a mean of its neighbours, for nothing.
    """

    def forward(self, frame: Tensor, other: Tensor) -> Tensor:
        if frame.is_meta:  # shapes alone, where nothing is computed
            return torch.empty_like(frame[:, :2], dtype=torch.float32)
        # Each search keeps one core busy for most of its time, and lets go of Python while it runs.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            flows = list(pool.map(dense_flow, _luma(frame), _luma(other)))
        height, width = frame.shape[-2:]
        flow = torch.from_numpy(np.stack(flows)[:, :height, :width]).permute(0, 3, 1, 2).to(frame.device)
        before, after = (_difference(frame, seen) for seen in (other, warp(other, flow)))
        return torch.where(after < FITS * before, flow, torch.zeros_like(flow))


def _difference(frame: Tensor, other: Tensor) -> Tensor:
    """Mean squared difference around each pixel, ``[B, 1, H, W]``."""
    squared = (frame.detach() - other.detach()).float().square().mean(dim=1, keepdim=True)
    return functional.avg_pool2d(squared, AROUND, stride=1, padding=AROUND // 2, count_include_pad=False)


def _luma(frames: Tensor) -> np.ndarray:
    """Luma ``[B, H, W]``, uint8, of frames ``[B, 3, H, W]`` in 0–1, their edges repeated up to LEAST pixels a side."""
    weights = torch.tensor(LUMA, device=frames.device).view(3, 1, 1)
    luma = (frames.detach().float().clamp(0, 1) * weights).sum(dim=1)
    missing = [(0, max(LEAST - side, 0)) for side in luma.shape[1:]]
    return np.pad(luma.mul(255).round().to(torch.uint8).cpu().numpy(), [(0, 0), *missing], mode="edge")
