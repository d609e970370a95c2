"""Pruning a layer against what users write today: the surgeon's loop in numpy, refits row by row in
scipy, and batched Cholesky factors in torch. One thread each.

Run from anywhere: python bench/python/bench_layer.py
"""

import timing  # isort: skip  # first: it pins the threads

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg

import overprune as op

try:
    import torch
except ImportError:
    torch = None


def layer(p: int, m: int, n: int) -> tuple[Any, Any]:
    """Weights (m, p) and second moments (p, p) of rectified inputs with eigenvalues i^-0.9."""
    rng = np.random.default_rng(p)
    basis = np.linalg.qr(rng.standard_normal((p, p)))[0]
    mix = (basis * np.sqrt(np.arange(1.0, p + 1) ** -0.9)) @ basis.T
    inputs = np.maximum(rng.standard_normal((n, p)) @ mix, 0.0)
    return rng.standard_normal((m, p)) / np.sqrt(p), inputs.T @ inputs / n


def surgeon_loop(row: Any, hessian: Any, keep: int) -> Any:
    """Optimal brain surgeon as it is written down: one removal, one outer product."""
    row, inverse, active = row.copy(), np.linalg.inv(hessian), np.ones(len(row), bool)
    for _ in range(len(row) - keep):
        cost = np.where(active, row**2 / np.where(active, np.diag(inverse), 1.0), np.inf)
        j = int(np.argmin(cost))
        row -= inverse[:, j] * (row[j] / inverse[j, j])
        inverse -= np.outer(inverse[:, j], inverse[j] / inverse[j, j])
        active[j], row[j] = False, 0.0
    return row


def scipy_refits(weight: Any, hessian: Any, masks: Any) -> Any:
    out = np.zeros(weight.shape)
    targets = weight @ hessian
    for own, mask, target in zip(out, masks, targets, strict=True):
        kept = np.flatnonzero(mask)
        own[kept] = scipy.linalg.solve(hessian[np.ix_(kept, kept)], target[kept], assume_a="pos")
    return out


def torch_refits(weight: Any, hessian: Any, masks: Any, batch: int = 64) -> Any:
    """Rows in batches: one batched factorization and solve each."""
    out = torch.zeros(weight.shape, dtype=torch.float64)
    moment = torch.from_numpy(hessian)
    targets = torch.from_numpy(weight) @ moment
    kept = torch.from_numpy(np.flatnonzero(masks).reshape(len(masks), -1) % masks.shape[1])
    for first in range(0, len(masks), batch):
        own = kept[first : first + batch]
        factors = torch.linalg.cholesky(moment[own[:, :, None], own[:, None, :]])
        right = torch.gather(targets[first : first + batch], 1, own)[:, :, None]
        out[first : first + batch].scatter_(1, own, torch.cholesky_solve(right, factors)[:, :, 0])
    return out.numpy()


def same(found: Any, expected: Any, tolerance: float) -> None:
    apart = abs(found - expected).max() / abs(expected).max()
    assert apart <= tolerance, apart


def surgeon_rows(sizes: list[tuple[int, int]]) -> Iterator[timing.Row]:
    for p, rows in sizes:
        weight, hessian = layer(p, rows, 4 * p)
        ours = partial(
            op.prune_layer, weight, second_moment=hessian, rows=4 * p, nonzeros=p // 4, workers=1
        )
        same(ours().weight[0], surgeon_loop(weight[0], hessian, p // 4), 1e-8)
        yield timing.versus(
            f"surgeon, p = {p}, s = {p // 4}, a row of {rows}",
            "numpy loop",
            25,
            lambda run, ours=ours, rows=rows: timing.seconds(ours) / rows,
            lambda run, w=weight, h=hessian, s=p // 4: timing.seconds(
                lambda: surgeon_loop(w[run % len(w)], h, s)
            ),
        )


def refit_rows(shapes: list[tuple[int, int, int]]) -> Iterator[timing.Row]:
    for p, s, m in shapes:
        weight, hessian = layer(p, m, 4 * p)
        ours = partial(
            op.prune_layer,
            weight,
            second_moment=hessian,
            rows=4 * p,
            nonzeros=s,
            rule="magnitude",
            workers=1,
        )
        found = ours()
        peers: dict[tuple[str, float], Callable[..., Any]] = {
            ("scipy, row by row", 4): scipy_refits
        }
        if torch is not None:
            torch.set_num_threads(1)
            peers[("torch, batches of 64", 2)] = torch_refits
        for (name, bar), peer in peers.items():
            same(found.weight, peer(weight, hessian, found.mask), 1e-9)
            yield timing.versus(
                f"refits of {m} rows, p = {p}, s = {s}",
                name,
                bar,
                lambda run, ours=ours: timing.seconds(ours),
                lambda run, peer=peer, w=weight, h=hessian, k=found.mask: timing.seconds(
                    lambda: peer(w, h, k)
                ),
            )


def whole_layer(p: int, workers: int) -> None:
    weight, hessian = layer(p, p, 2 * p)
    begin = time.perf_counter()
    op.prune_layer(weight, second_moment=hessian, rows=2 * p, nonzeros=p // 2, workers=workers)
    print(
        f"\nA {p} x {p} layer, half of it, surgeon and refit, {workers} threads: "
        f"{time.perf_counter() - begin:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: do the answers agree?")
    parser.add_argument("--whole", type=int, default=0, help="size of a whole layer, too")
    options = parser.parse_args()
    sizes, shapes = ([(400, 32), (1000, 8)], [(400, 100, 300), (400, 200, 300), (1000, 500, 60)])
    if options.quick:
        sizes, shapes = [(40, 8)], [(40, 12, 9)]
    rows = [*surgeon_rows(sizes), *refit_rows(shapes)]
    timing.measure(rows, options.runs)
    timing.print_table(rows)
    if options.whole:
        whole_layer(options.whole, 2)


if __name__ == "__main__":
    main()
