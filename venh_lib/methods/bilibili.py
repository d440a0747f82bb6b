"""BILIBILI AI & FDU's SMGF: nine chosen frames fused by STDF, two such models and a mask between them (report §4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from venh_lib import references
from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.deformable import keep_variance_, start_from_differences_
from venh_lib.blocks.flow import DETAIL_GAIN
from venh_lib.blocks.residual import he_, same_conv, zero_
from venh_lib.blocks.stdf import SpatioTemporalFusion
from venh_lib.blocks.wide import AdaptiveWideBlock, NormedConv
from venh_lib.losses import FFT, L1, Gradient, Weighted
from venh_lib.methods.method import Method, check_preset
from venh_lib.methods.on_brnet import (
    BROUGHT,
    CALM,
    DIFFERENT,
    FROZEN,
    LEARNED,
    ORDERED,
    OnBRNet,
    smoke_recipe,
    window_recipe,
)
from venh_lib.recipes import Constant, Recipe

PER_SIDE = 4
FRAMES = 2 * PER_SIDE + 1
# At `course`: features of each frame that STDF fuses, and behind it.
FRAME_CHANNELS, CHANNELS = 16, 32


class SMGFCore(nn.Module):
    """What one of SMGF's two models makes of a window: ``[B, N, C, h, w]`` to features ``[B, channels, h, w]``.

    C are a frame's three colours, or features. STDF fuses the frames into ``fused`` features, and a stack of ``blocks``
    blocks of ``channels → wide → channels`` enhances them. ``aligned=False`` holds STDF's offsets at zero.
    """

    multiple = 1

    def __init__(
        self,
        frames: int = FRAMES,
        frame_channels: int = 3,
        *,
        offset_channels: int = 64,
        levels: int = 3,
        fused: int = 128,
        channels: int = 64,
        wide: int = 256,
        blocks: int = 96,
        reduction: int = 16,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.fusion = SpatioTemporalFusion(
            frames, frame_channels, fused, channels=offset_channels, levels=levels, aligned=aligned
        )
        self.head = NormedConv(fused, channels)
        self.body = nn.Sequential(*(AdaptiveWideBlock(channels, wide, reduction) for _ in range(blocks)))

    def forward(self, frames: Tensor) -> Tensor:
        return self.body(self.head(self.fusion(frames)))

    def flows(self) -> list[Tensor]:
        """Where STDF's last forward read each frame: ``[B·N, 2, h, w]`` in pixels (x, y), the mean over the taps.

        While training it has its graph: a loss on it costs no second pass.
        """
        return [self.fusion.flows().flatten(0, 1)]


class SMGFModel(nn.Module):
    """One of SMGF's two models: ``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped.

    ``sizes`` and the switch go to SMGFCore. The tail starts at zero: untrained, frame ``N // 2`` comes back.
    """

    def __init__(self, **sizes: Any) -> None:
        super().__init__()
        self.core = SMGFCore(**sizes)
        self.tail = NormedConv(self.core.channels, 3)
        nn.init.zeros_(self.tail.gain)

    def forward(self, window: Tensor) -> Tensor:
        return window[:, window.shape[1] // 2] + self.residual(window)

    def brought(self, window: Tensor) -> Tensor:
        """The window as it is: all alignment is STDF's."""
        return window

    def residual(self, window: Tensor) -> Tensor:
        """What is added to the centre frame, ``[B, 3, H, W]``, float32."""
        return self.tail(self.core(window)).float()


