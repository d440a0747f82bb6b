"""Our networks against figures taken from the authors' code, filled with the same weights by formula.

``golden.json`` names the repository and commit of each figure and how the two were brought together.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from formula import clip, describe, fill, fill_statistics, frame

from venh_lib import methods
from venh_lib.blocks.attention import ChannelAttention, ResidualChannelAttentionBlock
from venh_lib.blocks.basicvsr import BasicVSR
from venh_lib.blocks.edvr import EDVR
from venh_lib.blocks.half_size import HalfSize
from venh_lib.blocks.residual import rectified
from venh_lib.blocks.stdf import STDF
from venh_lib.blocks.wide import AdaptiveWideBlock, NormedConv
from venh_lib.methods.gogoing import GogoingCore
from venh_lib.methods.mcenhance import PEN
from venh_lib.methods.nju_vision import QENet, QENetCore
from venh_lib.methods.ntu_slab import BasicVSRPlusPlus

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))


def _output(slug: str, height: int, width: int) -> torch.Tensor:
    """The result of the paper preset of ``slug`` as the authors' code gives it, ``[1, 3, height, width]``."""
    network = methods.get(slug).build("paper").eval()
    parameters = dict(network.named_parameters())
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    if slug == "ivp_tencent":
        parameters = {n: p for n, p in parameters.items() if "mean" not in n}
    if slug == "dncnn":
        # The authors' convolutions have no bias where batch normalisation follows.
        for name in [f"body.{i}.0.bias" for i in range(len(norms))]:
            torch.nn.init.zeros_(parameters.pop(name))
    fill(parameters.values())
    fill_statistics(norms)
    image = frame(height, width)
    with torch.no_grad():
        output = network(image[:, None])
    if slug == "ivp_tencent":
        return output.clamp(0, 1)
    return image - output if slug == "dncnn" else output


def _basicvsr_plus_plus(height: int, width: int) -> torch.Tensor:
    """What BasicVSR++ adds to four frames."""
    network = BasicVSRPlusPlus(channels=16, blocks=2).eval()
    # Scales at which flows are below a pixel and residues of a few pixels join them.
    fill(network.parameters(), 0.4)
    fill(network.flow.parameters(), 0.8)
    frames = clip(4, height, width)
    with torch.no_grad():
        return network(frames) - frames


def _basicvsr(height: int, width: int) -> torch.Tensor:
    """What BasicVSR adds to four frames."""
    network = BasicVSR(64, 2).eval()
    # Scales at which flows exceed a pixel and tell backwards from forwards.
    fill(network.parameters(), 1.2)
    fill(network.flow.parameters(), 2.0)
    with torch.no_grad():
        return network.residual(clip(4, height, width))


def _edvr(height: int, width: int) -> torch.Tensor:
    """What EDVR's published four-fold enlargement adds to the enlarged centre: no strided convolutions in front."""
    network = EDVR(16, 5, extract=2, reconstruct=3, groups=4).eval()
    del network.shrink
    fill(network.parameters(), 1.0)
    frames = clip(5, height, width)
    with torch.no_grad():
        features = network.extract(rectified(network.first(frames.flatten(0, 1))))
        return network.restored(network.core(features[None]))


def _residual_channel_attention_block(height: int, width: int) -> torch.Tensor:
    """What one block adds to 48 channels, those of 16 frames."""
    block = ResidualChannelAttentionBlock(48).eval()
    fill(block.parameters())
    features = clip(16, height, width).flatten(1, 2)
    with torch.no_grad():
        return block(features) - features


def _gogoing_temporal(height: int, width: int) -> torch.Tensor:
    """Gogoing's first stage, EDVR up to the output of TSA: features at half the size."""
    network = HalfSize(GogoingCore(16, groups=4, widths=(16, 16), blocks=1, reduction=16), 16, 16, extract=2).eval()
    fill(network.parameters(), 0.9)
    with torch.no_grad():
        return network.core.temporal(network.features(clip(7, height, width)))


