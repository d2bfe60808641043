"""Spark: a DataFrame cleaned by `mapInArrow`, each task with rules that were sent as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cleaner.integrations.arrow import AUDIT_TYPE, ArrowCleaner, audit_field

try:
    import pyarrow as pa
    from pyspark.sql import types
except ImportError:
    raise ImportError("Spark needs the packages pyspark and pyarrow: pip install 'cleaner[spark]'") from None

if TYPE_CHECKING:
    from cleaner.engine import Cleaner

__all__ = ["AUDIT_TYPE", "clean_batches", "clean_dataframe", "cleaned_schema"]


def clean_dataframe(
    frame: Any,
    cleaner: Cleaner,
    *,
    text: str = "text",
    url: str | None = None,
    language: str | None = None,
    audit: str = "audit",
) -> Any:
    """Return a Spark DataFrame whose texts are cleaned when it is read, with the column `audit` added.

    Columns are named as for `clean_arrow`. Spark hands over ``spark.sql.execution.arrow.maxRecordsPerBatch`` rows at
    a time. Only the rules, as text, are sent to the executors; their Python must have this version of the package, and
    pyarrow. A task that fails is done again by Spark, ``spark.task.maxFailures`` times in all. Raises `ValueError`
    where `audit` is there already.
    """
    if audit in frame.columns:
        raise ValueError(f"there is a column {audit!r} already: name another one with audit=")
    batches = clean_batches(cleaner, text=text, url=url, language=language, audit=audit)
    return frame.mapInArrow(batches, cleaned_schema(frame.schema, cleaner, audit))


def clean_batches(
    cleaner: Cleaner,
    *,
    text: str = "text",
    url: str | None = None,
    language: str | None = None,
    audit: str = "audit",
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Return the function for ``DataFrame.mapInArrow`` that `clean_dataframe` uses; `cleaned_schema` is its schema."""
    rules = ArrowCleaner(cleaner.to_resolved(), text, url, language, audit)

    def clean(batches: Iterable[Any]) -> Iterator[Any]:
        return map(_compiled(rules), batches)

    return clean


def cleaned_schema(schema: Any, cleaner: Cleaner, audit: str = "audit") -> Any:
    """Return the schema, a ``StructType``, of a cleaned DataFrame whose schema was `schema`.

    The metadata of the field `audit` holds the audit's header under ``cleaner``.
    """
    header = json.loads(audit_field(cleaner).metadata[b"cleaner"])
    field = types.StructField(audit, _spark_type(AUDIT_TYPE), metadata={"cleaner": header})
    return types.StructType([*schema.fields, field])


@lru_cache(maxsize=4)
def _compiled(rules: ArrowCleaner) -> ArrowCleaner:
    """Return one and the same cleaner for equal rules: Spark uses a worker for many tasks."""
    return rules


def _spark_type(kind: Any) -> Any:
    """Return an Arrow type of the audit as Spark calls it."""
    if pa.types.is_struct(kind):
        fields = [kind.field(number) for number in range(kind.num_fields)]
        return types.StructType([types.StructField(field.name, _spark_type(field.type)) for field in fields])
    if pa.types.is_list(kind):
        return types.ArrayType(_spark_type(kind.value_type))
    return _SCALARS[kind]


_SCALARS: dict[Any, Any] = {
    pa.string(): types.StringType(),
    pa.int64(): types.LongType(),
    pa.bool_(): types.BooleanType(),
}
