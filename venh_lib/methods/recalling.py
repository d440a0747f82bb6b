"""Recurrent methods around a trained BRNet that recall what was coded well: their `course` presets.

Each branch of the team's propagation starts as a Kalman filter along the motion (``blocks.recall``), told by the QPs
how coarsely each frame was coded. What the filters hold is better than the frame before any training; BRNet's trained
head, body and tail enhance that, and all of it learns from there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from venh_lib.blocks.dis import DenseInverseSearch
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.propagation import neighbour_flows
from venh_lib.blocks.recall import FOLD, PICTURE, QP, coding_error, folded, unfolded
from venh_lib.blocks.residual import he_, same_conv, zero_, zero_mean_
from venh_lib.losses import Charbonnier
from venh_lib.methods import ivp_tencent
from venh_lib.methods.on_brnet import EDVR_SLOWNESS, OFFSETS, SLOW_SINGLE, WAIT, clip_recipe
from venh_lib.recipes import Recipe

# The first maps of a frame are its picture times this: they vary by about one.
GAIN = 4.0
# Of the learning rate, the share of the filters' few numbers, which start as they should, and of what surrounds them.
HELD, SLOW_CORE = 0.02, 0.2
# As ``neighbour_flows`` gives them.
Flows = tuple[list[Tensor], list[Tensor]]
# Among the departures of every method that recalls.
TOLD = (
    "Course preset: the network is told each frame's QP, and each branch starts as a Kalman filter along the motion: "
    "of what it remembers the less is kept the better the new frame was coded, and the more the two differ. Running "
    "means, as random weights make them, lose what a peak held within a few frames."
)
FULL_SIZE = (
    "Course preset: what is handed on is moved at full size, by OpenCV's dense inverse search between whole frames, "
    "and folded to half the size for the convolutions alone. Moved at half the size, features of a well coded frame "
    "tell less of its neighbour, and where motion is fast less than the neighbour's own. The flow does not learn, and "
    "is nearer to the true motion than a SpyNet that was trained for less than an hour on two cores."
)


class RecallingBRNet(nn.Module):
    """``[B, T, 3, H, W]`` to the same shape, RGB in 0–1, not clamped: every frame of a clip is restored.

    ``core(maps, to_previous, to_next, errors)`` gets folded maps ``[B, T, channels, H/2, W/2]`` of all frames, their
    pictures first, flows between neighbours at full size, both ways (``neighbour_flows``), and what each frame is
    expected to err by ``[B, T]``. What it gives, of the maps' shape, is added: the first maps to the picture, all of
    them by a convolution to the features that BRNet's head makes of that. ``forward`` is given the frames' QPs ``[B,
    T]``, without which all frames count as coded alike, and may be given the clip's ``flows``.
    """

    reads = ("qps",)

    def __init__(self, core: nn.Module, channels: int) -> None:
        super().__init__()
        self.single = ivp_tencent.build("course")
        self.flow = DenseInverseSearch()
        self.enter = entrance(channels)
        self.core = core
        self.leave = zero_(same_conv(channels, self.single.head.out_channels))

    def forward(self, clip: Tensor, qps: Tensor | None = None, flows: Flows | None = None) -> Tensor:
        (batch, count), (height, width) = clip.shape[:2], clip.shape[-2:]
        qps = clip.new_full((batch, count), QP) if qps is None else qps
        flows = self.flows(clip) if flows is None else flows
        frames = pad_to_multiple(clip.flatten(0, 1), FOLD)
        found = self.found(frames.unflatten(0, (batch, count)), qps, flows).flatten(0, 1)
        frames = frames + unfolded(found[:, :PICTURE].float()) / GAIN
        restored = self.single.restored(self.single.features(frames) + self.leave(found) / GAIN, frames)
        return restored[..., :height, :width].unflatten(0, (batch, count))

    def flows(self, clip: Tensor) -> Flows:
        """Flows between neighbours at full size, both ways, of a clip whose sides are made even."""
        return neighbour_flows(self.flow, pad_to_multiple(clip.flatten(0, 1), FOLD).unflatten(0, clip.shape[:2]))

    def found(self, clip: Tensor, qps: Tensor, flows: Flows) -> Tensor:
        """What the core finds of each frame of a clip of even sides, ``[B, T, channels, H/2, W/2]``."""
        maps = folded(self.enter(GAIN * self.single.sub_mean(clip.flatten(0, 1)))).unflatten(0, clip.shape[:2])
        return self.core(maps, *flows, coding_error(qps))

    def residual(self, clip: Tensor, qps: Tensor | None = None) -> Tensor:
        """What the output differs by from the clip, of its shape, float32."""
        return self(clip, qps).float() - clip


def entrance(channels: int) -> nn.Conv2d:
    """A frame's maps ``[B, channels / 4, H, W]``: first its red, green and blue, then what random filters see."""
    enter = same_conv(3, channels // FOLD**2)
    he_(enter, slope=1.0)
    zero_mean_(enter)
    with torch.no_grad():
        enter.weight[:3] = 0
        enter.weight[range(3), range(3), 1, 1] = 1
    return enter


def recalling_recipe(
    steps: int, *, core: float = SLOW_CORE, within: str = "", offsets: bool = True, **changes
) -> Recipe:
    """How networks that recall learn at `course`: they start better than BRNet, and quick learning would unlearn that.

    Training clips have filters recall less than real ones reward, small crops of them least of all, since much of what
    moves leaves a crop, and photos that move less than film. So the filters keep to their start, crops are large and
    most come from the film. BRNet learns from what the filters hold. Of the learning rate the cores have the share
    ``core``, their ``offsets``, where there are any, a part of that. ``within``: what stands in front of the parts'
    names. ``changes`` replace settings by name.
    """
    held = ((name, HELD, 0) for name in (".keep.", ".shares"))
    slow = ((within + name, core, 0) for name in ("enter.", "core.", "leave."))
    slower = ((OFFSETS, EDVR_SLOWNESS * core, round(WAIT * steps)),) if offsets else ()
    single, *own = SLOW_SINGLE
    rates = ((within + single, *own), *slower, *held, *slow)
    settings = {"warmup": 50, "rates": rates, "crop": 192, "film": 0.6, "validate_every": 200}
    return clip_recipe(steps, Charbonnier(), **(settings | changes))
