"""A compose project as compose-go loads it: interpolation, `include`, `extends`, and the merging of files."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from analyzers.compose import dotenv, values
from analyzers.compose.files import Project, folder_of, join
from analyzers.compose.merge import canonical, clean, merge
from analyzers.compose.template import TemplateError, interpolate
from analyzers.compose.values import Mark, Place, TooMuchError, Value, Work, YamlError
from analyzers.repository import Tree

Variables = Mapping[str, "str | None"]

_TOP = frozenset(
    {"version", "name", "include", "services", "models", "networks", "volumes", "secrets", "configs", "jobs"}
)
_FILES = 200  # files that one project may read
_REMOTE = ("oci://", "git@", "github.com/")
_CHAIN = 40  # services that extend one another, files that include one another
_SAID = 4  # problems of a file that are told one by one


@dataclass(slots=True)
class Model:
    """What the files of a project say together. Services are in their long form."""

    services: dict[str, Value] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)  # services that `!reset` takes from the files before
    secrets: dict[str, Value] = field(default_factory=dict)
    configs: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Loaded:
    """A project that was read. `included` are the files that `include` reached; `extended` the services
    of other files that `extends` took over, as file and name."""

    project: Project
    model: Model
    variables: Variables
    included: set[str] = field(default_factory=set)
    extended: set[tuple[str, str]] = field(default_factory=set)
    work: Work = field(default_factory=Work)

    def is_provided(self, name: str) -> bool:
        """Whether a program of the reader's machine makes the service (`provider`), not a container."""
        data = self.model.services[name].data
        return isinstance(data, dict) and "provider" in data


class Reader:
    """Reads the files of a repository once, and keeps what was wrong with each."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._documents: dict[str, tuple[Value, ...]] = {}
        self._env: dict[str, str | None] = {}
        self._problems: dict[str, dict[tuple[int, str], None]] = {}

    def report(self, place: Place, what: str) -> None:
        """Something in a file that compose refuses, or that could not be followed."""
        self._problems.setdefault(place.path, {})[place.line, what] = None

    def tell(self) -> None:
        """Put all problems into the tree's `not_read`."""
        for path, problems in self._problems.items():
            said = [f"line {line}: {what}" if line else what for line, what in sorted(problems)]
            more = f"; and {len(said) - _SAID} more" if len(said) > _SAID else ""
            self.tree.give_up(path, "; ".join(said[:_SAID]) + more)

    def documents(self, path: str) -> tuple[Value, ...]:
        """The YAML documents of a file; none where it cannot be read, which is told."""
        if path not in self._documents:
            text = self.tree.text(path)
            found: tuple[Value, ...] = ()
            if text is not None:
                try:
                    found = values.documents(text, path, self.report)
                except YamlError as error:
                    self.report(Place(path, error.line or 0), str(error))
            self._documents[path] = found
        return self._documents[path]

    def variables(self, path: str, outer: Variables) -> dict[str, str | None]:
        """The variables of a `.env`; empty where there is none."""
        if path not in self.tree:
            return {}
        try:
            found = dotenv.parse(self.tree.text(path) or "", outer)
        except dotenv.DotenvError as error:
            self.tree.give_up(path, f"is no env file that compose takes: {error}")
            return {}
        return {one.name: one.value for one in found}


def load(reader: Reader, project: Project, variables: Variables) -> Loaded:
    """One project. What is wrong is told to `reader`, the rest is still read."""
    loaded = Loaded(project, Model(), variables)
    loading = _Loading(reader, loaded)
    try:
        loaded.model = loading.model(project.files, project.folder, variables, ())
    except TooMuchError:
        reader.report(
            Place(project.files[0], 0),
            "refers to itself so often (aliases, include) that it was not read to its end",
        )
    return loaded


