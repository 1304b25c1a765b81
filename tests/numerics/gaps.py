"""Two cells coupled by a gap junction, which each read the other's voltage one step late: at a small step, against the crossings of 0 mV of the
converged solution."""
import compare
from fields import check_case, fine_step, quantity

CELL = """
neuron gap_cell {
  param C_m = 40 pF,  g_Na = 4500 nS,  g_Kv1 = 9 nS,  g_Kv3 = 9000 nS,  g_L = 10 nS,  E_Na = 74 mV,  E_K = -90 mV,  E_L = -70 mV
  input I : pA
  state V = -65 mV,  m = 0,  h = 0,  n = 0,  p = 0
  let a_m = 40 * (V / (1 mV) - 75.5) / (1 - exp(-(V / (1 mV) - 75.5) / 13.5)) / (1 ms)
  let b_m = 1.2262 * exp(-V / (42.248 mV)) / (1 ms)
  let a_h = 0.0035 * exp(-V / (24.186 mV)) / (1 ms)
  let b_h = 0.017 * (51.25 + V / (1 mV)) / (1 - exp(-(51.25 + V / (1 mV)) / 5.2)) / (1 ms)
  let a_p = (V / (1 mV) - 95) / (1 - exp(-(V / (1 mV) - 95) / 11.8)) / (1 ms)
  let b_p = 0.025 * exp(-V / (22.222 mV)) / (1 ms)
  let a_n = 0.014 * (V / (1 mV) + 44) / (1 - exp(-(V / (1 mV) + 44) / 2.3)) / (1 ms)
  let b_n = 0.0043 * exp(-(V / (1 mV) + 44) / 34) / (1 ms)
  V' = (-g_Na * m^3 * h * (V - E_Na) - (g_Kv1 * n^4 + g_Kv3 * p^2) * (V - E_K) - g_L * (V - E_L) + I) / C_m
  m' = a_m * (1 - m) - b_m * m
  h' = a_h * (1 - h) - b_h * h
  n' = a_n * (1 - n) - b_n * n
  p' = a_p * (1 - p) - b_p * p
}
synapse gap { param g = 1 nS;  stream g * (pre.V - post.V) }
"""


class GapPair:
    STEP, SAMPLE = 0.05, 0.05

    def programs(self, case):
        check_case(case, {"parameters", "initial", "protocol", "dt_ms", "truth", "upcross_0mV_ms", "simulator_upcross_0mV_ms"},
                   {"spike_abs_ms", "spike_count"})
        given = [f"{k} = {quantity(p['value'], p['unit'])}" for k, p in case["parameters"].items() if k != "gap_weight"]
        given += [f"{k} = {case['initial'][k]}" for k in "mhnp"]
        gap, first = case["parameters"]["gap_weight"], case["initial"]
        drives = "\n".join(f"  drive A[{i}].I with constant({quantity(x, 'pA')})" for i, x in enumerate(case["protocol"]["constant_current_pA"]))
        text = f"""language 1
{CELL}
network pair {{
  population A : gap_cell[2] {{ {';  '.join(given)} }}
  connect A[0] -- A[1].I by all_to_all with gap {{ g = {quantity(gap['value'], gap['unit'])} }}
{drives}
}}
experiment case {{
  network pair {{ A[0].V = {first['V0_mV']} mV;  A[1].V = {first['V1_mV']} mV }}
  record V of A[0] as V0 every {self.SAMPLE} ms
  record V of A[1] as V1 every {self.SAMPLE} ms
  run {case['protocol']['duration_ms']} ms with dt = {fine_step(case, self.STEP)} ms, coupling = joint, method = rosenbrock
}}
"""
        return [("case", text)]

    def compare(self, case, runs, rows):
        for i in range(2):
            trace = sorted(runs["case"].trace(f"V{i}").items())
            own = [t + (u - t) * -v / (w - v) for (t, v), (u, w) in zip(trace, trace[1:]) if v < 0 <= w]
            yield from compare.spike_checks(case["upcross_0mV_ms"][f"neuron{i}"], own, case["tolerance"]["spike_abs_ms"],
                                            f"cell {i}, dt = {fine_step(case, self.STEP)} ms")
