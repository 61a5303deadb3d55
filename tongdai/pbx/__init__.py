"""Decides. Pure functions and frozen structs: no I/O, no clock, no log, no chance."""
