"""The documentation is what the program says of itself.

``VTONCTL_WRITE_DOCS=1 pytest tests/vtonctl/test_docs.py`` writes it anew.
"""

import inspect
import json
import os
import re
from importlib import import_module
from pathlib import Path

import pytest
import typer.main

from vtonctl import app
from vtonctl.settings import Settings
from vtonctl.show.jsonout import DOCUMENTS, schema

REPO = Path(__file__).resolve().parents[2]
HEAD = """# The command line

Every command takes `--help`. Results go to stdout, progress and errors to stderr; `--json` prints
one JSON document ([schema](json-schema.json)) and nothing else.

| exit code | meaning |
|---|---|
| 0 | done, or nothing to do |
| 1 | unexpected error |
| 2 | wrong use of the command line |
| 3 | finished, some items failed |
| 4 | finished, some results are flagged (only with `--fail-on-flag`) |
| 64 | bad settings or option value; a device that is not there |
| 65 | bad list, name or data-set layout |
| 66 | an input that the run depends on cannot be used |
| 69 | a needed weight, extra or cluster is not available |
| 74 | disk full or another failure of reading or writing |
| 75 | another run holds the folder |
| 130, 143 | interrupted (SIGINT, SIGTERM) |
"""


def commands():
    """Every command by what is typed, those of groups as ``group part``."""
    found, root = {}, typer.main.get_command(app.build())
    assert set(root.list_commands(None)) == set(root.commands)
    for name in root.list_commands(None):
        command = root.commands[name]
        parts = getattr(command, "commands", None)
        found |= {f"{name} {part}": c for part, c in parts.items()} if parts else {name: command}
    return found


def cell(text):
    return text.replace("|", "\\|")


def section(name, command):
    group, _, part = name.partition(" ")
    module = import_module(f"vtonctl.commands.{group}")
    function, example = module.PARTS[part] if part else (module.run, module.EXAMPLE)
    words = inspect.cleandoc(function.__doc__)
    rows = []
    for param in command.params:
        if "--help" in param.opts:
            continue
        if getattr(param, "param_type_name", "") == "argument":
            shown = param.metavar or param.name.upper()
        else:
            shown = ", ".join(sorted(param.opts, key=len)) + (
                f" {param.metavar}" if param.metavar else ""
            )
        rows.append(f"| `{cell(shown)}` | {cell(param.help or '')} |")
    return (
        f"## vtonctl {name}\n\n{words}\n\n```console\n{example.strip()}\n```\n\n"
        "| option | what it does |\n|---|---|\n" + "\n".join(rows) + "\n"
    )


def settings_section():
    rows = "\n".join(
        f"| `{name}` | {field.description} | `{shown(field.default)}` |"
        for name, field in Settings.model_fields.items()
    )
    return (
        "## Settings\n\nEach of these may stand in `vtonctl.toml` in the root, or in the "
        "environment as `VTONCTL_` and the\nname in capitals, or be given as an option; the later "
        "one wins. `--show-settings` tells where each\nvalue came from.\n\n"
        "| setting | what | default |\n|---|---|---|\n" + rows + "\n"
    )


def shown(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


RELIABILITY = REPO / "docs" / "reliability.md"


def cli_page():
    sections = [section(name, command) for name, command in commands().items()]
    return "\n".join([HEAD, *sections, settings_section()])


def schema_page():
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"


def published(name, made):
    path = REPO / "docs" / name
    if os.environ.get("VTONCTL_WRITE_DOCS"):
        path.write_text(made, "utf-8")
    return path.read_text("utf-8")


def test_the_command_line_page_is_up_to_date():
    assert published("cli.md", cli_page()) == cli_page(), "see the docstring of this file"


@pytest.mark.reliability("R23")
def test_the_published_schema_is_up_to_date():
    """Fields and which are always there; wording may differ between releases of pydantic."""

    def fields(found):
        return {
            name: (sorted(d.get("properties", {})), sorted(d.get("required", [])))
            for name, d in found["$defs"].items()
        }

    assert fields(json.loads(published("json-schema.json", schema_page()))) == fields(schema())


def test_every_option_is_explained():
    for name, command in commands().items():
        for param in command.params:
            assert param.help, f"{name} {param.opts}"


def test_every_command_of_the_app_is_documented():
    assert tuple(dict.fromkeys(name.partition(" ")[0] for name in commands())) == app.COMMANDS


@pytest.mark.reliability("R23")
def test_the_schema_knows_every_document():
    definitions = schema()["$defs"]
    assert {d.__name__ for d in DOCUMENTS} <= set(definitions)
    for document in DOCUMENTS:
        assert "schema_version" in definitions[document.__name__]["properties"]


def test_commands_in_the_readme_exist():
    text = (REPO / "README.md").read_text("utf-8")
    named = re.findall(r"^(?:\$ )?vtonctl (\w+)(.*)$", text, re.MULTILINE)
    assert named
    known = commands()
    for name, rest in named:
        part = rest.split()[0] if rest.split() else ""
        name = f"{name} {part}" if f"{name} {part}" in known else name
        assert name in known, name
        flags = {opt for param in known[name].params for opt in param.opts} | {"--help"}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= flags, rest


def test_links_in_the_documentation_lead_somewhere():
    pages = [REPO / "README.md", *(REPO / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_promise_of_reliability_has_a_row():
    rows = re.findall(r"^\| (R\d+) \|(.+)\| (\d+) \|(.+)\|$", RELIABILITY.read_text(), re.MULTILINE)
    assert [row[0] for row in rows] == [f"R{number}" for number in range(1, 27)]
    assert all(int(tests) > 0 and words.strip() and told.strip() for _, words, tests, told in rows)
