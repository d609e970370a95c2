"""C++ users find the package however it was installed,
and their programs print what Python prints."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import installs
import overprune as op
from installs import BASELINE, ROOT, build, clean_environment, run
from overprune import _core

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are POSIX scripts")
CONSUME = ROOT / "tests" / "consume"
EXAMPLES = ("sweep", "pruned_regression", "custom_executor")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, installed."""
    return installs.wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(
    scope="module", params=["shared", pytest.param("static", marks=installs.needs_archive)]
)
def plain(request, tmp_path_factory):
    """The prefix of a plain install, moved away from where it was made."""
    folder = tmp_path_factory.mktemp("plain")
    return installs.plain(folder, request.param == "shared").rename(folder / "moved")


def cmakedir(python):
    """What the installed command prints."""
    return Path(
        run(python, "-m", "overprune", "--cmakedir", env=clean_environment(), cwd="/").strip()
    )


def check_program(source, prefix, directory, *definitions):
    build(source, directory, prefix, *definitions)
    assert run(directory / "consume").startswith(f"overprune {op.__version__} (")
    return next(
        line.partition("=")[2]
        for line in (directory / "CMakeCache.txt").read_text().splitlines()
        if line.startswith("overprune_DIR:")
    )


def test_a_wheel(wheel, tmp_path):
    folder = cmakedir(wheel.python)
    assert folder.is_relative_to(wheel.site)
    found = check_program(CONSUME, None, tmp_path, f"-Doverprune_DIR={folder}")
    assert Path(found) == folder


def test_a_plain_install_that_was_moved(plain, tmp_path):
    assert Path(check_program(CONSUME, plain, tmp_path)).is_relative_to(plain)


def test_an_editable_install(tmp_path):
    python = installs.editable(tmp_path)
    module = run(python, "-c", "import overprune; print(overprune.__file__)", cwd="/").strip()
    assert module == str(ROOT / "python" / "overprune" / "__init__.py")
    folder = cmakedir(python)
    assert folder.is_relative_to(tmp_path)
    assert Path(check_program(CONSUME, folder, tmp_path / "program")) == folder


def test_a_project_of_scikit_build_core(wheel, tmp_path):
    """No flag says where the package is: the entry point `cmake.root` does."""
    pytest.importorskip("scikit_build_core")
    shutil.copytree(CONSUME, tmp_path / "source")
    run(
        sys.executable, "-m", "pip", "--python", wheel.python, "wheel", ".",
        "--no-build-isolation", "--no-deps", "--no-index",
        f"-Cbuild-dir={tmp_path / 'build'}", "--wheel-dir", tmp_path / "wheels",
        env=clean_environment(), cwd=tmp_path / "source",
    )  # fmt: skip
    assert len(list((tmp_path / "wheels").glob("consume-*.whl"))) == 1
    assert f"overprune_DIR:PATH={wheel.site}" in (tmp_path / "build" / "CMakeCache.txt").read_text()
    assert run(tmp_path / "build" / "consume").startswith(f"overprune {op.__version__} (")


@pytest.mark.parametrize("build_type", ["", "Debug"])
def test_inside_another_project(tmp_path, build_type):
    """The guide's FetchContent: nothing is set for the project around it, nothing is installed, and
    the library is fast without a build type, too."""
    guide = (ROOT / "docs" / "howto" / "cpp.md").read_text()
    block = next(b for b in re.findall(r"```cmake\n(.*?)```", guide, re.DOTALL) if "Fetch" in b)
    source = tmp_path / "with a space"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(block)
    shutil.copy(CONSUME / "main.cpp", source)
    command = [
        "cmake", "-G", "Ninja", "-S", source, "-B", source / "build",
        f"-DFETCHCONTENT_SOURCE_DIR_OVERPRUNE={ROOT}", f"-DCMAKE_BUILD_TYPE={build_type}",
        f"-DCMAKE_PREFIX_PATH={';'.join(installs.eigen_prefixes())}",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
    ]  # fmt: skip
    run(*command, env=clean_environment())
    cache = (source / "build" / "CMakeCache.txt").read_text()
    assert f"CMAKE_BUILD_TYPE:STRING={build_type}\n" in cache
    assert "BUILD_SHARED_LIBS" not in cache
    units = json.loads((source / "build" / "compile_commands.json").read_text())
    ours = [unit["command"] for unit in units if "/cpp/src/" in unit["file"]]
    assert len(ours) > 80
    assert all(bool(re.search(r" -O[23] ", unit)) == (not build_type) for unit in ours)
    assert not any(" -O" in unit["command"] for unit in units if "main.cpp" in unit["file"])
    rules = [file.read_text() for file in (source / "build").rglob("cmake_install.cmake")]
    assert not any("overprune-config" in text or "liboverprune" in text for text in rules)


def test_versions(plain, tmp_path):
    major, minor = op.__version__.split(".")[:2]
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.26)\nproject(versions LANGUAGES CXX)\n"
        "find_package(overprune ${WANTED} CONFIG REQUIRED)\n"
    )
    folders = ("-S", tmp_path, "-B", tmp_path / "build")
    command = ["cmake", "-G", "Ninja", *folders, f"-DCMAKE_PREFIX_PATH={plain}"]
    run(*command, f"-DWANTED={major}.{minor}", env=clean_environment())
    run(*command, f"-DWANTED={op.__version__}", env=clean_environment())
    for wanted in ("9.0", f"{major}.{int(minor) + 1}"):
        done = subprocess.run(
            [*map(str, command), f"-DWANTED={wanted}"],
            capture_output=True,
            text=True,
            env=clean_environment(),
        )
        assert done.returncode != 0
        assert f"version: {op.__version__}" in done.stderr


