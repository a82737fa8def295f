r"""Certificates of Lipschitz bounds, and the function that checks them.

A certificate holds multipliers and the diagonals of the first and last storage matrix; the checker
computes everything else itself, on the weights of the network as they are, and shares no code with
the methods that find multipliers.  What it proves, with every rounding paid for (see
`theory.lipschitz.enclosure`, `quadratic` and `storage`), is for the exact real numbers that the
weights are:

    l2       |f(x) - f(y)|_2 <= upper |x - y|_2
    linf     |f(x) - f(y)|_1 <= upper |x - y|_inf          (one output: its modulus)

linf: sum |d_i| <= sqrt(sum p_i d_i^2) sqrt(sum 1 / p_i), and sum mu_i x_i^2 <= |x|_inf^2 sum mu_i.
Of an implicit network it is proved that any two solutions obey the bound, not that there is one.
"""

import math
import os
import tempfile
import zipfile
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from theory.display import table
from theory.lipschitz import display, products
from theory.lipschitz.candidate import Candidate
from theory.lipschitz.network import Network
from theory.lipschitz.quadratic import Relations, needed, relations
from theory.lipschitz.relevant import Refused, group_count
from theory.lipschitz.storage import Root, storage

Vector = np.ndarray[Any, np.dtype[np.float64]]

NORMS = ("l2", "linf")
RELAXATIONS = ("exact", "lipschitz", "rr", "norms", "patterns")
MAX_BYTES = 1 << 30
MAX_EXPONENT = 10**6


