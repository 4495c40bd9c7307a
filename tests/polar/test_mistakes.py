"""Mistakes of people who write Polar, and what is advised: a mend only where it is certain.

Whoever follows the advice must get the policy that was meant, and never its opposite.
"""

from __future__ import annotations

import pytest

from tests.library import ACTOR, Library

GRANT = (
    'resource Doc { permissions = ["view", "edit"]; }\n'
    "allow(user: User, action: Action, doc: Doc) if has_permission(user, action.name, doc);\n"
)
HEAD = 'has_permission(user: User, "view", doc: Doc) if '

# The condition after the head; what is said of it; and the condition that the advice leads to.
CONDITIONS = [
    ("!doc.author.exists and user.guest;", "`!` has no meaning in Polar", "write `not`"),
    ("user.guest && doc.public;", "`&&` has no meaning in Polar", "write `and`"),
    ("user.guest || doc.public;", "`||` has no meaning in Polar", "write `or`"),
    ("doc.author <> user;", "`<>` has no meaning in Polar", "write `!=`"),
    ("doc.author !== user;", "`!==` has no meaning in Polar", "write `!=`"),
    ("doc.author === user;", "`===` has no meaning in Polar", "write `=`"),
    ("user.guest and doc.pages =< 5;", "`=<` has no meaning in Polar", "write `<=`"),
    ("user.guest and doc.pages => 5;", "`=>` has no meaning in Polar (column", ""),
    ("user.guest and doc.pages =! 5;", "`!` has no meaning in Polar (column", ""),
    ("user.nick = 'a' and doc.public;", "`'` has no meaning", 'strings stand in `"..."`'),
    ("doc.author is user;", "`is` is no word of Polar", "write `=`"),
    ("doc.author is not user;", "`is` is no word of Polar", "write `!=`"),
    ("doc.author is null and user.guest;", "`is` is no word", "ask `.exists = false`"),
    ("doc.author is not None and user.guest;", "`is` is no word", "ask `.exists = true`"),
    ("doc.author = null and user.guest;", "`null` is not supported", "`.exists = false`"),
    ("doc.author == None and user.guest;", "`None` is not supported", "`.exists = false`"),
    ("doc.author != NULL and user.guest;", "`NULL` is not supported", "`.exists = true`"),
    ("undefined = doc.author and user.guest;", "`undefined` is not", "`.exists = false`"),
    ("user.guest and doc.public = True;", "`True` is no word of Polar", "write `true`"),
    ("user.guest and doc.public = FALSE;", "`FALSE` is no word of Polar", "write `false`"),
    ("user.guest AND doc.public;", "`AND` is no word of Polar", "write `and`"),
    ("user.guest Or doc.public;", "`Or` is no word of Polar", "write `or`"),
    ("NOT user.guest and doc.public;", "`NOT` is no word of Polar", "write `not`"),
    ('user.id not in ["a"] and doc.public;', "`not in` is nothing", "before the whole condition"),
    ('user.id in ("a", "b") and doc.public;', "this is no list", '`["a", "b"]`'),
    ('user.id in ("a") and doc.public;', "this is no list", '`["a"]`'),
    ('user.id in {"a", "b"} and doc.public;', "this is no list", '`["a", "b"]`'),
    ("doc.public and (user, doc);", "this is no list", "`[user, doc]`"),
    ("doc.author = user // the author", "`//` has no meaning", "a comment begins with `#`"),
    ("doc.author = user; /* the author */", "`/*` has no meaning", "begins with `#`"),
    ("doc.author = user; -- the author", "`--` has no meaning", "begins with `#`"),
    ("user.guest ? doc.public : doc.secret;", "`?` (question mark) has no meaning", ""),
    ("user.guest unless doc.public;", "`unless` is no word of Polar", ""),
    ("user.guest\n  doc.public;", "something is missing between `guest` and `doc`", ""),
    ("user.guest\n  used(doc);", "something is missing between `guest` and `used`", ""),
    ("(user.guest and doc.public;", "the `(` that begins here is not closed", ""),
    ("user.guest and doc.public);", "`)` closes nothing that is open", ""),
    ('user.id in ["a", "b" and doc.public;', "the `[` that begins here is not closed", ""),
    ("(user.guest and doc.public];", "`]` cannot close the `(` of line", ""),
    ("doc.author = user", "a `;` is missing at the end", ""),
    ("doc.author = user\nused(_: User);", "a `;` is missing at the end of line 4", ""),
    ("doc.author = user\nused(u) if u.guest;", "a `;` is missing at the end of line 4", ""),
    ("doc.author = user\nresource Folder {}", "a `;` is missing at the end of line 4", ""),
    ('user.nick = "a and doc.public;', "the string that begins here (column", ""),
    ("doc.author = _null and user.guest;", "`_null` stands for anything", ""),
    ("doc.author = _ and user.guest;", "`_` stands for anything", ""),
    ("doc.author = author and user.guest;", "the variable `author` stands only once", ""),
]


