"""What a component says of its own snapshot: whether the application was imported at build time.

A lane's build leaves it in a custom section, so that it goes wherever the component goes. It is read as
untrusted input, like the component.
"""

from __future__ import annotations

import json
from pathlib import Path

from migrate.component import custom_section

SECTION = "dock2wasm:snapshot"


def sentences(component: Path) -> tuple[str, ...]:
    """For reports; empty where the component says nothing, or where nothing was asked for.

    Raises ComponentError where the file is no component.
    """
    content = custom_section(component, SECTION)
    if content is None:
        return ()
    try:
        data = json.loads(content)
        mode, where = data["snapshot_app"], data["application"]
        reasons = [str(reason) for reason in data["reasons"]]
        at_start = [(str(one["name"]), str(one["where"])) for one in data["at_start"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return (f"The section {SECTION} of {component.name} cannot be read.",)
    if mode == "never":
        return ()
    if where != "snapshot":
        said = "; ".join(reasons)
        return (f"The application is imported at each fresh instance's first request, not before: {said}",)
    return (
        "The application was imported when the component was built.",
        *(
            f"{place} reads {name}, whose value comes at start: an instance that is given it imports the"
            " application anew at its first request."
            for name, place in at_start
        ),
    )
