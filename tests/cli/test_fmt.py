"""`sidecar fmt`: which files it writes, what it prints, and with which status."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from tests.paths import ROOT

UGLY, CANONICAL = "f(x)if x; # c\n", "f(x) if\n  x;  # c\n"


def run(*args: str, **options: str) -> Result:
    return CliRunner().invoke(main, ["fmt", *args], **options)  # type: ignore[arg-type]


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    path = tmp_path / "main.polar"
    path.write_text(UGLY)
    return path


def test_a_file_is_written_in_its_layout_and_named(ugly: Path) -> None:
    result = run(str(ugly))

    assert (result.exit_code, result.stdout) == (EXIT_YES, f"{ugly}\n")
    assert ugly.read_text() == CANONICAL
    assert run(str(ugly)).stdout == ""
    assert [each.name for each in ugly.parent.iterdir()] == ["main.polar"]


def test_a_written_file_keeps_its_mode_and_a_link_stays_one(ugly: Path, tmp_path: Path) -> None:
    ugly.chmod(0o640)
    link = tmp_path / "link.polar"
    link.symlink_to(ugly)

    run(str(link))

    assert link.is_symlink()
    assert (ugly.read_text(), ugly.stat().st_mode & 0o777) == (CANONICAL, 0o640)


def test_a_check_names_what_would_change_and_writes_nothing(ugly: Path, tmp_path: Path) -> None:
    (tmp_path / "good.polar").write_text(CANONICAL)

    result = run("--check", str(tmp_path))

    assert (result.exit_code, result.stdout) == (EXIT_NO, f"{ugly}\n")
    assert ugly.read_text() == UGLY
    assert run("--check", str(tmp_path / "good.polar")).exit_code == EXIT_YES


def test_a_difference_is_shown_and_nothing_written(ugly: Path) -> None:
    result = run("--diff", str(ugly))

    assert result.exit_code == EXIT_NO
    assert result.stdout == (
        f"--- {ugly}\n+++ {ugly}\n@@ -1 +1,2 @@\n-f(x)if x; # c\n+f(x) if\n+  x;  # c\n"
    )
    assert ugly.read_text() == UGLY


def test_standard_input_is_printed_in_its_layout() -> None:
    assert run("-", input=UGLY).stdout == CANONICAL
    assert run("-", "--check", input=UGLY).exit_code == EXIT_NO


def test_line_feeds_alone_end_the_lines_of_a_written_file(ugly: Path) -> None:
    ugly.write_bytes(b"\xef\xbb\xbff(x)\r\nif x; # c\r\n")

    run(str(ugly))

    assert ugly.read_bytes() == CANONICAL.encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"f(x);\nf(x if y;\n", ":2: "),
        (b"f(x);\n# \xff\n", ":2: is not UTF-8; save it as UTF-8"),
        (b"f(x); # \xc2\x85g(x);\n", ":1: hidden character U+0085"),
    ],
)
def test_a_file_with_faults_is_left_and_the_others_are_written(
    content: bytes, message: str, ugly: Path, tmp_path: Path
) -> None:
    faulty = tmp_path / "faulty.polar"
    faulty.write_bytes(content)

    result = run(str(faulty), str(tmp_path / "missing.polar"), str(ugly))

    assert result.exit_code == EXIT_TROUBLE
    assert f"error: {faulty}{message}" in result.stderr
    assert f"error: {tmp_path / 'missing.polar'}: No such file or directory" in result.stderr
    assert faulty.read_bytes() == content
    assert ugly.read_text() == CANONICAL


def test_without_files_it_is_the_policies_of_the_pack() -> None:
    result = run("--check", "--policies", str(ROOT / "policies"))

    assert (result.exit_code, result.stdout) == (EXIT_YES, "")
    assert "pack: " in result.stderr
