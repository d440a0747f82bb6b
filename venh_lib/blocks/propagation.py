"""Passing features along a clip: forwards and backwards, each frame's aligned onto the next by flow."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from venh_lib.blocks.alignment import FlowGuidedAlignment
from venh_lib.blocks.flow import warp
from venh_lib.blocks.residual import residual_stack


class SecondOrderPropagation(nn.Module):
    """One branch of BasicVSR++'s grid: features of two frames before are aligned onto each frame and refined.

    Report §4.2 and Figure 2a. ``given`` counts the features each frame comes with, its own and those of earlier
    branches. ``second_order=False`` looks at one frame before only.
    """

    def __init__(self, channels: int, given: int, blocks: int, groups: int = 16, *, second_order: bool = True) -> None:
        super().__init__()
        self.align = FlowGuidedAlignment(channels, groups)
        self.refine = residual_stack((given + 1) * channels, channels, blocks)
        self.second_order = second_order

    def forward(self, given: list[list[Tensor]], flows: list[Tensor]) -> list[Tensor]:
        """New features of each frame, in the order given.

        ``given[t]``: the features ``[B, C, H, W]`` of frame t in the branch's direction, its own first; ``flows[t]``:
        the flow ``[B, 2, H, W]`` in pixels from frame t + 1 to frame t.
        """
        made: list[Tensor] = []
        nothing = torch.zeros_like(given[0][0])
        for t, features in enumerate(given):
            if t == 0:
                aligned = nothing
            else:
                aligned = self._aligned(features[0], made, flows[:t])
            made.append(aligned + self.refine(torch.cat((*features, aligned), dim=1)))
        return made

    def _aligned(self, own: Tensor, made: list[Tensor], flows: list[Tensor]) -> Tensor:
        """The features of one and two frames before, brought onto this frame."""
        first = flows[-1]
        one_before, two_before, second = made[-1], torch.zeros_like(own), torch.zeros_like(first)
        warped = [warp(one_before, first, outside="zeros"), own, two_before]
        if self.second_order and len(made) > 1:
            two_before = made[-2]
            # Through the frame between: first to it, then from there as its own flow says.
            second = first + warp(flows[-2], first, outside="zeros")
            warped[2] = warp(two_before, second, outside="zeros")
        return self.align(torch.cat((one_before, two_before), dim=1), torch.cat(warped, dim=1), first, second)
