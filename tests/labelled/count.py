"""Counts of the labelled set by folder, half, language, verdict and facet."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    tables: dict[str, Counter[str]] = {}
    for path in sorted(HERE.glob("[ab]/*.toml")):
        label = tomllib.loads(path.read_text(encoding="utf-8"))
        half = f"{path.parent.name}/{label['half']}"
        tables.setdefault("repositories", Counter())[half] += 1
        for service in label["service"]:
            facets = service["facets"]
            values = {
                "services": half,
                "language": service.get("language", "image-only"),
                "verdict": f"{half} {service['verdict']}",
                "verdict today": f"{half} {service['verdict_today']}",
                "disputable": f"{half} {service['disputable']}",
                "state": facets["state"],
                "inbound": facets["inbound"],
            }
            for name, value in values.items():
                tables.setdefault(name, Counter())[value] += 1
            for name in ("gpu", "processes", "privileged", "native_dependencies", "outbound"):
                tables.setdefault(name, Counter())["yes" if facets[name] else "no"] += 1
    for name, table in tables.items():
        print(f"{name}: " + ", ".join(f"{value} {number}" for value, number in sorted(table.items())))


if __name__ == "__main__":
    main()