@dataclass(frozen=True, eq=False)
class Certificate:
    """A bound with what is needed to prove it; `verify_certificate` does."""

    norm: str
    """"l2" or "linf" (from l_inf to l_1)."""
    relaxation: str
    """"exact", "lipschitz", "rr", "norms" or "patterns"."""
    exponents: tuple[int, ...]
    """c_0 = 0, ..., c_S: the signal after stage k is 2^c_k times the scaled one."""
    input: Vector
    """l2: rho; linf: mu, one number per input; "norms": bounds of the single (scaled) matrices,
    per stage skip, inner, outer, loop; "patterns": the square of the bound (linf: the bound)."""
    output: Vector
    """Diagonal of the last storage matrix: l2: 1; linf: one number per output; "norms": bounds of
    the stages, of which the product counts."""
    multipliers: tuple[Vector | None, ...]
    """Per stage, one per unit or group, in scaled units; None for a linear stage."""
    digest: str
    """Of the network."""

    def __repr__(self) -> str:
        return f"Certificate({display.certificate_title(self)})"

    def _repr_html_(self) -> str:
        return table("Certificate", display.certificate_rows(self))

    @property
    def log2_upper(self) -> float:
        """Logarithm of the bound that is claimed, rounded up; -inf for 0."""
        square, exponent = self._square()
        if not square > 0:
            return -math.inf
        if not square < math.inf:
            return math.inf
        mantissa, power = math.frexp(_float_up(square / Fraction(4) ** _half(square)))
        log = exponent + _half(square) + 0.5 * (math.log2(mantissa) + power)
        return math.nextafter(log + 2.0**-50 * (1 + abs(log)), math.inf)

    @property
    def upper(self) -> float:
        """The bound that is claimed, rounded up."""
        square, exponent = self._square()
        if not square > 0:
            return 0.0
        if not square < math.inf:
            return math.inf
        half = _half(square)
        root = math.nextafter(math.sqrt(_float_up(square / Fraction(4) ** half)), math.inf)
        try:
            upper = math.ldexp(root, exponent + half)
        except OverflowError:
            return math.inf
        return upper if upper >= 2.0**-1022 else math.nextafter(upper, math.inf)

    def _square(self) -> tuple[Any, int]:
        """The square of the scaled bound, and the power of two that belongs to the bound."""
        exponent = self.exponents[-1] - self.exponents[0]
        numbers = np.concatenate([self.input, self.output])
        if not (np.isfinite(numbers).all() and (self.input >= 0).all()):
            return math.inf, exponent
        given = [Fraction(float(x)) for x in self.input]
        if self.relaxation == "norms":
            return math.prod(Fraction(float(x)) for x in self.output) ** 2, exponent
        if self.norm == "l2":
            return given[0], exponent
        if self.relaxation == "patterns":
            return given[0] ** 2, exponent
        if not (self.output > 0).all():
            return math.inf, exponent
        inverse = sum(_rounded(1 / Fraction(float(p))) for p in self.output)
        return sum(given) * inverse, exponent

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write an .npz file without pickled objects, all at once."""
        arrays: dict[str, Any] = {
            "format": np.array([1], dtype=np.int64),
            "name": _text(self.norm, self.relaxation, self.digest),
            "exponents": np.array(self.exponents, dtype=np.int64),
            "input": np.asarray(self.input, dtype=float),
            "output": np.asarray(self.output, dtype=float),
        }
        for k, numbers in enumerate(self.multipliers):
            if numbers is not None:
                arrays[f"multipliers_{k}"] = np.asarray(numbers, dtype=float)
        target = Path(path)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez_compressed(file, **arrays)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise

    @classmethod
    def load(cls, path: "str | os.PathLike[str]") -> "Certificate":
        """Read what `save` wrote.  ValueError, in one line, for anything else."""
        arrays = _read(Path(path))
        try:
            return _parsed(cls, arrays)
        except (KeyError, IndexError, UnicodeDecodeError, ValueError) as error:
            detail = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{path} is no certificate: {detail}.") from None


class Verification(NamedTuple):
    """Whether a certificate proves its bound; `reason` is one line, empty if it does."""

    valid: bool
    reason: str


@np.errstate(all="ignore")
def verify_certificate(network: Network, certificate: Certificate) -> Verification:
    """Whether the certificate proves `certificate.upper` for the network, rigorously.

    False with a reason for anything that is not proved, a wrong certificate and one that is right
    but too close to the limit alike.
    """
    try:
        if certificate.digest != network.digest():
            raise Refused("the certificate belongs to another network (its digest differs)")
        _check(network, certificate)
    except Refused as reason:
        return Verification(False, str(reason))
    return Verification(True, "")


@np.errstate(all="ignore")
def certify(network: Network, candidate: Candidate) -> Certificate | None:
    """The certificate of the smallest bound that is proved from the candidate's multipliers.

    The bound may be smaller or larger than the one the candidate claims.  None if none is proved.
    """
    certificate = Certificate(
        candidate.norm,
        candidate.relaxation,
        tuple(int(c) for c in candidate.exponents),
        np.array(candidate.input, dtype=float).ravel(),
        np.array(candidate.output, dtype=float).ravel(),
        candidate.multipliers,
        network.digest(),
    )
    try:
        if certificate.relaxation == "norms":
            return products.certified(network, certificate)
        if certificate.relaxation == "patterns":
            _check(network, certificate)
            return certificate
        certificate = _without_idle(network, certificate)
        _shape(network, certificate)
        return _smallest(network, certificate)
    except Refused:
        return None


# --- checks ------------------------------------------------------------------------------------


def _check(network: Network, certificate: Certificate) -> None:
    """Refused unless the bound is proved."""
    _shape(network, certificate)
    if certificate.relaxation == "norms":
        return products.check(network, certificate)
    if certificate.relaxation == "patterns":
        return _check_patterns(network, certificate)
    found = _root(network, certificate)
    if found is None:
        return None
    root, inputs = found
    if not root.below(_diagonal(network, certificate)[inputs]):
        raise Refused("the storage matrix of the input is not proved to be below the bound")
    return None


def _check_patterns(network: Network, c: Certificate) -> None:
    from theory.lipschitz import patterns

    reason = patterns.proves(network, c.norm, float(c.input[0]), c.exponents)
    if reason:
        raise Refused(reason)


def _checked_network(network: Network, certificate: Certificate) -> Network:
    """The network whose stages the certificate speaks of."""
    if certificate.relaxation != "rr":
        return network
    from theory.lipschitz.relaxations import as_residual_relu

    try:
        return as_residual_relu(network)
    except ValueError as error:
        raise Refused(str(error).rstrip(".")) from None


def _shape(network: Network, certificate: Certificate) -> None:
    """Refused unless everything has the right length and is a number of the right sign."""
    c = certificate
    if c.norm not in NORMS or c.relaxation not in RELAXATIONS:
        raise Refused(f"unknown norm {c.norm!r} or relaxation {c.relaxation!r}")
    stages = _checked_network(network, c).stages
    if not all(isinstance(e, int | np.integer) for e in c.exponents):
        raise Refused("exponents must be whole numbers")
    if len(c.exponents) != len(stages) + 1 or c.exponents[0] != 0:
        raise Refused(f"there must be {len(stages) + 1} exponents, the first 0")
    if max(map(abs, c.exponents)) > MAX_EXPONENT:
        raise Refused(f"exponents must be at most {MAX_EXPONENT} in size")
    if len(c.multipliers) != len(stages):
        raise Refused(f"there must be multipliers for {len(stages)} stages")
    if c.relaxation == "norms":
        products.shape(network, c)
        return
    single = c.norm == "l2" or c.relaxation == "patterns"
    _numbers("input", c.input, 1 if single else network.inputs)
    _numbers("output", c.output, 1 if single else network.outputs)
    if single and c.output[0] != 1:
        raise Refused("output must be 1")
    if not (c.output > 0).all():
        raise Refused("output must be positive")
    if c.relaxation == "patterns":
        return
    for k, (stage, numbers) in enumerate(zip(stages, c.multipliers, strict=True), start=1):
        if stage.activation is not None and numbers is None:
            raise Refused(f"stage {k} of {len(stages)} has no multipliers")
        if numbers is not None:
            name = f"multipliers of stage {k} of {len(stages)}"
            _numbers(name, numbers, group_count(stage))


def _numbers(name: str, numbers: Any, count: int) -> None:
    numbers = np.asarray(numbers)
    if numbers.dtype != np.float64:
        raise Refused(f"{name}: numbers must be float64, not {numbers.dtype}")
    if numbers.shape != (count,):
        raise Refused(f"{name}: {count} numbers are needed, not shape {numbers.shape}")
    if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
        raise Refused(f"{name}: all numbers must be finite and not negative")


def _root(network: Network, certificate: Certificate) -> tuple[Root, Any] | None:
    """The proved storage matrix of the inputs that matter; None if the network is constant."""
    chain = _checked_network(network, certificate)
    relaxation = "exact" if certificate.relaxation == "rr" else certificate.relaxation
    found = relations(chain, relaxation, certificate.exponents, certificate.multipliers)
    if found is None:
        return None
    return storage(found.stages, _last(chain, certificate, found)), found.inputs


def _last(network: Network, certificate: Certificate, found: Relations) -> Vector:
    output = certificate.output
    if certificate.norm == "l2":
        output = np.ones(network.outputs)
    output = output[found.outputs]
    scaled = np.ldexp(output, 2 * found.exponents)
    if not (scaled > 2.0**-200).all() or not (scaled < 2.0**200).all():
        raise Refused("the output is not within 2^-200 ... 2^200")
    return np.asarray(scaled)


def _diagonal(network: Network, certificate: Certificate) -> Vector:
    return np.broadcast_to(certificate.input, network.inputs)


# --- search ------------------------------------------------------------------------------------


def _without_idle(network: Network, certificate: Certificate) -> Certificate:
    """The same with 0 for the multipliers that are ignored, whatever they were."""
    chain = _checked_network(network, certificate)
    relaxation = "exact" if certificate.relaxation == "rr" else certificate.relaxation
    masks = needed(chain, relaxation)
    kept: list[Vector | None] = []
    for stage, mask, given in zip(chain.stages, masks, certificate.multipliers, strict=False):
        numbers = None if given is None else np.asarray(given, dtype=float)
        if numbers is not None and numbers.shape == mask.shape:
            numbers = np.where(mask, numbers, 0.0)
        kept.append(None if stage.activation is None else numbers)
    return replace(certificate, multipliers=tuple(kept))


def _smallest(network: Network, certificate: Certificate) -> Certificate | None:
    """The input scaled so that the proof just succeeds."""
    found = _root(network, certificate)
    if found is None:
        return replace(certificate, input=0 * certificate.input)
    root, inputs = found
    whole = _diagonal(network, certificate)
    if not whole[inputs].any():
        certificate = replace(certificate, input=np.ones_like(certificate.input))
        whole = _diagonal(network, certificate)
    ratio = root.ratio(whole[inputs])
    if certificate.norm == "linf":
        kept = np.where(inputs, certificate.input, 0.0)
        certificate = replace(certificate, input=kept)
    for power in range(-10, 1):
        scaled = certificate.input * (ratio * (1 + 10.0**power))
        tried = replace(certificate, input=scaled)
        if np.isfinite(scaled).all() and root.below(_diagonal(network, tried)[inputs]):
            return tried
    return None


# --- files -------------------------------------------------------------------------------------


def _half(square: Fraction) -> int:
    """h with square / 4^h between about 1/4 and 16."""
    return (square.numerator.bit_length() - square.denominator.bit_length()) // 2


def _float_up(value: Fraction) -> float:
    return math.nextafter(float(value), math.inf)


def _rounded(value: Fraction) -> Fraction:
    """A float that is not smaller; exact sums of many fractions would be slow."""
    return Fraction(_float_up(value)) if value < 10**300 else value


def _text(*words: str) -> Any:
    return np.frombuffer("\n".join(words).encode(), dtype=np.uint8)


def _read(path: Path) -> dict[str, Any]:
    from theory.weights import UNSOUND, read_member

    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            held = sum(member.file_size for member in members)
            if held > MAX_BYTES:
                raise ValueError(f"it promises {held} bytes")
            found = {}
            for member in members:
                with archive.open(member) as file:
                    found[member.filename.removesuffix(".npy")] = read_member(file, member, "fiu")
            return found
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}.") from None
    except UNSOUND as error:
        detail = " ".join(str(error).split()).rstrip(".")[:160]
        raise ValueError(f"{path} is no certificate: {detail}.") from None


def _parsed(cls: type[Certificate], arrays: dict[str, Any]) -> Certificate:
    norm, relaxation, digest = bytes(arrays.pop("name").astype(np.uint8)).decode().split("\n")
    version = arrays.pop("format").tolist()
    if version != [1]:
        raise ValueError(f"it has the format {version}, not [1]")
    exponents = arrays.pop("exponents")
    if exponents.ndim != 1 or exponents.dtype.kind != "i" or len(exponents) < 2:
        raise ValueError("its exponents are no list of whole numbers")
    ends = [arrays.pop(name) for name in ("input", "output")]
    stages = len(exponents) - 1
    multipliers = [arrays.pop(f"multipliers_{k}", None) for k in range(stages)]
    if arrays:
        raise ValueError(f"it holds {sorted(arrays)[0][:40]!r}, which is unknown")
    for numbers in [*ends, *multipliers]:
        if numbers is not None and (numbers.ndim != 1 or numbers.dtype != np.float64):
            raise ValueError("its numbers are no lists of float64")
    return cls(
        norm, relaxation, tuple(exponents.tolist()), ends[0], ends[1], tuple(multipliers), digest
    )
