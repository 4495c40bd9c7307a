"""Every known way in which Oso gives access away is tried here, and gives none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from sidecar.compiler import compile as compiling
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.errors import InvalidPackError
from sidecar.model import Reference, Request
from sidecar.polar import policy_checks
from sidecar.polar.names import Names
from tests.library import ACTOR, NOW, Asker, Library, allow, codes, forbid

SAME = "same(one, other) if one = other;"

# What holds for a document about which all is known, and for one about which little is.
CONDITIONS = [
    # an absent fact equals nothing, whatever is written around it
    ("doc.title = doc.subtitle", True, False),
    ("not doc.title = doc.subtitle", False, True),
    ("doc.title != doc.subtitle", False, True),
    ("not doc.title != doc.subtitle", True, False),
    ("doc.title = doc.title", True, False),
    ("doc.title == doc.title", True, False),
    ("x = doc.title and y = x and x = y", True, False),
    ("same(doc.title, doc.title)", True, False),
    ("x = doc.title and same(x, x)", True, False),
    ("x = doc.title and x in [doc.title]", True, False),
    ("share = doc.folder.share(doc.reviewer) and same(share, share)", False, False),
    ("doc.folder.share(doc.author) = doc.folder.share(doc.author)", False, False),
    ("doc.author = doc.author", True, False),
    ("user.boss = doc.author", False, False),
    ("user.boss.boss = doc.reviewer.boss.boss", False, False),
    ("doc.title.exists", True, False),
    ("doc.title.exists = false", False, True),
    ("not doc.title.exists = true", False, True),
    # nor has it an order
    ("doc.pages < 8", True, False),
    ("doc.pages >= 8", False, False),
    ("not doc.pages >= 8", True, True),
    ("not doc.pages < 8", False, True),
    ("not (doc.pages < 8 or doc.pages >= 8)", False, True),
    ("doc.price <= 750", True, False),
    ("doc.price < settings.most", False, False),
    ("not doc.price < settings.most", True, True),
    ("doc.due <= context.now", True, False),
    ("doc.due < context.now", False, False),
    ("not doc.due > context.now", True, True),
    ("forall(x in [1, 2], doc.pages > x)", True, False),
    ("forall(x in [1, 2], not doc.pages < x)", True, True),
    # patterns
    ('doc matches {title: "plan"}', True, False),
    ('not doc matches {title: "plan"}', False, True),
    ("doc matches Doc{author: User{guest: false}}", True, False),
    ("doc matches Doc{public: true, pages: 7}", True, False),
    ("doc matches User", False, False),
    ("not doc matches User", True, True),
    ("doc.title matches String", True, False),
    ("doc.pages matches Integer", True, False),
    ("doc.pages matches String", False, False),
    ("doc.price matches Decimal", True, False),
    ("doc.due matches Instant", True, False),
    ("doc.public matches Boolean", True, True),
    ("named(doc.stage)", True, False),
    # yes and no
    ("doc.public", True, False),
    ("not doc.public", False, True),
    ("doc.public = false", False, True),
    ("doc.secret", True, False),
    ("not doc.secret", False, True),
    ("doc.secret = false", False, False),
    ("doc.public = doc.secret", True, False),
    ("not (doc.public = doc.secret)", False, True),
    ("doc.exists = doc.public", True, False),
    # texts
    ('doc.title = "plan"', True, False),
    ('doc.title = "subject.id"', False, False),
    ('doc.title = "resource.title"', False, False),
    ('doc.title != "plan"', False, True),
    ('not doc.title == "plan"', False, True),
    ('doc.contact = "aNA@WORK.example"', True, False),
    ("doc.contact = user.email", True, False),
    ("settings.domains.includes(user.email.domain) = false", True, True),
    ('settings.domains.includes("MAIL.gmail.com") = true', True, True),
    # enumerated values and sets
    ('doc.stage in ["draft", "archived"]', False, True),
    ('doc.stage = stage and stage = "published"', True, False),
    ('doc.roles.includes("reader") = true', True, False),
    ('doc.roles.includes("writer") = false', True, True),
    ("doc.labels.includes(doc.title) = true", True, False),
    ("doc.labels.includes(doc.title) = false", False, True),
    ("not doc.labels.includes(settings.word) = true", True, True),
    # entities
    ("doc = user", False, False),
    ("not doc = user", True, True),
    ("doc.author = user", True, False),
    ("user = doc.author", True, False),
    ("doc.folder.parent.owner = doc.author", True, False),
    ("doc.folder.parent.exists = false", False, True),
    ("doc.author.exists", True, False),
    ("doc.folder.share(user).exists = false", True, True),
    ('doc.folder.parent.shared_as("reader").user = doc.reviewer', True, False),
    # what nothing is asked about
    ("5 = 5", True, True),
    ("1 in [1, 2] and not 3 in [1, 2]", True, True),
    ("x in [1, 2, 3] and x > 2", True, True),
    ('action.role = "reader"', False, False),
    ("context.network = context.network", False, False),
    ("not context.trusted", True, True),
]  # fmt: skip

HELPERS = (SAME, 'named(text: String) if text = "published";')


@pytest.mark.parametrize(("condition", "full", "bare"), CONDITIONS, ids=[c[0] for c in CONDITIONS])
def test_a_condition_means_the_same_compiled_and_asked(
    library: Library,
    condition: str,
    full: bool,  # noqa: FBT001 - a table
    bare: bool,  # noqa: FBT001 - a table
) -> None:
    granting = library.asker(allow(condition, *HELPERS))
    forbidding = library.asker(forbid(condition, *HELPERS))

    for doc, holds in (("full", full), ("bare", bare)):
        assert granting("ana", "view", f"doc:{doc}") == (() if holds else ("not_granted",))
        assert forbidding("ana", "view", f"doc:{doc}") == (("no",) if holds else ())


# --- style.md, part 2: what a forbid could not survive in plain Oso ------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        "doc.archivd = true",
        "not open(doc)",
        "forall(x in [1, 2], doc.membrs = x)",
        "forall(x in [1, 2], not doc.rol = x)",
        "doc matches {archivd: true}",
        "not doc matches {archivd: true}",
        "patterned(doc)",
        "not patterned(doc)",
    ],
)
def test_a_field_that_does_not_exist_neither_grants_nor_fails_to_forbid(
    library: Library, condition: str
) -> None:
    helpers = ("open(doc) if doc.archivd = true;", "patterned(_: Doc{archivd: true});")

    for policy in (allow(condition, *helpers), forbid(condition, *helpers)):
        assert any("no" in each and "main.polar:" in each for each in library.refusals(policy))


@pytest.mark.parametrize(
    "condition",
    [
        "not open(doc)",
        "forall(x in [1, 2], not open(doc))",
        "not doc matches {folder: x} and x = doc.folder",
        "not (doc.public = 1)",
        'not doc.("archivd") = true',
        "not doc matches {archivd: true}",
        "forall(x in [1], doc.pages = doc.title)",
    ],
)
def test_no_error_is_lost_where_oso_would_lose_it(
    library: Library, condition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_linters(monkeypatch)
    helper = "open(doc) if doc.archivd = true;"

    for policy in (allow(condition, helper), forbid(condition, helper)):
        assert library.refusals(policy) or condition.endswith("x = doc.folder")


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("x = new User() and x = user", "nothing can be made in a policy"),
        ("debug()", "`debug` would wait at the terminal"),
        ('print("a")', "the rule prints"),
        ("x in doc.labels and x = user", "`in` cannot go through a fact"),
        ('"a".__class__.__base__ = user', "`__class__` cannot be read of a value that is no fact"),
        (
            '"".join(["__cla", "ss__"]) = x and "a".(x) = user',
            "an argument of `join` is not known yet, or is no single value",
        ),
        ('x = "__class__" and "a".(x) = user', "`__class__` cannot be read of a value"),
        ('x = "__class__" and doc.(x) = user', "`doc` has no `__class__`"),
        ('doc.("__init__") = user', "`doc` has no `__init__`"),
        ("List.__name__ = user", "`__name__` cannot be read of a value that is no fact"),
        ("User.__subclasses__() = user", "`__subclasses__` is no look-up"),
        ("context.__dict__ = user", "the context has no `__dict__`"),
        ("action.__dict__ = user", "the action `view` has no `__dict__`"),
        ("settings.__dict__ = user", "there is no setting `__dict__`"),
        ("nil.foo = user", "`foo` cannot be read of a value that is no fact"),
        ("nil = doc.title", "an absent fact equals nothing; ask whether it `.exists`"),
        ("[1, 2].count(1) = 1", "`count` is no look-up"),
        ("{a: 1}.keys() = 1", "`keys` is no look-up"),
        ("doc.folder.share(user: user) = user", "`share` takes no named arguments"),
        ("doc.title() = user", "`title` of `doc` is no look-up"),
        ("doc.stage.title = user", "a `stage` has no `title`"),
        ("doc.title.__class__ = user", "a `string` has no `__class__`"),
        ("doc.exists.exists = user", "`exists` cannot be read of a value that is no fact"),
        ("doc.pages + 1 = 8", "these values can neither be compared nor computed with"),
        ("doc matches Dok", "Oso failed"),
        ("doc matches Doc{folder: Dok{}}", "Oso failed"),
        ("limit > 5 and limit < 3", "a variable is compared before any condition"),
        ("x.foo = 1 and x.foo = 2", "a variable is compared before any condition"),
        ("x = doc.pages and x and doc.public", "(integer) is compared with `true`"),
        ("doc.folder.share(x).exists = true and x = user", "an argument of `share` is not known"),
    ],
)
def test_the_hook_refuses_what_no_linter_would_have_seen(
    library: Library, condition: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_linters(monkeypatch)

    refusals = library.refusals(allow(condition))

    assert any(message in each for each in refusals), refusals


def without_linters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every text through to Oso, and take its warnings for nothing."""
    for name in ("check_constructs", "check_variables", "check_calls", "check_literals"):
        monkeypatch.setattr(policy_checks, name, lambda *_: ())
    monkeypatch.setattr(compiling, "_warnings", lambda *_: ())
    monkeypatch.setattr(Names, "check", lambda *_: ())


