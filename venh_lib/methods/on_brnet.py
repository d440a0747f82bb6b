"""A team's network inside a trained BRNet: how the `course` presets of the methods that look at other frames start.

An hour on two cores is too short to learn both what one frame says and what other frames add to it, and for offsets
that start at zero to find motion. So frames are first brought onto the restored one by a flow that needs no training;
the head of BRNet, trained before, makes each frame's features; the team's alignment and fusion correct what the flow
left and find what the other frames know, which joins the restored frame's features; and BRNet's body and tail make the
picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.dis import DenseInverseSearch
from venh_lib.blocks.flow import shrunk_flow, warp
from venh_lib.blocks.half_size import REDUCTION
from venh_lib.blocks.light import light, lit_as
from venh_lib.blocks.padding import middle_of, pad_to_multiple
from venh_lib.blocks.peaks import BetweenPeaks
from venh_lib.blocks.propagation import neighbour_flows
from venh_lib.blocks.residual import he_, same_conv, zero_
from venh_lib.methods import ivp_tencent
from venh_lib.recipes import Cosine, Recipe

SINGLE = "single."
FROZEN = (f"{SINGLE}sub_mean.", f"{SINGLE}add_mean.")
# Track 3 has no BRNet of its own: every training starts from that of Track 1, and changes it at a third of the rate.
START = ((SINGLE, "ivp_tencent", 1),)
SLOW_SINGLE = (SINGLE, 0.3, 0)
# Inside a recurrent network every feature of BRNet is heard in nine frames at once: a step moves more, and so is less.
SLOWER_SINGLE = (SINGLE, 0.1, 0)
# What predicts offsets and masks. What an untrained core hands on is noise, and the quickest ways to be rid of it are
# to close the masks and to read outside the frame, from where no gradient leads back. So both wait for the core to be
# worth something, and are slow then: a share of the rate, and of the steps. EDVR's alignment stands quicker ones.
OFFSETS, SLOWNESS, EDVR_SLOWNESS, WAIT = ".conv_offset.", 0.02, 0.1, 0.25
# BRNet's features vary by about a twentieth. Cores see them this many times as large, and what they find joins them as
# many times smaller: beside so small values, biases that move by the learning rate soon silence rectifiers.
ENLARGED = 16.0
# Light is compared over three of these cells, in pixels.
CELL = 16
# Among the departures of every method whose frames are brought first.
BROUGHT = (
    "Course preset: before all else the other frames are brought onto the restored one by OpenCV's dense inverse "
    "search, where that makes them clearly more alike, and the method's own alignment is left with the rest: offsets "
    "that start at zero are slow to find a motion. Of twins in notebooks 33 and 34 the validation clips gain by it and "
    "the test clips do not; other methods' frames are brought by way of the peaks since. Frames are given the light of "
    "the restored one, too, the mean over some fifty pixels, so that a lamp that flickers does not pass from one into "
    "another."
)
# The same of methods whose frames are brought by way of the peaks.
BETWEEN_PEAKS = (
    "Course preset: before all else the other frames are brought onto the restored one, and the method's own alignment "
    "is left with the rest: offsets that start at zero are slow to find a motion. It is OpenCV's dense inverse search "
    "that finds it, on blurred frames, and not between the frame and a peak alone, since coded frames move differently "
    "from the scene: the motion between the peaks on both sides is heard where it brings the three frames together "
    "(BetweenPeaks). Frames are given the light of the restored one, too, where the two clearly differ in it, so that "
    "a lamp that flickers does not pass from one frame into another."
)
# Around a crop of a window, in pixels. With it the best mix of a frame and its peaks is as good on the crops of photos
# as on whole frames.
MARGIN = 16
# Among the departures of every method that learns inside such a margin.
INSIDE = (
    "Course recipe of Track 1: frames are brought over crops with a margin of 16 pixels, and learned from inside it. "
    "What moves into a crop over its edge is not seen there, and a network that meets references which are worse than "
    "those of whole frames learns to distrust them."
)
# Among the departures of every method with several frames on a side.
ORDERED = (
    "Course preset: the frames of each side of the window stand in the order of their QPs, the best coded next to the "
    "restored one (BestNext): the bitstream says how coarsely a frame was coded, which its looks tell badly."
)
# Among the departures of every method that aligns by offsets.
CALM = (
    "Course recipe: offsets and masks wait for a quarter of the steps, and learn at a small share of the other parts' "
    "rate then. What an untrained core hands on is noise, and offsets that learn from the start would be rid of it by "
    "leaving the frame, from where no gradient leads back."
)
# Among the departures of every method that fuses aligned frames.
DIFFERENT = (
    "Course recipe: what fuses the frames starts as the differences of the others to the restored one: a random "
    "mixture is noise at first, and training begins by silencing it."
)
# Among the departures of every method with EDVR's TSA.
HEARD_HALF = (
    "Course recipe: TSA's embeddings start at a tenth of PyTorch's size, so that every frame is heard half: features "
    "that vary by one agree so well that attention would start at one, where it cannot learn."
)
# Among the departures of every method that looks at other frames: how all of them learn at `course`.
LEARNED = (
    "Course recipe: warm-up and a cosine, crops from places that lost much, a share of them from shots of the film, "
    "moving average of the weights, clipped gradients, flips and colour augmentation; the report names none of these."
)
# Among the departures of every recurrent method.
REMEMBERED = (
    "Course recipe: each branch starts as running means of the frames' features, and what comes out as their "
    "differences to the frame's own: random weights mix each frame with all before it, and what one of them held is "
    "lost after a few. In front of the first frame stand its own features, where nothing stands in the paper: next to "
    "nothing every frame differs by all that it is."
)


class OnBRNet(nn.Module):
    """``[B, N, 3, H, W]`` to ``[B, 3, H, W]``, RGB in 0–1, not clamped; frame ``N // 2`` of the window is restored.

    ``core`` maps the features of all frames ``[B, N, channels, h, w]`` to what joins those of the restored one,
    ``[B, out_channels, h, w]``, their sides multiples of ``core.multiple``. Untrained it is not heard: this is BRNet.
    A core that aligns by offsets has ``flows()``, what the offsets of its last forward say of the motion from the
    restored frame to each frame of the window: flows ``[B·N, 2, h', w']`` in pixels of their own sizes. One with
    losses of its own has ``penalty(progress)``, a scalar, with ``progress`` from 0 to 1 through the training.
    ``brought=False`` leaves the frames where they are, and all alignment to the core. ``between_peaks`` brings them by
    BetweenPeaks, which is told the frames' ``qps`` and ``places`` ``[B, N]``, and not each by what is found between it
    and the restored one. ``policy`` names the window's frames in the order that the core is given them, where it is not
    the method's.
    """

    def __init__(
        self,
        core: nn.Module,
        channels: int,
        out_channels: int,
        *,
        brought: bool = True,
        between_peaks: bool = False,
        policy: Callable[[Sequence[FrameInfo], int], tuple[int, ...]] | None = None,
    ) -> None:
        super().__init__()
        self.policy = policy
        self.reads = ("qps", "places") if brought and between_peaks else ()
        self.search = None if not brought else BetweenPeaks() if between_peaks else DenseInverseSearch()
        self.single = ivp_tencent.build("course")
        width = self.single.head.out_channels
        self.enter = entrance(width, channels)
        self.core = core
        self.leave = zero_(same_conv(out_channels, width))

    def forward(self, window: Tensor, *told: Tensor) -> Tensor:
        return self.restored(self.brought(window, *told))

    def restored(self, window: Tensor) -> Tensor:
        """The middle frame of a ``brought`` window, restored."""
        height, width = window.shape[-2:]
        window = pad_to_multiple(window.flatten(0, 1), REDUCTION * self.core.multiple).unflatten(0, window.shape[:2])
        features = self.single.features(window.flatten(0, 1))
        seen = self.enter(ENLARGED * features).unflatten(0, window.shape[:2])
        found = self.leave(self.core(seen)) / ENLARGED
        centre = window.shape[1] // 2
        own = features.unflatten(0, window.shape[:2])[:, centre]
        return self.single.restored(own + found, window[:, centre])[..., :height, :width]

    def residual(self, window: Tensor) -> Tensor:
        """What is added to the middle frame of a ``brought`` window, ``[B, 3, H, W]``, float32."""
        return self.restored(window).float() - window[:, window.shape[1] // 2]

    def brought(self, window: Tensor, *told: Tensor) -> Tensor:
        """The window with every other frame brought onto the restored one by ``motion``, and given its light."""
        return window if self.search is None else self.along(window, self.motion(window, *told))

    def along(self, window: Tensor, flows: Sequence[Tensor]) -> Tensor:
        """The window with each frame moved by its flow, and given the light of the restored one."""
        own = window[:, window.shape[1] // 2]
        frames = zip(window.unbind(dim=1), flows, strict=True)
        moved = [torch.where(flow.any(1, keepdim=True), warp(x, flow), x) for x, flow in frames]
        if isinstance(self.search, BetweenPeaks):
            return torch.stack([lit_as(own, x, CELL) for x in moved], dim=1)
        return torch.stack([x + light(own - x, CELL) for x in moved], dim=1)

    def motion(self, window: Tensor, *told: Tensor) -> list[Tensor]:
        """The flows from the restored frame to each of the window, ``[B, 2, H, W]`` in pixels; zero where unused.

        A flow that was found between two frames is unused where it does not make them clearly more alike.
        """
        if isinstance(self.search, BetweenPeaks):
            return self.search(window, *told)
        flows = torch.zeros_like(window[:, :, :2], dtype=torch.float32)
        if self.search is not None:
            middle, count = window.shape[1] // 2, window.shape[1] - 1
            others = [n for n in range(count + 1) if n != middle]
            # All at once: each search keeps one core busy.
            own = window[:, middle].repeat_interleave(count, dim=0)
            flows[:, others] = self.search(own, window[:, others].flatten(0, 1)).unflatten(0, (-1, count))
        return list(flows.unbind(dim=1))

    def training_loss(
        self, samples: Mapping[str, Tensor], step: int, steps: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """``loss`` of the output and the core's own penalty. ``samples`` holds ``lq`` [B, N, 3, H, W] and ``gt``.

        Where ``gt`` is smaller, frames are brought in full, and the middle of what they became is restored.
        """
        window = self.brought(samples["lq"], *(samples[name] for name in self.reads))
        output = self.restored(middle_of(window, samples["gt"]))
        return penalised(self.core, loss(output.float(), samples["gt"]), step / steps)


class RecurrentOnBRNet(nn.Module):
    """``[B, T, 3, H, W]`` to the same shape, RGB in 0–1, not clamped: every frame of a clip is restored.

    Each of the ``cores`` maps features ``[B, T, channels, h, w]`` and the flows between neighbours, both ways
    (``neighbour_flows``, at the features' size), to what joins each frame's features, of that shape. Untrained it is
    not heard. The mean of what they make of the clip comes out. Flows are DenseInverseSearch's, of whole frames.
    """

    def __init__(self, *cores: nn.Module, channels: int) -> None:
        super().__init__()
        self.single = ivp_tencent.build("course")
        width = self.single.head.out_channels
        self.flow = DenseInverseSearch()
        self.enter = nn.ModuleList(entrance(width, channels) for _ in cores)
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
            found = core(enter(ENLARGED * features).unflatten(0, (batch, count)), *flows).flatten(0, 1)
            frame = self.single.restored(features + leave(found) / ENLARGED, frames)[..., :height, :width]
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
        there, back = neighbour_flows(self.flow, frames)
        return [shrunk_flow(flow, REDUCTION) for flow in there], [shrunk_flow(flow, REDUCTION) for flow in back]


def entrance(width: int, channels: int) -> nn.Module:
    """A core's way in from BRNet's ``width`` channels: their variance stays as it is."""
    conv = same_conv(width, channels, 1)
    he_(conv, slope=1.0)
    return conv


def penalised(core: nn.Module, loss: Tensor, progress: float) -> Tensor:
    """``loss``, plus the ``core``'s own penalty at this ``progress`` of the training if it has one."""
    return loss + core.penalty(progress) if hasattr(core, "penalty") else loss


def window_recipe(steps: int, loss: Callable, *, slowness: float = SLOWNESS, **changes) -> Recipe:
    """How networks inside BRNet learn at `course`: ``changes`` replace settings by name. All are ours.

    ``slowness``: the rate of offsets and masks, as a share of the other parts'.
    """
    settings = {
        "batch": 8, "crop": 96, "learning_rate": 1e-3, "preset": "course", "warmup": 100, "schedule": Cosine(0.01),
        "clip_norm": 0.5, "clips": 640, "places": 3, "film": 0.4, "start": START, "frozen": FROZEN,
        "rates": (SLOW_SINGLE, (OFFSETS, slowness, round(WAIT * steps))), "validate_every": 500,
    }  # fmt: skip
    return Recipe(steps=steps, loss=loss, **(settings | changes))


def clip_recipe(steps: int, loss: Callable, **changes) -> Recipe:
    """The same for recurrent networks, which learn from clips of nine frames, four at a time."""
    rates = (SLOWER_SINGLE, (OFFSETS, SLOWNESS, round(WAIT * steps)))
    return window_recipe(steps, loss, **({"batch": 4, "frames": 9, "rates": rates} | changes))


def smoke_recipe(loss: Callable, **changes) -> Recipe:
    """A few steps of ``window_recipe``, from weights that were not trained: the code path, and no more."""
    settings = {
        "batch": 2, "crop": 64, "warmup": 2, "ema": None, "clips": 8, "film": None, "start": (), "rates": (),
        "validate_every": 5, "checkpoint_every": 5,
    }  # fmt: skip
    return window_recipe(10, loss, **(settings | changes))
