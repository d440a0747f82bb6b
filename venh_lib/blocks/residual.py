"""Convolutions that keep the size, rectifiers, residual blocks without normalisation, starts that are the identity."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# The slope below zero of the leaky rectifiers in EDVR, BasicVSR and what came of them.
LEAK = 0.1


def same_conv(in_channels: int, out_channels: int, kernel_size: int = 3, bias: bool = True) -> nn.Conv2d:
    """A zero-padded convolution of odd ``kernel_size``: ``[B, in, H, W]`` to ``[B, out, H, W]``."""
    return nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias)


def zero_(conv: nn.Conv2d) -> nn.Conv2d:
    """Set weights and bias of ``conv`` to zero in place: a skip around it then starts as the identity."""
    nn.init.zeros_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def he_(network: nn.Module, slope: float = 0.0) -> None:
    """Start every convolution of ``network`` so that a signal keeps its variance from layer to layer, in place.

    He et al., ICCV 2015, with ``slope`` the rectifier's slope below zero; biases start at zero. PyTorch's
    default shrinks the signal to about a third in each layer, and what varies drowns in the biases.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=slope)
            nn.init.zeros_(module.bias)


def zero_mean_(conv: nn.Conv2d) -> nn.Conv2d:
    """Take each filter's mean off it, in place: it then answers to detail and not to brightness.

    For a first layer: a frame's brightness is many times larger than what compression takes away, and in random
    filters it drowns everything else.
    """
    with torch.no_grad():
        conv.weight -= conv.weight.mean(dim=(1, 2, 3), keepdim=True)
    return conv


def pass_through_(conv: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Make the first ``channels`` outputs of ``conv`` copies of its first ``channels`` inputs, in place.

    Those outputs get a one in the kernel's centre, zeros elsewhere and no bias; the other outputs keep
    the weights they have. A ReLU behind it changes nothing as long as the copied values are ≥ 0.
    """
    with torch.no_grad():
        conv.weight[:channels] = 0
        centre = conv.kernel_size[0] // 2
        for channel in range(channels):
            conv.weight[channel, channel, centre, centre] = 1
        if conv.bias is not None:
            conv.bias[:channels] = 0
    return conv


def rectified(features: Tensor) -> Tensor:
    """The leaky rectifier of EDVR and BasicVSR: a tenth of what is below zero passes."""
    return functional.leaky_relu(features, LEAK)


def enlarged(features: Tensor) -> Tensor:
    """Twice the height and width, bilinear."""
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


class ResidualBlock(nn.Module):
    """Convolution, ReLU, convolution, plus the input: ``[B, C, H, W]`` to the same shape.

    The block of EDSR (Lim et al., CVPRW 2017): no batch normalisation, ``scale`` on the branch. ``slope`` is the
    rectifier's slope below zero: zero there, LEAK in some later networks.
    """

    def __init__(self, channels: int, kernel_size: int = 3, scale: float = 1.0, slope: float = 0.0) -> None:
        super().__init__()
        self.scale = scale
        self.conv1 = same_conv(channels, channels, kernel_size)
        self.relu = nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
        self.conv2 = same_conv(channels, channels, kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.conv2(self.relu(self.conv1(x)))


def residual_blocks(channels: int, count: int, slope: float = 0.0) -> list[ResidualBlock]:
    """Residual blocks that start near the identity: He et al.'s weights times 0.1, as in EDVR's code."""
    blocks = [ResidualBlock(channels, slope=slope) for _ in range(count)]
    for block in blocks:
        he_(block, slope)
        with torch.no_grad():
            block.conv1.weight *= 0.1
            block.conv2.weight *= 0.1
    return blocks


def residual_stack(in_channels: int, channels: int, blocks: int) -> nn.Sequential:
    """A convolution, a leaky rectifier, then residual blocks: ``[B, in, H, W]`` to ``[B, C, H, W]``.

    BasicVSR's building stone (Chan et al., CVPR 2021).
    """
    first = (same_conv(in_channels, channels), nn.LeakyReLU(LEAK, inplace=True))
    return nn.Sequential(*first, *residual_blocks(channels, blocks))
