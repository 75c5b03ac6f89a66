"""Reads source text the way the rules of `tests/test_architecture.py` need it: imports, comparisons, lengths."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("credentials", "organizations", "botaccounts")
# Names that say nothing about what is inside.
VAGUE = frozenset({"utils", "util", "common", "helpers", "misc"})


def modules() -> Iterator[tuple[str, str]]:
    """(dotted name, source text) of every module of the product; generated first migrations are left out."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.parent.name == "migrations" and path.name == "0001_initial.py":
                continue
            yield dotted(path.relative_to(ROOT)), path.read_text()


def dotted(path: Path) -> str:
    """`credentials/types/__init__.py` is `credentials.types.__init__`: a package's own file is told from its name."""
    return ".".join(path.with_suffix("").parts)


def imports(name: str, source: str) -> set[str]:
    """Every module that `source` imports, wherever the import stands: in a function and under `TYPE_CHECKING` too.

    `from a import b` counts as `a.b`, since `b` may be a module; a name inside a module is a finer spelling of it.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [package_of(name, node.level), node.module or ""]))
            found |= {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"} and node.args:
            first = node.args[0]
            found.add(str(first.value) if isinstance(first, ast.Constant) else "something computed")
    return found


def package_of(name: str, level: int) -> str:
    """The package that a relative import of this level starts from; "" for an absolute one."""
    return ".".join(name.split(".")[:-level]) if level else ""


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def within(module: str, prefixes: Iterable[str]) -> bool:
    """Whether `module` is one of `prefixes` or inside one of them."""
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


def decisions_by_kind(source: str) -> list[int]:
    """Lines that decide by `kind`: a comparison, a match, a kind spelled out, or a filter that is more than `kind=…`.

    A kind that was taken out of a form or a payload counts where it is compared with something spelled out.
    """
    return sorted(node.lineno for node in ast.walk(ast.parse(source)) if decides(node))  # type: ignore[attr-defined]


def decides(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if any(is_kind(side) for side in sides):
            return not is_none_test(node)
        return any(is_taken_kind(side) for side in sides) and any(is_spelled_out(side) for side in sides)
    if isinstance(node, ast.Match):
        return is_kind(node.subject) or is_taken_kind(node.subject)
    if isinstance(node, ast.Call):
        names = {word.arg for word in node.keywords if word.arg}
        spelled_out = any(word.arg == "kind" and is_spelled_out(word.value) for word in node.keywords)
        return spelled_out or any(
            name.startswith("kind__") or (name == "kind" and called(node) in {"exclude", "Q", "When"}) for name in names
        )
    return False


def is_kind(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "kind") or (
        isinstance(node, ast.Attribute) and node.attr == "kind"
    )


def is_none_test(node: ast.Compare) -> bool:
    return all(isinstance(side, ast.Constant) and side.value is None for side in node.comparators)


def is_taken_kind(node: ast.expr) -> bool:
    """`values["kind"]` or `values.get("kind")`."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "kind"
    return (
        isinstance(node, ast.Call)
        and called(node) == "get"
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value == "kind"
    )


def is_spelled_out(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(is_spelled_out(element) for element in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def lacks_docstring(source: str) -> bool:
    """Whether a module that holds anything does not say what."""
    tree = ast.parse(source)
    return bool(tree.body) and not ast.get_docstring(tree)


def is_vague(name: str) -> bool:
    """Whether a module or package is named for nothing in particular."""
    return bool(VAGUE & set(name.split(".")))
