"""Classifiers on random data sets: the block, and the estimates made of it.

What each measures is said in `simulations.ntk_classifiers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.accumulators import Block, Moments
from simulations.arrays import Array
from simulations.core import Estimate, Experiment, Result, generator, one_thread
from simulations.ntk_classifiers import params as checks
from simulations.ntk_classifiers.data import DataSet, draw
from simulations.ntk_classifiers.methods import Pairs, classifier, parse
from simulations.ntk_classifiers.params import Params

if TYPE_CHECKING:
    import jax

WORK = 1 << 23
"""Pairs of points in a block, over all methods: some tenths of a second."""


def votes_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of data sets."""
    one_thread()
    rng = generator(key)
    classifiers = [classifier(parse(text)) for text in p.methods]
    values = []
    for _ in range(count):
        data = draw(rng, p)
        pairs = Pairs(data, p.ridge)
        said = np.stack([classify(pairs) for classify in classifiers])
        values.append(judged(said, data))
    return {"votes": Moments.of_numpy(np.stack(values, axis=-1))}


def judged(said: Array, data: DataSet) -> Array:
    """The statistics of one data set, in the order of `statistics`; said is (methods, test)."""
    error = _missed(said, data.test_labels)
    scores, shares = [], [error]
    if data.log_odds is not None:
        weight = np.abs(np.tanh(data.log_odds / 2))
        excess = weight * _missed(said, np.sign(data.log_odds))
        scores, shares = [excess], [excess, error]
    scores = scores or [error]
    difference = scores[0][1:] - scores[0][0]
    agreement = 1 - _missed(said[1:], said[0])
    return np.concatenate([x.mean(axis=1) for x in (*shares, difference, agreement)])


def _missed(said: Array, truth: Array) -> Array:
    """0 for the same sign, 1 for the other, 1/2 where either is a tie."""
    return (1 - said * truth) / 2


def statistics(p: Params) -> list[str]:
    """The names of the estimates, in the order of the moments."""
    kinds = ["error"] if p.table else ["excess", "error"]
    names = [f"{kind}@{m}" for kind in kinds for m in p.methods]
    return names + [f"{k}@{m}" for k in ("difference", "agreement") for m in p.methods[1:]]


def votes_estimates(block: Block, p: Params) -> Result:
    """Named estimates; that of the first method without its name comes first."""
    found: Result = {name: Estimate.of(block["votes"], k) for k, name in enumerate(statistics(p))}
    kind = "error" if p.table else "excess"
    return {kind: found[f"{kind}@{p.methods[0]}"]} | found


def votes_block_size(p: Params) -> int:
    """Data sets in a full block: a power of two."""
    work = p.points * p.test * (len(p.methods) + p.dimension)
    for method in map(parse, p.methods):
        if method.depth:
            work += p.points * (p.points // 4 + p.test) * (10 + min(method.depth, 50))
    return 1 << max(0, (WORK // work).bit_length() - 1)


def _check(p: Params) -> None:
    checks.check_votes(p)
    for text in p.methods:
        parse(text)


def _code(p: Params) -> tuple[tuple[str, ...], str]:
    return p.methods, str(p.table)


VOTES = Experiment(
    "ntk_classifiers/votes",
    Params,
    votes_block,
    votes_estimates,
    votes_block_size,
    code=_code,
    check=_check,
)
