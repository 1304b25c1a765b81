/* Messages about networks, experiments and imports (5xxx). Numbers that are times come in ms. */
#include <string.h>

#include "lang/diag.h"

static void declared_here(Session *s, Diag *d, const char *name, Span decl) {
  if (decl.to) diag_note(s, d, decl, "`%s` is declared here", name);
}

static void did_you_mean(Session *s, Diag *d, Span span, const char *nearest) {
  if (!nearest) return;
  diag_hint(s, d, "Did you mean `%s`?", nearest);
  diag_fix(d, span, nearest);
}

/* "`exc`, `inh`", at most eight. */
static const char *list_of(Session *s, const char *const *words, size_t n) {
  const char *text = "";
  for (size_t i = 0; i < n && i < 8; i++)
    text = arena_printf(s->arena, "%s%s`%s`", text, i ? ", " : "", words[i]);
  return n > 8 ? arena_printf(s->arena, "%s, …", text) : text;
}

/* ---- blocks */

void diag_net_misplaced(Session *s, Span span, const char *what, const char *where, const char *hint) {
  Diag *d = diag_new(s, DIAG_NET_MISPLACED, span, "%s cannot stand in %s", what, where);
  if (hint) diag_hint(s, d, "%s", hint);
}

void diag_network_too_large(Session *s, Span span, double count, int limit) {
  Diag *d = diag_new(s, DIAG_NETWORK_TOO_LARGE, span, "this makes %.0f elements, a network may declare %d",
                     count, limit);
  diag_hint(s, d, "Populations hold any number of cells: index sets are for what has a name of its own.");
}

void diag_too_many_axes(Session *s, Span span, int limit) {
  diag_new(s, DIAG_TOO_MANY_AXES, span, "a name may have %d indices at most", limit);
}

/* ---- params, lets, tables */

void diag_net_value_form(Session *s, Span span, const char *what) {
  Diag *d = diag_new(s, DIAG_NET_VALUE_FORM, span, "%s of a network is a name with a value", what);
  diag_hint(s, d, "What changes in a run belongs to a neuron.");
}

void diag_let_domain(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_LET_DOMAIN, span, "`%s` is a let: it has no domain", name);
  diag_hint(s, d, "Give the domain to the params that it is made of.");
}

void diag_table_depth(Session *s, Span span, const char *name, uint32_t want, uint32_t got) {
  Diag *d = diag_new(s, DIAG_TABLE_FORM, span, "`%s` has %u %s, the table is %u deep here", name, want,
                     want == 1 ? "index" : "indices", got);
  diag_hint(s, d,
            want == 1 ? "Write one list: `[a, b, …]`."
                      : "Write a list of lists, one row for each element of the first set.");
}

void diag_table_length(Session *s, Span span, const char *name, const char *set, uint32_t want, uint32_t got,
                       const char *missing, Span decl) {
  Diag *d = diag_new(s, DIAG_TABLE_LENGTH, span,
                     "`%s` needs %u values, one for each element of `%s`: here are %u", name, want, set, got);
  declared_here(s, d, set, decl);
  if (missing) diag_hint(s, d, "The first without a value is `%s`.", missing);
}

void diag_table_of_scalar(Session *s, Span span, const char *name, Span decl) {
  Diag *d = diag_new(s, DIAG_TABLE_OF_SCALAR, span, "`%s` is one value, this is a table", name);
  declared_here(s, d, name, decl);
  diag_hint(s, d, "Give it an index to hold a table: `%s[k in 1..3] = […]`.", name);
}

/* ---- settings of an experiment */

void diag_unknown_override(Session *s, Span span, const char *name, const char *network,
                           const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_OVERRIDE, span, "network `%s` has no param `%s`", network, name);
  did_you_mean(s, d, span, nearest);
}

void diag_override_of_let(Session *s, Span span, const char *name, Span decl) {
  Diag *d =
      diag_new(s, DIAG_OVERRIDE_OF_LET, span, "`%s` is a let: only params can be set from outside", name);
  declared_here(s, d, name, decl);
}

void diag_setting_operator(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_SETTING_OPERATOR, span, "`%s` is given a value with `=` or `~`", name);
  diag_hint(s, d, "`+=`, `-=` and `*=` belong to handlers.");
}

/* ---- populations and their parts */

void diag_not_a_neuron(Session *s, Span span, const char *name, const char *what, Span decl) {
  Diag *d = diag_new(s, DIAG_NOT_A_NEURON, span, "`%s` is a %s: a population is made of neurons", name, what);
  declared_here(s, d, name, decl);
  diag_hint(s, d, "Put it into a neuron with `use`.");
}

