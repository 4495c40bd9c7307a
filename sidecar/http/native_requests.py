"""What callers may ask in the short form of `/v1`: references are ``type:id``."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from sidecar.http import fast_decoder as quick
from sidecar.http.authzen_requests import Act, Entity, SoughtAct, Text

Short = Annotated[str, Meta(min_length=1, pattern=r"^[^:]+:[\s\S]+$", examples=["account:acme"])]
"""``type:id``, split at the first colon; the id may hold anything, further colons included."""

Seconds = Annotated[float, Meta(ge=0)]

Revision = Annotated[str, Meta(pattern=r"^[0-9a-f]{0,64}$", description="Of the facts.")]


class Authorize(Struct, frozen=True):
    """May this subject do this action on this resource?"""

    subject: Short | Entity
    action: Text | Act
    resource: Short | Entity
    context: dict[str, Any] = {}
    max_age: Seconds | UnsetType = UNSET
    min_revision: Revision = ""
    explain: bool = False


class AuthorizeMany(Struct, frozen=True):
    """Several questions at once; what one of them lacks is taken from beside `requests`."""

    requests: Annotated[
        list[Any],
        Meta(description="Each as a single question; a faulty one is denied and spoils no other."),
    ]


class Permissions(Struct, frozen=True):
    """What may this subject do on this resource?"""

    subject: Short | Entity
    resource: Short | Entity
    action: SoughtAct = {}
    context: dict[str, Any] = {}
    max_age: Seconds | UnsetType = UNSET
    min_revision: Revision = ""


class PermissionsOfMany(Struct, frozen=True):
    """What may this subject do on each of these resources?"""

    subject: Short | Entity
    resources: list[Short | Entity]
    action: SoughtAct = {}
    context: dict[str, Any] = {}
    max_age: Seconds | UnsetType = UNSET
    min_revision: Revision = ""


def entity(said: str | Entity | quick.Entity) -> Entity | quick.Entity:
    """Return what a reference stands for."""
    if not isinstance(said, str):
        return said
    name, _, identifier = said.partition(":")
    return Entity(name, identifier)
