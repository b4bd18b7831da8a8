"""Imports run downwards only (design: five floors), and each floor knows only what it may know."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest
from tests.house.sources import ROOT, SOURCE, Module, modules

FLOORS = {
    "core": {"core"},
    "store": {"core", "store"},
    "channels": {"core", "channels"},
    "actions": {"core", "store", "channels", "actions", "log"},
    "web": {"core", "store", "actions", "web", "log"},
    "worker": {"core", "store", "actions", "worker", "log"},
    "client": {"core", "client"},
    "settings": {"core", "log"},
    "log": set(),
    "__init__": set(),
}
WIRING = {"main", "cli", "cli_users", "supervising", "__main__"}

# A library is let in on purpose: whoever adds one to a floor adds it here.
LIBRARIES = {
    "core": {"email_validator", "flufl.bounce", "idna", "minijinja", "msgspec", "phonenumbers", "pyotp", "yaml"},
    "store": {"maxminddb", "msgspec", "psycopg", "psycopg_pool"},
    "channels": {"aiosmtpd", "aiosmtplib", "cryptography", "httpcore2", "idna", "msgspec"},
    "actions": {"argon2", "msgspec"},
    "web": {"minijinja", "msgspec", "prometheus_client", "segno", "starlette"},
    "worker": set(),
    "client": {"httpcore2", "msgspec", "rich"},
    "settings": {"msgspec"},
    "log": {"msgspec"},
    "__init__": set(),
}

# Modules of the standard library that neither read nor write, tell no time and roll no dice. Others may join them.
PURE = {
    "abc", "array", "ast", "base64", "binascii", "bisect", "calendar", "codecs", "collections", "contextlib",
    "copy", "dataclasses", "datetime", "decimal", "difflib", "email", "enum", "fractions", "functools", "graphlib",
    "hashlib", "heapq", "hmac", "html", "ipaddress", "itertools", "json", "math", "numbers", "operator", "quopri",
    "re", "statistics", "string", "struct", "textwrap", "threading", "types", "typing", "unicodedata",
    "urllib.parse", "uuid", "weakref", "zlib",
    "zoneinfo",  # Tables that are the same everywhere, read once.
}  # fmt: skip
IMPURE_CALLS = {
    "open", "print", "input", "urandom",
    "now", "utcnow", "today", "localtime", "formatdate", "make_msgid",
    "uuid1", "uuid4", "uuid6", "uuid7",
}  # fmt: skip

NETWORK = {"ftplib", "http", "imaplib", "poplib", "smtplib", "socketserver", "urllib.request", "xmlrpc"}
MUST_NOT_KNOW = {
    "store": NETWORK | {"xml"},
    "channels": {"sqlite3"},
    "actions": NETWORK | {"xml", "json", "socket", "ssl", "sqlite3"},
    "web": NETWORK | {"socket", "ssl", "sqlite3"},
    "worker": NETWORK | {"xml", "json", "socket", "ssl", "sqlite3"},
}

READING_VERBS = ("get", "find", "list", "count", "describe", "check", "is", "has")
RUNS_SQL = {"execute", "executemany", "cursor", "copy_expert"}


def imported(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """What a module imports, as dotted names: `from a import b` is `a.b`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.at(node)}: a relative import"
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def imported_floor(name: str) -> str | None:
    """The floor of a name below `tocsin`; None for what `tocsin` itself holds, as its version."""
    first = name.split(".")[1]
    return first if (SOURCE / first).is_dir() or (SOURCE / f"{first}.py").exists() else None


def belongs_to(name: str, known: set[str]) -> bool:
    """Whether a dotted name is one of the modules or lies in one."""
    return any(name == one or name.startswith(f"{one}.") for one in known)


def imports_of_others(floor: str) -> Iterator[tuple[str, str, bool]]:
    """What the modules of a floor import that is not ours: where, its name, whether it is of the standard library."""
    for module in modules():
        if module.floor == floor:
            for node, name in imported(module):
                top = name.split(".")[0]
                if top != "tocsin":
                    yield module.at(node), name, top in sys.stdlib_module_names


