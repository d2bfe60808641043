"""Languages as rules and records name them."""

from __future__ import annotations

import re

__all__ = ["TAG", "primary_language", "stated_language"]

TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")  # as records have them: BCP 47, or with underscores

# What has two letters in ISO 639-1, by its three in ISO 639-3 and, where they are others, in ISO 639-2; the written forms
# of Norwegian and the spoken ones of Chinese are one language here. Last, two letters that are others today.
_SHORTER = dict(
    pair.split("-")
    for pair in (
        "ara-ar ben-bn bul-bg cat-ca ces-cs chi-zh cmn-zh cze-cs dan-da deu-de dut-nl ell-el eng-en est-et fas-fa fin-fi "
        "fra-fr fre-fr ger-de gre-el heb-he hin-hi hrv-hr hun-hu ind-id ita-it jpn-ja kor-ko lav-lv lit-lt may-ms msa-ms "
        "nb-no nld-nl nn-no nno-no nob-no nor-no per-fa pol-pl por-pt ron-ro rum-ro rus-ru slk-sk slo-sk slv-sl spa-es "
        "srp-sr swe-sv tam-ta tha-th tur-tr ukr-uk urd-ur vie-vi yue-zh zho-zh in-id iw-he ji-yi mo-ro"
    ).split()
)


def primary_language(tag: str | None) -> str | None:
    """Return the first part of a language tag, by its two letters where that language has them.

    What says no language is None: no tag at all, or one that means undetermined (`un` in CLD2), several, or none.

    >>> primary_language("pt-BR"), primary_language("deu_Latn"), primary_language("English"), primary_language("und")
    ('pt', 'de', None, None)
    """
    if not tag:
        return None
    first = tag.strip().lower().replace("_", "-").partition("-")[0]
    if len(first) not in (2, 3) or not (first.isascii() and first.isalpha()) or first in ("mul", "un", "und", "zxx"):
        return None
    return _SHORTER.get(first, first)


def stated_language(tag: str | None, otherwise: str | None) -> str | None:
    """Return the language tag that a document has, or `otherwise` where that says no language.

    >>> stated_language("pt-BR", "en"), stated_language("und", "en"), stated_language(None, "en")
    ('pt-BR', 'en', 'en')
    """
    return otherwise if primary_language(tag) is None else tag
