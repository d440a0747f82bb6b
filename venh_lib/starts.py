"""Where trainings live, and the checkpoints that other trainings start from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from venh_lib import checkpoints, settings
from venh_lib.errors import CheckpointError, TrainingError
from venh_lib.methods.method import Method


def run_folder(method: Method, track: int, scale: str, seed: int) -> Path:
    """Where a training lives when no folder is named."""
    return settings.cache_dir() / "trainings" / f"{method.slug}_track{track}_{scale}_seed{seed}"


def start_checkpoint(method: Method, track: int, scale: str, seed: int, preset: str) -> Path:
    """The checkpoint of ``method`` at ``preset`` that another method's training starts from.

    The shipped one comes first, so that a training gives the same weights on every machine; at `paper` scale
    the learner's own training does (same scale and seed, in its usual folder): what is shipped is smaller.
    Raises TrainingError that says what to train when there is neither, CheckpointError when one is altered.
    """
    own, shipped = run_folder(method, track, scale, seed) / "best.safetensors", checkpoints.shipped(method, track)
    for path in (own, shipped) if scale == "paper" else (shipped, own):
        if path.is_file() and checkpoints.provenance(path)["preset"] == preset and _has_ended(path):
            return path
    raise TrainingError(
        f"this training starts from {method.slug} at preset {preset!r}; expected a checkpoint of that preset, of a "
        f"training that has ended, found none in {own} and {shipped}; train it first: "
        f"venh train {method.slug} --track {track} --scale {scale}{f' --seed {seed}' if seed else ''}"
    )


def _has_ended(best: Path) -> bool:
    """Whether the training that keeps its best weights in ``best`` took all its steps; true of shipped weights."""
    state = best.with_name("state.safetensors")
    if not state.is_file():
        return True
    _, record = read_state(state)
    return record["progress"]["step"] >= checkpoints.provenance(best)["steps"]


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and record of the state that a training left; TrainingError, with what to do, for a file cut short."""
    try:
        tensors, metadata = checkpoints.read_tensors(path)
    except CheckpointError as error:
        raise TrainingError(
            f"{path} is not whole ({error.__cause__ or error}): the training cannot go on from it. "
            f"Put a copy of it back, or delete {path.parent} to begin again."
        ) from error
    return tensors, json.loads(metadata.get("venh", "{}"))


def start_from(network: nn.Module, prefix: str, method: Method, preset: str, source: Path) -> None:
    """Copy ``source``, weights of ``method`` at ``preset``, into the parameters of ``network`` under ``prefix``."""
    part = network.get_submodule(prefix.rstrip(".")) if prefix else network
    if not part.state_dict():
        raise CheckpointError(f"the network has no parameters under {prefix!r} to start from {source}.")
    checkpoints.load_into(part, checkpoints.load(source, method, preset).state_dict(), source)
