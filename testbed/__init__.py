"""All that a trial of a whole tongdai needs: it runs as an operator runs it, phones and carriers
call, subscribers listen. Tests, chaos and benchmarks stand on it; it imports from none of them.
"""
