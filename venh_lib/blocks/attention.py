"""Attention: which frames, places and channels to listen to."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib.blocks.deformable import start_from_differences_
from venh_lib.blocks.residual import ResidualBlock, enlarged, rectified, same_conv


def _largest_and_mean(features: Tensor) -> Tensor:
    """Half the height and width, the largest and the mean of each 3×3 side by side: ``[B, 2·C, H/2, W/2]``."""
    largest = functional.max_pool2d(features, 3, stride=2, padding=1)
    return torch.cat((largest, functional.avg_pool2d(features, 3, stride=2, padding=1)), dim=1)


class ChannelAttention(nn.Module):
    """RCAN's layer: features ``[B, C, H, W]``, each channel times a factor in 0–1 (Zhang et al., ECCV 2018, §3.3).

    The factors come from the channels' means over the frame, through ``C // reduction`` units (at least one).
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        units = max(channels // reduction, 1)
        self.squeeze = same_conv(channels, units, 1)
        self.excite = same_conv(units, channels, 1)

    def factors(self, features: Tensor) -> Tensor:
        """How much each channel is heard, ``[B, C, 1, 1]`` in 0–1."""
        means = features.mean(dim=(2, 3), keepdim=True)
        return torch.sigmoid(self.excite(functional.relu(self.squeeze(means))))

    def forward(self, features: Tensor) -> Tensor:
        return features * self.factors(features)


class TSAFusion(nn.Module):
    """Temporal and spatial attention fusion (Wang et al., EDVR, CVPRW 2019, §3.3).

    Aligned features ``[B, N, C, H, W]`` to ``[B, C, H, W]``; frame ``centre`` is the reference. Temporal: each pixel
    of each frame weighs as much as its embedding agrees with the reference's. Spatial: a mask from a pyramid of
    two levels scales and shifts the fused features. Height and width must be multiples of 4.
    """

    def __init__(self, channels: int, frames: int, centre: int) -> None:
        super().__init__()
        self.centre = centre
        self.embed_reference = same_conv(channels, channels)
        self.embed = same_conv(channels, channels)
        self.fuse = same_conv(frames * channels, channels, 1)
        self.mask_first = same_conv(frames * channels, channels, 1)
        self.mask_half = same_conv(2 * channels, channels, 1)
        self.mask_coarse = nn.ModuleList(
            (same_conv(channels, channels, 1), same_conv(2 * channels, channels), same_conv(channels, channels))
        )
        self.mask_join = same_conv(channels, channels)
        self.mask_mix = same_conv(channels, channels, 1)
        self.mask_last = same_conv(channels, channels)
        self.shift = nn.ModuleList((same_conv(channels, channels, 1), same_conv(channels, channels, 1)))

    def start_from_differences_(self) -> None:
        """Let the fusion start as ``deformable.start_from_differences_`` says, and all frames be heard half.

        With PyTorch's defaults features that vary by one agree so well that attention starts at one, where no gradient
        comes through: it would never learn.
        """
        start_from_differences_(self.fuse, self.fuse.in_channels // self.fuse.out_channels, both_signs=True)
        with torch.no_grad():
            self.fuse.weight *= 2
            for embedding in (self.embed, self.embed_reference):
                embedding.weight *= 0.1
                embedding.bias.zero_()

    def temporal_attention(self, aligned: Tensor) -> Tensor:
        """How much each pixel of each frame is heard, ``[B, N, H, W]`` in 0–1."""
        reference = self.embed_reference(aligned[:, self.centre])
        frames = self.embed(aligned.flatten(0, 1)).unflatten(0, aligned.shape[:2])
        return torch.sigmoid((frames.float() * reference[:, None].float()).sum(dim=2))

    def spatial_attention(self, weighted: Tensor) -> tuple[Tensor, Tensor]:
        """Mask in 0–1 and shift, both ``[B, C, H, W]``, from all frames' weighted features ``[B, N·C, H, W]``."""
        half = rectified(self.mask_half(_largest_and_mean(rectified(self.mask_first(weighted)))))
        first, second, third = self.mask_coarse
        quarter = rectified(second(_largest_and_mean(rectified(first(half)))))
        mask = rectified(self.mask_join(half)) + enlarged(rectified(third(quarter)))
        mask = self.mask_last(enlarged(rectified(self.mask_mix(mask))))
        return torch.sigmoid(mask), self.shift[1](rectified(self.shift[0](mask)))

    def forward(self, aligned: Tensor) -> Tensor:
        attention = self.temporal_attention(aligned).to(aligned.dtype)
        weighted = (aligned * attention[:, :, None]).flatten(1, 2)
        mask, shift = self.spatial_attention(weighted)
        # A mask of one half changes nothing.
        return 2 * mask * rectified(self.fuse(weighted)) + shift


class ResidualChannelAttentionBlock(ResidualBlock):
    """A residual block whose branch goes through channel attention: ``[B, C, H, W]`` to the same shape.

    RCAB of RCAN (Zhang et al., ECCV 2018, §3.3), the "residual attention module [77]" of report §4.8.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__(channels)
        self.attention = ChannelAttention(channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attention(self.conv2(self.relu(self.conv1(x))))
