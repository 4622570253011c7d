"""Whatever is given to hyp: one sentence, the right status, nothing written anywhere else."""

from __future__ import annotations

import pytest

from bad_inputs import READABLE, hyp, tree, unwritable, working_in
from hyp.hypotheses.templates import start_text

READ = {
    "show": ("show {}", ".toml"),
    "plan": ("plan {}", ".toml"),
    "run": ("run {} --workers 0", ".toml"),
    "freeze": ("freeze {}", ".toml"),
    "design": ("design {}", ".toml"),
    "status": ("status --store {}", ""),
    "report": ("report --store {}", ""),
    "report frozen": ("report --store store --frozen {}", ".json"),
    "verify": ("store verify --store {}", ""),
    "info": ("data info {}", ""),
    "diff": ("data diff data {}", ""),
    "preview": ("data preview {}", ""),
    "copy": ("data copy {} copied", ""),
    "write released": ("released write {} out", ""),
    "scan": ("released scan {}", ""),
    "import": ("models import {} out --objective distance", ".pt"),
    "describe": ("models info {}", ""),
    "recording": ("neural import {} --stimuli dataset:data", ".nc"),
    "recording table": ("neural import {} --stimuli dataset:data", ".csv"),
    "recording parquet": ("neural import {} --stimuli dataset:data", ".parquet"),
    "recordings": ("neural list --store {}", ""),
    "scores csv": ("test {} --group g --unit u", ".csv"),
    "scores gz": ("test {} --group g --unit u", ".csv.gz"),
    "scores parquet": ("test {} --group g --unit u", ".parquet"),
    "scores netcdf": ("test {} --group g --unit u", ".nc"),
    "scores zarr": ("test {} --group g --unit u", ".zarr"),
    "leaderboard": ("brainscore import {} --out out.csv", ".csv"),
    "source dataset": ("data make out --source dataset:{}", ""),
    "source folder": ("data make out --source folder:{}", ""),
    "source classes": ("data make out --source classes:{}", ""),
    "source dsprites": ("data make out --source dsprites:{}", ".npz"),
    "source shapes3d": ("data make out --source shapes3d:{}", ".h5"),
    "source mpi3d": ("data make out --source mpi3d:{}", ".npz"),
    "source smallnorb": ("data make out --source smallnorb:{}", ""),
    "source imagenet": ("data make out --source imagenet:{}", ""),
    "source engine": ("data make out --source engine:{}", ""),
}

WRITE = {
    "freeze": "freeze nontarget-variability --out {}",
    "design": "design nontarget-variability --out {}.svg",
    "run": "run nontarget-variability --set n_seeds=3 --store {}",
    "report": "report --store store --out {}",
    "make": "data make {} --n 4 --image-size 16",
    "copy": "data copy data {}",
    "preview": "data preview data --out {}.png",
    "simulate": "neural simulate --stimuli dataset:data --store {}",
    "released": "released write data {}",
    "published": "published C.1 --plot {}.svg",
}


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    root = tmp_path_factory.mktemp("bad")
    with working_in(root), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYP_CACHE", str(root.parent / "cache"))
        assert hyp("data", "make", "data", "--n", 24, "--image-size", 16).status == 0
        done = hyp("run", "nontarget-variability", "--set", "n_seeds=3", "--store", "store")
        assert done.status == 0, done.err
        (root / "mine.toml").write_text(start_text("mine", "category", "distance"))
        yield root


@pytest.fixture
def refused(material):
    """Run a command line that must be refused, and leave everything as it is."""

    def refused(*arguments, words="", status=1, **streams):
        before = tree(material)
        done = hyp(*arguments, **streams)
        assert tree(material) == before
        assert "fault in hyp" not in done.err, done.err
        assert done.status == status, done
        lines = done.err.strip().splitlines()
        assert len(lines) == 1, done.err
        assert lines[0].startswith("error: ")
        assert lines[0].isprintable()
        assert words in done.err
        return done

    return refused


@pytest.mark.parametrize("command", READ)
@pytest.mark.parametrize("kind", READABLE)
def test_what_cannot_be_read(refused, material, tmp_path, command, kind):
    line, suffix = READ[command]
    place = tmp_path / "in" / f"bad{suffix}"
    place.parent.mkdir()
    READABLE[kind](place)
    refused(*line.format(place).split(" "))


@pytest.mark.parametrize("command", WRITE)
@pytest.mark.parametrize("kind", unwritable.__annotations__ or range(7))
def test_what_cannot_be_written(refused, tmp_path, command, kind):
    place = list(unwritable(tmp_path).values())[kind]
    refused(*WRITE[command].format(place).split(" "))
