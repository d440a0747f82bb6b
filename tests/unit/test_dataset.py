"""Sequences: the sample set made on first use, and LDV found where a learner unpacked it."""

import numpy as np
import pytest

from venh_lib import codec, dataset
from venh_lib.errors import DataError, SettingError
from venh_lib.video import VideoWriter


def test_training_clips_are_synthesised_and_compressed_as_track_1_asks():
    first, second = dataset.sample_set("train", limit=2)
    assert first.name != second.name and len(first) == dataset.CLIP_FRAMES
    assert [info.qp for info in first.infos][:9] == [36, 45, 44, 45, 38, 45, 44, 45, 38]
    raw, compressed = first.raw_frames().rgb(16), first.compressed_frames().rgb(16)
    assert raw.shape == compressed.shape == (dataset.CLIP_HEIGHT, dataset.CLIP_WIDTH, 3)
    error = np.square(raw.astype(float) - compressed).mean()
    assert 2 < error < 1500


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


@pytest.fixture(scope="module")
def tiny_videos(tmp_path_factory):
    """One raw clip of 5 frames and its fixed-QP version."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(30, 220, (8, 12, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    with VideoWriter(folder / "raw.mkv", 96, 64, dataset.CLIP_RATE) as writer:
        for t in range(5):
            writer.write(np.roll(picture, 2 * t, axis=1))
    codec.compress(folder / "raw.mkv", folder / "lq.mkv", codec.FixedQP())
    return folder


@pytest.fixture
def fake_ldv(tmp_path, tiny_videos):
    """LDV's folders and names, every video a link to one tiny clip."""
    for raw, compressed, count in dataset.LDV_FOLDERS.values():
        for name, source in ((raw, "raw.mkv"), (compressed, "lq.mkv")):
            (tmp_path / name).mkdir(exist_ok=True)
            for number in range(1, count + 1):
                path = tmp_path / name / f"{number:03d}.mkv"
                if not path.exists():
                    path.symlink_to(tiny_videos / source)
    return tmp_path


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
    with pytest.raises(DataError, match=r"1 of 400 videos.*117\.mkv.*training_fixed-QP\.zip"):
        dataset.ldv("train", 1, fake_ldv)


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
