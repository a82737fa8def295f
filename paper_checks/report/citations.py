"""References read from BibTeX, shown as text."""

from __future__ import annotations

import re
from typing import NamedTuple


class Reference(NamedTuple):
    """A paper as a reader wants it named."""

    authors: str
    title: str
    venue: str
    arxiv: str


def references(bibtex: str) -> list[Reference]:
    """The entries of a BibTeX text whose fields are in braces, one closing brace per entry."""
    return [_reference(entry) for entry in re.split(r"(?m)^@", bibtex) if entry.strip()]


def _reference(entry: str) -> Reference:
    # A field ends with the brace before a comma and a line end; titles hold braces of their own.
    pairs = re.findall(r"(?ms)^\s*(\w+)\s*=\s*\{(.*?)\},?\s*$", entry)
    fields = {name.lower(): re.sub(r"[{}\s]+", _plain, value) for name, value in pairs}
    people = fields.get("author", "").split(" and ")
    authors = " and ".join(filter(None, (", ".join(people[:-1]), people[-1])))
    venue = fields.get("journal") or fields.get("booktitle") or ""
    if "volume" in fields:
        venue = f"{venue} {fields['volume']}"
    return Reference(
        authors,
        fields.get("title", ""),
        ", ".join(filter(None, (venue, fields.get("year", "")))),
        fields.get("eprint", ""),
    )


def _plain(match: re.Match[str]) -> str:
    return " " if any(c.isspace() for c in match[0]) else ""
