"""Frames in and out of video files: streaming reads, random access through a cache, writing."""

from __future__ import annotations

import hashlib
import mmap
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from venh_lib import cache, ffmpeg
from venh_lib.colour import (
    MATRICES,
    check_matrix,
    crop_planes,
    join_planes,
    planes_to_rgb,
    rgb_to_planes,
    split_planes,
)
from venh_lib.errors import VideoError
from venh_lib.ffmpeg import ffmpeg_exe
from venh_lib.probe import VideoInfo, check_pair, probe
from venh_lib.writer import VideoWriter

__all__ = [
    "MATRICES", "Frames", "VideoInfo", "VideoWriter", "check_matrix", "check_pair", "crop_planes",
    "ffmpeg_exe", "join_planes", "open_frames", "planes_to_rgb", "probe", "read_planes", "read_rgb",
    "rgb_to_planes", "split_planes",
]  # fmt: skip


# Up to so many pixels a frame one thread decodes faster than a network takes frames, and leaves it the other cores.
SMALL = 640 * 480


def read_planes(path: str | Path, start: int = 0, count: int | None = None) -> Iterator[np.ndarray]:
    """Decode a video frame by frame from frame ``start`` on, ``count`` frames or all: I420 uint8 [H*3//2, W].

    One ffmpeg process, memory for one frame; closing the iterator ends the process. Raises VideoError for a
    file that ``probe`` refuses, a range outside the video, and frames that do not decode.
    """
    info = probe(path)
    count = info.frames - start if count is None else count
    if start < 0 or count < 0 or start + count > info.frames:
        raise VideoError(f"{info.path}: {count} frames from {start} on asked for, it has {info.frames}.")
    return _decode(info, start, count)


def _decode(info: VideoInfo, start: int, count: int) -> Iterator[np.ndarray]:
    shape = (info.height * 3 // 2, info.width)
    # Frames are counted, not timed: a seek by time can land one frame off.
    threads = ["-threads", "1"] if info.width * info.height <= SMALL else []
    command = [
        ffmpeg.ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "error", *threads, "-i", str(info.path),
        "-map", "0:V:0", "-vf", f"trim=start_frame={start}:end_frame={start + count}",
        "-fps_mode", "passthrough",
        "-f", "rawvideo", "-pix_fmt", "yuvj420p" if info.full_range else "yuv420p", "-",
    ]  # fmt: skip
    if count == 0:
        return
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            env=ffmpeg.environment(),
        )
        try:
            for index in range(start, start + count):
                planes = np.empty(shape, np.uint8)
                if process.stdout.readinto(planes.data.cast("B")) != planes.nbytes:
                    process.wait()
                    messages.seek(0)
                    said = ffmpeg.last_lines(messages.read().decode("utf-8", "replace"))
                    raise VideoError(
                        f"{info.path}: expected {info.frames} frames, decoding ended before frame {index} "
                        f"({said}); the file is damaged or cut short, copy or download it again."
                    )
                yield planes
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def read_rgb(
    path: str | Path, start: int = 0, count: int | None = None, matrix: str | None = None
) -> Iterator[np.ndarray]:
    """Decode a video frame by frame to RGB uint8 [H, W, 3], exactly as ``ffmpeg -i video.mkv %3d.png`` does.

    ``matrix`` overrides the file's colour matrix: give both sides of a pair the same one. Raises as
    ``read_planes``, and for an unknown matrix.
    """
    info = probe(path)
    matrix = check_matrix(matrix or info.matrix)
    planes = read_planes(path, start, count)
    return (planes_to_rgb(frame, matrix, info.full_range) for frame in planes)


class Frames:
    """Random access to the frames of one clip, decoded once.

    ``array`` holds I420 planes uint8 [T, H*3//2, W], usually a memory map; ``info`` is None for a clip that
    was never a file. ``matrix`` and ``full_range`` say how planes become RGB.
    """

    def __init__(
        self,
        array: np.ndarray,
        matrix: str = "bt601",
        full_range: bool = False,
        info: VideoInfo | None = None,
    ) -> None:
        # A plain view: NumPy's memory-map class costs several microseconds at every slice.
        self.array, self.info = np.asarray(array), info
        self.matrix, self.full_range = check_matrix(matrix), full_range

    def __len__(self) -> int:
        return len(self.array)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height, width."""
        frames, rows, width = self.array.shape
        return frames, rows * 2 // 3, width

    def planes(self, t: int) -> np.ndarray:
        """Frame ``t`` as I420 planes uint8 [H*3//2, W], read-only; raises VideoError outside the clip."""
        if not 0 <= t < len(self):
            name = self.info.path if self.info else "this clip"
            raise VideoError(f"frame {t} asked for, {name} has frames 0 to {len(self) - 1}.")
        return self.array[t]

    def touch(self) -> None:
        """Read every page of a memory map once.

        In order that takes a millisecond or two a clip; met one by one by crops here and there, the same first
        touches cost a training more than all the rest of its loading.
        """
        self.array.reshape(-1)[:: mmap.PAGESIZE].max()

    def rgb(self, t: int) -> np.ndarray:
        """Frame ``t`` as RGB uint8 [H, W, 3]; raises VideoError outside the clip."""
        return planes_to_rgb(self.planes(t), self.matrix, self.full_range)


def open_frames(path: str | Path, matrix: str | None = None, full_range: bool | None = None) -> Frames:
    """Open a clip for random access; it is decoded into the cache on first use, then memory-mapped.

    ``matrix`` and ``full_range`` override what the file's tags say: give both sides of a pair the same ones.
    Planes are as stored in the file either way. Raises as ``read_planes``, and VenhError on a full disk.
    """
    path = Path(path)
    info = probe(path)
    shape = (info.frames, info.height * 3 // 2, info.width)
    key = hashlib.sha256(cache.key_of_file(path).encode()).hexdigest()[:32]

    def make(temporary: Path) -> None:
        with open(temporary, "wb") as file, closing(_decode(info, 0, info.frames)) as decoded:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(file, header)
            for planes in decoded:
                file.write(planes.data)

    stored = cache.entry("frames", key, ".npy", make, size=int(np.prod(shape, dtype=np.int64)))
    full_range = info.full_range if full_range is None else full_range
    return Frames(np.load(stored, mmap_mode="r"), matrix or info.matrix, full_range, info)
