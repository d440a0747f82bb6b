"""A whole file against the network alone, and memory for a long file and a short one."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from venh_lib import ffmpeg
from venh_lib.bench.timing import METHOD, Figures, in_a_fresh_process, seconds

if TYPE_CHECKING:
    from torch import Tensor

    from venh_lib.methods.method import Method


def repeated(stream: Path, target: Path, frames: int) -> Path:
    """``target``: the first ``frames`` frames of ``stream`` played over and over, copied, not coded again."""
    copy = ["-stream_loop", "-1", "-i", stream, "-c", "copy", "-frames:v", frames, target]
    ffmpeg.run([*ffmpeg.QUIET, *copy], task=f"{stream}: repeating it to {frames} frames")
    return target


def inference(method: str = METHOD, rounds: int = 5, frames: int = 120, lengths: Sequence[int] = (60, 600)) -> Figures:
    """A whole file through ``venh enhance`` against the network alone, and memory for a long file and a short one.

    The network alone gets what it gets of the file, window by window or segment by segment. Frames are 416×240.
    Seconds are the least of ``rounds`` rounds, each with both sides, in turn first: what else a machine does only adds.
    Memory is resident memory, not a GPU's. ``growth_per_frame`` is what the long file takes more than the short one,
    over the bytes that its extra frames take as 8-bit RGB: 0 for constant memory, about 1 if every frame were held
    once, in or out, 4 if as floats.
    """
    import torch

    from venh_lib import dataset, devices, methods
    from venh_lib.inference import enhance_file
    from venh_lib.methods.method import as_seen_by, as_tensor

    chosen = methods.get(method)
    clip = dataset.sample_set("validation", limit=1, progress=False)[0]
    decoded = clip.compressed_frames()
    _, height, width = decoded.shape
    device = devices.pick_device()
    network = chosen.build("course").eval().to(device=device, memory_format=torch.channels_last)
    seen = as_seen_by(network, chosen)
    shown = torch.stack([as_tensor(decoded.rgb(t)) for t in range(len(clip))]).to(device)

    with tempfile.TemporaryDirectory() as folder:
        source = repeated(clip.compressed_file(), Path(folder) / "source.mkv", frames)
        asked = [(window, [own.to(device) for own in told]) for window, told in _asked(source, seen)]

        def forward() -> None:
            with torch.inference_mode(), devices.autocast(device):
                for window, told in asked:
                    network(shown[[t % len(shown) for t in window]][None], *told)
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        def enhance() -> None:
            target = Path(folder) / "target.mkv"
            enhance_file(source, target, chosen, network=network, progress=False, overwrite=True)

        forward(), enhance()
        network_s = enhance_s = math.inf
        for number in range(rounds):
            took = {call: seconds(call) for call in ((forward, enhance), (enhance, forward))[number % 2]}
            network_s, enhance_s = min(network_s, took[forward]), min(enhance_s, took[enhance])
    short, long = in_a_fresh_process("venh_lib.bench.enhancing", f"_peaks({method!r}, {tuple(lengths)})")
    extra = (lengths[1] - lengths[0]) * height * width * 3 / 2**20
    return {
        "method": method,
        "frames": frames,
        "network_s": round(network_s, 3),
        "enhance_s": round(enhance_s, 3),
        "enhance_over_network": round(enhance_s / network_s, 3),
        "short_frames": lengths[0],
        "long_frames": lengths[1],
        "short_peak_mib": round(short, 1),
        "long_peak_mib": round(long, 1),
        "long_over_short": round(long / short, 3),
        "growth_per_frame": round((long - short) / extra, 4),
    }


def _asked(source: Path, method: Method) -> list[tuple[Sequence[int], list[Tensor]]]:
    """What a network is given of a file, pass by pass: which frames, and what it is told of them."""
    from venh_lib.inference import infos_of
    from venh_lib.methods.method import readings
    from venh_lib.segments import LENGTH, OVERLAP, segments
    from venh_lib.video import probe

    infos = infos_of(source, probe(source), method)
    if method.kind == "recurrent":
        parts = segments(len(infos), LENGTH, OVERLAP)
        windows = [range(part.start, part.stop) for part in parts]
    else:
        windows = [method.policy(infos, t) for t in range(len(infos))]
    return [(window, list(readings(method.reads, infos, [window]).values())) for window in windows]


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
            source = repeated(stream, Path(folder) / f"{number}.mkv", length)
            resident.clear()
            enhance_file(source, source.with_suffix(".mp4"), chosen, network=network, progress=False)
            peaks.append(max(resident) / 2**20)
    return peaks[1:]
