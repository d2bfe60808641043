"""Ray Data: a dataset cleaned by a pool of actors, each of which compiles the rules once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from cleaner.integrations.arrow import ROWS, ArrowCleaner, audit_table

if TYPE_CHECKING:
    from cleaner.engine import Cleaner

try:
    import ray.data  # noqa: F401
except ImportError:
    raise ImportError("Ray datasets need the package ray: pip install 'cleaner[ray]'") from None

__all__ = ["audit_dataset", "clean_dataset"]

RETRIES = 3  # of a batch whose actor died; Ray's own default, without end, would never finish with a batch that kills


def clean_dataset(
    dataset: Any,
    cleaner: Cleaner,
    *,
    text: str = "text",
    url: str | None = None,
    language: str | None = None,
    audit: str = "audit",
    batch_size: int = ROWS,
    **options: Any,
) -> Any:
    """Return a Ray dataset whose texts are cleaned when it is read, with the column `audit` added.

    Columns are named as for `clean_arrow`. `batch_size` counts rows. `options` go to ``Dataset.map_batches``:
    ``compute=ray.data.ActorPoolStrategy(size=8)`` sets the number of actors, which is otherwise as many as there are
    cores for. Only the rules, as text, are sent to the actors; they must have this version of the package. An actor
    that dies is started again, and its batches are cleaned again, up to three times (``max_task_retries``).
    """
    rules = ArrowCleaner(cleaner.to_resolved(), text, url, language, audit)
    return dataset.map_batches(
        ArrowCleaner,
        fn_constructor_kwargs=dataclasses.asdict(rules),
        batch_format="pyarrow",
        batch_size=batch_size,
        udf_modifying_row_count=False,
        **{"max_task_retries": RETRIES, **options},
    )


def audit_dataset(dataset: Any, *, id: str | None = None, audit: str = "audit") -> Any:
    """Return the audit of a cleaned dataset as one of its own: a row for each text, as `audit_table` has them.

    ``dataset.drop_columns([audit])`` is the other half. Both read `dataset` once more: write it, or call
    ``materialize``, before it is split.
    """
    return dataset.map_batches(
        audit_table, fn_kwargs={"id": id, "audit": audit}, batch_format="pyarrow", batch_size=None
    )
