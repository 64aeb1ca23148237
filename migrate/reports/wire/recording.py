"""recording.json: the original's answers, written, and read back as strictly as any stranger's file."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from migrate.errors import RecordingError
from migrate.model import Answer, Chunk, Measurement, OriginalInfo, Recording, Sent, Side
from migrate.reports.wire.probes import MAX_PROBES, body_to_json

SCHEMA_VERSION = 1
MAX_BYTES = 512 << 20
MAX_RUNS = 8
MAX_HEADERS = 500
MAX_CHUNKS = 10_000
MAX_VALUES = 10_000
MAX_TEXT = 100_000

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})\Z")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")


def to_json(recording: Recording) -> dict[str, Any]:
    """The recording as JSON data."""
    original = recording.original
    return {
        "schema_version": SCHEMA_VERSION,
        "date": recording.date,
        "original": {
            "image_digest": original.image_digest,
            "context_hash": original.context_hash,
            "engine": original.engine,
            "image_size": original.image_size,
        },
        "probes_hash": recording.probes_hash,
        "runs": [
            [
                {"probe": probe, "sent": sent_to_json(sent), "answer": answer_to_json(answer)}
                for probe, sent, answer in run
            ]
            for run in recording.runs
        ],
        "measurements": [measurement_to_json(one, values=True) for one in recording.measurements],
    }


def sent_to_json(sent: Sent) -> dict[str, Any]:
    """A request as it was sent."""
    body = body_to_json(sent.body) if sent.body else {}
    return {
        "method": sent.method,
        "path": sent.path,
        "headers": [list(pair) for pair in sent.headers],
        **({"raw": True} if sent.raw else {}),
        **body,
    }


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """An answer, whole."""
    found: dict[str, Any] = {
        "status": answer.status,
        "headers": [list(pair) for pair in answer.headers],
        "seconds": round(answer.seconds, 6),
        "chunks": [[round(chunk.at, 6), chunk.size] for chunk in answer.chunks],
        **body_to_json(answer.body),
    }
    if answer.interim:
        found["interim"] = list(answer.interim)
    if answer.error is not None:
        found["error"] = answer.error
    if answer.full_sha256 is not None:
        found |= {"full_sha256": answer.full_sha256, "full_size": answer.full_size}
    return found


def measurement_to_json(one: Measurement, *, values: bool) -> dict[str, Any]:
    """A figure; numbers that are none (not measured) become null."""
    found: dict[str, Any] = {
        "metric": one.metric,
        "side": str(one.side),
        "unit": one.unit,
        "n": one.n,
        "median": None if math.isnan(one.median) else one.median,
        "p99": one.p99,
        "ci95": list(one.ci95) if one.ci95 else None,
        "method": one.method,
        "same": one.same,
    }
    return found | {"values": list(one.values)} if values else found


def dump(recording: Recording) -> bytes:
    """The file's bytes: stable, so that recording twice shows in a diff only what changed."""
    return (json.dumps(to_json(recording), indent=1, ensure_ascii=False, sort_keys=False) + "\n").encode(
        "utf-8", "surrogatepass"
    )


def load(data: bytes, origin: str) -> Recording:
    """A recording from a file's bytes. Raises RecordingError naming the place that is wrong."""
    if len(data) > MAX_BYTES:
        raise RecordingError(f"{origin} is larger than {MAX_BYTES:,} bytes.")
    try:
        raw = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RecordingError(
            f"{origin} is no recording.", why=f"It is no JSON: {error}", do="Record again: validate --record."
        ) from None
    reader = _Reader(origin)
    top = reader.object(
        raw, "", ("schema_version", "date", "original", "probes_hash", "runs", "measurements")
    )
    if top["schema_version"] != SCHEMA_VERSION or isinstance(top["schema_version"], bool):
        raise reader.fail("schema_version", f"must be {SCHEMA_VERSION}")
    original = reader.object(
        top["original"], "original", ("image_digest", "context_hash", "engine", "image_size")
    )
    date = reader.text(top["date"], "date", _DATE)
    size = original["image_size"]
    info = OriginalInfo(
        image_digest=reader.text(original["image_digest"], "original.image_digest"),
        context_hash=reader.text(original["context_hash"], "original.context_hash", _DIGEST),
        engine=reader.text(original["engine"], "original.engine"),
        recorded=date,
        image_size=None if size is None else reader.integer(size, "original.image_size", 0, 1 << 50),
    )
    runs = []
    for number, run in enumerate(reader.list(top["runs"], "runs", MAX_RUNS)):
        where = f"runs[{number}]"
        runs.append(
            tuple(
                _exchange(reader, one, f"{where}[{index}]")
                for index, one in enumerate(reader.list(run, where, MAX_PROBES))
            )
        )
    if len(runs) < 2:
        raise reader.fail("runs", "must hold two runs of the original")
    measurements = tuple(
        _measurement(reader, one, f"measurements[{index}]")
        for index, one in enumerate(reader.list(top["measurements"], "measurements", 100))
    )
    return Recording(
        info, date, reader.text(top["probes_hash"], "probes_hash", _DIGEST), tuple(runs), measurements
    )


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


