"""NJU-Vision's QENet: every frame of a window is aligned twice by one network (report §4.9)."""

from __future__ import annotations

from torch import Tensor, nn

from venh_lib import references
from venh_lib.blocks.alignment import LEVELS, ProgressiveAlignment
from venh_lib.blocks.attention import TSAFusion
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import LEAK, rectified, residual_blocks, same_conv, zero_
from venh_lib.losses import L2
from venh_lib.methods.method import Method, check_preset
from venh_lib.recipes import Constant, Recipe

# Seven consecutive frames, as in the team's code.
RADIUS = 3


class QENet(nn.Module):
    """``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped; frame ``N // 2`` is restored.

    Report §4.9 and Figure 9; the name is that of the team's repository. Features of ``extract`` residual blocks for
    each frame, progressive alignment onto the centre's in ``steps`` steps, TSA fusion, ``reconstruct`` residual
    blocks with a skip around them, and the centre added. Each stop of the offset network has half as many blocks as
    ``extract``. ``shrink`` is how many times smaller than the frame the features are; the team's have its size.
    ``aligned=False`` fuses the features where they are. The untrained network is the identity.
    """

    def __init__(
        self,
        channels: int = 128,
        frames: int = 2 * RADIUS + 1,
        *,
        extract: int = 8,
        reconstruct: int = 16,
        groups: int = 8,
        shrink: int = 1,
        steps: int = 2,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        self.centre = frames // 2
        self.multiple = shrink * 2 ** (LEVELS - 1)
        self.shrink = nn.PixelUnshuffle(shrink)
        self.first = same_conv(3 * shrink**2, channels)
        self.extract = nn.Sequential(*residual_blocks(channels, extract, LEAK))
        self.align = ProgressiveAlignment(channels, extract // 2, groups, steps=steps) if aligned else None
        self.fuse = TSAFusion(channels, frames, self.centre)
        self.reconstruct = nn.Sequential(*residual_blocks(channels, reconstruct, LEAK))
        self.last = zero_(same_conv(channels, 3 * shrink**2))
        self.enlarge = nn.PixelShuffle(shrink)

    def forward(self, window: Tensor) -> Tensor:
        return window[:, self.centre] + self.residual(window)

    def residual(self, window: Tensor) -> Tensor:
        """What is added to the centre, float32 ``[B, 3, H, W]``."""
        height, width = window.shape[-2:]
        features = self.features(pad_to_multiple(window.flatten(0, 1), self.multiple))
        fused = self.fuse(self.aligned(features.unflatten(0, window.shape[:2])))
        residual = self.enlarge(self.last(self.reconstruct(fused) + fused))
        return residual[..., :height, :width].float()

    def features(self, frames: Tensor) -> Tensor:
        """Features of single frames: ``[B, 3, H, W]`` to ``[B, C, H/s, W/s]``, s how much smaller they are."""
        return self.extract(rectified(self.first(self.shrink(frames))))

    def aligned(self, features: Tensor) -> Tensor:
        """Every frame's features, the centre's as well, brought onto the centre's: ``[B, N, C, h, w]`` to the same."""
        if self.align is None:
            return features
        batch, frames = features.shape[:2]
        centres = features[:, self.centre].repeat_interleave(frames, dim=0)
        return self.align(features.flatten(0, 1), centres).unflatten(0, (batch, frames))

    def flows(self) -> list[Tensor]:
        """Where each step of the last forward looked, ``[B·N, 2, h, w]`` in pixels (x, y) of the padded features.

        Frames in the window's order; the second entry is what both steps do together. Empty when not aligned.
        """
        return [] if self.align is None else self.align.flows()


def build(preset: str) -> QENet:
    """QENet at ``preset``; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return QENet()
    return QENet(channels=32, extract=2, reconstruct=6, groups=4, shrink=2)


METHOD = Method(
    slug="nju_vision",
    team="NJU-Vision",
    title="QENet: progressive deformable alignment with shared weights",
    tracks=(1,),
    sections=("§4.9", "Figure 9", "Table 4"),
    kind="window",
    build=build,
    policy=references.neighbours(RADIUS),
    recipes={
        # Ours: a few steps.
        (1, "smoke"): Recipe(
            steps=20,
            batch=2,
            crop=32,
            loss=L2(),
            learning_rate=4e-4,
            preset="course",
            warmup=5,
            ema=None,
            clip_norm=0.5,
            clips=8,
            validate_every=10,
            checkpoint_every=10,
        ),
        # §4.9: flips and turns. It prints nothing else: loss, rate, crop, batch and steps are ours (see departures).
        (1, "paper"): Recipe(
            steps=300_000,
            batch=16,
            crop=128,
            loss=L2(),
            learning_rate=1e-4,
            preset="paper",
            betas=(0.9, 0.999),
            schedule=Constant(),
            ema=None,
            colour=False,
            clips=200,
            checkpoint_every=1000,
        ),
    },
    departures=(
        "§4.9 names no loss, learning rate, crop, batch or length of training, and the team published no training "
        "code. The paper recipe's mean squared error is our reading of their checkpoint's name, "
        "epoch_59_loss_0.0004752: as a squared error that is 33.2 dB, about what Table 1 reports (31.78), while "
        "absolute errors are tens of times larger. Adam at 1e-4 for 300,000 steps on batches of 16 crops of 128×128 "
        "is ours.",
        "The published self-ensemble takes the mean of four flipped copies at each of two turns, and then divides "
        "the sum of the two means by four instead of two: the frames that come out are half as bright. Ours divides "
        "by what was summed. That code has eight copies; Table 4 and §4.9 say six, both flips and three turns, which "
        "is our ensemble of six.",
        "Beyond the ends of a clip the edge frame repeats. The team's test code mirrors the window at the first and "
        "the last frame, and for the last frame but two it repeats the frame after it instead of the last.",
        "The team's test code cuts values off to whole numbers when it writes frames; ours rounds.",
        "All frames of a window are aligned as one batch. The team's code aligns one after the other, with the same "
        "result.",
        "The team also trained on SJTU's sequences (Table 4); the recipes have the challenge's kind of data alone.",
        "Residual blocks start near the identity and the last convolution at zero, so that the untrained network "
        "is the identity; the team's code leaves PyTorch's defaults.",
        "Course preset: features at half the frame's size behind a pixel-unshuffle, where the team's have its full "
        "size, 32 channels instead of 128, 2 blocks in front instead of 8 and 6 behind instead of 16, one block "
        "instead of 4 at each stop of the offset network, 4 offset groups instead of 8.",
    ),
)