class Gate(nn.Module):
    """The mask M of Eq. 2, ``[B, 1, H, W]`` in 0–1: one is all of the first prediction, zero all of the second.

    It sees the frame and what the two models add to it, each ``[B, 3, H, W]``. Untrained it is one half everywhere.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        stack: list[nn.Module] = [same_conv(9, channels), nn.ReLU(inplace=True)]
        for _ in range(layers - 2):
            stack += [same_conv(channels, channels), nn.ReLU(inplace=True)]
        self.stack = nn.Sequential(*stack)
        self.last = same_conv(channels, 1)
        he_(self)
        zero_(self.last)

    def forward(self, frame: Tensor, first: Tensor, second: Tensor) -> Tensor:
        # Next to the frame what is added to it is small, and from the predictions themselves it would have to be found.
        features = self.stack(torch.cat((frame, DETAIL_GAIN * first, DETAIL_GAIN * second), dim=1))
        return torch.sigmoid(self.last(features).float())


class SMGF(nn.Module):
    """Spatiotemporal model with gated fusion: ``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped.

    Two models of one architecture that were trained on different data, and per pixel a mask between what they
    predict (§4.1, Figure 1a, Eq. 2). Each has ``residual(window)``, what it adds to the centre frame, and
    ``brought(window, *told)``, the window as it wants it: both want the same, and the first is asked. Without a
    ``gate`` their mean is taken.
    """

    def __init__(self, first: nn.Module, second: nn.Module, gate: Gate | None) -> None:
        super().__init__()
        self.first, self.second, self.gate = first, second, gate
        self.policy, self.reads = getattr(first, "policy", None), getattr(first, "reads", ())

    def forward(self, window: Tensor, *told: Tensor) -> Tensor:
        """Eq. 2 without the frame, which both predictions hold and the two shares of the mask give back whole."""
        first, second, mask = self.parts(window, *told)
        return window[:, window.shape[1] // 2] + mask * first + (1 - mask) * second

    def parts(self, window: Tensor, *told: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What each model adds to the centre frame, ``[B, 3, H, W]``, float32, and the share of the first in each
        pixel, ``[B, 1, H, W]`` in 0–1.
        """
        window = self.first.brought(window, *told)
        first, second = self.first.residual(window), self.second.residual(window)
        if self.gate is None:
            return first, second, torch.full_like(first[:, :1], 0.5)
        return first, second, self.gate(window[:, window.shape[1] // 2], first, second)


def build(preset: str) -> SMGF:
    """SMGF at ``preset``; SettingError for an unknown one."""
    gate = Gate(64 if check_preset(preset) == "paper" else 16, layers=4)
    return SMGF(build_model(preset), build_model(preset), gate)


def build_model(preset: str) -> nn.Module:
    """One model of SMGF at ``preset``, its core inside BRNet at `course`; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return SMGFModel()
    return OnBRNet(course_core(), FRAME_CHANNELS, CHANNELS, policy=references.BestNext(POLICY))


def course_core(**ablation: bool) -> SMGFCore:
    """The core at `course`; ``ablation`` goes to SMGFCore."""
    core = SMGFCore(
        FRAMES, FRAME_CHANNELS, offset_channels=32, fused=CHANNELS, channels=CHANNELS, wide=128, blocks=3, reduction=8,
        **ablation,
    )  # fmt: skip
    keep_variance_(core.fusion, slope=0.0)
    start_from_differences_(core.fusion, FRAMES)
    return core


def candidates(infos: Sequence[FrameInfo]) -> tuple[int, ...]:
    """The frames that may be references: I and P frames where there are B frames, else frames of lower QP (§4.1).

    B frames are the mark of Track 3, whose x265 uses them; HM's low-delay streams of Track 1 have none.
    """
    between = any(info.slice_type == "B" for info in infos)
    return references.i_p_candidates(infos) if between else references.lower_qp_frames(infos)


POLICY = references.SMGFProposal(PER_SIDE, candidates)

# §4.1 names the terms and prints no weights.
_LOSS = Weighted(((1.0, L1()), (1.0, FFT()), (1.0, Gradient())))
_MODELS = ("first.", "second.")
_MEANS = tuple(f"{model}{mean}" for model in _MODELS for mean in FROZEN)
_BOTH = (("first.", "bilibili_first"), ("second.", "bilibili_second"))


def _paper(steps: int = 300_000, **changes) -> Recipe:
    """§4.1 prints the loss alone; steps, batch, crop, rate and flips are those of STDF's public code."""
    settings = {
        "batch": 32, "crop": 128, "loss": _LOSS, "learning_rate": 1e-4, "preset": "paper", "betas": (0.9, 0.999),
        "schedule": Constant(), "ema": None, "colour": False, "clips": 200, "checkpoint_every": 1000,
    }  # fmt: skip
    return Recipe(steps=steps, **(settings | changes))


METHOD = Method(
    slug="bilibili",
    team="BILIBILI AI & FDU",
    title="SMGF: Spatiotemporal Model with Gated Fusion",
    tracks=(1, 3),
    sections=("§4.1", "Figure 1", "Eq. 2"),
    kind="window",
    build=build,
    policy=POLICY,
    recipes={
        **{(track, "smoke"): smoke_recipe(_LOSS, frozen=_MEANS) for track in (1, 3)},
        # The models are trained first, each on data of its own; then the gate alone. Its numbers of steps are ours.
        **{
            (track, "course"): window_recipe(300, _LOSS, start=_BOTH, frozen=_MODELS, rates=(), validate_every=150)
            for track in (1, 3)
        },
        **{(track, "paper"): _paper(30_000, start=_BOTH, frozen=_MODELS) for track in (1, 3)},
    },
    departures=(
        '"The channels of the feature map and block in the QE module are 128 and 96" is read as 128 fused features '
        "that enter the QE module and 96 blocks, since the channels of a block are printed beside it as 64, 256, 64; "
        "both are settings.",
        "The width of STDF's offset network is not printed: 64 channels, and three levels as in STDF's public code.",
        "The three colours of a frame share their offsets and masks, as they move together. STDF is published for "
        "luma alone, where there is one set a frame; its public code gives each colour of each frame a set of its "
        "own.",
        "The convolution that predicts offsets and masks starts at zero, so that all reading starts at the regular "
        "places; STDF's public code starts it at random.",
        "Convolutions of the QE module carry weight normalisation as in WDSR's code, with the start of He et al.; the "
        "tail's lengths start at zero, so that the untrained network is the identity.",
        "WDSR's second path from the input, a 5×5 convolution, is left out: the frame itself is added.",
        'The layers of the "stack of layers" that predicts the mask are not printed: four 3×3 convolutions, which see '
        "the frame and, eight times enlarged, what each model adds to it; the three colours share one mask.",
        "The first frame's missing neighbour before it is the frame itself, and so at the end.",
        "One rule serves both tracks: in a stream with B frames the candidates are its I and P frames (Track 3), in "
        "one without the frames of lower QP (Track 1). A stream of Track 3 in which rate control used no B frame is "
        "treated as one of Track 1.",
        "BiliTube4k, on which the second model was trained, is not public: its paper recipe sees LDV with changed "
        "colours, and of three places drawn the one that lost most.",
        "§4.1 does not say how the gate was trained: the paper recipe trains it alone, the two models frozen.",
        "§4.1 stops early: of each training the weights that do best on the validation clips are kept.",
        "Course preset: each model stands inside BRNet: its trained head makes each frame's features at half the "
        "frame's size, of which STDF sees 16, what the blocks make of the fused ones joins the centre's, and BRNet's "
        "trained body and tail make the picture. 32 channels in the offset network, 32 fused features, 3 blocks of "
        "32, 128, 32, and 16 channels in the gate.",
        "Course recipes: the first model learns for the most part from clips synthesised from photos, three in ten of "
        "its samples being shots of a film; of the second's, in the place of BiliTube4k, seven in ten are.",
        BROUGHT,
        CALM,
        DIFFERENT,
        LEARNED,
        ORDERED,
    ),
)


def _model(name: str, film: float, **changes) -> Method:
    """One of the two models as a part that SMGF starts from.

    ``film``, the share of the film in the course recipe, and ``changes`` to the paper recipe tell the two apart.
    """
    slug = f"bilibili_{name}"
    return Method(
        slug=slug,
        team="",
        title=f"SMGF's {name} model",
        tracks=(),
        sections=("§4.1", "Figure 1"),
        kind="window",
        build=build_model,
        policy=POLICY,
        recipes={
            **{(track, "smoke"): smoke_recipe(_LOSS) for track in (1, 3)},
            (1, "course"): window_recipe(1_000, _LOSS, film=film),
            # §4.1: Track 3's models go on from Track 1's.
            (3, "course"): window_recipe(1_000, _LOSS, start=(("", slug, 1),), film=film),
            (1, "paper"): _paper(**changes),
            (3, "paper"): _paper(100_000, start=(("", slug, 1),), **changes),
        },
        departures=METHOD.departures,
    )


FIRST = _model("first", film=0.3)
SECOND = _model("second", film=0.7, colour=True, places=3)
