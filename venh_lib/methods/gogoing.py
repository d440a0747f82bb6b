"""Gogoing's two stages: EDVR's alignment and fusion in time, then a U-Net with channel attention (report §4.8)."""

from __future__ import annotations

from torch import Tensor, nn

from venh_lib import references
from venh_lib.blocks.alignment import LEVELS, FeaturePyramid, PCDAlignment, aligned_onto
from venh_lib.blocks.attention import ResidualChannelAttentionBlock, TSAFusion
from venh_lib.blocks.deformable import keep_variance_
from venh_lib.blocks.half_size import HalfSize
from venh_lib.blocks.residual import pass_through_, rectified, same_conv
from venh_lib.blocks.unet import UNet
from venh_lib.losses import L2
from venh_lib.methods.method import Method, check_preset
from venh_lib.methods.on_brnet import (
    BETWEEN_PEAKS,
    CALM,
    DIFFERENT,
    EDVR_SLOWNESS,
    HEARD_HALF,
    INSIDE,
    LEARNED,
    MARGIN,
    ORDERED,
    OnBRNet,
    smoke_recipe,
    window_recipe,
)
from venh_lib.recipes import CosineRestarts, Recipe

RADIUS = 3
FRAMES = 2 * RADIUS + 1
POLICY = references.neighbours(RADIUS)
# At `course`.
CHANNELS = 32


class ResUNet(UNet):
    """A U-Net with residual channel attention blocks at every scale: ``[B, widths[0], H, W]`` to the same (Fig. 8c)."""

    def __init__(self, widths: tuple[int, ...], blocks: int, reduction: int) -> None:
        super().__init__(
            widths,
            lambda width: nn.Sequential(*(ResidualChannelAttentionBlock(width, reduction) for _ in range(blocks))),
        )


class GogoingCore(nn.Module):
    """Both stages on features (Figure 8): ``[B, 7, C, h, w]`` to ``[B, widths[0], h, w]`` of the middle frame.

    The temporal stage brings every frame's features onto the middle frame's by PCD and fuses them by TSA; the spatial
    stage, a U-Net with ``widths`` channels by scale, restores what they hold. Sides are multiples of ``multiple``.
    ``aligned=False`` leaves PCD out, ``attention=False`` takes the mean over the frames in place of TSA.

    PCD's deformable convolutions keep offsets ``[B·7, 2·G·9, h, w]`` in pixels of their level, the frames of a window
    one after the other.
    """

    # The coarsest level of PCD's pyramid, and of TSA's mask.
    multiple = 2 ** (LEVELS - 1)

    def __init__(
        self,
        channels: int,
        *,
        groups: int,
        widths: tuple[int, ...],
        blocks: int,
        reduction: int,
        aligned: bool = True,
        attention: bool = True,
    ) -> None:
        super().__init__()
        self.pyramid = FeaturePyramid(channels) if aligned else None
        self.pcd = PCDAlignment(channels, groups) if aligned else None
        self.tsa = TSAFusion(channels, FRAMES, RADIUS) if attention else None
        self.widen = same_conv(channels, widths[0])
        self.spatial = ResUNet(widths, blocks, reduction)
        keep_variance_(self.pyramid, self.pcd, self.widen)
        if self.tsa is not None:
            # TSA's other convolutions keep small weights: its attention starts near one half.
            keep_variance_(self.tsa.fuse)

    def forward(self, features: Tensor) -> Tensor:
        return self.spatial(rectified(self.widen(self.temporal(features))))

    def temporal(self, features: Tensor) -> Tensor:
        """The first stage: what all frames know about the middle one, ``[B, C, h, w]``."""
        if self.pcd is not None:
            features = aligned_onto(RADIUS, features, self.pyramid, self.pcd)
        return features.mean(dim=1) if self.tsa is None else self.tsa(features)

    def flows(self) -> list[Tensor]:
        """The motion from the middle frame to each as the last forward's offsets have it (``PCDAlignment.flows``)."""
        return self.pcd.flows() if self.pcd is not None else []


