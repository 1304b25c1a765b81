/* The integrators that were chosen -> warnings of steps that are too large for them.
 *
 * An explicit method follows x' = -x / tau only if dt / tau stays inside its region of stability: 2 for
 * Euler, 2.785 for the classical Runge-Kutta scheme. Beyond, the numbers grow whatever the model says. Only
 * rates are judged that are known when the model is compiled: the slope of a state's own equation, if it is a
 * constant. Exact and exponential methods have no bound. */
#include <math.h>
#include <string.h>

#include "ir/ir.h"
#include "lang/diag.h"
#include "lang/warn.h"

static const struct {
  const char *method;
  double limit;
} explicit_methods[] = {{"euler", 2}, {"euler-maruyama", 2}, {"rk4", 2.785}};

static double limit_of(const char *method) {
  for (size_t i = 0; i < COUNT_OF(explicit_methods); i++)
    if (strcmp(explicit_methods[i].method, method) == 0) return explicit_methods[i].limit;
  return INFINITY;
}

/* The fastest of the states that the step is too large for, each experiment alone. */
static void experiment_warn(Session *s, const IrExperiment *x) {
  WarnPoint nowhere = {&(MPopulation){.size = NULL}, NULL, NULL};
  double dt, worst = 1;
  const IrState *found = NULL;
  const IrClass *class = NULL;
  double rate = 0, step = 0;
  if (!warn_value(&nowhere, x->experiment->dt, &dt)) return;
  for (uint32_t i = 0; i < x->populations.n; i++) {
    WarnPoint p = {x->populations.at[i].pop, NULL, NULL};
    const IrClass *c = x->populations.at[i].class;
    for (uint32_t k = 0; k < c->states.n; k++) {
      double slope, limit = limit_of(name_str(s, c->states.at[k].method));
      const MVar *var = c->states.at[k].var;
      if (!var || !var->equation || isinf(limit) || !warn_slope(&p, var->equation, var, &slope)) continue;
      double own = ir_own_step(x->populations.at[i].pop, dt);
      if (-slope * own / limit > worst)
        worst = -slope * own / limit, step = own, found = &c->states.at[k], class = c, rate = -slope;
    }
  }
  if (found)
    diag_step_large(s, x->experiment->dt->span, step, name_str(s, found->var->name),
                    name_str(s, class->component->name), name_str(s, found->method), 1 / rate,
                    limit_of(name_str(s, found->method)) / rate, found->var->equation_span);
}

void ir_warn(Session *s, const IrModule *m) {
  for (uint32_t i = 0; i < m->experiments.n; i++) experiment_warn(s, m->experiments.at[i]);
}
