"""SpyNet as a part that other methods start from: trained on the true motion of synthesised clips."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import torch

from venh_lib import references
from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.flow import warp
from venh_lib.blocks.spynet import SpyNet
from venh_lib.dataset import Sequence
from venh_lib.losses import L1
from venh_lib.methods.method import Method, as_tensor, check_preset
from venh_lib.metrics.fidelity import psnr
from venh_lib.recipes import Recipe


def build(preset: str) -> SpyNet:
    """SpyNet, of the published size at both presets; SettingError for an unknown one."""
    check_preset(preset)
    return SpyNet()


def frame_and_another(infos: SequenceOf[FrameInfo], t: int) -> tuple[int, int]:
    """Frame ``t`` and, in turn, the one before, the one after, the PQF before and the PQF after it."""
    before, _, after = references.nearest_pqfs(infos, t)
    others = (t - 1, t + 1, before, after)
    # At an end of the clip, or where a side has no PQF, the next in turn that is there.
    there = (other for other in (*others[t % 4 :], *others) if 0 <= other < len(infos) and other != t)
    return t, next(there, t)


def matching_gain(
    network: SpyNet, method: Method, sequence: Sequence, frames: SequenceOf[int], device: torch.device
) -> float:
    """By how many dB a flow brings another frame nearer to a frame, mean over ``frames`` of a sequence.

    The network sees compressed frames, the method's window of two; what its flow moves is the raw other frame,
    which is compared with the raw frame.
    """
    raw, compressed = sequence.raw_frames(), sequence.compressed_frames()
    gains = []
    for t in frames:
        window = method.policy(sequence.infos, t)
        seen, truth = ([as_tensor(side.rgb(i))[None].to(device) for i in window] for side in (compressed, raw))
        frame, other = truth
        gains.append(psnr(warp(other, network(*seen)), frame) - psnr(other, frame))
    return float(torch.cat(gains).mean())


def _recipe(steps: int, **changes) -> Recipe:
    # Kernels of 7×7 feel each step of the rate in hundreds of weights at once: at 1e-5 batches this small already
    # unlearn the start, at 5e-4 most levels die. So the rate is low, and the weights' moving average is what counts.
    # Crops are large, for the coarsest of six levels to see more than borders. The film's true motion is not known.
    settings = {
        "steps": steps, "batch": 4, "crop": 192, "loss": L1(), "learning_rate": 3e-6, "preset": "course",
        "betas": (0.9, 0.999), "warmup": 100, "clip_norm": 1.0, "clips": 640, "film": 0.0, "motion": True,
        "validate_every": 250,
    }  # fmt: skip
    return Recipe(**(settings | changes))


METHOD = Method(
    slug="spynet",
    team="",
    title="SpyNet: optical flow from coarse to fine",
    tracks=(),
    sections=("§4.2", "§4.3"),
    kind="window",
    build=build,
    policy=frame_and_another,
    recipes={
        (1, "smoke"): _recipe(
            10, batch=2, crop=64, clips=8, warmup=2, ema=None, validate_every=5, checkpoint_every=5
        ),
        (1, "course"): _recipe(1_000),
        (1, "paper"): _recipe(12_000, preset="paper"),
    },
    departures=(
        "The teams took published weights, trained on rendered films and chairs; no package ships any, so ours learn "
        "from the true motion of synthesised clips, as compressed as the frames that they will see.",
        "Ranjan and Black train one level after another; all six learn at once here, each from Lucas and Kanade's "
        "method as its start.",
    ),
    score=matching_gain,
)
