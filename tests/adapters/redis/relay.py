"""A relay in front of a store, which can lose an answer: what was asked is done, and nobody hears of it."""

import socket
import threading
from contextlib import suppress
from pathlib import Path


class Relay:
    """Listens at `socket_path` and passes everything on, until `deaf` is set: from then on each answer is lost, and
    with it the connection. Close it in the end."""

    def __init__(self, socket_path: Path, store_path: str) -> None:
        self.deaf = False
        self._store_path = store_path
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(socket_path))
        self._listening.listen()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in (self._listening, *self._open):
            with suppress(OSError):  # the other side was first
                each.shutdown(socket.SHUT_RDWR)  # whoever waits for it in another thread wakes up from this
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                asking, _ = self._listening.accept()
            except OSError:
                return
            store = socket.socket(socket.AF_UNIX)
            store.connect(self._store_path)
            self._open += asking, store
            threading.Thread(target=self._pass_on, args=(asking, store, False), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(store, asking, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):  # one side has gone, and so does the other
            while data := source.recv(2**16):
                if is_answer and self.deaf:
                    break
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
