"""_core.pyi against what pybind11-stubgen finds in the compiled module.

The module knows its functions, the number of their arguments, and types like `dict`; the file says
besides how the arguments are called and what a `dict` holds. So the two are compared, and neither
may have what the other lacks.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import overprune as op

CHECKED_IN = Path(__file__).parents[3] / "python" / "overprune" / "_core.pyi"
# Types of numpy and of arguments that convert, as the file calls them.
SAME = {
    "typing.SupportsInt | typing.SupportsIndex": "int",
    "typing.SupportsFloat | typing.SupportsIndex": "float",
    "typing.Annotated[numpy.typing.ArrayLike, numpy.float64]": "_Floats",
    "typing.Annotated[numpy.typing.ArrayLike, numpy.int64]": "_Ints",
    "numpy.typing.NDArray[numpy.float64]": "_Floats",
    "numpy.typing.NDArray[numpy.int64]": "_Ints",
    "collections.abc.Sequence": "Sequence",
    "typing.Any": "Any",
}


def signatures(source):
    """Of every function, method and property: types of its arguments (without self) and of its
    result."""
    found = {}

    def visit(body, prefix):
        for node in body:
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base) for base in node.bases if ast.unparse(base) != "object"]
                found[prefix + node.name] = (tuple(bases), "class")
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef) and not is_setter(node):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                types = [kind(argument) for argument in arguments if argument.arg != "self"]
                found[prefix + node.name] = (tuple(types), ast.unparse(node.returns))
            elif isinstance(node, ast.AnnAssign) and not node.target.id.startswith("__"):
                found[prefix + node.target.id] = ((), ast.unparse(node.annotation))

    visit(ast.parse(source).body, "")
    return found


def is_setter(function):
    """Of a field that is read and written, which the file says once, as `name: type`."""
    return any(ast.unparse(decorator).endswith(".setter") for decorator in function.decorator_list)


def kind(argument):
    return ast.unparse(argument.annotation) if argument.annotation else "Any"


def generated(folder):
    code = "from pybind11_stubgen import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "overprune._core", "-o", folder],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    text = (folder / "overprune" / "_core.pyi").read_text()
    for theirs, ours in SAME.items():
        text = text.replace(theirs, ours)
    return signatures(text)


def agree(theirs, ours):
    """Whether our type says the same or more."""
    if theirs in ("Any", "object") or theirs == ours:
        return True
    if theirs.endswith(" | None") and ours.endswith(" | None"):
        return agree(theirs.removesuffix(" | None"), ours.removesuffix(" | None"))
    return theirs in ("dict", "tuple", "list") and ours.startswith(f"{theirs}[")


def test_the_file_is_what_the_module_is(tmp_path):
    pytest.importorskip("pybind11_stubgen")
    theirs, ours = generated(tmp_path), signatures(CHECKED_IN.read_text())
    assert len(theirs) > 50
    assert theirs.keys() == ours.keys()
    different = [
        f"{name}: the module has {theirs[name]}, the file {ours[name]}"
        for name in theirs
        if len(theirs[name][0]) != len(ours[name][0])
        or not all(map(agree, (*theirs[name][0], theirs[name][1]), (*ours[name][0], ours[name][1])))
    ]
    assert not different, "\n".join(different)


def test_the_file_is_installed():
    installed = Path(op._core.__file__).parent / "_core.pyi"
    if installed.exists():  # in an editable install it lies with the sources
        assert installed.read_text() == CHECKED_IN.read_text()
    assert not re.search(r"#\s*type:\s*ignore", CHECKED_IN.read_text())
