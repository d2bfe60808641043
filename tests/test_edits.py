"""The algebra of edits: random lists of edits, and the cases that are easy to get wrong."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.edits import Cause, Edit, EditError, OffsetMap, apply, check, compose, invert, minimal, restore

TEXTS = st.text("ab\n\u0301😀", max_size=14)
PIECES = st.text("xyab\n", max_size=3)


@st.composite
def edits_of(draw: st.DrawFn, text: str, rule: str) -> list[Edit]:
    """A valid list of edits of `text`: sorted, disjoint, each with a cause of its own."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edits: list[Edit] = []
    for number, (start, end) in enumerate(zip(cuts[::2], cuts[1::2], strict=False)):
        after = draw(PIECES)
        twice = bool(edits) and start == end == edits[-1].end == edits[-1].start
        if after != text[start:end] and not twice:
            edits.append(Edit(start, end, text[start:end], after, (cause(f"{rule}/{number}"),)))
    return edits


def cause(rule: str) -> Cause:
    return Cause(rule, "drop", "safe", {})


@st.composite
def chains(draw: st.DrawFn, length: int = 3) -> tuple[str, list[list[Edit]], str]:
    """A text, lists of edits each of which takes up where the one before left, and the last text."""
    text = current = draw(TEXTS)
    lists = []
    for number in range(length):
        lists.append(draw(edits_of(current, str(number))))
        current = apply(current, lists[-1])
    return text, lists, current


def rules(edits: Sequence[Edit]) -> list[str]:
    return [one.rule for edit in edits for one in edit.causes]


# ------------------------------------------------------------------ properties


@given(chains(1))
def test_restore_takes_apply_back(chain: tuple[str, list[list[Edit]], str]) -> None:
    text, (edits,), changed = chain
    assert restore(changed, edits) == text
    assert apply(changed, invert(edits)) == text
    assert invert(invert(edits)) == edits


@given(chains(2))
def test_composition_is_one_after_the_other(chain: tuple[str, list[list[Edit]], str]) -> None:
    text, (first, second), changed = chain
    both = compose(text, first, second)
    check(text, both)  # sorted, disjoint, each changes something
    assert apply(text, both) == changed
    assert restore(changed, both) == text


@given(chains(2))
def test_merged_edits_are_minimal(chain: tuple[str, list[list[Edit]], str]) -> None:
    text, (first, second), _ = chain
    for edit in compose(text, first, second):
        if {rule.partition("/")[0] for rule in rules([edit])} == {"0", "1"}:
            assert minimal(edit.start, edit.before, edit.after) == (edit.start, edit.before, edit.after)


@given(chains(2))
def test_each_cause_stands_once_and_in_acting_order(chain: tuple[str, list[list[Edit]], str]) -> None:
    text, (first, second), _ = chain
    both = compose(text, first, second)
    found = rules(both)
    assert len(found) == len(set(found))
    assert set(found) <= set(rules(first)) | set(rules(second))
    for edit in both:
        assert edit.causes
        if edit.before:  # insertions at one place are told in the order of the text
            phases = [rule.partition("/")[0] for rule in rules([edit])]
            assert phases == sorted(phases)


@given(chains(2))
def test_edits_that_meet_no_other_stay_as_they_were(chain: tuple[str, list[list[Edit]], str]) -> None:
    text, (first, second), _ = chain
    places = OffsetMap.of(first)
    for edit in compose(text, first, second):
        if len(edit.causes) == 1 and edit.causes[0].rule.startswith("0/"):
            assert edit in first
        elif len(edit.causes) == 1:
            back = replace(edit, start=places.to_clean(edit.start), end=places.to_clean(edit.start) + len(edit.before))
            assert (back.before, back.after, back.causes) in [(e.before, e.after, e.causes) for e in second]


@given(chains(3))
def test_three_lists_compose_either_way(chain: tuple[str, list[list[Edit]], str]) -> None:
    text, (first, second, third), changed = chain
    left = compose(text, compose(text, first, second), third)
    right = compose(text, first, compose(apply(text, first), second, third))
    for both in (left, right):
        check(text, both)
        assert apply(text, both) == changed


@given(chains(1))
def test_inverse_composes_to_nothing(chain: tuple[str, list[list[Edit]], str]) -> None:
    text, (edits,), _ = chain
    assert apply(text, compose(text, edits, invert(edits))) == text


@given(chains(2))
def test_kept_characters_map_exactly(chain: tuple[str, list[list[Edit]], str]) -> None:
    text, (first, second), changed = chain
    edits = compose(text, first, second)
    places = OffsetMap.of(edits)
    gone = {offset for edit in edits for offset in range(edit.start, edit.end)}
    kept = [offset for offset in range(len(text)) if offset not in gone]
    assert [changed[places.to_clean(offset)] for offset in kept] == [text[offset] for offset in kept]
    assert [places.to_original(places.to_clean(offset)) for offset in kept] == kept
    assert places.to_clean(len(text)) == len(changed)
    assert places.to_original(len(changed)) == len(text)