# --- design.md: other traps of Oso's -------------------------------------------------------------

ORDER = (
    "allow(_: User, _: Action, doc: Doc) if doc.public;\n",
    "allow(_: User, _: Action, doc: Doc) if doc.title = doc.pages;\n",
)


@pytest.mark.parametrize("rules", [ORDER, ORDER[::-1]], ids=["before", "after"])
def test_a_fault_beside_a_grant_refuses_the_policy_in_either_order(
    library: Library, rules: tuple[str, str]
) -> None:
    refusals = library.refusals(ACTOR, *rules)

    assert len(refusals) == 1
    assert "`resource.title` (string) is compared with `resource.pages` (integer)" in refusals[0]


def test_all_reasons_are_told_whatever_their_order(library: Library) -> None:
    rules = [
        'forbid(_: User, _: Action, _: Doc{public: true}, "never");\n',
        'forbid(_: User, _: Action, doc: Doc, "no") if doc.title = "plan";\n',
        "allow(_: User, _: Action, _: Doc);\n",
    ]

    forward = library.asker(ACTOR, *rules)("ana", "view", "doc:full")
    backward = library.asker(ACTOR, *rules[::-1])("ana", "view", "doc:full")

    assert set(forward) == set(backward) == {"no", "never"}


def test_an_unknown_subject_resource_type_or_action_is_denied(library: Library) -> None:
    ask = library.asker(ACTOR, "allow(_: User, _: Action, _);\n")

    assert ask("nobody", "view", "doc:bare") == ("unknown_subject",)
    assert ask("ana", "view", "doc:nothing") == ("unknown_resource",)
    assert ask("ana", "fly", "doc:bare") == ("unknown_action",)
    assert ask("ana", "?", "doc:bare") == ("unknown_action",)
    assert ask("ana", "make", "doc:bare") == ("already_exists",)
    assert ask("ana", "make", "doc:new") == ()
    assert "unknown_resource" in ask("ana", "view", "planet:earth")
    assert ask("ana", "view", "doc:bare") == ()


