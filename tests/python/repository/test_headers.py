"""Every public function of the C++ headers is documented: what it does, its parameters, and their
shapes."""

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[3]
HEADERS = sorted((ROOT / "cpp" / "include").rglob("*.hpp"))
CONFIG = """
INPUT = cpp/include
RECURSIVE = YES
FILE_PATTERNS = *.hpp
EXCLUDE_SYMBOLS = overprune::eigen_detail overprune::theory
EXTRACT_ALL = NO
JAVADOC_AUTOBRIEF = YES
AUTOLINK_SUPPORT = NO
GENERATE_HTML = NO
GENERATE_LATEX = NO
GENERATE_XML = YES
XML_PROGRAMLISTING = NO
QUIET = YES
WARN_IF_UNDOCUMENTED = YES
WARN_IF_DOC_ERROR = YES
WARN_NO_PARAMDOC = NO
OUTPUT_DIRECTORY = {output}
"""
# What holds several numbers: its description says how many, as "(n, p)" or "(S)".
ARRAY = re.compile(r"\b(Const)?(Vector|Matrix)\b|double \*|\bIndices\b|std::vector<|const [A-Z] &")


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """Doxygen's warnings, and its XML of namespaces, classes and structs."""
    if not shutil.which("doxygen"):
        pytest.skip("needs doxygen")
    folder = tmp_path_factory.mktemp("doxygen")
    done = subprocess.run(
        ["doxygen", "-"],
        input=CONFIG.format(output=folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    files = [
        path
        for kind in ("namespace", "class", "struct")
        for path in (folder / "xml").glob(f"{kind}*.xml")
    ]
    return done.stderr, [ElementTree.parse(path).getroot() for path in files]


def words(element):
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def members(trees, kind):
    for tree in trees:
        for member in tree.iter("memberdef"):
            if member.get("kind") == kind and member.get("prot") == "public":
                yield member


def described(member):
    """Descriptions of its parameters, by name."""
    found = {}
    for item in member.iterfind(
        "./detaileddescription//parameterlist[@kind='param']/parameteritem"
    ):
        for name in item.iterfind("./parameternamelist/parametername"):
            found[words(name)] = words(item.find("parameterdescription"))
    return found


def test_doxygen_has_nothing_to_say(documented):
    """Undocumented classes, functions and fields; parameters that do not exist."""
    warnings, _ = documented
    assert not warnings


def test_functions_and_parameters(documented):
    _, trees = documented
    seen, bad = 0, []
    for member in members(trees, "function"):
        name, own = words(member.find("definition")), described(member)
        if member.find("reimplements") is not None or words(member.find("argsstring")).endswith(
            "=delete"
        ):
            continue  # says what the function says that it stands in for; cannot be called
        seen += 1
        if not words(member.find("briefdescription")) and not words(
            member.find("detaileddescription")
        ):
            bad.append(f"{name} says nothing")
        for parameter in member.iterfind("param"):
            argument = words(parameter.find("declname"))
            if argument and not own.get(argument):
                bad.append(f"{name}: {argument} is not described")
            elif (
                argument
                and ARRAY.search(words(parameter.find("type")))
                and "(" not in own[argument]
            ):
                bad.append(f"{name}: {argument} has no shape: {own[argument]}")
    assert seen > 100
    assert not bad, "\n".join(bad)


def test_fields(documented):
    """With its shape where it holds several numbers."""
    _, trees = documented
    fields = list(members(trees, "variable"))
    assert len(fields) > 100
    bad = [
        words(field.find("definition"))
        for field in fields
        if not words(field.find("briefdescription"))
        or ("vector<" in words(field.find("type")) and not re.search(r"\(|as \w+_", text(field)))
    ]
    assert not bad, "\n".join(bad)


def text(field):
    return words(field.find("briefdescription")) + words(field.find("detaileddescription"))


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_headers_say_what_they_are_and_stand_alone(header):
    lines = header.read_text().splitlines()
    assert re.match(r"// [A-Z].*[.:,]?$", lines[0])
    assert "#pragma once" in lines
    quoted = [line for line in lines if line.startswith('#include "')]
    assert all(line.startswith('#include "overprune/') for line in quoted)
