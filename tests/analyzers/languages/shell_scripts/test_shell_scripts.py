"""Shell scripts that are the service, from whole small trees."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers.model import FactKind, Inbound
from tests.analyzers import trees

DOCKERFILE = 'FROM alpine\nCOPY serve.sh handle.sh /\nCMD ["/serve.sh"]\n'


def test_a_loop_around_netcat(tmp_path: Path) -> None:
    files = {
        "Dockerfile": DOCKERFILE,
        "serve.sh": "#!/bin/sh\n# curl http://never\nwhile true; do\n  nc -l -p 8080 -e /handle.sh\ndone\n",
        "handle.sh": '#!/bin/sh\necho "curl http://never"\ncurl -s http://api:9000/x\necho x >> /data/log\n',
    }
    service = trees.only(tmp_path, files)
    source = service.source
    assert source is not None
    assert (source.language, source.entry, source.files) == ("shell", "serve.sh", ("serve.sh", "handle.sh"))
    assert [(one.protocol, one.port) for one in service.listeners] == [(Inbound.TCP, 8080)]
    outbound = trees.found(source, FactKind.OUTBOUND)
    assert {name: (fact.detail, str(fact.evidence[0])) for name, fact in outbound.items()} == {
        "http": ("api:9000", "handle.sh:3")
    }
    assert set(trees.found(source, FactKind.FILE_WRITE)) == {"/data/log"}
    assert set(trees.found(source, FactKind.SUBPROCESS)) == {"nc", "curl"}


def test_a_script_that_speaks_http(tmp_path: Path) -> None:
    answer = "printf 'HTTP/1.1 200 OK\\r\\n\\r\\nhello'\n"
    files = {
        "Dockerfile": DOCKERFILE,
        "serve.sh": "#!/bin/bash\nwhile :; do socat TCP-LISTEN:80,fork EXEC:/handle.sh; done\n",
        "handle.sh": "#!/bin/sh\n" + answer,
    }
    assert [one.protocol for one in trees.only(tmp_path, files).listeners] == [Inbound.HTTP]


def test_a_job_in_a_loop(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM alpine\nCOPY serve.sh /\nENTRYPOINT ["sh", "/serve.sh"]\n',
        "serve.sh": "while true; do\n  pg_dump shop\n  sleep 3600\ndone\n",
    }
    service = trees.only(tmp_path, files)
    assert service.listeners == ()
    assert set(trees.found(service.source, FactKind.WORKER)) == {"a loop"} if service.source else False


def test_a_forwarder(tmp_path: Path) -> None:
    files = {"Dockerfile": 'FROM alpine/socat\nENTRYPOINT ["socat", "TCP-LISTEN:5432,fork", "TCP:db:5432"]\n'}
    service = trees.only(tmp_path, files)
    assert service.source is not None
    (forward,) = trees.found(service.source, FactKind.FORWARD).values()
    assert (forward.subject, forward.detail) == ("db:5432", "main")
    assert [(one.protocol, one.port) for one in service.listeners] == [(Inbound.TCP, 5432)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.binary(max_size=300))
def test_no_bytes_crash_it(tmp_path: Path, source: bytes) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": DOCKERFILE,
        "serve.sh": b"#!/bin/sh\nwhile true; do nc -l -p " + source + b"\ndone\n",
        "handle.sh": source,
    }
    trees.services(tmp_path, files)
