"""What goes wrong with builds: each has its own sentence."""

from __future__ import annotations

import socket
import warnings
from pathlib import Path

import numpy as np
import pytest
from tdw_build import read_summary, running
from tdw_ports import free_port

from hyp.datasets.designs import Design
from hyp.datasets.tdw import TDWSource, client
from hyp.datasets.tdw.builds import close_builds
from hyp.errors import HypError

DESIGN = Design.parse("category=bee+scene=ruin")
INDEX = np.arange(4)
SEED = 3


@pytest.fixture(autouse=True)
def _ends():
    yield
    close_builds()


def fails(source: TDWSource, match: str, design: Design = DESIGN) -> None:
    with pytest.raises(HypError, match=match) as caught:
        source.render(design, SEED, INDEX)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def source_at(port: int, **settings) -> TDWSource:
    fast = {"patience": 10, "loading": 5, "planned": 4, "image_size": 32}
    return TDWSource.open(f"localhost:{port}", **{**fast, **settings})


@pytest.mark.parametrize(
    ("fault", "after", "message"),
    [
        ("silent", 0, r"connected but said nothing for 4 s; restart it"),
        ("hang", 6, r"gave no answer for 4 s: it hangs; end it and restart it"),
        ("quit", 6, r"quit without a word; start it again"),
        ("lose-frame", 6, r"lost 1 frame\(s\) after frame 6"),
        ("wrong-frame", 6, r"answered frame 7 with frame 6"),
        ("garbage", 5, r"sent (something that is no output data|output data that cannot be read)"),
        ("asset-missing", 1, r"could not download the scene 'ruin' \("),
        ("asset-missing", 2, r"could not download the model 'bee' \(.*Asset Bundle.*check its net"),
    ],
)
def test_each_fault_has_its_sentence(fault, after, message):
    port = free_port()
    with running(port, "--fault", fault, "--after", str(after)):
        fails(source_at(port, patience=4 if fault in ("silent", "hang") else 10), message)


def test_an_image_that_is_missing_is_missed(tmp_path: Path):
    port, summary = free_port(), tmp_path / "summary.json"
    with running(port, "--summary", str(summary)) as process:
        source_at(port).render(DESIGN, SEED, INDEX)
        close_builds()
        assert process.wait(10) == 0
    last = read_summary(summary)["replies"] - 2  # then comes the end
    with running(port, "--fault", "no-image", "--after", str(last)):
        fails(source_at(port), "left out the Images that it was asked for")


def test_a_skybox_that_cannot_be_downloaded_is_named():
    port = free_port()
    design = Design.parse("category=bee+scene=ruin+sky=bergen_4k")
    with running(port, "--missing", "bergen_4k"):
        fails(source_at(port), r"could not download the skybox 'bergen_4k'", design)


def test_messages_are_sent_again_and_reruns_give_the_same_images():
    port = free_port()
    with running(port):
        expected = source_at(port).render(DESIGN, SEED, INDEX)[0]
        close_builds()
    with running(port, "--fault", "resend", "--after", "5") as process:
        assert source_at(port).render(DESIGN, SEED, INDEX)[0] == expected
        close_builds()
        assert process.wait(10) == 0
    with running(port, "--fault", "hang", "--after", "1"):
        fails(source_at(port, loading=0.5), r"did not finish loading the scene 'ruin' within")
    with running(port):
        assert source_at(port).render(DESIGN, SEED, INDEX)[0] == expected


def test_no_build():
    fails(
        source_at(free_port(), patience=0.5),
        r"no build connected to localhost:\d+ within 0.5 s; start TDW on this port \(-port=\d+\)",
    )


def test_a_port_in_use():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        fails(source_at(port), rf"port {port} is in use")


def test_a_host_that_is_not_this_machine_s():
    fails(TDWSource.open("no-such-host.invalid:1071", patience=1), "there is no host")
    fails(TDWSource.open("192.0.2.1:1071", patience=1), r"hyp cannot listen on 192.0.2.1:1071")


def sample_often(source: TDWSource) -> None:
    for _ in range(500):
        source.sample(DESIGN, SEED, INDEX)


def test_two_builds_on_one_port():
    port = free_port()
    with running(port) as one, running(port) as two:
        for build in (one, two):
            assert "stand-in" in build.stdout.readline()
        source = source_at(port)
        with pytest.raises(HypError, match="is not alone: 2 use this port"):
            sample_often(source)  # the second may be slow to find the port


@pytest.mark.parametrize("version", ["1.11.24", "1.14.0"])
def test_a_build_that_is_not_known_is_told_with_both_versions(version):
    port = free_port()
    told = rf"is TDW {version}, which hyp does not know \(the package tdw is {client.version()}\); "
    with running(port, "--build-version", version):
        fails(source_at(port), told + "use a build of TDW 1.12 or 1.13")


@pytest.mark.parametrize("version", ["1.12.27", "1.13.0"])
@pytest.mark.parametrize("package", ["1.12.23.0", "1.13.0.0"])
def test_another_package_than_the_build_is_told_with_both_versions(version, package, monkeypatch):
    monkeypatch.setattr(client, "version", lambda: package)
    port, told = free_port(), f"is TDW {version} and the package tdw {package}: hyp speaks to both"
    with running(port, "--build-version", version), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        source_at(port).sample(DESIGN, SEED, INDEX[:1])
        close_builds()
    assert [told in str(one.message) for one in seen] == [True] * (version[:4] != package[:4])


@pytest.mark.filterwarnings("ignore:the build on")  # of another version than the package
def test_all_versions_give_the_same_poses_the_paper_s_too_which_knows_no_use_centroid():
    port = free_port()
    tables = []
    for version in ("1.12.23", "1.12.27", "1.13.0"):
        with running(port, "--build-version", version) as process:
            tables.append(source_at(port).sample(DESIGN, SEED, INDEX))
            close_builds()
            assert process.wait(10) == 0
        assert set(tables[-1].pop("tdw_build")) == {version}
    for name, column in tables[0].items():
        np.testing.assert_array_equal(column, tables[1][name])
        np.testing.assert_array_equal(column, tables[2][name])


def test_a_view_that_is_never_seen_is_given_up_but_the_build_is_kept():
    port = free_port()
    with running(port) as process:
        picky = source_at(port, min_visible=254)
        far = Design.parse("category=bee+scene=ruin+rel_pos_z=4")
        fails(picky, r"in none of \d+ views was 'bee' in 'ruin' seen well enough", far)
        rare = Design.parse("category=bee+rel_pos_z=4.19..4.2+rel_pos_x=0.9..1+rel_pos_y=0.9..1")
        fails(source_at(port), "its ranges were never met", rare)
        assert len(source_at(port).render(DESIGN, SEED, INDEX)[0]) == 4
        close_builds()
        assert process.wait(10) == 0
