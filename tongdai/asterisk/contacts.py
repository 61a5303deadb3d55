"""The registered contacts of extensions, ready to dial, asked of one Asterisk and remembered."""

import asyncio

from tongdai.asterisk import ari, translate

ASKER = "tongdai-asks"  # the channel that carries our questions
ASK_AGAIN_S = 300.0


class Contacts:
    """Contacts that were found are remembered until Asterisk reports a change of them, for
    `ask_again_s` at most. `changes` counts what may have changed them.
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
        """Any may have changed."""
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
        if contacts and changes == self.changes:  # an answer from before a change is not kept
            self._known[endpoint] = contacts, now + self.ask_again_s
        return contacts

    async def _ask(self, link: ari.Link, endpoint: str) -> list[str]:
        """The dialplan function that gives the contacts needs a channel. One Local channel, which
        calls nobody, stays for all questions: one for each would take ten times as long.
        """
        uri, query = f"channels/{ASKER}/variable", {"variable": translate.contacts(endpoint)}
        answer = await link.request("GET", uri, query)
        if answer.status_code == 404:  # the first question since Asterisk started
            create = {"endpoint": "Local/16@hangup", "app": self._app, "channelId": ASKER}
            await link.request("POST", "channels/create", create)
            answer = await link.request("GET", uri, query)
        contacts = answer.json()["value"] if answer.is_ok else ""
        return [contact for contact in contacts.split("&") if contact]
