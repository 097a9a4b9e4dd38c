"""How much memory a piece of a program needs: resident memory, and its peak."""

from __future__ import annotations

import gc
import os
import subprocess
import threading
from pathlib import Path
from types import TracebackType

__all__ = ["PeakMemory", "resident_memory"]

_STATM, _STATUS, _CLEAR = (Path("/proc/self") / name for name in ("statm", "status", "clear_refs"))


def resident_memory() -> int:
    """Return the bytes of physical memory that this process occupies now.

    Pages of memory-mapped files count as far as they are mapped in at the moment.

    Example:
        >>> resident_memory() > 1_000_000
        True
    """
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return _ask_ps()


class PeakMemory:
    """Measure by how many bytes resident memory rises, at its peak, within a ``with`` block.

    Linux keeps the highest value of a process itself, and can be told to start afresh. Where it
    cannot, a thread looks every 5 ms, which may miss a short peak.

    Attributes:
        start: resident memory at the beginning, bytes.
        peak: its largest value since, bytes; at the latest at the end of the block.
        rise: ``peak - start``.
        exact: whether the system kept the peak, not a sampling thread.

    Example:
        >>> import numpy as np
        >>> with PeakMemory() as memory:
        ...     total = np.ones(5_000_000).sum()  # 40 MB
        >>> 30e6 < memory.rise < 90e6
        True
    """

    start: int
    peak: int
    exact: bool

    def __enter__(self) -> PeakMemory:
        """Begin to measure."""
        gc.collect()
        self.exact = _start_afresh()
        self.start = self.peak = resident_memory()
        if not self.exact:
            self._ended = threading.Event()
            self._thread = threading.Thread(target=self._look_again_and_again, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End to measure."""
        if self.exact:
            self.peak = max(self.peak, _highest())
        else:
            self._ended.set()
            self._thread.join()
            self.peak = max(self.peak, resident_memory())

    @property
    def rise(self) -> int:
        """Bytes by which resident memory rose at its peak."""
        return self.peak - self.start

    def _look_again_and_again(self) -> None:
        while not self._ended.wait(0.005):
            self.peak = max(self.peak, resident_memory())


def _start_afresh() -> bool:
    try:
        _CLEAR.write_text("5")  # sets the highest value to the present one
        return _highest() > 0
    except OSError:
        return False


def _highest() -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _ask_ps() -> int:
    command = ["ps", "-o", "rss=", "-p", str(os.getpid())]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) * 1024