void diag_population_size_missing(Session *s, Span span, const char *name, const char *component) {
  Diag *d = diag_new(s, DIAG_POPULATION_SIZE, span, "population `%s` has no size", name);
  diag_hint(s, d, "Write the number of cells in brackets: `%s[100]`.", component);
}

void diag_not_a_count(Session *s, Span span, const char *who, double value, double least, double most) {
  if (most < 1e15)
    diag_new(s, DIAG_NOT_A_COUNT, span, "%s must be a whole number from %.16g to %.16g, this is %.16g", who,
             least, most, value);
  else
    diag_new(s, DIAG_NOT_A_COUNT, span, "%s must be a whole number, %.16g or more, this is %.16g", who, least,
             value);
}

void diag_unknown_population(Session *s, Span span, const char *name, const char *nearest, const char *kind,
                             Span decl) {
  Diag *d = kind ? diag_new(s, DIAG_UNKNOWN_POPULATION, span, "`%s` is %s, not a population", name, kind)
                 : diag_new(s, DIAG_UNKNOWN_POPULATION, span, "there is no population `%s`", name);
  if (kind) declared_here(s, d, name, decl);
  did_you_mean(s, d, span, nearest);
}

void diag_population_expected(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_POPULATION_EXPECTED, span, "a population is wanted here");
  diag_hint(s, d, "Write `E`, `cell[L4e]`, `E[0..9]` or `(E, I)`.");
}

void diag_slice_form(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_SLICE_FORM, span, "a part of a population is one range or one position");
  diag_hint(s, d, "Write `E[0..9]` or `E[5]`; positions start at 0.");
}

void diag_slice_empty(Session *s, Span span, double from, double to) {
  Diag *d = diag_new(s, DIAG_SLICE_EMPTY, span, "there is nothing from %.16g to %.16g", from, to);
  diag_hint(s, d, "Both ends are included: write the smaller one first.");
}

void diag_group_twice(Session *s, Span span, const char *name) {
  diag_new(s, DIAG_GROUP_TWICE, span, "`%s` stands twice in this group", name);
}

void diag_population_as_network(Session *s, Span span, const char *name, Span network) {
  Diag *d = diag_new(s, DIAG_POPULATION_AS_NETWORK, span, "a population cannot have the name of its network");
  diag_note(s, d, network, "the network is named here");
  diag_hint(s, d, "Params of both are set by paths that begin with the name, as in `%s.g`.", name);
}

void diag_slice_outside(Session *s, Span span, const char *name, double size, double at, Span decl) {
  Diag *d = diag_new(s, DIAG_SLICE_OUTSIDE, span,
                     "`%s` has %.16g cells, the last is %.16g: there is no %.16g", name, size, size - 1, at);
  declared_here(s, d, name, decl);
}

/* ---- connections */

void diag_unknown_rule(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_RULE, span, "there is no rule `%s`", name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else
    diag_hint(
        s, d,
        "The rules: all_to_all, one_to_one, indegree(n), outdegree(n), total_number(n), probability(p), matrix(\"w.csv\").");
}

void diag_rule_arguments(Session *s, Span span, const char *rule, const char *arg) {
  if (arg) diag_new(s, DIAG_RULE_ARGUMENTS, span, "`%s` takes one argument: %s", rule, arg);
  else diag_new(s, DIAG_RULE_ARGUMENTS, span, "`%s` takes no arguments", rule);
}

void diag_unknown_link_setting(Session *s, Span span, const char *name, const char *of, const char *nearest) {
  Diag *d =
      diag_new(s, DIAG_UNKNOWN_LINK_SETTING, span, "%s has a weight and a delay, but no `%s`", of, name);
  did_you_mean(s, d, span, nearest);
}

void diag_weight_missing(Session *s, Span span, const char *port, const char *unit, Span decl) {
  Diag *d = diag_new(s, DIAG_WEIGHT_MISSING, span, "port `%s` wants a weight", port);
  declared_here(s, d, port, decl);
  diag_hint(s, d, "Add `weight = …` in braces (%s%s).", strcmp(unit, "a number") ? "in " : "", unit);
}

