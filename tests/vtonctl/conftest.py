"""Every JSON document that a test makes the program print is held against the published schema."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from vtonctl.show.document import Document

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "json-schema.json"


@pytest.fixture(scope="session")
def published():
    """Raises unless a value is what ``docs/json-schema.json`` says of its kind."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    validators = {
        name: Draft202012Validator({**schema, "anyOf": [{"$ref": f"#/$defs/{name}"}]})
        for name in schema["$defs"]
    }

    def check(kind, value):
        validators[kind].validate(value)
        return value

    return check


@pytest.fixture(autouse=True)
def documents_are_as_published(monkeypatch, published):
    """Checks whatever a command of this process prints with ``--json`` or writes as a document."""
    written = Document.to_json

    def checked(self):
        text = written(self)
        published(type(self).__name__, json.loads(text, parse_constant=pytest.fail))
        return text

    monkeypatch.setattr(Document, "to_json", checked)
