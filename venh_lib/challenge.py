"""The challenge: its tracks, its teams, the LDV data set, and the report's Tables 1–4.

The tables lie in ``data/report/table1.csv`` … ``table4.csv``, one row per line of the report, every
figure and name as printed; only the columns' headings are spelled out. What the reader should know:

- Table 2's "VID" is KID: §2.3 defines KID [6], and the report defines no VID. The column keeps its name.
- Names vary: "McEhance" (Tables 3 and 4) is the McEnhance Team of §4.15; Table 4's "NJUvSion" and
  "HNU.CVers" are NJU-Vision and HNU_CVers. ``team_of`` knows them all.
- Of the averages in Tables 1–3 one is not the rounded mean of its row: VIP&DJI in Table 1 has 31.65
  where the ten videos give 31.656.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from venh_lib import settings
from venh_lib.errors import DataError, SettingError

if TYPE_CHECKING:
    import pandas

UNPROCESSED = "Unprocessed video"

CATEGORIES = (
    "animal",
    "city",
    "close-up",
    "fashion",
    "human",
    "indoor",
    "park",
    "scenery",
    "sports",
    "vehicle",
)


@dataclass(frozen=True)
class Split:
    """A part of LDV (§2.1): its videos, how many run at 50 frames per second or more, how many move fast."""

    name: str
    videos: int
    high_frame_rate: int
    fast_motion: int


# The report counts high frame rates and fast motion in the whole (68 and 48) and in every part but the
# first, whose counts are what is left.
SPLITS = (
    Split("training", 200, 51, 38),
    Split("validation", 20, 9, 5),
    Split("test, fixed QP", 10, 4, 3),
    Split("test, fixed bit-rate", 10, 4, 2),
)
LDV_VIDEOS = 240
LDV_LOW_FRAME_RATE = 172  # at 30 frames per second or less
LDV_SHAKY = 75
LDV_DARK = 20
LDV_FRAMES = (106, 300, 600)  # least, median and most frames of a video, from the data set's own sheets


@dataclass(frozen=True)
class Track:
    """A track (§2.2, §2.3): its compression, the metric that ranks its entries, its videos in the tables."""

    number: int
    title: str
    compression: str
    metric: str
    videos: tuple[int, ...]


_FIXED_QP = "HEVC, HM 16.20, low-delay P, QP 37"
TRACKS = (
    Track(1, "Fixed QP, fidelity", _FIXED_QP, "PSNR", tuple(range(1, 11))),
    Track(2, "Fixed QP, perceptual", _FIXED_QP, "MOS", tuple(range(1, 11))),
    Track(3, "Fixed bit-rate, fidelity", "HEVC, x265, two passes, 200 kbit/s", "PSNR", tuple(range(11, 21))),
)


@dataclass(frozen=True)
class Team:
    """An entry of the challenge, or a baseline: name as §4 heads it, slug in this course, tracks, section.

    ``spellings`` are the other names that the report's tables print for it.
    """

    name: str
    slug: str
    tracks: tuple[int, ...]
    section: str
    spellings: tuple[str, ...] = ()


TEAMS = (
    Team("BILIBILI AI & FDU", "bilibili", (1, 2, 3), "§4.1"),
    Team("NTU-SLab", "ntu_slab", (1, 2, 3), "§4.2"),
    Team("VUE", "vue", (1, 2, 3), "§4.3"),
    Team("NOAHTCV", "noahtcv", (1, 2, 3), "§4.4"),
    Team("MT.MaxClear", "mt_maxclear", (1, 2, 3), "§4.5"),
    Team("Shannon", "shannon", (1, 2), "§4.6"),
    Team("Block2Rock Noah-Hisilicon", "block2rock", (3,), "§4.7"),
    Team("Gogoing", "gogoing", (1, 3), "§4.8"),
    Team("NJU-Vision", "nju_vision", (1,), "§4.9", ("NJUvSion",)),
    Team("BOE-IOT-AIBD", "boe_iot_aibd", (1, 2, 3), "§4.10"),
    Team("(anonymous)", "anonymous", (2,), "§4.11"),
    Team("VIP&DJI", "vip_dji", (1, 3), "§4.12"),
    Team("BLUEDOT", "bluedot", (3,), "§4.13"),
    Team("HNU_CVers", "hnu_cvers", (1,), "§4.14", ("HNU.CVers",)),
    Team("McEnhance", "mcenhance", (3,), "§4.15", ("McEhance",)),
    Team("Ivp-tencent", "ivp_tencent", (1,), "§4.16"),
)

# Existing methods that the organisers trained on LDV (§3.1).
BASELINES = (
    Team("MFQE", "mfqe", (1,), "§3.1", ("MFQE [72]",)),
    Team("QECNN", "qecnn", (1,), "§3.1", ("QECNN [70]",)),
    Team("DnCNN", "dncnn", (1,), "§3.1", ("DnCNN [74]",)),
    Team("ARCNN", "arcnn", (1,), "§3.1", ("ARCNN [16]",)),
)


def track(number: int) -> Track:
    """The track of that number; SettingError if there is none."""
    for candidate in TRACKS:
        if candidate.number == number:
            return candidate
    raise SettingError(f"there is no track {number!r}; the challenge has tracks 1, 2 and 3.")


def teams_of(number: int) -> tuple[Team, ...]:
    """The teams that entered a track, in the order of §4, without baselines."""
    track(number)
    return tuple(team for team in TEAMS if number in team.tracks)


def team_of(name: str) -> Team:
    """The team or baseline of a slug, or of a name as the report prints it; SettingError if unknown."""
    for team in (*TEAMS, *BASELINES):
        if name in (team.slug, team.name, *team.spellings):
            return team
    known = ", ".join(team.slug for team in (*TEAMS, *BASELINES))
    raise SettingError(f"the report has no team or baseline {name!r}; known slugs are {known}.")


def table(number: int) -> pandas.DataFrame:
    """Table 1, 2, 3 or 4 of the report, in its order of rows.

    Columns: ``Team`` as printed; ``slug`` (ours; ``unprocessed`` in the last row of Tables 1–3); then the
    figures under their headings with units: ``#k PSNR (dB)`` or ``#k MOS`` for video k, ``Average …``; in
    Table 4 seconds per frame on each track (NaN where the report prints a dash) and four columns of text.
    Raises SettingError for another number, DataError for a file that is missing or has an unknown team.
    """
    import pandas  # here, because it takes longer to import than all of this module's callers together

    if number not in (1, 2, 3, 4):
        raise SettingError(f"the report has no results in table {number!r}; choose 1, 2, 3 or 4.")
    path = settings.data_dir() / "report" / f"table{number}.csv"
    if not path.is_file():
        raise DataError(f"{path} is missing; it is part of the course's repository: restore it from there.")
    dashes = {f"Track {k} running time (s per frame)": ["-"] for k in (1, 2, 3)} if number == 4 else None
    frame = pandas.read_csv(path, keep_default_na=False, na_values=dashes)
    try:
        slugs = ["unprocessed" if name == UNPROCESSED else team_of(name).slug for name in frame["Team"]]
    except SettingError as error:
        raise DataError(f"{path}: {error}") from error
    frame.insert(1, "slug", slugs)
    return frame


def published_gains(number: int) -> dict[str, float]:
    """Average gain in RGB PSNR over the unprocessed video, in dB, by slug: Track 1 (Table 1) or 3 (Table 3).

    Differences of the printed averages. Raises SettingError for Track 2, which is ranked by MOS.
    """
    if track(number).metric != "PSNR":
        raise SettingError(f"track {number} is ranked by MOS and has no PSNR in the report; choose 1 or 3.")
    average = table(number).set_index("slug")["Average PSNR (dB)"]
    gains = (average - average["unprocessed"]).round(2)
    return {slug: float(gain) for slug, gain in gains.items() if slug != "unprocessed"}
