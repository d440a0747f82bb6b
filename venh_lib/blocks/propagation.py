"""Passing features along a clip: forwards and backwards, each frame's aligned onto the next by flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from venh_lib.blocks.alignment import FlowGuidedAlignment
from venh_lib.blocks.flow import warp
from venh_lib.blocks.residual import residual_stack, zero_
from venh_lib.errors import SettingError

# Of what it holds, the share that a memory keeps from frame to frame: its quickest channel, and its slowest.
KEPT = (0.3, 0.8)
# What a memory holds is lifted by this much through the rectifier, which lets it pass, and lowered again behind it.
LIFT = 10.0


def neighbour_flows(flow: Callable[[Tensor, Tensor], Tensor], frames: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Flows ``[B, 2, H, W]`` in pixels along a clip ``[B, T, 3, H, W]``, both ways, for each t but the last.

    First those from frame t + 1 to t, then those from t to t + 1. ``flow(frame, other)`` is a network as SpyNet is;
    it gets all pairs of frames at once. A clip of one frame has none.
    """
    batch, count = frames.shape[:2]
    if count == 1:
        return [], []
    before, after = frames[:, :-1].flatten(0, 1), frames[:, 1:].flatten(0, 1)
    to_previous, to_next = (
        found.unflatten(0, (batch, count - 1)).unbind(dim=1) for found in (flow(after, before), flow(before, after))
    )
    return list(to_previous), list(to_next)


def _passing(refine: nn.Sequential) -> nn.Conv2d:
    """Let what a residual stack's first convolution gives come out as it is; that convolution, its weights zero."""
    first, last = zero_(refine[0]), refine[-1].conv2
    for block in refine[2:]:
        zero_(block.conv2)
    nn.init.constant_(first.bias, LIFT)
    nn.init.constant_(last.bias, -LIFT)
    return first


class FirstOrderPropagation(nn.Module):
    """One branch of BasicVSR: what the frame before knew is brought onto each frame by flow, and both are refined.

    Chan et al., CVPR 2021, §3.1 and §3.2. ``given`` counts the channels that each frame comes with. In front of the
    first frame there is nothing, or, with ``own_first``, what that frame comes with (as many channels of it;
    SettingError where it has fewer).
    """

    def __init__(self, channels: int, given: int, blocks: int, *, own_first: bool = False) -> None:
        super().__init__()
        if own_first and given < channels:
            raise SettingError(f"own_first: a memory of {channels} channels cannot begin with the {given} of a frame.")
        self.channels, self.own_first = channels, own_first
        self.refine = residual_stack(given + channels, channels, blocks)

    def start_as_memory_(self) -> None:
        """Let half of the channels start as running means of the first that are given, at rates from KEPT.

        The other half start as twice the mean of the frames before, less the frame: behind the branch nobody can tell
        any more, as the frame itself is not passed on. Random weights mix each frame with all before it, and what one
        of them held is lost after a few, and residual blocks that are near the identity are not near enough: what they
        add of the frame itself is more than what others differ by.
        """
        half = self.channels // 2
        first = _passing(self.refine)
        passed = first.in_channels - self.channels
        with torch.no_grad():
            middle = first.weight[:, :, 1, 1]
            for k, kept in enumerate(torch.linspace(*KEPT, half)):
                middle[k, k], middle[k, passed + k] = 1 - kept, kept
                middle[half + k, k], middle[half + k, passed + k] = -2.0, 2.0

    def forward(self, given: Sequence[Tensor], flows: Sequence[Tensor | None]) -> list[Tensor]:
        """New features ``[B, C, H, W]`` of each frame, in the order given.

        ``given[t]``: frame t in the branch's direction, ``[B, given, H, W]``; ``flows[t]``: the flow ``[B, 2, H, W]``
        in pixels from frame t + 1 to frame t, or None where features pass on as they are, unaligned.
        """
        passed = given[0][:, : self.channels]
        if not self.own_first:
            batch, _, height, width = given[0].shape
            passed = given[0].new_zeros(batch, self.channels, height, width)
        made: list[Tensor] = []
        for t, frame in enumerate(given):
            if t > 0:
                flow = flows[t - 1]
                passed = made[-1] if flow is None else warp(made[-1], flow, outside="zeros")
            made.append(self.refine(torch.cat((frame, passed), dim=1)))
        return made


class SecondOrderPropagation(nn.Module):
    """One branch of BasicVSR++'s grid: features of two frames before are aligned onto each frame and refined.

    Report §4.2 and Figure 2a. ``given`` counts the features each frame comes with, its own and those of earlier
    branches. ``second_order=False`` looks at one frame before only. In front of the first frame there is nothing.
    """

    def __init__(
        self, channels: int, given: int, blocks: int, groups: int = 16, *, second_order: bool = True
    ) -> None:
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
        for t, features in enumerate(given):
            aligned = self._aligned(features[0], made, flows[:t]) if t else torch.zeros_like(features[0])
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
