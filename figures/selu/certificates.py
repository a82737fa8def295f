"""The certificates that the figures show, proved when first needed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from theory import selu as theory

if TYPE_CHECKING:
    from theory.rigor import Certificate


@functools.cache
def certificate(
    statement: str, *, norm: str | None = None, **ranges: tuple[str, str]
) -> Certificate:
    """The certificate of a statement, on its own domain but for the ranges given."""
    from theory.rigor import Certificate

    parameters: dict[str, Any] = {} if norm is None else {"norm": norm}
    found = theory.certify(statement, ranges, **parameters)
    if not isinstance(found, Certificate):
        raise RuntimeError(f"{statement} was not proved: {found}.")
    return found
