"""neural-tangents loads beside the installed jax, and agrees with the kernels of this package.

The two share no code. neural-tangents works with correlations and loses up to 1e-16 of them: 1e-10
relatively at distances of 1e-3, and as much for odd duals at correlations near 0. Tolerance 1e-10.
"""

import ast
import importlib.machinery
import math
import pkgutil
import subprocess
import sys
import types
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

from theory import conv_kernels, ntk_classifiers
from theory.commutation import flow, tangent
from theory.neural_tangents import INSTALL, _removed_names, _util, load_neural_tangents

jax.config.update("jax_enable_x64", True)

CLOSE = {"rtol": 1e-10, "atol": 0}

# ---- the names that neural-tangents needs from jax ---------------------------------------------

SUPPLIED = {
    *(f"jax.core.{name}" for name in ("Jaxpr", "JaxprEqn", "Literal", "Primitive", "Var")),
    "jax.interpreters.ad.zeros_like_p",
    *("jax.util.safe_map", "jax.util.safe_zip"),
}
BROKEN = (  # used in STRUCTURED_DERIVATIVES and AUTO only, which fail on older jax as well
    *("jax.core.DShapedArray", "jax.core.get_aval", "jax.core.lattice_join"),
    *(f"jax.interpreters.ad.{n}" for n in ("config", "reducing_transposes", "source_info_util")),
)


