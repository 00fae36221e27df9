"""The notifier's messages over real PostgreSQL, and suppliers that really answer."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr

from chassis.database import Database
from chassis.logs import log
from contract.booking import Change, Language
from contract.envelope import Event
from contract.identity import Role
from contract.lobby import (
    AppointmentDelayed,
    MessageRead,
    MessageSent,
    PatientAdmitted,
    PatientAway,
    PatientBack,
    PatientLeft,
    PatientSummoned,
    PatientWaiting,
)
from dev.mailbox import Mailbox, post_office
from services.notifier import message_store, suppliers, words
from services.notifier.channels import Browser, Channels
from services.notifier.courier import Couriers, Sender
from services.notifier.flows import Notifier
from services.notifier.message import Channel, Message
from services.notifier.messages import Messages
from services.notifier.patients import Patients
from services.notifier.settings import NotifierSettings
from services.notifier.systems import Systems
from services.notifier.units import Units
from tests.chassis.conftest import NINE, Watch
from tests.keys import ORIGIN, a_visit, pem
from tests.notifier.events import PATIENT, booked, identified
from tests.notifier.suppliers import PushingBrowser, Supplier, supplier

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
EVERYTHING = """
    TRUNCATE appointment, notice, contact, attendee, subscription, message, switched_off,
             door, doorbell_word, doorbell, console, fact, inbox, outbox
