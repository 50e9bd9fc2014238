"""A server that gives the same answer to every question, to see what is made of it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class Answering(ThreadingHTTPServer):
    """Answers `status` and `body`. So many `connections` and `questions` came; `left` is set when one has ended."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.status, self.body = 200, b""
        self.connections = self.questions = 0
        self.left = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept

    def setup(self) -> None:
        super().setup()
        self._its.connections += 1

    def finish(self) -> None:
        super().finish()
        self._its.left.set()

    def do_POST(self) -> None:
        self._its.questions += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self._its.status)
        self.send_header("Content-Length", str(len(self._its.body)))
        self.end_headers()
        self.wfile.write(self._its.body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def _its(self) -> Answering:
        assert isinstance(self.server, Answering)
        return self.server
