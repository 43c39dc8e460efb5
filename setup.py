"""Packages: the folders at the top of the clone, under the one importable name `rookery`.

Everything else about the distribution is in pyproject.toml; setuptools finds no packages below a renamed folder itself.
"""

from __future__ import annotations

from setuptools import find_packages, setup

FOLDERS = ("broker", "data", "load", "publisher", "schemas", "training", "worker")
"""Folders that are imported as `rookery.<folder>`."""

packages = ["rookery", *(f"rookery.{name}" for name in find_packages("rookery"))]
for folder in FOLDERS:
    packages += [f"rookery.{folder}", *(f"rookery.{folder}.{name}" for name in find_packages(folder))]

setup(
    packages=packages,
    package_dir={f"rookery.{folder}": folder for folder in FOLDERS} | {"rookery": "rookery"},
)
