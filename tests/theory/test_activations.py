import math
import subprocess
import sys

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from theory import ou
from theory.activations import SELU_ALPHA, SELU_LAMBDA, Activation, activation, ou_coordinate

jax.config.update("jax_enable_x64", True)
mpmath.mp.dps = 40


def inverse_h(w):
    """h(z) = sqrt(pi)/2 erfi(z) inverted at 40 digits, on the logarithm of h."""
    if w == 0:
        return mpmath.mpf(0)
    size = abs(mpmath.mpf(w))
    start = min(size, mpmath.sqrt(mpmath.log(1 + size)))

    def gap(z):
        return mpmath.log(mpmath.sqrt(mpmath.pi) / 2 * mpmath.erfi(z) / size)

    return mpmath.sign(w) * mpmath.findroot(gap, start)


def smooth_or(negative, scale=1):
    return lambda x: scale * x if x > 0 else negative(x)


SCALED_ALPHA = mpmath.mpf(SELU_LAMBDA) * mpmath.mpf(SELU_ALPHA)
ORACLES = {
    "relu": smooth_or(lambda x: 0 * x),
    "leaky_relu:0.25": smooth_or(lambda x: x / 4),
    "leaky_relu:0": smooth_or(lambda x: 0 * x),
    "abs": abs,
    "linear": lambda x: x,
    "erf": mpmath.erf,
    "tanh": mpmath.tanh,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "elu": smooth_or(mpmath.expm1),
    "selu": smooth_or(lambda x: SCALED_ALPHA * mpmath.expm1(x), mpmath.mpf(SELU_LAMBDA)),
    "sin": mpmath.sin,
    "hermite:0": lambda x: 1 + 0 * x,
    "hermite:4": lambda x: (x**4 - 6 * x**2 + 3) / mpmath.sqrt(24),
    "ou:1,0": lambda x: mpmath.exp(inverse_h(x) ** 2),
    "ou:-0.5,1": lambda x: mpmath.exp(inverse_h(1 - x / 2) ** 2),
}
POINTS = np.array([-9.5, -3.25, -1.125, -0.03125, 0.0625, 0.75, 2.5, 7.0])


@pytest.mark.parametrize("name", ORACLES)
def test_values_and_derivatives_against_40_digits(name):
    # 2e-14: the worst conditioning here, x f'/f times 2^-53, is about 90 (gelu at -9.5).
    act = activation(name)
    value = [float(ORACLES[name](mpmath.mpf(x))) for x in POINTS]
    slope = [
        float(mpmath.diff(ORACLES[name], mpmath.mpf(x), h=mpmath.mpf(10) ** -15)) for x in POINTS
    ]
    np.testing.assert_allclose(act(POINTS), value, rtol=2e-14, atol=1e-300)
    np.testing.assert_allclose(act.derivative(POINTS), slope, rtol=2e-14, atol=1e-300)


@pytest.fixture(scope="module")
def through_jax():
    """Values and derivatives of every activation, in one compilation for each type."""
    acts = {name: activation(name) for name in ORACLES}
    both = jax.jit(lambda x: {n: (a(x), a.derivative(x)) for n, a in acts.items()})
    return {t: both(jnp.asarray(POINTS, dtype=t)) for t in ("float32", "float64")}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 4e-14), ("float32", 2e-5)])
def test_numpy_and_jax_agree_and_keep_the_type(through_jax, name, dtype, rtol):
    act = activation(name)
    x = POINTS.astype(dtype)
    for function, other in zip((act, act.derivative), through_jax[dtype][name], strict=True):
        assert other.dtype == dtype
        assert function(x).dtype == dtype
        exact = function(POINTS)
        # float32 keeps no relative accuracy where 1 - tanh^2 or a pdf leaves its range
        np.testing.assert_allclose(other, exact, rtol=rtol, atol=1e-35)
        np.testing.assert_allclose(function(x), exact, rtol=rtol, atol=1e-35)


@pytest.mark.parametrize("name", ORACLES)
def test_python_floats_scalars_and_nan(name):
    act = activation(name)
    for function in (act, act.derivative):
        assert float(function(0.75)) == function(np.array([0.75]))[0]
        assert np.shape(function(0.75)) == ()
        assert np.shape(function(np.float32(0.75))) == ()
    assert math.isnan(act(math.nan)) or name == "hermite:0"


@pytest.mark.parametrize("name", ORACLES)
def test_flags_describe_the_function(name):
    act = activation(name)
    x = np.array([-3.0, -0.5, 0.5, 3.0])
    assert act.homogeneous == np.allclose(act(2 * x), 2 * act(x), rtol=1e-12)
    assert (act.dead == "negative") == bool(np.all(act(x[:2]) == 0))
    assert np.any(act(x[2:]) != 0)
    jump = abs(act.derivative(1e-9) - act.derivative(-1e-9)) > 1e-3
    assert (0.0 in act.kinks) == (jump or name == "elu")  # elu jumps in its second derivative


