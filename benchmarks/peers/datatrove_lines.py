"""datatrove: its repair of encodings, then the line rules of C4.

`min_num_sentences=-1` is its switch for leaving out the count of sentences, and with it the sentence splitter, which would
take most of the time. Its other options are as published.
"""

from collections.abc import Iterable, Iterator

from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter
from datatrove.pipeline.formatters import FTFYFormatter
from rounds import rounds

repair = FTFYFormatter()
lines = C4QualityFilter(min_num_sentences=-1)


def clean(texts: Iterable[str]) -> Iterator[str]:
    documents = (Document(text, str(number)) for number, text in enumerate(texts))
    return (document.text for document in lines.run(repair.run(documents)))


rounds(clean)
