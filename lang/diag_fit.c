/* Messages about fits (53xx). */
#include <string.h>

#include "lang/diag.h"

static void declared_here(Session *s, Diag *d, const char *name, Span decl) {
  if (decl.to) diag_note(s, d, decl, "`%s` is declared here", name);
}

static void did_you_mean(Session *s, Diag *d, Span span, const char *nearest) {
  diag_hint(s, d, "Did you mean `%s`?", nearest);
  diag_fix(d, span, nearest);
}

static const char *list_of(Session *s, const char *const *words, size_t n) {
  const char *text = "";
  for (size_t i = 0; i < n; i++) text = arena_printf(s->arena, "%s%s`%s`", text, i ? ", " : "", words[i]);
  return text;
}

/* ---- the block */

void diag_fit_missing(Session *s, Span span, const char *name, const char *what, const char *hint) {
  Diag *d = diag_new(s, DIAG_FIT_MISSING, span, "`%s` has %s", name, what);
  diag_hint(s, d, "%s", hint);
}

void diag_fit_twice(Session *s, Span span, const char *what, Span before) {
  Diag *d = diag_new(s, DIAG_FIT_TWICE, span, "`%s` stands here twice", what);
  diag_note(s, d, before, "first here");
  if (strcmp(what, "minimize") == 0) diag_hint(s, d, "Add them up in one `minimize`, or make a `stage` of each.");
  if (strcmp(what, "by") == 0) diag_hint(s, d, "Two optimizers are two stages: `stage coarse { … }`, `stage fine { … }`.");
}

void diag_fit_outside_stage(Session *s, Span span, const char *word) {
  Diag *d = diag_new(s, DIAG_FIT_TWICE, span, "this fit has stages: `%s` stands in them", word);
  diag_hint(s, d, "Write `stage NAME { minimize …;  by … }`.");
}

void diag_fit_random(Session *s, Span span, const char *name, Span decl) {
  Diag *d = diag_new(s, DIAG_FIT_RANDOM, span, "`%s` is free, and cannot be drawn as well", name);
  if (decl.to) diag_note(s, d, decl, "here");
  diag_hint(s, d, "Give it a declared value, or free the mean or the width of what it is drawn from.");
}

/* ---- recordings */

void diag_data_form(Session *s, Span span, const char *nearest) {
  Diag *d = diag_new(s, DIAG_DATA_FORM, span, "recordings are read from `csv(…)`, `hdf5(…)` or `nwb(…)`");
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "Write `data rec = csv(\"step.csv\") { t : ms;  I : pA;  V : mV }`.");
}

void diag_data_file(Session *s, Span span, const char *form) {
  Diag *d = diag_new(s, DIAG_DATA_FORM, span, "`%s` takes the name of a file in double quotes", form);
  diag_hint(s, d, strcmp(form, "csv") == 0 ? "Each file is a sweep: `csv(\"one.csv\", \"two.csv\")`."
                                           : "The file comes first, then its sweeps: `%s(\"cell.%s\", …)`.",
            form, strcmp(form, "nwb") == 0 ? "nwb" : "h5");
}

void diag_sweep_form(Session *s, Span span, bool nwb) {
  Diag *d = diag_new(s, DIAG_DATA_FORM, span, nwb ? "which sweeps of the file?" : "which groups of the file?");
  diag_hint(s, d, nwb ? "A sweep is a number, `3..7`, or a name: `nwb(\"cell.nwb\", 3, \"pulse\")`."
                      : "A sweep is a group with a dataset for each column: `hdf5(\"cell.h5\", \"sweep_1\", \"sweep_2\")`.");
}

void diag_sweep_number(Session *s, Span span, double most) {
  diag_new(s, DIAG_DATA_FORM, span, "a sweep is a whole number from 0 to %.0f, or a name in double quotes", most);
}

