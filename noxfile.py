"""What there is to do with a checkout, each in an environment of its own: `nox --list`, `nox -s
lint`.

Arguments after `--` go to the command: `nox -s tests-3.11 -- tests/python/theory`. In an
environment that has everything already, `nox --no-venv -s lint` installs nothing.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.4"
nox.options.sessions = ["lint", "tests"]
nox.options.error_on_missing_interpreters = False

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
STATIC = ("-C", "install.components=python;devel;static")  # some C++ tests need the static library
PROJECT = nox.project.load_toml("pyproject.toml")["project"]


def pinned(*names: str) -> list[str]:
    """Tools in the versions that the extra `test` has."""
    found = [
        line for line in PROJECT["optional-dependencies"]["test"] if line.split("==")[0] in names
    ]
    assert len(found) == len(names), found
    return found


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests, the C++ ones too, of the package built from here; by default the whole suite."""
    session.install(*STATIC, ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """The package on the lowest versions that pyproject.toml allows."""
    session.run("python", "packaging/check_lowest.py", *session.posargs)


@nox.session
def conda(session: nox.Session) -> None:
    """The conda recipe, rendered for every Python version; building it needs conda's channels."""
    session.install("py-rattler-build>=0.73", "pyyaml", ".[test]")
    session.run("python", "-m", "pytest", "tests/python/package/test_recipe.py", *session.posargs)


@nox.session
def sanitizers(session: nox.Session) -> None:
    """The C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer, then ThreadSanitizer."""
    session.install("cmake>=3.26", "ninja>=1.11", "cmeel-eigen>=3.4.1,<4")
    where = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    session.env["CMAKE_PREFIX_PATH"] = session.run("python", "-c", where, silent=True).strip()
    for preset in session.posargs or ("sanitize", "thread-sanitize"):
        session.run("cmake", "--preset", preset)
        session.run("cmake", "--build", "--preset", preset)
        session.run("ctest", "--preset", preset)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Random calls of every public function, far more than the tests make."""
    session.install(".[test]")
    arguments = session.posargs or ("--calls", "200000")
    session.run("python", "tests/python/support/fuzz.py", *arguments)


@nox.session
def kills(session: nox.Session) -> None:
    """A run that fills a store is killed fifty times."""
    session.install(".[test]")
    test = "tests/python/simulation/test_faults.py"
    session.run("python", "-m", "pytest", test, "-k", "kills", env={"OVERPRUNE_KILLS": "50"})


@nox.session
def lint(session: nox.Session) -> None:
    """The hooks of pre-commit on all files, the changelog's gate with them."""
    session.install("pre-commit", *PROJECT["dependencies"])
    session.install(*pinned("ruff", "mypy", "clang-format", "types-tqdm"))
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure", *session.posargs)
    session.run("python", "tools/check_changelog.py")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as HTML in docs/_build/html; warnings are errors."""
    session.install(".[docs]")
    session.run(
        *("python", "-m", "sphinx", "-W", "--keep-going", "-b", "html"),
        *(session.posargs or ("docs", "docs/_build/html")),
    )


@nox.session
def consume(session: nox.Session) -> None:
    """Programs of C++ users, built against the installed wheel."""
    session.install(*STATIC, ".[test]")
    tests = ("tests/python/repository/test_cpp.py", "tests/python/repository/test_consume.py")
    session.run("python", "-m", "pytest", *(session.posargs or tests))


@nox.session
def bench(session: nox.Session) -> None:
    """The package against what users do today; by default tiny sizes, to see that the answers
    agree."""
    session.install(".[test]")
    session.run("python", "bench/python/bench_peers.py", *(session.posargs or ("--quick",)))


@nox.session
def wheels(session: nox.Session) -> None:
    """The sdist, the wheel made from it, and the wheel's tests on every Python that is here."""
    session.install("build", "auditwheel")
    session.run("python", "packaging/check_wheels.py", *session.posargs)


@nox.session(name="first-hour")
def first_hour(session: nox.Session) -> None:
    """What a newcomer does in the first hour, in an environment of its own."""
    session.run(
        "python", "packaging/check_first_hour.py", *(session.posargs or ("--output", "hour"))
    )
