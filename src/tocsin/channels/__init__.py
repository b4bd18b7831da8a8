"""The outside world: one file per way out. Knows no database."""