@pytest.mark.parametrize(
    ("action", "resource", "reasons"),
    [
        ("view", "doc:bare", {"unknown_subject"}),
        ("view", "doc:nothing", {"unknown_subject", "unknown_resource"}),
        ("fly", "doc:bare", {"unknown_subject", "unknown_action"}),
        ("make", "doc:bare", {"unknown_subject", "already_exists"}),
        ("make", "doc:new", {"unknown_subject"}),
        ("view", "box:a", {"unknown_subject", "unknown_resource"}),
        ("view", "planet:earth", {"unknown_subject", "unknown_resource"}),
        ("fly", "planet:earth", {"unknown_subject", "unknown_resource", "unknown_action"}),
    ],
)
def test_a_subject_of_no_type_is_told_about_the_resource_as_a_missing_one_is(
    library: Library, action: str, resource: str, reasons: set[str]
) -> None:
    ask = library.asker(ACTOR, "allow(_: User, _: Action, _);\n")
    request = Request(
        subject=Reference("robot", "r2"),
        action=action,
        resource=Reference(*resource.split(":")),
    )

    decision = authorize(request, ask.policy, ask.snapshot, NOW)

    assert set(codes(decision)) == set(ask("nobody", action, resource)) == reasons


@pytest.mark.parametrize(
    "identifier",
    ["", "\0", "a\nb", "\ud800", "../users", "bare ", " bare", "BARE", "bare/", "x" * 10_000],
)
def test_a_strange_id_is_nobodys(library: Library, identifier: str) -> None:
    ask = library.asker(
        ACTOR,
        "allow(user: User, _: Action, doc: Doc) if same(user.id, doc.id);\n",
        "allow(user: User, _: Action, note: Note) if same(user.id, note.id);\n",
        SAME,
    )

    assert ask(identifier, "view", f"doc:{identifier}") == ("unknown_subject", "unknown_resource")
    assert ask("ana", "view", f"doc:{identifier}") == ("unknown_resource",)
    assert ask(identifier, "view", f"note:{identifier}")[0] == "unknown_subject"


