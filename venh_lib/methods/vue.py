"""VUE's methods for Tracks 1 and 3: several BasicVSR models averaged, and a second stage behind them (report §4.3).

All are recurrent: ``[B, T, 3, H, W]`` to the same shape, RGB in 0–1, not clamped. What a frame gains comes from all
frames of its clip. A long video goes through in segments that overlap (``segment`` and ``segment_overlap`` of
``passes.Inference``): each segment is a clip of its own, memory starts anew in it, and of two that hold a frame the
one in which it lies deeper is kept. At `paper` the self-ensembles stand inside these networks, where the figure has
them: ``ensemble`` of ``passes.Inference`` stays at 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence as SequenceOf
from functools import partial

import torch
from torch import Tensor, nn

from venh_lib import references
from venh_lib.blocks.basicvsr import BasicVSR, BidirectionalPropagation
from venh_lib.blocks.dis import DenseInverseSearch
from venh_lib.blocks.propagation import FirstOrderPropagation
from venh_lib.blocks.recall import BACKWARD, FORWARD, FirstOrderRecallingBranch, beyond_own
from venh_lib.blocks.residual import rectified, zero_
from venh_lib.dataset import Sequence
from venh_lib.ensembles import ensembled
from venh_lib.losses import Charbonnier
from venh_lib.methods.method import Method, check_preset, restoration_gain
from venh_lib.methods.on_brnet import FROZEN, LEARNED, REMEMBERED, SINGLE, SLOWER_SINGLE, RecurrentOnBRNet, clip_recipe
from venh_lib.methods.recalling import FULL_SIZE, GAIN, TOLD, RecallingBRNet, recalling_recipe
from venh_lib.recipes import Cosine, CosineRestarts, Recipe

# Channels and blocks a branch of several models.
Sizes = SequenceOf[tuple[int, int]]

# Table 4.
COPIES = 8
# Of a training that makes both stages, the share of its steps that the first one gets. Ours.
FIRST_SHARE = 0.5
# Channels and blocks a branch. 64 and 30 are BasicVSR's own. The report says of the models only that their settings
# differ; that they do in depth is ours.
FIRST_STAGE: Sizes = ((64, 30), (64, 20))
SECOND_STAGE = (64, 30)
FOUR: Sizes = ((64, 30), (64, 25), (64, 20), (64, 15))
# At `course`: channels, and blocks a branch.
CHANNELS = 32
COURSE_FIRST_STAGE, COURSE_SECOND_STAGE, COURSE_FOUR = (5, 3), 3, (5, 4, 3, 2)


class AveragedModels(nn.Module):
    """The mean of BasicVSR models, each self-ensembled: the first stage of Track 1, and all of Track 3 (Figure 3).

    ``sizes`` are the models' channels and blocks a branch; ``model`` settings are BasicVSR's. Each model's result is
    the mean over eight turned and mirrored copies of the clip, flow estimated anew in each; while training, and where
    ``ensemble`` is False, the clip goes through as it is. The models learn side by side, each from its own output.
    """

    def __init__(self, sizes: Sizes, *, ensemble: bool = True, **model) -> None:
        super().__init__()
        self.models = nn.ModuleList(BasicVSR(channels, blocks, **model) for channels, blocks in sizes)
        self.ensemble = ensemble

    def forward(self, frames: Tensor) -> Tensor:
        return frames + self.residual(frames)

    def residual(self, frames: Tensor) -> Tensor:
        """What is added to the frames, float32, of their shape."""
        copies = COPIES if self.ensemble and not self.training else 1
        return sum(ensembled(model.residual, frames, copies) for model in self.models) / len(self.models)

    def training_loss(
        self, samples: Mapping[str, Tensor], step: int, steps: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Sum of the models' own losses: no model's gradient depends on another one."""
        return sum(loss(model(samples["lq"]), samples["gt"]) for model in self.models)


