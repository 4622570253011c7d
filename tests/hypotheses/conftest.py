import pytest
from tiny_runs import run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A store with one tiny finished run, computed in a single process; only read it."""
    store = tmp_path_factory.mktemp("finished") / "store"
    done = run(store, "--workers", 0)
    return store, done
