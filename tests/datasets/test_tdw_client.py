"""The real ``tdw`` package, without what it drags in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hyp.datasets.tdw import client
from hyp.datasets.tdw.catalogue import SCENES, category_of, skyboxes
from hyp.errors import HypError

SINCE_1_13 = {"baseball", "b03_restoration_hardware_pedestal_salvaged_round_tables"}
"""One is new in the library and one not to be used any more: the paper's had the second alone."""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_output_data_is_imported_alone_and_leaves_no_stand_in_module():
    code = (
        "import sys, warnings\n"
        "warnings.simplefilter('error')\n"
        "from hyp.datasets.tdw.client import output_data\n"
        "assert output_data().Images.__module__ == 'tdw.output_data'\n"
        "print(*{name.split('.')[0] for name in sys.modules} & {'imp', 'pkg_resources', 'boto3',\n"
        "    'requests', 'ikpy', 'scipy', 'zmq', 'PyInstaller'})\n"
    )
    assert run(code).split() == []


def test_describing_a_source_imports_neither_tdw_nor_zmq():
    code = (
        "import sys\n"
        "from hyp.datasets.tdw import TDWSource\n"
        "TDWSource(planned=5).latents\n"
        "print(*{'tdw', 'zmq', 'pandas', 'torch', 'warp'} & set(sys.modules))\n"
    )
    assert run(code).split() == []


@pytest.mark.parametrize("name", ["tdw", "zmq"])
def test_a_missing_package_is_named(name):
    code = (
        "import sys\n"
        f"sys.modules[{name!r}] = None\n"
        "import numpy\n"
        "from hyp.datasets.designs import Design\n"
        "from hyp.datasets.tdw import TDWSource\n"
        "from hyp.errors import HypError\n"
        "try:\n"
        "    from hyp.datasets.tdw import client\n"
        f"    client.output_data() if {name!r} == 'tdw' else None\n"
        "    TDWSource(patience=1).sample(Design(), 0, numpy.arange(1))\n"
        "except HypError as error:\n"
        "    print(error)\n"
    )
    expected = f"the source 'tdw' needs the Python package {name}; install hyp-vision[tdw]."
    assert run(code).strip() == expected


def test_the_library_has_everything_that_is_shown():
    for kind, names in (("model", category_of()), ("scene", SCENES), ("skybox", skyboxes())):
        for name in names:
            assert client.url_of(client.record(kind, name)).startswith("https://")
    for model, category in category_of().items():
        found = client.record("model", model)
        assert found["wnid"] == category.wnid
        assert not found["do_not_use"] or model in SINCE_1_13
        assert not found["composite_object"]
    with pytest.raises(HypError, match=r"tdw 1\.\S+ has no model 'nothing'"):
        client.record("model", "nothing")


def test_the_lists_follow_from_the_library_by_the_paper_s_rules():
    left_out = {"b02_bag", "lantern_2010", "b04_bottle_max"}
    kept = {
        name
        for name, found in client._library("models_core").items()
        if not found["do_not_use"] and not found["composite_object"] and name not in left_out
    }
    assert kept ^ set(category_of()) == (SINCE_1_13 if client.version() >= "1.13" else set())
    outside = {
        name: found["sun_elevation"]
        for name, found in client._library("hdri_skyboxes").items()
        if found["location"] == "exterior"
    }
    bright = [name for name, sun in outside.items() if sun >= 145]
    assert skyboxes() == (*outside, *bright)


def test_unit_scale_makes_the_longest_side_one_metre():
    found = client.record("model", "bee")
    sides = [
        abs(found["bounds"][a][axis] - found["bounds"][b][axis])
        for a, b, axis in (("left", "right", "x"), ("bottom", "top", "y"), ("back", "front", "z"))
    ]
    assert client.unit_scale(found) * max(sides) == pytest.approx(1.0)
