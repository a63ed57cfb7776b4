"""The commands: found by where they stand, cheap to list, and as the documents say."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from labline.engine.cli.main import app, command_modules
from labline.engine.cli.shared.groups import GROUPS

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
#: What listing the commands needs nothing of, and takes long to load.
HEAVY = {
    "aiokafka", "asyncio", "confluent_kafka", "cryptography", "csv", "email", "fastavro", "faust",
    "fsspec", "hashlib", "jinja2", "numpy", "polars", "pydantic", "random", "rich", "river",
    "structlog", "tempfile", "yaml",
}  # fmt: skip

CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
MENTION = re.compile(r"(?:^|[\s`(/;&|])labline (?!import )([^`\n;&|#]*)")


def names_of(group: TyperGroup) -> set[str]:
    """Return the commands of a group as they are typed, such as ``lab run``."""
    names = set()
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            names |= {f"{name} {member}" for member in names_of(command)}
        else:
            names.add(name)
    return names


def options_of(command: str) -> set[str]:
    member = get_command(app)
    for word in command.split():
        assert isinstance(member, TyperGroup)
        member = member.commands[word]
    return {name for each in member.params for name in (*each.opts, *each.secondary_opts)}


def mentions(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands that a document names in code, each with the options it gives them."""
    for code in CODE.findall(path.read_text(encoding="utf-8")):
        for rest in MENTION.findall(code):
            words = rest.split()
            count = 2 if words and words[0] in GROUPS else 1
            yield " ".join(words[:count]), [word for word in words if word.startswith("--")]


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from labline.engine.cli.main import main\n"
        "sys.argv = ['labline', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(*sys.modules)"
    )
    *shown, loaded = run_python(code).splitlines()
    assert any("republish" in line for line in shown)
    assert {name.partition(".")[0] for name in loaded.split()} & HEAVY == set()


def test_what_is_not_loaded_has_its_name_right() -> None:
    assert [name for name in HEAVY if PathFinder.find_spec(name) is None] == []


def test_every_module_of_the_folder_is_a_command() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    assert len(names_of(group)) >= len(list(command_modules())) > 15
    assert {name.split()[0] for name in names_of(group) if " " in name} == set(GROUPS)


def test_the_list_has_whole_sentences_in_order_of_names() -> None:
    shown = run_python(
        "import sys; sys.argv = ['labline', '--help']; import labline.engine.cli.main as cli\n"
        "try: cli.main()\nexcept SystemExit: pass",
        COLUMNS="80",
    )
    listed = shown.partition("Commands:\n")[2]
    names = re.findall(r"^  ([a-z]+)", listed, re.MULTILINE)
    assert names == sorted(names)
    assert "..." not in listed


def test_a_shell_completes_commands_of_groups_too() -> None:
    code = "from labline.engine.cli.main import main; main()"
    for typed, expected in (("labline la", "lab lag"), ("labline lab pa", "parity")):
        completed = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.argv = ['labline']\n{code}"],
            env=os.environ
            | {
                "_LABLINE_COMPLETE": "complete_bash",
                "COMP_WORDS": typed,
                "COMP_CWORD": str(len(typed.split()) - 1),
            },
            check=False,
            capture_output=True,
            text=True,
        )
        assert completed.stdout.split() == expected.split(), completed.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_commands_and_options_that_are_there(path: Path) -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    known = names_of(group)
    for command, options in mentions(path):
        if not re.fullmatch(r"[a-z -]+", command) or command in GROUPS:
            continue  # "labline …", "labline --help", or a group as a whole
        assert command in known, command
        given = {option.partition("=")[0].rstrip(".,)") for option in options} - {"--help"}
        assert given <= options_of(command), (command, given)


def test_documents_are_read() -> None:
    commands = {command for path in DOCUMENTS for command, _ in mentions(path)}
    assert len(commands) > 20
