"""Results on disk: nothing is lost, nothing foreign is believed, nothing half-written is left."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulations import core, store
from simulations.core import Job
from simulations.store import Store, line, parse
from tests.simulations.toy_twin import TOY, Params

SEED = 5
JOBS = [Job(TOY, Params(), 300), Job(TOY, Params(size=2), 70)]
BLOCKS = 7


def run(path: Path, jobs: list[Job] = JOBS, seed: int = SEED, **options: Any) -> list[core.Result]:
    keys = {k: options.pop(k) for k in ("resume", "also") if k in options}
    return core.run(jobs, seed, store=Store(path, **keys), **options)


class Count:
    """Number of blocks computed, and an interruption after some."""

    def __init__(self, limit: int = 10**6) -> None:
        self.limit, self.blocks = limit, 0

    def __call__(self, tasks: Any) -> Any:
        for task in tasks:
            if self.blocks == self.limit:
                raise KeyboardInterrupt
            self.blocks += 1
            yield task, core.compute(task)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a run that was never disturbed."""
    path = tmp_path_factory.mktemp("whole") / "a.jsonl"
    run(path)
    assert [p.name for p in path.parent.iterdir()] == ["a.jsonl"]
    return path.read_bytes()


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a run that was interrupted after three blocks."""
    path = tmp_path_factory.mktemp("torn") / "a.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(path, map_blocks=Count(3))
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl"


# --- form -----------------------------------------------------------------------------------------


def test_file_is_one_checksummed_json_line_per_block(whole: bytes) -> None:
    lines = whole.splitlines(keepends=True)
    records = [parse(text) for text in lines]
    assert None not in records
    head, *blocks, last = [r for r in records if r is not None]
    assert head["seed"] == SEED
    assert head["schema"] == store.SCHEMA
    assert [(b["job"], b["block"]) for b in blocks] == [(0, k) for k in range(5)] + [(1, 0), (1, 1)]
    assert sum(b["samples"] for b in blocks) == 370
    assert len({b["id"] for b in blocks}) == BLOCKS
    assert last["results"][0]["x"]["samples"] == 300
    assert all(text == line(json.loads(text.split(b" ", 1)[1])) for text in lines)


def test_results_in_the_file_are_those_returned(path: Path, whole: bytes) -> None:
    results = run(path)
    assert path.read_bytes() == whole
    stored = json.loads(whole.splitlines()[-1].split(b" ", 1)[1])["results"]
    for result, kept in zip(results, stored, strict=True):
        assert kept["x"]["value"] == result["x"].value
        assert kept["law"]["counts"] == result["law"].counts.tolist()


def test_undefined_results_are_null(path: Path) -> None:
    run(path, [Job(TOY, Params(), 1)])
    assert b'"stderr":null' in path.read_bytes()


def test_block_ids_differ_by_everything_that_fixes_the_numbers() -> None:
    job = JOBS[0]
    others = [JOBS[1], replace(job, experiment=replace(TOY, stream=2))]
    ids = {store.block_id(job, s, k, c) for s in (1, 2) for k in (0, 1) for c in (63, 64)}
    ids |= {store.block_id(other, 1, 0, 64) for other in others}
    assert len(ids) == 10


# --- resume ---------------------------------------------------------------------------------------


def test_resume_of_a_finished_file_computes_nothing(path: Path, whole: bytes) -> None:
    path.write_bytes(whole)
    count = Count()
    run(path, resume=True, map_blocks=count)
    assert count.blocks == 0
    assert path.read_bytes() == whole


def test_interrupted_run_goes_on_where_it_was(path: Path, torn: bytes, whole: bytes) -> None:
    path.write_bytes(torn)
    count = Count()
    run(path, resume=True, map_blocks=count)
    assert count.blocks == BLOCKS - 3
    assert path.read_bytes() == whole


@pytest.mark.parametrize("number", [0, 3])
def test_torn_at_every_byte_of_a_line(path: Path, torn: bytes, number: int) -> None:
    lines = torn.splitlines(keepends=True)
    before = b"".join(lines[:number])
    for length in range(len(lines[number])):
        path.write_bytes(before + lines[number][:length])
        kept = Store(path, resume=True)
        assert len(kept.open(JOBS, SEED)) == max(0, number - 1), length
        kept.close()
        assert path.read_bytes() == (before or lines[0]), length


@pytest.mark.parametrize("length", [0, 1, 60, -1])
def test_torn_file_is_finished_with_the_same_bytes(
    path: Path, torn: bytes, whole: bytes, length: int
) -> None:
    path.write_bytes(torn[: length % len(torn)])
    run(path, resume=True)
    assert path.read_bytes() == whole


def test_order_of_lines_and_second_copies_do_not_matter(path: Path, whole: bytes) -> None:
    head, *blocks, _ = whole.splitlines(keepends=True)
    path.write_bytes(b"".join([head, *blocks[::-1], head, *blocks[:2]]))
    count = Count()
    run(path, resume=True, map_blocks=count)
    assert count.blocks == 0
    assert path.read_bytes() == whole


def test_more_samples_use_the_blocks_there_are(path: Path) -> None:
    job = JOBS[0]
    run(path, [job])
    count = Count()
    run(path, [replace(job, samples=700)], resume=True, map_blocks=count)
    assert count.blocks == 11 - 4  # the partial fifth block is computed in full
    fresh = path.with_name("fresh.jsonl")
    run(fresh, [replace(job, samples=700)])
    assert path.read_bytes() == fresh.read_bytes()


@pytest.mark.parametrize("samples", [299, 256, 1])
def test_fewer_samples_do_not_destroy_the_longer_run(path: Path, samples: int) -> None:
    run(path, JOBS[:1])
    before = path.read_bytes()
    fewer = [replace(JOBS[0], samples=samples)]
    with pytest.raises(ValueError, match=f"holds 300 samples, more than the {samples} asked for"):
        run(path, fewer, resume=True)
    assert path.read_bytes() == before
    other = path.with_name("b.jsonl")
    run(other, fewer, also=[path])
    assert path.read_bytes() == before


def test_shards_merge_in_any_order(tmp_path: Path, whole: bytes) -> None:
    parts = [tmp_path / f"{i}.jsonl" for i in range(3)]
    for i, part in enumerate(parts):
        assert run(part, shard=(i, 3)) == []
        assert b"results" not in part.read_bytes()
    count = Count()
    for out, order in ((tmp_path / "m.jsonl", parts), (tmp_path / "n.jsonl", parts[::-1])):
        assert len(run(out, also=order, map_blocks=count)) == 2
        assert out.read_bytes() == whole
    assert run(parts[0], resume=True, also=parts, map_blocks=count)
    assert parts[0].read_bytes() == whole
    assert count.blocks == 0


def test_shard_without_any_block_leaves_a_file_to_merge(path: Path) -> None:
    run(path, JOBS[1:], shard=(5, 9))
    assert path.read_bytes().count(b"\n") == 1
    assert run(path.with_name("m.jsonl"), JOBS[1:], also=[path])


def test_a_field_added_later_with_a_default_keeps_the_file(path: Path) -> None:
    run(path, JOBS[:1])
    grown = dataclasses.make_dataclass(
        "Grown", [("option", str, "none")], bases=(Params,), frozen=True, kw_only=True
    )
    count = Count()
    job = Job(replace(TOY, params=grown), grown(), 300)
    run(path, [job], resume=True, map_blocks=count)
    assert count.blocks == 0
    with pytest.raises(ValueError, match="holds option none; pass the same parameters"):
        run(path, [replace(job, params=grown(option="some"))], resume=True)
    run(path.with_name("b.jsonl"), [replace(job, params=grown(option="some"))])
    with pytest.raises(ValueError, match="holds option some"):  # an older version reads it
        run(path.with_name("b.jsonl"), JOBS[:1], resume=True)


# --- refusals -------------------------------------------------------------------------------------

OTHERS = [
    ([replace(JOBS[0], params=Params(size=32)), JOBS[1]], SEED, "holds size 4; pass the same"),
    (JOBS, 6, "holds seed 5; pass the same"),
    (JOBS[:1], SEED, r"holds 2 set\(s\) of parameters, not 1; pass"),
    ([replace(j, experiment=replace(TOY, stream=2)) for j in JOBS], SEED, "holds stream 1;"),
    ([replace(j, experiment=replace(TOY, name="new")) for j in JOBS], SEED, "experiment toy;"),
]


@pytest.mark.parametrize(("jobs", "seed", "message"), OTHERS, ids=[o[2] for o in OTHERS])
@pytest.mark.parametrize("as_shard", [False, True])
def test_file_of_another_run(
    path: Path, whole: bytes, jobs: Any, seed: int, message: str, as_shard: bool
) -> None:
    path.write_bytes(whole)
    target = path.with_name("b.jsonl") if as_shard else path
    with pytest.raises(ValueError, match=message) as caught:
        run(target, jobs, seed, resume=not as_shard, also=[path])
    assert str(path) in str(caught.value)
    assert path.read_bytes() == whole
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_damage_in_the_middle_names_file_and_line(path: Path, whole: bytes) -> None:
    lines = whole.splitlines(keepends=True)
    for number in range(len(lines)):
        for at in (0, 9, len(lines[number]) // 2):
            hurt = bytearray(lines[number])
            hurt[at] ^= 1
            damaged = b"".join([*lines[:number], bytes(hurt), *lines[number + 1 :]])
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=rf"a\.jsonl, line {number + 1}: is ") as caught:
                run(path, resume=True)
            assert ("not a results file" in str(caught.value)) == (number == 0)
            assert path.read_bytes() == damaged


def test_lines_lost_in_the_middle_are_computed_again(path: Path, whole: bytes) -> None:
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[4:]))
    run(path, resume=True)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "foreign",
    [b"some notes\n", b"no newline", b"\x00\xff\xfe", b'{"json": 1}\n', b"\n", b"\x89PNG\r\n"],
)
def test_foreign_file_is_left_alone(path: Path, foreign: bytes) -> None:
    path.write_bytes(foreign)
    with pytest.raises(ValueError, match=r"a\.jsonl, line 1: is not a results file of deepverdict"):
        run(path, resume=True)
    assert path.read_bytes() == foreign


@pytest.mark.parametrize("body", [b"[1, 2]", b"nonsense", b"\xff", b"3"])
def test_a_right_checksum_does_not_make_a_record(body: bytes) -> None:
    import zlib

    assert parse(b"%08x %s\n" % (zlib.crc32(body), body)) is None


def test_blocks_without_a_first_line(path: Path, whole: bytes) -> None:
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[1:]))
    with pytest.raises(ValueError, match="has no first line with its parameters"):
        run(path, resume=True)


def test_empty_file_is_a_beginning(path: Path, whole: bytes) -> None:
    path.touch()
    run(path, resume=True)
    assert path.read_bytes() == whole


def test_existing_file_is_not_overwritten(path: Path, whole: bytes) -> None:
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"exists already; continue it with --resume"):
        run(path)
    assert path.read_bytes() == whole


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"^cannot write .*file/a\.jsonl: (File exists|Not a dir)"):
        run(tmp_path / "file" / "a.jsonl")
    with pytest.raises(ValueError, match="exists already"):
        run(tmp_path)
    with pytest.raises(ValueError, match="is not a file; pass another --out"):
        run(tmp_path, resume=True)
    with pytest.raises(ValueError, match="is not a file"):
        run(Path(os.devnull), resume=True)
    with pytest.raises(ValueError, match=r"^cannot read .*absent\.jsonl: No such file"):
        run(tmp_path / "a.jsonl", also=[tmp_path / "absent.jsonl"])
    with pytest.raises(ValueError, match=r"^cannot read .*: Is a directory"):
        run(tmp_path / "a.jsonl", also=[tmp_path])
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_folders_are_made(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "new" / "folder" / "a.jsonl"
    run(path)
    assert path.read_bytes() == whole


def test_one_writer_at_a_time(path: Path, whole: bytes) -> None:
    pytest.importorskip("fcntl")
    holder = "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.flock(f, 2); print(); input()"
    command = [sys.executable, "-c", holder, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(ValueError, match=r"a\.jsonl is being written by another run"):
            run(path, resume=True)
        process.stdin.close()
    assert path.exists()  # it is the other's
    run(path, resume=True)
    assert path.read_bytes() == whole


def test_lock_lost_to_a_run_that_began_at_the_same_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Store(path), Store(path)
    monkeypatch.setattr(Path, "exists", lambda self: False)
    first.open(JOBS, SEED)
    with pytest.raises(ValueError, match="is being written by another run"):
        second.open(JOBS, SEED)
    assert path.is_file()
    first.close()
    assert not path.is_file()


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("resume", [False, True])
def test_nothing_is_left_when_the_first_block_fails(path: Path, resume: bool) -> None:
    with pytest.raises(ValueError, match="x is not finite"):
        run(path, [Job(TOY, Params(trap="nan"), 300)], resume=resume)
    assert list(path.parent.iterdir()) == []


def test_a_failure_later_keeps_the_blocks(path: Path) -> None:
    jobs = [JOBS[0], Job(TOY, Params(trap="nan"), 300)]
    with pytest.raises(ValueError, match="x is not finite"):
        run(path, jobs)
    assert path.read_bytes().count(b"\n") == 1 + 5


class FullDisk:
    """A file that takes some bytes more and then refuses."""

    def __init__(self, file: Any, space: int) -> None:
        self.file, self.space = file, space

    def write(self, data: bytes) -> int:
        self.file.write(data[: self.space])
        self.file.flush()
        if len(data) > self.space:
            self.space = 0
            raise OSError(errno.ENOSPC, "No space left on device")
        self.space -= len(data)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: Any) -> None:
        self.file.close()


@pytest.mark.parametrize("fails_to_close", [False, True])
@pytest.mark.parametrize("space", [0, 10, 700, 1500])
def test_full_disk_leaves_a_file_to_resume(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, space: int, fails_to_close: bool
) -> None:
    def full(*args: Any, **keys: Any) -> Any:
        file = FullDisk(open(*args, **keys), space)  # noqa: SIM115  # closed by the store
        if fails_to_close:  # as a buffered file does, with what it could not write

            def close() -> None:
                file.file.close()
                raise OSError(errno.ENOSPC, "No space left on device")

            file.close = close  # type: ignore[attr-defined]
        return file

    monkeypatch.setattr(store, "open", full, raising=False)
    with pytest.raises(ValueError, match=r"^cannot write .*a\.jsonl: No space left on device\.$"):
        run(path)
    monkeypatch.undo()
    assert len(list(path.parent.iterdir())) == (space > 500)
    run(path, resume=True)
    assert path.read_bytes() == whole
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_full_disk_at_the_end_keeps_the_blocks(
    path: Path, torn: bytes, whole: bytes, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path.write_bytes(whole[: whole.rindex(b'{"results"') - 9])

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(ValueError, match=r"^cannot write .*a\.jsonl: No space left"):
        run(path, resume=True)
    monkeypatch.undo()
    assert [p.name for p in path.parent.iterdir()] == ["a.jsonl"]
    count = Count()
    run(path, resume=True, map_blocks=count)
    assert count.blocks == 0
    assert path.read_bytes() == whole


def test_failing_fsync_of_a_block_is_an_error(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ValueError, match=r"cannot write .*: Input/output error\.$"):
        run(path)
    monkeypatch.undo()
    run(path, resume=True)
    assert path.read_bytes() == whole


def test_every_block_is_on_the_disk_before_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        real(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", note)
    run(path, JOBS[:1])
    assert len(synced) == 1 + 5 + 1
    assert synced[:6] == sorted(set(synced[:6]))


def test_a_file_system_without_locks_is_no_obstacle(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    run(path)
    assert path.read_bytes() == whole
