"""The four verdicts, and what a check hands back with one."""

from __future__ import annotations

import enum
from typing import Any, TypeAlias


class Verdict(enum.StrEnum):
    """What a check concludes about a statement."""

    PROVED = "PROVED"
    SUPPORTED = "SUPPORTED"
    REFUTED = "REFUTED"
    INCONCLUSIVE = "INCONCLUSIVE"


Witness: TypeAlias = dict[str, Any]
Checked: TypeAlias = tuple[Verdict, Witness | None]
