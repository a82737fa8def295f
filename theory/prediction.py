"""The value type of a prediction: a number, how far it may be off, and where it comes from."""

from typing import NamedTuple

from theory.display import table, with_error


class Prediction(NamedTuple):
    """A predicted quantity with a stated error: |true value - value| <= error."""

    value: float
    error: float
    method: str

    def __repr__(self) -> str:
        return f"Prediction({with_error(self.value, self.error)}, {self.method})"

    def _repr_html_(self) -> str:
        rows = [("value", with_error(self.value, self.error)), ("method", self.method)]
        return table("Prediction", rows)
