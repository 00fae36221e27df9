"""Logs: one JSON line per deed, constant text, ids as fields.

An exception is logged as its type and the places it passed, never with its message:
messages of libraries quote values (a database's, the row; a parser's, the input).
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Any, TextIO

import structlog
from stamina.instrumentation import (
    PrometheusOnRetryHook,
    RetryDetails,
    set_on_retry_hooks,
)
from structlog.typing import EventDict, FilteringBoundLogger, Processor

Log = FilteringBoundLogger


def log(service: str) -> Log:
    bound: Log = structlog.get_logger(service=service)
    return bound


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The exception, or those that its group holds, however deep."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    else:
        yield error


def trouble(error: BaseException) -> dict[str, Any]:
    """What may be logged of an exception; of a group, what is in it."""
    within = list(leaves(error))
    frames = traceback.extract_tb(within[0].__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    kinds = sorted({type(each).__name__ for each in within})
    return {"error": ", ".join(kinds), "places": places[-8:]}


def set_up(level: str, to: TextIO = sys.stdout) -> None:
    """Called once by whatever starts a process."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(to),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _without_message],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    set_on_retry_hooks([PrometheusOnRetryHook, _retrying])


def _without_message(_: object, __: str, event: EventDict) -> EventDict:
    """Of a library's record, keep where it came from: its text may quote anything."""
    record: logging.LogRecord = event["_record"]
    raised = record.exc_info[1] if record.exc_info else None
    told = trouble(raised) if raised else {}
    place = f"{record.pathname}:{record.lineno}"
    return {
        **event,
        **told,
        "event": "A library has something to say.",
        "logger": record.name,
        "place": place,
        "exc_info": None,
    }


def _retrying(details: RetryDetails) -> None:
    """In place of stamina's own line, which quotes arguments and the exception."""
    structlog.get_logger("stamina").warning(
        "It failed and is tried again.",
        what=details.name,
        tries=details.retry_num,
        pause=round(details.wait_for, 2),
        **trouble(details.caused_by),
    )
