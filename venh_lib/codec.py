"""Compressing clips as the challenge did: fixed QP (Tracks 1 and 2) and fixed bit-rate (Track 3).

The challenge used HM 16.20 in its low-delay P configuration at QP 37 (§2.1). Here kvazaar stands in for HM:
its low-delay GOP gives each frame the same QP as HM does, from QP 22 to 47, which is asserted after each
compression; mode decisions are kvazaar's own, so a stream is like HM's, not equal to it. When ``VENH_HM``
names HM's encoder, HM is used. The cascade of HM up to 16.9 needs such an HM, or goes through x265, which
takes any list of QPs.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path

from venh_lib import cache, ffmpeg, settings
from venh_lib.bitstream import FrameInfo, read_frame_infos
from venh_lib.errors import CodecError, SettingError
from venh_lib.probe import VideoInfo, check_pair, probe
from venh_lib.video import read_planes

# QP offsets of the four frames of HM's low-delay GOP, and whether the QP offset model applies to them.
CASCADES = {
    "hm-16.20": ((5, True), (4, True), (5, True), (1, False)),
    "hm-16.9": ((3, False), (2, False), (3, False), (1, False)),
}
INTRA_QP_OFFSET = {"hm-16.20": -1, "hm-16.9": 0}
MODEL_OFFSET, MODEL_SCALE = -6.5, 0.2590
HIGHEST_QP = 51
# One quarter of a low-delay GOP; kvazaar's presets, placed last, would overwrite it, so none is used.
KVAZAAR = "gop=lp-g4d3t1,qp={qp},period=0,ref=4"
X265_QPS = (
    "log-level=error:qp={qp}:ipratio=1:bframes=0:keyint=-1:scenecut=0:aq-mode=0:cutree=0:weightp=0:"
    "psy-rd=0:psy-rdoq=0:ref=5:frame-threads=1:zones={zones}"
)
# §2.2 prints only pass and log-level; one frame thread makes the stream the same on every machine.
X265_RATE = "pass={number}:log-level=error:frame-threads=1"
SUFFIX = ".mkv"


@dataclass(frozen=True)
class FixedQP:
    """Tracks 1 and 2 (§2.1): one intra frame, then P frames, each at the QP of HM's cascade around ``qp``."""

    qp: int = 37
    cascade: str = "hm-16.20"

    def __post_init__(self) -> None:
        if not 22 <= self.qp <= 47:
            raise SettingError(f"fixed QP {self.qp}: expected 22 to 47, where the cascade was checked.")
        if self.cascade not in CASCADES:
            raise SettingError(f"unknown cascade {self.cascade!r}; choose one of {', '.join(CASCADES)}.")


@dataclass(frozen=True)
class FixedRate:
    """Track 3 (§2.2): x265 in two passes at ``kbit_per_s``, with its default I, P and B frames."""

    kbit_per_s: int = 200

    def __post_init__(self) -> None:
        if self.kbit_per_s <= 0:
            raise SettingError(f"fixed rate {self.kbit_per_s} kbit/s: expected a positive number.")


Setting = FixedQP | FixedRate
# The size of most of LDV's frames.
LDV_WIDTH, LDV_HEIGHT = 960, 536


def setting_of_track(track: int, width: int = LDV_WIDTH, height: int = LDV_HEIGHT) -> Setting:
    """How the challenge compressed for Track 1, 2 or 3; raises SettingError for another number.

    On frames of another size than LDV's, Track 3's 200 kbit/s are scaled to as much for each pixel: smaller
    frames would hardly be compressed by them.
    """
    if track not in (1, 2, 3):
        raise SettingError(f"unknown track {track!r}; the challenge has tracks 1, 2 and 3.")
    if track != 3:
        return FixedQP()
    return FixedRate(max(1, round(FixedRate.kbit_per_s * width * height / (LDV_WIDTH * LDV_HEIGHT))))


def cascade(qp: int, frames: int, version: str = "hm-16.20") -> tuple[int, ...]:
    """The QP of each of ``frames`` frames in HM's low-delay P configuration at base QP ``qp``.

    HM adds to the base QP the offset of the frame's place in its GOP and, in the versions after 16.9,
    ⌊clip(0, 3, model + ½)⌋ with the model −6.5 + 0.2590·QP, where QP has its offset already. At QP 37: 36,
    then 45, 44, 45, 38 repeating.
    """
    group = []
    for offset, modelled in CASCADES[version]:
        value = qp + offset
        if modelled:
            value += floor(min(3.0, max(0.0, value * MODEL_SCALE + MODEL_OFFSET + 0.5)))
        group.append(min(value, HIGHEST_QP))
    intra = qp + INTRA_QP_OFFSET[version]
    return tuple(intra if t == 0 else group[(t - 1) % len(group)] for t in range(frames))


