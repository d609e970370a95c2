"""The theory in 100 digits: docs/theory.md's formulas as first written, term by term.

Nothing here is shared with the core, and nothing is done about cancellation: the digits take care
of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpmath import erfc, exp, log, mp, mpf, pi, sqrt

mp.dps = 100
FAR = 60  # standard deviations: exp(-60**2 / 2) = 1e-782


def tail(x):
    """P(h > x)."""
    if abs(x) > FAR:
        return mpf(0) if x > 0 else mpf(1)
    return erfc(x / sqrt(mpf(2))) / 2


def density(x):
    return exp(-x * x / 2) / sqrt(2 * pi) if abs(x) < FAR else mpf(0)


def falling_root(function, low, high, goal):
    """x in [low, high] with function(x) = goal: bisection of log x until near, then Illinois."""
    a, b = log(low), log(high)
    fa = fb = None
    side = 0
    for _ in range(3000):
        near = fa is not None and fb is not None and max(fa, -fb) < 1
        x = (a * fb - b * fa) / (fb - fa) if near else (a + b) / 2
        value = function(exp(x))
        f = log(value / goal) if value > 0 else -(mpf(10) ** 6)
        if abs(f) < mpf(10) ** -60 or b - a < mpf(10) ** -90:
            return exp(x)
        if f > 0:
            a, fa = x, f
            if side > 0 and near:
                fb /= 2
            side = 1
        else:
            b, fb = x, f
            if side < 0 and near:
                fa /= 2
            side = -1
    raise ArithmeticError("no convergence")


@dataclass
class Moments:
    """Sums of one group over survival: P(kept), E[u^2; kept], E[u v; kept], E[v^2;
    kept], E[u^2]."""

    share: mpf
    uu: mpf
    uv: mpf
    vv: mpf
    whole: mpf


def fixed(u, sd, T):
    """Coefficient u, v = u + sd h, kept where |v| > T."""
    if sd == 0:
        kept = mpf(1) if abs(u) > T else mpf(0)
        return Moments(kept, kept * u * u, kept * u * u, kept * u * u, u * u)
    alpha, gamma = (T - u) / sd, (T + u) / sd
    share = tail(alpha) + tail(gamma)
    first = density(alpha) - density(gamma)  # E[h; kept]
    second = share + alpha * density(alpha) + gamma * density(gamma)  # E[h^2; kept]
    m1 = u * share + sd * first
    m2 = u * u * share + 2 * u * sd * first + sd * sd * second
    return Moments(share, u * u * share, u * m1, m2, u * u)


def drawn(spread, sd, T):
    """u ~ N(0, spread^2): v is Gaussian, and u given v."""
    total = spread**2 + sd**2
    t = T / sqrt(total)
    share = 2 * tail(t)
    square = total * (share + 2 * t * density(t))  # E[v^2; kept]
    slope = spread**2 / total
    return Moments(
        share,
        slope**2 * square + slope * sd**2 * share,
        slope * square,
        square,
        spread**2,
    )


@dataclass
class Exact:
    """Groups of features: weight, eigenvalue, coefficient (or its spread),
    whether it is Gaussian."""

    weight: list
    lam: list
    beta: list
    gaussian: list
    noise: mpf  # standard deviation, of what the groups leave unexplained too
    n: mpf

    def __post_init__(self):
        keep = [i for i, lam in enumerate(self.lam) if lam > 0]
        self.size = sum(mpf(w) for w in self.weight)
        self.silent = sum(
            (mpf(w) for w, lam in zip(self.weight, self.lam, strict=True) if lam == 0), mpf(0)
        )
        for name in ("weight", "lam", "beta"):
            setattr(self, name, [abs(mpf(getattr(self, name)[i])) for i in keep])
        self.gaussian = [self.gaussian[i] and self.beta[j] > 0 for j, i in enumerate(keep)]
        self.u = [sqrt(lam) * b for lam, b in zip(self.lam, self.beta, strict=True)]
        self.total = sum(self.weight, mpf(0))
        self.n, self.noise = mpf(self.n), mpf(self.noise)

    def tau(self, weight, ridge):
        ridge = mpf(ridge)
        if ridge == 0 and sum(weight, mpf(0)) <= self.n:
            return mpf(0)
        pairs = [(w, lam) for w, lam in zip(weight, self.lam, strict=True) if w > 0]
        if not pairs:
            return ridge

        def used(tau):
            return ridge / tau + sum(w * lam / (lam + tau) for w, lam in pairs) / self.n

        high = ridge + sum(w * lam for w, lam in pairs) / self.n
        low = high * mpf(10) ** -3 if ridge == 0 else ridge
        while used(low) < 1:
            low /= 1000
        return falling_root(used, low, high * 2, mpf(1))

    def risks(self, s, rule, ridge, retrain_ridge):
        """(dense, pruned, retrained); None where only a tie rule decides."""
        n, s, noise = self.n, mpf(s), self.noise**2
        tau = self.tau(self.weight, ridge)
        a = [lam / (lam + tau) for lam in self.lam]
        d = [tau / (lam + tau) for lam in self.lam]
        sums = list(zip(self.weight, a, d, self.u, strict=True))
        q = (noise + sum(w * d * d * u * u for w, a, d, u in sums)) / (
            1 - sum(w * a * a for w, a, d, u in sums) / n
        )
        sd = sqrt(q / n)
        if (
            q == 0
            and rule in ("magnitude", "hessian")
            and not all(self.gaussian)
            and s < self.total
        ):
            return None
        if rule == "oracle" and self.silent > 0 and 0 in self.u:
            return None
        if rule in ("magnitude", "hessian") and s >= self.total:
            kept = [self.independent(i, mpf(1), None, sd) for i in range(len(a))]
            rule = "random"  # in that survival does not depend on v
        else:
            kept = self.survivors(s, rule, a, sd)
        pruned = noise + sum(
            w * (x * x * m.vv - 2 * x * m.uv + m.whole)
            for w, x, m in zip(self.weight, a, kept, strict=True)
        )
        shares = [w * m.share for w, m in zip(self.weight, kept, strict=True)]
        tau2 = self.tau(shares, retrain_ridge)
        g = [lam / (lam + tau2) for lam in self.lam]
        terms = list(zip(self.weight, a, d, g, kept, strict=True))
        b = sum(w * g * m.share for w, a, d, g, m in terms) / n
        B = sum(w * g * g * m.share for w, a, d, g, m in terms) / n
        rho = c = mpf(0)
        if rule in ("magnitude", "hessian") and q > 0:
            rho, c = memory(terms, q, noise, b)
        error = noise - B * rho**2 * q
        for w, _, d, g, m in terms:
            al, be = 1 - rho, rho - c * d  # of u and of v
            square = g * g * (al * al * m.uu + 2 * al * be * m.uv + be * be * m.vv)
            error += w * (square - 2 * g * (al * m.uu + be * m.uv) + m.whole)
        if rule in ("oracle", "random"):
            # Survival is independent of v: E h^2 = share was counted in vv.
            error = noise + sum(
                w * ((1 - g) ** 2 * m.uu + m.whole - m.uu) for w, a, d, g, m in terms
            )
        diverges = retrain_ridge == 0 and abs(sum(shares) - n) < n * mpf(10) ** -50
        if diverges:
            return q, pruned, mpf("inf") if error > 0 else mpf(0)
        return q, pruned, error / (1 - B)

    def survivors(self, s, rule, a, sd):
        if rule == "random":
            return [self.independent(i, s / self.size, None, sd) for i in range(len(self.lam))]
        if rule == "oracle":
            return self.oracle(s, sd)
        ratio = [
            (sqrt(lam) if rule == "magnitude" else mpf(1)) / x
            for lam, x in zip(self.lam, a, strict=True)
        ]

        def moments(t):
            return [
                (drawn if drawn_ else fixed)(u, sd, t * r)
                for u, drawn_, r in zip(self.u, self.gaussian, ratio, strict=True)
            ]

        def kept(t):
            return sum(w * m.share for w, m in zip(self.weight, moments(t), strict=True))

        def dropped(t):
            total = mpf(0)
            for w, u, drawn_, r in zip(self.weight, self.u, self.gaussian, ratio, strict=True):
                spread = sqrt(u * u + sd * sd) if drawn_ else sd
                centre = mpf(0) if drawn_ else u
                total += w * (tail((-t * r - centre) / spread) - tail((t * r - centre) / spread))
            return total

        high = max(
            (u + 50 * sqrt(u * u * g + sd * sd)) / r
            for u, g, r in zip(self.u, self.gaussian, ratio, strict=True)
        )
        if 2 * s <= self.total:
            t = falling_root(kept, high * mpf(10) ** -60, high, s)
        else:
            t = 1 / falling_root(
                lambda x: dropped(1 / x), 1 / high, mpf(10) ** 60 / high, self.total - s
            )
        return moments(t)

    def independent(self, i, share, threshold, sd):
        """Survival that does not depend on v: with a probability, or of coefficients beyond a
        threshold."""
        u, noise = self.u[i], sd * sd
        uu = share * u * u
        if threshold is not None:
            t = threshold / u
            share, uu = 2 * tail(t), u * u * (2 * tail(t) + 2 * t * density(t))
        return Moments(share, uu, uu, uu + noise * share, u * u)

    def oracle(self, s, sd):
        """Fixed groups in order of |u|, first ones first among equals; Gaussian ones beyond the
        threshold."""

        def beyond(x):
            return sum(
                (
                    w * 2 * tail(x / u)
                    for w, u, g in zip(self.weight, self.u, self.gaussian, strict=True)
                    if g
                ),
                mpf(0),
            )

        order = sorted((i for i, g in enumerate(self.gaussian) if not g), key=lambda i: -self.u[i])
        share, threshold, before = {}, None, mpf(0)
        for i in order:
            if before + beyond(self.u[i]) >= s:
                break
            left = s - before - beyond(self.u[i])
            share[i] = min(mpf(1), left / self.weight[i])
            before += self.weight[i]
            if share[i] < 1:
                threshold = self.u[i]
                break
        if threshold is None and any(self.gaussian):
            more = s - sum(self.weight[i] for i in share)
            top = sum(w for w, g in zip(self.weight, self.gaussian, strict=True) if g)
            high = 60 * max(u for u, g in zip(self.u, self.gaussian, strict=True) if g)
            if more >= top:
                threshold = mpf(10) ** -60
            elif more <= 0:
                threshold = high
            else:
                threshold = falling_root(beyond, high * mpf(10) ** -40, high, more)
        return [
            self.independent(i, share.get(i, mpf(0)), threshold if g else None, sd)
            for i, g in enumerate(self.gaussian)
        ]


def memory(terms, q, noise, b):
    """(rho, c): what the second training remembers of the first, from two linear equations."""

    def residuals(rho, c):
        first = sum(
            w * g * ((1 - rho) * (m.uv - m.uu) + (rho - c * d) * (m.vv - m.uv))
            for w, a, d, g, m in terms
        )
        second = sum(
            w
            * (
                d * m.whole
                + g * ((1 - rho) * (a * m.uv - m.uu) + (rho - c * d) * (a * m.vv - m.uv))
            )
            for w, a, d, g, m in terms
        )
        return first / q - rho * b - c * (1 - b), (noise + second) / q - rho

    x0, y0 = residuals(mpf(0), mpf(0))
    x1, y1 = residuals(mpf(1), mpf(0))
    x2, y2 = residuals(mpf(0), mpf(1))
    (A, C), (D, E) = (x1 - x0, x2 - x0), (y1 - y0, y2 - y0)
    det = A * E - C * D
    return (-x0 * E + y0 * C) / det, (-y0 * A + x0 * D) / det
