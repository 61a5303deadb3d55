"""Webhooks: each event is posted to the subscribers' callback URLs, signed, and retried until an
endpoint accepts it.
"""
