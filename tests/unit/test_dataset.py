"""Sequences: the sample set made on first use, and LDV found where a learner unpacked it."""

from pathlib import Path

import numpy as np
import pytest

from venh_lib import codec, dataset, ffmpeg
from venh_lib.errors import DataError, SettingError, VideoError
from venh_lib.video import VideoWriter, check_pair, open_frames, probe, read_planes


def test_training_clips_are_synthesised_and_compressed_as_track_1_asks():
    first, second = dataset.sample_set("train", limit=2)
    assert first.name != second.name and len(first) == dataset.CLIP_FRAMES
    assert [info.qp for info in first.infos][:9] == [36, 45, 44, 45, 38, 45, 44, 45, 38]
    raw, compressed = first.raw_frames().rgb(16), first.compressed_frames().rgb(16)
    assert raw.shape == compressed.shape == (dataset.CLIP_HEIGHT, dataset.CLIP_WIDTH, 3)
    error = np.square(raw.astype(float) - compressed).mean()
    assert 2 < error < 1500


def test_sequences_stay_usable_when_the_cache_drops_their_files(tmp_path, monkeypatch):
    clips = dataset.sample_set("train", limit=2, progress=False)
    frames = [(clip.raw_frames().planes(7).copy(), clip.compressed_frames().planes(7).copy()) for clip in clips]
    # Room for the frames of one side of one clip, and little more.
    bound = 6 * 2**20
    monkeypatch.setenv("VENH_CACHE", str(tmp_path))
    monkeypatch.setenv("VENH_CACHE_GIB", str(bound / 2**30))
    bounded = dataset.sample_set("train", limit=2, progress=False)
    assert [clip.infos for clip in bounded] == [clip.infos for clip in clips]
    assert held(tmp_path) <= bound
    for clip, (raw, compressed) in zip(bounded, frames, strict=True):
        np.testing.assert_array_equal(clip.compressed_frames().planes(7), compressed)
        np.testing.assert_array_equal(clip.raw_frames().planes(7), raw)
        assert held(tmp_path) <= bound
    assert not all(clip.compressed.is_file() and clip.raw.is_file() for clip in bounded)
    # Made again, they are where the sequence says.
    for clip in bounded:
        assert (clip.raw_file(), clip.compressed_file()) == (clip.raw, clip.compressed)
        assert clip.compressed.is_file()


def test_clips_are_made_with_a_bound_that_holds_none_of_them(tmp_path, monkeypatch):
    whole = dataset.sample_set("train", limit=2, progress=False)
    monkeypatch.setenv("VENH_CACHE", str(tmp_path))
    monkeypatch.setenv("VENH_CACHE_GIB", str(1000 / 2**30))
    clips = dataset.sample_set("train", limit=2, progress=False)
    assert [(clip.name, clip.infos) for clip in clips] == [(clip.name, clip.infos) for clip in whole]
    assert held(tmp_path) <= 1000
    np.testing.assert_array_equal(clips[0].compressed_frames().planes(32), whole[0].compressed_frames().planes(32))


