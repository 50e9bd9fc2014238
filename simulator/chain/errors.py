"""The errors of JSON-RPC, with the codes and words of geth."""

SERVER, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, PARSE, REVERTED = -32000, -32600, -32601, -32602, -32700, 3
UNKNOWN_BLOCK = -39001


class RpcError(Exception):
    """A question that is answered by an error object."""

    def __init__(self, message: str, code: int = SERVER, data: str | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.data = message, code, data

    def content(self) -> dict[str, object]:
        """Returns the error object."""
        content: dict[str, object] = {"code": self.code, "message": self.message}
        return content if self.data is None else content | {"data": self.data}
