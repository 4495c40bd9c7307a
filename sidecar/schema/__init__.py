"""The entity types, attributes and values that policies and facts share."""

from sidecar.schema.caller_values import parse_json
from sidecar.schema.loader import read_schema
from sidecar.schema.model import (
    ABSENT,
    Action,
    Attribute,
    EntityType,
    EnumValue,
    Key,
    Kind,
    Lookup,
    Schema,
    Value,
    ValueType,
)
from sidecar.schema.reasons import Sentences, read_sentences, standard_reasons
from sidecar.schema.settings_loader import read_settings
from sidecar.schema.values import id_of, is_id, key_of, key_reader, parse_text

__all__ = [
    "ABSENT",
    "Action",
    "Attribute",
    "EntityType",
    "EnumValue",
    "Key",
    "Kind",
    "Lookup",
    "Schema",
    "Sentences",
    "Value",
    "ValueType",
    "id_of",
    "is_id",
    "key_of",
    "key_reader",
    "parse_json",
    "parse_text",
    "read_schema",
    "read_sentences",
    "read_settings",
    "standard_reasons",
]
