"""What `collectstatic` makes of many small files: one of all ES modules, and whole style sheets.

A browser that opens a room for the first time then asks for 15 files instead of 65. While DEBUG is
on it gets the sources as they are, unless BUNDLE is set.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from posixpath import dirname, join, normpath, relpath

BUNDLE_NAME = "modules.js"

HEAD = """\
// The ES modules of the site: functions that resolve to what each exports, and run it once.

const once = (run) => {
  let running;
  return () => (running ??= run());
};

export const $modules = {
"""

# Statements begin their lines, where formatters put them.
IMPORT = re.compile(r"""^(import|export) (?:{([\w$\s,]+)} from )?["'](\.[^"']+)["'];?$""", re.M)
LAZY_IMPORT = re.compile(r"""\bimport\(["'](\.[^"']+)["']\)""")
EXPORT = re.compile(r"^export ((?:async )?(?:class|const|function\*?) ([\w$]+))", re.M)
EXPORT_LIST = re.compile(r"^export {([\w$\s,]+)};?$", re.M)
OTHER = re.compile(r"^(?:import|export)\b|[;}][ \t]*(?:import|export)\b|\bimport\s*[(.]", re.M)
VARIABLES = re.compile(r"^(?:let|var) (.*)", re.M)
SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*\n?", re.M)
DOCUMENTATION = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/\n", re.M | re.S)

SHEET = re.compile(r"""^@import (?:url\()?["']([\w.-]+)["']\)?(?: layer\(([\w.-]+)\))?;$""", re.M)


class Module:
    """An ES module as a function.

    Attributes:
        imports: the names that it takes of each other module.
        exports: its names for what it exports, by the names that others know.
        body: the function's, without the documentation.
        is_understood: whether `IMPORT` to `EXPORT_LIST` cover all that it imports and exports, and
            it exports nothing that may change.
    """

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.imports: dict[str, set[str]] = defaultdict(set)
        self.exports: dict[str, str] = {}
        source = SOURCE_MAP.sub("", DOCUMENTATION.sub("", source))
        body = IMPORT.sub(self._import, source)
        body = LAZY_IMPORT.sub(self._import_lazily, body)
        body = EXPORT_LIST.sub(self._export_list, body)
        self.body = EXPORT.sub(self._export, body)
        variables = set(re.findall(r"[\w$]+", " ".join(VARIABLES.findall(body))))
        exports_variable = not variables.isdisjoint(self.exports.values())
        self.is_understood = not exports_variable and not OTHER.search(self.body)

    @property
    def function(self) -> str:
        returned = f"return {_object(self.exports)};\n" if self.exports else ""
        return f"async () => {{\n{self.body.strip()}\n{returned}}}"

    @property
    def stub(self) -> str:
        """A module that exports the same, out of the bundle."""
        path = relpath(BUNDLE_NAME, dirname(self.name) or ".")
        path = path if path.startswith("../") else f"./{path}"
        names = _object({name: name for name in self.exports})
        taken = f"export const {names} = " if self.exports else ""
        return f'import {{ $modules }} from "{path}";\n{taken}await {_call(self.name)};\n'

    def _import(self, match: re.Match[str]) -> str:
        word, names, path = match.groups()
        pairs = _pairs(names or "")
        if word == "export":
            self.exports |= {name: name for name in pairs.values()}
        taken = f"const {_object(pairs)} = " if pairs else ""
        return f"{taken}await {_call(self._imported(path, pairs))};"

    def _import_lazily(self, match: re.Match[str]) -> str:
        return _call(self._imported(match[1], {}))

    def _imported(self, path: str, names: Mapping[str, str]) -> str:
        name = normpath(join(dirname(self.name), path))
        self.imports[name].update(names)
        return name

    def _export(self, match: re.Match[str]) -> str:
        self.exports[match[2]] = match[2]
        return match[1]

    def _export_list(self, match: re.Match[str]) -> str:
        self.exports |= {outer: inner for inner, outer in _pairs(match[1]).items()}
        return ""


def bundled(sources: Mapping[str, str]) -> dict[str, str]:
    """The bundle of these modules, and a stub in the place of each that is in it, by their names.

    A module that is not understood, or is part of a circle, stays a file of its own, and so do
    those that import it. They too import out of the bundle, so that nothing runs twice on a page.
    """
    modules = [Module(name, source) for name, source in sources.items()]
    wanted: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        for name, names in module.imports.items():
            wanted[name] |= names
    waiting = [
        module
        for module in modules
        if (module.imports or module.exports or module.name in wanted)
        and module.is_understood
        and module.exports.keys() >= wanted[module.name]
    ]
    inside: dict[str, Module] = {}
    while found := [module for module in waiting if module.imports.keys() <= inside.keys()]:
        inside |= {module.name: module for module in found}
        waiting = [module for module in waiting if module.name not in inside]
    functions = [f'\n"{name}": once({module.function}),\n' for name, module in inside.items()]
    stubs = {name: module.stub for name, module in inside.items()}
    return {BUNDLE_NAME: "".join([HEAD, *functions, "};\n"])} | stubs


def flat(name: str, sheets: Mapping[str, str]) -> str:
    """A style sheet with those of its folder that it imports in the place of their imports.

    If it imports others too it stays as it is: browsers heed an import only at the top.
    """

    def imported(match: re.Match[str]) -> str:
        path = join(dirname(name), match[1])
        if path not in sheets:
            return match[0]
        content = flat(path, sheets)
        return f"@layer {match[2]} {{\n{content}}}\n" if match[2] else content

    whole = SHEET.sub(imported, sheets[name])
    return sheets[name] if "@import" in whole else whole


def _call(name: str) -> str:
    return f'$modules["{name}"]()'


def _pairs(names: str) -> dict[str, str]:
    """`a, b as c` as {"a": "a", "b": "c"}."""
    words = [name.split() for name in names.split(",") if name.strip()]
    return {each[0]: each[-1] for each in words}


def _object(pairs: Mapping[str, str]) -> str:
    return f"{{ {', '.join(a if a == b else f'{a}: {b}' for a, b in pairs.items())} }}"
