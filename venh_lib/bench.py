"""Benchmarks anyone can run again: ``venh bench NAME``. Each returns one flat dict of figures and ratios.

Ratios are taken within one run, the two sides in turn, because machines differ and their speed drifts.
"""

from __future__ import annotations

import inspect
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from venh_lib import ffmpeg
from venh_lib.errors import SettingError

Figures = dict[str, float | int | str]
METHOD = "ivp_tencent"


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _in_a_fresh_process(call: str, **environment: str) -> Any:
    """What ``call``, of a function of this module, returns in a new process (JSON), under more ``environment``."""
    code = f"import json; from venh_lib import bench; print(json.dumps(bench.{call}))"
    command, environment = [sys.executable, "-c", code], {**os.environ, **environment}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)


def import_time(rounds: int = 5) -> Figures:
    """Seconds that ``import venh_lib`` adds to starting Python (median of ``rounds``, both in turn)."""

    def start(code: str) -> float:
        return _seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))

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
        rows = _in_a_fresh_process(f"_opening({clips})", VENH_CACHE=folder)
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

        first, again = _seconds(open_and_convert), _seconds(open_and_convert)
        rows.append([first, again, _seconds(partial(clip.compressed_frames().rgb, len(clip) // 2))])
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
            return _seconds(lambda: codec.compress(source, target, setting))

        pairs = [(compress(codec.FixedQP()), compress(codec.FixedRate())) for _ in range(rounds)]
    return {
        "clip": clip.name,
        "frames": frames,
        "fixed_qp_s": round(statistics.median(a for a, _ in pairs), 3),
        "fixed_rate_s": round(statistics.median(b for _, b in pairs), 3),
    }


def training(method: str = METHOD, steps: int = 40, clips: int = 60) -> Figures:
    """What loading costs in a training step: a step with loading against the same step on a batch that is there.

    Batches are drawn as in a training, from ``clips`` clips that were decoded before: 60 of them take 600 MB,
    far more than a processor's caches hold, as the recipe's 280 do.
    """
    import torch

    from venh_lib import dataset, methods
    from venh_lib.training import Training

    chosen = methods.get(method)
    recipe = chosen.recipe(1, "course").with_steps(10_000)
    pairs = dataset.sample_set("train", limit=clips, progress=False)
    for pair in pairs:
        pair.compressed_frames()
    with tempfile.TemporaryDirectory() as folder:
        run = Training(
            chosen, 1, recipe, Path(folder), scale="course", seed=0, training=pairs, validation=(), progress=False
        )
        batch = recipe.batch

        def load(first: int) -> dict[str, torch.Tensor]:
            samples = run.crops.__getitems__(range(first, first + batch))
            return {key: values.to(run.accelerator.device) for key, values in samples.items()}

        held = load(0)
        for _ in range(3):
            run.step(held)
        loading, stepping = [], []
        for number in range(1, 1 + steps):
            loading.append(_seconds(lambda number=number: load(number * batch)))
            stepping.append(_seconds(lambda: float(run.step(held))))
    load_s, step_s = statistics.median(loading), statistics.median(stepping)
    return {
        "method": method,
        "batch": batch,
        "crop": recipe.crop,
        "clips": len(pairs),
        "load_ms": round(load_s * 1e3, 2),
        "step_ms": round(step_s * 1e3, 2),
        "load_share": round(load_s / (load_s + step_s), 4),
        "steps_per_s": round(1 / (load_s + step_s), 2),
        "threads": torch.get_num_threads(),
    }


def _repeated(stream: Path, target: Path, frames: int) -> Path:
    """``target``: the first ``frames`` frames of ``stream`` played over and over, copied, not coded again."""
    copy = ["-stream_loop", "-1", "-i", stream, "-c", "copy", "-frames:v", frames, target]
    ffmpeg.run([*ffmpeg.QUIET, *copy], task=f"{stream}: repeating it to {frames} frames")
    return target


def inference(method: str = METHOD, rounds: int = 3, frames: int = 33, lengths: Sequence[int] = (60, 600)) -> Figures:
    """A whole file through ``venh enhance`` against the network alone, and memory for a long file and a short one.

    Frames are 416×240. Memory is resident memory, not a GPU's. ``growth_per_frame`` is what the long file takes
    more than the short one, over the bytes that its extra frames take as 8-bit RGB: 0 for constant memory, about 1
    if every frame were held once, in or out, 4 if as floats.
    """
    import torch

    from venh_lib import dataset, devices, methods
    from venh_lib.inference import enhance_file

    chosen = methods.get(method)
    clip = dataset.sample_set("validation", limit=1, progress=False)[0]
    _, height, width = clip.raw_frames().shape
    device = devices.pick_device()
    network = chosen.build("course").eval().to(device)
    window = torch.rand(1, len(chosen.policy(clip.infos, 1)), 3, height, width).to(device)

    def forward() -> None:
        with torch.inference_mode(), devices.autocast(device):
            for _ in range(frames):
                network(window)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    with tempfile.TemporaryDirectory() as folder:
        source = _repeated(clip.compressed_file(), Path(folder) / "source.mkv", frames)

        def enhance() -> None:
            target = Path(folder) / "target.mkv"
            enhance_file(source, target, chosen, network=network, progress=False, overwrite=True)

        forward(), enhance()
        pairs = [(_seconds(forward), _seconds(enhance)) for _ in range(rounds)]
    short, long = _in_a_fresh_process(f"_peaks({method!r}, {tuple(lengths)})")
    extra = (lengths[1] - lengths[0]) * height * width * 3 / 2**20
    return {
        "method": method,
        "frames": frames,
        "network_s": round(statistics.median(a for a, _ in pairs), 3),
        "enhance_s": round(statistics.median(b for _, b in pairs), 3),
        "enhance_over_network": round(statistics.median(b / a for a, b in pairs), 3),
        "short_frames": lengths[0],
        "long_frames": lengths[1],
        "short_peak_mib": round(short, 1),
        "long_peak_mib": round(long, 1),
        "long_over_short": round(long / short, 3),
        "growth_per_frame": round((long - short) / extra, 4),
    }


def _peaks(method: str, lengths: Sequence[int]) -> list[float]:
    """Resident memory in MiB while a file of each of ``lengths`` frames is enhanced, the largest after any module.

    Not the system's own record of a process's peak: that one may be its parent's. The first file is enhanced
    once before, so that what the libraries keep for themselves is there already.
    """
    import psutil

    from venh_lib import dataset, methods
    from venh_lib.inference import enhance_file

    chosen, process, resident = methods.get(method), psutil.Process(), []
    network = chosen.build("course").eval()
    for module in network.modules():
        module.register_forward_hook(lambda *_: resident.append(process.memory_info().rss))
    stream = dataset.sample_set("validation", limit=1, progress=False)[0].compressed_file()
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for number, length in enumerate((lengths[0], *lengths)):
            source = _repeated(stream, Path(folder) / f"{number}.mkv", length)
            resident.clear()
            enhance_file(source, source.with_suffix(".mp4"), chosen, network=network, progress=False)
            peaks.append(max(resident) / 2**20)
    return peaks[1:]


BENCHES: dict[str, Callable[..., Figures]] = {
    "import": import_time,
    "frames": any_frame,
    "compression": compression,
    "training": training,
    "inference": inference,
}


def run(name: str, **options) -> Figures:
    """The figures of benchmark ``name``; ``options`` are the parameters of its function.

    Raises SettingError for an unknown benchmark, or an option that it does not take.
    """
    if name not in BENCHES:
        raise SettingError(f"unknown benchmark {name!r}; choose one of {', '.join(BENCHES)}.")
    known = inspect.signature(BENCHES[name]).parameters
    if unknown := sorted(set(options) - set(known)):
        raise SettingError(f"benchmark {name} takes no {', '.join(unknown)}; it takes {', '.join(known)}.")
    return {"bench": name, **BENCHES[name](**options)}
