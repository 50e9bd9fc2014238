"""One endpoint of the chain: JSON-RPC over HTTP, with the faults that are set for it."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from simulator.chain import methods
from simulator.chain.chain import Chain
from simulator.chain.errors import INVALID_REQUEST, PARSE, RpcError
from simulator.chain.faults import Fault, Faults, Kind
from simulator.chain.view import View, octets

Json = dict[str, Any]

_CHUNK = b"0" * 2**20
_BLOOM = {Kind.BLOOM_ZERO: "0x" + "00" * 256, Kind.BLOOM_ONES: "0x" + "ff" * 256}


class Endpoint:
    """Answers the questions to one address."""

    def __init__(self, chain: Chain, faults: Faults) -> None:
        self._chain, self._faults = chain, faults

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answers a question or a batch."""
        try:
            asked = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return _json(_failed(None, RpcError("parse error", PARSE)))
        names = [_method(each) for each in (asked if isinstance(asked, list) else [asked])] or [""]
        if refusal := self._refusal(names):
            return refusal
        content = self._batch(asked, names) if isinstance(asked, list) else self._single(asked, self._view(names))
        return await self._sent(request, _json(content), names)

    def _refusal(self, names: list[str]) -> web.Response | None:
        if fault := self._faults.strikes(Kind.HTTP_429, *names):
            wait = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
            return web.Response(status=429, text="Too Many Requests", headers=wait)
        if self._faults.strikes(Kind.HTTP_503, *names):
            return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")
        return None

    def _view(self, names: list[str]) -> View:
        behind = self._faults.strikes(Kind.OLD_HEAD, *names)
        head = self._chain.head.number
        known = not self._faults.strikes(Kind.UNKNOWN_LEVELS, *names)
        return View(self._chain, max(0, head - behind.n) if behind else head, known)

    def _batch(self, asked: list[Any], names: list[str]) -> object:
        if not asked:
            return _failed(None, RpcError("empty batch", INVALID_REQUEST))
        limit = self._faults.strikes(Kind.BATCH_LIMIT, *names)
        if len(asked) > (limit.n if limit else self._chain.settings.batch_limit):
            return _failed(None, RpcError("batch too large", INVALID_REQUEST))
        view = self._view(names)
        answers = [self._single(each, view) for each in asked]
        if self._faults.strikes(Kind.REVERSED, *names):
            answers.reverse()
        return answers[:-1] if self._faults.strikes(Kind.SHORT, *names) else answers

    def _single(self, asked: Any, view: View) -> Json:
        method, params = _method(asked), asked.get("params") or [] if isinstance(asked, dict) else None
        if not method or not isinstance(params, list):
            return _failed(None, RpcError("invalid request", INVALID_REQUEST))
        try:
            result = self._result(method, params, view)
        except RpcError as error:
            return _failed(asked.get("id"), error)
        return {"jsonrpc": "2.0", "id": asked.get("id"), "result": result}

    def _result(self, method: str, params: list[Any], view: View) -> object:
        strikes = self._faults.strikes
        if fault := strikes(Kind.ERROR, method):
            raise RpcError(fault.message, fault.code)
        if strikes(Kind.NULL, method):
            return None
        if method == "eth_sendRawTransaction" and strikes(Kind.SEND_LOST, method):
            return "0x" + self._chain.decode(octets(*params)).hash.hex()
        result: Any = methods.answer(view, method, params)
        if method == "eth_getLogs" and result:
            if strikes(Kind.LOGS_NONE, method):
                return []
            if strikes(Kind.LOGS_PART, method):
                result.pop(self._faults.random.randrange(len(result)))
        if isinstance(result, dict) and method.startswith("eth_getBlockBy"):
            for kind, bloom in _BLOOM.items():
                if strikes(kind, method):
                    result["logsBloom"] = bloom
        return result

    async def _sent(self, request: web.Request, response: web.Response, names: list[str]) -> web.StreamResponse:
        if late := self._faults.strikes(Kind.SLOW, *names):
            await asyncio.sleep(late.ms / 1000)
        if silent := self._faults.strikes(Kind.NO_ANSWER, *names):
            await asyncio.sleep(silent.ms / 1000)
        if silent or self._faults.strikes(Kind.RESPONSE_LOST, *names):
            if request.transport:
                request.transport.abort()
            return response
        if fault := self._faults.strikes(Kind.DRIP, *names):
            return await _dripped(request, response, fault)
        if fault := self._faults.strikes(Kind.GIANT, *names):
            return await _giant(request, fault)
        return response


async def _dripped(request: web.Request, response: web.Response, fault: Fault) -> web.StreamResponse:
    """Sends the answer byte by byte, one each `ms`."""
    assert isinstance(response.body, bytes)
    stream = web.StreamResponse(headers=response.headers)
    stream.content_length = len(response.body)
    await stream.prepare(request)
    for byte in response.body:
        await stream.write(bytes([byte]))
        await asyncio.sleep(fault.ms / 1000)
    return stream


async def _giant(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Sends an answer of about `n` bytes."""
    stream = web.StreamResponse(headers={"Content-Type": "application/json"})
    await stream.prepare(request)
    await stream.write(b'{"jsonrpc":"2.0","id":1,"result":"0x')
    for _ in range(fault.n // len(_CHUNK)):
        await stream.write(_CHUNK)
    await stream.write(_CHUNK[: fault.n % len(_CHUNK)] + b'"}')
    return stream


def _method(asked: Any) -> str:
    method = asked.get("method") if isinstance(asked, dict) else None
    return method if isinstance(method, str) else ""


def _failed(about: object, error: RpcError) -> Json:
    return {"jsonrpc": "2.0", "id": about, "error": error.content()}


def _json(content: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), content_type="application/json")