@pytest.mark.skipif(not shutil.which("pkg-config"), reason="needs pkg-config")
def test_pkg_config(plain, tmp_path):
    environment = clean_environment(PKG_CONFIG_PATH=str(plain / "lib" / "pkgconfig"))
    assert run("pkg-config", "--modversion", "overprune", env=environment).strip() == op.__version__
    flags = run("pkg-config", "--cflags", "--libs", "overprune", env=environment).split()
    assert str(plain) in flags[0]
    program = tmp_path / "program"
    compiler = shutil.which("c++") or "g++"
    run(compiler, "-std=c++20", *BASELINE.split(), CONSUME / "main.cpp", *flags, "-o", program)
    assert run(program).startswith(f"overprune {op.__version__} (")


@pytest.mark.parametrize(
    ("flags", "target", "names"),
    [("", "all", EXAMPLES), ("-march=native", "pruned_regression", ["pruned_regression"])],
    ids=["", "-march=native"],
)
def test_examples_print_what_their_python_twins_print(wheel, tmp_path, flags, target, names):
    """Built in a clean folder, against the wheel; where Eigen is used, also with other flags."""
    if names != EXAMPLES and not installs.eigen_prefixes():
        pytest.skip("no Eigen here for pruned_regression")
    shutil.copytree(ROOT / "examples" / "cpp", tmp_path / "source")
    cheap = "-DCMAKE_BUILD_TYPE=Debug"
    build(
        tmp_path / "source",
        tmp_path / "build",
        cmakedir(wheel.python),
        cheap,
        flags=flags,
        target=target,
    )
    for name in names:
        program = tmp_path / "build" / name
        if name == "pruned_regression" and not program.exists():
            pytest.skip("no Eigen here for pruned_regression")
        check_same(run(program), twin(name))


def twin(name, printed={}):  # noqa: B006 - kept from call to call
    if name not in printed:
        printed[name] = run(sys.executable, ROOT / "examples" / f"{name}.py")
    return printed[name]


def check_same(ours, theirs):
    """The same words, and numbers that differ by rounding alone."""
    ours, theirs = ours.split(), theirs.split()
    assert len(ours) == len(theirs) > 20
    for a, b in zip(ours, theirs, strict=True):
        try:
            assert float(a) == pytest.approx(float(b), rel=1e-9, abs=2e-6)
        except ValueError:
            assert a == b


def test_the_wheel_is_small_and_complete(wheel):
    with zipfile.ZipFile(wheel.file) as archive:
        names = set(archive.namelist())
    needed = {
        "overprune/py.typed", "overprune/_core.pyi", f"overprune/lib/{installs.SHARED.name}",
        "overprune/lib/pkgconfig/overprune.pc", "overprune/include/overprune/eigen.hpp",
        "overprune/lib/cmake/overprune/overprune-config.cmake",
    }  # fmt: skip
    assert needed <= names
    kinds = (
        ".py",
        ".pyi",
        ".hpp",
        ".cmake",
        ".pc",
        ".so",
        ".dylib",
        ".typed",
        "page.html",
        "page.js",
        "widgets.css",
        "demo.toml",
        "_HEADER.rst",
    )
    junk = [name for name in names if not name.endswith(kinds) and ".dist-info/" not in name]
    assert not junk
    assert wheel.file.stat().st_size < 3_000_000


def test_no_absolute_path_leaks(wheel, plain):
    """Not even one of another machine: whatever looks like one, in text and in what is compiled."""
    texts = [
        file
        for root in (wheel.site / "overprune", plain)
        for kind in ("*.cmake", "*.pc")
        for file in root.rglob(kind)
    ]
    assert len(texts) >= 10
    for file in texts:
        text = file.read_text().replace("${_IMPORT_PREFIX}/", "").replace("/../", "")
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        assert not [line for line in lines if re.search(r'(^|[\s"=])/\w', line)], file
        assert "Eigen" not in "\n".join(lines)
    here = {
        str(ROOT),
        str(Path.home()),
        sys.prefix,
        "/build/",
        "/usr/include",
        "/tmp/",
        "site-packages",
    }
    binaries = [installs.SHARED, Path(_core.__file__)]
    for binary in [*binaries, *([installs.ARCHIVE] if installs.ARCHIVE.exists() else [])]:
        content = binary.read_bytes()
        assert not [path for path in here if path.encode() in content], binary
    if sys.platform == "linux":  # the library is looked for beside the module, and nowhere else
        found = [
            re.findall(r"\((?:RUN|R)PATH\).*\[(.*)\]", run("readelf", "-d", file))
            for file in binaries
        ]
        assert found == [[], ["$ORIGIN/lib"]]


@installs.needs_archive
@pytest.mark.skipif(not shutil.which("nm"), reason="needs nm")
def test_no_stray_weak_symbol():
    script = ROOT / "tests" / "cpp" / "support" / "check_symbols.py"
    assert ": 0 stray weak symbols" in run(sys.executable, script, "nm", installs.ARCHIVE)


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("nm"), reason="needs nm and ELF")
def test_what_is_exported():
    """The public headers' functions and classes by the library, its entry by the module: nothing of
    Eigen's, of a kernel or of the standard library's templates."""
    library = run("nm", "-D", "-C", "--defined-only", installs.SHARED).splitlines()
    names = [line.split(maxsplit=2)[2] for line in library]
    assert len(names) > 100
    own = r"(typeinfo (name )?for |vtable for )?overprune::(?!(kernels|theory)::)"
    assert not [name for name in names if not re.match(own, name)]
    module = run("nm", "-D", "-C", "--defined-only", _core.__file__).splitlines()
    assert [line.split()[-1] for line in module if " T " in line] == ["PyInit__core"]
    assert not [
        line for line in module if re.search(r"eigen|overprune|pybind11", line, re.IGNORECASE)
    ]
