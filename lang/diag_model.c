/* Messages about names (2xxx) and dynamics (4xxx). */
#include <string.h>

#include "lang/diag.h"

static void did_you_mean(Session *s, Diag *d, Span span, const char *nearest) {
  if (!nearest) return;
  diag_hint(s, d, "Did you mean `%s`?", nearest);
  diag_fix(d, span, nearest);
}

static void declared_here(Session *s, Diag *d, const char *name, Span decl) {
  if (decl.to) diag_note(s, d, decl, "`%s` is declared here", name);
}

/* ---- 2xxx names */

/* Has this line been told the same already? */
static bool told_on_line(const Session *s, DiagCode code, Span span, const char *text) {
  for (uint32_t i = 0; i < s->diags.n; i++) {
    const Diag *d = s->diags.at[i];
    const Source *source = source_at(s, span.from);
    if (d->code != code || strcmp(d->text, text) != 0 || !source || source_at(s, d->span.from) != source)
      continue;
    Span between = d->span.to <= span.from ? (Span){d->span.to, span.from} : (Span){span.to, d->span.from};
    if (between.to >= between.from &&
        !memchr(source->text + (between.from - source->base), '\n', between.to - between.from))
      return true;
  }
  return false;
}

/* `10*ms`: a number times what is only a unit; the blank that is meant replaces the `*`. */
static void unit_of_product(Session *s, Diag *d, Span span, const char *name) {
  diag_hint(s, d, "`%s` is a unit: units follow a number, as in `1 %s`.", name, name);
  const Source *source = source_at(s, span.from);
  uint32_t at = source ? span.from - source->base : 0;
  const char *text = source ? source->text : "";
  while (at > 0 && text[at - 1] == ' ') at--;
  if (at == 0 || text[at - 1] != '*') return;
  for (at--; at > 0 && text[at - 1] == ' ';) at--;
  uint32_t digit = at;
  while (digit > 0 && ((text[digit - 1] >= '0' && text[digit - 1] <= '9') || text[digit - 1] == '.')) digit--;
  bool name_before = digit > 0 && (text[digit - 1] == '_' || (text[digit - 1] & 0x80) || ((text[digit - 1] | 32) >= 'a' &&
                                                                                          (text[digit - 1] | 32) <= 'z'));
  if (digit < at && !name_before) diag_fix(d, (Span){source->base + at, span.from}, " ");
}

void diag_unknown_name(Session *s, Span span, const char *name, const char *nearest, bool is_unit) {
  if (told_on_line(s, DIAG_UNKNOWN_NAME, span, arena_printf(s->arena, "unknown name `%s`", name))) return;
  Diag *d = diag_new(s, DIAG_UNKNOWN_NAME, span, "unknown name `%s`", name);
  if (is_unit)
    unit_of_product(s, d, span, name);
  else if (diag_habit(name))
    diag_hint(s, d, "%s", diag_habit(name));
  else
    did_you_mean(s, d, span, nearest);
}

void diag_unknown_function(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_FUNCTION, span, "unknown function `%s`", name);
  if (diag_habit(name)) diag_hint(s, d, "%s", diag_habit(name));
  else did_you_mean(s, d, span, nearest);
}

void diag_unknown_component(Session *s, Span span, const char *name, const char *nearest) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_COMPONENT, span, "unknown component `%s`", name);
  if (diag_habit(name)) diag_hint(s, d, "%s", diag_habit(name));
  else did_you_mean(s, d, span, nearest);
}

void diag_unknown_member(Session *s, Span span, const char *base, const char *kind, const char *name,
                         const char *nearest, Span decl) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_MEMBER, span, "`%s` is %s and has no `%s`", base, kind, name);
  declared_here(s, d, base, decl);
  did_you_mean(s, d, span, nearest);
}

void diag_no_member(Session *s, Span span, const char *name) {
  diag_new(s, DIAG_UNKNOWN_MEMBER, span, "there is no `%s` in it: only parts and imported files have members",
           name);
}

