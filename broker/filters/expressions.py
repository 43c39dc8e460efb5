"""Expressions of a filter; a message without attributes has an empty mapping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Expression(Protocol):
    """A condition on attributes."""

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether a message with these attributes is delivered."""
        ...


@dataclass(frozen=True, slots=True)
class HasKey:
    """`attributes:key`."""

    key: str

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether the attribute is there."""
        return self.key in attributes


@dataclass(frozen=True, slots=True)
class Equals:
    """`attributes.key = "value"`; its negation is `!=`, which is true of a message without the attribute."""

    key: str
    value: str

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether the attribute is there with this value."""
        return attributes.get(self.key) == self.value


@dataclass(frozen=True, slots=True)
class HasPrefix:
    """`hasPrefix(attributes.key, "prefix")`."""

    key: str
    prefix: str

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether the attribute is there and begins with the prefix."""
        value = attributes.get(self.key)
        return value is not None and value.startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class Not:
    """`NOT term` and `-term`."""

    term: Expression

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether the term is false."""
        return not self.term.matches(attributes)


@dataclass(frozen=True, slots=True)
class AllOf:
    """`term AND term ...`."""

    terms: tuple[Expression, ...]

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether every term is true."""
        return all(term.matches(attributes) for term in self.terms)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`term OR term ...`."""

    terms: tuple[Expression, ...]

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether at least one term is true."""
        return any(term.matches(attributes) for term in self.terms)