@pytest.mark.parametrize(
    ("condition", "message", "mend"), CONDITIONS, ids=[each[0] for each in CONDITIONS]
)
def test_a_mistake_is_named_with_its_mend_or_with_none(
    library: Library, condition: str, message: str, mend: str
) -> None:
    refusals = library.refusals(ACTOR, GRANT, HEAD, condition, "\n")

    (told,) = refusals
    place, _, words = told.partition(": ")
    assert place == "main.polar:4"
    assert words.startswith(message)
    assert mend in words
    if not mend:
        assert not any(advice in words for advice in ("write", "delete", "rename", "did you mean"))


RULES = [
    (
        "has_permission(user: User, view, doc: Doc) if doc.author = user;",
        (
            "main.polar:4: the variable `view` stands only once in its rule, so it stands for"
            " anything; was a text in quotes or another name meant?"
        ),
    ),
    (
        'has_permission(user: User, "view", doc: Doc) if doc.public;',
        "main.polar:4: the variable `user` stands only once in its rule; write `_` in its place",
    ),
    (
        'has_permission(user: User, "view", doc: Doc)\n  doc.author = user;',
        "main.polar:4: between the head of this rule and `doc` an `if` or a `;` is missing",
    ),
    (
        'has_permission(user: User, "view", doc: Doc) :- doc.author = user;',
        "main.polar:4: `:-` has no meaning in Polar (column 46); write `if`",
    ),
    (
        'actor User { roles = ["a"]; }',
        "main.polar:4: `User` has an actor block at main.polar:1 already; write one",
    ),
    (
        'resource Folder {\n  roles = ["owner"]\n  permissions = ["view"];\n}',
        "main.polar:5: a `;` is missing at the end of line 5",
    ),
    (
        'resource Folder {\n  roles = ["owner"]; permissions = ["view"];\n  "view" if "owner"\n}',
        "main.polar:6: a `;` is missing at the end of line 6",
    ),
    (
        'resource Folder {\n  permissions = ["view"];\nf(_: User);',
        "main.polar:4: the `{` that begins here is not closed",
    ),
    (
        'has_permission(_: User, "view", _: Folder);',
        (
            "main.polar:4: `has_permission` is for types with a block; write"
            " `resource Folder { … }`, or a rule of another name"
        ),
    ),
    (
        "allow(user: User, _: Action, doc: Doc) if has_group(user, doc);",
        (
            "main.polar:4: there is no rule `has_group`; known are `allow`, `has_permission`,"
            " `has_relation`, `has_role`"
        ),
    ),
]