void diag_unknown_label(Session *s, Span span, const char *label, const char *set, const char *nearest,
                        Span decl) {
  Diag *d = diag_new(s, DIAG_UNKNOWN_LABEL, span, "`%s` is not a label of `%s`", label, set);
  declared_here(s, d, set, decl);
  did_you_mean(s, d, span, nearest);
}

void diag_declared_twice(Session *s, Span span, const char *name, Span before) {
  Diag *d = diag_new(s, DIAG_DECLARED_TWICE, span, "`%s` is declared twice", name);
  if (before.to) diag_note(s, d, before, "first here");
}

void diag_cycle(Session *s, Span span, const char *path) {
  diag_new(s, DIAG_CYCLE, span, "defined in a circle: %s", path);
}

void diag_not_a_value(Session *s, Span span, const char *name, const char *kind, Span decl) {
  Diag *d = diag_new(s, DIAG_NOT_A_VALUE, span, "`%s` is %s, not a value", name, kind);
  declared_here(s, d, name, decl);
}

void diag_not_a_component(Session *s, Span span, const char *name, const char *kind, Span decl) {
  Diag *d =
      diag_new(s, DIAG_NOT_A_COMPONENT, span, "`%s` is %s, not a component that can stand here", name, kind);
  declared_here(s, d, name, decl);
}

void diag_not_a_function(Session *s, Span span, const char *name, const char *kind, Span decl) {
  Diag *d = diag_new(s, DIAG_NOT_A_FUNCTION, span,
                     kind ? "`%s` is %s, not a function" : "`%s` is not a function", name, kind);
  declared_here(s, d, name, decl);
  if (kind) diag_hint(s, d, "To multiply, write `%s * (…)`.", name);
}

void diag_fn_not_called(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_FN_NOT_CALLED, span, "`%s` is a function: its arguments are missing", name);
  diag_hint(s, d, "Write `%s(…)`.", name);
}

void diag_fn_recursive(Session *s, Span span, const char *name, Span decl) {
  Diag *d =
      diag_new(s, DIAG_FN_RECURSIVE, span, "`%s` calls itself: functions are inlined and cannot recur", name);
  declared_here(s, d, name, decl);
}

void diag_name_wanted(Session *s, Span span) { diag_new(s, DIAG_NAME_WANTED, span, "a name is wanted here"); }

void diag_statement_misplaced(Session *s, Span span, const char *what, const char *where) {
  Diag *d = diag_new(s, DIAG_STATEMENT_MISPLACED, span, "%s cannot stand in %s", what, where);
  if (strncmp(what, "an assignment", strlen("an assignment")) == 0)
    diag_hint(s, d,
              "A constant is declared as `param tau = 10 ms`, an expression as `let x = …`, a state as "
              "`state x = …`.");
  if (strcmp(what, "`on`") == 0 && strstr(where, "neuron"))
    diag_hint(
        s, d,
        "A neuron spikes with `spike when COND { … }`, and events arrive at `receive exc(w : pA) { … }`.");
}

void diag_setting_target(Session *s, Span span, const char *name, const char *component, const char *kind,
                         Span decl) {
  Diag *d =
      diag_new(s, DIAG_SETTING_TARGET, span, "`%s` of `%s` is %s and cannot be set", name, component, kind);
  declared_here(s, d, name, decl);
  diag_hint(s, d, "Params can be set, and states to their value at the start.");
}

void diag_setting_unknown(Session *s, Span span, const char *name, const char *component, const char *nearest,
                          Span decl) {
  Diag *d = diag_new(s, DIAG_SETTING_UNKNOWN, span, "`%s` has no `%s` to set", component, name);
  declared_here(s, d, component, decl);
  did_you_mean(s, d, span, nearest);
}

void diag_setting_twice(Session *s, Span span, const char *name, Span before) {
  Diag *d = diag_new(s, DIAG_SETTING_TWICE, span, "`%s` is set twice", name);
  if (before.to) diag_note(s, d, before, "first here");
}

void diag_setting_form(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_SETTING_FORM, span, "only settings can stand in these braces");
  diag_hint(s, d, "Write `name = value` or `name ~ draw`.");
}

