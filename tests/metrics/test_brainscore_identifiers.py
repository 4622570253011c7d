"""Names of benchmarks and the files behind them, read from a package's sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hyp.errors import HypError
from hyp.metrics.brainscore.environment import CONSTRAINTS
from hyp.metrics.brainscore.identifiers import (
    benchmark_data,
    benchmark_region,
    check_identifiers,
    installed_benchmarks,
)

BENCHMARKS = """
from brainscore_vision import benchmark_registry
benchmark_registry['MajajHong2015public.IT-pls'] = IT
benchmark_registry["MajajHong2015public.V4-pls"] = V4
benchmark_registry[f'made.{region}'] = None
"""
DATA = """
data_registry['MajajHong2015.public'] = lambda: load_assembly_from_s3(
    identifier="dicarlo.MajajHong2015.public", version_id="null", sha1="aaa", bucket="b")
data_registry['MajajHong2015'] = lambda: load_assembly_from_s3(
    identifier="dicarlo.MajajHong2015", version_id="null", sha1="zzz", bucket="b")
stimulus_set_registry['hvm-public'] = lambda: load_stimulus_set_from_s3(
    identifier="hvm-public", bucket="b", csv_sha1="bbb", zip_sha1="ccc")
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for folder, text in (("benchmarks/one", BENCHMARKS), ("data/one", DATA)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("identifier", "region"),
    [
        ("FreemanZiemba2013public.V1-pls", "V1"),
        ("FreemanZiemba2013.V2-pls_v3", "V2"),
        ("SanghaviMurty2020.V4-pls", "V4"),
        ("MajajHong2015public.IT-reverse_pls", "IT"),
        ("Bracci2019.anteriorVTC-rdm", "IT"),
        ("Rajalingham2018public-i2n", "behavior"),
        ("behavior_vision_v0", "behavior"),
        ("IT_v0", "IT"),
        ("average_vision_v0", ""),
        ("engineering_vision_v0", ""),
        ("Geirhos2021colour-top1", ""),
    ],
)
def test_a_benchmarks_name_tells_its_region(identifier: str, region: str) -> None:
    assert benchmark_region(identifier) == region


def test_registered_names_are_found_and_computed_ones_left_out(package: Path) -> None:
    assert installed_benchmarks(package) == [
        "MajajHong2015public.IT-pls",
        "MajajHong2015public.V4-pls",
    ]


def test_an_unknown_name_is_refused_with_close_ones(package: Path) -> None:
    check_identifiers(["MajajHong2015public.IT-pls"], package)
    with pytest.raises(HypError, match=r"no benchmark 'MajajHong2015.IT-pls'; did you mean Majaj"):
        check_identifiers(["MajajHong2015public.IT-pls", "MajajHong2015.IT-pls"], package)
    with pytest.raises(HypError, match="check its spelling"):
        check_identifiers(["xyz"], package)


def test_the_files_of_a_benchmark_are_those_its_data_plugins_name(package: Path) -> None:
    files = benchmark_data("MajajHong2015public.IT-pls", package)
    assert files is not None
    assert {str(file.path(Path("h"))) for file in files} == {
        "h/aaa/assy_dicarlo_MajajHong2015_public.nc",
        "h/bbb/stimulus_hvm-public.csv",
        "h/ccc/stimulus_hvm-public.zip",
    }
    assert benchmark_data("FreemanZiemba2013public.V1-pls", package) is None
    assert benchmark_data("MajajHong2015public.IT-xyz", package) is None


def test_constraints_are_plain_pins_without_addresses() -> None:
    lines = CONSTRAINTS.read_text().splitlines()
    assert all(re.fullmatch(r"[a-z0-9._-]+==[a-z0-9.]+", line) for line in lines)
    pinned = dict(line.split("==") for line in lines)
    assert pinned["brainscore-vision"] == "2.4.2"
    assert {"torch", "torchvision", "boto3", "numpy", "xarray"} <= set(pinned)
    assert int(pinned["numpy"].split(".")[0]) < 2
