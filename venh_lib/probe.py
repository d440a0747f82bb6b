"""What a video file holds, and whether the course can use it: 8-bit 4:2:0, even sizes, constant rate."""

from __future__ import annotations

import re
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
PIXEL_FORMATS = ("yuv420p", "yuvj420p")
# Streams of bare frames carry no timestamps, so a constant frame rate is all that they can have.
UNTIMED = ("hevc", "h264", "m4v", "vvc", "rawvideo")
STILLS = ("tty", "image2", "gif", "apng", "webp")


@dataclass(frozen=True)
class VideoInfo:
    """A video's facts by its headers and packets; width and height are those of decoded frames."""

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
    matrix = _matrix(path, tags)
    width, height = map(int, _found(path, r", (\d+x\d+)", stream).split("x"))
    if re.search(r"rotation of -?(90|270)\.", header):
        width, height = height, width
    _check_samples(path, pixel_format, width, height)
    timed = container not in UNTIMED
    packets = [line.split(",") for line in listing.decode().splitlines() if line and not line.startswith("#")]
    rate = _frame_rate(path, stream, timed)
    info = VideoInfo(
        path=path, width=width, height=height, frames=len(packets), frame_rate=rate, codec=codec,
        pixel_format=pixel_format, matrix=matrix, full_range="pc" in tags or pixel_format == "yuvj420p",
        container=container, timed=timed, has_audio=" Audio: " in header,
    )  # fmt: skip
    if timed:
        unit = Fraction(_found(path, r"#tb 0: (\d+/\d+)", listing.decode()))
        _check_constant_rate(info, sorted(int(fields[2]) * unit for fields in packets))
    _check_complete(info, messages)
    return info


def check_pair(raw: VideoInfo, compressed: VideoInfo) -> None:
    """Raise VideoError unless a raw and a compressed video have the same size, frame count and frame rate."""
    for name in ("width", "height", "frames", "frame_rate"):
        ours, theirs = getattr(raw, name), getattr(compressed, name)
        if name == "frame_rate" and not (raw.timed and compressed.timed):
            continue  # a bare stream, as HM writes it, does not say its rate
        if ours != theirs:
            raise VideoError(
                f"{compressed.path} does not belong to {raw.path}: {name.replace('_', ' ')} is {theirs}, "
                f"expected {ours}. Pair each compressed video with the raw video it was made from."
            )


def _found(path: Path, pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise VideoError(f"{path}: expected a video, found a file in which ffmpeg sees no picture.")
    return match.group(1)


def _pixel_format(stream: str) -> tuple[str, list[str]]:
    """The pixel format and the tags in the parentheses after it, from ffmpeg's line about a stream."""
    # The codec's parentheses come first and may hold commas too; the format is the one just before the size.
    match = re.search(r", (\w+)(?:\(([^)]*)\))?(?:, \w[\w ]*)*, \d+x\d+", stream)
    if match is None:
        return "unknown", []
    return match.group(1), [tag.strip() for tag in (match.group(2) or "").split(",")]


def _matrix(path: Path, tags: list[str]) -> str:
    names = [tag.split("/")[0] for tag in tags]
    tag = next((name for name in names if name in MATRIX_OF_TAG or name in OTHER_MATRICES), "")
    if tag in OTHER_MATRICES:
        raise VideoError(
            f"{path}: expected the colour matrix BT.601 or BT.709, found {tag}. Convert it first: "
            f"ffmpeg -i {path.name} -vf colorspace=bt709 -pix_fmt yuv420p -c:v libx264 -crf 4 converted.mkv"
        )
    return MATRIX_OF_TAG[tag]


def _check_samples(path: Path, pixel_format: str, width: int, height: int) -> None:
    if pixel_format not in PIXEL_FORMATS:
        raise VideoError(
            f"{path}: expected 8-bit 4:2:0 (yuv420p), as in the challenge, found {pixel_format}. "
            f"Convert it first: ffmpeg -i {path.name} -pix_fmt yuv420p -c:v libx264 -crf 4 converted.mkv"
        )
    if width % 2 or height % 2:
        raise VideoError(
            f"{path}: expected an even width and height, which 4:2:0 needs, found {width}x{height}. "
            f"Crop it first: ffmpeg -i {path.name} -vf crop=trunc(iw/2)*2:trunc(ih/2)*2 "
            "-c:v libx264 -crf 4 cropped.mkv"
        )


def _frame_rate(path: Path, stream: str, timed: bool) -> Fraction:
    """The frame rate as a fraction; ffmpeg prints two decimals: 23.98 and its like stand for n·1000/1001."""
    found = {unit: text for text, unit in re.findall(r", ([\d.]+k?) (fps|tbr)", stream)}
    # A bare stream's "fps" is ffmpeg's default of 25; its "tbr" is read from the stream where it is there.
    text = found.get("fps" if timed else "tbr") or found.get("tbr") or found.get("fps")
    if text is None or text.endswith("k") or float(text) <= 0:
        raise VideoError(f"{path}: expected a frame rate, found none that makes sense ({stream}).")
    rate = Fraction(text)
    if rate.denominator > 2:
        ntsc = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
        if abs(ntsc - rate) <= Fraction(6, 1000):
            return ntsc
    return rate


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
    for index, time in enumerate(times):
        late = (time - times[0]) * info.frame_rate - index
        if abs(late) > Fraction(1, 2):
            rate = round(float(info.frame_rate))
            raise VideoError(
                f"{info.path}: expected a constant frame rate, found a variable one (frame {index} is "
                f"{float(late):+.2f} frames off {float(info.frame_rate):.3f} fps). Convert it first: "
                f"ffmpeg -i {info.path.name} -fps_mode cfr -r {rate} -c:v libx264 -crf 4 converted.mkv"
            )
