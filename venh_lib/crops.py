"""What a network is trained on: random crops of sequences with their reference frames, augmented.

Sample number k of a training depends on the seed and on k alone, so a training that was stopped goes
on with exactly the samples it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence as SequenceOf
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import psutil
import torch
from torch.utils.data import Dataset, Sampler

from venh_lib.colour import crop_planes, join_planes, planes_to_channels, split_planes
from venh_lib.dataset import FILM, Sequence
from venh_lib.errors import DataError, SettingError
from venh_lib.references import beside_frames
from venh_lib.scenes import Scene
from venh_lib.video import Frames

LUMA_SHIFT = 25
# Chance that a sample keeps its colours: which colours meet at an edge is worth knowing, too. BRNet's validation gain
# after 1,900 more steps, one seed: +0.725 dB at 0, +0.741 at 0.6, +0.738 at 0.85, +0.732 at 1.
TRUE_COLOURS = 0.6


@dataclass(frozen=True)
class Colour:
    """One draw of the colour augmentation of coded pairs, in YCbCr, the same for both sides.

    A net trained on a few hundred clips learns their colours; flipping the sign of Cb and Cr,
    swapping them, turning luma into its negative and shifting it by up to ±0.1 takes that short cut away.
    A codec treats a picture and its negative alike. Most samples keep their colours all the same, but for the
    shift: real pictures have colours that go together, from which a net can tell what chroma has lost.
    """

    negative: bool
    flip_cb: bool
    flip_cr: bool
    swap: bool
    luma: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Colour:
        """True colours by TRUE_COLOURS, else every combination equally likely; the luma shift uniform."""
        changed = rng.random() >= TRUE_COLOURS
        switches = (bool(wanted) and changed for wanted in rng.random(4) < 0.5)
        return cls(*switches, int(rng.integers(-LUMA_SHIFT, LUMA_SHIFT + 1)))

    @property
    def recolours(self) -> bool:
        """Whether anything but the luma's level changes."""
        return self.negative or self.flip_cb or self.flip_cr or self.swap

    def __call__(self, luma: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The planes, uint8, with this draw applied.

        Chroma is mirrored about its neutral value 128, luma about the middle of 16–235.
        """
        cb = cv2.LUT(cb, _MIRRORED) if self.flip_cb else cb
        cr = cv2.LUT(cr, _MIRRORED) if self.flip_cr else cr
        if self.swap:
            cb, cr = cr, cb
        return cv2.LUT(luma, _luma_table(self.negative, self.luma)), cb, cr


# What each of the 256 values becomes: looking it up takes a fraction of the time of computing it.
_MIRRORED = np.clip(256 - np.arange(256), 0, 255).astype(np.uint8)


@lru_cache
def _luma_table(negative: bool, shift: int) -> np.ndarray:
    levels = np.arange(256)
    return np.clip((16 + 235 - levels if negative else levels) + shift, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Turn:
    """One draw of the geometric augmentation (report §4.2): mirrored in x, in y, and transposed."""

    x: bool
    y: bool
    transpose: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Turn:
        """Each of the eight equally likely."""
        return cls(*(bool(wanted) for wanted in rng.random(3) < 0.5))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """``images`` [..., S, S], turned."""
        axes = [axis for axis, wanted in ((-1, self.x), (-2, self.y)) if wanted]
        images = images.flip(axes) if axes else images
        return images.transpose(-1, -2) if self.transpose else images

    def of_plane(self, plane: np.ndarray) -> np.ndarray:
        """A view of a plane [S, S], turned: chroma turns as its picture does, as all sides are even."""
        plane = plane[:: -1 if self.y else 1, :: -1 if self.x else 1]
        return plane.T if self.transpose else plane

    def of_flow(self, flow: torch.Tensor) -> torch.Tensor:
        """A flow [2, S, S] (x, y) turned with its images: its vectors turn too."""
        x, y = self(flow)
        x, y = (-x if self.x else x), (-y if self.y else y)
        return torch.stack((y, x) if self.transpose else (x, y))


@dataclass(frozen=True)
class Draw:
    """Everything random about one sample: clip, frames in and out, the crop's corner, both augmentations."""

    clip: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    top: int
    left: int
    colour: Colour | None
    turn: Turn


class Crops(Dataset):
    """Sample k: ``{'lq', 'gt'}``, float32 RGB in 0–1.

    For window methods ``lq`` is [N, 3, S, S] (the policy's frames) and ``gt`` [3, side, side]; for recurrent ones they
    are [T, 3, S, S] and [T, 3, side, side], T consecutive frames. ``gt`` is the middle: S = side + 2·``margin``.
    ``qps`` and ``places``, float32 [N] or [T], say how coarsely the frames were coded and how many frames after the
    middle one they are.

    With ``motion`` (window methods) there are also ``motion`` float32 [N, 2, S, S], the true flow in
    pixels (x, y) from the target to each frame of the window, and ``known`` bool [N, S, S]: where it
    is known and visible in both, which is nowhere for clips that were not synthesised. ``places`` and ``film``: as
    in ``Recipe``.

    Clips are opened as they are drawn, and stay open. Raises DataError when a sequence is smaller than the
    crop, shorter than ``frames``, or when no sequence has a target frame.
    """

    def __init__(
        self,
        sequences: SequenceOf[Sequence],
        policy: Callable,
        targets: Callable,
        *,
        recurrent: bool,
        side: int,
        frames: int,
        samples: int,
        seed: int,
        margin: int = 0,
        flips: bool = True,
        colour: bool = True,
        motion: bool = False,
        places: int = 1,
        film: float | None = None,
    ) -> None:
        if motion and recurrent:
            raise SettingError("the true motion goes with windows; a recurrent method cannot ask for it.")
        asked = [(sequence, targets(sequence.infos)) for sequence in sequences]
        self.sequences = [sequence for sequence, frames in asked if frames]
        self.targets = [frames for _, frames in asked if frames]
        if not self.sequences:
            raise DataError("no sequence to train on has a target frame; check the compressed streams' QPs.")
        self.policy, self.recurrent = policy, recurrent
        self.side, self.margin, self.frames = side + 2 * margin, margin, frames
        self.samples, self.seed = samples, seed
        self.flips, self.colour, self.motion, self.places = flips, colour, motion, places
        self.film = film
        self._shots = [n for n, sequence in enumerate(self.sequences) if sequence.category == FILM]
        self._others = [n for n, sequence in enumerate(self.sequences) if sequence.category != FILM]
        if film and not self._shots or film is not None and film < 1 and not self._others:
            raise DataError(
                f"{film:.0%} of the samples should come from shots of the film; of the {len(self.sequences)} clips "
                f"{len(self._shots)} are shots. Take more clips, or leave the share out."
            )
        self._opened: dict[int, tuple[Frames, Frames]] = {}
        self._scenes: dict[int, Scene] = {}
        # LDV takes a hundred gigabytes: to read all of it for some crops would be slower than any page fault.
        self._fits = sum(s.decoded_bytes for s in self.sequences) < psutil.virtual_memory().total / 2
        for sequence in self.sequences:
            if len(sequence) < frames:
                raise DataError(f"{sequence.raw} has {len(sequence)} frames, the recipe takes {frames} at a time.")

    def __len__(self) -> int:
        return self.samples

    def _open(self, number: int) -> tuple[Frames, Frames]:
        if number not in self._opened:
            sequence = self.sequences[number]
            raw, compressed = sequence.raw_frames(), sequence.compressed_frames()
            _, height, width = raw.shape
            if min(height, width) < self.side:
                raise DataError(f"{sequence.raw} is {width}×{height}, smaller than the crop of {self.side}.")
            if self._fits:
                raw.touch(), compressed.touch()
            self._opened[number] = raw, compressed
        return self._opened[number]

    def draw(self, index: int) -> Draw:
        """Everything random about sample ``index``."""
        rng = np.random.default_rng((self.seed, index))
        clips = range(len(self.sequences))
        if self.film is not None:
            clips = self._shots if rng.random() < self.film else self._others
        number = clips[int(rng.integers(len(clips)))]
        sequence = self.sequences[number]
        if self.recurrent:
            first = int(rng.integers(len(sequence) - self.frames + 1))
            inputs = outputs = range(first, first + self.frames)
        else:
            targets = self.targets[number]
            t = targets[int(rng.integers(len(targets)))]
            inputs, outputs = self.policy(sequence.infos, t), (t,)
        top, left = self._corner(rng, number, outputs[len(outputs) // 2])
        colour = Colour.draw(rng) if self.colour else None
        turn = Turn.draw(rng) if self.flips else Turn(False, False, False)
        return Draw(number, tuple(inputs), tuple(outputs), top, left, colour, turn)

    def _corner(self, rng: np.random.Generator, number: int, t: int) -> tuple[int, int]:
        """Top and left of a crop, even: of ``places`` drawn ones the place where frame ``t`` lost most luma."""
        raw, compressed = self._open(number)
        _, height, width = raw.shape
        tops = 2 * rng.integers((height - self.side) // 2 + 1, size=self.places)
        lefts = 2 * rng.integers((width - self.side) // 2 + 1, size=self.places)
        corners = [(int(top), int(left)) for top, left in zip(tops, lefts, strict=True)]
        if len(corners) == 1:
            return corners[0]
        luma = [split_planes(frames.planes(t))[0] for frames in (raw, compressed)]

        def lost(corner: tuple[int, int]) -> int:
            # Every other pixel of every other row is enough to compare places.
            rows, columns = (slice(first + self.margin, first + self.side - self.margin, 2) for first in corner)
            truth, given = (np.ascontiguousarray(plane[rows, columns]) for plane in luma)
            return int(cv2.norm(truth, given, cv2.NORM_L2SQR))

        return max(corners, key=lost)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {key: values[0] for key, values in self.__getitems__([index]).items()}

    def __getitems__(self, indices: SequenceOf[int]) -> dict[str, torch.Tensor]:
        """Several samples, stacked: a loader asks for a batch at once, and one conversion serves all of it."""
        draws = [self.draw(index) for index in indices]
        given = [(self._open(draw.clip)[1], draw, t) for draw in draws for t in draw.inputs]
        truth = [(self._open(draw.clip)[0], draw, t) for draw in draws for t in draw.outputs]
        images = self._images(given + truth)
        shape = (len(draws), -1, *images.shape[1:])
        lq, gt = images[: len(given)].reshape(shape), images[len(given) :].reshape(shape)
        inner = slice(self.margin, self.side - self.margin)
        batch = {"lq": lq, "gt": (gt if self.recurrent else gt[:, 0])[..., inner, inner]}
        said = [beside_frames(self.sequences[draw.clip].infos, [draw.inputs]) for draw in draws]
        batch |= {name: torch.tensor([own[name][0] for own in said], dtype=torch.float32) for name in said[0]}
        if self.motion:
            flows = [self._flow(draw, s) for draw in draws for s in draw.inputs]
            for key, values in zip(("motion", "known"), zip(*flows, strict=True), strict=True):
                stacked = torch.stack(values)
                batch[key] = stacked.reshape(len(draws), -1, *stacked.shape[1:])
        return batch

    def _images(self, places: list[tuple[Frames, Draw, int]]) -> torch.Tensor:
        """The crop of each (clip, draw, frame), coloured and turned: float32 [K, 3, side, side] in 0–1."""
        planes = np.empty((len(places), self.side * 3 // 2, self.side), np.uint8)
        for crop, (frames, draw, t) in zip(planes, places, strict=True):
            parts = split_planes(crop_planes(frames.planes(t), draw.top, draw.left, self.side, self.side))
            if draw.colour:
                parts = draw.colour(*parts)
            crop[:] = join_planes(*map(draw.turn.of_plane, parts))
        kinds = [(frames.matrix, frames.full_range) for frames, _, _ in places]
        rgb = np.empty((len(places), 3, self.side, self.side), np.uint8)
        for kind in set(kinds):
            chosen = [k for k, own in enumerate(kinds) if own == kind]
            for channel, values in enumerate(planes_to_channels(planes[chosen], *kind)):
                rgb[chosen, channel] = values
        return torch.from_numpy(rgb).to(torch.float32).div_(255)

    def _flow(self, draw: Draw, s: int) -> tuple[torch.Tensor, torch.Tensor]:
        """True flow [2, side, side] from the target to frame s, and where it is known [side, side]."""
        if self.sequences[draw.clip].seed is None:
            return torch.zeros(2, self.side, self.side), torch.zeros(self.side, self.side, dtype=torch.bool)
        if draw.clip not in self._scenes:
            self._scenes[draw.clip] = self.sequences[draw.clip].scene()
        window = (draw.left, draw.top, draw.left + self.side, draw.top + self.side)
        flow, valid = self._scenes[draw.clip].motion(draw.outputs[0], s, window)
        return draw.turn.of_flow(torch.from_numpy(flow).permute(2, 0, 1)), draw.turn(torch.from_numpy(valid))


class Range(Sampler):
    """Sample numbers ``first`` … ``last − 1`` in order: the randomness lies in the samples themselves."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last

    def __iter__(self):
        return iter(range(self.first, self.last))

    def __len__(self) -> int:
        return self.last - self.first
