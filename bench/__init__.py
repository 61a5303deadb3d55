"""Benchmarks: tongdai beside a peer or a limit, in the same run on the same machine. `make bench`
runs them all.
"""