@pytest.mark.parametrize("identifier", ["", "/", "a/", "/b", "a"])
def test_an_id_that_no_entity_can_have_is_unknown_even_where_nobody_mounts(
    library: Library, identifier: str
) -> None:
    ask = library.asker(ACTOR, "allow(_: User, _: Action, _: Box);\n")

    assert ask("ana", "view", f"box:{identifier}") == ("unknown_resource",)
    assert ask("ana", "view", "box:a/b/c") == ()


def test_decimals_are_compared_to_the_last_digit(library: Library) -> None:
    rows = "".join(
        f"- {{id: d{price}, folder: top, stage: draft, price: {price}}}\n"
        for price in ("749.99", "750.00", "750.01", "749.9999999999999999999999")
    )
    at_least = library.asker(allow("doc.price >= settings.most"), rows={"docs": rows})
    written = library.asker(allow("doc.price >= 750.00"), rows={"docs": rows})
    exactly = library.asker(allow("doc.price = 750"), rows={"docs": rows})
    above = library.asker(allow("not doc.price <= 750.0"), rows={"docs": rows})

    def allowed(asker: Asker) -> set[str]:
        docs = asker.snapshot.rows("doc")
        return {str(each)[1:] for each in docs if not asker("ana", "view", f"doc:{each}")}

    assert allowed(at_least) == allowed(written) == {"750.00", "750.01"}
    assert allowed(exactly) == {"750.00"}
    assert allowed(above) == {"750.01"}


def test_instants_are_compared_as_moments_whatever_their_offset(library: Library) -> None:
    rows = """\
- {id: before, folder: top, stage: draft, due: "2026-03-01T12:59:59.999999+01:00"}
- {id: at, folder: top, stage: draft, due: "2026-03-01T04:00:00-08:00"}
- {id: after, folder: top, stage: draft, due: "2026-03-01T12:00:00.000001Z"}
"""
    ask = library.asker(allow("doc.due > context.now"), rows={"docs": rows})

    assert ask("ana", "view", "doc:before") == ("not_granted",)
    assert ask("ana", "view", "doc:at") == ("not_granted",)
    assert ask("ana", "view", "doc:after") == ()
    local = NOW.astimezone(timezone(timedelta(hours=5)))
    assert ask("ana", "view", "doc:at", now=local) == ("not_granted",)
    assert ask("ana", "view", "doc:at", now=local - timedelta(microseconds=1)) == ()


