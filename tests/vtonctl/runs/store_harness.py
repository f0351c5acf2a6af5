"""An S3 server on this machine that tells what it was asked, and fails when it is told to."""

import hashlib
import re
import socket
import threading

import boto3
from botocore.config import Config
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Quiet(WSGIRequestHandler):
    def log_request(self, *args):
        pass


class ObjectStore:
    """``client`` is how tests look into it, past the code that they are of."""

    def __init__(self):
        self.asked = []
        """(method, path, query) of every request."""
        self.denied = ""
        """Requests whose path has this pattern are denied."""
        self.break_at = None
        """Number of further PUTs after which connections are cut, for ever."""
        self._app = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Quiet)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{self._server.server_port}"
        self.environ = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "s3cr3t-of-somebody",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }
        self.client = boto3.client(
            "s3",
            endpoint_url=address,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
            config=Config(user_agent="the-test-itself"),
        )

    def __call__(self, environ, start_response):
        if "the-test-itself" in environ.get("HTTP_USER_AGENT", ""):
            return self._app(environ, start_response)
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self._lock:
            self.asked.append((method, path, environ["QUERY_STRING"]))
            if self.break_at is not None and method == "PUT":
                self.break_at -= 1
            broken = self.break_at is not None and self.break_at < 0
        if broken:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return []
        if self.denied and re.search(self.denied, path):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"" if method == "HEAD" else DENIED]
        return self._app(environ, start_response)

    def heal(self):
        """Forget what was asked, and fail no more."""
        self.asked, self.denied, self.break_at = [], "", None

    def fetched(self):
        """Keys of objects whose content was asked for."""
        return [path for method, path, _ in self.asked if method == "GET" and path.count("/") > 1]

    def put(self):
        """Keys of objects that were written, with what was said beside the key."""
        return [(p, query) for method, p, query in self.asked if method in ("PUT", "POST")]

    def upload(self, folder, bucket, prefix):
        """Put the files of a folder into a bucket, which is made if it is not there."""
        self.client.create_bucket(Bucket=bucket)
        for path in folder.rglob("*"):
            if path.is_file():
                key = f"{prefix}/{path.relative_to(folder)}"
                self.client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())

    def contents(self, bucket, prefix=""):
        """Key below the prefix -> content."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
        return {
            key.removeprefix(prefix): self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
            for key in keys
        }

    def products(self, bucket):
        """As ``run_harness.products`` of a local run."""
        found = {
            key.replace(".vtonctl/data/", "data/", 1): hashlib.sha256(content).hexdigest()
            for key, content in self.contents(bucket, "out/").items()
        }
        return {name: value for name, value in found.items() if not name.endswith(".jsonl")}
