"""Comparison of a run with a reference case. Every function yields Check rows; tolerances come from the case alone."""
import csv
import math
import os
from dataclasses import dataclass


class Skip(Exception):
    """The case cannot be expressed (yet): counted as skipped, with the reason."""


@dataclass
class Later:
    """Something of the reference that this version of NSL cannot give yet: counted and said, never silent."""
    what: str
    count: int


@dataclass
class Check:
    what: str
    got: float
    limit: float
    note: str = ""

    @property
    def good(self):
        return self.got <= self.limit


class Run:
    """What one run left behind: spikes as (t, population, id), traces by name as {t: value of element 0}."""

    def __init__(self, folder, sizes):
        self.folder, self.sizes = folder, sizes
        self.events = []
        path = os.path.join(folder, "spikes.csv")
        if os.path.exists(path):
            with open(path) as f:
                self.events = [(float(r["t_ms"]), r["population"], int(r["id"])) for r in csv.DictReader(f)]

    @property
    def spikes(self):
        return [t for t, _, _ in self.events]

    def trace(self, name):
        with open(os.path.join(self.folder, name + ".csv")) as f:
            rows = csv.reader(f)
            next(rows)
            return {round(float(r[0]), 6): float(r[1]) for r in rows}

    def weights(self, name):
        """Of the first synapse, by time."""
        with open(os.path.join(self.folder, name + ".csv")) as f:
            out = {}
            for r in csv.DictReader(f):
                out.setdefault(round(float(r["t_ms"]), 6), float(r["weight"]))
            return out

    def rate(self, pops, t0, t1):
        n = sum(1 for t, p, _ in self.events if p in pops and t0 < t <= t1)
        return n / sum(self.sizes[p] for p in pops) / (t1 - t0) * 1000.0

    def fano(self, pops, t0, t1, width):
        """Variance over mean of the population's count in bins of `width`."""
        counts = [0] * round((t1 - t0) / width)
        for t, p, _ in self.events:
            if p in pops and t0 < t <= t1:
                counts[min(math.ceil((t - t0) / width - 1e-9) - 1, len(counts) - 1)] += 1
        mean = sum(counts) / len(counts)
        return sum((c - mean) ** 2 for c in counts) / len(counts) / mean if mean else math.nan

    def cv(self, pops, t0, t1, least=4):
        """Mean over neurons with at least `least` spikes of the coefficient of variation of intervals."""
        trains = {}
        for t, p, i in self.events:
            if p in pops and t0 < t <= t1:
                trains.setdefault((p, i), []).append(t)
        cvs = []
        for train in trains.values():
            if len(train) >= least:
                x = [b - a for a, b in zip(train, train[1:])]
                mean = sum(x) / len(x)
                cvs.append(math.sqrt(sum((v - mean) ** 2 for v in x) / len(x)) / mean)
        return sum(cvs) / len(cvs) if cvs else math.nan


def read_rows(path):
    with open(path) as f:
        rows = list(csv.reader(f))
    return rows[0], [[float(x) for x in r] for r in rows[1:]]


def last_time(case):
    return read_rows(case["_csv"])[1][-1][0]


def differences(run, rows, columns, keep=lambda t: True):
    """For each column of the reference: the largest difference over the rows kept. The run's records bear the columns'
    names. A column that the model does not know is an error; derivatives (`d_…`) are for later."""
    header, data = rows
    later = [c for c in header[1:] if c.startswith("d_")]
    unknown = [c for c in header[1:] if c not in columns and c not in later]
    if unknown:
        raise ValueError("columns without a counterpart: " + ", ".join(unknown))
    for k, column in enumerate(header):
        if k == 0 or column in later:
            continue
        own, worst, missing = run.trace(column), 0.0, 0
        for r in data:
            if not keep(r[0]):
                continue
            value = own.get(round(r[0], 6))
            if value is None:
                missing += 1
            else:
                worst = max(worst, abs(value - r[k]) if math.isfinite(value) else math.inf)
        yield column, (math.inf if missing else worst), [r[k] for r in data]


def derivatives(rows):
    """What `differences` left out, as a Later row."""
    n = sum(1 for c in rows[0] if c.startswith("d_"))
    if n:
        yield Later("columns of derivatives with respect to parameters", n)


