"""The paper's question asked of networks: train narrow, or train wide and prune to the same
nonzeros?

`width_sweep` trains networks of every width, prunes them and trains them again; docs/networks.md
tells how. Needs PyTorch: ``pip install 'overprune[networks]'``.
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
from .sweep import width_sweep
from .table import compare, summarize
from .training import Training

__all__ = [
    "NetworkData",
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
    "random_feature_network",
    "resnet20",
    "single_index",
    "small_conv",
    "summarize",
    "two_layer",
    "width_sweep",
]
