"""The layout of Polar: what it looks like, and that it changes neither meaning nor comments."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from sidecar.compiler.compile import InvalidPolicyError
from sidecar.compiler.pack import read_texts
from sidecar.compiler.policy import assemble
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidPackError
from sidecar.polar.layout import format_polar
from sidecar.polar.parser import tokenize
from sidecar.review.diff import differences
from tests.compiled import compiled
from tests.depth import deep
from tests.generated.packs import without_refused_rules, write_pack
from tests.paths import PACKS, ROOT

GENERATED = 5 if deep(1) == 1 else deep(200)
"""Generated packs whose meaning is compared: 1,000 in `make deep`."""
SCRAMBLED = deep(10)
SHIPPED = sorted((ROOT / "policies").glob("*.polar"))
LARGE = frozenset({"code_hosting", "code_hosting_nested"})
"""Packs that take seconds to compare, which `make deep` has."""
OTHERS = sorted(
    path.parent for path in PACKS.glob("*/policies") if deep(1) > 1 or path.parent.name not in LARGE
)
EVERY_FILE = sorted(
    path for name in ("policies", "tests", "examples") for path in (ROOT / name).rglob("*.polar")
)

LAYOUTS = {
    "each condition has a line": (
        'allow(user:User,_:Action{name:"a"},doc:Doc)if user.a=1 and not user.b=-2;f(x) if x=1;',
        """\
allow(user: User, _: Action{name: "a"}, doc: Doc) if
  user.a = 1 and
  not user.b = -2;
f(x) if
  x = 1;
""",
    ),
    "a fact has one line": (
        'has_permission (_ :User,\n "create", _:Account)\n;',
        'has_permission(_: User, "create", _: Account);\n',
    ),
    "`and` stands further in than `or`": (
        f"f(x) if x.a = 1 and x.b = 2 or x.{'c' * 50} = x and x.{'d' * 40} = 1;",
        f"""\
f(x) if
  x.a = 1 and x.b = 2 or
  x.{"c" * 50} = x and
    x.{"d" * 40} = 1;
""",
    ),
    "brackets of a long condition stand alone": (
        f"f(x) if not (x.{'a' * 50} = 1 and x.{'b' * 50} = 2) and (x = 1 or x = 2);",
        f"""\
f(x) if
  not (
    x.{"a" * 50} = 1 and
    x.{"b" * 50} = 2
  ) and
  (x = 1 or x = 2);
""",
    ),
    "a long head has a line for each parameter": (
        f"f({'a' * 40}: User, {'b' * 40}: User, {'c' * 40}: User) if x;",
        f"""\
f(
  {"a" * 40}: User,
  {"b" * 40}: User,
  {"c" * 40}: User
) if
  x;
""",
    ),
    "a list that fits has one line, and a long one keeps the lines of its author": (
        f'f(x) if x in [\n "a",\n "b",,];f(x) if x in ["{"c" * 60}",\n"d", "{"e" * 60}", "f"];',
        f"""\
f(x) if
  x in ["a", "b"];
f(x) if
  x in [
    "{"c" * 60}",
    "d", "{"e" * 60}", "f",
  ];
""",
    ),
    "comments stand where they stood": (
        """\


# first


# second
f(x) if # of the head
  # above
  x = 1 # of the condition
  and x in [ # of the bracket
    1, # one
    22 # two
  ]
  # of the end
  ;  # of the rule
