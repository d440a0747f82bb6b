"""The loop: it learns, it stops and goes on exactly, it keeps the best and never a broken state."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
import torch
from accelerate import Accelerator
from torch import nn

from venh_lib import checkpoints, dataset, devices, evaluation, methods, origin, references, results
from venh_lib.blocks.deformable import DeformConv
from venh_lib.errors import CheckpointError, SettingError, TrainingError, VenhError
from venh_lib.losses import L1
from venh_lib.optimisation import Average, clip_adaptively
from venh_lib.recipes import Cosine, CosineRestarts, Exponential, Recipe
from venh_lib.starts import run_folder, start_checkpoint, start_from
from venh_lib.training import Objective, Training
from venh_lib.validation import validation_frames, validation_gains

CPU = torch.device("cpu")
RECIPE = Recipe(
    steps=12, batch=2, crop=32, loss=L1(), learning_rate=1e-3, preset="course", warmup=2, ema=0.9, clip_norm=0.5,
    validate_every=6, checkpoint_every=3, clips=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def clips():
    return dataset.sample_set("train", limit=2)


class Shift(nn.Module):
    """One parameter: what is added to the frame."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(3, 1, 1))

    def forward(self, window):
        return window[:, 0] + self.shift


class Staged(nn.Module):
    """Two of them, which learn one after the other: a half of the parameters has no gradient at a time."""

    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList((Shift(), Shift()))

    def forward(self, window):
        return window[:, 0] + self.stages[0].shift + self.stages[1].shift

    def training_loss(self, samples, step, steps, loss):
        return loss(self.stages[2 * step // steps](samples["lq"]), samples["gt"])


class Told(Shift):
    """A recurrent one that adds a share of its frames' QPs."""

    reads = ("qps",)

    def forward(self, clip, qps):
        return clip + self.shift * qps[..., None, None, None] / 40


class Placed(Shift):
    """A window network that adds a share of where its frames lie, and says what it was told."""

    reads = ("qps", "places")

    def forward(self, window, qps, places):
        assert qps.shape == places.shape == window.shape[:2] and qps.min() > 20
        return window[:, 1] + self.shift * places[:, 2, None, None, None] / 40


def of(network):
    """A method that is ``network``."""
    return replace(methods.get("arcnn"), build=lambda preset: network())


@pytest.fixture
def method():
    return of(Shift)


def training(method, folder, clips, recipe=RECIPE, seed=0, validated=1):
    return Training(
        method, 1, recipe, folder, scale="smoke", seed=seed, training=clips, validation=clips[:validated], device=CPU,
        progress=False,
    )  # fmt: skip


@pytest.mark.parametrize("network", [Shift, Staged])
def test_what_lies_in_the_margin_does_not_count(tmp_path, clips, network):
    recipe = replace(RECIPE, margin=4)
    window, truth = torch.rand(2, 1, 3, 40, 40), torch.rand(2, 3, 32, 32)
    expected = (window[:, 0, :, 4:-4, 4:-4] - truth).abs().mean()
    torch.testing.assert_close(Objective(network(), recipe)({"lq": window, "gt": truth}, 0), expected)
    with pytest.raises(TrainingError, match="one shape"):
        Objective(network(), RECIPE)({"lq": window, "gt": truth}, 0)
    run = training(of(network), tmp_path, clips, recipe)
    assert Path(run.run()).exists() and run.crops[0]["lq"].shape[-1] == 40


def test_one_process_trains_in_one_precision_after_another(tmp_path, clips, method):
    for number, precision in enumerate(("bf16", "fp32", "bf16")):
        run = training(method, tmp_path / str(number), clips, replace(RECIPE, precision=precision, steps=1))
        run.run()
        assert run.accelerator.mixed_precision == precision.replace("fp32", "no")


def test_a_network_that_reads_qps_is_told_them_in_training_and_validation(tmp_path, clips):
    run = training(replace(of(Told), kind="recurrent"), tmp_path, clips, replace(RECIPE, frames=3))
    record = checkpoints.provenance(run.run())
    assert run.network.shift.any() and record["validation_gain_db"].keys() == {clips[0].name}


def test_a_window_network_is_told_places_in_training_and_validation(tmp_path, clips):
    run = training(replace(of(Placed), policy=references.nearest_pqfs), tmp_path, clips)
    record = checkpoints.provenance(run.run())
    assert run.network.shift.any() and record["validation_gain_db"].keys() == {clips[0].name}


def test_a_training_leaves_a_checkpoint_a_state_and_a_log(tmp_path, clips):
    path = training(methods.get("ivp_tencent"), tmp_path, clips).run()
    record = checkpoints.provenance(path)
    assert record["method"] == "ivp_tencent" and record["steps"] == 12 and record["step"] in (6, 12)
    assert record["validation_gain_db"].keys() == {clips[0].name}
    assert record["command"] == "venh train ivp_tencent --track 1 --scale smoke --seed 0 --steps 12"
    network = checkpoints.load(path, methods.get("ivp_tencent"))
    # In the precision of the training: bf16 on processors that have it.
    precision = devices.resolve_precision(CPU)
    again = validation_gains(network, methods.get("ivp_tencent"), clips[:1], CPU, precision)
    assert again[clips[0].name] == pytest.approx(record["validation_gain_db"][clips[0].name], abs=1e-3)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "gain_db" in row] == [6, 12]


def test_what_a_training_starts_from_is_validated_too(tmp_path, clips, monkeypatch):
    """Weights that only lose from there are kept as they were."""
    start = training(methods.get("arcnn"), tmp_path / "start", clips).run()
    monkeypatch.setattr(checkpoints, "shipped", lambda *_: start)
    recipe = replace(RECIPE, start=(("", "arcnn"),), learning_rate=1.0, warmup=0)
    record = checkpoints.provenance(training(methods.get("arcnn"), tmp_path / "own", clips, recipe).run())
    assert record["step"] == 0
    rows = [json.loads(line) for line in (tmp_path / "own/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "gain_db" in row] == [0, 6, 12]


def test_clips_beyond_the_bound_of_the_cache_are_refused_before_anything_runs(tmp_path, clips, monkeypatch):
    monkeypatch.setenv("VENH_CACHE_GIB", "0.001")
    with pytest.raises(SettingError, match="VENH_CACHE_GIB"):
        training(methods.get("ivp_tencent"), tmp_path / "run", clips)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("length", [33, 41])
def test_validation_sees_every_place_of_the_cascade(length):
    frames = validation_frames(length)
    assert {t % 4 for t in frames} == {0, 1, 2, 3} and (frames[0], frames[-1]) == (0, length - 1)


def test_a_network_with_a_policy_of_its_own_learns_from_its_frames(tmp_path, method, clips):
    network = Shift()
    network.policy = references.BestNext(references.neighbours(2))
    run = training(replace(method, build=lambda preset: network), tmp_path / "run", clips)
    assert run.crops.policy is network.policy and run.crops[0]["lq"].shape == (5, 3, 32, 32)


def test_the_loop_learns(tmp_path, method, clips):
    """A constant added to every input is found and taken away."""
    recipe = replace(RECIPE, steps=60, learning_rate=2e-3, ema=None, clip_norm=None)
    run = training(method, tmp_path, clips, recipe)
    step = run.step
    run.step = lambda samples: step({"lq": samples["lq"] + 0.05, "gt": samples["gt"]})
    run.run()
    assert run.network.shift.detach().mean().item() == pytest.approx(-0.05, abs=0.01)


CHILD = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.unit.test_training import KILLED_RECIPE, training
from venh_lib import checkpoints, dataset, methods
folder, moment = Path(sys.argv[1]), sys.argv[2]
run = training(methods.get("dncnn"), folder, dataset.sample_set("train", limit=2), KILLED_RECIPE)
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if moment == "in a step":
    load = type(run.crops).__getitems__
    type(run.crops).__getitems__ = lambda crops, ks: load(crops, ks) if max(ks) < 22 else die()
else:
    write = checkpoints.save_file
    checkpoints.save_file = lambda t, p, m: (write(t, p, m), die() if run.progress.step == 12 else None)
run.run()
"""
KILLED_RECIPE = replace(RECIPE, steps=14, checkpoint_every=4, validate_every=7)


@pytest.fixture
def one_thread():
    """Sums depend on how many threads share them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("moment", ["in a step", "while the state is written"])
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, clips, one_thread, moment):
    """SIGKILL, then the same call again: the end is the same bit for bit, and only unsaved steps are done twice."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    training(methods.get("dncnn"), whole, clips, KILLED_RECIPE).run()
    command = [sys.executable, "-c", CHILD, str(killed), moment]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": os.getcwd()}).returncode == -signal.SIGKILL
    _, metadata = checkpoints.read_tensors(killed / "state.safetensors")
    assert json.loads(metadata["venh"])["progress"]["step"] == 8
    training(methods.get("dncnn"), killed, clips, KILLED_RECIPE).run()
    for name in ("state.safetensors", "best.safetensors"):
        first, _ = checkpoints.read_tensors(whole / name)
        second, _ = checkpoints.read_tensors(killed / name)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)
    logs = [[json.loads(line) for line in (f / "log.jsonl").read_text().splitlines()] for f in (whole, killed)]
    assert [(row["step"], row.get("loss")) for row in logs[0]] == [(row["step"], row.get("loss")) for row in logs[1]]


def test_a_finished_training_does_nothing_more(tmp_path, method, clips):
    first = training(method, tmp_path, clips)
    path = first.run()
    before = path.read_bytes()
    second = training(method, tmp_path, clips)
    assert second.run() == path and path.read_bytes() == before
    assert second.progress.step == RECIPE.steps


def test_a_folder_of_another_training_is_refused(tmp_path, method, clips):
    training(method, tmp_path, clips).run()
    with pytest.raises(TrainingError, match="another training"):
        training(method, tmp_path, clips, seed=1).run()
    with pytest.raises(TrainingError, match="another training"):
        training(method, tmp_path, clips, replace(RECIPE, learning_rate=2e-3)).run()


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(tmp_path, method, clips):
    recipe = replace(RECIPE, steps=40, checkpoint_every=10, validate_every=10)
    run = training(method, tmp_path, clips, recipe)
    step = run.step

    def breaks(samples):
        if run.progress.step == 25:
            run.network.shift.data.fill_(float("nan"))
        return step(samples)

    run.step = breaks
    with pytest.raises(TrainingError, match="at step 26 the loss is nan"):
        run.run()
    tensors, metadata = checkpoints.read_tensors(tmp_path / "state.safetensors")
    assert torch.isfinite(tensors["network.shift"]).all()
    assert json.loads(metadata["venh"])["progress"]["step"] <= 25
    assert torch.isfinite(checkpoints.read_tensors(tmp_path / "best.safetensors")[0]["shift"]).all()


# Those at paper size, but for the smallest, are held against their networks by name alone (test_methods).
STARTS = [
    (method, scale, recipe, prefix, slug, *(other_track or [track]))
    for method in (*methods.METHODS.values(), *methods.PARTS.values())
    for (track, scale), recipe in method.recipes.items()
    for prefix, slug, *other_track in recipe.start
    if scale != "paper" or method.slug == "mfqe"
]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """An empty course and an empty cache; saves an untrained network as a shipped or an own checkpoint."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("VENH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("VENH_CACHE", str(tmp_path / "cache"))

    def save(slug, preset, scale=None, track=1, **record):
        """Shipped without a ``scale``; returns the path."""
        method = methods.get(slug)
        own = run_folder(method, track, scale, 0) / "best.safetensors" if scale else None
        path = own or checkpoints.shipped(method, track)
        checkpoints.save(path, method.build(preset), {"method": slug, "preset": preset, **record})
        return path

    return save


@pytest.mark.parametrize("method, scale, recipe, prefix, slug, track", STARTS)
def test_every_start_of_a_recipe_fits_its_network_at_its_preset(places, method, scale, recipe, prefix, slug, track):
    torch.manual_seed(1)
    assert (track, scale if scale != "ablation" else "course") in methods.get(slug).recipes
    # The seed of the ablations' trainings, and their scale, are those of the course.
    scale = "course" if scale == "ablation" else scale
    places(slug, recipe.preset, scale, track)
    source = start_checkpoint(methods.get(slug), track, scale, 0, recipe.preset)
    network = method.build(recipe.preset)
    start_from(network, prefix, methods.get(slug), recipe.preset, source)
    tensors, _ = checkpoints.read_tensors(source)
    part = {name.removeprefix(prefix): t for name, t in network.state_dict().items() if name.startswith(prefix)}
    assert part and all(torch.equal(part[name], tensor) for name, tensor in tensors.items())


def test_a_training_starts_from_the_shipped_weights_and_at_paper_scale_from_its_own(places):
    qecnn = methods.get("qecnn")
    shipped, own = places("qecnn", "course"), places("qecnn", "course", "course")
    trained = places("qecnn", "paper", "paper")
    assert start_checkpoint(qecnn, 1, "course", 0, "course") == shipped
    assert start_checkpoint(qecnn, 1, "paper", 0, "paper") == trained
    shipped.unlink()
    assert start_checkpoint(qecnn, 1, "course", 0, "course") == own
    trained.unlink()
    shipped = places("qecnn", "paper")
    assert start_checkpoint(qecnn, 1, "paper", 0, "paper") == shipped


def test_a_training_that_lacks_its_start_says_what_to_train_first(places, tmp_path, clips):
    qecnn, mfqe = methods.get("qecnn"), methods.get("mfqe")
    places("qecnn", "course")
    with pytest.raises(TrainingError, match="train it first: venh train qecnn --track 1 --scale paper$"):
        Training(
            mfqe, 1, mfqe.recipe(1, "paper"), tmp_path / "run", scale="paper", seed=0, training=clips,
            validation=clips[:1], device=CPU, progress=False,
        )  # fmt: skip
    with pytest.raises(TrainingError, match="qecnn at preset 'paper'.*--scale paper --seed 3$"):
        start_checkpoint(qecnn, 1, "paper", 3, "paper")
    best = places("qecnn", "paper", "paper", steps=12)
    state = best.with_name("state.safetensors")
    for step in (11, 12):
        record = {"progress": {"step": step}}
        checkpoints.write_tensors(state, {"x": torch.zeros(1)}, {"venh": json.dumps(record)})
        if step < 12:
            with pytest.raises(TrainingError, match="a training that has ended, found none"):
                start_checkpoint(qecnn, 1, "paper", 0, "paper")
    assert start_checkpoint(qecnn, 1, "paper", 0, "paper") == best


def test_a_start_that_was_altered_or_is_another_methods_is_refused(places):
    qecnn, path = methods.get("qecnn"), places("qecnn", "course")
    network = methods.get("mfqe").build("course")
    checkpoints.save(path, methods.get("arcnn").build("course"), {"method": "arcnn", "preset": "course"})
    with pytest.raises(CheckpointError, match="made for arcnn"):
        start_from(network, "qecnn.", qecnn, "course", start_checkpoint(qecnn, 1, "course", 0, "course"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="sha256"):
        start_checkpoint(qecnn, 1, "course", 0, "course")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file that is always full")
def test_a_log_on_a_full_disk_names_its_file(tmp_path, method, clips):
    run = training(method, tmp_path, clips)
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    with pytest.raises(VenhError, match=r"log\.jsonl cannot be written.*No space left.*Free some space"):
        run._log({"step": 1})


def test_a_state_cut_short_says_what_to_do(tmp_path, method, clips):
    training(method, tmp_path, clips).run()
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-8])
    with pytest.raises(TrainingError, match="state.safetensors is not whole .* or delete"):
        training(method, tmp_path, clips).run()


def test_fp16_without_a_gpu_is_refused(tmp_path, method, clips):
    with pytest.raises(SettingError, match="arcnn: fp16 trains on a GPU alone"):
        training(method, tmp_path, clips, replace(RECIPE, precision="fp16"))


def test_a_state_without_its_record_is_no_training_of_this_recipe(tmp_path, method, clips):
    checkpoints.write_tensors(tmp_path / "state.safetensors", {"x": torch.zeros(1)}, {})
    with pytest.raises(TrainingError, match="another training"):
        training(method, tmp_path, clips).run()


class Pair(nn.Module):
    """A part called flow and one that is not, with the same gradient."""

    def __init__(self):
        super().__init__()
        self.flow = nn.Parameter(torch.zeros(3, 1, 1))
        self.rest = nn.Parameter(torch.zeros(3, 1, 1))

    def forward(self, window):
        return window[:, 0] + self.flow + self.rest


def test_a_part_may_learn_later_and_slower(tmp_path, method, clips):
    recipe = replace(RECIPE, rates=(("flow", 0.25, 6),), clip_norm=None)
    run = training(replace(method, build=lambda preset: Pair()), tmp_path, clips, recipe)
    moved = []
    step = run.step

    def watched(samples):
        before = [p.detach().clone() for p in (run.network.flow, run.network.rest)]
        loss = step(samples)
        after = (p.detach() for p in run.network.parameters())
        moved.append([float((new - old).abs().max()) for new, old in zip(after, before, strict=True)])
        return loss

    run.step = watched
    run.run()
    flow, rest = zip(*moved, strict=True)
    assert not any(flow[:6]) and all(flow[6:]) and all(rest)
    # Adam's step is the rate times a ratio that both parts have in common.
    assert [a / b for a, b in zip(flow[6:], rest[6:], strict=True)] == pytest.approx([0.25] * 6, rel=0.01)


def test_a_part_is_meant_wherever_it_stands_when_its_name_begins_with_a_dot():
    recipe = replace(RECIPE, rates=(("single.", 0.3, 0), (".conv_offset.", 0.02, 4)))
    assert recipe.rate_of("single.conv_offset.weight") == (0.3, 0)  # the first that fits
    assert recipe.rate_of("core.align.conv_offset.bias") == recipe.rate_of("conv_offset.bias") == (0.02, 4)
    assert recipe.rate_of("core.my_conv_offset.bias") == recipe.rate_of("core.single.bias") == (1.0, 0)


class Adrift(nn.Module):
    """A deformable layer whose offsets are a hundred pixels."""

    def __init__(self):
        super().__init__()
        self.align = DeformConv(3, 3, 3, groups=1)
        nn.init.constant_(self.align.conv_offset.bias, 100.0)

    def forward(self, window):
        return window[:, 0] + self.align(window[:, 0], window[:, 0])


def test_offsets_that_overflow_are_reported_with_step_layer_and_magnitude(tmp_path, method, clips):
    run = training(replace(method, build=lambda preset: Adrift()), tmp_path, clips)
    run.run()
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    reports = [row for row in rows if "offset_overflow" in row]
    assert [row["step"] for row in reports] == [3, 6, 9, 12]
    assert all(row["offset_overflow"] == pytest.approx({"align": 100}, rel=0.05) for row in reports)


def test_gradients_are_clipped_by_their_norm(tmp_path, method, clips):
    run = training(method, tmp_path, clips, replace(RECIPE, clip_norm=1e-4))
    run.step({key: value[None] for key, value in run.crops[0].items()})
    assert run.network.shift.grad.norm().item() <= 1e-4 * 1.001


def test_adaptive_clipping_bounds_each_unit_by_its_weights():
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 6, 3)
    layer.weight.grad, layer.bias.grad = torch.randn_like(layer.weight), torch.zeros_like(layer.bias)
    layer.weight.grad[0] *= 1e-6
    small = layer.weight.grad[0].clone()
    clip_adaptively(list(layer.parameters()), 0.01)
    ratio = layer.weight.grad.flatten(1).norm(dim=1) / layer.weight.flatten(1).norm(dim=1)
    assert torch.equal(layer.weight.grad[0], small)
    torch.testing.assert_close(ratio[1:], torch.full((5,), 0.01))


