"""Memory of dropped arrays is kept for the next ones, where the C library can be told so."""

import subprocess
import sys

import pytest

from detection.kernels import memory
from detection.kernels.memory import keep_memory, memory_kept

HELD = """
import numpy as np
from detection.kernels.memory import keep_memory
def held():
    with open("/proc/self/status") as status:
        return sum(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) // 1000
def drop():
    before = held()
    np.ones(200_000_000, dtype=np.uint8)
    return held() - before
print(drop(), int(keep_memory()), drop(), drop())
"""


FOR_A_WHILE = """
import numpy as np
from detection.kernels.memory import memory_kept
def held():
    with open("/proc/self/status") as status:
        return sum(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) // 1000
before = held()
with memory_kept():
    np.ones(200_000_000, dtype=np.uint8)
    kept = held() - before
given_back = held() - before
np.ones(200_000_000, dtype=np.uint8)
print(kept, given_back, held() - before)
"""


@pytest.mark.skipif(memory._library() is None, reason="no GNU C library")
def test_memory_that_is_kept_for_a_while_is_given_back_afterwards() -> None:
    told = subprocess.run([sys.executable, "-c", FOR_A_WHILE], capture_output=True, text=True, check=True)
    kept, given_back, later = (int(word) for word in told.stdout.split())
    assert kept > 160
    assert given_back < 40
    assert later < 40


@pytest.mark.skipif(memory._library() is None, reason="no GNU C library")
def test_dropped_memory_is_kept_and_used_again() -> None:
    told = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    before, is_kept, after, again = (int(word) for word in told.stdout.split())
    assert is_kept
    assert before < 40
    assert after > 160
    assert again < 40


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_library", lambda: None)
    keep_memory.cache_clear()
    assert not keep_memory()
    keep_memory.cache_clear()
    with memory_kept():
        assert not memory._keep(1)
