"""The threads of a node that tell people: one that looks for new records, one for each outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yilian.gateway.notices.senders import Inbox, Sender
from yilian.gateway.notices.smtp import Mail, Relay
from yilian.gateway.notices.webhook import Webhook
from yilian.gateway.notices.worker import Worker
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.notices import public_name
from yilian.gateway.practice.results import Announcer, Results
from yilian.node.config import ConfigurationError, NodeFolder, Notices
from yilian.node.engine import Engine


def senders(folder: NodeFolder, settings: Notices) -> list[Sender]:
    """Make the channels that a node's `node.json` names; the inbox is always one.

    Raises ConfigurationError for a network or mail relay that cannot be used.
    """
    made: list[Sender] = [Inbox()]
    try:
        if settings.webhook:
            made.append(Webhook(settings.networks))
        if settings.mail is not None:
            told = settings.mail
            relay = Relay(
                host=told.host,
                port=told.port,
                sender=told.sender,
                security=told.security,
                user=told.user,
                password=folder.mail_password(told),
            )
            made.append(Mail(relay))
    except ValueError as error:
        raise ConfigurationError(f"notices cannot be sent as node.json says: {error}") from error
    return made


class Telling:
    """All that tells people at a node, between `start` and `stop`."""

    def __init__(
        self,
        engine: Engine,
        organisations: Mapping[str, Organisation],
        channels: Sequence[Sender],
    ) -> None:
        self._engine = engine
        self._workers = []
        for organisation in organisations.values():
            vault = organisation.vault
            worker = Worker(vault.outbox, vault.desk, channels, self._name, vault.outbox.now)
            vault.outbox.on_put.append(worker.wake)
            self._workers.append(worker)
        self._announcer = Announcer([Results(each) for each in organisations.values()])
        engine.listen(self._announcer.wake)

    def start(self) -> None:
        """Start every thread."""
        for worker in self._workers:
            worker.start()
        self._announcer.start()

    def stop(self) -> None:
        """Stop every thread after what it is doing, the one that makes notices first."""
        self._announcer.stop()
        for worker in self._workers:
            worker.stop()

    def _name(self, organisation: str) -> str:
        return public_name(self._engine.state(), organisation)
