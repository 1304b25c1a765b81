"""Random well-typed NSL programs: generate.program(seed) -> text. The same seed gives the same text.

Expressions are made by dimension, from the top: whatever is asked for (mV, pA, nS, ms, 1/ms, a number) is a literal, a name that is
in sight, a sum of two such, a product of things whose dimensions give it, a function of a number. So every program passes the checker;
sizes are kept small so that it also runs. Used by metamorphic.py."""
import random

LITERAL = {"mV": (-80, 40), "pA": (-300, 500), "nS": (1, 50), "ms": (1, 50), "1": (-2, 2), "1/ms": (0.01, 1), "pF": (50, 300)}


class Program:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.n = 0
        self.lines = []
        self.fns = []

    def name(self, stem):
        self.n += 1
        return f"{stem}_{'abcdefghijklmnopqrstuvwxyz'[self.n % 26]}{self.n}"

    def literal(self, dim):
        low, high = LITERAL[dim]
        x = self.r.choice([round(self.r.uniform(low, high), self.r.randrange(3)), float(round(self.r.uniform(low, high)))])
        if dim in ("nS", "ms", "pF", "1/ms") and x <= 0:
            x = 1.0
        text = f"{x:g}"
        if dim == "1":
            return text if x >= 0 else f"({text})"
        number = text + (dim[1:] if dim == "1/ms" else f" {dim}")
        return number if x >= 0 else f"({number})"

    def condition(self, names, depth):
        dim = self.r.choice(["mV", "1"])
        a = f"{self.expr(dim, names, depth - 1)} {self.r.choice(['<', '>', '>=', '<='])} {self.expr(dim, names, depth - 1)}"
        if depth > 1 and self.r.random() < 0.3:
            return f"{a} {self.r.choice(['and', 'or'])} not ({self.condition(names, depth - 1)})"
        return a

    def expr(self, dim, names, depth):
        """An expression of the dimension over names: {name: dimension}."""
        r = self.r
        fit = [n for n, d in names.items() if d == dim]
        if depth <= 0 or r.random() < 0.15:
            return r.choice(fit) if fit and r.random() < 0.8 else self.literal(dim)
        again = lambda d: self.expr(d, names, depth - 1)  # noqa: E731
        forms = [lambda: f"({again(dim)} {r.choice('+-')} {again(dim)})", lambda: f"{again('1')} * {again(dim)}",
                 lambda: f"(if {self.condition(names, depth - 1)} then {again(dim)} else {again(dim)})",
                 lambda: f"{r.choice(['min', 'max'])}({again(dim)}, {again(dim)})", lambda: f"-({again(dim)})"]
        if dim == "mV":
            forms += [lambda: f"({again('pA')}) / ({self.literal('nS')})", lambda: f"{again('1/ms')} * {self.literal('mV')} * {self.literal('ms')}"]
        if dim == "pA":
            forms += [lambda: f"{self.literal('nS')} * ({again('mV')})"]
        if dim == "1/ms":
            forms = [lambda: f"1 / {self.literal('ms')}", lambda: self.literal("1/ms"), lambda: f"exp(-abs({again('1')})) / {self.literal('ms')}"]
            forms += [lambda f=f: f"{f}({again('mV')})" for f in self.fns]
        if dim == "1":
            forms += [lambda: f"({again('mV')}) / ({self.literal('mV').strip('()').lstrip('-')} + 100 mV)",
                      lambda: f"{r.choice(['tanh', 'sigmoid', 'sin', 'cos', 'abs'])}({again('1')})", lambda: f"clip({again('1')}, -1, 1)^2",
                      lambda: f"exp(-abs({again('1')}))"]
        return r.choice(forms)()

    def put(self, line=""):
        self.lines.append(line)

    def function(self):
        f = self.name("law")
        self.put(f"fn {f}(V in mV) -> 1/ms = {self.r.uniform(0.01, 0.5):.3g} / (1 + exp(-(V + {self.r.randrange(20, 60)}) / {self.r.randrange(5, 20)}))")
        self.fns.append(f)

    def channel(self):
        c, g = self.name("chan"), self.name("gbar")
        self.put(f"\nchannel {c} {{\n  param {g} = {self.r.randrange(1, 9)} nS in [0 nS, inf)\n  param E_rev = {self.r.randrange(-90, 60)} mV")
        self.put("  input V : mV")
        if len(self.fns) > 1:
            self.put(f"  gate q {{ alpha = {self.fns[0]}(V);  beta = {self.fns[1]}(V) }}")
        else:
            self.put(f"  gate q {{ steady = sigmoid((V + 40 mV) / (10 mV));  tau = {self.r.randrange(1, 9)} ms }}")
        self.put(f"  let I = {g} * q^{self.r.randrange(1, 4)} * (V - E_rev)\n}}")
        return c, g

    def neuron(self, channels):
        r, cell = self.r, self.name("cell")
        names = {}
        self.put(f"\n## A random cell.\nneuron {cell} {{")
        capacity, tau, rest = self.name("cap"), self.name("tau"), self.name("rest")
        self.put(f"  param {capacity} = {r.randrange(100, 300)} pF in (0 pF, inf)\n  param {tau} = {r.randrange(5, 30)} ms in (0 ms, inf)")
        self.put(f"  param {rest} = -{r.randrange(60, 80)} mV")
        names.update({rest: "mV"})
        for _ in range(r.randrange(3)):
            p, dim = self.name("par"), r.choice(["mV", "pA", "1"])
            self.put(f"  param {p} = {self.literal(dim)}")
            names[p] = dim
        self.put("  input I : pA")
        names["I"] = "pA"
        inner = dict(names)
        parts = [(c, self.name("part")) for c, _ in channels if r.random() < 0.6]
        for c, part in parts:
            self.put(f"  use {part} = {c}")
            inner[f"{part}.I"] = "pA"
        self.put(f"  state V = {rest}")
        names["V"] = inner["V"] = "mV"
        extra = []
        for _ in range(r.randrange(1, 4)):
            x, dim = self.name("var"), r.choice(["mV", "pA", "1"])
            self.put(f"  state {x} = 0" + ("" if dim == "1" else f" {dim}"))
            extra.append((x, dim))
            inner[x] = dim
        lets = []
        for _ in range(r.randrange(3)):
            x, dim = self.name("let"), r.choice(["mV", "pA", "1"])
            self.put(f"  let {x} = {self.expr(dim, inner, 2)}")
            lets.append((x, dim))
        for x, dim in lets:
            inner[x] = dim
        drive = self.expr("pA", inner, 2) if r.random() < 0.6 else f"I + {self.literal('pA')}"
        linear = r.random() < 0.4
        self.put(f"  V' = ({rest} - V) / {tau} + " + (f"I / {capacity}" if linear else f"clip({drive}, -400 pA, 600 pA) / {capacity}") +
                 "".join(f" - {part}.I / {capacity}" for _, part in parts))
        for x, dim in extra:
            grow = "" if linear or r.random() < 0.5 else f" + clip({self.expr(dim, inner, 2)}, -1{'' if dim == '1' else ' ' + dim}, 1{'' if dim == '1' else ' ' + dim}) / (5 ms)"
            self.put(f"  {x}' = -{x} / ({r.randrange(2, 40)} ms){grow}")
        port = self.name("port")
        self.put(f"  receive {port}(w : mV) {{ V += w }}")
        ports = [(port, "mV")]
        for x, dim in extra:
            if dim != "1" and r.random() < 0.6:
                port = self.name("port")
                self.put(f"  receive {port}(w : {dim}) {{ {x} += w }}")
                ports.append((port, dim))
        self.put(f"  spike when V >= -{r.randrange(45, 55)} mV {{\n    V = {rest}")
        if r.random() < 0.7:
            self.put(f"    hold V for {r.choice(['1 ms', '2 ms', '0.5 ms'])}")
        for x, dim in extra:
            if r.random() < 0.5:
                self.put(f"    {x} {r.choice(['+=', '-='])} {self.literal(dim)}")
        self.put("  }\n}")
        return cell, ports

    def network(self, cells):
        r = self.r
        self.put("\nnetwork net {")
        weight, delay = self.name("wgt"), self.name("dly")
        self.put(f"  param {weight} = {r.uniform(0.1, 2):.3g} mV\n  param {delay} = {r.choice(['1 ms', '1.5 ms', '0.3 ms'])}")
        pops = []
        for i, (cell, ports) in enumerate(cells):
            draw = f"V ~ {r.choice(['uniform(-70 mV, -50 mV)', 'normal(-60 mV, 5 mV)'])}" if r.random() < 0.7 else "V = -55 mV"
            self.put(f"  population P{i} : {cell}[{r.randrange(5, 30)}] {{ {draw} }}")
            pops.append((f"P{i}", ports))
        for source, _ in pops:
            target, ports = r.choice(pops)
            port, dim = r.choice(ports)
            rule = r.choice(["all_to_all", "indegree(3)", "probability(0.2)", "outdegree(2), no self", "total_number(20)"])
            value = weight if dim == "mV" else self.literal(dim)
            how = f"weight ~ normal(1, 0.2) * {value}" if r.random() < 0.3 else f"weight = {value}"
            self.put(f"  connect {source} -> {target}.{port} by {rule} {{ {how};  delay = {delay} }}")
        for pop, ports in pops:
            self.put(f"  drive {pop}.I with {r.choice(['constant', 'constant', 'step'])}({r.randrange(100, 500)} pA)")
            self.put(f"  drive {pop}.{ports[0][0]} with poisson({r.randrange(100, 900)} Hz) {{ weight = {r.uniform(0.5, 3):.2g} mV;  delay = {delay} }}")
        self.put("}")
        return pops

    def experiment(self, pops):
        self.put("\nexperiment run_it {\n  network net")
        self.put(f"  record spikes of ({', '.join(p for p, _ in pops)})" if len(pops) > 1 else f"  record spikes of {pops[0][0]}")
        self.put(f"  record V of {pops[0][0]}[0..2] every 1 ms")
        self.put(f"  run 60 ms with dt = 0.1 ms, seed = {self.r.randrange(1, 100)}\n}}")

    def text(self):
        self.put("language 1\n")
        for _ in range(self.r.randrange(3)):
            self.function()
        channels = [self.channel() for _ in range(self.r.randrange(3))]
        cells = [self.neuron(channels) for _ in range(self.r.randrange(1, 4))]
        self.experiment(self.network(cells))
        return "\n".join(self.lines) + "\n"


def program(seed):
    return Program(seed).text()


if __name__ == "__main__":
    import sys
    sys.stdout.write(program(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
