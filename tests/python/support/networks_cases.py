"""Networks that the tests of `overprune.networks` train, and a short sweep of them."""

from __future__ import annotations

import numpy as np
from torch import nn

from overprune import networks

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 40)
ROWS = (RNG.normal(size=(40, 8)) + 2 * np.eye(8)[LABELS]).astype(np.float32)
DATA = networks.from_arrays(ROWS[:24], LABELS[:24], ROWS[24:], LABELS[24:])
IMAGES = networks.from_arrays(*(ROWS.reshape(40, 1, 2, 4)[part] if i % 2 == 0 else LABELS[part]
                                for part in (slice(0, 24), slice(24,
                                40)) for i in range(2)))  # fmt: skip
TRAINING = networks.Training(epochs=2, batch=12, learning_rate=0.01)


class Net(nn.Module):
    """Named layers, and a forward pass over them."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.call = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.call(self, x)


def plain(k):
    return nn.Sequential(nn.Linear(8, k), nn.ReLU(), nn.Linear(k, 3))


def sweep(model, data=DATA, widths=(2, 4), **options):
    return networks.width_sweep(
        model,
        data,
        list(widths),
        [2],
        **{"training": TRAINING, "device": "cpu", "repeats": 1, **options},
    )


def tied(k):
    network = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 3))
    network[2].weight = network[0].weight
    return network


def noisy(draw):
    return lambda k: Net(
        lambda s, x: s.out(draw(s.inp(x))), inp=nn.Linear(8, k), out=nn.Linear(k, 3)
    )  # fmt: skip


def recurrent(k):
    return Net(
        lambda s, x: s.out(s.rnn(x[..., None])[0][:, -1]),
        rnn=nn.LSTM(1, k, 2, dropout=0.5, batch_first=True),
        out=nn.Linear(k, 3),
    )


def encoder(k):
    return Net(
        lambda s, x: s.out(s.body(s.inp(x[..., None])).mean(dim=1)),
        inp=nn.Linear(1, 4 * k),
        body=nn.TransformerEncoderLayer(4 * k, 2, 8, batch_first=True),
        out=nn.Linear(4 * k, 3),
    )


def without_statistics(k):
    norm = nn.BatchNorm1d(k, track_running_stats=False)
    return nn.Sequential(nn.Linear(8, k), norm, nn.Linear(k, 3))
