"""Memory that requests share: variables that live as long as the program and that a request changes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from analyzers.languages.shallow.scan import Field, Scanned
from analyzers.languages.shallow.table import Table
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach
from analyzers.repository import Tree

# Handles and locks are no data: a fresh instance makes its own.
_NOT_SHARED = re.compile(
    r"\b(?:ThreadLocal|AsyncLocal|I?Logger|Lock|ReentrantLock|Mutex|SemaphoreSlim|Semaphore|CancellationTokenSource"
    r"|Task|Timer|Thread|ScheduledFuture|Future|I?Channel|IModel|Lazy|I?Scheduler|I?Disposable|ExecutorService"
    r"|\w*(?:Client|Connection|Factory|Provider|Subscription|Session|Context|Processor|Producer|Consumer|Validator|Service"
    r"|Repository|Manager|Handler|Helper|Mapper|Template|Extension))\b"
)
# A method such as `add` changes a variable only where the variable holds values, not a helper object.
_HOLDER = re.compile(
    r"Map\b|Map<|mapOf|List\b|List<|listOf|MapOf|ListOf|SetOf|Set\b|Set<|setOf|Queue|Deque|Stack|Vector|Atomic|Adder|Dictionary|Bag<"
    r"|Collection|HashTable|Hashtable|StringBuilder|StringBuffer|Cache|Array|\[\]|\{\}|Hash\.new|Set\.new|Concurrent"
)
_ANNOTATIONS = re.compile(r"^(?:(?:@\w+(?:\([^)]*\))?|\[[^\]]*\])\s*)+")
_SETTER = re.compile(r"set[A-Z]")
_STATIC = re.compile(r"\bstatic\b")
_CACHE = re.compile(r"cache|memo", re.IGNORECASE)


def memory_facts(
    tree: Tree, table: Table, scanned: Iterable[Scanned], shared: frozenset[str], *, top_level: bool
) -> list[Fact]:
    """Facts on variables that a request changes.

    `shared` are the classes of which one object serves all requests; in others only static variables count.
    `top_level` says that variables outside of classes are shared too (Kotlin, Ruby).
    """
    found: list[Fact] = []
    for file in scanned:
        fields = {(one.owner, one.name): one for one in file.fields}
        by_name = {one.name: one for one in file.fields if not one.owner}
        done: set[tuple[str, str]] = set()
        for change in file.changes:
            name = change.name.rpartition(".")[2]
            one = fields.get((change.owner, name)) or by_name.get(name)
            if one is None or (one.owner, one.name) in done:
                continue
            if not change.function or change.function in table.start:
                continue
            if not change.how and _SETTER.match(change.function):
                continue  # what a container of objects calls as it fills them in
            if not _is_shared(one, shared, top_level, change.how):
                continue
            done.add((one.owner, one.name))
            title = f"{one.owner}.{one.name}" if one.owner else one.name
            cache = bool(_CACHE.search(one.name) or _CACHE.search(one.owner))
            cache = cache or any(kind in one.declared for kind in table.caches)
            evidence = Evidence(file.path, change.line, tree.line(file.path, change.line))
            found.append(
                Fact(
                    FactKind.CACHE if cache else FactKind.MEMORY_STATE,
                    title,
                    (evidence,),
                    reach=Reach.REQUEST,
                    confidence=Confidence.MEDIUM,
                )
            )
    return found


def _is_shared(one: Field, shared: frozenset[str], top_level: bool, how: str) -> bool:
    declared = _ANNOTATIONS.sub("", one.declared).partition(";")[0].partition("\n")[0]
    if _NOT_SHARED.search(declared):
        return False
    if how and not _HOLDER.search(declared):
        return False
    if not one.owner:
        return top_level
    if _STATIC.search(declared.partition("=")[0]) or one.name.startswith(("@@", "$")) or one.name.isupper():
        return True
    return one.owner in shared