"""
PHONE = "+358412345678"
DUTY_EMAIL = "testi-duty@example.test"
DUTY_PHONE = "+358457395678"
SECRETS = tuple(
    "whsec_" + base64.b64encode(bytes([each]) * 32).decode() for each in (1, 2)
)
_numbers = count(1)


def units(hook: str) -> Units:
    return Units.model_validate(
        {
            "units": {
                "u1": {
                    "duty": {
                        "email": DUTY_EMAIL,
                        "phone": DUTY_PHONE,
                        "language": "sv",
                    },
                    "webhook": {
                        "url": hook,
                        "secrets": SECRETS,
                        "events": [
                            "appointment.booked",
                            "patient.waiting",
                            "patient.admitted",
                        ],
                    },
                }
            }
        }
    )


@dataclass
class Desk:
    """Rooms, suppliers and short ways to say what happens in a test."""

    database: Database
    watch: Watch
    gateway: Supplier
    pushes: Supplier
    hooks: Supplier
    mailbox: Mailbox
    settings: NotifierSettings
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.follow(units(f"{self.hooks.url}/hook"))
        wording = words.load(ORIGIN)
        self.senders = suppliers.senders(self.settings, wording, self.watch)
        self.channels = Channels(
            self.database, self.watch, uuid4, "FI", texts=True, staff_kept=12 * HOUR
        )

    def follow(self, wanted: Units) -> None:
        """From now on units want this."""
        self.units = wanted
        self.messages = Messages(
            self.database, self.watch, self.units, timedelta(90), uuid4, lambda: 0.5
        )
        ears = (
            Patients(self.watch, uuid4, texts=True),
            Systems(self.watch, uuid4, self.units),
        )
        self.notifier = Notifier(self.database, self.watch, ears, self.woken.set)

    @property
    def couriers(self) -> Couriers:
        return self.couriers_of(self.messages)

    def couriers_of(self, messages: Messages) -> Couriers:
        return Couriers(messages, self.senders, self.woken, log("notifier"))

    def sender(self, channel: Channel) -> Sender:
        return self.senders[channel][0]

    async def close(self) -> None:
        for senders in self.senders.values():
            for each in senders:
                await each.rest()

    async def empty(self) -> None:
        """As at the beginning."""
        async with self.database.writing() as tx:
            await tx.execute(EVERYTHING)
        for each in (self.gateway, self.pushes, self.hooks):
            each.asked.clear()
        self.watch.shows = NINE

    async def hear(self, *events: Event) -> None:
        """As when Kafka brings them."""
        for event in events:
            if isinstance(event, Change):
                await self.notifier.change(event)
            else:
                await self.notifier.tell(event)

    async def deliver(self) -> None:
        """The couriers go until nothing is due."""
        for channel in Channel:
            while await self.couriers.deliver(channel, self.sender(channel)):
                pass

    async def queue(self, message: Message) -> bool:
        async with self.database.writing() as tx:
            return await message_store.queue(tx, message)

    async def told(self, appointment: str = "a-1") -> Sequence[Message]:
        async with self.database.reading() as tx:
            return await message_store.of_appointment(tx, appointment)

    async def told_people(self) -> list[Message]:
        return [each for each in await self.told() if each.channel != Channel.WEBHOOK]

    async def states(self, channel: Channel, appointment: str = "a-1") -> list[str]:
        return [
            f"{each.subject} {each.state}"
            for each in await self.told(appointment)
            if each.channel is channel
        ]

    async def browser(
        self, language: Language = Language.SWEDISH, person: UUID = PATIENT
    ) -> PushingBrowser:
        """One that the person has agreed to be told in."""
        made = PushingBrowser(self.pushes, f"b-{next(_numbers)}")
        session = a_visit(self.watch() + HOUR).model_copy(update={"sub": str(person)})
        subscribed: Browser = made.subscribed(language)
        await self.channels.subscribe(session, subscribed)
        return made

    @property
    def texts(self) -> list[dict[str, Any]]:
        return [each.json for each in self.gateway.asked]

    @property
    def called(self) -> list[dict[str, Any]]:
        return [each.json for each in self.hooks.asked]


@asynccontextmanager
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        gateway, pushes, hooks = [
            await stack.enter_async_context(supplier()) for _ in range(3)
        ]
        watch = Watch()
        post = await stack.enter_async_context(post_office(clock=watch))
        settings = NotifierSettings(
            database_url=SecretStr("postgresql://notifier@127.0.0.1/none"),
            kafka_servers="127.0.0.1:1",
            public_url=ORIGIN,
            session_keys_url="http://127.0.0.1:1/keys",
            smtp_url=SecretStr(post.smtp_url),
            smtp_tls="never",
            mail_from="Testi <t@visit.test>",
            vapid_key=pem(),
            push_hosts="127.0.0.1",
            sms_url=f"{gateway.url}/send",
            sms_secret=SecretStr("Bearer of-the-test"),
            plain_http_allowed=True,
            supplier_seconds=5,
        )
        made = Desk(database, watch, gateway, pushes, hooks, post.mailbox, settings)
        yield made
        await made.close()


def with_texts(
    language: Language = Language.SWEDISH, *, phone: str = PHONE, agreed: bool = True
) -> Change:
    """A booking whose patient has agreed to be sent text messages."""
    made = booked()
    patient = made.patient.model_copy(
        update={
            "phone": SecretStr(phone),
            "language": language,
            "text_messages": agreed,
        }
    )
    return made.model_copy(update={"patient": patient})


def who(role: Role = Role.PATIENT, person: UUID = PATIENT) -> Event:
    return identified(person=person).model_copy(update={"role": role})


def at(minutes: float) -> datetime:
    return NINE + minutes * MINUTE


def waiting_at(minutes: float, person: UUID = PATIENT) -> Event:
    return PatientWaiting(**_of(person, minutes), unit_id="u1")


def away(minutes: float, person: UUID = PATIENT) -> Event:
    return PatientAway(**_of(person, minutes), unit_id="u1")


def back(minutes: float, person: UUID = PATIENT) -> Event:
    return PatientBack(**_of(person, minutes), unit_id="u1")


def left(minutes: float, person: UUID = PATIENT) -> Event:
    return PatientLeft(**_of(person, minutes), unit_id="u1")


def summoned(minutes: float, person: UUID = PATIENT) -> Event:
    return PatientSummoned(
        **_of(person, minutes), professional_id="p1", until=at(minutes + 3)
    )


def admitted_at(minutes: float, person: UUID = PATIENT) -> Event:
    return PatientAdmitted(**_of(person, minutes), professional_id="p1")


def written(minutes: float, number: int = 1) -> Event:
    return MessageSent(
        **_of(PATIENT, minutes), message_id=UUID(int=number), professional_id="p1"
    )


def read(minutes: float, number: int = 1) -> Event:
    return MessageRead(**_of(PATIENT, minutes), message_id=UUID(int=number))


def late(minutes: int, said: float, *, inferred: bool = False) -> Event:
    return AppointmentDelayed(
        source="/lobby",
        appointment_id="a-1",
        minutes=minutes,
        inferred=inferred,
        time=at(said),
    )


def _of(person: UUID, minutes: float) -> dict[str, Any]:
    return {
        "source": "/lobby",
        "appointment_id": "a-1",
        "person_id": person,
        "at": at(minutes),
    }


def codes_of(message: Message) -> str:
    return json.dumps(dict(message.codes))
