# SPDX-License-Identifier: Apache-2.0
"""A calorimeter readout cell at 40 MHz, after the liquid-argon calorimeter of ATLAS at the HL-LHC (arXiv 2302.07555), and its optimal filter.

Every bunch crossing leaves energy: a Poisson number of soft deposits (pile-up) and, now and then, a signal. Each makes a bipolar pulse of 20 to 25 samples,
so the samples of a crossing carry what came before it. Sought is all transverse energy of one crossing, from its sample (the pulse still at zero) and the four
after it. Energies in GeV; a sample is the pulse height in GeV, in steps of the digitiser. Not a detector simulation: no real cell was fitted.
"""
import numpy as np

STEP = 25.0                   # ns between samples
DRIFT, SHAPING = 450.0, 16.0  # ns: drift time of the ionisation, time constant of preamplifier and shaper, CR-(RC)^3
LENGTH = 26                   # samples of a pulse
AFTER = 4                     # samples after the crossing that the answer waits for
NOISE = 0.05                  # electronics, RMS
DEPOSITS = 2.5                # soft deposits a crossing
SOFT, HARD, HARD_SHARE = 0.025, 0.2, 0.01  # their mean energies
SIGNALS = 0.04                # signals a crossing
LSB, LARGEST = 1 / 128, 8.0   # digitiser: 11 bits with sign
THRESHOLD = 0.24              # a pulse is what deposits more than that: about 3 standard deviations of the noise


def shaped():
    """(impulse response, pulse) at 25 ns: CR-(RC)^3, and what it makes of a current that falls to 0 over the drift time; the pulse has peak 1."""
    fine = 0.25
    t = np.arange(0, LENGTH * STEP, fine)
    impulse = (t / SHAPING) ** 2 * (3 - t / SHAPING) * np.exp(-t / SHAPING)
    pulse = np.convolve(np.maximum(0, 1 - t / DRIFT), impulse)[:len(t)]
    every = int(STEP / fine)
    impulse, pulse = impulse[::every], pulse[::every] / pulse.max()
    return impulse / np.sqrt(np.sum(impulse ** 2)), pulse


def energies(rng, n):
    """Energy of n consecutive crossings: pile-up, and signals of which half are flat up to 5 GeV and half fall as a power law."""
    count = rng.poisson(DEPOSITS, n)
    owner = np.repeat(np.arange(n), count)
    soft = rng.exponential(np.where(rng.random(len(owner)) < HARD_SHARE, HARD, SOFT))
    signal = np.where(rng.random(n) < 0.5, rng.uniform(0, 5, n), np.minimum(1.5 * rng.pareto(3, n), 5))
    return np.bincount(owner, soft, n) + np.where(rng.random(n) < SIGNALS, signal, 0)


def stream(seed, n):
    """(samples, energy) of n consecutive crossings, in float32."""
    rng = np.random.default_rng(seed)
    impulse, pulse = shaped()
    e = energies(rng, n + LENGTH)
    analogue = np.convolve(e, pulse)[LENGTH:n + LENGTH] + NOISE * np.convolve(rng.normal(size=n + LENGTH), impulse)[LENGTH:n + LENGTH]
    digital = np.clip(np.round(analogue / LSB), -LARGEST / LSB, LARGEST / LSB - 1) * LSB
    return digital.astype(np.float32), e[LENGTH:].astype(np.float32)


def windows(seed, n, length=AFTER + 1):
    """n windows (n, length, 1) that end AFTER samples past the crossing whose energy (n, 1) is sought; every other one has a pulse there, the rest may not."""
    crossings = int(n / 2 / SIGNALS * 1.25) + 1000
    x, e = stream(seed, crossings)
    rng = np.random.default_rng([seed, 1])
    at = np.arange(length, crossings - AFTER)
    pulses, others = (rng.permutation(at[pick]) for pick in (e[at] > THRESHOLD, e[at] <= THRESHOLD))
    at = np.stack([pulses[:(n + 1) // 2], others[:(n + 1) // 2]], axis=1).ravel()[:n]
    return np.lib.stride_tricks.sliding_window_view(x, length)[at + AFTER + 1 - length][:, :, None].copy(), e[at, None]


def steps(seed, n):
    """(samples, energies of the crossings AFTER samples before them) of n steps, both (n, 1)."""
    x, e = stream(seed, n + AFTER)
    return x[AFTER:, None], e[:n, None]


def optimal_filter(x):
    """Energy by the linear filter of least variance: R^-1 g / g R^-1 g, R the autocorrelation of noise and of all other pulses. x: (n, samples, 1) as of windows().

    Other pulses pull the mean down by as much as a mean crossing adds (the pulse has no area): that is added back.
    """
    impulse, pulse = shaped()
    n = x.shape[1]
    lag = lambda a: np.array([np.sum(a[k:] * a[:len(a) - k]) for k in range(n)])
    e = energies(np.random.default_rng(0), 500000)
    r = NOISE ** 2 * lag(impulse) + e.var() * lag(pulse)
    r[0] += LSB ** 2 / 12
    g = np.concatenate([np.zeros(n - AFTER - 1), pulse[:AFTER + 1]])
    a = np.linalg.solve(r[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))], g)
    return x.reshape(-1, n) @ (a / (a @ g)) + e.mean()


def optimal_filter_stream(x, samples=20):
    """The same along a stream (n, 1); the first results lack samples."""
    padded = np.concatenate([np.zeros(samples - 1, x.dtype), x[:, 0]])
    return optimal_filter(np.lib.stride_tricks.sliding_window_view(padded, samples))


def resolution(predicted, true):
    """Of pulses (true energy above THRESHOLD): RMS, half the central 68 % and mean of predicted - true; and the RMS of everything. GeV."""
    d = np.ravel(predicted).astype(float) - np.ravel(true)
    p = d[np.ravel(true) > THRESHOLD]
    low, high = np.quantile(p, [0.16, 0.84])
    return {"pulses": len(p), "rms": np.sqrt(np.mean(p ** 2)), "core": (high - low) / 2, "bias": p.mean(), "all": np.sqrt(np.mean(d ** 2))}


def table(rows):
    """{who: resolution} in markdown, MeV."""
    lines = ["| | pulses | RMS | core (68 %) | bias | RMS, all crossings |", "|---|---|---|---|---|---|"]
    for who, r in rows.items():
        lines.append(f"| {who} | {r['pulses']:,} | {1000 * r['rms']:.1f} | {1000 * r['core']:.1f} | {1000 * r['bias']:+.1f} | {1000 * r['all']:.1f} |")
    return "\n".join(lines)
