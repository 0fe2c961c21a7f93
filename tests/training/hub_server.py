"""A model hub over loopback HTTP: create-repo, card check, preupload, LFS and commit calls."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

TOKEN = "hf_test_token_0123456789"


class FakeHub:
    """Keeps what it is given: `repositories[name][path] -> bytes`, and every call in order."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.renamed: dict[str, str] = {}
        self.objects: dict[str, bytes] = {}
        self.commits: list[dict] = []
        self.calls: list[str] = []
        self.unauthorised = 0
        self.fail_commits = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _build_handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def create(self, body: dict) -> tuple[int, dict]:
        name = f"{body['organization']}/{body['name']}"
        name = self.renamed.get(name, name)
        answer = {"url": f"{self.url}/{name}", "id": name}
        if name in self.repositories:
            return 409, {"error": "You already created this model repo", **answer}
        self.repositories[name] = {}
        self.private[name] = body.get("visibility") == "private" or bool(body.get("private"))
        return 200, answer

    def check_card(self, body: dict) -> tuple[int, dict]:
        """As the hub: names in front matter must be hub ids."""
        front = yaml.safe_load(body["content"].split("---")[1])
        given = [front.get("base_model", "a/b"), *front.get("datasets", [])]
        wrong = [name for name in given if name.count("/") != 1 or name.startswith("/")]
        wrong += [name for name in ("license", "tags", "library_name") if name not in front]
        errors = [{"message": f'"{name}" is not valid'} for name in wrong]
        return (400 if errors else 200), {"errors": errors, "warnings": []}

    def preupload(self, body: dict) -> tuple[int, dict]:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for file in body["files"]
        ]
        return 200, {"files": modes}

    def batch(self, body: dict) -> tuple[int, dict]:
        objects = [
            {**entry, "actions": {"upload": {"href": f"{self.url}/lfs/{entry['oid']}"}}}
            for entry in body["objects"]
        ]
        return 200, {"transfer": "basic", "objects": objects}

    def commit(self, name: str, lines: list[dict]) -> tuple[int, dict]:
        if self.fail_commits:
            return 403, {"error": "You have no write access to this repo"}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.repositories[name][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.repositories[name][value["path"]] = self.objects[value["oid"]]
        self.commits.append(lines[0]["value"])
        oid = hashlib.sha1(str(len(self.commits)).encode()).hexdigest()
        return 200, {"commitUrl": f"{self.url}/{name}/commit/{oid}", "commitOid": oid}


def _build_handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self._read()
            hub.calls.append(self.path)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                hub.unauthorised += 1
                self._answer(401, {"error": "Invalid credentials"})
                return
            parts = self.path.split("?")[0].strip("/").split("/")
            if parts == ["api", "repos", "create"]:
                self._answer(*hub.create(json.loads(body)))
            elif parts == ["api", "validate-yaml"]:
                self._answer(*hub.check_card(json.loads(body)))
            elif parts[:2] == ["api", "models"] and parts[4] == "preupload":
                self._answer(*hub.preupload(json.loads(body)))
            elif parts[-3:] == ["lfs", "objects", "batch"]:
                self._answer(*hub.batch(json.loads(body)))
            elif parts[:2] == ["api", "models"] and parts[4] == "commit":
                lines = [json.loads(line) for line in body.splitlines()]
                self._answer(*hub.commit("/".join(parts[2:4]), lines))
            else:
                self._answer(404, {"error": self.path})

        def do_PUT(self) -> None:
            """The storage behind LFS: the address is the permission, a token is not sent to it."""
            content = self._read()
            hub.calls.append("PUT")
            assert "Authorization" not in self.headers
            oid = self.path.rpartition("/")[2]
            assert hashlib.sha256(content).hexdigest() == oid
            hub.objects[oid] = content
            self._answer(200, {})

        def _read(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                return b"".join(iter(self._read_chunk, b""))
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _read_chunk(self) -> bytes:
            content = self.rfile.read(int(self.rfile.readline(), 16))
            self.rfile.readline()
            return content

        def _answer(self, status: int, content: dict) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
