"""Recorded evaluations as text: the table that ends a run, and the figures that the README shows."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from venh_lib import settings
from venh_lib.errors import DataError

COLUMNS = (
    "method",
    "track",
    "clip",
    "frames",
    "psnr_in",
    "psnr_out",
    "gain_db",
    "ms_ssim_in",
    "ms_ssim_out",
)
_MARKED = re.compile(r"(<!-- figures:(\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


@dataclass(frozen=True)
class Summary:
    """One method over the clips of a track: PSNR gains in dB and MS-SSIM, means over clips."""

    method: str
    clips: int
    psnr_in: float
    psnr_out: float
    gain: float
    least_gain: float
    least_clip: str
    ms_ssim_in: float
    ms_ssim_out: float


def recorded(track: int) -> Path:
    """Where the course keeps the evaluation of its shipped checkpoints on the test clips of ``track``."""
    return settings.data_dir() / "results" / f"track{track}.csv"


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of an evaluation kept as CSV. Raises DataError if its columns are not ``COLUMNS``."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise DataError(f"{path}: expected the columns {', '.join(COLUMNS)}, found {reader.fieldnames}.")
    return rows


def summaries(rows: Iterable[Mapping[str, str]]) -> list[Summary]:
    """One Summary per method, the largest gain first."""
    by_method: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)

    def mean(rows: list[Mapping[str, str]], column: str) -> float:
        return math.fsum(float(row[column]) for row in rows) / len(rows)

    found = []
    for method, own in by_method.items():
        least = min(own, key=lambda row: float(row["gain_db"]))
        found.append(
            Summary(
                method,
                len(own),
                mean(own, "psnr_in"),
                mean(own, "psnr_out"),
                mean(own, "gain_db"),
                float(least["gain_db"]),
                least["clip"],
                mean(own, "ms_ssim_in"),
                mean(own, "ms_ssim_out"),
            )
        )
    return sorted(found, key=lambda summary: -summary.gain)


def markdown_table(rows: Iterable[Mapping[str, str]]) -> str:
    """The leaderboard of one track in Markdown: RGB PSNR in dB and MS-SSIM, means over clips."""
    lines = [
        "| method | clips | PSNR in (dB) | PSNR out (dB) | gain (dB) | least gain (dB) | MS-SSIM in | MS-SSIM out |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for s in summaries(rows):
        lines.append(
            f"| {s.method} | {s.clips} | {s.psnr_in:.2f} | {s.psnr_out:.2f} | {s.gain:+.3f} "
            f"| {s.least_gain:+.3f} ({s.least_clip}) | {s.ms_ssim_in:.4f} | {s.ms_ssim_out:.4f} |"
        )
    return "\n".join(lines) + "\n"


def plain_table(rows: Iterable[Mapping[str, str]]) -> str:
    """The same leaderboard for a terminal."""
    lines = [f"{'method':<16} {'clips':>5} {'PSNR in':>8} {'PSNR out':>9} {'gain dB':>8} {'least':>8}  clip"]
    for s in summaries(rows):
        lines.append(
            f"{s.method:<16} {s.clips:5d} {s.psnr_in:8.2f} {s.psnr_out:9.2f} {s.gain:+8.3f} "
            f"{s.least_gain:+8.3f}  {s.least_clip}"
        )
    return "\n".join(lines)


def rendered(text: str, folder: Path) -> str:
    """``text`` with each part between ``<!-- figures:NAME -->`` and ``<!-- /figures -->`` made anew.

    NAME is a CSV of ``folder``; where there is none yet, the text says so.
    """

    def table(match: re.Match[str]) -> str:
        path = folder / f"{match[2]}.csv"
        figures = markdown_table(read_rows(path)) if path.exists() else "Not measured yet.\n"
        return match[1] + figures + match[3]

    return _MARKED.sub(table, text)
