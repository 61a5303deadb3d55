"""Clients by an API key."""

from typing import Any

from .api.authentication import get_token
from .client import AuthenticatedClient, Client
from .models import ApiKey, TokenGranted


class LoginRefused(Exception):
    """The API key is wrong, or the server refuses it now."""


def log_in(base_url: str, api_key: str, **options: Any) -> AuthenticatedClient:
    """A client with a token of the API key, which lives for a day unless the key says otherwise.
    `options` are of `AuthenticatedClient`. Raises LoginRefused.
    """
    granted = get_token.sync(client=Client(base_url=base_url), body=ApiKey(api_key))
    return _client(base_url, granted, options)


async def log_in_async(base_url: str, api_key: str, **options: Any) -> AuthenticatedClient:
    """As `log_in`, without blocking."""
    granted = await get_token.asyncio(client=Client(base_url=base_url), body=ApiKey(api_key))
    return _client(base_url, granted, options)


def _client(base_url: str, granted: Any, options: dict[str, Any]) -> AuthenticatedClient:
    if not isinstance(granted, TokenGranted):
        raise LoginRefused(getattr(granted, "message", "no answer"))
    return AuthenticatedClient(base_url=base_url, token=granted.data.token, **options)
