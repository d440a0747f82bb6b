"""Checkpoints: whole or not at all, verified, never unpickled."""

import json

import pytest
import torch

from venh_lib import checkpoints, methods
from venh_lib.errors import CheckpointError

METHOD = methods.get("arcnn")


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    network = METHOD.build("course")
    path = tmp_path / "net.safetensors"
    record = checkpoints.save(path, network, {"method": "arcnn", "preset": "course", "track": 1})
    return path, network, record


def test_round_trip_keeps_every_bit(saved):
    path, network, record = saved
    loaded = checkpoints.load(path, METHOD)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), loaded.state_dict().values(), strict=True)
    )
    assert not loaded.training
    assert checkpoints.provenance(path) == record
    assert sorted(p.name for p in path.parent.iterdir()) == ["net.json", "net.safetensors"]


def test_a_file_cut_short_is_refused(saved):
    path, _, _ = saved
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"net\.safetensors.*(whole|sha256)"):
        checkpoints.load(path, METHOD)


def test_an_altered_file_is_refused(saved):
    path, _, _ = saved
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="sha256"):
        checkpoints.load(path, METHOD)


def test_a_wrong_hash_in_the_record_is_refused(saved):
    path, _, _ = saved
    side = path.with_suffix(".json")
    side.write_text(json.dumps({**json.loads(side.read_text()), "sha256": "0" * 64}))
    with pytest.raises(CheckpointError, match="altered"):
        checkpoints.load(path, METHOD)


def test_a_missing_record_is_refused(saved):
    path, _, _ = saved
    path.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"net\.json"):
        checkpoints.load(path, METHOD)


def test_another_methods_checkpoint_is_refused(saved):
    with pytest.raises(CheckpointError, match="made for arcnn .course., not for dncnn"):
        checkpoints.load(saved[0], methods.get("dncnn"))


def test_another_preset_is_refused(saved):
    with pytest.raises(CheckpointError, match="not for arcnn .paper."):
        checkpoints.load(saved[0], METHOD, "paper")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_never_loaded(tmp_path, zipped):
    path = tmp_path / "weights.safetensors"
    torch.save(METHOD.build("course").state_dict(), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="pickle.*never loaded"):
        checkpoints.load(path, METHOD, "course")


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match="venh train"):
        checkpoints.load(tmp_path / "none.safetensors", METHOD)


def test_tensors_of_another_shape_are_named(tmp_path):
    network = METHOD.build("course")
    tensors = dict(network.state_dict())
    name = next(iter(tensors))
    tensors[name] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=f"{name} has shape"):
        checkpoints.load_into(network, tensors, tmp_path / "x.safetensors")


def test_a_failed_write_leaves_the_old_file(saved, monkeypatch):
    path, network, _ = saved
    before = path.read_bytes()

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(path, network, {"method": "arcnn", "preset": "course"})
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["net.json", "net.safetensors"]
