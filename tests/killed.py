"""Clean with an engine one of whose workers is killed, once, with a cleaned batch in its hands.

    python tests/killed.py ray|spark INPUT OUT MARK ID

The worker that first meets the document ID writes its process id to the new file MARK and gets SIGKILL. All the rest is
what benchmarks/engines.py does.
"""

import importlib
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

import cleaner
from cleaner.integrations.arrow import ArrowCleaner


class Dying(ArrowCleaner):
    """Cleans a batch, and dies before anybody has got it."""

    def __call__(self, data: Any) -> Any:
        cleaned = super().__call__(data)
        if fatal in data["id"].to_pylist():
            try:
                handle = os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            except FileExistsError:
                return cleaned
            os.write(handle, str(os.getpid()).encode())
            os.close(handle)
            os.kill(os.getpid(), signal.SIGKILL)
        return cleaned


if __name__ == "__main__":
    _, name, folder, out, mark, fatal = sys.argv
    module: Any = importlib.import_module(f"cleaner.integrations.{name}")
    module.ArrowCleaner = Dying
    root = Path(cleaner.__file__).resolve().parents[1]
    engines = runpy.run_path(str(root / "benchmarks" / "engines.py"))
    task = engines["Task"](Path(folder), Path(out), ["default"], 2)
    engines["ENGINES"][name].run(task, lambda phase: None)
