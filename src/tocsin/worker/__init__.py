"""Time and the queue come in."""
