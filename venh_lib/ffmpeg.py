"""Running ffmpeg, the one that comes with the package ``imageio-ffmpeg`` (it has no ffprobe)."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import imageio_ffmpeg

from venh_lib import files
from venh_lib.errors import VenhError, VideoError

QUIET = ("-hide_banner", "-nostdin", "-y", "-loglevel", "error")
# How many of its last lines say what went wrong.
LAST = 6


def ffmpeg_exe() -> str:
    """The path of ffmpeg; the environment variable ``IMAGEIO_FFMPEG_EXE`` names another one. VenhError without any."""
    try:
        return os.environ.get("IMAGEIO_FFMPEG_EXE") or imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise VenhError(f"the package imageio-ffmpeg holds no ffmpeg ({error}); reinstall it.") from error


def environment() -> dict[str, str]:
    """The environment for ffmpeg: no colour codes in its messages."""
    return {**os.environ, "AV_LOG_FORCE_NOCOLOR": "1"}


def run(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    task: str,
    error: type[VenhError] = VideoError,
    folder: Path | None = None,
) -> tuple[bytes, str]:
    """Run ffmpeg in ``folder`` and return its standard output and its messages.

    Raises ``error`` when it cannot start or fails; the message is ``task`` and ffmpeg's own last lines. An
    interrupt ends ffmpeg before it goes on.
    """
    command = [ffmpeg_exe(), *map(str, arguments)]
    with _starting(command[0], task, error):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, cwd=folder, env=environment()
        )
    messages = done.stderr.decode("utf-8", "replace")
    if done.returncode:
        raise error(f"{task}: ffmpeg failed: {complaint(messages)}")
    return done.stdout, messages


def message_lines(
    arguments: Sequence[str | os.PathLike[str]], *, task: str, error: type[VenhError] = VideoError
) -> Iterator[str]:
    """Run ffmpeg and give its messages line by line while it runs, for those that are too long to be held.

    Its standard output is dropped. Raises as ``run``, a failure after the last line; closing the iterator ends ffmpeg.
    """
    command = [ffmpeg_exe(), *map(str, arguments)]
    with _starting(command[0], task, error):
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment(), text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    last: deque[str] = deque(maxlen=LAST)
    try:
        for line in process.stderr:
            if not line.isspace():
                last.append(line)
            yield line
        if process.wait():
            raise error(f"{task}: ffmpeg failed: {complaint(''.join(last))}")
    finally:
        process.kill()
        process.stderr.close()
        process.wait()


@contextmanager
def _starting(program: str, task: str, error: type[VenhError]) -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise error(f"{task}: ffmpeg at {program} does not start ({failure}); reinstall imageio-ffmpeg.") from failure


def last_lines(messages: str, count: int = LAST) -> str:
    """The last lines of ffmpeg's messages in one line, which is where it says what went wrong."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    return "; ".join(lines[-count:]) or "it said nothing"


def complaint(messages: str) -> str:
    """``last_lines``, and what to do where they tell of a full disk."""
    said = last_lines(messages)
    return f"{said}. {files.MAKE_ROOM}" if files.disk_is_full(said) else said


@lru_cache
def _encoders(program: str) -> frozenset[str]:
    listing, _ = run(["-hide_banner", "-loglevel", "error", "-encoders"], task=f"listing the encoders of {program}")
    return frozenset(line.split()[1] for line in listing.decode().splitlines() if len(line.split()) > 1)


def has_encoder(name: str) -> bool:
    """Whether this ffmpeg has the encoder ``name``, such as 'libkvazaar'."""
    return name in _encoders(ffmpeg_exe())


def require_encoder(name: str, error: type[VenhError] = VideoError) -> None:
    """Raise ``error``, with what to do, unless this ffmpeg has the encoder ``name``."""
    if not has_encoder(name):
        raise error(
            f"the encoder {name} is missing in ffmpeg at {ffmpeg_exe()}; install "
            "imageio-ffmpeg>=0.8.1, whose ffmpeg has it, and unset IMAGEIO_FFMPEG_EXE."
        )
