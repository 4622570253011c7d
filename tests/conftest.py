import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "hypotheses"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A store with one tiny finished run, computed in a single process; only read it."""
    from tiny_runs import run

    store = tmp_path_factory.mktemp("finished") / "store"
    done = run(store, "--workers", 0)
    return store, done
