"""Files that are whole or absent, and the disk that is too full for them."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from venh_lib.errors import VenhError

_FULL = (errno.ENOSPC, errno.EDQUOT)
# The system's words for the two, which ffmpeg passes on.
_FULL_WORDS = ("No space left on device", "Disk quota exceeded")
MAKE_ROOM = "Free some space on the disk, or choose another folder."


def disk_is_full(failure: Exception | str) -> bool:
    """Whether an error, or what a program says, tells of a full disk or a quota used up."""
    number = failure.errno if isinstance(failure, OSError) else None
    return number in _FULL or any(words in str(failure) for words in _FULL_WORDS)


@contextmanager
def writing(path: Path, *failures: type[Exception]) -> Iterator[None]:
    """Turn a full disk, and ``failures``, into a VenhError that names ``path`` and says what to do.

    The system names no file when the disk fills while one is written. Its other errors name theirs and pass.
    """
    try:
        yield
    except (OSError, *failures) as error:
        if isinstance(error, OSError) and not disk_is_full(error):
            raise
        raise VenhError(f"{path} cannot be written: {error}. {MAKE_ROOM}") from error


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader finds the old file or the new one, never a part.

    Raises VenhError when the disk is full.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            # mkstemp makes files that only their owner may read.
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
