"""overprune: is it better to train a small model, or to train a large one and prune it?

A problem is described once - `LinearGaussianProblem`, `RandomFeatureProblem` or `DataProblem` - then
simulated (`simulate`) and predicted (`predict`). Both return the same labelled table, which `plot.risk`
draws.
"""

from . import datasets, plot, spectra
from ._advise import advise
from ._build import build_info, get_cmake_dir, get_include, get_pkgconfig_dir
from ._data_problem import DataProblem
from ._feature_problem import RandomFeatureProblem
from ._features import random_features
from ._laws import coefficient_density, sample_coefficients, survival
from ._least_squares import least_squares, least_squares_path, retrain_path
from ._phase import phase
from ._predict import predict
from ._problem import LinearGaussianProblem
from ._prune_path import PrunePath, prune_path
from ._pruning import compensate, importance, prune, top_k
from ._random import standard_normal
from ._reproduce import reproduce
from ._schedule import predict_schedule, simulate_schedule
from ._simulate import simulate
from ._spectrum import Spectrum
from ._theory import coefficient_law, fixed_point
from ._tune import tune_ridge
from ._version import __version__

__all__ = [
    "DataProblem",
    "LinearGaussianProblem",
    "PrunePath",
    "RandomFeatureProblem",
    "Spectrum",
    "__version__",
    "advise",
    "build_info",
    "coefficient_density",
    "coefficient_law",
    "compensate",
    "datasets",
    "fixed_point",
    "get_cmake_dir",
    "get_include",
    "get_pkgconfig_dir",
    "importance",
    "least_squares",
    "least_squares_path",
    "phase",
    "plot",
    "predict",
    "predict_schedule",
    "prune",
    "prune_path",
    "random_features",
    "reproduce",
    "retrain_path",
    "sample_coefficients",
    "simulate",
    "simulate_schedule",
    "spectra",
    "standard_normal",
    "survival",
    "top_k",
    "tune_ridge",
]
