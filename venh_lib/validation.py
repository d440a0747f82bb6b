"""What validation clips say of a network while it trains, by which its best weights are chosen."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import torch
from torch import nn

from venh_lib import devices
from venh_lib.dataset import Sequence
from venh_lib.methods.method import Method, restoration_gain

VALIDATION_FRAMES = 8


def validation_frames(length: int) -> list[int]:
    """A few frames spread evenly over a clip of ``length`` frames.

    Eight, because six of 41 are frames 0, 8, 16 …: peaks all of them, which other frames' methods leave alone.
    """
    count = min(VALIDATION_FRAMES, length)
    return sorted({round(i * (length - 1) / max(count - 1, 1)) for i in range(count)})


@torch.inference_mode()
def validation_gains(
    network: nn.Module, method: Method, sequences: SequenceOf[Sequence], device: torch.device, precision: str = "fp32"
) -> dict[str, float]:
    """What chooses the method's best weights, in dB by name of the sequence: its own score, or the mean PSNR gain.

    On a few frames of each sequence (``validation_frames``), in evaluation mode.
    """
    training = network.training
    network.eval()
    measure = method.score or restoration_gain
    measured = {}
    for sequence in sequences:
        with devices.autocast(device, precision):
            measured[sequence.name] = measure(network, method, sequence, validation_frames(len(sequence)), device)
    network.train(training)
    return measured
