"""The engine: a `Cleaner` takes a text through the phases and gives back a `Result`.

The phases are fixes, spans, lines and paragraphs, runs, duplicates, spacing, guards. Each sees one snapshot of
the text, collects what its rules want, settles conflicts, and its edits are composed into one list in
coordinates of the original. No file is read here.
"""

from cleaner.engine.cleaner import Cleaner, changes_of, clean_of
from cleaner.engine.compiled import Phase
from cleaner.engine.document import Laps, Step
from cleaner.engine.result import Flag, Result

__all__ = ["Cleaner", "Flag", "Laps", "Phase", "Result", "Step", "changes_of", "clean_of"]
