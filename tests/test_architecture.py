"""The architecture: allowed imports between packages, the length of modules, and forbidden names.

Every rule is a function from a tree to its violations, and is itself tried on small made-up trees.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    Rule = Callable[[Path], list[str]]

ROOT: Final = Path(__file__).parents[1]

MAPPED: Final = ("broker", "data", "load", "publisher", "schemas", "training", "worker")
"""Folders at the top that are imported as `rookery.<folder>` (setup.py)."""

PRODUCT: Final = frozenset({*MAPPED, "rookery"})
MAY_IMPORT: Final[dict[str, frozenset[str]]] = {
    "data": frozenset(),
    "schemas": frozenset({"data"}),
    "broker": frozenset(),
    "training": frozenset({"schemas"}),
    "publisher": frozenset({"schemas"}),
    "worker": frozenset({"data", "schemas"}),
    "load": frozenset({"data", "schemas", "publisher"}),
    "rookery": PRODUCT,
    "benchmarks": PRODUCT | {"storage_emulator", "tools"},
    "storage_emulator": frozenset({"schemas"}),
    "tools": PRODUCT | {"benchmarks", "storage_emulator"},
}
"""The table of packages. A package may always import itself."""

EXCEPTED: Final = frozenset({"rookery.environment.results_location imports storage_emulator"})
"""The demo over gs:// starts the strict storage server, where it runs from a clone."""

COMPOSITION_ROOTS: Final = frozenset(
    {"rookery.worker.app", "rookery.worker.__main__", "rookery.worker.sinks.factory"}
)
CONCRETE: Final = re.compile(
    r"rookery\.worker\.(inference\.xgboost_\w+|models\.(loader|refresher|gcs_source)|auth\.(oidc|jwks)"
    r"|sinks\.(?!protocol$|factory$)\w+)$"
)
"""Modules that only the worker's composition roots, and the concrete parts themselves, may import."""
GUARDED: Final = re.compile(
    r"rookery\.worker\.(pipeline|batch_commit|parts|batching\.\w+|http(\.\w+)+|decoding\.\w+|encoding\.\w+)$"
)
"""The worker's pipeline and its steps: they know protocols."""

MOST_MODULES: Final = 12
NEVER: Final = frozenset({"utils", "util", "helpers", "helper", "common", "base", "manager", "processor"})
MOST_LINES: Final = 300


def files(root: Path, *folders: str) -> Iterator[Path]:
    """Every Python file of some folders below a root."""
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def module_of(root: Path, path: Path) -> str:
    """The importable name of a file: folders at the top stand below `rookery`."""
    parts = path.relative_to(root).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(("rookery", *parts) if parts[0] in MAPPED else parts)


def package_of(module: str) -> str:
    """The package of the table that a module belongs to."""
    first, _, rest = module.partition(".")
    second = rest.partition(".")[0]
    return second if first == "rookery" and second in MAPPED else first


def imported(node: ast.AST, module: str) -> Iterator[str]:
    """The modules that one import statement may name: `from a import b` is `a` and `a.b`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        # The level counts up from the module's own name: one dot is the package that it stands in.
        package = module.split(".")[: -node.level] if node.level else []
        origin = ".".join([*package, *([node.module] if node.module else [])])
        yield origin
        yield from (f"{origin}.{alias.name}" for alias in node.names)


def upward_imports(root: Path) -> list[str]:
    """Packages import only what stands below them, wherever in a file the import stands."""
    found = []
    for path in files(root, *MAY_IMPORT):
        module = module_of(root, path)
        package = package_of(module)
        for node in ast.walk(ast.parse(path.read_text())):
            # `from rookery import worker` names `rookery` too, which stands for the longer name alone.
            names = list(imported(node, module))
            names = [name for name in names if not any(other.startswith(f"{name}.") for other in names)]
            packages = {package_of(name) for name in names} & MAY_IMPORT.keys()
            found += [
                f"{module} imports {other}" for other in sorted(packages - MAY_IMPORT[package] - {package})
            ]
    return [each for each in found if each not in EXCEPTED]


def circles(root: Path) -> list[str]:
    """No module comes back to itself over imports, those in functions and those for types counted."""
    trees = {module_of(root, path): ast.parse(path.read_text()) for path in files(root, *MAY_IMPORT)}
    edges = {
        module: {name for node in ast.walk(tree) for name in _targets(node, module, trees.keys())} - {module}
        for module, tree in trees.items()
    }
    return [
        f"{module} imports itself over {' -> '.join(way)}" for module in edges if (way := _way(edges, module))
    ]


def _targets(node: ast.AST, module: str, known: Collection[str]) -> Iterator[str]:
    """The modules that a statement needs: of `from a import b`, `a.b` where that is one, else `a`."""
    if isinstance(node, ast.ImportFrom):
        origin, *names = imported(node, module)
        yield from (name if name in known else origin for name in names if {name, origin} & set(known))
    elif isinstance(node, ast.Import):
        yield from (name for name in imported(node, module) if name in known)


def _way(edges: dict[str, set[str]], start: str) -> list[str]:
    """The way from a module back to itself, empty where there is none."""
    waiting, seen = [(start, [start])], set()
    while waiting:
        module, way = waiting.pop()
        for following in sorted(edges[module]):
            if following == start:
                return [*way, start]
            if following not in seen:
                seen.add(following)
                waiting.append((following, [*way, following]))
    return []


def concrete_imports(root: Path) -> list[str]:
    """Only the worker's composition roots know concrete classes; its story knows protocols."""
    found = []
    for path in files(root, "worker"):
        module = module_of(root, path)
        if module in COMPOSITION_ROOTS or not GUARDED.match(module):
            continue
        names = {name for node in ast.walk(ast.parse(path.read_text())) for name in imported(node, module)}
        found += [f"{module} imports {name}" for name in sorted(names) if CONCRETE.match(name)]
    return found


