"""Crops: the right pixels, the same for both sides, decided by seed and number alone."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from venh_lib import cache, dataset, methods, references
from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.flow import warp
from venh_lib.colour import planes_to_rgb
from venh_lib.crops import TRUE_COLOURS, Colour, Crops
from venh_lib.dataset import Sequence
from venh_lib.errors import DataError, SettingError
from venh_lib.methods.method import every_frame
from venh_lib.video import Frames

HEIGHT, WIDTH, LENGTH = 24, 32, 9
INFOS = tuple(
    FrameInfo(t, "I" if t == 0 else "P", qp, 100) for t, qp in enumerate([36, 45, 44, 45, 38, 45, 44, 45, 38])
)


@pytest.fixture
def sequence(monkeypatch):
    rng = np.random.default_rng(0)
    raw = rng.integers(30, 220, (LENGTH, HEIGHT * 3 // 2, WIDTH), np.uint8)
    sides = {"raw": Frames(raw), "compressed": Frames(raw)}
    monkeypatch.setattr(Sequence, "raw_frames", lambda self: sides["raw"])
    monkeypatch.setattr(Sequence, "compressed_frames", lambda self: sides["compressed"])
    return Sequence("clip", "train", "", Path("raw.mkv"), Path("lq.mkv"), INFOS, Fraction(30))


def crops(sequence, policy=references.centre_only, recurrent=False, **settings):
    settings = {"side": 16, "frames": 1, "samples": 50, "seed": 3, **settings}
    return Crops([sequence], policy, every_frame, recurrent=recurrent, **settings)


def test_both_sides_get_the_same_crop_and_augmentation(sequence):
    for sample in (crops(sequence)[k] for k in range(50)):
        assert torch.equal(sample["lq"][0], sample["gt"])


def test_samples_depend_on_seed_and_number_alone(sequence):
    one, other = crops(sequence), crops(sequence)
    later = one[7]
    assert torch.equal(later["gt"], other[7]["gt"])
    assert not torch.equal(later["gt"], one[8]["gt"])
    assert not torch.equal(later["gt"], crops(sequence, seed=4)[7]["gt"])


def test_windows_follow_the_policy(sequence):
    sample = crops(sequence, references.nearest_pqfs)[0]
    assert sample["lq"].shape == (3, 3, 16, 16) and sample["gt"].shape == (3, 16, 16)
    assert torch.equal(sample["lq"][1], sample["gt"])
    drawn = crops(sequence, references.nearest_pqfs).draw(0)
    assert sample["places"].tolist() == [t - drawn.outputs[0] for t in drawn.inputs]
    assert sample["qps"].tolist() == [INFOS[t].qp for t in drawn.inputs]


def test_recurrent_samples_are_consecutive_frames(sequence):
    sample = crops(sequence, recurrent=True, frames=4, flips=False, colour=False)[0]
    assert sample["lq"].shape == sample["gt"].shape == (4, 3, 16, 16)
    first = crops(sequence, recurrent=True, frames=4).draw(0).inputs[0]
    assert sample["qps"].tolist() == [info.qp for info in INFOS[first : first + 4]]
    assert sample["places"].tolist() == [-2, -1, 0, 1]


def test_without_augmentation_the_pixels_are_the_frames(sequence):
    rgb = [planes_to_rgb(sequence.raw_frames().planes(t)) for t in range(LENGTH)]
    crop = crops(sequence, flips=False, colour=False)[5]["gt"].permute(1, 2, 0).mul(255).round().byte().numpy()
    found = any(
        np.array_equal(crop, frame[y : y + 16, x : x + 16])
        for frame in rgb
        for y in range(0, HEIGHT - 15, 2)
        for x in range(0, WIDTH - 15, 2)
    )
    assert found


def test_every_flip_and_colour_is_drawn():
    drawn = [Colour.draw(np.random.default_rng(k)) for k in range(600)]
    switches = [(c.negative, c.flip_cb, c.flip_cr, c.swap) for c in drawn]
    assert len(set(switches)) == 16
    # One in sixteen of the draws that may change colours changes none.
    unchanged = switches.count((False,) * 4) / 600
    assert unchanged == pytest.approx(TRUE_COLOURS + (1 - TRUE_COLOURS) / 16, abs=0.06)


def test_colour_keeps_neutral_chroma_and_shifts_luma():
    luma, neutral = np.full((2, 2), 100, np.uint8), np.full((1, 1), 128, np.uint8)
    shifted, cb, cr = Colour(False, True, True, True, 10)(luma, neutral, neutral)
    assert (shifted == 110).all() and cb == 128 and cr == 128


def test_the_negative_of_limited_range_stays_in_it():
    luma, neutral = np.array([[16, 100], [125, 235]], np.uint8), np.full((1, 1), 128, np.uint8)
    negative, _, _ = Colour(True, False, False, False, 0)(luma, neutral, neutral)
    assert negative.tolist() == [[235, 151], [126, 16]]


def test_colour_swaps_and_mirrors():
    luma, cb, cr = np.zeros((2, 2), np.uint8), np.full((1, 1), 100, np.uint8), np.full((1, 1), 0, np.uint8)
    _, first, second = Colour(False, True, True, True, 0)(luma, cb, cr)
    assert first == 255 and second == 156


def test_a_crop_larger_than_the_clip_is_refused(sequence):
    with pytest.raises(DataError, match="smaller than the crop of 64"):
        crops(sequence, side=64)[0]


def test_a_clip_shorter_than_the_crop_in_time_is_refused(sequence):
    with pytest.raises(DataError, match="9 frames, the recipe takes 20"):
        crops(sequence, recurrent=True, frames=20)


def test_clips_stay_open_when_the_cache_drops_their_files(tmp_path, monkeypatch):
    monkeypatch.setenv("VENH_CACHE", str(tmp_path))
    clips = dataset.sample_set("train", limit=1, progress=False)
    made = Crops(
        clips, references.centre_only, every_frame, recurrent=False, side=32, frames=1, samples=4, seed=0
    )  # fmt: skip
    before = [made[k] for k in range(4)]
    cache.bounded(limit=0)
    assert not clips[0].raw.exists() and not list(tmp_path.glob("frames/*.npy"))
    assert all(torch.equal(made[k]["lq"], before[k]["lq"]) for k in range(4))


def test_no_target_frame_is_refused(sequence):
    with pytest.raises(DataError, match="no sequence"):
        Crops([sequence], references.centre_only, lambda _: (), recurrent=False, side=16, frames=1, samples=1, seed=0)


def test_of_several_places_the_one_that_lost_most_is_cut(sequence):
    """Frames whose right half is spoiled: the crop that reaches farthest into it is taken."""
    spoiled = sequence.raw_frames().planes(0).copy()
    spoiled[:HEIGHT, WIDTH // 2 :] ^= 64
    made = crops(sequence, places=6, flips=False, colour=False)
    whole = np.stack([sequence.raw_frames().planes(0)] * LENGTH)
    made._opened[0] = Frames(whole), Frames(np.stack([spoiled] * LENGTH))
    lefts = [made.draw(k).left for k in range(50)]
    assert np.mean(lefts) > 12 and max(lefts) == 16
    anywhere = crops(sequence, flips=False, colour=False)
    assert np.mean([anywhere.draw(k).left for k in range(50)]) < 11


@pytest.mark.parametrize("recurrent", [False, True])
def test_a_margin_stands_around_what_is_learned_from(sequence, recurrent):
    made = crops(sequence, references.nearest_pqfs, side=8, margin=4, recurrent=recurrent, frames=3)
    for sample in (made[k] for k in range(20)):
        assert sample["lq"].shape == (3, 3, 16, 16)
        inside = sample["lq"][..., 4:-4, 4:-4]
        assert torch.equal(inside if recurrent else inside[1], sample["gt"])


def test_what_the_margin_lost_draws_no_crop(sequence):
    planes = np.stack([sequence.raw_frames().planes(0)] * LENGTH)
    places = []
    for columns in (0, 4, 12):
        spoiled = planes.copy()
        # The margin is four pixels wide, so the first four columns of a clip lie in no crop.
        spoiled[:, :HEIGHT, :columns] ^= 64
        made = crops(sequence, side=8, margin=4, places=6)
        made._opened[0] = Frames(planes), Frames(spoiled)
        places.append([(made.draw(k).top, made.draw(k).left) for k in range(50)])
    assert places[0] == places[1] != places[2]


def test_true_motion_turns_with_the_pixels():
    """Each draw of flips and transposes: the reference, warped by the turned flow, is the target."""
    clips = (dataset.synthesised(seed) for seed in range(20))
    sequence = next(clip for clip in clips if clip.scene().movement == "fast")
    made = Crops(
        [sequence], references.nearest_pqfs, lambda infos: (2, 6), recurrent=False, side=64, frames=1, samples=40,
        seed=0, colour=False, motion=True,
    )  # fmt: skip
    raw = replace(sequence, compressed=sequence.raw)
    made.sequences = [raw]
    turns, seen = set(), 0
    for k in range(40):
        sample = made[k]
        assert sample["motion"].shape == (3, 2, 64, 64) and sample["known"].shape == (3, 64, 64)
        assert not sample["motion"][1].any()
        for side in (0, 2):
            known = sample["known"][side]
            if known.float().mean() < 0.5 or sample["motion"][side].abs().mean() < 1:
                continue
            warped = warp(sample["lq"][side][None], sample["motion"][side][None])[0]
            error, without = (
                (image - sample["gt"]).abs().mean(0)[known].mean() for image in (warped, sample["lq"][side])
            )
            assert error < 0.75 * without, k
            seen += 1
            turns.add(tuple(np.sign(sample["motion"][side].mean((1, 2)).numpy())))
    assert seen > 20 and len(turns) == 4


def test_motion_of_a_clip_that_was_not_synthesised_is_nowhere_known(sequence):
    sample = crops(sequence, references.nearest_pqfs, motion=True)[0]
    assert not sample["known"].any() and not sample["motion"].any()


def test_motion_is_refused_for_recurrent_samples(sequence):
    with pytest.raises(SettingError, match="recurrent"):
        crops(sequence, recurrent=True, motion=True)


def test_frames_are_touched_as_a_clip_is_opened_unless_all_of_them_exceed_the_memory(sequence, monkeypatch):
    touched = []
    monkeypatch.setattr(Frames, "touch", lambda self: touched.append(self))
    small, vast = (replace(sequence, decoded_bytes=size) for size in (10_000, 2**60))
    crops(small)[0]
    assert len(touched) == 2
    crops(vast)[0]
    assert len(touched) == 2


def test_the_film_has_its_share_of_the_samples(sequence):
    clips = [replace(sequence, category=category) for category in ("photo",) * 9 + (dataset.FILM,)]
    settings = {"recurrent": False, "side": 16, "frames": 1, "samples": 400, "seed": 3}

    def share(chosen, **film):
        made = Crops(chosen, references.centre_only, every_frame, **settings, **film)
        return np.mean([made.sequences[made.draw(k).clip].category == dataset.FILM for k in range(400)])

    assert share(clips) == pytest.approx(0.1, abs=0.05)
    assert share(clips, film=0.5) == pytest.approx(0.5, abs=0.08)
    assert share(clips, film=0.0) == 0 and share(clips, film=1.0) == 1
    with pytest.raises(DataError, match="0 are shots"):
        share(clips[:9], film=0.5)
    with pytest.raises(SettingError, match="film"):
        replace(methods.get("ivp_tencent").recipe(1, "course"), film=1.5)