void diag_data_index(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_DATA_FORM, span, "one name stands for the sweep, or two for the cell and its sweep");
  diag_hint(s, d, "Write `data %s[s] = …`, or `data %s[c, s] = …`; the sweeps are those that follow.", name, name);
}

void diag_data_cells(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_DATA_FORM, span, "each source is a cell of its own, and nothing names them");
  diag_hint(s, d, "Write `data %s[c, s] = …`, or all sweeps of one cell in one source.", name);
}

void diag_validate_cells(Session *s, Span span, uint32_t cells, uint32_t found, Span data) {
  Diag *d = diag_new(s, DIAG_DATA_FORM, span, "the recordings are of %u cell%s, these of %u", cells, cells == 1 ? "" : "s", found);
  diag_note(s, d, data, "the cells stand here");
  diag_hint(s, d, "Sweeps to validate stand in as many sources, in the same order.");
}

void diag_validate_form(Session *s, Span span, const char *form, const char *data, Span decl) {
  Diag *d = diag_new(s, DIAG_DATA_FORM, span, "the recordings are `%s`, these are `%s`", data, form);
  diag_note(s, d, decl, "the columns are those of this `data`");
}

void diag_data_column(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_DATA_COLUMN, span, "a column is a name with its unit");
  diag_hint(s, d, "Write `{ t : ms;  I : pA;  V : mV }`.");
}

void diag_data_times(Session *s, Span span, Span before) {
  Diag *d = diag_new(s, DIAG_DATA_COLUMN, span, "two columns are times");
  diag_note(s, d, before, "the other one");
  diag_hint(s, d, "The column whose unit is one of time says when the samples were taken.");
}

void diag_data_columns(Session *s, Span span, bool values) {
  Diag *d = diag_new(s, DIAG_DATA_COLUMN, span, values ? "no column says when the samples were taken" : "no column has values");
  diag_hint(s, d, "Add %s: `{ t : ms;  I : pA;  V : mV }`.", values ? "one whose unit is that of a time" : "what was measured");
}

void diag_recording_column_unused(Session *s, Span span, const char *data, const char *column) {
  Diag *d = diag_new(s, DIAG_RECORDING_UNUSED, span, "nothing uses `%s.%s`", data, column);
  diag_hint(s, d, "A column that is not needed can be left out.");
}

/* ---- events */

void diag_events_form(Session *s, Span span, const char *nearest) {
  Diag *d = diag_new(s, DIAG_DATA_EVENTS, span, "events are times in the file, or where a column rises through a level");
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "Write `events s : ms` or `events s = crossings(V, 0 mV)`.");
}

void diag_events_unit(Session *s, Span span, const char *name, Dim dim) {
  Diag *d = diag_new(s, DIAG_DATA_EVENTS, span, "events are times, and this is the unit of %s", dim_text(s, dim));
  diag_hint(s, d, "Write `events %s : ms`, or find them in a column: `events %s = crossings(V, 0 mV)`.", name, name);
}

void diag_events_column(Session *s, Span span, const char *nearest, const char *first) {
  Diag *d = diag_new(s, DIAG_DATA_EVENTS, span, "what crosses a level is a column of the same recordings, by its name alone");
  if (nearest) did_you_mean(s, d, span, nearest);
  else if (first) diag_hint(s, d, "Write `crossings(%s, …)`.", first);
}

void diag_events_wanted(Session *s, Span span, const char *who, const char *data, const char *only, bool any) {
  Diag *d = diag_new(s, DIAG_EVENTS_WANTED, span, "%s is a list of events of the recordings", who);
  if (only) {
    diag_hint(s, d, "Write `%s.%s`.", data, only);
    diag_fix(d, span, arena_printf(s->arena, "%s.%s", data, only));
  } else if (!any) {
    diag_hint(s, d, "Say where they are in the braces of `data`: `events s : ms`, or `events s = crossings(V, 0 mV)`.");
  }
}

