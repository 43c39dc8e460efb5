"""Readings out: the library for devices and programs, and bulk files, over Pub/Sub."""
