"""The engine, the only writer of live calls: signals come in, are decided by `pbx`, committed,
and then acted on.
"""
