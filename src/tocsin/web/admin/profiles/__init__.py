"""Profiles: finding them, what is known of one, and changing it."""
