"""Every construct that is refused is refused with its file, its line, and how to mend it."""

from __future__ import annotations

import pytest

from tests.library import ACTOR, Library, allow, forbid

OTHER_RULES = (
    'act(a) if a.name = "vew";',
    "same(a, b) if a = b;",
    "staged(doc: Doc, stage: String) if doc.stage = stage;",
    'level(_: User, doc: Doc, "reader") if doc.public;',
    "big(number) if number > 5;",
    "small(number) if number < 3;",
)

CONDITIONS = [
    # names that nobody declares
    ("doc.publi = true", "nothing has a member `publi` here; did you mean `public`?"),
    ("not doc.publi = true", "nothing has a member `publi` here"),
    ("forall(x in [1], doc.publi = x)", "nothing has a member `publi` here"),
    ("doc matches {publi: true}", "`doc` has no `publi`; did you mean `public`?"),
    ("not doc matches {publi: true}", "`doc` has no `publi`; did you mean `public`?"),
    ("doc matches Doc{publi: true}", "`Doc` has no member `publi`; did you mean `public`?"),
    ("doc.public matches true", "`true` is no type of the schema; write `= true`"),
    ("doc matches Dok", "`Dok` is no type of the schema; did you mean `Doc`?"),
    ("doc matches Doc{folder: Foldr{owner: user}}", "`Foldr` is no type of the schema"),
    ("doc matches Doc{folder: Folder{ownr: user}}", "`Folder` has no member `ownr`"),
    ("doc.owner = user", "`doc` has no `owner`"),
    ("doc.title.owner = user", "a `string` has no `owner`; known are `exists`"),
    ('doc.("public") = true', "`.(` is not supported: write the name of the member after the dot"),
    ('x = .("public")', "`.(` is not supported"),
    ("context.trustd = true", "nothing has a member `trustd` here; did you mean `trusted`?"),
    ("settings.mst = 5", "nothing has a member `mst` here; did you mean `most`?"),
    ("action.pags = 5", "nothing has a member `pags` here; did you mean `pages`?"),
    ("usd(doc)", "there is no rule `usd`; did you mean `used`?"),
    ("used(doc)", "`used` takes 3 arguments, not 1"),
    ('level(user, doc, "readr")', "no rule `level` is for `readr`; did you mean `reader`?"),
    ('not level(user, doc, "readr")', "no rule `level` is for `readr`"),
    # slips in values
    ('doc.stage = "drft"', "`drft` is no value of `stage`; did you mean `draft`?"),
    ('"drft" = doc.stage', "`drft` is no value of `stage`; did you mean `draft`?"),
    ('not doc.stage != "drft"', "`drft` is no value of `stage`; did you mean `draft`?"),
    ('doc.stage in ["draft", "drft"]', "`drft` is no value of `stage`"),
    ('doc matches {stage: "drft"}', "`drft` is no value of `stage`"),
    ('doc.roles.includes("readr") = true', "`readr` is no value of `role`; did you mean `reader`"),
    ('doc.folder.shared_as("readr").exists = true', "`readr` is no value of `role`"),
    ('action.name = "vew"', "`vew` is no action of any type; did you mean `view`?"),
    ('x = action and x.name = "vew"', "`vew` is no action of any type; did you mean `view`?"),
    ('action.name in ["view", "vew"]', "`vew` is no action of any type"),
    ('action matches {name: "vew"}', "`vew` is no action of any type"),
    ('user.email = "ana"', "`ana` is not an e-mail address; write it as"),
    ('doc.title = ""', "no text is empty; ask whether the fact `.exists`"),
    ("doc.pages = 1.5", "`resource.pages` (integer) is compared with `1.5`"),
    ("doc.price >= 749.9900000000000001", "has more than 15 digits; put it into the settings"),
    ("doc.pages < 9223372036854775808", "does not fit into 64 bits; write a smaller number"),
    ("doc.pages < nan", "`nan` is not supported: it is no number that a fact can have"),
    ("doc.pages < inf", "`inf` is not supported: it is no number that a fact can have"),
    ("doc.pages < 1e999", "`1e999` is too large or too small to be kept exactly"),
    # values of different types
    ("doc.public = 1", "`1` is compared with `resource.public` (boolean), which is true or false"),
    ("doc.public == 1", "`1` is compared with `resource.public` (boolean)"),
    ('doc.public = "true"', "is compared with `resource.public` (boolean)"),
    ("doc.exists = 1", "`1` is compared with"),
    ("doc.public < true", "`true` and `false` have no order"),
    ('doc.pages = "7"', '`resource.pages` (integer) is compared with `"7"`'),
    ("doc.pages = doc.price", "`resource.pages` (integer) is compared with `resource.price`"),
    ("doc.stage = doc.title", "`resource.stage` (stage) is compared with `resource.title`"),
    ("doc.contact = doc.title", "`resource.contact` (email) is compared with `resource.title`"),
    ('doc.due < "2026-01-01T00:00:00Z"', "`resource.due` (instant) is compared with"),
    ('doc.title < "m"', "has no order"),
    ('doc.author = "ana"', "is compared with an entity of type `user`; compare a member of it"),
    ("user < doc", "entities of type `user` have no order"),
    ('doc.labels = "plan"', "`resource.labels` (set of string) is compared with"),
    ("doc.labels = doc.labels", "is a set; write `.includes(…)`"),
    ("doc.labels.includes(5) = true", "`includes` looks up by a `string`, which this argument"),
    ("doc.labels.includes(doc.stage) = true", "`includes` looks up by a `string`"),
    (
        "doc.labels.includes(doc.title, doc.title) = true",
        "`includes` of a `set of string` is asked",
    ),
    ('action = "view"', "the action is an object; compare `action.name`"),
    ("context = settings", "is compared with what is no single value"),
    # look-ups
    ("doc.folder.share(doc).exists = true", "`share` looks up by a `user`, which this argument"),
    (
        "doc.folder.share(user, user).exists",
        "`share(user)` is a look-up; it cannot be asked with 2",
    ),
    ("doc.folder.share.exists", "`share` of `folder` is a look-up; write `share(user)`"),
    (
        "doc.folder.share(user: user).exists",
        "a call takes no named arguments; write `user` without",
    ),
    ("doc.folder(user).exists", "`folder` of `doc` is no look-up; write it without brackets"),
    ("doc.title.exists() = true", "`exists` of a `string` is written without brackets"),
    ("doc.folder.share([user]).exists", "an argument of `share` is not known yet, or is no single"),
    # what Polar would do with the process
    ('print("a")', "`print` is not supported: a policy cannot print"),
    ("debug()", "`debug` is not supported: it would wait at the terminal"),
    ("cut", "`cut` is not supported: it would make the answer depend on the order of the rules"),
    ("not cut", "`cut` is not supported"),
    ("x = new User() and x = user", "`new` is not supported: nothing can be made in a policy"),
    ('"a".__class__.exists = true', "`__class__`: nothing that begins with an underscore"),
    ('"".join(["__cl", "ass__"]) = doc.title', "nothing has a member `join` here"),
    ('x = "a" and x.("__class__").exists = true', "`.(` is not supported"),
    ('List.__name__ = "list"', "`__name__`: nothing that begins with an underscore can be read"),
    ("User.exists = true", "`exists` cannot be read of a value that is no fact"),
    ('User.("__subclasses__")().exists = true', "`(` cannot follow `)`: only a name can be called"),
    ("nil.exists = true", "`nil` is not supported: an absent fact equals nothing"),
    ("doc.title = nil", "`nil` is not supported: an absent fact equals nothing; ask whether"),
    ("[1, 2].count(1) = 1", "nothing has a member `count` here"),
    ("{a: 1}.keys() = [1]", "nothing has a member `keys` here"),
    ('doc.title.startswith("a")', "nothing has a member `startswith` here"),
    ('"plan".exists = true', "`exists` cannot be read of a value that is no fact"),
    ("ask__.exists = true", "`ask__`: names with `__` are kept for the compiler"),
    ("s__used(user, action, doc)", "`s__used`: names with `__` are kept for the compiler"),
    # arithmetic, and going through facts
    ("doc.pages + 1 > 5", "`+`: arithmetic on facts cannot be compiled; put the number into"),
    ("doc.pages > 3 * 2", "`*`: arithmetic on facts cannot be compiled"),
    ("doc.pages mod 2 = 1", "`mod` is not supported: arithmetic on facts"),
    ("-doc.pages > 3", "`-`: arithmetic on facts cannot be compiled"),
    ('"plan" in doc.labels', "`in` cannot go through a fact; write `.includes(…)` for a set"),
    ('x in doc.labels and x = "plan"', "`in` cannot go through a fact"),
    ('doc.title in "plan"', '`in "plan"` would go through its letters; write `in ["plan"]`'),
    ("doc.public in true", "`in true` needs a list; write it out here"),
    ('x = "plan" and doc.title in x', "`in x` needs a list; write it out here"),
    ("x in [doc.title, *doc.labels] and x = doc.title", "`*rest` in a list cannot be compiled"),
    # variables that nothing finds
    ("limit > 5 and limit < 3", "`limit` is not known here; put the condition that finds it"),
    ("not (limit > 5 and limit < 3)", "`limit` is not known here; put the condition that finds"),
    ("one = two and two = one", "`one` is not known here; put the condition that finds it"),
    ("thing.public = true and thing.secret = true", "`thing` is not known here"),
    ("thing matches Doc and thing matches User", "`thing` is not known here"),
    ("forall(x > 5, x < 3)", "`x` is not known here"),
    ('not x = "plan" and x = doc.title', "`x` is not known yet under this `not`"),
    ("big(x) and small(x)", "a variable is compared before any condition has found its value"),
    (
        "lonely = doc.title",
        "the variable `lonely` stands only once in its rule, so it stands for anything",
    ),
    ("x = doc.title and x = x", "`x = x` compares `x` with itself"),
    ("x = doc.title and [x] = [x]", "`[x] = [x]` compares `[x]` with itself"),
    ("user = user", "`user = user` compares `user` with itself"),
    # what a parser says
    ("doc.public = = true", "between `=` and `=` a value is missing"),
    ("doc.public or doc.secret and doc.exists", "could be ambiguous"),
    ("f::g(doc)", "`f::g` is not a name; use letters, digits and `_`"),
]


