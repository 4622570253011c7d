"""ThreeDWorld sets on disk: made, resumed and shared out among builds that hyp may launch."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tdw_build import read_summary, running
from tdw_ports import free_port, free_ports

from hyp.datasets.checking import check_dataset
from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.making import make_dataset
from hyp.datasets.specs import DatasetSpec
from hyp.datasets.tdw import TDWSource
from hyp.datasets.tdw.builds import close_builds
from hyp.errors import HypError

FULL = Design()
SMALL = Design.parse("categories=8")


@pytest.fixture(autouse=True)
def _builds():
    yield
    close_builds()


@contextmanager
def build(tmp_path: Path, *flags: str, **settings):
    """Run a build that nothing may be objected to, and yield the source of its images."""
    port, summary = free_port(), tmp_path / "summary.json"
    with running(port, "--summary", str(summary), *flags) as process:
        yield TDWSource.open(f"localhost:{port}", patience=10, **settings)
        close_builds()
        assert process.wait(10) == 0
    assert read_summary(summary)["objections"] == []


def test_a_dataset_is_made_checked_and_finished_after_a_fault(tmp_path):
    fields = {"design": SMALL, "seed": 4, "n_images": 30, "n_val": 5, "shard_size": 10}
    settings = {"planned": 30, "image_size": 64}
    with build(tmp_path, **settings) as source:
        make_dataset(DatasetSpec(source=source, **fields), tmp_path / "whole")
        dataset = Dataset.open(tmp_path / "whole")
        files, columns = source.render(SMALL, 4, np.arange(30))
        assert dataset.files(np.arange(30)) == files
        assert all(np.array_equal(dataset.table[k], columns[k]) for k in columns)
        assert dataset.images([3]).shape == (1, 64, 64, 3)
    assert check_dataset(tmp_path / "whole") == []
    port = free_port()
    spec = DatasetSpec(source=TDWSource.open(f"localhost:{port}", patience=5, **settings), **fields)
    with (
        running(port, "--fault", "quit", "--after", "120"),
        pytest.raises(HypError, match="goes on where it stopped"),
    ):
        make_dataset(spec, tmp_path / "again")
    kept = len(list((tmp_path / "again" / "images").glob("*.arrow")))
    assert 1 <= kept <= 2
    with running(port):
        make_dataset(spec, tmp_path / "again")
        close_builds()
    for name in ("00000", "00001", "00002"):
        one, other = (next((tmp_path / k / "images").glob(f"*{name}*")) for k in ("whole", "again"))
        assert one.read_bytes() == other.read_bytes()


def test_workers_take_one_build_each(tmp_path):
    ports = free_ports(2)
    source = TDWSource.open(
        f"localhost:{ports[0]},localhost:{ports[1]}", patience=20, planned=24, image_size=64
    )
    spec = DatasetSpec(source=source, design=SMALL, seed=4, n_images=24, n_val=5, shard_size=6)
    summaries = [tmp_path / f"{port}.json" for port in ports]
    with (
        running(ports[0], "--summary", str(summaries[0])) as one,
        running(ports[1], "--summary", str(summaries[1])) as two,
    ):
        make_dataset(spec, tmp_path / "set", workers=2)
        assert [one.wait(10), two.wait(10)] == [0, 0]
    done = [read_summary(path) for path in summaries]
    assert [summary["objections"] for summary in done] == [[], []]
    assert [summary["images"] for summary in done] == [12, 12]
    assert Dataset.open(tmp_path / "set").n_images == 24
