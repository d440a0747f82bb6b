"""Benchmarks anyone can run again: ``venh bench NAME``. Each returns one flat dict of figures and ratios.

Ratios are taken within one run, the two sides in turn, because machines differ and their speed drifts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from venh_lib.errors import SettingError

Figures = dict[str, float | int | str]


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def import_time(rounds: int = 5) -> Figures:
    """Seconds that ``import venh_lib`` adds to starting Python (median of ``rounds``, both in turn)."""

    def start(code: str) -> float:
        return _seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    pairs = [(start("pass"), start("import venh_lib")) for _ in range(rounds)]
    return {
        "python_s": round(statistics.median(a for a, _ in pairs), 4),
        "import_s": round(statistics.median(b - a for a, b in pairs), 4),
    }


def compression(rounds: int = 3) -> Figures:
    """Seconds to compress a real clip of 416×240 at fixed QP, reading the QPs back included, and at fixed rate."""
    from venh_lib import codec, dataset

    clip = dataset.sample_set("validation", limit=1, progress=False)[0]
    with tempfile.TemporaryDirectory() as folder:

        def median(setting) -> float:
            target = Path(folder) / "out.mkv"
            return statistics.median(_seconds(lambda: codec.compress(clip.raw, target, setting)) for _ in range(rounds))

        fixed_qp, fixed_rate = median(codec.FixedQP()), median(codec.FixedRate())
    return {
        "clip": clip.name,
        "frames": len(clip),
        "fixed_qp_s": round(fixed_qp, 3),
        "fixed_rate_s": round(fixed_rate, 3),
    }


def training(slug: str = "ivp_tencent", steps: int = 40) -> Figures:
    """What loading costs in a training step: a step with loading against the same step on a batch that is there."""
    import torch

    from venh_lib import dataset, methods
    from venh_lib.training import Training

    method = methods.get(slug)
    recipe = method.recipe(1, "course").with_steps(10_000)
    clips = dataset.sample_set("train", limit=4, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        run = Training(
            method, 1, recipe, Path(folder), scale="course", seed=0, training=clips, validation=(), progress=False
        )
        batch = recipe.batch

        def load(first: int) -> dict[str, torch.Tensor]:
            samples = run.crops.__getitems__(range(first, first + batch))
            return {key: values.to(run.accelerator.device) for key, values in samples.items()}

        held = load(0)
        for _ in range(3):
            run.step(held)
        loading, stepping = [], []
        for number in range(steps):
            loading.append(_seconds(lambda number=number: load(number * batch)))
            stepping.append(_seconds(lambda: float(run.step(held))))
    load_s, step_s = statistics.median(loading), statistics.median(stepping)
    return {
        "method": slug,
        "batch": batch,
        "crop": recipe.crop,
        "load_ms": round(load_s * 1e3, 2),
        "step_ms": round(step_s * 1e3, 2),
        "load_share": round(load_s / (load_s + step_s), 4),
        "steps_per_s": round(1 / (load_s + step_s), 2),
        "threads": torch.get_num_threads(),
    }


def _looped(frames: list[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """``count`` frames, going to and fro over ``frames`` so that motion stays continuous."""
    there_and_back = frames + frames[-2:0:-1]
    for index in range(count):
        yield there_and_back[index % len(there_and_back)]


def inference(slug: str = "ivp_tencent") -> Figures:
    """A whole file through ``venh enhance`` against the network alone, and memory for 600 frames against 60."""
    import torch

    from venh_lib import dataset, devices, methods

    method = methods.get(slug)
    clip = dataset.sample_set("validation", limit=1, progress=False)[0]
    device = devices.pick_device()
    network = method.build("course").eval().to(device)
    window = torch.rand(
        1, len(method.policy(clip.infos, 1)), 3, clip.raw_frames().info.height, clip.raw_frames().info.width
    )
    window = window.to(device)

    def forward() -> None:
        with torch.inference_mode(), devices.autocast(device):
            for _ in range(len(clip)):
                network(window)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    from venh_lib.inference import enhance_file

    with tempfile.TemporaryDirectory() as folder:

        def whole() -> None:
            enhance_file(
                clip.compressed, Path(folder) / "out.mkv", method, network=network, progress=False, overwrite=True
            )

        forward(), whole()
        pairs = [(_seconds(forward), _seconds(whole)) for _ in range(3)]
    ratio = statistics.median(b / a for a, b in pairs)
    short, long = _peak_memory(slug, 60), _peak_memory(slug, 600)
    return {
        "method": slug,
        "frames": len(clip),
        "network_s": round(statistics.median(a for a, _ in pairs), 3),
        "enhance_s": round(statistics.median(b for _, b in pairs), 3),
        "enhance_over_network": round(ratio, 3),
        "peak_60_frames_mib": round(short),
        "peak_600_frames_mib": round(long),
        "memory_600_over_60": round(long / short, 3),
    }


def _peak_memory(slug: str, frames: int) -> float:
    """Peak resident memory in MiB of a process that enhances ``frames`` frames of 208×120."""
    code = f"from venh_lib.bench import enhance_many; print(enhance_many({slug!r}, {frames}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def enhance_many(slug: str, frames: int) -> float:
    """Make a file of ``frames`` frames, enhance it, and return this process's peak resident memory in MiB."""
    import resource

    from venh_lib import codec, dataset, methods
    from venh_lib.inference import enhance_file
    from venh_lib.video import VideoWriter

    method = methods.get(slug)
    clip = dataset.sample_set("validation", limit=1, progress=False)[0]
    raw = clip.raw_frames()
    small = [raw.rgb(t)[:120, :208] for t in range(len(clip))]
    with tempfile.TemporaryDirectory() as folder:
        source, stream, target = (Path(folder) / name for name in ("source.mkv", "stream.mkv", "target.mkv"))
        with VideoWriter(source, 208, 120, clip.frame_rate, encoder="high") as writer:
            for frame in _looped(small, frames):
                writer.write(frame)
        codec.compress(source, stream, codec.FixedQP())
        enhance_file(stream, target, method, network=method.build("course").eval(), progress=False)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


BENCHES: dict[str, Callable[[], Figures]] = {
    "import": import_time,
    "compression": compression,
    "training": training,
    "inference": inference,
}


def run(name: str) -> Figures:
    """The figures of benchmark ``name``; SettingError for an unknown one."""
    if name not in BENCHES:
        raise SettingError(f"unknown benchmark {name!r}; choose one of {', '.join(BENCHES)}.")
    return {"bench": name, **BENCHES[name]()}