@given(chains(1))
def test_maps_keep_the_order_and_stay_inside(chain: tuple[str, list[list[Edit]], str]) -> None:
    text, (edits,), changed = chain
    places = OffsetMap.of(edits)
    clean = [places.to_clean(offset) for offset in range(len(text) + 1)]
    original = [places.to_original(offset) for offset in range(len(changed) + 1)]
    assert clean == sorted(clean)
    assert original == sorted(original)
    assert all(0 <= offset <= len(changed) for offset in clean)
    assert all(0 <= offset <= len(text) for offset in original)
    for edit, back in zip(edits, invert(edits), strict=True):
        assert {clean[offset] for offset in range(edit.start, edit.end)} <= {back.start}
        assert {original[offset] for offset in range(back.start, back.end)} <= {edit.start}


@given(st.text("ab", max_size=9), st.text("ab", max_size=9), st.integers(0, 5))
def test_minimal(before: str, after: str, start: int) -> None:
    where, short_before, short_after = minimal(start, before, after)
    head = where - start
    tail = len(before) - head - len(short_before)
    assert before == before[:head] + short_before + before[len(before) - tail :]
    assert after == before[:head] + short_after + before[len(before) - tail :]
    assert not (short_before and short_after and short_before[0] == short_after[0])
    assert not (short_before and short_after and short_before[-1] == short_after[-1])


@given(chains(1), st.data())
def test_check_names_the_edit_that_does_not_fit(chain: tuple[str, list[list[Edit]], str], data: st.DataObject) -> None:
    text, (edits,), _ = chain
    if not edits:
        return
    index = data.draw(st.integers(0, len(edits) - 1))
    edit = edits[index]
    broken = data.draw(
        st.sampled_from(
            [
                replace(edit, before=edit.before + "?"),
                replace(edit, after=edit.before),
                replace(edit, end=len(text) + 1),
                replace(edit, start=-1),
            ]
        )
    )
    for function in (apply, check):
        with pytest.raises(EditError) as caught:
            function(text, [*edits[:index], broken, *edits[index + 1 :]])
        assert caught.value.index == index
        assert str(caught.value).startswith(f"edit {index}: ")


# ------------------------------------------------------------------ tables


def edit(start: int, before: str, after: str, rule: str) -> Edit:
    return Edit(start, start + len(before), before, after, (cause(rule),))