void diag_weight_not_taken(Session *s, Span span, const char *port, Span decl) {
  Diag *d = diag_new(s, DIAG_WEIGHT_NOT_TAKEN, span, "port `%s` takes no weight", port);
  declared_here(s, d, port, decl);
  diag_hint(s, d, "Leave it out, or give the port an argument: `receive %s(w : pA)`.", port);
}

void diag_delay_missing(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_DELAY_MISSING, span, "this connection has no delay");
  diag_hint(s, d, "Add `delay = 1 ms` in braces; the least is one step, `delay = dt`.");
}

void diag_delay_not_positive(Session *s, Span span, double ms) {
  Diag *d = diag_new(s, DIAG_DELAY_NOT_POSITIVE, span, "a delay must be positive, this is %.6g ms", ms);
  diag_hint(s, d, "The least delay is one step, `delay = dt`.");
}

void diag_delay_below_step(Session *s, Span span, double ms, double dt, Span run) {
  Diag *d =
      diag_new(s, DIAG_DELAY_BELOW_STEP, span, "a delay of %.6g ms is less than one step of %.6g ms", ms, dt);
  diag_note(s, d, run, "the step is given here");
  diag_hint(s, d, "Delays are rounded to whole steps: make the step smaller or the delay longer.");
}

void diag_port_missing(Session *s, Span span, const char *population, const char *const *ports, size_t n) {
  Diag *d =
      diag_new(s, DIAG_PORT_MISSING, span, "the port is missing: events go to a port of `%s`", population);
  if (n) diag_hint(s, d, "Its ports: %s. Write `%s.%s`.", list_of(s, ports, n), population, ports[0]);
  else diag_hint(s, d, "It has none: declare one in its neuron, `receive exc(w : pA) { … }`.");
}

void diag_unknown_port(Session *s, Span span, const char *name, const char *component, const char *nearest,
                       const char *const *ports, size_t n, Span decl) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_PORT, span, "`%s` has no port `%s`", component, name);
  declared_here(s, d, component, decl);
  if (nearest) did_you_mean(s, d, span, nearest);
  else if (n) diag_hint(s, d, "Its ports: %s.", list_of(s, ports, n));
  else diag_hint(s, d, "It has none: declare one with `receive %s(w : pA) { … }`.", name);
}

void diag_input_not_port(Session *s, Span span, const char *name, const char *component,
                         const char *const *ports, size_t n, Span decl) {
  Diag *d = diag_new(s, DIAG_INPUT_NOT_PORT, span, "`%s` of `%s` is an input: events go to a port", name,
                     component);
  declared_here(s, d, name, decl);
  if (n)
    diag_hint(s, d, "Its ports: %s. An input is driven with `constant(…)` or `step(…)`.",
              list_of(s, ports, n));
}

void diag_source_never_spikes(Session *s, Span span, const char *name, const char *component, Span decl) {
  Diag *d = diag_new(s, DIAG_SOURCE_NEVER_SPIKES, span, "`%s` never spikes", name);
  declared_here(s, d, component, decl);
  diag_hint(s, d, "A neuron spikes if it has `spike when …`.");
}

void diag_one_to_one_self(Session *s, Span span, const char *source, bool undirected) {
  Diag *d = diag_new(s, DIAG_ONE_TO_ONE_SELF, span, "`one_to_one` pairs each cell of `%s` with itself, and %s", source,
                     undirected ? "`--` couples pairs of different cells" : "`no self` leaves that out");
  diag_hint(s, d, "Pair two parts, as in `%s[0..4] %s %s[5..9]`, or take another rule: `all_to_all`, `probability(p)`.", source,
            undirected ? "--" : "->", source);
}

void diag_one_to_one_sizes(Session *s, Span span, const char *source, double n_source, const char *target,
                           double n_target) {
  diag_new(s, DIAG_ONE_TO_ONE_SIZES, span,
           "`one_to_one` wants equal sizes: `%s` has %.16g cells, `%s` has %.16g", source, n_source, target,
           n_target);
}

void diag_third_form(Session *s, Span span, const char *what, const char *hint) {
  Diag *d = diag_new(s, DIAG_THIRD_FORM, span, "%s", what);
  diag_hint(s, d, "%s", hint);
}

void diag_third_missing(Session *s, Span span, const char *synapse, const char *part, Span use) {
  Diag *d = diag_new(s, DIAG_THIRD_MISSING, span, "`%s` has a third part, and nobody is said to be it", synapse);
  diag_note(s, d, use, "used here");
  diag_hint(s, d, "Say who it is in the braces behind the synapse: `{ %s = A by pool(10) }`, A being a population.", part);
}

