"""A whole video through a method: windows or segments, tiles and self-ensembles, in constant memory."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from venh_lib import checkpoints, devices
from venh_lib.bitstream import FrameInfo, read_frame_infos
from venh_lib.ensembles import AveragedNetworks
from venh_lib.errors import SettingError, VideoError
from venh_lib.methods.method import Method, as_seen_by, readings
from venh_lib.passes import Enhanced, Inference, Runner, Stopwatch, evaluating
from venh_lib.segments import Segment, segments
from venh_lib.streaming import Source, behind, one_later, read_ahead, window_schedule
from venh_lib.video import VideoInfo, VideoWriter, probe, read_rgb
from venh_lib.writer import check_container, check_sound


def _through_windows(
    runner: Runner, method: Method, infos: Sequence[FrameInfo], source: Source, batch: int
) -> Iterator[list[Enhanced]]:
    windows, last_use = window_schedule(method, infos)
    for first in range(0, len(infos), batch):
        chunk = range(first, min(first + batch, len(infos)))
        source.read_to(1 + max(max(windows[t]) for t in chunk))
        by_length: dict[int, list[int]] = {}
        for t in chunk:
            by_length.setdefault(len(windows[t]), []).append(t)
        yield [
            runner(
                ts,
                [[source.held[i] for i in windows[t]] for t in ts],
                told=tuple(readings(method.reads, infos, [windows[t] for t in ts]).values()),
            )
            for ts in by_length.values()
        ]
        source.drop(lambda i, stop=chunk.stop: last_use[i] < stop)


def _through_segments(
    runner: Runner, method: Method, infos: Sequence[FrameInfo], source: Source, plan: Sequence[Segment]
) -> Iterator[list[Enhanced]]:
    for segment in plan:
        source.drop(lambda i, start=segment.start: i < start)
        source.read_to(segment.stop)
        keep = slice(segment.first - segment.start, segment.last - segment.start)
        # No name for the list of frames: it would hold them while the next segment is read.
        window = range(segment.start, segment.stop)
        said = readings(method.reads, infos, [window]).values()
        yield [runner(range(segment.first, segment.last), [[source.held[i] for i in window]], keep, tuple(said))]


def _checked(frames: Iterable[np.ndarray], least_size: int, slug: str, pin: bool) -> Iterator[Tensor]:
    size = None
    for t, frame in enumerate(frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise VideoError(f"frame {t} is {frame.dtype} {frame.shape}; expected uint8 RGB [H, W, 3].")
        size = size or frame.shape
        if frame.shape != size:
            raise VideoError(f"frame {t} is {_name(frame.shape)}, the frames before it are {_name(size)}.")
        if min(size[:2]) < least_size:
            raise VideoError(
                f"frames are {_name(size)}; {slug} needs at least {least_size} pixels in height and width. "
                "Choose another method, or a larger video."
            )
        tensor = torch.from_numpy(np.require(frame, requirements=("C", "W")))
        yield tensor.pin_memory() if pin else tensor


def _name(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}×{shape[0]}"


def enhance_frames(
    network: nn.Module,
    method: Method,
    frames: Iterable[np.ndarray],
    infos: Sequence[FrameInfo],
    *,
    device: torch.device | None = None,
    stopwatch: Stopwatch | None = None,
    **settings,
) -> Iterator[np.ndarray]:
    """Enhance a stream of decoded frames, in order, holding only those that a later frame still needs.

    ``frames``: uint8 RGB [H, W, 3], as many as ``infos``; yields the same, rounded and clipped to 8 bits.
    ``network`` is moved to ``device`` (the best there is by default), its weights channels last.
    ``settings`` are the fields of ``Inference``. Raises SettingError for unknown settings, VideoError for
    frames that are too small for the method, of changing size, or more or fewer than ``infos``, VenhError
    naming the frame when the output is not finite.
    """
    options, method = Inference.of(**settings), as_seen_by(network, method)
    if options.tile is not None and min(options.tile) < method.least_size:
        raise SettingError(f"tile {options.tile}: {method.slug} needs at least {method.least_size} pixels.")
    device = device or devices.pick_device()
    network = network.to(device=device, memory_format=torch.channels_last)
    return _stream(network, method, frames, tuple(infos), device, options, stopwatch or Stopwatch())


def _stream(
    network: nn.Module,
    method: Method,
    frames: Iterable[np.ndarray],
    infos: tuple[FrameInfo, ...],
    device: torch.device,
    options: Inference,
    stopwatch: Stopwatch,
) -> Iterator[np.ndarray]:
    runner = Runner(network, device, options, stopwatch)
    decoded = read_ahead(_checked(frames, method.least_size, method.slug, pin=device.type == "cuda"))
    source = Source(decoded, len(infos), runner.upload)
    if method.kind == "recurrent":
        plan = segments(len(infos), options.segment, options.segment_overlap) if infos else ()
        parts = _through_segments(runner, method, infos, source, plan)
    else:
        parts = _through_windows(runner, method, infos, source, options.batch)
    with closing(decoded), evaluating(network):
        for part in one_later(parts):
            done: dict[int, np.ndarray] = {}
            for enhanced in part:
                done |= enhanced.collect(method.slug)
            for t in sorted(done):
                yield done[t]
        source.finish()


@dataclass(frozen=True)
class EnhanceReport:
    """What an enhancement took: frames, seconds in all, seconds that the network computed."""

    frames: int
    seconds: float
    network_seconds: float


def like_a_stream(pattern: Sequence[int], slices: str) -> tuple[FrameInfo, ...]:
    """Forty frames whose QPs and slice types repeat ``pattern`` and ``slices``: to ask a policy about."""
    return tuple(FrameInfo(t, slices[t % len(slices)], pattern[t % len(pattern)], 1) for t in range(40))


def reads_the_bitstream(method: Method) -> bool:
    """Whether the method needs QPs or slice types: its policy is asked about two streams."""
    if "qps" in method.reads:
        return True
    if method.kind == "recurrent":
        return False
    one = like_a_stream((36, 45, 44, 45), "IPPPPPPPPP")
    other = like_a_stream((45, 44, 45, 40, 44, 38), "IBPB")
    return any(method.policy(one, t) != method.policy(other, t) for t in range(len(one)))


def infos_of(source: Path, info: VideoInfo, method: Method) -> tuple[FrameInfo, ...]:
    """The frames' QPs and types where the method needs them; else QP 0 for each frame.

    Warns about a file that is not HEVC; raises VideoError when its QPs are needed, as they cannot be read.
    """
    if reads_the_bitstream(method):
        if info.codec != "hevc":
            raise VideoError(
                f"{source} is {info.codec}: QPs are read from HEVC only, and by them {method.slug} tells which frames "
                "were coded well. Encode it as HEVC first, or choose a method that looks at one frame, as "
                "ivp_tencent does."
            )
        return read_frame_infos(source)
    if info.codec != "hevc":
        warnings.warn(
            f"{source} is {info.codec}, {method.slug} was trained on HEVC: it may gain less, or nothing.",
            stacklevel=3,
        )
    return tuple(FrameInfo(t, "P", 0, 0) for t in range(info.frames))


def _check_target(source: Path, target: Path, overwrite: bool) -> None:
    """Raise SettingError for a target that could not be kept, before anything is computed."""
    if not target.parent.is_dir():
        raise SettingError(f"the folder of {target} does not exist; make it first.")
    if target.is_dir():
        raise SettingError(f"{target} is a folder; name a file in it, such as {target / 'enhanced.mkv'}.")
    check_container(target)
    if not target.exists():
        return
    if source.exists() and target.samefile(source):
        raise SettingError(f"{target} is the source itself; name another file to write.")
    if not overwrite:
        raise SettingError(f"{target} exists; name another file, or replace it with --overwrite (overwrite=True).")


def enhance_file(
    source: Path,
    target: Path,
    method: Method,
    track: int = 1,
    *,
    checkpoint: Path | Sequence[Path] | None = None,
    network: nn.Module | None = None,
    device: torch.device | None = None,
    overwrite: bool = False,
    progress: bool = True,
    **settings,
) -> EnhanceReport:
    """Write the video ``source`` enhanced to ``target``, with its frame rate, shape of pixels, matrix and sound.

    The weights are ``network``'s, else ``checkpoint``'s, else the shipped ones of ``track``; of several checkpoints
    the mean of what their networks make is taken (``AveragedNetworks``). Decoding and encoding run beside the network.
    ``settings`` are the fields of ``Inference``. Raises VideoError for a source that cannot be used, CheckpointError
    without weights, SettingError for a target that is the source, no name of a video, of one that cannot hold the
    sound, or (without ``overwrite``) exists; it is written whole or not at all.
    """
    source, target = Path(source), Path(target)
    options = Inference.of(**settings)
    _check_target(source, target, overwrite)
    info = probe(source)
    if info.has_audio:
        check_sound(source, target)
    if network is None:
        chosen = [checkpoint] if isinstance(checkpoint, str | Path) else checkpoint
        networks = [checkpoints.load(path, method) for path in chosen or [checkpoints.ready(method, track)]]
        network = networks[0] if len(networks) == 1 else AveragedNetworks(networks)
    infos = infos_of(source, info, as_seen_by(network, method))
    stopwatch, started = Stopwatch(), time.perf_counter()
    size = (info.width, info.height)
    looks = {"matrix": info.matrix, "full_range": info.full_range, "sample_aspect": info.sample_aspect}
    running = {"device": device, "stopwatch": stopwatch, **vars(options)}
    with (
        devices.opencv_in_one_thread(),
        VideoWriter(target, *size, info.frame_rate, **looks, audio_from=source) as writer,
        closing(read_rgb(source, matrix=info.matrix)) as frames,
        closing(enhance_frames(network, method, frames, infos, **running)) as outputs,
        behind(writer.write) as write,
    ):
        for output in tqdm(outputs, total=len(infos), desc=source.name, unit="frame", disable=not progress):
            write(output)
    return EnhanceReport(len(infos), time.perf_counter() - started, stopwatch.seconds)