def test_the_average_starts_at_once_and_ends_slow():
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, 0.9)
    nn.init.constant_(network.weight, 1.0)
    average.network.weight.data.zero_()
    average.update(network, 0)
    assert average.network.weight.item() == pytest.approx(0.9)
    average.network.weight.data.zero_()
    average.update(network, 10_000)
    assert average.network.weight.item() == pytest.approx(0.1)


def test_schedules():
    recipe = replace(RECIPE, steps=110, warmup=10, schedule=Cosine(0.01))
    assert recipe.learning_rate_at(0) == pytest.approx(1e-4)
    assert recipe.learning_rate_at(10) == pytest.approx(1e-3)
    assert recipe.learning_rate_at(60) == pytest.approx(1e-3 * 0.505)
    assert recipe.learning_rate_at(110) == pytest.approx(1e-5)
    restarts = CosineRestarts(2, 0.0)
    assert restarts(0, 100) == restarts(50, 100) == 1 and restarts(25, 100) == pytest.approx(0.5)
    assert Exponential(0.98, 2000)(4000, 10_000) == pytest.approx(0.98**2)


def test_recipes_refuse_what_cannot_be():
    for odd in ({"crop": 33}, {"margin": 5}, {"margin": -2}):
        with pytest.raises(SettingError, match="even"):
            replace(RECIPE, **odd)
    with pytest.raises(SettingError, match="one of clip_norm and adaptive_clip"):
        replace(RECIPE, adaptive_clip=0.01)
    with pytest.raises(SettingError, match="no recipe for track 9"):
        methods.get("arcnn").recipe(9, "course")


