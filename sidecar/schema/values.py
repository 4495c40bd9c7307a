"""Values: what may stand in a row, a setting or a property, and the one way each is kept.

Two readers, for two kinds of writer: `parse_text` for YAML and tables, `parse_json` for requests.
"""

from sidecar.schema.caller_values import parse_json
from sidecar.schema.model import ABSENT, Key, Scalar, Value
from sidecar.schema.stored_values import (
    id_of,
    is_id,
    is_null,
    key_of,
    key_reader,
    not_one_of,
    parse_instant,
    parse_proposed,
    parse_text,
)

__all__ = [
    "ABSENT",
    "Key",
    "Scalar",
    "Value",
    "id_of",
    "is_id",
    "is_null",
    "key_of",
    "key_reader",
    "not_one_of",
    "parse_instant",
    "parse_json",
    "parse_proposed",
    "parse_text",
]
