"""Compression as in the challenge: QPs read back, determinism, the cache, nothing left behind on failure."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from venh_lib import codec, ffmpeg, video
from venh_lib.bitstream import read_frame_infos
from venh_lib.codec import FixedQP, FixedRate, cascade
from venh_lib.errors import CodecError, SettingError, VideoError

REAL = video.ffmpeg_exe()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    source = ("-f", "lavfi", "-i", "mandelbrot=s=96x64:r=30", "-frames:v", "14", "-pix_fmt", "yuv420p")
    store = ("-colorspace", "bt709", "-c:v", "libx264", "-qp", "0", str(path))
    subprocess.run([REAL, "-v", "error", "-y", *source, *store], check=True)
    return path


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("VENH_CACHE", str(tmp_path / "cache"))
    for name in ("VENH_HM", "VENH_HM_CFG", "IMAGEIO_FFMPEG_EXE"):
        monkeypatch.delenv(name, raising=False)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\nREAL='{REAL}'\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_cascade_is_the_protocols():
    assert cascade(37, 10) == (36, 45, 44, 45, 38, 45, 44, 45, 38, 45)
    assert cascade(37, 6, "hm-16.9") == (37, 40, 39, 40, 38, 40)
    assert cascade(47, 5) == (46, 51, 51, 51, 48)
    assert cascade(22, 5) == (21, 27, 26, 27, 23)


@pytest.mark.parametrize("qp", [22, 24, 26, 27, 29, 32, 37, 42, 46, 47])
def test_kvazaar_gives_hms_qps(clip, tmp_path, qp):
    infos = codec.compress(clip, tmp_path / "out.mkv", FixedQP(qp))
    assert tuple(frame.qp for frame in infos) == cascade(qp, 14)
    assert "".join(frame.slice_type for frame in infos) == "I" + 13 * "P"
    assert read_frame_infos(tmp_path / "out.mkv") == infos


def test_the_older_cascade_goes_through_x265(clip, tmp_path):
    infos = codec.compress(clip, tmp_path / "out.mkv", FixedQP(37, "hm-16.9"))
    assert tuple(frame.qp for frame in infos) == cascade(37, 14, "hm-16.9")


def test_any_list_of_qps(clip, tmp_path):
    qps = [30, 51, 12, 40, 40, 22, 37, 0, 45, 33, 28, 50, 5, 26]
    infos = codec.compress_with_qps(clip, tmp_path / "out.mkv", qps)
    assert [frame.qp for frame in infos] == qps
    assert infos[2].size > infos[1].size
    with pytest.raises(SettingError, match="has 14 frames"):
        codec.compress_with_qps(clip, tmp_path / "out.mkv", qps[:-1])


def test_fixed_rate_has_i_p_and_b_frames_near_the_rate(tmp_path):
    source = tmp_path / "long.mkv"
    lavfi = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=30,noise=alls=60:allf=t", "-frames:v", "60")
    subprocess.run(
        [REAL, "-v", "error", *lavfi, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "0", source],
        check=True,
    )
    infos = codec.compress(source, tmp_path / "out.mkv", FixedRate(200))
    assert infos[0].slice_type == "I" and {frame.slice_type for frame in infos} == {"I", "P", "B"}
    assert sum(frame.size for frame in infos) * 8 / 2.0 == pytest.approx(200_000, rel=0.15)
    assert [p.name for p in Path.cwd().glob("x265_2pass*")] == []


@pytest.mark.parametrize("setting, qp", [(FixedQP(), 36), (FixedQP(37, "hm-16.9"), 37), (FixedRate(), None)])
def test_a_clip_of_one_frame_is_compressed(tmp_path, setting, qp):
    source = tmp_path / "one.mkv"
    lavfi = ("-f", "lavfi", "-i", "mandelbrot=s=96x64:r=30", "-frames:v", "1", "-pix_fmt", "yuv420p")
    subprocess.run([REAL, "-v", "error", *lavfi, "-c:v", "libx264", "-qp", "0", source], check=True)
    (frame,) = codec.compress(source, tmp_path / "out.mkv", setting)
    assert (frame.index, frame.slice_type) == (0, "I") and qp in (frame.qp, None)
    assert len(list(video.read_planes(tmp_path / "out.mkv"))) == 1


@pytest.mark.parametrize("setting", [FixedQP(), FixedRate()])
def test_compressing_twice_gives_the_same_bytes_and_the_pair_agrees(clip, tmp_path, setting):
    first, second = tmp_path / "a.mkv", tmp_path / "b.mkv"
    codec.compress(clip, first, setting)
    codec.compress(clip, second, setting)
    assert first.read_bytes() == second.read_bytes()
    raw, coded = video.probe(clip), video.probe(first)
    video.check_pair(raw, coded)
    assert raw.matrix == coded.matrix == "bt709"


def test_settings_of_the_tracks():
    assert [codec.setting_of_track(t) for t in (1, 2, 3)] == [
        FixedQP(37, "hm-16.20"),
        FixedQP(),
        FixedRate(200),
    ]
    assert codec.setting_of_track(3, 416, 240) == FixedRate(39) and codec.setting_of_track(1, 416, 240) == FixedQP()
    for wrong in (lambda: codec.setting_of_track(4), lambda: FixedQP(60), lambda: FixedQP(37, "vtm"),
                  lambda: FixedRate(0)):  # fmt: skip
        with pytest.raises(SettingError):
            wrong()


def test_streams_are_made_once_per_source_and_setting(clip, tmp_path, monkeypatch):
    path = codec.compressed(clip, FixedQP())
    assert path.parent == tmp_path / "cache" / "streams"
    assert codec.compressed(clip, FixedQP(32)) != path
    monkeypatch.setattr(codec, "compress", None)
    assert codec.compressed(clip, FixedQP()) == path


def test_a_missing_encoder_is_named(clip, tmp_path, monkeypatch):
    fake = script(
        tmp_path / "ffmpeg",
        'case "$*" in *-encoders*) echo " V....D libx264 x264";; *) exec "$REAL" "$@";; esac',
    )
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake))
    with pytest.raises(CodecError, match="libkvazaar is missing.*imageio-ffmpeg>=0.8.1"):
        codec.compress(clip, tmp_path / "out.mkv", FixedQP())
    with pytest.raises(CodecError, match="libx265 is missing"):
        codec.compressed(clip, FixedRate())
    assert _left(tmp_path) == ["ffmpeg"]


def test_a_full_disk_says_so_and_leaves_nothing(clip, tmp_path, monkeypatch):
    fake = script(
        tmp_path / "ffmpeg",
        (
            'case "$*" in *kvazaar-params*) for last; do :; done; echo half > "$last"; '
            'echo "Error writing: No space left on device" >&2; exit 228;; *) exec "$REAL" "$@";; esac'
        ),
    )
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake))
    with pytest.raises(CodecError, match="clip.mkv: compressing with libkvazaar.*No space left on device.*Free some"):
        codec.compress(clip, tmp_path / "out.mkv", FixedQP())
    assert _left(tmp_path) == ["ffmpeg"]


def test_an_interrupt_leaves_nothing(clip, tmp_path, monkeypatch):
    def interrupted(path):
        assert Path(path).is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr(codec, "read_frame_infos", interrupted)
    with pytest.raises(KeyboardInterrupt):
        codec.compress(clip, tmp_path / "out.mkv", FixedQP())
    with pytest.raises(KeyboardInterrupt):
        codec.compressed(clip, FixedQP())
    assert _left(tmp_path) == []


def test_other_qps_or_types_than_asked_for_are_refused(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(codec, "KVAZAAR", "gop=lp-g4d3t1,qp=35,period=0,ref=4")
    with pytest.raises(CodecError, match="frame 0 was coded at QP 34, expected 36"):
        codec.compress(clip, tmp_path / "out.mkv", FixedQP())
    monkeypatch.setattr(codec, "KVAZAAR", "gop=0,qp={qp},period=1")
    with pytest.raises(CodecError, match="one I frame, then P frames, the encoder made IIII"):
        codec.compress(clip, tmp_path / "out.mkv", FixedQP())
    with pytest.raises(SettingError, match="ends in .mkv"):
        codec.compress(clip, tmp_path / "out.mp4", FixedQP())
    with pytest.raises(VideoError, match="found nothing"):
        codec.compress(tmp_path / "none.mkv", tmp_path / "out.mkv", FixedQP())
    assert _left(tmp_path) == []


# A stand-in for HM: takes and notes HM's arguments, codes with kvazaar, writes a bare stream.
HM = (
    'echo "$@" > "{log}"; while [ $# -gt 0 ]; do case "$1" in -i) I=$2;; -q) Q=$2;; -wdt) W=$2;; '
    '-hgt) H=$2;; -b) B=$2;; esac; shift; done; exec "$REAL" -v error -f rawvideo '
    '-pix_fmt yuv420p -s "$W"x"$H" -i "$I" '
    '-c:v libkvazaar -kvazaar-params "gop=lp-g4d3t1,qp=$Q,period=0,ref=4" -f hevc "$B"'
)


def test_hm_gets_the_official_command(clip, tmp_path, monkeypatch):
    home = tmp_path / "hm"
    (home / "bin").mkdir(parents=True)
    encoder = script(home / "bin" / "TAppEncoderStatic", HM.format(log=home / "log"))
    monkeypatch.setenv("VENH_HM", str(encoder))
    with pytest.raises(CodecError, match="encoder_lowdelay_P_main.cfg: HM's configuration is not there"):
        codec.compress(clip, tmp_path / "out.mkv", FixedQP())
    (home / "cfg" / "per-sequence").mkdir(parents=True)
    (home / "cfg" / "encoder_lowdelay_P_main.cfg").touch()
    (home / "cfg" / "per-sequence" / "BasketballDrill.cfg").touch()
    infos = codec.compress(clip, tmp_path / "out.mkv", FixedQP())
    assert tuple(frame.qp for frame in infos) == cascade(37, 14)
    assert video.probe(tmp_path / "out.mkv").frame_rate == 30
    said = (home / "log").read_text()
    assert "encoder_lowdelay_P_main.cfg -c" in said and "-q 37 -wdt 96 -hgt 64 -f 14 -fr 30 -b" in said
    with pytest.raises(CodecError, match="name it in FixedQP"):
        codec.compress(clip, tmp_path / "old.mkv", FixedQP(37, "hm-16.9"))
    assert codec.compressed(clip, FixedQP()).is_file()
    monkeypatch.setenv("VENH_HM", str(home / "nothing"))
    with pytest.raises(CodecError, match="VENH_HM names no file"):
        codec.compressed(clip, FixedQP())


@pytest.fixture
def hm(tmp_path, monkeypatch) -> Path:
    """HM's folder, with its stand-in and its two files of settings, set as the encoder."""
    home = tmp_path / "hm"
    for folder in ("bin", "cfg/per-sequence"):
        (home / folder).mkdir(parents=True)
    for name in ("encoder_lowdelay_P_main.cfg", "per-sequence/BasketballDrill.cfg"):
        (home / "cfg" / name).touch()
    monkeypatch.setenv("VENH_HM", str(script(home / "bin" / "TAppEncoderStatic", HM.format(log=home / "log"))))
    return home


