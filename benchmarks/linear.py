"""Does cost grow with size alone? Seconds for a text and for one ten times as long, by operation and shape.

    python -m benchmarks.linear

A ratio near 10 is linear, near 100 quadratic. Each shape once drove some parser into quadratic time.
"""

import gc
import time

from cleaner.repair import OPERATIONS
from cleaner.text import Lines
from tests.samples import SHAPES

SMALL, LARGE = 50_000, 500_000  # characters


def seconds(name: str, shape: str, size: int) -> float:
    operation = OPERATIONS[name]
    text = SHAPES[shape] * (size // len(SHAPES[shape])) + "x"
    gc.disable()
    started = time.process_time()
    operation.find(Lines.of(text), operation.options())
    spent = time.process_time() - started
    gc.enable()
    return spent


def main() -> None:
    for name in OPERATIONS:
        seconds(name, "lines", 1_000)  # imports and compiles
        for shape in SHAPES:
            small, large = seconds(name, shape, SMALL), seconds(name, shape, LARGE)
            print(f"{name:<20} {shape:<12} {small:8.4f} {large:8.4f} s   x{large / max(small, 0.0005):.0f}")


if __name__ == "__main__":
    main()
