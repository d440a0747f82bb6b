"""PSNR and MS-SSIM as the challenge measures them: on 8-bit RGB frames, frame by frame (report §2.2).

Frames are ``[B, 3, H, W]``, RGB, uint8 or floating point in 0–1; floats are clipped and rounded to 8 bits
first, because the challenge scores image files. Work is done on the frames' device; results come back
as float64 on the CPU, one number per frame. A video's PSNR is the mean of its frames' PSNRs, never the
PSNR of the mean error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytorch_msssim
import torch
from torch import Tensor

from venh_lib.errors import DataError

PEAK = 255.0
# Five scales halve the picture four times, and the 11×11 window must still fit: (11 − 1)·2⁴.
MS_SSIM_SIDE_ABOVE = 160


def to_8_bit(frames: Tensor) -> Tensor:
    """Frames as uint8: uint8 unchanged, floats in 0–1 clipped, times 255, rounded (halves to even).

    Any shape. Raises DataError for another dtype, and for NaN or infinity.
    """
    if frames.dtype == torch.uint8:
        return frames
    if not frames.is_floating_point():
        raise DataError(f"frames must be uint8, or floats in 0–1, got {frames.dtype}; convert them first.")
    if not torch.isfinite(frames).all():
        raise DataError("frames hold NaN or infinity: the network that made them is broken.")
    return frames.float().clamp(0, 1).mul(PEAK).round().to(torch.uint8)


def _pair(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 3 or 0 in a.shape:
        raise DataError(
            f"expected two batches of RGB frames of one shape [B, 3, H, W], got {tuple(a.shape)} "
            f"and {tuple(b.shape)}; check that both clips have the same size and number of frames."
        )
    return to_8_bit(a), to_8_bit(b)


def _mean_square(a: Tensor, b: Tensor) -> Tensor:
    """Mean over all but the first dimension of the squared difference of two uint8 tensors, exactly."""
    # Summed as int64: in float32 the sum over a frame would lose its last digits.
    total = (a.int() - b.int()).square().flatten(1).sum(1)
    return total.cpu().double() / a[0].numel()


def _decibels(mean_square: Tensor) -> Tensor:
    """PSNR in dB of mean squared errors in 8-bit units; +inf where the error is zero."""
    level = 10 * torch.log10(PEAK**2 / mean_square.clamp(min=torch.finfo(mean_square.dtype).tiny))
    return torch.where(mean_square == 0, torch.inf, level)


def mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared error of each frame over its three channels, ``[B]``, in squared 8-bit steps."""
    return _mean_square(*_pair(a, b))


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """PSNR of each frame, ``[B]``, in dB: ``10·log10(255² / mse)``; +inf for identical frames.

    The mean squared error is pooled over R, G and B of the frame. Raises DataError for shapes that
    differ or are not ``[B, 3, H, W]``, and for frames with NaN.
    """
    return _decibels(mse(a, b))


def luma_psnr(a: Tensor, b: Tensor) -> Tensor:
    """Y-PSNR of each frame, ``[B]``, in dB, of I420 planes uint8 ``[B, H*3//2, W]``; +inf if identical.

    What papers on the JCT-VC set report; not comparable with the RGB figures of the report's tables.
    """
    if a.shape != b.shape or a.ndim != 3 or a.shape[1] % 3 or {a.dtype, b.dtype} != {torch.uint8}:
        raise DataError(
            f"expected two uint8 batches of I420 planes [B, H*3//2, W], got {tuple(a.shape)} {a.dtype} "
            f"and {tuple(b.shape)} {b.dtype}."
        )
    height = a.shape[1] * 2 // 3
    return _decibels(_mean_square(a[:, :height], b[:, :height]))


@torch.no_grad()
def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """MS-SSIM of each frame, ``[B]``, up to 1: mean over R, G and B.

    The report states no settings. Ours are those of Wang et al. 2003 [60]: five scales weighted 0.0448,
    0.2856, 0.3001, 0.2363, 0.1333, an 11×11 Gaussian window of σ 1.5, range 255, on frames rounded to
    8 bits. Raises DataError when the short side is not above 160 px.
    """
    a, b = _pair(a, b)
    side = min(a.shape[-2:])
    if side <= MS_SSIM_SIDE_ABOVE:
        raise DataError(
            f"MS-SSIM with five scales needs a short side above {MS_SSIM_SIDE_ABOVE} px, "
            f"got frames of {a.shape[-1]}×{a.shape[-2]}; measure PSNR alone, or take larger frames."
        )
    # A variance is a small difference of large means: reduced precision (autocast, TF32) would destroy it.
    with (
        torch.autocast(a.device.type, enabled=False),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
    ):
        values = pytorch_msssim.ms_ssim(
            a.float(), b.float(), data_range=PEAK, size_average=False, win_size=11, win_sigma=1.5
        )
    return values.cpu().double()


def mean_psnr(values: Sequence[float]) -> float:
    """Mean in dB over the frames that differ from their reference; +inf when none does.

    One identical frame would make a plain mean infinite, so identical frames (+inf) are left out here
    and counted apart, in ``Fidelity.identical``. Raises DataError for no values.
    """
    if not values:
        raise DataError("no frames were measured: there is no mean.")
    finite = [value for value in values if value != math.inf]
    return math.fsum(finite) / len(finite) if finite else math.inf


@dataclass(frozen=True)
class Fidelity:
    """Per-frame figures of one clip: ``psnr`` in dB, ``ms_ssim`` (empty when it was not measured)."""

    psnr: tuple[float, ...]
    ms_ssim: tuple[float, ...]

    @property
    def frames(self) -> int:
        """Number of frames measured."""
        return len(self.psnr)

    @property
    def identical(self) -> int:
        """Number of frames equal to their reference, whose PSNR is +inf."""
        return sum(value == math.inf for value in self.psnr)

    @property
    def mean_psnr(self) -> float:
        """The clip's PSNR in dB, by the rule of ``mean_psnr``."""
        return mean_psnr(self.psnr)

    @property
    def mean_ms_ssim(self) -> float:
        """The clip's MS-SSIM; DataError when it was not measured."""
        if not self.ms_ssim:
            raise DataError("MS-SSIM was not measured; make the meter with FidelityMeter(structure=True).")
        return math.fsum(self.ms_ssim) / len(self.ms_ssim)


class FidelityMeter:
    """Measures a clip batch by batch and keeps the numbers only: memory does not grow with the frames' size.

    ``structure=False`` leaves MS-SSIM out (small frames; validation during training).
    """

    def __init__(self, structure: bool = True) -> None:
        self.structure = structure
        self._psnr: list[float] = []
        self._ms_ssim: list[float] = []

    def update(self, reference: Tensor, output: Tensor) -> None:
        """Add a batch: ground truth and enhanced (or compressed) frames, each ``[B, 3, H, W]``."""
        reference, output = _pair(reference, output)
        structure = ms_ssim(reference, output).tolist() if self.structure else []
        self._psnr += psnr(reference, output).tolist()
        self._ms_ssim += structure

    def result(self) -> Fidelity:
        """The figures of all frames so far; DataError when there are none."""
        if not self._psnr:
            raise DataError("no frames were measured; call update() with the frames of the clip first.")
        return Fidelity(tuple(self._psnr), tuple(self._ms_ssim))