def names_of_jax(path):
    """All dotted names below jax that a source file uses."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    full = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for name, short in ((a.name, a.asname) for a in node.names):
                full[short or name.split(".")[0]] = name if short else name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            full |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    names = set(full.values())
    for text in (ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)):
        first, *rest = text.split(".")
        if first in full and all(map(str.isidentifier, rest)):
            names.add(".".join([full[first], *rest]))
    return {name for name in names if name.startswith("jax.")}


def missing(names):
    """Those of the names that the installed jax has not; deprecated ones are there."""
    found = set()
    for name in names:
        try:
            with warnings.catch_warnings(action="ignore"):
                pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            found.add(name)
    return found


def test_jax_has_every_name_that_is_not_supplied():
    package = Path(load_neural_tangents().__file__).parent
    files = [path for path in package.rglob("*.py") if "experimental" not in path.parts]
    used = set().union(*map(names_of_jax, files))
    assert len(used) > 150
    assert used >= SUPPLIED
    lacking = {name for name in missing(used) - SUPPLIED if not name.startswith(BROKEN)}
    assert not lacking, f"jax {jax.__version__} lacks names that neural-tangents uses: {lacking}"


def test_removed_names_are_there_inside_and_gone_outside():
    before = missing(SUPPLIED)
    with warnings.catch_warnings(action="ignore"), _removed_names():
        assert not missing(SUPPLIED)
    assert missing(SUPPLIED) == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_names_that_exist_are_left_alone(monkeypatch):
    own = types.ModuleType("jax.util")
    own.__spec__ = importlib.machinery.ModuleSpec("jax.util", None)
    monkeypatch.setitem(sys.modules, "jax.util", own)
    monkeypatch.setattr(jax.core, "Primitive", "mine", raising=False)
    with _removed_names():
        assert jax.core.Primitive == "mine"
        assert sys.modules["jax.util"] is own
    assert jax.core.Primitive == "mine"
    assert sys.modules["jax.util"] is own


def test_supplied_map_and_zip_want_equal_lengths():
    util = _util()
    assert util.safe_zip([1, 2], [3, 4]) == [(1, 3), (2, 4)]
    assert util.safe_map(pow, [2, 3], [3, 2]) == [8, 9]
    for call in (lambda: util.safe_zip([1], [2, 3]), lambda: util.safe_map(pow, [1], [2, 3])):
        with pytest.raises(ValueError, match="argument 2 is longer"):
            call()


FRESH = """
import sys
from theory.neural_tangents import load_neural_tangents
assert "jax" not in sys.modules
import jax.core, jax.interpreters.ad
before = [set(vars(m)) for m in (jax.core, jax.interpreters.ad)] + ["jax.util" in sys.modules]
nt = load_neural_tangents()
after = [set(vars(m)) for m in (jax.core, jax.interpreters.ad)] + ["jax.util" in sys.modules]
assert after == before
assert load_neural_tangents() is nt
import neural_tangents
assert neural_tangents is nt and nt.stax and nt.predict and nt.empirical_ntk_fn
assert not {"tensorflow", "tf2jax"} & set(sys.modules)
"""


def test_a_fresh_process_loads_it_without_warnings_and_without_tensorflow():
    subprocess.run([sys.executable, "-W", "error", "-c", FRESH], check=True)


@pytest.fixture
def unloaded(monkeypatch):
    """neural-tangents must be imported again; what was loaded before comes back at the end."""
    for loaded in [m for m in sys.modules if m.split(".")[0] == "neural_tangents"]:
        monkeypatch.delitem(sys.modules, loaded)
    return load_neural_tangents.__wrapped__  # without its cache


@pytest.mark.parametrize("name", ["neural_tangents", "frozendict"])
def test_without_the_package_the_error_tells_how_to_install_it(monkeypatch, unloaded, name):
    monkeypatch.setitem(sys.modules, name, None)
    before = missing(SUPPLIED)
    with pytest.raises(ImportError) as caught:
        unloaded()
    assert str(caught.value) == f"{name} is not installed; run: {INSTALL}"
    assert missing(SUPPLIED) == before


def test_a_jax_that_lacks_more_is_named(monkeypatch, unloaded):
    monkeypatch.delattr("jax.extend.core.Var")
    with pytest.raises(ImportError, match=rf"on jax {jax.__version__} \(.*Var.*\); use jax 0.10.2"):
        unloaded()


# ---- dense networks ----------------------------------------------------------------------------

ROWS = np.array([[1.0, 0.05, 0], [0.2, 0.9, 0.4], [0.5, 0.5, 0.5]])
COLUMNS = np.array([[0, 0.3, 1.0], [0.2, 0.9, 0.401], [0.7, 0.1, 0.2], [0.9, 0.3, 0.01]])
A = 2.676  # one frequency of the sine family
DEPTH = 3
PAIRS = (0, 0), (1, 1), (0, 1)
CUBIC = np.array([0, 1 - 3 / math.sqrt(6), 0, 1 / math.sqrt(6)]) / math.sqrt(2)  # (h1 + h3)/sqrt 2

# name: (its layer, E phi(g)^2 in closed form, its dual)
DENSE = {
    "relu": (lambda stax: stax.Relu(), 1 / 2, "relu"),
    "leaky": (lambda stax: stax.LeakyRelu(0.2), (1 + 0.2**2) / 2, "leaky_relu:0.2"),
    "abs": (lambda stax: stax.Abs(), 1, "abs"),
    "erf": (lambda stax: stax.Erf(), 2 / math.pi * math.asin(2 / 3), "erf"),
    "sin": (lambda stax: stax.Sin(), (1 - math.exp(-2)) / 2, "sin"),
    "sine": (lambda stax: stax.Sin(b=math.sqrt(A)), math.exp(-A) * math.sinh(A), f"sine:{A}"),
    "hermite": (lambda stax: stax.Hermite(3), 1, "hermite:3"),
    # Stein's identity twice: E g^2 Phi(g)^2 = E Phi^2 + 2 E g Phi phi
    "gelu": (lambda stax: stax.Gelu(), 1 / 3 + 1 / (2 * math.sqrt(3) * math.pi), "gelu"),
    "cubic": (lambda stax: stax.Polynomial(CUBIC), 1, [0, 0.5, 0, 0.5]),
}


def fast_first(fast, cases):
    """Parameters of a test, those that are not named `fast` marked slow: each is a compilation."""
    return [c if c in fast else pytest.param(c, marks=pytest.mark.slow) for c in cases]


def on_sphere(points):
    return points / np.linalg.norm(points, axis=-1, keepdims=True)


def kernels(layers, x, y):
    """(NNGP, NTK) of the layers by neural-tangents."""
    kernel = load_neural_tangents().stax.serial(*layers)[2]
    compiled = jax.jit(lambda x, y: tuple(kernel(x, y, ("nngp", "ntk"))))
    return [np.asarray(k) for k in compiled(x, y)]


@pytest.mark.filterwarnings("ignore:Inputs to this layer are assumed to have unit norm")
@pytest.mark.parametrize(
    "name", fast_first({"relu", "erf", "sine", "hermite", "gelu"}, DENSE), ids=list(DENSE)
)
def test_dense_network(name):
    layer, mean_square, spec = DENSE[name]
    x, y = on_sphere(ROWS), on_sphere(COLUMNS)
    r = np.linalg.norm(x[:, None] - y, axis=-1)
    ours = ntk_classifiers.dual(spec)
    stax = load_neural_tangents().stax
    layers = [stax.Dense(1, W_std=math.sqrt(3), b_std=0)]  # it divides by the input's dimension
    layers += [layer(stax), stax.Dense(1, W_std=1 / math.sqrt(mean_square), b_std=0)] * DEPTH
    nngp, ntk = kernels(layers, x, y)
    np.testing.assert_allclose(ntk_classifiers.nngp(ours, r, DEPTH), nngp, **CLOSE)
    np.testing.assert_allclose(ntk_classifiers.ntk(ours, r, DEPTH), ntk, **CLOSE)


# ---- residual networks -------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:`FanIn` layers assume independent inputs")
@pytest.mark.parametrize("name", fast_first({"relu", "gelu"}, ["relu", "erf", "gelu"]))
def test_residual_network(name):
    layer, _, spec = DENSE[name]
    time, depth = 1.5, 2  # Y <- Y + sqrt(time/depth) W phi(Y)/sqrt(n)
    stax = load_neural_tangents().stax
    branch = stax.serial(layer(stax), stax.Dense(1, W_std=math.sqrt(time / depth), b_std=0))
    block = stax.serial(stax.FanOut(2), stax.parallel(stax.Identity(), branch), stax.FanInSum())
    dense = stax.Dense(1, W_std=1, b_std=0)
    points = np.stack([ROWS[1], 2 * COLUMNS[0]])
    nngp, ntk = kernels([dense, *[block] * depth, layer(stax), dense], points, None)

    q = [float(points[i] @ points[j] / 3) for i, j in PAIRS]
    last = flow.finite_depth_covariance(*q, time, depth, spec)
    np.testing.assert_allclose(flow.rates(last, spec), [nngp[pair] for pair in PAIRS], **CLOSE)
    np.testing.assert_allclose(tangent.resnet_ntk(*q, time, depth, spec).q_ab, ntk[0, 1], **CLOSE)


# ---- convolutions over patches that do not overlap ---------------------------------------------


@pytest.mark.parametrize("sizes", fast_first({(2, 2)}, [(2, 2), (2, 3), (2, 2, 2)]), ids=str)
def test_convolutional_network(sizes):
    stax = load_neural_tangents().stax
    layers, gain = [], math.sqrt(sizes[0])
    for size in sizes:
        layers += [stax.Conv(1, (size,), (size,), "VALID", W_std=gain, b_std=0), stax.Relu()]
        gain = math.sqrt(2)
    layers += [stax.Flatten(), stax.Dense(1, W_std=gain, b_std=0)]

    patches = math.prod(sizes[1:])
    angles = np.linspace(0.05, 3.0, 3 * patches).reshape(3, patches)[:, ::-1]
    points = np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(3, -1, 1)
    origin = np.tile([1.0, 0.0], patches).reshape(1, -1, 1)
    rfk, ntk = kernels(layers, points, origin)
    ours = [conv_kernels.kernel(angles, sizes, kind) for kind in ("rfk", "ntk")]
    np.testing.assert_allclose(ours[0], rfk[:, 0], **CLOSE)
    np.testing.assert_allclose(ours[1], ntk[:, 0], **CLOSE)
