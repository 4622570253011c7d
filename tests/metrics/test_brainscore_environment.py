"""Making Brain-Score's environment: states, refusals, what is left by a failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from brainscore_stand_in import stand_in
from hyp.errors import HypError
from hyp.metrics.brainscore import environment as module
from hyp.metrics.brainscore.describe import describe_environment
from hyp.metrics.brainscore.environment import (
    RECORD,
    STARTED,
    Environment,
    constraints_digest,
    default_folder,
    find_python,
    install_environment,
    open_environment,
)


def made(folder: Path, constraints: str) -> Environment:
    return stand_in(folder, constraints=constraints)


def test_every_state_is_told_apart(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert Environment(tmp_path / "none").state() == "absent"
    assert Environment(empty).state() == "absent"
    (empty / "file").touch()
    assert Environment(empty).state() == "foreign"
    (empty / STARTED).touch()
    assert Environment(empty).state() == "half-made"
    ready = made(tmp_path / "ready", constraints_digest())
    assert ready.state() == "ready"
    assert ready.versions() == {"brainscore-vision": "2.4.2"}
    assert made(tmp_path / "old", "other").state() == "outdated"
    ready.python.unlink()
    assert ready.state() == "half-made"


def test_only_an_environment_that_is_there_is_opened(tmp_path: Path) -> None:
    assert open_environment(made(tmp_path / "old", "other").folder).state() == "outdated"
    with pytest.raises(HypError, match=r"is absent; make it with: hyp brainscore install"):
        open_environment(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(HypError, match="not one made by hyp"):
        open_environment(tmp_path)


def test_the_folder_can_be_chosen_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYP_BRAINSCORE_ENV", str(tmp_path / "here"))
    assert default_folder() == tmp_path / "here"
    monkeypatch.delenv("HYP_BRAINSCORE_ENV")
    assert default_folder().name == "brainscore"
    assert default_folder().is_absolute()


def test_what_is_ready_is_not_made_again(tmp_path: Path) -> None:
    folder = made(tmp_path / "ready", constraints_digest()).folder
    before = (folder / RECORD).stat().st_mtime_ns
    assert install_environment(folder, "no such python").folder == folder
    assert (folder / RECORD).stat().st_mtime_ns == before


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(HypError, match="did not make; name another --folder"):
        install_environment(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_wrong_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HypError, match="no Python that runs"):
        find_python(tmp_path / "nothing")
    other = tmp_path / "python9"
    other.write_text("#!/bin/sh\necho 3 9\n")
    other.chmod(0o755)
    with pytest.raises(HypError, match=r"is Python 3\.9, but Brain-Score needs Python 3\.11"):
        find_python(other)
    other.write_text("#!/bin/sh\necho nonsense\n")
    with pytest.raises(HypError, match="no Python that runs"):
        find_python(other)


def test_a_full_disk_is_noticed_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEEDED_BYTES", 2**60)
    with pytest.raises(HypError, match=r"GB left; free some space or name another --folder"):
        install_environment(tmp_path / "env")
    assert not (tmp_path / "env").exists()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="makes a real Python 3.11 environment")
def test_without_an_index_one_sentence_and_a_folder_that_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, nowhere)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    folder = tmp_path / "env"
    steps: list[str] = []
    with pytest.raises(HypError, match="the package index could not be reached") as caught:
        install_environment(folder, say=steps.append)
    assert "\n" not in str(caught.value)
    assert Environment(folder).state() == "half-made"
    (folder / "left-over").touch()
    with pytest.raises(HypError, match="could not be reached"):
        install_environment(folder, say=steps.append)
    assert not (folder / "left-over").exists()
    assert any("half-made" in step for step in steps)


def test_two_processes_do_not_make_it_at_once(tmp_path: Path) -> None:
    from filelock import FileLock

    with (
        FileLock(tmp_path / ".env.lock"),
        pytest.raises(HypError, match="another process is making"),
    ):
        install_environment(tmp_path / "env", sys.executable)


def test_the_description_of_nothing_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("MT_HOME", str(tmp_path / "mt"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    report = describe_environment(tmp_path / "env")
    assert report.state == "absent"
    assert report.network is False
    assert not report.credentials
    assert not report.imagenet
    assert set(report.benchmarks.values()) == {None}
    assert not (tmp_path / "env").exists()
    assert describe_environment(tmp_path / "env", check_network=False).network is None


def test_the_description_finds_data_and_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = made(tmp_path / "env", constraints_digest())
    for place, text in (
        ("benchmarks", "benchmark_registry['MajajHong2015public.IT-pls'] = 1"),
        (
            "data",
            "load_assembly_from_s3(identifier='dicarlo.MajajHong2015.public', sha1='aa')\n"
            "load_stimulus_set_from_s3(identifier='hvm-public', csv_sha1='b', zip_sha1='c')\n",
        ),
    ):
        plugin = environment.package / place / "majajhong2015"
        plugin.mkdir(parents=True)
        (plugin / "__init__.py").write_text(text)
    home = tmp_path / "brainio"
    monkeypatch.setenv("BRAINIO_HOME", str(home))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    name = "MajajHong2015public.IT-pls"
    report = describe_environment(environment.folder, check_network=False)
    assert report.benchmarks[name] is False
    assert report.credentials
    for path in (
        "aa/assy_dicarlo_MajajHong2015_public.nc",
        "b/stimulus_hvm-public.csv",
        "c/stimulus_hvm-public.zip",
    ):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).touch()
    assert describe_environment(environment.folder, check_network=False).benchmarks[name] is True