def compress(source: str | Path, target: str | Path, setting: Setting) -> tuple[FrameInfo, ...]:
    """Compress a video to HEVC in ``target`` (.mkv) and return what was read back from its headers.

    The target appears only when the stream was read back and found to have the source's frames and, at fixed
    QP, exactly the QPs and slice types asked for. Raises CodecError when the encoder is missing, fails, or
    made something else, and VideoError for a source that cannot be used; nothing is left then.
    """
    info = probe(source)
    if isinstance(setting, FixedRate):
        return _make(info, Path(target), lambda out: _encode_rate(info, out, setting.kbit_per_s), None)
    qps = cascade(setting.qp, info.frames, setting.cascade)
    if settings.hm_encoder() is not None:
        return _make(info, Path(target), lambda out: _encode_hm(info, out, setting.qp), qps)
    if setting.cascade == "hm-16.20":
        return _make(info, Path(target), lambda out: _encode_kvazaar(info, out, setting.qp), qps)
    return _make(info, Path(target), lambda out: _encode_x265_qps(info, out, qps), qps)


def compress_with_qps(source: str | Path, target: str | Path, qps: Sequence[int]) -> tuple[FrameInfo, ...]:
    """Compress with x265, frame t at ``qps[t]``: an I frame, then P frames. Raises as ``compress``."""
    info = probe(source)
    if len(qps) != info.frames or not all(0 <= qp <= HIGHEST_QP for qp in qps):
        raise SettingError(
            f"{info.path} has {info.frames} frames: expected as many QPs, each 0 to {HIGHEST_QP}, "
            f"found {len(qps)}: {list(qps)[:16]}."
        )
    return _make(info, Path(target), lambda out: _encode_x265_qps(info, out, qps), tuple(qps))


def compressed(source: str | Path, setting: Setting) -> Path:
    """The compressed stream of a video, made on first use and kept in the cache. Raises as ``compress``."""
    source = Path(source)
    encoder = settings.hm_encoder() if isinstance(setting, FixedQP) else None
    program = Path(encoder) if encoder else Path(ffmpeg.ffmpeg_exe())
    if encoder and not encoder.is_file():
        raise CodecError(_no_hm(encoder))
    recipe = "\n".join((KVAZAAR, X265_QPS, X265_RATE, repr(CASCADES), repr(INTRA_QP_OFFSET)))
    tools = [program, *(_hm_configuration() if encoder else ())]
    text = "\n".join((cache.key_of_file(source), repr(setting), *map(cache.key_of_file, tools), recipe))
    key = hashlib.sha256(text.encode()).hexdigest()[:32]

    def make(temporary: Path) -> None:
        compress(source, temporary, setting)

    return cache.entry("streams", key, SUFFIX, make)


def _make(
    info: VideoInfo, target: Path, encode: Callable[[Path], None], qps: tuple[int, ...] | None
) -> tuple[FrameInfo, ...]:
    """Encode into a temporary file beside ``target``, check the stream, then give it its name."""
    if target.suffix != SUFFIX:
        raise SettingError(f"{target}: expected a name that ends in {SUFFIX}.")
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(6)}{SUFFIX}")
    try:
        encode(temporary)
        infos = read_frame_infos(temporary)
        check_pair(info, probe(temporary))
        _check(info, infos, qps)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return infos


def _check(info: VideoInfo, infos: Sequence[FrameInfo], qps: tuple[int, ...] | None) -> None:
    found = "".join(frame.slice_type for frame in infos)
    if len(infos) != info.frames:
        raise CodecError(f"{info.path}: expected {info.frames} coded frames, the encoder made {len(infos)}.")
    if qps is None:
        if found[0] != "I":
            raise CodecError(f"{info.path}: expected an I frame first, the encoder made {found[:8]}…")
        return
    if found != "I" + "P" * (info.frames - 1):
        raise CodecError(f"{info.path}: expected one I frame, then P frames, the encoder made {found[:16]}…")
    for frame, qp in zip(infos, qps, strict=True):
        if frame.qp != qp:
            raise CodecError(
                f"{info.path}: frame {frame.index} was coded at QP {frame.qp}, expected {qp}. "
                "This encoder has another QP cascade; name it in FixedQP(cascade=...)."
            )


