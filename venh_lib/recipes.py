"""How a method is trained: one frozen record per track and scale, and the learning-rate schedules it names.

Numbers from the report stand in each method's ``paper`` recipes with their section; the ``course``
recipes are ours, chosen on the validation clips.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from venh_lib.errors import SettingError


@dataclass(frozen=True)
class Constant:
    """A learning rate that does not change."""

    def __call__(self, step: int, steps: int) -> float:
        """The factor on the learning rate at ``step`` (0-based) of ``steps``."""
        return 1.0


@dataclass(frozen=True)
class Cosine:
    """From 1 to ``floor`` along half a cosine."""

    floor: float = 0.01

    def __call__(self, step: int, steps: int) -> float:
        """The factor on the learning rate at ``step`` (0-based) of ``steps``."""
        progress = min(step / max(steps, 1), 1.0)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class CosineRestarts:
    """``cycles`` cosines of equal length one after the other, each starting at 1 again."""

    cycles: int
    floor: float = 0.01

    def __call__(self, step: int, steps: int) -> float:
        """The factor on the learning rate at ``step`` (0-based) of ``steps``."""
        length = max(math.ceil(steps / self.cycles), 1)
        return Cosine(self.floor)(step % length, length)


@dataclass(frozen=True)
class Exponential:
    """Times ``factor`` every ``every`` steps."""

    factor: float
    every: int

    def __call__(self, step: int, steps: int) -> float:
        """The factor on the learning rate at ``step`` (0-based) of ``steps``."""
        return self.factor ** (step // self.every)


@dataclass(frozen=True)
class Recipe:
    """One training.

    ``crop`` is the side of the square crop in pixels; ``frames`` the length of the crop in time for
    recurrent methods (window methods take their window from the policy). The network is given ``margin`` more pixels
    on every side, and nothing is learned from what it makes of them: a crop does not know what moves into it.
    ``clip_norm`` bounds the gradient's norm, ``adaptive_clip`` is the λ of adaptive gradient clipping (report §4.7).
    ``start`` maps a prefix of parameter names to the slug of the method whose checkpoint they start from, that of the
    same track or of the one named third; ``frozen`` names prefixes that are not trained. ``rates`` are (prefix, factor
    on the learning rate, first step that trains it): a flow network that was trained before learns late and slowly. A
    name that begins with a dot is meant wherever it stands, as ``.conv_offset.``; of several the first counts.
    ``colour`` switches the colour augmentation of coded pairs, ``flips`` the flips and transposes (report §4.2),
    ``motion`` the true motion of synthesised clips, which a network's own ``training_loss`` may learn from. Of
    ``places`` drawn for a crop the one with the largest coding error is cut: smooth places have little to teach, and
    cost as much. ``film`` is the share of the samples that come from shots of the film; None draws every clip equally
    often.
    """

    steps: int
    batch: int
    crop: int
    loss: Callable
    learning_rate: float
    preset: str
    frames: int = 1
    margin: int = 0
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    warmup: int = 0
    schedule: Callable[[int, int], float] = field(default_factory=Cosine)
    ema: float | None = 0.999
    clip_norm: float | None = None
    adaptive_clip: float | None = None
    precision: str = "auto"
    flips: bool = True
    colour: bool = True
    motion: bool = False
    places: int = 1
    film: float | None = None
    clips: int = 280
    start: tuple[tuple[str, str] | tuple[str, str, int], ...] = ()
    frozen: tuple[str, ...] = ()
    rates: tuple[tuple[str, float, int], ...] = ()
    validate_every: int = 1000
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.frames < 1:
            raise SettingError(f"a recipe needs at least one step, one sample and one frame, got {self}.")
        if self.places < 1:
            raise SettingError(f"places must be at least 1, got {self.places}.")
        if self.film is not None and not 0 <= self.film <= 1:
            raise SettingError(f"film is a share of the samples, from 0 to 1, got {self.film}.")
        if self.crop % 2 or self.margin % 2 or self.margin < 0:
            raise SettingError(
                f"crop and margin must be even (chroma is subsampled by two) and not negative, got {self.crop} and "
                f"{self.margin}."
            )
        for prefix, factor, first in self.rates:
            if not (0 < factor <= 1 and 0 <= first < self.steps):
                raise SettingError(
                    f"rates of {prefix!r}: expected a factor from above 0 to 1 and a first step of the {self.steps}, "
                    f"got {factor} and {first}."
                )
        if self.clip_norm is not None and self.adaptive_clip is not None:
            raise SettingError("choose one of clip_norm and adaptive_clip, not both.")

    def with_steps(self, steps: int) -> Recipe:
        """The same recipe for another number of steps; what starts to learn late does so at the same share of them."""
        rates = tuple((prefix, factor, first * steps // self.steps) for prefix, factor, first in self.rates)
        return replace(self, steps=steps, rates=rates)

    def rate_of(self, name: str) -> tuple[float, int]:
        """Factor on the learning rate of the parameter ``name``, and the first step that trains it."""
        rates = ((factor, first) for part, factor, first in self.rates if belongs(name, part))
        return next(rates, (1.0, 0))

    def learning_rate_at(self, step: int) -> float:
        """The learning rate at ``step`` (0-based): linear warm-up, then the schedule over the rest."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        return self.learning_rate * self.schedule(step - self.warmup, self.steps - self.warmup)


def belongs(name: str, part: str) -> bool:
    """Whether the parameter ``name`` belongs to ``part``: a prefix, or with a dot in front a part at any depth."""
    return part in f".{name}" if part.startswith(".") else name.startswith(part)
