import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import interrupted_making
import numpy as np
import pytest
from disc_source import DiscSource, disc_spec
from filelock import FileLock

from hyp.datasets import making
from hyp.datasets.dataset import Dataset
from hyp.datasets.making import is_finished, make_dataset
from hyp.errors import HypError

pytestmark = pytest.mark.usefixtures("discs")


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def counting(monkeypatch):
    rendered = []
    render = DiscSource.render

    def counted(self, design, seed, indices, device="cpu"):
        rendered.extend(indices.tolist())
        return render(self, design, seed, indices, device)

    monkeypatch.setattr(DiscSource, "render", counted)
    return rendered


def test_the_folder_holds_what_was_promised(tmp_path):
    make_dataset(disc_spec(), tmp_path / "d")
    assert list(contents(tmp_path / "d")) == [
        *(f"images/0000{i}.npy" for i in range(4)),
        "latents.parquet",
        "manifest.json",
    ]
    manifest = json.loads((tmp_path / "d" / "manifest.json").read_text())
    assert manifest["spec"] == disc_spec().model_dump(mode="json")
    assert set(manifest["versions"]) == {"hyp", "numpy", "warp-lang"}


def test_the_same_spec_gives_the_same_bytes(tmp_path, monkeypatch):
    make_dataset(disc_spec(), tmp_path / "a")
    monkeypatch.setattr(making, "CHUNK_BYTES", 1)  # one image at a time
    make_dataset(disc_spec(), tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_the_shard_size_does_not_change_the_images(tmp_path):
    make_dataset(disc_spec(shard_size=7), tmp_path / "a")
    make_dataset(disc_spec(shard_size=4096), tmp_path / "b")
    a, b = Dataset.open(tmp_path / "a"), Dataset.open(tmp_path / "b")
    assert np.array_equal(a.images(a.split("all")), b.images(b.split("all")))
    assert a.table.equals(b.table)
    assert np.array_equal(a.split("val"), b.split("val"))


def test_progress_counts_every_image(tmp_path, monkeypatch):
    monkeypatch.setattr(making, "CHUNK_BYTES", 5 * 8 * 8 * 3)
    seen = []
    make_dataset(disc_spec(), tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 50)
    assert seen[-1] == (50, 50)
    assert seen == sorted(seen)


@pytest.mark.parametrize(("workers", "later"), [(1, 2), (2, 1)])
def test_a_killed_making_goes_on_to_the_same_bytes(tmp_path, workers, later):
    spec = interrupted_making.slow_spec()
    killed = tmp_path / "killed"
    command = [sys.executable, interrupted_making.__file__, str(killed), str(workers)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while not list(killed.glob("images/*.npy")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "manifest.json").exists()
    with pytest.raises(HypError, match="unfinished"):
        Dataset.open(killed)
    make_dataset(spec, tmp_path / "whole")
    make_dataset(spec, killed, workers=later)
    assert contents(killed) == contents(tmp_path / "whole")


def interrupt_after(images):
    def progress(done, total):
        if done >= images:
            raise KeyboardInterrupt

    return progress


def test_finished_shards_are_not_made_again(tmp_path, monkeypatch):
    rendered = counting(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        make_dataset(disc_spec(), tmp_path, progress=interrupt_after(48))
    assert not list(tmp_path.rglob("*.tmp"))
    rendered.clear()
    make_dataset(disc_spec(), tmp_path)
    assert rendered == list(range(32, 50))


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
@pytest.mark.parametrize("damaged", ["images/00001.npy", ".parts/00001.parquet"])
def test_a_shard_damaged_meanwhile_is_made_again(tmp_path, monkeypatch, damaged, damage):
    make_dataset(disc_spec(), tmp_path / "whole")
    folder = tmp_path / "d"
    with pytest.raises(KeyboardInterrupt):
        make_dataset(disc_spec(), folder, progress=interrupt_after(48))
    shard = folder / damaged
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    if damage == "delete":
        shard.unlink()
    else:
        shard.write_bytes(data if damage == "flip" else data[:-100])
    rendered = counting(monkeypatch)
    make_dataset(disc_spec(), folder)
    assert rendered == [*range(16, 50)]
    assert contents(folder) == contents(tmp_path / "whole")


def test_shards_made_by_other_versions_are_made_again(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        make_dataset(disc_spec(), tmp_path, progress=interrupt_after(48))
    monkeypatch.setattr(making, "library_versions", lambda: {"warp-lang": "99"})
    rendered = counting(monkeypatch)
    make_dataset(disc_spec(), tmp_path)
    assert rendered == list(range(50))


def test_a_finished_dataset_is_left_alone(tmp_path, monkeypatch):
    make_dataset(disc_spec(), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    rendered = counting(monkeypatch)
    assert is_finished(disc_spec(), tmp_path)
    make_dataset(disc_spec(), tmp_path)
    assert rendered == []
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


@pytest.mark.parametrize("finished", [True, False])
def test_another_dataset_in_the_folder_is_refused(tmp_path, finished):
    if finished:
        make_dataset(disc_spec(), tmp_path)
    else:
        with pytest.raises(KeyboardInterrupt):
            make_dataset(disc_spec(), tmp_path, progress=interrupt_after(48))
    with pytest.raises(HypError, match=r"another dataset \(seed is 3, not 4\); choose"):
        make_dataset(disc_spec(seed=4), tmp_path)


def test_foreign_files_are_refused(tmp_path):
    (tmp_path / "images" / "mine").mkdir(parents=True)
    with pytest.raises(HypError, match="did not put there"):
        make_dataset(disc_spec(), tmp_path)


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "d").write_text("")
    with pytest.raises(HypError, match="is a file"):
        make_dataset(disc_spec(), tmp_path / "d")


def test_a_second_maker_is_told_to_wait(tmp_path):
    (tmp_path / ".parts").mkdir()
    with FileLock(tmp_path / ".parts" / "lock"), pytest.raises(HypError, match="another process"):
        make_dataset(disc_spec(), tmp_path)
    make_dataset(disc_spec(), tmp_path)
    assert is_finished(disc_spec(), tmp_path)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "not permitted")],
)
def test_a_refused_write_is_one_sentence_and_loses_nothing(tmp_path, monkeypatch, code, sentence):
    folder = tmp_path / "d"
    fsync = os.fsync
    written = []

    def refusing(descriptor):
        written.append(descriptor)
        if len(written) == 6:  # spec, two shards with their parts, then the third shard
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refusing)
    with pytest.raises(HypError, match=sentence):
        make_dataset(disc_spec(), folder)
    assert not list(folder.rglob("*.tmp"))
    assert len(list(folder.glob("images/*.npy"))) == 2
    make_dataset(disc_spec(), folder)
    make_dataset(disc_spec(), tmp_path / "whole")
    assert contents(folder) == contents(tmp_path / "whole")