void diag_pool_rule(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_POOL_RULE, span, "a third part is chosen by `pool(n)` or by `block(n)`");
  diag_hint(s, d, "n is the number of cells around each target; a share of the synapses has one with `pool(n, probability = 0.5)`.");
}

void diag_pool_too_large(Session *s, Span span, double count, const char *population, double size) {
  Diag *d = diag_new(s, DIAG_POOL_TOO_LARGE, span, "a pool of %.16g, but `%s` has only %.16g", count, population, size);
  diag_hint(s, d, "All of them are around every target with %.16g.", size);
}

void diag_too_many_partners(Session *s, Span span, double count, const char *pool, double available) {
  Diag *d = diag_new(s, DIAG_TOO_MANY_PARTNERS, span, "%.16g partners, but `%s` offers only %.16g", count,
                     pool, available);
  diag_hint(s, d, "Without `no multiple` a cell can be chosen several times.");
}

void diag_too_many_connections(Session *s, Span span, double count, const char *source, const char *target,
                               double pairs) {
  Diag *d = diag_new(s, DIAG_TOO_MANY_CONNECTIONS, span,
                     "%.16g connections, but `%s` and `%s` have only %.16g pairs", count, source, target, pairs);
  diag_hint(s, d, "Without `no multiple` a pair can be connected several times.");
}

void diag_not_a_probability(Session *s, Span span, double value) {
  diag_new(s, DIAG_NOT_A_PROBABILITY, span, "a probability lies in [0, 1], this is %.6g", value);
}

/* ---- drives */

void diag_unknown_drive(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_DRIVE, span, "there is no source `%s`", name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else
    diag_hint(s, d,
              "The sources: constant, step, ramp, sine, chirp, pulses, noise, samples; poisson, times, spikes.");
}

void diag_source_argument(Session *s, Span span, const char *source, const char *name, const char *nearest,
                          const char *form) {
  Diag *d = diag_new(s, DIAG_SOURCE_ARGUMENT, span, "`%s` has no argument `%s`", source, name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "Write `%s`.", form);
}

void diag_source_lists(Session *s, Span span, uint32_t values, uint32_t times) {
  diag_new(s, DIAG_SOURCE_LISTS, span, "%u values begin at %u times; there must be one time for each value", values,
           times);
}

void diag_time_weights(Session *s, Span span, uint32_t weights, uint32_t times) {
  diag_new(s, DIAG_SOURCE_LISTS, span, "%u weights for %u times; there must be one weight for each time", weights, times);
}

void diag_times_delay(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_DRIVE_ARGUMENTS, span, "events with weights of their own have one delay for all targets");
  diag_hint(s, d, "Write `delay = …`, or a drive for each weight.");
}

void diag_pulse_width(Session *s, Span span, double width, double every) {
  diag_new(s, DIAG_PULSE_WIDTH, span, "a pulse of %.6g ms does not fit in a period of %.6g ms", width, every);
}

void diag_rate_noise(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_RATE_NOISE, span, "a rate cannot be noise: it would fall below 0");
  diag_hint(s, d, "Drive an input of a neuron that spikes at a rate (`spike at rate …`), and connect it.");
}

void diag_data_outside(Session *s, Span span, const char *path) {
  Diag *d = diag_new(s, DIAG_DATA_OUTSIDE, span, "`%s` lies outside of the folder of this file", path);
  diag_hint(s, d, "Data lie in the folder of the model or below; `--allow-read DIR` lets other folders be read.");
}

void diag_sample_columns(Session *s, Span span, uint32_t n) {
  Diag *d = diag_new(s, DIAG_SAMPLE_COLUMNS, span,
                     "samples of a CSV file need two columns with their units, here are %u", n);
  diag_hint(s, d, "Behind the source write `{ t : ms;  I : pA }`: the column of times, then that of the values.");
}

void diag_sample_time(Session *s, Span span, const char *name, const char *dim) {
  Diag *d = diag_new(s, DIAG_SAMPLE_TIME, span, "the first column is that of the times, `%s` is measured in %s", name,
                     dim);
  diag_hint(s, d, "Write `{ t : ms;  I : pA }`.");
}

void diag_sample_unit(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_SAMPLE_UNIT, span, "the unit of these samples is not known before the file is read");
  diag_hint(s, d, "A report (.h5) stands alone or as a summand; in a product, use a CSV file with its units in braces.");
}

