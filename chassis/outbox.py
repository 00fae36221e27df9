"""Events wait here, in the sender's own transaction, until Kafka has them."""

import json
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.database import Writer
from contract.envelope import Event, write


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where one service lays down what it has to say."""

    speaker: str
    clock: Clock

    async def record(self, tx: Writer, event: Event) -> None:
        """Say this when the transaction commits.

        The lock makes those who speak of one appointment number their events in the
        order in which they commit, which the sequence alone does not promise.
        """
        message = write(event.told_by(self.speaker, self.clock()))
        await tx.execute(
            """
            INSERT INTO outbox (topic, key, value, headers)
            SELECT $1, $2, $3, $4::jsonb
              FROM (SELECT pg_advisory_xact_lock(
                               hashtextextended(current_schema || encode($2, 'hex'), 0)),
                           pg_notify(current_schema || '_outbox', '')) AS my_turn
            """,
            message.topic,
            message.key,
            message.value,
            json.dumps({name: value.decode() for name, value in message.headers}),
        )
