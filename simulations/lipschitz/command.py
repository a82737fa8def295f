"""The Lipschitz constant of a network, from below and certified from above.

Without a file, the network is random, of the given widths.  For sampled quadratic constraints,
gradients and difference quotients see --quantity constraint, gradient or pairs with --help.
"""

from __future__ import annotations

import json as json_format
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from simulations import cli, core
from simulations.lipschitz.networks import parse_widths

if TYPE_CHECKING:
    from simulations.arrays import Array
    from theory.lipschitz.network import Network

MODULE = "simulations.lipschitz"
BOUND = "bound"
Quantity = Literal["bound", "constraint", "gradient", "pairs"]
Law = Literal["normal", "sparse", "student", "positive", "rank3", "ternary"]
Layout = Literal["auto", "out-in", "in-out"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the command is asked."""

    weights: str | None = None
    """File (.safetensors, .npz, .mat or .onnx) with the network."""
    activation: str | None = None
    """relu, leaky_relu:0.1, tanh, gelu, ..., maxmin, group_sort:4, householder:1,2,3; that of the
    file by default, or relu."""
    groups: int | None = None
    """Units per group of group_sort and householder, 2 by default."""
    layout: Layout = "auto"
    """Layout of the matrices in the file, needed where their shapes allow both."""
    residual: Annotated[bool, Parameter(negative=())] = False
    """The layers between the first and the last are blocks x <- x + phi(W x)."""
    widths: str | None = None
    """Without a file: widths from the input to the output, as in 64,128,128,10 or 64-128x2-10."""
    law: Law = "normal"
    """Law of random weights, divided by the root of the number of inputs of a layer."""
    norm: Literal["l2", "linf"] = "l2"
    """l2, or from l_inf to l_1 (the modulus, for one output)."""
    method: str = "auto"
    """auto, all, or some of product, eclipse-fast, lambda-only, nsr-diag, nsr-full, rr, lipsdp,
    interior-point, fgl, with commas."""
    tolerance: float = 1e-4
    """Relative width of the bracket of the optimum."""
    margin: Annotated[bool, Parameter(negative=())] = False
    """Constants of the differences of two logits as well, and certified radii of --inputs."""
    inputs: str | None = None
    """File (.npy) with inputs (samples, dimension), for the attack, the gradients and the radii."""
    labels: str | None = None
    """File (.npy) with the true labels of the inputs."""
    samples: int | None = None
    """Points at which gradients are sampled; as many as some seconds allow, at most 1000."""
    certificate: Path | None = None
    """File (.npz) to write the certificate to."""
    verify: Path | None = None
    """Check this certificate instead: exit code 0 if it proves its bound, else 1."""
    seed: int = 1
    """Of the random network, the points and the attack."""
    json: Annotated[bool, Parameter(negative=())] = False
    """Print one JSON object."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if _quantity(words) not in (None, BOUND):
        return cli.main(MODULE, words)
    paragraphs = (__doc__ or "").strip().split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    app = cli.application(f"python -m {MODULE}", text)

    @app.default
    def command(
        *,
        quantity: Quantity = "bound",
        question: Annotated[Question, Parameter(name="*")] = Question(),
    ) -> int:
        """Ask for a bound.

        Parameters
        ----------
        quantity:
            The bound, or an experiment with options of its own.
        """
        return answer(question or Question())

    return cli.guarded(lambda: app(words))


def _quantity(words: Sequence[str]) -> str | None:
    for word, following in zip(words, [*words, ""][1:], strict=True):
        name, equals, value = word.partition("=")
        if name == "--quantity":
            return value if equals else following
    return None


def answer(q: Question) -> int:
    """Find the bounds, print them, and return the exit code."""
    _check(q)
    network, source = _network(q)
    if q.verify is not None:
        return _verified(q, network)
    x, y = _inputs(q, network)
    return _answered(q, network, source, x, y)


def _check(q: Question) -> None:
    """What can be refused before anything is read."""
    core.check_seed(q.seed)
    if not 0 < q.tolerance < 1:
        raise ValueError(f"--tolerance must be above 0 and below 1; got {q.tolerance}.")
    if (q.weights is None) == (q.widths is None):
        raise ValueError(
            "give a network: --weights FILE, or --widths for a random one, as in --widths "
            "64,128,128,10."
            if q.weights is None
            else "--widths has no meaning for a network from a file; leave it out."
        )
    if q.groups is not None and q.groups < 1:
        raise ValueError(f"--groups must be an integer >= 1; got {q.groups}.")
    if q.samples is not None and q.samples < 0:
        raise ValueError(f"--samples must be an integer >= 0; got {q.samples}.")
    if q.weights is not None and q.law != "normal":
        raise ValueError("--law has no meaning for a network from a file; leave it out.")
    if q.weights is None and q.layout != "auto":
        raise ValueError("--layout has no meaning for random networks; leave it out.")
    if q.labels is not None and not (q.margin and q.inputs):
        raise ValueError("--labels needs --margin and --inputs.")
    path = q.certificate
    if path is not None and path.suffix != ".npz":
        raise ValueError(f'--certificate must end in .npz; got "{path}".')
    if path is not None and not path.resolve().parent.is_dir():
        raise ValueError(f"--certificate: the folder {path.resolve().parent} does not exist.")
    if q.verify is not None and (q.certificate or q.margin or q.inputs or q.method != "auto"):
        raise ValueError("--verify checks a certificate and nothing else; leave the rest out.")


def _network(q: Question) -> tuple[Network, str]:
    """The network, and where it is from."""
    import numpy as np

    from simulations.lipschitz.networks import random_network, read_network

    if q.weights is not None:
        found = read_network(q.weights, q.activation, q.groups, q.layout, q.residual)
        return found, q.weights
    widths, rng = parse_widths(str(q.widths)), np.random.default_rng(q.seed)
    network = random_network(rng, widths, q.law, q.activation, q.groups, q.residual)
    return network, f"{q.law} weights of seed {q.seed}"


def _inputs(q: Question, network: Network) -> tuple[Array | None, Array | None]:
    from simulations.arrays import read_matrix
    from simulations.lipschitz.logits import read_labels

    if q.margin and network.outputs < 2:
        raise ValueError("--margin: margins are differences of two logits; this network has one.")
    if q.inputs is None:
        return None, None
    x = read_matrix("--inputs", q.inputs, "samples")
    if x.shape[1] != network.inputs:
        raise ValueError(
            f"--inputs: {q.inputs} has inputs of dimension {x.shape[1]}; the network takes "
            f"{network.inputs}."
        )
    return x, None if q.labels is None else read_labels(q.labels, len(x), network.outputs)


def _answered(q: Question, network: Network, source: str, x: Array | None, y: Array | None) -> int:
    from simulations.lipschitz import logits, sandwich, show
    from simulations.lipschitz.bracket import bracket_bar
    from simulations.lipschitz.networks import shape_of
    from simulations.tables import print_table

    methods = sandwich.methods_of(network, q.method)
    with bracket_bar(q.tolerance) as bar:
        outcomes = sandwich.above(network, q.norm, methods, q.tolerance, bar)
        best = sandwich.best_of(outcomes)
        bar("lower bounds")
        below = sandwich.below(network, q.norm, x, q.samples, q.seed, best.log_upper)
        constants = None
        if q.margin:
            constants = logits.pair_constants(network, q.norm, q.tolerance, bar("margins"))
    kept = None
    if q.certificate is not None and best.certificate is not None:
        _save(best.certificate, q.certificate)
        kept = str(q.certificate)
    radii = None
    if constants is not None and x is not None:
        from theory.lipschitz.margins import certified_radii

        radii = certified_radii(network, x, constants)
    if q.json:
        record = {"network": show.network_record(network, source), "tolerance": q.tolerance}
        record |= show.sandwich_record(outcomes, below, kept)
        record["margins"] = constants and logits.margins_record(constants)
        record["radii"] = radii and logits.radii_record(radii, y)
        record |= {"seed": q.seed, "versions": cli.versions()}
        print(json_format.dumps(record, allow_nan=False))
        return 0
    show.say(f"{shape_of(network)}, {source}; {q.norm}.")
    print()
    show.print_sandwich(outcomes, below, network)
    if kept:
        show.say(f"Certificate written to {kept}; --verify {kept} checks it.")
    if constants is not None:
        print("\nConstants of the differences of two logits, certified:")
        print_table(logits.margins_table(constants))
        show.say(logits.margins_words(constants))
    if radii is not None:
        print()
        print_table(logits.radii_table(radii, y))
        show.say(logits.radii_words(logits.radii_record(radii, y), q.norm))
    return 0


def _save(certificate: Any, path: Path) -> None:
    try:
        certificate.save(path)
    except OSError as error:
        raise ValueError(f"--certificate: cannot write {path}: {error.strerror}.") from None


def _verified(q: Question, network: Network) -> int:
    """Check a certificate; a damaged one is as worthless as a wrong one."""
    from simulations.lipschitz import show
    from simulations.store import finite
    from theory.digits import upper_text
    from theory.lipschitz.certificate import Certificate, verify_certificate

    path = q.verify
    assert path is not None, "there is a certificate"
    if not path.is_file():
        raise ValueError(f"--verify: cannot read {path}: no such file.")
    record: dict[str, Any] = {"certificate": str(path), "valid": False}
    text = ""
    try:
        found = Certificate.load(path)
        valid, reason = verify_certificate(network, found)
        record |= {"norm": found.norm, "relaxation": found.relaxation}
        if valid:
            record |= {"valid": True, "upper": finite(found.upper)}
            claim = show.INEQUALITY[found.norm, network.outputs == 1]
            said = upper_text(found.upper, found.log2_upper * math.log(2), 10)
            text = f"Valid: {claim.format(said)}."
    except ValueError as error:
        reason = str(error)
    record["reason"] = reason
    text = text or f"Not valid: {reason.rstrip('.')}."
    if q.json:
        print(json_format.dumps(record, allow_nan=False))
    else:
        show.say(text)
    return 0 if record["valid"] else 1
