"""Allocator: large blocks go back to the system, however large those before them were."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import ctypes
from rookery.worker.runtime.allocator import fix_thresholds

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

library = ctypes.CDLL(None)
mallinfo = library.mallinfo2
mallinfo.restype = Info
if {fixed}:
    fix_thresholds()
bytearray(16 << 20)
before = mallinfo().hblkhd
held = bytearray(8 << 20)
print(mallinfo().hblkhd - before >= 8 << 20)
"""


@pytest.mark.skipif(
    not hasattr(__import__("ctypes").CDLL(None), "mallinfo2"), reason="another allocator than glibc's serves"
)
@pytest.mark.parametrize("fixed", [True, False])
def test_a_block_that_was_freed_raises_no_threshold(*, fixed: bool) -> None:
    """After 16 MB were freed, 8 MB are a mapping of their own still; without the fix they are in the heap."""
    code = PROBE.replace("{fixed}", str(fixed))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(fixed)
