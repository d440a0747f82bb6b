"""Importing the library, reaching any frame, compressing a clip."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from venh_lib.bench.timing import Figures, in_a_fresh_process, seconds


def import_time(rounds: int = 5) -> Figures:
    """Seconds that ``import venh_lib`` adds to starting Python (median of ``rounds``, both in turn)."""

    def start(code: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    pairs = [(start("pass"), start("import venh_lib")) for _ in range(rounds)]
    return {
        "python_s": round(statistics.median(a for a, _ in pairs), 4),
        "import_s": round(statistics.median(b - a for a, b in pairs), 4),
    }


def any_frame(clips: int = 5) -> Figures:
    """Seconds to any frame of a sample clip as RGB: for the first time, again, and of a clip that is open.

    The first time decodes both sides of the pair into the cache, here an empty one; the slowest of ``clips``
    counts. Again means from a new ``Sequence.compressed_frames()``, which maps what was decoded.
    """
    with tempfile.TemporaryDirectory() as folder:
        rows = in_a_fresh_process("venh_lib.bench.clips", f"_opening({clips})", VENH_CACHE=folder)
    first, again, one = zip(*rows, strict=True)
    return {
        "clips": len(first),
        "first_s": round(max(first), 4),
        "again_s": round(statistics.median(again), 4),
        "frame_s": round(statistics.median(one), 5),
    }


def _opening(clips: int) -> list[list[float]]:
    """For each of ``clips``: seconds to its last frame for the first time, again, and when it is open."""
    from venh_lib import dataset

    rows = []
    for clip in dataset.sample_set("validation", limit=clips, progress=False):

        def open_and_convert(clip: dataset.Sequence = clip) -> None:
            clip.compressed_frames().rgb(len(clip) - 1)

        first, again = seconds(open_and_convert), seconds(open_and_convert)
        rows.append([first, again, seconds(partial(clip.compressed_frames().rgb, len(clip) // 2))])
    return rows


def compression(rounds: int = 3, frames: int = 33) -> Figures:
    """Seconds to compress ``frames`` frames of a real clip of 416×240 at fixed QP and at fixed rate.

    Each includes reading the QPs back. Median of ``rounds``, both in turn.
    """
    from venh_lib import codec, dataset
    from venh_lib.video import VideoWriter, read_planes

    clip = dataset.sample_set("validation", limit=1, progress=False)[0]
    _, height, width = clip.raw_frames().shape
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.mkv", Path(folder) / "target.mkv"
        with VideoWriter(source, width, height, clip.frame_rate, encoder="lossless") as writer:
            for planes in read_planes(clip.raw_file(), 0, frames):
                writer.write_planes(planes)

        def compress(setting: codec.Setting) -> float:
            return seconds(lambda: codec.compress(source, target, setting))

        pairs = [(compress(codec.FixedQP()), compress(codec.FixedRate())) for _ in range(rounds)]
    return {
        "clip": clip.name,
        "frames": frames,
        "fixed_qp_s": round(statistics.median(a for a, _ in pairs), 3),
        "fixed_rate_s": round(statistics.median(b for _, b in pairs), 3),
    }
