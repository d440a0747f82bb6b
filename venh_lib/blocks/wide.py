"""Wide activation: blocks with few channels on their path and many in front of the rectifier, weights normalised."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib.blocks.attention import ChannelAttention
from venh_lib.blocks.residual import he_

# What a block's two learned factors start from (§4.1).
ALPHA, BETA = 1.0, 0.2


class NormedConv(nn.Conv2d):
    """A same-size convolution whose filters are a direction times a length, learned apart: ``[B, in, H, W]`` in.

    Weight normalisation (Salimans and Kingma, 2016), which WDSR trains with: a filter is
    ``gain · weight / ‖weight‖``. A module of its own because torch's replaces the class of the layer it is put on.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        he_(self)
        self.gain = nn.Parameter(self.length().detach())

    def length(self) -> Tensor:
        """The length of each filter of ``weight``, ``[out, 1, 1, 1]``."""
        return torch.linalg.vector_norm(self.weight, dim=(1, 2, 3), keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * (self.gain / self.length()), self.bias)


class AdaptiveWideBlock(nn.Module):
    """Ada-WDSR-A-Block: ``α·x + β·CA(body(x))``, ``[B, C, H, W]`` to the same shape (§4.1, Figure 1a).

    The body is WDSR-A's (Yu et al., 2018): few channels, many in front of the one rectifier, few again. ``CA`` is
    RCAN's channel attention; α and β are learned.
    """

    def __init__(self, channels: int, wide: int, reduction: int) -> None:
        super().__init__()
        self.widen = NormedConv(channels, wide)
        self.narrow = NormedConv(wide, channels)
        self.attend = ChannelAttention(channels, reduction)
        # Without dimensions they leave half-precision features in half precision.
        self.alpha = nn.Parameter(torch.tensor(ALPHA))
        self.beta = nn.Parameter(torch.tensor(BETA))

    def forward(self, x: Tensor) -> Tensor:
        return self.alpha * x + self.beta * self.attend(self.body(x))

    def body(self, x: Tensor) -> Tensor:
        """WDSR-A's two convolutions."""
        return self.narrow(functional.relu(self.widen(x)))
