"""The networks that the repository trains itself, and the example."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paper_checks.lipschitz import train
from theory.lipschitz.loading import load_network
from theory.weights import metadata

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", train.NETWORKS)
def test_shipped_networks_are_what_they_say(name):
    activation, group_size, widths = train.NETWORKS[name]
    path = train.FOLDER / f"{name}.safetensors"
    notes = metadata(path)
    assert notes["activation"] == activation
    assert notes["group_size"] == str(group_size)
    network = load_network(path)
    assert tuple([network.inputs] + [len(w) for w in network.weights]) == widths
    x, y = (part[: train.TEST] for part in train.digits())
    right = np.mean(network(x).argmax(axis=1) == y)
    # Single precision may decide a tie otherwise.
    assert right == pytest.approx(float(notes["accuracy"]), abs=1.5 / train.TEST)
    assert right > 0.93


def test_nothing_else_is_shipped():
    assert {path.stem for path in train.FOLDER.iterdir()} == set(train.NETWORKS)


def test_training(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(train, "STEPS", 150)
    monkeypatch.setattr(train, "NETWORKS", {"small": ("group_sort", 4, (64, 16, 10))})
    monkeypatch.setattr(sys, "argv", ["train", "--out", str(tmp_path / "new")])
    assert train.main() == 0
    assert "small: accuracy on 360 images" in capsys.readouterr().out
    assert float(metadata(tmp_path / "new/small.safetensors")["accuracy"]) > 0.8


@pytest.mark.slow
def test_the_example_trades_little_accuracy_for_a_far_lower_bound():
    done = subprocess.run(
        [sys.executable, "examples/lipschitz_digits.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    without, with_bound = (
        [float(word.rstrip("%")) for word in line.split()] for line in done.stdout.splitlines()[1:3]
    )
    accuracy, bound, radius, kept = zip(without[1:], with_bound[1:], strict=True)
    assert accuracy[1] > accuracy[0] - 3
    assert bound[1] < bound[0] / 4
    assert radius[1] > 1.5 * radius[0]
    assert kept[1] > kept[0] + 30