@pytest.mark.parametrize(("condition", "message"), CONDITIONS, ids=[each[0] for each in CONDITIONS])
@pytest.mark.parametrize("policy", [allow, forbid], ids=["grant", "forbid"])
def test_a_condition_is_refused_where_it_stands(
    library: Library, policy: object, condition: str, message: str
) -> None:
    written = allow if policy is allow else forbid

    refusals = library.refusals(written(condition, *OTHER_RULES))

    found = [each for each in refusals if message in each]
    assert found, refusals
    assert all(each.startswith("main.polar:") for each in refusals)


NEAR = """\
resource Doc {{
  permissions = ["view"];
  relations = {{near: Doc}};
  "view" if "{implier}" on "{relation}";
}}
"""
ROUND = """\
resource Doc { permissions = ["view"]; }
allow(user: User, action: Action, doc: Doc) if has_permission(user, action.name, doc);
has_permission(user: User, name: String, doc: Doc) if
  has_permission(user, name, doc);
"""

RULES = [
    # unknown types, wrong numbers of parameters, entry points
    (
        "allow(_: Usr, _: Action, _: Doc);",
        1,
        "`Usr` is no type of the schema; did you mean `User`?",
    ),
    ("allow(_: User, _: Action, _: {a: Dok{}});", 1, "`Dok` is no type of the schema"),
    ("allow(_: User, _: Action);", 1, "`allow` takes 3 parameters"),
    ("allow(_: User, _: Action, _: Doc, _);", 1, "`allow` takes 3 parameters"),
    ("forbid(_: User, _: Action, _: Doc);", 1, "`forbid` takes 4 parameters"),
    ('forbid(_: User, _: Action, _: Doc, "nope");', 1, "`nope` has no sentence in reasons.yaml"),
    ('oblige(_: User, _: Action, _: Doc, "no");', 1, "obligation `no` has no sentence"),
    (
        'forbid(_: User, _: Action, _: Doc, why) if\n  why = "no";',
        1,
        "the reason of `forbid` must be a string in its head",
    ),
    ('allow(_: User, "view", _: Doc);', 1, 'write `_: Action{name: "view"}` instead of `"view"`'),
    ('allow(_: User, _: Action{name: "vew"}, _: Doc);', 1, "`vew` is no action of any type"),
    (
        "forbd(_: User, _: Action, _: Doc);",
        1,
        "nothing asks the rule `forbd`; did you mean `forbid`?",
    ),
    ("allow(_: User, _: Action, context);", 1, "`context` is known everywhere"),
    ("allow(_: User, _: Action, doc: Doc) if\n  doc.title in [*doc];", 2, "`*rest` in a list"),
    ("f(_: User, [x, *_rest]) if x = 1;", 1, "`*rest` in a list cannot be compiled"),
    ("allow(_: User, _: Action, _: Doc{public: 1 + 1});", 1, "arithmetic on facts"),
    ("allow(_: User, _: Action, _: Doc{pages: nan});", 1, "`nan` is not supported"),
    (
        "titled(doc, known) if\n  doc.title in known;",
        2,
        "`in known` needs a list; write it out here",
    ),
    ("c__0(_: User);", 1, "`c__0`: names with `__` are kept for the compiler"),
    ("f?(_: User);", 1, "`f?` is not a name"),
    ('allow(_: User, _: Action{name: "tag"}, _: Folder);', 1, "`tag` is no action of `folder`"),
    (
        'forbid(_: User, _: Action{name: "tag"}, _: Folder, "no");',
        1,
        "`tag` is no action of `folder`; known are `view`",
    ),
    ('resource Doc {}\nhas_permission(_: User, "vew", _: Doc);', 2, "`vew` is no action of `doc`"),
    (
        'resource Doc { roles = ["reader"]; }\nhas_role(_: User, "readr", _: Doc);',
        2,
        "`readr` is no role of `doc`; did you mean `reader`?",
    ),
    (
        'resource Doc { relations = {folder: Folder}; }\nhas_relation(_: Folder, "foldr", _: Doc);',
        2,
        "`foldr` is no relation of `doc`; did you mean `folder`?",
    ),
    # statements
    ("?= allow(1, 2, 3);", 1, "`?=` would run when the policy is loaded"),
    ("type f(_: User);", 1, "`type` declarations are not supported"),
    ("allow(_: User, _: Action, _: Doc)", 1, "a `;` is missing at the end"),
    (
        "allow(_: User, _: Action, _: Doc) when true;",
        1,
        "`when` is no word of Polar; write `if`",
    ),
    ("5;", 1, "`5` does not begin a rule, a resource or an actor"),
    (
        "allow(_: User, _: Action, _: Doc) if\n  §;",
        2,
        "`§` (section sign) has no meaning in Polar here (column 3)",
    ),
    (
        'allow(_: User, _: Action, _: Doc) if\n "a\nb" = "a";',
        2,
        "the string that begins here (column 2) has no",
    ),
    (
        "allow(_: User, _: Action, _: Doc) if\n  context.x = “a”;",
        2,
        'left double quotation mark) has no meaning in Polar here (column 15); write `"`',
    ),
    ("# hidden\rallow(_: User, _: Action, _: Doc);", 1, "a carriage return stands alone here"),
    (
        "allow(_: User, _: Action, _: Doc) if\x0btrue;",
        1,
        "hidden character U+000B (vertical tab) in column 37; no reviewer can see it",
    ),
    # blocks
    ("resource Dok {}", 1, "`Dok` is no type of the schema; did you mean `Doc`?"),
    ('resource Doc {\n  permissions = ["vew"];\n}', 2, "`vew` is no action of `doc`; did you mean"),
    ("resource Doc {\n  relations = {folder: Foldr};\n}", 2, "`Foldr` is no type of the schema"),
    ('resource Doc {\n  permision = ["view"];\n}', 2, "`permision` does not begin a line of a"),
    ("resource Doc", 1, "`resource` needs a type and `{ … }`"),
    ("resource Doc Doc { }", 1, "`resource` needs a type and `{ … }`"),
    (
        'resource Doc {\n  roles = ["author"];\n  "view" if "author";\n}',
        3,
        "`view` is no role, permission or relation of this block; known are `author`",
    ),
    (
        'resource Doc {\n  roles = ["author"];\n  "author" if "auhtor";\n}',
        3,
        "`auhtor` is no role, permission or relation of this block; did you mean `author`?",
    ),
    (
        NEAR.format(implier="veiw", relation="near"),
        4,
        "`veiw` is no role, permission or relation of this block; did you mean `view`?",
    ),
    (
        NEAR.format(implier="view", relation="naer"),
        4,
        "`naer` is no relation of this block; did you mean `near`?",
    ),
    (ROUND, 3, "the rule calls itself with the same arguments, and never ends"),
    (
        'resource Doc { permissions = ["view"]; }\nhas_permission(_, _, _: Doc);',
        2,
        "the parameters of `has_permission` do not fit; give them their types: a type with an",
    ),
    ("f(_: User) if\n  = 5;", 2, "between `if` and `=` a condition is missing"),
    (
        "allow(_: User, _: Action, doc: Doc) if open(doc);\nopen(doc) if\n  open(doc);",
        0,
        "the rule calls itself with the same arguments, and never ends",
    ),
]


