"""An image moved by some pixels, sometimes mirrored: what it shows stays what it is."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import Record


class RandomShift:
    """An `Augmentation` of `field`, `(height, width, channels)`: moved by up to `pixels` each way.

    What comes in at a side is what stood at that border. With probability `mirror` left and right change
    sides. Raises ValueError for a setting out of its range.
    """

    def __init__(self, *, pixels: int = 2, mirror: float = 0.0, field: str = "image") -> None:
        if pixels < 0:
            raise ValueError(f"pixels={pixels} must be at least 0")
        if not 0 <= mirror <= 1:
            raise ValueError(f"mirror={mirror} is outside [0, 1]")
        self.pixels, self.mirror, self.field = pixels, mirror, field

    def __call__(self, record: Record, random: np.random.Generator) -> Record:
        image = record[self.field]
        height, width = image.shape[:2]
        down, right = random.integers(0, 2 * self.pixels + 1, 2)
        around = [(self.pixels, self.pixels)] * 2 + [(0, 0)] * (image.ndim - 2)
        moved = np.pad(image, around, mode="edge")[down : down + height, right : right + width]
        if random.random() < self.mirror:
            moved = moved[:, ::-1]
        return {**record, self.field: np.ascontiguousarray(moved)}
