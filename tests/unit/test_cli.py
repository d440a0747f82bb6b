"""The command line: help for a stranger, JSON for programs, errors in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas
import pytest
from click.testing import CliRunner

from venh_lib import checkpoints, cli, doctor, evaluation, ffmpeg, methods, results, video

COMMANDS = ("ablate", "bench", "doctor", "enhance", "evaluate", "methods", "run", "strip", "train")


def venh(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run the program as a user does."""
    command = [sys.executable, "-m", "venh_lib.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def invoke(*arguments: str):
    """Run a command in this process; its JSON."""
    done = CliRunner().invoke(cli.cli, arguments, catch_exceptions=False)
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command):
    done = CliRunner().invoke(cli.cli, [command, "--help"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) >= 6 and f"{command} " in done.output


def test_the_help_names_every_command_and_is_quick():
    def processor_seconds() -> float:
        used = os.times()
        return used.children_user + used.children_system

    used = []
    for _ in range(3):
        before = processor_seconds()
        done = venh("--help")
        used.append(processor_seconds() - before)
    assert done.returncode == 0 and all(f"  {name} " in done.stdout for name in COMMANDS)
    assert min(used) <= 0.4


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("train", "nosuch"), "unknown method 'nosuch'; choose one of"),
        (("bench", "nosuch"), "'nosuch'; choose one of"),
        (("evaluate",), "name one METHOD, or say --all"),
        (("evaluate", "--all", "--checkpoint", "x.safetensors"), "--checkpoint is of one METHOD"),
        (("evaluate", "--all", "--ship"), "--ship is of one METHOD"),
        (("evaluate", "arcnn", "--ship", "--split", "validation"), "the sample set's test clips"),
        (("run", "99"), "no notebook '99'"),
    ],
)
def test_a_mistake_is_one_line_on_stderr(arguments, words):
    done = venh(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("venh: ") and words in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_setting_stops_every_command_but_doctor():
    done = venh("methods", VENH_CASHE="x")
    assert done.returncode == 2 and "unknown setting VENH_CASHE" in done.stderr


def test_what_the_system_refuses_is_one_line_too(tmp_path):
    done = venh("strip", str(tmp_path / "absent.ipynb"))
    assert done.returncode == 2 and "absent.ipynb" in done.stderr and "Traceback" not in done.stderr


def test_of_several_processes_the_first_alone_ships_and_answers(monkeypatch):
    from venh_lib import training

    shipped = []
    monkeypatch.setattr(training, "train", lambda *_, **__: Path("best.safetensors"))
    monkeypatch.setattr(evaluation, "ship", lambda best, *_: shipped.append(best) or best)
    monkeypatch.setattr(cli, "_renew_readme", lambda: None)
    for first in (False, True):
        monkeypatch.setattr(training, "leave", lambda first=first: first)
        done = CliRunner().invoke(cli.cli, ["train", "arcnn", "--ship"], catch_exceptions=False)
        assert done.stdout == ("best.safetensors\n" if first else "") and len(shipped) == first


def test_without_the_notebooks_extra_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "papermill", None)
    monkeypatch.setattr(sys, "argv", ["venh", "run", "00"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "papermill is not installed; install the course: pip install 'venh[notebooks]'." in capsys.readouterr().err


def test_interrupted_it_says_so_and_exits_with_130(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "report", lambda: os.kill(os.getpid(), signal.SIGINT) or time.sleep(5))
    monkeypatch.setattr(sys, "argv", ["venh", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert "venh: interrupted" in capsys.readouterr().err


def test_an_interrupted_training_says_that_it_goes_on(monkeypatch):
    from venh_lib import training

    monkeypatch.setattr(training, "train", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT) or time.sleep(5))
    done = CliRunner().invoke(cli.cli, ["train", "arcnn"])
    assert done.exit_code == 130
    assert done.stderr == "venh: interrupted; the same command goes on from the last saved step.\n"


def hevc(path: Path, frames: int, side: int = 64) -> Path:
    """A clip as `venh enhance` expects one."""
    source = ["-f", "lavfi", "-i", f"testsrc2=s={side}x{side}:r=30", "-frames:v", frames, "-pix_fmt", "yuv420p"]
    encoder = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:qp=37"]
    ffmpeg.run([*ffmpeg.QUIET, *source, *encoder, path], task="making a clip")
    return path


@pytest.fixture
def weights(tmp_path_factory):
    """Saves a checkpoint of an untrained network, its output ``lighter``; returns the options that name it."""
    import torch

    from venh_lib import checkpoints, methods

    def save(slug: str, lighter: float = 0.0) -> tuple[str, ...]:
        path = tmp_path_factory.mktemp("weights") / f"{slug}.safetensors"
        network = methods.get(slug).build("course")
        if lighter:
            network.tail.bias.data += torch.tensor(lighter)
        checkpoints.save(path, network, {"method": slug, "preset": "course"})
        return ("--method", slug, "--checkpoint", str(path))

    return save


@pytest.mark.parametrize("frames, method", [(5, "ivp_tencent"), (1, "ivp_tencent"), (1, "mfqe")])
def test_enhance_writes_a_whole_video(tmp_path, weights, frames, method):
    source, target = hevc(tmp_path / "in.mkv", frames), tmp_path / "out.mkv"
    arguments = ["enhance", str(source), str(target), *weights(method), "--tile", "64"]
    done = CliRunner().invoke(cli.cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and f"{target}: {frames} frame" in done.stdout
    info = video.probe(target)
    assert (info.width, info.height, info.frames, info.frame_rate) == (64, 64, frames, Fraction(30))
    # An untrained network returns its input; the file is 4:2:0 again.
    for old, new in zip(video.read_rgb(source), video.read_rgb(target), strict=True):
        assert abs(old.astype(int) - new).mean() < 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]


def test_enhance_takes_the_mean_of_several_networks_and_says_as_json_what_it_took(tmp_path, weights):
    source = hevc(tmp_path / "in.mkv", 2)
    shown = {}
    for name, lighter in (("one", (0.0,)), ("two", (0.0, 0.2))):
        target, first, *others = tmp_path / f"{name}.mkv", *(weights("ivp_tencent", share) for share in lighter)
        arguments = ["enhance", str(source), str(target), *first, *(word for own in others for word in own[2:])]
        done = CliRunner().invoke(cli.cli, [*arguments, "--ensemble", "4", "--json"], catch_exceptions=False)
        report = json.loads(done.stdout)
        assert report["target"] == str(target) and report["frames"] == 2 and 0 < report["network_seconds"]
        shown[name] = next(iter(video.read_rgb(target))).astype(float)
    # The second network adds a fifth of white, of which half is left; what was nearly white stays.
    assert 15 < np.median(shown["two"] - shown["one"]) < 30


def test_train_as_json_is_the_record_of_its_checkpoint(monkeypatch, weights):
    from venh_lib import training

    path = weights("ivp_tencent")[-1]
    monkeypatch.setattr(training, "train", lambda *_, **__: Path(path))
    done = CliRunner().invoke(cli.cli, ["train", "ivp_tencent", "--json"], catch_exceptions=False)
    told = json.loads(done.stdout)
    assert told["checkpoint"] == path and told["method"] == "ivp_tencent" and len(told["sha256"]) == 64


@pytest.mark.parametrize("arguments, words", [
    (("absent.mkv", "out.mkv"), "absent.mkv: expected a video file, found nothing"),
    (("letter.mkv", "out.mkv"), "letter.mkv: expected a video"),
    (("in.mkv", "out"), "found no ending; name it out.mkv, say"),
    (("in.mkv", "old.mkv"), "replace it with --overwrite"),
    (("in.mkv", "in.mkv", "--overwrite"), "is the source itself"),
    (("in.mkv", "out.mkv", "--method", "nosuch"), "unknown method 'nosuch'"),
    (("in.mkv", "out.mkv", "--checkpoint", "letter.mkv"), "letter.mkv is not a whole .safetensors file"),
    (("in.mkv", "out.mkv", "--tile", "32"), "32 is not in the range x>=64"),
])  # fmt: skip
def test_enhance_refuses_in_one_line_and_leaves_every_file(tmp_path, monkeypatch, capsys, arguments, words):
    hevc(tmp_path / "in.mkv", 2)
    (tmp_path / "letter.mkv").write_text("Dear reader,\n" * 100)
    (tmp_path / "old.mkv").write_text("precious")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["venh", "enhance", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 2 and said.out == "" and words in said.err.splitlines()[-1]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_smallest_tile_that_is_offered_is_possible_and_says_why():
    from venh_lib.passes import Inference

    option = next(option for option in cli.enhance.params if option.name == "tile")
    overlap = Inference(tile=option.type.min).overlap
    assert f"overlap by {overlap} pixels" in option.help


def test_an_interrupted_enhancement_leaves_nothing(tmp_path, weights):
    """Ctrl-C in a terminal: SIGINT to the command and its ffmpeg processes, when the first frames are written."""
    source = hevc(tmp_path / "in.mkv", 150, side=128)
    command = [sys.executable, "-m", "venh_lib.cli", "enhance", str(source), str(tmp_path / "out.mkv")]
    command += [*weights("ivp_tencent"), "--ensemble", "8"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 300
        while not list(tmp_path.glob(".out.*.mkv")):
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(child.pid, signal.SIGINT)
        printed, said = child.communicate(timeout=300)
    finally:
        child.kill()
    assert child.returncode == 130 and printed == "" and "Traceback" not in said
    assert said.splitlines()[-1] == "venh: interrupted; nothing half-written is left."
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize("executed, saves", [
    ("50_track1_leaderboard", True),
    ("50_track1_leaderboard", False),
    ("00_start_here", False),
])  # fmt: skip
def test_the_track_tables_say_where_they_are_from(monkeypatch, tmp_path, executed, saves):
    from venh_lib import runner

    def rows(method: str) -> str:
        return f"{','.join(results.COLUMNS)}\n{method},1,dog,33,30,30.5,0.5,0.9,0.91\n"

    def run_notebook(path, scale, out, values):
        if saves:
            (out / "results" / "track1.csv").write_text(rows("new"))
        return runner.NotebookRun(path.stem, scale, 1.0, 0.1, {}, None)

    monkeypatch.setenv("VENH_DATA", str(tmp_path / "data"))
    for folder, method in (("data/results", "recorded"), ("out/results", "stale")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "track1.csv").write_text(rows(method))
    monkeypatch.setattr(runner, "select", lambda names: [Path(f"{executed}.ipynb")])
    monkeypatch.setattr(runner, "check_parameters", lambda *_: None)
    monkeypatch.setattr(runner, "run_notebook", run_notebook)
    done = CliRunner().invoke(cli.cli, ["run", "--out", str(tmp_path / "out")], catch_exceptions=False)
    _, *tables = done.stdout.split("Track 1, RGB PSNR, ")
    assert [table.splitlines()[0] for table in tables] == [
        "as recorded with the course", *(["measured by this run"] if saves else [])
    ]
    assert [table.splitlines()[2].split()[0] for table in tables] == ["recorded", *(["new"] if saves else [])]
    # What another notebook's run finds there is left as it is.
    assert (tmp_path / "out/results/track1.csv").exists() == (saves or executed == "00_start_here")


def test_methods_as_json():
    rows = invoke("methods", "--json")
    assert rows and all(set(row) == {"slug", "team", "tracks", "params"} for row in rows)
    assert all(set(row["params"]) == {"course", "paper"} for row in rows)
    assert {row["slug"] for row in rows} >= {"arcnn", "dncnn", "qecnn", "mfqe", "ivp_tencent"}


def test_evaluate_as_json_and_csv(monkeypatch, tmp_path):
    from venh_lib import dataset, evaluation

    row = dict(zip(results.COLUMNS, ("arcnn", 1, "dog", 33, 30.0, 30.5, 0.5, 0.9, 0.91), strict=True))
    asked = []

    def measure(method, track, *, sequences, checkpoint):
        asked.append((method.slug, track, sequences, checkpoint))
        return pandas.DataFrame([row])

    monkeypatch.setattr(dataset, "sequences", lambda *words: words)
    monkeypatch.setattr(evaluation, "evaluate", measure)
    kept = tmp_path / "rows.csv"
    arguments = ("evaluate", "arcnn", "--track", "1", "--split", "validation", "--output", str(kept), "--json")
    assert invoke(*arguments) == [row]
    assert asked == [("arcnn", 1, ("validation", 1, "course"), None)]
    assert [line["clip"] for line in results.read_rows(kept)] == ["dog"]


def test_evaluate_ships_what_comes_with_the_course_or_a_checkpoint(monkeypatch, tmp_path):
    shipped, renewed = [], []
    monkeypatch.setattr(evaluation, "ship", lambda *given: shipped.append(given) or given[0])
    monkeypatch.setattr(cli, "_renew_readme", lambda: renewed.append(True))
    arcnn = methods.get("arcnn")
    for arguments, path in (((), checkpoints.shipped(arcnn, 1)), (("--checkpoint", "x"), Path("x"))):
        done = CliRunner().invoke(cli.cli, ["evaluate", "arcnn", "--ship", *arguments], catch_exceptions=False)
        assert done.exit_code == 0 and done.output.strip() == str(path)
    assert shipped == [(checkpoints.shipped(arcnn, 1), arcnn, 1), (Path("x"), arcnn, 1)] and len(renewed) == 2


def test_evaluate_prints_a_clip_that_equals_its_reference(monkeypatch):
    """Its PSNR is infinite and its gain is none, which JSON cannot say."""
    from venh_lib import dataset, evaluation

    inf, nan = float("inf"), float("nan")
    row = dict(zip(results.COLUMNS, ("arcnn", 1, "dog", 33, inf, inf, nan, 1.0, 1.0), strict=True))
    monkeypatch.setattr(dataset, "sequences", lambda *_: [])
    monkeypatch.setattr(evaluation, "evaluate", lambda *_, **__: pandas.DataFrame([row]))
    assert invoke("evaluate", "arcnn", "--json")[0]["psnr_in"] is None
    done = CliRunner().invoke(cli.cli, ["evaluate", "arcnn"], catch_exceptions=False)
    assert done.stdout.splitlines()[1].split() == ["arcnn", "1", "inf", "inf", "+nan", "+nan", "dog"]


def test_bench_as_json(monkeypatch):
    from venh_lib import bench

    monkeypatch.setattr(bench, "run", lambda name: {"bench": name, "ratio": 1.05})
    assert invoke("bench", "inference", "--json") == {"bench": "inference", "ratio": 1.05}


def test_doctor_as_json(monkeypatch):
    broken = doctor.Check("libx265", doctor.BROKEN, "absent", "reinstall it.")
    monkeypatch.setattr(doctor, "report", lambda: [broken])
    done = CliRunner().invoke(cli.cli, ["doctor", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"works": False, "checks": [vars(broken)]}


@pytest.mark.parametrize("text, value", [("3", 3), ("0.5", 0.5), ("true", True), ("train", "train")])
def test_parameters_are_read_as_typed(text, value):
    assert cli._value(text) == value
