"""Optical flow that nobody has to train: dense inverse search, as OpenCV computes it (Kroeger et al., ECCV 2016)."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from venh_lib.blocks.flow import warp
from venh_lib.blocks.light import mean_about

# Luma of BT.601 from R, G and B.
LUMA = (0.299, 0.587, 0.114)
# What coded frames tell best is how whole things move; their details tremble with what coding left of them. So frames
# are blurred by BLUR pixels, the search's patches have PATCH pixels a side at half the size, one every STRIDE, and the
# flow is a mean over SMOOTH pixels a side. Ours: so the peaks of the validation clips come nearest to what the frames
# between them lost.
PATCH, STRIDE, BLUR, SMOOTH = 16, 4, 2.0, 9
# The patches have to fit in.
LEAST = 2 * PATCH
# A flow is believed where the squared difference, over a square of so many pixels, falls below this share of that
# without motion. Interpolation blurs, and so makes anything somewhat more alike. Both are ours.
FITS, AROUND = 0.8, 9


def dense_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The flow float32 [H, W, 2] in pixels from one grey picture to another, uint8 [H, W], whatever it is worth."""
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(first, second, None)


def steady_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """``dense_flow`` for coded frames, at least LEAST pixels a side: by larger patches, of blurred frames, smoothed."""
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setPatchSize(PATCH)
    search.setPatchStride(STRIDE)
    flow = search.calc(*(cv2.GaussianBlur(picture, (0, 0), BLUR) for picture in (first, second)), None)
    return cv2.blur(flow, (SMOOTH, SMOOTH), borderType=cv2.BORDER_REPLICATE)


def flows_by(search: Callable[[np.ndarray, np.ndarray], np.ndarray], frames: Tensor, others: Tensor) -> Tensor:
    """Flows float32 ``[K, 2, H, W]`` in pixels by ``search``, from each of ``frames`` to each of ``others``.

    Both are ``[K, 3, H, W]``, RGB in 0–1; ``search`` gets their luma in eight bits, on the CPU.
    """
    if frames.is_meta:  # shapes alone, where nothing is computed
        return torch.empty_like(frames[:, :2], dtype=torch.float32)
    # Each search keeps one core busy for most of its time, and lets go of Python while it runs.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        flows = list(pool.map(search, _luma(frames), _luma(others)))
    height, width = frames.shape[-2:]
    return torch.from_numpy(np.stack(flows)[:, :height, :width]).permute(0, 3, 1, 2).to(frames.device)


class DenseInverseSearch(nn.Module):
    """Flow ``[B, 2, H, W]`` in pixels from ``frame`` to ``other``, both ``[B, 3, H, W]`` RGB in 0–1: no weights.

    A stand-in for SpyNet where there are two cores and an hour: its motion is good from the first step. It looks at
    luma in eight bits, runs on the CPU wherever the frames are, and passes no gradient.

    No motion is said where ``other``, warped by what was found, fits ``frame`` hardly better than as it is. In what
    stands still an estimate trembles: each pixel would be a mean of its neighbours, for nothing.
    """

    def forward(self, frame: Tensor, other: Tensor) -> Tensor:
        flow = flows_by(dense_flow, frame, other)
        before, after = (difference(frame, seen, AROUND) for seen in (other, warp(other, flow)))
        return torch.where(after < FITS * before, flow, torch.zeros_like(flow))


def difference(frame: Tensor, other: Tensor, around: int) -> Tensor:
    """Mean squared difference of frames over ``around`` pixels a side, odd, about each pixel: ``[B, 1, H, W]``."""
    return mean_about(squared(frame, other), around)


def squared(frame: Tensor, other: Tensor) -> Tensor:
    """Squared difference of frames at each pixel, mean of the colours: float32 ``[B, 1, H, W]``."""
    return (frame.detach() - other.detach()).float().square().mean(dim=1, keepdim=True)


def _luma(frames: Tensor) -> np.ndarray:
    """Luma ``[B, H, W]``, uint8, of frames ``[B, 3, H, W]`` in 0–1, their edges repeated up to LEAST pixels a side."""
    weights = torch.tensor(LUMA, device=frames.device).view(3, 1, 1)
    luma = (frames.detach().float().clamp(0, 1) * weights).sum(dim=1)
    missing = [(0, max(LEAST - side, 0)) for side in luma.shape[1:]]
    return np.pad(luma.mul(255).round().to(torch.uint8).cpu().numpy(), [(0, 0), *missing], mode="edge")
