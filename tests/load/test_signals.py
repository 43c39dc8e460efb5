"""Signals: each of them ends a command like Ctrl-C, and none interrupts a step that must be whole."""

from __future__ import annotations

import asyncio
import signal

import pytest

from rookery.load.signals import SIGNALS, shutdown_event, signals_deferred, signals_interrupt


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_and_its_former_handler_returns(number: signal.Signals) -> None:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt inside, and are as before outside."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), signals_interrupt():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_deferred_signal_is_delivered_after_the_step() -> None:
    """The step finishes before the signal interrupts."""
    steps = []

    def command() -> None:
        with signals_deferred():
            signal.raise_signal(signal.SIGTERM)
            steps.append("finished")
        steps.append("never reached")

    with pytest.raises(KeyboardInterrupt), signals_interrupt():
        command()
    assert steps == ["finished"]


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_sets_the_event_of_the_loop(number: signal.Signals) -> None:
    """A server that waits for the event ends by any of the signals."""
    with shutdown_event() as shutdown:
        signal.raise_signal(number)
        await asyncio.wait_for(shutdown.wait(), 10)
    assert shutdown.is_set()
