"""What is shipped: metadata, locks, the Makefile's set-up and the wheel."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from theory.neural_tangents import INSTALL

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
MODULES = {"python-flint": "flint", "scikit-learn": "sklearn"}
"""Packages that are imported by another name."""
LOCKS = ("requirements.lock", "requirements-dev.lock")
NT_LOCK = "requirements-nt.lock"
USER_TARGETS = ["help", "verify", "figures"]
DEVELOPER_TARGETS = ["test", "test-slow", "lint", "docs", "bench", "lock", "clean", "distclean"]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def text(name):
    return (ROOT / name).read_text("utf-8")


def entries(lock):
    """Name -> the whole entry (version, marker, hashes) of a lock file."""
    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text(lock), flags=re.MULTILINE).strip())
    return {re.split(r"[=<>~! ]", block, maxsplit=1)[0]: block for block in blocks}


def test_one_version_everywhere():
    version = PROJECT["project"]["version"]
    assert re.search(r"^version: (\S+)$", text("CITATION.cff"), re.MULTILINE)[1] == version
    assert re.search(r"^## \[(\d[^]]*)\]", text("CHANGELOG.md"), re.MULTILINE)[1] == version


def test_the_newest_changes_say_which_numbers_changed():
    newest = re.split(r"^## ", text("CHANGELOG.md"), flags=re.MULTILINE)[1]
    assert "### Numbers that changed" in newest


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed(package):
    assert (ROOT / package / "__init__.py").is_file()
    assert (ROOT / package / "py.typed").is_file()


def test_no_package_is_forgotten():
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found - {"tests", "benchmarks"} == set(PACKAGES)


def test_licence_is_the_whole_apache_text():
    licence = text("LICENSE")
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert licence.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in licence


@pytest.mark.parametrize("lock", [*LOCKS, NT_LOCK])
def test_every_locked_entry_is_pinned_and_hashed(lock):
    found = entries(lock)
    assert len(found) > 40 or lock == NT_LOCK
    for name, block in found.items():
        first, *hashes = block.replace(" \\", "").splitlines()
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [\w.<>=!' ]+)?", first), block
        assert hashes, name
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", line) for line in hashes), block


def test_development_lock_holds_the_runtime_lock():
    assert entries(LOCKS[0]).items() <= entries(LOCKS[1]).items()


def test_locks_cover_the_declared_dependencies():
    def names(requirements):
        return {re.match(r"[\w-]+", r)[0].lower() for r in requirements}

    build = names(PROJECT["dependency-groups"]["build"])
    assert names(PROJECT["build-system"]["requires"]) <= build
    assert names(PROJECT["project"]["dependencies"]) | build <= entries(LOCKS[0]).keys()
    assert names(PROJECT["project"]["optional-dependencies"]["dev"]) <= entries(LOCKS[1]).keys()


def test_neural_tangents_is_locked_alone_and_as_declared():
    declared = PROJECT["dependency-groups"]["nt"]
    locked = entries(NT_LOCK)
    assert locked.keys() == {"neural-tangents", "frozendict"}
    assert locked["neural-tangents"].startswith(f"{declared[0]} ")
    assert all(f'"{requirement}"' in INSTALL for requirement in declared)
    assert not any(entries(lock).keys() & {"tensorflow", "tf2jax", *locked} for lock in LOCKS)


def test_page_for_machines_without_network_downloads_what_the_set_up_installs():
    (line,) = re.findall(r"`pip download (.*?)`", text("docs/guide.md"))
    assert "--no-deps" in line
    assert re.findall(r"-r (\S+)", line) == [LOCKS[0], NT_LOCK]


def test_everything_imported_is_declared():
    imported = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    imported.add(node.module.split(".")[0])
    foreign = imported - sys.stdlib_module_names - set(PACKAGES)
    declared = PROJECT["project"]["dependencies"]
    for extra, requirements in PROJECT["project"]["optional-dependencies"].items():
        declared = declared + requirements * (extra != "dev")
    names = {re.match(r"[\w-]+", r)[0].lower() for r in declared}
    modules = {MODULES.get(name, name.replace("-", "_")) for name in names}
    assert foreign <= modules


def test_extras_promised_by_error_messages_exist():
    promised = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            promised |= set(re.findall(r"extra `(\w+)`", path.read_text("utf-8")))
    assert promised <= PROJECT["project"]["optional-dependencies"].keys()


@needs_make
def test_help_lists_every_target():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE) == [
        *USER_TARGETS,
        *DEVELOPER_TARGETS,
    ]


# ---- the Makefile's set-up, with a Python that only pretends to install ------------------------

FAKE = r"""#!/bin/sh
case "$*" in
  "-c "*) exit ${TOO_OLD:-0} ;;
  *"venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo venv >>log ;;
  *"pip --version") exit 0 ;;
  *"pip install"*"-r "*)
      for word; do case $word in *.lock) echo "install $word" >>log ;; esac; done
      exit ${BROKEN:-0} ;;
  *"pip install"*) echo editable >>log ;;
  *) echo "ran $*" >>log ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """A copy of the project's set-up in a folder whose name has a space."""
    folder = tmp_path / "a project"
    (folder / ".ci").mkdir(parents=True)
    for name in ("Makefile", ".ci/setup", "pyproject.toml", *LOCKS, NT_LOCK):
        shutil.copy(ROOT / name, folder / name)
    (folder / "python").write_text(FAKE)
    (folder / "python").chmod(0o755)
    return folder


