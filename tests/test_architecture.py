"""The rooms, held against the code: who may import whom, how long a file may be, and what nothing is called.

Every rule is a function from a tree to its violations, and is itself tried on small made-up trees.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Rule = Callable[[Path], list[str]]

ROOT: Final = Path(__file__).parents[1]

MAY_IMPORT: Final[dict[str, frozenset[str]]] = {
    "schemas": frozenset(),
    "broker": frozenset(),
    "training": frozenset({"schemas"}),
    "publisher": frozenset({"schemas"}),
    "worker": frozenset({"schemas"}),
    "load": frozenset({"schemas", "publisher"}),
    "rookery": frozenset({"schemas", "broker", "training", "publisher", "worker", "load"}),
}
"""The table of rooms. A room may always import itself."""

COMPOSITION_ROOTS: Final = frozenset({"app", "__main__", "model_source"})
"""`model_source` chooses a source by its address, as `sinks.opening` chooses a sink; both are asked by `app` only."""
CONCRETE: Final = re.compile(
    r"worker\.(booster|artifacts|model_store|bucket_model|oidc|\w+_sink|sinks\.\w+)$"
)
"""What only the worker's composition roots, and the parts themselves, may import."""

NEVER: Final = frozenset({"utils", "util", "helpers", "helper", "common", "base", "manager", "processor"})
MOST_LINES: Final = 300


def files(root: Path, *folders: str) -> Iterator[Path]:
    """Every Python file of some folders below a root."""
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def module_of(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


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


def at_module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement that runs at import: not in functions, not under TYPE_CHECKING."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting.extend(node.orelse)
            continue
        waiting.extend(ast.iter_child_nodes(node))


def upward_imports(root: Path) -> list[str]:
    """Rooms import only what stands below them, wherever in a file the import stands."""
    found = []
    for path in files(root, *MAY_IMPORT):
        module = module_of(root, path)
        room = module.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text())):
            rooms = {name.split(".")[0] for name in imported(node, module)} & MAY_IMPORT.keys()
            found += [f"{module} imports {other}" for other in sorted(rooms - MAY_IMPORT[room] - {room})]
    return found


def circles(root: Path) -> list[str]:
    """No module comes back to itself over imports that run when it is imported."""
    trees = {module_of(root, path): ast.parse(path.read_text()) for path in files(root, *MAY_IMPORT)}
    edges = {
        module: {name for node in at_module_level(tree) for name in imported(node, module)}
        & trees.keys() - {module}
        for module, tree in trees.items()
    }
    return [
        f"{module} imports itself over {' -> '.join(way)}" for module in edges if (way := _way(edges, module))
    ]


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
        if path.stem in COMPOSITION_ROOTS or CONCRETE.match(module):
            continue
        names = {name for node in ast.walk(ast.parse(path.read_text())) for name in imported(node, module)}
        found += [f"{module} imports {name}" for name in sorted(names) if CONCRETE.match(name)]
    return found


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
    forbidden_names,
    long_files,
    silent_tests,
    unargued_sleeps,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    """Rooms import downward without circles, stories know protocols, files are short, and tests speak."""
    assert rule(ROOT) == []


def test_every_room_is_there() -> None:
    """The table names the rooms that exist, so that a renamed one cannot slip past it."""
    assert [room for room in MAY_IMPORT if not (ROOT / room / "__init__.py").exists()] == []


VIOLATIONS: Final[dict[str, tuple[Rule, str, str]]] = {
    "upward": (upward_imports, "worker/push.py", "from publisher import client"),
    "upward by name": (upward_imports, "schemas/table.py", "import worker.app"),
    "upward in a function": (upward_imports, "broker/core.py", "def f():\n    from schemas import codec"),
    "upward for types": (
        upward_imports,
        "training/fit.py",
        "if TYPE_CHECKING:\n    from worker import booster",
    ),
    "circle": (circles, "worker/a.py", "from worker import b"),
    "circle in a try": (circles, "worker/a.py", "try:\n    import worker.b\nexcept ImportError:\n    pass"),
    "relative circle": (circles, "worker/a.py", "from . import b"),
    "concrete": (concrete_imports, "worker/pipeline.py", "from worker.booster import BoosterClassifier"),
    "concrete module": (concrete_imports, "worker/pipeline.py", "from worker import folder_sink"),
    "file name": (forbidden_names, "broker/push_utils.py", ""),
    "folder name": (forbidden_names, "load/common/rows.py", ""),
    "class name": (forbidden_names, "load/rows.py", "class RowManager: ..."),
    "plain class name": (forbidden_names, "load/rows.py", "class Base: ..."),
    "length": (long_files, "broker/core.py", "x = 1\n" * 301),
    "silent test": (silent_tests, "tests/test_x.py", "def test_x(): ..."),
    "silent method": (silent_tests, "tests/test_x.py", "class TestX:\n    async def test_x(self): ..."),
    "sleep": (unargued_sleeps, "tests/test_x.py", "time.sleep(1)"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_found(name: str, tmp_path: Path) -> None:
    """Each rule really fails on a tree that breaks it, and says one thing about it."""
    rule, path, text = VIOLATIONS[name]
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "b.py").write_text("from worker import a\n")
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert len(rule(tmp_path)) == (2 if rule is circles else 1)


ALLOWED: Final[dict[str, tuple[Rule, str, str]]] = {
    "downward": (upward_imports, "worker/push.py", "from schemas import codec\nimport worker.b"),
    "front door": (upward_imports, "rookery/demo.py", "import broker, worker, load, publisher, training"),
    "lazy circle": (circles, "worker/a.py", "def f():\n    from worker import b"),
    "circle of types": (circles, "worker/a.py", "if TYPE_CHECKING:\n    from worker import b"),
    "root": (concrete_imports, "worker/app.py", "from worker.booster import BoosterClassifier"),
    "protocol": (concrete_imports, "worker/pipeline.py", "from worker.sink import Sink"),
    "word within a word": (forbidden_names, "broker/baseline.py", "class Baseline: ..."),
    "argued sleep": (
        unargued_sleeps,
        "tests/test_x.py",
        "# The emulator has no event for it.\ntime.sleep(1)",
    ),
    "turn": (unargued_sleeps, "tests/test_x.py", "asyncio.sleep(0)"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_allowed_stays_allowed(name: str, tmp_path: Path) -> None:
    """No rule forbids what the design asks for."""
    rule, path, text = ALLOWED[name]
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "b.py").write_text("from worker import a\n")
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert rule(tmp_path) == []
