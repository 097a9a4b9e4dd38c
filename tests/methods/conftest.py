"""What the files of the shared suite have in common."""

import pytest

from course_lib.methods import running
from tests.methods.parameters import CHUNK


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks and buckets at sizes that make the suite quick; the rest is as it is."""
    monkeypatch.setattr(running, "CHUNK", CHUNK)
    monkeypatch.setattr(running, "SMALL", {"cpu": 2**10})
