"""Use cases of administration, one module for each noun, shared by command line and API. Each runs
in its caller's transaction.

Look-ups, lists and deletions are functions of `tongdai.store` alone; callers use those.
"""
