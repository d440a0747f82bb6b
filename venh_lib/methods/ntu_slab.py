"""NTU-SLab's BasicVSR++: second-order grid propagation with flow-guided deformable alignment (report §4.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from venh_lib import references
from venh_lib.blocks.padding import pad_to_multiple
from venh_lib.blocks.propagation import SecondOrderPropagation, neighbour_flows
from venh_lib.blocks.published import renamed
from venh_lib.blocks.recall import BACKWARD, FORWARD, RecallingBranch, beyond_own
from venh_lib.blocks.residual import LEAK, rectified, residual_stack, same_conv, zero_
from venh_lib.blocks.spynet import SpyNet
from venh_lib.losses import Charbonnier
from venh_lib.methods.method import Method, check_preset
from venh_lib.methods.on_brnet import CALM, LEARNED, smoke_recipe
from venh_lib.methods.recalling import FULL_SIZE, GAIN, TOLD, RecallingBRNet, recalling_recipe
from venh_lib.recipes import Cosine, Recipe

# Features live at a quarter of the frame's height and width.
REDUCTION = 4
# Two sweeps, each backward then forward.
BRANCHES = ("backward_1", "forward_1", "backward_2", "forward_2")
# Channels behind the last pixel-shuffle, in the team's code the same for every width of the network.
LAST_CHANNELS = 64
# At `course`.
CHANNELS = 32


class GridPropagation(nn.Module):
    """Features of a clip that pass through it four times: ``[B, T, C, h, w]`` to the same shape (Figure 2a).

    Backwards, forwards, and once more backwards and forwards; each branch gets what the earlier ones gathered, and
    residual blocks fuse all of it. ``branch(channels, given, blocks, groups)`` makes each: by default as the paper has
    it, a SecondOrderPropagation.
    """

    def __init__(
        self,
        channels: int,
        blocks: int,
        reconstruct: int,
        groups: int = 16,
        *,
        branch: Callable[..., nn.Module] = SecondOrderPropagation,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(
            {name: branch(channels, 1 + number, blocks, groups) for number, name in enumerate(BRANCHES)}
        )
        self.reconstruct = residual_stack((1 + len(BRANCHES)) * channels, channels, reconstruct)

    def forward(self, features: Tensor, to_previous: list[Tensor], to_next: list[Tensor], *told: Tensor) -> Tensor:
        """``to_previous``, ``to_next``: flows as ``neighbour_flows`` gives them, of the features' size.

        ``told`` ``[B, T]`` is what branches are given of each frame beside its features.
        """
        return self.fused(self.gathered(features, to_previous, to_next, *told))

    def gathered(self, features: Tensor, to_previous: list[Tensor], to_next: list[Tensor], *told: Tensor) -> Tensor:
        """Each frame's own features and what each branch made of them, ``[B, T, 1 + branches, C, h, w]``."""
        gathered = [[own] for own in features.unbind(dim=1)]
        for name, branch in self.branches.items():
            if name.startswith("backward"):
                made = branch(gathered[::-1], to_next[::-1], *(own.flip(1) for own in told))[::-1]
            else:
                made = branch(gathered, to_previous, *told)
            gathered = [[*before, new] for before, new in zip(gathered, made, strict=True)]
        return torch.stack([torch.stack(own, dim=1) for own in gathered], dim=1)

    def fused(self, gathered: Tensor) -> Tensor:
        """``[B, T, C, h, w]`` of what ``gathered`` gives."""
        return self.reconstruct(gathered.flatten(2, 3).flatten(0, 1)).unflatten(0, gathered.shape[:2])