void diag_no_spikes(Session *s, Span span, const char *component, Span decl) {
  Diag *d = diag_new(s, DIAG_FIT_SPIKES, span, "`%s` has no `spike`: nothing would happen at these times", component);
  declared_here(s, d, component, decl);
}

void diag_spikes_differ(Session *s, Span span, const char *events, Span before) {
  Diag *d = diag_new(s, DIAG_FIT_SPIKES, span, "the neuron fires at `%s` already", events);
  diag_note(s, d, before, "here");
  diag_hint(s, d, "One list of events fires it in all of the fit.");
}

void diag_fit_random_spikes(Session *s, Span span, const char *component, const char *data, Span decl) {
  Diag *d = diag_new(s, DIAG_FIT_RANDOM, span, "a fitted neuron cannot be random: `%s` spikes at random", component);
  if (decl.to) diag_note(s, d, decl, "here");
  diag_hint(s, d, "Let it fire as it did in the recording: `drive spike with %s.s`, with `events s = crossings(V, 0 mV)` in the braces of `data`.",
            data);
}

void diag_loglik_threshold(Session *s, Span span, const char *component, Span decl) {
  Diag *d = diag_new(s, DIAG_FIT_SPIKES, span, "spikes have a likelihood where they are random, and `%s` fires when a condition holds", component);
  if (decl.to) diag_note(s, d, decl, "here");
  diag_hint(s, d, "Give it escape noise: `spike at rate 1/ms * exp((V - V_th) / Delta)`.");
}

void diag_except_form(Session *s, Span span, const char *data) {
  Diag *d = diag_new(s, DIAG_EXCEPT_FORM, span, "what is left out is a range of times around events");
  diag_hint(s, d, "Write `except -2 ms..4 ms around %s.s`.", data);
}

/* ---- drives */

void diag_fit_drive(Session *s, Span span, const char *data) {
  Diag *d = diag_new(s, DIAG_FIT_DRIVE, span, "in a fit an input follows a recording as it stands, or has one value throughout");
  diag_hint(s, d, "Write `drive I with %s.I` or `drive I with 50 pA`.", data);
}

void diag_fit_driven_twice(Session *s, Span span, const char *input, Span before) {
  Diag *d = diag_new(s, DIAG_FIT_DRIVE, span, "`%s` is driven already", input);
  diag_note(s, d, before, "here");
}

/* ---- what is free */

void diag_free_kind(Session *s, Span span, const char *name, const char *kind, bool state, Span decl) {
  Diag *d = diag_new(s, DIAG_FREE_KIND, span, "`%s` is %s and cannot be free", name, kind);
  declared_here(s, d, name, decl);
  if (state) {
    diag_hint(s, d, "Its value at the start can: `%s(0)`.", name);
    diag_fix(d, span, arena_printf(s->arena, "%s(0)", name));
  } else {
    diag_hint(s, d, "Params that are quantities, and values at the start such as `V(0)`, can be free.");
  }
}

void diag_free_start_of(Session *s, Span span, const char *name, const char *kind, Span decl) {
  if (kind) {
    Diag *d = diag_new(s, DIAG_FREE_KIND, span, "`%s` is %s: only a state has a value at the start", name, kind);
    declared_here(s, d, name, decl);
    diag_hint(s, d, "Write `free %s`.", name);
  } else {
    Diag *d = diag_new(s, DIAG_FREE_KIND, span, "of `%s` the value at the start can be free, at no other time", name);
    diag_hint(s, d, "Write `%s(0)`.", name);
    diag_fix(d, span, arena_printf(s->arena, "%s(0)", name));
  }
}

void diag_free_twice(Session *s, Span span, const char *path, Span before) {
  Diag *d = diag_new(s, DIAG_FREE_TWICE, span, "`%s` is free already", path);
  diag_note(s, d, before, "here");
}

