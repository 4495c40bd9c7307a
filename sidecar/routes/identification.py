"""Read how the subject of a request is identified."""

from __future__ import annotations

import re

from sidecar.routes.model import Identification
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import Schema
from sidecar.schema.yaml_document import Faults, Members, Node

SUBJECT_MEMBERS = ("type", "header", "jwt")
JWT_MEMBERS = ("issuer", "audience", "claim")

_HEADER = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_RESERVED = re.compile(
    r"(?:authorization|cookie|host|connection|content-.*|transfer-encoding|proxy-.*|x-auth-.*"
    r"|x-original-.*|x-forwarded-.*|x-rewrite-.*|x-sidecar-.*|sidecar-.*|x-request-id|x-http-.*)"
)
"""Fields that clients, proxies or the sidecar itself use otherwise."""


def read_identification(node: Node, schema: Schema, faults: Faults) -> Identification | None:
    """Return how a subject is identified; None, and faults, if it is invalid."""
    found = len(faults.problems)
    members = faults.members(node, "subject", SUBJECT_MEMBERS)
    if len(faults.problems) > found:
        return None
    name = _subject_type(members, schema, faults)
    if ("header" in members.members) == ("jwt" in members.members):
        faults.add(
            members.line,
            "subject is identified by a header or by a JWT; write `header: x-user-id`, or "
            "`jwt: {issuer: ..., audience: ...}`",
        )
        return None
    identification = (
        _by_header(members, name, faults)
        if "header" in members.members
        else _by_jwt(members.members["jwt"], name, faults)
    )
    return identification if len(faults.problems) == found else None


def _subject_type(members: Members, schema: Schema, faults: Faults) -> str:
    subjects = schema.subjects()
    if "type" not in members.members:
        faults.add(members.line, f"subject has no type; write `type: {subjects[0]}`")
        return ""
    name = faults.member_text(members, "type", "subject")
    if name and name not in subjects:
        mend = nearest(name, subjects) or f"; write one of {one_of(subjects)}"
        faults.add(members.lines["type"], f"{shown(name)} is no type of subjects{mend}")
    return name


def _by_header(members: Members, type_name: str, faults: Faults) -> Identification:
    header = faults.member_text(members, "header", "subject").lower()
    line = members.lines["header"]
    if header and not _HEADER.fullmatch(header):
        faults.add(
            line, f"header {shown(header)} is no name; use letters, digits and single dashes"
        )
    elif _RESERVED.fullmatch(header):
        faults.add(line, f"header {shown(header)} has another use; name one like `x-user-id`")
    return Identification(type=type_name, header=header)


def _by_jwt(node: Node, type_name: str, faults: Faults) -> Identification:
    members = faults.members(node, "jwt", JWT_MEMBERS)
    for name in ("issuer", "audience"):
        if name not in members.members:
            faults.add(members.line, f"jwt has no {name}; write `{name}: ...`")
    claim = faults.member_text(members, "claim", "jwt")
    return Identification(
        type=type_name,
        issuer=faults.member_text(members, "issuer", "jwt"),
        audience=faults.member_text(members, "audience", "jwt"),
        claim=claim or "sub",
    )