def test_every_floor_is_known():
    assert {module.floor for module in modules()} == FLOORS.keys() | WIRING


def test_imports_run_downwards_only():
    upwards = [
        f"{module.at(node)}: {module.floor} imports {name}"
        for module in modules()
        if module.floor not in WIRING
        for node, name in imported(module)
        if name.startswith("tocsin.")
        and (floor := imported_floor(name)) is not None
        and floor not in FLOORS[module.floor]
    ]
    assert upwards == []


@pytest.mark.parametrize("floor", LIBRARIES)
def test_a_floor_uses_its_own_libraries_only(floor):
    strange = [
        f"{place}: {name}"
        for place, name, is_standard in imports_of_others(floor)
        if not is_standard and not belongs_to(name, LIBRARIES[floor])
    ]
    assert strange == []


def test_every_imported_library_is_a_declared_dependency():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {normal(re.split(r"[\[<>=~!; ]", line, maxsplit=1)[0]) for line in declared}
    distributions = packages_distributions()
    tops = {
        name.split(".")[0]
        for floor in FLOORS.keys() | WIRING
        for _, name, is_standard in imports_of_others(floor)
        if not is_standard
    }
    assert [top for top in sorted(tops) if not names.intersection(map(normal, distributions[top]))] == []


def normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


@pytest.mark.parametrize("floor", MUST_NOT_KNOW)
def test_a_floor_does_not_know_what_is_not_its_business(floor):
    known = [
        f"{place}: {name}"
        for place, name, is_standard in imports_of_others(floor)
        if is_standard and belongs_to(name, MUST_NOT_KNOW[floor])
    ]
    assert known == []


def test_core_imports_no_input_output_clock_or_randomness():
    impure = [
        f"{place}: {name}"
        for place, name, is_standard in imports_of_others("core")
        if is_standard and not belongs_to(name, PURE)
    ]
    assert impure == []


def test_core_calls_nothing_that_reads_writes_tells_the_time_or_rolls_dice():
    impure = [
        f"{module.at(node)}: {ast.unparse(node.func)}()"
        for module in modules()
        if module.floor == "core"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called_name(node) in IMPURE_CALLS
    ]
    assert impure == []


def called_name(call: ast.Call) -> str:
    """The last name of what is called; a method `open` is not the built-in."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    if isinstance(call.func, ast.Attribute) and call.func.attr not in ("open", "print", "input"):
        return call.func.attr
    return ""


def test_sql_is_run_by_the_store_only():
    elsewhere = [
        f"{module.at(node)}: {ast.unparse(node.func)}()"
        for module in modules()
        if module.floor != "store"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RUNS_SQL
    ]
    assert elsewhere == []


def test_web_reads_from_the_store_and_writes_by_actions():
    """Of the store it uses values (which begin with a capital) and functions whose verb is a reading one; that these
    only read is the rule of test_queries.py.
    """
    writing = [
        f"{module.at(node)}: {name}"
        for module in modules()
        if module.floor == "web"
        for node, name in used_from_store(module)
        if not may_be_used_by_web(name.split(".")[-1])
    ]
    assert writing == []


def may_be_used_by_web(name: str) -> bool:
    return name[0].isupper() or reads(name)


def reads(name: str) -> bool:
    """Whether the verb of a function is a reading one."""
    return name.split("_", 1)[0] in READING_VERBS


def used_from_store(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Names that a module takes from modules of the store: imported ones, and members of imported modules."""
    bound: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names if alias.name.startswith("tocsin.store"))
        elif isinstance(node, ast.ImportFrom) and node.module == "tocsin.store":
            bound |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("tocsin.store."):
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)
    members = {
        id(node.value): node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in bound
    }
    yield from ((node, f"{bound[node.value.id]}.{node.attr}") for node in members.values())
    yield from (
        (node, f"{bound[node.id]} itself")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id in bound and id(node) not in members
    )