void diag_searched_twice(Session *s, Span span, const char *path) {
  diag_new(s, DIAG_FREE_TWICE, span, "this stage looks for `%s` already", path);
}

void diag_searched_not_free(Session *s, Span span, const char *path) {
  Diag *d = diag_new(s, DIAG_FREE_KIND, span, "`%s` is not free in this fit", path);
  diag_hint(s, d, "A stage looks for some of what the fit has free: add `free %s in [a, b]` there.", path);
}

void diag_searched_bounds(Session *s, Span span, const char *path, Span decl) {
  Diag *d = diag_new(s, DIAG_FREE_BOUNDS, span, "bounds of `%s`, and all else that is said of it, stand in the fit", path);
  diag_note(s, d, decl, "here");
  diag_hint(s, d, "In a stage `free %s` alone says that it is looked for there.", path);
}

void diag_searched_never(Session *s, Span span, const char *path) {
  Diag *d = diag_new(s, DIAG_FREE_IDLE, span, "no stage looks for `%s`", path);
  diag_hint(s, d, "Every stage says by `free` what it looks for, and none names it: leave it out, or add it to one.");
}

void diag_free_prior(Session *s, Span span, const char *path) {
  Diag *d = diag_new(s, DIAG_FREE_BOUNDS, span, "what is known of `%s` beforehand is a mean and a standard deviation above 0", path);
  diag_hint(s, d, "Write `free %s ~ normal(mean, sd)`.", path);
}

void diag_free_prior_idle(Session *s, Span span, const char *path) {
  Diag *d = diag_new(s, DIAG_FREE_BOUNDS, span, "no stage makes use of what is known of `%s` beforehand", path);
  diag_hint(s, d, "The option `l2` of an optimizer says how much it counts: `by lm(l2 = 0.01)`, or 0.5 beside a likelihood.");
}

void diag_free_interval(Session *s, Span span, const char *path) {
  Diag *d = diag_new(s, DIAG_FREE_BOUNDS, span, "the bounds of `%s` are an interval", path);
  diag_hint(s, d, "Write `free %s in [a, b]`.", path);
}

void diag_free_bounds(Session *s, Span span, const char *path, const char *bound, Span decl) {
  Diag *d = diag_new(s, DIAG_FREE_BOUNDS, span, "`%s` needs bounds: its domain ends at `%s`, which is no number", path, bound);
  diag_note(s, d, decl, "the domain is declared here");
  diag_hint(s, d, "Write `free %s in [a, b]`.", path);
}

void diag_free_outside(Session *s, Span span, const char *path, const char *domain, Span decl) {
  Diag *d = diag_new(s, DIAG_FREE_BOUNDS, span, "`%s` must lie in %s: these bounds go further", path, domain);
  diag_note(s, d, decl, "the domain is declared here");
}

void diag_free_start(Session *s, Span span, const char *path, double value, const char *unit, const char *bounds, Span decl) {
  Diag *d = diag_new(s, DIAG_FREE_BOUNDS, span, "`%s` starts at %.6g%s%s, outside of its bounds", path, value, *unit ? " " : "", unit);
  diag_note(s, d, decl, "the bounds are %s", bounds);
  diag_hint(s, d, "Set it in the braces of `neuron`, widen the bounds, or draw the starts: `by … from 32 starts`.");
}

void diag_free_per(Session *s, Span span, const char *word, const char *data, const char *index, Span decl) {
  Diag *d = diag_new(s, DIAG_FREE_PER, span, "there is no index `%s` of sweeps", word);
  if (*index) {
    did_you_mean(s, d, span, index);
  } else {
    diag_note(s, d, decl, "the recordings have no index");
    diag_hint(s, d, "Write `data %s[%s] = …`.", data, word);
  }
}

void diag_free_idle(Session *s, Span span, const char *path, bool start) {
  Diag *d = diag_new(s, DIAG_FREE_IDLE, span, "no objective of this fit depends on `%s`", path);
  diag_hint(s, d, start ? "In a residual the state follows the recording, wherever it starts."
                        : "Nothing that is minimized changes with it: leave it out, or add a term that shows it.");
}

