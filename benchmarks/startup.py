"""What a process pays before it cleans its first text, in CPU milliseconds above `python -c pass`.

python benchmarks/startup.py [--times 9]

Real processes, each measured from outside; the median of several. Modules are compiled and the cache is warm, as they are
from the second process on; the last line is the first one, whose cache is empty.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MEASURED = {
    "import cleaner": "import cleaner",
    "cleaner --help": "from cleaner.cli import main; main(['--help'])",
    "a ready Cleaner()": "from cleaner import Cleaner; Cleaner()",
    "and a first text": "from cleaner import Cleaner; Cleaner()('The mayor left.\\n\\nShare\\n')",
}
COLD = "from cleaner import Cleaner; Cleaner()"
BARE = "python -c pass"


def seconds(code: str, environment: dict[str, str]) -> float:
    """Return the CPU time, of user and system, of a Python process that runs `code`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(times: int) -> dict[str, float]:
    """Return the median CPU milliseconds, of so many processes each, of bare Python and, above that, of what is measured."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"CLEANER_CACHE": f"{folder}/cache", "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
        without = {**environment, "CLEANER_CACHE": ""}
        for code in MEASURED.values():
            seconds(code, environment)
        # In turns, so that what else the machine does touches all alike.
        rounds = [
            [
                seconds("pass", environment),
                *(seconds(code, environment) for code in MEASURED.values()),
                seconds(COLD, without),
            ]
            for _ in range(times)
        ]
    bare, *medians = (1_000 * statistics.median(column) for column in zip(*rounds, strict=True))
    names = [*MEASURED, "a ready Cleaner(), no cache"]
    return {BARE: bare, **{name: median - bare for name, median in zip(names, medians, strict=True)}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=9, help="processes for each figure")
    for name, milliseconds in measure(parser.parse_args().times).items():
        print(f"{name:30}{milliseconds:{'' if name == BARE else '+'}6.0f} ms")


if __name__ == "__main__":
    main()
