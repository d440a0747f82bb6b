"""Motion by way of the peaks: flows to the frames of a window that coding does not mislead. Nobody has to train it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from venh_lib import devices
from venh_lib.blocks.dis import FITS, difference, flows_by, squared, steady_flow
from venh_lib.blocks.flow import warp
from venh_lib.blocks.light import mean_about

# A flow that was found between two frames is believed where they come nearer to each other by FITS, over BELIEVED
# pixels a side, and were apart by more than coding explains: ALIKE, squared, of values in 0–1.
BELIEVED, ALIKE = 17, 8e-4
# Steps in which the motion at a pixel of the frame is found from that at the peaks' pixels.
STEPS = 4
# The common motion is a fit that counts what lies further off than OUTLYING pixels less and less. Its six numbers are
# sure enough by ROWS rows of a picture, and as close columns.
FITTINGS, OUTLYING, ROWS = 8, 0.3, 60
# Three flows are weighed by how far they leave the frames apart, over AGREED pixels a side, to the power of -STRICT.
# That the two peaks agree counts PEAKS_COUNT times as much as that the frame does with either. A flow that was found
# for a frame fits its errors, too: what it leaves counts more, by DOUBT for each QP that the frame is coarser by. All
# ours: so the validation clips' peaks come nearest to what the frames between them lost, on both tracks.
AGREED, STRICT, PEAKS_COUNT, DOUBT = 65, 8.0, 3.0, 0.05
# The mean square below which frames are as near as can be, of values in 0–1.
NEAR = 1e-6


class BetweenPeaks(nn.Module):
    """Flows from the restored frame, the middle one of a window, to every frame of it. It has no weights.

    A coarse frame shows much of the scene where a vector put it that was sent for its price. A flow to it is right
    about the frame, and wrong about the scene (notebook 21). The peaks on both sides were corrected most: the motion
    between *them* is the scene's. If things go straight on, it says where each was in between; and what they did not do
    straight on, a hand that trembles, is mostly common to the whole picture, and a fit over all of it knows it well.
    So, where a frame before and a frame after are both better coded than the restored one, the flow to each of these
    two is a mean of three: what is found between the frame and the peak, what the motion between the peaks says, and
    that with the common motion added. About each pixel the one that brings the three frames together counts most.
    """

    def forward(self, window: Tensor, qps: Tensor | None = None, places: Tensor | None = None) -> list[Tensor]:
        """A flow ``[B, 2, H, W]`` in pixels for each frame of ``window`` ``[B, N, 3, H, W]``, RGB in 0–1, zero for the
        middle one. ``qps`` and ``places`` ``[B, N]``: the frames' QPs, and how many frames after the middle one they
        are; without them every flow is found from frame to frame.
        """
        with torch.no_grad(), devices.full_precision(window.device):
            return list(self.flows(window.float(), qps, places).unbind(dim=1))

    def flows(self, window: Tensor, qps: Tensor | None, places: Tensor | None) -> Tensor:
        """The same ``[B, N, 2, H, W]``."""
        middle = window.shape[1] // 2
        own = window[:, middle]
        others = [n for n in range(window.shape[1]) if n != middle]
        given = window[:, others].flatten(0, 1)
        repeated = own.repeat_interleave(len(others), dim=0)
        flows = torch.zeros_like(window[:, :, :2])
        found = believed(repeated, given, flows_by(steady_flow, repeated, given))
        flows[:, others] = found.unflatten(0, (-1, len(others)))
        if qps is None or places is None or window.is_meta:
            return flows
        rows, before, after = peaks_around(qps, places)
        if len(rows):
            two = torch.stack((before, after), dim=1)
            take = rows[:, None], two
            coarser = qps[rows, middle] - qps[take].float().mean(dim=1)
            flows[take] = joined(own[rows], window[take], flows[take], places[take].float(), coarser)
        return flows


def believed(frame: Tensor, other: Tensor, flow: Tensor) -> Tensor:
    """``flow`` ``[B, 2, H, W]`` where it brings ``other`` clearly nearer to ``frame``, and zero elsewhere."""
    before, after = (difference(frame, seen, BELIEVED) for seen in (other, warp(other, flow)))
    return torch.where((after < FITS * before) & (before > ALIKE), flow, torch.zeros_like(flow))


def peaks_around(qps: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Windows whose middle frame has better coded ones on both sides, and the best of each side.

    ``qps``, ``places`` ``[B, N]``; numbers of windows, and of their frames before and after, all ``[K]``. Of frames
    that were coded alike the nearest is taken.
    """
    middle = qps.shape[1] // 2
    worth = qps.float() + places.abs() / (places.abs().max() + 1) / 2  # QPs are whole numbers
    sides = [worth.masked_fill(~side, torch.inf).min(dim=1) for side in (places < 0, places > 0)]
    rows = torch.stack([side.values < qps[:, middle] for side in sides]).all(dim=0).nonzero().flatten()
    before, after = (side.indices[rows] for side in sides)
    return rows, before, after


