"""Our deformable convolution on a CPU beside torchvision's."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import nullcontext

from venh_lib.bench.timing import Figures, added_memory, in_a_fresh_process, seconds

CHANNELS, GROUPS, TAPS = 64, 8, 9
# What the networks are given: a clip and a window, [B, T, 3, H, W].
CLIP, WINDOW = (1, 5, 3, 256, 256), (1, 5, 3, 128, 128)


def _calls(batch: int, side: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """One deformable convolution of [batch, CHANNELS, side, side]: forward alone, and forward with backward."""
    import torch

    from venh_lib.blocks.deformable import deform_conv2d

    draw = torch.Generator().manual_seed(0)
    x, pull = (torch.randn(batch, CHANNELS, side, side, generator=draw) for _ in range(2))
    weight = torch.randn(CHANNELS, CHANNELS, 3, 3, generator=draw)
    offsets = 2 * torch.randn(batch, 2 * GROUPS * TAPS, side, side, generator=draw)
    mask = torch.rand(batch, GROUPS * TAPS, side, side, generator=draw)

    def forward() -> None:
        with torch.inference_mode():
            deform_conv2d(x, offsets, weight, padding=1, mask=mask)

    def both_ways() -> None:
        leaves = [value.clone().requires_grad_() for value in (x, offsets, weight, mask)]
        deform_conv2d(*leaves[:3], padding=1, mask=leaves[3]).backward(pull)

    return forward, both_ways


def _memory(torchvision: bool) -> float:
    """MiB that forward and backward add at their peak, gradients and copies of the inputs included."""
    from venh_lib.blocks.deformable import torchvision_everywhere

    with torchvision_everywhere() if torchvision else nullcontext():
        # A small call first: threads and libraries start once.
        _calls(1, 8)[1]()
        return added_memory(_calls(4, 64)[1])


def deform(rounds: int = 5) -> Figures:
    """Our deformable convolution on a CPU against torchvision's, side by side: alone, and in whole networks.

    Alone: 4×64×64×64, 8 offset groups, float32, offsets of a few pixels; forward, and forward with backward. Networks:
    BasicVSR++ of 32 channels and 3 blocks a branch on CLIP, five frames of 256×256, and MT.MaxClear's EDVR at `course`
    on WINDOW, five of 128×128; inference and a training step, in float32, and in bf16 with channels last. Ratios above
    1 say that ours is faster. The memory of each is what a call forward and backward adds to the process at its peak.
    """
    import torch

    from venh_lib import devices
    from venh_lib.blocks.deformable import torchvision_everywhere
    from venh_lib.methods import mt_maxclear
    from venh_lib.methods.ntu_slab import BasicVSRPlusPlus

    def compared(call: Callable[[], object]) -> tuple[float, float]:
        """Median seconds of ours and of torchvision's, in turn, after one call each."""
        pairs = []
        for number in range(rounds + 1):
            ours = seconds(call)
            with torchvision_everywhere():
                theirs = seconds(call)
            if number:
                pairs.append((ours, theirs))
        return tuple(statistics.median(side) for side in zip(*pairs, strict=True))

    figures: Figures = {"threads": torch.get_num_threads(), "rounds": rounds}
    for name, call in zip(("forward", "both_ways"), _calls(4, 64), strict=True):
        ours, theirs = compared(call)
        figures |= {f"{name}_ms": round(1e3 * ours, 1), f"{name}_torchvision_ms": round(1e3 * theirs, 1)}
        figures[f"{name}_ratio"] = round(theirs / ours, 2)
    for name, torchvision in (("memory_mib", False), ("memory_torchvision_mib", True)):
        figures[name] = round(in_a_fresh_process("venh_lib.bench.deformable", f"_memory({torchvision})"), 1)
    networks = {
        "basicvsr_plus_plus": (BasicVSRPlusPlus(32, 3), CLIP),
        "edvr": (mt_maxclear.build("course"), WINDOW),
    }
    for name, (network, shape) in networks.items():
        for precision in ("fp32", "bf16") if devices.cpu_has_bf16() else ("fp32",):
            if precision == "bf16":
                network = network.to(memory_format=torch.channels_last)
            frames = torch.rand(shape)

            def infer(network=network, frames=frames, precision=precision) -> None:
                with torch.inference_mode(), devices.autocast(frames.device, precision):
                    network(frames)

            def step(network=network, frames=frames, precision=precision) -> None:
                with devices.autocast(frames.device, precision):
                    loss = network(frames).square().mean()
                loss.backward()
                network.zero_grad()

            for what, call in (("inference", infer), ("step", step)):
                ours, theirs = compared(call)
                figures[f"{name}_{precision}_{what}_s"] = round(ours, 3)
                figures[f"{name}_{precision}_{what}_ratio"] = round(theirs / ours, 2)
    return figures
