"""Builds that hyp starts itself."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest
from tdw_build import read_summary, write_launcher
from tdw_ports import free_port

from hyp.datasets.designs import Design
from hyp.datasets.tdw import TDWSource
from hyp.datasets.tdw.builds import close_builds
from hyp.errors import HypError

DESIGN = Design.parse("category=bee+scene=ruin")


@pytest.fixture(autouse=True)
def _ends(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield
    close_builds()


def launched(build: Path, **settings) -> TDWSource:
    return TDWSource.open(
        f"localhost:{free_port()}", build=build, planned=3, image_size=32, **settings
    )


def test_a_build_is_launched_on_a_display_and_ends_with_its_process(tmp_path):
    summary = tmp_path / "summary.json"
    launcher = write_launcher(tmp_path / "TDW.x86_64", "--summary", str(summary))
    files, _ = launched(launcher, display=":7").render(DESIGN, 0, np.arange(3))
    assert len(files) == 3
    close_builds()
    found = read_summary(summary)
    assert (found["display"], found["status"], found["objections"]) == (":7", 0, [])
    assert list(tmp_path.glob("hyp-tdw-*")) == []  # logs are kept where something went wrong


def test_a_launched_build_does_not_outlive_a_killed_process(tmp_path):
    launcher = write_launcher(tmp_path / "TDW.x86_64")
    code = (
        "import numpy, signal\n"
        "from hyp.datasets.designs import Design\n"
        "from hyp.datasets.tdw import TDWSource\n"
        f"source = TDWSource.open('localhost:{free_port()}', build={str(launcher)!r})\n"
        f"source.sample(Design.parse({str(DESIGN)!r}), 0, numpy.arange(1))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as own:
        assert own.stdout.readline() == "ready\n"
        family = psutil.Process(own.pid).children(recursive=True)
        assert any("tdw_build" in process.cmdline() for process in family)
        own.kill()
    _, alive = psutil.wait_procs(family, timeout=15)
    assert alive == []


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0, r"there is no build .*TDW; give the path"),
        ("no program", 0o644, r"cannot be executed; allow it"),
        ("no program", 0o755, r"ended with exit status 127 \(its logs are .*\)"),
        ("#!/bin/sh\nexit 9\n", 0o755, r"ended with exit status 9"),
    ],
)
def test_builds_that_cannot_be_launched(tmp_path, content, mode, message):
    build = tmp_path / "TDW"
    if content is not None:
        build.write_text(content)
        build.chmod(mode)
    with pytest.raises(HypError, match=message):
        launched(build).render(DESIGN, 0, np.arange(3))


def test_a_launched_build_that_quits(tmp_path):
    quits = write_launcher(tmp_path / "TDW", "--fault", "quit", "--after", "3")
    with pytest.raises(HypError, match=r"ended with exit status 3 \(its logs are .*\)"):
        launched(quits).render(DESIGN, 0, np.arange(3))
