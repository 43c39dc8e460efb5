"""Scheduling: topics and subscriptions as pure state machines; no clock, no network."""
