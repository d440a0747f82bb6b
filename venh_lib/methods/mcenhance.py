"""McEnhance's PEN: two networks restore a frame from its peak neighbours side by side (report §4.15)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from venh_lib import references
from venh_lib.blocks.alignment import FeaturePyramid, PCDAlignment, aligned_onto
from venh_lib.blocks.attention import TSAFusion
from venh_lib.blocks.deformable import keep_variance_, start_from_differences_
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import pass_through_, rectified, residual_blocks, same_conv, zero_
from venh_lib.blocks.stdf import STDF
from venh_lib.errors import SettingError
from venh_lib.losses import Charbonnier
from venh_lib.methods.method import Method, check_preset
from venh_lib.methods.on_brnet import (
    BROUGHT,
    CALM,
    DIFFERENT,
    HEARD_HALF,
    LEARNED,
    OnBRNet,
    smoke_recipe,
    window_recipe,
)
from venh_lib.recipes import Constant, Recipe

# The peak frame before, the frame to restore, the peak frame after.
FRAMES, CENTRE = 3, 1
BRANCHES = ("qe", "tsa")
# What PCD's pyramid and TSA's mask need.
MULTIPLE = 4
# At `course`.
CHANNELS = 32


class TSABranch(nn.Module):
    """EDVR at one size (report §4.15, Figure 16): frames ``[B, 3, C, H, W]`` to what is added to the middle one.

    Residual blocks, alignment by PCD, TSA fusion, residual blocks. Height and width must be multiples of MULTIPLE.
    """

    def __init__(
        self, frame_channels: int, channels: int, extract: int, reconstruct: int, groups: int, *, aligned: bool
    ) -> None:
        super().__init__()
        self.first = same_conv(frame_channels, channels)
        self.extract = nn.Sequential(*residual_blocks(channels, extract))
        self.pyramid = FeaturePyramid(channels) if aligned else None
        self.align = PCDAlignment(channels, groups) if aligned else None
        self.fuse = TSAFusion(channels, FRAMES, CENTRE)
        self.reconstruct = nn.Sequential(*residual_blocks(channels, reconstruct))
        self.last = zero_(same_conv(channels, frame_channels))

    def residual(self, window: Tensor) -> Tensor:
        """What is added to the middle frame, ``[B, C, H, W]``, float32."""
        features = self.extract(rectified(self.first(window.flatten(0, 1)))).unflatten(0, window.shape[:2])
        if self.align is not None:
            features = aligned_onto(CENTRE, features, self.pyramid, self.align)
        return self.last(self.reconstruct(self.fuse(features))).float()


class PENCore(nn.Module):
    """Two networks side by side (report §4.15, Figure 16): ``[B, 3, C, h, w]`` to what is added to the middle one.

    C are the three colours of a frame, or features. The QE branch is STDF, ``frame_groups`` offset groups a frame, and
    ``quality_layers`` plain convolutions; the TSA branch is a small EDVR. The mean of what they give comes out;
    ``branches`` keeps one alone. ``aligned=False`` leaves out PCD and holds STDF's offsets at zero.
    """

    multiple = MULTIPLE

    def __init__(
        self,
        frame_channels: int,
        channels: int,
        *,
        extract: int = 3,
        reconstruct: int = 3,
        groups: int = 2,
        offset_channels: int = 32,
        fused: int = 64,
        quality_channels: int = 48,
        quality_layers: int = 4,
        frame_groups: int = 3,
        branches: tuple[str, ...] = BRANCHES,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        if not branches or not set(branches) <= set(BRANCHES):
            raise SettingError(f"branches must be one or both of {', '.join(BRANCHES)}, got {branches!r}.")
        self.aligned = aligned
        self.branches = nn.ModuleDict()
        if "qe" in branches:
            self.branches["qe"] = STDF(
                FRAMES,
                frame_channels,
                channels=offset_channels,
                fused=fused,
                quality_channels=quality_channels,
                layers=quality_layers,
                frame_groups=frame_groups,
                aligned=aligned,
            )
            zero_(self.branches["qe"].quality[-1])
        if "tsa" in branches:
            self.branches["tsa"] = TSABranch(frame_channels, channels, extract, reconstruct, groups, aligned=aligned)

    def forward(self, frames: Tensor) -> Tensor:
        return torch.stack([branch.residual(frames) for branch in self.branches.values()]).mean(dim=0)

    def flows(self) -> list[Tensor]:
        """Where the last forward looked, ``[B·3, 2, h, w]`` each in pixels (x, y) of their size, frames in order.

        STDF's mean over groups and taps, then PCD's pyramid, coarsest level first. Empty when not aligned.
        """
        found: list[Tensor] = []
        if not self.aligned:
            return found
        if "qe" in self.branches:
            found.append(self.branches["qe"].fusion.flows().flatten(0, 1))
        if "tsa" in self.branches:
            found += self.branches["tsa"].align.flows()
        return found


class PEN(nn.Module):
    """Parallel Enhancement Network: ``[B, 3, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped.

    The name is that of the team's repository. The window is (peak frame, frame to restore, peak frame); each branch of
    the core enhances the frame, each colour of each frame an offset group, and the output is the mean of the two.
    ``sizes`` and switches go to PENCore. The untrained network is the identity.
    """

    def __init__(self, channels: int = 64, **sizes) -> None:
        super().__init__()
        self.core = PENCore(3, channels, **sizes)

    def forward(self, window: Tensor) -> Tensor:
        height, width = window.shape[-2:]
        padded = pad_to_multiple(window.flatten(0, 1), MULTIPLE).unflatten(0, window.shape[:2])
        return window[:, CENTRE] + self.core(padded)[..., :height, :width]


def build(preset: str) -> nn.Module:
    """PEN at ``preset``, its core inside BRNet at `course`; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return PEN()
    return OnBRNet(course_core(), CHANNELS, CHANNELS)


def course_core(**ablation) -> PENCore:
    """The core at `course`; ``ablation`` goes to PENCore."""
    core = PENCore(
        CHANNELS, CHANNELS, extract=1, reconstruct=2, fused=48, quality_channels=32, frame_groups=1, **ablation
    )
    for name, branch in core.branches.items():
        # What comes behind the core starts at zero: were these zero as well, nothing would ever learn.
        if name == "qe":
            keep_variance_(branch.fusion, branch.quality, slope=0.0)
            start_from_differences_(branch.fusion, FRAMES)
            for layer in branch.quality[:-1:2]:
                pass_through_(layer, layer.out_channels)
        else:
            keep_variance_(branch.first, branch.pyramid, branch.align, branch.last)
            branch.fuse.start_from_differences_()
    return core


METHOD = Method(
    slug="mcenhance",
    team="McEnhance",
    title="PEN: Parallel Enhancement Network",
    tracks=(3,),
    sections=("§4.15", "Figure 16", "Table 4"),
    kind="window",
    build=build,
    policy=references.nearest_pqfs,
    recipes={
        (3, "smoke"): smoke_recipe(Charbonnier()),
        (3, "course"): window_recipe(1_500, Charbonnier()),
        # §4.15 prints no settings. Those of the team's code: Charbonnier with 1e-6 under the root, Adam at a constant
        # 1e-4, crops of 128×128, flips and turns, 16 crops on each of two GPUs, 360,000 steps to the published weights.
        (3, "paper"): Recipe(
            steps=360_000,
            batch=32,
            crop=128,
            loss=Charbonnier(1e-3),
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
        "§4.15 takes peak frames by their PSNR against the raw frames, which a decoder does not have. Here peaks are "
        "told by the QPs in the bitstream, in training and at test alike. In the team's code the peaks of the test "
        "clips come from BRISQUE, a score without reference, and that file takes its maxima, although a higher score "
        "means a worse frame.",
        "A stream of Track 3 has peaks by QP where it has B frames: the I and P frames between them. Where no QP "
        "stands out, the adjacent frames stand in.",
        "The team's labels make the first and the last frame of a clip peaks and put one between two peaks that are "
        "more than three frames apart, and a frame at an end of the clip stands for its missing neighbour. Here the "
        "peaks are those of the QPs alone, and where one side has none the other side's stands in both places.",
        "The report aligns first and then feeds both branches. In the team's code, and here, each branch aligns by "
        "itself: the QE branch while it fuses (STDF), the TSA branch by PCD.",
        "The report puts both residuals on the frame, which could mean their sum. In the team's code, and here, each "
        "is added to the frame and the mean of the two frames is the output.",
        "The team's code adds only the red of the frame to all three colours of the QE branch, a slip from an index "
        "meant for luma: the branch has to learn the difference of the colours. Here it is the frame.",
        "STDF's inputs stand frame by frame and not colour by colour, so that each frame's offsets lie together; the "
        "last convolution of each branch and STDF's offsets start at zero, where the team's code leaves PyTorch's "
        "random ones. The untrained network is the identity.",
        "Course preset: both branches work on features of 32 channels at half the frame's size and stand inside "
        "BRNet: its trained head makes each frame's features, the mean of what the branches give joins the middle "
        "frame's, and BRNet's trained body and tail make the picture. All channels of a frame move together in the QE "
        "branch.",
        BROUGHT,
        CALM,
        DIFFERENT,
        HEARD_HALF,
        LEARNED,
    ),
)
