"""What is said of a syntax error: its line, its cause, and the mend where it is certain."""

from __future__ import annotations

import pytest

from sidecar.polar.parser import MAXIMUM_FAULTS, parse_statements

# The source, and what is said of it: the line, what is wrong, and how to mend it.
ERRORS = [
    (
        "f(x) if x.a = 1",
        ["1: a `;` is missing at the end"],
    ),
    (
        "f(x) if x.a = 1\ng(y: Foo) if y.b = 2;",
        ["1: a `;` is missing at the end of line 1"],
    ),
    (
        "f(x) if x.a\ng(y) if y.b;",
        ["1: a `;` is missing at the end of line 1"],
    ),
    (
        "f(x: Foo) if x.a = 1\nresource Foo {}",
        ["1: a `;` is missing at the end of line 1"],
    ),
    (
        "f(x) if (x.a and x.b;",
        ["1: the `(` that begins here is not closed"],
    ),
    (
        "f(x) if x.a and x.b);",
        ["1: `)` closes nothing that is open"],
    ),
    (
        'f(x) if x.a in ["a", "b" and x.b;',
        ["1: the `[` that begins here is not closed"],
    ),
    (
        "f(x) if (x.a and x.b];",
        ["1: `]` cannot close the `(` of line 1"],
    ),
    (
        "f(x: Foo if x.a;\ng(y: Foo) if y.b c;",
        [
            "1: the `(` that begins here is not closed",
            "2: something is missing between `b` and `c`",
        ],
    ),
    (
        'f(x) if x.a = "abc;\ng(y: Foo) if && y;',
        [
            "1: the string that begins here (column 15) has no end in this line",
            "2: `&&` has no meaning in Polar (column 14); write `and`",
        ],
    ),
    (
        "f(x) if x.a && x.b;",
        ["1: `&&` has no meaning in Polar (column 13); write `and`"],
    ),
    (
        "f(x) if x.a || x.b;",
        ["1: `||` has no meaning in Polar (column 13); write `or`"],
    ),
    (
        "f(x) if x.a & x.b;",
        ["1: `&` has no meaning in Polar (column 13)"],
    ),
    (
        "f(x) if x.a | x.b;",
        ["1: `|` (vertical line) has no meaning in Polar here (column 13)"],
    ),
    (
        "f(x) if !x.a and x.b;",
        ["1: `!` has no meaning in Polar (column 9); write `not`"],
    ),
    (
        "f(x) if x.a and ! x.b;",
        ["1: `!` has no meaning in Polar (column 17); write `not`"],
    ),
    (
        "f(x) if x.a =! x.b;",
        ["1: `!` has no meaning in Polar (column 14)"],
    ),
    (
        "f(x) if ~x.a;",
        ["1: `~` has no meaning in Polar (column 9); write `not`"],
    ),
    (
        "f(x) if x.a is null;",
        ["1: `is` is no word of Polar; ask `.exists = false`"],
    ),
    (
        "f(x) if x.a is not None;",
        ["1: `is` is no word of Polar; ask `.exists = true`"],
    ),
    (
        "f(x) if x.a is x.b;",
        ["1: `is` is no word of Polar; write `=`"],
    ),
    (
        "f(x) if x.a <> x.b;",
        ["1: `<>` has no meaning in Polar (column 13); write `!=`"],
    ),
    (
        "f(x) if x.a === x.b;",
        ["1: `===` has no meaning in Polar (column 13); write `=`"],
    ),
    (
        "f(x) if x.a !== x.b;",
        ["1: `!==` has no meaning in Polar (column 13); write `!=`"],
    ),
    (
        "f(x) if x.a =< x.b;",
        ["1: `=<` has no meaning in Polar (column 13); write `<=`"],
    ),
    (
        "f(x) if x.a => x.b;",
        ["1: `=>` has no meaning in Polar (column 13)"],
    ),
    (
        "f(x) if x.a -> x.b;",
        ["1: `->` has no meaning in Polar (column 13)"],
    ),
    (
        "f(x) :- x.a;",
        ["1: `:-` has no meaning in Polar (column 6); write `if`"],
    ),
    (
        "f(x) := x.a;",
        ["1: `:=` cannot follow the head of a rule; a condition begins with `if`"],
    ),
    (
        "f(x) = true;",
        ["1: `=` cannot follow the head of a rule; a condition begins with `if`"],
    ),
    (
        "f(x) => x.a;",
        ["1: `=>` has no meaning in Polar (column 6)"],
    ),
    (
        "f(x) -> x.a;",
        ["1: `->` has no meaning in Polar (column 6)"],
    ),
    (
        "f(x) { x.a }",
        ["1: `{` cannot follow the head of a rule; a condition begins with `if`"],
    ),
    (
        "f(x): x.a;",
        ["1: `:` cannot follow the head of a rule; a condition begins with `if`"],
    ),
    (
        "f(x) x.a;",
        ["1: between the head of this rule and `x` an `if` or a `;` is missing"],
    ),
    (
        "f(x)\n  x.a = 1;",
        ["1: between the head of this rule and `x` an `if` or a `;` is missing"],
    ),
    (
        "f(x) when x.a;",
        ["1: `when` is no word of Polar; write `if`"],
    ),
    (
        "f(x) If x.a;",
        ["1: `If` is no word of Polar; write `if`"],
    ),
    (
        "f(x), x.a;",
        ["1: `,` cannot follow the head of a rule; a condition begins with `if`"],
    ),
    (
        "f(x) and x.a;",
        ["1: `and` cannot follow the head of a rule; a condition begins with `if`"],
    ),
    (
        "f(x) if x.a, x.b;",
        ["1: `,` joins no conditions; write `and`"],
    ),
    (
        "f(x) if x.a; x.b;",
        ["1: `x` does not begin a rule, a resource or an actor"],
    ),
    (
        "f(x) if x.a AND x.b;",
        ["1: `AND` is no word of Polar; write `and`"],
    ),
    (
        "f(x) if x.a Or x.b;",
        ["1: `Or` is no word of Polar; write `or`"],
    ),
    (
        "f(x) if NOT x.a;",
        ["1: `NOT` is no word of Polar; write `not`"],
    ),
    (
        'f(x) if x.a not in ["a"];',
        ["1: `not in` is nothing in Polar; write `not` before the whole condition"],
    ),
    (
        "f(x) if not not x.a;",
        ["1: `not` cannot follow `not`; write `not (not …)`"],
    ),
    (
        'f(x) if x.a in ("a", "b");',
        ['1: this is no list; a list is written `["a", "b"]`'],
    ),
    (
        'f(x) if x.a in {"a", "b"};',
        ['1: this is no list; a list is written `["a", "b"]`'],
    ),
    (
        "f(x) if (x, y);",
        ["1: this is no list; a list is written `[x, y]`"],
    ),
    (
        "f(x) if x.a = ();",
        ["1: between `(` and `)` something is missing"],
    ),
    (
        "f(x) if x.a = 'abc';",
        ['1: `\'` has no meaning in Polar (column 15); strings stand in `"..."`'],
    ),
    (
        "f(x) if x.a = `abc`;",
        ['1: a backtick has no meaning in Polar (column 15); strings stand in `"..."`'],
    ),
    (
        "f(x) if x.a ≠ x.b;",
        ["1: `≠` (not equal to) has no meaning in Polar here (column 13); write `!=`"],
    ),
    (
        "f(x) if x.a; // comment",
        ["1: `//` has no meaning in Polar (column 14); a comment begins with `#`"],
    ),
    (
        "f(x) if x.a // comment\n  and x.b;",
        ["1: `//` has no meaning in Polar (column 13); a comment begins with `#`"],
    ),
    (
        "// comment\nf(x) if x.a;",
        ["1: `//` has no meaning in Polar (column 1); a comment begins with `#`"],
    ),
    (
        "/* comment\n   here */\nf(x) if x.a;",
        ["1: `/*` has no meaning in Polar (column 1); each line of a comment begins with `#`"],
    ),
    (
        "% comment\nf(x) if x.a;",
        ["1: `%` has no meaning in Polar (column 1); a comment begins with `#`"],
    ),
    (
        "f(x) if x.a % 2 = 1;",
        ["1: `%` has no meaning in Polar (column 13)"],
    ),
    (
        "-- comment\nf(x) if x.a;",
        ["1: `--` has no meaning in Polar (column 1); a comment begins with `#`"],
    ),
    (
        "f(x) if x.a -- comment\n  and x.b;",
        ["1: `--` has no meaning in Polar (column 13); a comment begins with `#`"],
    ),
    (
        "f(x) if x.a ? x.b : x.c;",
        ["1: `?` (question mark) has no meaning in Polar here (column 13)"],
    ),
    (
        "f(x) if x.a unless x.b;",
        ["1: `unless` is no word of Polar"],
    ),
    (
        "f(x) if if x.a;",
        ["1: a second `if` stands in this rule; end the rule before with `;`, or write `and`"],
    ),
    (
        "f(x) if;",
        ["1: between `if` and `;` a condition is missing"],
    ),
    (
        "f(x) if x.a and;",
        ["1: between `and` and `;` a condition is missing"],
    ),
    (
        "f(x) if and x.a;",
        ["1: between `if` and `and` a condition is missing"],
    ),
    (
        "f(x) if x.a and or x.b;",
        ["1: between `and` and `or` a condition is missing"],
    ),
    (
        "f(x) if x.a = = 1;",
        ["1: between `=` and `=` a value is missing"],
    ),
    (
        "f(x) if x.a = ;",
        ["1: between `=` and `;` a value is missing"],
    ),
    (
        "f(x) if x. = 1;",
        ["1: between `.` and `=` the name of a member is missing"],
    ),
    (
        "f(x) if x..a;",
        ["1: between `.` and `.` the name of a member is missing"],
    ),
    (
        "f(x) if x.a = -y;",
        ["1: `-`: arithmetic on facts cannot be compiled; put the number into the settings"],
    ),
    (
        "f(x) if x.a then x.b;",
        ["1: `then` is no word of Polar"],
    ),
    (
        "f(x) if x.a else x.b;",
        ["1: `else` is no word of Polar; write a second rule of this name"],
    ),
    (
        "f(x) if x.a elif x.b;",
        ["1: `elif` is no word of Polar; write a second rule of this name"],
    ),
    (
        "f(x) if return x.a;",
        ["1: `return` is no word of Polar"],
    ),
    (
        "return true;",
        ["1: `return` is no word of Polar; a rule begins with its name"],
    ),
    (
        "def f(x) if x.a;",
        ["1: `def` is no word of Polar; a rule begins with its name"],
    ),
    (
        "rule f(x) if x.a;",
        ["1: `rule` is no word of Polar; a rule begins with its name"],
    ),
    (
        "import foo;",
        ["1: `import` is no word of Polar; a rule begins with its name"],
    ),
    (
        "if x.a;",
        ["1: `if` does not begin a rule, a resource or an actor"],
    ),
    (
        "not f(x);",
        ["1: `not` does not begin a rule, a resource or an actor"],
    ),
    (
        "5;",
        ["1: `5` does not begin a rule, a resource or an actor"],
    ),
    (
        '"view" if "reader";',
        ['1: `"view"` stands in a block only; write `resource Type { … }`'],
    ),
    (
        'roles = ["a"];',
        ["1: `roles` stands in a block only; write `resource Type { … }`"],
    ),
    (
        ";",
        ["1: this `;` ends nothing; take it away"],
    ),
    (
        "f(x) if x.a;;",
        ["1: this `;` ends nothing; take it away"],
    ),
    (
        "f(x y) if x.a;",
        ["1: between `x` and `y` a `,` is missing"],
    ),
    (
        "f(x: Foo y: Bar) if x.a;",
        ["1: between `Foo` and `y` a `,` is missing"],
    ),
    (
        "f(x) if g(x y);",
        ["1: between `x` and `y` a `,` is missing"],
    ),
    (
        "f(x) if g(x,);",
        ["1: nothing stands between `,` and `)`; take the `,` away"],
    ),
    (
        "f(x) if g(,x);",
        ["1: between `(` and `,` a value is missing"],
    ),
    (
        'f(x) if x.a in ["a" "b"];',
        ['1: between `"a"` and `"b"` a `,` is missing'],
    ),
    (
        "f(x) if g(x;",
        ["1: the `(` that begins here is not closed"],
    ),
    (
        "f(x) if x[0] = 1;",
        ["1: `[` cannot follow `x`: nothing is read by its position"],
    ),
    (
        'f(x) if x["a"] = 1;',
        ["1: `[` cannot follow `x`: nothing is read by its position"],
    ),
    (
        "f(cut) if x.a;",
        ["1: `cut` is a word of Polar; take another name"],
    ),
    (
        "f(in) if x.a;",
        ["1: `in` is a word of Polar; take another name"],
    ),
    (
        "f(x) if in = 1;",
        ["1: `in` is a word of Polar; take another name"],
    ),
    (
        "f(x) if forall = 1;",
        ["1: `forall` is a word of Polar; take another name"],
    ),
    (
        "f(x) if matches = 1;",
        ["1: `matches` is a word of Polar; take another name"],
    ),
    (
        "f(type) if type.a;",
        ["1: `type` is a word of Polar; take another name"],
    ),
    (
        "f(x) if new = 1;",
        ["1: `new` is a word of Polar; take another name"],
    ),
    (
        "f(x) if print x.a;",
        ["1: `print` is a word of Polar; take another name"],
    ),
    (
        "f(x) if x isa Foo;",
        ["1: `isa` is not supported: write `matches`"],
    ),
    (
        "f(x) if x: Foo;",
        ["1: `:` gives types to parameters only; write `matches` in a condition"],
    ),
    (
        "f(x) if x matches Foo{a = 1};",
        ["1: between a key and its value stands a `:`, not `=`"],
    ),
    (
        "f(x) if x matches Foo{a: 1 b: 2};",
        ["1: between `1` and `b` a `,` is missing"],
    ),
    (
        "f(x) if x matches = 1;",
        ["1: between `matches` and `=` a value is missing"],
    ),
    (
        "f(_: Foo{a == 1});",
        ["1: between a key and its value stands a `:`, not `==`"],
    ),
    (
        "f(x) if 1 < x.a < 3;",
        ["1: a condition stands where a value must; compare two values at a time"],
    ),
    (
        "f(x) if x.a = x.b = x.c;",
        ["1: a condition stands where a value must; compare two values at a time"],
    ),
    (
        "f(x) if x.a = (x.b and x.c);",
        ["1: a condition stands where a value must; compare two values at a time"],
    ),
    (
        "f(x) if x.a and 1;",
        ["1: a value stands where a condition must; compare it with one"],
    ),
    (
        "f(x) if x.a = not x.b;",
        ["1: between `=` and `not` a value is missing; `not` stands before a whole condition"],
    ),
    (
        "f(x) if forall(x in [1], x > 0;",
        ["1: the `(` that begins here is not closed"],
    ),
    (
        "f(x) if forall(x in [1] x > 0);",
        ["1: between `]` and `x` a `,` is missing"],
    ),
    (
        "f(x) if forall(x in [1]);",
        ["1: `)` cannot stand here; write `,`"],
    ),
    (
        "f(x) if x.a = 1.2.3;",
        ["1: between `.` and `3` the name of a member is missing"],
    ),
    (
        "f(x) if x.a = 5px;",
        ["1: something is missing between `5` and `px`"],
    ),
    (
        "f(x) if x.a = 1_000;",
        ["1: something is missing between `1` and `_000`"],
    ),
    (
        "f(x) if x.a = .5;",
        ["1: a number begins with a digit; write `0.5`"],
    ),
    (
        "f(x) if x.a = 1e5e;",
        ["1: something is missing between `1e5` and `e`"],
    ),
    (
        "f(x) if x.a = 99999999999999999999;",
        ["1: `99999999999999999999` does not fit into 64 bits; write a smaller number"],
    ),
    (
        "f(x) if x.a if x.b;",
        ["1: a second `if` stands in this rule; end the rule before with `;`, or write `and`"],
    ),
    (
        "f(x) if x.a and\ng(y) if y.b;",
        ["2: a second `if` stands in this rule; end the rule before with `;`, or write `and`"],
    ),
    (
        'resource Doc {\n  roles = ["a"]\n  permissions = ["b"];\n}',
        ["2: a `;` is missing at the end of line 2"],
    ),
    (
        'resource Doc {\n  roles = ["a"];\n  "b" if "a"\n}',
        ["3: a `;` is missing at the end of line 3"],
    ),
    (
        ('resource Doc {\n  roles = ["a"];\n  "b" if "a"\n  "c" if "a";\n  "d" "e";\n}'),
        [
            "3: a `;` is missing at the end of line 3",
            '5: between `"d"` and `"e"` an `if` is missing',
        ],
    ),
    (
        'resource Doc {\n  "b" if "a"\n  roles = ["a"];\n}',
        ["2: a `;` is missing at the end of line 2"],
    ),
    (
        'resource Doc {\n  roles = ["a"];\n\nf(x: Doc) if x.a;',
        ["1: the `{` that begins here is not closed"],
    ),
    (
        ('resource Doc {\n  roles = ["a"];\nresource Folder {\n}\nf(x) if x x;'),
        [
            "1: the `{` that begins here is not closed",
            "5: something is missing between `x` and `x`",
        ],
    ),
    (
        'resource Doc {\n  roles: ["a"];\n}',
        ["2: write `=` instead of `:`"],
    ),
    (
        'resource Doc {\n  roles = ["a", b];\n}',
        ['2: names stand in quotes here; write `"b"`'],
    ),
    (
        'resource Doc {\n  roles = ("a", "b");\n}',
        ['2: this is no list; a list is written `["a", "b"]`'],
    ),
    (
        'resource Doc {\n  roles = {"a", "b"};\n}',
        ['2: this is no list; a list is written `["a", "b"]`'],
    ),
    (
        'resource Doc {\n  roles = ["a" "b"];\n}',
        ['2: between `"a"` and `"b"` a `,` is missing'],
    ),
    (
        'resource Doc {\n  roles = "a";\n}',
        ['2: this is no list; a list is written `["a"]`'],
    ),
    (
        "resource Doc {\n  relations = {lab = Lab};\n}",
        ["2: between a key and its value stands a `:`, not `=`"],
    ),
    (
        "resource Doc {\n  relations = {lab Lab};\n}",
        ["2: between `lab` and `Lab` a `:` is missing"],
    ),
    (
        'resource Doc {\n  relations = {lab: "Lab"};\n}',
        ["2: names stand without quotes here; write `Lab`"],
    ),
    (
        "resource Doc {\n  relations = [lab: Lab];\n}",
        ["2: relations are written `{name: Type}`"],
    ),
    (
        'resource Doc {\n  view if "reader";\n}',
        ['2: names stand in quotes here; write `"view"`'],
    ),
    (
        'resource Doc {\n  "view" if reader;\n}',
        ['2: names stand in quotes here; write `"reader"`'],
    ),
    (
        'resource Doc {\n  "view" if "reader" on lab;\n}',
        ['2: names stand in quotes here; write `"lab"`'],
    ),
    (
        'resource Doc {\n  "view" if "reader" and "writer";\n}',
        ["2: a line of a resource block has one condition; write a rule for more"],
    ),
    (
        'resource Doc {\n  "view" if "reader", "writer";\n}',
        ["2: a line of a resource block has one condition; write a rule for more"],
    ),
    (
        'resource Doc {\n  "view" = "reader";\n}',
        ["2: `=` cannot stand here; write `if`"],
    ),
    (
        'resource Doc {\n  "view";\n}',
        ["2: `;` cannot stand here; write `if`"],
    ),
    (
        "resource Doc {\n  roles;\n}",
        ["2: `;` cannot stand here; write `=`"],
    ),
    (
        'resource Doc {\n  if "reader";\n}',
        ["2: `if` does not begin a line of a resource block"],
    ),
    (
        'resource Doc {\n  "view" if not "reader";\n}',
        ['2: `not` cannot stand here; write a text in `"`'],
    ),
    (
        'resource Doc { roles = ["a"]; };',
        ["1: this `;` ends nothing; take it away"],
    ),
    (
        "resource Doc;",
        ["1: `resource` needs a type and `{ … }`"],
    ),
    (
        "resource Doc",
        ["1: `resource` needs a type and `{ … }`"],
    ),
    (
        "resource Doc Doc { }",
        ["1: `resource` needs a type and `{ … }`"],
    ),
    (
        'resource "Doc" { }',
        ["1: `resource` needs a type and `{ … }`"],
    ),
    (
        "resource Doc { { }",
        ["1: the `{` that begins here is not closed"],
    ),
    (
        'resource Doc roles = ["a"];',
        ["1: `resource` needs a type and `{ … }`"],
    ),
    (
        'Resource Doc { roles = ["a"] }',
        ["1: a `;` is missing at the end of line 1"],
    ),
    (
        "f(x) if x.a and @y;",
        ["1: `@` (commercial at) has no meaning in Polar here (column 17)"],
    ),
    (
        "f(x) if x.$ref = 1;",
        ["1: `$` (dollar sign) has no meaning in Polar here (column 11)"],
    ),
    (
        'f(x) if x.a = \\"b\\";',
        ["1: `\\` (reverse solidus) has no meaning in Polar here (column 15)"],
    ),
    (
        "f(x) if x \\= y;",
        ["1: `\\=` has no meaning in Polar (column 11); write `!=`"],
    ),
    (
        "f(x) if \\+ x.a;",
        ["1: `\\+` has no meaning in Polar (column 9); write `not`"],
    ),
    (
        "?= f(1)",
        ["1: a `;` is missing at the end"],
    ),
    (
        "type f(x)",
        ["1: a `;` is missing at the end"],
    ),
    (
        "f(a::) if a;",
        ["1: `::` stands between two parts of a name"],
    ),
    (
        "f(x) if x.größe = 1 x;",
        ["1: `ö` (latin small letter o with diaeresis) has no meaning in Polar here (column 13)"],
    ),
    (
        "f(x) if f(x)(y);",
        ["1: `(` cannot follow `)`: only a name can be called"],
    ),
    (
        "f(x) if x.a++;",
        ["1: between `+` and `;` a value is missing"],
    ),
    (
        "f(x) if x.a += 1;",
        ["1: between `+` and `=` a value is missing"],
    ),
    (
        "f(x) if x?.a = 1 b;",
        ["1: something is missing between `1` and `b`"],
    ),
    (
        "f(x) if x.a == nil ?? 1;",
        ["1: `?` (question mark) has no meaning in Polar here (column 20)"],
    ),
    (
        (
            'allow(user: User, "read", doc: Doc) if user.a\n'
            "  # comment\n"
            "  and user.b\n"
            'allow(user: User, "write", doc: Doc) if user.c &&\n'
            "  user.d;\n"
            'forbid(user: User, "write", doc: Doc) if (user.c;\n'
            "ok(x: X) if x.a;\n"
            "bad bad(x);"
        ),
        [
            "3: a `;` is missing at the end of line 3",
            "4: `&&` has no meaning in Polar (column 48); write `and`",
            "6: the `(` that begins here is not closed",
            "8: `bad` does not begin a rule, a resource or an actor",
        ],
    ),
    (
        "f(x) if x.a and (x.b or x.c));",
        ["1: `)` closes nothing that is open"],
    ),
    (
        "f(x)) if x.a;",
        ["1: `)` closes nothing that is open"],
    ),
    (
        'f(x) if x.a = "abc\n  def";',
        ["1: the string that begins here (column 15) has no end in this line"],
    ),
    (
        "f(x) if x matches Foo{a: 1;\ng(y: Foo) if y.b;",
        ["1: the `{` that begins here is not closed"],
    ),
    (
        ("f(x) if x.a;\n\n\ng(x) if &&;\nh(x) if ||;\ni(x) if x.a;\nj(x) if x.b y;"),
        [
            "4: `&&` has no meaning in Polar (column 9); write `and`",
            "5: `||` has no meaning in Polar (column 9); write `or`",
            "7: something is missing between `b` and `y`",
        ],
    ),
]


