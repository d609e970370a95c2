"""The paper's question asked of networks: train narrow, or train wide and prune to the same nonzeros?"""

from .data import cifar10, cifar100, digits, from_arrays, mnist, mnist5000
from .models import count_parameters, count_prunable, random_feature_network, resnet20, small_conv, two_layer
from .training import Training
