"""What each idea of a method is worth: twins that lack one beside the whole, and what bringing a frame does to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence as SequenceOf
from math import comb

import numpy as np
import pandas
import torch
from matplotlib.figure import Figure
from torch import Tensor

from venh_lib import references
from venh_lib.ablations import COLUMNS, WHOLE, summary
from venh_lib.dataset import Sequence
from venh_lib.figures import style
from venh_lib.figures.methods import tensor
from venh_lib.methods.method import readings
from venh_lib.methods.on_brnet import OnBRNet


def validation(trainings: Mapping[str, Mapping]) -> pandas.DataFrame:
    """The gains in dB on the validation clips that twins' records hold, in the columns of the gains on test clips."""
    rows = [
        (name, clip, gain) for name, record in trainings.items() for clip, gain in record["validation_gain_db"].items()
    ]
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def leads(gains: pandas.DataFrame) -> pandas.DataFrame:
    """By how many dB each twin is ahead of the whole method: a row per clip, a column per twin, in recorded order."""
    wide = gains.pivot(index="clip", columns="twin", values="gain_db")[list(gains["twin"].unique())]
    return wide.sub(wide[WHOLE], axis=0).drop(columns=WHOLE)


def by_a_coin(ahead: int, of: int) -> float:
    """How often ``of`` throws of a coin fall as unevenly as ``ahead`` of them on one side, or more so: 0–1."""
    few = min(ahead, of - ahead)
    return min(1.0, 2 * sum(comb(of, k) for k in range(few + 1)) / 2**of)


def table(gains: pandas.DataFrame, trainings: Mapping[str, Mapping]) -> pandas.DataFrame:
    """A row per twin, the whole method first: gain and loss on the test clips in dB, on how many clips it is ahead.

    And how often a coin would fall as unevenly, the gain in dB on the validation clips, on how many of those it is
    ahead, and the step whose weights they chose.
    """
    own, chose = leads(gains), leads(validation(trainings))
    test = summary(gains).rename(columns={"gain_db": "test gain (dB)", "lost_db": "lost (dB)"}).round(3) + 0.0
    ahead = (own > 0).sum()
    test["ahead on"] = pandas.Series({name: f"{count} of {len(own)}" for name, count in ahead.items()})
    test["by a coin"] = pandas.Series({name: f"{by_a_coin(count, len(own)):.1%}" for name, count in ahead.items()})
    test["validation gain (dB)"] = summary(validation(trainings))["gain_db"].round(3)
    test["ahead there"] = pandas.Series({name: f"{(chose[name] > 0).sum()} of {len(chose)}" for name in chose})
    test["best step"] = pandas.Series({name: record["step"] for name, record in trainings.items()})
    return test.fillna("")


def spread(panels: Mapping[str, pandas.DataFrame]) -> Figure:
    """By how many dB twins are ahead of the whole method: a row per twin, a dot per clip, a stroke for the mean.

    A panel for each table of gains, by name, each on a scale of its own; rows in the order of the first table.
    """
    twins = list(leads(next(iter(panels.values()))))
    figure, axes = style.new(1, len(panels), height=0.42 * len(twins) + 1.3, sharey=True)
    for place, (name, gains) in zip(axes[0], panels.items(), strict=True):
        ahead = leads(gains)
        for row, twin in enumerate(twins):
            place.plot(ahead[twin], np.full(len(ahead), row), "o", color=style.BLUE, markersize=5, alpha=0.55)
            mean = ahead[twin].mean()
            place.plot([mean, mean], [row - 0.35, row + 0.35], color=style.VERMILION, linewidth=2.5)
        place.axvline(0, color=style.BLACK, linewidth=0.8)
        place.set_title(f"{name} ({len(ahead)})", fontsize=10, loc="left")
        place.xaxis.get_major_locator().set_params(nbins=6)
        place.set_xlabel("gain less that of the whole (dB)")
    axes[0, 0].set_yticks(range(len(twins)), twins)
    axes[0, 0].invert_yaxis()
    return figure


def in_words(panels: Mapping[str, pandas.DataFrame]) -> str:
    """The dots and strokes of ``spread``: each twin's mean, and from where to where its dots lie, panel by panel."""
    parts, twins = [], list(leads(next(iter(panels.values()))))
    for name, gains in panels.items():
        ahead = leads(gains)[twins]
        told = [
            f"{twin} {own.mean():+.3f} dB on average, from {own.min():+.3f} to {own.max():+.3f}"
            for twin, own in ahead.items()
        ]
        parts.append(f"On {len(ahead)} {name}, twins less the whole: {'; '.join(told)}.")
    return "Rows of dots on both sides of a line at zero. " + " ".join(parts)


def best_mix(frame: Tensor, offered: Tensor, truth: Tensor) -> Tensor:
    """What ``frame`` gains in dB by its best mix with ``offered``, all ``[..., 3, H, W]`` RGB in 0–1: shape ``[...]``.

    The share of the mix is the one that ``truth`` would choose: no network is asked, and no decoder could.
    """
    missing, other = ((x - frame).double().flatten(-3) for x in (truth, offered))
    share = (missing * other).sum(-1).square() / (missing.square().sum(-1) * other.square().sum(-1))
    return -10 * torch.log10(1 - share)


@torch.inference_mode()
def bringing(network: OnBRNet, sequence: Sequence, frames: SequenceOf[int]) -> dict[str, float]:
    """What ``network`` does in front to the peak after each of ``frames`` of a clip, as means over these frames.

    ``moved by (px)``: length of the flow that is used; ``moved``: share of the pixels that have one; ``alike (dB)``:
    PSNR of the peak, where it lies, to the frame; ``brought adds (dB)``: what bringing it adds to the best mix of both.
    """
    coded, raw = sequence.compressed_frames(), sequence.raw_frames()
    numbers = [references.nearest_pqfs(sequence.infos, t) for t in frames]
    windows = torch.stack([torch.stack([tensor(coded.rgb(t)) for t in window]) for window in numbers])
    flows = network.motion(windows, *readings(network.reads, sequence.infos, numbers).values())
    frame, peak, brought = windows[:, 1], windows[:, 2], network.along(windows, flows)[:, 2]
    truth = torch.stack([tensor(raw.rgb(t)) for t in frames])
    adds = best_mix(frame, brought, truth) - best_mix(frame, peak, truth)
    return {
        "moved by (px)": flows[2].norm(dim=1).mean().item(),
        "moved": flows[2].any(dim=1).float().mean().item(),
        "alike (dB)": -10 * (peak - frame).square().flatten(1).mean(1).log10().mean().item(),
        "brought adds (dB)": adds.mean().item(),
    }


def beside_a_lead(
    lead: pandas.Series, network: OnBRNet, sequences: Iterable[Sequence], frames: SequenceOf[int]
) -> pandas.DataFrame:
    """Each clip's ``bringing`` and, as the last column, a twin's ``lead`` on it in dB, the smallest lead first.

    A clip without a lead has no row: some joined the set after the twins were trained.
    """
    seen = {clip.name: bringing(network, clip, frames) for clip in sequences if clip.name in lead}
    last = f"lead of {lead.name} (dB)"
    return pandas.DataFrame(seen).T.assign(**{last: lead}).sort_values(last)
