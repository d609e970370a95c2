"""A newcomer's first hour, replayed in a new environment: every step with its time and output.

    python packaging/check_first_hour.py --output hour          # builds the wheel from here
    python packaging/check_first_hour.py --output hour --wheel FILE

It installs, runs the demo, brings data of its own (diabetes, a frame with names and a column of
text), asks for advice, searches with the classifier, names survivors, follows every guide with
other data, opens the page on a phone, builds a C++ program, and opens the documentation with no
host in reach. The page and the documentation are looked at in Chromium where it is installed with
its driver (Debian: chromium-driver). Pictures and outputs go to the directory.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUPPORT = ROOT / "tests/python/support"
SHOWN = 12  # lines of a step's output

DIABETES = """
    import overprune as op
    from sklearn.datasets import load_diabetes

    frame, progression = load_diabetes(return_X_y=True, as_frame=True)
    problem = op.DataProblem(frame, progression, frame, progression, center=True)
    print(f"variance {progression.var():.0f}, null risk {problem.null_risk:.0f}")
    advice = op.advise(problem, n=200, nonzeros=4)
    print(advice.best)
    print("expected test error", round(advice.best.risk))
"""
FRAME = """
    import pandas as pd
    import overprune as op
    from sklearn.datasets import load_breast_cancer

    frame, ill = load_breast_cancer(return_X_y=True, as_frame=True)
    frame["clinic"] = ["north", "south"] * (len(frame) // 2) + ["north"]
    try:
        op.DataProblem(frame, ill, frame, ill)
    except (TypeError, ValueError) as error:
        print(error)
    frame["clinic"] = (frame["clinic"] == "north").astype(float)
    frame = (frame - frame.mean()) / frame.std()
    problem = op.DataProblem(frame, ill, frame, ill, center=True)
    kept = op.survival(problem.equivalent(target=1), n=200, size=problem.p, nonzeros=5)
    most = kept.probability.sortby(kept.probability, ascending=False)[:5]
    for name, probability in zip(most.feature.values, most.values):
        print(f"{name}: kept with probability {probability:.2f}")
"""
CLASSIFIER = """
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from overprune.sklearn import PrunedLeastSquaresClassifierCV

    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    search = PrunedLeastSquaresClassifierCV(nonzeros=[3, 6, 12], ridge=[0.0, 0.01])
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), search).fit(X, y)
    print("accuracy on", len(X_test), "patients:", round(model.score(X_test, y_test), 3))
    print("measurements kept:", *search.get_feature_names_out(), sep="\\n  ")
"""
PHONE = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from explore_browser import Browser, served

    with served() as (address, _):
        window = Browser(Path(sys.argv[2]))
        window.resize(390, 844, is_phone=True)
        window.go(address)
        window.driver.save_screenshot(sys.argv[3])
        window.click("simulate")
        window.until(lambda: "simulated, 10 trials" in window.text("legend"), 120)
        window.driver.save_screenshot(sys.argv[4])
        print(window.text("answer"))
        window.quit()
"""
OFFLINE = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from explore_browser import Browser

    window = Browser(Path(sys.argv[2]))
    window.resize(1200, 1000)
    for page in ("index", "theory"):
        window.driver.get((Path(sys.argv[3]) / f"{page}.html").resolve().as_uri())
        window.run("return document.fonts.ready.then(() => true)")
        window.driver.save_screenshot(f"{sys.argv[4]}-{page}.png")
    asked = [url for url in window.requests()[0] if url.startswith(("http:", "https:", "ws"))]
    print("requests to hosts:", len(asked), *asked[:3])
    window.quit()