def _encode(info: VideoInfo, options: Sequence[str | Path], encoder: str, folder: Path | None = None) -> None:
    ffmpeg.require_encoder(encoder, CodecError)
    ffmpeg.run(
        [*ffmpeg.QUIET, "-i", info.path.resolve(), "-map", "0:V:0", "-map_metadata", "-1",
         "-fps_mode", "passthrough", "-pix_fmt", "yuvj420p" if info.full_range else "yuv420p",
         "-fflags", "+bitexact", "-c:v", encoder, *options],
        task=f"{info.path}: compressing with {encoder}", error=CodecError, folder=folder,
    )  # fmt: skip


def _encode_kvazaar(info: VideoInfo, target: Path, qp: int) -> None:
    _encode(info, ["-kvazaar-params", KVAZAAR.format(qp=qp), target.resolve()], "libkvazaar")


def _encode_x265_qps(info: VideoInfo, target: Path, qps: Sequence[int]) -> None:
    zones = "/".join(f"{t},{t},q={qp}" for t, qp in enumerate(qps, start=1))
    _encode(info, ["-x265-params", X265_QPS.format(qp=qps[0], zones=zones), target.resolve()], "libx265")


def _encode_rate(info: VideoInfo, target: Path, kbit_per_s: int) -> None:
    rate = ["-b:v", f"{kbit_per_s}k", "-x265-params"]
    # x265 writes its first pass's log into the folder it runs in.
    with tempfile.TemporaryDirectory(prefix="venh-") as folder:
        first = [*rate, X265_RATE.format(number=1), "-f", "null", os.devnull]
        _encode(info, first, "libx265", Path(folder))
        _encode(info, [*rate, X265_RATE.format(number=2), target.resolve()], "libx265", Path(folder))


def _encode_hm(info: VideoInfo, target: Path, qp: int) -> None:
    """HM in its low-delay P main configuration, as the challenge's organisers ran it (§2.1)."""
    encoder = settings.hm_encoder()
    if not encoder.is_file():
        raise CodecError(_no_hm(encoder))
    files = _hm_configuration()
    with tempfile.TemporaryDirectory(prefix="venh-") as name:
        raw, stream = Path(name, "raw.yuv"), Path(name, "stream.hevc")
        with open(raw, "wb") as file:
            for planes in read_planes(info.path):
                file.write(planes.data)
        command = [
            encoder.resolve(), "-c", files[0], "-c", files[1], "-i", raw, "-q", qp, "-wdt", info.width,
            "-hgt", info.height, "-f", info.frames, "-fr", round(info.frame_rate), "-b", stream,
        ]  # fmt: skip
        try:
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=name)
        except OSError as failure:
            raise CodecError(
                f"HM's encoder at {encoder} does not start ({failure}); check VENH_HM."
            ) from failure
        if done.returncode or not stream.is_file():
            raise CodecError(f"{info.path}: HM failed: {ffmpeg.complaint(done.stdout + done.stderr)}")
        # HM writes a bare stream; Matroska gives it the source's frame rate.
        ffmpeg.run(
            [*ffmpeg.QUIET, "-fflags", "+genpts", "-r", str(info.frame_rate), "-i", stream, "-c", "copy",
             "-fflags", "+bitexact", target.resolve()],
            task=f"{info.path}: putting HM's stream into Matroska", error=CodecError,
        )  # fmt: skip


def _hm_configuration() -> tuple[Path, Path]:
    """HM's two files of settings, their paths absolute: HM runs in a folder of its own."""
    folder = settings.hm_config_dir().resolve()
    files = folder / "encoder_lowdelay_P_main.cfg", folder / "per-sequence" / "BasketballDrill.cfg"
    for file in files:
        if not file.is_file():
            raise CodecError(f"{file}: HM's configuration is not there; set VENH_HM_CFG to HM's folder cfg.")
    return files


def _no_hm(encoder: Path) -> str:
    return f"{encoder}: VENH_HM names no file; set it to HM's TAppEncoderStatic, or unset it to use kvazaar."
