"""``make gallery``: the reports of a store, on their own, dated, and open about simulations."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from page_reader import Page

from hyp.store import Store
from results import add_run, write_folder

MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_the_gallery_of_a_store_stands_on_its_own(tmp_path):
    store = Store.create(tmp_path / "store")
    few = {"learning": (), "rows": ()}
    add_run(store, "decoding", lambda folder: write_folder(folder, "layers", **few), day=3)
    add_run(store, "few-latents", lambda folder: write_folder(folder, "regions", learning=()))
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "hyp").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hyp "$@"\n')
    (binaries / "hyp").chmod(0o755)
    given = {"STORE": store.root, "PROFILE": "made-up", "BIN": binaries, "GALLERY": "out/gallery"}
    command = ["make", "-f", MAKEFILE, "-o", "install", "gallery"]
    done = subprocess.run(
        [*command, *(f"{name}={value}" for name, value in given.items())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(store.root)
    gallery = tmp_path / "out" / "gallery"
    text = (gallery / "index.html").read_text()
    links = re.findall(r'href="([^"#]+)"', text)
    assert sorted(set(links)) == ["decoding-made-up/index.html", "few-latents-made-up/index.html"]
    assert all((gallery / link).is_file() for link in links)
    told = Page(text).seen
    assert "2026-01-03" in told
    assert "Simulated: few-latents." in told