def build(preset: str) -> nn.Module:
    """Gogoing's network at ``preset``, inside BRNet at `course`; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        widths = (128, 256, 512)
        return HalfSize(GogoingCore(128, groups=8, widths=widths, blocks=2, reduction=16), 128, widths[0], extract=5)
    return OnBRNet(course_core(), CHANNELS, CHANNELS, between_peaks=True, policy=references.BestNext(POLICY))


def course_core(**ablation: bool) -> GogoingCore:
    """The core at `course`; ``ablation`` goes to GogoingCore."""
    core = GogoingCore(CHANNELS, groups=2, widths=(CHANNELS, 48, 64), blocks=2, reduction=4, **ablation)
    if core.tsa is not None:
        core.tsa.start_from_differences_()
    pass_through_(core.widen, CHANNELS)
    core.spatial.start_at_the_finest_()
    return core


# §4.8: L2, Adam from 4e-4 down a cosine with restarts, batches of 12 crops of 256×256, flips and rotations by 90°.
# Adam's betas are its defaults; the number of steps and of cycles is ours.
_PAPER = Recipe(
    steps=400_000, batch=12, crop=256, loss=L2(), learning_rate=4e-4, preset="paper",
    betas=(0.9, 0.999), schedule=CosineRestarts(4), ema=None, colour=False, clips=200, checkpoint_every=1000,
)  # fmt: skip

METHOD = Method(
    slug="gogoing",
    team="Gogoing",
    title="EDVR's temporal module and ResUNet",
    tracks=(1, 3),
    sections=("§4.8", "Figure 8", "Tables 1, 3 and 4"),
    kind="window",
    build=build,
    policy=POLICY,
    recipes={
        **{(track, "smoke"): smoke_recipe(L2()) for track in (1, 3)},
        # In float32: on a CPU the way back through deformable convolutions is slower in bf16.
        (1, "course"): window_recipe(1_200, L2(), slowness=EDVR_SLOWNESS, margin=MARGIN, precision="fp32"),
        (3, "course"): window_recipe(500, L2(), slowness=EDVR_SLOWNESS, start=(("", "gogoing", 1),)),
        **{(track, "paper"): _PAPER for track in (1, 3)},
    },
    departures=(
        "§4.8 cites [41] for the U-Net, which is a challenge on deblurring; Ronneberger et al. stand under [44], and "
        "theirs is the U-Net here.",
        "Two stages are read as the temporal and the spatial part of one network, trained together, and what is handed "
        "over is TSA's fused features: the text gives PCD and TSA, which end in features, as all of the temporal "
        "part. It could also mean two whole networks one after the other, as in EDVR's two-stage strategy.",
        "The report prints no widths or depths. Ours: 128 channels, 5 residual blocks before the alignment and 8 "
        "offset groups, as in EDVR's large model; ResUNet of three scales with 128, 256 and 512 channels and two "
        "residual channel attention blocks each, down and up, with RCAN's reduction of 16.",
        "Features live at half the frame's size behind a pixel-unshuffle (ours; the report does not say): EDVR's two "
        "strided convolutions would throw away detail that a frame to be restored at its own size has.",
        "A strided convolution halves the size and bilinear enlargement behind a 1×1 convolution doubles it, where "
        "Ronneberger et al. take the largest of each 2×2 and a 2×2 up-convolution; borders are padded, not cut.",
        "The middle frame is added to the output and the last convolution starts at zero, so that training begins at "
        "the compressed frame; the text mentions no skip. Up to the fusion, weights start as He et al. say; with "
        "PyTorch's defaults next to nothing of a frame's detail comes out of PCD.",
        "Augmentation is that of all recipes here, flips in both directions and transposes, which make the team's "
        "horizontal flips and 90° rotations and no more.",
        "The team trained on REDS as well and took the mean of four flips and rotations at test (Table 4); neither is "
        "part of the recipes.",
        "Paper recipe: the length of 400,000 steps in four cycles is ours, as the report does not print it.",
        "Course preset: both stages stand inside BRNet: its trained head makes each frame's features, in the place of "
        "residual blocks of their own, and its trained body and tail make the picture. 32 channels, 2 offset groups "
        "(of 16 channels, as at full width), ResUNet of 32, 48 and 64 channels, reduction 4 (16 would leave two units, "
        "of which a rectifier easily silences both). PCD, its three levels and cascade, TSA and the seven frames are "
        "kept.",
        "Course preset: the U-Net starts at its finest scale, which passes nearly as it is; a tenth of what the "
        "coarser ones say joins it.",
        BETWEEN_PEAKS,
        CALM,
        DIFFERENT,
        HEARD_HALF,
        INSIDE,
        LEARNED,
        ORDERED,
    ),
)
