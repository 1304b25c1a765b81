/* A population's component to a class: what is uniform and what each element has, then the kernels of
 * level 1. A class is made for each population and compared with those that exist; equal ones are shared, so
 * the eight populations of a cortical microcircuit end in one class, one step kernel.
 *
 * A param has one value per element if its setting or default draws, or depends on one that does. Inputs that
 * nothing drives are the constant 0. */
#include "ir/lower.h"

#include <math.h>
#include <string.h>

#include "lang/warn.h"

static void read_settings(Lower *l, Shape *shape, const MPopulation *pop) {
  uint32_t n = pop->component->vars.n;
  shape->setting = NEW_ARRAY(l->a, const MSetting *, 2 * n + 1); /* and counters of holds (lower_hold.c) */
  for (uint32_t i = 0; i < pop->settings.n; i++)
    shape->setting[pop->settings.at[i].var->index] = &pop->settings.at[i];
}

static bool same_for_all(Scope *sc, const MExpr *e) { return !e || lower_uniform(sc, e); }

/* The smallest set of params per element that is closed under dependence; of a domain, too. */
static void find_elem(Lower *l, Shape *shape, const MComponent *comp) {
  shape->elem = NEW_ARRAY(l->a, bool, 2 * comp->vars.n + 1);
  for (uint32_t i = 0; shape->fit && i < comp->vars.n; i++) shape->elem[i] = shape->free[i] != IR_NONE;
  for (bool changed = true; changed;) {
    Scope sc = {.l = l, .shape = shape};
    changed = false;
    for (uint32_t i = 0; i < comp->vars.n; i++) {
      const MVar *var = comp->vars.at[i];
      if (var->kind != VAR_PARAM || shape->elem[i]) continue;
      const MExpr *e = shape->setting[i] ? shape->setting[i]->value : var->value;
      if (!same_for_all(&sc, e) || !same_for_all(&sc, var->domain.lo) || !same_for_all(&sc, var->domain.hi))
        shape->elem[i] = changed = true;
    }
  }
}

static void find_driven(Lower *l, Shape *shape, const MExperiment *x, const MPopulation *pop) {
  shape->driven = NEW_ARRAY(l->a, bool, pop->component->vars.n + 1);
  for (uint32_t i = 0; i < x->drives.n; i++) {
    const MDrive *d = x->drives.at[i];
    if (d->target.pop == pop && d->input) shape->driven[d->input->index] = true;
  }
  for (uint32_t i = 0; i < x->feeds.n; i++)
    if (x->feeds.at[i]->to == pop) shape->driven[x->feeds.at[i]->input->index] = true;
  for (uint32_t i = 0; (pop->component->plastic || pop->component->gated) && i < pop->component->vars.n; i++) shape->driven[i] = true;
}

/* PARAM k is the fit's free parameter k; behind all inputs stand the given state, or what states are forced towards, then the
 * number of recorded spikes. */
static void lay_out_fit(Lower *l, Shape *shape) {
  IrClass *c = shape->c;
  for (uint32_t i = 0; i < shape->fit->free.n; i++) vec_push(l->a, &c->elem_params, shape->fit->free.at[i].var);
  for (uint32_t i = 0; shape->forced && i < shape->forced->forces.n; i++)
    vec_push(l->a, &c->inputs, shape->forced->forces.at[i].trace);
  if (shape->given) {
    shape->index[shape->given->index] = c->inputs.n;
    vec_push(l->a, &c->inputs, (MVar *)shape->given);
  }
  if (shape->fit->spikes == MODEL_NO_EVENTS) return;
  MVar *spikes = NEW(l->a, MVar);
  *spikes = (MVar){.kind = VAR_INPUT, .name = name_z(l->s, "%spikes"), .unit_scale = 1, .span = shape->fit->spikes_span};
  c->fired = true;
  vec_push(l->a, &c->inputs, spikes);
}

static void lay_out(Lower *l, Shape *shape, const MComponent *comp) {
  IrClass *c = shape->c;
  shape->index = NEW_ARRAY(l->a, uint32_t, 2 * comp->vars.n + 1);
  for (uint32_t i = 0; i < comp->vars.n; i++) {
    MVar *var = comp->vars.at[i];
    switch (var->kind) {
      case VAR_STATE:
        if (shape->fit && var == shape->given) break;
        shape->index[i] = c->states.n;
        vec_push(l->a, &c->states, ((IrState){.var = var}));
        break;
      case VAR_INPUT:
        shape->index[i] = c->inputs.n;
        if (shape->driven[i]) vec_push(l->a, &c->inputs, var);
        if (!shape->streamed || !shape->streamed[i]) break;
        shape->stream_input[i] = c->inputs.n;
        vec_push(l->a, &c->inputs, shape->streamed[i]);
        break;
      case VAR_PARAM:
        shape->index[i] = shape->elem[i] ? c->elem_params.n : c->uniforms.n;
        if (shape->elem[i] && !shape->fit) vec_push(l->a, &c->elem_params, var);
        if (shape->elem[i]) break;
        vec_push(l->a, &c->uniforms, ((IrUniform){.name = var->name, .dim = var->dim, .var = var}));
        break;
      case VAR_LET: break;
    }
  }
  if (shape->fit) {
    lay_out_fit(l, shape);
    return;
  }
  for (uint32_t i = 0; i < comp->ports.n; i++) {
    MPort *port = comp->ports.at[i];
    vec_push(l->a, &c->ports, ((IrPort){.port = port, .scale_u = c->uniforms.n, .straight = IR_NONE}));
    vec_push(
        l->a, &c->uniforms,
        ((IrUniform){.name = name_fmt(l->s, "%%unit.%s", name_str(l->s, port->name)), .dim = port->arg_dim}));
  }
}

