"""The one device of a process, and the precision it computes in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import cv2
import torch

from venh_lib.errors import SettingError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def pick_device(name: str | None = None) -> torch.device:
    """The device to compute on: ``name``, else ``VENH_DEVICE``, else cuda, mps, cpu in that order.

    Raises SettingError when the device asked for does not exist here.
    """
    name = name or os.environ.get("VENH_DEVICE")
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError(
            f"device {name!r} cannot be used here ({reason}); unset VENH_DEVICE or say 'cpu'."
        ) from error
    return device


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware; without it bf16 is ten times slower than fp32."""
    return bool(torch.backends.mkldnn.is_available() and _cpu_flag("avx512_bf16"))


def _cpu_flag(flag: str) -> bool:
    # Older PyTorch cannot be asked: there bf16 is left alone.
    capabilities = getattr(torch.cpu, "get_capabilities", dict)
    return bool(capabilities().get(flag, False))


def resolve_precision(device: torch.device, precision: str = "auto") -> str:
    """``precision`` with ``auto`` settled: bf16 where the hardware has it, fp16 on older GPUs, else fp32."""
    if precision not in PRECISIONS:
        raise SettingError(f"unknown precision {precision!r}; choose one of {', '.join(PRECISIONS)}.")
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if device.type == "cpu" and cpu_has_bf16():
        return "bf16"
    return "fp32"


@contextlib.contextmanager
def opencv_in_one_thread() -> Iterator[None]:
    """OpenCV's functions keep to the thread that calls them inside; as many threads as before outside.

    Its own threads spin while they wait for work, on cores that a network beside them computes on: measured on two
    cores, converting frames of 416×240 cost the network a tenth of its time, and gained nothing itself.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def full_precision(device: torch.device) -> contextlib.AbstractContextManager:
    """Float32 inside, whatever mixed precision is on outside: for layers that carry the picture itself.

    bf16 has 8 bits for a value in 0–1: a picture that goes through it is rounded to its 8-bit levels once more,
    which costs hundredths of a dB. What is added to the picture may be rounded. On a GPU cuDNN still rounds the factors
    of its products as ``autocast`` says, unless that is off.
    """
    if device.type == "meta":
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)


def current_precision(device: torch.device) -> torch.dtype:
    """What autocast computes convolutions in on ``device`` just now: float32 where it is off."""
    if device.type == "meta" or not torch.is_autocast_enabled(device.type):
        return torch.float32
    return torch.get_autocast_dtype(device.type)


def autocast(device: torch.device, precision: str = "auto") -> contextlib.AbstractContextManager:
    """Mixed precision on ``device``: convolutions in ``precision``, parameters and losses stay fp32.

    "fp32" is float32 in full: cuDNN would round the factors of its convolutions to 10 bits (TF32), which costs up to
    0.0006 dB of a clip's gain (measured on an H200); without that the gains are those of the CPU to 0.00001 dB.
    """
    precision = resolve_precision(device, precision)
    if precision == "fp32":
        return _without_tf32() if device.type == "cuda" else contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)


@contextlib.contextmanager
def _without_tf32() -> Iterator[None]:
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
