"""Use cases of administration, one module for each noun, shared by command line and API. Each runs
in its caller's transaction.

Look-ups, lists and deletions, and all of ring groups and queues, are functions of `tongdai.store`
alone; callers use those.
"""
