"""Work that frameworks do for every route at import, put off until a route needs it.

An application is imported anew in each fresh instance, so what a long-running process does once is
done for each request here. Each change is applied only where the code is what it was made for.
"""

import inspect

from dock2wasm_adapter import modules


def _werkzeug_rules(rules):
    """Werkzeug 2.2 to 3.1 generates and compiles two URL builders for each route; `url_for` uses few of them.

    Measured: 60 % of the import of a Flask application with 24 routes. `Rule._compile_builder` returns a
    function of the rule and of keyword arguments; in its place stands one that compiles at its first call.
    """
    compile_builder = getattr(rules.Rule, "_compile_builder", None)
    if compile_builder is None or list(inspect.signature(compile_builder).parameters) != [
        "self",
        "append_unknown",
    ]:
        return

    def lazily(self, append_unknown=True):
        compiled = None

        def build(rule, /, **values):
            nonlocal compiled
            if compiled is None:
                compiled = compile_builder(self, append_unknown)
            return compiled(rule, **values)

        return build

    rules.Rule._compile_builder = lazily


class _Compiled:
    """`exec` and `eval` that keep the code of a text: what was compiled at build time is not compiled again.

    The text is the whole key: the same text under the same file name is the same code.
    """

    def __init__(self, function, mode):
        self._function = function
        self._mode = mode
        self._codes = {}

    def __call__(self, source, /, *scopes):
        if isinstance(source, str):
            text, source = source, self._codes.get(source)
            if source is None:
                source = self._codes[text] = compile(text, "<string>", self._mode, dont_inherit=True)
        return self._function(source, *scopes)


def _dataclasses(dataclasses):
    """Each data class compiles its methods from text. An import that is done anew finds them compiled."""
    dataclasses.exec = _Compiled(exec, "exec")


def _collections(collections):
    """Each named tuple compiles its constructor from text."""
    collections.eval = _Compiled(eval, "eval")


def install():
    """Place the hooks; nothing is imported here."""
    modules.hook("dataclasses", _dataclasses)
    modules.hook("collections", _collections)
    modules.hook("werkzeug.routing.rules", _werkzeug_rules)
