"""Ensembles: the mean over turned and mirrored copies, each turned back, and over networks (report Table 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from venh_lib.errors import SettingError

ROWS, COLUMNS = -2, -1


@dataclass(frozen=True)
class Transform:
    """One element of the square's symmetry group: transpose first, then mirror rows and columns.

    Works on the last two axes of any tensor ``[..., H, W]``; a transposed result is ``[..., W, H]``.
    """

    transpose: bool = False
    mirror_rows: bool = False
    mirror_columns: bool = False

    def __call__(self, frames: Tensor) -> Tensor:
        """``frames`` [..., H, W], turned."""
        if self.transpose:
            frames = frames.transpose(ROWS, COLUMNS)
        return self._mirror(frames)

    def inverse(self, frames: Tensor) -> Tensor:
        """What undoes ``__call__``, exactly."""
        frames = self._mirror(frames)
        return frames.transpose(ROWS, COLUMNS) if self.transpose else frames

    def _mirror(self, frames: Tensor) -> Tensor:
        axes = [axis for axis, wanted in ((ROWS, self.mirror_rows), (COLUMNS, self.mirror_columns)) if wanted]
        return frames.flip(axes) if axes else frames


IDENTITY = Transform()
UPSIDE_DOWN = Transform(mirror_rows=True)
LEFT_RIGHT = Transform(mirror_columns=True)
TURN_90 = Transform(transpose=True, mirror_rows=True)
TURN_180 = Transform(mirror_rows=True, mirror_columns=True)
TURN_270 = Transform(transpose=True, mirror_columns=True)
TRANSPOSE = Transform(transpose=True)
ANTI_TRANSPOSE = Transform(transpose=True, mirror_rows=True, mirror_columns=True)

# Table 4 gives the counts. Eight is spelled out in §4.2 (four flips, with and without a quarter turn)
# and six in §4.9 (both flips, three turns). Table 4's four (Gogoing) is not spelled out: our reading
# is §4.8's augmentation, left-right flips with and without a quarter turn. Two is ours, the cheapest.
ENSEMBLES: dict[int, tuple[Transform, ...]] = {
    1: (IDENTITY,),
    2: (IDENTITY, LEFT_RIGHT),
    4: (IDENTITY, LEFT_RIGHT, TURN_90, TRANSPOSE),
    6: (IDENTITY, LEFT_RIGHT, UPSIDE_DOWN, TURN_90, TURN_180, TURN_270),
    8: (IDENTITY, LEFT_RIGHT, UPSIDE_DOWN, TURN_180, TURN_90, TURN_270, TRANSPOSE, ANTI_TRANSPOSE),
}


def transforms(count: int) -> tuple[Transform, ...]:
    """The ``count`` transforms of a self-ensemble; SettingError for a count that has none."""
    if count not in ENSEMBLES:
        known = ", ".join(map(str, ENSEMBLES))
        raise SettingError(f"there is no self-ensemble of {count}; choose one of {known}.")
    return ENSEMBLES[count]


def ensembled(forward: Callable[[Tensor], Tensor], frames: Tensor, count: int) -> Tensor:
    """Mean, in float32 before any rounding, of ``forward`` over ``count`` turned copies of ``frames``.

    ``frames`` [..., H, W]; all frames of a window or a segment are turned alike. Copies run one after
    the other, so memory is that of one.
    """
    total: Tensor | None = None
    for transform in transforms(count):
        # Without the copy, networks would meet strides that they never met in training.
        output = transform.inverse(forward(transform(frames).contiguous())).to(torch.float32)
        total = output.clone() if total is None else total.add_(output)
    return total.div_(count)


class AveragedNetworks(nn.Module):
    """The mean of what several networks of one method make of the same frames, in float32.

    They are given what the first one asks for (its ``policy``, what it ``reads``). With a self-ensemble around it there
    are as many passes as networks times copies: MT.MaxClear's twelve (§4.5) are three networks and four copies, say.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        for wanted in ("policy", "reads"):
            if hasattr(self.networks[0], wanted):
                setattr(self, wanted, getattr(self.networks[0], wanted))

    def forward(self, frames: Tensor, *told: Tensor) -> Tensor:
        return sum(network(frames, *told).float() for network in self.networks) / len(self.networks)