def test_derivatives_at_the_kink_agree_with_jax():
    names = ("relu", "leaky_relu:0.25", "abs", "elu", "selu")
    left = [0, 0.25, 0, 1, SELU_LAMBDA * SELU_ALPHA]
    assert [float(activation(n).derivative(0.0)) for n in names] == left
    grads = jax.jit(lambda x: [jax.grad(activation(n))(x) for n in names[:1] + names[3:]])
    assert [float(g) for g in grads(0.0)] == [0, 1, left[-1]]


def test_far_arguments_neither_warn_nor_overflow():
    far = np.array([-1e200, 1e200])
    limits = {
        "erf": (-1, 1),
        "tanh": (-1, 1),
        "gelu": (0, 1e200),
        "silu": (0, 1e200),
        "elu": (-1, 1e200),
    }
    for name, limit in limits.items():
        assert tuple(activation(name)(far)) == limit
    slopes = {"erf": (0, 0), "tanh": (0, 0), "gelu": (0, 1), "silu": (0, 1), "elu": (0, 1)}
    for name, limit in slopes.items():
        assert tuple(activation(name).derivative(far)) == limit


def test_hermite_is_orthonormal():
    # Gauss-Hermite with 60 nodes is exact to degree 119.
    x, weights = np.polynomial.hermite_e.hermegauss(60)
    h = np.array([activation(f"hermite:{k}")(x) for k in range(30)])
    gram = (h * weights) @ h.T / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(gram, np.eye(30), atol=1e-12)


def test_equal_names_give_the_same_object():
    for name in ORACLES:
        assert activation(name) is activation(name)
        assert activation(activation(name)) is activation(name)
    assert activation(math_free) == activation(math_free)
    hash(activation(np.polynomial.Polynomial([0, 1, 1])))


def math_free(x):
    return x * x / (1 + x * x)


# --- ou -----------------------------------------------------------------------------------------

WS = [1e-12, 3e-5, 0.0108, 0.3, 0.999, 1.0, 1.001, 5.0, 1e3, 1e20, 1e155, 1e300]


def test_ou_coordinate_against_40_digits():
    # 1e-15 is 4.5 rounding errors; scipy's Dawson function alone would give 4e-15 near 0.01.
    exact = [float(inverse_h(w)) for w in WS]
    np.testing.assert_allclose(ou_coordinate(np.array(WS)), exact, rtol=1e-15)
    np.testing.assert_allclose(ou_coordinate(-np.array(WS)), np.negative(exact), rtol=1e-15)
    assert ou_coordinate(0.0) == 0
    assert ou_coordinate(np.float32(0.5)).dtype == np.float32
    assert np.isnan(ou_coordinate(np.array([np.nan, np.inf, 1e301]))).all()


def test_ou_coordinate_in_jax():
    w = np.concatenate([[0.0], np.geomspace(1e-299, 1e299, 4001), np.geomspace(1e-4, 1e4, 4001)])
    w = np.concatenate([w, -w])
    np.testing.assert_allclose(ou_coordinate(jnp.asarray(w)), ou_coordinate(w), rtol=2e-15)
    w = w[(np.abs(w) < 3e38) & ((np.abs(w) > 1e-37) | (w == 0))].astype(np.float32)
    z = ou_coordinate(jnp.asarray(w))
    assert z.dtype == np.float32
    np.testing.assert_allclose(z, ou_coordinate(w.astype(float)), rtol=5e-7)  # 4 roundings
    assert len(ou._ou_series(2.0**-52)) < 80
    assert len(ou._ou_series(2.0**-23)) < 32


def test_ou_coordinate_gradient_also_at_zero():
    for w in (0.0, 0.7, -40.0):
        slope = jax.grad(ou_coordinate)(w)
        assert slope == pytest.approx(math.exp(-(float(ou_coordinate(w)) ** 2)), rel=1e-13)


def test_ou_reference_values():
    # The sheet on the infinite-depth limit, section 5: Z_0 and phi(x0).
    assert ou_coordinate(0.5) == pytest.approx(0.46435076757453, abs=1e-14)
    assert activation("ou:1,0")(0.5) == pytest.approx(1.2406328785566, abs=1e-13)
    assert activation("ou:0.5,1")(-0.3) == pytest.approx(1.6558605052185, abs=1e-13)


# --- users' functions ---------------------------------------------------------------------------


def in_jax(x):
    return jnp.where(x > 1, jnp.log1p(jnp.exp(x)), x**2)


def in_numpy(x):
    return np.interp(x, [-20, 20], [-20, 20]) ** 3 + np.asarray(x)


def in_jax_prime(x):
    return np.where(x > 1, 1 / (1 + np.exp(-x)), 2 * x)


