"""Memories that know how well each frame was coded: what a recurrent branch hands on, as a Kalman filter keeps it.

A frame's maps at full size lie folded: ``[B, C, H/2, W/2]`` holds C/4 maps of H×W pixels, each pixel of a 2×2 square in
a channel of its own (a pixel-unshuffle). Convolutions work on them at a quarter of the cost, and motion moves them at
full size: between the pixels of features at half the size lie two of the frame, and what is read there is neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib import devices
from venh_lib.blocks.deformable import keep_variance_
from venh_lib.blocks.flow import shrunk_flow, warp
from venh_lib.blocks.light import light
from venh_lib.blocks.propagation import FirstOrderPropagation, SecondOrderPropagation
from venh_lib.blocks.residual import zero_

FOLD = 2
# The first maps of a frame are its picture: red, green and blue.
PICTURE = 3 * FOLD**2
# What a frame errs by is counted in that of a frame coded at this QP.
QP = 40
# That error, squared, of values in 0–1: about what frames of QP 45 of the livelier validation clips err by, over their
# ``coding_error``. Those of the smoothest err by a tenth of it (notebook 31).
ERROR = 6e-4
# How sure a memory starts to be: what it errs by more after each frame, for what moves and changes, and of what it
# differs from the new frame by, the part that is held against it. Both are learned.
DRIFT, DOUBT = 0.1, 0.3
# Of the new frame's own error, the part that a difference to it may come from. Pixels a side over which it is taken.
EXCUSED, AROUND = 0.5, 5
# What a frame is given at first of what branches hold. The frames behind it it was predicted from, and knows; those
# ahead tell it news. What fits the validation clips best, by least squares.
BACKWARD, FORWARD = 1.0, 0.2
# Light is compared over three cells of 8 folded pixels, 16 of the frame.
CELL = 8


def folded(maps: Tensor) -> Tensor:
    """``[..., C, H, W]`` to ``[..., 4·C, H/2, W/2]``; height and width must be even."""
    return functional.pixel_unshuffle(maps, FOLD)


def unfolded(maps: Tensor) -> Tensor:
    """``[..., 4·C, H/2, W/2]`` to ``[..., C, H, W]``."""
    return functional.pixel_shuffle(maps, FOLD)


def warp_folded(maps: Tensor, flow: Tensor) -> Tensor:
    """Folded ``maps`` ``[B, C, H/2, W/2]`` moved at full size by ``flow`` ``[B, 2, H, W]`` in pixels."""
    return folded(warp(unfolded(maps), flow))


def coding_error(qps: Tensor) -> Tensor:
    """What frames coded at ``qps`` are taken to err by, squared, in units of ERROR: of the shape of ``qps``.

    A quantiser's law: its error is as large as its step, which doubles every six QPs. Frames keep to it but loosely,
    since much of them is copied from others: from QP 38 to 45, where the law says five times, the square of what they
    err by hardly more than doubles on any validation clip (notebook 31). It serves as the weight that the filter gives
    to frames.
    """
    return torch.exp2((qps.float() - QP) / 3)


class Keeping(nn.Module):
    """How much of a memory outlives the next frame: the gain of a Kalman filter, place by place.

    Kalman, Journal of Basic Engineering 82, 1960, with a scalar at each place. The memory has a variance, the new frame
    the one that ``coding_error`` says; of the two goes on what is most likely, each weighted by the other's variance.
    The memory grows older by ``drift`` with each frame, and where it differs from the frame by more than coding
    explains, by ``doubt`` of that: what was covered, came in or was brought to the wrong place is forgotten.
    """

    def __init__(self, gain: float) -> None:
        """``gain``: what pictures in 0–1 were multiplied by to give the first maps."""
        super().__init__()
        self.error = ERROR * gain**2
        self.log_drift = nn.Parameter(torch.tensor(math.log(DRIFT)))
        self.log_doubt = nn.Parameter(torch.tensor(math.log(DOUBT)))

    def forward(self, own: Tensor, recalled: Tensor, variance: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
        """What is held of the frame's ``own`` maps and the ``recalled`` ones, both ``[B, C, h, w]``, and its variance.

        ``variance`` of what is recalled ``[B, 1, h, w]`` and the frame's ``error`` ``[B, 1, 1, 1]`` are in units of
        ERROR. All in float32.
        """
        variance = variance + self.log_drift.exp() + self.log_doubt.exp() * self.unexplained(own, recalled, error)
        share = variance / (variance + error)
        return recalled + share * (own - recalled), (1 - share) * variance

    def unexplained(self, own: Tensor, recalled: Tensor, error: Tensor) -> Tensor:
        """By how much two pictures differ beyond what coding explains, squared, around each place ``[B, 1, h, w]``."""
        difference = (own - recalled).detach()[:, :PICTURE].square().mean(dim=1, keepdim=True) / self.error
        around = functional.avg_pool2d(difference, AROUND, 1, AROUND // 2, count_include_pad=False)
        return (around - EXCUSED * error).clamp_min(0)


class RecallingBranch(SecondOrderPropagation):
    """A branch of BasicVSR++'s grid whose memory is a Kalman filter's: it starts as one, and learns what that lacks.

    Features of one and two frames before are brought by flow, the deformable alignment corrects what flow left, and
    residual blocks refine what is handed on. Alignment and refinement start at zero. Settings are
    SecondOrderPropagation's, and ``gain`` is that of ``Keeping``.
    """

    def __init__(
        self, channels: int, given: int, blocks: int, groups: int, *, gain: float, second_order: bool = True
    ) -> None:
        super().__init__(channels, given, blocks, groups, second_order=second_order)
        self.keep = Keeping(gain)
        keep_variance_(self.align)
        zero_(self.align), zero_(self.refine[0])

    def forward(self, given: list[list[Tensor]], flows: list[Tensor], errors: Tensor) -> list[Tensor]:
        """What is held of each frame ``[B, C, H/2, W/2]``, in the order given, float32.

        ``given[t]``: the folded maps of frame t in the branch's direction, its own first; ``flows[t]``: the flow
        ``[B, 2, H, W]`` in pixels from frame t + 1 to frame t; ``errors`` ``[B, T]``: ``coding_error`` of each frame.
        """
        return _filtered(self, given, flows, errors)

    def recalled(self, own: Tensor, made: list[Tensor], flows: list[Tensor]) -> Tensor:
        """What the frames before tell of this one, in its light: ``[B, C, H/2, W/2]``, float32."""
        first = flows[-1]
        one_before, two_before = warp_folded(made[-1], first), torch.zeros_like(own)
        if self.second_order and len(made) > 1:
            # Through the frame between: first to it, then from there as its own flow says.
            two_before = warp_folded(made[-2], first + warp(flows[-2], first))
        still = torch.zeros_like(own[:, :2])
        pair, seen = torch.cat((one_before, two_before), dim=1), torch.cat((one_before, own, two_before), dim=1)
        recalled = one_before + self.align(pair, seen, still, still).float()
        return recalled + light(own - recalled, CELL)


class FirstOrderRecallingBranch(FirstOrderPropagation):
    """A branch of BasicVSR whose memory is a Kalman filter's, as ``RecallingBranch`` is one of BasicVSR++.

    Flow alone brings the frame before. Settings are FirstOrderPropagation's, and ``gain`` is that of ``Keeping``.
    """

    def __init__(self, channels: int, given: int, blocks: int, *, gain: float) -> None:
        super().__init__(channels, given, blocks)
        self.keep = Keeping(gain)
        zero_(self.refine[0])

    def forward(self, given: Sequence[Tensor], flows: Sequence[Tensor | None], errors: Tensor) -> list[Tensor]:
        """As ``RecallingBranch.forward``; ``given[t]``: the folded maps of frame t. A flow of None: nothing moves."""
        return _filtered(self, [[own] for own in given], flows, errors)

    def recalled(self, own: Tensor, made: list[Tensor], flows: Sequence[Tensor | None]) -> Tensor:
        """What the frame before tells of this one, in its light: ``[B, C, H/2, W/2]``, float32."""
        recalled = made[-1] if flows[-1] is None else warp_folded(made[-1], flows[-1])
        return recalled + light(own - recalled, CELL)


def _filtered(
    branch: RecallingBranch | FirstOrderRecallingBranch,
    given: Sequence[Sequence[Tensor]],
    flows: Sequence[Tensor | None],
    errors: Tensor,
) -> list[Tensor]:
    """What ``branch`` holds of each frame: what it recalls and the frame, as ``keep`` weighs them, refined."""
    made: list[Tensor] = []
    for t, features in enumerate(given):
        own, error = features[0].float(), errors[:, t, None, None, None]
        if t == 0:
            held = recalled = own
            variance = error.expand(-1, 1, *own.shape[-2:])
        else:
            recalled, flow = branch.recalled(own, made, flows[:t]), flows[t - 1]
            variance = variance if flow is None else warp(variance, shrunk_flow(flow, FOLD))
            with devices.full_precision(own.device):
                held, variance = branch.keep(own, recalled, variance, error)
        made.append(held + branch.refine(torch.cat((*features, recalled), dim=1)).float())
    return made


def beyond_own(gathered: Tensor, shares: Tensor) -> Tensor:
    """What branches hold that the frame's own maps do not, in ``shares`` ``[branches]``.

    ``gathered`` ``[B, T, 1 + branches, C, h, w]``: the own maps, then what each branch holds; ``[B, T, C, h, w]``.
    """
    return torch.einsum("btnchw,n->btchw", gathered[:, :, 1:] - gathered[:, :, :1], shares)
