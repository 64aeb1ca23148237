"""The packages that an image installs, as its RUN lines and lock files say, and what each one needs.

Requirement lines follow PEP 508 and pip's file format; names are normalised as PEP 503 says. Nothing is
resolved: a package that only another one asks for is known where a lock file lists it, or where
`python_packages.toml` says so.
"""

from __future__ import annotations

from analyzers.languages.python.requirements.judge import Imported, judge
from analyzers.languages.python.requirements.projects import beside
from analyzers.languages.python.requirements.requirement import Installed
from analyzers.languages.python.requirements.runs import installed

__all__ = ["Imported", "Installed", "beside", "installed", "judge"]