def test_derivative_of_a_jax_function_is_exact_in_double_precision():
    act = activation(in_jax)
    assert act.name == "in_jax"
    np.testing.assert_allclose(act.derivative(POINTS), in_jax_prime(POINTS), rtol=1e-15)
    np.testing.assert_allclose(
        act.derivative(jnp.asarray(POINTS)), in_jax_prime(POINTS), rtol=1e-15
    )
    small = POINTS.astype(np.float32)
    assert act(small).dtype == act.derivative(small).dtype == np.float32
    assert act(jnp.asarray(small)).dtype == act.derivative(jnp.asarray(small)).dtype == np.float32
    with jax.enable_x64(False):
        np.testing.assert_allclose(act.derivative(POINTS), in_jax_prime(POINTS), rtol=1e-15)


def test_derivative_of_a_numpy_function_by_differences():
    act = activation(in_numpy)
    # step^2 f''' / 6 with step 6e-6 max(|x|, 1), plus rounding eps / step
    np.testing.assert_allclose(act.derivative(POINTS), 3 * POINTS**2 + 1, rtol=2e-9)
    assert act.derivative(2.0) == pytest.approx(13, rel=1e-9)


def test_attributes_of_a_callable_are_used():
    def shifted(x):
        return np.maximum(x - 1, 0)

    shifted.derivative = lambda x: np.where(x > 1, 1.0, 0.0)
    shifted.kinks = [1]
    act = activation(shifted)
    assert act.kinks == (1.0,)
    assert act.derivative(np.float32(3)) == 1
    assert act.derivative(np.float32(3)).dtype == np.float32


def test_module_function(tmp_path, monkeypatch):
    (tmp_path / "own_acts_a.py").write_text(
        "import numpy as np\n"
        "def swish2(x):\n    return x / (1 + np.exp(-2 * x))\n"
        "number = 3\n"
        "def bad(x):\n    return np.sqrt(x)\n"
        "def softmax(x):\n    return np.exp(x) / np.exp(x).sum()\n"
        "def total(x):\n    return x.sum()\n"
        "def fails(x):\n    raise RuntimeError('two\\nlines')\n"
    )
    (tmp_path / "own_acts_b.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    act = activation("own_acts_a:swish2")
    assert act.name == "own_acts_a:swish2"
    assert act(2.0) == pytest.approx(2 / (1 + math.exp(-4)), rel=1e-15)
    messages = {
        "own_acts_a:number": "'number' is not callable",
        "own_acts_a:nothing": "has no 'nothing'",
        "own_acts_a:bad": r"gives nan at x = -8\.",
        "own_acts_a:softmax": "elementwise and deterministic",
        "own_acts_a:total": r"shape \(33,\) gave \(\)",
        "own_acts_a:fails": "RuntimeError: two lines",
        "own_acts_b:f": r"cannot import 'own_acts_b' \(ZeroDivisionError",
        "no_such_module_x:f": "cannot import 'no_such_module_x'",
    }
    for spec, message in messages.items():
        with pytest.raises(ValueError, match=message) as caught:
            activation(spec)
        assert "\n" not in str(caught.value)
        assert spec in str(caught.value)
    assert sys.path == path


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("ReLU", "Did you mean 'relu'"),
        ("gleu", "Did you mean 'gelu'.* Known: relu, abs"),
        ("leaky_rleu:0.2", "Did you mean 'leaky_relu'"),
        ("", "unknown activation ''"),
        ("relu:2", "relu takes no parameter"),
        ("leaky_relu", "needs a finite slope"),
        ("leaky_relu:x", "needs a finite slope"),
        ("leaky_relu:nan", "needs a finite slope"),
        ("hermite:2.5", "degree from 0 to 100"),
        ("hermite:-1", "degree from 0 to 100"),
        ("hermite:101", "degree from 0 to 100"),
        ("ou:1", "finite alpha, beta"),
        ("ou:0,1", "alpha not 0"),
        ("ou:1,inf", "finite alpha, beta"),
        (3, "not 3"),
        (None, "not None"),
        (math.tanh, "fails on an array"),
        (np.log, r"gives nan at x = -8"),
        (np.reciprocal, "gives inf at x = 0"),
    ],
)
def test_mistakes_get_one_line(spec, message):
    with pytest.raises(ValueError, match=message) as caught:
        activation(spec)
    assert "\n" not in str(caught.value)


def test_jax_is_not_imported_for_numpy():
    code = (
        "import sys, numpy as np\n"
        "from theory.activations import activation\n"
        "for n in ('gelu', 'elu', 'ou:1,0'): activation(n)(np.ones(3))\n"
        "activation(lambda x: x ** 2).derivative(1.0)\n"
        "assert 'jax' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_activation_is_a_plain_value():
    act = Activation("square", np.square, lambda x: 2 * x)
    assert act(3.0) == 9
    assert activation(act) is act
