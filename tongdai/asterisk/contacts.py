"""The registered contacts of extensions, ready to dial, queried from one Asterisk and cached."""

import asyncio

from tongdai.asterisk import ari, translate

QUERY_CHANNEL = "tongdai-query"  # carries our queries of contacts
ASK_AGAIN_S = 300.0


class Contacts:
    """Caches contacts until Asterisk reports a change of them, for at most `ask_again_s`.
    `changes` counts possible changes.
    """

    def __init__(self, app: str, ask_again_s: float = ASK_AGAIN_S) -> None:
        self._app, self.ask_again_s = app, ask_again_s
        self._known: dict[str, tuple[list[str], float]] = {}  # and until when (event loop's time)
        self.changes = 0

    def changed(self, endpoint: str) -> None:
        """A contact of the endpoint has come or gone."""
        self.changes += 1
        self._known.pop(endpoint, None)

    def forget(self) -> None:
        """The contacts of any endpoint may have changed."""
        self.changes += 1
        self._known.clear()

    async def of(self, link: ari.Link, endpoint: str) -> list[str]:
        """The endpoint's contacts, as Dial() takes them: PJSIP/101@domain/sip:101@192.0.2.7:5060.

        Raises errors.SwitchDown.
        """
        now = asyncio.get_running_loop().time()
        contacts, until = self._known.get(endpoint, ([], 0.0))
        if until > now:
            return contacts
        changes = self.changes
        contacts = await self._ask(link, endpoint)
        if contacts and changes == self.changes:  # a response from before a change is not cached
            self._known[endpoint] = contacts, now + self.ask_again_s
        return contacts

    async def create(self, link: ari.Link) -> None:
        """The channel that carries our questions is there."""
        create = {"endpoint": "Local/16@hangup", "app": self._app, "channelId": QUERY_CHANNEL}
        await link.request("POST", "channels/create", create)

    async def _ask(self, link: ari.Link, endpoint: str) -> list[str]:
        """Asks Asterisk. The dialplan function for contacts needs a channel. One Local channel,
        which calls nothing, serves all questions: a channel for each would take ten times as long.
        """
        uri, query = (
            f"channels/{QUERY_CHANNEL}/variable",
            {"variable": translate.contacts(endpoint)},
        )
        answer = await link.request("GET", uri, query)
        if answer.status_code == 404:  # the first question since Asterisk started
            await self.create(link)
            answer = await link.request("GET", uri, query)
        contacts = answer.json()["value"] if answer.is_ok else ""
        return [contact for contact in contacts.split("&") if contact]