@pytest.mark.parametrize(("rule", "told"), RULES, ids=[each[0] for each in RULES])
def test_a_mistake_in_a_rule_or_block_is_the_only_thing_that_is_told(
    library: Library, rule: str, told: str
) -> None:
    assert library.refusals(ACTOR, GRANT, rule, "\n") == [told]


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        ("allow(user: User, action: Action, doc) if\n  has_permission(user, action, doc);", 4),
        ("allow(user: User, action, doc) if\n  has_permission(user, action, doc);", 4),
        (
            (
                "allow(user: User, a: Action, r) if may(user, a, r);\n\nmay(u, act, r) if\n"
                "  has_permission(u, act, r);"
            ),
            6,
        ),
        ('allow(user: User, a: Action, doc) if named(user, a, doc);\nnamed(_, "view", _);', 3),
        ("allow(user: User, a: Action, doc) if named(user, a, doc);\nnamed(_, _: String, _);", 3),
    ],
)
def test_a_call_that_gives_the_action_for_its_name_is_one_fault_at_the_call(
    library: Library, rules: str, line: int
) -> None:
    block = (
        'resource Doc { permissions = ["view", "edit"]; roles = ["reader"]; "view" if "reader"; }'
    )
    role = 'has_role(user: User, "reader", doc: Doc) if doc.author = user;'

    (told,) = library.refusals(ACTOR, f"{block}\n", f"{rules}\n", role)

    assert told.startswith(f"main.polar:{line}: `")
    assert "takes a text here, and the action is an object; write `a" in told
    assert told.endswith(".name`")


@pytest.mark.parametrize("written", [r"pl\u0061n", r"pl\x61n", r"a\/b", r"\'"])
def test_an_escape_that_polar_does_not_know_does_not_load(library: Library, written: str) -> None:
    rule = f'forbid(_: User, _: Action, doc: Doc, "no") if doc.title = "{written}";'

    refusals = library.refusals(ACTOR, GRANT, rule)

    assert refusals
    assert all(each.startswith("main.polar:4: `\\") for each in refusals)
    assert all("is no escape of Polar" in each for each in refusals)


def test_the_escapes_of_polar_mean_what_they_say(library: Library) -> None:
    rule = r'forbid(_: User, _: Action, doc: Doc, "no") if doc.title in ["\"", "\\", "\t", "\n"];'

    assert (
        library.refusals(ACTOR, GRANT, f"{rule}\n", 'has_permission(_: User, "view", _: Doc);')
        == []
    )


PROHIBITIONS = [
    "deny(user: User, _: Action, doc: Doc) if doc.author = user;",
    'Deny(_: User, _: Action, _: Doc, "no");',
    "prohibit(_: User);",
    "blocked_by_owner(user: User, doc: Doc) if doc.author = user;",
    "isBanned(user: User) if user.guest;",
    "exception(_: User);",
    "may_not_read(_: User);",
    "frozen(doc: Doc) if doc.public;",
    'quarantine(_: User, _: Action, _: Doc, "no");',
    "without_access(user: User) if user.guest;",
    "allow_request(_: User, _);",
    'allow_field(_: User, "view", _: Doc, "title");',
    "get_allowed_actions(_: User);",
    "denied(user: User) if rejected(user);\nrejected(user: User) if denied(user);",
    'deny(_: User, "a");\nallow(u: User, _: Action, _: Doc) if deny(u, "b");\ndeny(_, "b");',
]


@pytest.mark.parametrize("rules", PROHIBITIONS)
def test_a_prohibition_that_nothing_asks_does_not_load(library: Library, rules: str) -> None:
    refusals = library.refusals(ACTOR, GRANT, rules)

    assert refusals
    assert all("nothing asks the rule" in each and "`forbid(" in each for each in refusals)
    assert refusals[0].startswith("main.polar:4: ")


def test_a_rule_that_is_asked_may_be_called_what_it_likes(library: Library) -> None:
    rules = (
        'forbid(user: User, _: Action, doc: Doc, "no") if denied(user, doc);\n'
        "denied(user: User, doc: Doc) if blocked_by_owner(user, doc);\n"
        "blocked_by_owner(user: User, doc: Doc) if doc.author = user and user.guest;\n"
        'has_permission(_: User, "view", _: Doc);\n'
    )

    assert library.refusals(ACTOR, GRANT, rules) == []
