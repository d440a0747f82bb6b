"""Weights of recurrent networks as mmagic and BasicSR publish them, under our names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from venh_lib.blocks import spynet

# Both write their building stone of a convolution and residual blocks alike: the blocks are a Sequential of their own
# behind the convolution and the rectifier.
_STACKS = ((r"\.main\.0\.", ".0."), (r"\.main\.2\.(\d+)\.", lambda found: f".{2 + int(found[1])}."))


def renamed(
    state: Mapping[str, Tensor], renames: Iterable[tuple[str, str | Callable[[re.Match], str]]]
) -> dict[str, Tensor]:
    """``state`` with ``renames`` (pattern, replacement) applied to every name, SpyNet's under ``flow.``.

    Where names start with ``generator.`` that part alone is taken: files of trainings hold more than the network.
    """
    prefix = "generator."
    if any(name.startswith(prefix) for name in state):
        state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    flow = {name.removeprefix("spynet."): value for name, value in state.items() if name.startswith("spynet.")}
    found = {f"flow.{name}": value for name, value in spynet.from_published(flow).items()}
    for name, value in state.items():
        if name.startswith("spynet."):
            continue
        for theirs, ours in (*renames, *_STACKS):
            name = re.sub(theirs, ours, name)
        found[name] = value
    return found
