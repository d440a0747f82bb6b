"""SpyNet: optical flow from coarse to fine, one small network a level (Ranjan and Black, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib.blocks.flow import DETAIL_GAIN, divided_lucas_kanade_, flow_error, flow_level, pyramid, warp

LEVELS = 6
CHANNELS = (32, 64, 32, 16)
MULTIPLE = 2 ** (LEVELS - 1)
# Mean and standard deviation of ImageNet's RGB, which the published weights expect.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class SpyNet(nn.Module):
    """Flow ``[B, 2, H, W]`` in pixels (x, y) from ``frame`` to ``other``, both ``[B, 3, H, W]``, RGB in 0–1.

    ``frame(p) = other(p + flow(p))``, so ``warp(other, flow)`` brings ``other`` onto ``frame``. Each of six levels of
    five 7×7 convolutions corrects the enlarged flow of the level before; frames are resized to multiples of 32
    first. 1,440,300 parameters at the published ``channels``; untrained, each level is a method of gradients
    (``divided_lucas_kanade_``). Flows add up in float32 whatever the levels compute in.
    """

    def __init__(self, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        start = partial(divided_lucas_kanade_, centre_first=True, gain=DETAIL_GAIN * sum(DEVIATION) / 3)
        self.levels = nn.ModuleList(flow_level(channels, start) for _ in range(LEVELS))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, frame: Tensor, other: Tensor) -> Tensor:
        height, width = frame.shape[-2:]
        flow = self.flows(frame, other)[-1]
        shares = (width / flow.shape[-1], height / flow.shape[-2])
        flow = functional.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
        return flow * flow.new_tensor(shares).view(1, 2, 1, 1)

    def flows(self, frame: Tensor, other: Tensor) -> list[Tensor]:
        """The flow of every level, coarsest first, in pixels of its own size, of the resized frames."""
        height, width = (-(-extent // MULTIPLE) * MULTIPLE for extent in frame.shape[-2:])
        frame, other = (
            functional.interpolate(
                (image.float() - self.mean) / self.deviation, size=(height, width), mode="bilinear", align_corners=False
            )
            for image in (frame, other)
        )
        flows: list[Tensor] = []
        for level, own, others in zip(self.levels, pyramid(frame, LEVELS), pyramid(other, LEVELS), strict=True):
            if flows:
                # The published weights were trained with this enlargement, corners aligned.
                flow = 2 * functional.interpolate(flows[-1], scale_factor=2, mode="bilinear", align_corners=True)
            else:
                flow = torch.zeros_like(own[:, :2])
            flows.append(flow + level(torch.cat((own, warp(others, flow), flow), dim=1)).float())
        return flows

    def training_loss(
        self, samples: Mapping[str, Tensor], step: int, steps: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Error of the flows of all levels from the true motion, in pixels, where it is known (``flow_error``).

        ``samples`` holds the window ``lq`` [B, 2, 3, H, W], a frame and another one, sides multiples of 32, the true
        ``motion`` [B, 2, 2, H, W] from the first to both, and where it is ``known`` [B, 2, H, W].
        """
        frame, other = samples["lq"].unbind(dim=1)
        return flow_error(self.flows(frame, other), samples["motion"][:, 1], samples["known"][:, 1])


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published SpyNet weights under this file's names: those of BasicSR, or of mmagic (their ``.conv.`` inside).

    Their mean and deviation are left out: they are ImageNet's, which this file has as well.
    """
    renamed = {}
    for name, values in state.items():
        if not name.startswith("basic_module."):
            continue
        _, level, _, layer, *inside, kind = name.split(".")
        # mmagic counts convolutions with their rectifier, BasicSR each layer.
        place = 2 * int(layer) if inside else int(layer)
        renamed[f"levels.{level}.{place}.{kind}"] = values
    return renamed
