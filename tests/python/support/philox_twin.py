"""The generator again in plain Python: Philox4x32-10 of Salmon et al. (2011), and what is made of
it.

`python tests/python/philox_twin.py` prints tests/golden/random.json: uniforms and permutations are
the twin's own; normals, whose last bits depend on how log, sin and cos are computed, are the
package's, checked by it.
"""

from __future__ import annotations

import json
import math

MASK = 2**32 - 1
ROWS = 4  # Purpose::rows
COUNT, POPULATION = 6, 9
KEYS = [  # (seed, stream, purpose)
    *((0, 0, purpose) for purpose in range(10)),
    *(
        (seed, stream, 0)
        for seed, stream in [(1, 0), (0, 1), (42, 7), (2**32, 2**32), (2**64 - 1, 2**64 - 1)]
    ),
    (2**63 + 12345, 3, 3),
    (7, 2**40 + 5, 9),
]


def philox(counter, key):
    x, (k0, k1) = list(counter), key
    for _ in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(b >> 32) ^ x[1] ^ k0, b & MASK, (a >> 32) ^ x[3] ^ k1, a & MASK]
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return x


def words(block, seed, stream, purpose):
    counter = (block & MASK, (block >> 32) | (purpose << 16), stream & MASK, stream >> 32)
    return philox(counter, (seed & MASK, seed >> 32))


def uniform_pair(block, seed, stream, purpose):
    x = words(block, seed, stream, purpose)
    return [(high * 2**21 + (low >> 11)) / 2**53 for high, low in (x[:2], x[2:])]


def uniforms(count, seed, stream=0, purpose=0, first=0):
    blocks = range(first // 2, (first + count + 1) // 2)
    values = [u for block in blocks for u in uniform_pair(block, seed, stream, purpose)]
    return values[first % 2 :][:count]


def normals(count, seed, stream=0, purpose=0, first=0):
    values = []
    for block in range(first // 2, (first + count + 1) // 2):
        u, v = uniform_pair(block, seed, stream, purpose)
        radius = math.sqrt(-2 * math.log(u + 2**-53))
        values += [radius * math.cos(2 * math.pi * v), radius * math.sin(2 * math.pi * v)]
    return values[first % 2 :][:count]


def sample(count, population, seed, stream, purpose=ROWS):
    """Distinct integers below `population`: the first swaps of a Fisher-Yates shuffle."""
    items = list(range(population))
    for i in range(count):
        x = words(i, seed, stream, purpose)
        j = i + ((x[0] << 32) | x[1]) % (population - i)
        items[i], items[j] = items[j], items[i]
    return items[:count]


def drawn_by_the_package():
    """What the package draws with every key, in the form of the file."""
    import numpy as np

    import overprune as op
    from overprune import _core

    rows = np.arange(float(POPULATION))[:, None]
    data = op.DataProblem(rows, rows, rows, rows)
    found = []
    for seed, stream, purpose in KEYS:
        chosen, _ = data.sample(COUNT, seed=seed, stream=stream)
        found.append(
            {
                "seed": seed,
                "stream": stream,
                "purpose": purpose,
                "uniforms": [float(u).hex() for u in _core.uniform(COUNT, seed, stream, purpose)],
                "normals": [
                    float(z).hex() for z in _core.standard_normal(COUNT, seed, stream, purpose)
                ],
                "rows": [int(i) for i in chosen[:, 0]],
            }
        )
    return found


def golden():
    """The same by the twin, but for the normals."""
    return [
        {
            **entry,
            "uniforms": [u.hex() for u in uniforms(COUNT, *key)],
            "rows": sample(COUNT, POPULATION, *key[:2]),
        }
        for key, entry in zip(KEYS, drawn_by_the_package(), strict=True)
    ]


if __name__ == "__main__":
    print("[\n" + ",\n".join(json.dumps(entry) for entry in golden()) + "\n]")