# name: text, first list, second list, what comes out as (start, before, after, rules)
COMPOSITIONS = {
    "repair and removal of the same line": (
        "donâ€™t\nbye",
        [edit(3, "â€™", "’", "fix")],
        [edit(0, "don’t\n", "", "drop")],
        [(0, "donâ€™t\n", "", ["fix", "drop"])],
    ),
    "repair elsewhere stays apart": (
        "donâ€™t\nbye",
        [edit(3, "â€™", "’", "fix")],
        [edit(6, "bye", "", "drop")],
        [(3, "â€™", "’", ["fix"]), (8, "bye", "", ["drop"])],
    ),
    "touching deletions stay apart": (
        "abcd",
        [edit(0, "ab", "", "1")],
        [edit(0, "cd", "", "2")],
        [(0, "ab", "", ["1"]), (2, "cd", "", ["2"])],
    ),
    "deletion around an earlier one": (
        "abcd",
        [edit(1, "bc", "", "1")],
        [edit(0, "ad", "", "2")],
        [(0, "abcd", "", ["1", "2"])],
    ),
    "insertion where something was deleted": (
        "abcd",
        [edit(1, "bc", "", "1")],
        [edit(1, "", "X", "2")],
        [(1, "bc", "X", ["1", "2"])],
    ),
    "insertion before a deletion": (
        "abcd",
        [edit(1, "", "X", "1")],
        [edit(2, "b", "", "2")],
        [(1, "", "X", ["1"]), (1, "b", "", ["2"])],
    ),
    "insertion behind a deletion": (
        "abcd",
        [edit(2, "", "X", "1")],
        [edit(1, "b", "", "2")],
        [(1, "b", "", ["2"]), (2, "", "X", ["1"])],
    ),
    "two insertions at one place": (
        "ab",
        [edit(1, "", "X", "1")],
        [edit(2, "", "Y", "2")],
        [(1, "", "XY", ["1", "2"])],
    ),
    "an insertion before an earlier one": (
        "ab",
        [edit(1, "", "X", "1")],
        [edit(1, "", "Y", "2")],
        [(1, "", "YX", ["2", "1"])],
    ),
    "an insertion taken back leaves no trace": ("ab", [edit(1, "", "X", "1")], [edit(1, "X", "", "2")], []),
    "what was taken back is no cause of what stands beside it": (
        "ab",
        [edit(1, "", "X", "1")],
        [edit(1, "X", "", "2"), edit(2, "", "Y", "3")],
        [(1, "", "Y", ["3"])],
    ),
    "a replacement taken back": ("abc", [edit(1, "b", "X", "1")], [edit(1, "X", "b", "2")], []),
    "a replacement partly taken back": (
        "abc",
        [edit(1, "b", "XY", "1")],
        [edit(1, "X", "b", "2")],
        [(2, "", "Y", ["1", "2"])],
    ),
    "one bridge over two repairs": (
        "a1b2c",
        [edit(1, "1", "X", "1"), edit(3, "2", "Y", "2")],
        [edit(1, "XbY", "-", "3")],
        [(1, "1b2", "-", ["1", "2", "3"])],
    ),
    "two removals inside one replacement": (
        "a-c",
        [edit(1, "-", "uvwxyz", "1")],
        [edit(2, "v", "", "2"), edit(5, "y", "", "3")],
        [(1, "-", "uwxz", ["1", "2", "3"])],
    ),
    "the same removal twice over": (
        "a b  c",
        [edit(3, " ", "", "1")],
        [edit(1, " b c", "", "2")],
        [(1, " b  c", "", ["1", "2"])],
    ),
    "first alone": ("ab", [edit(0, "a", "", "1")], [], [(0, "a", "", ["1"])]),
    "second alone": ("ab", [], [edit(0, "a", "", "2")], [(0, "a", "", ["2"])]),
    "nothing": ("ab", [], [], []),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_composition(name: str) -> None:
    text, first, second, expected = COMPOSITIONS[name]
    both = compose(text, first, second)
    assert [(e.start, e.before, e.after, rules([e])) for e in both] == expected
    assert apply(text, both) == apply(apply(text, first), second)


@pytest.mark.parametrize(
    ("edits", "index", "message"),
    [
        ([Edit(0, 9, "abc", "")], 0, "edit 0: [0, 9) is not inside a text of 3 characters"),
        ([Edit(-1, 0, "", "x")], 0, "edit 0: [-1, 0) is not inside a text of 3 characters"),
        ([Edit(2, 1, "", "x")], 0, "edit 0: [2, 1) is not inside a text of 3 characters"),
        (
            [Edit(1, 2, "b", ""), Edit(0, 1, "a", "")],
            1,
            "edit 1: starts at 0, before the end of the edit before it (2)",
        ),
        ([Edit(0, 1, "a", ""), Edit(1, 2, "x", "")], 1, "edit 1: the text holds 'b' at 1, not 'x'"),
        ([Edit(0, 1, "a", "a")], 0, "edit 0: changes nothing: 'a'"),
        ([Edit(1, 1, "", "")], 0, "edit 0: changes nothing: ''"),
        ([Edit(0, 1, "y" * 99, "")], 0, f"edit 0: the text holds 'a' at 0, not '{'y' * 39}…'"),
    ],
)
def test_what_does_not_fit(edits: list[Edit], index: int, message: str) -> None:
    with pytest.raises(EditError) as caught:
        check("abc", edits)
    assert (caught.value.index, str(caught.value)) == (index, message)


@pytest.mark.parametrize(
    ("edits", "clean", "original"),
    [
        ([], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]),
        ([Edit(1, 3, "bc", "")], [0, 1, 1, 1, 2], [0, 3, 4]),
        ([Edit(1, 3, "bc", "XYZ")], [0, 1, 1, 4, 5], [0, 1, 1, 1, 3, 4]),
        ([Edit(2, 2, "", "X")], [0, 1, 3, 4, 5], [0, 1, 2, 2, 3, 4]),
        ([Edit(0, 4, "abcd", "")], [0, 0, 0, 0, 0], [4]),
        ([Edit(0, 0, "", "X"), Edit(4, 4, "", "Y")], [1, 2, 3, 4, 6], [0, 0, 1, 2, 3, 4, 4]),
    ],
)
def test_offsets(edits: list[Edit], clean: list[int], original: list[int]) -> None:
    places = OffsetMap.of(edits)
    changed = apply("abcd", edits)
    assert [places.to_clean(offset) for offset in range(5)] == clean
    assert [places.to_original(offset) for offset in range(len(changed) + 1)] == original


def test_long_equal_stretches_are_cheap() -> None:
    long = "ä" * 3_000_000
    assert minimal(0, long + "x" + long, long + "y" + long) == (3_000_000, "x", "y")
    assert minimal(5, long, long) == (3_000_005, "", "")
