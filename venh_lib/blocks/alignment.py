"""Bringing a neighbour's features onto the reference's: by a pyramid of offsets, by steps, or around a flow.

Features are ``[B, C, H, W]``; what is aligned is the neighbour, and the reference says where to.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from venh_lib.blocks.deformable import DeformConv, flow_of_offsets, offset_channels
from venh_lib.blocks.flow import warp
from venh_lib.blocks.residual import LEAK, enlarged, rectified, residual_blocks, same_conv, zero_

LEVELS = 3


class FeaturePyramid(nn.Module):
    """Features and their halvings by strided convolutions: ``[B, C, H, W]`` to LEVELS of them, finest first.

    Height and width must be multiples of 2^(LEVELS − 1).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.halve = nn.ModuleList(nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(LEVELS - 1))
        self.refine = nn.ModuleList(same_conv(channels, channels) for _ in range(LEVELS - 1))

    def forward(self, features: Tensor) -> list[Tensor]:
        levels = [features]
        for halve, refine in zip(self.halve, self.refine, strict=True):
            levels.append(rectified(refine(rectified(halve(levels[-1])))))
        return levels


class PCDLevel(nn.Module):
    """One level of PCD: compare, refine with what the coarser level found, align, merge with what it aligned."""

    def __init__(self, channels: int, groups: int, *, coarsest: bool) -> None:
        super().__init__()
        self.compare = same_conv(2 * channels, channels)
        self.refine = same_conv(channels if coarsest else 2 * channels, channels)
        self.settle = None if coarsest else same_conv(channels, channels)
        self.align = DeformConv(channels, channels, channels, groups=groups)
        self.merge = None if coarsest else same_conv(2 * channels, channels)

    def forward(
        self, neighbour: Tensor, reference: Tensor, coarser: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """The guide that predicts offsets, and the aligned features, not yet rectified."""
        guide = rectified(self.compare(torch.cat((neighbour, reference), dim=1)))
        if coarser is None:
            guide = rectified(self.refine(guide))
            return guide, self.align(neighbour, guide)
        # A motion of one pixel at half resolution is one of two pixels here.
        guide = rectified(self.refine(torch.cat((guide, 2 * enlarged(coarser[0])), dim=1)))
        guide = rectified(self.settle(guide))
        aligned = self.align(neighbour, guide)
        return guide, self.merge(torch.cat((aligned, enlarged(coarser[1])), dim=1))


class PCDAlignment(nn.Module):
    """Pyramid, cascading and deformable alignment (Wang et al., EDVR, CVPRW 2019, §3.2).

    Neighbour and reference as pyramids, finest first, of shapes ``[B, C, H, W]``, ``[B, C, H/2, W/2]``, …; the aligned
    neighbour ``[B, C, H, W]`` comes out. Offsets are found at the coarsest level first; a last deformable
    convolution, the cascade, corrects what the pyramid left.
    """

    def __init__(self, channels: int, groups: int = 8) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            PCDLevel(channels, groups, coarsest=level == LEVELS - 1) for level in range(LEVELS)
        )
        self.cascade_compare = same_conv(2 * channels, channels)
        self.cascade_refine = same_conv(channels, channels)
        self.cascade = DeformConv(channels, channels, channels, groups=groups)

    def forward(self, neighbour: list[Tensor], reference: list[Tensor]) -> Tensor:
        coarser = None
        for number in reversed(range(LEVELS)):
            guide, aligned = self.levels[number](neighbour[number], reference[number], coarser)
            # The finest level's features stay as they are: the cascade compares them with the reference.
            coarser = guide, rectified(aligned) if number else aligned
        aligned = coarser[1]
        guide = rectified(self.cascade_compare(torch.cat((aligned, reference[0]), dim=1)))
        return rectified(self.cascade(aligned, rectified(self.cascade_refine(guide))))

    def flows(self) -> list[Tensor]:
        """What the pyramid's last offsets say of the motion, each level's in pixels of its own, coarsest first."""
        return [flow_of_offsets(level.align.offsets) for level in reversed(self.levels)]


def aligned_onto(centre: int, features: Tensor, pyramid: FeaturePyramid, align: PCDAlignment) -> Tensor:
    """Every frame's features, the centre's as well, brought onto those of frame ``centre``: ``[B, N, C, H, W]``.

    The offsets that ``align`` keeps are ``[B·N, …]``, a window's frames one after the other.
    """
    batch, frames = features.shape[:2]
    levels = pyramid(features.flatten(0, 1))
    centres = [level.unflatten(0, (batch, frames))[:, centre].repeat_interleave(frames, dim=0) for level in levels]
    return align(levels, centres).unflatten(0, (batch, frames))