def full_folders(root: Path) -> list[str]:
    """A folder that outgrows its bound hides its modules from a reader."""
    counts: dict[Path, int] = defaultdict(int)
    for path in files(root, *MAY_IMPORT):
        counts[path.parent] += path.stem not in {"__init__", "__main__"}
    return [
        f"{folder.relative_to(root)}: {count}" for folder, count in counts.items() if count > MOST_MODULES
    ]


def ambiguous_classes(root: Path) -> list[str]:
    """One class name has one meaning."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in files(root, *MAY_IMPORT):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(module_of(root, path))
    return [f"{name}: {', '.join(modules)}" for name, modules in homes.items() if len(modules) > 1]


def misnamed_errors(root: Path) -> list[str]:
    """Every exception's name ends in Error."""
    classes = {
        node.name: (module_of(root, path), {ast.unparse(base).split(".")[-1] for base in node.bases})
        for path in files(root, *MAY_IMPORT)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    errors = {"Exception", "BaseException"} | {name for name in vars(builtins) if name.endswith("Error")}
    while grown := {name for name, (_, bases) in classes.items() if bases & errors} - errors:
        errors |= grown
    return [
        f"{module}.{name}"
        for name, (module, _) in classes.items()
        if name in errors and not name.endswith("Error")
    ]


def silent_packages(root: Path) -> list[str]:
    """Every package says in a sentence what it is for."""
    return [
        str(path.relative_to(root))
        for path in files(root, *MAY_IMPORT)
        if path.name == "__init__.py"
        and len((ast.get_docstring(ast.parse(path.read_text())) or "").split()) < 3
    ]


def old_names(root: Path) -> list[str]:
    """Nothing is imported by the name of its folder: `worker` may be a file of the user's."""
    return [
        f"{module_of(root, path)} imports {name}"
        for path in files(root, *MAY_IMPORT, "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported(node, module_of(root, path))
        if name.split(".")[0] in MAPPED
    ]


def forbidden_names(root: Path) -> list[str]:
    """No file, folder or class is called by a word that says nothing."""
    found = []
    for path in files(root, *MAY_IMPORT, "tests"):
        parts = path.relative_to(root).with_suffix("").parts
        found += [str(path.relative_to(root)) for part in parts if NEVER & set(part.lower().split("_"))]
        classes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef))
        found += [
            f"{path.relative_to(root)}: class {node.name}"
            for node in classes
            if NEVER & {word.lower() for word in re.findall(r"[A-Z][a-z0-9]*|[a-z0-9]+", node.name)}
        ]
    return found


def long_files(root: Path) -> list[str]:
    """A file that outgrows its bound holds two nouns."""
    lengths = {path: len(path.read_text().splitlines()) for path in files(root, *MAY_IMPORT)}
    return [
        f"{path.relative_to(root)}: {lines} lines" for path, lines in lengths.items() if lines > MOST_LINES
    ]


def silent_tests(root: Path) -> list[str]:
    """Every test says in a docstring what it promises."""
    return [
        f"{path.relative_to(root)}:{node.lineno} {node.name}"
        for path in files(root, "tests")
        if path.name.startswith("test_")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]


def unargued_sleeps(root: Path) -> list[str]:
    """A test waits for events; a sleep stands beside a comment that says why nothing better would do."""
    found = []
    for path in files(root, "tests"):
        text = path.read_text()
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "sleep"):
                continue
            # `await sleep(0)` waits for nothing: it gives the loop one turn.
            gives_a_turn = node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
            above = lines[node.lineno - 2].strip() if node.lineno > 1 else ""
            if not gives_a_turn and "#" not in lines[node.lineno - 1] and not above.startswith("#"):
                found.append(f"{path.relative_to(root)}:{node.lineno}")
    return found


