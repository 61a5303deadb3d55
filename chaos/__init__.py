"""Faults on purpose, and a ledger that tells what they cost: what docs/reliability.md holds."""