def _stdf(height: int, width: int) -> torch.Tensor:
    """What STDF adds to the middle of seven luma frames; each colour of a clip is a clip of its own."""
    network = STDF().eval()
    fill(network.parameters())
    # Scales at which offsets are about a pixel and some of them ten.
    fill(network.fusion.conv_offset.parameters(), 7.0)
    fill(network.fusion.conv_offset.predict.parameters(), 30.0)
    colours = clip(7, height, width)[0].transpose(0, 1)[:, :, None]
    with torch.no_grad():
        return network.residual(colours).transpose(0, 1)


def _wdsr_a(height: int, width: int) -> torch.Tensor:
    """WDSR-A without an enlargement: its blocks are ours without the channel attention, and α and β as they start."""
    parts = torch.nn.ModuleDict(
        {
            "head": NormedConv(3, 16),
            "body": torch.nn.Sequential(*(AdaptiveWideBlock(16, 64, 16) for _ in range(3))),
            "tail": NormedConv(16, 3),
            "skip": NormedConv(3, 3, 5),
        }
    )
    for block in parts["body"]:
        block.attend = torch.nn.Identity()
    fill(p for name, p in parts.named_parameters() if not name.endswith(("alpha", "beta")))
    with torch.no_grad():
        for conv in (module for module in parts.modules() if isinstance(module, NormedConv)):
            # Lengths of half to one and a half times the weights' own.
            conv.gain.copy_(conv.length() * (1 + 0.5 * conv.gain / conv.gain.abs().max()))
        # The authors' network takes frames as they are divided by half of their range.
        scaled = 2 * frame(height, width)
        return (parts["skip"](scaled) + parts["tail"](parts["body"](parts["head"](scaled)))) / 2


def _channel_attention(height: int, width: int) -> torch.Tensor:
    """The first of two frames side by side, each colour at its own factor."""
    layer = ChannelAttention(6, 2)
    fill(layer.parameters(), 3.0)
    with torch.no_grad():
        return layer(torch.cat((frame(height, width), frame(height, width, 9)), dim=1))[:, :3]


def _qenet(height: int, width: int) -> torch.Tensor:
    """What NJU-Vision's network adds to the middle one of seven frames."""
    network = QENet(QENetCore(16, offset_blocks=1, reconstruct=3, groups=4), 16, extract=2).eval()
    # Scales at which offsets are a pixel on average, up to five, and every part is heard.
    fill(network.parameters(), 0.5)
    fill(network.core.fuse.parameters(), 3.0)
    fill(network.core.align.align.conv_offset.parameters(), 2.0)
    with torch.no_grad():
        frames = clip(7, height, width)
        return network(frames) - frames[:, 3]


def _pen(height: int, width: int) -> torch.Tensor:
    """What McEnhance's two branches add to the middle one of three frames."""
    network = PEN(16, extract=2, reconstruct=2, offset_channels=8, fused=16, quality_channels=12).eval()
    quality, fusing = network.core.branches["qe"], network.core.branches["tsa"]
    # Scales at which offsets are a few pixels on average, and every part is heard.
    fill(quality.parameters(), 2.0)
    fill(quality.fusion.conv_offset.parameters(), 3.0)
    fill(fusing.parameters(), 0.8)
    fill(fusing.fuse.parameters(), 3.0)
    for align in (*(level.align for level in fusing.align.levels), fusing.align.cascade):
        fill(align.conv_offset.parameters(), 5.0)
    with torch.no_grad():
        frames = clip(3, height, width)
        return network(frames) - frames[:, 1]


WHOLE = {
    "basicvsr": _basicvsr,
    "basicvsr_plus_plus": _basicvsr_plus_plus,
    "edvr": _edvr,
    "rcab": _residual_channel_attention_block,
    "gogoing_temporal": _gogoing_temporal,
    "stdf": _stdf,
    "wdsr_a": _wdsr_a,
    "channel_attention": _channel_attention,
    "nju_vision": _qenet,
    "mcenhance": _pen,
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_output_is_that_of_the_authors_code(name):
    golden = GOLDEN[name]
    output = WHOLE[name](*golden["size"]) if name in WHOLE else _output(name, *golden["size"])
    found = describe(output)
    # Relative to the spread of the output: what an error of 1e-4 means does not depend on its mean.
    tolerance = 1e-4 * golden["std"]
    for figure in ("mean", "std", "pixels"):
        np.testing.assert_allclose(found[figure], golden[figure], rtol=0, atol=tolerance, err_msg=f"{name}: {figure}")
