"""Why nothing came from Kafka, and what is done about it. Pure.

never readable   dead-lettered by its position, and the partition goes on behind it
position is gone the partition goes on at the oldest record that is left
may pass         tried again with growing pauses; other partitions go on meanwhile
of the group     the consumer starts again, with growing pauses
"""

from enum import StrEnum

from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    KafkaConnectionError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnsupportedCodecError,
)

from contract.envelope import Lost


class Kind(StrEnum):
    """The label `kind` of the metric, and the field of the log."""

    CORRUPT = Lost.CORRUPT
    UNKNOWN_CODEC = Lost.UNKNOWN_CODEC
    UNDECODABLE = Lost.UNDECODABLE
    TOO_LARGE = Lost.TOO_LARGE
    NO_POSITION = "no_position"
    OUT_OF_RANGE = "out_of_range"
    FORBIDDEN = "forbidden"
    TOPIC_MISSING = "topic_missing"
    NOT_FETCHED = "not_fetched"
    COMMIT = "commit"
    GROUP = "group"
    UNREACHABLE = "unreachable"


UNREADABLE = {
    Kind.CORRUPT: Lost.CORRUPT,
    Kind.UNKNOWN_CODEC: Lost.UNKNOWN_CODEC,
    Kind.UNDECODABLE: Lost.UNDECODABLE,
    Kind.TOO_LARGE: Lost.TOO_LARGE,
}
_KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (CorruptRecordException, Kind.CORRUPT),
    (UnsupportedCodecError, Kind.UNKNOWN_CODEC),
    (RecordTooLargeError, Kind.TOO_LARGE),
    (NoOffsetForPartitionError, Kind.NO_POSITION),
    (OffsetOutOfRangeError, Kind.OUT_OF_RANGE),
    (TopicAuthorizationFailedError, Kind.FORBIDDEN),
    (KafkaError, Kind.GROUP),  # the rest of what the client says is about the group
    (ConsumerStoppedError, Kind.GROUP),
)


def kind_of(error: Exception) -> Kind:
    """What an error of one partition's fetch is.

    What is no error of Kafka's comes out of a decompressor or a decoder.
    """
    kinds = (kind for error_type, kind in _KINDS if isinstance(error, error_type))
    return next(kinds, Kind.UNDECODABLE)


def is_away(error: Exception) -> bool:
    """Whether Kafka is not reached, rather than refusing us."""
    return isinstance(error, OSError | KafkaConnectionError | RequestTimedOutError)


def pause(failures: int, first: float, longest: float) -> float:
    """Seconds before the next try, after so many failures in a row."""
    return float(min(longest, first * 2 ** min(failures, 20)))