void diag_not_a_set(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_NOT_A_SET, span, "`%s` is not an index set", name);
  Unit unit;
  if (unit_parse_quiet(name, &unit) == NULL) {
    diag_hint(s, d, "A unit follows a number, as in `10 %s`; brackets name index sets.", name);
    return;
  }
  diag_hint(s, d, "Declare it: `index %s = 1..3`, or `index %s = { A, B }`.", name, name);
}

void diag_set_wanted(Session *s, Span span) {
  diag_new(s, DIAG_SET_WANTED, span,
           "an index set is a range, as in `1..3`, or a set of labels, as in `{ A, B }`");
}

void diag_label_wanted(Session *s, Span span) {
  diag_new(s, DIAG_LABEL_WANTED, span, "a set in braces holds words only");
}

void diag_not_in_set(Session *s, Span span, const char *element, const char *set, Span decl) {
  Diag *d = diag_new(s, DIAG_NOT_IN_SET, span, "%s is not an element of `%s`", element, set);
  declared_here(s, d, set, decl);
}

void diag_range_bad(Session *s, Span span, double from, double to, int limit) {
  if (to < from)
    diag_new(s, DIAG_RANGE_BAD, span, "the range from %g to %g is empty", from, to);
  else
    diag_new(s, DIAG_RANGE_BAD, span, "an index set has at most %d elements, these are %.0f", limit,
             to - from + 1);
}

void diag_index_count(Session *s, Span span, const char *name, uint32_t want, uint32_t got, Span decl) {
  Diag *d = diag_new(s, DIAG_INDEX_COUNT, span, "`%s` has %u ind%s, here are %u", name, want,
                     want == 1 ? "ex" : "ices", got);
  declared_here(s, d, name, decl);
}

void diag_index_missing(Session *s, Span span, const char *name, uint32_t want, Span decl) {
  Diag *d = diag_new(s, DIAG_INDEX_MISSING, span, "`%s` needs its ind%s in brackets", name,
                     want == 1 ? "ex" : "ices");
  declared_here(s, d, name, decl);
}

void diag_not_indexed(Session *s, Span span, const char *name, Span decl) {
  Diag *d = diag_new(s, DIAG_NOT_INDEXED, span, "`%s` has no indices", name);
  declared_here(s, d, name, decl);
}

void diag_chain_too_long(Session *s, Span span, const char *name, int limit) {
  Diag *d = diag_new(s, DIAG_CHAIN_TOO_LONG, span,
                     "`%s` ends a chain of more than %d names that each need a later one", name, limit);
  diag_hint(s, d, "Declare them in the order in which they are needed.");
}

void diag_list_length(Session *s, Span span, uint32_t want, uint32_t got, const char *set, Span decl) {
  Diag *d = diag_new(s, DIAG_LIST_LENGTH, span, "`%s` has %u elements, here are %u values", set, want, got);
  declared_here(s, d, set, decl);
}

/* ---- 4xxx dynamics */

void diag_input_written(Session *s, Span span, const char *input, const char *bound, Span decl) {
  Diag *d = diag_new(s, DIAG_INPUT_WRITTEN, span, "this part changes its input `%s`, which is bound to %s",
                     input, bound);
  if (decl.to) diag_note(s, d, decl, "it is changed here");
  diag_hint(s, d, "Bind it to a state.");
}

void diag_component_too_large(Session *s, Span span, uint32_t got, int limit) {
  Diag *d = diag_new(s, DIAG_COMPONENT_TOO_LARGE, span,
                     "with this part the component has %u variables, at most %d are possible", got, limit);
  diag_hint(s, d, "Many elements belong in a population.");
}

void diag_part_spikes(Session *s, Span span, const char *part, Span spike) {
  Diag *d = diag_new(s, DIAG_NOT_SUPPORTED, span, "not supported yet: a part that spikes (`%s`)", part);
  if (spike.to) diag_note(s, d, spike, "it spikes here");
  diag_hint(s, d, "Move the spike condition to the whole.");
}

void diag_equation_twice(Session *s, Span span, const char *name, Span before) {
  Diag *d = diag_new(s, DIAG_EQUATION_TWICE, span, "`%s` has two equations", name);
  if (before.to) diag_note(s, d, before, "the first is here");
}

