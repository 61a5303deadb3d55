"""Faults on purpose, and the reconciliation of what they cost, for docs/reliability.md."""