def make(folder, *words, **environment):
    """Run make and return its exit code, what it printed as errors, and the fake Python's log."""
    (folder / "log").write_text("")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", f"PYTHON={folder}/python", "WORKERS=3", *words],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr, (folder / "log").read_text().splitlines()


def installed(lock):
    """What the log holds after the set-up of an environment that exists."""
    return [f"install {lock}", f"install {NT_LOCK}", "editable"]


@needs_make
def test_set_up_happens_once(project):
    run = "ran -m paper_checks run --level quick --workers 3 x --seed 7"
    code, _, log = make(project, "verify", "ARGS=x --seed 7")
    assert (code, log) == (0, ["venv", *installed("requirements.lock"), run])
    assert make(project, "verify", "ARGS=x --seed 7") == (0, "", [run])


@needs_make
def test_development_set_up_serves_verify_too(project):
    _, _, log = make(project, "test")
    assert log[:4] == ["venv", *installed("requirements-dev.lock")]
    assert make(project, "verify", "LEVEL=full")[2] == [
        "ran -m paper_checks run --level full --workers 3"
    ]


@needs_make
@pytest.mark.parametrize("name", ["requirements.lock", NT_LOCK, "pyproject.toml"])
def test_new_contents_are_installed_but_new_times_are_not(project, name):
    make(project, "verify")
    os.utime(project / name, (2e9, 2e9))
    assert len(make(project, "verify")[2]) == 1
    with (project / name).open("a") as file:
        file.write("# changed\n")
    assert make(project, "verify")[2][:3] == installed("requirements.lock")


@needs_make
def test_moved_folder_is_installed_again(project):
    make(project, "verify")
    moved = project.rename(project.with_name("moved"))
    assert make(moved, "verify")[2][:3] == installed("requirements.lock")


@needs_make
def test_failed_set_up_starts_again_from_nothing(project):
    code, _, log = make(project, "verify", BROKEN="1")
    assert (code, log) == (2, ["venv", *installed("requirements.lock")[:-1]])
    assert make(project, "verify")[2][:4] == ["venv", *installed("requirements.lock")]


@needs_make
def test_environment_without_its_python_is_made_again(project):
    make(project, "verify")
    (project / ".venv/bin/python").unlink()
    assert make(project, "verify")[2][0] == "venv"


@needs_make
def test_unsuitable_python_gives_one_line(project):
    code, errors, log = make(project, "verify", TOO_OLD="1")
    assert (code, log) == (2, [])
    assert errors.splitlines()[0] == (
        f"Error: needs Python 3.11 to 3.14 with its venv module, tried: {project}/python; "
        "install one or name it: make PYTHON=/path/to/python3.11."
    )
    assert len(errors.splitlines()) == 2  # the other one is make's own


# ---- the wheel ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_wheel_holds_the_packages_and_nothing_else(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {n for n in names if not n.split("/")[0].endswith(".dist-info")}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == wanted
    assert any(n.endswith(".dist-info/licenses/LICENSE") for n in names)