/* + rate * (trace - state) */
static IrVal forced(Scope *sc, const MVar *state, IrVal v) {
  const Shape *shape = sc->shape;
  for (uint32_t i = 0; shape->forced && i < shape->forced->forces.n; i++) {
    const MForce *f = &shape->forced->forces.at[i];
    uint32_t n = shape->c->inputs.n - shape->forced->forces.n + i;
    if (f->state != state) continue;
    sc->b.span = f->span;
    IrVal rate = lower_once(sc, f->rate, name_fmt(sc->l->s, "%%force.%s", name_str(sc->l->s, state->name)));
    IrVal trace = ir_load(&sc->b, ir_slot(&sc->b, SLOT_INPUT, n, f->trace->name, IR_REAL, state->dim));
    v = alg_add(&sc->b, v, alg_mul(&sc->b, rate, alg_sub(&sc->b, trace, lower_var(sc, state))));
  }
  return v;
}

static void lower_flow(Lower *l, Shape *shape) {
  IrClass *c = shape->c;
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_FLOW, name_fmt(l->s, "flow.%s", name_str(l->s, c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  sc.noise = true;
  Dim time = {{0}};
  time.e[DIM_TIME] = DIM_ONE;
  for (uint32_t i = 0; i < c->states.n; i++) {
    const MVar *var = c->states.at[i].var;
    if (!var->equation) continue;
    Dim dim = dim_div(var->dim, time);
    IrVal v = forced(&sc, var, lower_as(&sc, var->equation, dim));
    sc.b.span = var->equation_span;
    ir_store(&sc.b, ir_slot(&sc.b, SLOT_DER, i, var->name, IR_REAL, dim), v);
  }
  if (k->ins.n) c->flow = k;
}

/* A drawn param outside of its domain is NaN, which the runtime refuses to begin with. */
static IrVal within_domain(Scope *sc, const MVar *var, IrVal v) {
  const MDomain *d = &var->domain;
  if (!d->has || d->labels.n) return v;
  IrVal nan = ir_const(&sc->b, NAN, var->dim);
  if (d->lo) {
    IrVal in = ir_op2(&sc->b, d->open_lo ? IR_GT : IR_GE, v, lower_as(sc, d->lo, var->dim));
    v = ir_op3(&sc->b, IR_SELECT, in, v, nan);
  }
  if (d->hi) {
    IrVal in = ir_op2(&sc->b, d->open_hi ? IR_LT : IR_LE, v, lower_as(sc, d->hi, var->dim));
    v = ir_op3(&sc->b, IR_SELECT, in, v, nan);
  }
  return v;
}

static void lower_init(Lower *l, Shape *shape) {
  IrClass *c = shape->c;
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_INIT, name_fmt(l->s, "init.%s", name_str(l->s, c->name)));
  Scope sc = lower_scope(l, k, LEAF_INIT, shape);
  for (uint32_t i = 0; i < c->elem_params.n + c->states.n; i++) {
    bool param = i < c->elem_params.n;
    MVar *var = param ? c->elem_params.at[i] : c->states.at[i - c->elem_params.n].var;
    uint32_t index = param ? i : i - c->elem_params.n;
    sc.b.span = var->span;
    IrVal v = lower_var(&sc, var);
    if (param) v = within_domain(&sc, var, v);
    sc.b.span = var->span;
    ir_store(&sc.b, ir_slot(&sc.b, param ? SLOT_PARAM : SLOT_STATE, index, var->name, IR_REAL, var->dim), v);
  }
  c->init = k;
}

/* The rate of a force on it, 0 if there is none that is known. */
static double pull_of(const Shape *shape, const MVar *state) {
  WarnPoint nowhere = {&(MPopulation){.size = NULL}, NULL, NULL};
  double rate;
  for (uint32_t i = 0; shape->forced && i < shape->forced->forces.n; i++)
    if (shape->forced->forces.at[i].state == state && warn_value(&nowhere, shape->forced->forces.at[i].rate, &rate)) return rate;
  return 0;
}

/* dt beyond the stability of the classical Runge-Kutta scheme, 2.785 time constants; where both are known. */
static void find_stiff(Shape *shape, const MExperiment *x) {
  WarnPoint nowhere = {&(MPopulation){.size = NULL}, NULL, NULL}, here = {shape->pop, NULL, NULL};
  IrClass *c = shape->c;
  double dt, slope;
  if (!warn_value(&nowhere, x->dt, &dt)) return;
  dt = ir_own_step(shape->pop, dt);
  for (uint32_t i = 0; i < c->states.n; i++) {
    const MVar *var = c->states.at[i].var;
    if (!var->equation || !warn_slope(&here, var->equation, var, &slope)) continue;
    c->states.at[i].stiff = (pull_of(shape, var) - slope) * dt > 2.785;
  }
}

/* ---- sharing */

static bool same_kernel(const IrKernel *a, const IrKernel *b) {
  return a && b ? ir_kernel_equal(a, b) : a == b;
}

static bool same_names(const IrClass *a, const IrClass *b) {
  if (a->states.n != b->states.n || a->elem_params.n != b->elem_params.n || a->inputs.n != b->inputs.n ||
      a->ports.n != b->ports.n || a->holds.n != b->holds.n || a->pasts.n != b->pasts.n || a->uniforms.n != b->uniforms.n ||
      a->n_columns != b->n_columns)
    return false;
  for (uint32_t i = 0; i < a->states.n; i++)
    if (!name_eq(a->states.at[i].var->name, b->states.at[i].var->name) || a->states.at[i].stiff != b->states.at[i].stiff ||
        a->states.at[i].slow != b->states.at[i].slow)
      return false;
  for (uint32_t i = 0; i < a->elem_params.n; i++)
    if (!name_eq(a->elem_params.at[i]->name, b->elem_params.at[i]->name)) return false;
  for (uint32_t i = 0; i < a->inputs.n; i++)
    if (!name_eq(a->inputs.at[i]->name, b->inputs.at[i]->name)) return false;
  for (uint32_t i = 0; i < a->uniforms.n; i++)
    if (!name_eq(a->uniforms.at[i].name, b->uniforms.at[i].name) ||
        !dim_eq(a->uniforms.at[i].dim, b->uniforms.at[i].dim))
      return false;
  return true;
}

static bool same_class(const IrClass *a, const IrClass *b) {
  if (a->parts != b->parts || a->every != b->every || a->fitted != b->fitted || a->synaptic != b->synaptic || !name_eq(a->component->name, b->component->name) || !name_eq(a->method, b->method) || a->tolerance != b->tolerance || !same_names(a, b))
    return false;
  for (uint32_t i = 0; i < a->receive.n; i++)
    if (!same_kernel(a->receive.at[i], b->receive.at[i])) return false;
  for (uint32_t i = 0; i < a->pasts.n; i++)
    if (!same_kernel(a->pasts.at[i].value, b->pasts.at[i].value) ||
        !same_kernel(a->pasts.at[i].delay, b->pasts.at[i].delay))
      return false;
  for (uint32_t i = 0; i < LEARNS; i++)
    if (!same_kernel(a->learn[i], b->learn[i])) return false;
  return same_kernel(a->init, b->init) && same_kernel(a->derive, b->derive) &&
         same_kernel(a->flow, b->flow) && same_kernel(a->jumps, b->jumps) && a->leaps == b->leaps && same_kernel(a->test, b->test) && same_kernel(a->fire, b->fire);
}

static Name class_name(Lower *l, const MComponent *comp) {
  uint32_t same = 1;
  for (uint32_t i = 0; i < l->m->classes.n; i++)
    same += name_eq(l->m->classes.at[i]->component->name, comp->name);
  return same == 1 ? comp->name : name_fmt(l->s, "%s#%u", name_str(l->s, comp->name), same);
}

Shape *lower_class(Lower *l, const MExperiment *x, const MPopulation *pop) {
  const MComponent *comp = pop->component;
  uint32_t errors = l->s->errors;
  Shape *shape = NEW(l->a, Shape);
  IrClass *c = shape->c = NEW(l->a, IrClass);
  shape->pop = pop;
  c->component = comp;
  c->name = class_name(l, comp);
  if (!comp->plastic) c->method = x->method;
  c->tolerance = x->tolerance;
  c->leaps = x->leaps;
  c->parts = pop->parts;
  c->every = pop->every;
  c->fitted = l->fitted;
  c->index = l->m->classes.n;
  read_settings(l, shape, pop);
  find_elem(l, shape, comp);
  find_driven(l, shape, x, pop);
  lower_stream_inputs(l, shape, x, pop);
  lay_out(l, shape, comp);
  lower_pasts(l, shape);
  lower_holds(l, shape);
  find_stiff(shape, x);
  lower_laws(l, shape);
  lower_slow(l, shape, x);
  lower_flow(l, shape);
  lower_jumps(l, shape);
  lower_ports(l, shape);
  if (comp->spikes.n) lower_spike(l, shape, comp->spikes.at[0]);
  if (comp->plastic) lower_learn(l, shape);
  lower_init(l, shape);
  lower_stream_sides(l, shape, x);
  if (l->s->errors > errors) return NULL;
  for (uint32_t i = 0; i < l->m->classes.n; i++) {
    if (!same_class(l->m->classes.at[i], c)) continue;
    shape->c = l->m->classes.at[i];
    return shape;
  }
  vec_push(l->a, &l->m->classes, c);
  return shape;
}

/* ---- fits */

static void fit_free(Lower *l, Shape *shape, const MComponent *comp) {
  uint32_t n = 2 * comp->vars.n + 1;
  shape->free = NEW_ARRAY(l->a, uint32_t, n);
  shape->initial = NEW_ARRAY(l->a, uint32_t, n);
  shape->drive = NEW_ARRAY(l->a, const MFitDrive *, n);
  for (uint32_t i = 0; i < n; i++) shape->free[i] = shape->initial[i] = IR_NONE;
  for (uint32_t i = 0; i < shape->fit->free.n; i++) {
    const MFree *f = &shape->fit->free.at[i];
    (f->initial ? shape->initial : shape->free)[f->var->index] = i;
  }
  for (uint32_t i = 0; i < shape->fit->drives.n; i++)
    shape->drive[shape->fit->drives.at[i].input->index] = &shape->fit->drives.at[i];
}

static Shape *fit_shape(Lower *l, const MFit *fit, const MVar *given) {
  const MPopulation *pop = fit->x->populations.at[0];
  Shape *shape = NEW(l->a, Shape);
  shape->c = NEW(l->a, IrClass);
  shape->pop = pop;
  shape->given = given;
  shape->c->component = pop->component;
  shape->c->method = fit->x->method;
  shape->c->tolerance = fit->x->tolerance;
  shape->c->index = l->m->classes.n;
  read_settings(l, shape, pop);
  return shape;
}

Shape *lower_declared(Lower *l, const MFit *fit) {
  Shape *shape = fit_shape(l, fit, NULL);
  const MComponent *comp = shape->pop->component;
  shape->c->name = name_fmt(l->s, "%s.declared", name_str(l->s, fit->name));
  find_elem(l, shape, comp); /* what is drawn has no declared value */
  shape->index = NEW_ARRAY(l->a, uint32_t, 2 * comp->vars.n + 1);
  for (uint32_t i = 0; i < comp->vars.n; i++) {
    MVar *var = comp->vars.at[i];
    if (var->kind != VAR_PARAM) continue;
    shape->index[i] = shape->c->uniforms.n;
    vec_push(l->a, &shape->c->uniforms, ((IrUniform){.name = var->name, .dim = var->dim, .var = var}));
  }
  vec_push(l->a, &l->m->classes, shape->c);
  return shape;
}

Shape *lower_fit_class(Lower *l, const MFit *fit, const MVar *given, const MStage *stage) {
  uint32_t errors = l->s->errors;
  Shape *shape = fit_shape(l, fit, given);
  const MComponent *comp = shape->pop->component;
  const char *name = name_str(l->s, fit->name);
  shape->fit = fit;
  shape->forced = stage;
  shape->c->name = given ? name_fmt(l->s, "%s.given.%s", name, name_str(l->s, given->name)) : fit->name;
  if (stage) shape->c->name = name_fmt(l->s, "%s.forced%s%s", name, name_none(stage->name) ? "" : ".", name_none(stage->name) ? "" : name_str(l->s, stage->name));
  fit_free(l, shape, comp);
  find_elem(l, shape, comp);
  shape->driven = NEW_ARRAY(l->a, bool, comp->vars.n + 1);
  for (uint32_t i = 0; i < fit->drives.n; i++)
    shape->driven[fit->drives.at[i].input->index] = fit->drives.at[i].column != UINT32_MAX;
  lay_out(l, shape, comp);
  lower_pasts(l, shape);
  lower_holds(l, shape);
  find_stiff(shape, fit->x);
  lower_laws(l, shape);
  lower_slow(l, shape, fit->x);
  lower_flow(l, shape);
  lower_jumps(l, shape);
  bool fires = !given && comp->spikes.n && (comp->spikes.at[0]->body.n || fit->own_spikes.gradient || fit->compares_spikes);
  if (shape->c->fired || fires) lower_spike(l, shape, comp->spikes.at[0]);
  if (l->s->errors > errors) return NULL;
  vec_push(l->a, &l->m->classes, shape->c);
  return shape;
}