# last""",
        """\
# first

# second
f(x) if  # of the head
  # above
  x = 1 and  # of the condition
  x in [     # of the bracket
    1,       # one
    22,      # two
  ];
# of the end
# of the rule
# last
""",
    ),
    "a block stands apart": (
        'actor User {}\nactor Team{\n}\n# of it\nresource D{roles=["a","b",];"a" if "b"on"c";}g();',
        """\
actor User {}
actor Team {}

# of it
resource D {
  roles = ["a", "b"];
  "a" if "b" on "c";
}

g();
""",
    ),
    "a role matrix keeps its columns": (
        """\
resource Doc {

  # READER   WRITER   OWNER
  "read" if "reader"; "read" if "writer"; # both
       "write" if "writer";
  "remove_it" if "reader"; "remove_it" if "owner";
                "share" if "owner";

  "reader" if "admin"; "writer" if "admin";
    # the end
}
""",
        """\
resource Doc {
  # READER                  WRITER                OWNER
  "read" if "reader";       "read" if "writer";  # both
                            "write" if "writer";
  "remove_it" if "reader";                        "remove_it" if "owner";
                                                  "share" if "owner";

  "reader" if "admin";
  "writer" if "admin";
  # the end
}
""",
    ),
    "other line ends and marks are left out": (
        "\ufefff(x)\r\n  if x; # c\r\n",
        "f(x) if\n  x;  # c\n",
    ),
    "nothing": ("", ""),
    "a comment alone": ("\n  # nothing\n\n", "# nothing\n"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_text_has_this_layout(name: str) -> None:
    text, expected = LAYOUTS[name]

    formatted = format_polar(text, "main.polar")

    assert formatted == expected
    assert format_polar(formatted, "main.polar") == formatted


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_policies_have_their_layout(path: Path) -> None:
    assert format_polar(path.read_text(), path.name) == path.read_text()


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_layout_is_stable_and_no_line_is_longer_without_need(path: Path) -> None:
    formatted = format_polar(path.read_text(), path.name)

    assert format_polar(formatted, path.name) == formatted
    assert words_of(formatted) == words_of(path.read_text())


@pytest.mark.parametrize("text", ["f(x", 'f("a);', "f(x) if x = 1;\n# a\x85f(x);", "type f(x);"])
def test_a_text_with_faults_has_no_layout(text: str) -> None:
    with pytest.raises(InvalidPackError, match=r"main\.polar:[12]: "):
        format_polar(text, "main.polar")


@pytest.mark.many
def test_any_spacing_of_the_same_words_has_a_layout_of_the_same_words() -> None:
    dice = random.Random(21)  # noqa: S311  the same cases each time
    for _ in range(SCRAMBLED):
        text = dice.choice(EVERY_FILE).read_text()

        scrambled = scramble(text, dice)

        formatted = format_polar(scrambled, "main.polar")
        assert words_of(formatted) == words_of(scrambled)
        assert comments_of(formatted) == comments_of(scrambled)
        assert format_polar(formatted, "main.polar") == formatted


@pytest.mark.many
def test_rules_have_one_layout_however_they_are_spaced() -> None:
    dice = random.Random(22)  # noqa: S311
    text = "".join(f"f{n}(x: User, {n}) if x.a = {n} and (x.b or x = [x]);" for n in range(9))

    layouts = {format_polar(scramble(text, dice, comments=0.0), "a") for _ in range(SCRAMBLED)}

    assert {re.sub("\n+", "\n", layout) for layout in layouts} == {format_polar(text, "a")}


@pytest.mark.many
def test_the_meaning_of_generated_packs_stays_the_same(tmp_path: Path) -> None:
    compared = 0
    for seed in range(GENERATED):
        pack = write_pack(seed, tmp_path / str(seed))
        if not without_refused_rules(pack, partial(refused, pack.policies, pack.fixtures)):
            continue
        old = load(pack.policies, pack.fixtures)

        new = load(*formatted_pack(pack.policies, pack.fixtures))

        assert_same(old, new)
        compared += 1
    assert compared > GENERATED * 0.9


@pytest.mark.many
@pytest.mark.parametrize("directory", [ROOT, *OTHERS], ids=lambda path: path.name)
def test_the_meaning_of_packs_stays_the_same(directory: Path, tmp_path: Path) -> None:
    policies, fixtures = tmp_path / "policies", directory / "fixtures"
    policies.mkdir()
    for path in (directory / "policies").glob("*.polar"):
        (policies / path.name).write_text(path.read_text())

    old = load(policies, fixtures)
    new = load(*formatted_pack(policies, fixtures))

    assert_same(old, new)


def assert_same(old: Policy, new: Policy) -> None:
    found = differences(old, new)
    assert (found.changes, found.reasons, found.rules) == ((), (), ())
    assert found.missed == 0 or old.uncompiled


def load(policies: Path, fixtures: Path) -> Policy:
    texts, sentences = read_texts(policies, fixtures)
    return assemble(texts, sentences, compiled(replace(texts, reviewing=True)))


def formatted_pack(policies: Path, fixtures: Path) -> tuple[Path, Path]:
    """Format the files of a pack in their places."""
    for path in policies.glob("*.polar"):
        path.write_text(format_polar(path.read_text(), path.name))
    return policies, fixtures


def refused(policies: Path, fixtures: Path) -> list[int]:
    try:
        load(policies, fixtures)
    except InvalidPolicyError as error:
        return [problem.line for problem in error.problems]
    except InvalidPackError as error:
        return [problem.line for problem in error.problems]
    return []


def scramble(text: str, dice: random.Random, comments: float = 0.05) -> str:
    """Put other blanks, line ends and comments between the words of a text."""
    pieces: list[str] = []
    for number, token in enumerate(tokenize(text)):
        chance = dice.random()
        if chance < comments:
            pieces.append(f" # {number} {dice.choice('ab')}  c\n")
        else:
            pieces.append(dice.choice((" ", " ", "  ", "\t", "\n", "\n\n\n")))
        pieces.append(str(token))
    return "".join(pieces)


def words_of(text: str) -> list[str]:
    """Return the words of a text, without commas before brackets that close."""
    words = " ".join(map(str, tokenize(text)))
    return re.sub(r"(?:, )+(?=[,\]}])", "", words).split()


def comments_of(text: str) -> list[list[str]]:
    without_strings = re.sub(r'"(?:\\.|[^"\\\n])*"', "", text)
    return [comment.split() for comment in re.findall("#.*", without_strings)]
