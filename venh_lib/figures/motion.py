"""Motion made visible: clips whose motion is known, flows as colours, what MFQE sees, how far estimates are off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence as SequenceOf
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from venh_lib import dataset
from venh_lib.blocks.dis import dense_flow
from venh_lib.blocks.flow import warp
from venh_lib.dataset import Sequence
from venh_lib.figures import style
from venh_lib.figures.methods import residual
from venh_lib.methods.mfqe import MFQE

# Trainings take the seeds from 0 on, as many as they have clips.
FIRST_UNSEEN = 100_000


def unseen(number: int, track: int = 1) -> Sequence:
    """The synthesised clip ``number`` of those that no training sees, compressed as ``track`` asks."""
    return replace(dataset.synthesised(FIRST_UNSEEN + number, track), name=f"unseen_{number}", split="unseen")


@dataclass(frozen=True)
class Inside:
    """What MFQE makes of one window: each side's flows, what the fusion is given, and what comes out.

    Flows are float32 [H, W, 2] in pixels of the frame, coarsest level first, each repeated to the frame's size.
    ``previous``, ``centre``, ``following`` and ``output`` are [3, H, W] in 0–1.
    """

    flows_previous: tuple[np.ndarray, ...]
    flows_next: tuple[np.ndarray, ...]
    previous: Tensor
    centre: Tensor
    following: Tensor
    output: Tensor


@torch.inference_mode()
def inside(network: MFQE, window: Tensor) -> Inside:
    """Send ``window`` [3, 3, H, W] (previous PQF, frame, next PQF) through ``network``, and keep what passes by."""
    passed: dict[str, tuple[Tensor, ...]] = {}
    parts = {
        "previous": network.motion_previous,
        "next": network.motion_next,
        "fusion": network.quality_enhancement,
    }
    hooks = [
        part.register_forward_hook(
            lambda _, given, made, name=name: passed.update({name: given if name == "fusion" else made})
        )
        for name, part in parts.items()
    ]
    try:
        output = network(window[None])[0]
    finally:
        for hook in hooks:
            hook.remove()
    height, width = window.shape[-2:]
    flows = [tuple(in_pixels(flow[0], height, width) for flow in passed[side]) for side in ("previous", "next")]
    previous, centre, following = (frame[0] for frame in passed["fusion"])
    return Inside(*flows, previous, centre, following, output)


def in_pixels(flow: Tensor, height: int, width: int) -> np.ndarray:
    """A level's flow [2, h, w] as float32 [height, width, 2] in pixels of the whole frame, each vector repeated."""
    # A level is the frame, padded to a multiple of its size, made smaller by a power of two.
    size = 2 ** round(np.log2(width / flow.shape[-1]))
    large = size * flow.repeat_interleave(size, 1).repeat_interleave(size, 2)
    return large[:, :height, :width].permute(1, 2, 0).float().numpy()


def as_tensor(flow: np.ndarray) -> Tensor:
    """A flow [H, W, 2] as ``warp`` takes it, [1, 2, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(flow)).permute(2, 0, 1)[None].float()


def dis_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """OpenCV's DIS optical flow float32 [H, W, 2] from one RGB frame to another, uint8 [H, W, 3]."""
    return dense_flow(*(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)))


def end_point_error(flow: np.ndarray, true: np.ndarray, valid: np.ndarray) -> float:
    """Mean distance in pixels between two flows [H, W, 2] where ``valid``."""
    return float(np.linalg.norm(flow - true, axis=2)[valid].mean())


def matching(pqf: Tensor, target: Tensor, flow: Tensor) -> Tensor:
    """The matching error of each pixel [H, W]: squared difference of ``pqf``, warped, and ``target`` [3, H, W].

    ``flow`` is [1, 2, H, W]; the mean of this over pixels is what MFQE's motion nets learn from when the true
    motion is not known.
    """
    return (warp(pqf[None], flow)[0] - target).square().mean(0)


def turn_to_truth(pqf: Tensor, target: Tensor, true: Tensor) -> np.ndarray:
    """Where the matching error would send each pixel that starts from no motion: cosine to the truth, [H, W].

    1 is straight towards the true motion [1, 2, H, W], −1 straight away from it; 0 where either is zero.
    """
    flow = torch.zeros_like(true, requires_grad=True)
    (gradient,) = torch.autograd.grad(matching(pqf, target, flow).sum(), flow)
    lengths = (gradient.norm(dim=1) * true.norm(dim=1)).clamp_min(1e-12)
    return (-(gradient * true).sum(1) / lengths)[0].numpy()


