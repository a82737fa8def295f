"""The value type of a prediction: a number, how far it may be off, and where it comes from."""

from typing import NamedTuple


class Prediction(NamedTuple):
    """A predicted quantity with a stated error: |true value - value| <= error."""

    value: float
    error: float
    method: str
