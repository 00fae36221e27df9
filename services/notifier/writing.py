"""Where a message is put into words, encrypted or signed, before anything is sent."""

from collections.abc import Iterator
from contextlib import contextmanager


class Unwritable(Exception):
    """This message cannot be written. Says nothing of any other."""


@contextmanager
def writing() -> Iterator[None]:
    """What fails in here is the fault of one message: its words, an address, a key.

    What we need for all messages (our keys, our credentials) does not belong in here.
    """
    try:
        yield
    except Exception as error:
        raise Unwritable from error
