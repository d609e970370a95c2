"""`python -m overprune.networks PRESET --output DIR`: a preset's tables and figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from .. import _validation as check
from .. import networks
from .._validation import files
from ..experiments.console import say, tell
from ..experiments.output import write_table
from ..plot.canvas import into_files, png_of
from .cells import KEEP, RETRAIN
from .presets import PRESETS

if TYPE_CHECKING:
    import xarray as xr


def command(
    name: Annotated[
        str, typer.Argument(metavar="PRESET", help=f"{', '.join(PRESETS[:-1])} or {PRESETS[-1]}.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the results go.")
    ],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where CIFAR-10 is, for resnet20.")
    ] = None,
    keep: Annotated[str | None, typer.Option(help="equal_nonzeros, width_ratio or both.")] = None,
    rule: Annotated[str | None, typer.Option(help="Instead of the preset's.")] = None,
    retrain: Annotated[
        str | None, typer.Option(help=f"{', '.join(RETRAIN)}; rewind by default.")
    ] = None,
    repeats: Annotated[int | None, typer.Option(help="Instead of the preset's.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that share the cells; on a CPU.")] = 1,
    device: Annotated[str | None, typer.Option(help="As torch names it.")] = None,
    mixed_precision: Annotated[
        bool, typer.Option(help="Train in bfloat16 where that is safe.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the sweep.")] = 0,
) -> None:
    """Runs a preset of sweeps over width. After Ctrl-C the same command goes on with what is
    finished."""
    try:
        arguments = networks.preset(name, data=data, seed=seed)
        modes = _modes(name, keep)
        given = {"rule": rule, "retrain": retrain, "repeats": repeats, "device": device}
        arguments |= {option: value for option, value in given.items() if value is not None}
        if mixed_precision:
            import dataclasses

            arguments["training"] = dataclasses.replace(arguments["training"], mixed_precision=True)
        tables = _sweeps(arguments, modes, output, workers)
        with into_files():
            _finish(name, arguments, tables, output)
    except KeyboardInterrupt:
        say(f"interrupted; the same command goes on with what {output} holds", "overprune.networks")
        raise typer.Exit(130) from None
    except (ValueError, TypeError, OSError, ImportError) as error:
        say(str(error), "overprune.networks")
        raise typer.Exit(2) from None


def _modes(name: str, keep: str | None) -> tuple[str, ...]:
    """Which ways to keep; one by default where weights are proportional to the width."""
    if keep is None:
        keep = "equal_nonzeros" if name in ("two_layer", "bridge") else "both"
    check.choice(keep, "keep", ("both", *KEEP))
    return KEEP if keep == "both" else (keep,)


def _sweeps(
    arguments: dict[str, Any], modes: tuple[str, ...], output: Path, workers: int
) -> list[xr.Dataset]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from contextlib import nullcontext

    tables = []
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(workers, mp_context=spawn) if workers > 1 else nullcontext() as executor
    ):
        for mode in modes:
            table = networks.width_sweep(
                **arguments,
                keep=mode,
                store=output / f"cells-{mode}",
                executor=executor,
                progress=True,
            )
            tables.append(table)
    return tables


def _finish(name: str, arguments: dict[str, Any], tables: list[xr.Dataset], output: Path) -> None:
    """Tables as Zarr groups, the figure, and in words what it shows."""
    for table in tables:
        write_table(table, output / f"{table.attrs['keep']}.zarr")
    if name == "bridge":
        predicted = networks.predict_sweep(tables[0], arguments["model"], arguments["data"])
        write_table(predicted, output / "predicted.zarr")
        rows = predicted.attrs["train_rows"]
        figure = networks.plot(tables[0], predicted=predicted, logy=True, interpolation=rows)
        _tell_distance(tables[0], predicted)
    else:
        figure = networks.plot(*tables, quantity=("test_error", "train_error"))
        for table in tables:
            _tell(table)
    files.write(output / "networks.png", png_of(figure))
    tell(f"tables and figure are in {output}")


def _tell(table: xr.Dataset) -> None:
    """Of every s the width whose retrained networks are furthest ahead of dense ones of width s."""
    found, means = networks.compare(table), networks.summarize(table)
    for s in table.nonzeros.values.tolist():
        rivals = found.sel(nonzeros=s).where(found.width > s)
        if not np.isfinite(rivals.difference).any():
            tell(f"{table.attrs['keep']}, s = {s}: nothing to compare")
            continue
        k = int(found.width[int(rivals.difference.fillna(-1.0).values.argmax())])
        row, pruned = rivals.sel(width=k), means.sel(width=k, nonzeros=s)
        weights = int(pruned.nonzero_weights) / int(means.prunable.sel(width=s))
        dense = float(means.dense_test_error.sel(width=s))
        retrained = float(pruned.retrained_test_error)
        tell(
            f"{table.attrs['keep']}, s = {s}: dense {dense:.3f}; best at k = {k}, retrained "
            f"{retrained:.3f} with {weights:.2f} times the weights: {float(row.difference):+.4f} "
            f"better, standard error {float(row.stderr):.4f}"
        )


def _tell_distance(table: xr.Dataset, predicted: xr.Dataset) -> None:
    """The z-scores of measured minus predicted errors over the repeats, width by width."""
    for stage in ("dense", "pruned", "retrained"):
        name = f"{stage}_test_error"
        chosen = table[name].where(np.isfinite(predicted[name]))
        difference = chosen - predicted[name].where(np.isfinite(chosen))
        stderr = difference.std("repeat", ddof=1) / difference.sizes["repeat"] ** 0.5
        z = (difference.mean("repeat") / stderr).squeeze()
        tell(f"{stage}: " + ", ".join(f"z = {float(v):+.1f} at {int(v.width)}" for v in z))


def main() -> None:
    """The command."""
    typer.run(command)


if __name__ == "__main__":
    main()
