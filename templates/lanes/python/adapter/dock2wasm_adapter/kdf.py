"""hashlib.pbkdf2_hmac and hashlib.scrypt, which CPython takes from OpenSSL: here from a library of our own.

native/kdf.c does the work; arguments are checked here, with OpenSSL's words for what is wrong.
"""

import hmac

try:
    import _dock2wasm_kdf
except ImportError:  # a tree without its native folder
    _dock2wasm_kdf = None

# Numbers of the hashes in native/kdf.c.
_NUMBERS = {"sha1": 0, "sha224": 1, "sha256": 2, "sha384": 3, "sha512": 4}
_NAMES = {"sha-1": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
# OpenSSL's limit where none is given.
_MEMORY = 32 * 1024 * 1024
_LARGEST = 2**31 - 1


def available():
    """Whether the library is there: without it scrypt is not, and PBKDF2 slow."""
    return _dock2wasm_kdf is not None


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    """As hashlib.pbkdf2_hmac (RFC 8018 5.2)."""
    if not isinstance(hash_name, str):
        raise TypeError(f"pbkdf2_hmac() argument 'hash_name' must be str, not {type(hash_name).__name__}")
    password, salt = bytes(memoryview(password)), bytes(memoryview(salt))
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    if iterations > _LARGEST:
        raise OverflowError("iteration value is too great.")
    name = hash_name.lower()
    try:
        start = hmac.new(password, None, hash_name)
    except ValueError:
        raise ValueError(f"unsupported hash type {hash_name}") from None
    length = start.digest_size if dklen is None else dklen
    if length < 1:
        raise ValueError("key length must be greater than 0.")
    if length > _LARGEST:
        raise OverflowError("key length is too great.")
    number = _NUMBERS.get(_NAMES.get(name, name))
    if _dock2wasm_kdf is not None and number is not None:
        return _dock2wasm_kdf.pbkdf2(number, password, salt, iterations, length)
    return _in_python(start, salt, iterations, length)


def _in_python(start, salt, iterations, length):
    """Any hash, slowly: about 1 s for 60,000 iterations."""

    def keyed(message):
        mac = start.copy()
        mac.update(message)
        return mac.digest()

    derived = b""
    block = 1
    while len(derived) < length:
        piece = keyed(salt + block.to_bytes(4, "big"))
        mixed = int.from_bytes(piece, "big")
        for _ in range(iterations - 1):
            piece = keyed(piece)
            mixed ^= int.from_bytes(piece, "big")
        derived += mixed.to_bytes(start.digest_size, "big")
        block += 1
    return derived[:length]


def scrypt(password, *, salt, n, r, p, maxmem=0, dklen=64):
    """As hashlib.scrypt (RFC 7914)."""
    password, salt = bytes(memoryview(password)), bytes(memoryview(salt))
    if n < 2 or n & (n - 1):
        raise ValueError("n must be a power of 2.")
    if not 0 <= maxmem <= _LARGEST:
        raise ValueError(f"maxmem must be positive and smaller than {_LARGEST}")
    if not 1 <= dklen <= _LARGEST:
        raise ValueError(f"dklen must be greater than 0 and smaller than {_LARGEST}")
    if r < 1 or p < 1:
        raise ValueError("Invalid parameter combination for n, r, p, maxmem.")
    if 128 * r * p + 128 * r * (n + 2) > (maxmem or _MEMORY):
        raise ValueError("[digital envelope routines] memory limit exceeded")
    return _dock2wasm_kdf.scrypt(password, salt, n, r, p, dklen)
