"""What every simulation refuses of its parameters, in the same words."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

LARGEST = 10_000_000


def whole(p: Any, *names: str) -> None:
    """Refuse what is no integer from 1 to LARGEST."""
    for name in names:
        value = getattr(p, name)
        if value < 1:
            raise ValueError(f"{option(name)} must be an integer >= 1; got {value}.")
        if value > LARGEST:
            raise ValueError(f"{option(name)} must be at most {LARGEST}; got {value}.")


def positive(p: Any, *names: str) -> None:
    """Refuse what is no finite number > 0."""
    for name in names:
        value = getattr(p, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{option(name)} must be a finite number > 0; got {value}.")


def variance(p: Any) -> None:
    """Refuse a q0 at which Y^4 vanishes or overflows."""
    positive(p, "q0")
    power = 8 if p.dtype == "float32" else 70
    if abs(math.log10(p.q0)) > power:
        raise ValueError(f"--q0 must be from 1e-{power} to 1e{power} with {p.dtype}; got {p.q0}.")


def correlation(p: Any) -> None:
    """Refuse what is no correlation."""
    if not -1 <= p.correlation <= 1:
        raise ValueError(f"--correlation must be from -1 to 1; got {p.correlation}.")


def refuse(p: Any, label: str, *names: str) -> None:
    """Refuse parameters that are not at their default and have no meaning for `label`."""
    defaults = {f.name: f.default for f in dataclasses.fields(p)}
    for name in names:
        if getattr(p, name) != defaults[name]:
            raise ValueError(f"{option(name)} has no meaning for {label}; leave it out.")


def option(name: str) -> str:
    """A parameter as the command line spells it."""
    return "--" + name.replace("_", "-")
