"""MT.MaxClear's offset losses: what they weigh, when, and that a training feels them."""

import pytest
import torch

from venh_lib.blocks.deformable import DeformConv
from venh_lib.losses import L1
from venh_lib.methods.mt_maxclear import TOTAL_VARIATION, VARIANCE, RegularisedCore, RegularisedEDVR


def layers(network: torch.nn.Module) -> list[DeformConv]:
    return [module for module in network.modules() if isinstance(module, DeformConv)]


@pytest.fixture
def core() -> RegularisedCore:
    """Its first layer's offsets rise by two pixels a column; of the others' every second tap is three pixels off."""
    core = RegularisedCore(8, 3, 1, groups=2)
    first, *others = layers(core)
    first.offsets = 2 * torch.arange(5.0).expand(1, 36, 4, 5)
    for layer in others:
        layer.offsets = torch.tensor([0.0, 0.0, 3.0, 3.0]).repeat(9).view(1, 36, 1, 1).expand(-1, -1, 4, 5)
    return core


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_both_losses_fall_from_their_weights_to_zero(core, progress):
    count = len(layers(core))
    assert count > 1
    variation, variance = 2 / count, 1.5**2 * (count - 1) / count
    expected = (1 - progress) * (TOTAL_VARIATION * variation + VARIANCE * variance)
    assert core.penalty(progress).item() == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_at_paper_size_offsets_learn_by_their_losses_alone():
    network = RegularisedEDVR(8, 3, extract=1, reconstruct=1, groups=2, core=RegularisedCore)
    for layer in layers(network):
        torch.nn.init.normal_(layer.conv_offset.weight, std=0.1)
    samples = {"lq": torch.rand(1, 3, 3, 64, 64), "gt": torch.rand(1, 3, 64, 64)}

    def gradient(step: int) -> float:
        network.zero_grad()
        # A loss that says nothing of the picture.
        loss = network.training_loss(samples, step, 10, lambda output, truth: 0 * L1()(output, truth))
        loss.backward()
        return sum(layer.conv_offset.weight.grad.abs().sum().item() for layer in layers(network))

    start = gradient(0)
    assert start > 0 and gradient(5) == pytest.approx(start / 2, rel=1e-3) and gradient(10) == 0