def joined(own: Tensor, peaks: Tensor, found: Tensor, places: Tensor, coarser: Tensor) -> Tensor:
    """Flows ``[B, 2, 2, H, W]`` to the peak before and the one after, ``places`` ``[B, 2]`` frames away.

    ``own`` ``[B, 3, H, W]``, ``peaks`` ``[B, 2, 3, H, W]``; ``found``: what was found to each, and ``believed``;
    ``coarser`` ``[B]``: by how many QPs the frame was coded more coarsely than the peaks.
    """
    places = places[:, :, None, None, None]
    velocity = velocity_between(peaks, places)
    straight = places * velocity[:, None]
    seen = (warp(peaks[:, 0], straight[:, 0]) + warp(peaks[:, 1], straight[:, 1])) / 2
    common = fitted(flows_by(steady_flow, own, seen))
    # From the frame by the common motion to where the peaks say the thing is, and from there straight on.
    trembling = torch.stack([common + warp(way, common) for way in straight.unbind(dim=1)], dim=1)
    ways = (found, straight, trembling)
    apart = torch.stack([disagreement(own, peaks, way) for way in ways], dim=1)  # [B, 3, 1, H, W]
    apart[:, 0] *= 1 + DOUBT * coarser[:, None, None, None]
    weights = torch.softmax(-STRICT * apart.clamp(min=NEAR).log(), dim=1)
    return (weights[:, :, None] * torch.stack(ways, dim=1)).sum(dim=1)


def velocity_between(peaks: Tensor, places: Tensor) -> Tensor:
    """The motion in a frame's time ``[B, 2, H, W]`` at the pixels of a frame between two peaks, straight and even.

    ``peaks`` ``[B, 2, 3, H, W]`` and ``places`` ``[B, 2, 1, 1, 1]`` as in ``joined``. What passes through a pixel of
    the frame is at ``place`` times the velocity on each peak, where the flow to the other peak tells the velocity.
    """
    before, after = peaks.unbind(dim=1)
    first, second = places.unbind(dim=1)
    there, back = flows_by(steady_flow, torch.cat((before, after)), torch.cat((after, before))).chunk(2)
    there, back = there / (second - first), back / (first - second)
    one, other = there, back
    for _ in range(STEPS):
        one, other = warp(there, first * one), warp(back, second * other)
    return (one + other) / 2


def fitted(flow: Tensor) -> Tensor:
    """The motion that most of a picture shares, of the shape of ``flow`` ``[B, 2, H, W]``: affine, without outliers."""
    step = max(1, min(flow.shape[-2:]) // ROWS)
    whole = affine_basis(*flow.shape[-2:]).to(flow.device)
    # [P, 3] and [B, P, 2], of P pixels, on the CPU: not every device has double precision.
    basis, asked = (values[..., ::step, ::step].cpu().double().flatten(-2).mT for values in (whole, flow))
    weights = torch.ones_like(asked[..., :1])
    for _ in range(FITTINGS):
        told = (basis * weights).mT
        parameters = torch.linalg.solve(told @ basis, told @ asked)  # [B, 3, 2]
        weights = 1 / (1 + (asked - basis @ parameters).square().sum(dim=-1, keepdim=True) / OUTLYING**2)
    return (parameters.mT.to(flow) @ whole.flatten(1)).reshape(flow.shape)


def affine_basis(height: int, width: int) -> Tensor:
    """One, the column and the row of each pixel ``[3, H, W]``, from -1 to 1: what an affine motion is a sum of."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack((torch.ones_like(x), x, y))


def disagreement(own: Tensor, peaks: Tensor, flows: Tensor) -> Tensor:
    """How far the frame and the peaks that ``flows`` bring lie apart about each pixel, ``[B, 1, H, W]``."""
    before, after = (warp(peak, flow) for peak, flow in zip(peaks.unbind(1), flows.unbind(1), strict=True))
    apart = squared(own, before) + squared(own, after) + PEAKS_COUNT * squared(before, after)
    return mean_about(apart, AGREED)
