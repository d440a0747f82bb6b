"""The few settings of venh: environment variables that start with ``VENH_``, and where they lead.

| variable | meaning | default |
|---|---|---|
| ``VENH_DATA`` | the folder ``data/`` of the course | beside the package |
| ``VENH_CACHE`` | decoded frames, synthesised clips, compressed streams, running trainings | the user's cache folder |
| ``VENH_CACHE_GIB`` | upper bound of that folder, in GiB | 16 |
| ``VENH_LDV`` | the folder in which LDV's zips were unpacked | none |
| ``VENH_HM`` | HM's ``TAppEncoderStatic``, used instead of kvazaar for fixed QP | none |
| ``VENH_HM_CFG`` | HM's folder ``cfg`` (``encoder_lowdelay_P_main.cfg``) | ``cfg`` two folders above ``VENH_HM`` |
| ``VENH_DEVICE`` | ``cpu``, ``cuda``, ``cuda:1``, ``mps`` | the best there is |
| ``VENH_RESULTS`` | the folder of the figures that notebooks record | ``build/results`` beside ``data`` |
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from venh_lib.errors import SettingError

KNOWN = (
    "VENH_DATA",
    "VENH_CACHE",
    "VENH_CACHE_GIB",
    "VENH_LDV",
    "VENH_HM",
    "VENH_HM_CFG",
    "VENH_DEVICE",
    "VENH_RESULTS",
)
SCALES = ("smoke", "course", "paper")


def check_environment() -> None:
    """Raise SettingError if the environment holds a ``VENH_`` variable that venh does not know."""
    unknown = sorted(name for name in os.environ if name.startswith("VENH_") and name not in KNOWN)
    if unknown:
        raise SettingError(
            f"unknown setting {', '.join(unknown)} in the environment; known are {', '.join(KNOWN)}. "
            "Unset it, or correct its name."
        )


def check_scale(scale: str) -> str:
    """Return ``scale`` if it is one of SCALES, else raise SettingError."""
    if scale not in SCALES:
        raise SettingError(f"unknown scale {scale!r}; choose one of {', '.join(SCALES)}.")
    return scale


def data_dir() -> Path:
    """The course's ``data/`` folder (sample set, report tables, checkpoints). Raises SettingError if absent."""
    folder = Path(os.environ.get("VENH_DATA") or Path(__file__).resolve().parent.parent / "data")
    if not folder.is_dir():
        raise SettingError(
            f"the course's data folder is not at {folder}; set VENH_DATA to the folder 'data' of a checkout of venh."
        )
    return folder


def cache_dir() -> Path:
    """The folder for everything that can be made again; created when missing."""
    folder = Path(os.environ.get("VENH_CACHE") or platformdirs.user_cache_dir("venh"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_limit_bytes() -> int:
    """The most bytes that ``cache_dir()`` may hold."""
    text = os.environ.get("VENH_CACHE_GIB", "16")
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if limit <= 0:
        raise SettingError(f"VENH_CACHE_GIB is {text!r}; it must be a positive number of GiB.")
    return int(limit * 2**30)


def _optional_path(name: str) -> Path | None:
    text = os.environ.get(name)
    return Path(text).expanduser() if text else None


def results_dir() -> Path:
    """The folder in which notebooks record their figures; it need not exist yet."""
    return _optional_path("VENH_RESULTS") or data_dir().resolve().parent / "build" / "results"


def ldv_dir() -> Path | None:
    """Where the learner unpacked LDV, or None."""
    return _optional_path("VENH_LDV")


def hm_encoder() -> Path | None:
    """HM's encoder program, or None (kvazaar stands in for it)."""
    return _optional_path("VENH_HM")


def hm_config_dir() -> Path | None:
    """HM's folder of configurations, or None when no HM is set."""
    encoder = hm_encoder()
    return _optional_path("VENH_HM_CFG") or (encoder.resolve().parent.parent / "cfg" if encoder else None)
