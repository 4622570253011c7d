import json

import pytest

from hyp.errors import HypError
from hyp.store import Step, Store
from hyp.store import checksums as sums
from hyp.store.artifacts import RECORD, read_record
from hyp.store.verifying import verify_store

PART = Step("parts", {"n": 1})
GOAL = Step("goals", {}, {"part": PART})


def build(folder, inputs):
    (folder / "deep").mkdir(exist_ok=True)
    (folder / "deep" / "data.bin").write_bytes(bytes(range(256)))
    (folder / "about.txt").write_text("text")


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "store")
    store.make(PART, build)
    return store


def flip(path, place=7):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def without_checksums(folder):
    """Turn an artifact into one of the hyp that had no checksums."""
    content = json.loads((folder / RECORD).read_text())
    del content["checksums"], content["record_sha256"], content["peak_bytes"]
    (folder / RECORD).write_text(json.dumps(content))


def test_changed_bytes_of_the_same_size_are_refused_as_input(store):
    flip(store.path(PART) / "deep" / "data.bin")
    with pytest.raises(HypError, match=r"deep/data\.bin was changed.*delete the folder"):
        store.make(GOAL, build)
    assert not store.has(GOAL)


def test_a_file_is_hashed_once_until_it_is_touched(store, monkeypatch):
    store.check(PART)
    monkeypatch.setattr(sums, "_new", None)
    store.check(PART)
    flip(store.path(PART) / "about.txt", 0)
    with pytest.raises(TypeError):  # it would be hashed again
        store.check(PART)


def test_artifacts_of_an_older_hyp_are_read_and_counted(store):
    folder = store.path(PART)
    without_checksums(folder)
    assert read_record(folder).checksums == {}
    store.make(GOAL, build)
    found = verify_store(store)
    assert (found.problems, found.artifacts, found.unsummed) == ((), 2, 1)
    assert found.n_bytes == 2 * 260


@pytest.mark.parametrize(
    "change",
    [
        {"label": "another"},
        {"seconds": 1e9},
        {"spec": {"n": 2}},
        {"version": 3},
        {"files": {}},
        {"checksums": {}},
        {"spec": []},
        {"files": {"about.txt": "many"}},
        {"seconds": float("nan")},
    ],
)
def test_a_changed_record_is_refused(store, change):
    path = store.path(PART) / RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(HypError, match="delete the folder"):
        store.check(PART)
    assert len(verify_store(store).problems) == 1


def test_an_artifact_in_another_ones_place_is_refused(store):
    other = Step("parts", {"n": 2})
    store.path(PART).rename(store.path(other))
    with pytest.raises(HypError, match="was changed"):
        store.check(other)


def test_verify_lists_all_that_is_wrong(store):
    store.make(GOAL, build)
    flip(store.path(PART) / "about.txt", 0)
    (store.path(PART) / "deep" / "data.bin").unlink()
    (store.path(GOAL) / "mine.txt").write_text("stranger")
    (store.root / "runs").mkdir()
    (store.root / "runs" / "a--b--c.json").write_text("[" * 100_000)
    found = verify_store(store)
    told = " | ".join(found.problems)
    assert len(found.problems) == 4
    for words in ("about.txt was changed", "is missing", "mine.txt is no part", "a--b--c.json"):
        assert words in told
    assert set(found.damaged) == {store.path(PART), store.path(GOAL)}
