"""clean-text with its defaults."""

import logging
from collections.abc import Iterable, Iterator

logging.disable(logging.WARNING)  # that a package with another licence is not installed

from cleantext import clean as clean_one  # noqa: E402
from rounds import rounds  # noqa: E402


def clean(texts: Iterable[str]) -> Iterator[str]:
    return map(clean_one, texts)


rounds(clean)