def test_integers_reach_to_64_bits_and_no_further(library: Library) -> None:
    largest = 2**63 - 1
    rows = f"- {{id: big, folder: top, stage: draft, pages: {largest}}}\n"
    ask = library.asker(
        allow(f"doc.pages = {largest} and not doc.pages < {largest}"), rows={"docs": rows}
    )

    assert ask("ana", "view", "doc:big") == ()
    edit = library.asker(allow(f"action.pages >= {largest}"))
    assert edit("ana", "edit", "doc:bare", action_properties={"pages": largest}) == ()
    beyond = {"pages": largest + 1}
    assert edit("ana", "edit", "doc:bare", action_properties=beyond) == ("not_granted",)


def test_what_a_caller_says_never_wins_over_the_mount(library: Library) -> None:
    ask = library.asker(allow("doc.public"))

    said = {"resource_properties": {"public": True}, "context": {"now": "2030-01-01T00:00:00Z"}}
    assert ask("ana", "view", "doc:bare", **said) == ("not_granted",)


def test_a_reference_that_a_caller_says_need_not_exist(library: Library) -> None:
    policy = "allow(_: User, _: Action, note: Note) if note.doc.exists = true;\n"
    missing = "allow(_: User, _: Action, note: Note) if not note.doc.exists = true;\n"
    draft = 'allow(_: User, _: Action, note: Note) if not note.doc.stage = "draft";\n'

    for text, of_nothing, of_nobody, of_one in (
        (policy, False, False, True),
        (missing, True, True, False),
        (draft, True, True, False),
    ):
        ask = library.asker(ACTOR, text)
        answers = [
            not ask("ana", "view", "note:n", resource_properties=said)
            for said in ({}, {"doc": "gone"}, {"doc": "bare"})
        ]
        assert answers == [of_nothing, of_nobody, of_one]


def test_a_reference_in_an_action_need_not_exist(library: Library) -> None:
    ask = library.asker(allow("action.to.exists = true"))

    for said, allowed in (({"to": "bob"}, True), ({"to": "gone"}, False), ({}, False)):
        assert (not ask("ana", "edit", "doc:bare", action_properties=said)) is allowed


def test_a_reference_may_dangle_and_then_names_nobody(library: Library) -> None:
    exists = library.asker(allow("doc.author.exists"))
    differs = library.asker(allow("not doc.author = user"))
    named = library.asker(allow('doc.author.id = "gone"'))
    guest = library.asker(allow("not doc.author.guest"))

    assert exists("ana", "view", "doc:orphan") == ("not_granted",)
    assert differs("ana", "view", "doc:orphan") == ()
    assert named("ana", "view", "doc:orphan") == ()
    assert guest("ana", "view", "doc:orphan") == ()


def test_entities_of_different_types_are_not_equal_though_their_ids_are(library: Library) -> None:
    rows = {
        "users": "- {id: x}\n",
        "folders": "- {id: x, owner: x}\n",
        "shares": "[]\n",
        "docs": "- {id: x, folder: x, stage: draft, author: x}\n",
    }
    assert library.asker(allow("doc = user"), rows=rows)("x", "view", "doc:x") == ("not_granted",)
    assert library.asker(allow("doc.folder = user"), rows=rows)("x", "view", "doc:x")
    assert library.asker(allow("doc.author = user"), rows=rows)("x", "view", "doc:x") == ()
    ids = allow("doc.id = user.id and doc.folder.id = doc.author.id")
    assert library.asker(ids, rows=rows)("x", "view", "doc:x") == ()


def test_addresses_are_compared_without_regard_to_case(library: Library) -> None:
    ask = library.asker(allow("doc.contact = user.email"))

    assert ask("ana", "view", "doc:full") == ()
    assert ask("bob", "view", "doc:full") == ("not_granted",)
    assert ask("mallory", "view", "doc:bare") == ("not_granted",)


# --- compiling.md: how the first prototype was wrong ---------------------------------------------


