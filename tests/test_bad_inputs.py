"""Whatever is given to hyp: one sentence, the right status, nothing written anywhere else."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from threading import Thread

import pytest

from bad_inputs import READABLE, UNWRITABLE, tree
from command_line import hyp, working_in
from hyp.hypotheses.templates import start_text

READ = {
    "plan": ("plan {}", ".toml"),
    "status": ("status --store {}", ""),
    "report frozen": ("report --store store --frozen {}", ".json"),
    "verify": ("store verify --store {}", ""),
    "info": ("data info {}", ""),
    "copy": ("data copy {} copied", ""),
    "scan": ("released scan {}", ""),
    "import": ("models import {} out --objective distance", ".pt"),
    "describe": ("models info {}", ""),
    "recording": ("neural import {} --stimuli dataset:data --image-size 16", ".nc"),
    "recording table": ("neural import {} --stimuli dataset:data --image-size 16", ".csv"),
    "recording parquet": ("neural import {} --stimuli dataset:data --image-size 16", ".parquet"),
    "scores csv": ("test {} --group g --unit u", ".csv"),
    "scores gz": ("test {} --group g --unit u", ".csv.gz"),
    "scores parquet": ("test {} --group g --unit u", ".parquet"),
    "scores netcdf": ("test {} --group g --unit u", ".nc"),
    "scores zarr": ("test {} --group g --unit u", ".zarr"),
    "leaderboard": ("brainscore import {} --out out.csv", ".csv"),
    "source folder": ("data make out --source folder:{}", ""),
    "source classes": ("data make out --source classes:{}", ""),
    "source dsprites": ("data make out --source dsprites:{}", ".npz"),
    "source shapes3d": ("data make out --source shapes3d:{}", ".h5"),
    "source smallnorb": ("data make out --source smallnorb:{}", ""),
    "source engine": ("data make out --source engine:{}", ""),
}

WRITE = {
    "freeze": "freeze nontarget-variability --out {}",
    "run": "run nontarget-variability --set n_seeds=3 --store {}",
    "report": "report --store store --out {}",
    "make": "data make {} --n 4 --image-size 16",
    "copy": "data copy data {}",
    "preview": "data preview data --out {}.png",
    "simulate": "neural simulate --stimuli dataset:data --image-size 16 --store {}",
    "released": "released write data {}",
    "published": "published C.1 --plot {}.svg",
}


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    root = tmp_path_factory.mktemp("bad")
    with working_in(root), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYP_CACHE", str(root.parent / "cache"))
        assert hyp("data", "make", "data", "--n", 24, "--image-size", 16).returncode == 0
        done = hyp("run", "nontarget-variability", "--set", "n_seeds=3", "--store", "store")
        assert done.returncode == 3, done.stderr
        (root / "mine.toml").write_text(start_text("mine", "category", "distance"))
        rows = [f"{'ab'[k % 2]},{k},0.{k},2024-01-{k + 10},{k}e307" for k in range(12)]
        (root / "scores.csv").write_text("\n".join(["g,u,score,day,huge", *rows]))
        yield root


@pytest.fixture
def refused(material):
    """Run a command line that must be refused, and leave everything as it is."""

    def refused(*arguments, words="", status=1, **streams):
        before = tree(material)
        done = hyp(*arguments, **streams)
        assert tree(material) == before
        assert "fault in hyp" not in done.stderr, done.stderr
        assert done.returncode == status, done
        lines = done.stderr.strip().splitlines()
        assert lines[0].startswith("error: ")
        assert all(line.isprintable() for line in lines)
        assert all(line.startswith("  ") for line in lines[1:]), done.stderr
        assert words in done.stderr
        return done

    return refused


@pytest.mark.parametrize("command", READ)
@pytest.mark.parametrize("kind", READABLE)
def test_what_cannot_be_read(refused, tmp_path, command, kind):
    line, suffix = READ[command]
    place = tmp_path / "in" / f"bad{suffix}"
    place.parent.mkdir()
    READABLE[kind](place)
    refused(*line.format(place).split(" "))


@pytest.mark.parametrize("command", WRITE)
@pytest.mark.parametrize("kind", UNWRITABLE)
def test_what_cannot_be_written(refused, tmp_path, command, kind):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(*WRITE[command].format(tmp_path / UNWRITABLE[kind]).split(" "))


SETTINGS = {
    "learning_rate=inf": "learning_rate",
    "learning_rate=nan": "learning_rate",
    "learning_rate=1e400": "learning_rate",
    "learning_rate=-1": "learning_rate",
    "data_seed=" + "9" * 23: "seed",
    "data_seed=" + "9" * 5000: "data_seed",
    "data_seed=-1": "data_seed",
    "n_images=99999999999999": "images",
    "n_images=1e400": "n_images",
    "n_stimuli=99999999999999": "images",
    "n_folds=100000": "n_folds=100,000 is more than the",
    "backbone=nope": "unknown backbone",
    "backbone=os:getcwd": "os:getcwd",
    "backbone=os:": "os:",
    "backbone=:": "backbone",
    "backbone=sys:exit": "sys:exit",
    "backbone=../../x": "unknown backbone",
    "layers=nope": "no layer 'nope'",
    "layers=": "layer",
    "precision=fp8": "precision",
    "device=tpu": "device",
    "image_size=1000000": "image_size",
    "batch_size=0": "batch_size",
    "alpha=nan": "alpha",
    "alpha=2": "alpha",
    "svm_c=inf": "infinite",
    "svm_c=nan": "svm_c",
    "threads=0": "threads",
    "source=nope": "unknown source",
    "source=folder:/nowhere": "/nowhere",
    "source=dataset:\x1b[31m": "x1b",
    "world=[/x]": "[/x]",
    "world=category=\x07": "x07",
    "questions=[/x]": "[/x]",
    "objectives=[red]": "[red]",
    "n_seeds=" + "9" * 5000: "n_seeds",
    "snapshots=-1": "snapshots",
    "nothing=1": "nothing",
    "=": "unknown key",
    "[/x]=1": "[/x]",
    "learning_rate=\udcff": "udcff",
}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda text: repr(text[:30]))
def test_settings_that_cannot_be(refused, setting):
    """``plan`` refuses them, as ``run`` would."""
    plan = ("plan", "nontarget-variability", "--store", "none", "--set", setting)
    refused(*plan, words=SETTINGS[setting])


LINES = {
    "data make out --n 1000000000000000": "10,000,000,000",
    "data make out --n 9999999999 --shard-size 1": "shard_size",
    "data make out --n 9999999999 --shard-size 9999999": "free; free some space",
    "data make out --n 0": "images",
    "data make out --n 10 --seed 99999999999999999999999": "seed",
    "data make out --n 10 --set supersample=inf": "supersample",
    "data make out --n 10 --image-size 99999999": "image",
    "data make out --n 10 --design [/x]": "[/x]",
    "data make out --n 10 --design rel_pos_z=nan": "rel_pos_z",
    "data make out --n 10 --design rel_pos_z=1e999": "rel_pos_z",
    "data make out --n 10 --design categories=99999999999999999999": "categories",
    "data make out --n 10 --workers 0": "workers",
    "data make out --n 10 --device tpu": "no device 'tpu'",
    "data make deep/er/out --n 10 --device tpu": "no device 'tpu'",
    "data preview data --n 0": "1 image",
    "data preview data --out sheet.nonsense": "image format",
    "data copy data store": "which this dataset does not have",
    "report --store store --profile huge": "with the profile 'huge'",
    "report --store store ../../x": "../../x",
    "report --store store [/x]": "[/x]",
    "plan nontarget-variability --profile ../../x": "../../x",
    "plan ../../x": "../../x",
    "run nontarget-variability -s precision=fp32 -s layers=nope --store none": "no layer 'nope'",
    "run nontarget-variability --set backbone=os:getcwd --store none": "os:getcwd",
    "run nontarget-variability -s precision=fp32 -s n_folds=99999 --store none": "n_folds=99,999",
    "run --all --set backbone=nope --store none": "unknown backbone",
    "new ../../x": "../../x",
    "new [/x]": "[/x]",
    "new mine": "mine.toml exists already",
    "new other --about nothing": "nothing",
    "new other --target [/x]": "[/x]",
    "published nonsense": "nonsense",
    "neural score [/x] --store store": "[/x]",
    "neural simulate --n 20 --hidden os:getcwd --store none": "unknown network 'os:getcwd'",
    "neural simulate --n 20 --hidden alexnet --store none": "no layer 'layer1.0.relu'",
    "neural simulate --n 20 --stratify [/x] --store none": "no categories '[/x]'",
    "neural simulate --name ../../x --stimuli dataset:data --image-size 16": "../../x",
    "neural import mine.toml --stimuli dataset:data --image-size 16 --name a/b": "a/b",
    "models import mine.toml out --objective distance": "PyTorch",
    "models import mine.toml out --objective [/x]": "PyTorch",
    "models info data": "no finished model",
    "test scores.csv --group g --unit nothing": "nothing",
    "test scores.csv --group g --unit u --value nothing": "nothing",
    "test scores.csv --group g --unit u --value day": "day",
    "test scores.csv --group g --unit u --alpha nan": "alpha",
    "test scores.csv --group g --unit u --margin nan": "margin",
}


@pytest.mark.parametrize("line", LINES)
def test_command_lines_that_cannot_be(refused, line):
    refused(*line.split(" "), words=LINES[line])


NAMES = ("../../ESCAPED", "/etc/ESCAPED", "a/b", "..", ".", "", "n" * 300, "\x1b[31m", "a\u202eb")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:12]))
@pytest.mark.parametrize("command", ["plan", "freeze", "design", "run --store none"])
def test_names_in_a_file_that_cannot_be_part_of_a_path(refused, tmp_path, command, name):
    text = start_text("mine", "category", "distance")
    (tmp_path / "hostile.toml").write_text(text.replace('"mine"', json.dumps(name)))
    word, *more = command.split(" ")
    refused(word, tmp_path / "hostile.toml", *more, words="name")


@pytest.mark.parametrize("line", ["run nontarget-variability --store none", "data make out --n 4"])
@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 4096, b"\xff" * 64])
def test_a_port_where_something_else_listens(refused, monkeypatch, line, said):
    monkeypatch.setattr("hyp.clusters._CONNECT_SECONDS", 0.3)
    accepted = []

    def say():
        with suppress(OSError):  # closed at the end
            while True:
                accepted.append(other.accept()[0])
                accepted[-1].sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        thread = Thread(target=say, daemon=True)
        thread.start()
        words = f"no Dask scheduler answers at {address}"
        refused(*line.split(" "), "--scheduler", address, words=words)
        other.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in accepted:
        connection.close()


def test_a_terminal_of_few_letters_shows_every_text(material):
    done = hyp("show", "mine.toml", encoding="ascii")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_behind_the_output_is_one_sentence(refused):
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        refused("list", out=full, words="the disk is full")


def test_a_deleted_working_folder_is_one_sentence(refused, material):
    gone = material / "gone"
    gone.mkdir()
    with working_in(gone):
        gone.rmdir()
        refused("run", "nontarget-variability", words="current folder is gone")


def test_copying_overwrites_nothing(refused, material):
    own = material / "own" / "images"
    own.mkdir(parents=True)
    size = (material / "data" / "images" / "00000.npy").stat().st_size
    (own / "00000.npy").write_bytes(b"\0" * size)
    refused("data", "copy", "data", "own", words="another images/00000.npy")
    (own / "00000.npy").rename(own / "mine.npy")
    refused("data", "copy", "data", "own", words="mine.npy")
