"""The name of a worker's subscription, without any of Google's clients."""

from __future__ import annotations


def subscription_of(topic: str) -> str:
    """Name the subscription of the worker to a topic, both whole."""
    return f"{topic.replace('/topics/', '/subscriptions/')}-worker"
