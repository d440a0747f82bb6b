"""Flat pictures moving under a window: how a synthetic scene is rendered, and the true motion in it.

Every layer of a scene, the background and each cut-out, has a closed-form mapping from window pixels to
picture pixels at any time, so that ``Scene.motion`` needs no pixels and no motion search.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from venh_lib.errors import SettingError
from venh_lib.photos import Picture, graded, resized

# Luma and chroma of BT.601 in limited range: Y in 16-235, Cb and Cr in 16-240, from RGB in 0-255.
RGB_TO_YCBCR = np.array(
    [
        [65.481, 128.553, 24.966, 16 * 255],
        [-37.797, -74.203, 112.0, 128 * 255],
        [112.0, -93.786, -18.214, 128 * 255],
    ],
    np.float32,
) / np.float32(255)
INVERSE_STEPS = 7


@dataclass(frozen=True)
class Wave:
    """A sinusoid: ``amplitude`` (x, y) in pixels, ``frequency`` (x, y, time) in cycles a pixel and frame."""

    amplitude: tuple[float, float]
    frequency: tuple[float, float, float]
    phase: float

    def at(self, x: np.ndarray | float, y: np.ndarray | float, time: float) -> np.ndarray | float:
        """The sine in -1 to 1 at the points (x, y) and the time."""
        horizontal, vertical, rate = self.frequency
        return np.sin(2 * np.pi * (horizontal * x + vertical * y) + (2 * np.pi * rate * time + self.phase))


@dataclass(frozen=True)
class Placement:
    """Where a picture lies under the window: source = picture point, anchor = the window point that shows it.

    The anchor moves by ``velocity`` (pixels a frame) and by ``shake``; about it the picture turns by
    ``turn`` (radians a frame) and grows by ``zoom`` (natural logarithm a frame); ``warp`` then bends it.
    Times count frames; ``middle`` is the time at which the picture has its natural size.
    """

    source: tuple[float, float]
    anchor: tuple[float, float]
    velocity: tuple[float, float]
    middle: float
    angle: float = 0.0
    turn: float = 0.0
    zoom: float = 0.0
    shake: tuple[Wave, ...] = ()
    warp: tuple[Wave, ...] = ()

    def matrix(self, time: float) -> np.ndarray:
        """The affine part [2, 3], float64: window pixels (x, y, 1) to picture pixels."""
        elapsed = time - self.middle
        scale, angle = np.exp(-self.zoom * elapsed), self.angle + self.turn * elapsed
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        linear = np.array([[cosine, -sine], [sine, cosine]])
        anchor = np.add(self.anchor, np.multiply(self.velocity, elapsed))
        for wave in self.shake:
            anchor = anchor + np.multiply(wave.amplitude, wave.at(0.0, 0.0, time))
        return np.column_stack([linear, self.source - linear @ anchor])

    def to_source(self, x: np.ndarray, y: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Picture coordinates (x, y), float32, of window points: two grids alike, or a row and a column."""
        matrix = self.matrix(time)
        across = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]).astype(np.float32)
        down = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]).astype(np.float32)
        for wave in self.warp:
            # The phase is affine in x and y: for a grid, sines of one row and one column suffice.
            slope = 2 * np.pi * (np.array(wave.frequency[:2]) @ matrix)
            along = slope[0] * x + (slope[2] + 2 * np.pi * wave.frequency[2] * time + wave.phase)
            along, aside = along.astype(np.float32), (slope[1] * y).astype(np.float32)
            bend = np.sin(along) * np.cos(aside) + np.cos(along) * np.sin(aside)
            across += np.float32(wave.amplitude[0]) * bend
            down += np.float32(wave.amplitude[1]) * bend
        return across, down

    def to_window(self, across: np.ndarray, down: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
        """The inverse of ``to_source`` for any picture points (fixed-point steps undo the warp)."""
        flat_x, flat_y = across, down
        for _ in range(INVERSE_STEPS if self.warp else 0):
            sines = [wave.at(flat_x, flat_y, time) for wave in self.warp]
            flat_x = across - sum(w.amplitude[0] * s for w, s in zip(self.warp, sines, strict=True))
            flat_y = down - sum(w.amplitude[1] * s for w, s in zip(self.warp, sines, strict=True))
        inverse = cv2.invertAffineTransform(self.matrix(time))
        return (
            inverse[0, 0] * flat_x + inverse[0, 1] * flat_y + inverse[0, 2],
            inverse[1, 0] * flat_x + inverse[1, 1] * flat_y + inverse[1, 2],
        )

    def sample(
        self, picture: np.ndarray, region: tuple[int, int, int, int], time: float, **how
    ) -> np.ndarray:
        """``picture`` as seen in the region at that time (OpenCV's cubic kernel is true to 0.05 of a pixel)."""
        left, top, right, bottom = region
        if self.warp:
            x, y = np.arange(left, right)[None, :], np.arange(top, bottom)[:, None]
            return cv2.remap(picture, *self.to_source(x, y, time), **how)
        matrix = self.matrix(time)
        matrix[:, 2] += matrix[:, :2] @ (left, top)
        how["flags"] = how.pop("interpolation") | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(picture, matrix, (right - left, bottom - top), **how)


@dataclass(frozen=True)
class Shape:
    """A cut-out's outline: an oval of half-width ``radius`` pixels and half-height ``radius / aspect``.

    Each ripple (order, share of the radius, phase) bends it; the edge is 2 ``softness`` pixels wide.
    """

    radius: float
    aspect: float
    ripples: tuple[tuple[int, float, float], ...]
    softness: float

    @property
    def half(self) -> int:
        """Half the side in pixels of the square that holds the shape."""
        farthest = self.radius * (1 + sum(size for _, size, _ in self.ripples)) + self.softness
        return int(np.ceil(farthest / min(1.0, self.aspect))) + 2

    def alpha(self) -> np.ndarray:
        """Opacity float32 [2 half + 1, 2 half + 1] in 0-1: exactly 0 outside and 1 inside of the edge."""
        y, x = np.mgrid[-self.half : self.half + 1, -self.half : self.half + 1].astype(np.float32)
        y = y * np.float32(self.aspect)
        angle = np.arctan2(y, x)
        outline = self.radius * (1 + sum(a * np.cos(k * angle + phase) for k, a, phase in self.ripples))
        edge = np.clip(0.5 + (outline - np.hypot(x, y)) / (2 * self.softness), 0, 1)
        return (edge * edge * (3 - 2 * edge)).astype(np.float32)


@dataclass(frozen=True)
class Layer:
    """A cut-out: the square of ``picture`` with its top left at ``corner``, cut to ``shape`` and placed."""

    picture: Picture
    corner: tuple[int, int]
    shape: Shape
    placement: Placement

    def region(self, time: float, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of the window (left, top, right, bottom) that the cut-out can touch; may be empty."""
        reach = float(self.shape.half) + sum(max(map(abs, wave.amplitude)) for wave in self.placement.warp)
        middle, corners = self.shape.half, np.array([[-1, -1, 1, 1], [-1, 1, -1, 1]]) * reach
        inverse = cv2.invertAffineTransform(self.placement.matrix(time))
        window = inverse[:, :2] @ (corners + middle) + inverse[:, 2:]
        left, top = np.floor(window.min(axis=1)).astype(int)
        right, bottom = np.ceil(window.max(axis=1)).astype(int) + 1
        return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


@dataclass(frozen=True)
class Scene:
    """Everything that a clip is rendered from: numbers and the photos' paths, no pixels.

    ``movement`` is a key of MOVEMENTS; ``shutter`` the share of a frame's time that the shutter is open;
    ``softness`` the standard deviation in pixels of the lens's blur; ``noise`` that of the sensor's noise in
    8-bit luma steps, ``noise_blur`` the noise's blur in pixels.
    """

    seed: int
    frames: int
    width: int
    height: int
    movement: str
    background: Picture
    camera: Placement
    layers: tuple[Layer, ...]
    shutter: float
    softness: float
    noise: float
    noise_blur: float
    saturation: float
    gamma: float

    def description(self) -> dict[str, str]:
        """What was drawn, in words, for a table in a notebook."""
        speeds = [float(np.hypot(*layer.placement.velocity)) for layer in self.layers]
        return {
            "seed": str(self.seed),
            "background": f"{self.background.photo.name} at {self.background.width}x{self.background.height}"
            + (f", unsharp {self.background.unsharp:.2f}" if self.background.unsharp else "")
            + (", painted over" if self.background.collage else ""),
            "camera": f"{self.movement}, {np.hypot(*self.camera.velocity):.2f} px a frame"
            + "".join(
                f", {name}" for name in ("zoom", "turn", "shake", "warp") if getattr(self.camera, name)
            ),
            "cut-outs": "; ".join(
                f"{layer.picture.photo.name} {speed:.2f} px a frame"
                for layer, speed in zip(self.layers, speeds, strict=True)
            )
            or "none",
            "shutter": f"{self.shutter:.1f} of a frame",
            "softness": f"{self.softness:.2f} px",
            "noise": f"{self.noise:.2f}",
            "colour": f"saturation {self.saturation:.2f}, gamma {self.gamma:.2f}",
        }

    @cached_property
    def _alphas(self) -> tuple[np.ndarray, ...]:
        return tuple(layer.shape.alpha() for layer in self.layers)

    def _colours(self) -> list[np.ndarray]:
        """RGB uint8 of the background and of each cut-out's square, after saturation and gamma."""
        squares = [resized(self.background)]
        for layer in self.layers:
            (x, y), side = layer.corner, 2 * layer.shape.half + 1
            squares.append(resized(layer.picture)[y : y + side, x : x + side])
        return [graded(square, self.saturation, self.gamma) for square in squares]

    def _instant(self, colours: list[np.ndarray], time: float) -> np.ndarray:
        """The scene at one moment, RGB float32 [H, W, 3] in 0-255."""
        texture = {"interpolation": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT_101}
        window = (0, 0, self.width, self.height)
        frame = self.camera.sample(colours[0], window, time, **texture).astype(np.float32)
        for layer, colour, alpha in zip(self.layers, colours[1:], self._alphas, strict=True):
            region = left, top, right, bottom = layer.region(time, self.width, self.height)
            if left >= right or top >= bottom:
                continue
            opacity = layer.placement.sample(alpha, region, time, interpolation=cv2.INTER_LINEAR)[..., None]
            part = frame[top:bottom, left:right]
            part += opacity * (layer.placement.sample(colour, region, time, **texture) - part)
        return frame

    def _shutter_times(self, time: float) -> np.ndarray:
        """The moments that a frame averages: about one a pixel that the fastest layer moves, 5 at most."""
        placements = [self.camera, *(layer.placement for layer in self.layers)]
        travel = self.shutter * max(float(np.hypot(*placement.velocity)) for placement in placements)
        count = min(1 + int(np.ceil(travel)), 5) if travel > 0.25 else 1
        return time + self.shutter * ((np.arange(count) + 0.5) / count - 0.5)

    def render(self) -> np.ndarray:
        """Render the clip: I420 planes uint8 [T, H * 3 // 2, W], BT.601, limited range (Y 16-235).

        Raises DataError if a photo can no longer be read.
        """
        colours = self._colours()
        planes = np.empty((self.frames, self.height * 3 // 2, self.width), np.uint8)
        for t in range(self.frames):
            times = self._shutter_times(t)
            frame = self._instant(colours, times[0])
            for time in times[1:]:
                frame += self._instant(colours, time)
            if self.softness:
                frame = cv2.GaussianBlur(frame, (0, 0), self.softness)
            luma, *chroma = cv2.split(cv2.transform(frame / np.float32(len(times)), RGB_TO_YCBCR))
            half = (self.width // 2, self.height // 2)
            parts = [luma, *(cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in chroma)]
            planes[t] = self._noisy(parts, t)
        return planes

    def _noisy(self, parts: list[np.ndarray], t: int) -> np.ndarray:
        """One frame's Y, Cb and Cr with its noise (in chroma at half strength), rounded, as I420 rows."""
        rng = np.random.default_rng((self.seed, t))
        kernel = cv2.getGaussianKernel(3, self.noise_blur, cv2.CV_32F)
        # A blur lowers the deviation of white noise by the root of the sum of its squared weights.
        gain = np.float32(self.noise / np.square(kernel).sum())
        rows = []
        for part, strength, top in zip(parts, (1.0, 0.5, 0.5), (235, 240, 240), strict=True):
            if self.noise:
                grain = rng.standard_normal(part.shape, np.float32)
                part = part + gain * np.float32(strength) * cv2.sepFilter2D(grain, -1, kernel, kernel)
            rows.append(np.clip(np.rint(part), 16, top).astype(np.uint8).reshape(-1, self.width))
        return np.concatenate(rows)

    def motion(
        self, t: int, s: int, window: tuple[int, int, int, int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The true motion from frame t to frame s, from the layers' mappings alone.

        Returns flow float32 [H, W, 2] (x, y) in pixels with frame_t(p) = frame_s(p + flow(p)), up to noise,
        blur and interpolation, and valid bool [H, W]: False where p + flow(p) leaves the frame, is covered
        by another layer in frame s, or where either end lies on a soft edge. ``window`` (left, top, right,
        bottom) asks for a part of frame t alone. Raises SettingError for a frame that the clip does not have.
        """
        for frame in (t, s):
            if not 0 <= frame < self.frames:
                raise SettingError(f"frame {frame} of a clip of {self.frames}; give 0 to {self.frames - 1}.")
        left, top, right, bottom = window or (0, 0, self.width, self.height)
        x, y = np.meshgrid(np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32))
        owner = np.zeros(x.shape, np.intp)
        end_x, end_y = self._moved(self.camera, x, y, t, s)
        for index, layer in enumerate(self.layers, start=1):
            across, down = layer.placement.to_source(x, y, float(t))
            own = cv2.remap(self._alphas[index - 1], across, down, cv2.INTER_LINEAR) > 0.5
            if own.any():
                owner[own] = index
                end_x[own], end_y[own] = self._moved(layer.placement, x[own], y[own], t, s)
        valid = (end_x >= 0) & (end_x <= self.width - 1) & (end_y >= 0) & (end_y <= self.height - 1)
        for at_x, at_y, frame in ((x, y, t), (end_x, end_y, s)):
            for index, (least, most) in enumerate(self._opacities(at_x, at_y, frame), start=1):
                valid &= np.where(owner == index, least > 0.99, (owner > index) | (most < 0.01))
        return np.stack([end_x - x, end_y - y], axis=-1), valid

    def _moved(
        self, placement: Placement, x: np.ndarray, y: np.ndarray, t: int, s: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where the picture points under (x, y) in frame t lie in frame s, float32."""
        if t == s:
            return x.copy(), y.copy()
        end_x, end_y = placement.to_window(*placement.to_source(x, y, float(t)), float(s))
        return end_x.astype(np.float32), end_y.astype(np.float32)

    def _opacities(self, x: np.ndarray, y: np.ndarray, frame: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each cut-out's least and greatest opacity at window points while a frame's shutter is open."""
        times = sorted({frame - self.shutter / 2, float(frame), frame + self.shutter / 2})
        found = []
        for layer, alpha in zip(self.layers, self._alphas, strict=True):
            seen = [
                cv2.remap(alpha, *layer.placement.to_source(x, y, time), cv2.INTER_LINEAR) for time in times
            ]
            found.append((np.minimum.reduce(seen), np.maximum.reduce(seen)))
        return found
