"""data-juicer: Unicode repair, white space, links and repeated sentences, with their defaults.

In batches of 1,000 documents, as its own runs do.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from data_juicer.ops.mapper.clean_links_mapper import CleanLinksMapper
from data_juicer.ops.mapper.fix_unicode_mapper import FixUnicodeMapper
from data_juicer.ops.mapper.remove_repeat_sentences_mapper import RemoveRepeatSentencesMapper
from data_juicer.ops.mapper.whitespace_normalization_mapper import WhitespaceNormalizationMapper
from rounds import rounds

mappers = [FixUnicodeMapper(), WhitespaceNormalizationMapper(), CleanLinksMapper(), RemoveRepeatSentencesMapper()]


def clean(texts: Iterable[str]) -> Iterator[str]:
    rest = iter(texts)
    while batch := list(islice(rest, 1000)):
        samples = {"text": batch}
        for mapper in mappers:
            samples = mapper.process_batched(samples)
        yield from samples["text"]


rounds(clean)