@pytest.mark.parametrize(
    ("condition", "helper"),
    [
        ("f(doc.title)", 'f(text: String) if text = "plan";'),
        ("f(doc.stage)", 'f(text: String) if text = "published";'),
        ("f(doc.pages)", "f(number: Integer) if number = 7;"),
        ("f(doc.price)", "f(number: Decimal) if number = 750;"),
        ("f(doc.due)", "f(moment: Instant) if not moment > context.now;"),
        ("f(doc.public)", "f(flag: Boolean) if flag;"),
        ("f(doc.author)", 'f(person: User) if person = person.id or person.id = "ana";'),
        ("f(action)", 'f(action: Action) if action.name = "view";'),
        ("f(action.name)", 'f(name: String) if name in ["view", "edit"];'),
        ("f(doc)", "f(_: Doc{public: true});"),
        ("f(doc)", 'f(_: Doc{stage: "published", folder: Folder{id: "sub"}});'),
    ],
)
def test_a_helper_with_a_specializer_means_what_its_values_mean(
    library: Library, condition: str, helper: str
) -> None:
    helper = helper.replace("person = person.id or ", "")

    ask = library.asker(allow(condition, helper, "f(_: Share);"))

    assert ask("ana", "view", "doc:full") == ()
    if "action" not in condition:
        assert ask("ana", "view", "doc:bare") == ("not_granted",)


def test_a_specializer_that_does_not_fit_is_no_match(library: Library) -> None:
    helper = 'f(_: Integer); f(_: User); f(text: String) if text = "other";'

    for said in ("doc.title", "doc.folder", "doc.price"):
        ask = library.asker(allow(f"f({said})", helper))
        assert ask("ana", "view", "doc:full") == ("not_granted",)


def test_an_action_property_keeps_what_each_action_allows_it(library: Library) -> None:
    # `role` of `edit` cannot be owner, that of `tag` can: one tree must not serve both.
    policy = allow("owned(action.role)", 'owned(role) if not role = "reader" and role = "owner";')
    ask = library.asker(policy)

    assert ask("ana", "tag", "doc:bare", action_properties={"role": "owner"}) == ()
    assert ask("ana", "tag", "doc:bare", action_properties={"role": "reader"}) == ("not_granted",)
    assert ask("ana", "edit", "doc:bare", action_properties={"role": "owner"}) == ("not_granted",)
    assert ask("ana", "view", "doc:bare") == ("not_granted",)


def test_unbound_variables_find_what_the_rules_give(library: Library) -> None:
    roles = (
        'role(user: User, "owner", doc: Doc) if doc.folder.owner = user;',
        "role(user, role: String, doc: Doc) if s = doc.folder.share(user) and s.role = role;",
        'may("reader"); may("owner");',
    )
    some = library.asker(allow("role(user, role, doc) and may(role)", *roles))
    owner = library.asker(allow('role(user, role, doc) and role = "owner"', *roles))
    nobody = library.asker(allow("not role(user, _, doc)", *roles))

    assert some("ana", "view", "doc:bare") == some("bob", "view", "doc:bare") == ()
    assert some("mallory", "view", "doc:bare") == ("not_granted",)
    assert owner("ana", "view", "doc:bare") == ()
    assert owner("bob", "view", "doc:bare") == ("not_granted",)
    assert nobody("mallory", "view", "doc:bare") == ()
    assert nobody("bob", "view", "doc:bare") == ("not_granted",)


def test_a_rule_may_not_find_what_is_absent(library: Library) -> None:
    # Oso would bind the absent role, and everybody would have some role.
    rule = "role(user, role, doc: Doc) if s = doc.folder.share(user) and s.role = role;"

    for condition in ("role(user, _, doc)", "not role(user, _, doc)"):
        (refusal,) = library.refusals(allow(condition, rule))
        assert "what `role` finds can be absent; give its parameter a type" in refusal


def test_rules_of_one_name_and_several_arities_are_rules_apart(library: Library) -> None:
    helpers = ("may(_: User, doc: Doc) if doc.public;", "may(user: User) if user.guest;")
    both = library.asker(allow("may(user, doc) and may(user)", *helpers))

    assert both("bob", "view", "doc:full") == ()
    assert both("ana", "view", "doc:full") == ("not_granted",)
    assert both("bob", "view", "doc:bare") == ("not_granted",)


