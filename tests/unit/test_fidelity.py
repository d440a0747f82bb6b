"""PSNR and MS-SSIM against ffmpeg's psnr filter, an independent numpy MS-SSIM, and cases worked by hand."""

from __future__ import annotations

import math
import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import pytorch_msssim
import torch

from venh_lib.errors import DataError
from venh_lib.metrics.fidelity import (
    Fidelity,
    FidelityMeter,
    luma_psnr,
    mean_psnr,
    ms_ssim,
    mse,
    psnr,
    to_8_bit,
)


def clip(frames: int = 2, height: int = 176, width: int = 192) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth colourful frames and a copy with noise that differs between channels and frames; uint8."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    waves = [127 + 100 * np.sin(x / (9 + c) + y / (14 - c) + c) for c in range(3)]
    raw = np.stack([np.stack(waves) + random.normal(0, 8, (3, height, width)) for _ in range(frames)])
    sigma = 3 * np.arange(1, 4)[:, None, None] * np.arange(1, frames + 1)[:, None, None, None]
    coded = raw + random.normal(0, 1, raw.shape) * sigma
    return tuple(torch.from_numpy(v.round().clip(0, 255).astype(np.uint8)) for v in (raw, coded))


def ffmpeg_psnr(
    folder: Path, a: torch.Tensor, b: torch.Tensor, pixel_format: str, plane: str
) -> list[tuple[float, float]]:
    """``(mse, psnr)`` of each frame as ffmpeg's psnr filter prints them; ``plane`` is avg, y, r …"""
    height, width = a.shape[1:3]
    source = []
    for name, frames in (("a", a), ("b", b)):
        (folder / name).write_bytes(frames.numpy().tobytes())
        source += ["-f", "rawvideo", "-pix_fmt", "rgb24" if plane == "avg" else "gray"]
        source += ["-s", f"{width}x{height}", "-i", str(folder / name)]
    graph = f"[0:v]format={pixel_format}[a];[1:v]format={pixel_format}[b];[a][b]psnr=stats_file=-"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, "-lavfi", graph, "-f", "null", "-"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [(float(m), float(p)) for m, p in re.findall(rf"mse_{plane}:(\S+).*psnr_{plane}:(\S+)", printed)]


def slow_ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """MS-SSIM of one channel, float64, after Wang, Simoncelli and Bovik 2003, written out."""
    window = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def blur(image):
        rows = np.apply_along_axis(np.convolve, 1, image, window, mode="valid")
        return np.apply_along_axis(np.convolve, 0, rows, window, mode="valid")

    def halved(image):
        return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:
            a, b = halved(a), halved(b)
        mean_a, mean_b = blur(a), blur(b)
        variance_a, variance_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
        covariance = blur(a * b) - mean_a * mean_b
        structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
        luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        score *= np.mean(structure * luminance if scale == 4 else structure) ** weight
    return score


def test_rgb_psnr_is_what_ffmpeg_measures(tmp_path):
    a, b = clip(frames=3)
    theirs = ffmpeg_psnr(tmp_path, *(v.permute(0, 2, 3, 1).contiguous() for v in (a, b)), "gbrp", "avg")
    assert len(theirs) == 3
    # ffmpeg prints two decimals.
    assert mse(a, b).tolist() == pytest.approx([m for m, _ in theirs], abs=0.0051)
    assert psnr(a, b).tolist() == pytest.approx([p for _, p in theirs], abs=0.0051)


def test_luma_psnr_is_what_ffmpeg_measures_on_the_y_plane(tmp_path):
    a, b = (v[:, 0] for v in clip(height=192))
    theirs = ffmpeg_psnr(tmp_path, a[:, :128].contiguous(), b[:, :128].contiguous(), "gray", "y")
    assert luma_psnr(a, b).tolist() == pytest.approx([p for _, p in theirs], abs=0.0051)


def test_psnr_by_hand_pools_the_channels_before_the_logarithm():
    a = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    b = a.clone()
    b[0, 0] = 30  # one channel off by 30: mse 300; the mean of three PSNRs would be infinite
    b[1] = 255
    assert mse(a, b).tolist() == [300.0, 65025.0]
    assert psnr(a, b).tolist() == pytest.approx([10 * math.log10(65025 / 300), 0.0], abs=1e-12)


def test_identical_frames_are_infinitely_good_and_others_in_the_batch_are_not():
    a, b = clip()
    b[0] = a[0]
    first, second = psnr(a, b).tolist()
    assert first == math.inf and math.isfinite(second)
    assert ms_ssim(a, a).tolist() == pytest.approx([1.0, 1.0], abs=1e-6)


def test_floats_are_clipped_and_rounded_to_8_bits_first():
    values = torch.tensor([-0.3, 0.0, 0.49 / 255, 0.51 / 255, 254.4 / 255, 1.0, 1.7])
    assert to_8_bit(values).tolist() == [0, 0, 0, 1, 254, 255, 255]
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_8_bit(levels / 255), levels)
    a, b = clip()
    assert torch.equal(psnr(a / 255, b.double() / 255 + 0.4 / 255), psnr(a, b))
    assert torch.equal(ms_ssim(a / 255, b / 255 - 0.4 / 255), ms_ssim(a, b))


