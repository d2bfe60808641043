"""Hugging Face datasets: `map` over Arrow batches, with a fingerprint that follows the rules' digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cleaner.integrations.arrow import AUDIT_TYPE, ROWS, ArrowCleaner

try:
    import datasets
    import pyarrow as pa
except ImportError:
    raise ImportError("Datasets need the package datasets: pip install 'cleaner[datasets]'") from None

if TYPE_CHECKING:
    from cleaner.engine import Cleaner

__all__ = ["AUDIT_FEATURE", "clean_dataset"]

# `AUDIT_TYPE` as a feature.
AUDIT_FEATURE = datasets.Features.from_arrow_schema(pa.schema([pa.field("audit", AUDIT_TYPE)]))["audit"]


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
    """Return a dataset, of datasets.Dataset or IterableDataset, with cleaned texts and the column `audit` added.

    Columns are named as for `clean_arrow`. `batch_size` counts rows. `options` go to ``map``: ``num_proc=4`` cleans with
    four processes, where `dataset` has it. The fingerprint follows from `dataset`, the rules' digest and the version of
    this package: what was cleaned before is found in the cache, what a changed phrase could alter is not. A Dataset
    keeps its format; an IterableDataset comes back without one. Raises `ValueError` where `audit` is there already.
    """
    if audit in (dataset.column_names or ()):
        raise ValueError(f"there is a column {audit!r} already: name another one with audit=")
    features = dataset.features and datasets.Features({**dataset.features, audit: AUDIT_FEATURE})
    if isinstance(dataset, datasets.Dataset) and not len(dataset):
        return dataset.add_column(audit, [], feature=AUDIT_FEATURE)  # map leaves what is empty as it is
    rules = ArrowCleaner(cleaner.to_resolved(), text, url, language, audit)
    cleaned = dataset.with_format("arrow").map(rules, batched=True, batch_size=batch_size, features=features, **options)
    if isinstance(dataset, datasets.Dataset):
        form = dataset.format
        columns = [*form["columns"], audit] if len(form["columns"]) == len(dataset.column_names) else form["columns"]
        return cleaned.with_format(form["type"], columns=columns, **form["format_kwargs"])
    return cleaned.with_format(None)
