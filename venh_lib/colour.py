"""Between planes (I420, 8 bits) and RGB, bit for bit as ``ffmpeg -i video.mkv %3d.png`` does it.

The challenge compresses in YUV 4:2:0 and evaluates the RGB frames that this command writes (§2), so every
PSNR of the course stands on this conversion. ffmpeg's scaler repeats each chroma sample over its 2×2 luma
samples and computes in 16-bit integers with truncating products; the tests hold this file against ffmpeg.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from venh_lib.errors import VideoError

# V to red, U to blue, U to green, V to green, in 1/65536, for limited range (ITU-R BT.601 and BT.709).
COEFFICIENTS = {
    "bt601": (104597, 132201, 25675, 53279),
    "bt709": (117489, 138438, 13975, 34925),
}
LUMA_WEIGHTS = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}
MATRICES = tuple(COEFFICIENTS)


def frame_size(planes: np.ndarray) -> tuple[int, int]:
    """Height and width of the picture in I420 planes [..., H*3//2, W]; VideoError for another shape."""
    rows, width = planes.shape[-2:]
    height = rows * 2 // 3
    if planes.dtype != np.uint8 or rows * 2 % 3 or height % 2 or width % 2:
        raise VideoError(
            f"expected planes uint8 [..., H*3//2, W] with even H and W, found {planes.dtype} {planes.shape}."
        )
    return height, width


def split_planes(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of luma [..., H, W], Cb and Cr [..., H//2, W//2] in I420 planes uint8 [..., H*3//2, W]."""
    height, width = frame_size(planes)
    lead, area = planes.shape[:-2], height * width
    flat = planes.reshape(*lead, -1)
    half = (*lead, height // 2, width // 2)
    return (
        flat[..., :area].reshape(*lead, height, width),
        flat[..., area : area * 5 // 4].reshape(half),
        flat[..., area * 5 // 4 :].reshape(half),
    )


def join_planes(luma: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> np.ndarray:
    """I420 planes uint8 [..., H*3//2, W] from luma [..., H, W], Cb and Cr [..., H//2, W//2], all uint8."""
    *lead, height, width = luma.shape
    parts = [plane.reshape(*lead, -1) for plane in (luma, cb, cr)]
    return np.concatenate(parts, axis=-1).reshape(*lead, height * 3 // 2, width)


def crop_planes(planes: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """A window of I420 planes as I420 planes of its own, uint8 [..., height*3//2, width].

    It converts to the same RGB pixels as the whole frame does there. Raises VideoError unless all four
    numbers are even and the window lies inside the frame.
    """
    frame_height, frame_width = frame_size(planes)
    inside = 0 <= top <= frame_height - height and 0 <= left <= frame_width - width and height > 0 < width
    if not inside or any(number % 2 for number in (top, left, height, width)):
        raise VideoError(
            f"window top={top}, left={left}, {width}x{height}: expected even numbers inside "
            f"{frame_width}x{frame_height}."
        )
    luma, cb, cr = split_planes(planes)
    half = (..., slice(top // 2, (top + height) // 2), slice(left // 2, (left + width) // 2))
    return join_planes(luma[..., top : top + height, left : left + width], cb[half], cr[half])


def check_matrix(matrix: str) -> str:
    """Return ``matrix`` if it is 'bt601' or 'bt709', else raise VideoError."""
    if matrix not in COEFFICIENTS:
        raise VideoError(f"unknown colour matrix {matrix!r}; choose one of {', '.join(MATRICES)}.")
    return matrix


@lru_cache
def _tables(matrix: str, full_range: bool) -> tuple[np.ndarray, ...]:
    """What one sample adds to a colour, int16 [256] each: luma, Cr to red, Cb to blue, Cb and Cr to green."""
    red, blue, green_cb, green_cr = COEFFICIENTS[check_matrix(matrix)]
    luma, black = 65536 * 255 // 219, 16
    if full_range:
        red, blue, green_cb, green_cr = (c * 224 // 255 for c in (red, blue, green_cb, green_cr))
        luma, black = 65536, 0
    sample = np.arange(256, dtype=np.int64)

    def table(coefficient: int, zero: int) -> np.ndarray:
        # 13 fractional bits in the coefficient and 3 in the sample leave 16, which a high product drops.
        return (((sample - zero) * 8 * ((coefficient * 8192 + 32768) >> 16)) >> 16).astype(np.int16)

    return table(luma, black), table(red, 128), table(blue, 128), table(-green_cb, 128), table(-green_cr, 128)


def planes_to_channels(planes: np.ndarray, matrix: str = "bt601", full_range: bool = False) -> list[np.ndarray]:
    """Red, green and blue, uint8 [..., H, W] each, of I420 planes uint8 [..., H*3//2, W], bit-equal to ffmpeg.

    Works on any even-sized crop. Raises VideoError for an unknown matrix or an impossible shape.
    """
    luma_table, red, blue, green_cb, green_cr = _tables(matrix, full_range)
    luma, cb, cr = split_planes(planes)
    *lead, height, width = luma.shape
    # take() is several times faster than indexing by an array.
    brightness = luma_table.take(luma).reshape(*lead, height // 2, 2, width)
    channels = []
    for chroma in (red.take(cr), green_cb.take(cb) + green_cr.take(cr), blue.take(cb)):
        value = brightness + np.repeat(chroma, 2, axis=-1)[..., None, :]
        channels.append(np.clip(value, 0, 255, out=value).astype(np.uint8).reshape(luma.shape))
    return channels


def planes_to_rgb(planes: np.ndarray, matrix: str = "bt601", full_range: bool = False) -> np.ndarray:
    """Convert I420 planes uint8 [..., H*3//2, W] to RGB uint8 [..., H, W, 3], bit-equal to ffmpeg.

    ``matrix`` is 'bt601' (what ffmpeg takes for an untagged video) or 'bt709'; ``full_range`` is False for
    video range (luma 16–235). Works on any even-sized crop. Raises VideoError for another matrix or an
    impossible shape.
    """
    return np.stack(planes_to_channels(planes, matrix, full_range), axis=-1)


def rgb_to_planes(rgb: np.ndarray, matrix: str = "bt601", full_range: bool = False) -> np.ndarray:
    """Convert RGB uint8 [..., H, W, 3] to the I420 planes uint8 [..., H*3//2, W] that decode closest to it.

    Chroma is the mean over each 2×2 pixels; luma makes up for the rounding of chroma and for what
    ``planes_to_rgb`` truncates: without that, RGB made from planes comes back at 45 dB, with it at 58 or more
    (measured here). Raises VideoError for odd sizes or another matrix.
    """
    *lead, height, width, channels = rgb.shape
    if rgb.dtype != np.uint8 or channels != 3 or height % 2 or width % 2:
        raise VideoError(
            f"expected RGB uint8 [..., H, W, 3] with even H and W, found {rgb.dtype} {rgb.shape}."
        )
    _, red_table, blue_table, green_cb, green_cr = _tables(matrix, full_range)
    kr, kg, kb = (np.float32(weight) for weight in LUMA_WEIGHTS[matrix])
    luma_gain, chroma_gain, black = (1.0, 1.0, 0.0) if full_range else (219 / 255, 224 / 255, 16.0)
    # Frames one below the other: as heights are even, no 2×2 pixels lie in two of them.
    pixels = rgb.reshape(-1, width, 3).astype(np.float32)
    half = (width // 2, pixels.shape[0] // 2)

    def chroma(weights: list[float], share: float) -> np.ndarray:
        # Decoding truncates two products in red and blue and three in green, half a level each on average; chroma
        # sees the difference between a colour and luma, in which kg / 2 remains.
        mean = cv2.resize(cv2.transform(pixels, np.array([weights], np.float32)), half, interpolation=cv2.INTER_AREA)
        return _quantised((mean - kg / 2) * np.float32(chroma_gain / (2 - 2 * share)) + 128)

    cb, cr = chroma([-kr, -kg, 1 - kb], kb), chroma([1 - kr, -kg, -kb], kr)
    added = kr * red_table.take(cr) + kg * (green_cb.take(cb) + green_cr.take(cr)) + kb * blue_table.take(cb)
    added = cv2.resize(added.astype(np.float32), (width, 2 * half[1]), interpolation=cv2.INTER_NEAREST)
    luma = cv2.transform(pixels, np.array([[kr, kg, kb]], np.float32))
    truncated = 0.0 if full_range else 0.5  # the product for luma is exact in full range
    levels = cv2.addWeighted(luma, luma_gain, added, -luma_gain, truncated * luma_gain + black, dtype=cv2.CV_8U)
    return join_planes(
        levels.reshape(*lead, height, width), *(part.reshape(*lead, height // 2, width // 2) for part in (cb, cr))
    )


def _quantised(plane: np.ndarray) -> np.ndarray:
    return np.clip(plane + np.float32(0.5), 0, 255).astype(np.uint8)
