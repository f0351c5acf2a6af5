"""The rows of one scope of a ledger, read when they are needed: there may be a million."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from vtonctl.runs.ledger import Ledger, Row


class LedgerRows(Mapping[tuple[str, str], Row]):
    """The rows of a scope by (stage, item), each read when it is asked for or shortly before."""

    def __init__(self, ledger: Ledger, scope: str) -> None:
        self.ledger, self._scope = ledger, scope
        self._ahead: dict[tuple[str, str], Row | None] = {}

    def read_ahead(self, stages: Sequence[str], items: Sequence[str]) -> None:
        """Read what will be asked for next, at once; what was read ahead before is forgotten."""
        found = {(r.stage, r.item): r for r in self.ledger.some_rows(self._scope, stages, items)}
        self._ahead = {key: found.get(key) for key in product(stages, items)}

    def record(self, rows: Sequence[Row]) -> None:
        """Write rows, replacing older ones. Raises ``StorageError``."""
        self._ahead = {}
        self.ledger.record(self._scope, rows)

    def __getitem__(self, key: tuple[str, str]) -> Row:
        """The row. Raises ``KeyError``."""
        if key in self._ahead:
            row = self._ahead[key]
        else:
            row = next(iter(self.ledger.some_rows(self._scope, key[:1], key[1:])), None)
        if row is None:
            raise KeyError(key)
        return row

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Stage and item of each row, sorted."""
        return ((row.stage, row.item) for row in self.ledger.each_row(self._scope))

    def __len__(self) -> int:
        """Number of rows."""
        return sum(1 for _ in self)
