"""MT.MaxClear's EDVR whose offsets are regularised while it learns (report §4.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from venh_lib import references
from venh_lib.blocks.deformable import DeformConv
from venh_lib.blocks.edvr import EDVR, EDVRCore
from venh_lib.losses import Charbonnier, offset_total_variation, offset_variance
from venh_lib.methods.method import Method, check_preset
from venh_lib.methods.on_brnet import SINGLE, OnBRNet, penalised
from venh_lib.recipes import Cosine, Recipe

RADIUS, FRAMES = 2, 5
CHANNELS = 32
# Weights of the two offset losses at the start; both fall to zero along a line. The report prints none.
TOTAL_VARIATION, VARIANCE = 1e-3, 1e-4


class RegularisedCore(EDVRCore):
    """EDVR's core with losses on its offsets: ``[B, N, C, h, w]`` to ``[B, C, h, w]``.

    "DCN offsets Total Variation loss encourages the predicted DCN offsets are smooth in spatial space. DCN offsets
    Variation loss encourages the predicted DCN offsets between different channels do not deviate too much from the
    offsets mean" (report §4.5); both weights gradually decay to zero.
    """

    def penalty(self, progress: float) -> Tensor:
        """Both offset losses of the last forward, mean over its deformable convolutions, at their weights by now."""
        layers = [module for module in self.modules() if isinstance(module, DeformConv)]
        variation = sum(offset_total_variation(layer.offsets) for layer in layers) / len(layers)
        variance = sum(offset_variance(layer.offsets) for layer in layers) / len(layers)
        return (1 - progress) * (TOTAL_VARIATION * variation + VARIANCE * variance)


class RegularisedEDVR(EDVR):
    """EDVR that learns with the offset losses: ``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped."""

    def training_loss(
        self, samples: Mapping[str, Tensor], step: int, steps: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """``loss`` of the output and the penalty of the offsets; ``samples`` holds ``lq`` and ``gt``."""
        return penalised(self.core, loss(self(samples["lq"]).float(), samples["gt"]), step / steps)


def build(preset: str) -> nn.Module:
    """EDVR at ``preset``, inside BRNet at `course`; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return RegularisedEDVR(128, FRAMES, core=RegularisedCore)
    return OnBRNet(RegularisedCore(CHANNELS, FRAMES, reconstruct=2, groups=4), CHANNELS, CHANNELS)


_START, _RATES = ((SINGLE, "ivp_tencent"),), ((SINGLE, 0.1, 0),)


def _recipe(steps: int, **changes) -> Recipe:
    settings = {
        "steps": steps, "batch": 8, "crop": 96, "loss": Charbonnier(), "learning_rate": 1e-3, "preset": "course",
        "warmup": 100, "schedule": Cosine(0.01), "clip_norm": 0.5, "clips": 640, "places": 3, "motion": True,
        "start": _START, "rates": _RATES, "validate_every": 500,
    }  # fmt: skip
    return Recipe(**(settings | changes))


METHOD = Method(
    slug="mt_maxclear",
    team="MT.MaxClear",
    title="EDVR with regularised offsets",
    tracks=(1,),
    sections=("§4.5", "Table 1", "Table 3"),
    kind="window",
    build=build,
    policy=references.neighbours(RADIUS),
    recipes={
        (1, "course"): _recipe(6_000),
    },
    departures=("None yet.",),
)
