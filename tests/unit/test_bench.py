"""Each benchmark, run small: its figures are there, finite, and would tell if what they measure broke."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from venh_lib import bench
from venh_lib.bench import deformable
from venh_lib.errors import SettingError


def figures(name: str, *expected: str, **options) -> dict:
    """The figures of a benchmark, which are the ``expected`` ones, finite and not negative."""
    found = bench.run(name, **options)
    assert tuple(found) == ("bench", *expected) and found["bench"] == name
    numbers = [value for value in found.values() if not isinstance(value, str)]
    assert all(math.isfinite(number) for number in numbers)
    return found


def test_importing_adds_less_than_a_fifth_of_a_second():
    found = figures("import", "python_s", "import_s")
    assert found["python_s"] > 0 and found["import_s"] < 0.2


def test_any_frame_of_a_sample_clip_comes_within_a_second_and_at_once_when_decoded():
    found = figures("frames", "clips", "first_s", "again_s", "frame_s", clips=1)
    assert found["clips"] == 1 and found["first_s"] < 1
    # Decoding again would take as long as the first time.
    assert 0 < found["again_s"] < found["first_s"] / 5 and 0 < found["frame_s"] < 1


def test_33_frames_are_compressed_within_a_second():
    found = figures("compression", "clip", "frames", "fixed_qp_s", "fixed_rate_s", rounds=3)
    assert found["frames"] == 33
    assert 0 < found["fixed_qp_s"] < 1 and 0 < found["fixed_rate_s"] < 10


def test_loading_is_a_small_share_of_a_training_step():
    names = ("method", "batch", "crop", "clips", "load_ms", "step_ms", "load_share", "steps_per_s", "threads")
    found = figures("training", *names, method="ivp_tencent", steps=5, clips=2)
    assert found["method"] == "ivp_tencent" and found["clips"] == 2
    assert found["load_share"] == pytest.approx(found["load_ms"] / (found["load_ms"] + found["step_ms"]), abs=2e-3)
    assert found["steps_per_s"] == pytest.approx(1e3 / (found["load_ms"] + found["step_ms"]), rel=0.01)
    # A clip that is decoded for each sample would take more than the step.
    assert found["load_share"] < 0.25


INFERENCE = {"method": "arcnn", "rounds": 1, "frames": 5, "lengths": (10, 310)}
INFERENCE_FIGURES = (
    "method", "frames", "network_s", "enhance_s", "enhance_over_network", "short_frames", "long_frames",
    "short_peak_mib", "long_peak_mib", "long_over_short", "growth_per_frame",
)  # fmt: skip


def test_memory_does_not_grow_with_the_video():
    found = figures("inference", *INFERENCE_FIGURES, **INFERENCE)
    assert (found["method"], found["short_frames"], found["long_frames"]) == ("arcnn", 10, 310)
    assert found["network_s"] > 0 and found["enhance_s"] > 0
    assert found["growth_per_frame"] < 0.5 and found["long_over_short"] <= 1.1


def test_memory_that_grows_with_the_video_is_noticed():
    """Frames that are never dropped."""
    leak = "from venh_lib import streaming; streaming.Source.drop = lambda self, done: None"
    code = f"{leak}; from venh_lib.bench import enhancing; print(*enhancing._peaks('arcnn', (10, 130)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    short, long = map(float, done.stdout.split())
    assert long - short > 0.75 * 120 * 416 * 240 * 3 / 2**20


def test_deformable_convolution_is_compared_with_torchvisions(monkeypatch):
    for given in ("CLIP", "WINDOW"):  # the networks' speed is not asked for here
        monkeypatch.setattr(deformable, given, (1, 5, 3, 64, 64))
    found = bench.run("deform", rounds=1)
    numbers = {name: value for name, value in found.items() if not isinstance(value, str)}
    assert all(math.isfinite(value) for value in numbers.values())
    assert all(value > 0 for name, value in numbers.items() if name.endswith(("_ms", "_s", "_ratio")))
    # Machines differ, and tests share theirs: far below what is measured on a quiet one.
    assert found["forward_ratio"] > 1.5 and found["both_ways_ratio"] > 2
    assert found["memory_mib"] < found["memory_torchvision_mib"]


def test_a_benchmark_or_an_option_that_does_not_exist_is_an_error():
    with pytest.raises(SettingError, match="unknown benchmark 'speed'; choose one of import, frames"):
        bench.run("speed")
    with pytest.raises(SettingError, match="benchmark import takes no method; it takes rounds"):
        bench.run("import", method="arcnn")
    with pytest.raises(SettingError, match="unknown method 'nosuch'"):
        bench.run("training", method="nosuch")


def test_networks_are_counted_without_computing_and_timed():
    names = ("paper_parameters", "paper_gflop", "course_parameters", "course_gflop", "course_ms")
    found = figures("methods", "threads", "precision", *(f"arcnn_{name}" for name in names), method="arcnn", rounds=1)
    assert found["arcnn_paper_parameters"] == 117_731
    # 9×9 from 3 to 64 channels, 7×7 to 32, 1×1 to 16, 5×5 to 3, twice for each of 960×536 pixels.
    operations = 2 * 960 * 536 * (81 * 3 * 64 + 49 * 64 * 32 + 32 * 16 + 25 * 16 * 3)
    assert found["arcnn_paper_gflop"] == pytest.approx(operations / 1e9, abs=0.01)
    assert 0 < found["arcnn_course_gflop"] < found["arcnn_paper_gflop"] and found["arcnn_course_ms"] > 0
