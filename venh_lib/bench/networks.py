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

    device = devices.pick_device()
    figures: Figures = {"threads": torch.get_num_threads(), "precision": devices.resolve_precision(device)}
    for chosen in METHODS.values() if method is None else (get(method),):
        for preset, size in (("paper", PAPER_SIZE), ("course", COURSE_SIZE)):
            parameters, operations = _counted(chosen, preset, size)
            figures[f"{chosen.slug}_{preset}_parameters"] = parameters
            figures[f"{chosen.slug}_{preset}_gflop"] = round(operations / 1e9, 2)
        network = chosen.build("course").eval().to(device=device, memory_format=torch.channels_last)
        frames = torch.rand(_shape(chosen, COURSE_SIZE), device=device)

        def forward(network=network, frames=frames) -> None:
            with torch.inference_mode(), devices.autocast(device):
                network(frames)
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        least = min(seconds(forward) for _ in range(1 + rounds))
        figures[f"{chosen.slug}_course_ms"] = round(1e3 * least / _frames_made(chosen), 1)
    return figures


def _counted(method, preset: str, size: tuple[int, int]) -> tuple[int, float]:
    """Parameters of a network, and its operations for one frame."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network = method.build(preset).eval()
        network(torch.rand(_shape(method, size)))
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() / _frames_made(method)


def _shape(method, size: tuple[int, int]) -> tuple[int, ...]:
    """The input of a network: the largest window that a low-delay stream asks for, or a clip."""
    from venh_lib.inference import like_a_stream

    infos = like_a_stream((36, 45, 44, 45, 38, 45, 44, 45), "IPPPPPPPPP")
    window = CLIP if method.kind == "recurrent" else max(len(method.policy(infos, t)) for t in range(len(infos)))
    return 1, window, 3, *size


def _frames_made(method) -> int:
    return CLIP if method.kind == "recurrent" else 1
