"""BasicVSR at one size: features pass backwards and forwards along a clip, brought from frame to frame by flow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.propagation import FirstOrderPropagation, neighbour_flows
from venh_lib.blocks.published import renamed
from venh_lib.blocks.residual import rectified, same_conv, zero_
from venh_lib.blocks.spynet import SpyNet


class BidirectionalPropagation(nn.Module):
    """Features of a clip ``[B, T, C, h, w]`` to what both branches gathered, fused: ``[B, T, channels, h, w]``.

    One branch goes backwards through the clip, one forwards; ``bidirectional=False`` goes forwards alone.
    ``branch(channels, given, blocks)`` makes each: by default as the paper has it, a FirstOrderPropagation.
    """

    def __init__(
        self,
        given: int,
        channels: int,
        blocks: int,
        *,
        bidirectional: bool = True,
        branch: Callable[..., nn.Module] = FirstOrderPropagation,
    ) -> None:
        super().__init__()
        make = partial(branch, channels, given, blocks)
        self.backwards = make() if bidirectional else None
        self.forwards = make()
        self.fuse = same_conv(2 * channels if bidirectional else channels, channels, 1)

    def start_as_memory_(self) -> None:
        """Let both branches start as ``FirstOrderPropagation.start_as_memory_`` says; what differs comes out."""
        branches = [branch for branch in (self.backwards, self.forwards) if branch is not None]
        zero_(self.fuse)
        for branch in branches:
            branch.start_as_memory_()
        half = self.forwards.channels // 2
        with torch.no_grad():
            for k in range(half * len(branches)):
                branch, channel = divmod(k, half)
                self.fuse.weight[k, self.forwards.channels * branch + half + channel] = 1.0

    def forward(
        self, features: Tensor, to_previous: Sequence[Tensor | None], to_next: Sequence[Tensor | None], *told: Tensor
    ) -> Tensor:
        """``to_previous``, ``to_next``: flows as ``neighbour_flows`` gives them, or None for none.

        ``told`` ``[B, T]`` is what branches are given of each frame beside its features.
        """
        gathered = self.gathered(features, to_previous, to_next, *told)
        fused = [rectified(self.fuse(torch.cat(made, dim=1))) for made in zip(*gathered, strict=True)]
        return torch.stack(fused, dim=1)

    def gathered(
        self, features: Tensor, to_previous: Sequence[Tensor | None], to_next: Sequence[Tensor | None], *told: Tensor
    ) -> list[list[Tensor]]:
        """What each branch made of each frame, the backward one's first."""
        given = features.unbind(dim=1)
        gathered = [self.forwards(given, to_previous, *told)]
        if self.backwards is not None:
            backwards = self.backwards(given[::-1], to_next[::-1], *(own.flip(1) for own in told))
            gathered.insert(0, backwards[::-1])
        return gathered


class BasicVSR(nn.Module):
    """``[B, T, 3, H, W]`` to the same shape, RGB in 0–1, not clamped: BasicVSR without its pixel-shuffles.

    Chan et al., CVPR 2021, reference [9] of the report; §4.3 and Figure 3c. One branch goes backwards through the
    clip, one forwards; both branches' features of a frame are fused, and what they give is added to the frame. It
    starts at zero. Flow, features and the fusion live at 1/``reduction`` of the frame's height and width.

    ``flow`` builds what estimates it. Ablations: ``bidirectional=False`` goes forwards alone, ``flow=None`` passes
    features on without aligning them.
    """

    def __init__(
        self,
        channels: int = 64,
        blocks: int = 30,
        *,
        reduction: int = 1,
        bidirectional: bool = True,
        flow: Callable[[], nn.Module] | None = SpyNet,
    ) -> None:
        super().__init__()
        self.reduction = reduction
        inside = 3 * reduction**2
        self.flow = None if flow is None else flow()
        self.shrink = nn.PixelUnshuffle(reduction)
        self.core = BidirectionalPropagation(inside, channels, blocks, bidirectional=bidirectional)
        self.last = nn.ModuleList((same_conv(channels, channels), zero_(same_conv(channels, inside))))
        self.enlarge = nn.PixelShuffle(reduction)

    def forward(self, frames: Tensor) -> Tensor:
        return frames + self.residual(frames)

    def residual(self, frames: Tensor) -> Tensor:
        """What is added to the frames, float32, of their shape."""
        batch, count, _, height, width = frames.shape
        padded = pad_to_multiple(frames.flatten(0, 1), self.reduction)
        to_previous, to_next = self.flows(padded.unflatten(0, (batch, count)))
        gathered = self.core(self.shrink(padded).unflatten(0, (batch, count)), to_previous, to_next)
        # A frame at a time: at full size what the last convolutions make of all at once would fill the memory.
        restored = [self.restored(features) for features in gathered.unbind(dim=1)]
        return torch.stack(restored, dim=1)[..., :height, :width].float()

    def flows(self, frames: Tensor) -> tuple[list[Tensor | None], list[Tensor | None]]:
        """Flows at the features' size: from frame t + 1 to t, and from t to t + 1, for each t but the last.

        SpyNet enlarges frames to multiples of 32 pixels: any size will do, but frames that are smaller than 32 pixels
        where flow is estimated are blown up, and little motion is told from them.
        """
        if self.flow is None:
            unaligned = [None] * (frames.shape[1] - 1)
            return unaligned, unaligned
        small = functional.avg_pool2d(frames.flatten(0, 1), self.reduction)
        return neighbour_flows(self.flow, small.unflatten(0, frames.shape[:2]))

    def restored(self, features: Tensor) -> Tensor:
        """The residual of one frame: its fused features ``[B, C, h, w]`` to ``[B, 3, H, W]``."""
        return self.enlarge(self.last[1](rectified(self.last[0](features))))


# Names in published checkpoints (mmagic's, and BasicSR's mirror of it), and here.
_RENAMES = (
    (r"^backward_(?:resblocks|trunk)\.", "core.backwards.refine."),
    (r"^forward_(?:resblocks|trunk)\.", "core.forwards.refine."),
    (r"^fusion\.", "core.fuse."),
    (r"^conv_hr\.", "last.0."),
    (r"^conv_last\.", "last.1."),
)
# Their four-fold enlargement, which has no place here.
_ENLARGEMENT = re.compile(r"(^|\.)(upsample\d\.upsample_conv|upconv\d)\.")


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published BasicVSR weights (64 channels, 30 blocks, four-fold enlargement) under this file's names.

    ``state`` is the ``state_dict`` of a file that mmagic publishes, whose generator alone is taken, or BasicSR's
    ``params``. ``BasicVSR().load_state_dict(from_published(state))`` then gives a network to go on training with: its
    flow and its propagation are as published, but its last convolutions were trained behind the enlargement, which
    is left out. A file of another network fails there.
    """
    kept = {name: value for name, value in state.items() if not _ENLARGEMENT.search(name)}
    return renamed(kept, _RENAMES)
