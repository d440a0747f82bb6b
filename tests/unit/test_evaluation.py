"""The evaluation table against hand computations, leaderboards, and recorded results."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from torch import nn

from venh_lib import challenge, checkpoints, evaluation, references, results
from venh_lib.bitstream import FrameInfo
from venh_lib.dataset import Sequence
from venh_lib.errors import CheckpointError, DataError, SettingError
from venh_lib.methods.method import Method
from venh_lib.video import Frames, planes_to_rgb

CPU = torch.device("cpu")
QPS = (36, 45, 44, 45, 38, 45)


class Toy(Sequence):
    """A sequence whose frames are arrays; equal only to itself, so that nothing kept of another is taken for it."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other

    def given(self, raw: Frames, compressed: Frames) -> Toy:
        object.__setattr__(self, "clips", (raw, compressed))
        return self

    def raw_frames(self) -> Frames:
        return self.clips[0]

    def compressed_frames(self) -> Frames:
        return self.clips[1]


def sequence_of(name="a", height=32, width=48, frames=6, seed=0, noise=12, tag="bt709") -> Toy:
    rng = np.random.default_rng(seed)
    raw = rng.integers(60, 190, (frames, height * 3 // 2, width), dtype=np.uint8)
    coded = np.clip(raw.astype(int) + rng.integers(-noise, noise + 1, raw.shape), 0, 255).astype(np.uint8)
    infos = tuple(FrameInfo(t, "P" if t else "I", QPS[t % 6], 10) for t in range(frames))
    sequence = Toy(name, "test", "toys", Path("raw.mkv"), Path("coded.mkv"), infos, Fraction(30))
    # The compressed side carries another tag: the raw side's matrix must be used for both.
    return sequence.given(Frames(raw, tag), Frames(coded, "bt601"))


def method_of(slug="toy", policy=references.centre_only, kind="window") -> Method:
    return Method(
        slug=slug, team="Toy", title="Toy", tracks=(1,), sections=(), kind=kind, build=lambda preset: Halfway(),
        policy=policy, recipes={}, departures=(), least_size=1,
    )  # fmt: skip


class Halfway(nn.Module):
    """Draws every value towards mid-grey."""

    def forward(self, window):
        return 0.5 + 0.9 * (window[:, window.shape[1] // 2] - 0.5)


def psnr_by_hand(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * math.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2))


def figures_by_hand(sequence: Toy, frames: int) -> tuple[list[float], list[float]]:
    before, after = [], []
    for t in range(frames):
        truth, given = (planes_to_rgb(clip.planes(t), "bt709") for clip in sequence.clips)
        output = np.round(np.clip(127.5 + 0.9 * (given.astype(np.float32) - 127.5), 0, 255))
        before.append(psnr_by_hand(truth, given))
        after.append(psnr_by_hand(truth, output))
    return before, after


def run(sequences, **options) -> pandas.DataFrame:
    settings = {"network": Halfway(), "device": CPU, "ms_ssim": False, "progress": False, **options}
    return evaluation.evaluate(method_of(), 1, sequences=sequences, **settings)


def test_the_table_holds_means_over_all_frames_of_each_clip():
    clips = [sequence_of("a", seed=1), sequence_of("b", seed=2, height=34, noise=4)]
    table = run(clips)
    assert tuple(table.columns[:9]) == results.COLUMNS
    assert list(table["clip"]) == ["a", "b"] and list(table["frames"]) == [6, 6]
    for row, clip in zip(table.itertuples(), clips, strict=True):
        before, after = figures_by_hand(clip, 6)
        gains = np.subtract(after, before)
        assert row.psnr_in == pytest.approx(np.mean(before), abs=1e-6)
        assert row.psnr_out == pytest.approx(np.mean(after), abs=2e-3)
        assert row.gain_db == pytest.approx(gains.mean(), abs=2e-3)
        # QPs 36, 45, 44, 45, 38, 45: frames 0 and 4 are the peaks.
        assert row.pqf_gain_db == pytest.approx(gains[[0, 4]].mean(), abs=2e-3)
        assert row.non_pqf_gain_db == pytest.approx(gains[[1, 2, 3, 5]].mean(), abs=2e-3)
        assert math.isnan(row.ms_ssim_in) and row.category == "toys"


def test_a_pair_is_converted_by_the_raw_sides_range_too():
    clip = sequence_of()
    raw, coded = clip.clips
    clip.given(Frames(raw.array, "bt709", True), Frames(coded.array, "bt709", False))
    truth, given = (planes_to_rgb(side.planes(0), "bt709", True) for side in clip.clips)
    assert run([clip], frames=1)["psnr_in"].iloc[0] == pytest.approx(psnr_by_hand(truth, given), abs=1e-6)


class Same(nn.Module):
    """Leaves the frame as it is."""

    def forward(self, window):
        return window[:, 0]


def with_equal_frames(*frames: int) -> Toy:
    """A clip whose compressed ``frames`` equal the raw ones."""
    clip = sequence_of(tag="bt601")
    raw, coded = clip.clips
    array = coded.array.copy()
    array[list(frames)] = raw.array[list(frames)]
    return clip.given(raw, Frames(array, "bt601"))


def test_frames_that_equal_their_reference_are_left_out_of_both_sides_of_the_gain():
    clip, whole = with_equal_frames(0, 3), run([sequence_of(tag="bt601")]).iloc[0]
    truth, given = ([planes_to_rgb(side.planes(t), "bt601") for t in range(6)] for side in clip.clips)
    outputs = [np.round(np.clip(127.5 + 0.9 * (frame.astype(np.float32) - 127.5), 0, 255)) for frame in given]
    differing = (1, 2, 4, 5)
    before = {t: psnr_by_hand(truth[t], given[t]) for t in differing}
    after = [psnr_by_hand(truth[t], outputs[t]) for t in range(6)]
    gains = {t: after[t] - before[t] for t in differing}
    row = run([clip]).iloc[0]
    assert row["psnr_in"] == pytest.approx(np.mean(list(before.values())), abs=1e-6)
    assert row["psnr_out"] == pytest.approx(np.mean(after), abs=2e-3)
    assert row["gain_db"] == pytest.approx(np.mean(list(gains.values())), abs=2e-3)
    assert row["pqf_gain_db"] == pytest.approx(gains[4], abs=2e-3)
    # Not the difference of the two means, which are over different frames.
    assert abs(row["gain_db"] - (row["psnr_out"] - row["psnr_in"])) > 0.1
    assert run([with_equal_frames()]).iloc[0]["gain_db"] == whole["gain_db"]


def test_a_clip_that_equals_its_reference_has_no_gain_and_valid_json():
    table = run([with_equal_frames(*range(6))], network=Same())
    row = table.iloc[0]
    assert row["psnr_in"] == row["psnr_out"] == math.inf and math.isnan(row["gain_db"])
    record = json.loads(json.dumps(evaluation.to_records(table), allow_nan=False))[0]
    assert record["psnr_in"] is record["psnr_out"] is record["gain_db"] is None
    assert (record["clip"], record["frames"]) == ("a", 6)


def test_only_the_first_frames_count_when_asked():
    clip = sequence_of()
    before, after = figures_by_hand(clip, 3)
    row = run([clip], frames=3).iloc[0]
    assert row["frames"] == 3
    assert row["gain_db"] == pytest.approx(np.mean(after) - np.mean(before), abs=2e-3)
    with pytest.raises(SettingError, match="frames must be at least 1"):
        run([clip], frames=0)


def test_ms_ssim_stands_in_the_table():
    clip = sequence_of(height=164, width=166, frames=1)
    row = run([clip], ms_ssim=True).iloc[0]
    assert 0 < row["ms_ssim_out"] < 1 and 0 < row["ms_ssim_in"] < 1
    with pytest.raises(DataError, match="above 160 px"):
        run([sequence_of()], ms_ssim=True)


def test_a_network_in_training_keeps_its_mode():
    network = Halfway().train()
    run([sequence_of()], network=network)
    assert network.training


def test_ensembles_and_other_settings_reach_inference():
    class LeftHalf(nn.Module):
        """Leaves the left half black."""

        def forward(self, window):
            frame = window[:, 0].clone()
            frame[..., : frame.shape[-1] // 2] = 0
            return frame

    clip = sequence_of()
    one, two = (run([clip], network=LeftHalf(), ensemble=count)["psnr_out"].iloc[0] for count in (1, 2))
    truth, given = (planes_to_rgb(side.planes(0), "bt709") for side in clip.clips)
    expected = psnr_by_hand(truth, np.round(given / 2))
    first = run([clip], network=LeftHalf(), ensemble=2, frames=1)["psnr_out"].iloc[0]
    assert first == pytest.approx(expected, abs=0.05)
    assert two > one + 1
    with pytest.raises(SettingError, match="unknown inference setting tiles"):
        run([clip], tiles=16)


def test_pairs_of_different_size_and_empty_splits_are_refused():
    clip, other = sequence_of("a"), sequence_of("b", height=36)
    clip.given(clip.clips[0], other.clips[1])
    with pytest.raises(DataError, match="a: .* must be of one size"):
        run([clip])
    with pytest.raises(DataError, match="no clips"):
        run([])
    with pytest.raises(SettingError):
        evaluation.evaluate(method_of(), 4, sequences=[sequence_of()], network=Halfway())


def rows_of(**gains) -> pandas.DataFrame:
    rows = [
        (method, 1, clip, 33, 30.0, 30.0 + gain, gain, 0.9, math.nan)
        for method, values in gains.items()
        for clip, gain in zip("ab", values, strict=True)
    ]
    return pandas.DataFrame(rows, columns=list(results.COLUMNS))


def test_the_summary_is_the_mean_over_clips_and_the_least():
    summary = evaluation.summary(rows_of(arcnn=(0.1, 0.2), mfqe=(0.6, 0.2)))
    assert list(summary["method"]) == ["mfqe", "arcnn"]
    assert list(summary["gain"]) == pytest.approx([0.4, 0.15])
    assert list(summary["least_clip"]) == ["b", "a"]


def test_the_leaderboard_stands_beside_the_reports():
    published = challenge.published_gains(1)
    assert published["mfqe"] > published["qecnn"] > published["arcnn"]
    table = rows_of(arcnn=(0.1, 0.2), mfqe=(0.2, 0.3), qecnn=(0.4, 0.5), mine=(1.0, 1.0))
    board = evaluation.leaderboard(table, 1)
    assert list(board.index) == ["mine", "qecnn", "mfqe", "arcnn"]
    assert board.loc["mfqe", "report_gain_db"] == published["mfqe"]
    assert math.isnan(board.loc["mine", "report_gain_db"]) and math.isnan(board.loc["mine", "rank"])
    assert board.loc[["mfqe", "qecnn", "arcnn"], "rank"].tolist() == [2, 1, 3]
    assert board.loc[["mfqe", "qecnn", "arcnn"], "report_rank"].tolist() == [1, 2, 3]
    # Spearman by hand: 1 − 6·Σd² / (n(n² − 1)) with d = 1, 1, 0.
    assert board.attrs["rank_correlation"] == pytest.approx(1 - 6 * 2 / (3 * 8))
    with pytest.raises(SettingError, match="MOS"):
        evaluation.leaderboard(table, 2)


def test_a_teams_second_method_stands_beside_the_teams_gain():
    board = evaluation.leaderboard(rows_of(vue_four=(0.5, 0.6), mine=(1.0, 1.0)).assign(track=3), 3)
    assert board.loc["vue_four", "report_gain_db"] == challenge.published_gains(3)["vue"]
    assert math.isnan(board.loc["mine", "report_gain_db"])


@pytest.mark.parametrize("count, chosen", [(None, "abcdefg"), (1, "a"), (3, "adg"), (7, "abcdefg"), (9, "abcdefg")])
def test_some_of_a_list_are_spread_over_it(count, chosen):
    assert evaluation.spread_out("abcdefg", count) == list(chosen)
    assert evaluation.spread_out([], count) == []


def test_records_are_plain_json():
    records = evaluation.to_records(rows_of(arcnn=(0.1, 0.2)))
    assert list(records[0]) == list(results.COLUMNS) and records[0]["ms_ssim_out"] is None
    assert json.loads(json.dumps(records, allow_nan=False))[1]["gain_db"] == 0.2


def test_recorded_rows_of_a_method_are_replaced_and_others_kept(tmp_path):
    path = tmp_path / "results" / "track1.csv"
    evaluation.save_results(rows_of(arcnn=(0.1, 0.2), mfqe=(0.5, 0.5)), path)
    held = evaluation.save_results(rows_of(arcnn=(0.3, 0.4)), path)
    loaded = evaluation.load_results(path)
    pandas.testing.assert_frame_equal(held, loaded)
    assert loaded.groupby("method")["gain_db"].mean().to_dict() == pytest.approx({"arcnn": 0.35, "mfqe": 0.5})
    assert len(loaded) == 4 and [p.name for p in path.parent.iterdir()] == ["track1.csv"]
    assert results.summaries(results.read_rows(path))[0].method == "mfqe"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="expected the columns"):
        evaluation.save_results(rows_of(arcnn=(0.3, 0.4)), path)
    assert path.read_text() == "a,b\n1,2\n"


def test_every_method_with_weights_is_evaluated_and_the_others_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "METHODS", {slug: method_of(slug) for slug in ("one", "two")})
    monkeypatch.setattr(checkpoints, "shipped", lambda method, track: tmp_path / f"{method.slug}.safetensors")
    options = {"sequences": [sequence_of()], "device": CPU, "ms_ssim": False, "progress": False}
    with pytest.raises(CheckpointError, match="looked for one, two"):
        evaluation.evaluate_all(1, **options)
    record = {"method": "two", "preset": "course"}
    network = nn.Sequential()
    monkeypatch.setattr(checkpoints, "load", lambda path, method: Halfway())
    checkpoints.save(tmp_path / "two.safetensors", network, record)
    table = evaluation.evaluate_all(1, **options)
    assert set(table["method"]) == {"two"} and table.attrs["without_checkpoint"] == ["one"]
