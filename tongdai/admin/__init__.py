"""Use cases of administration, one module for each noun: what the command line and the API both do
to the configuration. Each works in a transaction that its caller begins.

A look-up, a list or a deletion is a verb of `tongdai.store` alone; callers ask for that directly.
"""
