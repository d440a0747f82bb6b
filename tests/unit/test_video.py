"""Frames in and out of files, held against ffmpeg's own PNGs and psnr filter."""

from __future__ import annotations

import re
import shlex
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from venh_lib import cache, ffmpeg as running, video
from venh_lib.errors import SettingError, VenhError, VideoError
from venh_lib.writer import CONTAINERS

WIDTH, HEIGHT = 416, 240


def ffmpeg(*arguments, data: bytes | None = None) -> subprocess.CompletedProcess:
    command = [video.ffmpeg_exe(), "-hide_banner", "-y", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=True)


def store(planes: np.ndarray, path: Path, *options: str, rate: str = "25") -> Path:
    """Store planes [T, H*3//2, W] without loss."""
    _, rows, width = planes.shape
    raw = (
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        "-s",
        f"{width}x{rows * 2 // 3}",
        "-r",
        rate,
        "-i",
        "pipe:0",
    )
    ffmpeg(*raw, *options, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", path, data=planes.tobytes())
    return path


def noise(frames: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, height * 3 // 2, width), dtype=np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    source = ("-f", "lavfi", "-i", f"testsrc2=s={WIDTH}x{HEIGHT}:r=30000/1001", "-frames:v", "12")
    ffmpeg(*source, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", path)
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VENH_CACHE", str(tmp_path / "cache"))


def pngs(path: Path, folder: Path) -> np.ndarray:
    folder.mkdir()
    ffmpeg("-i", path, folder / "%3d.png")
    return np.stack([np.asarray(Image.open(file)) for file in sorted(folder.glob("*.png"))])


@pytest.mark.parametrize("tag, matrix, full", [
    ("null", "bt601", False),
    ("setparams=colorspace=smpte170m", "bt601", False),
    ("setparams=colorspace=bt709", "bt709", False),
    ("setparams=range=pc", "bt601", True),
    ("setparams=range=pc:colorspace=bt709", "bt709", True),
])  # fmt: skip
@pytest.mark.parametrize("width, height", [(WIDTH, 64), (50, 34), (962, 6)])
def test_rgb_is_bit_equal_to_ffmpeg_pngs(tmp_path, tag, matrix, full, width, height):
    planes = noise(2, height, width)
    path = store(planes, tmp_path / "x.mkv", "-vf", tag)
    info = video.probe(path)
    assert (info.matrix, info.full_range) == (matrix, full)
    expected = pngs(path, tmp_path / "png")
    assert np.array_equal(np.stack(list(video.read_rgb(path))), expected)
    assert np.array_equal(video.planes_to_rgb(planes, matrix, full), expected)


@pytest.mark.parametrize("matrix", video.MATRICES)
def test_every_luma_and_a_grid_of_chroma_convert_as_ffmpeg_does(tmp_path, matrix):
    levels = np.r_[np.arange(0, 256, 5), 1, 127, 128, 129].astype(np.uint8)
    cb, cr = (plane.ravel() for plane in np.meshgrid(levels, levels))
    luma = np.repeat(np.arange(256, dtype=np.uint8).reshape(-1, 4), 2, axis=0).reshape(64, 2, 4)
    frames = []
    for rows in luma:  # each frame: four luma values beside every pair of chroma values
        y = np.tile(np.repeat(rows, 1, axis=0), (1, len(cb) // 2))
        frames.append(video.join_planes(y, cb[None], cr[None]))
    planes = np.stack(frames)
    tag = "setparams=colorspace=bt709" if matrix == "bt709" else "null"
    raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{planes.shape[2]}x2", "-i", "pipe:0")
    out = ffmpeg(*raw, "-vf", f"{tag},format=rgb24", "-f", "rawvideo", "-", data=planes.tobytes()).stdout
    expected = np.frombuffer(out, np.uint8).reshape(len(planes), 2, -1, 3)
    assert np.array_equal(video.planes_to_rgb(planes, matrix), expected)


def test_a_crop_of_planes_converts_to_the_same_pixels():
    planes = noise(3, 34, 50)
    window = video.crop_planes(planes, 4, 6, 18, 22)
    assert np.array_equal(video.planes_to_rgb(window), video.planes_to_rgb(planes)[:, 4:22, 6:28])
    for wrong in ((3, 6, 18, 22), (4, 6, 18, 46), (-2, 6, 18, 22), (4, 6, 0, 22)):
        with pytest.raises(VideoError, match="expected even numbers inside 50x34"):
            video.crop_planes(planes, *wrong)


def test_split_and_join_are_inverse_where_height_is_not_a_multiple_of_four():
    planes = noise(2, 34, 50)
    luma, cb, cr = video.split_planes(planes)
    assert luma.shape == (2, 34, 50) and cb.shape == cr.shape == (2, 17, 25)
    assert np.array_equal(video.join_planes(luma, cb, cr), planes)


@pytest.mark.parametrize("matrix, full", [("bt601", False), ("bt709", False), ("bt601", True)])
def test_rgb_made_from_planes_survives_the_way_back(matrix, full):
    luma, cb, cr = video.split_planes(noise(2, 64, 64))
    # Samples that no matrix takes outside RGB's range: clipping loses what nobody can bring back.
    inside = video.join_planes(80 + luma // 3, 112 + cb // 8, 112 + cr // 8)
    rgb = video.planes_to_rgb(inside, matrix, full)
    again = video.planes_to_rgb(video.rgb_to_planes(rgb, matrix, full), matrix, full)
    error = again.astype(int) - rgb
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 50
    assert abs(error.mean()) < 0.05  # truncation twice over would show as a bias of about one level


def test_wrong_shapes_and_matrices_are_named():
    with pytest.raises(VideoError, match="found float32"):
        video.planes_to_rgb(np.zeros((36, 24), np.float32))
    with pytest.raises(VideoError, match="even H and W"):
        video.rgb_to_planes(np.zeros((3, 4, 3), np.uint8))
    with pytest.raises(VideoError, match="unknown colour matrix 'bt2020'"):
        video.planes_to_rgb(noise(1, 4, 4), "bt2020")


def test_probe_reads_the_facts_without_decoding(clip):
    info = video.probe(clip)
    assert (info.width, info.height, info.frames) == (WIDTH, HEIGHT, 12)
    assert info.frame_rate == Fraction(30000, 1001)
    assert (info.codec, info.pixel_format, info.timed, info.has_audio) == ("h264", "yuv420p", True, False)


@pytest.mark.parametrize("rate, expected", [
    ("24000/1001", Fraction(24000, 1001)), ("60000/1001", Fraction(60000, 1001)), ("12.5", Fraction(25, 2)),
    ("50", Fraction(50)), ("15000/1001", Fraction(15000, 1001)),
])  # fmt: skip
def test_frame_rates_are_exact(tmp_path, rate, expected):
    assert video.probe(store(noise(5, 16, 16), tmp_path / "x.mkv", rate=rate)).frame_rate == expected


@pytest.mark.parametrize("rate, frames", [("50/3", 2600), ("100/7", 1800), ("100/13", 1800), ("24000/1001", 3100)])
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_long_video_of_a_constant_rate_is_not_taken_for_a_variable_one(tmp_path, rate, frames, suffix):
    """Two decimals, which is what ffmpeg prints, would be half a frame off before these end."""
    path = tmp_path / f"x.{suffix}"
    source = ("-f", "lavfi", "-i", f"color=s=16x16:r={rate}", "-frames:v", str(frames), "-pix_fmt", "yuv420p")
    ffmpeg(*source, "-c:v", "libx264", "-preset", "ultrafast", path)
    assert video.probe(path).frame_rate == Fraction(rate)


@pytest.mark.parametrize("options", [("-c:v", "libx264"), ("-c:v", "mpeg4", "-bf", "2", "-vtag", "xvid")])
def test_an_avi_with_b_frames_has_a_constant_rate(tmp_path, options):
    path = tmp_path / "x.avi"
    source = ("-f", "lavfi", "-i", f"testsrc2=s={WIDTH}x{HEIGHT}:r=24000/1001", "-frames:v", "12")
    ffmpeg(*source, "-pix_fmt", "yuv420p", *options, path)
    info = video.probe(path)
    assert (info.container, info.frames, info.frame_rate) == ("avi", 12, Fraction(24000, 1001))
    assert len(list(video.read_planes(path))) == 12


def test_an_avi_with_b_frames_and_a_gap_has_not(tmp_path):
    path = tmp_path / "x.avi"
    gap = ("-vf", "setpts='if(gt(N,7),N+3,N)'/TB/25", "-fps_mode", "vfr")
    source = ("-f", "lavfi", "-i", "testsrc2=s=32x16:r=25", "-frames:v", "12", "-pix_fmt", "yuv420p")
    ffmpeg(*source, *gap, "-c:v", "libx264", path)
    with pytest.raises(VideoError, match="found a variable one"):
        video.probe(path)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi", "ts"])
def test_the_shape_of_pixels_is_read(tmp_path, suffix):
    plain, wide = (store(noise(4, 48, 64), tmp_path / f"{name}.{suffix}", "-vf", vf)
                   for name, vf in (("plain", "null"), ("wide", "setsar=5/4")))  # fmt: skip
    assert video.probe(plain).sample_aspect == 1
    assert video.probe(wide).sample_aspect == Fraction(5, 4)


def test_the_pixels_of_a_rotated_clip_are_rotated_too(tmp_path):
    flat = store(noise(2, 16, 32), tmp_path / "flat.mp4", "-vf", "setsar=5/4")
    ffmpeg("-display_rotation", "90", "-i", flat, "-c", "copy", tmp_path / "upright.mp4")
    assert video.probe(tmp_path / "upright.mp4").sample_aspect == Fraction(4, 5)


def test_one_frame_is_a_video(tmp_path):
    assert len(video.open_frames(store(noise(1, 16, 16), tmp_path / "x.mkv"))) == 1


def test_a_rotated_phone_clip_has_its_upright_size(tmp_path):
    flat = store(noise(2, 16, 32), tmp_path / "flat.mp4")
    ffmpeg("-display_rotation", "90", "-i", flat, "-c", "copy", tmp_path / "upright.mp4")
    info = video.probe(tmp_path / "upright.mp4")
    assert (info.width, info.height) == (16, 32)
    assert next(video.read_rgb(info.path)).shape == (32, 16, 3)


def test_what_is_not_a_usable_video_is_refused_by_name(tmp_path, clip):
    text = tmp_path / "letter.mkv"
    text.write_text("Dear reader,\nthis is a letter.\n" * 100)
    empty = tmp_path / "empty.mkv"
    empty.touch()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    still = tmp_path / "still.png"
    Image.new("RGB", (16, 16)).save(still)
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (16, 16)).save(photo)
    cases = {text: "expected a video", empty: "found an empty file", cut: "cut short", still: "still picture",
             photo: "still picture", tmp_path / "none": "found nothing",
             tmp_path: "found a folder"}  # fmt: skip
    for path, words in cases.items():
        with pytest.raises(VideoError, match=words) as caught:
            video.probe(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("options, words", [
    (("-pix_fmt", "yuv420p10le", "-c:v", "ffv1"), "found yuv420p10le"),
    (("-pix_fmt", "yuv444p", "-c:v", "ffv1"), "found yuv444p"),
    (("-vf", "crop=31:15:exact=1", "-pix_fmt", "yuv420p", "-c:v", "ffv1"), "found 31x15"),
    (("-vf", "setparams=colorspace=bt2020nc", "-pix_fmt", "yuv420p", "-c:v", "ffv1"), "found bt2020nc"),
    (("-pix_fmt", "bgr0", "-c:v", "ffv1"), "found gbr"),
    (("-vf", "setpts='if(gt(N,4),N+3,N)'/TB/25", "-fps_mode", "vfr", "-pix_fmt", "yuv420p", "-c:v", "ffv1"),
     "found a variable one"),
])  # fmt: skip
def test_a_refusal_says_what_was_found_and_the_command_for_the_shell_that_mends_it(tmp_path, options, words):
    path = tmp_path / "my clip (1).mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x16:r=25", "-frames:v", "12", *options, path)
    with pytest.raises(VideoError, match=words) as caught:
        video.probe(path)
    said, command = str(caught.value).split(" Convert it first: ")
    assert str(path) in said and shlex.split(command)[0] == video.ffmpeg_exe()
    subprocess.run(command, shell=True, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    converted = video.probe(tmp_path / "my clip (1)_converted.mkv")
    assert (converted.pixel_format, converted.frame_rate) == ("yuv420p", Fraction(25))


def test_a_refusal_says_that_the_copy_of_an_hevc_file_has_no_qps(tmp_path):
    path = tmp_path / "x.mkv"
    deep = ("-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=none")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25", "-frames:v", "2", *deep, path)
    with pytest.raises(VideoError, match=r"a copy, without the QPs that methods such as mfqe read\): \S+ffmpeg"):
        video.probe(path)


def test_a_matrix_that_cannot_be_converted_gets_no_command_that_fails(tmp_path):
    path = tmp_path / "x.mkv"
    options = ("-vf", "setparams=colorspace=ycgco", "-pix_fmt", "yuv420p", "-c:v", "ffv1")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x16:r=25", "-frames:v", "2", *options, path)
    with pytest.raises(VideoError, match=r"found ycgco\. Export it again in BT\.709"):
        video.probe(path)


def test_a_pair_must_agree(tmp_path, clip):
    info = video.probe(clip)
    video.check_pair(info, info)
    others = {
        "width": noise(12, HEIGHT, 64),
        "frames": noise(11, HEIGHT, WIDTH),
        "frame rate": noise(12, HEIGHT, WIDTH),
    }
    for words, planes in others.items():
        other = video.probe(
            store(planes, tmp_path / f"{words}.mkv", rate="30000/1001" if words != "frame rate" else "25")
        )
        with pytest.raises(VideoError, match=f"{words} is"):
            video.check_pair(info, other)


def test_streaming_reads_any_range_and_ends_its_process(clip, monkeypatch):
    started = []
    popen = subprocess.Popen

    def record(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    every = list(video.read_planes(clip))
    assert len(every) == 12
    assert [np.array_equal(a, b) for a, b in zip(video.read_planes(clip, 5, 3), every[5:8], strict=True)] == [
        True
    ] * 3
    assert list(video.read_planes(clip, 4, 0)) == []
    monkeypatch.setattr(subprocess, "Popen", record)
    frames = video.read_planes(clip)
    next(frames)
    frames.close()
    assert started[-1].poll() is not None
    with pytest.raises(VideoError, match="5 frames from 8 on asked for, it has 12"):
        video.read_planes(clip, 8, 5)


def test_open_frames_decodes_once_and_gives_any_frame(clip, tmp_path):
    frames = video.open_frames(clip)
    assert len(frames) == 12 and frames.shape == (12, HEIGHT, WIDTH)
    assert isinstance(frames.array.base, np.memmap)
    expected = pngs(clip, tmp_path / "png")
    assert all(np.array_equal(frames.rgb(t), expected[t]) for t in (11, 0, 7))
    stored = list((tmp_path / "cache" / "frames").glob("*.npy"))
    changed = stored[0].stat().st_mtime_ns
    assert np.array_equal(
        video.open_frames(clip, matrix="bt709").rgb(3), video.planes_to_rgb(frames.planes(3), "bt709")
    )
    assert (
        stored == list((tmp_path / "cache" / "frames").glob("*.npy"))
        and stored[0].stat().st_mtime_ns == changed
    )
    with pytest.raises(VideoError, match="has frames 0 to 11"):
        frames.rgb(12)


def test_a_damaged_video_leaves_nothing_in_the_cache(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(video, "probe", lambda path, real=video.probe: _one_more_frame(real(path)))
    with pytest.raises(VideoError, match="decoding ended before frame 12"):
        video.open_frames(clip)
    assert [p.name for p in (tmp_path / "cache" / "frames").iterdir()] == [cache.MARKER]


def _one_more_frame(info):
    return type(info)(**{**vars(info), "frames": info.frames + 1})


@pytest.mark.parametrize("matrix", video.MATRICES)
def test_lossless_writing_gives_the_frames_back(clip, tmp_path, matrix):
    frames = video.open_frames(clip)
    rgb, planes = tmp_path / "rgb.mkv", tmp_path / "planes.mkv"
    with video.VideoWriter(
        rgb, WIDTH, HEIGHT, Fraction(30000, 1001), encoder="lossless", matrix=matrix
    ) as writer:
        for t in range(4):
            writer.write(frames.rgb(t))
    assert np.array_equal(pngs(rgb, tmp_path / "png"), np.stack([frames.rgb(t) for t in range(4)]))
    with video.VideoWriter(planes, WIDTH, HEIGHT, Fraction(30000, 1001), matrix=matrix) as writer:
        for t in range(4):
            writer.write_planes(frames.planes(t))
    info = video.probe(planes)
    assert (info.matrix, info.frames, info.frame_rate) == (matrix, 4, Fraction(30000, 1001))
    assert np.array_equal(np.stack(list(video.read_planes(planes))), frames.array[:4])


def test_round_trip_psnr_is_what_ffmpegs_filter_measures(clip, tmp_path):
    path = tmp_path / "small.mkv"
    frames = video.open_frames(clip)
    with video.VideoWriter(path, WIDTH, HEIGHT, frames.info.frame_rate, encoder="small") as writer:
        for t in range(len(frames)):
            writer.write(frames.rgb(t))
    pairs = list(zip(video.read_planes(path), video.read_planes(clip), strict=True))
    for plane, mark in enumerate("yuv"):
        theirs = _ffmpeg_psnr(path, clip, "yuv420p", mark)
        ours = [np.mean((_plane(a, plane) - _plane(b, plane)) ** 2) for a, b in pairs]
        assert 10 * np.log10(255**2 / np.mean(ours)) == pytest.approx(theirs, abs=2e-6)
    rgb = list(zip(video.read_rgb(path), video.read_rgb(clip), strict=True))
    ours = [np.mean((a.astype(float) - b) ** 2) for a, b in rgb]
    assert 10 * np.log10(255**2 / np.mean(ours)) == pytest.approx(
        _ffmpeg_psnr(path, clip, "rgb24", "average"), abs=2e-6
    )


def _plane(planes: np.ndarray, number: int) -> np.ndarray:
    return video.split_planes(planes)[number].astype(float)


def _ffmpeg_psnr(path: Path, reference: Path, pixel_format: str, mark: str) -> float:
    graph = f"[0:v]format={pixel_format}[a];[1:v]format={pixel_format}[b];[a][b]psnr"
    said = ffmpeg("-i", path, "-i", reference, "-lavfi", graph, "-f", "null", "-").stderr.decode()
    return float(re.search(rf"PSNR.* {mark}:([\d.]+)", said).group(1))


def test_sound_is_copied_when_asked(clip, tmp_path):
    source = tmp_path / "sound.mkv"
    ffmpeg("-i", clip, "-f", "lavfi", "-i", "sine=d=0.4", "-c:v", "copy", "-c:a", "flac", source)
    with video.VideoWriter(
        tmp_path / "out.mkv", WIDTH, HEIGHT, Fraction(30000, 1001), audio_from=source
    ) as writer:
        for planes in video.read_planes(source):
            writer.write_planes(planes)
    info = video.probe(tmp_path / "out.mkv")
    assert info.has_audio and info.frames == 12


# The picture of 416×240 of the second is 416:225, that of the third 4992:1255: more than ffmpeg's -aspect can say.
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(16, 15), Fraction(576, 251)])
@pytest.mark.parametrize("encoder, suffix", [("high", "mp4"), ("small", "ts")])
def test_the_shape_of_pixels_is_written_exactly_and_changes_no_sample(tmp_path, aspect, encoder, suffix):
    planes = noise(4, HEIGHT, WIDTH)
    files = tmp_path / f"plain.{suffix}", tmp_path / f"shaped.{suffix}"
    for path, shape in zip(files, ({}, {"sample_aspect": aspect}), strict=True):
        with video.VideoWriter(path, WIDTH, HEIGHT, Fraction(25), encoder=encoder, **shape) as writer:
            for frame in planes:
                writer.write_planes(frame)
    assert [video.probe(path).sample_aspect for path in files] == [1, aspect]
    plain, shaped = (np.stack(list(video.read_planes(path))) for path in files)
    assert np.array_equal(plain, shaped)


def test_rgb_of_wide_pixels_is_written_without_loss(tmp_path):
    path = tmp_path / "x.mkv"
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    with video.VideoWriter(path, 64, 48, Fraction(25), encoder="lossless", sample_aspect=Fraction(5, 4)) as writer:
        writer.write(rgb)
    shown = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-").stdout
    assert np.array_equal(np.frombuffer(shown, np.uint8).reshape(rgb.shape), rgb)
    assert "SAR 5:4" in ffmpeg("-i", path, "-f", "null", "-").stderr.decode()


def lacking(folder: Path, *missing: str) -> Path:
    """An ffmpeg that lists all its encoders but these."""
    fake = folder / "ffmpeg"
    names = "|".join(missing)
    fake.write_text(
        f"#!/bin/sh\ncase \"$*\" in *-encoders*) '{video.ffmpeg_exe()}' \"$@\" | grep -vE '{names}';; "
        f"*) exec '{video.ffmpeg_exe()}' \"$@\";; esac\n"
    )
    fake.chmod(0o755)
    return fake


@pytest.mark.parametrize("encoder, name", [("high", "libx264"), ("small", "libx264"), ("lossless", "ffv1")])
def test_a_missing_encoder_is_found_before_a_frame_is_there(tmp_path, monkeypatch, encoder, name):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(lacking(tmp_path, name)))
    with pytest.raises(VideoError, match=f"encoder {name} is missing in ffmpeg at .*imageio-ffmpeg>=0.8.1"):
        with video.VideoWriter(tmp_path / "x.mkv", 16, 16, Fraction(25), encoder=encoder):
            pytest.fail("the block began")
    assert [p.name for p in tmp_path.iterdir()] == ["ffmpeg"]


def test_failed_writing_leaves_nothing_and_says_why(tmp_path):
    frame = np.zeros((16, 16, 3), np.uint8)
    with (
        pytest.raises(KeyboardInterrupt),
        video.VideoWriter(tmp_path / "a.mkv", 16, 16, Fraction(25)) as writer,
    ):
        writer.write(frame)
        raise KeyboardInterrupt
    with pytest.raises(SettingError, match=r"a.unknown: expected a name that ends with \.mkv, .* or \.ts"):
        video.VideoWriter(tmp_path / "a.unknown", 16, 16, Fraction(25))
    with (
        pytest.raises(VideoError, match="no frame was written"),
        video.VideoWriter(tmp_path / "b.mkv", 16, 16, 25),
    ):
        pass
    with pytest.raises(VideoError, match=r"expected frames uint8 \[16, 16, 3\]"):
        with video.VideoWriter(tmp_path / "c.mkv", 16, 16, 25) as writer:
            writer.write(frame[:14])
    with pytest.raises(SettingError, match="unknown encoder 'best'"):
        video.VideoWriter(tmp_path / "d.mkv", 16, 16, 25, encoder="best")
    with pytest.raises(VideoError, match="found 15x16"):
        video.VideoWriter(tmp_path / "d.mkv", 15, 16, 25)
    assert [p.name for p in tmp_path.iterdir() if p.name != "cache"] == []


@pytest.mark.parametrize("encoder", ["high", "small"])
@pytest.mark.parametrize("suffix", [*CONTAINERS, ".MKV"])
def test_every_container_that_is_offered_can_be_written_and_read(tmp_path, suffix, encoder):
    path = tmp_path / f"x{suffix}"
    with video.VideoWriter(path, 16, 16, Fraction(25), encoder=encoder) as writer:
        for t in range(6):
            writer.write(np.full((16, 16, 3), 20 * t, np.uint8))
    assert (video.probe(path).frames, video.probe(path).frame_rate) == (6, 25)
    assert [round(frame.mean(), -1) for frame in video.read_rgb(path)] == [20 * t for t in range(6)]


def filling(folder: Path, words: str) -> Path:
    """An ffmpeg that fails with ``words`` when it has written a little."""
    fake = folder / "ffmpeg"
    fake.write_text(
        '#!/bin/sh\nfor last; do :; done\ncase "$last" in -encoders) echo " V....D libx264 x264"; exit;; esac\n'
        f'head -c 600 > "$last"\necho "{words}" >&2\nexit 228\n'
    )
    fake.chmod(0o755)
    return fake


FULL = ["Error writing: No space left on device", "Error writing: Disk quota exceeded"]


@pytest.mark.parametrize("words", FULL)
def test_a_full_disk_while_writing_surfaces_ffmpegs_words_and_says_what_to_do(tmp_path, monkeypatch, words):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(filling(tmp_path, words)))
    target = tmp_path / "out.mkv"
    advice = "Free some space on the disk, or choose another folder"
    with pytest.raises(VideoError, match=f"{target}: writing failed.*{words}.*{advice}"):
        with video.VideoWriter(target, 160, 160, Fraction(25)) as writer:
            for _ in range(20):
                writer.write(np.zeros((160, 160, 3), np.uint8))
    with pytest.raises(VideoError, match=f"copying: ffmpeg failed: {words}. {advice}"):
        running.run([tmp_path / "copy.mkv"], task="copying")
    (tmp_path / "copy.mkv").unlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ffmpeg"]


@pytest.mark.parametrize("words", FULL)
def test_a_disk_that_fills_while_ffmpeg_writes_a_cache_entry_names_the_setting(tmp_path, monkeypatch, words):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(filling(tmp_path, words)))
    with pytest.raises(VenhError, match="no space left for the cache.*set VENH_CACHE to"):
        cache.entry("kind", "key", ".mkv", lambda path: running.run(["-i", "x", path], task="writing"))
    assert [p.name for p in (tmp_path / "cache" / "kind").iterdir()] == [cache.MARKER]


def test_the_cache_keeps_its_bound_and_drops_the_least_recently_used(tmp_path, monkeypatch):
    monkeypatch.setenv("VENH_CACHE_GIB", str(2500 / 2**30))
    running = tmp_path / "cache" / "runs"
    running.mkdir(parents=True)
    (running / "training.bin").write_bytes(bytes(400))
    made = {}
    for name in "ababc":
        made[name] = cache.entry("kind", name, ".bin", lambda path: path.write_bytes(bytes(1000)))
    assert not made["a"].exists() and made["b"].exists() and made["c"].exists()
    assert (running / "training.bin").exists()
    big = cache.entry("kind", "big", ".bin", lambda path: path.write_bytes(bytes(9000)))
    assert big.exists() and not made["b"].exists() and not made["c"].exists()


def test_a_cache_entry_is_made_once_and_whole_or_not_at_all(tmp_path):
    calls = []

    def make(path: Path) -> None:
        calls.append(path)
        path.write_bytes(b"whole")

    assert cache.entry("kind", "key", ".bin", make) == cache.entry("kind", "key", ".bin", make)
    assert len(calls) == 1

    def interrupted(path: Path) -> None:
        path.write_bytes(b"ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.entry("kind", "other", ".bin", interrupted)
    with pytest.raises(VenhError, match="no space left.*VENH_CACHE"):
        cache.entry("kind", "huge", ".bin", make, size=2**60)

    def full(path: Path) -> None:
        path.write_bytes(b"ha")
        raise OSError(28, "No space left on device")

    with pytest.raises(VenhError, match="no space left.*VENH_CACHE"):
        cache.entry("kind", "full", ".bin", full)
    assert sorted(p.name for p in (tmp_path / "cache" / "kind").iterdir()) == [cache.MARKER, "key.bin"]
