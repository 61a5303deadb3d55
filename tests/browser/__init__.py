"""Browser phones in a real browser."""