def test_shipping_measures_the_test_clips_and_keeps_the_provenance(tmp_path, method, clips, monkeypatch):
    best = training(method, tmp_path / "run", clips).run()
    chose = {clip.name: 9.0 for clip in dataset.sample_set("validation")[:2]}
    trained = checkpoints.provenance(best) | {"validation_gain_db": chose}
    checkpoints.save(best, checkpoints.load(best, method), trained)
    row = dict.fromkeys(results.COLUMNS, 0.0) | {"method": "arcnn", "track": 1}
    measured = pandas.DataFrame([row | {"clip": "a", "gain_db": 0.5}, row | {"clip": "b", "gain_db": 0.25}])
    asked = {"evaluate": [], "validation_gains": []}
    monkeypatch.setattr(evaluation, "evaluate", lambda *_, device, **__: asked["evaluate"].append(device) or measured)
    gains = evaluation.validation_gains
    monkeypatch.setattr(
        evaluation, "validation_gains", lambda *given: asked["validation_gains"].append(given[3]) or gains(*given)
    )
    monkeypatch.setattr(checkpoints, "shipped", lambda *_: tmp_path / "data" / "arcnn_track1.safetensors")
    monkeypatch.setattr(results, "recorded", lambda track: tmp_path / f"track{track}.csv")
    shipped = evaluation.ship(best, method)
    # What is evaluated on a GPU stays there.
    assert asked["evaluate"] == asked["validation_gains"] == [devices.pick_device()]
    record, before = checkpoints.provenance(shipped), checkpoints.provenance(best)
    assert record["test_gain_db"] == {"a": 0.5, "b": 0.25}
    assert [row["gain_db"] for row in results.read_rows(tmp_path / "track1.csv")] == ["0.500000", "0.250000"]
    # Measured anew, in float32, on the clips that chose the step.
    assert record["validation_gain_db"].keys() == chose.keys()
    assert max(record["validation_gain_db"].values()) < 9
    assert record["measured"] == origin.code_version()
    for renewed in ("sha256", "validation_gain_db", "test_gain_db", "measured"):
        before.pop(renewed, None), record.pop(renewed)
    assert before == record
    weights, original = (checkpoints.read_tensors(path)[0] for path in (shipped, best))
    assert weights.keys() == original.keys()
    assert all(torch.equal(weights[key], original[key].half()) for key in original)


