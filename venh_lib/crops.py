"""What a network is trained on: random crops of sequences with their reference frames, augmented.

Sample number k of a training depends on the seed and on k alone, so a training that was stopped goes
on with exactly the samples it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence as SequenceOf
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from venh_lib.colour import crop_planes, join_planes, planes_to_rgb, split_planes
from venh_lib.dataset import Sequence
from venh_lib.errors import DataError
from venh_lib.video import Frames

LUMA_SHIFT = 25


@dataclass(frozen=True)
class Colour:
    """One draw of the colour augmentation of coded pairs, in YCbCr, the same for both sides.

    A net trained on a few hundred clips learns their colours; flipping the sign of Cb and Cr,
    swapping them and shifting luma by up to ±0.1 takes that short cut away.
    """

    flip_cb: bool
    flip_cr: bool
    swap: bool
    luma: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Colour:
        """Every combination equally likely, the luma shift uniform."""
        flip_cb, flip_cr, swap = rng.random(3) < 0.5
        return cls(bool(flip_cb), bool(flip_cr), bool(swap), int(rng.integers(-LUMA_SHIFT, LUMA_SHIFT + 1)))

    def __call__(self, luma: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The planes, uint8, with this draw applied; chroma is mirrored about its neutral value 128."""
        cb = _mirror(cb) if self.flip_cb else cb
        cr = _mirror(cr) if self.flip_cr else cr
        if self.swap:
            cb, cr = cr, cb
        return np.clip(luma.astype(np.int16) + self.luma, 0, 255).astype(np.uint8), cb, cr


def _mirror(chroma: np.ndarray) -> np.ndarray:
    return np.clip(256 - chroma.astype(np.int16), 0, 255).astype(np.uint8)


class Crops(Dataset):
    """Sample k: ``{'lq', 'gt'}``, float32 RGB in 0–1.

    For window methods ``lq`` is [N, 3, side, side] (the policy's frames) and ``gt`` [3, side, side];
    for recurrent ones both are [T, 3, side, side], T consecutive frames.

    Raises DataError when a sequence is smaller than the crop, shorter than ``frames``, or when no
    sequence has a target frame.
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
        flips: bool = True,
        colour: bool = True,
    ) -> None:
        self.sequences = [s for s in sequences if targets(s.infos)]
        if not self.sequences:
            raise DataError("no sequence to train on has a target frame; check the compressed streams' QPs.")
        self.policy, self.targets, self.recurrent = policy, targets, recurrent
        self.side, self.frames, self.samples, self.seed = side, frames, samples, seed
        self.flips, self.colour = flips, colour
        self._opened: dict[int, tuple[Frames, Frames]] = {}
        for sequence in self.sequences:
            if len(sequence) < frames:
                raise DataError(f"{sequence.raw} has {len(sequence)} frames, the recipe takes {frames} at a time.")

    def __len__(self) -> int:
        return self.samples

    def _open(self, number: int) -> tuple[Frames, Frames]:
        if number not in self._opened:
            sequence = self.sequences[number]
            raw = sequence.raw_frames()
            height, width = raw.info.height, raw.info.width
            if min(height, width) < self.side:
                raise DataError(f"{sequence.raw} is {width}×{height}, smaller than the crop of {self.side}.")
            self._opened[number] = raw, sequence.compressed_frames()
        return self._opened[number]

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng((self.seed, index))
        number = int(rng.integers(len(self.sequences)))
        sequence = self.sequences[number]
        raw, compressed = self._open(number)
        if self.recurrent:
            first = int(rng.integers(len(sequence) - self.frames + 1))
            inputs = outputs = range(first, first + self.frames)
        else:
            targets = self.targets(sequence.infos)
            t = targets[int(rng.integers(len(targets)))]
            inputs, outputs = self.policy(sequence.infos, t), (t,)
        y = 2 * int(rng.integers((raw.info.height - self.side) // 2 + 1))
        x = 2 * int(rng.integers((raw.info.width - self.side) // 2 + 1))
        colour = Colour.draw(rng) if self.colour else None
        turn = rng.random(3) < 0.5 if self.flips else (False, False, False)

        def tensor(frames: Frames, indices: SequenceOf[int]) -> torch.Tensor:
            crops = (crop_planes(frames.planes(t), y, x, self.side, self.side) for t in indices)
            planes = np.stack([join_planes(*colour(*split_planes(crop))) if colour else crop for crop in crops])
            rgb = planes_to_rgb(planes, frames.matrix, frames.full_range)
            return _flip(torch.from_numpy(rgb).permute(0, 3, 1, 2), turn)

        gt = tensor(raw, outputs)
        return {"lq": tensor(compressed, inputs), "gt": gt if self.recurrent else gt[0]}


def _flip(images: torch.Tensor, turn: SequenceOf[bool]) -> torch.Tensor:
    """uint8 [N, 3, S, S], flipped and transposed as drawn, to contiguous float32 in 0–1."""
    if turn[0]:
        images = images.flip(-1)
    if turn[1]:
        images = images.flip(-2)
    if turn[2]:
        images = images.transpose(-1, -2)
    return images.contiguous().to(torch.float32).div_(255)
