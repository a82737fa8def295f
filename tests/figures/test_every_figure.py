"""What holds for the figures of every subject."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from figures import (
    commutation,
    conv_kernels,
    depth_limit,
    kernel_density,
    lipschitz,
    ntk_classifiers,
    selu,
    style,
)
from figures.core import FORMATS, SUBJECTS, Drawing
from tests.figures import (
    results_commutation,
    results_conv_kernels,
    results_depth_limit,
    results_kernel_density,
    results_lipschitz,
    results_ntk_classifiers,
    results_selu,
)

RESULTS = {
    "depth_limit": (depth_limit.FIGURES, results_depth_limit.made_up),
    "commutation": (commutation.FIGURES, results_commutation.made_up),
    "selu": (selu.FIGURES, results_selu.made_up),
    "ntk_classifiers": (ntk_classifiers.FIGURES, results_ntk_classifiers.made_up),
    "conv_kernels": (conv_kernels.FIGURES, results_conv_kernels.made_up),
    "kernel_density": (kernel_density.FIGURES, results_kernel_density.made_up),
    "lipschitz": (lipschitz.FIGURES, results_lipschitz.made_up),
}
DOCS = Path(__file__).parents[2] / "docs"
EVERY = [
    pytest.param(drawing, made_up, id=f"{subject} {drawing.name}")
    for subject, (drawings, made_up) in RESULTS.items()
    for drawing in drawings
]


def test_no_subject_is_forgotten() -> None:
    assert set(RESULTS) == set(SUBJECTS)


def test_the_pictures_of_the_documentation_are_of_today() -> None:
    """Their captions are, which are changed with the figures; bytes differ between machines."""
    captions = {drawing.name: drawing.caption for group, _ in RESULTS.values() for drawing in group}
    pages = "".join(page.read_text() for page in DOCS.glob("*.md"))
    pictures = sorted(DOCS.glob("figures/*"))
    assert pictures
    for picture in pictures:
        told = ElementTree.parse(picture).find(".//{http://purl.org/dc/elements/1.1/}description")
        assert told is not None
        assert told.text == captions[picture.stem], picture.name
        assert f"](figures/{picture.name})" in pages


@pytest.mark.slow
@pytest.mark.parametrize(("drawing", "made_up"), EVERY)
def test_same_results_give_the_same_bytes(drawing: Drawing, made_up: Any, tmp_path: Path) -> None:
    results = {job: made_up(job) for job in drawing.jobs}
    for name in "ab":
        picture = drawing.picture(results)
        for kind in FORMATS:
            style.save(picture, tmp_path / f"{name}.{kind}", drawing.name, drawing.caption)
    for kind in FORMATS:
        first, second = (tmp_path / f"{name}.{kind}" for name in "ab")
        assert first.read_bytes() == second.read_bytes()
    content = (tmp_path / "a.svg").read_bytes()
    assert content.startswith(b"<?xml")
    assert b"<text" not in content  # letters are paths
    assert b"<dc:date>" not in content
    assert drawing.name.encode() in content


@pytest.mark.parametrize(("drawing", "made_up"), EVERY)
def test_axes_are_labelled_and_the_bars_explained(drawing: Drawing, made_up: Any) -> None:
    figure = drawing.picture({job: made_up(job) for job in drawing.jobs})
    for ax in figure.axes:
        if ax.get_label() == "<colorbar>":
            assert ax.get_xlabel() or ax.get_ylabel()
            continue
        place = ax.get_subplotspec()
        assert ax.get_xlabel() or place is None or not place.is_last_row()
        assert ax.get_ylabel() or (place is not None and not place.is_first_col())
    assert ("99.9%" in drawing.caption) == bool(drawing.jobs)  # no bars without chance
    assert drawing.caption.endswith(".")
