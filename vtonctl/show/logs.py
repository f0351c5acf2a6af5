"""Logging: stderr by ``-v`` and ``-q``, everything to ``--log-file``."""

from __future__ import annotations

import logging
from pathlib import Path

from pipelines.errors import StorageError

NAMES = ("vtonctl", "pipelines")


def configure(verbose: int, quiet: bool, log_file: Path | None) -> None:
    """Set up logging for one command; a second call replaces the first.

    Raises ``StorageError`` when the log file cannot be opened.
    """
    shown = logging.StreamHandler()
    shown.setLevel(_level(verbose, quiet))
    shown.setFormatter(logging.Formatter("vtonctl: %(message)s"))
    handlers: list[logging.Handler] = [shown]
    if log_file is not None:
        handlers.append(_file_handler(log_file))
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
    handlers = logging.getLogger(NAMES[0]).handlers
    return any(type(h) is logging.StreamHandler and h.level <= logging.DEBUG for h in handlers)


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
        logging.Formatter("%(asctime)s %(levelname)s %(name)s %(processName)s: %(message)s")
    )
    return handler
