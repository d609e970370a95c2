"""overprune: is it better to train a small model, or to train a large one and prune it?

A problem is described once - `LinearGaussianProblem`, `RandomFeatureProblem` or `DataProblem` -
then simulated (`simulate`) and predicted (`predict`). Both return the same labelled table, which
`plot.risk` draws.
"""

import logging

from . import datasets, losses, plot, spectra
from ._version import __version__, build_info, get_cmake_dir, get_include, get_pkgconfig_dir
from .experiments.reproduce import reproduce
from .fits.classifiers import classifier_path, fit_classifier
from .fits.estimate_risk import estimate_risk
from .fits.features import random_features
from .fits.lasso import LassoPath, lasso_path
from .fits.least_squares import least_squares, least_squares_path, retrain_path
from .fits.prune_layer import PrunedLayer, prune_layer
from .fits.prune_path import prune_path
from .fits.pruned_path import PrunePath
from .fits.pruning import compensate, importance, prune, top_k
from .fits.random import standard_normal
from .losses import Loss
from .problems.classification import LinearClassificationProblem
from .problems.data_problem import DataProblem
from .problems.feature_problem import RandomFeatureProblem
from .problems.problem import LinearGaussianProblem
from .problems.spectrum import Spectrum
from .simulation.schedule import simulate_schedule
from .simulation.simulate import simulate
from .theory.advise import advise
from .theory.density import coefficient_density
from .theory.fixed_point import coefficient_law, fixed_point
from .theory.laws import sample_coefficients, survival
from .theory.phase import phase
from .theory.predict import predict
from .theory.schedule import predict_schedule
from .theory.tune import tune_ridge

# What runs tell their maintainers: stores, blocks, workers lost. Silent unless a program listens.
logging.getLogger("overprune").addHandler(logging.NullHandler())

__all__ = [
    "DataProblem",
    "LassoPath",
    "LinearClassificationProblem",
    "LinearGaussianProblem",
    "Loss",
    "PrunePath",
    "PrunedLayer",
    "RandomFeatureProblem",
    "Spectrum",
    "__version__",
    "advise",
    "build_info",
    "classifier_path",
    "coefficient_density",
    "coefficient_law",
    "compensate",
    "datasets",
    "estimate_risk",
    "fit_classifier",
    "fixed_point",
    "get_cmake_dir",
    "get_include",
    "get_pkgconfig_dir",
    "importance",
    "lasso_path",
    "least_squares",
    "least_squares_path",
    "losses",
    "phase",
    "plot",
    "predict",
    "predict_schedule",
    "prune",
    "prune_layer",
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
