/* Messages about reactions (407x). */
#include "lang/diag.h"

static const struct {
  const char *text, *hint;
} faults[] = {
    [REACTION_SIDE] = {"a side of a reaction is a sum of states, or 0", "Write `ca + 2 * b <-> cab at kf, kb`, `ca -> 0 at k`, `0 -> ca at j`."},
    [REACTION_FACTOR] = {"a stoichiometric factor is a whole number from 1 on",
                         "What a reaction uses up stands on its left side, what it makes on its right; a part of a molecule does not react."},
    [REACTION_RATES_ONE] = {"a reaction `->` has one rate", "Write `a <-> b at forward, backward` for both ways."},
    [REACTION_RATES_TWO] = {"a reaction `<->` has two rates, forward and backward", "Write `a <-> b at forward, backward`, or `a -> b at forward`."},
    [REACTION_NOTHING] = {"this reaction changes nothing: both sides are equal", NULL},
    [REACTION_ORDER] = {"a reaction of more than 8 molecules", "Write the steps in which they meet."},
    [REACTION_STEADY_ORDER] = {"`kinetic steady` holds conversions of one state into another, one at a time",
                               "Where several molecules meet, or come from nowhere, there may be no steady state, or many: leave `steady` out and say where the states begin."},
    [REACTION_STEADY_REACH] = {"these states have no steady state that they share: not every one of them is reached from every other",
                               "Write the ways back, `a <-> b at forward, backward`, or leave `steady` out and say where the states begin."},
    [REACTION_STEADY_ELSEWHERE] = {"a state of `kinetic steady` takes part in this reaction as well", "All reactions that change it stand in `kinetic steady`."},
    [REACTION_STEADY_DRAWN] = {"a state of `kinetic steady` begins where its reactions leave it, not at what is drawn",
                               "Of the values that its states are declared with the sum counts: write one, such as `= 1`, or leave `steady` out."},
    [REACTION_STEADY_SET] = {"a state of `kinetic steady` begins where its reactions leave it, not at what is set",
                             "How many there are in all can be a param of the component: `state closed = N, open = 0`."},
    [REACTION_STEADY_MANY] = {"`kinetic steady` with more than 64 states that react with each other", "Leave `steady` out and say where the states begin."},
    [REACTION_STATEMENT] = {"`kinetic` holds reactions only", "Write `a + b <-> c at kf, kb`; everything else stands outside of the braces."},
};

void diag_reaction_form(Session *s, Span span, ReactionFault fault) {
  Diag *d = diag_new(s, DIAG_REACTION_FORM, span, "%s", faults[fault].text);
  if (faults[fault].hint) diag_hint(s, d, "%s", faults[fault].hint);
}

void diag_reaction_state(Session *s, Span span, const char *name, const char *kind, bool held, Span decl) {
  Diag *d = held ? diag_new(s, DIAG_REACTION_STATE, span, "`%s` of the part reacts, but stands for %s here", name, kind)
                 : diag_new(s, DIAG_REACTION_STATE, span, "`%s` is %s: only states react", name, kind);
  if (decl.to && held) diag_note(s, d, decl, "it reacts here");
  else if (decl.to) diag_note(s, d, decl, "`%s` is declared here", name);
  if (held) diag_hint(s, d, "Bind it to a state.");
  else diag_hint(s, d, "What is held constant belongs in the rate: `a -> b at k * %s`.", name);
}

void diag_reaction_equation(Session *s, Span span, const char *name, Span equation) {
  Diag *d = diag_new(s, DIAG_REACTION_EQUATION, span, "`%s` has reactions and an equation", name);
  diag_note(s, d, equation, "the equation");
  diag_hint(s, d, "Its reactions make its equation; a further flow is a reaction too: `0 -> %s at flow`.", name);
}

void diag_reaction_units(Session *s, Span span, const char *name, Dim dim, const char *other, Dim of_other) {
  Diag *d = diag_new(s, DIAG_REACTION_UNITS, span, "`%s` (%s) and `%s` (%s) cannot react: they are measured in different units", name,
                     dim_text(s, dim), other, dim_text(s, of_other));
  diag_hint(s, d, "What leaves one place and arrives in another is two reactions: `a -> 0 at k` and `0 -> b at k * a * factor`.");
}

void diag_reaction_count(Session *s, Span span, const char *name, CountFault fault, double value, Span decl) {
  Diag *d = NULL;
  if (fault == COUNT_UNIT) {
    d = diag_new(s, DIAG_REACTION_COUNT, span, "`%s` is no count: the states of `kinetic stochastic` are whole numbers", name);
    diag_hint(s, d, "Count molecules or channels: a concentration c in a volume v is `round(c * N_A * v)` of them.");
  } else if (fault == COUNT_WHOLE) {
    d = diag_new(s, DIAG_REACTION_COUNT, span, "`%s` begins with %.6g: the states of `kinetic stochastic` are whole numbers from 0 on", name, value);
    diag_hint(s, d, "Write `round(…)` where a share of a number is meant.");
  } else {
    d = diag_new(s, DIAG_REACTION_COUNT, span, "`%s` reacts in `kinetic` and in `kinetic stochastic`", name);
  }
  if (decl.to) diag_note(s, d, decl, fault == COUNT_MIXED ? "it reacts here as well" : "it reacts here");
}

void diag_reaction_jumps(Session *s, Span span, const char *where, Span reaction) {
  Diag *d = diag_new(s, DIAG_REACTION_JUMPS, span, "`kinetic stochastic` cannot stand in %s", where);
  diag_note(s, d, reaction, "these jumps");
  diag_hint(s, d, "Jumps of whole numbers have no derivative; take `kinetic`, whose states are their means where the rates are linear.");
}

void diag_jumps_form(Session *s, Span span, const char *text, const char *nearest) {
  Diag *d = diag_new(s, DIAG_JUMPS_FORM, span, "jumps are `exact` or `tau_leaping`, not `%s`", text);
  if (nearest) diag_fix(d, span, nearest);
  diag_hint(s, d, "`exact` takes every reaction of `kinetic stochastic` at its own time; `tau_leaping` those of a step together.");
}

void diag_reaction_loop(Session *s, Span span, const char *what, Span decl) {
  Diag *d = diag_new(s, DIAG_REACTION_LOOP, span, "%s", what);
  if (decl.to) diag_note(s, d, decl, "the reactions");
  diag_hint(s, d, "A loop is named by its states, in order: `constrain reversible(c1, c2, o)`; all loops: `constrain reversible`.");
}
