"""Whole clips through window and recurrent networks: order, memory, tiles, ensembles, refusals."""

from __future__ import annotations

import weakref
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from venh_lib import ffmpeg, methods, references
from venh_lib.bitstream import FrameInfo
from venh_lib.ensembles import ENSEMBLES, TURN_90, TURN_180, TURN_270, ensembled
from venh_lib.errors import SettingError, VenhError, VideoError
from venh_lib.inference import enhance_file, enhance_frames, reads_the_bitstream
from venh_lib.methods.method import Method, as_seen_by
from venh_lib.passes import Stopwatch
from venh_lib.segments import segments
from venh_lib.streaming import behind, read_ahead
from venh_lib.tiles import taper, tile_starts, tiled
from venh_lib.video import VideoWriter, probe, read_rgb

CPU = torch.device("cpu")


def method_of(policy=references.centre_only, kind="window", least_size=1) -> Method:
    return Method(
        slug="toy", team="Toy", title="Toy", tracks=(1,), sections=(), kind=kind, build=lambda preset: nn.Identity(),
        policy=policy, recipes={}, departures=(), least_size=least_size,
    )  # fmt: skip


def infos_of(count: int) -> tuple[FrameInfo, ...]:
    cascade = [36] + [45, 44, 45, 38] * count
    return tuple(FrameInfo(t, "P" if t else "I", cascade[t], 100) for t in range(count))


