"""Logging: stderr by ``-v`` and ``-q``, everything to ``--log-file``; as text or JSON lines."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError, StorageError
from vtonctl.options import LOG_FORMATS
from vtonctl.show.words import visible

NAMES = ("vtonctl", "pipelines")
FIELDS = (
    "command", "stage", "item", "status", "code", "hint", "exit_code", "seconds", "counts",
    "progress",
)  # fmt: skip
"""What a record may carry besides its message, by ``extra=``; JSON lines show what is there."""


class TextLines(logging.Formatter):
    """Lines for people; names of files write no control codes and no lines of their own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without a traceback."""
        record.message = visible(record.message)
        return super().formatMessage(record)


class JsonLines(logging.Formatter):
    """One JSON object in ASCII a line, as ``vtonctl.show.files_json.LogLine`` describes it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "event": getattr(record, "event", "note"),
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(
    verbose: int, quiet: bool, log_file: Path | None, log_format: str = LOG_FORMATS[0]
) -> None:
    """Set up logging for one command; a second call replaces the first.

    Raises ``ConfigError`` for an unknown format, ``StorageError`` when the log file cannot be
    opened.
    """
    if log_format not in LOG_FORMATS:
        raise ConfigError(
            f"unknown log format {log_format!r}",
            code="bad_log_format",
            hint=f"Known: {', '.join(LOG_FORMATS)}.",
        )
    shown = logging.StreamHandler()
    shown.setLevel(_level(verbose + (log_format == "json"), quiet))
    shown.setFormatter(TextLines("vtonctl: %(message)s"))
    handlers: list[logging.Handler] = [shown]
    if log_file is not None:
        handlers.append(_file_handler(log_file))
    if log_format == "json":
        for handler in handlers:
            handler.setFormatter(JsonLines())
    for name in NAMES:
        logger = logging.getLogger(name)
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
        logger.setLevel(min(handler.level for handler in handlers))
        logger.propagate = False
        for handler in handlers:
            logger.addHandler(handler)


def wants_traceback() -> bool:
    """Whether ``-vv`` was given."""
    return any(h.level <= logging.DEBUG for h in _shown())


def shows_json() -> bool:
    """Whether stderr is for JSON lines."""
    return any(isinstance(h.formatter, JsonLines) for h in _shown())


def _shown() -> list[logging.Handler]:
    return [h for h in logging.getLogger(NAMES[0]).handlers if type(h) is logging.StreamHandler]


def _level(verbose: int, quiet: bool) -> int:
    if quiet:
        return logging.ERROR
    return {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)


def _file_handler(log_file: Path) -> logging.Handler:
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(log_file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise StorageError(
            f"{log_file}: cannot be opened for logging: {error.strerror}",
            hint="Choose another --log-file.",
        ) from None
    handler.setLevel(logging.DEBUG)
    handler.setFormatter(
        TextLines("%(asctime)s %(levelname)s %(name)s %(processName)s: %(message)s")
    )
    return handler