"""


class Hour:
    """The environment, and what was seen in it.

    Parameters
    ----------
    output : Path
        Where pictures and outputs go.
    place : Path
        For what is not kept.
    """

    def __init__(self, output: Path, place: Path) -> None:
        self.output, self.place = output, place
        self.python = place / "env/bin/python"
        self.rows: list[tuple[str, float, bool]] = []

    def step(self, title: str, *command: str | Path, cwd: Path | None = None) -> bool:
        """Runs a command as the newcomer does and keeps what it printed."""
        began = time.monotonic()
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd or self.place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        took = time.monotonic() - began
        self.rows.append((title, took, done.returncode == 0))
        print(f"\n## {title}: {took:.0f} s{'' if done.returncode == 0 else ', FAILED'}\n")
        print(textwrap.indent("\n".join(done.stdout.splitlines()[-SHOWN:]), "    "), flush=True)
        name = "".join(c if c.isalnum() else "_" for c in title)
        (self.output / f"{len(self.rows):02}_{name}.txt").write_text(done.stdout)
        return done.returncode == 0

    def code(self, title: str, code: str, *arguments: str | Path) -> bool:
        """Runs a few lines of Python."""
        return self.step(title, self.python, "-c", textwrap.dedent(code), *arguments)

    def install(self, title: str, *packages: str) -> bool:
        """Installs into the environment."""
        pip = (self.python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
        return self.step(title, *pip, *packages)

    def command(self, *arguments: str | Path) -> tuple[str | Path, ...]:
        return (self.python, "-m", "overprune", *arguments)


def install(hour: Hour, wheel: Path | None) -> None:
    subprocess.run([sys.executable, "-m", "venv", hour.place / "env"], check=True)
    what = f"overprune[sklearn,explore] @ {(wheel or ROOT).resolve().as_uri()}"
    hour.install("pip install, from the source" if wheel is None else "pip install", what)
    hour.install("what else its data and guides need", "pandas", "cmake")


def first_answers(hour: Hour) -> None:
    hour.step("overprune demo", *hour.command("demo", "--output", hour.output / "demo"))
    hour.code("diabetes, centred, and advice", DIABETES)
    hour.code("a frame with names and a column of text", FRAME)
    hour.code("the classifier's search", CLASSIFIER)
    hour.step("overprune --json", *hour.command("info", "--json"))


def guides(hour: Hour) -> None:
    for guide in ("own_data", "scikit_learn", "scaling", "cpp"):
        for data in ("wine", "friedman"):
            hour.step(f"{guide} with {data}", hour.python, SUPPORT / "guides.py", guide, data)


def documentation(hour: Hour) -> None:
    docs = hour.place / "html"
    hour.install("what the documentation needs", *extra("docs"))
    build = ("-m", "sphinx", "-q", "-b", "html", "-D", "plot_gallery=0", ROOT / "docs", docs)
    hour.step("the documentation, without its figures", hour.python, *build)
    pictures = hour.output / "docs"
    hour.code("the documentation, offline", OFFLINE, SUPPORT, folder(hour), docs, pictures)


def extra(name: str) -> list[str]:
    """What an extra asks for, other than overprune itself."""
    import tomllib

    optional = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    return [line for line in optional[name] if not line.startswith("overprune")]


def folder(hour: Hour) -> Path:
    return Path(tempfile.mkdtemp(dir=hour.place))


def pages(hour: Hour) -> None:
    if not (shutil.which("chromedriver") and shutil.which("chromium")):
        print("\nno Chromium with its driver: the page and the documentation are not looked at")
        return
    hour.install("selenium, to look at pages", "selenium")
    shots = (hour.output / "phone.png", hour.output / "phone_simulated.png")
    hour.code("the page on a phone", PHONE, SUPPORT, folder(hour), *shots)
    documentation(hour)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="for pictures and outputs")
    parser.add_argument("--wheel", type=Path, help="what is installed; the source if not given")
    options = parser.parse_args()
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    steps: tuple[Callable[[Hour], None], ...] = (first_answers, guides, pages)
    with tempfile.TemporaryDirectory(prefix="first hour ") as place:
        hour = Hour(output, Path(place))
        install(hour, options.wheel)
        for step in steps:
            step(hour)
    print("\n| step | seconds |\n|---|---|")
    for title, took, is_fine in hour.rows:
        print(f"| {title} | {took:.0f}{'' if is_fine else ' (failed)'} |")
    return 0 if all(is_fine for *_, is_fine in hour.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
