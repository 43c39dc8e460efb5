"""Google's filter grammar: what each expression matches, and where a text is no filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.broker.filters.errors import FilterError
from rookery.broker.filters.expressions import (
    AllOf,
    AnyOf,
    Equals,
    Expression,
    HasKey,
    HasPrefix,
    Not,
)
from rookery.broker.filters.parser import MOST_BYTES, parse_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MESSAGES: dict[int, dict[str, str]] = {
    1: {"lang": "en", "name": "com"},
    2: {"lang": "cn", "name": "net"},
    3: {"lang": "jp"},
    4: {"name": "co"},
    5: {"みんな": "x", "iana.org/language_tag": "en"},
    6: {},
}


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("attributes:name", [1, 2, 4]),
        ("attributes : name", [1, 2, 4]),
        ('attributes:"name"', [1, 2, 4]),
        ('attributes.name = "com"', [1]),
        ('attributes.name="com"', [1]),
        ('attributes.name != "com"', [2, 3, 4, 5, 6]),
        ('hasPrefix(attributes.name, "co")', [1, 4]),
        ('hasPrefix(attributes.name, "")', [1, 2, 4]),
        ("NOT attributes:name", [3, 5, 6]),
        ("-attributes:name", [3, 5, 6]),
        ("NOT -attributes:name", [1, 2, 4]),
        ('attributes:lang AND NOT attributes.name = "com"', [2, 3]),
        ('NOT attributes:name AND attributes.lang = "jp"', [3]),
        ('(NOT attributes:name) OR attributes.name = "co"', [3, 4, 5, 6]),
        ('NOT (attributes:name OR attributes.lang = "jp")', [5, 6]),
        ('attributes.name = "com" OR attributes.name = "net" OR attributes.name = "co"', [1, 2, 4]),
        ('attributes:lang AND (attributes.name = "com" OR attributes.name = "net")', [1, 2]),
        ('(attributes:lang AND attributes:name) OR attributes.name = "co"', [1, 2, 4]),
        ('attributes:"iana.org/language_tag"', [5]),
        ('attributes."iana.org/language_tag" = "en"', [5]),
        ('attributes:"みんな"', [5]),
        (r'attributes:"\u307F\u3093\u306a"', [5]),
        (r'attributes.lang = "\x65\156"', [1]),
        ("  (\tattributes:lang\n) ", [1, 2, 3]),
    ],
)
def test_matches(text: str, matched: list[int]) -> None:
    """Each construct of the grammar matches the messages that Google documents; `!=` also those without the key."""
    found = parse_filter(text)
    assert [number for number, attributes in MESSAGES.items() if found.matches(attributes)] == matched


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        (" ", 2, "found the end"),
        ("attributes", 11, "needed is : or ."),
        ("attributes:", 12, "needed is a key"),
        ("attributes..k", 12, "needed is a key"),
        ("attributes.k", 13, "needed is = or !="),
        ("attributes.k = v", 16, "a string in double quotes, found 'v'"),
        ("attributes.k = 'v'", 16, "a string in double quotes"),
        ('attributes.k == "v"', 15, "a string in double quotes"),
        ('attributes.k < "v"', 14, "needed is = or !="),
        ('attributes.k = "v', 16, 'no closing "'),
        (r'attributes.k = "\q"', 17, r"\q is no escape sequence"),
        (r'attributes.k = "\u12"', 17, r"\u is no escape sequence"),
        (r'attributes.k = "\ud800"', 17, "is no character"),
        (r'attributes.k = "\U00110000"', 17, "is no character"),
        ('attributes.k = "a\nb"', 18, "needs an escape sequence"),
        ("attributes:a AND attributes:b OR attributes:c", 31, "cannot be mixed"),
        ("attributes:a OR attributes:b AND attributes:c", 30, "cannot be mixed"),
        ("attributes:a and attributes:b", 14, "needed is AND, OR or the end"),
        ("attributes:a attributes:b", 14, "needed is AND, OR or the end"),
        ("attributes:a AND", 17, "found the end"),
        ("(attributes:a", 14, "needed is AND, OR or )"),
        ("attributes:a)", 13, "needed is AND, OR or the end"),
        ('hasSuffix(attributes.k, "v")', 1, "needed is attributes, hasPrefix"),
        ('hasprefix(attributes.k, "v")', 1, "needed is attributes, hasPrefix"),
        ("hasPrefix(attributes.k)", 23, "needed is ,"),
        ('hasPrefix(attributes:k, "v")', 21, "needed is ."),
        ('data = "x"', 1, "needed is attributes"),
        ("attributes:" + "k" * 246, 257, "257 bytes, at most 256"),
        ('attributes:"' + "é" * 122 + '"', 135, "257 bytes, at most 256"),
    ],
)
def test_names_the_place_of_a_fault(text: str, place: int, reason: str) -> None:
    """A text that is no filter is refused with the place and the reason of its first fault."""
    with pytest.raises(FilterError) as refused:
        parse_filter(text)
    assert refused.value.place == place
    assert reason in str(refused.value)


KEYS = st.sampled_from(["a", "b-c", "D_1", "x y", 'q"', "é", "AND", "\x00"])
VALUES = st.sampled_from(["", "a", "ab", 'q"\\', "\n", "é", "😀"])


def quoted(text: str) -> str:
    return '"' + "".join(each if each.isalnum() else f"\\U{ord(each):08x}" for each in text) + '"'


def key_text(key: str) -> str:
    return key if key.isascii() and all(each.isalnum() or each in "-_" for each in key) else quoted(key)


Case = tuple[str, "Callable[[Mapping[str, str]], bool]"]

COMPARISONS: st.SearchStrategy[Case] = st.one_of(
    st.builds(lambda key: (f"attributes:{key_text(key)}", lambda m: key in m), KEYS),
    st.builds(
        lambda key, value: (
            f"attributes.{key_text(key)} = {quoted(value)}",
            lambda m: key in m and m[key] == value,
        ),
        KEYS,
        VALUES,
    ),
    st.builds(
        lambda key, value: (
            f"attributes . {key_text(key)}!={quoted(value)}",
            lambda m: key not in m or m[key] != value,
        ),
        KEYS,
        VALUES,
    ),
    st.builds(
        lambda key, value: (
            f"hasPrefix(attributes.{key_text(key)},{quoted(value)})",
            lambda m: key in m and m[key][: len(value)] == value,
        ),
        KEYS,
        VALUES,
    ),
)


def negated(case: Case, sign: str) -> Case:
    text, expected = case
    return f"{sign}({text})", lambda m: not expected(m)


def joined(cases: list[Case], operator: str) -> Case:
    text = f" {operator} ".join(f"({each})" for each, _ in cases)
    over = all if operator == "AND" else any
    return text, lambda m: over(expected(m) for _, expected in cases)


CASES = st.recursive(
    COMPARISONS,
    lambda cases: st.one_of(
        st.builds(negated, cases, st.sampled_from(["NOT ", "-", "NOT", "- "])),
        st.builds(joined, st.lists(cases, min_size=2, max_size=3), st.sampled_from(["AND", "OR"])),
    ),
    max_leaves=4,
).filter(lambda case: len(case[0].encode()) <= MOST_BYTES)


@given(CASES, st.lists(st.dictionaries(KEYS, VALUES), min_size=1, max_size=5))
def test_any_filter_means_what_its_parts_mean(case: Case, messages: list[dict[str, str]]) -> None:
    """A filter put together from any parts matches as the parts do, joined by Python's own operators."""
    text, expected = case
    found = parse_filter(text)
    for attributes in messages:
        assert found.matches(attributes) == expected(attributes)


