"""The tables of the ledger, in SQL, and how they came to be what they are."""

_ROWS = """
CREATE TABLE rows (
    scope TEXT NOT NULL, stage TEXT NOT NULL, item TEXT NOT NULL,
    status TEXT NOT NULL, seconds REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (scope, stage, item)
) WITHOUT ROWID
"""
_FILES = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
) WITHOUT ROWID
"""
_SOURCES = """
CREATE TABLE sources (
    scope TEXT NOT NULL, subject TEXT NOT NULL, item TEXT NOT NULL, path BLOB NOT NULL,
    PRIMARY KEY (scope, subject, item)
) WITHOUT ROWID
"""
_RUNS = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, command TEXT NOT NULL, request TEXT NOT NULL,
    started TEXT NOT NULL, ended TEXT NOT NULL DEFAULT '', status TEXT NOT NULL DEFAULT ''
)
"""
_ROWS_BEFORE = "ALTER TABLE rows RENAME TO rows_before"
# rows of a kilobyte and more: beside their index they take less than half the room
_ROWS_BESIDE_INDEX = """
CREATE TABLE rows (
    scope TEXT NOT NULL, stage TEXT NOT NULL, item TEXT NOT NULL,
    status TEXT NOT NULL, seconds REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (scope, stage, item)
)
"""
_ROWS_COPIED = "INSERT OR REPLACE INTO rows SELECT * FROM rows_before"
_ROWS_DROPPED = "DROP TABLE rows_before"
MIGRATIONS = (
    *(_ROWS, _FILES, _SOURCES, _RUNS),
    *(_ROWS_BEFORE, _ROWS_BESIDE_INDEX, _ROWS_COPIED, _ROWS_DROPPED),
)
"""Applied in order; ``PRAGMA user_version`` counts those a ledger has. Only ever append."""


# a reader sees its own rows, else those of the file; only the parts that are asked for are read
ROWS_OF_A_READER = """
CREATE TEMP VIEW rows AS
SELECT * FROM main.rows UNION ALL SELECT * FROM disk.rows AS d WHERE NOT EXISTS (
    SELECT 1 FROM main.rows AS m WHERE (m.scope, m.stage, m.item) = (d.scope, d.stage, d.item)
)
"""
COPIED_BY_A_READER = (
    "INSERT INTO main.files SELECT * FROM disk.files",
    "INSERT INTO main.sources SELECT * FROM disk.sources",
    "INSERT INTO main.runs SELECT * FROM disk.runs",
)