void diag_events_alone(Session *s, Span span, const char *source) {
  Diag *d = diag_new(s, DIAG_EVENTS_ALONE, span, "`%s` sends events and stands alone behind `with`", source);
  diag_hint(s, d, "Several drives of one port add up.");
}

void diag_unknown_phase(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_PHASE, span, "no phase of this experiment is called `%s`", name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "A phase gets its name where it is run, `run 2 s as test`; times are written `during 1 s..2 s`.");
}

void diag_columns_unused(Session *s, Span span, const char *source) {
  Diag *d = diag_new(s, DIAG_COLUMNS_UNUSED, span, "`%s` reads no columns", source);
  diag_hint(s, d, "Columns with units belong to `samples(\"file.csv\")`.");
}

void diag_drive_arguments(Session *s, Span span, const char *name, const char *form) {
  Diag *d = diag_new(s, DIAG_DRIVE_ARGUMENTS, span, "these are not the arguments of `%s`", name);
  diag_hint(s, d, "Write `%s`.", form);
}

void diag_input_missing(Session *s, Span span, const char *population, const char *const *inputs, size_t n) {
  Diag *d = diag_new(s, DIAG_INPUT_MISSING, span, "the input is missing: a current goes to an input of `%s`",
                     population);
  if (n) diag_hint(s, d, "Its inputs: %s. Write `%s.%s`.", list_of(s, inputs, n), population, inputs[0]);
}

void diag_unknown_input(Session *s, Span span, const char *name, const char *component, const char *nearest,
                        const char *const *inputs, size_t n, Span decl) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_INPUT, span, "`%s` has no input `%s`", component, name);
  declared_here(s, d, component, decl);
  if (nearest) did_you_mean(s, d, span, nearest);
  else if (n) diag_hint(s, d, "Its inputs: %s.", list_of(s, inputs, n));
}

void diag_port_not_input(Session *s, Span span, const char *name, const char *component,
                         const char *const *inputs, size_t n, Span decl) {
  Diag *d = diag_new(s, DIAG_PORT_NOT_INPUT, span, "`%s` of `%s` is a port: a current goes to an input", name,
                     component);
  declared_here(s, d, name, decl);
  if (n)
    diag_hint(s, d, "Its inputs: %s. A port is driven with `poisson(…)` or `times([…])`.",
              list_of(s, inputs, n));
}

void diag_current_settings(Session *s, Span span, const char *source) {
  Diag *d = diag_new(s, DIAG_CURRENT_SETTINGS, span, "`%s` has no settings", source);
  diag_hint(s, d, "Weights and delays belong to events: `poisson(rate)`, `times([…])`.");
}

void diag_negative(Session *s, Span span, const char *who, double value, const char *unit) {
  diag_new(s, DIAG_NEGATIVE, span, "%s must not be negative, this is %.6g %s", who, value, unit);
}

void diag_not_positive(Session *s, Span span, const char *who, double ms) {
  diag_new(s, DIAG_NOT_POSITIVE, span, "%s must be positive, this is %.6g ms", who, ms);
}

void diag_times_order(Session *s, Span span, double ms, double before) {
  diag_new(s, DIAG_TIMES_ORDER, span, "event times must not fall: %.6g ms stands after %.6g ms", ms, before);
}

void diag_step_order(Session *s, Span span, double from, double to) {
  diag_new(s, DIAG_STEP_ORDER, span, "a step must end after it begins: from %.6g ms to %.6g ms", from, to);
}

/* ---- experiments */

void diag_subject_missing(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_SUBJECT_MISSING, span, "experiment `%s` has nothing to run", name);
  diag_hint(s, d, "Name a `network` or a `neuron` in it.");
}

void diag_subject_twice(Session *s, Span span, Span before) {
  Diag *d = diag_new(s, DIAG_SUBJECT_TWICE, span, "an experiment has one network or neuron");
  diag_note(s, d, before, "first here");
}

void diag_unknown_network(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_NETWORK, span, "there is no network `%s`", name);
  did_you_mean(s, d, span, nearest);
}

void diag_not_a_network(Session *s, Span span, const char *name, const char *kind, Span decl,
                        bool is_neuron) {
  Diag *d = diag_new(s, DIAG_NOT_A_NETWORK, span, "`%s` is %s, not a network", name, kind);
  declared_here(s, d, name, decl);
  if (is_neuron) diag_hint(s, d, "Write `neuron %s` to run one cell.", name);
}

