"""Pulls: a trial of pull with a million readings."""
