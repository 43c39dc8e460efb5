"""A ticket: one answer for all who wait for it."""

from __future__ import annotations

from rookery.worker.batching.ticket import Ticket
from rookery.worker.errors import UnavailableError


async def test_a_tickets_first_answer_counts() -> None:
    """A second answer changes nothing."""
    ticket: Ticket[None] = Ticket(None, rows=1, size=1)
    ticket.resolve("answer")
    ticket.fail(UnavailableError("too late to matter"))
    assert await ticket == "answer"
