"""Motion made visible: flow fields as colours, warped frames, and how far an estimate is from the truth."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from matplotlib.figure import Figure

from venh_lib.dataset import Sequence
from venh_lib.figures import style


def moves(sequence: Sequence, least: float = 1.0) -> bool:
    """Whether a synthesised clip moves by ``least`` pixels a frame or more, on average; False for shots."""
    if sequence.seed is None:
        return False
    flow, valid = sequence.scene().motion(3, 4)
    return bool(np.linalg.norm(flow, axis=2)[valid].mean() >= least)


def dis_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """OpenCV's DIS optical flow float32 [H, W, 2] from one RGB frame to another, uint8 [H, W, 3]."""
    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
    return estimator.calc(*grey, None)


def end_point_error(flow: np.ndarray, true: np.ndarray, valid: np.ndarray) -> float:
    """Mean distance in pixels between two flows [H, W, 2] where ``valid``."""
    return float(np.linalg.norm(flow - true, axis=2)[valid].mean())


def colours(flow: np.ndarray, most: float) -> np.ndarray:
    """A flow as colours, uint8 [H, W, 3]: hue is its direction, saturation its length up to ``most`` pixels."""
    hue = (np.degrees(np.arctan2(flow[..., 1], flow[..., 0])) % 360) / 2
    strength = np.clip(np.linalg.norm(flow, axis=2) / most, 0, 1) * 255
    hsv = np.stack([hue, strength, np.full_like(hue, 255)], axis=2).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def flows(fields: Mapping[str, np.ndarray]) -> Figure:
    """Flows side by side on one colour scale, with arrows every 32 pixels, three times enlarged."""
    figure, axes = style.new(1, len(fields), height=2.3)
    most = max(float(np.percentile(np.linalg.norm(flow, axis=2), 99)) for flow in fields.values())
    for place, (name, flow) in zip(axes[0], fields.items(), strict=True):
        style.picture(place, colours(flow, most), name)
        y, x = np.mgrid[16 : flow.shape[0] : 32, 16 : flow.shape[1] : 32]
        place.quiver(x, y, 3 * flow[y, x, 0], 3 * flow[y, x, 1], angles="xy", scale_units="xy", scale=1, width=0.004)
    return figure


def errors(truth: np.ndarray, frames: Mapping[str, np.ndarray]) -> Figure:
    """Error maps of some frames against one, on one scale, in 8-bit levels."""
    figure, axes = style.new(1, len(frames), height=2.0)
    for place, (name, frame) in zip(axes[0], frames.items(), strict=True):
        drawn = style.error_map(place, frame, truth, name)
    figure.colorbar(drawn, ax=axes[0], label="levels", shrink=0.7)
    return figure
