"""C6: what a command meets: byte order marks, canvases, control characters, streams."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import strategies  # noqa: F401, registers the profile
from cli_tools import CONFIG, OURS, call, content, fails
from overprune import datasets
from overprune._validation import printable
from overprune.experiments import config as _config
from overprune.experiments.console import tell
from overprune.plot.canvas import into_files

PROBLEM = '[problem]\nkind = "linear_gaussian"\np = 60\n'
RUN = "[run]\nn = 20\nsizes = [10, 30]\nnonzeros = 5\n"


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "overprune", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
    )


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_c6_a_byte_order_mark_is_no_part_of_a_config(config: Path, ends: str) -> None:
    expected = call("predict", config).stdout
    config.write_bytes(b"\xef\xbb\xbf" + CONFIG.replace("\n", ends).encode())
    result = call("predict", config)
    assert result.exit_code == 0, result.output
    assert result.stdout == expected
    assert _config.load(config).text == CONFIG.replace("\n", ends)


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (CONFIG.encode("utf-16"), "got UTF-16; save it as UTF-8"),
        (b"\xfe\xff" + CONFIG.encode("utf-16-be"), "got UTF-16; save it as UTF-8"),
        (CONFIG.encode("utf-32"), "got UTF-32; save it as UTF-8"),
        (CONFIG.encode("utf-16-le"), "got a NUL at position 1"),
        (b"a = 1 # \xe4", "got the byte 0xe4 at position 8"),
        (b"\x89PNG\r\n\x1a\n", "got the byte 0x89 at position 0"),
    ],
)
def test_c6_other_encodings_are_one_sentence(config: Path, content: bytes, came: str) -> None:
    config.write_bytes(content)
    for command in ("run", "predict", "advise", "info"):
        assert fails(command, "small.toml") == f"small.toml: not a text file in UTF-8: {came}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f'{PROBLEM}"\\u001b[31mred\\u202e" = 1\n{RUN}',
            "problem.\\x1b[31mred\\u202e: unknown key; allowed: ",
        ),
        (f'["\\u001b]0;title\\u0007"]\na = 1\n{PROBLEM}{RUN}', "\\x1b]0;title\\x07: unknown key; "),
        (
            f'{PROBLEM}beta = {{ kind = "\\u001b[2J" }}\n{RUN}',
            "problem.beta.kind: expected one of constant, ",
        ),
        (
            f'[problem]\nkind = "data"\ndataset = "npz"\npath = "no\\u001b[31m.npz"\n{RUN}',
            "problem.path must be a file of numpy.savez, got ",
        ),
        (
            f'[problem]\nkind = "data"\ndataset = "npz"\npath = "a\\u0000b"\n{RUN}',
            "problem.path must be a file of numpy.savez, got ",
        ),
        (
            f"{PROBLEM}noise_std = 0x{'f' * 9000}\n{RUN}",
            "problem.noise_std: expected a finite number of at ",
        ),
        (f"{PROBLEM}noise_std = 1{'0' * 9000}\n{RUN}", "not valid TOML: Exceeds the limit"),
        (f"{PROBLEM}p = 61\n{RUN}", "not valid TOML: Cannot overwrite a value"),
        ("a = " + "[" * 900, "not valid TOML: "),
        ("a = " + "[" * 5000, "expected at most 1000 keys, tables and lists, got more"),
    ],
)
def test_c6_what_a_config_holds_is_escaped(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    line = fails("predict", "small.toml")
    assert line.startswith(f"small.toml: {message}")
    assert line.isprintable()
    with pytest.raises(_config.ConfigError) as caught:
        _config.build_problem(_config.parse(text, "small.toml", Path()))
    assert str(caught.value).isprintable()


NAME = "x\x1b[31m\udcff"


@pytest.mark.parametrize(
    "arguments",
    [
        (NAME,),
        (f"--{NAME}",),
        ("run", NAME),
        ("run", "small.toml", NAME),
        ("run", "small.toml", "--workers", NAME),
        ("run", "small.toml", "--memory-limit", NAME),
        ("run", "small.toml", "--output", f"small.toml/{NAME}"),
        ("predict", NAME),
        ("advise", "small.toml", "--nonzeros", NAME),
        ("status", NAME),
        ("reproduce", NAME),
        ("figures", NAME),
        ("figures", "identity", "--output", f"small.toml/{NAME}"),
        ("info", NAME),
    ],
    ids=lambda arguments: " ".join(arguments).replace(NAME, "NAME"),
)
def test_c6_arguments_are_escaped(config: Path, arguments: tuple[str, ...]) -> None:
    line = fails(*arguments)
    assert line.isprintable()
    assert "\\x1b[31m\\udcff" in line
    assert content(config.parent) == {"small.toml"}


def test_c6_names_on_stdout_are_escaped(config: Path) -> None:
    result = call("run", config, "--output", "o\x1b[31m\nut")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("Wrote config.toml, risk.png, risk.zarr into o\\x1b[31m\\nut\n")
    assert "\x1b" not in result.stdout


def test_c6_members_of_an_archive_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m.npz"
    np.savez(path, inputs=np.ones(3), targets=np.ones(3), **{"\x1b[31m": np.ones(3)})
    with pytest.raises(
        ValueError, match=r"must hold only the arrays .*a\\x1b.* with \\x1b"
    ) as caught:
        datasets.load_npz(path)
    assert str(caught.value).isprintable()
    with pytest.raises(FileNotFoundError) as missing:
        datasets.load_npz(tmp_path / NAME)
    assert str(missing.value).isprintable()


@given(st.text())
def test_c6_printable_text_is_safe_and_what_was_safe_stays(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
    if text.isprintable():
        assert printable(text) == text


@pytest.mark.parametrize(
    ("command", "backend"),
    [
        ("run", "nonsense"),
        ("run", "module://missing"),
        ("advise", "nonsense"),
        ("figures", "module://missing"),
    ],
)
def test_c6_no_canvas_is_needed(config: Path, command: str, backend: str) -> None:
    config.write_text(CONFIG.replace("trials = 4", "trials = 2").replace("[5, 10]", "5"))
    what = "identity" if command == "figures" else "small.toml"
    done = process(command, what, "--output", "out", MPLBACKEND=backend)
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    expected = {
        "run": OURS,
        "advise": {"advice.csv", "advice.json", "advice.png", "config.toml", "risk.zarr"},
        "figures": {"identity.png"},
    }
    assert content(Path("out")) == expected[command]


@pytest.mark.parametrize("command", ["run", "predict", "advise", "figures"])
@pytest.mark.parametrize(
    "style",
    [b"text.usetex: True\nbackend: nonsense\nfont.size: 90\n", b"\xff\xfe font.family: x\n"],
)
def test_c6_any_matplotlibrc(config: Path, command: str, style: bytes) -> None:
    """Figures do not depend on it; one that matplotlib cannot read is named in a sentence."""
    config.write_text(CONFIG.replace("trials = 4", "trials = 2").replace("[5, 10]", "5"))
    file = config.parent / "matplotlibrc"
    file.write_bytes(style)
    what = "identity" if command == "figures" else "small.toml"
    done = process(command, what, "--output", "out", MATPLOTLIBRC=str(file))
    error = done.stderr.decode()
    assert "Traceback" not in error
    if style.startswith(b"\xff"):
        assert done.returncode == 1, error
        said = error.splitlines()[-1]
        assert "its matplotlibrc, in the working directory" in said
        assert said.startswith("overprune: ")
        assert done.stdout == b""
    else:
        assert done.returncode == 0, error


def test_c6_the_canvas_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    monkeypatch.setenv("MPLBACKEND", "module://missing")
    matplotlib.use("svg")
    try:
        with into_files() as plt:
            assert plt.get_backend().lower() == "agg"
            assert os.environ["MPLBACKEND"] == "module://missing"
        assert matplotlib.get_backend() == "svg"
    finally:
        matplotlib.use("agg")


@pytest.mark.parametrize(
    ("encoding", "sign"), [("ascii", "+-"), ("koi8-r", "+-"), ("latin-1", "±"), ("utf-8", "±")]
)
def test_c6_any_encoding_of_stdout(
    monkeypatch: pytest.MonkeyPatch, encoding: str, sign: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    tell("0.50 ± 0.01\n\x1b[31mred")
    sys.stdout.flush()
    assert written.getvalue().decode(encoding).splitlines() == [f"0.50 {sign} 0.01", "\\x1b[31mred"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_c6_a_full_stdout_is_one_line(config: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "overprune", "info"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "overprune: stdout cannot be written: No space left on device\n"


def test_c6_nobody_reads_on(config: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "overprune", "figures", "--list"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == ""
