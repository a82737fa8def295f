"""Results on disk: one checksummed JSON line per block, safe against a kill at any moment.

    crc32 {"jobs": [...], "schema": 1, "seed": 1}          what is computed
    crc32 {"block": 3, "data": {...}, "id": "...", "job": 0, "samples": 4096}
    crc32 {"results": [{"log_ratio": [...]}, ...]}         when every block is there

While a run lasts, lines are appended in the order of completion, each one flushed to the disk; a
torn last line is cut off on opening.  A finished file is rewritten in block order (temporary file,
then rename), so the bytes of a result do not depend on workers, order, restarts or shards.  Files
of several shards are merged by resuming from all of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

from simulations.accumulators import from_json, to_json
from simulations.jobs import Block, Estimate, Job, Result, Task, canonical, plain

SCHEMA = 1

Key: TypeAlias = tuple[int, int]
"""Number of the job and of the block in it."""

Place: TypeAlias = tuple[int, int]
"""Offset and length of a line in its file."""


class _Found(NamedTuple):
    """A block in a file."""

    key: Key
    samples: int
    id: str
    place: Place


class Store:
    """The results file of one run.

    `path` is written; blocks already in `path` or in the files `also` are not computed again.
    `resume` says that `path` may exist already.  All errors are ValueError with one line.
    """

    def __init__(self, path: Path, *, resume: bool = False, also: Sequence[Path] = ()) -> None:
        self.path = Path(path)
        self.also = tuple(Path(p) for p in also if Path(p) != self.path)
        self.resume = resume
        self._file: IO[bytes] | None = None
        self._ours = False  # the file is new and holds no block yet
        self._head: dict[str, Any] = {}
        self._jobs: list[Job] = []
        self._ids: dict[Key, str] = {}
        self._places: dict[Key, Place] = {}

    def open(self, jobs: Sequence[Job], seed: int) -> set[Key]:
        """Lock the file, write its first line if it is new; return which blocks are known."""
        self._jobs = list(jobs)
        self._head = {"schema": SCHEMA, "seed": seed, "jobs": [_description(j) for j in jobs]}
        self._ids = {
            (j, k): block_id(job, seed, k, count)
            for j, job in enumerate(jobs)
            for k, count in enumerate(job.blocks())
        }
        others = [(other, _read(other)) for other in self.also]
        found = [(raw, self._known(self._records(other, raw)[0])) for other, raw in others]
        existed = self.path.exists()
        if existed and not self.resume:
            raise ValueError(
                f"{self.path} exists already; continue it with --resume, or pass another --out."
            )
        if existed and not self.path.is_file():
            raise ValueError(f"{self.path} is not a file; pass another --out.")
        try:
            with _writing(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = open(self.path, "ab+")  # noqa: SIM115  # open for the whole run
                self._take_over(self._file, existed)
                for raw, places in found:
                    self._copy_in(raw, places)
        except BaseException:
            self.close()
            raise
        return set(self._places)

    def _take_over(self, file: IO[bytes], existed: bool) -> None:
        _lock(file, self.path)
        self._ours = not existed
        file.seek(0)
        records, sound = self._records(self.path, file.read())
        self._check_samples(records)
        file.truncate(sound)
        if not sound:
            self._write(line(self._head))
        self._places = self._known(records)

    def _copy_in(self, raw: bytes, places: dict[Key, Place]) -> None:
        for key in sorted(places.keys() - self._places.keys()):
            start, length = places[key]
            self._places[key] = self._write(raw[start : start + length])
            self._ours = False

    def blocks(self) -> Iterator[tuple[Key, Block]]:
        """The blocks known so far, read one at a time, in the order of `Key`."""
        for key in sorted(self._places):
            record = parse(self._text(key))
            if record is None:
                raise ValueError(f"{self.path} was changed by somebody else meanwhile.")
            yield key, from_json(record["data"])

    def append(self, task: Task, block: Block) -> None:
        """Add one finished block; it is on the disk when this returns."""
        key = (task.job, task.index)
        record = {
            "job": task.job,
            "block": task.index,
            "samples": task.count,
            "id": self._ids[key],
            "data": to_json(block),
        }
        self._places[key] = self._write(line(record))
        self._ours = False

    def finish(self, results: Sequence[Result]) -> None:
        """Rewrite the file in block order, with the results when they are complete."""
        with replacing(self.path) as file:
            file.write(line(self._head))
            for key in sorted(self._places):
                file.write(self._text(key))
            if results:
                file.write(line({"results": [_described(r) for r in results]}))
            self._ours = False
            self.close()  # some systems do not replace an open file

    def close(self) -> None:
        """Let go of the file; a new one without a single block in it is removed."""
        if self._file is None:
            return
        file, self._file = self._file, None
        with contextlib.suppress(OSError):  # a full disk refuses a second time what it did before
            file.close()
        if self._ours:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _write(self, data: bytes) -> Place:
        assert self._file is not None, "open the store first"
        with _writing(self.path):
            start = self._file.seek(0, os.SEEK_END)
            self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())
        return start, len(data)

    def _text(self, key: Key) -> bytes:
        assert self._file is not None, "open the store first"
        start, length = self._places[key]
        self._file.seek(start)
        return self._file.read(length)

    def _records(self, path: Path, raw: bytes) -> tuple[list[_Found], int]:
        """The sound blocks of a file of this very run, and the length of its sound part."""
        records: list[_Found] = []
        first = line(self._head)
        if raw != first and first.startswith(raw):
            return [], 0  # killed while the first line was being written
        good = 0
        for number, text in enumerate(raw.splitlines(keepends=True), start=1):
            record = parse(text)
            if record is None:
                if number > 1 and good + len(text) == len(raw) and not text.endswith(b"\n"):
                    break  # torn by a kill
                kind = "is not a results file of deepverdict" if number == 1 else "is damaged"
                raise ValueError(f"{path}, line {number}: {kind}; pass another --out.")
            if "schema" in record:
                self._check_head(path, record)
            elif number == 1:
                raise ValueError(f"{path} has no first line with its parameters; pass another.")
            elif "id" in record:
                at = (good, len(text))
                records.append(
                    _Found((record["job"], record["block"]), record["samples"], record["id"], at)
                )
            good += len(text)
        return records, good

    def _check_head(self, path: Path, found: dict[str, Any]) -> None:
        for difference in _differences(found, self._head, self._jobs):
            raise ValueError(
                f"{path} holds {difference}; pass the same parameters or another --out."
            )

    def _check_samples(self, records: Sequence[_Found]) -> None:
        """Refuse to rewrite a longer run as a shorter one."""
        held = [0] * len(self._jobs)
        for record in records:
            job, index = record.key
            size = self._jobs[job].experiment.block_size(self._jobs[job].params)
            held[job] = max(held[job], index * size + record.samples)
        for wanted, samples in zip(self._jobs, held, strict=True):
            if samples > wanted.samples:
                raise ValueError(
                    f"{self.path} holds {samples} samples, more than the {wanted.samples} asked "
                    "for; ask for as many, or pass another --out."
                )

    def _known(self, records: Sequence[_Found]) -> dict[Key, Place]:
        """Where the blocks of this run are; those of another sample count are not reused."""
        return {r.key: r.place for r in records if self._ids.get(r.key) == r.id}


def block_id(job: Job, seed: int, index: int, count: int) -> str:
    """SHA-256 over everything that fixes the numbers of one block."""
    content = canonical([job.identity, seed, index, count])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def line(record: dict[str, Any]) -> bytes:
    """One line: checksum, space, canonical JSON."""
    body = canonical(record).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def parse(text: bytes) -> dict[str, Any] | None:
    """The record of one line, None if the line is not sound."""
    checksum, _, body = text.rstrip(b"\n").partition(b" ")
    if not text.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
        return None
    try:
        record = json.loads(body)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _description(job: Job) -> dict[str, Any]:
    """The identity of a job with every parameter spelled out."""
    names = [f.name for f in dataclasses.fields(job.params)]
    return job.identity | {"params": {name: plain(getattr(job.params, name)) for name in names}}


def _differences(found: dict[str, Any], here: dict[str, Any], jobs: Sequence[Job]) -> Iterator[str]:
    """What a first line says otherwise than this run, as short phrases."""
    for key in ("schema", "seed"):
        if found.get(key) != here[key]:
            yield f"{key} {found.get(key)}"
    theirs = found.get("jobs", [])
    if len(theirs) != len(jobs):
        yield f"{len(theirs)} set(s) of parameters, not {len(jobs)}"
    for a, b, job in zip(theirs, here["jobs"], jobs, strict=False):
        for key in ("experiment", "stream"):
            if a.get(key) != b[key]:
                yield f"{key} {a.get(key)}"
        # A file from before a parameter was added was computed at its default.
        defaults = {f.name: plain(f.default) for f in dataclasses.fields(job.params)}
        theirs_in_full = defaults | a.get("params", {})
        for name, value in theirs_in_full.items():
            if name not in b["params"] or b["params"][name] != value:
                yield f"{name} {value}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}.") from None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` in one step, or vanishes on an error."""
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with _writing(path):
            with open(temporary, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn a failure of the file system into one line."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}.") from None


def finite(number: float) -> float | None:
    """JSON has no NaN and no infinity; an undefined number is written as null."""
    return number if math.isfinite(number) else None


def _described(result: Result) -> dict[str, Any]:
    return {
        name: {"value": finite(e.value), "stderr": finite(e.stderr), "samples": e.samples}
        if isinstance(e, Estimate)
        else {"edges": list(map(float, e.edges)), "counts": list(map(int, e.counts))}
        for name, e in result.items()
    }


def _lock(file: IO[bytes], path: Path) -> None:
    """One writer per file, where the system has locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(f"{path} is being written by another run; pass another --out.") from None
    except OSError:  # a file system without locks
        return
