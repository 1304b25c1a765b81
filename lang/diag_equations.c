/* Messages about equations of higher order, tables and files of values, delayed values and signals (204x, 304x). */
#include <string.h>

#include "lang/diag.h"

static void declared_here(Session *s, Diag *d, const char *name, Span decl) {
  if (decl.to) diag_note(s, d, decl, "`%s` is declared here", name);
}

void diag_derivative_declared(Session *s, Span span, const char *name, bool not_state, int most) {
  if (not_state) {
    Diag *d = diag_new(s, DIAG_DERIVATIVE_DECLARED, span, "only a state has derivatives, not this `%s`", name);
    diag_hint(s, d, "Write `state %s = …, %s' = …`.", name, name);
    return;
  }
  Diag *d = diag_new(s, DIAG_DERIVATIVE_DECLARED, span, "an equation for `%s` of more than order %d", name, most);
  diag_hint(s, d, "Write it as several equations of lower order.");
}

void diag_start_of(Session *s, Span span, const char *name, const char *kind, Span decl) {
  if (!kind) {
    Diag *d = diag_new(s, DIAG_START_OF, span, "a setting gives `%s` its value at the start, at no other time", name);
    diag_hint(s, d, "Write `%s(0) = …`.", name);
    return;
  }
  Diag *d = diag_new(s, DIAG_START_OF, span, "`%s` is %s: only a state has a value at the start", name, kind);
  declared_here(s, d, name, decl);
  diag_hint(s, d, "Write `%s = …`.", name);
}

void diag_total_over(Session *s, Span span, const char *name, const char *bound, bool nothing, double count) {
  if (!nothing) {
    diag_new(s, DIAG_TOTAL_OVER, span, "`%s` over %.0f elements: an expression may have 65536 and 4 indices", name, count);
    return;
  }
  Diag *d = diag_new(s, DIAG_TOTAL_OVER, span, "nothing to take the `%s` over: no index is free here", name);
  if (bound)
    diag_hint(s, d, "`%s` stands for one element here: take the %s in a `let` of its own.", bound, name);
  else diag_hint(s, d, "`%s(g[k] * x[k])` goes over all of `index k = 1..3`; over the cells of a population: `record %s(E.V) as m`.",
            name, name);
}

void diag_two_candidates(Session *s, Span span, const char *name, Span first, Span second, bool import) {
  Diag *d = diag_new(s, DIAG_TWO_CANDIDATES, span,
                     import ? "two imports bring `%s`" : "`%s` is declared here, and an import brings it as well", name);
  if (import) diag_note(s, d, first, "one `%s`", name);
  diag_note(s, d, second, import ? "the other" : "the imported `%s`", name);
  diag_hint(s, d, "Give the import a name, and the file's names are `lab.%s`: `import \"…\" as lab`.", name);
}

void diag_noise_not_linear(Session *s, Span span, const char *state) {
  Diag *d = diag_new(s, DIAG_NOISE_NOT_LINEAR, span, "the equation of `%s` is no sum of factors times white_noise()", state);
  diag_hint(s, d, "White noise has no value at a time, so a function of it means nothing; give it a time constant: "
                  "`eta' = -eta / tau + sigma * white_noise()`, then `exp(eta)`.");
}

void diag_delayed_misplaced(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_DELAYED_MISPLACED, span, "delayed(x, d) can only stand in equations, lets and handlers of a component");
  diag_hint(s, d, "Name it there, `let past = delayed(x, 5 ms)`, and use the name.");
}

void diag_delayed_form(Session *s, Span span, bool constant) {
  Diag *d = diag_new(s, DIAG_DELAYED_FORM, span,
                     constant ? "this does not change during a run: its past is what it is"
                              : "a value is delayed by one step at least, so by a time above 0");
  diag_hint(s, d, "`delayed(x, d)` is the state or let `x` as it was `d` ago.");
}

void diag_delay_parts(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_DELAY_PARTS, span, "the parts of a delay stand in one sum");
  diag_hint(s, d, "Write `delay = axonal(0.5 ms) + dendritic(1 ms)`.");
}

void diag_synapse_sends(Session *s, Span span, const char *name, Span first) {
  bool twice = first.to > 0;
  Diag *d = diag_new(s, DIAG_SYNAPSE_SENDS, span, twice ? "`%s` sends twice" : "the synapse `%s` sends nothing", name);
  if (twice) diag_note(s, d, first, "first here");
  else diag_hint(s, d, "Add `on pre { send w }`.");
}

void diag_synapse_scope(Session *s, Span span, const char *name, bool pre, const char *what, Span decl) {
  const char *side = pre ? "pre" : "post";
  Diag *d = diag_new(s, DIAG_SYNAPSE_SCOPE, span, "`%s` exists once for each %ssynaptic cell, and this depends on %s", name, side, what);
  declared_here(s, d, name, decl);
  diag_hint(s, d, "Leave out `per %s`, and each synapse has one of its own.", side);
}

