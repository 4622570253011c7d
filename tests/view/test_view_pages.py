"""``hyp view``: what its pages show, whom it answers, and that it changes nothing."""

import re
import signal
import subprocess
import sys
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import Request, urlopen

import numpy as np
import psutil
import pytest
from page_reader import Page
from viewed_store import add_live_run, add_lost_run, known_discs, make_store, served

from hyp.datasets.dataset import Dataset


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """The address of a served store, the store and its steps."""
    with known_discs():
        store, steps = make_store(tmp_path_factory.mktemp("view") / "store")
        add_live_run(store)
        add_lost_run(store)
        with served(store) as address:
            yield address, store, steps


def get(address, path="", **query):
    asked = f"?{urlencode(query, doseq=True)}" if query else ""
    with urlopen(urljoin(address, path) + asked) as answer:
        return answer.read().decode()


def refused(address, path="", **request):
    with pytest.raises(HTTPError) as error:
        urlopen(Request(urljoin(address, path), **request))
    return error.value.code


def words(html):
    page = Page(html)
    assert not page.open
    return page.seen


def links(html, part):
    return re.findall(rf'href="([^"]*/{part}[^"]*)"', html)


def state(root):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")}


def test_the_first_page_has_runs_as_they_go_verdicts_and_datasets(seen):
    address, _, _ = seen
    html = get(address)
    told = words(html)
    assert "12 networks, 2 datasets, 3 runs." in told
    assert "running models 3.5/12 83 s 13 min" in told
    assert 'value="3.5" max="12"' in html
    assert "Supported: up" in told
    assert "scaling, profile made-up: " in told
    assert "damaged" in told
    assert "50 images, design full" in told
    assert "live.js" in html
    assert "13 min" in words(get(address, "progress"))
    assert "setInterval" in get(address, "live.js")


def test_from_a_number_back_to_its_networks_and_their_images(seen):
    address, store, steps = seen
    run = get(address, f"run/{steps['result'].key}")
    rows = links(run, "row/")
    assert len(rows) == 8
    row = get(address, rows[-1])
    told = words(row)
    assert "Holm p" in told
    for label, step in steps.items():
        if step.kind == "models":
            assert f"network {step.key[:8]}" in told, label
    assert "&lt;NA&gt;" not in row
    scores = re.findall(r"<tr>\s*<td>(distance|rotation)</td>\s*<td>(\d+)</td>", row)
    assert {int(seed) for _, seed in scores} == {*range(6), *range(50, 56)}
    network = get(address, f"artifact/{steps['distance, seed 0'].key}")
    assert links(network, f"artifact/{steps['images'].key}")
    assert "1 activations" in words(network)
    activations = next(one for one in store.records("activations"))
    page = get(address, f"artifact/{activations.key}")
    assert links(page, f"artifact/{steps['stimuli'].key}")
    images = get(address, f"artifact/{steps['images'].key}")
    assert images.count("data:image/webp") == 48
    assert "50 of 50 stored images match" in words(images)


def test_the_report_leads_back_from_every_comparison(seen):
    address, _, steps = seen
    html = get(address, f"run/{steps['result'].key}/report")
    rows = links(html, "row/")
    assert [int(one.rpartition("/")[2]) for one in rows] == list(range(8))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"category": ["red", "blue"]}, lambda t: t["category"].isin(["red", "blue"])),
        ({"rel_pos_x.low": "0.2"}, lambda t: t["rel_pos_x"] >= 0.2),
        (
            {"rel_pos_z.low": "2", "rel_pos_z.high": "3", "category": "green"},
            lambda t: t["rel_pos_z"].between(2, 3) & (t["category"] == "green"),
        ),
        ({"turn.low": "300", "turn.high": "60"}, lambda t: ~t["turn"].between(60, 300)),
        ({"category": "none"}, lambda t: t["category"] == "none"),
    ],
)
def test_images_are_filtered_by_their_latents(seen, query, wanted):
    address, store, steps = seen
    table = Dataset.open(store.root / "datasets" / steps["images"].key).table
    matching = np.flatnonzero(wanted(table))
    html = get(address, f"artifact/{steps['images'].key}", **query)
    assert f"{len(matching)} of 50 stored images match" in words(html)
    shown = [int(one) for one in re.findall(r'alt="image (\d+): ', html)]
    assert shown == matching[:48].tolist()


def test_the_next_images_keep_the_filter(seen):
    address, _, steps = seen
    html = get(address, f"artifact/{steps['images'].key}", **{"rel_pos_x.low": "-5"})
    (following,) = re.findall(r'href="(\?[^"]*first=48)"', html)
    more = get(address, f"artifact/{steps['images'].key}{following.replace('&amp;', '&')}")
    assert re.findall(r'alt="image (\d+): ', more) == ["48", "49"]
    assert 'value="-5"' in more


def test_without_the_token_nothing_is_told(seen):
    address, _, steps = seen
    base, token = address.rstrip("/").rsplit("/", 1)
    assert len(token) >= 32
    paths = ["", "progress", "live.js", f"run/{steps['result'].key}", "elsewhere"]
    for wrong in ("wrong", token[:-1], token.lower() + "x", "%00"):
        for path in paths:
            assert refused(f"{base}/{wrong}/{path}") == 403
    assert refused(f"{base}/") == refused(f"{base}/favicon.ico") == 403
    assert refused(f"{base}/wrong/", data=b"x", method="POST") == 403
    assert refused(address, data=b"x", method="POST") == 405
    assert refused(address, method="DELETE") == 405


@pytest.mark.parametrize(
    "path",
    [
        *("artifact/..%2f..%2fstore.json", "artifact/../../store.json", "run/%2e%2e/report"),
        *("artifact/" + "0" * 20, "run/" + "0" * 20, "artifact/x", "store.json", "templates/"),
        "run/{goal}/row/99",
    ],
)
def test_addresses_never_leave_what_is_stored(seen, path):
    address, _, steps = seen
    base = address + path.format(goal=steps["result"].key)
    assert refused(base) in (403, 404)


def test_a_range_that_is_no_number_is_said_in_a_sentence(seen):
    address, _, steps = seen
    path = f"artifact/{steps['images'].key}?rel_pos_x.low=nan"
    with pytest.raises(HTTPError) as error:
        urlopen(urljoin(address, path))
    assert b"rel_pos_x.low is no number: 'nan'." in error.value.read()


def test_it_listens_on_loopback_alone_and_nothing_may_be_embedded(seen):
    address, _, _ = seen
    port = int(re.search(r":(\d+)/", address)[1])
    places = {
        one.laddr.ip
        for one in psutil.Process().net_connections()
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port
    }
    assert places == {"127.0.0.1"}
    with urlopen(address) as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_looking_changes_nothing_and_killing_it_leaves_the_store(seen):
    address, store, _ = seen
    before = state(store.root)
    todo, done = [address], set()
    while todo:
        page = todo.pop()
        done.add(page)
        found = re.findall(r'href="(/[^"#]+)"', get(page))
        todo += {urljoin(address, one) for one in found} - done - set(todo)
    assert len(done) > 30
    assert state(store.root) == before
    command = [sys.executable, "-m", "hyp", "view", str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        own = process.stdout.readline().strip()
        assert "12 networks" in words(get(own))
        process.send_signal(signal.SIGKILL)
    assert state(store.root) == before
    assert "12 networks" in words(get(address))
