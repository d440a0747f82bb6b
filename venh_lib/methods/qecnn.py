"""QECNN, a baseline of Table 1: one branch for artefacts of intra frames, one for those of inter frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from venh_lib import references
from venh_lib.blocks.residual import he_, same_conv, zero_, zero_mean_
from venh_lib.losses import L1, L2
from venh_lib.methods.method import Method, check_preset
from venh_lib.recipes import Constant, Cosine, Recipe

KERNEL_SIZES = (9, 7, 3, 1)
# Where PyTorch starts the slope of a PReLU.
PRELU_SLOPE = 0.25


def _level(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    return nn.Sequential(same_conv(in_channels, out_channels, kernel_size), nn.PReLU(out_channels))


class QECNN(nn.Module):
    """Quality Enhancement CNN: ``[B, 1, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped.

    Yang et al., TCSVT 2019, reference [70] of the report. The I branch is a plain chain of four
    levels; each level of the B branch sees the features of both branches; a 5×5 convolution turns the
    last features of both into a residual that is added to the frame.
    """

    def __init__(self, channels: tuple[int, int, int, int] = (128, 64, 64, 32)) -> None:
        super().__init__()
        inputs = (3, *channels[:-1])
        self.i_branch = nn.ModuleList(
            _level(inside, out, kernel)
            for inside, out, kernel in zip(inputs, channels, KERNEL_SIZES, strict=True)
        )
        # Both branches' features meet at the entrance of each B level; the first sees the frame alone.
        self.b_branch = nn.ModuleList(
            _level(inside if level == 0 else 2 * inside, out, kernel)
            for level, (inside, out, kernel) in enumerate(zip(inputs, channels, KERNEL_SIZES, strict=True))
        )
        he_(self, slope=PRELU_SLOPE)
        for branch in (self.i_branch, self.b_branch):
            zero_mean_(branch[0][0])
        self.tail = zero_(same_conv(2 * channels[-1], 3, 5))

    def forward(self, window: Tensor) -> Tensor:
        frame = window[:, 0]
        i_features, both = frame, frame
        for i_level, b_level in zip(self.i_branch, self.b_branch, strict=True):
            i_features, b_features = i_level(i_features), b_level(both)
            both = torch.cat((i_features, b_features), dim=1)
        return frame + self.tail(both)


def build(preset: str) -> QECNN:
    """QECNN at ``preset``; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return QECNN((128, 64, 64, 32))
    return QECNN((16, 16, 16, 16))


METHOD = Method(
    slug="qecnn",
    team="QECNN",
    title="QECNN: Quality Enhancement CNN",
    tracks=(1,),
    sections=("Table 1", "[70]"),
    kind="window",
    build=build,
    policy=references.centre_only,
    recipes={
        (1, "smoke"): Recipe(
            steps=30, batch=4, crop=32, loss=L1(), learning_rate=1e-3, preset="course", warmup=5,
            ema=None, clip_norm=0.5, clips=8, validate_every=15, checkpoint_every=15,
        ),
        (1, "course"): Recipe(
            steps=16_000, batch=16, crop=64, loss=L2(), learning_rate=1e-3, preset="course", warmup=100,
            schedule=Cosine(0.01), clip_norm=0.5, clips=640, places=3,
        ),
        # The report gives no settings for the baselines; L2 is the loss of Yang et al.
        (1, "paper"): Recipe(
            steps=500_000, batch=32, crop=64, loss=L2(), learning_rate=1e-4, preset="paper",
            betas=(0.9, 0.999), schedule=Constant(), ema=None, flips=False, colour=False, clips=200,
            checkpoint_every=1000,
        ),
    },
    departures=(
        "The tail starts at zero, so that the untrained network is the identity; the other layers start as He et "
        "al. (2015) say, the first with filters of zero mean.",
        "Every frame passes both branches, as in the challenge's baseline; Yang et al. enhance intra frames "
        "by the I branch alone, and the streams here have one intra frame each.",
        "Course preset: 16 channels in each level instead of 128, 64, 64 and 32; kernels, branches and tail are "
        "kept.",
        "Course recipe: learning rate 1e-3 with warm-up and a cosine, crops from places that lost much, moving "
        "average of weights, clipped gradients, flips and colour augmentation.",
        "Paper recipe: the report gives no settings for its baselines; optimiser and steps are ours.",
    ),
)
