"""The default check of a proof: are two exact expressions equal?

Equal means that sympy reduces the difference to the integer 0.  Different means that the
difference is certainly not 0 at one admissible rational point, which is the witness.  Anything
else is undecided; no number of agreeing digits is a proof.
"""

from __future__ import annotations

from typing import Any

from paper_checks.verdict import Checked, Verdict, Witness

DIGITS = 30
POINTS = 8


def equal(left: Any, right: Any) -> Checked:
    """PROVED where left - right reduces to 0, REFUTED with a point where it is not 0.

    Accepts int, Fraction and sympy expressions; floats raise ValueError.
    """
    import sympy

    difference = _exact(left) - _exact(right)
    if difference == 0 or sympy.simplify(difference) == 0:
        return Verdict.PROVED, None
    witness = _nonzero_point(difference)
    return (Verdict.REFUTED, witness) if witness else (Verdict.INCONCLUSIVE, None)


def _exact(value: Any) -> Any:
    import sympy

    try:
        # Strict: a text would be evaluated as code.
        expression = None if isinstance(value, float) else sympy.sympify(value, strict=True)
    except sympy.SympifyError:
        expression = None
    if not isinstance(expression, sympy.Expr):
        raise ValueError(f"a proof needs int, Fraction or sympy expressions; got {value!r}.")
    if expression.has(sympy.Float, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        raise ValueError(f"a proof needs exact finite expressions; got {value!r}.")
    return expression


def _nonzero_point(difference: Any) -> Witness | None:
    """A point of the symbols' domain where the difference is not 0 to `DIGITS` tracked digits."""
    from sympy.core.evalf import PrecisionExhausted

    symbols = sorted(difference.free_symbols, key=str)
    for k in range(POINTS if symbols else 1):
        point = {s: _value(s, k, i) for i, s in enumerate(symbols)}
        value = difference.subs(point)
        if not value.is_Rational:
            try:
                value = value.evalf(DIGITS, maxn=10 * DIGITS, strict=True)
            except (PrecisionExhausted, NotImplementedError):
                continue
        # evalf tracks its own rounding; the margin leaves ten digits for what it cannot see.
        if value.is_number and value.is_finite and abs(value) > 10 ** (10 - DIGITS):
            return {"point": {str(s): str(v) for s, v in point.items()}, "difference": str(value)}
    return None


def _value(symbol: Any, k: int, i: int) -> Any:
    """The k-th trial value of the i-th symbol, within the symbol's stated assumptions."""
    from sympy import Rational

    size = Rational(k + i + 1) if symbol.is_integer else Rational(2 * k + 1, i + 2)
    if symbol.is_extended_nonnegative:
        return size
    return -size if symbol.is_extended_nonpositive or (k + i) % 2 else size