/* ---- the objective */

void diag_unknown_term(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_TERM, span, "a fit has no measure `%s`", name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else
    diag_hint(s, d, "What this version can minimize: `mean(EXPR)` over the steps of all sweeps, "
                    "`residual(V, given = rec.V, over = 0.5 ms)`, `loglik(spike, given = rec.s)`, and of the neuron's own spikes "
                    "`van_rossum(spike, given = rec.s, tau = 10 ms)`, `count(spike, given = rec.s)`, `rate`, `latency`, `last`.");
}

void diag_term_arguments(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_TERM_ARGUMENTS, span, "these are not the arguments of `%s`", name);
  static const struct {
    const char *name, *hint;
  } forms[] = {{"mean", "Write `mean((V - rec.V)^2)`: one expression over the neuron and its recordings."},
               {"residual", "Write `residual(V, given = rec.V, over = 0.5 ms)`."},
               {"loglik", "Write `loglik(spike, given = rec.s)`, with `events s = crossings(V, 0 mV)` in the braces of `data`."}};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (strcmp(name, forms[i].name) == 0) diag_hint(s, d, "%s", forms[i].hint);
}

void diag_residual_state(Session *s, Span span, const char *name, const char *kind, bool state, Span decl) {
  Diag *d = diag_new(s, DIAG_TERM_ARGUMENTS, span, "a residual is what is left over in an equation, and `%s` has none", name);
  if (decl.to && !state) diag_note(s, d, decl, "`%s` is %s", name, kind);
  if (decl.to && state) diag_note(s, d, decl, "the state is declared here, without an equation");
}

void diag_residual_given(Session *s, Span span, const char *data, const char *state) {
  Diag *d = diag_new(s, DIAG_TERM_ARGUMENTS, span, "what is given is a column of the recordings as it stands");
  diag_hint(s, d, "Write `given = %s.%s`.", data, state);
}

void diag_residual_over(Session *s, Span span, double over, double dt, Span step) {
  Diag *d = diag_new(s, DIAG_TERM_ARGUMENTS, span, "%.6g ms is less than a step of %.6g ms", over, dt);
  diag_note(s, d, step, "the step is given here");
  diag_hint(s, d, "About 0.5 ms does well: long enough to average noise, short beside a spike.");
}

void diag_objective_step(Session *s, Span span, const char *text) {
  Diag *d = diag_new(s, DIAG_OBJECTIVE, span, "`%s` has a value for each step, the objective is one number", text);
  diag_hint(s, d, "Take a mean over the steps: `mean(…)`.");
}

void diag_objective_constant(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_OBJECTIVE, span, "this objective does not depend on a run");
  diag_hint(s, d, "Write `minimize mean((V - rec.V)^2) / (1 mV)^2`.");
}

void diag_objective_dimension(Session *s, Span span, Dim dim) {
  Diag *d = diag_new(s, DIAG_OBJECTIVE, span, "an objective is a plain number, this is %s", dim_text(s, dim));
  diag_hint(s, d, "Divide each term by what would be a usual size of it: `mean((V - rec.V)^2) / (1 mV)^2`.");
}

/* ---- constraints, teacher forcing */

void diag_constrain_form(Session *s, Span span, const char *instead) {
  Diag *d = diag_new(s, DIAG_CONSTRAINT, span, "this is no constraint");
  if (instead) diag_hint(s, d, "Write `%s`: at the bound itself nothing is violated.", instead);
  else diag_hint(s, d, "Write `EXPR == 0`, `EXPR <= 0`, `EXPR >= 0` or `EXPR in [a, b]`; each thing that must hold is a statement of its own.");
}

