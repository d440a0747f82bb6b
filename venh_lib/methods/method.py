"""What a method is: a network, the frames it looks at, and how it is trained, in one frozen record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from venh_lib import challenge, references
from venh_lib.bitstream import FrameInfo
from venh_lib.dataset import Sequence as Clip
from venh_lib.errors import SettingError
from venh_lib.metrics.fidelity import psnr
from venh_lib.recipes import Recipe
from venh_lib.segments import LENGTH, OVERLAP, segments

PRESETS = ("course", "paper")


def every_frame(infos: Sequence[FrameInfo]) -> tuple[int, ...]:
    """All frames of a clip are targets of training."""
    return tuple(range(len(infos)))


@dataclass(frozen=True)
class Method:
    """One entry of the challenge, or a baseline of its Table 1.

    ``build(preset)`` returns the network: for ``kind='window'`` it maps ``[B, N, 3, H, W]`` to
    ``[B, 3, H, W]``, for ``kind='recurrent'`` ``[B, T, 3, H, W]`` to the same shape; RGB in 0–1.
    ``policy(infos, t)`` names the N frames of the window of frame ``t``, in the network's order; a network that has
    a ``policy`` of its own is given that one's frames (``as_seen_by``).
    ``targets(infos)`` are the frames that training asks for. ``departures`` states each place where
    this differs from the report, and why. ``least_size`` is the smallest height and width in pixels.
    ``score(network, method, sequence, frames, device)`` is what chooses the best weights, in dB: the PSNR gain, unless
    the network does something else than restore frames. ``ablations`` are twins of the `course` network that lack one
    idea each, by what they lack; they are trained by the recipe of the scale ``ablation``.
    ``reads``: what the network is called with beside the frames, in the order of its arguments, each ``[B, T]``,
    float32: ``"qps"``, the frames' QPs, and ``"places"``, how many frames after the middle one of a window or clip
    they are. Networks that want them say so by an attribute of that name (``as_seen_by``).
    ``published(state)``: the weights that the team published, under the names of the `paper` network.
    """

    slug: str
    team: str
    title: str
    tracks: tuple[int, ...]
    sections: tuple[str, ...]
    kind: Literal["window", "recurrent"]
    build: Callable[[str], nn.Module]
    policy: Callable[[Sequence[FrameInfo], int], tuple[int, ...]]
    recipes: Mapping[tuple[int, str], Recipe]
    departures: tuple[str, ...]
    targets: Callable[[Sequence[FrameInfo]], tuple[int, ...]] = every_frame
    least_size: int = 16
    score: Callable[..., float] | None = None
    ablations: Mapping[str, Callable[[], nn.Module]] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    published: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] | None = None

    @property
    def entry(self) -> str:
        """The slug of the method's row in the report's tables: a team may enter two tracks with two methods."""
        return challenge.team_of(self.team).slug if self.team else self.slug

    def recipe(self, track: int, scale: str) -> Recipe:
        """The recipe for ``track`` at ``scale``; SettingError if this method has none."""
        try:
            return self.recipes[track, scale]
        except KeyError:
            known = ", ".join(f"track {k} at {s}" for k, s in self.recipes)
            raise SettingError(
                f"{self.slug} has no recipe for track {track} at scale {scale!r}; it has: {known}."
            ) from None


def as_seen_by(network: nn.Module, method: Method) -> Method:
    """``method`` with what ``network`` asks for: at `course` some want their windows ordered, some are told QPs."""
    wants = {"policy": getattr(network, "policy", None), "reads": getattr(network, "reads", None)}
    wants = {name: value for name, value in wants.items() if value not in (None, getattr(method, name))}
    return replace(method, **wants) if wants else method


def readings(reads: Sequence[str], infos: Sequence[FrameInfo], windows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """What ``reads`` names of ``windows`` of frames of ``infos``, each ``[windows, T]``, float32; see ``Method``."""
    values = references.beside_frames(infos, windows)
    return {name: torch.tensor(values[name], dtype=torch.float32) for name in reads}


def as_tensor(rgb: np.ndarray) -> Tensor:
    """A frame uint8 [H, W, 3] as networks take it: float32 [3, H, W] in 0–1."""
    return torch.from_numpy(rgb).permute(2, 0, 1).float().div(255)


def check_preset(preset: str) -> str:
    """Return ``preset`` if it is one of PRESETS, else raise SettingError."""
    if preset not in PRESETS:
        raise SettingError(f"unknown preset {preset!r}; choose one of {', '.join(PRESETS)}.")
    return preset


def restoration_gain(
    network: nn.Module, method: Method, sequence: Clip, frames: Sequence[int], device: torch.device
) -> float:
    """Mean gain of RGB PSNR in dB over ``frames`` of a sequence, in order: the score of a method that names no other.

    A recurrent network gets the sequence in segments, as it does in inference.
    """
    raw, compressed = sequence.raw_frames(), sequence.compressed_frames()
    method = as_seen_by(network, method)

    def restored(indices: Sequence[int]) -> Tensor:
        window = torch.stack([as_tensor(compressed.rgb(i)) for i in indices])[None]
        given = (window, *readings(method.reads, sequence.infos, [indices]).values())
        return network(*(x.to(device) for x in given))[0].float()

    if method.kind == "recurrent":
        made = []
        for part in segments(len(sequence), LENGTH, OVERLAP):
            if own := [t - part.start for t in frames if part.first <= t < part.last]:
                made.append(restored(range(part.start, part.stop))[own])
        outputs = torch.cat(made)
    else:
        outputs = torch.stack([restored(method.policy(sequence.infos, t)) for t in frames])
    truth, given = (torch.stack([as_tensor(side.rgb(t)) for t in frames]).to(device) for side in (raw, compressed))
    return float((psnr(outputs, truth) - psnr(given, truth)).mean())