@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    *["attributes", "hasPrefix", "AND", "OR", "NOT", ":", ".", "=", "!=", "-", "(", ")", ","],
                    *'"k\\ é',
                ]
            ),
            max_size=40,
        ).map("".join),
    )
)
def test_any_text_is_a_filter_or_refused_with_a_place(text: str) -> None:
    """No text fails in another way than with a place inside it, or just behind its end."""
    place = 1
    try:
        parse_filter(text).matches({"k": "v"})
    except FilterError as refused:
        place = refused.place
    assert 1 <= place <= len(text) + 1


@pytest.mark.parametrize("text", ["(" * 120 + "attributes:k" + ")" * 120, "-" * 244 + "attributes:k"])
def test_the_deepest_filter_is_parsed(text: str) -> None:
    """A filter of nothing but parentheses or negations, as deep as 256 bytes allow, is parsed and evaluated."""
    assert parse_filter(text).matches({"k": ""})


def test_the_tree_of_a_filter() -> None:
    """Negation binds closer than AND, and one operator joins all its terms."""
    tree: Expression = AllOf((Not(HasKey("a")), HasPrefix("b", "x"), AnyOf((HasKey("c"), Equals("d", "y")))))
    text = 'NOT attributes:a AND hasPrefix(attributes.b, "x") AND (attributes:c OR attributes.d = "y")'
    assert parse_filter(text) == tree