class OffsetUNet(nn.Module):
    """What offsets are predicted from: neighbour and reference ``[B, 2·C, H, W]`` to ``[B, C, H, W]``.

    Report §4.9 and Figure 9. Down to a quarter of height and width by strided convolutions and up again, with sums
    across and ``blocks`` residual blocks at each stop: large motions are seen at the small sizes. Height and width
    must be multiples of 2^(LEVELS − 1).
    """

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()

        def stop() -> nn.Sequential:
            return nn.Sequential(*residual_blocks(channels, blocks, LEAK))

        self.compare = same_conv(2 * channels, channels)
        self.halve = nn.ModuleList(nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(LEVELS - 1))
        self.down = nn.ModuleList(stop() for _ in range(LEVELS))
        self.up = nn.ModuleList(stop() for _ in range(LEVELS - 1))

    def forward(self, pair: Tensor) -> Tensor:
        levels = [self.down[0](rectified(self.compare(pair)))]
        for halve, down in zip(self.halve, self.down[1:], strict=True):
            levels.append(down(rectified(halve(levels[-1]))))
        guide = levels.pop()
        for up in self.up:
            guide = up(levels.pop() + enlarged(guide))
        return guide


class ProgressiveAlignment(nn.Module):
    """Progressive deformable alignment (report §4.9, Figure 9): what is aligned is compared and aligned again.

    Neighbour and reference ``[B, C, H, W]`` to the aligned neighbour of that shape. All steps share one offset network
    of ``blocks`` residual blocks a stop and one deformable convolution. ``offsets`` holds each step's, of the last
    forward.
    """

    def __init__(self, channels: int, blocks: int, groups: int = 8, *, steps: int = 2) -> None:
        super().__init__()
        self.guide = OffsetUNet(channels, blocks)
        self.align = DeformConv(channels, channels, channels, groups=groups)
        self.steps = steps
        self.offsets: list[Tensor] = []

    def forward(self, neighbour: Tensor, reference: Tensor) -> Tensor:
        aligned, self.offsets = neighbour, []
        for _ in range(self.steps):
            guide = self.guide(torch.cat((aligned, reference), dim=1))
            aligned = rectified(self.align(aligned, guide))
            self.offsets.append(self.align.offsets)
        return aligned

    def flows(self) -> list[Tensor]:
        """Where the first step, the first two, … of the last forward looked: each ``[B, 2, H, W]``, in pixels (x, y).

        The mean over groups and taps.
        """
        steps = [flow_of_offsets(offsets) for offsets in self.offsets]
        total = steps[:1]
        for step in steps[1:]:
            # What a later step reads at a place had been brought there by the steps before.
            total.append(step + warp(total[-1], step))
        return total


class FlowGuidedAlignment(DeformConv):
    """Second-order flow-guided deformable alignment (report §4.2, Figure 2b; BasicVSR++, CVPR 2022, Eqs. 4–7).

    The features of one and of two frames before, ``[B, 2·C, H, W]``, are aligned at once. Offsets are the two flows
    plus a residue of at most ``most`` pixels, learned from the features as the flows warp them; the first half
    of the groups follows the first flow, the second half the second. The residue starts at zero.
    """

    def __init__(self, channels: int, groups: int = 16, most: float = 10.0) -> None:
        layers: list[nn.Module] = []
        for inside in (3 * channels + 4, channels, channels):
            layers += [same_conv(inside, channels), nn.LeakyReLU(LEAK, inplace=True)]
        predictor = nn.Sequential(*layers, zero_(same_conv(channels, offset_channels(groups))))
        super().__init__(2 * channels, channels, 3 * channels + 4, groups=groups, predictor=predictor)
        self.most = most

    def forward(self, features: Tensor, warped: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """``warped``: the frame's own features between the two warped ones, ``[B, 3·C, H, W]``.

        ``first`` and ``second``: flows ``[B, 2, H, W]`` in pixels (x, y) from this frame to one and to two before.
        """
        residue, mask = self.predict(torch.cat((warped, first, second), dim=1))
        taps = residue.shape[1] // 4
        # Flows are (x, y), offsets (y, x).
        around = torch.cat([flow.float().flip(1).repeat(1, taps, 1, 1) for flow in (first, second)], dim=1)
        return self.sample(features, self.most * torch.tanh(residue) + around, mask)
