"""HTTP clients (urllib, http.client, requests, httpx, aiohttp) over wasi:http instead of sockets.

Each library is given a connection that is none (`conversation`), where it would open one; all else of it
runs as it is. Raw sockets stay raw: database drivers use those.
"""

from dock2wasm_adapter import modules

# The place where a library opens connections -> the hook for it, here imported only when the library is.
_BLOCKING = {
    "http.client": "http_client",
    "urllib3.util.connection": "urllib3_connect",
    "urllib3.util.wait": "urllib3_wait",
    "urllib3.connection": "urllib3",
    "httpcore._backends.sync": "httpcore_sync",
}
_ON_A_LOOP = {
    "httpcore._backends.auto": "httpcore_auto",
    "aiohttp.connector": "aiohttp",
}


def _blocking(name):
    def place(module):
        from dock2wasm_adapter import clients

        getattr(clients, name)(module)

    return place


def _on_a_loop(name):
    def place(module):
        from dock2wasm_adapter import clients_async

        getattr(clients_async, name)(module)

    return place


def install():
    """Place the hooks; nothing is imported here."""
    for module, name in _BLOCKING.items():
        modules.hook(module, _blocking(name))
    for module, name in _ON_A_LOOP.items():
        modules.hook(module, _on_a_loop(name))
