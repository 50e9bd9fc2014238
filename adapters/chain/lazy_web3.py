"""Imports web3 on first use: it costs 60 MB and more than a second, and changes the process."""

import sys
from typing import Any


def web3_module() -> Any:
    """web3, without what it does to the whole process: py_ecc, which it brings in, raises the recursion limit to
    100,000. Deeply nested JSON, from anybody, would then overflow the stack and kill the process."""
    limit = sys.getrecursionlimit()
    import web3

    sys.setrecursionlimit(limit)
    return web3