class RecallingGrid(GridPropagation):
    """The grid at `course`: each branch starts as a Kalman filter (``RecallingBranch``).

    What comes out is what each branch holds that the frame's own maps do not, by ``shares``, and what the residual
    blocks, silent at first, make of it all.
    """

    def __init__(self, channels: int, blocks: int, reconstruct: int, groups: int, *, second_order: bool = True) -> None:
        branch = partial(RecallingBranch, gain=GAIN, second_order=second_order)
        super().__init__(channels, blocks, reconstruct, groups, branch=branch)
        zero_(self.reconstruct[0])
        # Two sweeps share what each direction holds.
        self.shares = nn.Parameter(torch.tensor([BACKWARD / 2, FORWARD / 2] * 2))

    def fused(self, gathered: Tensor) -> Tensor:
        return beyond_own(gathered, self.shares) + super().fused(gathered).float()


class BasicVSRPlusPlus(nn.Module):
    """``[B, T, 3, H, W]`` to the same shape, RGB in 0–1, not clamped: the same-size mode of BasicVSR++.

    Two strided convolutions and five residual blocks give each frame's features at a quarter of its size; they
    pass backwards, forwards, and once more backwards and forwards through the clip; pixel-shuffles bring what they
    gathered to full size, and the frame is added. Flow is estimated on frames of a quarter of the size.
    """

    def __init__(self, channels: int = 128, blocks: int = 25, *, second_order: bool = True) -> None:
        super().__init__()
        self.flow = SpyNet()
        self.extract = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1),
            nn.LeakyReLU(LEAK, inplace=True),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.LeakyReLU(LEAK, inplace=True),
            residual_stack(channels, channels, 5),
        )
        branch = partial(SecondOrderPropagation, second_order=second_order)
        self.core = GridPropagation(channels, blocks, reconstruct=5, branch=branch)
        self.enlarge = nn.ModuleList((same_conv(channels, 4 * channels), same_conv(channels, 4 * LAST_CHANNELS)))
        self.last = nn.ModuleList((same_conv(LAST_CHANNELS, LAST_CHANNELS), same_conv(LAST_CHANNELS, 3)))
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, frames: Tensor) -> Tensor:
        batch, count, _, height, width = frames.shape
        padded = pad_to_multiple(frames.flatten(0, 1), REDUCTION)
        features = self.extract(padded).unflatten(0, (batch, count))
        gathered = self.core(features, *self.flows(padded.unflatten(0, (batch, count))))
        # A frame at a time: at full size what the last convolutions make of all at once would fill the memory.
        residual = torch.stack([self.restored(features) for features in gathered.unbind(dim=1)], dim=1)
        return frames + residual[..., :height, :width].float()

    def flows(self, frames: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Flows at a quarter of the size: from frame t + 1 to t, and from t to t + 1, for each t but the last."""
        small = functional.interpolate(frames.flatten(0, 1), scale_factor=1 / REDUCTION, mode="bicubic")
        return neighbour_flows(self.flow, small.unflatten(0, frames.shape[:2]))

    def restored(self, features: Tensor) -> Tensor:
        """What is added to a frame: ``[B, C, H/4, W/4]`` to ``[B, 3, H, W]``."""
        for conv in self.enlarge:
            features = rectified(self.shuffle(conv(features)))
        return self.last[1](rectified(self.last[0](features)))


def build(preset: str) -> nn.Module:
    """BasicVSR++ at ``preset``, inside BRNet at `course`; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return BasicVSRPlusPlus(channels=128, blocks=25)
    return RecallingBRNet(course_core(), CHANNELS)


def course_core(**ablation: bool) -> RecallingGrid:
    """The propagation at `course`; ``ablation`` goes to RecallingGrid."""
    return RecallingGrid(CHANNELS, blocks=2, reconstruct=2, groups=8, **ablation)


# Names in the published checkpoints (mmagic's, and BasicSR's mirror of it), and here.
_RENAMES = (
    (r"^feat_extract\.", "extract."),
    (r"^deform_align\.(\w+)\.", r"core.branches.\1.align."),
    (r"^backbone\.(\w+)\.", r"core.branches.\1.refine."),
    (r"^reconstruction\.", "core.reconstruct."),
    (r"^(?:upsample1\.upsample_conv|upconv1)\.", "enlarge.0."),
    (r"^(?:upsample2\.upsample_conv|upconv2)\.", "enlarge.1."),
    (r"^conv_hr\.", "last.0."),
    (r"^conv_last\.", "last.1."),
)


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published BasicVSR++ weights under this file's names.

    ``state`` is the ``state_dict`` of one of the files that mmagic publishes for the three tracks, whose generator
    alone is taken, or BasicSR's ``params``. ``checkpoints.load`` then gives the team's network; a file of another
    network fails there.
    """
    return renamed(state, _RENAMES)


# §4.2: Charbonnier, 256×256 crops, flips and turns. Adam at 1e-4 with a cosine, SpyNet at a quarter of the rate and
# frozen for 5,000 steps, 30 frames, batches of 8 and 300,000 steps are those of the public code.
_PAPER = Recipe(
    steps=300_000, batch=8, crop=256, frames=30, loss=Charbonnier(1e-6), learning_rate=1e-4, preset="paper",
    betas=(0.9, 0.99), schedule=Cosine(1e-3), ema=None, colour=False, clips=200, checkpoint_every=1_000,
    rates=(("flow.", 0.25, 5_000),), start=(("flow.", "spynet", 1),),
)  # fmt: skip

METHOD = Method(
    slug="ntu_slab",
    team="NTU-SLab",
    title="BasicVSR++",
    tracks=(1, 3),
    sections=("§4.2", "Figure 2", "Tables 1, 3 and 4"),
    kind="recurrent",
    build=build,
    # A recurrent network takes its frames in order; no policy chooses any.
    policy=references.centre_only,
    recipes={
        **{(track, "smoke"): smoke_recipe(Charbonnier(), frames=3) for track in (1, 3)},
        # Validation gain before training: +1.225 dB; after 450 steps +1.236 with the core at a fifth of the rate,
        # +1.274 at a fiftieth (one seed each).
        (1, "course"): recalling_recipe(450, core=0.02),
        (3, "course"): recalling_recipe(400, core=0.02, start=(("", "ntu_slab", 1),)),
        (1, "ablation"): recalling_recipe(250, core=0.02),
        (1, "paper"): _PAPER,
        # §4.2: Tracks 2 and 3 start from Track 1's model.
        (3, "paper"): replace(_PAPER, start=(("", "ntu_slab", 1),)),
    },
    departures=(
        "The team starts Track 1 from a model for super-resolution; our paper recipe of Track 1 starts from SpyNet "
        "alone, which is ours, trained on the true motion of synthesised clips.",
        "The team's test takes the mean of eight flips and turns; the shipped network is one, and `venh enhance "
        "--ensemble 8` takes that mean.",
        "The team's code asks for frames of 256×256 or more, since its flow sees a quarter of that; here SpyNet "
        "resizes what it gets to multiples of 32, and frames from 64×64 are taken.",
        "Course preset: the propagation, 32 channels with two residual blocks a branch and 8 offset groups, stands "
        "before a trained BRNet: eight maps of each frame, folded to half its size (the team's features have a "
        "quarter), pass through it, what was gathered is added to the frame, and BRNet enhances that. All four "
        "branches, the second order and the alignment around the flow are kept; features are moved by the flow before "
        "they are aligned, where the team's alignment reads at the flow's end.",
        FULL_SIZE,
        TOLD,
        "Course recipe: nine frames of 192×192, most of them from the film. The filters and the core learn at a "
        "fiftieth of the rate, BRNet at three tenths: what the filters start with is worth more on the validation "
        "clips than what they and the core learn from training clips.",
        CALM,
        LEARNED,
        "Track 2, with perceptual and adversarial losses, is not here yet.",
    ),
    least_size=64,
    published=from_published,
    ablations={
        "first order": lambda: RecallingBRNet(course_core(second_order=False), CHANNELS),
    },
)