void diag_synapse_changes(Session *s, Span span, const char *name, bool pre, Span decl) {
  const char *side = pre ? "pre" : "post";
  Diag *d = diag_new(s, DIAG_SYNAPSE_SCOPE, span, "`%s` exists once for each %ssynaptic cell: only `on %s` can change it", name, side, side);
  declared_here(s, d, name, decl);
  diag_hint(s, d, "Leave out `per %s`, and each synapse has one of its own.", side);
}

void diag_synapse_streams(Session *s, Span span, const char *name, bool twice) {
  Diag *d = diag_new(s, DIAG_SYNAPSE_STREAMS, span, twice ? "`%s` streams twice" : "`%s` streams and sends", name);
  diag_hint(s, d, twice ? "One `stream` holds the sum: `stream a + b`." : "Two synapses do: one of them streams, the other one sends.");
}

void diag_stream_delay(Session *s, Span span, const char *name, Span stream) {
  Diag *d = diag_new(s, DIAG_SYNAPSE_STREAMS, span, "the synapse `%s` does not read its delay", name);
  diag_note(s, d, stream, "this is streamed");
  diag_hint(s, d, "What comes late is written `delayed(pre.V, delay)`.");
}

void diag_stream_mixed(Session *s, Span span, const char *text, const char *why) {
  Diag *d = diag_new(s, DIAG_STREAM_MIXED, span, "`%s` %s", text, why);
  diag_hint(s, d, "What is streamed is a sum of products, `weight * f(pre.V) * h(post.V)`; sin and cos may hold a sum of both sides.");
}

void diag_coupling_form(Session *s, Span span, const char *text, const char *nearest) {
  Diag *d = diag_new(s, DIAG_COUPLING_FORM, span, "a coupling is `held` or `joint`, not `%s`", text);
  if (nearest) diag_fix(d, span, nearest);
  diag_hint(s, d, "`held` keeps what flows between cells as it was at the step's begin; with `joint` their steps agree with each other.");
}

void diag_coupling_unused(Session *s, Span span, const char *experiment) {
  Diag *d = diag_new(s, DIAG_COUPLING_FORM, span, "nothing is coupled in the experiment `%s`", experiment);
  diag_hint(s, d, "`coupling` is of continuous synapses, those with `stream`; leave it out.");
}

void diag_undirected(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_UNDIRECTED, span, "an undirected connection needs a synapse that streams");
  diag_hint(s, d, "Write `A -- B.I by … with gap`, where `synapse gap { param g = 1 nS;  stream g * (pre.V - post.V) }`.");
}

void diag_synapse_input(Session *s, Span span, const char *synapse, const char *input, Span decl) {
  Diag *d = diag_new(s, DIAG_SYNAPSE_INPUT, span, "`%s` reads `%s`, which follows no signal here", synapse, input);
  diag_note(s, d, decl, "`%s` is declared here", input);
  diag_hint(s, d, "Say which signal it is: `with %s { %s = da }`, where the network has `signal da : …`.", synapse, input);
}

void diag_synapse_wanted(Session *s, Span span, const char *name, const char *what, Span decl) {
  Diag *d = diag_new(s, DIAG_SYNAPSE_WANTED, span, "`%s` is a %s, not a synapse", name, what);
  declared_here(s, d, name, decl);
}

void diag_signal_form(Session *s, Span span, const char *why) {
  Diag *d = diag_new(s, DIAG_SIGNAL_FORM, span, "this is no signal: %s", why);
  diag_hint(s, d, "Write `signal da : nM { da' = -da / tau;  on spike of E { da += b } }`.");
}

void diag_signal_driven(Session *s, Span span, const char *input, Span bound) {
  Diag *d = diag_new(s, DIAG_SIGNAL_DRIVEN, span, "the input `%s` follows a signal already", input);
  diag_note(s, d, bound, "it is bound here");
  diag_hint(s, d, "Give the neuron an input for each of them.");
}

void diag_unknown_synapse(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_SYNAPSE, span, "unknown synapse `%s`", name);
  if (nearest) {
    diag_hint(s, d, "Did you mean `%s`?", nearest);
    diag_fix(d, span, nearest);
  } else {
    diag_hint(s, d, "Leave out `with …`: the default synapse is static. Others are declared: `synapse s { weight w : pA;  on pre { send w } }`.");
  }
}

void diag_table_file(Session *s, Span span, const char *why, const char *hint) {
  Diag *d = diag_new(s, DIAG_TABLE_FILE, span, "%s", why);
  if (hint) diag_hint(s, d, "%s", hint);
}

void diag_unknown_column(Session *s, Span span, const char *column, const char *file, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_COLUMN, span, "%s has no column `%s`", file, column);
  if (!nearest) return;
  diag_hint(s, d, "Did you mean `%s`?", nearest);
  diag_fix(d, span, nearest);
}
