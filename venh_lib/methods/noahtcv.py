"""NOAHTCV's network: jointly predicted offsets, then a U-Net of three heads fused at every scale (report §4.4)."""

from __future__ import annotations

from torch import Tensor, nn

from venh_lib import references
from venh_lib.blocks.deformable import DeformConv, flow_of_offsets, keep_variance_, offset_channels
from venh_lib.blocks.half_size import HalfSize
from venh_lib.blocks.residual import LEAK, rectified, residual_blocks, residual_stack, same_conv
from venh_lib.blocks.unet import UNet
from venh_lib.losses import L2
from venh_lib.methods.method import Method, check_preset
from venh_lib.methods.on_brnet import BETWEEN_PEAKS, CALM, LEARNED, OnBRNet, smoke_recipe, window_recipe
from venh_lib.recipes import Cosine, Recipe

# The previous PQF, the frame to restore, the next PQF.
FRAMES, CENTRE = 3, 1
# Features of each frame at `course`.
COURSE_CHANNELS = 24


def side_by_side(features: Tensor) -> Tensor:
    """The features of a window's frames along the channels: ``[B·3, C, h, w]`` to ``[B, 3·C, h, w]``."""
    return features.unflatten(0, (-1, FRAMES)).flatten(1, 2)


class JointAlignment(nn.Module):
    """Bring three frames' features onto the centre's: ``[B·3, C, h, w]`` to the same (Figure 5, left).

    A U-Net sees all three side by side and gives each a guide of its own, from which the deformable convolution,
    one for all frames, predicts its offsets: ``align.offsets`` are ``[B·3, 2·G·9, h, w]`` in pixels of the features,
    the frames of a window one after the other. Nothing but the loss of the output teaches them in the report.
    """

    def __init__(self, channels: int, groups: int, widths: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.first = same_conv(FRAMES * channels, widths[0])
        self.unet = UNet(widths, lambda width: nn.Sequential(*residual_blocks(width, blocks)))
        self.guides = same_conv(widths[0], FRAMES * channels)
        self.align = DeformConv(channels, channels, channels, groups=groups)
        keep_variance_(self.first, self.guides, self.align)

    def forward(self, features: Tensor) -> Tensor:
        guides = rectified(self.guides(self.unet(rectified(self.first(side_by_side(features))))))
        guides = guides.unflatten(1, (FRAMES, -1)).flatten(0, 1)
        return rectified(self.align(features, guides))


class ScaleFusion(nn.Module):
    """Fuse three frames' features of one scale and hand the result to each: ``[B·3, C, h, w]`` to the same.

    One deformable convolution reads all three, each at places of its own (the black boxes of Figure 5). Its offsets
    are ``[B, 3·2·G·9, h, w]``, frame after frame, and correct what the alignment left.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        predictor = nn.Sequential(
            same_conv(FRAMES * channels, channels),
            nn.LeakyReLU(LEAK, inplace=True),
            same_conv(channels, offset_channels(FRAMES * groups)),
        )
        self.fuse = DeformConv(
            FRAMES * channels, channels, FRAMES * channels, groups=FRAMES * groups, predictor=predictor
        )
        keep_variance_(self.fuse)

    def forward(self, features: Tensor) -> Tensor:
        frames = side_by_side(features)
        fused = rectified(self.fuse(frames, frames))
        return features + fused.repeat_interleave(FRAMES, dim=0)


class NOAHTCVCore(nn.Module):
    """``[B, 3, C, h, w]``, features of (previous PQF, centre, next PQF), to ``[B, C, h, w]`` (report §4.4, Figure 5).

    They are aligned onto the centre's and fused; a U-Net works on each frame's with the same weights, and at each of
    its scales, down and up, the three are fused; a last fusion and residual blocks give what the centre lost. Every
    fusion but the last hands its result to all three. ``references=False`` shows the network the centre three times;
    ``fused_scales=False`` leaves the last fusion alone.
    """

    multiple = 1

    def __init__(
        self,
        channels: int,
        *,
        groups: int,
        offset_widths: tuple[int, ...],
        widths: tuple[int, ...],
        blocks: int,
        reconstruct: int,
        references: bool = True,
        fused_scales: bool = True,
    ) -> None:
        super().__init__()
        self.references = references

        def level(width: int) -> nn.Sequential:
            fusion = [ScaleFusion(width, groups)] if fused_scales else []
            return nn.Sequential(*residual_blocks(width, blocks), *fusion)

        self.alignment = JointAlignment(channels, groups, offset_widths, blocks)
        self.fuse_aligned = same_conv(FRAMES * channels, channels, 1) if fused_scales else None
        self.widen = same_conv(channels, widths[0])
        self.heads = UNet(widths, level)
        self.reconstruct = residual_stack(FRAMES * widths[0], channels, reconstruct)
        keep_variance_(self.fuse_aligned, self.widen, self.reconstruct[0])

    def forward(self, features: Tensor) -> Tensor:
        if not self.references:
            features = features[:, CENTRE : CENTRE + 1].expand(-1, FRAMES, -1, -1, -1)
        features = self.alignment(features.flatten(0, 1))
        if self.fuse_aligned is not None:
            fused = rectified(self.fuse_aligned(side_by_side(features)))
            features = features + fused.repeat_interleave(FRAMES, dim=0)
        features = self.heads(rectified(self.widen(features)))
        return self.reconstruct(side_by_side(features))

    def flows(self) -> list[Tensor]:
        """The motion from the centre to each frame as the last forward's offsets have it, at the features' size."""
        return [flow_of_offsets(self.alignment.align.offsets)]


def build(preset: str) -> nn.Module:
    """NOAHTCV's network at ``preset``, inside BRNet at `course`; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        core = NOAHTCVCore(
            64, groups=8, offset_widths=(64, 96, 128), widths=(64, 128, 256), blocks=2, reconstruct=10
        )
        return HalfSize(core, 64, 64, extract=5)
    return inside_brnet(course_core())


