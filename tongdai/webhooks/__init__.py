"""Tells: events go to the subscribers' callback URLs, signed, again and again until they are
taken.
"""
