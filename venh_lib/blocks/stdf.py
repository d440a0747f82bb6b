"""Spatio-temporal deformable fusion: all frames of a window are aligned and fused by one deformable convolution.

Deng et al., AAAI 2020 (reference [15] of the report; §4.1 and §4.15 build on it). Nobody estimates a flow: one network
sees all frames at once and says for each frame and tap of the kernel where to read, and how much to listen.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib.blocks.deformable import DeformConv, offset_channels
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import same_conv, zero_


class OffsetNet(nn.Module):
    """The U-shaped network that sees all frames: ``[B, in, H, W]`` to ``[B, out, H, W]``, any height and width.

    ``levels`` counts the full size and the halvings that have a skip; one more halving without a skip lies
    below them. At the full size there is no skip either, as in the authors' code. The last convolution starts at zero.
    """

    def __init__(self, in_channels: int, out_channels: int, channels: int = 32, levels: int = 3) -> None:
        super().__init__()
        self.multiple = 2**levels
        self.first = nn.Sequential(same_conv(in_channels, channels), nn.ReLU(inplace=True))
        self.down = nn.ModuleList(self._halving(channels) for _ in range(levels - 1))
        self.bottom = nn.Sequential(*self._halving(channels), *self._doubling(channels))
        self.up = nn.ModuleList(
            nn.Sequential(same_conv(2 * channels, channels), nn.ReLU(inplace=True), *self._doubling(channels))
            for _ in range(levels - 1)
        )
        self.last = nn.Sequential(same_conv(channels, channels), nn.ReLU(inplace=True))
        self.predict = zero_(same_conv(channels, out_channels))

    @staticmethod
    def _halving(channels: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            same_conv(channels, channels),
            nn.ReLU(inplace=True),
        )

    @staticmethod
    def _doubling(channels: int) -> nn.Sequential:
        return nn.Sequential(nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1), nn.ReLU(inplace=True))

    def forward(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        features = self.first(pad_to_multiple(frames, self.multiple))
        skips = []
        for down in self.down:
            features = down(features)
            skips.append(features)
        features = self.bottom(features)
        for up in self.up:
            features = up(torch.cat((features, skips.pop()), dim=1))
        return self.predict(self.last(features))[..., :height, :width]


class SpatioTemporalFusion(DeformConv):
    """STDF: a window ``[B, N, C, H, W]`` to fused features ``[B, out, H, W]``, none below zero.

    Each frame is one offset group, so that its C channels move together, or ``frame_groups`` of them, of as many
    channels each. With ``aligned=False`` every offset is held at zero, and what is left is a convolution of all frames
    with masks.
    """

    def __init__(
        self,
        frames: int,
        frame_channels: int,
        out_channels: int,
        *,
        channels: int = 32,
        levels: int = 3,
        frame_groups: int = 1,
        aligned: bool = True,
    ) -> None:
        every, groups = frames * frame_channels, frames * frame_groups
        predictor = OffsetNet(every, offset_channels(groups), channels, levels)
        super().__init__(every, out_channels, every, groups=groups, predictor=predictor)
        self.frames, self.aligned = frames, aligned

    def forward(self, window: Tensor) -> Tensor:
        frames = window.flatten(1, 2)
        offsets, mask = self.predict(frames)
        if not self.aligned:
            offsets = torch.zeros_like(offsets)
        return functional.relu(self.sample(frames, offsets, mask))

    def flows(self) -> Tensor:
        """The last forward's offsets as one flow a frame, ``[B, N, 2, H, W]`` in pixels (x, y).

        The mean over groups and taps: a kernel whose taps all moved alike moved as a whole, and the flow points from
        the centre frame to where each frame is read. While training it has its graph.
        """
        return self.offsets.unflatten(1, (self.frames, -1, 2)).mean(dim=2).flip(2)


class STDF(nn.Module):
    """STDF's whole network: ``[B, N, C, H, W]`` to ``[B, C, H, W]``, values in 0–1, not clamped.

    The fusion, a plain stack of ``layers`` convolutions of ``quality_channels``, and frame ``N // 2`` added. The
    defaults are the published model of seven luma frames (STDF-R3).
    """

    def __init__(
        self,
        frames: int = 7,
        frame_channels: int = 1,
        *,
        channels: int = 32,
        levels: int = 3,
        fused: int = 64,
        quality_channels: int = 48,
        layers: int = 8,
        frame_groups: int = 1,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        self.fusion = SpatioTemporalFusion(
            frames, frame_channels, fused, channels=channels, levels=levels, frame_groups=frame_groups, aligned=aligned
        )
        widths = [fused] + [quality_channels] * (layers - 1)
        quality: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            quality += [same_conv(inside, outside), nn.ReLU(inplace=True)]
        self.quality = nn.Sequential(*quality, same_conv(quality_channels, frame_channels))

    def forward(self, window: Tensor) -> Tensor:
        return window[:, window.shape[1] // 2] + self.residual(window)

    def residual(self, window: Tensor) -> Tensor:
        """What is added to the centre frame, ``[B, C, H, W]``, float32."""
        return self.quality(self.fusion(window)).float()
