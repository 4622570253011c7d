import pytest
from tiny_networks import MemoryDataset

from hyp.models import trusting


@pytest.fixture(autouse=True)
def trusted():
    """Tests build small networks by functions of their own; `test_trust` takes this back."""
    with trusting():
        yield


@pytest.fixture
def dataset():
    return MemoryDataset()


@pytest.fixture
def make_dataset():
    return MemoryDataset