void diag_equation_not_state(Session *s, Span span, const char *name, const char *kind, Span decl) {
  Diag *d =
      diag_new(s, DIAG_EQUATION_NOT_STATE, span, "`%s` is %s: only a state has an equation", name, kind);
  declared_here(s, d, name, decl);
}

void diag_equation_order(Session *s, Span span, const char *name, int primes, const char *why, Span decl) {
  Diag *d = diag_new(s, DIAG_EQUATION_ORDER, span, "an equation of order %d for `%s`: %s", primes, name, why);
  declared_here(s, d, name, decl);
}

void diag_primed_not_state(Session *s, Span span, const char *name, int primes) {
  Diag *d = diag_new(s, DIAG_PRIMED_NOT_STATE, span, "this derivative of `%s` is not a state", name);
  diag_hint(s, d, "It is one where an equation of higher order is given: `%s%.*s = …`.", name, primes + 1,
            "''''''''");
}

void diag_assign_target(Session *s, Span span, const char *name, const char *kind, Span decl) {
  Diag *d = diag_new(s, DIAG_ASSIGN_TARGET, span, "`%s` is %s: a handler changes states only", name, kind);
  declared_here(s, d, name, decl);
}

void diag_hold_target(Session *s, Span span, const char *name, const char *kind, Span decl) {
  Diag *d = diag_new(s, DIAG_HOLD_TARGET, span, "`%s` is %s: only a state can be held", name, kind);
  declared_here(s, d, name, decl);
}

void diag_gate_entry(Session *s, Span span, const char *gate, const char *entry) {
  Diag *d = diag_new(s, DIAG_GATE_ENTRY, span, "the gate `%s` knows no `%s`", gate, entry);
  diag_hint(s, d, "A gate has `alpha` and `beta`, or `steady` and `tau`.");
}

void diag_gate_form(Session *s, Span span, const char *gate) {
  Diag *d = diag_new(s, DIAG_GATE_FORM, span, "the gate `%s` is incomplete", gate);
  diag_hint(s, d, "A gate has `alpha` and `beta`, or `steady` and `tau`.");
}

void diag_input_unbound(Session *s, Span span, const char *input, const char *alias, const char *part,
                        Span decl) {
  Diag *d = diag_new(s, DIAG_INPUT_UNBOUND, span, "the input `%s` of `%s` is bound to nothing", input, part);
  declared_here(s, d, input, decl);
  diag_hint(s, d, "Declare `%s` here, or bind it: `use %s = %s { %s = … }`.", input, alias, part, input);
}

void diag_spike_twice(Session *s, Span span, Span before) {
  Diag *d = diag_new(s, DIAG_SPIKE_TWICE, span, "a component has one spike condition");
  if (before.to) diag_note(s, d, before, "the first is here");
  diag_hint(s, d, "Join conditions with `or`; the handler can tell them apart by `if`.");
}

void diag_value_missing(Session *s, Span span, const char *kind, const char *name) {
  Diag *d = diag_new(s, DIAG_VALUE_MISSING, span, "the %s `%s` needs a value", kind, name);
  diag_hint(s, d, "Write `%s %s = …`.", kind, name);
}

void diag_input_value(Session *s, Span span, const char *name) {
  diag_new(s, DIAG_INPUT_VALUE, span, "the input `%s` comes from outside and has no value of its own", name);
}

void diag_start_cycle(Session *s, Span span, const char *path) {
  Diag *d =
      diag_new(s, DIAG_START_CYCLE, span, "the initial values depend on each other in a circle: %s", path);
  diag_hint(s, d, "Give one of them a value of its own.");
}

void diag_receive_arguments(Session *s, Span span, const char *port) {
  diag_new(s, DIAG_RECEIVE_ARGUMENTS, span, "the port `%s` can have one argument only: the weight", port);
}

void diag_binder_needed(Session *s, Span span, const char *name) {
  diag_new(s, DIAG_BINDER_NEEDED, span,
           "the states `%s` are indexed: the equation must say for which, as in `%s[k]' = …`", name, name);
}
