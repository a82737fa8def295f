"""neural-tangents, loaded so that it runs beside a recent jax and without tensorflow.

neural-tangents (Novak et al.) computes NNGP and tangent kernels of wide networks of nearly any
architecture; here it is an independent oracle for the kernels of this package, and open to users:

    jax.config.update("jax_enable_x64", True)    # before any array: float32 loses 7 digits
    nt = load_neural_tangents()
    init, apply, kernel = nt.stax.serial(nt.stax.Dense(512), nt.stax.Relu(), nt.stax.Dense(1))
    kernel(x, None, "ntk")

Its last release, 0.6.5 of March 2024, imports a few names that newer jax has removed, and a part of
it, `neural_tangents.experimental`, imports tensorflow.  The names are supplied from public jax for
the duration of the import and taken away again, where they are missing; that part is replaced by an
empty module.  Load it through this function only: a plain `import neural_tangents` works afterwards
but not before.

Checked on jax 0.5.3 and 0.10.2.  What works on neither: the implementations STRUCTURED_DERIVATIVES
and AUTO of empirical kernels, `predict.max_learning_rate` (take 2 / lambda_max of the kernel), and,
by design, kernels of `stax.Elementwise(fn)` without `nngp_fn`.
"""

import contextlib
import functools
import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

INSTALL = 'pip install --no-deps "neural-tangents==0.6.5" "frozendict>=2.3.8"'
"""Its metadata require tensorflow and tf2jax, which nothing here needs: hence without them."""


@functools.cache
def load_neural_tangents() -> types.ModuleType:
    """The package `neural_tangents`; jax is as it was before when this returns.

    Raises ImportError, with the line that installs it, if it is missing, and ImportError naming the
    version of jax if that has removed more than is known here.
    """
    stub = "neural_tangents.experimental"
    try:
        with warnings.catch_warnings(action="ignore"), _removed_names():
            sys.modules.setdefault(stub, types.ModuleType(stub))
            return importlib.import_module("neural_tangents")
    except (ImportError, AttributeError) as error:
        missing = isinstance(error, ModuleNotFoundError)
        if missing and error.name in ("neural_tangents", "frozendict"):
            raise ImportError(f"{error.name} is not installed; run: {INSTALL}") from None
        version, reason = importlib.import_module("jax").__version__, " ".join(str(error).split())
        raise ImportError(
            f"neural-tangents does not load on jax {version} ({reason}); use jax 0.10.2."
        ) from error


@contextlib.contextmanager
def _removed_names() -> Iterator[None]:
    """Supplies, while it is entered, the names of `_supplied` that the installed jax lacks."""
    with contextlib.ExitStack() as undo:
        for module, name, value in _supplied():
            if not hasattr(module, name):
                setattr(module, name, value)
                undo.callback(delattr, module, name)
        if importlib.util.find_spec("jax.util") is None:
            sys.modules["jax.util"] = _util()
            undo.callback(sys.modules.pop, "jax.util")
        yield


def _supplied() -> Iterator[tuple[types.ModuleType, str, Any]]:
    """(module, name, value) of all that neural-tangents imports and newer jax has removed."""
    extend = importlib.import_module("jax.extend.core")
    core = importlib.import_module("jax.core")
    for name in ("Jaxpr", "JaxprEqn", "Literal", "Primitive", "Var"):
        yield core, name, getattr(extend, name)
    # It serves as a key of a table of rules only; as a new primitive it is never met.
    yield importlib.import_module("jax.interpreters.ad"), "zeros_like_p", extend.Primitive("zeros")


def _util() -> types.ModuleType:
    """What is used of the former jax.util: map and zip to lists, of arguments of one length."""

    def safe_zip(*columns: Any) -> list[Any]:
        return list(zip(*columns, strict=True))

    def safe_map(function: Callable[..., Any], *columns: Any) -> list[Any]:
        return [function(*row) for row in safe_zip(*columns)]

    module = types.ModuleType("jax.util")
    vars(module).update(safe_map=safe_map, safe_zip=safe_zip)
    return module
