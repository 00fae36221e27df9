"""What the services log while a test listens; afterwards all is as it was before."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TextIO, TypeVar

import structlog
from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

from chassis import logs

To = TypeVar("To", bound=TextIO)


@contextmanager
def listening(level: str = "INFO") -> Iterator[StringIO]:
    """The lines as a process of ours writes them, wherever they went until now."""
    with writing(StringIO(), level) as lines:
        yield lines


@contextmanager
def writing(to: To, level: str = "INFO") -> Iterator[To]:
    root, before, hooks = (
        logging.getLogger(),
        structlog.get_config(),
        get_on_retry_hooks(),
    )
    handlers, least = root.handlers[:], root.level
    root.handlers[:] = []  # else they would be closed
    logs.set_up(level, to)
    try:
        yield to
    finally:
        structlog.configure(**before)
        set_on_retry_hooks(hooks)
        root.handlers[:] = handlers
        root.setLevel(least)
