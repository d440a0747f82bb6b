"""One pass of frames through a network: settings, 8 bits to floats and back, precision, ensemble, tiles."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from venh_lib import devices
from venh_lib.ensembles import ensembled, transforms
from venh_lib.errors import SettingError, VenhError
from venh_lib.segments import LENGTH, OVERLAP
from venh_lib.tiles import check_tile, tiled


@dataclass(frozen=True)
class Inference:
    """How frames go through a network.

    ``ensemble``: copies of the self-ensemble (a key of ENSEMBLES). ``tile``: (height, width) in pixels,
    or one side for squares, None for whole frames; ``overlap`` of tiles in pixels. ``batch``: consecutive
    frames that a window network gets at once. ``segment``: frames that a recurrent network gets at once,
    ``segment_overlap`` of them shared with the segment before. ``precision``: as in ``devices``.
    ``compile``: through torch.compile, worth it for long videos. Raises SettingError for impossible values.
    """

    ensemble: int = 1
    tile: tuple[int, int] | int | None = None
    overlap: int = 32
    batch: int = 1
    segment: int = LENGTH
    segment_overlap: int = OVERLAP
    precision: str = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        transforms(self.ensemble)
        if isinstance(self.tile, int):
            object.__setattr__(self, "tile", (self.tile, self.tile))
        if self.tile is not None:
            check_tile(self.tile, self.overlap)
        if self.batch < 1:
            raise SettingError(f"batch must be at least 1, got {self.batch}.")
        if not 0 <= self.segment_overlap < self.segment:
            raise SettingError(
                f"segment_overlap must be at least 0 and less than segment ({self.segment}), "
                f"got {self.segment_overlap}."
            )
        if self.precision not in devices.PRECISIONS:
            known = ", ".join(devices.PRECISIONS)
            raise SettingError(f"unknown precision {self.precision!r}; choose one of {known}.")

    @classmethod
    def of(cls, **settings) -> Inference:
        """The settings by name; SettingError naming the known ones for a name that does not exist."""
        known = [field.name for field in dataclasses.fields(cls)]
        if unknown := sorted(set(settings) - set(known)):
            raise SettingError(
                f"unknown inference setting {', '.join(unknown)}; known are {', '.join(known)}."
            )
        return cls(**settings)


class Stopwatch:
    """Adds up the seconds that a network computes, conversions and copies left out."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        for start, stop in self._events:
            stop.synchronize()
            self._seconds += start.elapsed_time(stop) / 1000
        self._events.clear()
        return self._seconds

    @contextmanager
    def running(self, device: torch.device) -> Iterator[None]:
        """Count what happens inside; on CUDA by events, so that nothing waits."""
        if device.type == "cuda":
            start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            yield
            stop.record()
            self._events.append((start, stop))
        else:
            start_seconds = time.perf_counter()
            yield
            self._seconds += time.perf_counter() - start_seconds


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, each module's own mode again afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@dataclass(frozen=True)
class Enhanced:
    """uint8 frames [K, H, W, 3] of ``indices`` on their way to the CPU, and which of them are finite."""

    indices: tuple[int, ...]
    frames: Tensor
    finite: Tensor
    arrived: torch.cuda.Event | None

    def collect(self, slug: str) -> dict[int, np.ndarray]:
        """The frames by index, once they are there; VenhError naming the frame for NaN or infinity."""
        if self.arrived is not None:
            self.arrived.synchronize()
        if not bool(self.finite.all()):
            bad = [t for t, fine in zip(self.indices, self.finite.tolist(), strict=True) if not fine]
            raise VenhError(
                f"{slug}: the output of frame {bad[0]} holds NaN or infinity; try precision 'fp32', "
                "and if that does not help, another checkpoint: this one is broken."
            )
        return dict(zip(self.indices, self.frames.numpy(), strict=True))


class Runner:
    """From uint8 frames to uint8 frames on one device: conversion, precision, ensemble, tiles."""

    def __init__(
        self, network: nn.Module, device: torch.device, settings: Inference, stopwatch: Stopwatch
    ) -> None:
        self.device, self.stopwatch, self.settings = device, stopwatch, settings
        self.network = torch.compile(network) if settings.compile else network

    def _network(self, frames: Tensor, *, told: Sequence[Tensor] = ()) -> Tensor:
        with self.stopwatch.running(self.device), devices.autocast(self.device, self.settings.precision):
            return self.network(frames, *told)

    def _forward(self, told: Sequence[Tensor]) -> Callable[[Tensor], Tensor]:
        """The network as the settings have it run; ``told``: what it is given beside the frames."""
        forward: Callable[[Tensor], Tensor] = partial(self._network, told=told)
        if self.settings.ensemble > 1:
            forward = partial(ensembled, forward, count=self.settings.ensemble)
        if self.settings.tile is not None:
            forward = partial(tiled, forward, tile=self.settings.tile, overlap=self.settings.overlap)
        return forward

    def upload(self, frame: Tensor) -> Tensor:
        """``frame`` on the device, without waiting for the copy."""
        return frame.to(self.device, non_blocking=True)

    @torch.inference_mode()
    def __call__(
        self,
        indices: Sequence[int],
        windows: Sequence[Sequence[Tensor]],
        keep: slice | None = None,
        told: Sequence[Tensor] = (),
    ) -> Enhanced:
        """Windows of uint8 frames [H, W, 3] through the network; ``keep``: those wanted of a segment.

        ``told``: what the network reads beside the frames, each [windows, T].
        """
        frames = torch.stack([torch.stack(list(window)) for window in windows])
        # A frame is channels last as it comes, and so is the network.
        frames = frames.permute(0, 1, 4, 2, 3).to(torch.float32).div_(255)
        output = self._forward([own.to(self.device) for own in told])(frames)
        if keep is not None:
            output = output[0, keep]
        expected = (len(indices), *frames.shape[2:])
        if output.shape != expected:
            raise VenhError(f"the network returned {tuple(output.shape)} where {expected} was expected.")
        output = output.to(torch.float32)
        # One pass: a sum is NaN or infinite if anything in it is. Such a frame is refused in collect().
        finite = torch.isfinite(output.flatten(1).sum(1))
        pixels = output.mul(255).round_().clamp_(0, 255).to(torch.uint8)
        pixels = pixels.permute(0, 2, 3, 1).contiguous()
        if self.device.type != "cuda":
            return Enhanced(tuple(indices), pixels.cpu(), finite.cpu(), None)
        pixels, finite = pixels.to("cpu", non_blocking=True), finite.to("cpu", non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record()
        return Enhanced(tuple(indices), pixels, finite, arrived)
