"""What works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from venh_lib import ffmpeg, settings
from venh_lib.errors import VenhError

WORKS, OPTIONAL, BROKEN = "works", "optional", "broken"


@dataclass(frozen=True)
class Check:
    """One finding: ``status`` is works, optional (absent, and the course runs without) or broken."""

    name: str
    status: str
    found: str
    advice: str = ""


def _python() -> Check:
    return Check("Python", WORKS, platform.python_version())


def _torch() -> Check:
    return Check("PyTorch", WORKS, version("torch"))


def _settings() -> Check:
    given = sorted(name for name in os.environ if name.startswith("VENH_"))
    settings.check_environment()
    return Check("settings", WORKS, ", ".join(f"{name}={os.environ[name]}" for name in given) or "none set")


def _encoder(name: str, use: str) -> Check:
    if ffmpeg.has_encoder(name):
        return Check(name, WORKS, use)
    return Check(name, BROKEN, "this ffmpeg is built without it", "reinstall imageio-ffmpeg with pip.")


def _kvazaar() -> Check:
    return _encoder("libkvazaar", "compresses at fixed QP (Tracks 1 and 2)")


def _x265() -> Check:
    return _encoder("libx265", "compresses at a fixed rate (Track 3)")


def _x264() -> Check:
    return _encoder("libx264", "writes enhanced videos")


def _ffv1() -> Check:
    return _encoder("ffv1", "keeps training clips without loss")


def _vmaf() -> Check:
    listing, _ = ffmpeg.run(["-hide_banner", "-loglevel", "error", "-filters"], task="listing ffmpeg's filters")
    if "libvmaf" in listing.decode().split():
        return Check("VMAF", WORKS, "ffmpeg's filter libvmaf")
    return Check(
        "VMAF",
        OPTIONAL,
        "this ffmpeg is built without libvmaf",
        "VMAF cannot be measured; reinstall imageio-ffmpeg with pip.",
    )


def _hm() -> Check:
    encoder = settings.hm_encoder()
    if encoder is None:
        return Check("HM", OPTIONAL, "not set; kvazaar stands in for it", "set VENH_HM to HM's TAppEncoderStatic.")
    config = settings.hm_config_dir() / "encoder_lowdelay_P_main.cfg"
    if not os.access(encoder, os.X_OK):
        return Check("HM", BROKEN, f"{encoder} is not a program", "correct VENH_HM, or unset it to use kvazaar.")
    if not config.is_file():
        return Check("HM", BROKEN, f"{config} is not there", "set VENH_HM_CFG to HM's folder 'cfg'.")
    return Check("HM", WORKS, str(encoder))


def _device() -> Check:
    from venh_lib import devices

    device = devices.pick_device()
    if device.type == "cuda":
        import torch

        return Check("device", WORKS, torch.cuda.get_device_name(device))
    if device.type == "cpu":
        return Check("device", OPTIONAL, f"CPU, {os.cpu_count()} cores", "`paper` scale needs a GPU.")
    return Check("device", WORKS, str(device))


def _precision() -> Check:
    from venh_lib import devices

    precision = devices.resolve_precision(devices.pick_device())
    if precision == "fp32":
        return Check("precision", OPTIONAL, "fp32: no fast bf16 here", "none needed; training is slower.")
    return Check("precision", WORKS, precision)


def _sample_set() -> Check:
    from venh_lib import dataset

    folder = settings.data_dir()
    files = [entry["file"] for entry in dataset.manifest()]
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        named = f"{', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}"
        return Check(
            "sample set",
            BROKEN,
            f"{len(missing)} of {len(files)} files are missing in {folder}: {named}",
            "restore data/ from the repository.",
        )
    return Check("sample set", WORKS, f"{len(files)} files in {folder}")


def _ldv() -> Check:
    from venh_lib import dataset

    if settings.ldv_dir() is None:
        return Check("LDV", OPTIONAL, "not set", "for `paper` scale, set VENH_LDV to where its zips were unpacked.")
    root = dataset.ldv_root()
    counts, missing = [], []
    folders = dict.fromkeys((name, entry[2]) for entry in dataset.LDV_FOLDERS.values() for name in entry[:2])
    for name, count in folders:
        inside = [root / name / name, root / name]
        found = max(len(list(folder.glob("*.mkv"))) for folder in inside)
        counts.append(f"{name} {found}")
        if found < count:
            missing.append(f"{name}.zip")
    if missing:
        return Check("LDV", BROKEN, ", ".join(counts), f"unpack {', '.join(missing)} in {root}.")
    return Check("LDV", WORKS, ", ".join(counts))


def _weights() -> Check:
    from venh_lib import checkpoints
    from venh_lib.methods import METHODS

    found, absent = [], []
    for method in METHODS.values():
        for track in method.tracks:
            path = checkpoints.shipped(method, track)
            if path.is_file():
                checkpoints.provenance(path)
                found.append(f"{method.slug} (track {track})")
            else:
                absent.append(f"{method.slug} (track {track})")
    advice = f"`venh train` makes those of {', '.join(absent)}." if absent else ""
    return Check("weights", WORKS if found else OPTIONAL, ", ".join(found) or "none", advice)


def _cache() -> Check:
    folder = settings.cache_dir()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    limit = settings.cache_limit_bytes()
    advice = ""
    if size > limit:
        advice = (
            "over its bound, VENH_CACHE_GIB: as new files come, those used least recently go; trainings stay. To empty "
            "it, delete all in it but `trainings` while no venh runs: what is needed again is made again."
        )
    return Check("cache", WORKS, f"{size / 2**30:.2f} of {limit / 2**30:.0f} GiB in {folder}", advice)


CHECKS: dict[str, Callable[[], Check]] = {
    "Python": _python,
    "PyTorch": _torch,
    "settings": _settings,
    "libkvazaar": _kvazaar,
    "libx265": _x265,
    "libx264": _x264,
    "ffv1": _ffv1,
    "VMAF": _vmaf,
    "HM": _hm,
    "device": _device,
    "precision": _precision,
    "sample set": _sample_set,
    "LDV": _ldv,
    "weights": _weights,
    "cache": _cache,
}


def report() -> list[Check]:
    """Every check in order; one that cannot be made is itself a finding, and the others go on."""
    findings = []
    for name, check in CHECKS.items():
        try:
            findings.append(check())
        except (VenhError, OSError) as error:
            findings.append(Check(name, BROKEN, str(error), "mend this first."))
    return findings
