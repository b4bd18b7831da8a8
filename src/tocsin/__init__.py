"""Tocsin: an open, self-hosted server for triggered customer messaging."""

__version__ = "0.1.0"
