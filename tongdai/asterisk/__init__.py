"""Drives the switch: Asterisk's programs, its private process, and ARI."""
