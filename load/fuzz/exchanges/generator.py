"""Exchanges: an endless supply of random invalid connections, from a seed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from rookery.load.fuzz import connections
from rookery.load.fuzz.bodies import Bodies
from rookery.load.fuzz.exchanges import codings, framing, heads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rookery.load.fuzz.exchanges.exchange import Exchange

KINDS: Final[dict[Callable[[Random, bytes], Exchange], int]] = {
    codings.true: 6,
    codings.odd: 4,
    codings.false: 8,
    framing.in_chunks: 6,
    framing.broken_chunks: 6,
    framing.conflict: 5,
    framing.no_framing: 6,
    framing.another_length: 4,
    framing.expectation: 4,
    heads.target: 8,
    heads.fine: 4,
    heads.wrong: 6,
    heads.odd: 8,
    heads.unwrapped: 4,
    connections.split: 6,
    connections.half_closed: 6,
    connections.reset: 6,
    connections.no_http: 6,
    connections.mutated: 10,
    connections.predict: 2,
}
"""How often each is drawn; beside them pipelines, and bombs now and then, for each costs a worker 20 ms."""

_MOST_IN_A_ROW: Final = 12
_BOMB_SHARE: Final = 0.002
_PIPELINE_SHARE: Final = 0.05


class Exchanges:
    """The same seed gives the same exchanges in the same order."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(f"exchanges/{seed}")  # noqa: S311  repeatable, not secret
        self._bodies = iter(Bodies(seed))

    def __iter__(self) -> Iterator[Exchange]:
        dice = self._dice
        makers, weights = list(KINDS), list(KINDS.values())
        while True:
            share = dice.random()
            if share < _BOMB_SHARE:
                yield codings.bomb(dice, b"")
            elif share < _PIPELINE_SHARE:
                yield connections.pipeline(
                    dice, [self._body() for _ in range(dice.randint(2, _MOST_IN_A_ROW))]
                )
            else:
                (maker,) = dice.choices(makers, weights)
                yield maker(dice, self._body())

    def _body(self) -> bytes:
        return next(self._bodies).content
