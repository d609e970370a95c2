"""Every file is written whole or not at all: by one helper."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "python" / "overprune"
HELPER = PACKAGE / "_validation" / "files.py"
# What writes or renames under a name of its own.
WRITERS = {
    "write_text", "write_bytes", "savefig", "imsave", "to_netcdf", "to_csv", "to_json",
    "to_parquet", "savez", "savez_compressed", "savetxt", "tofile", "mkstemp", "mkdtemp",
    "NamedTemporaryFile", "TemporaryDirectory", "symlink_to", "copyfile", "copytree",
}  # fmt: skip
OF_MODULES = {
    ("os", "replace"), ("os", "rename"), ("np", "save"), ("torch", "save"), ("json", "dump"),
    ("pickle", "dump"), ("shutil", "move"), ("shutil", "copy"),
}  # fmt: skip
# Groups of Zarr, made under a name that `replacing` gives.
GROUPS = {"to_zarr", "open_group", "create_group", "open_array"}


def written(source):
    """The lines that write a file by themselves, each with what writes."""
    found = []

    def visit(node, replaces):
        if isinstance(node, ast.With):
            calls = [item.context_expr for item in node.items]
            replaces = replaces or any(name_of(call) == "replacing" for call in calls)
        if isinstance(node, ast.Call):
            name = name_of(node)
            opens = name == "open" and writes(node, 0 if is_method(node) else 1)
            makes = name in GROUPS and not replaces and (name == "to_zarr" or writes(node, 1))
            if name in WRITERS or opens or makes or whole_name(node) in OF_MODULES:
                found.append((node.lineno, name))
        for child in ast.iter_child_nodes(node):
            visit(child, replaces)

    visit(ast.parse(source), False)
    return found


def is_method(call):
    return isinstance(call.func, ast.Attribute)


def name_of(node):
    if not isinstance(node, ast.Call):
        return None
    return node.func.attr if is_method(node) else getattr(node.func, "id", None)


def whole_name(call):
    if is_method(call) and isinstance(call.func.value, ast.Name):
        return call.func.value.id, call.func.attr
    return None


def writes(call, place):
    """Whether the mode of a call that opens something lets it write from the start."""
    modes = [word.value for word in call.keywords if word.arg == "mode"] or call.args[place:][:1]
    mode = modes[0].value if modes and isinstance(modes[0], ast.Constant) else ""
    return isinstance(mode, str) and bool(set(mode) & set("wax"))


ALLOWED = {
    # a figure as bytes in memory, which the helper writes
    "plot/canvas.py": ["savefig"],
}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_other_module_writes_files(path):
    if path == HELPER:
        return
    found = written(path.read_text())
    allowed = ALLOWED.get(str(path.relative_to(PACKAGE)), [])
    assert [name for _, name in found] == allowed, found


@pytest.mark.parametrize(
    "line",
    [
        "open(path, 'w')", "open(path, mode='ab')", "path.open('x')", "path.write_text(text)",
        "figure.savefig(path)", "table.to_zarr(path)", "zarr.open_group(path, mode='w-')",
        "os.replace(a, b)", "np.save(path, x)", "json.dump(x, file)", "tempfile.mkstemp()",
    ],
)  # fmt: skip
def test_what_writes_is_found(line):
    assert len(written(line)) == 1
    assert len(written(f"def f():\n    with other(path) as part:\n        {line}")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "open(path, 'rb')", "open(path)", "text.replace(a, b)", "json.dumps(x)",
        "zarr.open_group(path, mode='r+')", "files.write(path, content)",
        "with replacing(path) as part:\n    table.to_zarr(part)",
        "with files.replacing(path) as part:\n    zarr.open_group(part, mode='w-')",
    ],
)  # fmt: skip
def test_what_reads_is_not(line):
    assert written(line) == []
