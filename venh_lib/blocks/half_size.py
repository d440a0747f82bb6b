"""What stands around a team's alignment and fusion where features live at half the frame's size."""

from __future__ import annotations

from torch import Tensor, nn

from venh_lib.blocks.deformable import keep_variance_
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import residual_stack, same_conv, zero_

# Features live at half the frame's height and width.
REDUCTION = 2


class HalfSize(nn.Module):
    """``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped; frame ``N // 2`` of the window is restored.

    A pixel-unshuffle and residual blocks make each frame's features, ``core`` maps those of all frames
    ``[B, N, channels, h, w]`` to what the restored one lacks, ``[B, out_channels, h, w]``, a convolution and a
    pixel-shuffle make a picture of it, and the frame is added. The last convolution starts at zero: the untrained
    network gives the frame back. ``core.multiple`` is what the sides of its features must be multiples of.
    """

    def __init__(self, core: nn.Module, channels: int, out_channels: int, extract: int) -> None:
        super().__init__()
        self.unshuffle = nn.PixelUnshuffle(REDUCTION)
        self.extract = residual_stack(3 * REDUCTION**2, channels, extract)
        self.core = core
        self.last = zero_(same_conv(out_channels, 3 * REDUCTION**2))
        self.shuffle = nn.PixelShuffle(REDUCTION)
        keep_variance_(self.extract[0])

    def forward(self, window: Tensor) -> Tensor:
        height, width = window.shape[-2:]
        residual = self.shuffle(self.last(self.core(self.features(window)))).float()
        return window[:, window.shape[1] // 2] + residual[..., :height, :width]

    def features(self, window: Tensor) -> Tensor:
        """The features of each frame, ``[B, N, channels, h, w]``, of a window padded to whole multiples."""
        padded = pad_to_multiple(window.flatten(0, 1), REDUCTION * self.core.multiple)
        return self.extract(self.unshuffle(padded)).unflatten(0, window.shape[:2])
