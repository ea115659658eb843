"""As much of a W&B server as its client needs, on the loopback: it keeps what it is sent."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

KEY = "0123456789" * 4


@dataclass
class OnlineRun:
    """A run as the server knows it; `created` are the variables of its first UpsertBucket."""

    created: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_codes: list[int] = field(default_factory=list)


class WandbServer(ThreadingHTTPServer):
    """Use as a context manager; `url` and KEY are what the client needs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.runs: dict[str, OnlineRun] = {}
        self.requests: list[str] = []  # All bodies, as text.
        Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: WandbServer

    def do_GET(self) -> None:
        self.answer({})

    def do_PUT(self) -> None:
        self.body()
        self.answer({})

    def do_POST(self) -> None:
        body = self.body()
        if self.path == "/graphql":
            asked = json.loads(body)
            self.answer({"data": self.graphql(asked.get("operationName"), asked.get("variables") or {})})
        elif self.path.endswith("/file_stream"):
            self.stream(self.server.runs[self.path.split("/")[-2]], json.loads(body))
            self.answer({"exitcode": None, "limits": {}})
        else:  # The client's own measurements.
            self.answer({})

    def graphql(self, name: str | None, variables: dict[str, Any]) -> dict[str, Any]:
        if name == "UpsertBucket":
            self.server.runs.setdefault(variables["name"], OnlineRun(created=variables))
            return {"upsertBucket": {"bucket": bucket(variables), "inserted": True}}
        if name == "RunResumeStatus":
            run = self.server.runs.get(variables["name"])
            return {"model": {**PROJECT, "bucket": run and resumable(variables["name"], run)}}
        if name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.server.url}/put"} for file in variables["files"]]
            return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}
        viewer = {"id": "1", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}
        return {"viewer": viewer} if name == "Viewer" else {}

    def stream(self, run: OnlineRun, sent: dict[str, Any]) -> None:
        for name, chunk in sent.get("files", {}).items():
            if name == "wandb-history.jsonl":
                run.history[chunk["offset"] :] = [json.loads(line) for line in chunk["content"]]
            if name == "wandb-summary.json":
                run.summary = json.loads(chunk["content"][-1])
        if sent.get("complete"):
            run.exit_codes.append(sent["exitcode"])

    def body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append(body.decode(errors="replace"))
        return body

    def answer(self, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None: ...


PROJECT = {"id": "1", "name": "gpt-exp", "entity": {"id": "1", "name": "me"}}


def bucket(variables: dict[str, Any]) -> dict[str, Any]:
    return {"id": "1", "name": variables["name"], "displayName": variables["displayName"], "project": PROJECT}


def resumable(name: str, run: OnlineRun) -> dict[str, Any]:
    return {
        "id": "1",
        "name": name,
        "displayName": run.created["displayName"],
        "summaryMetrics": json.dumps(run.summary),
        "logLineCount": 0,
        "historyLineCount": len(run.history),
        "eventsLineCount": 0,
        "historyTail": json.dumps([json.dumps(line) for line in run.history[-1:]]),
        "eventsTail": "[]",
        "config": "{}",
        "tags": [],
        "wandbConfig": json.dumps({"t": 1}),
    }
