"""What each method's network costs: parameters, operations, time and memory of a frame."""

from __future__ import annotations

from venh_lib.bench.timing import Figures, seconds

# Frames of the sample set's size, and of LDV's.
COURSE_SIZE, PAPER_SIZE = (240, 416), (536, 960)
# Frames of the clip that a recurrent network gets; figures are for one of them.
CLIP = 7


def methods(method: str | None = None, rounds: int = 3) -> Figures:
    """For every method, or the one named: parameters, GFLOP a frame, and milliseconds a frame at `course`.

    Operations are those of convolutions and matrix products, a multiplication and an addition counted as two, on one
    frame of 960×536 at `paper` and of 416×240 at `course`, all that its window needs included. They are counted without
    computing. Milliseconds are the least of ``rounds`` forward passes in the precision of this machine.
    """
    import torch

    from venh_lib import devices
    from venh_lib.methods import METHODS, get
    from venh_lib.methods.method import as_seen_by, readings

    device = devices.pick_device()
    figures: Figures = {"threads": torch.get_num_threads(), "precision": devices.resolve_precision(device)}
    for chosen in METHODS.values() if method is None else (get(method),):
        for preset, size in (("paper", PAPER_SIZE), ("course", COURSE_SIZE)):
            parameters, operations = _counted(chosen, preset, size)
            figures[f"{chosen.slug}_{preset}_parameters"] = parameters
            figures[f"{chosen.slug}_{preset}_gflop"] = round(operations / 1e9, 2)
        network = chosen.build("course").eval().to(device=device, memory_format=torch.channels_last)
        seen = as_seen_by(network, chosen)
        infos, window = _window(seen)
        frames = torch.rand((1, len(window), 3, *COURSE_SIZE), device=device)
        told = [own.to(device) for own in readings(seen.reads, infos, [window]).values()]

        def forward(network=network, given=(frames, *told)) -> None:
            with torch.inference_mode(), devices.autocast(device):
                network(*given)
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        least = min(seconds(forward) for _ in range(1 + rounds))
        figures[f"{chosen.slug}_course_ms"] = round(1e3 * least / _frames_made(chosen), 1)
    return figures


def _counted(method, preset: str, size: tuple[int, int]) -> tuple[int, float]:
    """Parameters of a network, and its operations for one frame."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    _, window = _window(method)
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network = method.build(preset).eval()
        network(torch.rand(1, len(window), 3, *size))
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() / _frames_made(method)


def _window(method) -> tuple[tuple, tuple[int, ...]]:
    """A low-delay stream, and what a network is given of it: a clip, or the largest window of a coarse frame."""
    from venh_lib.inference import like_a_stream

    infos = like_a_stream((36, 45, 44, 45, 38, 45, 44, 45), "IPPPPPPPPP")
    if method.kind == "recurrent":
        return infos, tuple(range(CLIP))
    # Not next to the ends, where a window repeats its frames.
    windows = [method.policy(infos, t) for t in range(CLIP, len(infos) - CLIP)]
    return infos, max(windows, key=lambda window: (len(window), infos[window[len(window) // 2]].qp))


def _frames_made(method) -> int:
    return CLIP if method.kind == "recurrent" else 1
