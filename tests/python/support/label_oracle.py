"""The theory of classifiers in plain code, and at 30 digits: docs/theory.md, section 11.

It shares nothing with the library: unknowns are mh, qh, Vh and m, q, V as the section writes them,
iterated with damping, then corrected once by Newton's method with a residual of 30 digits.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import mpmath as mp
import numpy as np
from scipy import optimize, special

mp.mp.dps = 30


@dataclass(frozen=True)
class Case:
    """Independent features in groups of equal ones."""

    lam: tuple[float, ...]
    beta: tuple[float, ...]
    count: tuple[int, ...]
    noise: float
    n: int
    loss: str
    ridge: float
    retrain_ridge: float
    rule: str
    s: int

    @property
    def field(self):
        return (
            sum(c * x * b * b for x, b, c in zip(self.lam, self.beta, self.count, strict=True))
            + self.noise**2
        )


class Floats:
    """Arithmetic of doubles, of many numbers at once."""

    number = float
    step = 0.55
    reach = 7.5
    exp, sqrt = staticmethod(np.exp), staticmethod(np.sqrt)

    @staticmethod
    def cdf(x):
        return special.ndtr(x)

    @staticmethod
    def tail(x):
        return special.ndtr(-np.asarray(x))

    @staticmethod
    def density(x):
        return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


class Digits:
    """Arithmetic of 30 digits."""

    number = mp.mpf
    step = mp.mpf("0.36")
    reach = 10
    exp, sqrt = staticmethod(mp.exp), staticmethod(mp.sqrt)

    @staticmethod
    def cdf(x):
        return mp.erfc(-x / mp.sqrt(2)) / 2

    @staticmethod
    def tail(x):
        return mp.erfc(x / mp.sqrt(2)) / 2

    @staticmethod
    def density(x):
        return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def push(loss, om, V, kind):
    """G(1, om; V) and its derivative: of one number of 30 digits, or of an array."""
    if kind is Floats:
        return _push_all(loss, np.asarray(om, dtype=float), V)
    if loss == "hinge":
        if om >= 1:
            return mp.mpf(0), mp.mpf(0)
        return (mp.mpf(1), mp.mpf(0)) if om <= 1 - V else ((1 - om) / V, -1 / V)
    # f = om + V / (1 + e^f), from the solution in doubles
    g, _ = _push_all(loss, np.array([float(om)]), float(V))
    f = om + V * mp.mpf(float(g[0]))
    for _ in range(3):
        g = 1 / (1 + mp.exp(f))
        f -= (f - om - V * g) / (1 + V * g * (1 - g))
    g = 1 / (1 + mp.exp(f))
    return g, -g * (1 - g) / (1 + V * g * (1 - g))


def _push_all(loss, om, V):
    if loss == "square":
        return (1 - om) / (1 + V), np.full_like(om, -1 / (1 + V))
    if loss == "hinge":
        slope = np.where((om < 1) & (om > 1 - V), -1 / V, 0.0)
        return np.clip((1 - om) / V, 0.0, 1.0), slope
    low, high = om.copy(), om + V
    f = (low + high) / 2
    for _ in range(80):
        g = special.expit(-f)
        error = f - om - V * g
        low, high = np.where(error > 0, low, f), np.where(error > 0, f, high)
        new = f - error / (1 + V * g * (1 - g))
        new = np.where((new > low) & (new < high), new, (low + high) / 2)
        if (abs(new - f) <= 1e-15 * (1 + abs(f))).all():
            break
        f = new
    g = special.expit(-f)
    return g, -g * (1 - g) / (1 + V * g * (1 - g))


_LEGENDRE = {}


def legendre(kind, count):
    if (kind, count) not in _LEGENDRE:
        if kind is Floats:
            nodes, weights = np.polynomial.legendre.leggauss(count)
            _LEGENDRE[kind, count] = list(zip(nodes.tolist(), weights.tolist(), strict=True))
        else:
            pairs = []
            for start in np.polynomial.legendre.leggauss(count)[0]:
                x = mp.findroot(lambda t: mp.legendre(count, t), mp.mpf(float(start)))
                slope = (
                    count * (x * mp.legendre(count, x) - mp.legendre(count - 1, x)) / (x * x - 1)
                )
                pairs.append((x, 2 / ((1 - x * x) * slope**2)))
            _LEGENDRE[kind, count] = pairs
    return _LEGENDRE[kind, count]


def nodes(kind, smooth, pole, narrow, breaks):
    """Points and weights for the density of N(0, 1) times what is smooth but at the breaks."""
    R = kind.number(kind.reach)
    result = []
    if smooth:
        h = min(
            kind.step / pole, kind.step * kind.number("1.6" if kind is Digits else 1.6) / narrow
        )
        points = [i * h for i in range(-int(R / h), int(R / h) + 1)]
        return [(x, h * kind.density(x)) for x in points]
    width = kind.number(2) / narrow
    edges = sorted([-R, R, *[b for b in breaks if -R < b < R]])
    for a, b in itertools.pairwise(edges):
        pieces = int((b - a) / width) + 1
        for j in range(pieces):
            start, half = a + (b - a) * j / pieces, (b - a) / pieces / 2
            for x, w in legendre(kind, 14 if kind is Digits else 10):
                at = start + half * (1 + x)
                result.append((at, half * w * kind.density(at)))
    return result


def first_rows(case, kind, m, q, V):
    """mh, qh, Vh; the label -1 is the mirror image of 1."""
    field = kind.number(case.field)
    root, left = kind.sqrt(q), kind.sqrt(field - m * m / q)
    steep = m / root / left
    points = nodes(
        kind,
        case.loss != "hinge",
        root,
        kind.sqrt(1 + steep * steep),
        [(1 - V) / root, 1 / root],
    )
    return [
        2 * total
        for total in added(
            kind, points, lambda x, w: _first_terms(case, kind, x, w, root, steep, left, V)
        )
    ]


def _first_terms(case, kind, x, w, root, steep, left, V):
    g, slope = push(case.loss, root * x, V, kind)
    Z = w * kind.cdf(steep * x)
    return w * kind.density(steep * x) / left * g, Z * g * g, -Z * slope


def added(kind, points, terms):
    """The sums of several terms over points with their weights."""
    if kind is Floats:
        x, w = (np.array(column) for column in zip(*points, strict=True))
        return [float(np.sum(term)) for term in terms(x, w)]
    return [mp.fsum(column) for column in zip(*(terms(x, w) for x, w in points), strict=True)]


def second_rows(case, kind, one, two):
    """mh2, qh22, qh12, Vh22, Vh21 of fields one = (m, q, V), two = (m2, q12, q22, V22, V21)."""
    (m, q, V), (m2, q12, q22, V22, V21) = one, two
    field = kind.number(case.field)
    root = kind.sqrt(q)
    lean = q12 / root
    width = kind.sqrt(q22 - lean * lean)
    tilt = (m2 - m / root * lean) / width
    left = kind.sqrt(field - m * m / q - tilt * tilt)
    along, across = m / root / left, tilt / left
    smooth = case.loss != "hinge"
    stretch = max(root, abs(lean) + abs(V21) * root / (4 + V))
    breaks = [] if smooth else _crossings(kind, one, two, root, lean, width)
    least = kind.number(10) ** (-22 if kind is Digits else -18)
    sums = [kind.number(0)] * 5
    for x, w in nodes(kind, smooth, stretch, kind.sqrt(1 + along * along), breaks):
        g1, slope1 = push(case.loss, root * x, V, kind)
        mean = lean * x + V21 * g1
        inner = [(1 - V22 - mean) / width, (1 - mean) / width]
        points = nodes(kind, smooth, width, kind.sqrt(1 + across * across), inner)
        end = inner[1] if case.loss == "hinge" else kind.number(kind.reach)  # beyond: no push
        points = [(z, w * v) for z, v in points if w * v > least and z < end]
        if not points:
            continue

        def terms(z, weight, x=x, g1=g1, slope1=slope1, mean=mean):
            g2, slope2 = push(case.loss, mean + width * z, V22, kind)
            teacher = along * x + across * z
            Z = weight * kind.cdf(teacher)
            return (
                weight * kind.density(teacher) / left * g2,
                Z * g2 * g2,
                Z * g1 * g2,
                -Z * slope2,
                -Z * slope2 * V21 * slope1,
            )

        sums = [total + term for total, term in zip(sums, added(kind, points, terms), strict=True)]
    return [2 * total for total in sums]


def _crossings(kind, one, two, root, lean, width):
    """Where the outer integrand of the hinge loss bends, or nearly so."""
    (_, _, V), (_, _, _, V22, V21) = one, two
    ends = [-kind.number(kind.reach), (1 - V) / root, 1 / root, kind.number(kind.reach)]
    breaks = ends[1:3]
    for a, b in itertools.pairwise(ends):
        if not a < b:
            continue
        at = [lean * x + V21 * push("hinge", root * x, V, kind)[0] for x in (a, b)]
        slope = (at[1] - at[0]) / (b - a)
        if slope == 0:
            continue
        scale = width / abs(slope)
        for level in (1 - V22, kind.number(1)):
            middle = a + (level - at[0]) / slope
            breaks += [
                middle + k * scale
                for k in (-6, -4, -2, -1, 0, 1, 2, 4, 6)
                if a < middle + k * scale < b
            ]
    return breaks


def dense_scalars(case, kind, m, q, V):
    """The next (m, q, V), and the hats."""
    mh, qh, Vh = first_rows(case, kind, m, q, V)
    out = [kind.number(0)] * 3
    for lam, beta, count in zip(case.lam, case.beta, case.count, strict=True):
        lam, beta = kind.number(lam), kind.number(beta)
        d = Vh * lam + kind.number(case.ridge)
        out[0] += count * mh * lam**2 * beta**2 / d
        out[1] += count * (mh**2 * lam**3 * beta**2 / d**2 + qh / case.n * lam**2 / d**2)
        out[2] += count * lam / d / case.n
    return out, (mh, qh, Vh)


def thresholds(case, kind, hats, t):
    """T of each group on |theta_i|, with mean and standard deviation of theta_i."""
    mh, qh, Vh = hats
    found = []
    for lam, beta in zip(case.lam, case.beta, strict=True):
        lam, beta = kind.number(lam), kind.number(beta)
        d = Vh * lam + kind.number(case.ridge)
        T = t if case.rule == "magnitude" else t / kind.sqrt(lam)
        found.append((mh * lam * beta / d, kind.sqrt(qh * lam / case.n) / d, T, d))
    return found


def survivors(case, kind, hats, t):
    return sum(
        count * (kind.tail((T - mean) / sd) + kind.tail((T + mean) / sd))
        for (mean, sd, T, _), count in zip(thresholds(case, kind, hats, t), case.count, strict=True)
    )


def threshold(case, kind, hats):
    low, high = 0.0, 1.0
    floats = [float(h) for h in hats]
    while survivors(case, Floats, floats, high) > case.s:
        high *= 2
    t = optimize.brentq(
        lambda x: survivors(case, Floats, floats, x) - case.s, low, high, xtol=1e-15
    )
    if kind is Floats:
        return t
    t = kind.number(t)
    for _ in range(4):  # Newton's method
        h = t * kind.number(10) ** -12
        value = survivors(case, kind, hats, t) - case.s
        slope = (survivors(case, kind, hats, t + h) - survivors(case, kind, hats, t - h)) / (2 * h)
        t -= value / slope
    return t


def moments(kind, mean, sd, T):
    """E[x^k; |x| > T] of x ~ N(mean, sd^2), k = 0, 1, 2."""
    a, b = (T - mean) / sd, (-T - mean) / sd
    share = kind.tail(a) + kind.tail(-b)
    first = kind.density(a) - kind.density(b)
    second = share + a * kind.density(a) - b * kind.density(b)
    return (
        share,
        mean * share + sd * first,
        mean**2 * share + 2 * mean * sd * first + sd**2 * second,
    )


def pruned_scalars(case, kind, hats, t):
    """m and q of the pruned model."""
    m = q = kind.number(0)
    parts = zip(thresholds(case, kind, hats, t), case.lam, case.beta, case.count, strict=True)
    for (mean, sd, T, _), lam, beta, count in parts:
        _, M1, M2 = moments(kind, mean, sd, T)
        m += count * kind.number(lam) * kind.number(beta) * M1
        q += count * kind.number(lam) * M2
    return m, q


def retrained_scalars(case, kind, one, hats, t, two):
    """The next (m2, q12, q22, V22, V21)."""
    mh, qh, _ = hats
    mh2, qh22, qh12, Vh22, Vh21 = second_rows(case, kind, one, two)
    n, ridge = case.n, kind.number(case.retrain_ridge)
    m2 = q12 = q22 = V22 = stein = kind.number(0)
    r, fresh = qh12 / qh, (qh22 - qh12**2 / qh) / n
    parts = zip(thresholds(case, kind, hats, t), case.lam, case.beta, case.count, strict=True)
    for (mean, sd, T, d), lam, beta, count in parts:
        lam, beta = kind.number(lam), kind.number(beta)
        M0, M1, M2 = moments(kind, mean, sd, T)
        D = Vh22 * lam + ridge
        # sqrt(lam) n1 = d theta1 - mh lam beta
        base = (mh2 - r * mh) * lam * beta / D
        slope = (r * d - Vh21 * lam) / D  # theta2 = base + slope theta1 + fresh noise
        m2 += count * lam * beta * (base * M0 + slope * M1)
        q12 += count * lam * (base * M1 + slope * M2)
        q22 += (
            count
            * lam
            * (base**2 * M0 + 2 * base * slope * M1 + slope**2 * M2 + lam * fresh * M0 / D**2)
        )
        V22 += count * M0 * lam / D / n
        # E<n1, sqrt(lam) theta2>
        stein += count * (d * (base * M1 + slope * M2) - mh * lam * beta * (base * M0 + slope * M1))
    return [m2, q12, q22, V22, (stein - qh12 * V22) / qh]
