"""Observability: metrics, logs, traces and drift; nothing here decides over an answer."""
