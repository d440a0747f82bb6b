"""Shapes, strokes and letters painted over a photo: edges and flat faces as rooms and streets have them.

A few dozen photos teach a network their own textures by heart: it gains more on clips made from them than on
clips from photos it has not seen. What is painted here never repeats.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

import cv2
import numpy as np

# Chance of each kind of shape.
KINDS = {"oval": 0.25, "polygon": 0.3, "plank": 0.2, "stroke": 0.15, "letters": 0.1}
# Radius in pixels: small shapes are many, as in a picture of things at all distances.
SMALLEST, LARGEST = 4.0, 200.0
# Chance that a shape is filled with a piece of the photo or with stripes, not with a shaded colour.
TEXTURED, STRIPED = 0.3, 0.15
# Width in pixels of a stripe and the gap beside it, and the share of the stripe in it.
STRIPES, STRIPE_SHARE = (2.5, 16.0), (0.2, 0.8)
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
# Fixed-point bits of OpenCV's drawing coordinates.
SHIFT = 4


@dataclass(frozen=True)
class Collage:
    """``density`` shapes for each 100,000 pixels; everything about them is drawn from ``seed``."""

    seed: int
    density: float

    def painted_on(self, pixels: np.ndarray) -> np.ndarray:
        """RGB uint8 [H, W, 3] with the shapes painted over it, small ones over large ones: a new array."""
        rng = np.random.default_rng(self.seed)
        height, width = pixels.shape[:2]
        canvas = pixels.copy()
        shares = rng.random(round(self.density * height * width / 1e5)) ** 1.5
        for share in sorted(shares, reverse=True):
            radius = SMALLEST * (LARGEST / SMALLEST) ** share
            half = int(radius) + 3
            opacity = _opacity(rng, half, radius)
            fill = _fill(rng, 2 * half + 1, pixels)
            left, top = (int(rng.integers(-half, extent - half)) for extent in (width, height))
            _paste(canvas, fill, opacity, left, top)
        return canvas


def _paste(canvas: np.ndarray, fill: np.ndarray, opacity: np.ndarray, left: int, top: int) -> None:
    """Blend a square into ``canvas`` with its corner at (left, top), which may lie outside."""
    (height, width), side = canvas.shape[:2], len(opacity)
    rows, columns = slice(max(top, 0), min(top + side, height)), slice(max(left, 0), min(left + side, width))
    inside = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    under = canvas[rows, columns].astype(np.float32)
    blended = under + opacity[inside][..., None] * (fill[inside] - under)
    canvas[rows, columns] = np.clip(np.rint(blended), 0, 255).astype(np.uint8)


def _opacity(rng: np.random.Generator, half: int, radius: float) -> np.ndarray:
    """One shape about the middle of a square: float32 [2 half + 1, 2 half + 1] in 0–1, its edge often soft."""
    mask = np.zeros((2 * half + 1, 2 * half + 1), np.uint8)
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    slim = float(np.exp(rng.uniform(-2, 0)))
    if kind == "oval":
        box = ((half, half), (2 * radius, 2 * radius * slim), float(rng.uniform(0, 360)))
        cv2.ellipse(mask, box, 255, cv2.FILLED, cv2.LINE_AA)
    elif kind == "polygon":
        cv2.fillPoly(mask, [_fixed(half + radius * _polygon(rng, slim))], 255, cv2.LINE_AA, SHIFT)
    elif kind == "plank":
        # A rod, a shelf's edge, a window's frame: long, straight and slim.
        box = ((half, half), (2 * radius, max(1.0, radius * slim**2 / 2)), float(rng.uniform(0, 360)))
        cv2.fillPoly(mask, [_fixed(cv2.boxPoints(box))], 255, cv2.LINE_AA, SHIFT)
    elif kind == "stroke":
        points = half + 0.95 * radius * rng.uniform(-1, 1, (int(rng.integers(2, 5)), 2))
        thickness = int(rng.integers(1, 2 + max(1, int(radius / 10))))
        cv2.polylines(mask, [_fixed(points)], False, 255, thickness, cv2.LINE_AA, SHIFT)
    else:
        text = "".join(rng.choice(list(string.ascii_letters + string.digits), int(rng.integers(1, 9))))
        # A letter of scale 1 is about 22 pixels tall and wide.
        font, scale = FONTS[int(rng.integers(len(FONTS)))], 2 * radius / 22 / max(len(text), 2)
        thickness = int(rng.integers(1, 2 + int(scale)))
        (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
        corner = half - width // 2, half + height // 2
        cv2.putText(mask, text, corner, font, scale, 255, thickness, cv2.LINE_AA)
    blur = float(rng.uniform(0, 1.2))
    return (cv2.GaussianBlur(mask, (0, 0), blur) if blur > 0.3 else mask).astype(np.float32) / 255


def _polygon(rng: np.random.Generator, slim: float) -> np.ndarray:
    """Corners [3–5, 2] on an oval of half-width 1: a rectangle when there are four; upright or turned."""
    corners = int(rng.integers(3, 6))
    angles = np.arange(4) * np.pi / 2 + np.pi / 4 if corners == 4 else np.sort(rng.uniform(0, 2 * np.pi, corners))
    turn = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else np.pi / 2 * int(rng.integers(4))
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.stack([np.cos(angles), slim * np.sin(angles)], axis=1) @ rotation


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(points * 2**SHIFT).astype(np.int32)


def _fill(rng: np.random.Generator, side: int, pixels: np.ndarray) -> np.ndarray:
    """What a shape shows: float32 [side, side, 3], about 0–255."""
    height, width = pixels.shape[:2]
    drawn = rng.random()
    if drawn < TEXTURED:
        reach = min(int(side * np.exp(rng.uniform(0, 0.7))), height, width)
        top, left = int(rng.integers(height - reach + 1)), int(rng.integers(width - reach + 1))
        piece = pixels[top : top + reach, left : left + reach]
        piece = cv2.resize(piece, (side, side), interpolation=cv2.INTER_AREA)
        return np.rot90(piece, int(rng.integers(4))).astype(np.float32) + np.float32(rng.uniform(-30, 30))
    shaded = _shaded(rng, side, pixels)
    return _striped(rng, shaded) if drawn < TEXTURED + STRIPED else shaded


def _shaded(rng: np.random.Generator, side: int, pixels: np.ndarray) -> np.ndarray:
    """A colour of the photo's or another, with a slope: float32 [side, side, 3]."""
    height, width = pixels.shape[:2]
    if rng.random() < 0.5:
        colour = pixels[int(rng.integers(height)), int(rng.integers(width))].astype(np.float32)
    else:
        colour = np.float32(rng.uniform(10, 245)) + rng.normal(0, 25, 3).astype(np.float32)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    across, down = rng.normal(0, 20, 2).astype(np.float32)
    return colour + (across * ramp + down * ramp[:, None])[..., None]


def _striped(rng: np.random.Generator, shaded: np.ndarray) -> np.ndarray:
    """Stripes of another brightness, as blinds, fences and printed cloth have: a new array."""
    side = len(shaded)
    heading, period = rng.uniform(0, np.pi), np.exp(rng.uniform(*np.log(STRIPES)))
    x, y = np.meshgrid(*2 * (np.arange(side, dtype=np.float32),))
    along = (np.cos(heading) * x + np.sin(heading) * y) / period
    # Distance in pixels from the middle of the nearest stripe, then a soft edge one pixel wide.
    distance = np.abs(along - np.floor(along) - 0.5) * period
    inside = np.clip(rng.uniform(*STRIPE_SHARE) * period / 2 - distance + 0.5, 0, 1)
    step = float(rng.choice([-1, 1]) * np.exp(rng.uniform(*np.log((8, 120)))))
    return shaded + np.float32(step) * inside.astype(np.float32)[..., None]
