"""Addresses of a station's programs."""

from __future__ import annotations

from rookery.station.programs import addresses


def test_clients_of_this_machine_reach_a_broker_that_serves_every_address() -> None:
    """Setup, hints and live page name the loopback where the broker listens on all addresses, else its own."""
    assert addresses("0.0.0.0", 8085, 8080).broker == "127.0.0.1:8085"  # noqa: S104  nothing is bound
    assert addresses("192.0.2.1", 8085, 8080).broker == "192.0.2.1:8085"


def test_a_free_port_is_chosen_once() -> None:
    """A port 0 becomes a number, so that a program that is started again has its former address."""
    chosen = addresses("127.0.0.1", 0, 0)
    assert 0 not in (chosen.broker_port, chosen.worker_port)
    assert chosen.worker == f"http://127.0.0.1:{chosen.worker_port}"
