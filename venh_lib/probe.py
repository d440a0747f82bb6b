"""What a video file holds, and whether the course can use it: 8-bit 4:2:0, even sizes, constant rate."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from venh_lib import cache, ffmpeg
from venh_lib.errors import VideoError

# ffmpeg's names of the matrices with BT.601's coefficients, and what it takes for a file that names none.
MATRIX_OF_TAG = {"": "bt601", "bt470bg": "bt601", "smpte170m": "bt601", "bt709": "bt709"}
OTHER_MATRICES = (
    "bt2020nc", "bt2020c", "smpte240m", "fcc", "gbr", "ycgco", "ycgco-re", "ycgco-ro", "ictcp", "ipt-c2",
    "chroma-derived-nc", "chroma-derived-c", "smpte2085",
)  # fmt: skip
# Those of the other matrices that this ffmpeg converts.
CONVERTIBLE = ("bt2020nc", "smpte240m", "fcc", "gbr")
PIXEL_FORMATS = ("yuv420p", "yuvj420p")
# Streams of bare frames carry no timestamps, so a constant frame rate is all that they can have.
UNTIMED = ("hevc", "h264", "m4v", "vvc", "rawvideo")
STILLS = ("tty", "image2", "gif", "apng", "webp")
# What ffmpeg prints for a timestamp that is not there.
NO_TIME = -(2**63)


@dataclass(frozen=True)
class VideoInfo:
    """A video's facts by its headers and packets; width and height are those of decoded frames.

    ``sample_aspect`` is a pixel's width over its height as it is shown, 1 where the file says nothing.
    """

    path: Path
    width: int
    height: int
    frames: int
    frame_rate: Fraction
    codec: str
    pixel_format: str
    matrix: str
    full_range: bool
    container: str
    timed: bool
    has_audio: bool
    sample_aspect: Fraction

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.frames / self.frame_rate)


def probe(path: str | Path) -> VideoInfo:
    """Read a video's facts, its frames counted, without decoding it.

    Raises VideoError (file, what was expected, what was found, what to do) for a file that is absent, empty,
    cut short or not a video, an odd width or height, a variable frame rate, samples other than 8-bit 4:2:0,
    or a colour matrix other than BT.601 and BT.709.
    """
    path = Path(path)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise VideoError(f"{path}: expected a video file, found {found}; check the name.")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: expected a video, found an empty file; copy or download it again.")
    return _probe(path, cache.key_of_file(path))


@lru_cache(maxsize=1024)
def _probe(path: Path, _key: str) -> VideoInfo:
    """``probe`` of a file that is there; remembered until the file changes, as the key tells."""
    # Copying packets costs milliseconds where decoding costs seconds, and shows every timestamp.
    copy = ["-map", "0:V:0", "-c", "copy", "-copyinkf", "-f", "framecrc", "-"]
    try:
        listing, messages = ffmpeg.run(
            ["-hide_banner", "-nostdin", "-i", path, *copy],
            task=f"{path}: expected a video that ffmpeg reads",
        )
    except VideoError as failure:
        raise VideoError(f"{failure} Is the file complete, and a video?") from failure
    header = messages.partition("Stream mapping:")[0]
    container = _found(path, r"Input #0, (.+), from ", header)
    stream = _found(
        path,
        r"Stream #0:\S+ Video: (.*)",
        "\n".join(line for line in header.splitlines() if "(attached pic)" not in line),
    )
    if container.endswith("_pipe") or container in STILLS:
        raise VideoError(f"{path}: expected a video, found a still picture or text ({container}).")
    codec = stream.split(",")[0].split(" ")[0]
    pixel_format, tags = _pixel_format(stream)
    matrix = _matrix(path, codec, tags)
    width, height = map(int, _found(path, r", (\d+x\d+)", stream).split("x"))
    listing = listing.decode()
    aspect = _sample_aspect(listing)
    if re.search(r"rotation of -?(90|270)\.", header):
        width, height, aspect = height, width, 1 / aspect
    _check_samples(path, codec, pixel_format, width, height)
    timed = container not in UNTIMED
    packets = [line.split(",") for line in listing.splitlines() if line and not line.startswith("#")]
    times = []
    if timed:
        unit = Fraction(_found(path, r"#tb 0: (\d+/\d+)", listing))
        times = [time * unit for time in _times(packets)]
    rate = _frame_rate(path, stream, timed, times)
    info = VideoInfo(
        path=path, width=width, height=height, frames=len(packets), frame_rate=rate, codec=codec,
        pixel_format=pixel_format, matrix=matrix, full_range="pc" in tags or pixel_format == "yuvj420p",
        container=container, timed=timed, has_audio=" Audio: " in header, sample_aspect=aspect,
    )  # fmt: skip
    _check_constant_rate(info, times)
    _check_complete(info, messages)
    return info


def check_pair(raw: VideoInfo, compressed: VideoInfo) -> None:
    """Raise VideoError unless a raw and a compressed video have the same size, frame count and frame rate.

    Both sides are converted to RGB as the raw one's tags say, since a bare stream carries none: a compressed
    video that is tagged full range beside a raw one that is not is refused too.
    """
    for name in ("width", "height", "frames", "frame_rate"):
        ours, theirs = getattr(raw, name), getattr(compressed, name)
        if name == "frame_rate" and not (raw.timed and compressed.timed):
            continue  # a bare stream, as HM writes it, does not say its rate
        if ours != theirs:
            raise VideoError(
                f"{compressed.path} does not belong to {raw.path}: {name.replace('_', ' ')} is {theirs}, "
                f"expected {ours}. Pair each compressed video with the raw video it was made from."
            )
    if compressed.full_range and not raw.full_range:
        raise VideoError(
            f"{compressed.path} is tagged full range, {raw.path} is not: their samples mean different levels. "
            "Compress the raw video again without converting its range."
        )


def _found(path: Path, pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise VideoError(f"{path}: expected a video, found a file in which ffmpeg sees no picture.")
    return match.group(1)


def _sample_aspect(listing: str) -> Fraction:
    """A pixel's width over its height from the head of ffmpeg's list of packets; 0/1 there is unknown."""
    match = re.search(r"^#sar 0: (\d+)/(\d+)", listing, re.MULTILINE)
    width, height = map(int, match.groups()) if match else (0, 0)
    return Fraction(width, height) if width and height else Fraction(1)


def _times(packets: list[list[str]]) -> list[int]:
    """When each frame is shown, in order.

    AVI numbers frames in coding order and does not say when they are shown: where B frames leave some without
    that time, the times of decoding tell the rate.
    """
    decoded, shown = ([int(fields[column]) for fields in packets] for column in (1, 2))
    return sorted(decoded if NO_TIME in shown else shown)


def _pixel_format(stream: str) -> tuple[str, list[str]]:
    """The pixel format and the tags in the parentheses after it, from ffmpeg's line about a stream."""
    # The codec's parentheses come first and may hold commas too; the format is the one just before the size.
    match = re.search(r", (\w+)(?:\(([^)]*)\))?(?:, \w[\w ]*)*, \d+x\d+", stream)
    if match is None:
        return "unknown", []
    return match.group(1), [tag.strip() for tag in (match.group(2) or "").split(",")]