class _Loading:
    def __init__(self, reader: Reader, loaded: Loaded) -> None:
        self.reader = reader
        self.tree = reader.tree
        self.report = reader.report
        self.loaded = loaded
        self.work = loaded.work
        self.files = 0
        self._included: dict[tuple[object, ...], Model] = {}
        # By file and scope; the scope is kept, so that its identity stays its own.
        self._bases: dict[tuple[str, int], tuple[Variables, dict[str, Value]]] = {}

    def model(
        self, files: tuple[str, ...], folder: str, variables: Variables, chain: tuple[str, ...]
    ) -> Model:
        """Files laid over each other. `chain` are the files whose `include` led here."""
        whole = Model()
        for path in files:
            for document in self.reader.documents(path):
                top = self.top(document, folder, variables)
                part = self.part(top, path)
                self.include(top, part, folder, variables, (*chain, path))
                for name in part.services:
                    self.extend(name, part.services, path, variables, ())
                _lay(whole, part, self)
        for name, service in whole.services.items():
            whole.services[name] = _with_context(clean(service), folder)
        return whole

    def top(self, document: Value, folder: str, variables: Variables) -> dict[str, Value]:
        """The top level of a document, its variables replaced."""
        self.files += 1
        if self.files > _FILES:
            raise TooMuchError
        if not isinstance(document.data, dict):
            if document.data is not None:
                self.report(document.place, "is no mapping at its top level")
            return {}
        seen: dict[int, Value] = {}
        return {
            name: self.interpolated(value, folder, variables, seen)
            for name, value in document.data.items()
            if not name.startswith("x-")
        }

    def interpolated(self, value: Value, folder: str, variables: Variables, seen: dict[int, Value]) -> Value:
        """A value with its variables replaced and its folder known. `seen` keeps shared values shared."""
        if (found := seen.get(id(value))) is not None:
            return found
        self.work.spend()
        data, unset = value.data, value.unset
        if isinstance(data, dict):
            data = {n: self.interpolated(v, folder, variables, seen) for n, v in data.items()}
        elif isinstance(data, list):
            data = [self.interpolated(v, folder, variables, seen) for v in data]
        elif isinstance(data, str) and "$" in data:
            try:
                data, unset = interpolate(data, variables)
            except TemplateError as error:
                self.report(value.place, str(error))
        place, key = value.place, value.key
        made = Value(
            data,
            Place(place.path, place.line, folder) if folder else place,
            Place(key.path, key.line, folder) if folder and key is not None else key,
            value.mark,
            unset,
        )
        seen[id(value)] = made
        return made

    def part(self, top: Mapping[str, Value], path: str) -> Model:
        """The services of one document in their long form, and its secrets and configs."""
        part = Model()
        services = top.get("services")
        if services is None and top and not _TOP & set(top):
            place = Place(path, next(iter(top.values())).at.line)
            self.report(place, "has no `services`; compose reads no files of version 1 any more")
        for name, value in (self.mapping("services", services) if services else {}).items():
            if value.mark is Mark.RESET:
                part.removed.add(name)
            elif value.data is None:
                self.report(value.at, f"the service {name!r} is empty")
            elif not isinstance(value.data, dict):
                self.report(value.at, f"the service {name!r} must be a mapping")
            else:
                part.services[name] = canonical(value, self.report, self.work)
        for kind, into in (("secrets", part.secrets), ("configs", part.configs)):
            given = top.get(kind)
            for name, value in (self.mapping(kind, given) if given else {}).items():
                if isinstance(value.data, dict):
                    kept = ("file", "environment", "external", "content", "name")
                    into[name] = replace(value, data={k: v for k, v in value.data.items() if k in kept})
                else:
                    self.report(value.at, f"`{kind}.{name}` must be a mapping")
        return part

    def mapping(self, name: str, value: Value) -> dict[str, Value]:
        if value.data is None:
            return {}
        if not isinstance(value.data, dict):
            self.report(value.at, f"`{name}` must be a mapping")
            return {}
        return {key: one for key, one in value.data.items() if not key.startswith("x-")}

    # --- include ---

    def include(
        self,
        top: Mapping[str, Value],
        part: Model,
        folder: str,
        variables: Variables,
        chain: tuple[str, ...],
    ) -> None:
        """Put what `include` names under what the document itself says."""
        given = top.get("include")
        if given is None or given.data is None:
            return
        if not isinstance(given.data, list):
            self.report(given.at, "`include` must be a list")
            return
        for entry in given.data:
            model = self.included(entry, folder, variables, chain)
            if model is None:
                continue
            for name, service in model.services.items():
                own = part.services.get(name)
                if own is None:
                    part.services[name] = service
                elif own.at != service.at:  # else the same file, reached on two ways
                    part.services[name] = merge(service, own, self.report, self.work)
            part.secrets = {**model.secrets, **part.secrets}
            part.configs = {**model.configs, **part.configs}

    def included(
        self, entry: Value, folder: str, variables: Variables, chain: tuple[str, ...]
    ) -> Model | None:
        long = entry.data if isinstance(entry.data, dict) else {"path": entry}
        paths: list[str] = []
        for item in _listed(long.get("path")):
            path = self.found(item, folder, "include")
            if path is None:
                return None
            paths.append(path)
        if not paths:
            self.report(entry.at, "an entry of `include` names no path")
            return None
        if paths[0] in chain:
            self.report(entry.at, f"`include` leads back to {paths[0]}")
            return None
        if len(chain) >= _CHAIN:
            self.report(entry.at, f"`include` goes on for more than {_CHAIN} files")
            return None
        directory = folder_of(paths[0])
        if (given := long.get("project_directory")) is not None and given.text is not None:
            inside = join(folder, given.text)
            if inside is None:
                self.report(given.at, f"the project_directory {given.text} is no folder of the repository")
                return None
            directory = inside
        own = self.environment(long.get("env_file"), folder, directory, variables)
        scope = {**own, **{name: value for name, value in variables.items() if value is not None}}
        self.loaded.included.update(paths)
        key = (tuple(paths), directory, tuple(sorted((n, v or "") for n, v in scope.items())))
        if key not in self._included:
            self._included[key] = self.model(tuple(paths), directory, scope, chain)
        return self._included[key]

    def environment(
        self, given: Value | None, folder: str, directory: str, variables: Variables
    ) -> dict[str, str | None]:
        """The variables of the env files of an `include`, else of the `.env` of its directory."""
        listed = _listed(given)
        if not listed:
            path = posixpath.join(directory, ".env")
            return self.reader.variables(path, variables)
        own: dict[str, str | None] = {}
        for item in listed:
            if item.text == "/dev/null":
                continue
            found = self.found(item, folder, "env_file")
            if found is not None:
                own |= self.reader.variables(found, {**own, **variables})
        return own

    def found(self, item: Value, folder: str, what: str) -> str | None:
        """A file that `include` or `extends` names; None where it cannot be had, which is told."""
        if item.text is None:
            self.report(item.at, f"`{what}` must name a file")
            return None
        remote = "://" in item.text or item.text.startswith(_REMOTE)
        path = None if remote else join(folder, item.text)
        if path is None or path not in self.tree:
            self.report(item.at, f"`{what}` names {item.text}, which is no file of the repository")
            return None
        return path

    # --- extends ---

    def extend(
        self,
        name: str,
        services: dict[str, Value],
        path: str,
        variables: Variables,
        chain: tuple[tuple[str, str], ...],
    ) -> Value:
        """A service with what it `extends` below it, put into `services`. Where that cannot be had, the
        key stays."""
        self.work.spend()
        service = services[name]
        assert isinstance(service.data, dict)  # noqa: S101 - made by `canonical`
        extends = service.data.get("extends")
        if extends is None or not isinstance(extends.data, dict):
            return service
        of, file = extends.data.get("service"), extends.data.get("file")
        if of is None or of.text is None:
            self.report(extends.at, "`extends` names no service")
            return service
        base_path, others = path, services
        if file is not None:
            found = self.found(file, file.place.folder, "extends")
            if found is None:
                return service
            base_path, others = found, self.base(found, variables)
        if (base_path, of.text) in ((path, name), *chain):
            self.report(extends.at, f"`extends` of {name!r} leads back to {of.text!r} in {base_path}")
            return service
        if len(chain) >= _CHAIN:
            self.report(extends.at, f"`extends` goes on for more than {_CHAIN} services")
            return service
        if of.text not in others:
            self.report(extends.at, f"`extends` names the service {of.text!r}, which {base_path} has not")
            return service
        if base_path != path:
            self.loaded.extended.add((base_path, of.text))
        base = self.extend(of.text, others, base_path, variables, (*chain, (path, name)))
        merged = merge(clean(base), service, self.report, self.work)
        assert isinstance(merged.data, dict)  # noqa: S101 - both are mappings
        below = base.data.get("extends") if isinstance(base.data, dict) else None
        data = {key: value for key, value in merged.data.items() if key != "extends"}
        if below is not None:
            data["extends"] = below
        services[name] = replace(merged, data=data, key=service.key, place=service.place)
        return services[name]

    def base(self, path: str, variables: Variables) -> dict[str, Value]:
        """The services of a file that is extended: its paths are seen from its own folder."""
        key = (path, id(variables))
        if key not in self._bases:
            whole = Model()
            for document in self.reader.documents(path):
                _lay(whole, self.part(self.top(document, folder_of(path), variables), path), self)
            self._bases[key] = (variables, whole.services)
        return self._bases[key][1]


def _lay(whole: Model, part: Model, loading: _Loading) -> None:
    """Lay the services of one document over those before."""
    for name in part.removed:
        whole.services.pop(name, None)
    for name, service in part.services.items():
        before = whole.services.get(name)
        whole.services[name] = (
            service if before is None else merge(before, service, loading.report, loading.work)
        )
    whole.secrets |= part.secrets
    whole.configs |= part.configs


def _with_context(service: Value, folder: str) -> Value:
    """A build that names no context takes the project directory."""
    assert isinstance(service.data, dict)  # noqa: S101 - made by `canonical`
    build = service.data.get("build")
    if build is None or not isinstance(build.data, dict) or "context" in build.data:
        return service
    place = replace(build.place, folder=folder)
    context = Value(".", place, build.key)
    return replace(
        service, data={**service.data, "build": replace(build, data={"context": context, **build.data})}
    )


def _listed(value: Value | None) -> list[Value]:
    if value is None or value.data is None or value.mark is Mark.RESET:
        return []
    return value.data if isinstance(value.data, list) else [value]
