"""Running ffmpeg, the one that comes with the package ``imageio-ffmpeg`` (it has no ffprobe)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import imageio_ffmpeg

from venh_lib.errors import VenhError, VideoError

QUIET = ("-hide_banner", "-nostdin", "-y", "-loglevel", "error")


def ffmpeg_exe() -> str:
    """The path of ffmpeg; the environment variable ``IMAGEIO_FFMPEG_EXE`` names another one."""
    return os.environ.get("IMAGEIO_FFMPEG_EXE") or imageio_ffmpeg.get_ffmpeg_exe()


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
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, cwd=folder, env=environment()
        )
    except OSError as failure:
        raise error(
            f"{task}: ffmpeg at {command[0]} does not start ({failure}); reinstall imageio-ffmpeg."
        ) from failure
    messages = done.stderr.decode("utf-8", "replace")
    if done.returncode:
        raise error(f"{task}: ffmpeg failed: {last_lines(messages)}")
    return done.stdout, messages


def last_lines(messages: str, count: int = 6) -> str:
    """The last lines of ffmpeg's messages in one line, which is where it says what went wrong."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    return "; ".join(lines[-count:]) or "it said nothing"


@lru_cache
def _encoders(program: str) -> frozenset[str]:
    listing, _ = run(["-hide_banner", "-loglevel", "error", "-encoders"], task=f"listing the encoders of {program}")
    return frozenset(line.split()[1] for line in listing.decode().splitlines() if len(line.split()) > 1)


def has_encoder(name: str) -> bool:
    """Whether this ffmpeg has the encoder ``name``, such as 'libkvazaar'."""
    return name in _encoders(ffmpeg_exe())
