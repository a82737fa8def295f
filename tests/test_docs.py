"""The pages: their code runs, their commands print what is shown, no module is left out."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paper_checks.__main__ import main
from paper_checks.registry import SUBJECTS

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/**/*.md"))]
PACKAGES = ("theory", "simulations", "paper_checks", "figures")
NUMBER = re.compile(r"[-+]?(?<![\w.])\d[\d_]*(\.\d+)?(e[-+]?\d+)?")
MY_CLAIMS = "docs/my-claims.md"


def text(name):
    return (ROOT / name).read_text("utf-8")


def python_blocks(page):
    return re.findall(r"^```python\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_python_of_the_pages_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "page"}
    for code in python_blocks(page):
        exec(compile(code, page, "exec"), namespace)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_python_says_that_it_is(page):
    plain = re.findall(r"^```\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)
    code = re.compile(r"^(import \w|from \S+ import )", re.MULTILINE)
    assert not [block for block in plain if code.search(block)]


# ---- what is shown of commands -----------------------------------------------------------------


def commands():
    """(page, command, what it is said to print) of every command that is shown with its output."""
    for page in PAGES:
        for block in re.findall(r"^```\n(\$ .*?)^```", text(page), re.DOTALL | re.MULTILINE):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                if command != "make verify":  # `make verify` is a step of its own
                    yield page, command, output


def skeleton(line):
    """Output without its numbers, which vary with the machine, and without spaces and breaks."""
    return "".join(NUMBER.sub("#", line).split())


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with what the commands of the pages need."""
    from paper_checks.lipschitz.train import digits

    folder = tmp_path_factory.mktemp("commands")
    for name in ("examples", "paper_checks"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "my_claims.py").write_text(python_blocks(MY_CLAIMS)[0])
    blocks = [block for page in PAGES for block in python_blocks(page)]
    mine = [block for block in blocks if block.startswith("# my_module.py\n")]
    (folder / "my_module.py").write_text("\n\n".join(mine))
    (pair,) = [block for block in blocks if 'np.save("pair.npy", x)' in block]
    with contextlib.chdir(folder):
        exec(pair.partition("\n\n(q_aa")[0])
    images, labels = digits()
    np.save(folder / "x.npy", images[:360])
    np.save(folder / "y.npy", labels[:360])
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("commands")
@pytest.mark.parametrize(("page", "command", "shown"), [*commands()])
def test_commands_print_what_the_pages_show(page, command, shown, workplace):
    words = shlex.split(command)
    if words[:2] == ["make", "verify"]:
        words = ["python", "-m", "paper_checks", "run", *words[2].removeprefix("ARGS=").split()]
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=workplace,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1, 3), done.stderr
    printed = skeleton(done.stdout)
    wanted = [line for line in shown.splitlines() if line != "[...]"]
    assert not [line for line in wanted if skeleton(line) not in printed], done.stdout


# ---- a claim file of the reader's own ----------------------------------------------------------


@pytest.fixture
def claim_file(tmp_path, monkeypatch):
    """A function that writes my_claims.py with something replaced; it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(old="", new=""):
        whole = python_blocks(MY_CLAIMS)[0]
        assert old in whole
        Path("my_claims.py").write_text(whole.replace(old, new, 1) if old else whole)

    yield write
    sys.modules.pop("my_claims", None)


def test_claims_of_the_page_are_in_the_report(claim_file, capsys):
    claim_file()
    assert main(["run", "my_claims.py"]) == 0
    assert capsys.readouterr().out.startswith("my_claims/maxout  SUPPORTED ")
    assert "my_claims/maxout" in Path("runs/report.html").read_text("utf-8")


MUTANTS = python_blocks(MY_CLAIMS)[0].partition("        mutants=")[2].partition("        },\n")[0]
BROKEN = {
    "no mutant": (f"        mutants={MUTANTS}        }},\n", ""),
    "a prediction that is NaN": ("lambda: mean_of_largest(units)", "lambda: math.nan"),
    "an exception in a prediction": ("3: 1.5 / ", "4: 1.5 / "),
    "an exception in a block": ("(count, params.units)", "(count, params.unit)"),
    "no `CLAIMS`": ("\nCLAIMS = ", "\nCLAIM = "),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_claim_file_gives_the_line_that_the_page_shows(mistake, claim_file, capsys):
    claim_file(*BROKEN[mistake])
    assert main(["run", "my_claims.py"]) == 2
    (shown,) = re.findall(rf"^\| {mistake} \| `(.*)` \|$", text(MY_CLAIMS), re.MULTILINE)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.replace(f"{Path.cwd()}/", ".../") == shown


def test_mistakes_on_workers_are_told_alike(claim_file, capsys):
    claim_file(*BROKEN["an exception in a block"])
    assert main(["run", "my_claims.py", "--workers", "2"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("Error: my_claims.py, line 25: Attr")


# ---- completeness ------------------------------------------------------------------------------


def test_every_public_module_is_in_the_api():
    listed = set(re.findall(r"^::: (\S+)", "".join(map(text, PAGES)), re.MULTILINE))
    public = {
        f"{package}.{path.stem if path.suffix else path.name}"
        for package in PACKAGES
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file()) and path.name[0] != "_"
    }
    assert listed == public


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_has_its_finding_first_and_a_worked_example(subject):
    page = text(f"docs/{subject}.md")
    headings = re.findall(r"^## (.*)", page, re.MULTILINE)
    assert headings[0] == "The finding first"
    assert [h for h in headings if h.startswith("Your own")]
    assert python_blocks(f"docs/{subject}.md")


def test_navigation_names_every_page():
    named = re.findall(r": (\S+\.md)$", text("mkdocs.yml"), re.MULTILINE)
    assert sorted(named) == sorted(page.removeprefix("docs/") for page in PAGES[1:])