@pytest.mark.parametrize(("source", "messages"), ERRORS, ids=[source for source, _ in ERRORS])
def test_a_syntax_error_is_named_in_its_line(source: str, messages: list[str]) -> None:
    _, problems = parse_statements(source, "a.polar")

    assert [f"{problem.line}: {problem.message}" for problem in problems] == messages


def test_every_statement_that_is_wrong_is_named_and_the_others_are_parsed() -> None:
    text = (
        "f(x) if x.a && x.b;\n"
        "g(x: Doc) if (x.a;\n"
        'resource Doc {\n  roles = ["a"]\n  permissions = ["b"];\n  "b" "a";\n}\n'
        "h(x) if x.a;\n"
        "i(x) if x.a x.b;\n"
    )

    tree, problems = parse_statements(text, "a.polar")

    assert [problem.line for problem in problems] == [1, 2, 4, 6, 9]
    assert [line.span.line for line in tree.lines] == [8]


def test_a_line_of_a_block_after_a_missing_end_is_read_too() -> None:
    text = 'resource Doc {\n  roles = ["a"]\n  "b" if a;\n  "c" if "a"\n}\n'

    _, problems = parse_statements(text, "a.polar")

    assert [f"{problem.line}: {problem.message}" for problem in problems] == [
        "2: a `;` is missing at the end of line 2",
        '3: names stand in quotes here; write `"a"`',
        "4: a `;` is missing at the end of line 4",
    ]


def test_a_text_that_is_wrong_everywhere_has_a_limited_number_of_errors() -> None:
    _, problems = parse_statements("f(x) if;\n" * 10_000, "a.polar")

    assert len(problems) == MAXIMUM_FAULTS