void diag_run_missing(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_RUN_MISSING, span, "experiment `%s` runs nothing", name);
  diag_hint(s, d, "Add `run 1 s with dt = 0.1 ms`.");
}

void diag_dt_missing(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_DT_MISSING, span, "this run has no step");
  diag_hint(s, d, "Add `with dt = 0.1 ms`.");
}

void diag_unknown_run_setting(Session *s, Span span, const char *name, const char *nearest, bool fit) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_RUN_SETTING, span, "a %s has no setting `%s`", fit ? "fit" : "run", name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else if (fit) diag_hint(s, d, "A fit has `dt`, `seed`, `method` and `tolerance`.");
  else diag_hint(s, d, "A run has `dt`, `seed`, `seeds`, `method`, `tolerance`, `connectivity`, `jumps` and `coupling`.");
}

void diag_draws_alike(Session *s, Span span, const char *path, const char *other, Span before) {
  Diag *d = diag_new(s, DIAG_DRAWS_ALIKE, span, "`%s` and `%s` would be drawn alike: by chance their names have one number", path, other);
  diag_note(s, d, before, "`%s` is declared here", other);
  diag_hint(s, d, "Call one of them otherwise: a draw is made from the seed and a number of 32 bits of the name.");
}

void diag_seeds_form(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_SEEDS_FORM, span, "seeds are a range");
  diag_hint(s, d, "Write `seeds = 1..10`; for one run, `seed = 1`.");
}

void diag_seeds_many(Session *s, Span span, double n, double most) {
  Diag *d = diag_new(s, DIAG_SEEDS_FORM, span, "these are %.0f seeds: one experiment takes at most %.0f", n, most);
  diag_hint(s, d, "Each seed is a run with a folder of its own. Run it in parts: `--seed` gives another one.");
}

void diag_unknown_method(Session *s, Span span, const char *name, const char *nearest,
                         const char *const *methods, size_t n) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_METHOD, span, "there is no method `%s`", name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "The methods: %s. Without one the compiler chooses.", list_of(s, methods, n));
}

void diag_connectivity_form(Session *s, Span span, const char *text, const char *nearest) {
  Diag *d = diag_new(s, DIAG_CONNECTIVITY_FORM, span, "connectivity is `stored` or `procedural`, not `%s`", text);
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "Without it the synapses are stored if they fit in memory, else made anew at each spike.");
}

void diag_record_of_missing(Session *s, Span span, const char *text) {
  Diag *d = diag_new(s, DIAG_RECORD_OF_MISSING, span, "record %s of what?", text);
  diag_hint(s, d, "Write `record V of E every 1 ms`; sums are `record sum(E.V) as lfp every 1 ms`.");
}

void diag_record_spikes_form(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_RECORD_SPIKES_FORM, span,
                     "spikes are recorded as they come: they have no interval and no name");
  diag_hint(s, d, "Write `record spikes of E`; all of them are written to spikes.h5.");
}

void diag_spikes_twice(Session *s, Span span, const char *name, Span before) {
  Diag *d = diag_new(s, DIAG_SPIKES_TWICE, span, "the spikes of `%s` are recorded already", name);
  diag_note(s, d, before, "by this record");
}

void diag_record_total_form(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_RECORD_TOTAL_FORM, span, "`%s` records one variable of a population", name);
  diag_hint(s, d, "Write `record %s(E.V) as lfp every 1 ms`.", name);
}

void diag_total_populations(Session *s, Span span, const char *name, const char *first) {
  Diag *d = diag_new(s, DIAG_RECORD_TOTAL_FORM, span, "`%s` goes over the cells of one population or group, here `%s`", name, first);
  diag_hint(s, d, "Of several a group can be made: `%s((E, I).V)`.", name);
}

void diag_total_of_network(Session *s, Span span, const char *name, const char *value, Span decl) {
  Diag *d = diag_new(s, DIAG_RECORD_TOTAL_FORM, span, "`%s` is a value of the network, `%s` goes over values of cells", value, name);
  declared_here(s, d, value, decl);
  diag_hint(s, d, "Give it to the cells as a param of theirs.");
}

void diag_record_list(Session *s, Span span, const char *first) {
  Diag *d = diag_new(s, DIAG_NOT_A_NUMBER, span, "a record takes one value, not a list");
  diag_hint(s, d, "Write one record for each: `record %s …`, each on a line of its own.", first);
}

void diag_record_name_missing(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_RECORD_NAME_MISSING, span, "this record needs a name for its file");
  diag_hint(s, d, "Add `as NAME`.");
}