def test_a_disk_too_small_is_told_before_rendering(tmp_path, monkeypatch):
    rendered = counting(monkeypatch)
    with pytest.raises(HypError, match="B free; free some space"):
        make_dataset(disc_spec(n_images=10**10, shard_size=10**7), tmp_path / "d")
    assert rendered == []
    assert not (tmp_path / "d").exists()


def test_a_place_where_no_folder_can_be_made(monkeypatch, tmp_path):
    def refusing(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refusing)
    with pytest.raises(HypError, match="not permitted"):
        make_dataset(disc_spec(), tmp_path / "d")


def test_no_workers(tmp_path):
    with pytest.raises(HypError, match="workers must be at least 1"):
        make_dataset(disc_spec(), tmp_path, workers=0)


def failing_spec():
    return disc_spec(source=DiscSource(delay=-1.0))  # time.sleep refuses


def test_a_failure_in_a_worker_is_seen_and_ends_the_others(tmp_path):
    with pytest.raises(RuntimeError, match="sleep length must be non-negative"):
        make_dataset(failing_spec(), tmp_path, workers=2)
    assert not list(tmp_path.rglob("*.tmp"))


def test_making_does_not_load_pandas(tmp_path):
    code = (
        "import sys; from pathlib import Path; from disc_source import disc_spec;"
        "from hyp.datasets.making import make_dataset;"
        "make_dataset(disc_spec(), Path(sys.argv[1])); print('pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "d")]
    here = Path(__file__).parent
    found = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False"]


def test_dask_workers_give_the_same_bytes(tmp_path):
    from distributed import LocalCluster

    make_dataset(disc_spec(), tmp_path / "here")
    done = []
    options = {"protocol": "tcp", "processes": False, "dashboard_address": None}
    with LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster:
        make_dataset(
            disc_spec(),
            tmp_path / "there",
            scheduler=cluster.scheduler_address,
            progress=lambda n, total: done.append(n),
        )
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert done[0] == 0
    assert done[-1] == 50


def test_an_error_on_a_dask_worker_is_told_here(tmp_path, monkeypatch):
    from distributed import LocalCluster

    def broken(*arguments, **options):
        raise HypError("the view is blocked.")

    monkeypatch.setattr(DiscSource, "render", broken)
    options = {"protocol": "tcp", "processes": False, "dashboard_address": None}
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, **options) as cluster,
        pytest.raises(HypError, match="the view is blocked"),
    ):
        make_dataset(disc_spec(), tmp_path / "d", scheduler=cluster.scheduler_address)
