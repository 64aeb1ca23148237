"""Jinja's templates, compiled when the component is built.

Jinja compiles a template when it is first loaded: once in the life of a worker, but in each fresh instance
here, where it is most of the time of a page. Code made at build time is used for the same source under the
same settings; anything else is compiled as ever.
"""

import gc
import sys

from dock2wasm_adapter import modules
from dock2wasm_adapter.notes import note

_CODE = {}
_LIMIT = 1000
# What a filter or test says of itself to Jinja's compiler.
_MARKS = ("jinja_pass_arg", "jinja_async_variant")


def _key(environment, source, name, filename):
    """All that the compiled code depends on. Filters and tests are called by their names when it runs."""
    escaped = environment.autoescape
    return (
        source,
        name,
        filename,
        environment.block_start_string,
        environment.block_end_string,
        environment.variable_start_string,
        environment.variable_end_string,
        environment.comment_start_string,
        environment.comment_end_string,
        environment.line_statement_prefix,
        environment.line_comment_prefix,
        environment.trim_blocks,
        environment.lstrip_blocks,
        environment.newline_sequence,
        environment.keep_trailing_newline,
        environment.optimized,
        environment.is_async,
        environment.sandboxed,
        environment.finalize is None,
        bool(escaped(name) if callable(escaped) else escaped),
        type(environment).__qualname__,
        getattr(environment, "newstyle_gettext", False),
        tuple(environment.extensions),
        tuple(environment.filters),
        tuple(environment.tests),
    )


def _jinja(module):
    plain = module.Environment.compile

    def compile(self, source, name=None, filename=None, raw=False, defer_init=False):
        if _CODE and isinstance(source, str) and not raw and not defer_init:
            found = _CODE.get(_key(self, source, name, filename))
            if found is not None:
                return found
        return plain(self, source, name, filename, raw, defer_init)

    compile.plain = plain
    module.Environment.compile = compile


def install():
    """Place the hook; nothing is imported here."""
    modules.hook("jinja2.environment", _jinja)


# --- at build time -------------------------------------------------------------------------------


def prepare():
    """Compile the templates of every environment that the application has made, and of Flask's to come.

    Returns how many.
    """
    jinja = sys.modules.get("jinja2.environment")
    if jinja is None or not hasattr(jinja.Environment.compile, "plain"):
        return 0
    for environment in _environments(jinja):
        try:
            names = environment.loader.list_templates()
        except (TypeError, AttributeError, OSError):  # a loader that can only be asked by name
            continue
        for name in names[: _LIMIT - len(_CODE)]:
            _compile(jinja, environment, name)
    return len(_CODE)


def _environments(jinja):
    found = [o for o in gc.get_objects() if isinstance(o, jinja.Environment) and o.loader is not None]
    flask = sys.modules.get("flask.app")
    if flask is not None:
        apps = [o for o in gc.get_objects() if isinstance(o, flask.Flask)]
        # Made when it is first needed, from what the application set until then.
        found += [app.create_jinja_environment() for app in apps if "jinja_env" not in vars(app)]
    return found


def _compile(jinja, environment, name):
    try:
        source, filename, _ = environment.loader.get_source(environment, name)
        key = _key(environment, source, name, filename)
        kept = {"filters": environment.filters, "tests": environment.tests}
        environment.filters, environment.tests = ({n: _named(f) for n, f in d.items()} for d in kept.values())
        try:
            _CODE[key] = jinja.Environment.compile.plain(environment, source, name, filename)
        finally:
            environment.filters, environment.tests = kept.values()
    except Exception as error:  # what is wrong with it is seen when it is used
        note(f"the template {name} is compiled when it is used: {error!r}")


def _named(function):
    """A filter for the compiler, which calls those of constants at once: an application's own must not be.

    Its result may depend on settings that differ in an instance.
    """
    if getattr(function, "__module__", "").startswith(("jinja2.", "markupsafe", "builtins", "_operator")):
        return function

    def not_now(*args, **kwargs):
        raise ValueError

    for mark in _MARKS:
        if hasattr(function, mark):
            setattr(not_now, mark, getattr(function, mark))
    return not_now