def colours(flow: np.ndarray, most: float) -> np.ndarray:
    """A flow as colours, uint8 [H, W, 3]: hue is its direction, saturation its length up to ``most`` pixels."""
    hue = (np.degrees(np.arctan2(flow[..., 1], flow[..., 0])) % 360) / 2
    strength = np.clip(np.linalg.norm(flow, axis=2) / most, 0, 1) * 255
    hsv = np.stack([hue, strength, np.full_like(hue, 255)], axis=2).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def flows(fields: Mapping[str, np.ndarray], columns: int = 3) -> Figure:
    """Flows [H, W, 2] beside each other on one colour scale, with arrows every 48 pixels, and a key at the end."""
    rows, (height, width) = -(-(len(fields) + 1) // columns), next(iter(fields.values())).shape[:2]
    figure, axes = style.new(rows, columns, height=rows * (9 / columns * height / width + 0.35))
    most = max(float(np.percentile(np.linalg.norm(flow, axis=2), 99)) for flow in fields.values()) or 1.0
    times = max(round(48 / most), 1)
    for place in axes.flat[len(fields) + 1 :]:
        place.set_axis_off()
    for place, (name, flow) in zip(axes.flat, fields.items(), strict=False):
        style.picture(place, colours(flow, most), name)
        y, x = np.mgrid[24 : flow.shape[0] : 48, 24 : flow.shape[1] : 48]
        arrows = times * flow[y, x]
        place.quiver(x, y, arrows[..., 0], arrows[..., 1], angles="xy", scale_units="xy", scale=1, width=0.008)
    key(axes.flat[len(fields)], most, f"key: up to {most:.1f} px; arrows {times} times as long")
    return figure


def key(axes: Axes, most: float, title: str, size: int = 201) -> None:
    """The colours of all flows up to ``most`` pixels as a disc: each place has the colour of the way to it."""
    y, x = np.mgrid[-most : most : size * 1j, -most : most : size * 1j]
    disc = colours(np.stack((x, y), axis=2), most)
    disc[np.hypot(x, y) > most] = 255
    style.picture(axes, disc, title)
    middle = size // 2
    ways = {"left": (0, middle, "right"), "right": (size, middle, "left")}
    ways |= {"up": (middle, 0, "center"), "down": (middle, size, "center")}
    for name, (across, down, side) in ways.items():
        level = {"up": "top", "down": "bottom"}.get(name, "center")
        behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
        axes.text(across, down, name, ha=side, va=level, fontsize=8, bbox=behind)


def errors(truth: np.ndarray, frames: Mapping[str, np.ndarray]) -> Figure:
    """Error maps of some frames against one, on one scale, in 8-bit levels."""
    figure, axes = style.new(1, len(frames), height=2.0)
    for place, (name, frame) in zip(axes[0], frames.items(), strict=True):
        drawn = style.error_map(place, frame, truth, name)
    figure.colorbar(drawn, ax=axes[0], label="levels", shrink=0.7)
    return figure


def fusion(truth: np.ndarray, frames: Mapping[str, np.ndarray], before: np.ndarray) -> Figure:
    """Error maps of ``frames`` but the last, of which we draw its error less that of ``before``, in 8-bit levels."""
    *inputs, output = frames
    figure, axes = style.new(1, len(frames), height=2.0)
    for place, name in zip(axes[0], inputs, strict=False):
        drawn = style.error_map(place, frames[name], truth, name)
    figure.colorbar(drawn, ax=axes[0, :-1], label="levels", shrink=0.7)
    after, first = (np.abs(frame.astype(np.float32) - truth).mean(2) for frame in (frames[output], before))
    changed = residual(axes[0, -1], after - first, output, float(np.quantile(np.abs(after - first), 0.99)) or 1.0)
    figure.colorbar(changed, ax=axes[0, -1], label="levels: below 0\nis better", shrink=0.7)
    return figure


def teachers(
    frame: np.ndarray, cosine: np.ndarray, moving: np.ndarray, shares: np.ndarray, error: SequenceOf[float]
) -> Figure:
    """Where the matching error sends moving pixels (blue: to the truth, red: away), and its mean on the way there."""
    figure, axes = style.new(1, 3, height=2.7)
    style.picture(axes[0, 0], frame, "the frame")
    shown = np.ma.masked_where(~moving, cosine)
    style.picture(axes[0, 1], np.full_like(frame, 160), "which way from no motion")
    drawn = axes[0, 1].imshow(shown, cmap="RdBu", vmin=-1, vmax=1, interpolation="nearest")
    figure.colorbar(drawn, ax=axes[0, 1], label="cosine to the truth", location="bottom", shrink=0.8)
    axes[0, 2].plot(shares, np.asarray(error) / error[int(np.argmin(np.abs(shares)))], color=style.BLUE)
    axes[0, 2].set(xlabel="share of the true motion", ylabel="mean matching error\n(1 at no motion)", ylim=(0, None))
    return figure