class TwoStage(nn.Module):
    """VUE's method for Track 1: the mean of several models, and one more model that enhances it (Figure 3a).

    ``first`` has ``residual``, what it adds to a clip, and a ``training_loss``; so has AveragedModels. Without a
    ``second`` model the first stage's result comes out. Untrained, each stage gives back what it gets.
    """

    def __init__(self, first: nn.Module, second: BasicVSR | None) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, frames: Tensor) -> Tensor:
        return frames + self.residual(frames)

    def residual(self, frames: Tensor) -> Tensor:
        """What both stages add to the frames, float32, of their shape."""
        first = self.first.residual(frames)
        return first if self.second is None else first + self.second.residual(frames + first)

    def training_loss(
        self, samples: Mapping[str, Tensor], step: int, steps: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """The loss of the stage that learns at ``step`` of ``steps``: first the first stage, then the second.

        One training makes both: the first stage learns for FIRST_SHARE of the steps and stays as it is after that. In
        a training whose recipe freezes ``first.``, made by a training of its own (``vue_first``), the second learns
        all the time.
        """
        trained = any(parameter.requires_grad for parameter in self.first.parameters())
        if self.second is None or (trained and step < FIRST_SHARE * steps):
            return self.first.training_loss(samples, step, steps, loss)
        with torch.no_grad():
            frames = self.first(samples["lq"])
        return loss(self.second(frames), samples["gt"])


def build(preset: str) -> TwoStage:
    """The method of Track 1 at ``preset``; SettingError for an unknown one."""
    first = build_first(preset)
    if preset == "paper":
        return TwoStage(first, BasicVSR(*SECOND_STAGE))
    return TwoStage(first, BasicVSR(CHANNELS, COURSE_SECOND_STAGE, reduction=2, flow=DenseInverseSearch))


def build_first(preset: str) -> nn.Module:
    """The first stage of Track 1 at ``preset``; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return AveragedModels(FIRST_STAGE)
    return RecurrentOnBRNet(*map(course_core, COURSE_FIRST_STAGE), channels=CHANNELS)


def build_four(preset: str) -> nn.Module:
    """The method of Track 3 at ``preset``; SettingError for an unknown one."""
    if check_preset(preset) == "paper":
        return AveragedModels(FOUR)
    return AveragedRecalling(COURSE_FOUR)


def course_core(blocks: int, **ablation: bool) -> BidirectionalPropagation:
    """BasicVSR's propagation at `course`; ``ablation`` goes to BidirectionalPropagation."""
    branch = partial(FirstOrderPropagation, own_first=True)
    core = BidirectionalPropagation(CHANNELS, CHANNELS, blocks, branch=branch, **ablation)
    core.start_as_memory_()
    return core


class RecallingPropagation(BidirectionalPropagation):
    """The propagation of Track 3's models at `course`: each branch starts as a Kalman filter along the motion.

    What comes out is what each branch holds that the frame's own maps do not, by ``shares``, and the fusion, silent at
    first.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__(channels, channels, blocks, branch=partial(FirstOrderRecallingBranch, gain=GAIN))
        zero_(self.fuse)
        self.shares = nn.Parameter(torch.tensor([BACKWARD, FORWARD]))

    def forward(
        self, maps: Tensor, to_previous: SequenceOf[Tensor], to_next: SequenceOf[Tensor], errors: Tensor
    ) -> Tensor:
        """As RecallingBRNet asks: folded maps ``[B, T, C, H/2, W/2]`` to the same shape."""
        gathered = self.gathered(maps, to_previous, to_next, errors)
        made = torch.stack([torch.stack(own, dim=1) for own in (maps.unbind(dim=1), *gathered)], dim=2)
        fused = rectified(self.fuse(made[:, :, 1:].flatten(2, 3).flatten(0, 1)))
        return beyond_own(made, self.shares) + fused.float().unflatten(0, maps.shape[:2])


class AveragedRecalling(nn.Module):
    """The mean of RecallingBRNets of several depths, all of Track 3 at `course` (Figure 3b); QPs as there.

    The models learn side by side, each from its own output, and share the flow.
    """

    reads = ("qps",)

    def __init__(self, depths: SequenceOf[int]) -> None:
        super().__init__()
        cores = (RecallingPropagation(CHANNELS, blocks) for blocks in depths)
        self.models = nn.ModuleList(RecallingBRNet(core, CHANNELS) for core in cores)

    def forward(self, clip: Tensor, qps: Tensor | None = None) -> Tensor:
        flows = self.models[0].flows(clip)
        return sum(model(clip, qps, flows) for model in self.models) / len(self.models)

    def residual(self, clip: Tensor, qps: Tensor | None = None) -> Tensor:
        """What the output differs by from the clip, of its shape, float32."""
        return self(clip, qps).float() - clip

    def training_loss(
        self, samples: Mapping[str, Tensor], step: int, steps: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Mean of the models' own losses: no model's gradient depends on another one."""
        flows = self.models[0].flows(samples["lq"])
        outputs = (model(samples["lq"], samples["qps"], flows) for model in self.models)
        return sum(loss(output.float(), samples["gt"]) for output in outputs) / len(self.models)


def gain_of_one_copy(
    network: nn.Module, method: Method, sequence: Sequence, frames: SequenceOf[int], device: torch.device
) -> float:
    """``restoration_gain`` without self-ensembles: eight copies would cost eight times as much at each validation."""
    averaged = [module for module in network.modules() if isinstance(module, AveragedModels) and module.ensemble]
    for module in averaged:
        module.ensemble = False
    try:
        return restoration_gain(network, method, sequence, frames, device)
    finally:
        for module in averaged:
            module.ensemble = True


def _smoke(**changes) -> Recipe:
    settings = {
        "steps": 10, "batch": 2, "crop": 64, "frames": 4, "loss": Charbonnier(), "learning_rate": 5e-4,
        "preset": "course", "warmup": 2, "ema": None, "clip_norm": 0.5, "clips": 8, "validate_every": 10,
        "checkpoint_every": 5, "frozen": FROZEN,
    }  # fmt: skip
    return Recipe(**(settings | changes))


def _paper(flows: SequenceOf[str], **changes) -> Recipe:
    """BasicVSR's published settings: the report says of this team's training only that it saw Vimeo-90K as well.

    ``flows`` are the flow networks that learn: at an eighth of the rate, and not at first.
    """
    settings = {
        "steps": 300_000, "batch": 8, "crop": 128, "frames": 15, "loss": Charbonnier(1e-6), "learning_rate": 2e-4,
        "preset": "paper", "schedule": Cosine(5e-4), "ema": None, "colour": False, "clips": 200,
        "start": tuple((flow, "spynet", 1) for flow in flows), "rates": tuple((flow, 0.125, 5_000) for flow in flows),
        "validate_every": 5_000, "checkpoint_every": 1_000,
    }  # fmt: skip
    return Recipe(**(settings | changes))


_FLOWS = tuple(f"models.{number}.flow." for number in range(4))

_DEPARTURES = (
    "The report says that the models' parameter settings differ, not how: here they differ in the number of blocks, "
    "30 (BasicVSR's own) and fewer.",
    "'Without pixel-shuffle' (Figure 3c) and 'without the last upsampling layer' (§4.3) are read alike: the two "
    "convolutions that widen features for a pixel-shuffle go with it, the fusion and the last two convolutions stay.",
    "BasicVSR adds its output to the enlarged frame; here it is added to the frame itself, and the last convolution "
    "starts at zero, so that an untrained model gives the frame back.",
    "The flow network starts from ours, trained on the true motion of synthesised clips, in the paper recipes; "
    "BasicVSR's is trained on rendered films and chairs.",
    "The models of one stage learn side by side from the same crops, each from its own output.",
    "Self-ensembles are left out while training, and while the best weights are chosen.",
    "Loss and settings of the paper recipes are those of BasicVSR's public code (Charbonnier, Adam at 2e-4, flow at an "
    "eighth of it and frozen for 5,000 steps, 15 frames, batches of 8, cosine); crops of 128×128 are ours, theirs are "
    "64×64 before enlargement. Vimeo-90K, which Table 4 names, is left out: it would have to be compressed first.",
)

_INSIDE_BRNET = (
    "Course preset: the models of the first stage, of 32 channels and three and five blocks a branch, stand inside one "
    "BRNet and share one flow: BRNet's trained head makes each frame's features at half the frame's size, what a model "
    "gathers joins them, and BRNet's trained body and tail make its picture. Flow is OpenCV's dense inverse search, "
    "which does not learn. Self-ensembles are left to `venh enhance --ensemble 8`. The second stage is a BasicVSR at "
    "half size.",
    REMEMBERED + " So it is in the models that stand inside BRNet, not in the second stage.",
    LEARNED,
)

_MODELS = tuple(f"models.{number}." for number in range(len(COURSE_FOUR)))
_MODELS_FROZEN = tuple(f"{model}{mean}" for model in _MODELS for mean in FROZEN)

# At full size mmagic's code warns below this. At `course` the second stage's flow sees half of it.
LEAST_SIZE = 64

METHOD = Method(
    slug="vue",
    team="VUE",
    title="Two-stage BasicVSR",
    tracks=(1,),
    sections=("§4.3", "Figure 3", "[9]"),
    kind="recurrent",
    build=build,
    policy=references.centre_only,
    recipes={
        # Both stages in one training.
        (1, "smoke"): _smoke(
            steps=20, schedule=CosineRestarts(2), validate_every=20, frozen=tuple(f"first.{mean}" for mean in FROZEN)
        ),
        (1, "course"): clip_recipe(
            500,
            Charbonnier(),
            start=(("first.", "vue_first"),),
            frozen=("first.",),
            rates=(),
        ),
        (1, "paper"): _paper(
            ("second.flow.",), frozen=("first.",), start=(("first.", "vue_first"), ("second.flow.", "spynet", 1))
        ),
    },
    departures=(
        *_DEPARTURES,
        *_INSIDE_BRNET,
        "Second stage: it learns from the plain mean of the first stage's models and meets their self-ensembled mean "
        "afterwards. It is not self-ensembled itself: the text names self-ensembles for stage 1 alone. Table 4 allows "
        "the other reading: 34 s a frame against 50 s for the four models of Track 3 is, by runs of networks, nearer "
        "to 24 against 32 than to 17; by work with our depths, nearer to a second stage that runs once.",
    ),
    least_size=LEAST_SIZE,
    score=gain_of_one_copy,
)

FIRST = Method(
    slug="vue_first",
    team="VUE",
    title="The first stage of the two-stage BasicVSR",
    tracks=(),
    sections=("§4.3", "Figure 3a"),
    kind="recurrent",
    build=build_first,
    policy=references.centre_only,
    recipes={
        (1, "smoke"): _smoke(),
        (1, "course"): clip_recipe(1_000, Charbonnier(), rates=(SLOWER_SINGLE,)),
        (1, "paper"): _paper(_FLOWS[:2]),
    },
    departures=(*_DEPARTURES, *_INSIDE_BRNET),
    least_size=LEAST_SIZE,
    score=gain_of_one_copy,
)

METHOD_TRACK_3 = Method(
    slug="vue_four",
    team="VUE",
    title="Four BasicVSR models averaged",
    tracks=(3,),
    sections=("§4.3", "Figure 3b", "[9]"),
    kind="recurrent",
    build=build_four,
    policy=references.centre_only,
    recipes={
        (3, "smoke"): _smoke(frozen=_MODELS_FROZEN),
        (3, "course"): recalling_recipe(
            400,
            within=".",
            offsets=False,
            start=tuple((f"{model}{SINGLE}", "ivp_tencent", 1) for model in _MODELS),
            frozen=_MODELS_FROZEN,
        ),
        (3, "paper"): _paper(_FLOWS),
    },
    departures=(
        *_DEPARTURES,
        "Course preset: each model, of 32 channels and two to five blocks a branch, stands before a trained BRNet of "
        "its own: eight maps of each frame, folded to half its size, pass through the model, what it gathers is added "
        "to the frame, and BRNet enhances that. The models share one flow. Self-ensembles are left to `venh enhance "
        "--ensemble 8`.",
        FULL_SIZE,
        TOLD,
        LEARNED,
    ),
    least_size=LEAST_SIZE,
    score=gain_of_one_copy,
)