def clip_of(count: int, height: int = 16, width: int = 24, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def enhanced(network, method, clip, **settings) -> list[np.ndarray]:
    return list(enhance_frames(network, method, iter(clip), infos_of(len(clip)), device=CPU, **settings))


class Window(nn.Module):
    """A window network from a plain function of [B, N, 3, H, W]."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function, self.shapes = function, []

    def forward(self, window):
        self.shapes.append(tuple(window.shape))
        assert not self.training and window.dtype == torch.float32
        return self.function(window)


def centre(window):
    return window[:, window.shape[1] // 2]


def convolution(seed: int = 0) -> nn.Conv2d:
    torch.manual_seed(seed)
    return nn.Conv2d(3, 3, 5, padding=2)


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_every_frame_comes_out_in_order_with_its_own_window(batch):
    clip = clip_of(10)
    policy = references.neighbours(1)
    network = Window(lambda window: (window[:, 0] + 2 * window[:, 2]) / 3)
    outputs = enhanced(network, method_of(policy), clip, batch=batch)
    for t, output in enumerate(outputs):
        before, _, after = policy(infos_of(10), t)
        expected = (clip[before].astype(np.float64) + 2.0 * clip[after]) / 3
        assert np.abs(output - expected).max() <= 0.5 + 1e-4
    assert len(outputs) == 10


def test_a_network_with_a_policy_of_its_own_gets_its_frames():
    clip = clip_of(10)
    network = Window(lambda window: window[:, 2])
    network.policy = references.BestNext(references.neighbours(2))
    outputs = enhanced(network, method_of(references.centre_only), clip)
    assert all(np.array_equal(output, frame) for output, frame in zip(outputs, clip, strict=True))
    # Beside frame 6 stands on the right frame 8, a peak, and on the left frame 4.
    network.function = lambda window: window[:, 3]
    assert np.array_equal(enhanced(network, method_of(), clip)[6], clip[8])
    network.function = lambda window: window[:, 1]
    assert np.array_equal(enhanced(network, method_of(), clip)[6], clip[4])


def test_windows_of_different_lengths_are_batched_apart_and_put_back_in_order():
    clip = clip_of(9)
    network = Window(lambda window: window[:, 0] if window.shape[1] == 1 else 1 - window[:, 1])
    outputs = enhanced(network, method_of(references.mfqe_window), clip, batch=4)
    for t, output in enumerate(outputs):
        assert np.array_equal(output, clip[t] if t % 4 == 0 else 255 - clip[t])
    assert [shape[:2] for shape in network.shapes] == [(1, 1), (3, 3), (1, 1), (3, 3), (1, 1)]


class Counted(np.ndarray):
    """An array whose lives are counted."""


def counted(frames, alive: set, most: list):
    for number, frame in enumerate(frames):
        frame = frame.copy().view(Counted)
        alive.add(number)
        weakref.finalize(frame, alive.discard, number)
        most[0] = max(most[0], len(alive))
        yield frame
        del frame


@pytest.mark.parametrize(
    ("policy", "kind", "settings", "bound"),
    [
        (references.centre_only, "window", {}, 8),
        (references.neighbours(2), "window", {}, 12),
        (references.nearest_pqfs, "window", {}, 17),
        (references.centre_only, "recurrent", {"segment": 8, "segment_overlap": 2}, 16),
    ],
)
def test_the_frames_held_do_not_grow_with_the_video(policy, kind, settings, bound):
    most_of = {}
    for count in (40, 160):
        alive, most = set(), [0]
        network = Window(centre if kind == "window" else lambda frames: frames)
        frames = counted(clip_of(count, 4, 4), alive, most)
        outputs = enhance_frames(
            network, method_of(policy, kind), frames, infos_of(count), device=CPU, **settings
        )
        assert sum(1 for _ in outputs) == count
        most_of[count] = most[0]
        assert not alive
    assert max(most_of.values()) <= bound


def test_a_frame_that_a_late_window_needs_is_kept_and_the_others_are_not():
    def first_and_own(infos, t):
        return (0, t)

    clip = clip_of(30, 4, 4)
    alive, most = set(), [0]
    network = Window(lambda window: window[:, 0])
    frames = counted(clip, alive, most)
    outputs = list(enhance_frames(network, method_of(first_and_own), frames, infos_of(30), device=CPU))
    assert all(np.array_equal(output, clip[0]) for output in outputs)
    assert most[0] <= 9


@pytest.mark.parametrize("count", ENSEMBLES)
def test_transforms_are_distinct_and_undone_exactly(count):
    frames = torch.rand(2, 3, 5, 7)
    seen = []
    for transform in ENSEMBLES[count]:
        turned = transform(frames)
        assert torch.equal(transform.inverse(turned), frames)
        assert not any(turned.shape == other.shape and torch.equal(turned, other) for other in seen)
        seen.append(turned)
    assert len(seen) == count


def test_turns_are_quarter_turns():
    frames = torch.rand(3, 5, 7)
    for transform, quarters in ((TURN_90, 1), (TURN_180, 2), (TURN_270, 3)):
        assert torch.equal(transform(frames), torch.rot90(frames, quarters, (-2, -1)))


@pytest.mark.parametrize("kind", ["window", "recurrent"])
@pytest.mark.parametrize("count", ENSEMBLES)
def test_an_ensemble_of_the_identity_is_the_identity(count, kind):
    clip = clip_of(3, 9, 13)
    network = Window(centre if kind == "window" else lambda frames: frames)
    for output, frame in zip(enhanced(network, method_of(kind=kind), clip, ensemble=count), clip, strict=True):
        assert np.array_equal(output, frame)


def test_an_ensemble_of_eight_is_the_mean_of_eight_explicit_turns():
    network = convolution()
    frames = torch.rand(1, 3, 9, 13)
    with torch.no_grad():
        total = torch.zeros_like(frames)
        for quarters in range(4):
            for mirrored in (False, True):
                turned = torch.rot90(frames.flip(-1) if mirrored else frames, quarters, (-2, -1))
                back = torch.rot90(network(turned), -quarters, (-2, -1))
                total += back.flip(-1) if mirrored else back
        output = ensembled(network, frames, 8)
        alone = network(frames)
    assert torch.allclose(output, total / 8, atol=1e-6)
    assert (output - alone).abs().max() > 0.01


def test_an_ensemble_averages_before_rounding():
    class Half(nn.Module):
        """Brightens by 0.4 of a step in one orientation and by 0.8 in the other."""

        def forward(self, window):
            wide = window.shape[-1] > window.shape[-2]
            return window[:, 0] + (0.4 if wide else 0.8) / 255

    frame = np.full((8, 12, 3), 100, np.uint8)
    # Rounded first, the four would be 100, 100, 101, 101.
    output = enhanced(Half(), method_of(), [frame], ensemble=4)[0]
    assert (output == 101).all()


def test_an_unknown_ensemble_is_refused():
    with pytest.raises(SettingError, match="no self-ensemble of 5"):
        enhanced(nn.Identity(), method_of(), clip_of(1), ensemble=5)


@pytest.mark.parametrize("shape", [(37, 53), (16, 16), (5, 80), (33, 16)])
def test_tiles_of_a_pointwise_network_give_the_untiled_result(shape):
    frames = torch.rand(1, 2, 3, *shape)

    def pointwise(x):
        return x[:, 0] * x[:, 1] + 0.25

    assert torch.allclose(tiled(pointwise, frames, (16, 16), 6), pointwise(frames), atol=1e-6)


def test_tiles_cover_the_frame_and_end_with_it():
    for size in range(1, 100):
        starts = tile_starts(size, 16, 6)
        covered = np.zeros(size, int)
        for start in starts:
            covered[start : start + 16] += 1
        assert covered.min() >= 1 and starts[-1] + min(16, size) == size


def test_two_tapers_that_meet_sum_to_one():
    weights = taper(20, 7)
    assert torch.allclose(weights[-7:] + weights[:7], torch.ones(7), atol=1e-6)
    assert weights.min() > 0 and (weights[7:13] == 1).all()


def test_seams_of_a_convolution_are_blended():
    torch.manual_seed(0)
    network = nn.Sequential(convolution(1), nn.ReLU(), convolution(2))
    frames = torch.rand(1, 3, 40, 56)
    with torch.no_grad():
        whole = network(frames)
        worst = {overlap: (tiled(network, frames, (24, 24), overlap) - whole).abs() for overlap in (0, 16)}
    # Zero padding at a tile's edge reaches four pixels in; there the other tile has nearly all the weight.
    inside = (slice(None), slice(None), slice(8, 32), slice(8, 48))
    assert worst[16][inside].max() < worst[0][inside].max() / 5
    assert worst[0][inside].max() > 0.05


def test_tiles_and_ensembles_go_through_a_clip_together():
    clip = clip_of(3, 20, 30)
    outputs = enhanced(Window(centre), method_of(), clip, tile=12, overlap=4, ensemble=8)
    assert all(np.array_equal(output, frame) for output, frame in zip(outputs, clip, strict=True))


@pytest.mark.parametrize(
    ("frames", "length", "overlap"), [(1, 8, 2), (2, 8, 2), (8, 8, 2), (9, 8, 2), (61, 8, 3), (30, 5, 4)]
)
def test_segments_keep_each_frame_once_and_deep_inside(frames, length, overlap):
    plan = segments(frames, length, overlap)
    assert [t for s in plan for t in range(s.first, s.last)] == list(range(frames))
    for segment in plan:
        assert segment.stop - segment.start == min(length, frames)
        for t in range(segment.first, segment.last):
            assert segment.start == 0 or t - segment.start >= overlap // 2
            assert segment.stop == frames or segment.stop - 1 - t >= (overlap - 1) // 2


def test_a_recurrent_network_sees_segments_and_gives_every_frame_in_order():
    clip = clip_of(21)
    network = Window(lambda frames: 1 - frames)
    outputs = enhanced(network, method_of(kind="recurrent"), clip, segment=8, segment_overlap=3)
    assert all(np.array_equal(output, 255 - frame) for output, frame in zip(outputs, clip, strict=True))
    assert {shape[1] for shape in network.shapes} == {8} and len(network.shapes) == 4


def test_segments_give_what_the_whole_clip_gives_where_the_overlap_covers_the_memory():
    def three_frame_mean(frames):
        padded = torch.cat([frames[:, :1], frames, frames[:, -1:]], 1)
        return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3

    clip = clip_of(25)
    whole = enhanced(Window(three_frame_mean), method_of(kind="recurrent"), clip, segment=25)
    parts = enhanced(Window(three_frame_mean), method_of(kind="recurrent"), clip, segment=9, segment_overlap=4)
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


class Told(nn.Module):
    """A recurrent network that paints each frame in its QP."""

    reads = ("qps",)

    def forward(self, clip, qps):
        assert qps.shape == clip.shape[:2]
        return (qps / 255)[:, :, None, None, None] + 0 * clip


@pytest.mark.parametrize("settings", [{}, {"ensemble": 8}, {"tile": (16, 16), "overlap": 4}])
def test_a_network_that_reads_qps_is_told_those_of_its_segment(settings):
    outputs = enhanced(Told(), method_of(kind="recurrent"), clip_of(13), segment=6, segment_overlap=2, **settings)
    assert [int(output.mean().round()) for output in outputs] == [info.qp for info in infos_of(13)]


class Placed(nn.Module):
    """A window network that paints the middle frame in its QP, and in where the first of its window lies."""

    reads = ("qps", "places")

    def forward(self, window, qps, places):
        assert qps.shape == places.shape == window.shape[:2] and not places[:, places.shape[1] // 2].any()
        return ((qps[:, 1] - places[:, 0]) / 255)[:, None, None, None] + 0 * window[:, 0]


@pytest.mark.parametrize("settings", [{}, {"batch": 4}, {"ensemble": 8}, {"tile": (16, 16), "overlap": 4}])
def test_a_window_network_is_told_the_qps_and_places_of_its_windows(settings):
    outputs = enhanced(Placed(), method_of(references.nearest_pqfs), clip_of(13), **settings)
    infos = infos_of(13)
    expected = [info.qp + t - references.nearest_pqfs(infos, t)[0] for t, info in enumerate(infos)]
    assert [int(output.mean().round()) for output in outputs] == expected
    assert len({e - info.qp for e, info in zip(expected, infos, strict=True)}) > 2


def test_values_outside_the_range_are_clipped_and_rounded_to_the_nearest():
    frame = np.array([[[0, 100, 255]]], np.uint8)
    shift = torch.tensor([-0.2, 0.7 / 255, 0.2]).view(1, 3, 1, 1)
    output = enhanced(Window(lambda window: window[:, 0] + shift), method_of(), [frame])[0]
    assert output.tolist() == [[[0, 101, 255]]]


def test_an_output_that_is_not_finite_names_its_frame():
    class Fifth(nn.Module):
        calls = 0

        def forward(self, window):
            self.calls += 1
            return window[:, 0] * (float("nan") if self.calls == 5 else 1)

    outputs = enhance_frames(Fifth(), method_of(), clip_of(8), infos_of(8), device=CPU)
    got = []
    with pytest.raises(VenhError, match="frame 4 holds NaN or infinity"):
        got.extend(outputs)
    assert len(got) == 4


def test_frames_that_are_too_small_for_the_method_are_refused_by_size_and_name():
    with pytest.raises(VideoError, match=r"24×16; toy needs at least 20"):
        enhanced(nn.Identity(), method_of(least_size=20), clip_of(2))
    with pytest.raises(SettingError, match="toy needs at least 16"):
        enhanced(nn.Identity(), method_of(least_size=16), clip_of(2), tile=12, overlap=4)


@pytest.mark.parametrize(("given", "message"), [(4, "ended after 4 frames"), (6, "goes on after frame 5")])
def test_a_video_of_another_length_than_its_bitstream_is_refused(given, message):
    outputs = enhance_frames(Window(centre), method_of(), clip_of(given), infos_of(5), device=CPU)
    with pytest.raises(VideoError, match=message):
        list(outputs)


def test_a_frame_of_another_size_is_refused():
    with pytest.raises(VideoError, match="frame 2 is 24×18"):
        enhanced(Window(centre), method_of(), [*clip_of(2), *clip_of(1, 18)])


def test_unknown_settings_are_refused_by_name():
    with pytest.raises(SettingError, match="unknown inference setting ensembles"):
        enhanced(nn.Identity(), method_of(), clip_of(1), ensembles=8)
    with pytest.raises(SettingError, match="overlap"):
        enhanced(nn.Identity(), method_of(), clip_of(1), tile=16, overlap=16)
    with pytest.raises(SettingError, match="segment_overlap"):
        enhanced(nn.Identity(), method_of(), clip_of(1), segment=4, segment_overlap=4)


def test_a_policy_that_leaves_the_clip_is_refused():
    with pytest.raises(VenhError, match="window of frame 2 is"):
        enhanced(nn.Identity(), method_of(lambda infos, t: (t + 1,)), clip_of(3))


def test_each_module_gets_its_own_mode_back_when_the_clip_is_done_or_dropped():
    network = nn.Sequential(nn.Flatten(1, 2), nn.BatchNorm2d(3))
    network.train()
    network[1].eval()
    outputs = enhance_frames(network, method_of(), clip_of(4), infos_of(4), device=CPU)
    next(outputs)
    assert not network.training
    outputs.close()
    assert network.training and network[0].training and not network[1].training
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_reading_ahead_keeps_order_and_hands_errors_on():
    def faulty():
        yield from range(5)
        raise VideoError("broken here")

    got = []
    with pytest.raises(VideoError, match="broken here"):
        got.extend(read_ahead(faulty(), 3))
    assert got == list(range(5))


def test_calls_behind_are_all_made_in_order_and_their_errors_raised():
    got = []
    with behind(got.append, 2) as call:
        for number in range(20):
            call(number)
    assert got == list(range(20))
    with pytest.raises(ZeroDivisionError), behind(lambda number: 1 // number, 2) as call:
        call(0)


def test_the_stopwatch_counts_the_network_alone():
    stopwatch = Stopwatch()
    list(enhance_frames(Window(centre), method_of(), clip_of(3), infos_of(3), device=CPU, stopwatch=stopwatch))
    assert 0 < stopwatch.seconds < 1


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (references.centre_only, False),
        (references.neighbours(3), False),
        (references.nearest_pqfs, True),
        (references.mfqe_window, True),
        (references.smgf_proposal, True),
        (replace(references.smgf_proposal, candidates=references.i_p_candidates), True),
    ],
)
def test_policies_that_look_at_qps_are_found(policy, expected):
    assert reads_the_bitstream(method_of(policy)) is expected
    assert reads_the_bitstream(method_of(policy, kind="recurrent")) is False
    assert reads_the_bitstream(as_seen_by(Told(), method_of(policy, kind="recurrent"))) is True
    assert reads_the_bitstream(as_seen_by(Placed(), method_of(policy))) is True


@pytest.fixture
def h264_file(tmp_path):
    path = tmp_path / "in.mkv"
    with VideoWriter(path, 64, 48, Fraction(25)) as writer:
        for t in range(6):
            frame = np.full((48, 64, 3), 60 + 10 * t, np.uint8)
            writer.write(frame)
    return path


def brighter(window):
    return window[:, window.shape[1] // 2] + 20 / 255


def test_a_file_is_enhanced_and_keeps_its_size_rate_and_length(h264_file, tmp_path):
    target = tmp_path / "out.mkv"
    with pytest.warns(UserWarning, match="toy was trained on HEVC"):
        report = enhance_file(
            h264_file, target, method_of(), network=Window(brighter), device=CPU, progress=False
        )
    before, after = probe(h264_file), probe(target)
    assert (after.width, after.height, after.frames, after.frame_rate) == (64, 48, 6, Fraction(25))
    assert after.matrix == before.matrix and report.frames == 6
    assert report.network_seconds < report.seconds
    for old, new in zip(read_rgb(h264_file), read_rgb(target), strict=True):
        assert abs(new.mean() - old.mean() - 20) < 2


def test_a_method_that_needs_qps_refuses_other_codecs(h264_file, tmp_path):
    with pytest.raises(VideoError, match="h264: QPs are read from HEVC only"):
        enhance_file(h264_file, tmp_path / "out.mkv", method_of(references.nearest_pqfs), network=Window(centre))
    with pytest.raises(VideoError, match="tells which frames were coded well"):
        enhance_file(h264_file, tmp_path / "out.mkv", method_of(kind="recurrent"), network=Told())


def test_the_source_is_never_overwritten_and_other_files_only_when_asked(h264_file, tmp_path):
    target = tmp_path / "out.mkv"
    target.write_bytes(b"precious")
    for overwrite in (False, True):
        with pytest.raises(SettingError, match="is the source itself"):
            enhance_file(h264_file, h264_file, method_of(), network=Window(centre), overwrite=overwrite)
    with pytest.raises(SettingError, match="exists; name another file, or replace it with --overwrite"):
        enhance_file(h264_file, target, method_of(), network=Window(centre))
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("name, words", [
    ("no/out.mkv", "the folder of .*no/out.mkv does not exist"),
    ("out", r"out: expected a name that ends with \.mkv, .* found no ending; name it out\.mkv, say"),
    ("out.png", r"expected a name that ends with .* found \.png"),
    ("folder.mkv", r"is a folder; name a file in it, such as .*folder\.mkv/enhanced\.mkv"),
])  # fmt: skip
def test_a_target_that_cannot_be_kept_is_refused_before_anything_is_computed(tmp_path, name, words):
    (tmp_path / "folder.mkv").mkdir()
    # The source is not looked at either: it is not there.
    with pytest.raises(SettingError, match=words):
        enhance_file(tmp_path / "absent.mkv", tmp_path / name, method_of(), overwrite=True)


def with_sound(picture, codec, path):
    """``picture`` with a tone beside it."""
    tone = ["-f", "lavfi", "-i", "sine=d=0.2", "-c:v", "copy", "-c:a", codec]
    ffmpeg.run([*ffmpeg.QUIET, "-i", picture, *tone, path], task="adding a tone")
    return path


# .mov and .avi refuse these when their head is written, .ts takes FLAC and gives back bytes of no known kind.
@pytest.mark.parametrize("codec, suffix", [("flac", ".mov"), ("libopus", ".avi"), ("flac", ".ts")])
def test_sound_that_the_target_cannot_hold_is_found_before_a_frame_is_computed(h264_file, tmp_path, codec, suffix):
    source = with_sound(h264_file, codec, tmp_path / "sound.mkv")
    network = Window(centre)
    with pytest.raises(SettingError) as caught:
        enhance_file(source, tmp_path / f"out{suffix}", method_of(), network=network, device=CPU, progress=False)
    said = str(caught.value)
    assert str(source) in said and f"found {suffix}, which does not; name it out.mkv" in said
    assert not network.shapes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "sound.mkv"]


@pytest.mark.filterwarnings("ignore:.*trained on HEVC")
@pytest.mark.parametrize("codec, suffix", [("flac", ".mkv"), ("aac", ".mov"), ("flac", ".mp4"), ("aac", ".ts")])
def test_sound_that_the_target_can_hold_comes_along(h264_file, tmp_path, codec, suffix):
    source, target = with_sound(h264_file, codec, tmp_path / "sound.mkv"), tmp_path / f"out{suffix}"
    enhance_file(source, target, method_of(), network=Window(centre), device=CPU, progress=False)
    assert probe(target).has_audio and probe(target).frames == 6


@pytest.mark.filterwarnings("ignore:.*trained on HEVC")
def test_pixels_that_are_not_square_stay_so(tmp_path):
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    with VideoWriter(source, 64, 48, Fraction(25), sample_aspect=Fraction(64, 45)) as writer:
        for frame in clip_of(3, 48, 64):
            writer.write(frame)
    enhance_file(source, target, method_of(), network=Window(centre), device=CPU, progress=False)
    assert probe(source).sample_aspect == probe(target).sample_aspect == Fraction(64, 45)


@pytest.mark.filterwarnings("ignore:.*trained on HEVC")
def test_a_failure_leaves_the_old_target_and_nothing_half_written(h264_file, tmp_path):
    target = tmp_path / "out.mkv"
    target.write_bytes(b"old")

    def broken(window):
        return window[:, 0] * float("inf")

    with pytest.raises(VenhError, match="frame 0 holds NaN or infinity"):
        enhance_file(
            h264_file, target, method_of(), network=Window(broken), device=CPU, overwrite=True, progress=False
        )
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]


EIGHT = ("ntu_slab", "bilibili", "vue", "noahtcv", "mt_maxclear", "gogoing", "nju_vision", "mcenhance")


@pytest.mark.parametrize("slug", EIGHT)
@pytest.mark.parametrize("count", [1, 2])
def test_clips_shorter_than_a_window_are_restored_whole(slug, count):
    """An untrained network gives a clip back in which nothing moves."""
    method = methods.get(slug)
    clip = clip_of(1, *[max(method.least_size, 64)] * 2) * count
    outputs = enhanced(method.build("course"), method, clip, precision="fp32")
    assert len(outputs) == count
    for output, frame in zip(outputs, clip, strict=True):
        assert np.abs(output.astype(int) - frame).max() <= 1


@pytest.mark.parametrize("slug", EIGHT)
def test_frames_under_the_least_size_are_refused_by_name(slug):
    method = methods.get(slug)
    side = method.least_size - 2
    with pytest.raises(VideoError, match=f"{slug} needs at least {method.least_size} pixels"):
        enhanced(nn.Identity(), method, clip_of(2, side, side))


def test_what_overflows_in_half_precision_names_the_frame_and_the_way_out():
    class Large(nn.Module):
        """A thousand times a thousand, and back."""

        def __init__(self):
            super().__init__()
            self.up, self.down = (nn.Conv2d(3, 3, 1, bias=False) for _ in range(2))
            nn.init.dirac_(self.up.weight).data.mul_(1e6)
            nn.init.dirac_(self.down.weight).data.div_(1e6)

        def forward(self, window):
            return self.down(self.up(window[:, 0]))

    clip = [np.full((16, 16, 3), 200, np.uint8)] * 2
    assert (enhanced(Large(), method_of(), clip, precision="fp32")[1] == 200).all()
    with pytest.raises(VenhError, match="frame 0 holds NaN or infinity; try precision 'fp32'"):
        enhanced(Large(), method_of(), clip, precision="fp16")
