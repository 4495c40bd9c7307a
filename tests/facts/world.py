"""A schema with every kind of attribute and look-up, and a mount that fits it."""

from __future__ import annotations

from pathlib import Path

SCHEMA = """
enums:
  role: [boss, helper, none]
  role_state: [held, left]
types:
  person:
    subject: true
    table: people
    key: id
    attributes:
      id: string
      email: {type: email, sensitive: true}
      lead: {type: person, optional: true}
      home: {type: team, optional: true, may_dangle: true}
      badge: {type: integer, optional: true, caller: true, default: 7}
    lookups:
      card: {finds: card, match: {person: this}}
      led: {finds: person, match: {lead: this}, several: first}
  team:
    table: teams
    key: id
    attributes:
      id: string
      founder: person
      fee: {type: decimal, default: 0.50}
      open: {type: boolean, optional: true}
      domains: {type: set of domain, optional: true}
      friends: {type: set of team, optional: true}
    lookups:
      seat:
        finds: seat
        arguments: {person: person}
        match: {team: this, person: person}
      held_by:
        finds: seat
        arguments: {email: email}
        match: {team: this, person.email: email}
        where: {state: held}
        several: first
      latest:
        finds: note
        arguments: {role: role}
        match: {seat.team: this, role: role}
        several: latest until
      earliest:
        finds: note
        arguments: {role: role}
        match: {seat.team: this, role: role}
        several: earliest until
      only: {finds: note, match: {team: this}}
  seat:
    table: seats
    key: [person, team]
    current: {state: held}
    implied: {team.founder: person}
    attributes:
      person: person
      team: team
      role: {type: role, only: [helper, none]}
      state: role_state
      giver: {type: person, optional: true}
  card: {table: cards, key: person, attributes: {person: person}}
  note:
    table: notes
    key: id
    attributes:
      id: string
      role: role
      seat: {type: seat, optional: true}
      team: {type: team, optional: true}
      until: {type: instant, optional: true}
  room: {key: id, attributes: {id: string, team: {type: team, caller: true}}}
"""

WORLD = {
    "people": """
- {id: ann, email: Ann@Acme.example, lead: bob, home: gone}
- {id: bob, email: bob@acme.example}
- {id: cy, email: cy@acme.example, lead: bob, badge: 8}
""",
    "teams": """
- {id: core, founder: ann, fee: 750.00, open: true, domains: [Acme.example], friends: [edge]}
- {id: edge, founder: bob}
""",
    "seats": """
- {team: core, person: bob, role: helper, state: held}
- {team: edge, person: cy, role: none, state: left}
""",
    "cards": "- {person: ann}\n",
    "notes": "[]\n",
}


def mount(tmp_path: Path, **tables: str) -> Path:
    directory = tmp_path / "data"
    directory.mkdir(exist_ok=True, parents=True)
    for name, text in (WORLD | tables).items():
        (directory / f"{name}.yaml").write_text(text)
    return directory
