"""EDVR, the trunk of several teams: features, alignment by PCD, fusion by TSA, reconstruction."""

from __future__ import annotations

from torch import Tensor, nn

from venh_lib.blocks.alignment import FeaturePyramid, PCDAlignment, aligned_onto
from venh_lib.blocks.attention import TSAFusion
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import rectified, residual_blocks, same_conv

# Channels behind the last pixel-shuffle, in EDVR's code the same for every width of the network.
LAST_CHANNELS = 64
# Features live at a quarter of the frame's size, the coarsest level of their pyramid at a sixteenth.
REDUCTION, MULTIPLE = 4, 16


class EDVR(nn.Module):
    """``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped; frame ``N // 2`` of the window is restored.

    Wang et al., CVPRW 2019. The published code enlarges four times, or deblurs at one size behind a PreDeblur module;
    this is the same network at one size without it: two strided convolutions in front, two pixel-shuffles at the
    end, the frame itself added.
    """

    def __init__(
        self, channels: int = 128, frames: int = 5, *, extract: int = 5, reconstruct: int = 40, groups: int = 8
    ) -> None:
        super().__init__()
        self.centre = frames // 2
        self.first = same_conv(3, channels)
        self.shrink = nn.ModuleList(nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(2))
        self.extract = nn.Sequential(*residual_blocks(channels, extract))
        self.pyramid = FeaturePyramid(channels)
        self.align = PCDAlignment(channels, groups)
        self.fuse = TSAFusion(channels, frames, self.centre)
        self.reconstruct = nn.Sequential(*residual_blocks(channels, reconstruct))
        self.enlarge = nn.ModuleList((same_conv(channels, 4 * channels), same_conv(channels, 4 * LAST_CHANNELS)))
        self.last = nn.ModuleList((same_conv(LAST_CHANNELS, LAST_CHANNELS), same_conv(LAST_CHANNELS, 3)))
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, window: Tensor) -> Tensor:
        height, width = window.shape[-2:]
        features = self.features(pad_to_multiple(window.flatten(0, 1), MULTIPLE))
        aligned = self.aligned(features.unflatten(0, window.shape[:2]))
        residual = self.restored(self.fuse(aligned))[..., :height, :width]
        return window[:, self.centre] + residual.float()

    def features(self, frames: Tensor) -> Tensor:
        """Features of single frames: ``[B, 3, H, W]`` to ``[B, C, H/4, W/4]``; sides are multiples of MULTIPLE."""
        features = rectified(self.first(frames))
        for conv in self.shrink:
            features = rectified(conv(features))
        return self.extract(features)

    def aligned(self, features: Tensor) -> Tensor:
        """Every frame's features, the centre's as well, brought onto the centre's: ``[B, N, C, h, w]`` to the same."""
        return aligned_onto(self.centre, features, self.pyramid, self.align)

    def restored(self, fused: Tensor) -> Tensor:
        """What is added to the centre: ``[B, C, h, w]`` to ``[B, 3, 4h, 4w]``."""
        features = self.reconstruct(fused)
        for conv in self.enlarge:
            features = rectified(self.shuffle(conv(features)))
        return self.last[1](rectified(self.last[0](features)))
