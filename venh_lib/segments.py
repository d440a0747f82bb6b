"""A clip in segments: the frames that go through a recurrent network together, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

# Frames that a recurrent network gets at once, and those shared with the segment before.
LENGTH, OVERLAP = 60, 6


@dataclass(frozen=True)
class Segment:
    """Frames ``start … stop−1`` go through a recurrent network together, ``first … last−1`` are kept."""

    start: int
    stop: int
    first: int
    last: int


def segments(frames: int, length: int, overlap: int) -> tuple[Segment, ...]:
    """Segments of ``length`` frames that cover a clip, each frame kept from where it lies deeper inside.

    The last segment is moved back to full length, so it may overlap more. A clip of up to ``length``
    frames is one segment.
    """
    step, length = length - overlap, min(length, frames)
    starts = [*range(0, frames - length, step), frames - length]
    cuts = [0, *((b + a + length) // 2 for a, b in pairwise(starts)), frames]
    return tuple(
        Segment(start, start + length, first, last)
        for start, (first, last) in zip(starts, pairwise(cuts), strict=True)
    )
