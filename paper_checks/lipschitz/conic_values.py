"""What conic solvers call optimal: python -m paper_checks.lipschitz.conic_values.

LipSDP of small random ReLU networks, W_k = N(0, 1) / sqrt(fan-in) from numpy's default_rng(seed),
as the one dense matrix inequality of its paper (Fazlyab et al., arXiv:1906.04893), through cvxpy:
SCS with cvxpy's tolerances and with eps 1e-4, Clarabel with its own.  The answers, values and
multipliers, are kept in conic_values.json, since they depend on versions and machine.
"""

import argparse
import importlib
import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "conic_values.json"
NETWORKS = ((0, (3, 8, 2)), (1, (6, 10, 10, 4)), (2, (8, 16, 16, 16, 8)), (7, (10, 32, 1)))
SOLVERS: dict[str, tuple[str, dict[str, float]]] = {
    "SCS": ("SCS", {}),
    "SCS, eps 1e-4": ("SCS", {"eps": 1e-4}),
    "Clarabel": ("CLARABEL", {}),
}


def main() -> int:
    """Solve all, write the file and print the values."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0] + ".")
    parser.add_argument("--out", type=Path, default=FILE, help="file to write")
    file = parser.parse_args().out
    try:
        cvxpy: Any = importlib.import_module("cvxpy")
    except ImportError:
        print("This needs cvxpy; install the extra: pip install .[sdp]", file=sys.stderr)
        return 2
    missing = {solver for solver, _ in SOLVERS.values()} - set(cvxpy.installed_solvers())
    if missing:
        name = ", ".join(sorted(missing))
        print(f"cvxpy has no {name}; install the extra: pip install .[sdp]", file=sys.stderr)
        return 2
    answers = []
    for (seed, widths), (name, (solver, options)) in itertools.product(NETWORKS, SOLVERS.items()):
        status, rho, multipliers = solved(random_weights(seed, widths), solver, options)
        answers.append(
            {
                "seed": seed,
                "widths": widths,
                "solver": name,
                "status": status,
                "rho": rho,
                "multipliers": multipliers,
            }
        )
        print(f"seed {seed}, {widths}, {name}: {status}, bound {math.sqrt(rho)!r}")
    versions = {"cvxpy": cvxpy.__version__}
    for module in ("scs", "clarabel"):
        versions[module] = importlib.import_module(module).__version__
    lines = ",\n  ".join(json.dumps(answer) for answer in answers)
    head = json.dumps(versions)
    file.write_text(f'{{\n "versions": {head},\n "answers": [\n  {lines}\n ]\n}}\n', "utf-8")
    return 0


def random_weights(seed: int, widths: tuple[int, ...]) -> list[Any]:
    """N(0, 1) / sqrt(fan-in), layer after layer."""
    import numpy as np

    rng = np.random.default_rng(seed)
    pairs = itertools.pairwise(widths)
    return [rng.standard_normal((after, before)) / np.sqrt(before) for before, after in pairs]


def solved(
    weights: list[Any], solver: str, options: dict[str, float]
) -> tuple[str, float, list[list[float]]]:
    """Status, rho and multipliers of min rho: blocks rho, 2 L_k, -L_k W_k, less the output."""
    import numpy as np

    cvxpy: Any = importlib.import_module("cvxpy")
    *hidden, last = weights
    rho = cvxpy.Variable()
    multipliers = [cvxpy.Variable(len(w), nonneg=True) for w in hidden]
    starts = np.cumsum([0, *(w.shape[1] for w in weights)])
    size = starts[-1]
    place = [np.eye(b - a, size, a) for a, b in itertools.pairwise(starts)]
    matrix: Any = rho * place[0].T @ place[0] - place[-1].T @ last.T @ last @ place[-1]
    for w, numbers, x, e in zip(hidden, multipliers, place, place[1:], strict=False):
        cross = e.T @ cvxpy.diag(numbers) @ w @ x
        matrix = matrix + 2 * e.T @ cvxpy.diag(numbers) @ e - cross - cross.T
    problem = cvxpy.Problem(cvxpy.Minimize(rho), [(matrix + matrix.T) / 2 >> 0])
    problem.solve(solver=solver, **options)
    return problem.status, float(rho.value), [m.value.tolist() for m in multipliers]


if __name__ == "__main__":
    sys.exit(main())
