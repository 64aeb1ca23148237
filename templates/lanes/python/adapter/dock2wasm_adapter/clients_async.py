"""HTTP clients on asyncio (httpcore's own loop side, aiohttp), given connections of `conversation`.

Exchanges that several tasks have started go on side by side: the loop waits for all of them at once.
"""

from dock2wasm_adapter.clients import httpcore_errors
from dock2wasm_adapter.conversation import Conversation, secure
from dock2wasm_adapter.gaps import UnsupportedError


def httpcore_auto(module):
    from httpcore._backends.base import AsyncNetworkStream

    class Stream(AsyncNetworkStream):
        def __init__(self, host, port, timeout):
            self._conversation = Conversation(host, port, timeout)
            self._rest = b""

        async def read(self, max_bytes, timeout=None):
            import asyncio  # not before: most programs import httpcore and use no loop

            try:
                if not self._rest:
                    async with asyncio.timeout(timeout):
                        while (piece := self._conversation.piece()) is None:
                            await self._conversation.wait().ready()
                    self._rest = piece
            except OSError as error:
                raise httpcore_errors(error, reading=True) from error
            data, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
            return data

        async def write(self, buffer, timeout=None):
            import asyncio

            try:
                self._conversation.feed(buffer)
                async with asyncio.timeout(timeout):
                    while not self._conversation.pump():
                        await self._conversation.call.writable().ready()
            except OSError as error:
                raise httpcore_errors(error, reading=False) from error

        async def aclose(self):
            self._conversation.close()

        async def start_tls(self, ssl_context, server_hostname=None, timeout=None):
            secure(self._conversation, ssl_context, server_hostname)
            return self

        def get_extra_info(self, info):
            return bool(self._rest) or self._conversation.closed if info == "is_readable" else None

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        return Stream(host, port, timeout)

    module.AutoBackend.connect_tcp = connect_tcp


def aiohttp(module):
    import asyncio
    import socket
    import ssl

    from aiohttp import client_exceptions as known

    # What failed before there was a connection -> aiohttp's exception for it, where its version has one.
    told = (
        (ssl.SSLCertVerificationError, "ClientConnectorCertificateError"),
        (ssl.SSLError, "ClientConnectorSSLError"),
        (socket.gaierror, "ClientConnectorDNSError"),
    )

    class Transport(asyncio.Transport):
        """Between aiohttp's protocol and a conversation."""

        def __init__(self, conversation, protocol, loop, failed):
            super().__init__({"peername": (conversation.host, conversation.port)})
            self._conversation = conversation
            self._protocol = protocol
            self._loop = loop
            self._failed = failed
            self._task = self._sender = None
            self._paused = None
            self._closing = False

        def get_protocol(self):
            return self._protocol

        def set_protocol(self, protocol):
            self._protocol = protocol

        def write(self, data):
            if self._closing:
                return
            try:
                self._conversation.feed(bytes(data))
                sent = self._conversation.pump()
            except Exception as error:
                self._end(error)
                return
            if not sent and self._sender is None:
                self._protocol.pause_writing()
                self._sender = self._loop.create_task(self._send())
            if self._task is None and self._conversation.call is not None:
                self._task = self._loop.create_task(self._read())

        def writelines(self, pieces):
            self.write(b"".join(pieces))

        async def _send(self):
            """Sends what the host did not take at once."""
            try:
                while not self._conversation.pump():
                    await self._conversation.call.writable().ready()
                self._sender = None
                self._protocol.resume_writing()
            except Exception as error:
                self._end(error)

        async def _read(self):
            """Reads one answer; the next request starts it anew."""
            conversation = self._conversation
            try:
                while not self._closing and not conversation.answered:
                    if self._paused is not None:
                        await self._paused
                        continue
                    data = conversation.piece()
                    if data is None:
                        await conversation.wait().ready()
                    elif data:
                        self._protocol.data_received(data)
                    else:
                        self._end(None)
                self._task = None
            except Exception as error:
                self._end(error)

        def _end(self, error):
            if self._closing:
                return
            self._closing = True
            self._conversation.close()
            if getattr(error, "unconnected", False):
                # aiohttp would take it for a connection that was lost; it raises what it is told first.
                self._protocol.set_exception(self._failed(error))
                self._protocol.set_exception = lambda *args: None
            self._loop.call_soon(self._protocol.connection_lost, error)

        def is_closing(self):
            return self._closing

        def close(self):
            for task in (self._task, self._sender):
                if task is not None and task is not asyncio.current_task(self._loop):
                    task.cancel()
            self._end(None)

        abort = close

        def is_reading(self):
            return self._paused is None

        def pause_reading(self):
            if self._paused is None:
                self._paused = self._loop.create_future()

        def resume_reading(self):
            if self._paused is not None:
                self._paused.set_result(None)
                self._paused = None

        def can_write_eof(self):
            return False

        def get_write_buffer_size(self):
            return 0

        def set_write_buffer_limits(self, high=None, low=None):
            pass

    async def direct(self, req, traces, timeout, *, client_error=module.ClientConnectorError):
        conversation = Conversation(req.url.raw_host, req.url.port, timeout.sock_connect)
        if req.is_ssl():
            given = self._get_ssl_context(req)
            secure(conversation, given, getattr(req, "server_hostname", None))
        protocol = self._factory()

        def failed(error):
            if isinstance(error, TimeoutError):
                kind = getattr(known, "ConnectionTimeoutError", known.ServerTimeoutError)
                return kind(f"Connection timeout to host {req.url}")
            for cause, name in told:
                if isinstance(error, cause):
                    return getattr(known, name, client_error)(req.connection_key, error)
            return client_error(req.connection_key, error)

        transport = Transport(conversation, protocol, asyncio.get_running_loop(), failed)
        protocol.connection_made(transport)
        return transport, protocol

    async def proxied(self, req, traces, timeout):
        raise UnsupportedError(
            "dock2wasm: an HTTP proxy cannot be used: calls leave through the runtime, which connects by"
            " itself; leave `proxy` and `trust_env` out"
        )

    module.TCPConnector._create_direct_connection = direct
    module.TCPConnector._create_proxy_connection = proxied
