"""Checkpoints: weights as safetensors with the record of how they were made, verified on load.

A checkpoint is two files: ``x.safetensors`` (weights, and the provenance in its metadata) and
``x.json`` (the same provenance for people, with the sha256 of the first). Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from venh_lib import settings
from venh_lib.errors import CheckpointError
from venh_lib.files import write_atomically, writing
from venh_lib.methods.method import Method

SUFFIX = ".safetensors"
# What every record says; the rest tells how to make the weights again.
RECORDED = {"method", "preset", "sha256"}


def shipped(method: Method, track: int) -> Path:
    """Where the checkpoint that comes with the course lies (whether or not there is one)."""
    return settings.data_dir() / "checkpoints" / f"{method.slug}_track{track}{SUFFIX}"


def ready(method: Method, track: int) -> Path:
    """The checkpoint that comes with the course. Raises CheckpointError, with what to do, where there is none."""
    from venh_lib.methods import METHODS

    path = shipped(method, track)
    if not path.is_file():
        others = [m.slug for m in METHODS.values() if track in m.tracks and shipped(m, track).is_file()]
        raise CheckpointError(
            f"{method.slug} has no weights for track {track} ({path} does not exist). Train them with `venh train "
            f"{method.slug} --track {track}` and name the file it prints with --checkpoint, or choose a method that "
            f"has weights for this track: {', '.join(others) or 'none has'}."
        )
    return path


def file_hash(path: Path) -> str:
    """Sha256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file so that ``path`` is always whole: the old one or the new one.

    Raises VenhError when the disk is full, or safetensors cannot write for another reason.
    """
    own = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path, SafetensorError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            save_file(own, part, dict(metadata))
            part.chmod(0o644)  # safetensors makes files that only their owner may read
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises CheckpointError when the file is missing, cut short, or not safetensors (a pickle, say).
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist; name a {SUFFIX} file, or train one with `venh train`.")
    with open(path, "rb") as file:
        head = file.read(2)
    if head in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        raise CheckpointError(
            f"{path} is a pickle (a file of torch.save): loading it could run any code, so it is never loaded. "
            f"Convert it to {SUFFIX} in a place you trust, with safetensors.torch.save_file."
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a whole {SUFFIX} file ({error}); get it again from its source."
        ) from error


def halved(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """``tensors`` with those of float32 in float16: half as large, eleven significant bits of twenty-four.

    Networks read them as float32 again. Raises CheckpointError for a value beyond what float16 can hold, or not finite.
    """
    made = {name: t.half() if t.dtype == torch.float32 else t for name, t in tensors.items()}
    if spoilt := [name for name, t in made.items() if t.is_floating_point() and not t.isfinite().all()]:
        raise CheckpointError(
            f"{', '.join(spoilt[:3])}: expected finite weights up to {torch.finfo(torch.float16).max:,.0f}, which half "
            "precision holds, found others; keep these weights in float32."
        )
    return made


def save(path: Path, network: nn.Module, provenance: Mapping[str, Any], *, half: bool = False) -> dict[str, Any]:
    """Save ``network``'s weights with ``provenance`` (JSON-able); returns the provenance with the file's sha256.

    ``half`` stores them as ``halved`` does, and raises as it does.
    """
    path = Path(path)
    tensors = halved(network.state_dict()) if half else network.state_dict()
    write_tensors(path, tensors, {"venh": json.dumps(provenance, sort_keys=True)})
    full = {**provenance, "sha256": file_hash(path)}
    write_atomically(path.with_suffix(".json"), json.dumps(full, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return full


def provenance(path: Path) -> dict[str, Any]:
    """The record of how the checkpoint was made: at least its method, preset and sha256.

    Raises CheckpointError when there is none, it lacks one of these, or the sha256 is not the file's.
    """
    path = Path(path)
    side = path.with_suffix(".json")
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist; name a {SUFFIX} file, or train one with `venh train`.")
    try:
        record = json.loads(side.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise CheckpointError(
            f"{side}, which says how {path.name} was made, cannot be read ({error}); get both files again."
        ) from error
    if not isinstance(record, dict) or not RECORDED <= record.keys():
        raise CheckpointError(
            f"{side}: expected a record with {', '.join(sorted(RECORDED))} of {path.name}, found "
            f"{', '.join(sorted(record)) if isinstance(record, dict) else record!r}; get both files again."
        )
    found = file_hash(path)
    if record["sha256"] != found:
        raise CheckpointError(
            f"{path} has sha256 {found}, its record says {record['sha256']}: it was altered or cut short; "
            "get it again."
        )
    return record


def load(path: Path, method: Method, preset: str | None = None) -> nn.Module:
    """The network of ``method`` with the weights of ``path``, in evaluation mode on the CPU.

    ``preset`` is read from the provenance when not given. Without any, a file may hold what the method's team published
    (``Method.published``), which is of `paper` size. Raises CheckpointError when the file is not
    safe and whole, its hash is not its record's, or it was made for another method, preset or network.
    """
    tensors, metadata = read_tensors(path)
    if "venh" in metadata:
        record = provenance(path)
        if record["method"] != method.slug or (preset is not None and record["preset"] != preset):
            raise CheckpointError(
                f"{path} was made for {record['method']} ({record['preset']}), not for {method.slug}"
                f"{f' ({preset})' if preset else ''}; choose the checkpoint of that method."
            )
        preset = record["preset"]
    elif method.published is not None:
        tensors, preset = method.published(tensors), preset or "paper"
    elif preset is None:
        raise CheckpointError(f"{path} carries no venh provenance; say which preset it is for.")
    network = method.build(preset)
    load_into(network, tensors, path)
    return network.eval()


def load_into(network: nn.Module, tensors: Mapping[str, torch.Tensor], source: Path) -> None:
    """Copy ``tensors`` into ``network``; CheckpointError naming the first difference when they do not fit."""
    own = network.state_dict()
    missing, extra = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    if missing or extra:
        raise CheckpointError(
            f"{source} does not fit the network: {len(missing)} tensors missing ({', '.join(missing[:3]) or 'none'}), "
            f"{len(extra)} unknown ({', '.join(extra[:3]) or 'none'}). Is it of another method or preset?"
        )
    for name, tensor in own.items():
        if tensor.shape != tensors[name].shape:
            raise CheckpointError(
                f"{source}: {name} has shape {list(tensors[name].shape)}, the network expects {list(tensor.shape)}."
            )
    network.load_state_dict(dict(tensors))
