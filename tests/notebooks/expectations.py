"""What the figures that notebooks record must be at smoke scale: name, figure, (least, greatest)."""

from __future__ import annotations

EXPECTATIONS: dict[str, dict[str, tuple[float, float]]] = {}
