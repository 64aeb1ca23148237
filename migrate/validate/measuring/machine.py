"""What the figures were taken on."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path


def machine() -> str:
    """Processor, cores, system and load, for the report."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    load = ""
    with contextlib.suppress(OSError):
        average = os.getloadavg()[0]
        load = f", load average {average:.1f} before"
        if average > (os.cpu_count() or 1) / 2:
            load += ": BUSY WITH OTHER WORK, the times say little"
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}{load}"
