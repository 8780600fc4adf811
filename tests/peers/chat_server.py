"""A server of chat models on loopback that answers as it is told, faults included, and keeps what it was asked."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tiny"
Asked = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """One answer: its status, body and headers; `cut` closes the connection instead."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Script:
    """What the server says to each chat, and the chats and keys that it was sent."""

    say: Callable[[Asked], Said]
    models: Said = field(default_factory=lambda: Said(body={"data": [{"id": MODEL, "max_model_len": 4096}]}))
    next: list[Said] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0


def listed(*tokens: tuple[str, float], text: str = "yes") -> Said:
    """Answer with the likeliest tokens and their log-probabilities, as vLLM does."""
    top = [{"token": token, "logprob": logprob} for token, logprob in tokens]
    content = [{"token": top[0]["token"], "logprob": top[0]["logprob"], "top_logprobs": top}]
    message = {"role": "assistant", "content": text}
    return Said(body={"choices": [{"index": 0, "message": message, "logprobs": {"content": content}}]})


def written(text: str) -> Said:
    """Answer with a turn and no log-probabilities."""
    return Said(body={"choices": [{"message": {"role": "assistant", "content": text}, "logprobs": None}]})


@contextmanager
def running_chat_server(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on a free port of loopback, by https with a context, and give the address up to `/v1`."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(script.models if self.path == "/v1/models" else Said(404))

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                script.asked.append(asked)
                script.at_once += 1
                script.most_at_once = max(script.most_at_once, script.at_once)
                said = script.next.pop(0) if script.next else None
            said = said or script.say(asked)
            with lock:
                script.at_once -= 1
            self._answer(said)

        def _answer(self, said: Said) -> None:
            script.keys.add(self.headers.get("Authorization"))
            if said.cut:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            body = json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in {**said.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
