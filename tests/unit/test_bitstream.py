"""QPs, slice types, sizes and order of frames read back from HEVC headers."""

from __future__ import annotations

import subprocess
import time
import tracemalloc
from pathlib import Path

import pytest

from venh_lib import bitstream, video
from venh_lib.bitstream import FrameInfo, read_frame_infos
from venh_lib.errors import VideoError


def encode(path: Path, *options: str, frames: int = 16, size: str = "128x96") -> Path:
    source = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-frames:v", str(frames), "-pix_fmt", "yuv420p")
    subprocess.run([video.ffmpeg_exe(), "-v", "error", "-y", *source, *options, path], check=True)
    return path


def x265(parameters: str) -> tuple[str, ...]:
    return ("-c:v", "libx265", "-x265-params", f"log-level=error:{parameters}")


def test_index_follows_display_order_and_size_follows_the_packet(tmp_path):
    path = encode(tmp_path / "x.mkv", *x265("qp=30:bframes=3:b-adapt=0:ipratio=1:pbratio=1.4"), frames=17)
    infos = read_frame_infos(path)
    assert [frame.index for frame in infos] == list(range(17))
    # With three B frames between anchors that never adapt, display order shows them as I B B B P B B B P …
    assert "".join(frame.slice_type for frame in infos) == "IBBBPBBBPBBBPBBBP"
    anchors = {frame.qp for frame in infos if frame.slice_type in "IP"}
    assert anchors == {30} and all(frame.qp > 30 for frame in infos if frame.slice_type == "B")
    command = [video.ffmpeg_exe(), "-v", "error", "-i", path, "-c", "copy", "-f", "framecrc", "-"]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    packets = sorted((int(f[2]), int(f[4])) for f in (x.split(",") for x in lines if x[0] != "#"))
    assert [frame.size for frame in infos] == [size for _, size in packets]


