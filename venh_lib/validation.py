"""The gain on validation clips while a network trains, by which its best weights are chosen."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import torch
from torch import nn

from venh_lib import devices
from venh_lib.dataset import Sequence
from venh_lib.methods.method import Method
from venh_lib.metrics.fidelity import psnr

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
    """Mean RGB PSNR gain in dB on a few frames of each sequence, by name of the sequence."""
    training = network.training
    network.eval()
    gains = {}
    for sequence in sequences:
        frames = validation_frames(len(sequence))
        raw, compressed = sequence.raw_frames(), sequence.compressed_frames()

        def restore(indices: SequenceOf[int], compressed=compressed) -> torch.Tensor:
            window = torch.stack([_tensor(compressed.rgb(i)) for i in indices])[None].to(device)
            with devices.autocast(device, precision):
                return network(window)[0].float()

        if method.kind == "recurrent":
            outputs = restore(range(len(sequence)))[frames]
        else:
            outputs = torch.stack([restore(method.policy(sequence.infos, t)) for t in frames])
        truth = torch.stack([_tensor(raw.rgb(t)) for t in frames]).to(device)
        given = torch.stack([_tensor(compressed.rgb(t)) for t in frames]).to(device)
        gains[sequence.name] = float((psnr(outputs, truth) - psnr(given, truth)).mean())
    network.train(training)
    return gains


def _tensor(rgb) -> torch.Tensor:
    return torch.from_numpy(rgb).permute(2, 0, 1).float().div(255)