class _Reader:
    """Typed, bounded reading."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def fail(self, where: str, what: str) -> RecordingError:
        return RecordingError(
            f"{self._origin} is no recording that can be used.",
            why=f"{where or 'the file'} {what}.",
            do="Record again: validate --record.",
        )

    def object(
        self, value: Any, where: str, keys: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(where, "must be an object")
        missing = [key for key in keys if key not in value]
        unknown = [key for key in value if key not in keys and key not in optional]
        if missing:
            raise self.fail(where, f"lacks {missing[0]!r}")
        if unknown:
            raise self.fail(where, f"has an unknown key {unknown[0][:60]!r}")
        return value

    def list(self, value: Any, where: str, most: int) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise self.fail(where, f"must be a list of at most {most} elements")
        return value

    def text(
        self, value: Any, where: str, pattern: re.Pattern[str] | None = None, most: int = MAX_TEXT
    ) -> str:
        if not isinstance(value, str) or len(value) > most or (pattern and not pattern.match(value)):
            raise self.fail(where, "must be text of the right form")
        return value

    def integer(self, value: Any, where: str, low: int, high: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(where, f"must be a whole number from {low} to {high}")
        return value

    def number(self, value: Any, where: str) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not -1e15 < value < 1e15:
            raise self.fail(where, "must be a number")
        return float(value)

    def headers(self, value: Any, where: str) -> tuple[tuple[str, str], ...]:
        found = []
        for index, pair in enumerate(self.list(value, where, MAX_HEADERS)):
            both = self.list(pair, f"{where}[{index}]", 2)
            if len(both) != 2:
                raise self.fail(f"{where}[{index}]", "must be a pair")
            found.append((self.text(both[0], where), self.text(both[1], where)))
        return tuple(found)

    def body(self, value: Mapping[str, Any], where: str) -> bytes:
        if "body" in value and "body_base64" in value:
            raise self.fail(where, "has two bodies")
        if "body" in value:
            try:
                return self.text(value["body"], f"{where}.body", most=MAX_BYTES).encode()
            except UnicodeEncodeError:
                raise self.fail(f"{where}.body", "is no Unicode text") from None
        if "body_base64" in value:
            try:
                return base64.b64decode(
                    self.text(value["body_base64"], f"{where}.body_base64", most=MAX_BYTES), validate=True
                )
            except (binascii.Error, ValueError):
                raise self.fail(f"{where}.body_base64", "is no base64") from None
        return b""


def _exchange(reader: _Reader, raw: Any, where: str) -> tuple[str, Sent, Answer]:
    one = reader.object(raw, where, ("probe", "sent", "answer"))
    sent = reader.object(
        one["sent"], f"{where}.sent", ("method", "path", "headers"), ("body", "body_base64", "raw")
    )
    answer = reader.object(
        one["answer"],
        f"{where}.answer",
        ("status", "headers", "seconds", "chunks"),
        ("body", "body_base64", "error", "full_sha256", "full_size", "interim"),
    )
    chunks = []
    for index, chunk in enumerate(reader.list(answer["chunks"], f"{where}.answer.chunks", MAX_CHUNKS)):
        place = f"{where}.answer.chunks[{index}]"
        both = reader.list(chunk, place, 2)
        if len(both) != 2:
            raise reader.fail(place, "must be a pair")
        chunks.append(Chunk(reader.number(both[0], place), reader.integer(both[1], place, 0, 1 << 40)))
    error = answer.get("error")
    full = answer.get("full_sha256")
    return (
        reader.text(one["probe"], f"{where}.probe", most=100),
        Sent(
            reader.text(sent["method"], f"{where}.sent.method", _METHOD),
            reader.text(sent["path"], f"{where}.sent.path"),
            reader.headers(sent["headers"], f"{where}.sent.headers"),
            reader.body(sent, f"{where}.sent"),
            raw=sent.get("raw") is True,
        ),
        Answer(
            reader.integer(answer["status"], f"{where}.answer.status", 0, 999),
            reader.headers(answer["headers"], f"{where}.answer.headers"),
            reader.body(answer, f"{where}.answer"),
            reader.number(answer["seconds"], f"{where}.answer.seconds"),
            tuple(chunks),
            None if error is None else reader.text(error, f"{where}.answer.error"),
            None if full is None else reader.text(full, f"{where}.answer.full_sha256", _HEX),
            None
            if full is None
            else reader.integer(answer.get("full_size"), f"{where}.answer.full_size", 0, 1 << 40),
            tuple(
                reader.integer(status, f"{where}.answer.interim", 100, 199)
                for status in reader.list(answer.get("interim", []), f"{where}.answer.interim", MAX_HEADERS)
            ),
        ),
    )


def _measurement(reader: _Reader, raw: Any, where: str) -> Measurement:
    one = reader.object(
        raw, where, ("metric", "side", "unit", "n", "median", "p99", "ci95", "method", "values"), ("same",)
    )
    values = tuple(
        reader.number(value, f"{where}.values")
        for value in reader.list(one["values"], f"{where}.values", MAX_VALUES)
    )
    if one["side"] not in {str(side) for side in Side}:
        raise reader.fail(f"{where}.side", "must be original or candidate")
    ci95 = one["ci95"]
    if ci95 is not None:
        ends = reader.list(ci95, f"{where}.ci95", 2)
        if len(ends) != 2:
            raise reader.fail(f"{where}.ci95", "must be a pair")
        ci95 = (reader.number(ends[0], f"{where}.ci95"), reader.number(ends[1], f"{where}.ci95"))
    return Measurement(
        reader.text(one["metric"], f"{where}.metric", most=100),
        Side(one["side"]),
        reader.text(one["unit"], f"{where}.unit", most=100),
        values,
        reader.text(one["method"], f"{where}.method"),
        math.nan if one["median"] is None else reader.number(one["median"], f"{where}.median"),
        None if one["p99"] is None else reader.number(one["p99"], f"{where}.p99"),
        ci95,
        None if one.get("same") is None else reader.number(one["same"], f"{where}.same"),
        taken if (taken := reader.integer(one["n"], f"{where}.n", 0, 1 << 40)) > len(values) else None,
    )
