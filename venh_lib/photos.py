"""Photos as the material of synthetic scenes: read, resized, sharpened and graded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from venh_lib.collage import Collage
from venh_lib.errors import DataError


@dataclass(frozen=True)
class Picture:
    """A photo resized to ``width`` x ``height`` pixels, with ``unsharp`` times its finest detail added.

    A ``collage`` is painted over it.
    """

    photo: Path
    width: int
    height: int
    unsharp: float = 0.0
    collage: Collage | None = None


@lru_cache(maxsize=4096)
def photo_size(photo: Path) -> tuple[int, int]:
    """Width and height in pixels, from the file's header. Raises DataError if it is not a photo."""
    try:
        with Image.open(photo) as image:
            return image.size
    except OSError as error:
        raise _unreadable(photo, error) from error


@lru_cache(maxsize=16)
def _decoded(photo: Path, reduction: int) -> np.ndarray:
    """RGB uint8 [h, w, 3]; a JPEG is decoded at 1 / reduction of its size, which is several times faster."""
    width, height = photo_size(photo)
    try:
        with Image.open(photo) as image:
            image.draft("RGB", (width // reduction, height // reduction))
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise _unreadable(photo, error) from error


def _unreadable(photo: Path, error: Exception) -> DataError:
    return DataError(f"{photo} cannot be read as a photo ({error}); expected a whole JPEG or PNG file. Replace it.")


@lru_cache(maxsize=4096)
def _detail(photo: Path) -> np.ndarray:
    """Mean strength of the finest detail in each cell of a 24 x 24 grid over the photo, at 640 pixels' width."""
    width, height = photo_size(photo)
    small = resized(Picture(photo, min(width, 640), round(height * min(width, 640) / width)))
    edges = np.abs(cv2.Laplacian(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    return cv2.resize(edges, (24, 24), interpolation=cv2.INTER_AREA)


def detail(picture: Picture, left: float, top: float, right: float, bottom: float) -> float:
    """How much fine detail a rectangle of the picture holds; to compare places of one photo."""
    grid = _detail(picture.photo)
    cells = np.array([left / picture.width, right / picture.width, top / picture.height, bottom / picture.height])
    first_x, last_x, first_y, last_y = np.clip((cells * 24).astype(int), 0, 23)
    return float(grid[first_y : last_y + 1, first_x : last_x + 1].mean())


def resized(picture: Picture) -> np.ndarray:
    """The picture's pixels, RGB uint8 [height, width, 3]. Raises DataError if the photo cannot be read."""
    reduction = next(r for r in (8, 4, 2, 1) if r == 1 or photo_size(picture.photo)[0] // r >= 1.5 * picture.width)
    pixels = cv2.resize(
        _decoded(picture.photo, reduction), (picture.width, picture.height), interpolation=cv2.INTER_AREA
    )
    if picture.unsharp:
        blurred = cv2.GaussianBlur(pixels, (0, 0), 1.0)
        pixels = cv2.addWeighted(pixels, 1 + picture.unsharp, blurred, -picture.unsharp, 0)
    if picture.collage:
        pixels = picture.collage.painted_on(pixels)
    return pixels


def graded(rgb: np.ndarray, saturation: float, gamma: float) -> np.ndarray:
    """RGB uint8 with its saturation scaled about the luma, after value ** gamma."""
    curve = (255 * (np.arange(256) / 255) ** gamma).astype(np.float32)
    luma = np.array([[0.299, 0.587, 0.114]])
    matrix = saturation * np.eye(3) + (1 - saturation) * np.repeat(luma, 3, axis=0)
    graded = cv2.transform(cv2.LUT(rgb, curve), matrix.astype(np.float32))
    return np.clip(np.rint(graded), 0, 255).astype(np.uint8)
