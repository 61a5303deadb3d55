"""Sending one delivery: its body is rendered and signed, posted once, and judged."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from tongdai import dialects, errors, tracing
from tongdai.encryption import MasterKey
from tongdai.store import checks, deliveries, subscriptions
from tongdai.webhooks import metrics, retry, sign
from tongdai.webhooks.client import Client

_NOT_SENT = "not sent: the subscription is disabled"
_KEYS = 4096  # secrets that are kept in memory, decrypted


class Sent(msgspec.Struct, frozen=True):
    """The result of a POST, and its duration in seconds."""

    outcome: deliveries.Outcome
    latency_s: float


class Sender:
    """Sends deliveries of all domains. `chance`: random numbers from 0 to 1. `clock`: Unix
    seconds.
    """

    def __init__(
        self,
        master_key: MasterKey,
        client: Client,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._chance, self._clock = client, chance, clock
        self._apikey = lru_cache(_KEYS)(master_key.decrypt)
        self._own_headers = lru_cache(_KEYS)(
            lambda encrypted: subscriptions.headers(encrypted, master_key)
        )
        self._key = lru_cache(_KEYS)(lambda encrypted: sign.key(master_key.decrypt(encrypted)))

    def not_sent(self, delivery: deliveries.Delivery) -> deliveries.Outcome:
        """The outcome of a delivery of a disabled subscription."""
        at = datetime.fromtimestamp(self._clock(), UTC)
        attempt = deliveries.Attempt(at, 0, 0, _NOT_SENT)
        return deliveries.Outcome(delivery, "failed", attempt=attempt)

    async def send(self, delivery: deliveries.Delivery) -> Sent:
        """Posts the delivery once, unless it cannot be sent, and returns the outcome."""
        with tracing.span("webhook", of_call=_conversation(delivery), kind="client") as span:
            sent = await self._sent(delivery)
            _describe(span, delivery, sent.outcome)
        return sent

    async def _sent(self, delivery: deliveries.Delivery) -> Sent:
        at = self._clock()
        answer = await self._post(delivery, int(at))
        verdict = retry.judge(
            delivery.attempts + 1,
            answer,
            self._chance(),
            accept_redirects=delivery.accept_redirects,
        )
        self._count(delivery, verdict, answer)
        attempt = deliveries.Attempt(
            datetime.fromtimestamp(at, UTC),
            answer.status,
            int(answer.latency_s * 1000),
            answer.error,
        )
        outcome = deliveries.Outcome(
            delivery, verdict.state, verdict.delay_s, attempt, verdict.disable
        )
        return Sent(outcome, answer.latency_s)

    async def _post(self, delivery: deliveries.Delivery, timestamp: int) -> retry.Answer:
        """The result of the POST, or the reason that it could not be made."""
        try:
            body = dialects.event(
                delivery.dialect,
                delivery.event_name,
                delivery.facts,
                numbers_as_text=delivery.numbers_as_text,
            )
            headers = self._headers(delivery, timestamp, body)
        except dialects.Unknown:  # a dispatcher of that version delivers it at a later attempt
            return retry.Answer(error="the event was published by a newer version")
        except errors.Invalid as reason:
            return retry.Answer(
                error=f"{reason.field} cannot be used: {reason.why}", is_hopeless=True
            )
        except (errors.WrongMasterKey, ValueError):
            return retry.Answer(error="the subscription's secrets cannot be read")
        return await self._client.post(
            delivery.callback_url,
            headers,
            body,
            domain=delivery.domain_uuid,
            trusted=delivery.callback_ca,
        )

    def _headers(
        self, delivery: deliveries.Delivery, timestamp: int, body: bytes
    ) -> dict[str, str]:
        secrets = filter(None, (delivery.secret_encrypted, delivery.previous_secret_encrypted))
        keys = [self._key(secret) for secret in secrets]
        headers = sign.headers(delivery.event_uuid, timestamp, body, keys)
        if delivery.callback_apikey_encrypted:
            headers["Authorization"] = self._apikey(delivery.callback_apikey_encrypted)
            checks.header_value(headers["Authorization"], "callback_apikey")
        own = self._own_headers(delivery.callback_headers_encrypted)
        return checks.callback_headers(own) | headers

    def _count(
        self, delivery: deliveries.Delivery, verdict: retry.Verdict, answer: retry.Answer
    ) -> None:
        metrics.attempts[verdict.state].inc()
        metrics.latency.observe(answer.latency_s)
        if verdict.state == "delivered":
            metrics.age.observe(max(0.0, self._clock() - delivery.created_at.timestamp()))


class _OfCall(msgspec.Struct):
    """What a trace needs of an event's facts."""

    conversation_id: UUID | None = None


def _conversation(delivery: deliveries.Delivery) -> UUID | None:
    """The call of the event; None where it is of none, or where there are no traces."""
    if not tracing.is_on():
        return None
    return msgspec.json.decode(delivery.facts, type=_OfCall).conversation_id


def _describe(
    span: tracing.Span, delivery: deliveries.Delivery, outcome: deliveries.Outcome
) -> None:
    if not (tracing.is_on() and outcome.attempt):
        return
    span.set(
        {
            "server.address": urlsplit(delivery.callback_url).hostname or "",
            "http.response.status_code": outcome.attempt.status,
            "tongdai.event": delivery.event_name,
            "tongdai.webhook_id": str(delivery.event_uuid),
            "tongdai.attempt": delivery.attempts + 1,
            "tongdai.outcome": outcome.state,
        }
    )
    if outcome.state != "delivered":
        span.fail(outcome.attempt.error or str(outcome.attempt.status))