def _remedy(path: Path, codec: str, *options: str) -> str:
    """A command for the shell that makes a usable copy, and what the copy lacks."""
    copy = path.with_name(f"{path.stem}_converted.mkv")
    encoding = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "4", "-c:a", "copy")
    loss = " (a copy, without the QPs that methods such as mfqe read)" if codec == "hevc" else ""
    command = [ffmpeg.ffmpeg_exe(), "-i", str(path), *options, *encoding, str(copy)]
    return f"Convert it first{loss}: {shlex.join(command)}"


def _matrix(path: Path, codec: str, tags: list[str]) -> str:
    names = [tag.split("/")[0] for tag in tags]
    tag = next((name for name in names if name in MATRIX_OF_TAG or name in OTHER_MATRICES), "")
    if tag in OTHER_MATRICES:
        convert = _remedy(path, codec, "-vf", "scale=out_color_matrix=bt709")
        raise VideoError(
            f"{path}: expected the colour matrix BT.601 or BT.709, found {tag}. "
            f"{convert if tag in CONVERTIBLE else 'Export it again in BT.709 from the program that made it.'}"
        )
    return MATRIX_OF_TAG[tag]


def _check_samples(path: Path, codec: str, pixel_format: str, width: int, height: int) -> None:
    if pixel_format not in PIXEL_FORMATS:
        raise VideoError(
            f"{path}: expected 8-bit 4:2:0 (yuv420p), as in the challenge, found {pixel_format}. {_remedy(path, codec)}"
        )
    if width % 2 or height % 2:
        raise VideoError(
            f"{path}: expected an even width and height, which 4:2:0 needs, found {width}x{height}. "
            f"{_remedy(path, codec, '-vf', f'crop={width - width % 2}:{height - height % 2}')}"
        )


