"""`ssl` where there is no OpenSSL: what programs import and configure is here, TLS itself is not.

Libraries make contexts and read constants as they are imported, also where no connection of theirs is ever
encrypted, or where the runtime does it (outbound HTTPS goes through wasi:http, whose host speaks TLS and
checks certificates). So contexts can be made and set up; wrapping a socket raises, and says why.
"""

import enum
import errno
import os
import warnings

OPENSSL_VERSION = "none (WebAssembly: TLS is the runtime's)"
OPENSSL_VERSION_INFO = (0, 0, 0, 0, 0)
OPENSSL_VERSION_NUMBER = 0
HAS_SNI = HAS_ALPN = HAS_ECDH = HAS_TLSv1_2 = HAS_TLSv1_3 = True
HAS_NPN = HAS_SSLv2 = HAS_SSLv3 = HAS_TLSv1 = HAS_TLSv1_1 = HAS_PSK = HAS_NEVER_CHECK_COMMON_NAME = False
CHANNEL_BINDING_TYPES = []
PEM_HEADER = "-----BEGIN CERTIFICATE-----"
PEM_FOOTER = "-----END CERTIFICATE-----"


# Lists of the public authorities: certifi's, Debian's and Alpine's, Red Hat's.
_PUBLIC_AUTHORITIES = (
    "certifi/cacert.pem", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/ssl/certs",
    "/etc/pki/tls/certs/ca-bundle.crt", "/usr/lib/ssl/cert.pem", "/usr/lib/ssl/certs",
)  # fmt: skip


class SSLError(OSError):
    library = reason = ""


class SSLZeroReturnError(SSLError):
    pass


class SSLWantReadError(SSLError):
    pass


class SSLWantWriteError(SSLError):
    pass


class SSLSyscallError(SSLError):
    pass


class SSLEOFError(SSLError):
    pass


class SSLCertVerificationError(SSLError, ValueError):
    verify_code = 0
    verify_message = ""


CertificateError = SSLCertVerificationError


class _SSLMethod(enum.IntEnum):
    PROTOCOL_TLS = 2
    PROTOCOL_TLSv1 = 3
    PROTOCOL_TLSv1_1 = 4
    PROTOCOL_TLSv1_2 = 5
    PROTOCOL_TLS_CLIENT = 16
    PROTOCOL_TLS_SERVER = 17


class Options(enum.IntFlag):
    OP_ALL = 0x80000050
    OP_NO_TICKET = 0x4000
    OP_NO_RENEGOTIATION = 0x40000000
    OP_NO_COMPRESSION = 0x20000
    OP_CIPHER_SERVER_PREFERENCE = 0x400000
    OP_SINGLE_DH_USE = 0x100000
    OP_SINGLE_ECDH_USE = 0x80000
    OP_NO_SSLv2 = 0x1000000
    OP_NO_SSLv3 = 0x2000000
    OP_NO_TLSv1 = 0x4000000
    OP_NO_TLSv1_1 = 0x10000000
    OP_NO_TLSv1_2 = 0x8000000
    OP_NO_TLSv1_3 = 0x20000000
    OP_LEGACY_SERVER_CONNECT = 0x4
    OP_IGNORE_UNEXPECTED_EOF = 0x80


class VerifyMode(enum.IntEnum):
    CERT_NONE = 0
    CERT_OPTIONAL = 1
    CERT_REQUIRED = 2


class VerifyFlags(enum.IntFlag):
    VERIFY_DEFAULT = 0
    VERIFY_CRL_CHECK_LEAF = 4
    VERIFY_CRL_CHECK_CHAIN = 12
    VERIFY_X509_STRICT = 32
    VERIFY_X509_TRUSTED_FIRST = 32768
    VERIFY_X509_PARTIAL_CHAIN = 0x80000


class TLSVersion(enum.IntEnum):
    MINIMUM_SUPPORTED = -2
    SSLv3 = 768
    TLSv1 = 769
    TLSv1_1 = 770
    TLSv1_2 = 771
    TLSv1_3 = 772
    MAXIMUM_SUPPORTED = -1


class SSLErrorNumber(enum.IntEnum):
    SSL_ERROR_SSL = 1
    SSL_ERROR_WANT_READ = 2
    SSL_ERROR_WANT_WRITE = 3
    SSL_ERROR_SYSCALL = 5
    SSL_ERROR_ZERO_RETURN = 6
    SSL_ERROR_EOF = 8


class Purpose(enum.Enum):
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


for _kind in (_SSLMethod, Options, VerifyMode, VerifyFlags, SSLErrorNumber):
    globals().update(_kind.__members__)
PROTOCOL_SSLv23 = PROTOCOL_TLS = _SSLMethod.PROTOCOL_TLS


def _no_tls(what):
    from dock2wasm_adapter.gaps import UnsupportedError

    raise UnsupportedError(
        f"dock2wasm: {what} is not available in WebAssembly: there is no OpenSSL, and TLS on raw sockets"
        " cannot be spoken; HTTPS through urllib, requests or httpx goes through the runtime"
    )