void diag_constrain_bound(Session *s, Span span, const char *value, const char *bound) {
  Diag *d = diag_new(s, DIAG_CONSTRAINT, span, "`%s` is compared with a constant, and `%s` is none", value, bound);
  diag_hint(s, d, "Bring all that varies to the left: `%s - (%s)`, compared with 0.", value, bound);
}

void diag_constrain_weight(Session *s, Span span) {
  diag_new(s, DIAG_CONSTRAINT, span, "a weight is a number from 0 on that is known when the model is compiled");
}

void diag_constrain_idle(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_CONSTRAINT_IDLE, span, "nothing that is free in this fit can change this");
  diag_hint(s, d, "Leave it out, or make free what it is about.");
}

void diag_force_state(Session *s, Span span, const char *name, const char *kind, Span decl) {
  Diag *d = diag_new(s, DIAG_FORCE, span, "what is forced is a state with an equation, and `%s` is none", name);
  if (decl.to) diag_note(s, d, decl, "`%s` is %s, declared here", name, kind);
}

void diag_force_towards(Session *s, Span span, const char *data, const char *state) {
  Diag *d = diag_new(s, DIAG_FORCE, span, "a state is forced towards a column of the recordings as it stands");
  diag_hint(s, d, "Write `force %s towards %s.%s at 5/ms`.", state, data, state);
}

void diag_force_rate(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_FORCE, span, "this rate forces nothing");
  diag_hint(s, d, "Write a positive rate: stages with 20, 5, 1 and 0.2/ms, then one without `force`.");
}

void diag_force_idle(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_FORCE, span, "nothing runs freely in this stage, so nothing can be forced");
  diag_hint(s, d, "In a residual the state is the recording itself. Minimize a `mean(…)`, or leave `force` out.");
}

void diag_field_form(Session *s, Span span, const char *arg) {
  Diag *d = diag_new(s, DIAG_FIELD, span, "what a field depends on needs the interval in which it lies");
  diag_hint(s, d, "Write `field u(%s in [a, b]) = mlp(8, scale = 100 pA)`, with at most four such arguments.", arg);
}

void diag_field_argument(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_FIELD, span, "a field is a function of `t`, or of what varies in the neuron, and `%s` is neither", name);
  diag_hint(s, d, "States, lets and inputs may stand here.");
}

void diag_field_interval(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_FIELD, span, "`%s` needs two finite bounds that are known when the model is compiled", name);
  diag_hint(s, d, "The network sees -1 at the lower and 1 at the upper one; outside it goes on.");
}

void diag_field_network(Session *s, Span span, unsigned layers, unsigned width) {
  Diag *d = diag_new(s, DIAG_FIELD, span, "this is no small network");
  diag_hint(s, d, "Write `mlp(8, scale = 100 pA)`: one to %u layers of 1 to %u units each, `scale` a usual size of the value; `weights` as a fit has filled them in.", layers, width);
}

void diag_field_weights(Session *s, Span span, unsigned wanted, unsigned given) {
  diag_new(s, DIAG_FIELD, span, "this network has %u weights, and %u are given", wanted, given);
}

/* ---- optimizers */

void diag_unknown_optimizer(Session *s, Span span, const char *name, const char *nearest, const char *const *words, size_t n) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_OPTIMIZER, span, "there is no optimizer `%s`", name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "The optimizers: %s.", list_of(s, words, n));
}

void diag_unknown_option(Session *s, Span span, const char *optimizer, const char *name, const char *nearest,
                         const char *const *words, size_t n) {
  Diag *d = name ? diag_new(s, DIAG_OPTIMIZER_OPTION, span, "`%s` has no option `%s`", optimizer, name)
                 : diag_new(s, DIAG_OPTIMIZER_OPTION, span, "options of `%s` are named", optimizer);
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "The options: %s.", list_of(s, words, n));
}

void diag_option_validate(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_OPTIMIZER_OPTION, span, "`patience` looks at sweeps that are not fitted, and there are none");
  diag_hint(s, d, "Name some: `validate csv(\"other.csv\")`.");
}

