"""Requests that people have already, made into probes: .http and Hurl files, HAR, access logs, OpenAPI.

They are asked of both sides; the original is the oracle, so what such a file expects of an answer is not
taken over, except the status that a Hurl file names: without it the exchange proves nothing.
"""

from migrate.validate.requests.fuzz import fuzzed
from migrate.validate.requests.read import merged, read, write

__all__ = ["fuzzed", "merged", "read", "write"]