def inside_brnet(core: NOAHTCVCore, **ablation: bool) -> OnBRNet:
    """The network at `course` around ``core``; ``ablation`` goes to OnBRNet."""
    return OnBRNet(core, COURSE_CHANNELS, COURSE_CHANNELS, between_peaks=True, **ablation)


def course_core(**ablation: bool) -> NOAHTCVCore:
    """The core at `course`; ``ablation`` goes to NOAHTCVCore."""
    return NOAHTCVCore(
        COURSE_CHANNELS, groups=2, offset_widths=(24, 32, 48), widths=(24, 32, 48), blocks=1, reconstruct=2, **ablation
    )


# §4.4 gives the loss of Tracks 1 and 3, L2, and nothing else about the training: the other settings are ours.
_PAPER = Recipe(
    steps=400_000, batch=16, crop=128, loss=L2(), learning_rate=1e-4, preset="paper",
    betas=(0.9, 0.999), schedule=Cosine(0.01), ema=None, colour=False, clips=200, checkpoint_every=1000,
)  # fmt: skip

METHOD = Method(
    slug="noahtcv",
    team="NOAHTCV",
    title="Joint offsets and a multi-head U-Net with deformable fusions",
    tracks=(1, 3),
    sections=("§4.4", "Figure 5", "Tables 1, 3 and 4"),
    kind="window",
    build=build,
    policy=references.nearest_pqfs,
    recipes={
        **{(track, "smoke"): smoke_recipe(L2()) for track in (1, 3)},
        (1, "course"): window_recipe(1_500, L2()),
        (1, "ablation"): window_recipe(1_000, L2()),
        (3, "course"): window_recipe(1_500, L2(), start=(("", "noahtcv", 1),)),
        **{(track, "paper"): _PAPER for track in (1, 3)},
    },
    departures=(
        "PQFs are told by the QPs of the bitstream; the report does not say how the team finds them.",
        "The report prints no widths or depths. Ours: 64 channels, 5 residual blocks before and 10 behind, an offset "
        "U-Net of 64, 96 and 128 channels, a multi-head U-Net of 64, 128 and 256, two residual blocks a scale, 8 "
        "offset groups a frame.",
        "Features live at half the frame's size behind a pixel-unshuffle (ours; the report does not say).",
        "The offsets are said to align and fuse the features implicitly. Here one deformable convolution aligns each "
        "frame by its own offsets, the centre too, with the same weights, and a 1×1 convolution fuses the three. A "
        "convolution over all frames at once, as in STDF, would fit the words as well; it leaves a single input where "
        "the report goes on to process each input feature.",
        "What becomes of the features fused at a scale is not said. Here they are added to each frame's own, so that "
        "the heads go on apart and there is something to fuse at the next scale and for a final time.",
        "The deformable convolution of a scale reads the frames side by side, each by offsets of its own, which are "
        "predicted from the features of that scale; the offset U-Net's could be meant too. They start at zero, as the "
        "features are aligned already.",
        "The final fusion is a plain convolution, the first of the last stack.",
        "Strided convolutions halve the sizes and bilinear enlargement behind a 1×1 convolution doubles them; the "
        "report does not say what its U-Nets do. Convolutions start with He et al.'s weights, the last one at zero, so "
        "that training begins at the compressed frame.",
        "The team's test took the mean of eight flips and rotations (Table 4); it is no part of the network.",
        "Paper recipe: L2 is the report's; optimiser, learning rate, crops, batch and steps are ours.",
        "Track 2, the same network with GAN, perceptual and L2 loss, has no recipe yet.",
        "Course preset: all this stands inside BRNet: its trained head makes each frame's features, in the place of "
        "residual blocks of its own, and its trained body and tail make the picture. 24 channels, two residual blocks "
        "behind, U-Nets of 24, 32 and 48 channels with one block a scale, 2 offset groups a frame. Joint offsets, "
        "shared heads and every fusion are kept.",
        BETWEEN_PEAKS,
        CALM,
        LEARNED,
    ),
    ablations={
        "no references": lambda: inside_brnet(course_core(references=False)),
        "not brought": lambda: inside_brnet(course_core(), brought=False),
        "last fusion alone": lambda: inside_brnet(course_core(fused_scales=False)),
    },
)
