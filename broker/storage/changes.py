"""Changes of topics and subscriptions, as statements of the store's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.broker.storage.rows import COLUMNS
from rookery.broker.storage.write_batch import ConfigChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEMA: Final = (
    "CREATE TABLE topics(name TEXT PRIMARY KEY, settings BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE subscriptions(number INTEGER PRIMARY KEY, settings BLOB NOT NULL)",
    "CREATE TABLE ids(highest INTEGER NOT NULL)",
    "INSERT INTO ids VALUES(0)",
)
"""Format 1. Each subscription has a table `messages_<number>` of its own."""
_SAVE_SUBSCRIPTION: Final = "INSERT OR REPLACE INTO subscriptions VALUES(?, ?)"


def save_topic(name: str, settings: bytes) -> ConfigChange:
    """Create or change a topic."""
    return ConfigChange([("INSERT OR REPLACE INTO topics VALUES(?, ?)", (name, settings))])


def delete_topic(name: str, detached: Mapping[int, bytes]) -> ConfigChange:
    """Delete a topic; its subscriptions, by number, stay with the settings given."""
    saved = [(_SAVE_SUBSCRIPTION, (number, settings)) for number, settings in detached.items()]
    return ConfigChange([("DELETE FROM topics WHERE name = ?", (name,)), *saved])


def create_subscription(number: int, settings: bytes) -> ConfigChange:
    """Create a subscription without messages."""
    table = f"CREATE TABLE {table_of(number)}({COLUMNS})"
    return ConfigChange([(table, ()), (_SAVE_SUBSCRIPTION, (number, settings))], created=frozenset({number}))


def update_subscription(number: int, settings: bytes) -> ConfigChange:
    """Change a subscription."""
    return ConfigChange([(_SAVE_SUBSCRIPTION, (number, settings))])


def clear_subscription(number: int, settings: bytes) -> ConfigChange:
    """Change a subscription and delete its messages."""
    cleared = f"DELETE FROM {table_of(number)}"  # noqa: S608  a name of ours
    return ConfigChange([(cleared, ()), (_SAVE_SUBSCRIPTION, (number, settings))])


def delete_subscription(number: int) -> ConfigChange:
    """Delete a subscription with its messages."""
    return ConfigChange(
        [
            (f"DROP TABLE {table_of(number)}", ()),
            ("DELETE FROM subscriptions WHERE number = ?", (number,)),
        ],
        dropped=frozenset({number}),
    )


def delete_everything(numbers: Iterable[int]) -> ConfigChange:
    """Delete every topic and the subscriptions with these numbers."""
    dropped = frozenset(numbers)
    tables: list[tuple[str, tuple[()]]] = [
        (f"DROP TABLE {table_of(number)}", ()) for number in sorted(dropped)
    ]
    return ConfigChange(
        [*tables, ("DELETE FROM subscriptions", ()), ("DELETE FROM topics", ())], dropped=dropped
    )


def table_of(number: int) -> str:
    """Name the table of a subscription's messages."""
    return f"messages_{int(number)}"
