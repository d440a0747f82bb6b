"""The command line: help for a stranger, JSON for programs, errors in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pandas
import pytest
from click.testing import CliRunner

from venh_lib import cli, doctor, results

COMMANDS = ("bench", "doctor", "enhance", "evaluate", "methods", "run", "strip", "train")


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


def test_interrupted_it_says_so_and_exits_with_130(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "report", lambda: os.kill(os.getpid(), signal.SIGINT) or time.sleep(5))
    monkeypatch.setattr(sys, "argv", ["venh", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert "venh: interrupted" in capsys.readouterr().err


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
