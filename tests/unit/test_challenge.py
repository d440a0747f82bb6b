"""Teams, tracks and tables against what the report's own text says about them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from venh_lib import challenge
from venh_lib.errors import DataError, SettingError

VIDEOS = {1: [f"#{k} PSNR (dB)" for k in range(1, 11)], 3: [f"#{k} PSNR (dB)" for k in range(11, 21)],
          2: [f"#{k} MOS" for k in range(1, 11)]}  # fmt: skip
AVERAGE = {1: "Average PSNR (dB)", 2: "Average MOS", 3: "Average PSNR (dB)"}


def entries(track: int):
    """The rows of the teams of a track's table, by slug."""
    slugs = [team.slug for team in challenge.teams_of(track)]
    return challenge.table(track).set_index("slug").loc[slugs]


def test_each_track_has_the_teams_that_the_abstract_counts():
    assert [len(challenge.teams_of(track)) for track in (1, 2, 3)] == [12, 8, 11]
    assert len(challenge.TEAMS) == 16
    assert [team.section for team in challenge.TEAMS] == [f"§4.{k}" for k in range(1, 17)]


@pytest.mark.parametrize("track", [1, 2, 3])
def test_teams_of_a_track_are_those_of_its_table_and_of_table_4(track):
    expected = {team.slug for team in challenge.teams_of(track)}
    baselines = {team.slug for team in challenge.BASELINES} if track == 1 else set()
    printed = challenge.table(track)
    assert set(printed["slug"]) == expected | baselines | {"unprocessed"}
    assert printed["slug"].iloc[-1] == "unprocessed"
    times = challenge.table(4).set_index("slug")[f"Track {track} running time (s per frame)"]
    assert set(times.dropna().index) == expected | baselines


@pytest.mark.parametrize(("track", "half_a_unit"), [(1, 0.005), (2, 0.5), (3, 0.005)])
def test_averages_are_the_rounded_means_of_their_rows_but_for_one(track, half_a_unit):
    printed = challenge.table(track).set_index("slug")
    off = (printed[VIDEOS[track]].mean(axis=1) - printed[AVERAGE[track]]).abs()
    different = off[off > half_a_unit + 1e-9]
    if track == 1:
        assert list(different.index) == ["vip_dji"] and different.iloc[0] == pytest.approx(0.006, abs=1e-9)
    else:
        assert different.empty


def test_rows_are_ranked_by_their_average():
    for track in (1, 2, 3):
        printed = challenge.table(track)
        is_entry = printed["slug"].isin([team.slug for team in challenge.teams_of(track)])
        assert printed[is_entry][AVERAGE[track]].is_monotonic_decreasing


def test_gains_that_section_3_1_states():
    gains = challenge.published_gains(1)
    teams = {team.slug: gains[team.slug] for team in challenge.teams_of(1)}
    assert (min(teams.values()), max(teams.values())) == (0.59, 1.98)
    assert teams["bilibili"] == 1.98 and teams["ivp_tencent"] == 0.59
    assert round(gains["bilibili"] - gains["ntu_slab"], 2) == 0.03
    assert round(gains["bilibili"] - gains["vue"], 2) == 0.48
    structure = challenge.table(1).set_index("slug")["Average MS-SSIM"]
    rise = (structure - structure["unprocessed"])[list(teams)].round(4)
    assert (rise.min(), rise.max()) == (0.0100, 0.0257)
    videos = entries(1)[VIDEOS[1]]
    assert (videos.loc["ntu_slab"] > videos.loc["bilibili"]).sum() == 7


def test_results_that_section_3_2_states():
    best = entries(2)[VIDEOS[2]].max()
    assert (entries(2)[VIDEOS[2]].loc["bilibili"] == best).sum() == 5
    assert (entries(2)[VIDEOS[2]].loc["ntu_slab"] == best).sum() == 3
    for metric in ("Average LPIPS", "Average FID", "Average VID"):
        assert list(entries(2)[metric].nsmallest(3).index)[:2] == ["bilibili", "ntu_slab"]
        assert entries(2)[metric].rank(method="min")["noahtcv"] == 3


def test_results_that_section_3_3_states():
    gains = challenge.published_gains(3)
    assert [gains[slug] for slug in ("ntu_slab", "bilibili", "mt_maxclear")] == [2.03, 1.61, 1.35]
    videos = entries(3)[VIDEOS[3]]
    assert (videos.loc["ntu_slab"] == videos.max()).sum() == 6


def test_table_4_has_seconds_and_text():
    times = challenge.table(4).set_index("slug")
    assert len(times) == 20
    column = "Track 1 running time (s per frame)"
    assert times[column].idxmin() == "ivp_tencent" and 1 / times[column].min() > 120  # §3.4
    assert times.loc["bluedot", "Ensemble / Fusion"] == "-"
    assert times.loc["bilibili", "Extra training data"] == "Bilibili [27], YouTube [28]"


def test_every_printed_spelling_leads_to_its_team():
    assert challenge.team_of("McEhance").slug == challenge.team_of("McEnhance").slug == "mcenhance"
    assert challenge.team_of("NJUvSion").slug == "nju_vision"
    assert challenge.team_of("HNU.CVers").slug == "hnu_cvers"
    assert challenge.team_of("MFQE [72]") in challenge.BASELINES
    assert challenge.team_of("vue").name == "VUE"


def test_the_splits_add_up_to_what_section_2_1_says_of_ldv():
    assert len(challenge.CATEGORIES) == 10
    assert sum(split.videos for split in challenge.SPLITS) == challenge.LDV_VIDEOS == 240
    high = sum(split.high_frame_rate for split in challenge.SPLITS)
    assert high == 68 and high + challenge.LDV_LOW_FRAME_RATE == 240
    assert sum(split.fast_motion for split in challenge.SPLITS) == 48


def test_tracks_name_their_metric_and_their_videos():
    assert [track.metric for track in challenge.TRACKS] == ["PSNR", "MOS", "PSNR"]
    for track in challenge.TRACKS:
        assert [f"#{k}" for k in track.videos] == [name.split()[0] for name in VIDEOS[track.number]]


def test_what_is_unknown_is_named():
    with pytest.raises(SettingError, match="no track 4"):
        challenge.track(4)
    with pytest.raises(SettingError, match="table 5"):
        challenge.table(5)
    with pytest.raises(SettingError, match="'nobody'"):
        challenge.team_of("nobody")
    with pytest.raises(SettingError, match="MOS"):
        challenge.published_gains(2)


def test_a_table_that_is_missing_or_altered_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("VENH_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"table1\.csv is missing"):
        challenge.table(1)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "table1.csv").write_text("Team,Average PSNR (dB)\nSomebody,30.0\n")
    with pytest.raises(DataError, match=r"table1\.csv.*'Somebody'"):
        challenge.table(1)


def test_importing_the_facts_needs_neither_torch_nor_pandas():
    code = (
        "import sys; from venh_lib import challenge, references; "
        "print({'torch', 'pandas'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "set()"
