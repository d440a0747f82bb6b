"""NJU-Vision's QENet: every frame of a window is aligned twice by one network (report §4.9)."""

from __future__ import annotations

from torch import Tensor, nn

from venh_lib import references
from venh_lib.blocks.alignment import LEVELS, ProgressiveAlignment
from venh_lib.blocks.attention import TSAFusion
from venh_lib.blocks.deformable import keep_variance_
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import LEAK, rectified, residual_blocks, same_conv, zero_
from venh_lib.losses import L2
from venh_lib.methods.method import Method, check_preset
from venh_lib.methods.on_brnet import (
    BETWEEN_PEAKS,
    CALM,
    DIFFERENT,
    EDVR_SLOWNESS,
    HEARD_HALF,
    LEARNED,
    ORDERED,
    OnBRNet,
    smoke_recipe,
    window_recipe,
)
from venh_lib.recipes import Constant, Recipe

# Seven consecutive frames, as in the team's code.
RADIUS = 3
FRAMES = 2 * RADIUS + 1
POLICY = references.neighbours(RADIUS)
# At `course`.
CHANNELS = 32


class QENetCore(nn.Module):
    """Features ``[B, N, C, h, w]`` of a window to ``[B, C, h, w]`` of its middle frame, N // 2 (report §4.9, Figure 9).

    Progressive alignment onto the centre's in ``steps`` steps, TSA fusion, ``reconstruct`` residual blocks with a skip
    around them. Each stop of the offset network has ``offset_blocks`` residual blocks. ``aligned=False`` fuses the
    features where they are. Sides are multiples of ``multiple``.
    """

    multiple = 2 ** (LEVELS - 1)

    def __init__(
        self,
        channels: int,
        frames: int = FRAMES,
        *,
        offset_blocks: int,
        reconstruct: int,
        groups: int,
        steps: int = 2,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        self.centre = frames // 2
        self.align = ProgressiveAlignment(channels, offset_blocks, groups, steps=steps) if aligned else None
        self.fuse = TSAFusion(channels, frames, self.centre)
        self.reconstruct = nn.Sequential(*residual_blocks(channels, reconstruct, LEAK))

    def forward(self, features: Tensor) -> Tensor:
        fused = self.fuse(self.aligned(features))
        return self.reconstruct(fused) + fused

    def aligned(self, features: Tensor) -> Tensor:
        """Every frame's features, the centre's as well, brought onto the centre's: ``[B, N, C, h, w]`` to the same."""
        if self.align is None:
            return features
        batch, frames = features.shape[:2]
        centres = features[:, self.centre].repeat_interleave(frames, dim=0)
        return self.align(features.flatten(0, 1), centres).unflatten(0, (batch, frames))

    def flows(self) -> list[Tensor]:
        """Where each step of the last forward looked, ``[B·N, 2, h, w]`` in pixels (x, y) of the features.

        Frames in the window's order; each entry is what the steps up to it do together. Empty when not aligned.
        """
        return [] if self.align is None else self.align.flows()


class QENet(nn.Module):
    """``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped; frame ``N // 2`` is restored.

    The name is that of the team's repository. ``extract`` residual blocks make each frame's features, at its own
    size; what the core makes of them is added to the centre. The untrained network is the identity.
    """

    def __init__(self, core: QENetCore, channels: int, extract: int) -> None:
        super().__init__()
        self.first = same_conv(3, channels)
        self.extract = nn.Sequential(*residual_blocks(channels, extract, LEAK))
        self.core = core
        self.last = zero_(same_conv(channels, 3))

    def forward(self, window: Tensor) -> Tensor:
        height, width = window.shape[-2:]
        frames = pad_to_multiple(window.flatten(0, 1), self.core.multiple)
        features = self.extract(rectified(self.first(frames))).unflatten(0, window.shape[:2])
        residual = self.last(self.core(features)).float()
        return window[:, self.core.centre] + residual[..., :height, :width]


def build(preset: str) -> nn.Module:
    """QENet at ``preset``, its core inside BRNet at `course`; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return QENet(QENetCore(128, offset_blocks=4, reconstruct=16, groups=8), 128, extract=8)
    return OnBRNet(course_core(), CHANNELS, CHANNELS, between_peaks=True, policy=references.BestNext(POLICY))


def course_core(**ablation: bool | int) -> QENetCore:
    """The core at `course`; ``ablation`` goes to QENetCore."""
    core = QENetCore(CHANNELS, offset_blocks=1, reconstruct=2, groups=4, **ablation)
    keep_variance_(core.align)
    core.fuse.start_from_differences_()
    return core


METHOD = Method(
    slug="nju_vision",
    team="NJU-Vision",
    title="QENet: progressive deformable alignment with shared weights",
    tracks=(1,),
    sections=("§4.9", "Figure 9", "Table 4"),
    kind="window",
    build=build,
    policy=POLICY,
    recipes={
        (1, "smoke"): smoke_recipe(L2()),
        (1, "course"): window_recipe(1_000, L2(), slowness=EDVR_SLOWNESS),
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
        "The published self-ensemble takes the mean of four flipped copies at each of two turns, and then divides the "
        "sum of the two means by four instead of two: the frames that come out are half as bright. Ours divides by "
        "what was summed. That code has eight copies; Table 4 and §4.9 say six, both flips and three turns, which is "
        "our ensemble of six.",
        "Beyond the ends of a clip the edge frame repeats. The team's test code mirrors the window at the first and "
        "the last frame, and for the last frame but two it repeats the frame after it instead of the last.",
        "The team's test code cuts values off to whole numbers when it writes frames; ours rounds.",
        "All frames of a window are aligned as one batch. The team's code aligns one after the other, with the same "
        "result.",
        "The team also trained on SJTU's sequences (Table 4); the recipes have the challenge's kind of data alone.",
        "Residual blocks start near the identity and the last convolution at zero, so that the untrained network is "
        "the identity; the team's code leaves PyTorch's defaults.",
        "Course preset: alignment and fusion stand inside BRNet, whose trained head makes each frame's features at "
        "half the frame's size (the team's have its full size), and whose trained body and tail make the picture; 32 "
        "channels instead of 128, 2 residual blocks behind the fusion instead of 16, one instead of 4 at each stop of "
        "the offset network, 4 offset groups instead of 8.",
        BETWEEN_PEAKS,
        CALM,
        DIFFERENT,
        HEARD_HALF,
        LEARNED,
        ORDERED,
    ),
)
