"""Training clips synthesised from photos, with the true motion between any two of their frames.

A scene is drawn first (``draw_scene``: numbers only, see ``scenes.Scene``), then rendered. The ranges below
are ours: clips drawn from such ranges were measured to train networks that generalise to real clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from venh_lib.collage import Collage
from venh_lib.errors import DataError, SettingError
from venh_lib.photos import Picture, detail, photo_size
from venh_lib.scenes import Layer, Placement, Scene, Shape, Wave

# Chance and range of speeds (pixels a frame) of the camera.
MOVEMENTS = {"still": (0.40, (0.0, 0.0)), "slow": (0.35, (0.05, 1.2)), "fast": (0.25, (1.0, 8.0))}
LAYER_COUNT_CHANCES = (0.25, 0.25, 0.20, 0.15, 0.15)
# Chance that a photo is sharpened, and by what share of its finest detail: gently, since what sharpening adds is lost
# again when it is coded, and no network brings it back. Without the clips that were sharpened by more than 0.5, BRNet's
# validation gain after 2,000 more steps was +0.810 dB, with as many clips of every kind +0.798 (one seed each).
SHARPENED_CHANCE, UNSHARP = 0.25, (0.1, 0.5)
# Chance that the background is turned, and by how much at most (radians): a photo seen upright in every clip
# is learnt by heart. It is stretched for the same reason, by up to this much (natural logarithm).
TILTED_CHANCE, TILT = 0.5, 0.8
STRETCH = 0.25
# Chance that shapes are painted over the background, and how many for each 100,000 pixels.
COLLAGE_CHANCE, COLLAGE_SHAPES = 0.75, (6.0, 120.0)
SHUTTERS = (0.0, 0.3, 0.6)
# Chance that a clip has any, and range. Footage that was scaled down is often soft and nearly free of noise.
SOFT_CHANCE, SOFTNESS = 0.5, (0.3, 1.2)
NOISY_CHANCE, NOISE = 0.4, (0.2, 1.8)
# Of so many places drawn in a photo the one with most detail is used: much of a photo is sky or out of focus.
PLACES = 4
# Part of every synthesised clip's cache key: raise it whenever the same seed gives other pixels.
VERSION = 8


@dataclass(frozen=True, eq=False)
class Clip:
    """A rendered scene: ``planes`` uint8 [T, H * 3 // 2, W], I420, BT.601, limited range."""

    planes: np.ndarray
    scene: Scene

    def motion(self, t: int, s: int) -> tuple[np.ndarray, np.ndarray]:
        """See ``Scene.motion``."""
        return self.scene.motion(t, s)

    def description(self) -> dict[str, str]:
        """See ``Scene.description``."""
        return self.scene.description()


def synthesise(seed: int, photos: Sequence[Path], frames: int = 33, width: int = 416, height: int = 240) -> Clip:
    """Draw and render one clip. Raises as ``draw_scene`` does.

    The same seed and photos give the same bytes, whatever was made before and however many threads there are;
    another version of OpenCV or another kind of machine may round some pixels differently.
    """
    scene = draw_scene(seed, photos, frames, width, height)
    return Clip(scene.render(), scene)


def draw_scene(seed: int, photos: Sequence[Path], frames: int = 33, width: int = 416, height: int = 240) -> Scene:
    """Draw the numbers of one clip from a seed and the photos, whose order does not matter.

    Raises SettingError for a size, length or seed that cannot be, DataError for no photos, a file that is not
    a photo, or one that is smaller than the window.
    """
    if width < 32 or height < 32 or width % 2 or height % 2 or frames < 1 or seed < 0:
        raise SettingError(
            f"cannot synthesise {frames} frames of {width}x{height} with seed {seed}; "
            "give at least 1 frame, even sides of 32 or more, and a seed of 0 or more."
        )
    ordered = sorted((Path(photo) for photo in photos), key=lambda photo: (photo.name, str(photo)))
    if not ordered:
        raise DataError("no photos to synthesise clips from; expected at least one path of a JPEG or PNG photo.")
    rng = np.random.default_rng(seed)
    movement = str(rng.choice(list(MOVEMENTS), p=[chance for chance, _ in MOVEMENTS.values()]))
    chosen = int(rng.integers(len(ordered)))
    others = [photo for index, photo in enumerate(ordered) if index != chosen] or ordered
    background, camera = _draw_background(rng, ordered[chosen], movement, frames, width, height)
    count = int(rng.choice(len(LAYER_COUNT_CHANCES), p=LAYER_COUNT_CHANCES))
    return Scene(
        seed=seed,
        frames=frames,
        width=width,
        height=height,
        movement=movement,
        background=background,
        camera=camera,
        layers=tuple(_draw_layer(rng, others, frames, width, height) for _ in range(count)),
        shutter=float(rng.choice(SHUTTERS)),
        softness=float(rng.uniform(*SOFTNESS)) if rng.random() < SOFT_CHANCE else 0.0,
        noise=float(rng.uniform(*NOISE)) if rng.random() < NOISY_CHANCE else 0.0,
        noise_blur=float(rng.uniform(0.3, 0.7)),
        saturation=float(rng.uniform(0.3, 1.4)),
        gamma=float(np.exp(rng.uniform(-0.5, 0.5))),
    )


def _draw_background(
    rng: np.random.Generator, photo: Path, movement: str, frames: int, width: int, height: int
) -> tuple[Picture, Placement]:
    """The photo under the window, large enough for the camera's path where the photo allows it."""
    still, fast = movement == "still", movement == "fast"
    sharpened = rng.random() < SHARPENED_CHANCE
    placed = Placement(
        source=(0.0, 0.0),
        anchor=((width - 1) / 2, (height - 1) / 2),
        velocity=_draw_velocity(rng, movement),
        middle=(frames - 1) / 2,
        angle=float(rng.uniform(-TILT, TILT)) if rng.random() < TILTED_CHANCE else 0.0,
        turn=0.0 if still or rng.random() > 0.3 else float(rng.uniform(-1, 1) * (0.004 if fast else 0.0015)),
        zoom=0.0 if still or rng.random() > 0.35 else float(rng.uniform(-1, 1) * (0.005 if fast else 0.002)),
        shake=() if still or rng.random() > 0.4 else _draw_shake(rng),
        warp=() if rng.random() > 0.2 else _draw_warp(rng),
    )
    low, high = _extent(placed, frames, width, height)
    narrowest, widest = (430, 800) if sharpened else (520, 1800)
    drawn = np.exp(rng.uniform(np.log(narrowest), np.log(widest))) * width / 416
    unsharp = float(rng.uniform(*UNSHARP)) * sharpened
    picture = _fitted(photo, drawn, (high - low) + 2, (width, height), unsharp, _draw_stretch(rng))
    if rng.random() < COLLAGE_CHANCE:
        density = float(np.exp(rng.uniform(*np.log(COLLAGE_SHAPES))))
        picture = replace(picture, collage=Collage(int(rng.integers(2**31)), density))
    spare = np.array([picture.width - 1, picture.height - 1]) - (high - low)
    # A path longer than the photo is centred; beyond the border the photo goes on as its mirror image.
    starts = [np.where(spare > 0, rng.random(2) * spare, spare / 2) for _ in range(PLACES)]
    start = max(starts, key=lambda start: detail(picture, *start, *(start + high - low))) - low
    return picture, replace(placed, source=(float(start[0]), float(start[1])))


def _draw_layer(rng: np.random.Generator, photos: list[Path], frames: int, width: int, height: int) -> Layer:
    """A cut-out of one of the photos that is inside the window in the middle of the clip."""
    shape = Shape(
        radius=float(np.exp(rng.uniform(np.log(16), np.log(85)))) * width / 416,
        aspect=float(np.exp(rng.uniform(-0.5, 0.5))),
        ripples=tuple((k, float(rng.uniform(0, 0.3 / k)), float(rng.uniform(0, 2 * np.pi))) for k in (2, 3, 5)),
        softness=float(rng.uniform(0.7, 3.0)),
    )
    photo = photos[int(rng.integers(len(photos)))]
    side = 2 * shape.half + 1
    drawn, needed = rng.uniform(300, 1200) * width / 416, np.array([side, side])
    picture = _fitted(photo, drawn, needed, (width, height), 0.0, _draw_stretch(rng))
    corners = rng.integers(0, [picture.width - side + 1, picture.height - side + 1], (PLACES, 2))
    corner = max(corners, key=lambda corner: detail(picture, *corner, *(corner + side)))
    placement = Placement(
        source=(float(shape.half), float(shape.half)),
        anchor=(float(rng.uniform(0.1, 0.9) * width), float(rng.uniform(0.1, 0.9) * height)),
        velocity=_draw_velocity(rng, str(rng.choice(["slow", "fast"]))),
        middle=(frames - 1) / 2,
        angle=float(rng.uniform(-0.5, 0.5)),
        turn=0.0 if rng.random() > 0.4 else float(rng.uniform(-0.01, 0.01)),
        zoom=0.0 if rng.random() > 0.4 else float(rng.uniform(-0.006, 0.006)),
        shake=() if rng.random() > 0.4 else _draw_shake(rng),
        warp=() if rng.random() > 0.3 else _draw_warp(rng),
    )
    return Layer(picture, (int(corner[0]), int(corner[1])), shape, placement)


def _draw_velocity(rng: np.random.Generator, movement: str) -> tuple[float, float]:
    """A velocity of any direction whose speed is spread evenly over the logarithm of the movement's range."""
    slowest, fastest = MOVEMENTS[movement][1]
    if not fastest:
        return 0.0, 0.0
    speed, heading = np.exp(rng.uniform(np.log(slowest), np.log(fastest))), rng.uniform(0, 2 * np.pi)
    return float(speed * np.cos(heading)), float(speed * np.sin(heading))


def _draw_shake(rng: np.random.Generator) -> tuple[Wave, ...]:
    """A hand's tremor: slow sway and faster, smaller jitter."""
    strength = rng.uniform(0.3, 1.5)
    rates = (rng.uniform(0.02, 0.08), rng.uniform(0.08, 0.2), rng.uniform(0.2, 0.4))
    waves = []
    for rate, share in zip(rates, (1.0, 0.5, 0.2), strict=True):
        x, y = rng.normal(0, strength * share, 2)
        waves.append(Wave((float(x), float(y)), (0.0, 0.0, float(rate)), float(rng.uniform(0, 2 * np.pi))))
    return tuple(waves)


def _draw_warp(rng: np.random.Generator) -> tuple[Wave, ...]:
    """A slow bend of a few long waves, gentle enough (a slope below 0.08 each) to be undone step by step."""
    waves = []
    for _ in range(int(rng.integers(2, 4))):
        length, heading, push = rng.uniform(80, 300), *rng.uniform(0, 2 * np.pi, 2)
        size = length * rng.uniform(0.003, 0.012)
        waves.append(
            Wave(
                (float(size * np.cos(push)), float(size * np.sin(push))),
                (
                    float(np.cos(heading) / length),
                    float(np.sin(heading) / length),
                    float(rng.uniform(-0.04, 0.04)),
                ),
                float(rng.uniform(0, 2 * np.pi)),
            )
        )
    return tuple(waves)


def _extent(placed: Placement, frames: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and greatest (x, y) of the picture that the window shows, relative to the source."""
    corners = np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1, 1, 1, 1]])
    seen = np.concatenate([placed.matrix(time) @ corners for time in range(frames)], axis=1)
    reach = 1 + sum(np.abs(wave.amplitude) for wave in placed.warp)
    return seen.min(axis=1) - reach, seen.max(axis=1) + reach


def _draw_stretch(rng: np.random.Generator) -> np.ndarray:
    """Factors (x, y) on a picture's size whose product is 1."""
    stretch = rng.uniform(-STRETCH, STRETCH)
    return np.exp([stretch / 2, -stretch / 2])


def _fitted(
    photo: Path, drawn: float, needed: np.ndarray, window: tuple[int, int], unsharp: float, stretch: np.ndarray
) -> Picture:
    """The photo at the drawn width, stretched, or larger where ``needed`` (x, y) asks for it, but never enlarged."""
    native = photo_size(photo)
    if native[0] < window[0] or native[1] < window[1]:
        raise DataError(
            f"{photo} is {native[0]}x{native[1]} pixels; a photo must be at least {window[0]}x{window[1]}, "
            "the size of the clip. Leave it out."
        )
    scales = stretch * max(drawn / native[0], *(needed / native / stretch))
    scales = scales * min(1.0, 1 / scales.max())
    return Picture(photo, *(round(side) for side in native * scales), unsharp)
