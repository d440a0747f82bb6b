"""The cache folder: files that can be made again, each made whole; bounded, least recently used go first.

What goes may still be in use. A file that is open or memory-mapped outlives its name: its reader goes on, and
its space is free when the last reader is done (POSIX). A file that is named but not open is made again by
whoever names it (``Sequence``), or kept by ``in_use`` for as long as a step needs it.
"""

from __future__ import annotations

import math
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from venh_lib import settings
from venh_lib.errors import VenhError
from venh_lib.files import disk_is_full

# Only folders that hold this file are emptied: running trainings live in the same cache folder.
MARKER = ".evictable"
# A temporary file this old was left by a process that was killed, not by one that still writes.
STALE_SECONDS = 24 * 3600
# Less than this left on the disk and a half-written video is more likely than a finished one.
SPARE_BYTES = 64 * 2**20
# The time of change of every entry, in ns (September 2001): an entry that is made again gets the ``key_of_file``
# it had, so that nothing made from it has to be made again too.
TIME_OF_CHANGE = 10**18
# When each open ``in_use`` block of this process began, in ns.
_blocks: list[int] = []
# By folder and bound: how many bytes this process may add before it must look again how full the folder is.
_left: dict[tuple[Path, int], int] = {}


def entry(kind: str, key: str, suffix: str, make: Callable[[Path], None], *, size: int = 0) -> Path:
    """Return the file ``cache_dir()/kind/key+suffix``, made by ``make(temporary path)`` on first use.

    ``make`` writes the whole file to the path it is given; the file gets its name only when ``make`` has
    returned, so that an error or Ctrl-C leaves nothing, and two processes may make one entry at once.
    ``key`` says all that the file's content depends on. ``size`` is the number of bytes ``make`` will need,
    where known. A use is noted in the file's access time. Raises VenhError when the disk has too little room,
    also where it is ffmpeg that finds it full, and whatever else ``make`` raises.
    """
    folder = settings.cache_dir() / kind
    path = folder / f"{key}{suffix}"
    try:
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        return path
    except FileNotFoundError:  # never made, or removed to keep the bound, perhaps by another process just now
        pass
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    check_room(folder, size)
    temporary = folder / f".{key}.{secrets.token_hex(6)}{suffix}"
    try:
        make(temporary)
        if not temporary.is_file():
            raise VenhError(f"{path}: its maker ended without writing the file.")
        os.utime(temporary, ns=(time.time_ns(), TIME_OF_CHANGE))
        os.replace(temporary, path)
    except (OSError, VenhError) as error:
        if disk_is_full(error):
            raise VenhError(_no_room(folder, size)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    place = settings.cache_dir(), settings.cache_limit_bytes()
    _left[place] = _left.get(place, 0) - path.stat().st_size
    if _left[place] < 0:
        bounded(keep=path)
    return path


def key_of_file(path: Path) -> str:
    """Name, size and time of change of a file as one line of text: changes when the file does."""
    status = path.stat()
    return f"{path.resolve()}\n{status.st_size}\n{status.st_mtime_ns}"


def check_room(folder: Path, size: int = 0) -> None:
    """Raise VenhError unless ``folder``'s disk has room for ``size`` more bytes and some to spare."""
    if shutil.disk_usage(folder).free < size + SPARE_BYTES:
        raise VenhError(_no_room(folder, size))


@contextmanager
def in_use() -> Iterator[None]:
    """What this process makes or uses inside the block stays until its end, in whichever thread.

    The cache may exceed its bound by that much meanwhile: the next entry, or ``bounded``, brings it back.
    """
    started = time.time_ns()
    _blocks.append(started)
    try:
        yield
    finally:
        _blocks.remove(started)


def bounded(folder: Path | None = None, *, limit: int | None = None, keep: Path | None = None) -> int:
    """Remove the least recently used entries until ``folder`` holds at most ``limit`` bytes.

    Returns the number of bytes removed. Defaults: the cache folder and ``settings.cache_limit_bytes()``.
    ``keep`` is never removed, nor what was used since an open ``in_use`` block began, nor anything in a folder
    that ``entry`` has not made.
    """
    folder = settings.cache_dir() if folder is None else folder
    limit = settings.cache_limit_bytes() if limit is None else limit
    total, removed, candidates = 0, 0, []
    for path, status, evictable in _files(str(folder)):
        total += status.st_size
        name = os.path.basename(path)
        if not evictable or name == MARKER or (keep is not None and path == str(keep)):
            continue
        if not name.startswith("."):
            candidates.append((status.st_atime_ns, status.st_size, path))
        elif time.time() - status.st_ctime > STALE_SECONDS:
            candidates.append((0, status.st_size, path))
    kept_since = min(_blocks, default=math.inf)
    for used, size, path in sorted(candidates):
        if total - removed <= limit or used >= kept_since:
            break
        Path(path).unlink(missing_ok=True)
        removed += size
    # Half of it: other processes add too, unseen by this one.
    _left[folder, limit] = (limit - (total - removed)) // 2
    return removed


def _files(folder: str) -> Iterator[tuple[str, os.stat_result, bool]]:
    """Each file below ``folder``, its status, and whether ``entry`` made the folder that it is in.

    By ``os.scandir``: a cache holds ten thousand files, which pathlib takes half a second to look at.
    """
    try:
        with os.scandir(folder) as listing:
            found = list(listing)
    except FileNotFoundError:
        return
    evictable = any(item.name == MARKER for item in found)
    for item in found:
        try:
            if item.is_dir(follow_symlinks=False):
                yield from _files(item.path)
            elif item.is_file():
                yield item.path, item.stat(), evictable
        except FileNotFoundError:  # another process evicts at the same time
            continue


def _no_room(folder: Path, size: int) -> str:
    needed, free = size + SPARE_BYTES, shutil.disk_usage(folder).free
    found = f"{needed / 2**20:.0f} MiB are needed, {free / 2**20:.0f} MiB are free"
    if free >= needed:  # what filled the disk is gone by now, or a quota ended before the disk did
        found = "its disk, or your quota of it, was full"
    return (
        f"{folder}: no space left for the cache: {found}. "
        "Free some, or set VENH_CACHE to a folder on another disk."
    )
