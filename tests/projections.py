"""Shapes from one CRS to another by pyproj: the independent way of tests."""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

TO_DEGREES = Transformer.from_crs(2154, 4326, always_xy=True)
TO_MERCATOR = Transformer.from_crs(2154, 3857, always_xy=True)


def move(shape: BaseGeometry, place: Callable[[Any, Any], Any]) -> BaseGeometry:
    """The shape with each vertex put where ``place(xs, ys)`` says."""

    def on_pairs(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(place(pairs[:, 0], pairs[:, 1]))

    moved: BaseGeometry = shapely.transform(shape, on_pairs)
    return moved
