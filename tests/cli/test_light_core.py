"""Tables, published numbers and designs need nothing of the extra ``run``."""

import subprocess
import sys

from hyp.cli.boundary import RUN

SCRIPT = '''
import sys
from importlib.machinery import PathFinder

class Without:
    """Finds what is installed, but for some packages."""

    find_distributions = PathFinder.find_distributions

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in {absent}:
            return PathFinder.find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from typer.testing import CliRunner
from hyp.cli.boundary import explained
from hyp.cli.main import app

def hyp(*arguments):
    return CliRunner().invoke(app, arguments)

for arguments in (
    ("test", "scores.csv", "--group", "model", "--unit", "unit", "--out", "page.html"),
    ("published", "C.1"),
    ("design", "nontarget-variability", "--json"),
    ("list",),
):
    done = hyp(*arguments)
    assert done.exit_code == 0, (arguments, done.output, done.exception)
for arguments in (
    ("run", "nontarget-variability", "--workers", "0"),
    ("test", "scores.parquet", "--group", "model", "--unit", "unit"),
):
    done = hyp(*arguments)
    print(explained(done.exception))
'''


def test_without_the_extra_what_needs_it_says_so_and_the_rest_works(tmp_path):
    rows = [f"{m},{m}{u},{s + u * 0.013}" for m, s in (("a", 0.1), ("b", 0.5)) for u in range(5)]
    (tmp_path / "scores.csv").write_text("\n".join(["model,unit,score", *rows]))
    (tmp_path / "scores.parquet").write_bytes(b"PAR1")
    absent = (*RUN, "tdw", "zmq", "dask_jobqueue")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(absent=absent)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run, table = done.stdout.splitlines()[-2:]
    assert "this needs torch, which is not installed; pip install 'hyp-vision[run]'" in run
    assert "reading .parquet needs the package pyarrow: install it" in table
