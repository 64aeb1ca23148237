"""Custom sections of a component: bytes that programs read and no runtime runs."""

import json


def leb(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def append(path, name, data):
    """Add a custom section with `data` as JSON at the end of a component."""
    encoded = name.encode()
    body = leb(len(encoded)) + encoded + json.dumps(data, sort_keys=True).encode()
    with open(str(path), "ab") as file:
        file.write(b"\0" + leb(len(body)) + body)
