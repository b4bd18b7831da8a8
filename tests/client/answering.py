"""A small HTTP server that answers calls as a test wants, and remembers them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, bytes]


class Answering:
    """`answer` gets the decoded body; what came is in `calls`: path, headers, body."""

    def __init__(self, answer: Callable[[dict[str, Any]], Answer]) -> None:
        self.answer = answer
        self.calls: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.url = ""


def accept(body: dict[str, Any]) -> Answer:
    """What Tocsin answers when all goes well."""
    return as_json(error=0, result=[{"profile_id": "0" * 24} for _ in body["data"]])


def as_json(status: int = 200, **members: Any) -> Answer:
    return status, json.dumps(members).encode()


@contextmanager
def answering(answer: Callable[[dict[str, Any]], Answer] = accept) -> Iterator[Answering]:
    host = Answering(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            host.calls.append((self.path, dict(self.headers), body))
            status, content = host.answer(body)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    host.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
