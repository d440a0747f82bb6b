"""What made a checkpoint, beside its recipe: the machine and the code."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch

from venh_lib import __version__


def machine(device: torch.device) -> str:
    """The device and its software, in one line without names of persons or hosts."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}, Python {platform.python_version()}"


def code_version() -> str:
    """Version and commit of the code, with ``+changes`` when the checkout has uncommitted ones."""
    root = Path(__file__).resolve().parent.parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD")
    changed = "+changes" if git("status", "--porcelain", "--", "venh_lib") else ""
    return f"{__version__} {commit}{changed}".strip()
