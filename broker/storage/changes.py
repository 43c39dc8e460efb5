"""Changes of topics and subscriptions, as statements of the store's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.broker.storage import topic_logs
from rookery.broker.storage.segments.tables import creation, tables_of
from rookery.broker.storage.write_batch import ConfigChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEMA: Final = (
    "CREATE TABLE topics(name TEXT PRIMARY KEY, settings BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE subscriptions(number INTEGER PRIMARY KEY, settings BLOB NOT NULL, retains_since REAL NOT NULL DEFAULT 0)",
    "CREATE TABLE ids(highest INTEGER NOT NULL)",
    "INSERT INTO ids VALUES(0)",
    *topic_logs.CREATION,
)
"""Each subscription has two tables of its own, `segments_<number>` and `states_<number>`."""
_SAVE_SUBSCRIPTION: Final = (
    "INSERT INTO subscriptions(number, settings) VALUES(?, ?)"
    " ON CONFLICT(number) DO UPDATE SET settings = excluded.settings"
)
_OF_A_TOPIC: Final = (("topics", "name"), ("topic_logs", "topic"))


def nothing() -> ConfigChange:
    """Change nothing: it is synced once everything before it is."""
    return ConfigChange([])


def save_topic(name: str, settings: bytes, subscriptions: Mapping[int, bytes] | None = None) -> ConfigChange:
    """Create or change a topic, and its subscriptions, by number, that change with it."""
    saved = [(_SAVE_SUBSCRIPTION, each) for each in (subscriptions or {}).items()]
    return ConfigChange([("INSERT OR REPLACE INTO topics VALUES(?, ?)", (name, settings)), *saved])


def delete_topic(name: str, detached: Mapping[int, bytes]) -> ConfigChange:
    """Delete a topic; its subscriptions, by number, stay with the settings given."""
    saved = [(_SAVE_SUBSCRIPTION, (number, settings)) for number, settings in detached.items()]
    gone = [(f"DELETE FROM {table} WHERE {column} = ?", (name,)) for table, column in _OF_A_TOPIC]  # noqa: S608  names of ours
    return ConfigChange([*gone, *saved])


def create_subscription(number: int, settings: bytes, retains_since: float = 0.0) -> ConfigChange:
    """Create a subscription without messages."""
    tables = [(statement, ()) for statement in creation(number)]
    saved = update_subscription(number, settings, retains_since).statements
    return ConfigChange([*tables, *saved], created=frozenset({number}))


def update_subscription(number: int, settings: bytes, retains_since: float) -> ConfigChange:
    """Change a subscription; `retains_since` is when it began to retain acknowledged messages, in seconds since 1970."""
    since = "UPDATE subscriptions SET retains_since = ? WHERE number = ?"
    return ConfigChange([(_SAVE_SUBSCRIPTION, (number, settings)), (since, (retains_since, number))])


def clear_subscription(number: int, settings: bytes) -> ConfigChange:
    """Change a subscription and delete its messages."""
    cleared = [(f"DELETE FROM {table}", ()) for table in tables_of(number)]  # noqa: S608  a name of ours
    return ConfigChange([*cleared, (_SAVE_SUBSCRIPTION, (number, settings))])


def delete_subscription(number: int) -> ConfigChange:
    """Delete a subscription with its messages."""
    return ConfigChange(
        [
            *_dropped(number),
            ("DELETE FROM subscriptions WHERE number = ?", (number,)),
        ],
        dropped=frozenset({number}),
    )


def delete_everything(numbers: Iterable[int]) -> ConfigChange:
    """Delete every topic and the subscriptions with these numbers."""
    dropped = frozenset(numbers)
    tables = [each for number in sorted(dropped) for each in _dropped(number)]
    return ConfigChange(
        [
            *tables,
            ("DELETE FROM subscriptions", ()),
            ("DELETE FROM topics", ()),
            ("DELETE FROM topic_logs", ()),
        ],
        dropped=dropped,
    )


def _dropped(number: int) -> list[tuple[str, tuple[()]]]:
    return [(f"DROP TABLE {table}", ()) for table in tables_of(number)]
