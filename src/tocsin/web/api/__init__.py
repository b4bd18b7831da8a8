"""Handlers, one file per noun; which path leads where stands in web/operations.py."""