def test_the_sum_of_squares_is_exact_where_float32_is_not():
    a = torch.zeros(1, 3, 536, 960, dtype=torch.uint8)
    b = torch.full_like(a, 255)
    b[0, 0, 0, 0] = 254
    assert mse(a, b).item() == (3 * 536 * 960 * 65025 - (255**2 - 254**2)) / (3 * 536 * 960)


def test_ms_ssim_is_the_independent_one():
    a, b = clip()
    expected = [
        np.mean([slow_ms_ssim(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(p, q, strict=True)])
        for p, q in zip(a.numpy(), b.numpy(), strict=True)
    ]
    assert expected[0] - expected[1] > 0.01
    assert ms_ssim(a, b).tolist() == pytest.approx(expected, abs=2e-6)


def test_ms_ssim_is_pytorch_msssim_with_its_defaults_also_under_autocast():
    a, b = clip()
    expected = pytorch_msssim.ms_ssim(a.double(), b.double(), data_range=255, size_average=False)
    with torch.autocast("cpu", torch.bfloat16):
        values = ms_ssim(a, b)
    assert values.tolist() == pytest.approx(expected.tolist(), abs=2e-6)


def test_a_batch_gives_what_its_frames_give_alone():
    a, b = clip(frames=3)
    for metric in (psnr, ms_ssim):
        alone = torch.cat([metric(a[t : t + 1], b[t : t + 1]) for t in range(3)])
        assert metric(a, b).tolist() == pytest.approx(alone.tolist(), abs=1e-7)


def test_ms_ssim_needs_more_than_160_pixels():
    a, b = clip(height=160)
    with pytest.raises(DataError, match="above 160 px, got frames of 192×160"):
        ms_ssim(a, b)
    assert ms_ssim(*clip(frames=1, height=161)).isfinite().all()


@pytest.mark.parametrize("metric", [psnr, ms_ssim, FidelityMeter().update])
@pytest.mark.parametrize(
    ("shape_a", "shape_b"),
    [
        ((1, 3, 170, 170), (1, 3, 170, 172)),
        ((1, 3, 170, 170), (2, 3, 170, 170)),
        ((3, 170, 170), (3, 170, 170)),
        ((1, 170, 170, 3), (1, 170, 170, 3)),
        ((0, 3, 170, 170), (0, 3, 170, 170)),
    ],
)
def test_other_shapes_are_refused(metric, shape_a, shape_b):
    with pytest.raises(DataError, match=r"\[B, 3, H, W\]"):
        metric(torch.zeros(shape_a, dtype=torch.uint8), torch.zeros(shape_b, dtype=torch.uint8))


def test_other_values_are_refused():
    a = torch.zeros(1, 3, 8, 8)
    with pytest.raises(DataError, match="int64"):
        psnr(a.long(), a)
    for value in (math.nan, math.inf):
        with pytest.raises(DataError, match="NaN or infinity"):
            psnr(a, torch.full_like(a, value))
    with pytest.raises(DataError, match="I420"):
        luma_psnr(torch.zeros(1, 9, 8), torch.zeros(1, 9, 8))


def test_the_mean_leaves_identical_frames_out_and_counts_them():
    result = Fidelity(psnr=(30.0, math.inf, 34.0), ms_ssim=())
    assert (result.mean_psnr, result.identical, result.frames) == (32.0, 1, 3)
    assert mean_psnr([math.inf, math.inf]) == math.inf
    with pytest.raises(DataError):
        mean_psnr([])
    with pytest.raises(DataError, match="structure=True"):
        _ = result.mean_ms_ssim


def test_the_meter_streams_to_the_same_figures():
    a, b = clip(frames=3)
    meter = FidelityMeter()
    meter.update(a[:2], b[:2])
    meter.update(a[2:], b[2:] / 255)
    result = meter.result()
    assert result.psnr == tuple(psnr(a, b).tolist())
    assert result.ms_ssim == pytest.approx(ms_ssim(a, b).tolist(), abs=1e-7)
    assert result.mean_psnr == pytest.approx(sum(result.psnr) / 3)
    assert result.mean_ms_ssim == pytest.approx(sum(result.ms_ssim) / 3)
    # The mean of PSNRs is not the PSNR of the mean error: the frames differ by 6 dB and more.
    assert result.mean_psnr - 10 * math.log10(65025 / mse(a, b).mean().item()) > 0.5


def test_the_meter_without_structure_takes_small_frames_and_says_when_it_is_empty():
    meter = FidelityMeter(structure=False)
    with pytest.raises(DataError, match="no frames"):
        meter.result()
    meter.update(*clip(height=32))
    assert meter.result().frames == 2 and meter.result().ms_ssim == ()


def test_a_batch_that_is_refused_leaves_the_meter_as_it_was():
    meter = FidelityMeter()
    meter.update(*clip())
    before = meter.result()
    with pytest.raises(DataError):
        meter.update(*clip(height=32))
    assert meter.result() == before