@pytest.mark.parametrize(
    "keyframes", ["keyint=5:min-keyint=5:open-gop=0", "keyint=5:min-keyint=5:open-gop=1"]
)
def test_order_holds_across_intra_frames_and_counter_wraps(tmp_path, keyframes):
    # 300 frames wrap x265's 8-bit picture order counter; IDR frames restart it, CRA frames do not.
    parameters = f"qp=40:subme=0:rd=1:scenecut=0:bframes=2:b-adapt=0:{keyframes}"
    path = encode(tmp_path / "x.mkv", *x265(parameters), frames=300, size="64x64")
    infos = read_frame_infos(path)
    command = [video.ffmpeg_exe(), "-hide_banner", "-i", path, "-vf", "showinfo", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stderr
    decoded = [line.split(" type:")[1][0] for line in said.splitlines() if " type:" in line]
    assert [frame.slice_type for frame in infos] == decoded and len(decoded) == 300


@pytest.mark.parametrize("slices", ["tiles=2x1,slices=tiles", "slices=wpp"])
def test_several_slices_make_one_frame(tmp_path, slices):
    parameters = f"{slices},gop=lp-g4d3t1,qp=37,period=0,ref=4"
    path = encode(
        tmp_path / "x.mkv", "-c:v", "libkvazaar", "-kvazaar-params", parameters, frames=6, size="256x256"
    )
    command = [video.ffmpeg_exe(), "-loglevel", "trace", "-i", path, "-c", "copy", "-bsf:v", "trace_headers"]
    trace = subprocess.run([*command, "-f", "null", "-"], capture_output=True, check=True, text=True).stderr
    assert trace.count("Slice Segment Header") > 6
    infos = read_frame_infos(path)
    assert [(frame.slice_type, frame.qp) for frame in infos] == [
        ("I", 36), ("P", 45), ("P", 44), ("P", 45), ("P", 38), ("P", 45),
    ]  # fmt: skip


def test_a_bare_stream_reads_as_its_container_does(tmp_path):
    path = encode(
        tmp_path / "x.mkv", "-c:v", "libkvazaar", "-kvazaar-params", "gop=lp-g4d3t1,qp=37,period=0,ref=4"
    )
    bare = tmp_path / "bare.mkv"  # HM writes a bare stream whatever its name
    subprocess.run(
        [video.ffmpeg_exe(), "-v", "error", "-i", path, "-c", "copy", "-f", "hevc", bare], check=True
    )
    assert [(f.slice_type, f.qp) for f in read_frame_infos(bare)] == [
        (f.slice_type, f.qp) for f in read_frame_infos(path)
    ]
    assert not video.probe(bare).timed and len(list(video.read_planes(bare))) == 16


def test_only_hevc_is_read(tmp_path):
    path = encode(tmp_path / "x.mkv", "-c:v", "libx264")
    with pytest.raises(VideoError, match="x.mkv: expected an HEVC video.*found h264"):
        read_frame_infos(path)
    with pytest.raises(VideoError, match="found no such file"):
        read_frame_infos(tmp_path / "none.mkv")
    (tmp_path / "text.mkv").write_text("no video")
    with pytest.raises(VideoError, match="expected an HEVC video"):
        read_frame_infos(tmp_path / "text.mkv")


def test_headers_of_a_clip_are_read_in_a_blink(tmp_path):
    path = encode(tmp_path / "x.mkv", *x265("qp=37:bframes=0"), frames=33, size="416x240")
    began = time.process_time()
    infos = read_frame_infos(path)
    assert time.process_time() - began < 0.5 and len(infos) == 33


def test_the_trace_is_not_held(tmp_path):
    path = encode(tmp_path / "x.mkv", *x265("qp=45:bframes=0:subme=0:rd=1"), frames=150, size="64x64")
    tracemalloc.start()
    try:
        assert len(read_frame_infos(path)) == 150
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The trace of these frames is more than 1.5 MB.
    assert most < 400_000


@pytest.fixture
def started(monkeypatch):
    """The processes that were started."""
    made, popen = [], subprocess.Popen

    def record(*arguments, **options):
        made.append(popen(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(subprocess, "Popen", record)
    return made


def test_an_interrupt_while_reading_ends_ffmpeg(tmp_path, monkeypatch, started):
    path = encode(tmp_path / "x.mkv", *x265("qp=45:bframes=0:subme=0:rd=1"), frames=150, size="64x64")

    def interrupted(field, base):
        raise KeyboardInterrupt

    monkeypatch.setattr(bitstream, "_order_count", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_frame_infos(path)
    assert started[-1].poll() is not None and started[-1].stderr.closed


def test_a_failure_gives_the_last_lines_of_a_trace_that_is_not_held(tmp_path, monkeypatch):
    path = encode(tmp_path / "x.mkv", *x265("qp=45:bframes=0"), frames=2)
    fake = tmp_path / "ffmpeg"
    lines = '"Stream #0:0: Video: hevc"; seq -f "[x] line %g" 20000; printf "frame= 1\\r\\nthe file ended\\n\\n"'
    fake.write_text(f"#!/bin/sh\nexec >&2\necho {lines}\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake))
    with pytest.raises(VideoError) as caught:
        read_frame_infos(path)
    last = "; ".join(f"[x] line {number}" for number in range(19997, 20001))
    assert str(caught.value).endswith(f"headers ffmpeg reads: ffmpeg failed: {last}; frame= 1; the file ended")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    with pytest.raises(VideoError, match=r"x\.mkv: .* ffmpeg at .*none does not start"):
        read_frame_infos(path)


def test_frame_infos_are_values():
    assert FrameInfo(0, "I", 36, 100) == FrameInfo(0, "I", 36, 100)
    with pytest.raises(AttributeError):
        FrameInfo(0, "I", 36, 100).qp = 37


def test_order_count_wraps_both_ways():
    field = dict.fromkeys(bitstream.FIELDS, 0)
    for low, base, expected in ((2, 14, 18), (14, 18, 14), (3, 17, 19), (15, 2, -1)):
        field["slice_pic_order_cnt_lsb"] = low
        assert bitstream._order_count(field, base) == expected
