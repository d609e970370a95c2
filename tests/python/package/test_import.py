"""What `import overprune` costs and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys

import overprune as op

LAZY = ("xarray", "zarr", "matplotlib", "tqdm", "typer", "pydantic", "scipy", "pandas")
LAZY += ("mlxtend", "sklearn", "torch")


def in_fresh_interpreter(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


def test_imports_nothing_heavy():
    code = f"import sys, overprune; print(*[name for name in {LAZY!r} if name in sys.modules])"
    assert in_fresh_interpreter(code) == []


def test_core_works_without_the_heavy_packages():
    block = f"import sys; sys.modules.update(dict.fromkeys({LAZY!r}))"
    calls = "print(op.least_squares([[2.0]], [4.0])[0], op.top_k([1, 2], 1)[0])"
    code = f"{block}; import overprune as op; {calls}"
    assert in_fresh_interpreter(code) == ["2.0", "1"]


def test_numpy_and_the_standard_library_are_all_that_is_imported():
    """What makes it quick: it costs a tenth of numpy's own import."""
    code = """if True:
        import sys, numpy
        before = set(sys.modules)
        import overprune
        names = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(*names - sys.stdlib_module_names)
    """
    assert set(in_fresh_interpreter(code)) <= {"numpy", "overprune"}


def test_every_public_name_is_there():
    for name in op.__all__:
        assert hasattr(op, name)
    assert sorted(op.__all__) == op.__all__


def test_the_public_names_of_the_design():
    expected = (
        "LinearGaussianProblem RandomFeatureProblem DataProblem spectra simulate predict "
        "least_squares "
        "least_squares_path retrain_path prune_path importance top_k prune random_features "
        "standard_normal "
        "fixed_point coefficient_law plot get_include get_cmake_dir get_pkgconfig_dir build_info"
    )
    assert set(expected.split()) <= set(op.__all__)
