"""Our deformable convolution on a CPU beside torchvision's."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from venh_lib.bench.timing import Figures, added_memory, seconds


def deform(rounds: int = 5) -> Figures:
    """Our deformable convolution on a CPU against torchvision's, side by side: alone, and in whole networks.

    Alone: 4×64×64×64, 8 offset groups, float32, offsets of a few pixels; forward, and forward with backward. Networks:
    BasicVSR++ of 32 channels and 3 blocks a branch on 5×256×256, EDVR of 32 channels on 5 frames of 128×128; inference
    and a training step, in float32, and in bf16 with channels last. Ratios above 1 say that ours is faster. The
    memory of each is what a call forward and backward adds to the process at its peak.
    """
    import torch

    from venh_lib import devices
    from venh_lib.blocks.deformable import deform_conv2d, torchvision_everywhere
    from venh_lib.blocks.edvr import EDVR
    from venh_lib.methods.ntu_slab import BasicVSRPlusPlus

    draw = torch.Generator().manual_seed(0)
    x, pull, weight = (torch.randn(shape, generator=draw) for shape in ((4, 64, 64, 64),) * 2 + ((64, 64, 3, 3),))
    offsets, mask = 2 * torch.randn(4, 144, 64, 64, generator=draw), torch.rand(4, 72, 64, 64, generator=draw)

    def forward() -> None:
        with torch.inference_mode():
            deform_conv2d(x, offsets, weight, padding=1, mask=mask)

    def both_ways() -> None:
        leaves = [value.clone().requires_grad_() for value in (x, offsets, weight, mask)]
        deform_conv2d(*leaves[:3], padding=1, mask=leaves[3]).backward(pull)

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
    for name, call in (("forward", forward), ("both_ways", both_ways)):
        ours, theirs = compared(call)
        figures |= {f"{name}_ms": round(1e3 * ours, 1), f"{name}_torchvision_ms": round(1e3 * theirs, 1)}
        figures[f"{name}_ratio"] = round(theirs / ours, 2)
    figures["memory_mib"] = round(added_memory(both_ways), 1)
    with torchvision_everywhere():
        figures["memory_torchvision_mib"] = round(added_memory(both_ways), 1)
    networks = {
        "basicvsr_plus_plus": (BasicVSRPlusPlus(32, 3), (1, 5, 3, 256, 256)),
        "edvr": (EDVR(32, 5, extract=2, reconstruct=5), (1, 5, 3, 128, 128)),
    }
    for name, (network, shape) in networks.items():
        for precision in ("fp32", "bf16") if devices.cpu_has_bf16() else ("fp32",):
            if precision == "bf16":
                network = network.to(memory_format=torch.channels_last)
            frames = torch.rand(shape, generator=draw)

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
