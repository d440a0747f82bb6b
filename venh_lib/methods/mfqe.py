"""MFQE, the multi-frame baseline of Table 1: a frame is enhanced with the peak quality frames around it.

What the challenge's public TensorFlow code does differently, by slip, and this file does right:

- there a flow that is enlarged to the next level is not doubled, so each finer level has to find
  again what the coarser one knew;
- there the left PQF stays frame 1 for the whole video, as it is read once, before the loop;
- there enhanced PQFs are written back as frames 4, 8, 12 … instead of 5, 9, 13 …: one off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib import references
from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.flow import flow_error, flow_level, pyramid, upsample_flow, warp
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.residual import he_, same_conv, zero_, zero_mean_
from venh_lib.losses import L1, L2
from venh_lib.methods import qecnn
from venh_lib.methods.method import Method, check_preset
from venh_lib.recipes import Constant, Cosine, Recipe

# MFQE trains the motion nets first, then the QE net: the weights of the two losses before and after the
# change are those of Yang et al.; that it comes after a quarter of the steps is ours.
MOTION_SHARE = 0.25
MOTION_FIRST, QUALITY_FIRST = (1.0, 0.01), (0.01, 1.0)


class MotionNet(nn.Module):
    """Motion from ``centre`` to ``pqf``, both ``[B, 3, H, W]``: flows ``[B, 2, h, w]``, coarsest first.

    One small network a level, each correcting the enlarged flow of the level before, as in SpyNet.
    With ``full_resolution=False`` the finest level works on frames of half size. Each level starts as a
    crude gradient method (``lucas_kanade_``).
    """

    def __init__(self, channels: tuple[int, ...], levels: int, *, full_resolution: bool) -> None:
        super().__init__()
        self.levels = nn.ModuleList(flow_level(channels) for _ in range(levels))
        self.finest = 1 if full_resolution else 2

    def forward(self, centre: Tensor, pqf: Tensor) -> list[Tensor]:
        if self.finest > 1:
            centre, pqf = (functional.avg_pool2d(frame, self.finest) for frame in (centre, pqf))
        scales = zip(pyramid(centre, len(self.levels)), pyramid(pqf, len(self.levels)), strict=True)
        flows: list[Tensor] = []
        for level, (centre_scale, pqf_scale) in zip(self.levels, scales, strict=True):
            if flows:
                flow = upsample_flow(flows[-1])
            else:
                flow = torch.zeros_like(centre_scale[:, :2])
            correction = level(torch.cat((warp(pqf_scale, flow), centre_scale, flow), dim=1))
            flows.append(flow + correction)
        if self.finest > 1:
            flows.append(upsample_flow(flows[-1], self.finest))
        return flows


class QualityEnhancementNet(nn.Module):
    """The residual of the centre frame from it and the two compensated PQFs, each ``[B, 3, H, W]``.

    Features of each frame, merged with the centre's side by side, then together. The convolutions start as
    those of QECNN do, the last one at zero.
    """

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        extracted, merged, complex_, mapped = channels
        self.extract_previous = self._conv(3, extracted, 9)
        self.extract_centre = self._conv(3, extracted, 9)
        self.extract_next = self._conv(3, extracted, 9)
        self.merge_previous = self._conv(2 * extracted, merged, 7)
        self.merge_next = self._conv(2 * extracted, merged, 7)
        self.complex_previous = self._conv(merged, complex_, 3)
        self.complex_next = self._conv(merged, complex_, 3)
        self.mapping = self._conv(2 * complex_, mapped, 1)
        self.reconstruction = same_conv(mapped, 3, 5)
        he_(self, slope=qecnn.PRELU_SLOPE)
        for extract in (self.extract_previous, self.extract_centre, self.extract_next):
            zero_mean_(extract[0])
        zero_(self.reconstruction)

    @staticmethod
    def _conv(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
        return nn.Sequential(same_conv(in_channels, out_channels, kernel_size), nn.PReLU(out_channels))

    def forward(self, previous: Tensor, centre: Tensor, following: Tensor) -> Tensor:
        features = self.extract_centre(centre)
        before = self.merge_previous(torch.cat((self.extract_previous(previous), features), dim=1))
        after = self.merge_next(torch.cat((features, self.extract_next(following)), dim=1))
        both = torch.cat((self.complex_previous(before), self.complex_next(after)), dim=1)
        return self.reconstruction(self.mapping(both))


class MFQE(nn.Module):
    """Multi-Frame Quality Enhancement: ``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped.

    Yang et al., CVPR 2018, reference [72] of the report. N is 1 for a PQF, which QECNN enhances by
    itself, and 3 for any other frame: (previous PQF, centre, next PQF). ``enhance_centre`` also sends
    the centre through QECNN first, so that the untrained fusion is QECNN and not the compressed frame.
    """

    def __init__(
        self,
        enhancer: qecnn.QECNN,
        motion_channels: tuple[int, ...] = (32, 64, 32, 16),
        levels: int = 5,
        quality_channels: tuple[int, int, int, int] = (128, 64, 64, 32),
        *,
        full_resolution: bool = True,
        enhance_centre: bool = False,
    ) -> None:
        super().__init__()
        self.qecnn = enhancer
        self.motion_previous = MotionNet(motion_channels, levels, full_resolution=full_resolution)
        self.motion_next = MotionNet(motion_channels, levels, full_resolution=full_resolution)
        self.quality_enhancement = QualityEnhancementNet(quality_channels)
        self.enhance_centre = enhance_centre
        self.multiple = 2 ** (levels - 1) * self.motion_previous.finest

    def forward(self, window: Tensor) -> Tensor:
        if window.shape[1] == 1:
            return self.qecnn(window)
        return self._compensate_and_enhance(window)[0]

    def _compensate_and_enhance(self, window: Tensor) -> tuple[Tensor, list[tuple[Tensor, list[Tensor]]]]:
        """The enhanced centre, and for each side the enhanced PQF and its flows, coarsest first."""
        previous, centre, following = window.unbind(dim=1)
        previous, following = self._enhance(previous), self._enhance(following)
        if self.enhance_centre:
            centre = self._enhance(centre)
        flows_previous = self._flows(self.motion_previous, centre, previous)
        flows_next = self._flows(self.motion_next, centre, following)
        residual = self.quality_enhancement(
            warp(previous, flows_previous[-1]), centre, warp(following, flows_next[-1])
        )
        return centre + residual, [(previous, flows_previous), (following, flows_next)]

    def _enhance(self, frame: Tensor) -> Tensor:
        return self.qecnn(frame[:, None])

    def _flows(self, motion_net: MotionNet, centre: Tensor, pqf: Tensor) -> list[Tensor]:
        """The flows of one side; the last one is cropped to the frame, the others have padded sizes."""
        height, width = centre.shape[-2:]
        flows = motion_net(pad_to_multiple(centre, self.multiple), pad_to_multiple(pqf, self.multiple))
        return [*flows[:-1], flows[-1][..., :height, :width]]

    def motion(self, centre: Tensor, pqf: Tensor) -> Tensor:
        """Flow ``[B, 2, H, W]`` in pixels from ``centre`` to a previous ``pqf``, both ``[B, 3, H, W]``."""
        return self._flows(self.motion_previous, centre, pqf)[-1]

    def training_loss(
        self, samples: Mapping[str, Tensor], step: int, steps: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """What a training minimises at ``step`` of ``steps``: α · motion + β · ``loss(output, target)``.

        ``samples`` holds the window ``lq`` [B, N, 3, H, W] and the raw centre ``gt`` [B, 3, H, W], and may
        hold the true ``motion`` [B, N, 2, H, W] in pixels and where it is ``known`` [B, N, H, W]: the motion
        nets then learn from it, else from how well the compensated PQFs match the target. At first α = 1
        and β = 0.01, later the other way round (Yang et al., §3.4). A window of one frame has no motion
        to learn.
        """
        window, target = samples["lq"], samples["gt"]
        if window.shape[1] == 1:
            return loss(self(window).float(), target)
        output, sides = self._compensate_and_enhance(window)
        alpha, beta = MOTION_FIRST if step < MOTION_SHARE * steps else QUALITY_FIRST
        motion = torch.zeros((), device=window.device)
        for place, (pqf, flows) in zip((0, 2), sides, strict=True):
            if "motion" in samples:
                motion = motion + self._flow_error(flows, samples["motion"][:, place], samples["known"][:, place])
            else:
                motion = motion + self._matching_error(pqf, flows, target)
        return alpha * motion + beta * loss(output.float(), target)

    def _matching_error(self, pqf: Tensor, flows: list[Tensor], target: Tensor) -> Tensor:
        """Mean squared difference of the compensated PQF and the target, summed over the levels."""
        mean_square = L2()
        total = mean_square(warp(pqf, flows[-1]).float(), target)
        pqf, target = (pad_to_multiple(frame, self.multiple) for frame in (pqf, target))
        for flow in flows[:-1]:
            size = pqf.shape[-1] // flow.shape[-1]
            small_pqf, small_target = (functional.avg_pool2d(frame, size) for frame in (pqf, target))
            total = total + mean_square(warp(small_pqf, flow).float(), small_target)
        return total

    def _flow_error(self, flows: list[Tensor], motion: Tensor, known: Tensor) -> Tensor:
        """``flow_error`` of one side's flows, on frames padded as they were."""
        height, width = motion.shape[-2:]
        short = (0, -width % self.multiple, 0, -height % self.multiple)
        # The last flow of a net that stops at half size is the one before it, enlarged: it is not counted twice.
        counted = flows[: len(self.motion_previous.levels)]
        return flow_error(counted, functional.pad(motion, short), functional.pad(known, short))