class SSLContext:
    """Settings of a TLS connection that nobody here can open."""

    sslsocket_class = sslobject_class = None
    sni_callback = keylog_filename = None
    post_handshake_auth = False
    hostname_checks_common_name = False
    own_authorities = ()

    def __init__(self, protocol=PROTOCOL_TLS):
        self.protocol = _SSLMethod(protocol)
        client = protocol == _SSLMethod.PROTOCOL_TLS_CLIENT
        self.options = Options.OP_ALL | Options.OP_NO_SSLv3
        self.verify_flags = VerifyFlags.VERIFY_X509_TRUSTED_FIRST
        self._verify_mode = VerifyMode.CERT_REQUIRED if client else VerifyMode.CERT_NONE
        self._check_hostname = client
        self.minimum_version = TLSVersion.TLSv1_2
        self.maximum_version = TLSVersion.MAXIMUM_SUPPORTED
        self.security_level = 2

    @property
    def check_hostname(self):
        return self._check_hostname

    @check_hostname.setter
    def check_hostname(self, value):
        if value and self._verify_mode == VerifyMode.CERT_NONE:
            self._verify_mode = VerifyMode.CERT_REQUIRED
        self._check_hostname = bool(value)

    @property
    def verify_mode(self):
        return self._verify_mode

    @verify_mode.setter
    def verify_mode(self, value):
        if value == VerifyMode.CERT_NONE and self._check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self._verify_mode = VerifyMode(value)

    def _accepted(self, *args, **kwargs):
        """Settings of a connection that the runtime makes, or nobody."""

    load_default_certs = load_dh_params = set_default_verify_paths = _accepted
    set_ciphers = set_alpn_protocols = set_npn_protocols = set_ecdh_curve = set_servername_callback = (
        _accepted
    )

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        """Noted: what is no list of the public authorities is told when a connection wants it."""
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        if cafile is not None and not os.path.exists(cafile):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), cafile)
        for given in (cafile, capath, "cadata" if cadata else None):
            if given is not None and not os.fsdecode(given).endswith(_PUBLIC_AUTHORITIES):
                self.own_authorities = (*self.own_authorities, os.fsdecode(given))

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        _no_tls("a certificate of its own (ssl.SSLContext.load_cert_chain)")

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True,
                    suppress_ragged_eofs=True, server_hostname=None, session=None):  # fmt: skip
        by_runtime = getattr(sock, "dock2wasm_tls", None)
        if by_runtime is not None:  # an HTTP client's connection (dock2wasm_adapter.net)
            return by_runtime(self, server_hostname)
        return _no_tls("TLS on a socket (ssl.SSLContext.wrap_socket)")

    def wrap_bio(self, *args, **kwargs):
        _no_tls("TLS on a connection (ssl.SSLContext.wrap_bio)")

    def get_ca_certs(self, binary_form=False):
        return []

    def get_ciphers(self):
        return []

    def cert_store_stats(self):
        return {"x509": 0, "crl": 0, "x509_ca": 0}

    def session_stats(self):
        return {}


class SSLObject:
    def __init__(self, *args, **kwargs):
        _no_tls("ssl.SSLObject")


class SSLSocket:
    def __init__(self, *args, **kwargs):
        _no_tls("ssl.SSLSocket")


class SSLSession:
    pass


class MemoryBIO:
    def __init__(self):
        _no_tls("ssl.MemoryBIO")


class DefaultVerifyPaths(tuple):
    cafile = capath = None
    openssl_cafile_env, openssl_cafile = "SSL_CERT_FILE", "/usr/lib/ssl/cert.pem"
    openssl_capath_env, openssl_capath = "SSL_CERT_DIR", "/usr/lib/ssl/certs"


def get_default_verify_paths():
    return DefaultVerifyPaths()


def create_default_context(purpose=Purpose.SERVER_AUTH, *, cafile=None, capath=None, cadata=None):
    client = purpose is Purpose.SERVER_AUTH
    context = SSLContext(_SSLMethod.PROTOCOL_TLS_CLIENT if client else _SSLMethod.PROTOCOL_TLS_SERVER)
    if cafile or capath or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    return context


def _create_unverified_context(
    protocol=None, *, cert_reqs=VerifyMode.CERT_NONE, check_hostname=False, **settings
):
    context = SSLContext(protocol or _SSLMethod.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_hostname
    context.verify_mode = cert_reqs
    return context


_create_default_https_context = create_default_context
_create_stdlib_context = _create_unverified_context


def get_server_certificate(*args, **kwargs):
    _no_tls("ssl.get_server_certificate")


def get_protocol_name(code):
    return _SSLMethod(code).name


def cert_time_to_seconds(text):
    import calendar
    import time

    return calendar.timegm(time.strptime(text, "%b %d %H:%M:%S %Y GMT"))


def DER_cert_to_PEM_cert(data):
    import base64
    import textwrap

    body = textwrap.wrap(base64.standard_b64encode(data).decode("ascii"), 64)
    return "\n".join([PEM_HEADER, *body, PEM_FOOTER, ""])


def PEM_cert_to_DER_cert(text):
    import base64

    text = text.strip()
    if not (text.startswith(PEM_HEADER) and text.endswith(PEM_FOOTER)):
        raise ValueError(f"Invalid PEM encoding; must start with {PEM_HEADER}")
    return base64.decodebytes(text[len(PEM_HEADER) : -len(PEM_FOOTER)].encode("ascii"))


def RAND_bytes(length):
    return os.urandom(length)


def RAND_status():
    return True


def RAND_add(data, entropy):
    warnings.warn("RAND_add has no effect: randomness is the runtime's", stacklevel=2)
