"""A data-set root in one layout and split, as the runtime sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.layout import Artifact, Layout, find_layout
from pipelines.stage import Subject

MAIN_ARTIFACT = {Subject.PERSON: Artifact.IMAGE, Subject.GARMENT: Artifact.CLOTH}
"""The artifact whose files are the items of a subject."""


@dataclass(frozen=True)
class DataRoot:
    """Where the artifacts of items lie."""

    root: Path
    split: str
    layout_name: str

    @property
    def layout(self) -> Layout:
        """The layout. Raises ``ListError`` for an unknown name."""
        return find_layout(self.layout_name)

    @property
    def scope(self) -> str:
        """The ledger's name for this split."""
        return f"{self.layout_name}/{self.split}"

    def path(self, artifact: Artifact, item: str) -> Path:
        """The file of an artifact of an item."""
        return self.layout.path(self.root, self.split, artifact, item)

    def relative(self, artifact: Artifact, item: str) -> str:
        """The same, relative to the root."""
        return self.path(artifact, item).relative_to(self.root).as_posix()

    def items(self, subject: Subject) -> list[str]:
        """Sorted items that have a file."""
        return self.layout.items(self.root, self.split, MAIN_ARTIFACT[subject])

    def folders(self) -> list[Path]:
        """Every folder that belongs to the split."""
        return [
            self.layout.existing_folder(self.root, self.split, artifact)
            for artifact in self.layout.places
        ]