def _frame_rate(path: Path, stream: str, timed: bool, times: list[Fraction]) -> Fraction:
    """The frame rate as a fraction: ffmpeg prints two decimals, the timestamps ``times`` tell what they stand for.

    The first one near the printed decimals that no timestamp contradicts: a whole or half number, n·1000/1001,
    a small denominator, the decimals themselves, the average; the decimals when every one is contradicted.
    """
    found = {unit: text for text, unit in re.findall(r", ([\d.]+k?) (fps|tbr)", stream)}
    # A bare stream's "fps" is ffmpeg's default of 25; its "tbr" is read from the stream where it is there.
    text = found.get("fps" if timed else "tbr") or found.get("tbr") or found.get("fps")
    if text is None or text.endswith("k") or float(text) <= 0:
        raise VideoError(f"{path}: expected a frame rate, found none that makes sense ({stream}).")
    printed = Fraction(text)
    small = [Fraction(round(printed * denominator), denominator) for denominator in range(1, 13)]
    ntsc = Fraction(round(printed * 1001 / 1000) * 1000, 1001)
    candidates = [*small[:2], ntsc, *small[2:], printed]
    if len(times) > 1 and times[-1] > times[0]:
        candidates.append(((len(times) - 1) / (times[-1] - times[0])).limit_denominator(1001))
    near = [rate for rate in candidates if rate > 0 and abs(rate - printed) <= Fraction(6, 1000)]
    return next((rate for rate in near if _irregular(times, rate) is None), printed)


def _irregular(times: list[Fraction], rate: Fraction) -> tuple[int, Fraction] | None:
    """The first frame that is more than half a frame off a constant ``rate``, and by how many; None without one."""
    for index, time in enumerate(times):
        late = (time - times[0]) * rate - index
        if abs(late) > Fraction(1, 2):
            return index, late
    return None


def _check_complete(info: VideoInfo, messages: str) -> None:
    duration = re.search(r"Duration: (\d+):(\d+):([\d.]+)", messages)
    hours, minutes, seconds = map(float, duration.groups()) if duration else (0.0, 0.0, 0.0)
    announced = hours * 3600 + minutes * 60 + seconds
    # Sound often outlasts the picture, so the container's duration says something only where there is none.
    missing = not info.has_audio and info.timed and announced > info.seconds + 2.5 / info.frame_rate
    if info.frames == 0 or "ended prematurely" in messages or "partial file" in messages or missing:
        raise VideoError(
            f"{info.path}: the file is cut short: {info.frames} frames ({info.seconds:.2f} s) found"
            f"{f', {announced:.2f} s announced' if announced else ''}. Copy or download it again."
        )


def _check_constant_rate(info: VideoInfo, times: list[Fraction]) -> None:
    irregular = _irregular(times, info.frame_rate)
    if irregular:
        index, late = irregular
        raise VideoError(
            f"{info.path}: expected a constant frame rate, found a variable one (frame {index} is "
            f"{float(late):+.2f} frames off {float(info.frame_rate):.3f} fps). "
            f"{_remedy(info.path, info.codec, '-fps_mode', 'cfr', '-r', str(info.frame_rate))}"
        )