void diag_record_name_twice(Session *s, Span span, const char *name, Span before) {
  Diag *d = diag_new(s, DIAG_RECORD_NAME_TWICE, span, "two records would be written to `%s.h5`", name);
  if (before.to) diag_note(s, d, before, "first here");
  diag_hint(s, d, "Record them together, `record V of (E, I)`, or name one with `as NAME`.");
}

void diag_unknown_connections(Session *s, Span span, const char *name, const char *nearest, Span population) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_CONNECTIONS, span, "there are no connections called `%s`", name);
  if (population.to) diag_note(s, d, population, "`%s` is a population; weights belong to connections", name);
  if (nearest && !population.to) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "Name them: `connect ee: E -> E.exc by …`, then `record weight of ee every 1 s`.");
}

void diag_no_weights(Session *s, Span span, const char *name, const char *port, bool streams, Span decl) {
  if (streams) {
    Diag *stream = diag_new(s, DIAG_NO_WEIGHTS, span, "`%s` has no weights of its own in `stream %s`", name, port);
    diag_note(s, stream, decl, "connected here");
    diag_hint(s, stream, "Declare `weight g : nS` in the synapse, and let no param differ from synapse to synapse.");
    return;
  }
  Diag *d = port ? diag_new(s, DIAG_NO_WEIGHTS, span, "`%s` has no weights: port `%s` takes none", name, port)
                 : diag_new(s, DIAG_NO_WEIGHTS, span, "`%s` connects nothing here", name);
  diag_note(s, d, decl, port ? "the port is declared here" : "declared here");
}

void diag_no_states(Session *s, Span span, const char *path, const char *name, const char *nearest, bool weight, Span decl) {
  Diag *d = diag_new(s, DIAG_NO_STATES, span, "`%s` is no state of the synapses of `%s`", name, path);
  diag_note(s, d, decl, "they are declared here");
  if (weight) diag_hint(s, d, "It is their weight: `record weight of %s`.", path);
  else if (nearest) diag_hint(s, d, "Did you mean `%s`?", nearest);
  else diag_hint(s, d, "States and weights of synapses are recorded: `record weight of %s`.", path);
}

void diag_label_twice(Session *s, Span span, const char *path) {
  diag_new(s, DIAG_LABEL_TWICE, span, "the synapses of `%s` are named twice here", path);
}

void diag_weights_fixed(Session *s, Span span, const char *path, Span decl) {
  Diag *d = diag_new(s, DIAG_WEIGHTS_FIXED, span, "the weights of `%s` never change, so there is nothing to freeze", path);
  diag_note(s, d, decl, "no handler and no equation of its synapses changes a weight");
}

void diag_every_off_grid(Session *s, Span span, double ms, double dt, Span run) {
  Diag *d = diag_new(s, DIAG_EVERY_OFF_GRID, span,
                     "%.6g ms between samples is no multiple of the step of %.6g ms", ms, dt);
  diag_note(s, d, run, "the step is given here");
}

void diag_expect_form(Session *s, Span span, bool joined) {
  Diag *d = diag_new(s, DIAG_EXPECT_FORM, span, "an interval or a comparison is wanted");
  diag_hint(s, d, joined ? "Write an `expect` for each condition: all must hold."
                         : "Write `expect rate(E) in [4 Hz, 6 Hz]` or `expect rate(E) > 4 Hz`.");
}

void diag_unknown_measure(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_MEASURE, span, "there is no measure `%s`", name);
  if (nearest) did_you_mean(s, d, span, nearest);
  else diag_hint(s, d, "The measures: rate, cv_isi, spikes, latency, correlation, fano, synchrony; min, max, mean, value.");
}

void diag_measure_arguments(Session *s, Span span, const char *name, bool values, const char *argument) {
  Diag *d = diag_new(s, DIAG_MEASURE_ARGUMENTS, span, "these are not the arguments of `%s`", name);
  diag_hint(s, d, "Write `%s(%s%s%s%s)`: %s.", name, values ? "E.V" : "E", *argument ? ", " : "", argument,
            *argument ? strcmp(argument, "at") == 0 ? " = 100 ms" : " = 5 ms" : "",
            values ? "a variable of one population or group" : "one population or group");
}

void diag_during_form(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_DURING_FORM, span, "a range of time is wanted");
  diag_hint(s, d, "Write `during 200 ms..700 ms`.");
}

