"""The papers checked here, and how claims are found by name.

Adding a paper adds one line to `SUBJECTS`.  A file outside the project needs no line: it is named
by its path and holds a tuple `CLAIMS`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from paper_checks.core import Claim, Level

SUBJECTS = (
    "depth_limit",
    "commutation",
    "selu",
    "ntk_classifiers",
    "conv_kernels",
    "kernel_density",
    "lipschitz",
)
"""Modules of this package, each with a tuple CLAIMS; imported when first needed."""


def claims(subject: str) -> tuple[Claim, ...]:
    """The claims of one subject of the registry."""
    return _claims_of(importlib.import_module(f"paper_checks.{subject}"), subject)


def title(subject: str) -> str:
    """What a subject is about: the first line of its module; its name where it is none of ours."""
    return about(subject)[0] or subject


def about(subject: str) -> tuple[str, str]:
    """The first line and the rest of a subject's docstring, empty where it is none of ours."""
    if subject not in SUBJECTS:
        return "", ""
    text = importlib.import_module(f"paper_checks.{subject}").__doc__ or subject
    first, _, rest = text.partition("\n")
    return first.rstrip("."), rest.strip()


def papers(subject: str) -> str:
    """BibTeX of the papers of a subject, its constant PAPER; empty where there is none."""
    if subject not in SUBJECTS:
        return ""
    return str(getattr(importlib.import_module(f"paper_checks.{subject}"), "PAPER", ""))


def claims_in(path: Path) -> tuple[Claim, ...]:
    """The claims of a Python file; it may import the modules beside it."""
    path = path.resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ValueError(f"no file {path}; name a Python file with a tuple CLAIMS.")
    if path.stem in sys.modules:
        raise ValueError(f"{path} has the name of a module in use; give the file another name.")
    module = importlib.util.module_from_spec(spec)
    # Last, since workers inherit the path: a json.py beside the claims must not hide Python's own.
    sys.path.append(str(path.parent))
    sys.modules[path.stem] = module  # dataclasses and pickle look their module up here
    try:
        spec.loader.exec_module(module)
        found = _claims_of(module, str(path))
    except BaseException:
        del sys.modules[path.stem]
        sys.path.remove(str(path.parent))
        raise
    _travel(module)
    return found


def select(names: Sequence[str], level: Level | None = None) -> list[Claim]:
    """The claims named by ids, subjects and files, in order and once each; all without names.

    With a level, a claim named by its own id must have a case there.  Raises ValueError for an
    unknown name, with the nearest known one.
    """
    if not names:
        names = SUBJECTS
    found: list[Claim] = []
    for name in names:
        group = _group(name)
        if level and len(group) == 1 and group[0].id == name and not group[0].cases_at(level):
            other = "full" if level == "quick" else "quick"
            raise ValueError(f"{name} has no case at level {level}; pass --level {other}.")
        found += [claim for claim in group if not any(claim is c for c in found)]
    return found


def mistake(error: Exception, names: Sequence[str]) -> str | None:
    """What went wrong inside one of the named files of claims, and in which line; else None.

    An exception that a worker sent home carries the worker's traceback as text only, so that the
    line is looked for there.
    """
    text = "".join(traceback.format_exception(error))
    for name in names:
        path = str(Path(name).resolve())
        lines = name.endswith(".py") and re.findall(rf'File "{re.escape(path)}", line (\d+)', text)
        if lines:
            what = " ".join(traceback.format_exception_only(error)[-1].split())
            return f"{name}, line {lines[-1]}: {what}"
    return None


def _group(name: str) -> tuple[Claim, ...]:
    if name.endswith(".py"):
        return claims_in(Path(name))
    if name in SUBJECTS:
        return claims(name)
    every = [claim for subject in SUBJECTS for claim in claims(subject)]
    match = tuple(claim for claim in every if claim.id == name)
    if not match:
        near = difflib.get_close_matches(name, [*SUBJECTS, *(c.id for c in every)], n=1, cutoff=0.4)
        hint = f'did you mean "{near[0]}"?' if near else "see `python -m paper_checks list`."
        raise ValueError(f'unknown claim or subject "{name}"; {hint}')
    return match


def _claims_of(module: ModuleType, where: str) -> tuple[Claim, ...]:
    found = getattr(module, "CLAIMS", None)
    if not isinstance(found, tuple) or not all(isinstance(c, Claim) for c in found):
        raise ValueError(f"{where} has no tuple CLAIMS of paper_checks.core.Claim.")
    return found


def _travel(module: ModuleType) -> None:
    # Workers cannot import a file outside the project by name; its functions travel whole.
    import cloudpickle  # type: ignore[import-untyped]  # it ships no types

    cloudpickle.register_pickle_by_value(module)