void diag_option_range(Session *s, Span span, const char *name, double least, double most, bool whole) {
  diag_new(s, DIAG_OPTIMIZER_OPTION, span, "`%s` is a %snumber from %.10g to %.10g", name, whole ? "whole " : "", least, most);
}

void diag_by_setting(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_OPTIMIZER_OPTION, span, "there is no setting `%s` of an optimizer", name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "Its options stand in brackets, `by lm(steps = 20)`; behind `with` stands `gradient = forward` or `reverse`.");
}

void diag_gradient_kind(Session *s, Span span, const char *nearest) {
  Diag *d = diag_new(s, DIAG_GRADIENT_KIND, span, "a gradient is `forward` or `reverse`, and of spikes `exact_events` or `surrogate(…)`");
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "Without it the compiler chooses, by their costs.");
}

void diag_network_surrogate_range(Session *s, Span span, const char *name, double most) {
  if (most < 1e300) diag_new(s, DIAG_SURROGATE, span, "`%s` is a number above 0 and up to %g", name, most);
  else diag_new(s, DIAG_SURROGATE, span, "`%s` is a number above 0", name);
}

void diag_network_surrogate(Session *s, Span span, const char *form) {
  Diag *d = diag_new(s, DIAG_SURROGATE, span, "in a network a gradient is that of a surrogate: a shape and its width");
  diag_hint(s, d, "%s", form);
}

void diag_network_surrogate_missing(Session *s, Span span, const char *form) {
  Diag *d = diag_new(s, DIAG_SURROGATE, span, "spikes have no derivative: what stands for it in this network?");
  diag_hint(s, d, "%s `cmaes` needs none.", form);
}

void diag_gradient_differs(Session *s, Span span, const char *before) {
  diag_new(s, DIAG_GRADIENT_KIND, span, "the gradients of a fit are all of one kind, and one is `%s` already", before);
}

/* ---- spikes */

void diag_spikes_none(Session *s, Span span, const char *what, const char *neuron) {
  Diag *d = diag_new(s, DIAG_SPIKE_GRADIENT, span, "`%s` has no spikes whose derivative could be taken", neuron);
  diag_hint(s, d, "Leave `%s` out, or declare `spike when V > -20 mV` in the neuron.", what);
}

void diag_spikes_form(Session *s, Span span, const char *what, Span cond) {
  Diag *d = diag_new(s, DIAG_SPIKE_GRADIENT, span, "`%s` needs a condition with two sides, one of which rises through the other", what);
  diag_note(s, d, cond, "this is the spike's condition");
  diag_hint(s, d, "Write it as one comparison: `spike when V > V_th`.");
}

void diag_spike_gradient_differs(Session *s, Span span, Span before) {
  Diag *d = diag_new(s, DIAG_SPIKE_GRADIENT, span, "the spikes of a fit are differentiated in one way");
  diag_note(s, d, before, "and here in another");
}

void diag_surrogate_form(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_SPIKE_GRADIENT, span, "a surrogate has a shape and a width");
  diag_hint(s, d, "Write `surrogate(gaussian, width = 1 mV)`.");
}

void diag_surrogate_shape(Session *s, Span span, const char *nearest, const char *const *words, size_t n) {
  Diag *d = diag_new(s, DIAG_SPIKE_GRADIENT, span, "there is no surrogate of this shape");
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "The shapes: %s.", list_of(s, words, n));
}

void diag_surrogate_width(Session *s, Span span) { diag_new(s, DIAG_SPIKE_GRADIENT, span, "the width of a surrogate is above 0"); }

void diag_feature_arguments(Session *s, Span span, const char *name, const char *form, bool spikes) {
  Diag *d = diag_new(s, DIAG_TERM_ARGUMENTS, span, "these are not the arguments of `%s`", name);
  diag_hint(s, d, "Write `%s(%s)`%s.", name, form, spikes ? ", with `events s = crossings(V, 0 mV)` in the braces of `data`" : "");
}

