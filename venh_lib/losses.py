"""The fidelity losses of the report: L1, L2, Charbonnier, Fourier, gradient, weighted sums of them; offset losses.

Every loss maps ``(output, target)`` to a scalar: tensors ``[..., 3, H, W]`` of one shape, RGB in 0–1.
Half-precision inputs are widened to float32 first, so a loss means the same under autocast. A loss is
a frozen record whose ``repr`` is the expression that makes it again; provenance keeps that text.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from venh_lib.errors import SettingError, TrainingError

Loss = Callable[[Tensor, Tensor], Tensor]


def _difference(output: Tensor, target: Tensor) -> Tensor:
    """``output − target`` in at least float32; TrainingError when the shapes differ."""
    if output.shape != target.shape:
        # Broadcasting would turn a wrong target into a plausible number.
        raise TrainingError(
            f"the loss got an output of shape {tuple(output.shape)} and a target of shape "
            f"{tuple(target.shape)}; give it two tensors of one shape."
        )
    wide = torch.promote_types(torch.promote_types(output.dtype, target.dtype), torch.float32)
    return output.to(wide) - target.to(wide)


@dataclass(frozen=True)
class L1:
    """Mean absolute difference (report §4.1, §4.7, §4.12.1, §4.14, §4.16)."""

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return _difference(output, target).abs().mean()


@dataclass(frozen=True)
class L2:
    """Mean squared difference (report §4.4, §4.8, §4.10, §4.12.2)."""

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return _difference(output, target).square().mean()


@dataclass(frozen=True)
class Charbonnier:
    """Mean of ``sqrt(d² + ε²)`` over all samples, ``d`` the difference (report §4.2, §4.3, §4.5, §4.11).

    ε is in units of the 0–1 range and stands squared under the root: the loss of two equal images is
    ε, not zero. The report prints ε for one team alone, 1e-6 (§4.11); Shannon's public code has 1e-9.
    The default of 1e-3 is ours. Code that writes ``sqrt(d² + eps)`` has ``ε = sqrt(eps)`` here.
    """

    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        # Where the images agree the root has a derivative only while float32 can tell ε² from zero.
        if not (math.isfinite(self.epsilon) and self.epsilon >= 1e-18):
            raise SettingError(f"Charbonnier's epsilon must be a number from 1e-18 up, got {self.epsilon!r}.")

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return (_difference(output, target).square() + self.epsilon**2).sqrt().mean()


@dataclass(frozen=True)
class FFT:
    """Mean absolute difference of the 2-D spectra, real and imaginary parts apart (report §4.1).

    The transform runs over H and W of each colour channel and is orthonormal (scaled by
    ``1/sqrt(H·W)``), so the loss does not grow with the crop and white noise costs about as much as
    under L1. A real image has a symmetric spectrum: the half that ``rfft2`` keeps is averaged. The
    report names the loss and gives no normalisation; this one is ours.
    """

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(_difference(output, target), norm="ortho")
        return torch.view_as_real(spectrum).abs().mean()


@dataclass(frozen=True)
class Gradient:
    """Mean absolute difference of the horizontal finite differences, plus that of the vertical ones.

    Report §4.1 (reference [56]): edges of the output should be as steep as those of the target. Blind
    to a constant offset, so it is a term beside L1, never a loss alone. Needs H and W of at least 2.
    """

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        difference = _difference(output, target)
        if min(difference.shape[-2:]) < 2:
            raise TrainingError(
                f"the gradient loss needs images of at least 2×2 pixels, got {tuple(difference.shape)}."
            )
        horizontal = difference[..., :, 1:] - difference[..., :, :-1]
        vertical = difference[..., 1:, :] - difference[..., :-1, :]
        return horizontal.abs().mean() + vertical.abs().mean()


@dataclass(frozen=True, repr=False)
class Weighted:
    """A weighted sum: ``Weighted(((1.0, L1()), (0.1, FFT())))`` is ``1.0·L1 + 0.1·FFT``.

    Weights are positive. SMGF's loss is L1 + FFT + gradient (report §4.1, weights not printed).
    """

    terms: tuple[tuple[float, Loss], ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise SettingError("a weighted loss needs at least one (weight, loss) pair, got none.")
        for weight, _ in self.terms:
            if not (math.isfinite(weight) and weight > 0):
                raise SettingError(f"a loss's weight must be a positive number, got {weight!r} in {self!r}.")

    def __repr__(self) -> str:
        return f"Weighted({self.terms!r})"

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return sum(weight * loss(output, target) for weight, loss in self.terms)


def offset_total_variation(offsets: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring offsets, horizontal plus vertical, in pixels (report §4.5).

    ``offsets`` ``[B, 2·G·K, H, W]``, as ``blocks.deformable`` has them. Objects move as wholes, so offsets should be
    smooth in space. The report names the loss; that it is the L1 one is ours.
    """
    across, down = offsets[..., :, 1:] - offsets[..., :, :-1], offsets[..., 1:, :] - offsets[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def offset_variance(offsets: Tensor) -> Tensor:
    """Mean squared distance of each group's and tap's offset from their mean at the same pixel (report §4.5).

    ``offsets`` ``[B, 2·G·K, H, W]`` in pixels, vertical and horizontal ones in turn; squared pixels come out. All look
    for the same motion, and one that strays far from the others has lost it.
    """
    pairs = offsets.float().unflatten(1, (-1, 2))
    return (pairs - pairs.mean(dim=1, keepdim=True)).square().mean()
