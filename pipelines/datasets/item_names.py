"""Item names on the way between flat layouts and MPV's ``<product>/<file>``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.errors import ListError
from pipelines.layout import Artifact, Layout
from pipelines.types import ItemId

# The number after the @ tells what to make of it on the way back: 0 and 1 come from VITON's
# endings, 13 and 12 (the numbers of these views in the published files) from any other name.
_PERSON, _GARMENT = "person_whole_front", "cloth_front"
_MADE = re.compile(r"(?P<key>[^/]+)/(?P=key)@(?P<number>0|1|12|13)=(?:person_whole|cloth)_front")


def renamed(
    items: Iterable[str], subject: Artifact, source: Layout, target: Layout
) -> dict[str, ItemId]:
    """The name of each item in the target layout: its own, except to and from MPV.

    Raises ``ListError`` (``name_clash``) where two items would get one name.
    """
    if source.nested == target.nested:
        return {item: ItemId(item) for item in items}
    name = _nested if target.nested else _flat
    names = {item: name(item, subject) for item in items}
    first: dict[ItemId, str] = {}
    for item, new_name in names.items():
        if first.setdefault(new_name, item) != item:
            raise ListError(
                f"{first[new_name]} and {item} would both be called {new_name}.",
                code="name_clash",
                hint="Rename one of them.",
            )
    return names


def _nested(item: str, subject: Artifact) -> ItemId:
    person = subject is Artifact.IMAGE
    view = _PERSON if person else _GARMENT
    ending = "_0" if person else "_1"
    if item.endswith(ending):
        key, number = item[: -len(ending)], ending[1]
    else:
        key, number = item, "13" if person else "12"
    return ItemId(f"{key}/{key}@{number}={view}")


def _flat(item: str, subject: Artifact) -> ItemId:
    made = _MADE.fullmatch(item)
    if made is None:
        return ItemId(item.rpartition("/")[2])
    number = made["number"]
    return ItemId(made["key"] + (f"_{number}" if number in "01" else ""))
