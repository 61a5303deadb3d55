"""A test event: one POST to a subscription's URL at once, outside of the log."""

import time
from datetime import UTC, datetime
from uuid import UUID

from tongdai.store import checks, deliveries, subscriptions
from tongdai.webhooks import sign
from tongdai.webhooks.client import Client


class Trial:
    """Sends in the same way as the dispatcher, but only once."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send(
        self, subscription: subscriptions.Subscription, event_uuid: UUID, body: bytes
    ) -> deliveries.Attempt:
        """The result of the POST. Raises errors.Invalid when the subscription's own values cannot
        be sent.
        """
        at = time.time()
        keys = [
            sign.key(secret)
            for secret in (subscription.secret, subscription.previous_secret)
            if secret
        ]
        headers = sign.headers(event_uuid, int(at), body, keys)
        if subscription.callback_apikey:
            checks.header_value(subscription.callback_apikey, "callback_apikey")
            headers["Authorization"] = subscription.callback_apikey
        options = subscription.options
        answer = await self._client.post(
            subscription.callback_url,
            checks.callback_headers(options.callback_headers) | headers,
            body,
            domain=subscription.domain_uuid,
            trusted=options.callback_ca,
        )
        return deliveries.Attempt(
            datetime.fromtimestamp(at, UTC),
            answer.status,
            int(answer.latency_s * 1000),
            answer.error,
        )
