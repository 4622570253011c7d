"""Digests that are remembered, arrays that are laid open once."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from public_files import write_dsprites

from hyp.datasets.public.dsprites import DSpritesSource
from hyp.datasets.public.files import file_digest, member_blocks, npz_member, unpacked
from hyp.errors import HypError

ARRAY = np.random.default_rng(0).integers(0, 256, (50, 7, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def blocks(size=8):
    for start in range(0, len(ARRAY), size):
        yield ARRAY[start : start + size]


def test_a_digest_is_computed_once_for_a_state_of_the_file(tmp_path, cache):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    expected = hashlib.sha256(b"content").hexdigest()
    assert file_digest(path) == expected
    (note,) = cache.glob("digests/*")
    note.write_text("remembered")
    assert file_digest(path) == "remembered"
    path.write_bytes(b"contents")
    assert file_digest(path) == hashlib.sha256(b"contents").hexdigest()


def test_a_digest_needs_no_cache(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"content")
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "file" / "below"))
    assert file_digest(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()


def test_an_unpacked_array_is_whole_and_kept(tmp_path):
    first = unpacked(tmp_path, "key", ARRAY.shape, blocks)
    again = unpacked(tmp_path, "key", ARRAY.shape, lambda: iter(()))
    assert np.array_equal(first, ARRAY)
    assert np.array_equal(again, ARRAY)


def test_an_array_that_is_not_whole_is_made_again(tmp_path, cache):
    unpacked(tmp_path, "key", ARRAY.shape, blocks)
    kept = cache / "unpacked" / "key.npy"
    for content in (kept.read_bytes()[:-1], b""):
        kept.write_bytes(content)
        assert np.array_equal(unpacked(tmp_path, "key", ARRAY.shape, blocks), ARRAY)


def test_an_interrupted_unpacking_leaves_nothing(tmp_path, cache):
    def interrupted():
        yield ARRAY[:8]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpacked(tmp_path, "key", ARRAY.shape, interrupted)
    assert [path.suffix for path in (cache / "unpacked").iterdir()] in ([], [".lock"])
    assert np.array_equal(unpacked(tmp_path, "key", ARRAY.shape, blocks), ARRAY)


def test_a_full_disk_is_said_before_and_while_writing(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(HypError, match="has 1 byte free; free some space or set HYP_CACHE"):
        unpacked(tmp_path, "key", ARRAY.shape, blocks)
    monkeypatch.undo()
    if not Path("/dev/full").exists():
        return
    monkeypatch.setenv("HYP_CACHE", str(tmp_path / "cache"))
    partial = tmp_path / "cache" / "unpacked" / "key.partial"
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.symlink_to("/dev/full")
    with pytest.raises(HypError, match="the disk is full"):
        unpacked(tmp_path, "key", ARRAY.shape, blocks)


def test_two_processes_unpack_once(tmp_path, cache):
    path = write_dsprites(tmp_path / "dsprites.npz")
    code = (
        "import sys; from pathlib import Path; import numpy as np; "
        "from hyp.datasets.public.dsprites import DSpritesSource as S; "
        "s = S.open(Path(sys.argv[1])); print(s.read(np.arange(s.n_rows)).sum())"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    sums = {int(run.communicate(timeout=60)[0]) for run in runs}
    source = DSpritesSource.open(path)
    assert sums == {int(source.read(np.arange(source.n_rows)).sum())}
    assert len(list(cache.glob("unpacked/*.npy"))) == 1


def test_stored_and_compressed_members_are_told_apart(tmp_path):
    np.savez(tmp_path / "stored.npz", a=ARRAY)
    np.savez_compressed(tmp_path / "packed.npz", a=ARRAY)
    stored, packed = (npz_member(tmp_path / f"{name}.npz", "a") for name in ("stored", "packed"))
    content = (tmp_path / "stored.npz").read_bytes()
    assert content[stored.offset : stored.offset + ARRAY.size] == ARRAY.tobytes()
    assert packed.offset is None
    for member in (stored, packed):
        assert np.array_equal(np.concatenate(list(member_blocks(member))), ARRAY)
