"""Where a benchmark ran, and where its figures go."""

import datetime
import os
import platform
from pathlib import Path
from typing import Any

from cleaner import __version__
from cleaner.audit import engine_versions


def machine() -> dict[str, Any]:
    """Return what ran this, as far as it may matter; `load` is how many processes wanted a core before."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "gibibytes": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "cleaner": __version__,
        "engines": engine_versions(),
    }


def in_one_line(machine: dict[str, Any]) -> str:
    """Return a machine in one line."""
    return ", ".join(f"{key}: {value}" for key, value in machine.items() if key != "engines")


def run_folder(wanted: Path | None = None) -> Path:
    """Return the folder for figures, the wanted one or today's, and make it."""
    folder = wanted or Path(__file__).parent / "runs" / datetime.date.today().isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
