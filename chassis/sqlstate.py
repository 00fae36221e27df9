"""What PostgreSQL's answer means for whoever asked: one table, by SQLSTATE.

AWAY    the server, the way to it or the schema is not as we need it: wait, lose nothing
AGAIN   two met, and ours was undone: the same at once is right
FAULT   what was asked is wrong, and will be wrong the next time

The reasons: docs/decisions/0019-sqlstate.md. Codes: PostgreSQL's appendix A.
"""

from collections.abc import Mapping
from enum import StrEnum


class Verdict(StrEnum):
    AWAY = "away"
    AGAIN = "again"
    FAULT = "fault"


READ_ONLY = "25006"

# What a schema lacks while it is restored or its rights are given anew. The statements
# are literal, so no event can bring this about.
SCHEMA: Mapping[str, Verdict] = {
    "3F000": Verdict.AWAY,  # invalid_schema_name
    "42501": Verdict.AWAY,  # insufficient_privilege
    "42703": Verdict.AWAY,  # undefined_column
    "42704": Verdict.AWAY,  # undefined_object
    "42883": Verdict.AWAY,  # undefined_function
    "42P01": Verdict.AWAY,  # undefined_table
    "42P10": Verdict.AWAY,  # invalid_column_reference: ON CONFLICT without its unique key
}

# Classes by two letters, conditions by five; the longer wins, and the rest is a fault.
TABLE: Mapping[str, Verdict] = {
    "08": Verdict.AWAY,  # connection exceptions
    READ_ONLY: Verdict.AWAY,  # read_only_sql_transaction: a fail-over
    "25P03": Verdict.AWAY,  # idle_in_transaction_session_timeout
    "25P04": Verdict.AWAY,  # transaction_timeout
    "26000": Verdict.AGAIN,  # invalid_sql_statement_name: prepared by another connection
    "28": Verdict.AWAY,  # a refused login: the password is being changed
    "3D000": Verdict.AWAY,  # invalid_catalog_name: the database is being restored
    "40": Verdict.AGAIN,  # transaction rollback: serialization, deadlock
    "53": Verdict.AWAY,  # insufficient resources: disk, memory, connections
    "55": Verdict.AWAY,  # not in prerequisite state: a lock, recovery
    "55P02": Verdict.FAULT,  # cant_change_runtime_param
    "55P04": Verdict.FAULT,  # unsafe_new_enum_value_usage
    "57": Verdict.AWAY,  # operator intervention: shutdown, cancelled
    "58": Verdict.AWAY,  # system error
    "72": Verdict.AGAIN,  # snapshot too old
    "F0": Verdict.AWAY,  # configuration file error
    "XX": Verdict.AWAY,  # internal error: a bug or a broken file of the server
    **SCHEMA,
}


def verdict(code: str) -> Verdict:
    """By the whole code, else by its class."""
    return TABLE.get(code) or TABLE.get(code[:2]) or Verdict.FAULT
