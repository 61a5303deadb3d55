"""Decisions: pure functions and frozen structs, without I/O, clock, log or randomness."""