def test_what_is_shipped_is_measured_as_it_is_stored(tmp_path, method, clips, monkeypatch):
    best, seen = training(method, tmp_path / "run", clips).run(), []
    row = dict.fromkeys(results.COLUMNS, 0.0) | {"method": "arcnn", "track": 1, "clip": "a", "gain_db": 0.5}

    def evaluate(*_, network, **__):
        seen.append({name: t.clone() for name, t in network.state_dict().items()})
        return pandas.DataFrame([row])

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    monkeypatch.setattr(checkpoints, "shipped", lambda *_: tmp_path / "data" / "arcnn_track1.safetensors")
    monkeypatch.setattr(results, "recorded", lambda track: tmp_path / f"track{track}.csv")
    loaded = checkpoints.load(evaluation.ship(best, method), method).state_dict()
    assert all(t.dtype == torch.float32 and torch.equal(t, seen[0][name]) for name, t in loaded.items())


def test_a_batch_that_processes_cannot_share_is_refused(tmp_path, method, clips, monkeypatch):
    monkeypatch.setattr(Accelerator, "num_processes", property(lambda _: 3))
    with pytest.raises(SettingError, match="arcnn: 3 processes cannot share its batches of 2 evenly"):
        training(method, tmp_path, clips)


DISTRIBUTED = """
import sys
from pathlib import Path
from tests.unit.test_training import EXACT_RECIPE, Staged, of, training
from venh_lib import dataset, methods
from venh_lib.training import leave
clips, folder = dataset.sample_set("train", limit=2), Path(sys.argv[1])
for name, method in {"brnet": methods.get("ivp_tencent"), "staged": of(Staged)}.items():
    training(method, folder / name, clips, EXACT_RECIPE, validated=2).run()
leave()
"""
# bf16 rounds a batch otherwise than its halves, and Adam makes whole steps of such differences.
EXACT_RECIPE = replace(RECIPE, precision="fp32")


