"""A simulated carrier and robot phones on a second private Asterisk: real SIP, real audio, no
hardware.
"""
