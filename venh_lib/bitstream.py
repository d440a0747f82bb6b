"""What the encoder decided for each frame, read back from the headers of an HEVC stream."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from venh_lib import ffmpeg
from venh_lib.errors import VideoError

SLICE_TYPES = "BPI"
IDR_AND_BLA = range(16, 21)
# Pictures that later ones may not count from (H.265 §8.3.1): RADL, RASL, and sub-layer non-reference ones.
NOT_COUNTED_FROM = (0, 2, 4, 6, 7, 8, 9, 10, 12, 14)
FIELDS = (
    "nal_unit_type", "nuh_temporal_id_plus1", "pps_pic_parameter_set_id", "init_qp_minus26",
    "log2_max_pic_order_cnt_lsb_minus4", "first_slice_segment_in_pic_flag", "slice_pic_parameter_set_id",
    "slice_type", "slice_pic_order_cnt_lsb", "slice_qp_delta",
)  # fmt: skip
PATTERN = re.compile(
    rf"\] (?:Packet: (\d+) bytes|\d+ +({'|'.join(FIELDS)}) +[01]+ = (-?\d+)\s*$)", re.MULTILINE
)


@dataclass(frozen=True)
class FrameInfo:
    """One coded frame: place in display order (from 0), slice type, quantisation parameter, size in bytes.

    A frame of several slices has the type that predicts most (B before P before I) and its first slice's QP. That is
    the QP of its header: x265 moves blocks away from it, by adaptive quantisation and by what later frames copy.
    """

    index: int
    slice_type: str
    qp: int
    size: int


@dataclass
class _Picture:
    order: tuple[int, int]
    slice_type: str
    qp: int
    size: int


def read_frame_infos(path: str | Path) -> tuple[FrameInfo, ...]:
    """Slice type, QP and size of each frame of an HEVC video, in display order, without decoding it.

    QP is 26 + init_qp_minus26 (picture parameter set) + slice_qp_delta (slice header). Raises VideoError for
    a file that ffmpeg cannot read or that is not HEVC.
    """
    path = Path(path)
    if not path.is_file():
        raise VideoError(f"{path}: expected an HEVC video, found no such file.")
    # The trace is ten thousand characters a frame: it is read as it comes, and not kept.
    trace = ffmpeg.message_lines(
        ["-hide_banner", "-nostdin", "-loglevel", "trace", "-i", path, "-map", "0:V:0", "-c", "copy",
         "-copyinkf", "-bsf:v", "trace_headers", "-f", "null", "-"],
        task=f"{path}: expected an HEVC video whose headers ffmpeg reads",
    )  # fmt: skip
    with closing(trace):
        pictures = sorted(_pictures(_of_hevc(path, trace)), key=lambda picture: picture.order)
    if not pictures:
        raise VideoError(f"{path}: expected an HEVC video, found no coded frame in it; is the file complete?")
    return tuple(FrameInfo(i, p.slice_type, p.qp, p.size) for i, p in enumerate(pictures))


def _of_hevc(path: Path, trace: Iterable[str]) -> Iterator[str]:
    """The lines of ``trace``; VideoError at the one that names another codec, or at the end when none names one."""
    found = None
    for line in trace:
        if found is None and (match := re.search(r"Stream #0:.* Video: (\w+)", line)):
            found = match.group(1)
            if found != "hevc":
                break
        yield line
    if found != "hevc":
        raise VideoError(
            f"{path}: expected an HEVC video, as the challenge's are, found {found or 'nothing that ffmpeg knows'}; "
            "QPs and slice types are read from HEVC headers only. Compress it with venh_lib.codec.compress."
        )


def _pictures(trace: Iterable[str]) -> Iterator[_Picture]:
    """Coded pictures in coding order; their ``order`` is (coded video sequence, picture order count)."""
    init_qp: dict[int, int] = {}
    field: dict[str, int] = dict.fromkeys(FIELDS, 0)
    sequence, base, size, picture = -1, 0, 0, None
    for packet, name, text in (match.groups() for line in trace for match in PATTERN.finditer(line)):
        if packet:
            size = int(packet)
            continue
        value = field[name] = int(text)
        if name == "init_qp_minus26":
            init_qp[field["pps_pic_parameter_set_id"]] = 26 + value
        elif name == "first_slice_segment_in_pic_flag" and value:
            if picture:
                yield picture
            # IDR slices carry no count: it is 0 (H.265 §7.4.7.1).
            field["slice_pic_order_cnt_lsb"] = 0
            picture = _Picture((sequence, 0), "", 0, size)
        elif name == "slice_type":
            picture.slice_type = min(picture.slice_type or "I", SLICE_TYPES[value], key=SLICE_TYPES.index)
        elif name == "slice_qp_delta" and not picture.qp:
            if field["nal_unit_type"] in IDR_AND_BLA or sequence < 0:
                sequence, base = sequence + 1, 0
            count = _order_count(field, base)
            picture.order = (sequence, count)
            picture.qp = init_qp[field["slice_pic_parameter_set_id"]] + value
            if field["nuh_temporal_id_plus1"] == 1 and field["nal_unit_type"] not in NOT_COUNTED_FROM:
                base = count
    if picture:
        yield picture


def _order_count(field: dict[str, int], base: int) -> int:
    """The picture order count from its low bits and the last counted picture's count (H.265 §8.3.1)."""
    period = 16 << field["log2_max_pic_order_cnt_lsb_minus4"]
    low, last = field["slice_pic_order_cnt_lsb"], base % period
    high = base - last
    if low < last and last - low >= period // 2:
        high += period
    elif low > last and low - last > period // 2:
        high -= period
    return high + low