void diag_feature_given(Session *s, Span span, const char *name, const char *data) {
  Diag *d = diag_new(s, DIAG_TERM_ARGUMENTS, span, "`given` of `%s` is a recording, or a number", name);
  diag_hint(s, d, "Write `given = %s.V`, the column with which it is compared, or the value that is wanted.", data);
}

void diag_feature_jumps(Session *s, Span span, const char *name, const char *neuron, Span spike) {
  Diag *d = diag_new(s, DIAG_TERM_ARGUMENTS, span, "spikes of `%s` change its states: they have no course of which `%s` could be taken", neuron, name);
  diag_note(s, d, spike, "this is what a spike does");
  diag_hint(s, d, "Compare times of spikes, and V between them by `mean(…)` with `except`; or take a neuron whose equations make the spike.");
}

void diag_feature_positive(Session *s, Span span, const char *argument, const char *name) {
  diag_new(s, DIAG_TERM_ARGUMENTS, span, "`%s` of `%s` is above 0", argument, name);
}

void diag_feature_gradient(Session *s, Span span, const char *name, bool asked, bool moves, bool counts) {
  Diag *d = diag_new(s, DIAG_SPIKE_GRADIENT, span, asked ? "`%s` has no derivative by this way to differentiate spikes"
                                                         : "`%s` has no derivative unless it is said how spikes are differentiated", name);
  diag_hint(s, d, moves && counts ? "Add `gradient = exact_events` or `gradient = surrogate(gaussian, width = 1 mV)` behind `by … with`, or take `cmaes`."
                  : moves         ? "Add `gradient = exact_events` behind `by … with`, or take `cmaes`."
                                  : "Add `gradient = surrogate(gaussian, width = 1 mV)` behind `by … with`, or take `cmaes`.");
}

void diag_reset_form(Session *s, Span span, const char *nearest) {
  Diag *d = diag_new(s, DIAG_SPIKE_GRADIENT, span, "a reset is `differentiated` or `detached`");
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "Without it, it is differentiated.");
}

void diag_spikes_given(Session *s, Span span, Span given) {
  Diag *d = diag_new(s, DIAG_SPIKE_GRADIENT, span, "spikes that a recording gives do not move");
  diag_note(s, d, given, "they are given here");
  diag_hint(s, d, "Leave it out: what the neuron does between them is differentiated as it stands.");
}

void diag_reset_idle(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_SPIKE_GRADIENT, span, "only with a surrogate is there a choice of how the reset is differentiated");
  diag_hint(s, d, "Add `gradient = surrogate(gaussian, width = 1 mV)`, or leave it out.");
}

void diag_not_squares_of_measures(Session *s, Span span, Span by) {
  Diag *d = diag_new(s, DIAG_NOT_SQUARES, span, "`lm` needs a sum of squares of measures, and this is something else");
  diag_note(s, d, by, "the optimizer is chosen here");
  diag_hint(s, d, "Write it as `(rate(E) - 10 Hz)^2 / (1 Hz)^2 + 0.1 * …^2`, factors being positive numbers, or take another optimizer, such as `lbfgs`.");
}

void diag_not_squares(Session *s, Span span, const char *optimizer, Span by, bool negative) {
  Diag *d = diag_new(s, DIAG_NOT_SQUARES, span, negative ? "`%s` needs a sum of squares, and a term has a negative factor here"
                                                         : "`%s` needs means of squares, and this is something else", optimizer);
  diag_note(s, d, by, "the optimizer is chosen here");
  diag_hint(s, d, negative ? "Take another optimizer, such as `lbfgs`."
                           : "Write it as `mean(x^2)` with all factors outside, or take another optimizer, such as `lbfgs`.");
}
