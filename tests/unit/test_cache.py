"""The cache's bound: what goes, what stays, and what is the same when it is made again."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest

from venh_lib import cache
from venh_lib.errors import VenhError

SIZE = 1000


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache that may hold two and a half entries."""
    monkeypatch.setenv("VENH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VENH_CACHE_GIB", str(2.5 * SIZE / 2**30))
    return tmp_path / "cache"


def entry(name: str) -> Path:
    return cache.entry("kind", name, ".bin", lambda path: path.write_bytes(bytes(SIZE)))


def test_a_use_makes_an_entry_the_last_to_go():
    a, b = entry("a"), entry("b")
    entry("a")
    c = entry("c")
    assert a.is_file() and c.is_file() and not b.is_file()


def test_an_entry_made_again_has_the_key_it_had():
    path = entry("a")
    key = cache.key_of_file(path)
    path.unlink()
    assert cache.key_of_file(entry("a")) == key and path.stat().st_mtime_ns == cache.TIME_OF_CHANGE
    assert time.time() - path.stat().st_atime < 60, "its use is noted all the same"


def test_a_file_of_the_user_that_changes_changes_its_key(tmp_path):
    path = tmp_path / "mine"
    path.write_bytes(b"one")
    key = cache.key_of_file(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert cache.key_of_file(path) != key


def test_what_a_block_uses_stays_until_it_ends():
    old = entry("old")
    with cache.in_use():
        needed = [entry(name) for name in "abcd"]
        assert all(path.is_file() for path in needed) and not old.is_file()
        with cache.in_use():
            entry("e")
        assert all(path.is_file() for path in needed), "the end of another block takes nothing away"
    assert cache.bounded() == 3 * SIZE
    assert [path.is_file() for path in needed] == [False, False, False, True]


@pytest.mark.parametrize("failure", [
    OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EDQUOT, "Disk quota exceeded"),
    VenhError("ffmpeg failed: Error writing trailer: No space left on device"),
])  # fmt: skip
def test_a_disk_that_fills_under_an_entry_names_the_setting(folder, failure):
    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise failure

    with pytest.raises(VenhError, match="no space left for the cache.*was full.*set VENH_CACHE to"):
        cache.entry("kind", "a", ".bin", full)
    assert [path.name for path in (folder / "kind").iterdir()] == [cache.MARKER]


@pytest.mark.parametrize("failure", [OSError(errno.EACCES, "Permission denied"), VenhError("no such encoder")])
def test_what_else_goes_wrong_under_an_entry_keeps_its_own_words(failure):
    def fail(path: Path) -> None:
        raise failure

    with pytest.raises(type(failure)) as caught:
        cache.entry("kind", "a", ".bin", fail)
    assert caught.value is failure


def test_a_file_that_goes_while_it_is_mapped_can_be_read_on(folder):
    def make(path: Path) -> None:
        with open(path, "wb") as file:
            np.save(file, np.arange(SIZE))

    path = cache.entry("kind", "numbers", ".npy", make)
    numbers = np.load(path, mmap_mode="r")
    cache.bounded(limit=0)
    assert not path.is_file()
    np.testing.assert_array_equal(numbers, np.arange(SIZE))


def test_leftovers_of_killed_processes_go_first_and_running_ones_stay(folder, monkeypatch):
    kept = entry("a")
    leftover = folder / "kind" / ".b.123456.bin"
    leftover.write_bytes(bytes(SIZE))
    cache.bounded(limit=0, keep=kept)
    assert leftover.is_file(), "it may be in the making"
    monkeypatch.setattr(cache, "STALE_SECONDS", -1)
    cache.bounded(limit=SIZE)
    assert kept.is_file() and not leftover.is_file()


def test_the_folder_is_looked_at_only_when_it_may_be_full(folder, monkeypatch):
    looks = []
    whole = cache._files
    monkeypatch.setattr(cache, "_files", lambda path: looks.append(path) or whole(path))
    monkeypatch.setattr(cache, "_left", {})
    monkeypatch.setenv("VENH_CACHE_GIB", "1")
    for name in "abcdef":
        entry(name)
    assert len([path for path in looks if path == str(folder)]) == 1