void diag_window_empty(Session *s, Span span, double from, double to) {
  diag_new(s, DIAG_WINDOW_EMPTY, span, "nothing counts: it starts at %.6g ms, and the end is at %.6g ms",
           from, to);
}

void diag_window_beyond(Session *s, Span span, double to, double end) {
  Diag *d = diag_new(s, DIAG_WINDOW_BEYOND, span, "it is to count until %.6g ms, but the run ends at %.6g ms", to, end);
  diag_hint(s, d, "`after` counts from a time to the end, however long the run is.");
}

/* ---- imports */

void diag_import_outside(Session *s, Span span, const char *path) {
  Diag *d = diag_new(s, DIAG_IMPORT_OUTSIDE, span, "`%s` is outside of this file's folder", path);
  diag_hint(s, d, "Move it into the folder, or allow its folder with --allow-read DIR.");
}

void diag_import_cycle(Session *s, Span span, const char *path) {
  diag_new(s, DIAG_IMPORT_CYCLE, span, "files import each other in a circle: %s", path);
}

void diag_import_depth(Session *s, Span span, int limit) {
  diag_new(s, DIAG_IMPORT_DEPTH, span, "imports are nested more than %d deep", limit);
}

void diag_import_hash(Session *s, Span span, const char *path, const char *found, bool well_formed) {
  Diag *d = well_formed ? diag_new(s, DIAG_IMPORT_HASH, span,
                                   "`%s` is not the file that was meant: its hash differs", path)
                        : diag_new(s, DIAG_IMPORT_HASH, span, "a sha256 hash has 64 hexadecimal digits");
  diag_hint(s, d, "The hash of the file is %s.", found);
}

void diag_pair_value(Session *s, Span span, const char *name, const char *with) {
  Diag *d = diag_new(s, DIAG_PAIR_VALUE, span, "`%s` is not known of these connections", name);
  diag_hint(s, d, "It is known %s.", with);
}

void diag_node_value(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_PAIR_VALUE, span, "`%s` is not known here", name);
  diag_hint(s, d, "It is known in the settings of a population whose cells are `at nodes(\"nodes.h5\")`.");
}

void diag_mask_misplaced(Session *s, Span span, const char *rule) {
  Diag *d = diag_new(s, DIAG_MASK_MISPLACED, span, "a condition over pairs does not go with `%s`", rule);
  diag_hint(s, d, "It leaves out pairs of all_to_all, probability(p), indegree(n), outdegree(n), total_number(n), matrix and edges.");
}

void diag_places_missing(Session *s, Span span, const char *population, Span decl) {
  Diag *d = diag_new(s, DIAG_PLACES_MISSING, span, "the cells of `%s` have no places", population);
  declared_here(s, d, population, decl);
  diag_hint(s, d, "Write `at grid(20, 20, spacing = 50 um)`, `at uniform_in(box(1 mm, 1 mm))` or `at csv(\"places.csv\") um` behind the population.");
}

void diag_acts_on_host(Session *s, Span span, const char *name, const char *input, Span decl) {
  Diag *d = diag_new(s, DIAG_ACTS_ON_HOST, span, "`%s` changes its input `%s`, which is a state of what has it as a part", name, input);
  declared_here(s, d, input, decl);
  diag_hint(s, d, "Put it into a neuron with `use`, or make `%s` a state of its own.", input);
}

void diag_subject_kind(Session *s, Span span, const char *name, const char *what, Span decl) {
  Diag *d = diag_new(s, DIAG_SUBJECT_KIND, span, "`%s` is a %s", name, what);
  declared_here(s, d, name, decl);
  diag_hint(s, d, "Write `%s %s`.", what, name);
}

void diag_own_step(Session *s, Span span, int most_parts, int most_steps) {
  Diag *d = diag_new(s, DIAG_OWN_STEP, span, "this is no step of a population");
  diag_hint(s, d, "Write a whole part or a whole multiple of the run's step in numbers, `dt / 4` or `10 * dt`: from dt / %d to %d * dt.", most_parts, most_steps);
}

void diag_own_step_with(Session *s, Span span, const char *population, const char *what) {
  Diag *d = diag_new(s, DIAG_OWN_STEP_WITH, span, "`%s` has a step of its own, and %s", population, what);
  diag_hint(s, d, "Give the population the run's step: leave its `step` out.");
}

void diag_places(Session *s, Span span, const char *what, const char *hint) {
  Diag *d = diag_new(s, DIAG_PLACES, span, "%s", what);
  if (hint) diag_hint(s, d, "%s", hint);
}
