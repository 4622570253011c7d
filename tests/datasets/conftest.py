import pytest

from hyp.datasets.sources import SOURCES


@pytest.fixture
def discs(monkeypatch):
    """Let manifests name the test source."""
    monkeypatch.setitem(SOURCES, "discs", "disc_source:DiscSource")
