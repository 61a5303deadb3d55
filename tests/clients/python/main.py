"""A CRM on the client that openapi-python-client generates. It runs beside that client, by a
Python that has what both need (tests/clients/conftest.py).
"""

import json
import os
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from client import AuthenticatedClient, Client
from client.api.authentication import get_token, login
from client.api.cd_rs import get_cdr, list_cdrs
from client.api.click_to_call import click2call
from client.api.events import (
    create_subscription,
    delete_subscription,
    list_subscriptions,
    read_feed,
)
from client.api.recordings import get_recording
from client.models import (
    AccountFound,
    ApiKey,
    Called,
    CallRecord,
    CdrEvent,
    Click,
    Created,
    Credentials,
    Deleted,
    EndpointDisabledEvent,
    FeedPage,
    ListCdrsDirectionItem,
    ListCdrsStatusItem,
    NewSubscription,
    Page,
    Problem,
    ReadFeedEventItem,
    Subscriptions,
    TokenGranted,
)
from client.types import UNSET, File
from httpx import Timeout

T = TypeVar("T")
URL = os.environ["API"]


def given(kind: type[T], answer: object) -> T:
    """The answer, which must be of that kind."""
    assert isinstance(answer, kind), answer
    return answer


def logged_in() -> AuthenticatedClient:
    anybody = Client(base_url=URL)
    credentials = Credentials(os.environ["USERNAME"], os.environ["PASSWORD"])
    account = given(AccountFound, login.sync(client=anybody, body=credentials))
    granted = given(
        TokenGranted, get_token.sync(client=anybody, body=ApiKey(account.data.api_key))
    )
    return AuthenticatedClient(base_url=URL, token=granted.data.token, timeout=Timeout(40))


def subscribed(api: AuthenticatedClient) -> list[str]:
    """The secret of a new subscription, and its event as it is listed before and after it is
    deleted.
    """
    wanted = NewSubscription("http://127.0.0.1:9000/", "endpoint.disabled")
    made = given(Created, create_subscription.sync(client=api, body=wanted))
    listed = given(Subscriptions, list_subscriptions.sync(client=api))
    given(Deleted, delete_subscription.sync(made.id, client=api))
    left = given(Subscriptions, list_subscriptions.sync(client=api))
    names = [one.event_name for page in (listed, left) for one in page.data if one.id == made.id]
    return [given(str, made.data.secret), *names]


def ended(api: AuthenticatedClient, after: int, call_id: UUID) -> tuple[list[str], str]:
    """The states of the call as the feed has them, and the URL of its recording."""
    states: list[str] = []
    names = [ReadFeedEventItem(name) for name in ("ringing", "answered", "hangup", "cdr")]
    while True:
        page = given(FeedPage, read_feed.sync(client=api, after=after, wait=30, event=names))
        for event in (entry.body for entry in page.data):
            if isinstance(event, EndpointDisabledEvent) or event.call_id != call_id:
                continue
            states.append(event.state)
            if isinstance(event, CdrEvent):
                return states, event.recording_url
        after = page.next_


def listed(api: AuthenticatedClient, *extensions: str) -> list[CallRecord]:
    page = list_cdrs.sync(
        client=api,
        extension=[*extensions],
        direction=[ListCdrsDirectionItem.OUTBOUND, ListCdrsDirectionItem("2")],
        status=[ListCdrsStatusItem.ANSWERED, ListCdrsStatusItem.BUSY],
        limit=100,
    )
    return given(Page, page).data


def main() -> None:
    api = logged_in()
    subscription = subscribed(api)
    before = given(FeedPage, read_feed.sync(client=api, limit=1)).last_seq
    wanted = Click(201, "0900000002", customer_id=os.environ["CUSTOMER_ID"])
    called = given(Called, click2call.sync(client=api, body=wanted))
    states, recording_url = ended(api, before, called.call_id)
    calls = listed(api, "201", "202")
    record = given(CallRecord, get_cdr.sync(str(called.call_id), client=api))
    token = urlsplit(recording_url).path.rpartition("/")[2]
    played = given(File, get_recording.sync(token, client=Client(base_url=URL))).payload.read()
    missing = given(Problem, get_cdr.sync("nothing", client=api))
    refused = given(Problem, click2call.sync(client=api, body=Click("201", "x")))
    said = {
        "subscription": subscription,
        "states": states,
        "call_id": str(called.call_id),
        "record": str(record.call_id),
        "customer_id": record.customer_id,
        "listed": [str(one.call_id) for one in calls],
        "extensions": sorted({one.extension for one in calls}),
        "nobody": len(listed(api, "998", "999")),
        "recording": played[:4].decode(),
        "bytes": len(played),
        "missing": missing.error,
        "refused": [refused.error, None if refused.field is UNSET else refused.field],
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
