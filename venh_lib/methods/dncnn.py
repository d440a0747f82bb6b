"""DnCNN, a baseline of Table 1: a deep plain network with batch normalisation that predicts the artefacts."""

from __future__ import annotations

from torch import Tensor, nn

from venh_lib import references
from venh_lib.blocks.residual import same_conv, zero_
from venh_lib.losses import L1, L2
from venh_lib.methods.method import Method, check_preset
from venh_lib.recipes import Constant, Cosine, Recipe


class DnCNN(nn.Module):
    """Denoising CNN: ``[B, 1, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped.

    Zhang et al., TIP 2017, reference [74] of the report: ``convolutions`` 3×3 layers, batch
    normalisation in all but the first and the last; the output is the frame minus the prediction.
    In training, batch normalisation uses the mean and variance of the batch of crops; afterwards
    (``.eval()``) their running averages, so that a frame's result does not depend on its neighbours.
    """

    def __init__(self, channels: int = 64, convolutions: int = 20) -> None:
        super().__init__()
        self.head = nn.Sequential(same_conv(3, channels), nn.ReLU(inplace=True))
        self.body = nn.Sequential(*(
            nn.Sequential(
                same_conv(channels, channels),
                # 1e-3 is the ε of the challenge's baseline (TensorFlow's default). PyTorch's default
                # momentum averages ten batches, which is too noisy for batches of eight crops.
                nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03),
                nn.ReLU(inplace=True),
            )
            for _ in range(convolutions - 2)
        ))
        self.tail = zero_(same_conv(channels, 3))

    def forward(self, window: Tensor) -> Tensor:
        frame = window[:, 0]
        artefacts = self.tail(self.body(self.head(frame)))
        return frame - artefacts


def build(preset: str) -> DnCNN:
    """DnCNN at ``preset``; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return DnCNN(channels=64, convolutions=20)
    return DnCNN(channels=32, convolutions=10)


METHOD = Method(
    slug="dncnn",
    team="DnCNN",
    title="DnCNN: Denoising CNN",
    tracks=(1,),
    sections=("Table 1", "[74]"),
    kind="window",
    build=build,
    policy=references.centre_only,
    recipes={
        (1, "smoke"): Recipe(
            steps=30, batch=4, crop=32, loss=L1(), learning_rate=1e-3, preset="course", warmup=5,
            ema=None, clip_norm=0.5, clips=8, validate_every=15, checkpoint_every=15,
        ),
        # No moving average: the running statistics belong to the weights of the last steps. Many small crops,
        # as Zhang et al. have: statistics of eight scenes differ so much from batch to batch that the network
        # learned to say nothing.
        (1, "course"): Recipe(
            steps=12_000, batch=24, crop=48, loss=L2(), learning_rate=1e-3, preset="course", warmup=100,
            schedule=Cosine(0.01), ema=None, clip_norm=0.5, clips=640, places=3,
        ),
        # The report gives no settings for the baselines; L2 is the loss of Zhang et al.
        (1, "paper"): Recipe(
            steps=500_000, batch=32, crop=64, loss=L2(), learning_rate=1e-4, preset="paper",
            betas=(0.9, 0.999), schedule=Constant(), ema=None, flips=False, colour=False, clips=200,
            checkpoint_every=1000,
        ),
    },
    departures=(
        "The last convolution starts at zero, so that the untrained network is the identity.",
        "The convolutions before batch normalisation keep their bias, as in the challenge's baseline; the "
        "normalisation takes it off again, and it is counted in the 670,531 parameters.",
        "Batch normalisation averages its running statistics over about 33 batches (momentum 0.03).",
        "Course preset: 10 convolutions of 32 channels instead of 20 of 64; batch normalisation is kept.",
        "Course recipe: learning rate 1e-3 with warm-up and a cosine, crops from places that lost much, clipped "
        "gradients, flips and colour augmentation; no moving average of the weights, as it would not fit the "
        "running statistics.",
        "Paper recipe: the report gives no settings for its baselines; optimiser and steps are ours.",
    ),
)
