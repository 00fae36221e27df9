"""`make demo`: the whole suite on one machine, without Docker.

Takes PORT (8000), MAIL_PORT (8025) and IDP_PORT (9000). Prints `ready`, then each
address on a line of its own. Stops at SIGINT and SIGTERM and leaves nothing behind.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import uvloop

from chassis import logs
from chassis.clock import now
from contract.catalogue import topics
from dev import booking, kafka, postgres, programs, seed
from dev.idp.app import identity_provider
from dev.mailbox import post_office
from dev.suite import Surroundings, in_one_process
from dev.texts import Text, Texts

PORT, MAIL_PORT, IDP_PORT = 8000, 8025, 9000


async def main() -> None:
    stopping = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)
    async with AsyncExitStack() as stack:
        addresses = await _start(stack)
        stack.enter_context(_told_to_make_book(addresses["kafka"]))
        print("ready")
        for name, address in addresses.items():
            print(f"{name}: {address}")
        sys.stdout.flush()
        await stopping.wait()


async def _start(stack: AsyncExitStack) -> dict[str, str]:
    port, mail_port, idp_port = _ports()
    ops_port = programs.free_port()
    server = await stack.enter_async_context(postgres.server())
    database = await stack.enter_async_context(postgres.database(server.admin))
    cluster = await stack.enter_async_context(kafka.built_in())
    # Each question costs by the partition, and the stand-in is asked fifty times a second.
    await kafka.create_topics(cluster.servers, topics(), partitions=1)
    post = await stack.enter_async_context(
        post_office(web_port=mail_port, texts=Texts(now, hear=_told_of))
    )
    around = Surroundings(
        url=f"http://localhost:{port}",
        idp_url=f"http://127.0.0.1:{idp_port}",  # another site than localhost
        kafka=cluster.servers,
        kafka_fetch_wait_ms=20,
        smtp_url=post.smtp_url,
        sms_url=post.sms_url,
        databases=database.services,
    )
    await stack.enter_async_context(identity_provider(*around.clients(), port=idp_port))
    await stack.enter_async_context(in_one_process(around, port, ops_port))
    await booking.publish(
        cluster.servers, [each.said(now()) for each in seed.bookings(now())]
    )
    return {
        "start": f"{around.url}/",
        "staff": f"{around.url}/staff",
        "mailbox": f"{post.url}/",
        "idp": f"{around.idp_url}/suomifi",
        "kafka": cluster.servers,
        "postgres": database.admin,
        "metrics": f"http://127.0.0.1:{ops_port}/metrics",
    }


def _told_of(text: Text) -> None:
    """A telephone that beeps: text messages of the demo go to nobody."""
    print(f"text message to {text.to}: {text.text}", flush=True)


@contextmanager
def _told_to_make_book(kafka: str) -> Iterator[None]:
    """`make book` finds the demo's Kafka here for as long as it runs."""
    booking.DEMO_KAFKA.parent.mkdir(exist_ok=True)
    booking.DEMO_KAFKA.write_text(kafka, encoding="utf-8")
    try:
        yield
    finally:
        booking.DEMO_KAFKA.unlink(missing_ok=True)


def _ports() -> tuple[int, ...]:
    names = {"PORT": PORT, "MAIL_PORT": MAIL_PORT, "IDP_PORT": IDP_PORT}
    return tuple(int(os.environ.get(name, given)) for name, given in names.items())


if __name__ == "__main__":
    logs.set_up(os.environ.get("LOG_LEVEL", "WARNING"))
    uvloop.run(main())
