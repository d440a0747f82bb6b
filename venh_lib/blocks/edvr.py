"""EDVR, the trunk of several teams: features, alignment by PCD, fusion by TSA, reconstruction."""

from __future__ import annotations

from torch import Tensor, nn

from venh_lib.blocks.alignment import LEVELS, FeaturePyramid, PCDAlignment
from venh_lib.blocks.attention import TSAFusion
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import rectified, residual_blocks, same_conv

# Channels behind the last pixel-shuffle, in EDVR's code the same for every width of the network.
LAST_CHANNELS = 64


class EDVR(nn.Module):
    """``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped; frame ``N // 2`` of the window is restored.

    Wang et al., CVPRW 2019. The published code enlarges four times, or deblurs at one size behind a PreDeblur module;
    this is the same network at one size without it: two strided convolutions in front, two pixel-shuffles at the
    end, the frame itself added. ``halvings`` strided convolutions and pixel-shuffles, two as published, decide at which
    size features live. ``aligned=False`` leaves every frame's features where they are.
    """

    def __init__(
        self,
        channels: int = 128,
        frames: int = 5,
        *,
        extract: int = 5,
        reconstruct: int = 40,
        groups: int = 8,
        halvings: int = 2,
        last_channels: int = LAST_CHANNELS,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        self.centre = frames // 2
        # The coarsest level of the pyramid halves the features' size LEVELS − 1 times more.
        self.multiple = 2 ** (halvings + LEVELS - 1)
        self.first = same_conv(3, channels)
        self.shrink = nn.ModuleList(nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(halvings))
        self.extract = nn.Sequential(*residual_blocks(channels, extract))
        self.pyramid = FeaturePyramid(channels)
        self.align = PCDAlignment(channels, groups) if aligned else None
        self.fuse = TSAFusion(channels, frames, self.centre)
        self.reconstruct = nn.Sequential(*residual_blocks(channels, reconstruct))
        widths = [channels] * (halvings - 1) + [last_channels]
        self.enlarge = nn.ModuleList(same_conv(channels, 4 * width) for width in widths)
        self.last = nn.ModuleList((same_conv(last_channels, last_channels), same_conv(last_channels, 3)))
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, window: Tensor) -> Tensor:
        return window[:, self.centre] + self.residual(window)

    def residual(self, window: Tensor) -> Tensor:
        """What is added to the centre, ``[B, 3, H, W]``, float32."""
        height, width = window.shape[-2:]
        features = self.features(pad_to_multiple(window.flatten(0, 1), self.multiple))
        aligned = self.aligned(features.unflatten(0, window.shape[:2]))
        return self.restored(self.fuse(aligned))[..., :height, :width].float()

    def features(self, frames: Tensor) -> Tensor:
        """Features of single frames: ``[B, 3, H, W]`` to ``[B, C, h, w]``; sides are multiples of ``multiple``."""
        features = rectified(self.first(frames))
        for conv in self.shrink:
            features = rectified(conv(features))
        return self.extract(features)

    def aligned(self, features: Tensor) -> Tensor:
        """Every frame's features, the centre's as well, brought onto the centre's: ``[B, N, C, h, w]`` to the same."""
        if self.align is None:
            return features
        batch, frames = features.shape[:2]
        levels = self.pyramid(features.flatten(0, 1))
        centres = [
            level.unflatten(0, (batch, frames))[:, self.centre].repeat_interleave(frames, dim=0) for level in levels
        ]
        return self.align(levels, centres).unflatten(0, (batch, frames))

    def restored(self, fused: Tensor) -> Tensor:
        """What is added to the centre, from what was fused: ``[B, C, h, w]`` to ``[B, 3, H, W]``."""
        features = self.reconstruct(fused)
        for conv in self.enlarge:
            features = rectified(self.shuffle(conv(features)))
        return self.last[1](rectified(self.last[0](features)))
