"""The exceptions of the project.

::

    VtonError                 something the user can act on: code, message, next step
    |-- UsageError            options that contradict each other                        (exit 2)
    |-- ConfigError           bad configuration or options                              (exit 64)
    |-- ListError             bad list, name or data-set layout                         (exit 65)
    |-- InputError            an input that a whole run depends on cannot be used       (exit 66)
    |-- WeightsMissing        a needed weight is not available                          (exit 69)
    |-- ExtraMissing          an optional package is needed and not installed           (exit 69)
    |-- ClusterError          a Dask cluster is not there, was lost or does not fit     (exit 69)
    |-- StorageError          disk full or another failure of reading or writing        (exit 74)
    |-- RootLocked            another run holds the output root                         (exit 75)
    `-- ItemError             one item cannot be processed; the run goes on             (exit 3)

Every error has a ``code``, stable across releases and safe to match in scripts, a message that
names the file, what was found and what was wanted, and ``hint``, the next step.
"""

from __future__ import annotations


class VtonError(Exception):
    """Root of the tree; ``exit_code`` is what the command line returns."""

    exit_code = 1
    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Keep code and hint when the error travels between processes."""
        return _rebuild, (type(self), self.message, self.code, self.hint)

    def __str__(self) -> str:
        """Return the message, with the hint if there is one."""
        return f"{self.message} {self.hint}".strip()


def _rebuild(kind: type[VtonError], message: str, code: str, hint: str) -> VtonError:
    return kind(message, code=code, hint=hint)


class UsageError(VtonError):
    """Options that contradict each other."""

    exit_code = 2
    default_code = "usage"


class ConfigError(VtonError):
    """Bad configuration file, environment variable or option value."""

    exit_code = 64
    default_code = "config"


class ListError(VtonError):
    """A bad pairs list, item name or data-set layout."""

    exit_code = 65
    default_code = "list"


class InputError(VtonError):
    """An input that the whole run depends on is missing or cannot be used."""

    exit_code = 66
    default_code = "input"


class WeightsMissing(VtonError):
    """A needed weight is not available; the hint names the command that gets it."""

    exit_code = 69
    default_code = "weights_missing"


class ExtraMissing(VtonError):
    """A package of an extra is needed and not installed; the hint names the extra."""

    exit_code = 69
    default_code = "extra_missing"

    def __init__(self, message: str, extra: str) -> None:
        super().__init__(message, hint=f"Type: pip install 'vtonctl[{extra}]'")
        self.extra = extra

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the extra's name when the error travels between processes."""
        return type(self), (self.message, self.extra)


class ClusterError(VtonError):
    """A Dask cluster cannot be reached, was lost, or has workers that cannot do the work."""

    exit_code = 69
    default_code = "cluster"


class StorageError(VtonError):
    """Disk full or another failure of reading or writing files."""

    exit_code = 74
    default_code = "storage"


class RootLocked(VtonError):
    """Another run holds the output root; the message names its process id."""

    exit_code = 75
    default_code = "locked"


class ItemError(VtonError):
    """One item cannot be processed; the others are not affected.

    Codes in use: ``unreadable``, ``not_an_image``, ``too_large``, ``too_small``, ``empty``,
    ``no_person``, ``uncertain_pose``, ``no_garment``, ``bad_pose_file``, ``bad_parse_file``,
    ``bad_mask_file``, ``size_mismatch``, ``exists``, ``missing_input``, ``blocked``, ``poison``,
    ``timeout``, ``bad_name``.
    """

    exit_code = 3
    default_code = "item"
