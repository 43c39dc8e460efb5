"""The extra of Rookery that installs a missing package, and the command for it: no hint names an index of packages."""

from __future__ import annotations

from typing import Final

EXTRAS: Final = {
    "aiohttp": "broker",
    "cryptography": "oidc",
    "google.auth": "oidc",
    "google.cloud.pubsub": "publisher",
    "google.cloud.storage": "storage",
    "google.pubsub_v1": "publisher",
    "grpc": "publisher",
    "hcl2": "load",
    "httptools": "worker",
    "locust": "load",
    "matplotlib": "load",
    "numpy": "worker",
    "openpyxl": "frames",
    "opentelemetry": "tracing",
    "orjson": "worker",
    "pandas": "frames",
    "plotly": "watch",
    "prometheus_client": "worker",
    "psutil": "load",
    "pyarrow": "parquet",
    "python_calamine": "frames",
    "requests": "device",
    "sklearn": "training",
    "swagger_ui_bundle": "worker",
    "uvloop": "worker",
    "xgboost": "worker",
    "zstandard": "bulk",
}
"""Module to the extra of pyproject.toml that brings it; a submodule counts as the longest name here that it begins with."""


def install_hint(module: str | None) -> str:
    """Return the sentence that says how to install what a missing module belongs to, e.g. `matplotlib.pyplot`."""
    extra = extra_of(module or "")
    return f"pip install '.[{extra}]' in the folder of Rookery's pyproject.toml installs it."


def extra_of(module: str) -> str:
    """Return the extra for a module; `all`, which brings everything, where no smaller one is known."""
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((EXTRAS[name] for name in names if name in EXTRAS), "all")
