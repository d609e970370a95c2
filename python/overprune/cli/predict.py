"""`overprune predict`: the predictions of a config."""

from __future__ import annotations

from contextlib import nullcontext

from ..experiments.console import say, tell, tell_json
from .usage import UNWRITTEN, ConfigFile, Json, Output, Overwrite, one_line_errors


def predict(
    config: ConfigFile,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Print the predictions for CONFIG.toml, without simulating; with --output, write them too."""
    from ..experiments.answer import listing, summary
    from ..experiments.config import load
    from ..experiments.output import OutputDirectory
    from ..experiments.run import run, write

    with one_line_errors():
        experiment = load(config)
        place = None if output is None else OutputDirectory(output, overwrite=overwrite)
    with place or nullcontext():
        with one_line_errors():
            results = run(experiment, simulate=False, progress=True)
        if place is not None:
            with one_line_errors(*UNWRITTEN, code=1):
                with place.naming("written"):
                    write(place.path, experiment, results)
                place.commit()
    for note in results.notes:
        say(note)
    if as_json:
        return tell_json(results.tables["predict"].to_dict())
    tell(listing(results.tables["predict"]))
    tell("\n" + summary(results.tables, problem=results.problem))
