"""ARCNN, the first baseline of Table 1: four convolutions from the compressed frame to the enhanced one."""

from __future__ import annotations

from torch import Tensor, nn

from venh_lib import devices, references
from venh_lib.blocks.residual import pass_through_, same_conv
from venh_lib.losses import L1, L2
from venh_lib.methods.method import Method, check_preset
from venh_lib.recipes import Constant, Cosine, Recipe


class ARCNN(nn.Module):
    """Artifacts Reduction CNN: ``[B, 1, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped.

    Dong et al., ICCV 2015, reference [16] of the report, on RGB as in the challenge's baseline. There
    is no skip: the network has to carry the image itself, so it computes in float32. It starts as the
    identity, because three channels of each layer copy R, G and B, which are ≥ 0 and so pass the ReLUs
    unchanged.
    """

    def __init__(self, channels: tuple[int, int, int] = (64, 32, 16)) -> None:
        super().__init__()
        extracted, enhanced, mapped = channels
        self.feature_extraction = same_conv(3, extracted, 9)
        self.feature_enhancement = same_conv(extracted, enhanced, 7)
        self.mapping = same_conv(enhanced, mapped, 1)
        self.reconstruction = same_conv(mapped, 3, 5)
        self.relu = nn.ReLU(inplace=True)
        for conv in (self.feature_extraction, self.feature_enhancement, self.mapping, self.reconstruction):
            pass_through_(conv, 3)

    def forward(self, window: Tensor) -> Tensor:
        with devices.full_precision(window.device):
            features = self.relu(self.feature_extraction(window[:, 0].float()))
            features = self.relu(self.feature_enhancement(features))
            features = self.relu(self.mapping(features))
            return self.reconstruction(features)


def build(preset: str) -> ARCNN:
    """ARCNN at ``preset``; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return ARCNN((64, 32, 16))
    return ARCNN((32, 16, 16))


METHOD = Method(
    slug="arcnn",
    team="ARCNN",
    title="ARCNN: Artifacts Reduction CNN",
    tracks=(1,),
    sections=("Table 1", "[16]"),
    kind="window",
    build=build,
    policy=references.centre_only,
    recipes={
        (1, "smoke"): Recipe(
            steps=30, batch=4, crop=32, loss=L1(), learning_rate=3e-4, preset="course", warmup=5,
            ema=None, clip_norm=0.5, clips=8, validate_every=15, checkpoint_every=15,
        ),
        # A step of Adam moves every weight alike, and here up to 1,176 of them add up in one pixel that has
        # to stay what it is: at 1e-3 the network falls further below the identity it starts from.
        (1, "course"): Recipe(
            steps=10_000, batch=16, crop=64, loss=L2(), learning_rate=3e-4, preset="course", warmup=200,
            schedule=Cosine(0.01), clip_norm=0.5, clips=640, places=3,
        ),
        # The report gives no settings for the baselines; L2 is the loss of Dong et al.
        (1, "paper"): Recipe(
            steps=500_000, batch=32, crop=64, loss=L2(), learning_rate=1e-4, preset="paper",
            betas=(0.9, 0.999), schedule=Constant(), ema=None, flips=False, colour=False, clips=200,
            checkpoint_every=1000,
        ),
    },
    departures=(
        "The first three channels of each layer start as copies of R, G and B and the rest as PyTorch's "
        "default, so that the untrained network is the identity; Dong et al. start from small Gaussian noise "
        "and train for millions of iterations to get there.",
        "RGB in and out, as in the challenge's baseline; Dong et al. restore luma alone.",
        "The last layer's learning rate is not a tenth of the others' as in Dong et al.: Adam scales each "
        "weight by itself.",
        "Course preset: 32, 16 and 16 channels instead of 64, 32 and 16; all four kernels are kept.",
        "Course recipe: learning rate 3e-4 with warm-up and a cosine, crops from places that lost much, moving "
        "average of weights, clipped gradients, flips and colour augmentation.",
        "Paper recipe: the report gives no settings for its baselines; optimiser and steps are ours.",
    ),
)
