/* Can a population spike at all? A leaky integrator whose drive is known -> the value that its membrane never
 * passes.
 *
 * Only what is certain is said. The membrane alone decides if V' is linear in V with a known rate, no event
 * ever arrives, every other state rests where it starts, and the inputs are steps and constants: then V stays
 * below the larger of its start and of the value at which its equation balances with all inputs at their
 * most. */
#include <math.h>

#include "lang/warn.h"

static const MExpr *start_of(const MPopulation *pop, const MVar *state, bool *ret_draw) {
  for (uint32_t i = 0; i < pop->settings.n; i++)
    if (pop->settings.at[i].var == state) {
      *ret_draw = pop->settings.at[i].draw;
      return pop->settings.at[i].value;
    }
  *ret_draw = state->draw;
  return state->value;
}

/* The largest value at the start; a normal draw has none. */
static bool highest_start(const WarnPoint *p, const MVar *state, double *ret) {
  bool draw;
  const MExpr *e = start_of(p->pop, state, &draw);
  if (e && draw && e->kind == MX_DRAW && e->dist == DIST_UNIFORM)
    e = e->args[1];
  else if (draw)
    return false;
  return warn_value(p, e, ret);
}

static bool events_arrive(const MExperiment *x, const MPopulation *pop) {
  for (uint32_t i = 0; i < x->projections.n; i++)
    if (x->projections.at[i]->target.pop == pop) return true;
  for (uint32_t i = 0; i < x->drives.n; i++)
    if (x->drives.at[i]->target.pop == pop && x->drives.at[i]->port >= 0) return true;
  for (uint32_t i = 0; i < x->couplings.n; i++) {
    const MCoupling *c = x->couplings.at[i];
    if ((c->reversed ? c->link.source.pop : c->link.target.pop) == pop) return true;
  }
  for (uint32_t i = 0; i < x->feeds.n; i++) /* what a signal comes to is not known */
    if (x->feeds.at[i]->to == pop) return true;
  return false;
}

/* The most and the least that an input can be: steps may be over, and a part of the cells gets nothing. */
static bool input_bounds(const MExperiment *x, const WarnPoint *p, const MVar *input, double *lo,
                         double *hi) {
  *lo = *hi = 0;
  for (uint32_t i = 0; i < x->drives.n; i++) {
    const MDrive *d = x->drives.at[i];
    double value;
    if (d->target.pop != p->pop || d->port >= 0 || d->input != input) continue;
    if (d->kind != DRIVE_CURRENT || !warn_value(p, d->value, &value)) return false;
    bool always = !d->from && !d->to && !d->cond && !d->target.from;
    *hi += always || value > 0 ? value : 0;
    *lo += always || value < 0 ? value : 0;
  }
  return true;
}

/* Values of all states but the membrane, if all of them rest where they start. */
static bool others_rest(const WarnPoint *p, const MVar *membrane, bool *has, double *at) {
  const MComponent *c = p->pop->component;
  for (uint32_t i = 0; i < c->vars.n; i++) {
    const MVar *var = c->vars.at[i];
    bool draw;
    if (var->kind != VAR_STATE || var == membrane) continue;
    const MExpr *start = start_of(p->pop, var, &draw);
    if (draw || !warn_value(p, start, &at[i])) return false;
    has[i] = true;
  }
  for (uint32_t i = 0; i < c->vars.n; i++) {
    double rate;
    if (has[i] && c->vars.at[i]->equation && (!warn_value(p, c->vars.at[i]->equation, &rate) || rate != 0))
      return false;
  }
  return true;
}

/* V' with V at 0 and all inputs where they push up most. */
static bool drift_at_zero(const MExperiment *x, const WarnPoint *p, const MVar *membrane, bool *has,
                          double *at, double *ret) {
  const MComponent *c = p->pop->component;
  double push = 0;
  for (uint32_t i = 0; i < c->vars.n; i++) {
    double slope, lo, hi;
    if (c->vars.at[i]->kind != VAR_INPUT) continue;
    if (!warn_slope(p, membrane->equation, c->vars.at[i], &slope) ||
        !input_bounds(x, p, c->vars.at[i], &lo, &hi))
      return false;
    push += slope > 0 ? slope * hi : slope * lo;
  }
  for (uint32_t i = 0; i < c->vars.n; i++)
    if (c->vars.at[i]->kind == VAR_INPUT) has[i] = true, at[i] = 0;
  has[membrane->index] = true;
  at[membrane->index] = 0;
  bool known = warn_value(p, membrane->equation, ret);
  *ret += push;
  return known;
}

bool warn_silent(Session *s, const MExperiment *x, const MPopulation *pop, double *ret_level,
                 double *ret_threshold) {
  const MComponent *c = pop->component;
  if (c->spikes.n != 1 || c->spikes.at[0]->form != SPIKE_WHEN || c->vars.n > 1000 || events_arrive(x, pop))
    return false;
  const MExpr *cond = c->spikes.at[0]->cond;
  if (cond->kind != MX_CALL || (cond->builtin != B_GT && cond->builtin != B_GE) ||
      cond->args[0]->kind != MX_VAR)
    return false;
  const MVar *membrane = cond->args[0]->var;
  if (membrane->kind != VAR_STATE || !membrane->equation) return false;
  bool *has = NEW_ARRAY(s->arena, bool, c->vars.n + 1);
  double *at = NEW_ARRAY(s->arena, double, c->vars.n + 1);
  WarnPoint p = {pop, has, at};
  double start, rate, drift;
  if (!warn_value(&p, cond->args[1], ret_threshold) || !highest_start(&p, membrane, &start)) return false;
  if (!others_rest(&p, membrane, has, at) || !warn_slope(&p, membrane->equation, membrane, &rate) ||
      rate >= 0)
    return false;
  if (!drift_at_zero(x, &p, membrane, has, at, &drift)) return false;
  *ret_level = fmax(start, -drift / rate);
  return *ret_level < *ret_threshold;
}