@pytest.mark.parametrize("name", ["encoder_lowdelay_P_main.cfg", "per-sequence/BasketballDrill.cfg"])
def test_a_stream_is_made_again_when_hms_settings_are_edited(clip, hm, name):
    first = codec.compressed(clip, FixedQP())
    assert codec.compressed(clip, FixedQP()) == first
    (hm / "cfg" / name).write_text("SearchRange : 32\n")
    assert codec.compressed(clip, FixedQP()) != first
    (hm / "cfg" / name).unlink()
    with pytest.raises(CodecError, match=f"{name}: HM's configuration is not there"):
        codec.compressed(clip, FixedQP())


def test_hm_finds_settings_that_are_named_from_where_venh_was_started(clip, hm, monkeypatch):
    (hm / "cfg").rename(hm / "settings")
    monkeypatch.chdir(hm)
    monkeypatch.setenv("VENH_HM_CFG", "settings")
    codec.compress(clip, hm / "out.mkv", FixedQP())
    said = (hm / "log").read_text().split()
    files = [said[place + 1] for place, word in enumerate(said) if word == "-c"]
    assert len(files) == 2 and all(os.path.isabs(file) and os.path.isfile(file) for file in files)


def test_the_list_of_encoders_is_read_from_ffmpeg():
    assert ffmpeg.has_encoder("libkvazaar") and ffmpeg.has_encoder("libx265")
    assert not ffmpeg.has_encoder("libnone")


def _left(folder: Path) -> list[str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != ".evictable")
    return sorted(p.name for p in files)