def build(preset: str) -> MFQE:
    """MFQE at ``preset``, its QECNN at the same preset; SettingError for an unknown one."""
    enhancer = qecnn.build(check_preset(preset))
    if preset == "paper":
        return MFQE(enhancer)
    return MFQE(enhancer, (16, 32, 16, 16), 4, (16, 16, 16, 16), full_resolution=False, enhance_centre=True)


def with_references(infos: Sequence[FrameInfo]) -> tuple[int, ...]:
    """The frames MFQE is trained on: those that have PQFs around them and are none themselves."""
    return tuple(t for t in range(len(infos)) if len(references.mfqe_window(infos, t)) > 1)


_START = (("qecnn.", "qecnn"),)
_FROZEN = ("qecnn.",)

METHOD = Method(
    slug="mfqe",
    team="MFQE",
    title="MFQE: Multi-Frame Quality Enhancement",
    tracks=(1,),
    sections=("Table 1", "[72]"),
    kind="window",
    build=build,
    policy=references.mfqe_window,
    targets=with_references,
    recipes={
        (1, "smoke"): Recipe(
            steps=20, batch=4, crop=32, loss=L1(), learning_rate=5e-4, preset="course", warmup=5,
            ema=None, clip_norm=0.5, clips=8, validate_every=10, checkpoint_every=10,
            start=_START, frozen=_FROZEN,
        ),
        (1, "course"): Recipe(
            steps=4_000, batch=8, crop=96, loss=L2(), learning_rate=1e-3, preset="course", warmup=100,
            schedule=Cosine(0.01), clip_norm=0.5, clips=640, places=3, motion=True, start=_START, frozen=_FROZEN,
        ),
        # The report gives no settings for the baselines; L2 is the loss of Yang et al.
        (1, "paper"): Recipe(
            steps=500_000, batch=32, crop=64, loss=L2(), learning_rate=1e-4, preset="paper",
            betas=(0.9, 0.999), schedule=Constant(), ema=None, flips=False, colour=False, clips=200,
            checkpoint_every=1000, start=_START, frozen=_FROZEN,
        ),
    },
    departures=(
        "PQFs are told by the QPs of the bitstream; Yang et al. detect them by a support vector machine, and "
        "the challenge's baseline takes frames 1, 5, 9 ….",
        "The network holds its QECNN, so that one checkpoint enhances a whole video; it is trained first, "
        "and not changed after that.",
        "The motion loss compares the compensated, enhanced PQF with the raw centre, at every level; Yang "
        "et al. warp the raw PQF by the flow of the compressed frames.",
        "Motion nets start as a crude gradient method and the fusion at a residual of zero.",
        "Course recipe: the motion nets learn the true motion of the synthesised clips (Yang et al. have none and "
        "compare frames, as the paper recipe here does).",
        "The weights of the two losses change after a quarter of the steps; Yang et al. wait until the "
        "motion loss has converged.",
        "Frames are padded to a multiple of 16 for the motion nets by repeating the border.",
        "Course preset: the centre is enhanced by QECNN before the fusion, so that training starts from "
        "QECNN's result; in the paper preset the compressed centre is fused and added, as published.",
        "Course preset: motion at four levels from 1/16 to 1/2 of the size, with 16, 32, 16 and 16 "
        "channels, enlarged to the full size; 16 channels in the fusion. All kernels are kept, and both nets.",
        "Course recipe: warm-up and a cosine, crops from places that lost much, moving average of the weights, "
        "clipped gradients, flips and colour augmentation.",
        "Paper recipe: the report gives no settings for its baselines; optimiser and steps are ours.",
    ),
)
