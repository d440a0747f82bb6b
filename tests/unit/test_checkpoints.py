"""Checkpoints: whole or not at all, verified, never unpickled."""

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from venh_lib import checkpoints, files, methods
from venh_lib.errors import CheckpointError, VenhError

METHOD = methods.get("arcnn")


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    network = METHOD.build("course")
    path = tmp_path / "net.safetensors"
    record = checkpoints.save(path, network, {"method": "arcnn", "preset": "course", "track": 1})
    return path, network, record


def test_without_shipped_weights_the_whole_command_and_other_methods_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoints, "shipped", lambda method, track: tmp_path / f"{method.slug}_track{track}")
    for name in ("arcnn_track1", "qecnn_track1", "mfqe_track2"):
        (tmp_path / name).touch()
    assert checkpoints.ready(METHOD, 1) == tmp_path / "arcnn_track1"
    with pytest.raises(CheckpointError) as caught:
        checkpoints.ready(methods.get("vue"), 1)
    assert "`venh train vue --track 1`" in str(caught.value)
    assert str(caught.value).endswith("this track: arcnn, qecnn.")


def test_round_trip_keeps_every_bit(saved):
    path, network, record = saved
    loaded = checkpoints.load(path, METHOD)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), loaded.state_dict().values(), strict=True)
    )
    assert not loaded.training
    assert checkpoints.provenance(path) == record
    assert sorted(p.name for p in path.parent.iterdir()) == ["net.json", "net.safetensors"]


@pytest.mark.parametrize("value", (1e5, float("nan")))
def test_what_half_precision_cannot_hold_is_not_halved(tmp_path, value):
    network = METHOD.build("course")
    name, weight = next(iter(network.named_parameters()))
    weight.data.view(-1)[0] = value
    with pytest.raises(CheckpointError, match=rf"{name}.*65,504"):
        checkpoints.save(tmp_path / "net.safetensors", network, {"method": "arcnn", "preset": "course"}, half=True)
    assert not list(tmp_path.iterdir())


def test_what_is_no_float32_is_not_halved():
    counted = {"seen": torch.tensor(70_000), "weight": torch.tensor(1 / 3)}
    made = checkpoints.halved(counted)
    assert made["seen"].item() == 70_000 and made["weight"].dtype == torch.float16


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


@pytest.mark.parametrize("lacking", sorted(checkpoints.RECORDED))
def test_a_record_that_lacks_what_is_needed_is_refused(saved, lacking):
    path, _, record = saved
    del record[lacking]
    path.with_suffix(".json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match=r"net\.json: expected a record with method, preset, sha256 of net"):
        checkpoints.load(path, METHOD)


@pytest.mark.parametrize("content", [b"[1, 2]", b"{", b"\xff\xfe"])
def test_a_record_that_is_none_is_refused(saved, content):
    path, _, _ = saved
    path.with_suffix(".json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"net\.json.*get both files again"):
        checkpoints.load(path, METHOD)


def test_another_methods_checkpoint_is_refused(saved):
    with pytest.raises(CheckpointError, match="made for arcnn .course., not for dncnn"):
        checkpoints.load(saved[0], methods.get("dncnn"))


def test_another_preset_is_refused(saved):
    with pytest.raises(CheckpointError, match="not for arcnn .paper."):
        checkpoints.load(saved[0], METHOD, "paper")


def test_weights_of_others_load_when_their_preset_is_said(tmp_path):
    torch.manual_seed(0)
    network, path = METHOD.build("course"), tmp_path / "theirs.safetensors"
    save_file(network.state_dict(), path)
    loaded = checkpoints.load(path, METHOD, "course")
    assert not loaded.training
    for own, theirs in zip(loaded.state_dict().values(), network.state_dict().values(), strict=True):
        assert torch.equal(own, theirs)
    with pytest.raises(CheckpointError, match=r"theirs\.safetensors carries no venh provenance; say which preset"):
        checkpoints.load(path, METHOD)
    with pytest.raises(CheckpointError, match=r"theirs\.safetensors does not fit the network"):
        checkpoints.load(path, methods.get("dncnn"), "course")


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


FULL = OSError(errno.ENOSPC, "No space left on device")


# What safetensors 0.8 raises on a full disk, and what the system does.
@pytest.mark.parametrize(
    "failure", [SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), FULL]
)
def test_a_full_disk_leaves_the_old_file_and_says_what_to_do(saved, monkeypatch, failure):
    path, network, _ = saved
    before = path.read_bytes()

    def full(_tensors, part, _metadata):
        Path(part).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(VenhError, match=r"net\.safetensors cannot be written.*No space left.*Free some space"):
        checkpoints.save(path, network, {"method": "arcnn", "preset": "course"})
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["net.json", "net.safetensors"]


def test_a_text_on_a_full_disk_is_not_half_written_and_names_its_file(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_text("old")

    def full(handle, *_arguments, **_options):
        os.close(handle)
        raise FULL

    monkeypatch.setattr(files.os, "fdopen", full)
    with pytest.raises(VenhError, match=f"{path} cannot be written.*No space left.*Free some space"):
        files.write_atomically(path, "new")
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_what_else_the_system_refuses_keeps_its_own_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="file"):
        files.write_atomically(tmp_path / "file" / "x.json", "new")
