"""SIP phones that others wrote, each a process of its own, behind one interface (softphone.py)."""