def test_a_literal_is_not_the_symbol_of_its_name(library: Library) -> None:
    words = ("subject", "resource", "resource.title", "member", "nothing user", "absent", "str x")
    rows = "".join(
        f'- {{id: "{word}", folder: top, stage: draft, title: "{word}"}}\n' for word in words
    )
    for word in words:
        policy = allow(f'titled(doc, "{word}")', "titled(doc, text) if doc.title = text;")
        ask = library.asker(policy, rows={"docs": rows})
        assert [each for each in words if not ask("ana", "view", f"doc:{each}")] == [word]


@pytest.mark.parametrize("text", ["", "ä", "\\n", "\\t", "\\0", "\\\\", '\\"', "a/b", "{a}"])
def test_texts_are_compared_as_they_are_written(library: Library, text: str) -> None:
    kept = {"\\n": "\n", "\\t": "\t", "\\0": "\0", "\\\\": "\\", '\\"': '"'}
    policy = allow(f'titled(doc.title, "-{text}")', "titled(title, text) if title = text;")
    ask = library.asker(policy)
    title = f"-{kept.get(text, text)}"
    written = json.dumps(title) if "\0" not in title else '"-\\0"'
    rows = f"- {{id: d, folder: top, stage: draft, title: {written}}}\n"

    mounted = replace(ask, snapshot=library.world(ask.policy, docs=rows))

    assert mounted("ana", "view", "doc:d") == ()
    assert ask("ana", "view", "doc:full") == ("not_granted",)


BLOCKS = """\
actor User {}
resource Folder {
  roles = ["reader", "writer", "owner"];
  "reader" if "writer";
  "writer" if "owner";
}
resource Doc {
  permissions = ["view", "edit"];
  relations = {folder: Folder, shelf: Folder};
  "view" if "reader" on "folder";
  "view" if "owner" on "shelf";
  "edit" if "writer" on "folder";
}
has_role(user: User, "owner", folder: Folder) if folder.owner = user;
has_role(user: User, role: String, folder: Folder) if
  share = folder.share(user) and share.role = role;
has_relation(folder: Folder, "folder", doc: Doc) if folder = doc.folder;
has_relation(folder: Folder, "shelf", doc: Doc) if folder = doc.folder.parent;
allow(user: User, action: Action, resource) if
  has_permission(user, action.name, resource);
"""


def test_resource_blocks_give_what_their_lines_say_and_no_more(library: Library) -> None:
    ask = library.asker(BLOCKS)

    def allowed(who: str, doc: str) -> list[str]:
        actions = ("view", "edit", "tag", "make", "fly")
        return [each for each in actions if not ask(who, each, f"doc:{doc}")]

    assert ask.policy.notices == ()
    assert allowed("ana", "bare") == ["view", "edit"]  # ana owns the folder
    assert allowed("bob", "bare") == ["view"]  # bob reads it
    assert allowed("mallory", "bare") == []
    assert allowed("bob", "full") == ["view", "edit"]  # bob owns the folder
    assert allowed("ana", "full") == ["view"]  # ana owns the one above it
    assert allowed("nobody", "full") == []


def test_a_type_without_an_actor_block_is_no_actor(library: Library) -> None:
    text = BLOCKS.replace("actor User {}\n", "")

    assert library.refusals(text) or library.asker(text)("ana", "view", "doc:bare")


@pytest.mark.parametrize(
    "rule",
    [
        'forbid(user: User, _: Action, doc: Doc, "no") if doc = user;',
        'forbid(_: User, action: Action, doc: Doc, "no") if action.name = "view" and doc = doc.id;',
        'forbid(_: User, _: Action, doc: Doc, "no") if 5 = 6 and doc.public;',
        'forbid(_: User, _: Action, doc: Doc, "no") if doc matches Folder;',
        'oblige(_: User, _: Action, doc: Doc, "log") if doc.title matches Integer;',
        "allow(_: User, _: Action, doc: Doc) if not odd(doc);\nodd(doc: Doc) if doc matches User;",
    ],
)
def test_a_rule_that_can_never_hold_does_not_load(
    library: Library, tmp_path: Path, rule: str
) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "main.polar").write_text(f"{ACTOR}allow(_: User, _: Action, _: Doc);\n{rule}\n")

    with pytest.raises(InvalidPackError, match=r"main\.polar:[34]: "):
        load_pack(policies, library.fixtures())