def away_from(spikes, before, after):
    return lambda t: not any(s - before <= t <= s + after for s in spikes)


def spike_checks(reference, own, limit, note=""):
    yield Check("spikes: difference of counts", abs(len(own) - len(reference)), 0, f"{len(reference)} expected")
    if len(own) == len(reference) and reference:
        yield Check("spikes: time (ms)", max(abs(a - b) for a, b in zip(reference, own)), limit, note)


def grid_case(case, run, rows, columns):
    """Same scheme on the same grid: spikes to the step (half a step for rounding), states pointwise away from spikes."""
    exact = case["solver"].startswith("exact")
    limit = case["dt_ms"] * 0.01 if exact else case["tolerance"]["spike_abs_ms_same_grid"] + 1e-9
    yield from spike_checks(case["spikes_ms"], run.spikes, limit, "to the step" if exact else "")
    tol = case["tolerance"]["v_abs_mV_same_grid"]
    for column, worst, _ in differences(run, rows, columns, away_from(case["spikes_ms"], 1.0, 3.0)):
        yield Check(column, worst, tol)


def crossing_case(case, run, rows, columns, window=(1.0, 3.0)):
    """Spikes are upward crossings of 0 mV between rows; V is compared outside of `window` (ms before, ms after) around
    them, gates and the like (no unit in their name) by the same number in their own range."""
    v = sorted(run.trace("V_mV").items())
    own = [a + (b - a) * (0.0 - x) / (y - x) for (a, x), (b, y) in zip(v, v[1:]) if x < 0.0 <= y]
    tol = case["tolerance"]
    yield from spike_checks(case["spikes_ms"], own, tol["spike_abs_ms"])
    limit = tol["v_abs_mV_away_from_spikes"] if "v_abs_mV_away_from_spikes" in tol else tol["v_abs_mV"]
    for column, worst, _ in differences(run, rows, columns, away_from(case["spikes_ms"], *window)):
        yield Check(column, worst, limit)


def range_case(case, run, rows, columns):
    """States relative to the range that they run through."""
    for column, worst, ref in differences(run, rows, columns):
        span = max(ref) - min(ref)
        yield Check(f"{column} / range", worst / span if span else worst, case["tolerance"]["state_rel_of_range"])
    yield from derivatives(rows)


def trace_case(case, run, rows, columns, tolerance):
    for column, worst, _ in differences(run, rows, columns):
        yield Check(column, worst, tolerance)


def late_spikes(label, reference, own, dt):
    if len(own) != len(reference):
        return Check(f"{label}: difference of counts", abs(len(own) - len(reference)), 0)
    late = [(b - a) / ((k + 1) * dt) for k, (a, b) in enumerate(zip(reference, own))]
    bad = max((x if x >= -1e-6 else math.inf for x in late), default=0.0)
    return Check(f"{label}: lateness / ((k + 1) dt)", bad, 1.0 + 1e-6)


def expect_result_keys(result, known):
    unknown = sorted(set(result) - set(known))
    if unknown:
        raise ValueError("results without a counterpart: " + ", ".join(unknown))


def expect_columns(case, known):
    unknown = [c for c in case.get("columns", [])[1:] if c not in known]
    if unknown:
        raise ValueError("columns without a counterpart: " + ", ".join(unknown))


def rate_bins(run, n, rows):
    """Rates in the bins whose middles are the rows: the largest difference over 5 sqrt(2) standard errors."""
    _, data = rows
    width, worst = data[1][0] - data[0][0], 0.0
    for middle, rate, error in data:
        own = sum(1 for t, _, _ in run.events if middle - width / 2 < t <= middle + width / 2) / n / width * 1000.0
        worst = max(worst, abs(own - rate) / (5 * math.sqrt(2) * error) if error else abs(own - rate))
    return Check("rates in bins / (5 sqrt(2) se)", worst, 1.0)


def statistics(case, own):
    """Means over seeds against the reference's mean and spread, by the case's own rule."""
    n = len(own)
    for name, ref in case["statistics"].items():
        mean = sum(o[name] for o in own) / n
        limit = max(5 * ref["sd_over_seeds"] * math.sqrt(2 / n), 0.01 * abs(ref["mean"]))
        yield Check(name, abs(mean - ref["mean"]), limit, f"{mean:.4g} against {ref['mean']:.4g}")