def held(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_clips_that_do_not_fit_into_the_cache_together_are_refused(monkeypatch):
    clips = dataset.sample_set("train", limit=3, progress=False)
    files = {frames.array.base.filename for clip in clips for frames in (clip.raw_frames(), clip.compressed_frames())}
    needed = sum(clip.decoded_bytes for clip in clips)
    # Each file has a header of 128 bytes.
    assert needed == sum(Path(file).stat().st_size - 128 for file in files) and len(files) == 6
    monkeypatch.setenv("VENH_CACHE_GIB", str((needed + 1) / 2**30))
    dataset.check_cache_holds(clips)
    monkeypatch.setenv("VENH_CACHE_GIB", str((needed - 1) / 2**30))
    with pytest.raises(SettingError, match=r"3 clips need 0\.03 GiB.*bound is 0\.03 GiB.*VENH_CACHE_GIB to 1"):
        dataset.check_cache_holds(clips)


def full_range_clip(path):
    """A full-range clip of 5 frames that uses all levels."""
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 256, (8, 12, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    with VideoWriter(path, 96, 64, dataset.CLIP_RATE, matrix="bt709", full_range=True) as writer:
        for t in range(5):
            writer.write(np.roll(picture, 2 * t, axis=1))
    return path


def bare_stream(raw, path):
    """``raw`` coded as HM would: a bare HEVC stream that says nothing about colours."""
    planes = path.with_suffix(".yuv")
    planes.write_bytes(b"".join(frame.tobytes() for frame in read_planes(raw)))
    source = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "96x64", "-r", "30", "-i", planes]
    ffmpeg.run([*ffmpeg.QUIET, *source, "-c:v", "libx265", "-x265-params", "log-level=error:qp=10", path], task="x265")
    return path


@pytest.mark.parametrize("encode", ["codec", "bare"])
def test_a_full_range_pair_has_one_conversion(tmp_path, encode):
    raw = full_range_clip(tmp_path / "raw.mkv")
    if encode == "codec":
        stream = tmp_path / "lq.mkv"
        codec.compress(raw, stream, codec.FixedQP(22))
        assert probe(stream).full_range and probe(stream).matrix == "bt709"
    else:
        stream = bare_stream(raw, tmp_path / "lq.hevc")
        assert not probe(stream).full_range and probe(stream).matrix == "bt601"
    check_pair(probe(raw), probe(stream))
    pair = dataset._pair("pair", "test", "", raw, stream)
    truth, frames = pair.raw_frames(), pair.compressed_frames()
    assert (truth.matrix, truth.full_range) == (frames.matrix, frames.full_range) == ("bt709", True)
    error = np.square(truth.rgb(2).astype(float) - frames.rgb(2)).mean()
    assert error < 40 < np.square(truth.rgb(2).astype(float) - open_frames(stream, "bt709", False).rgb(2)).mean()


def test_a_stream_whose_range_was_converted_is_refused(tmp_path):
    full, limited = full_range_clip(tmp_path / "full.mkv"), tmp_path / "limited.mkv"
    ffmpeg.run([*ffmpeg.QUIET, "-i", full, "-vf", "scale=out_range=tv", "-pix_fmt", "yuv420p", limited], task="convert")
    with pytest.raises(VideoError, match=r"full\.mkv is tagged full range, .*limited\.mkv is not"):
        check_pair(probe(limited), probe(full))


def test_a_lossless_file_of_a_training_clip_holds_the_synthesised_planes():
    sequence = dataset.sample_set("train", limit=1)[0]
    np.testing.assert_array_equal(sequence.raw_frames().planes(3), sequence.scene().render()[3])


def test_shots_take_their_place_among_photo_clips():
    names = [job[0] for job in dataset._training_jobs(12)]
    assert [name.startswith("photo_") for name in names] == ([True] * dataset.PHOTO_CLIPS_PER_SHOT + [False]) * 2
    assert len(set(names)) == 12


def test_as_many_training_clips_as_asked_for():
    assert len({job[0] for job in dataset._training_jobs(1000)}) == 1000


def test_true_motion_is_known_for_synthesised_clips_alone():
    assert dataset.sample_set("train", limit=1)[0].scene().frames == dataset.CLIP_FRAMES
    with pytest.raises(DataError, match="not a synthesised clip"):
        dataset.sample_set("validation", limit=1)[0].scene()


def test_splits_share_no_source():
    sources = {}
    for entry in dataset.manifest():
        sources.setdefault(entry["source"], set()).add(entry["split"])
    assert all(len(splits) == 1 for splits in sources.values())


def test_unknown_split_scale_and_track_are_errors():
    with pytest.raises(SettingError, match="validation"):
        dataset.sample_set("valid")
    with pytest.raises(SettingError, match="smoke"):
        dataset.sequences("test", 1, "tiny")
    with pytest.raises(SettingError, match="track"):
        dataset.sample_set("test", track=4)


def test_ldv_is_found_by_its_setting(fake_ldv, monkeypatch):
    monkeypatch.setenv("VENH_LDV", str(fake_ldv))
    clips = dataset.sequences("test", 1, "paper")
    assert [clip.name for clip in clips] == [f"#{n}" for n in range(1, 11)]
    assert clips[0].compressed.parent.name == "test_fixed-QP_release" and len(clips[0]) == 5


def test_track_3_test_videos_are_numbered_as_in_table_3(fake_ldv):
    clips = dataset.ldv("test", 3, fake_ldv)
    assert [clip.name for clip in clips] == [f"#{n}" for n in range(11, 21)]
    assert clips[0].raw.name == "001.mkv" and clips[0].raw.parent.name == "test_raw_2"


def test_ldv_unpacked_into_folders_of_the_zips_own_name(fake_ldv):
    inner = fake_ldv / "moved"
    (fake_ldv / "validation_raw").rename(inner)
    (fake_ldv / "validation_raw").mkdir()
    inner.rename(fake_ldv / "validation_raw" / "validation_raw")
    assert len(dataset.ldv("validation", 1, fake_ldv, limit=2)) == 2


def test_a_missing_video_is_named(fake_ldv):
    (fake_ldv / "training_fixed-QP" / "117.mkv").unlink()
    with pytest.raises(DataError, match=r"1 of 400 videos.*: training_fixed-QP: 117\. Unpack training_fixed-QP\.zip"):
        dataset.ldv("train", 1, fake_ldv)


def test_every_missing_video_is_named(fake_ldv):
    missing = {"training_raw": [*range(3, 18), 44], "training_fixed-QP": [1, 2, 117, 199, 200]}
    for folder, numbers in missing.items():
        for number in numbers:
            (fake_ldv / folder / f"{number:03d}.mkv").unlink()
    with pytest.raises(DataError) as caught:
        dataset.ldv("train", 1, fake_ldv)
    assert str(caught.value) == (
        f"LDV: 21 of 400 videos are missing in {fake_ldv}: training_raw: 003–017, 044; "
        "training_fixed-QP: 001–002, 117, 199–200. Unpack training_raw.zip and training_fixed-QP.zip again."
    )


def test_a_missing_folder_is_named(fake_ldv, tmp_path):
    with pytest.raises(DataError, match=r"no folder test_raw_1.*test_raw_1\.zip"):
        (fake_ldv / "test_raw_1").rename(tmp_path / "elsewhere")
        dataset.ldv("test", 1, fake_ldv)


def test_ldv_not_set_up_says_which_variable(monkeypatch):
    monkeypatch.delenv("VENH_LDV", raising=False)
    with pytest.raises(DataError, match="VENH_LDV"):
        dataset.sequences("train", 1, "paper")


def test_ldv_folder_that_does_not_exist(tmp_path):
    with pytest.raises(DataError, match="not a folder"):
        dataset.ldv("test", 1, tmp_path / "nowhere")
