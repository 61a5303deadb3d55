"""Event subscriptions: trying one out."""

from datetime import UTC, datetime

from tongdai import errors, ids, messages
from tongdai.pbx import events, samples
from tongdai.store import subscriptions


def sample(subscription: subscriptions.Subscription, domain_name: str) -> events.Event:
    """An event of the subscription's name, as it would be made now. Raises errors.Invalid where
    there is no such event.
    """
    domain_uuid, wanted = subscription.domain_uuid, subscription.event_name
    for name in events.NAMES:
        if name == wanted:
            given = samples.Sample(call_uuid=ids.new(), at=datetime.now(UTC))
            return samples.sample(domain_uuid, domain_name, name, given)
    for of_recording in events.OF_RECORDINGS:
        if of_recording == wanted:
            given = samples.Sample(call_uuid=ids.new(), at=datetime.now(UTC))
            return samples.of_recording(domain_uuid, domain_name, of_recording, given)
    if wanted == events.DISABLED:
        return samples.notice(
            domain_uuid,
            domain_name,
            subscription.subscription_uuid,
            subscription.callback_url,
            datetime.now(UTC),
        )
    raise errors.Invalid(messages.NO_SUCH_EVENT(name=wanted), field="event")
