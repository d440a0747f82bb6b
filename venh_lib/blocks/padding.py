"""Padding a frame to a size that a network accepts, and cutting its middle out."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def pad_to_multiple(frames: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until height and width are multiples of ``multiple``.

    ``frames``: ``[B, C, H, W]``; returned as it is when nothing is missing. The caller crops the
    result back with ``[..., :H, :W]``.
    """
    height, width = frames.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if not bottom and not right:
        return frames
    return functional.pad(frames, (0, right, 0, bottom), mode="replicate")


def middle_of(frames: Tensor, like: Tensor) -> Tensor:
    """The middle of ``frames`` ``[..., H, W]``, as high and as wide as ``like`` ``[..., h, w]`` is."""
    (height, width), (inner_height, inner_width) = frames.shape[-2:], like.shape[-2:]
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    return frames[..., top : top + inner_height, left : left + inner_width]
