"""Which frames help frame ``t``: peak quality frames, and the reference policies of the report.

A policy is a pure function ``(infos, t) -> indices``: ``infos`` are the FrameInfos of a whole stream in
display order, ``t`` and the indices count frames from 0 in that order, and the indices stand in the
order of the network's window. Nothing here looks at pixels but through numbers it is given.

**Reading the paper.** §4.1 calls a frame a candidate when its QP is lower than that of its two adjacent
frames, and names such a frame a PQF (peak quality frame, [72]). HM's cascade at QP 37 is 36, 45, 44, 45,
38, 45, 44, 45, 38 …: by that sentence every second frame is a candidate, the frames of QP 44 among them,
while MFQE's PQFs, and those of the organisers' baseline, are every fourth frame alone. Both readings
stand here. ``lower_qp_frames`` is the sentence as written, and what SMGF's proposal takes by default;
``peak_quality_frames`` asks more: no frame within two frames may have a lower QP. That gives frames
0, 4, 8 … of the cascade; and in an x265 stream, whose QPs move with the rate control, it gives the I and
P frames between B frames without the reference B frame half-way between them.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps

import numpy as np

from venh_lib.bitstream import FrameInfo
from venh_lib.errors import DataError, SettingError

# Half of HM 16.20's GOP of four; with x265's default of up to four B frames, the reference B frame half-way
# between two P frames is within two frames of one of them too.
PEAK_RADIUS = 2


def _is_local_minimum(values: Sequence[float], t: int) -> bool:
    """Whether ``values[t]`` is strictly below its neighbours (one neighbour at an end; none: it is not)."""
    adjacent = [values[i] for i in (t - 1, t + 1) if 0 <= i < len(values)]
    return bool(adjacent) and all(values[t] < value for value in adjacent)


def qp_candidates(qps: Sequence[int]) -> tuple[int, ...]:
    """Frames whose QP is lower than that of both adjacent frames: §4.1's sentence as written.

    The first and the last frame have one neighbour and are held against that one. Frames of equal QP
    side by side are no candidates, nor is the frame of a stream of one.
    """
    return tuple(t for t in range(len(qps)) if _is_local_minimum(qps, t))


@lru_cache(maxsize=64)
def _peaks(qps: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(
        t for t in qp_candidates(qps) if qps[t] == min(qps[max(t - PEAK_RADIUS, 0) : t + PEAK_RADIUS + 1])
    )


def peak_quality_frames(qps: Sequence[int]) -> tuple[int, ...]:
    """PQFs by QP: candidates (``qp_candidates``) that no frame within two frames undercuts.

    For the cascade of HM 16.20 frames 0, 4, 8 …, whatever the length. Ties at a distance of two are
    allowed, so in ``P b P b P`` every P frame is a peak. Constant QPs have no peak, nor has a stream of P
    frames alone whose QP drifts, as rate control makes for fast motion: each policy says what it does then.
    """
    return _peaks(tuple(qps))


def peak_quality_frames_by_psnr(psnr: Sequence[float]) -> tuple[int, ...]:
    """PQFs by PSNR in dB: frames better than both adjacent frames (MFQE's definition [72]; §4.15).

    Ends as in ``qp_candidates``. Infinity (an identical frame) is allowed; NaN raises DataError.
    """
    if any(math.isnan(value) for value in psnr):
        raise DataError("a PSNR is NaN: PQFs cannot be told; measure the frames again.")
    negated = [-value for value in psnr]
    return tuple(t for t in range(len(negated)) if _is_local_minimum(negated, t))


def quality_fluctuation(psnr: Sequence[float]) -> tuple[float, float]:
    """How much quality fluctuates over frames: ``(SD, PVD)`` in dB, after MFQE [72].

    SD is the standard deviation of the per-frame PSNR (divided by N). PVD, the peak-valley difference, is
    the mean over the peaks of PSNR of the peak less its nearest valley (the earlier of two at one distance);
    0 without peaks. Raises DataError for no frames, NaN or infinity.
    """
    values = np.asarray(psnr, dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise DataError(f"quality fluctuation needs finite PSNRs of one frame or more, got {list(psnr)}.")
    valleys = [t for t in range(values.size) if _is_local_minimum(values, t)]
    drops = [
        values[peak] - values[min(valleys, key=lambda valley: abs(valley - peak))]
        for peak in peak_quality_frames_by_psnr(values)
    ]
    return float(values.std()), float(np.mean(drops)) if drops else 0.0


def _check(infos: Sequence[FrameInfo], t: int) -> None:
    if not infos:
        raise DataError("the stream has no frames: there are no references to choose from.")
    if not 0 <= t < len(infos):
        raise SettingError(f"frame {t} is outside the stream; it has frames 0 to {len(infos) - 1}.")
    if infos[t].index != t:
        raise DataError(
            f"the frame at place {t} says it is frame {infos[t].index}; "
            "give all frames of the stream, in display order."
        )


def _clamped(infos: Sequence[FrameInfo], t: int) -> int:
    return min(max(t, 0), len(infos) - 1)


def _of_the_stream(find: Callable[[Sequence[FrameInfo]], tuple[int, ...]]):
    """``find(infos)``, remembered of the stream that was asked about last: policies ask it for each of its frames."""
    last: tuple[Sequence[FrameInfo] | None, tuple[int, ...]] = None, ()

    @wraps(find)
    def found(infos: Sequence[FrameInfo]) -> tuple[int, ...]:
        nonlocal last
        stream, frames = last
        if stream is not infos:
            frames = find(infos)
            # A list may change.
            last = (infos, frames) if isinstance(infos, tuple) else last
        return frames

    return found


@_of_the_stream
def lower_qp_frames(infos: Sequence[FrameInfo]) -> tuple[int, ...]:
    """§4.1's candidates as written: ``qp_candidates`` of a stream."""
    return qp_candidates([info.qp for info in infos])


@_of_the_stream
def peak_frames(infos: Sequence[FrameInfo]) -> tuple[int, ...]:
    """The PQFs of a stream: ``peak_quality_frames`` of its QPs."""
    return peak_quality_frames([info.qp for info in infos])


@_of_the_stream
def i_p_candidates(infos: Sequence[FrameInfo]) -> tuple[int, ...]:
    """SMGF's candidates for Track 3: every I and P frame (§4.1)."""
    return tuple(info.index for info in infos if info.slice_type in ("I", "P"))


def intra_frames(infos: Sequence[FrameInfo]) -> tuple[int, ...]:
    """Every I frame: among these BLUEDOT looks for the most relevant one (§4.13)."""
    return tuple(info.index for info in infos if info.slice_type == "I")


def centre_only(infos: Sequence[FrameInfo], t: int) -> tuple[int, ...]:
    """``(t,)``: the window of a method that looks at one frame."""
    _check(infos, t)
    return (t,)


@dataclass(frozen=True)
class Neighbours:
    """The ``2·radius + 1`` frames around ``t`` in temporal order; beyond an end the edge frame repeats."""

    radius: int

    def __post_init__(self) -> None:
        if self.radius < 0:
            raise SettingError(f"the radius of a window must be 0 or more, got {self.radius}.")

    def __call__(self, infos: Sequence[FrameInfo], t: int) -> tuple[int, ...]:
        _check(infos, t)
        return tuple(_clamped(infos, t + offset) for offset in range(-self.radius, self.radius + 1))


def neighbours(radius: int) -> Neighbours:
    """The policy of ``radius`` consecutive frames on each side (2 in §4.12 and §4.14, 3 in §4.8 and §4.9)."""
    return Neighbours(radius)


@dataclass(frozen=True, repr=False)
class BestNext:
    """The frames of ``policy`` with the best coded ones of each side next to ``t``, the worst at the ends.

    Best is of lowest QP, the nearest of equals. A network reads a window by its places, and a frame does not
    show how coarsely it was coded; the bitstream says it.
    """

    policy: Callable[[Sequence[FrameInfo], int], tuple[int, ...]]

    def __repr__(self) -> str:
        return f"BestNext({self.policy!r})"

    def __call__(self, infos: Sequence[FrameInfo], t: int) -> tuple[int, ...]:
        window = self.policy(infos, t)
        centre = len(window) // 2

        def rank(i: int) -> tuple[int, int]:
            return infos[i].qp, abs(i - t)

        before, after = sorted(window[:centre], key=rank), sorted(window[centre + 1 :], key=rank)
        return (*reversed(before), window[centre], *after)


def previous_and_next_pqf(infos: Sequence[FrameInfo], t: int) -> tuple[int | None, int | None]:
    """The nearest PQF strictly before ``t`` and the nearest strictly after it; None where there is none."""
    _check(infos, t)
    peaks = peak_frames(infos)
    before, after = bisect_left(peaks, t), bisect_right(peaks, t)
    return peaks[before - 1] if before else None, peaks[after] if after < len(peaks) else None


def nearest_pqfs(infos: Sequence[FrameInfo], t: int) -> tuple[int, int, int]:
    """``(previous PQF, t, next PQF)`` (§4.4, §4.6, §4.15; MFQE).

    Both lie strictly beside ``t``, also when ``t`` is a PQF itself. Where one side has no PQF, the other
    side's stands in both places; where neither has one, the adjacent frames stand in (``t`` at an end).
    """
    before, after = previous_and_next_pqf(infos, t)
    if before is None and after is None:
        return _clamped(infos, t - 1), t, _clamped(infos, t + 1)
    return after if before is None else before, t, before if after is None else after


def mfqe_window(infos: Sequence[FrameInfo], t: int) -> tuple[int, ...]:
    """MFQE's window: ``(t,)`` for a PQF, which is enhanced by itself, else ``(previous PQF, t, next PQF)``.

    In a stream without PQFs no frame has a better one to learn from: every window is ``(t,)``.
    """
    _check(infos, t)
    peaks = peak_frames(infos)
    is_peak = bisect_left(peaks, t) < bisect_right(peaks, t)
    return (t,) if not peaks or is_peak else nearest_pqfs(infos, t)


def _proposed(
    infos: Sequence[FrameInfo], t: int, step: int, count: int, candidates: Sequence[int]
) -> list[int]:
    """``count`` references on one side of ``t`` (``step`` −1 before, +1 after), from near to far."""
    chosen = [_clamped(infos, t + step)]
    while len(chosen) < count:
        last = chosen[-1]
        place = bisect_right(candidates, last) if step > 0 else bisect_left(candidates, last) - 1
        chosen.append(candidates[place] if 0 <= place < len(candidates) else last)
    return chosen


@dataclass(frozen=True, repr=False)
class SMGFProposal:
    """SMGF's proposal of references (§4.1): ``2·per_side + 1`` frames in temporal order.

    On each side: first the adjacent frame; then, again and again, the next candidate beyond the last
    frame chosen; and when no candidate is left, the last frame chosen once more. Padding so stands at
    the outer ends of the window, and indices never decrease. At the first or last frame, where a side has
    no adjacent frame, ``t`` itself fills that side (§4.1 does not say). ``candidates`` is
    ``lower_qp_frames`` (§4.1 as written), ``peak_frames``, or for Track 3 ``i_p_candidates``: frames in order.
    """

    per_side: int = 4
    candidates: Callable[[Sequence[FrameInfo]], tuple[int, ...]] = lower_qp_frames

    def __post_init__(self) -> None:
        if self.per_side < 1:
            raise SettingError(f"SMGF needs at least one reference on each side, got {self.per_side}.")

    def __repr__(self) -> str:
        return f"SMGFProposal(per_side={self.per_side}, candidates={self.candidates.__name__})"

    def __call__(self, infos: Sequence[FrameInfo], t: int) -> tuple[int, ...]:
        _check(infos, t)
        candidates = self.candidates(infos)
        before = _proposed(infos, t, -1, self.per_side, candidates)
        after = _proposed(infos, t, +1, self.per_side, candidates)
        return (*reversed(before), t, *after)


smgf_proposal = SMGFProposal()


def _checked_intra_frames(infos: Sequence[FrameInfo], t: int) -> tuple[int, ...]:
    _check(infos, t)
    intra = intra_frames(infos)
    if not intra:
        raise DataError("the stream has no intra frame; give a whole stream, from its first frame on.")
    return intra


def nearest_intra_frame(infos: Sequence[FrameInfo], t: int) -> int:
    """The I frame nearest to ``t``, ``t`` included, the earlier of two; DataError without I frames."""
    return min(_checked_intra_frames(infos, t), key=lambda index: abs(index - t))


def best_intra_frame(infos: Sequence[FrameInfo], t: int, relevance: Sequence[float]) -> int:
    """The I frame of highest relevance to frame ``t`` (§4.13), ties to the one nearest to ``t``.

    ``relevance`` has one number per frame of ``intra_frames(infos)``, in that order: it is measured on
    pixels, so the caller measures it. Raises DataError without I frames, for a wrong count or NaN.
    """
    intra = _checked_intra_frames(infos, t)
    if len(relevance) != len(intra) or any(math.isnan(value) for value in relevance):
        raise DataError(
            f"the stream has {len(intra)} intra frames {intra}: give one relevance (a number) for each, "
            f"got {list(relevance)}."
        )
    return max(zip(relevance, intra, strict=True), key=lambda pair: (pair[0], -abs(pair[1] - t)))[1]


def beside_frames(infos: Sequence[FrameInfo], windows: Sequence[Sequence[int]]) -> dict[str, list[list[int]]]:
    """What networks may read of windows of frames: ``qps``, and ``places``, counted from each window's middle frame."""
    return {
        "qps": [[infos[t].qp for t in window] for window in windows],
        "places": [[t - window[len(window) // 2] for t in window] for window in windows],
    }
