"""The fidelity losses: values by hand or by numpy, gradients, half precision, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from venh_lib.errors import SettingError, TrainingError
from venh_lib.losses import (
    FFT,
    L1,
    L2,
    Charbonnier,
    Gradient,
    Weighted,
    offset_total_variation,
    offset_variance,
)

SMGF = Weighted(((1.0, L1()), (0.1, FFT()), (0.5, Gradient())))
EVERY = (L1(), L2(), Charbonnier(), FFT(), Gradient(), SMGF)


def pair(height: int = 6, width: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    a, b = torch.rand(2, 2, 3, height, width, generator=generator, dtype=torch.float64)
    return a, b


def test_l1_l2_and_charbonnier_are_their_formulas():
    a, b = pair()
    d = (a - b).numpy()
    assert L1()(a, b).item() == pytest.approx(np.abs(d).mean(), rel=1e-12)
    assert L2()(a, b).item() == pytest.approx((d**2).mean(), rel=1e-12)
    assert Charbonnier(0.2)(a, b).item() == pytest.approx(np.sqrt(d**2 + 0.2**2).mean(), rel=1e-12)


def test_epsilon_of_charbonnier_stands_squared_under_the_root():
    a, _ = pair()
    assert Charbonnier(0.25)(a, a).item() == pytest.approx(0.25, rel=1e-12)


def test_fft_is_the_mean_over_real_and_imaginary_parts_of_the_orthonormal_half_spectrum():
    a, b = pair()
    spectrum = np.fft.rfft2((a - b).numpy(), norm="ortho")
    expected = (np.abs(spectrum.real).mean() + np.abs(spectrum.imag).mean()) / 2
    assert FFT()(a, b).item() == pytest.approx(expected, rel=1e-12)


def test_fft_does_not_grow_with_the_crop():
    generator = torch.Generator().manual_seed(0)
    small, large = (
        FFT()(torch.randn(8, 3, side, side, generator=generator), torch.zeros(8, 3, side, side)).item()
        for side in (16, 64)
    )
    assert small == pytest.approx(large, rel=0.05)


def test_gradient_sees_edges_and_not_a_constant_offset():
    target = torch.zeros(1, 3, 4, 4)
    assert Gradient()(target + 0.3, target).item() == 0
    step = target.clone()
    step[..., 2:] = 1.0  # one of three horizontal differences is 1
    assert Gradient()(step, target).item() == pytest.approx(1 / 3)
    assert Gradient()(step.transpose(-1, -2), target).item() == pytest.approx(1 / 3)


def test_weighted_is_the_weighted_sum():
    a, b = pair()
    expected = L1()(a, b) + 0.1 * FFT()(a, b) + 0.5 * Gradient()(a, b)
    assert SMGF(a, b).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("loss", EVERY, ids=repr)
def test_the_derivative_is_right(loss):
    a, b = pair(4, 5)
    assert torch.autograd.gradcheck(lambda x: loss(x, b), a.requires_grad_())


@pytest.mark.parametrize("loss", [*EVERY, Charbonnier(1e-9), Charbonnier(1e-18)], ids=repr)
def test_equal_images_give_a_finite_derivative(loss):
    a = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss(a, a.detach().clone()).backward()
    assert torch.isfinite(a.grad).all()


@pytest.mark.parametrize("loss", EVERY, ids=repr)
def test_half_precision_is_widened_before_anything_is_computed(loss):
    a, b = (x.bfloat16() for x in pair(16, 16))
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(a, b)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(loss(a.double(), b.double()).item(), rel=1e-5)


@pytest.mark.parametrize("loss", EVERY, ids=repr)
def test_repr_makes_the_loss_again(loss):
    assert eval(repr(loss)) == loss


@pytest.mark.parametrize("loss", EVERY, ids=repr)
def test_a_target_of_another_shape_is_refused_not_broadcast(loss):
    with pytest.raises(TrainingError, match="one shape"):
        loss(torch.zeros(2, 3, 8, 8), torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("epsilon", [0.0, -1e-3, 1e-30, math.nan, math.inf])
def test_epsilon_must_be_one_that_float32_can_hold_squared(epsilon):
    with pytest.raises(SettingError, match="epsilon"):
        Charbonnier(epsilon)


@pytest.mark.parametrize("terms", [(), ((0.0, L1()),), ((-1.0, L1()),), ((math.nan, L1()),)])
def test_weights_must_be_there_and_positive(terms):
    with pytest.raises(SettingError):
        Weighted(terms)


def test_gradient_refuses_an_image_without_differences():
    with pytest.raises(TrainingError, match="2×2"):
        Gradient()(torch.zeros(1, 3, 1, 8), torch.zeros(1, 3, 1, 8))


def test_offset_total_variation_is_the_slope_of_a_ramp_and_nothing_of_a_constant():
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(8.0), indexing="ij")
    ramp = (2 * columns - 3 * rows).expand(1, 36, 6, 8)
    assert offset_total_variation(ramp) == 5
    assert offset_total_variation(torch.full((1, 36, 6, 8), 7.0)) == 0


def test_offset_variance_sees_taps_that_differ_and_neither_the_common_motion_nor_its_direction():
    together = torch.tensor([4.0, -9.0]).repeat(18)[None, :, None, None].expand(1, 36, 6, 8)
    assert offset_variance(together) == 0
    # Half of the taps three pixels off in one direction: 1.5 from the mean in it, 0 in the other.
    apart = together.clone()
    apart[:, 0:18:2] += 3
    assert offset_variance(apart) == pytest.approx(1.5**2 / 2)
