"""BILIBILI AI & FDU's SMGF: nine chosen frames fused by STDF, two such models and a mask between them (report §4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib import references
from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.flow import DETAIL_GAIN, upsample_flow
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import he_, same_conv, zero_
from venh_lib.blocks.stdf import SpatioTemporalFusion
from venh_lib.blocks.wide import AdaptiveWideBlock, NormedConv
from venh_lib.losses import FFT, L1, Gradient, Weighted
from venh_lib.methods.method import Method, check_preset
from venh_lib.recipes import Constant, Recipe

PER_SIDE = 4
FRAMES = 2 * PER_SIDE + 1


class SMGFBranch(nn.Module):
    """One of SMGF's two models: ``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped.

    STDF fuses the frames into ``fused`` features, a stack of ``blocks`` blocks of ``channels → wide → channels``
    enhances them, and frame ``N // 2`` is added. ``shrink`` puts all of it behind a pixel-unshuffle.
    ``aligned=False`` holds STDF's offsets at zero. The tail starts at zero: untrained, the frame comes back.
    """

    def __init__(
        self,
        frames: int = FRAMES,
        *,
        offset_channels: int = 64,
        levels: int = 3,
        fused: int = 128,
        channels: int = 64,
        wide: int = 256,
        blocks: int = 96,
        reduction: int = 16,
        shrink: int = 1,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        self.shrink = shrink
        colours = 3 * shrink**2
        self.fusion = SpatioTemporalFusion(
            frames, colours, fused, channels=offset_channels, levels=levels, aligned=aligned
        )
        self.head = NormedConv(fused, channels)
        self.body = nn.Sequential(*(AdaptiveWideBlock(channels, wide, reduction) for _ in range(blocks)))
        self.tail = NormedConv(channels, colours)
        nn.init.zeros_(self.tail.gain)

    def forward(self, window: Tensor) -> Tensor:
        return window[:, window.shape[1] // 2] + self.residual(window)

    def residual(self, window: Tensor) -> Tensor:
        """What is added to the centre frame, ``[B, 3, H, W]``, float32."""
        height, width = window.shape[-2:]
        features = self.body(self.head(self._fused(window)))
        return functional.pixel_shuffle(self.tail(features), self.shrink)[..., :height, :width].float()

    def offsets_of_frames(self, window: Tensor) -> Tensor:
        """Where STDF reads each frame: ``[B, N, 2, H, W]`` in pixels (x, y), the mean over the kernel's taps."""
        height, width = window.shape[-2:]
        self._fused(window)
        return self.flows()[..., :height, :width]

    def flows(self) -> Tensor:
        """``offsets_of_frames`` of the last forward, at sides that are multiples of ``shrink``.

        While training they have their graph: a loss on them costs no second pass.
        """
        flows = self.fusion.flows()
        return upsample_flow(flows.flatten(0, 1), self.shrink).unflatten(0, flows.shape[:2])

    def _fused(self, window: Tensor) -> Tensor:
        frames = pad_to_multiple(window.flatten(0, 1), self.shrink)
        return self.fusion(functional.pixel_unshuffle(frames, self.shrink).unflatten(0, window.shape[:2]))


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
    predict (§4.1, Figure 1a, Eq. 2). ``gated=False`` takes their mean. ``branch``: the sizes of both models and the
    switch ``aligned``, as ``SMGFBranch`` names them.
    """

    def __init__(self, *, gate_channels: int = 64, gate_layers: int = 4, gated: bool = True, **branch: Any) -> None:
        super().__init__()
        self.first = SMGFBranch(**branch)
        self.second = SMGFBranch(**branch)
        self.gate = Gate(gate_channels, gate_layers) if gated else None

    def forward(self, window: Tensor) -> Tensor:
        return window[:, window.shape[1] // 2] + self.residual(window)

    def residual(self, window: Tensor) -> Tensor:
        """What is added to the centre frame, ``[B, 3, H, W]``, float32.

        Eq. 2 without the frame, which both predictions hold and the two shares of the mask give back whole.
        """
        first, second = self.first.residual(window), self.second.residual(window)
        mask = self._mask(window, first, second)
        return mask * first + (1 - mask) * second

    def mask(self, window: Tensor) -> Tensor:
        """The share of the first model in each pixel, ``[B, 1, H, W]`` in 0–1."""
        return self._mask(window, self.first.residual(window), self.second.residual(window))

    def offsets_of_frames(self, window: Tensor) -> Tensor:
        """Where the first model's STDF reads each frame: ``[B, N, 2, H, W]`` in pixels (x, y)."""
        return self.first.offsets_of_frames(window)

    def _mask(self, window: Tensor, first: Tensor, second: Tensor) -> Tensor:
        if self.gate is None:
            return torch.full_like(first[:, :1], 0.5)
        return self.gate(window[:, window.shape[1] // 2], first, second)


# Sizes of a model; at paper those of the report, which are SMGFBranch's defaults.
_SIZES: dict[str, dict[str, int]] = {
    "paper": {},
    "course": {
        "offset_channels": 32, "fused": 32, "channels": 32, "wide": 128, "blocks": 5, "reduction": 8, "shrink": 2
    },
}  # fmt: skip


def build(preset: str) -> SMGF:
    """SMGF at ``preset``; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return SMGF(**_SIZES[preset])
    return SMGF(gate_channels=16, **_SIZES[preset])


def build_branch(preset: str) -> SMGFBranch:
    """One model of SMGF at ``preset``; SettingError for an unknown one."""
    return SMGFBranch(**_SIZES[check_preset(preset)])


def candidates(infos: Sequence[FrameInfo]) -> tuple[int, ...]:
    """The frames that may be references: I and P frames where there are B frames, else frames of lower QP (§4.1).

    B frames are the mark of Track 3, whose x265 uses them; HM's low-delay streams of Track 1 have none.
    """
    between = any(info.slice_type == "B" for info in infos)
    return references.i_p_candidates(infos) if between else references.lower_qp_frames(infos)


POLICY = references.SMGFProposal(PER_SIDE, candidates)

# §4.1 names the terms and prints no weights.
_LOSS = Weighted(((1.0, L1()), (1.0, FFT()), (1.0, Gradient())))


def _smoke() -> Recipe:
    return Recipe(
        steps=20, batch=2, crop=48, loss=_LOSS, learning_rate=5e-4, preset="course", warmup=5, ema=None,
        clip_norm=0.5, clips=8, validate_every=10, checkpoint_every=10,
    )  # fmt: skip


def _paper(steps: int = 300_000, **changes) -> Recipe:
    """§4.1 prints the loss alone; steps, batch, crop, rate and flips are those of STDF's public code."""
    settings = {
        "batch": 32, "crop": 128, "loss": _LOSS, "learning_rate": 1e-4, "preset": "paper", "betas": (0.9, 0.999),
        "schedule": Constant(), "ema": None, "colour": False, "clips": 200, "checkpoint_every": 1000,
    }  # fmt: skip
    return Recipe(steps=steps, **(settings | changes))


_MODELS = ("first.", "second.")

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
        (track, scale): recipe
        for track in (1, 3)
        for scale, recipe in (
            ("smoke", _smoke()),
            # The models are trained first, each on data of its own; then the gate alone. Its number of steps is ours.
            (
                "paper",
                _paper(30_000, start=(("first.", "bilibili_first"), ("second.", "bilibili_second")), frozen=_MODELS),
            ),
        )
    },
    departures=(
        '"The channels of the feature map and block in the QE module are 128 and 96" is read as 128 fused features '
        "that enter the QE module and 96 blocks, since the channels of a block are printed beside it as 64, 256, 64; "
        "both are settings.",
        "The width of STDF's offset network is not printed: 64 channels, and three levels as in STDF's public code.",
        "The three colours of a frame share their offsets and masks, as they move together. STDF is published for luma "
        "alone, where there is one set a frame; its public code gives each colour of each frame a set of its own.",
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
        "§4.1 fine-tunes the models of Track 1 for Track 3; a recipe starts from checkpoints of its own track, so "
        "those of Track 3 train as long as those of Track 1. In both the weights that do best on the validation clips "
        "are kept, which is what early stopping does.",
        "Course preset: all of a model stands behind a pixel-unshuffle by two, so that frames of half the size with "
        "four times the channels are fused and an offset of one is two pixels of the frame; at full size a frame of "
        "416×240 took five times as long. 32 channels in the offset network, 32 fused features, 5 blocks of "
        "32, 128, 32, and 16 channels in the gate.",
    ),
)


def _model(name: str, **changes) -> Method:
    """One of the two models as a part that SMGF starts from; ``changes`` to the paper recipe tell the two apart."""
    return Method(
        slug=f"bilibili_{name}",
        team="",
        title=f"SMGF's {name} model",
        tracks=(),
        sections=("§4.1", "Figure 1"),
        kind="window",
        build=build_branch,
        policy=POLICY,
        recipes={
            (track, scale): recipe
            for track in (1, 3)
            for scale, recipe in (("smoke", _smoke()), ("paper", _paper(**changes)))
        },
        departures=METHOD.departures,
    )


FIRST = _model("first")
SECOND = _model("second", colour=True, places=3)
