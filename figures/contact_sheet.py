"""The page index.html beside the pictures: what has been drawn, with captions and links.

The page lists every figure of the project whose file lies in the folder, so that figures drawn one
subject at a time come together.  It needs no network, and its links are relative.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from figures import core
from figures.core import FORMATS, Drawing
from simulations.store import replacing

NAME = "index.html"


class Entry(NamedTuple):
    """A figure that has been drawn."""

    name: str
    caption: str
    alt: str
    image: str | None
    """The file that a browser shows."""
    files: list[str]


class Group(NamedTuple):
    """The figures of a subject."""

    subject: str
    title: str
    notes: str
    entries: list[Entry]


def write(folder: Path) -> Path:
    """Write the page of all figures in the folder; the same files give the same bytes."""
    path = folder / NAME
    with replacing(path) as file:
        file.write(render(groups(folder)).encode())
    return path


def groups(folder: Path) -> list[Group]:
    """The figures in the folder by subject, in the order of the project."""
    found = []
    for subject in core.SUBJECTS:
        entries = [e for drawing in core.drawings(subject) if (e := _entry(folder, drawing))]
        if entries:
            found.append(Group(subject, *_about(subject), entries))
    return found


def render(found: Sequence[Group]) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from figures.style import LEVEL

    environment = Environment(
        loader=PackageLoader("figures", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("index.html.j2")
    return template.render(groups=found, level=f"{100 * LEVEL:g}%")


def first_sentence(text: str) -> str:
    """Up to the first full stop that a capital letter follows."""
    return re.split(r"(?<=\.)\s+(?=[A-Z])", text, maxsplit=1)[0]


def _entry(folder: Path, drawing: Drawing) -> Entry | None:
    files = [f"{drawing.name}.{kind}" for kind in FORMATS]
    files = [name for name in files if (folder / name).is_file()]
    if not files:
        return None
    shown = [name for name in files if not name.endswith(".pdf")]
    alt = f"Figure {drawing.name}: {first_sentence(drawing.caption)}"
    return Entry(drawing.name, drawing.caption, alt, next(iter(shown), None), files)


def _about(subject: str) -> tuple[str, str]:
    """Title and notes, from the docstring of the subject's figures."""
    text = importlib.import_module(f"figures.{subject}").__doc__ or subject
    title, _, rest = text.partition("\n")
    title = title.strip().rstrip(".").removeprefix("Figures of ")
    return title[:1].upper() + title[1:], " ".join(rest.replace("`", "").split())
