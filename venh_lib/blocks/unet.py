"""The U-Net: features at ever coarser scales, and back up with each scale's own features as skips.

Ronneberger et al., MICCAI 2015. What works on a scale's features is the caller's: ``block(width)`` makes the module
of one level, ``[B, width, h, w]`` to the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import LEAK, enlarged, he_, pass_through_, rectified, same_conv
from venh_lib.errors import SettingError

Block = Callable[[int], nn.Module]


class UNetEncoder(nn.Module):
    """Features ``[B, widths[0], H, W]`` to one tensor a scale, finest first: ``[B, widths[s], H/2^s, W/2^s]``.

    Strided convolutions halve the size, where the paper takes the largest of each 2×2. Height and width must be
    multiples of 2^(scales − 1).
    """

    def __init__(self, widths: Sequence[int], block: Block) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(block(width) for width in widths)
        self.halve = nn.ModuleList(nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in pairwise(widths))
        he_(self.halve, LEAK)

    def forward(self, features: Tensor) -> list[Tensor]:
        first, *others = self.blocks
        scales = [first(features)]
        for halve, block in zip(self.halve, others, strict=True):
            scales.append(block(rectified(halve(scales[-1]))))
        return scales


class UNetDecoder(nn.Module):
    """The encoder's scales, finest first, to ``[B, widths[0], H, W]``.

    From the coarsest up: narrow to the next scale's width, enlarge, join that scale's features, work on both.
    """

    def __init__(self, widths: Sequence[int], block: Block) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(same_conv(coarse, fine, 1) for fine, coarse in pairwise(widths))
        self.join = nn.ModuleList(same_conv(2 * width, width) for width in widths[:-1])
        self.blocks = nn.ModuleList(block(width) for width in widths[:-1])
        he_(self.narrow, slope=1)  # no rectifier behind it
        he_(self.join, LEAK)

    def forward(self, scales: Sequence[Tensor]) -> Tensor:
        features = scales[-1]
        for scale in reversed(range(len(self.blocks))):
            coarser = enlarged(self.narrow[scale](features))
            features = rectified(self.join[scale](torch.cat((scales[scale], coarser), dim=1)))
            features = self.blocks[scale](features)
        return features


class UNet(nn.Module):
    """``[B, widths[0], H, W]`` of any sides to the same shape, through as many scales as there are ``widths``.

    SettingError for less than two of them.
    """

    def __init__(self, widths: Sequence[int], block: Block) -> None:
        super().__init__()
        if len(widths) < 2:
            raise SettingError(f"a U-Net needs the widths of two scales or more, got {list(widths)}.")
        self.encoder = UNetEncoder(widths, block)
        self.decoder = UNetDecoder(widths, block)
        self.multiple = 2 ** (len(widths) - 1)

    def start_at_the_finest_(self) -> None:
        """Let the finest scale's features pass as they are at first; a tenth of the coarser joins them."""
        finest = self.decoder.join[0]
        channels = finest.out_channels
        coarser = 0.1 * finest.weight[:, channels:].detach()
        pass_through_(finest, channels)
        with torch.no_grad():
            finest.weight[:, channels:] = coarser

    def forward(self, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        return self.decoder(self.encoder(pad_to_multiple(features, self.multiple)))[..., :height, :width]