RULES: Final[tuple[Rule, ...]] = (
    upward_imports,
    circles,
    concrete_imports,
    full_folders,
    ambiguous_classes,
    misnamed_errors,
    silent_packages,
    old_names,
    forbidden_names,
    long_files,
    silent_tests,
    unargued_sleeps,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    """Packages import downward without circles, stories know protocols, files are short, and tests speak."""
    assert rule(ROOT) == []


def test_every_package_is_there() -> None:
    """The table and the patterns name what exists, so that a renamed part cannot slip past them."""
    assert [package for package in MAY_IMPORT if not (ROOT / package / "__init__.py").exists()] == []
    modules = {module_of(ROOT, path) for path in files(ROOT, "worker")}
    assert modules >= COMPOSITION_ROOTS
    for pattern in (CONCRETE, GUARDED):
        parts = re.findall(r"(?<=[(|])(?:\w+)", pattern.pattern.split("worker", 1)[1])
        assert [part for part in parts if not any(part in module for module in modules)] == []


VIOLATIONS: Final[dict[str, tuple[Rule, str, str]]] = {
    "upward": (upward_imports, "worker/http/handlers.py", "from rookery.publisher import client"),
    "upward by name": (upward_imports, "schemas/table.py", "import rookery.worker.app"),
    "upward in a function": (
        upward_imports,
        "broker/core.py",
        "def f():\n    from rookery.schemas import codec",
    ),
    "upward for types": (
        upward_imports,
        "training/fit.py",
        "if TYPE_CHECKING:\n    from rookery.worker import booster",
    ),
    "upward to the front": (upward_imports, "worker/app.py", "from rookery import Reading"),
    "product to developers": (upward_imports, "rookery/demo/run.py", "from tools import reference"),
    "circle": (circles, "worker/a.py", "from rookery.worker import b"),
    "circle in a try": (
        circles,
        "worker/a.py",
        "try:\n    import rookery.worker.b\nexcept ImportError:\n    pass",
    ),
    "relative circle": (circles, "worker/a.py", "from . import b"),
    "lazy circle": (circles, "worker/a.py", "def f():\n    from rookery.worker import b"),
    "circle of types": (circles, "worker/a.py", "if TYPE_CHECKING:\n    from rookery.worker.b import B"),
    "concrete": (
        concrete_imports,
        "worker/pipeline.py",
        "from rookery.worker.inference.xgboost_classifier import XGBoostClassifier",
    ),
    "concrete module": (concrete_imports, "worker/pipeline.py", "from rookery.worker.sinks import folder"),
    "full folder": (full_folders, "broker/scheduling/x.py", ""),
    "two meanings": (ambiguous_classes, "broker/core.py", "class Thing: ..."),
    "no Error": (misnamed_errors, "broker/core.py", "class Refused(LookupError): ..."),
    "no Error further down": (
        misnamed_errors,
        "broker/core.py",
        "class AError(Exception): ...\nclass Gone(AError): ...",
    ),
    "silent package": (silent_packages, "broker/__init__.py", '"""."""'),
    "old name": (old_names, "broker/core.py", "import worker.app"),
    "file name": (forbidden_names, "broker/push_utils.py", ""),
    "folder name": (forbidden_names, "load/common/rows.py", ""),
    "class name": (forbidden_names, "load/rows.py", "class RowManager: ..."),
    "plain class name": (forbidden_names, "load/rows.py", "class Base: ..."),
    "length": (long_files, "broker/core.py", "x = 1\n" * 301),
    "silent test": (silent_tests, "tests/test_x.py", "def test_x(): ..."),
    "silent method": (silent_tests, "tests/test_x.py", "class TestX:\n    async def test_x(self): ..."),
    "sleep": (unargued_sleeps, "tests/test_x.py", "time.sleep(1)"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree that keeps every rule, with a module that waits to become part of a circle, and a full folder."""
    texts = {
        "worker/b.py": "from rookery.worker import a\nclass B: ...\n",
        "load/thing.py": "class Thing: ...\n",
        **{f"broker/scheduling/m{n}.py": "" for n in range(MOST_MODULES)},
    }
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_found(name: str, tree: Path) -> None:
    """Each rule really fails on a tree that breaks it, and says one thing about it."""
    rule, path, text = VIOLATIONS[name]
    assert rule(tree) == []
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(text)
    assert len(rule(tree)) == (2 if rule is circles else 1)


ALLOWED: Final[dict[str, tuple[Rule, str, str]]] = {
    "downward": (
        upward_imports,
        "worker/http/handlers.py",
        "from rookery.schemas import codec\nimport rookery.worker.b",
    ),
    "front door": (
        upward_imports,
        "rookery/demo/run.py",
        "from rookery import broker, worker, load, publisher",
    ),
    "developers": (upward_imports, "benchmarks/run.py", "import tools.reference, storage_emulator.server"),
    "root": (
        concrete_imports,
        "worker/app.py",
        "from rookery.worker.inference.xgboost_classifier import XGBoostClassifier",
    ),
    "protocol": (concrete_imports, "worker/pipeline.py", "from rookery.worker.sinks.protocol import Sink"),
    "error by its name": (misnamed_errors, "broker/core.py", "class GoneError(LookupError): ..."),
    "word within a word": (forbidden_names, "broker/baseline.py", "class Baseline: ..."),
    "argued sleep": (
        unargued_sleeps,
        "tests/test_x.py",
        "# The emulator has no event for it.\ntime.sleep(1)",
    ),
    "turn": (unargued_sleeps, "tests/test_x.py", "asyncio.sleep(0)"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_allowed_stays_allowed(name: str, tree: Path) -> None:
    """No rule forbids what the design asks for."""
    rule, path, text = ALLOWED[name]
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(text)
    assert rule(tree) == []
