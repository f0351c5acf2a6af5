"""Downloads of published weights: over https, from public addresses, whole or not at all.

The one place that opens connections of its own accord; it does so only where a setting of a
training run asks for weights that are not there. No proxy is used: every connection goes to an
address that has been looked at. Imports no array library.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import os
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from functools import partial
from pathlib import Path
from ssl import SSLError, create_default_context
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

from filelock import FileLock

from pipelines.checkpoint_files import sha256_of_file
from pipelines.errors import StorageError, WeightsMissing

_BLOCK = 1 << 20
_LEAST_DIGITS = 8
_TROUBLE = (
    urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, SSLError,
)  # fmt: skip
"""What a server or the way to it may cause; another ``OSError`` is of the disk."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: not private, loopback or link-local."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast


@dataclass(frozen=True)
class Rules:
    """What a download may do. Tests, whose servers are local, have rules of their own."""

    schemes: frozenset[str] = frozenset({"https"})
    may_connect: Callable[[str], bool] = is_public
    """Whether connections to an IP address are allowed."""
    max_bytes: int = 1 << 30
    timeout_s: float = 60.0
    """Longest wait for the server's next bytes."""
    tries: int = 3


@dataclass(frozen=True)
class Published:
    """A published file; ``sha256`` is the whole digest or at least its first eight digits."""

    name: str
    url: str
    sha256: str


def published_by_torchvision(url: str) -> Published:
    """A file whose name ends in the first digits of its sha256: ``vgg19-dcbb9e9d.pth``."""
    name = url.rpartition("/")[2]
    return Published(name, url, name.rpartition(".")[0].rpartition("-")[2])


def fetch(file: Published, folder: Path, *, hint: str, rules: Rules | None = None) -> Path:
    """The path of ``folder/NAME`` with the right content; downloaded if it is not there.

    Processes that want the same file download it once. Raises ``WeightsMissing`` with ``hint``
    where it cannot be had, ``StorageError`` where it cannot be written.
    """
    if len(file.sha256) < _LEAST_DIGITS:
        raise ValueError(f"sha256 {file.sha256!r} has less than {_LEAST_DIGITS} digits")
    rules, target = rules or Rules(), folder / file.name
    try:
        if _is_right(target, file.sha256):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if not _is_right(target, file.sha256):
                _download(file, target, rules)
    except (_Refused, *_TROUBLE) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsMissing(
            f"{file.name} cannot be had from {file.url}: {reason}", hint=hint
        ) from error
    except OSError as error:
        raise StorageError(
            f"{target}: {error.strerror or error}", hint="Free some space."
        ) from None
    return target


class _Refused(Exception):
    """Against the rules, or not what was published."""


def _is_right(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of_file(path).startswith(sha256)


def _download(file: Published, target: Path, rules: Rules) -> None:
    for left in reversed(range(rules.tries)):
        handle, name = tempfile.mkstemp(prefix=".vton-", suffix=".part", dir=target.parent)
        try:
            with os.fdopen(handle, "w+b") as part:
                _receive(file, part, rules)
                part.flush()
                os.fsync(part.fileno())
            Path(name).replace(target)
            return
        except (_Broken, *_TROUBLE) as error:
            final = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if not left or final or isinstance(getattr(error, "reason", None), _Refused):
                raise
        finally:
            Path(name).unlink(missing_ok=True)


class _Broken(_Refused):
    """What came is not what was published; the next try may be."""


def _receive(file: Published, part: BinaryIO, rules: Rules) -> None:
    _check_scheme(file.url, rules)
    with _opener(rules).open(file.url, timeout=rules.timeout_s) as answer:
        wanted = answer.headers.get("Content-Length")
        digest, size = hashlib.sha256(), 0
        while block := answer.read(_BLOCK):
            size += len(block)
            if size > rules.max_bytes:
                raise _Refused(f"it is larger than {rules.max_bytes} bytes")
            digest.update(block)
            part.write(block)
    if wanted is not None and wanted != str(size):
        raise _Broken(f"{size} bytes came of {wanted}")
    if not digest.hexdigest().startswith(file.sha256):
        raise _Broken(f"sha256 {digest.hexdigest()[:12]}..., wanted {file.sha256[:12]}...")


def _opener(rules: Rules) -> urllib.request.OpenerDirector:
    """Knows the rules' schemes and no proxies."""
    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        _Https(rules),
        _Redirects(rules),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ]
    if "http" in rules.schemes:
        handlers.append(_Http(rules))
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _check_scheme(url: str, rules: Rules) -> None:
    if urlsplit(url).scheme not in rules.schemes:
        raise urllib.error.URLError(_Refused(f"{url} is not {' or '.join(rules.schemes)}"))


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        _check_scheme(newurl, self.rules)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # as urllib calls it


class _Http(urllib.request.HTTPHandler):
    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(partial(_PlainConnection, rules=self.rules), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(partial(_SecureConnection, rules=self.rules), req)


class _PlainConnection(http.client.HTTPConnection):
    def __init__(self, host: str, *, rules: Rules, **options: Any) -> None:
        super().__init__(host, **options)
        self.rules = rules

    def connect(self) -> None:
        self.sock = _connected(self.host, self.port, self.timeout, self.rules)


class _SecureConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, *, rules: Rules, **options: Any) -> None:
        super().__init__(host, **options)
        self.rules = rules

    def connect(self) -> None:
        plain = _connected(self.host, self.port, self.timeout, self.rules)
        self.sock = create_default_context().wrap_socket(plain, server_hostname=self.host)


def _connected(host: str, port: int, timeout_s: float | None, rules: Rules) -> socket.socket:
    """A connection to an address that the rules allow; the name is looked up once."""
    trouble: OSError | None = None
    for family, kind, number, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not rules.may_connect(str(place[0])):
            raise _NotAllowed(f"{host} is at {place[0]}, which is no public address")
        made = socket.socket(family, kind, number)
        made.settimeout(timeout_s)
        try:
            made.connect(place)
        except OSError as error:
            made.close()
            trouble = error
        else:
            return made
    raise trouble or OSError(f"{host} has no address")


class _NotAllowed(_Refused, OSError):
    """An address that the rules exclude; urllib passes it on as the reason of its own error."""