def test_two_processes_train_as_one_does(tmp_path, clips):
    """Batches and validation clips are shared out; gradients are averaged, so all agrees with one process."""
    script = tmp_path / "train.py"
    script.write_text(DISTRIBUTED)
    # `accelerate launch --cpu` starts one process whatever number is asked for.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
               str(script), str(tmp_path / "two")]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, timeout=400)
    for name, method in {"brnet": methods.get("ivp_tencent"), "staged": of(Staged)}.items():
        training(method, tmp_path / "one" / name, clips, EXACT_RECIPE, validated=2).run()
        one, two = (tmp_path / processes / name for processes in ("one", "two"))
        record, alone = (checkpoints.provenance(folder / "best.safetensors") for folder in (two, one))
        assert (record["processes"], list(record["validation_gain_db"])) == (2, [clip.name for clip in clips])
        assert record["validation_gain_db"] == pytest.approx(alone["validation_gain_db"], abs=2e-3)
        tensors, metadata = checkpoints.read_tensors(two / "state.safetensors")
        assert json.loads(metadata["venh"])["progress"]["step"] == RECIPE.steps
        expected, _ = checkpoints.read_tensors(one / "state.safetensors")
        for key in (k for k in expected if k.startswith("network.")):
            torch.testing.assert_close(tensors[key], expected[key], atol=2e-5, rtol=0)
