"""The notebooks in examples/: they run, show what is stored in them, and are small."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_notebooks", EXAMPLES / "run_notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(path: Path) -> dict[str, Any]:
    notebook = json.loads(path.read_text("utf-8"))
    assert isinstance(notebook, dict)
    return notebook


def words(notebook: dict[str, Any]) -> list[str]:
    """The outputs without their numbers: these may differ in the last digit, and with the time."""
    outputs = [json.dumps(c["outputs"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    return [" ".join(re.sub(r"[\d.]+(e[+-]\d+)?", "#", text).split()) for text in outputs]


def test_there_are_two() -> None:
    assert [path.name for path in NOTEBOOKS] == ["lipschitz.ipynb", "verdict.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_and_shows_what_is_stored(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    notebook = stored(path)
    assert words(runner().executed(notebook)) == words(notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_a_small_executed_notebook(path: Path) -> None:
    notebook = stored(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert path.stat().st_size < 30_000
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    assert all(cell["outputs"] for cell in code)
    shown = [o["data"] for cell in code for o in cell["outputs"] if "data" in o]
    assert sum("text/html" in data for data in shown) >= 4
    lines = [line for data in shown for line in data["text/plain"]]
    assert max(len(line) for line in lines) < 100


def test_a_cell_shows_what_it_prints_and_its_last_value() -> None:
    run = runner().run
    names: dict[str, Any] = {}
    assert run("x = 1", names, 1) == []
    printed, result = run("print('a')\nprint('b')\nx + 1", names, 2)
    assert printed == {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]}
    assert result["data"] == {"text/plain": ["2"]}
    assert run("None", names, 3) == []
    with pytest.raises(ZeroDivisionError):
        run("x / 0", names, 4)
