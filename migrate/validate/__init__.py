"""Asks the original container and the component the same requests, compares the answers, measures both.

Two containers of the original answer first: where they differ from each other is noise. Then the component
answers on fresh instances, which decides, and once more with instances reused. A difference is asked
again, in a new container and a newly started runtime, before it is reported as confirmed.
"""

from __future__ import annotations

from migrate.validate.course import ValidateOptions, run

__all__ = ["ValidateOptions", "run"]