@pytest.mark.parametrize(("text", "line", "message"), RULES, ids=[each[0] for each in RULES])
def test_a_statement_is_refused_in_its_line(
    library: Library, text: str, line: int, message: str
) -> None:
    refusals = library.refusals(text, main2=ACTOR)

    found = [each for each in refusals if message in each]
    assert found, refusals
    place = f"main.polar:{line}: " if line else "main.polar:"
    assert found[0].startswith(place), found


def test_all_faults_of_all_files_are_told_at_once(library: Library) -> None:
    refusals = library.refusals(
        "\nallow(_: User, _: Action, doc: Doc) if doc.publi;",
        other='\n\nforbid(_: User, _: Action, _: Doc, "nope");',
    )

    assert [each.partition(": ")[0] for each in refusals] == ["main.polar:2", "other.polar:3"]


def test_a_policy_without_a_grant_does_not_load(library: Library) -> None:
    refusals = library.refusals(ACTOR, 'forbid(_: User, _: Action, _: Doc, "no");')

    assert refusals == [
        (
            "main.polar: no file has a rule `allow`, so nothing is ever granted; write"
            " `allow(subject, action: Action, resource) if …;`"
        )
    ]


def test_a_block_whose_permissions_nothing_asks_about_does_not_load(library: Library) -> None:
    policy = 'resource Doc { permissions = ["view"]; }\nhas_permission(_: User, "view", _: Doc);\n'

    refusals = library.refusals(ACTOR, policy, "allow(_: User, _: Action, _: Doc{public: true});")

    assert refusals == [
        (
            "main.polar:2: `Doc` declares permissions, and no `allow` asks who has them; write"
            " `allow(subject, action: Action, resource) if"
            " has_permission(subject, action.name, resource);`"
        )
    ]


@pytest.mark.parametrize(
    "name", ["generated", "a b", "ä", "<generated>"], ids=["generated", "space", "umlaut", "ours"]
)
def test_no_name_of_a_file_makes_its_rules_vanish(library: Library, name: str) -> None:
    grant = "allow(_: User, _: Action, _: Doc);\n"

    ask = library.asker(ACTOR, grant, files={name: 'forbid(_: User, _: Action, _: Doc, "no");\n'})

    assert ask("ana", "view", "doc:bare") == ("no",)
    refused = library.refusals(grant, **{name: "\nallow(_: User, _: Action, doc: Doc) if doc.x;"})
    assert refused[0].startswith(f"{name}.polar:2: ")
    refused = library.refusals(grant, **{name: "\nallow(_: User, _: Action, _: Doc) if = true;"})
    assert refused[0].startswith(f"{name}.polar:2: between `if` and `=`")
