"""A team's network inside a trained BRNet: how the `course` presets of the methods that look at other frames start.

An hour on two cores is too short to learn both what one frame says and what other frames add to it, and offsets that
start at zero learn nothing from the restoration loss alone in that time. So the head of BRNet, trained before, makes
each frame's features; the team's alignment and fusion find in them what the other frames know, which joins the restored
frame's features; and BRNet's body and tail make the picture. Offsets are first taught by the true motion of
synthesised clips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib.blocks.flow import flow_error
from venh_lib.blocks.half_size import REDUCTION
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.propagation import neighbour_flows
from venh_lib.blocks.residual import enlarged, same_conv, zero_
from venh_lib.blocks.spynet import SpyNet
from venh_lib.methods import ivp_tencent
from venh_lib.recipes import Cosine, Recipe

# What an error of one pixel of the offsets counts beside the restoration, as a share of its loss, whichever loss that
# is; it falls to zero over this share of the steps, after which only restoration shapes the offsets (both ours).
TEACHING, TAUGHT_SHARE = 0.5, 0.7
SINGLE, FLOW = "single.", "flow."
FROZEN = (f"{SINGLE}sub_mean.", f"{SINGLE}add_mean.")
# Track 3 has no BRNet of its own: every training starts from that of Track 1, and changes it at a third of the rate.
START, SLOWLY = ((SINGLE, "ivp_tencent", 1),), ((SINGLE, 0.3, 0),)


class OnBRNet(nn.Module):
    """``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped; frame ``N // 2`` of the window is restored.

    ``core`` maps the features of all frames ``[B, N, channels, h, w]`` to what joins those of the restored one,
    ``[B, out_channels, h, w]``, their sides multiples of ``core.multiple``. Untrained it is not heard: this is BRNet.
    A core that aligns by offsets has ``flows()``, what the offsets of its last forward say of the motion from the
    restored frame to each frame of the window: flows ``[B·N, 2, h', w']`` in pixels of their own sizes. One with
    losses of its own has ``penalty(progress)``, a scalar, with ``progress`` from 0 to 1 through the training.
    """

    def __init__(self, core: nn.Module, channels: int, out_channels: int) -> None:
        super().__init__()
        self.single = ivp_tencent.build("course")
        width = self.single.head.out_channels
        self.enter = same_conv(width, channels, 1)
        self.core = core
        self.leave = zero_(same_conv(out_channels, width))

    def forward(self, window: Tensor) -> Tensor:
        height, width = window.shape[-2:]
        window = pad_to_multiple(window.flatten(0, 1), REDUCTION * self.core.multiple).unflatten(0, window.shape[:2])
        features = self.single.features(window.flatten(0, 1))
        found = self.leave(self.core(self.enter(features).unflatten(0, window.shape[:2])))
        centre = window.shape[1] // 2
        own = features.unflatten(0, window.shape[:2])[:, centre]
        return self.single.restored(own + found, window[:, centre])[..., :height, :width]

    def residual(self, window: Tensor) -> Tensor:
        """What the output differs by from the restored frame, ``[B, 3, H, W]``, float32."""
        return self(window).float() - window[:, window.shape[1] // 2]

    def training_loss(
        self, samples: Mapping[str, Tensor], step: int, steps: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """``loss`` of the output, the core's own penalty, and, where ``samples`` has it, the error from the motion.

        ``samples`` holds ``lq`` [B, N, 3, H, W] and ``gt``, and may hold the true ``motion`` [B, N, 2, H, W] in pixels
        from the restored frame to each, with where it is ``known`` [B, N, H, W].
        """
        restoration = loss(self(samples["lq"]).float(), samples["gt"])
        total = penalised(self.core, restoration, step / steps)
        share = TEACHING * (1 - step / (TAUGHT_SHARE * steps))
        if "motion" in samples and share > 0 and (flows := self.core.flows()):
            motion, known = (samples[key].flatten(0, 1) for key in ("motion", "known"))
            total = total + share * restoration.detach() * flow_error(flows, motion, known)
        return total


class RecurrentOnBRNet(nn.Module):
    """``[B, T, 3, H, W]`` to the same shape, RGB in 0–1, not clamped: every frame of a clip is restored.

    Each of the ``cores`` maps features ``[B, T, channels, h, w]`` and the flows between neighbours, both ways
    (``neighbour_flows``, at the features' size), to what joins each frame's features, of that shape. Untrained it is
    not heard. The mean of what they make of the clip comes out. SpyNet estimates the flows on frames of a quarter of
    the size, as BasicVSR++ does; they are enlarged.
    """

    def __init__(self, *cores: nn.Module, channels: int) -> None:
        super().__init__()
        self.single = ivp_tencent.build("course")
        width = self.single.head.out_channels
        self.flow = SpyNet()
        self.enter = nn.ModuleList(same_conv(width, channels, 1) for _ in cores)
        self.cores = nn.ModuleList(cores)
        self.leave = nn.ModuleList(zero_(same_conv(channels, width)) for _ in cores)

    def forward(self, clip: Tensor) -> Tensor:
        return torch.stack(self.each(clip)).mean(dim=0)

    def each(self, clip: Tensor) -> list[Tensor]:
        """What each core makes of the clip."""
        (batch, count), (height, width) = clip.shape[:2], clip.shape[-2:]
        # Flows have half the features' sides.
        frames = pad_to_multiple(clip.flatten(0, 1), 2 * REDUCTION)
        features = self.single.features(frames)
        flows = self.flows(frames.unflatten(0, (batch, count)))
        restored = []
        for enter, core, leave in zip(self.enter, self.cores, self.leave, strict=True):
            found = core(enter(features).unflatten(0, (batch, count)), *flows).flatten(0, 1)
            frame = self.single.restored(features + leave(found), frames)[..., :height, :width]
            restored.append(frame.unflatten(0, (batch, count)))
        return restored

    def residual(self, clip: Tensor) -> Tensor:
        """What the output differs by from the clip, of its shape, float32."""
        return self(clip).float() - clip

    def training_loss(
        self, samples: Mapping[str, Tensor], step: int, steps: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Mean of the losses of what each core gives: they learn side by side. ``samples`` holds ``lq`` and ``gt``."""
        return sum(loss(output.float(), samples["gt"]) for output in self.each(samples["lq"])) / len(self.cores)

    def flows(self, frames: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Flows at half the frames' size, from frame t + 1 to t and from t to t + 1, for each t but the last."""
        small = functional.avg_pool2d(frames.flatten(0, 1), 2 * REDUCTION).unflatten(0, frames.shape[:2])
        there, back = neighbour_flows(self.flow, small)
        return [2 * enlarged(flow) for flow in there], [2 * enlarged(flow) for flow in back]


def penalised(core: nn.Module, loss: Tensor, progress: float) -> Tensor:
    """``loss``, plus the ``core``'s own penalty at this ``progress`` of the training if it has one."""
    return loss + core.penalty(progress) if hasattr(core, "penalty") else loss


def window_recipe(steps: int, loss: Callable, **changes) -> Recipe:
    """How networks inside BRNet learn at `course`: ``changes`` replace settings by name. All are ours."""
    settings = {
        "batch": 8, "crop": 96, "learning_rate": 1e-3, "preset": "course", "warmup": 100, "schedule": Cosine(0.01),
        "clip_norm": 0.5, "clips": 640, "places": 3, "film": 0.4, "motion": True, "start": START, "frozen": FROZEN,
        "rates": SLOWLY, "validate_every": 500,
    }  # fmt: skip
    return Recipe(steps=steps, loss=loss, **(settings | changes))


def clip_recipe(steps: int, loss: Callable, **changes) -> Recipe:
    """The same for recurrent networks, which learn from clips of nine frames and have SpyNet's motion to start with."""
    settings = {
        "batch": 2, "frames": 9, "motion": False, "start": (*START, (FLOW, "spynet", 1)),
        "rates": (*SLOWLY, (FLOW, 0.1, steps // 4)),
    }  # fmt: skip
    return window_recipe(steps, loss, **(settings | changes))


def smoke_recipe(loss: Callable, **changes) -> Recipe:
    """A few steps of ``window_recipe``, from weights that were not trained: the code path, and no more."""
    settings = {
        "batch": 2, "crop": 64, "warmup": 2, "ema": None, "clips": 8, "film": None, "start": (), "rates": (),
        "validate_every": 5, "checkpoint_every": 5,
    }  # fmt: skip
    return window_recipe(10, loss, **(settings | changes))
