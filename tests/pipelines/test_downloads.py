"""Downloads from a local server that misbehaves: right and whole, or not there."""

import hashlib
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipelines.downloads import Published, Rules, fetch, is_public, published_by_torchvision
from pipelines.errors import WeightsMissing

pytestmark = pytest.mark.reliability("R19")

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LOCAL = Rules(
    schemes=frozenset({"http"}),
    may_connect=lambda address: address == "127.0.0.1",
    max_bytes=len(CONTENT),
    timeout_s=20,
)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802 - the name that is called
        server = self.server
        server.asked.append(self.path)
        kind, _, rest = self.path.strip("/").partition("/")
        if kind == "redirect":
            self.send_response(302)
            self.send_header("Location", server.targets[rest])
            self.end_headers()
            return
        status, length, content = 200, len(CONTENT), CONTENT
        first = server.asked.count(self.path)
        if kind == "missing":
            status = 404
        elif kind == "always-busy" or (kind == "busy" and first <= 2):
            status = 503
        elif kind == "cut" or (kind == "cut-once" and first == 1):
            content = CONTENT[: len(CONTENT) // 2]
        elif kind == "flip":
            content = b"\xff" + CONTENT[1:]
        elif kind == "lie":
            length = len(CONTENT) // 2
        elif kind == "large":
            content, length = CONTENT + b"x", None
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.asked, made.targets = [], {}
    made.at = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def get(folder, url, rules=LOCAL, sha256=SHA256):
    return fetch(Published("net.pth", url, sha256), folder, hint="Elsewhere.", rules=rules)


def refused(folder, url, rules=LOCAL):
    with pytest.raises(WeightsMissing) as told:
        get(folder, url, rules)
    assert told.value.hint == "Elsewhere." and url in told.value.message
    assert not [p.name for p in folder.iterdir() if p.suffix != ".lock"], "nothing is left"
    return told.value.message


@pytest.mark.parametrize(("kind", "requests"), [("whole", 1), ("busy", 3), ("cut-once", 2)])
def test_a_file_arrives_whole(server, tmp_path, kind, requests):
    path = get(tmp_path / "new", f"{server.at}/{kind}")
    assert path.read_bytes() == CONTENT
    assert len(server.asked) == requests
    assert get(tmp_path / "new", f"{server.at}/{kind}") == path
    assert len(server.asked) == requests, "what is there is not asked for"


@pytest.mark.parametrize(
    ("kind", "words", "requests"),
    [
        ("missing", "Not Found", 1),
        ("always-busy", "Service Unavailable", 3),
        ("cut", "bytes came of", 3),
        ("lie", "sha256", 3),
        ("flip", "sha256", 3),
        ("large", "larger than", 1),
    ],
)
def test_what_is_not_the_published_file_is_not_there(server, tmp_path, kind, words, requests):
    assert words in refused(tmp_path, f"{server.at}/{kind}")
    assert len(server.asked) == requests


def test_a_damaged_file_is_replaced(server, tmp_path):
    (tmp_path / "net.pth").write_bytes(CONTENT[:-1])
    assert get(tmp_path, f"{server.at}/whole").read_bytes() == CONTENT


def test_redirects_on_the_way_are_followed(server, tmp_path):
    server.targets["a"] = f"{server.at}/whole"
    assert get(tmp_path, f"{server.at}/redirect/a").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://10.0.0.1/net.pth", "10.0.0.1, which is no public address"),
        ("http://169.254.169.254/latest/meta-data", "no public address"),
        ("http://[::1]/net.pth", "no public address"),
        ("http://127.0.0.2/net.pth", "no public address"),
        ("https://example.com/net.pth", "is not http"),
        ("file:///etc/passwd", "is not allowed"),
        ("ftp://127.0.0.1/net.pth", "is not http"),
    ],
)
def test_redirects_to_other_places_are_refused(server, tmp_path, target, words):
    server.targets["a"] = target
    assert words in refused(tmp_path, f"{server.at}/redirect/a")
    assert len(server.asked) == 1


def test_without_rules_of_a_test_nothing_local_and_nothing_unencrypted_is_asked(server, tmp_path):
    assert "is not https" in refused(tmp_path, f"{server.at}/whole", None)
    secure = server.at.replace("http:", "https:")
    assert "no public address" in refused(tmp_path, f"{secure}/whole", None)
    assert server.asked == []


def test_proxies_of_the_environment_are_not_used(server, tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    assert get(tmp_path, f"{server.at}/whole").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public


def test_two_processes_download_once(server, tmp_path):
    code = (
        "import sys; from pathlib import Path; from pipelines.downloads import *\n"
        "rules = Rules(frozenset({'http'}), lambda address: True)\n"
        "file = Published('net.pth', sys.argv[1], sys.argv[2])\n"
        "print(fetch(file, Path(sys.argv[3]), hint='', rules=rules).stat().st_size)"
    )
    command = [sys.executable, "-c", code, f"{server.at}/whole", SHA256, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == [str(len(CONTENT))] * 2
    assert len(server.asked) == 1


def test_files_of_torchvision_carry_digits_of_their_hash():
    from torchvision.models import ResNet50_Weights, VGG19_Weights

    for weights in (VGG19_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V1):
        made = published_by_torchvision(weights.url)
        assert made.url.startswith("https://") and made.name.endswith(".pth")
        assert len(made.sha256) == 8 and int(made.sha256, 16) >= 0


def test_a_hash_is_always_needed(tmp_path):
    with pytest.raises(ValueError, match="less than 8 digits"):
        get(tmp_path, "https://example.com/net.pth", sha256="")
