"""Neural networks: train a narrow one, or train a wide one and prune it to the same nonzeros?

`width_sweep` trains networks of every width, prunes them and trains them again, and
`predict_sweep` has the theory of those with a frozen first layer (docs/networks.md). `prune_model`
prunes a trained network layer by layer from a few calibration batches, and predicts what each layer
costs. The room needs PyTorch (``pip install 'overprune[networks]'``) and may use every room but
`cli`, `explore` and `sklearn`.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError:
    raise ImportError(
        "overprune.networks needs the package torch: pip install 'overprune[networks]', "
        "or '.[networks]' in a checkout"
    ) from None

from .bridge import predict_sweep, single_index
from .data import NetworkData, from_arrays
from .figures import plot
from .layer_progress import LayerStep
from .loaders import cifar10, cifar100, digits, mnist, mnist5000
from .models import (
    count_parameters,
    count_prunable,
    random_feature_network,
    resnet20,
    small_conv,
    two_layer,
)
from .presets import preset
from .progress import Step
from .prune_model import PrunedModel, prune_model
from .sweep import width_sweep
from .table import compare, summarize
from .training import Training

__all__ = [
    "LayerStep",
    "NetworkData",
    "PrunedModel",
    "Step",
    "Training",
    "cifar10",
    "cifar100",
    "compare",
    "count_parameters",
    "count_prunable",
    "digits",
    "from_arrays",
    "mnist",
    "mnist5000",
    "plot",
    "predict_sweep",
    "preset",
    "prune_model",
    "random_feature_network",
    "resnet20",
    "single_index",
    "small_conv",
    "summarize",
    "two_layer",
    "width_sweep",
]
