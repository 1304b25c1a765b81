/* Marches: the kernels of a fit over the steps of sweeps, for many places of the search.
 *
 * A task is one march over one sweep for a block of places in the lanes of vectors: it has its own states and rings, begins
 * with zeros, and leaves the sums of its terms. Threads take tasks as they come; what is made of the sums is made in one
 * order afterwards (fit_value.c), so the bits do not depend on threads. Where the compiler has made a gradient along directions (few
 * starts), the lanes of a vector are parameters of one place, and a task runs as often as that takes. A task is cut into calls of some thousand steps, to
 * see Ctrl-C and to stop where every place of the block diverges. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/fit_device.h"
#include "runtime/fit_walk.h"
#include "runtime/threads.h"

/* ---- before the search */

static int lag_find(struct rt_fit *f, struct rt_march *m) {
  for (uint32_t t = 0; t < m->def->n_terms; t++) {
    const struct nsl_term *term = &m->def->terms[t];
    if (!term->residual) continue;
    double over = rt_value(f->s, term->over, NAN), steps = rt_steps(over, f->s->dt);
    if (!(steps >= 1 && steps < 1e9))
      return rt_fail_at(NSL_EMODEL, term->place, "%s: `over` is %g ms, and must be at least one step of %g ms", term->text, over,
                        f->s->dt);
    if (m->lag && m->lag != (uint64_t)steps)
      return rt_fail_at(NSL_EMODEL, term->place, "%s: two residuals of one march have different `over`", term->text);
    m->lag = (uint64_t)steps;
  }
  return 0;
}

/* Where term t counts in a sweep. */
static struct rt_weighing weighing_of(struct rt_fit *f, const struct rt_march *m, const struct rt_trace *trace, uint32_t t,
                                      uint32_t *columns) {
  const struct nsl_term *term = &m->def->terms[t];
  struct rt_weighing w = {.from = rt_value(f->s, term->from, -INFINITY), .to = rt_value(f->s, term->to, INFINITY),
                          .columns = columns, .given = NSL_NONE, .lag = m->lag, .fast = 20};
  if (term->residual) w.given = term->column;
  if (term->except != NSL_NONE) w.except = &trace->events[term->except];
  w.after[0] = rt_value(f->s, term->except_from, 0);
  w.after[1] = rt_value(f->s, term->except_to, 0);
  for (uint32_t k = 0; k < m->def->n_samples; k++) {
    const struct nsl_sample *sample = &m->def->samples[k];
    if (sample->kind == NSL_SAMPLE_AT && (sample->term == t || sample->term == NSL_NONE)) columns[w.n_columns++] = sample->column;
  }
  return w;
}

/* The same numbers for all starts and all places of the search, so that the objective is a smooth function of the parameters. */
static void numbers_draw(struct rt_fit *f, const struct nsl_sample *def, const struct rt_trace *t, double *ret) {
  uint64_t key = nslm_key(f->s->seed, f->s->pops[0].def->path_hash), sweep = (uint64_t)(t - f->traces);
  for (uint64_t i = 0; i < t->n_steps; i++) {
    uint64_t step = def->term >= NSL_DRAWN_ONCE ? 0 : i + 1;
    if (def->column == NSL_DRAWN_NORMAL) ret[i] = nslm_draw_normal_f64(key, sweep, step, def->term, 0, 1);
    else if (def->column == NSL_DRAWN_UNIFORM) ret[i] = nslm_draw_uniform_f64(key, sweep, step, def->term, 0, 1);
    else ret[i] = nslm_draw_exponential_f64(key, sweep, step, def->term, 1);
  }
}

static int sample_make(struct rt_fit *f, struct rt_march *m, const struct nsl_sample *def, struct rt_trace *t,
                       struct rt_weighed *w, double *ret) {
  const struct nsl_recording *rec = &f->def->data;
  double dt = f->s->dt;
  switch ((enum nsl_sample_kind)def->kind) {
    case NSL_SAMPLE_MEAN: return rt_sample_mean(rec, t, def->column, dt, false, ret);
    case NSL_SAMPLE_TRACE: return rt_sample_mean(rec, t, def->column, dt, true, ret);
    case NSL_SAMPLE_AT: rt_sample_at(t, def->column, dt, ret); return 0;
    case NSL_SAMPLE_DRAWN: numbers_draw(f, def, t, ret); return 0;
    case NSL_SAMPLE_EVENTS: return rt_sample_events(rec, t, def->column, dt, def->column == f->def->spikes, ret);
    case NSL_SAMPLE_CHANGE: rt_sample_change(t, def->column, dt, m->lag, ret); return 0;
    case NSL_SAMPLE_WEIGHT: {
      uint32_t *columns = rt_alloc(&f->s->build_mem, m->def->n_samples, sizeof *columns);
      if (!columns) return NSL_EMEMORY;
      struct rt_weighing of = weighing_of(f, m, t, def->term, columns);
      w->weight[def->term] = rt_sample_weight(t, &of, dt, ret);
      return 0;
    }
  }
  return rt_fail(NSL_EINPUT, "a sample of unknown kind");
}

static int sweep_sample(struct rt_fit *f, struct rt_march *m, uint32_t trace) {
  struct rt_weighed *w = &m->sweeps[trace];
  struct rt_trace *t = &f->traces[trace];
  w->weight = rt_alloc(&f->s->mem, m->def->n_terms + 1, sizeof *w->weight);
  w->samples = rt_alloc(&f->s->mem, m->def->n_samples + 1, sizeof *w->samples);
  if (!w->weight || !w->samples) return NSL_EMEMORY;
  for (uint32_t k = 0; k < m->def->n_samples; k++) {
    if (!(w->samples[k] = rt_alloc(&f->s->mem, t->n_steps, sizeof **w->samples))) return NSL_EMEMORY;
    int e = sample_make(f, m, &m->def->samples[k], t, w, w->samples[k]);
    if (e) return e;
  }
  return 0;
}

/* Sweeps that end before a term's window does: all of them is a mistake, some are said. */
static int window_check(struct rt_fit *f, const struct nsl_term *term, double longest) {
  double to = rt_value(f->s, term->to, INFINITY);
  if (!isfinite(to)) return 0;
  if (to > longest * (1 + 1e-9))
    return rt_fail_at(NSL_EINPUT, term->place, "%s: it is to count until %g ms, but the longest sweep ends at %g ms", term->text, to, longest);
  for (uint32_t i = 0; i < f->n_fitted; i++) {
    const struct rt_trace *t = &f->traces[f->fitted[i]];
    if (t->times[t->n - 1] < to * (1 - 1e-9))
      rt_warn(f->s, "%s: %s: it is to count until %g ms, but %s%s%s ends at %g ms", term->place, term->text, to, t->def->path,
              t->def->name && *t->def->name ? ", sweep " : "", t->def->name ? t->def->name : "", t->times[t->n - 1]);
  }
  return 0;
}

/* Without a spike the likeliest rate is 0, whatever else is free. */
static int likelihood_check(struct rt_fit *f, const struct nsl_term *term) {
  double from = rt_value(f->s, term->from, -INFINITY), to = rt_value(f->s, term->to, INFINITY);
  for (uint32_t i = 0; i < f->n_fitted; i++) {
    const struct rt_trace *trace = &f->traces[f->fitted[i]];
    const struct rt_events *e = &trace->events[f->def->spikes];
    double end = fmin(to, (double)trace->n_steps * f->s->dt);
    for (uint64_t k = 0; k < e->n; k++)
      if (e->times[k] > from && e->times[k] <= end) return 0;
  }
  const struct nsl_sweep_events *list = &f->def->data.events[f->def->spikes];
  return rt_fail_at(NSL_EINPUT, term->place, "%s: no sweep has an event of %s in its window, and without spikes the likeliest rate is 0%s",
                    term->text, list->name, list->column == NSL_NONE ? "" : "; is the level of `crossings` right?");
}

static int nothing_compared(const struct rt_fit *f, const struct nsl_term *term, double longest) {
  char cut[80] = "";
  double run = (double)f->s->n_steps * f->s->dt;
  if (f->s->n_steps && run < longest) snprintf(cut, sizeof cut, ", and only the first %g ms are run", run);
  return rt_fail_at(NSL_EINPUT, term->place, "%s: no sweep has a number to compare with in its window; the longest one ends at %g ms%s",
                    term->text, longest, cut);
}

/* A term that compares nothing would be 0 / 0. */
static int terms_check(struct rt_fit *f, const struct rt_march *m) {
  for (uint32_t t = 0; t < m->def->n_terms; t++) {
    double sum = 0, seen = 0, longest = 0;
    const struct nsl_term *term = &m->def->terms[t];
    for (uint32_t i = 0; i < f->n_traces; i++) {
      const struct rt_trace *trace = &f->traces[i];
      double weight = m->sweeps[i].weight[t];
      if (trace->def->validation) seen += weight;
      else sum += weight, longest = fmax(longest, trace->times[trace->n - 1]);
    }
    int e = window_check(f, term, longest);
    if (e) return e;
    if (!(sum > 0)) return nothing_compared(f, term, longest);
    if (term->likelihood && (e = likelihood_check(f, term))) return e;
    if (f->n_traces > f->n_fitted && !(seen > 0))
      return rt_fail_at(NSL_EINPUT, term->place, "%s: no sweep to validate has a number to compare with in its window", term->text);
  }
  return 0;
}

static int march_make(struct rt_fit *f, struct rt_march *m, const struct nsl_march *def) {
  const struct nsl_march_form *forms[RT_ORDERS] = {&def->plain, &def->gradient, &def->curvature};
  m->def = def;
  for (int i = 0; i < RT_ORDERS; i++) m->forms[i] = forms[i]->march.kernel == NSL_NONE ? NULL : forms[i];
  m->reverse = def->reverse.back.kernel != NSL_NONE;
  m->along = !m->reverse && !m->forms[RT_GRADIENT] && def->direction.march.kernel != NSL_NONE;
  if (m->along) m->forms[RT_GRADIENT] = &def->direction;
  if (m->reverse) m->forms[RT_GRADIENT] = &def->plain; /* and back */
  else if (!m->forms[RT_GRADIENT]) m->forms[RT_GRADIENT] = m->forms[RT_CURVATURE]; /* which has the gradient too */
  for (uint32_t i = 0; i < f->s->n_pops && !m->u; i++)
    if (f->s->pops[i].def->class_index == def->class_index) m->u = f->s->pops[i].u;
  m->sweeps = rt_alloc(&f->s->mem, f->n_traces, sizeof *m->sweeps);
  if (!m->sweeps) return NSL_EMEMORY;
  int e = lag_find(f, m);
  for (uint32_t i = 0; !e && i < f->n_traces; i++) e = sweep_sample(f, m, i);
  if (!e) e = rt_rings_reach(f, m);
  return e ? e : terms_check(f, m);
}

static int rooms_make(struct rt_fit *f) {
  uint64_t states = 1, rings = 1, slots = 1, lags = 1;
  for (uint32_t i = 0; i < f->def->n_marches; i++) lags = f->marches[i].def->n_lags > lags ? f->marches[i].def->n_lags : lags;
  for (uint32_t i = 0; i < f->def->n_marches; i++)
    for (int k = 0; k <= RT_ORDERS; k++) {
      const struct nsl_march_form *form = k < RT_ORDERS ? f->marches[i].forms[k] : &f->marches[i].def->tangent;
      if (!form) continue;
      uint64_t of_rings = form->n_rings * (f->marches[i].ring_mask + 1);
      states = form->n_states > states ? form->n_states : states;
      rings = of_rings > rings ? of_rings : rings;
      slots = form->march.n_bindings > slots ? form->march.n_bindings : slots;
      slots = form->begin.n_bindings > slots ? form->begin.n_bindings : slots;
      const struct nsl_march_back *back = k < RT_ORDERS ? &f->marches[i].def->reverse : &f->marches[i].def->hessian;
      const struct nsl_code *const codes[] = {&back->record, &back->back, &back->end};
      for (int q = 0; q < 3; q++) slots = codes[q]->n_bindings > slots ? codes[q]->n_bindings : slots;
    }
  f->rooms = rt_alloc(&f->s->mem, f->s->threads, sizeof *f->rooms);
  if (!f->rooms) return NSL_EMEMORY;
  for (uint32_t i = 0; i < f->s->threads; i++) {
    struct rt_room *r = &f->rooms[i];
    r->states = rt_alloc(&f->s->mem, states * RT_BLOCK, sizeof *r->states);
    r->rings = rt_alloc(&f->s->mem, rings * RT_BLOCK, sizeof *r->rings);
    r->params = rt_alloc(&f->s->mem, (2 * (uint64_t)f->def->n_free + 1) * RT_BLOCK, sizeof *r->params);
    r->slots = rt_alloc(&f->s->mem, slots, sizeof *r->slots);
    r->lags = rt_alloc(&f->s->mem, lags * RT_BLOCK, sizeof *r->lags);
    r->lag_at = rt_alloc(&f->s->mem, slots, sizeof *r->lag_at);
    if (!r->states || !r->rings || !r->params || !r->slots || !r->lags || !r->lag_at) return NSL_EMEMORY;
    int e = rt_back_room(f, r);
    if (e) return e;
  }
  return 0;
}

/* Their kernels know G alone. */
static int objectives_make(struct rt_fit *f) {
  uint64_t most = 1;
  for (uint32_t i = 0; i < f->def->n_stages; i++)
    if (f->def->stages[i].objective.n_bindings > most) most = f->def->stages[i].objective.n_bindings;
  f->nowhere = rt_alloc(&f->s->mem, most, sizeof *f->nowhere);
  f->G = rt_alloc(&f->s->mem, f->s->x->n_globals + 1, sizeof *f->G);
  return f->nowhere && f->G ? 0 : NSL_EMEMORY;
}

/* A sweep of which no term counts anything, as one that has no number, is no mistake, but nobody means it. */
static void idle_say(struct rt_fit *f) {
  for (uint32_t i = 0; i < f->n_traces; i++) {
    bool counts = false;
    for (uint32_t k = 0; k < f->def->n_marches; k++)
      for (uint32_t t = 0; t < f->marches[k].def->n_terms; t++) counts |= f->marches[k].sweeps[i].weight[t] > 0;
    const struct nsl_sweep *sweep = f->traces[i].def;
    if (!counts)
      rt_warn(f->s, "%s: nothing of %s%s%s is compared: it has no number in the window of any term", f->def->place, sweep->path,
              sweep->name && *sweep->name ? ", sweep " : "", sweep->name ? sweep->name : "");
  }
}

int rt_marches_make(struct rt_fit *f) {
  f->marches = rt_alloc(&f->s->mem, f->def->n_marches + 1, sizeof *f->marches);
  if (!f->marches) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; !e && i < f->def->n_marches; i++) e = march_make(f, &f->marches[i], &f->def->marches[i]);
  if (!e) idle_say(f);
  if (!e) e = objectives_make(f);
  return e ? e : rooms_make(f);
}

/* ---- a task */

/* Of a ring, one of a derivative or of adjoints: as that of its value. NULL: the run's. */
static const int64_t *lags_of(const struct rt_walk *w, uint64_t ring) {
  const struct nsl_march *def = w->m->def;
  uint32_t lag = def->ring_lags[ring < def->n_ring_lags ? ring : (ring - def->n_ring_lags) / w->each_ring];
  return lag == NSL_NONE ? NULL : w->lags + lag * RT_BLOCK;
}

void rt_walk_slots(struct rt_walk *w, const struct nsl_code *code) {
  uint64_t ring = (w->m->ring_mask + 1) * RT_BLOCK;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint64_t at = code->bindings[i].index;
    w->slots[i] = NULL;
    w->lag_at[i] = code->bindings[i].kind == NSL_SLOT_RING ? lags_of(w, at) : NULL;
    if (code->bindings[i].kind == NSL_SLOT_STATE) w->slots[i] = w->states + at * RT_BLOCK;
    if (code->bindings[i].kind == NSL_SLOT_PARAM) w->slots[i] = w->params + at * RT_BLOCK;
    if (code->bindings[i].kind == NSL_SLOT_RING) w->slots[i] = w->rings + at * ring;
    if (code->bindings[i].kind == NSL_SLOT_TAPE) w->slots[i] = w->tape + at * RT_BLOCK;
    if (code->bindings[i].kind == NSL_SLOT_SAMPLE) w->slots[i] = w->sweep->samples[at] + w->done;
  }
}

struct nsl_env rt_walk_env(const struct rt_walk *w, uint64_t steps) {
  double dt = w->f->s->dt;
  if (steps > w->n_steps - w->done) steps = w->n_steps - w->done;
  uint64_t step = w->done + (steps > 0);
  return (struct nsl_env){.slots = w->slots, .u = (double *)(uintptr_t)w->m->u, .step = step, .steps = steps, .count = RT_BLOCK,
                          .t = (double)step * dt, .dt = dt, .lag = w->m->lag, .ring_mask = w->m->ring_mask, .ring_row = RT_BLOCK,
                          .tape_row = w->tape_row, .lags = w->lag_at};
}

void rt_walk_call(struct rt_walk *w, const struct nsl_code *code, uint64_t steps) {
  rt_walk_slots(w, code);
  struct nsl_env env = rt_walk_env(w, steps);
  rt_kernel(w->f->s, code)(&env);
  w->done += env.steps;
}

const struct rt_weighed *rt_march_weighed(const struct rt_march *m, uint32_t trace) {
  return m->thinned ? &m->thin[trace] : &m->sweeps[trace];
}

struct rt_walk rt_walk_in(const struct rt_fit *f, const struct rt_march *m, const struct nsl_march_form *form, uint32_t trace,
                          struct rt_room *room) {
  struct rt_walk w = {.f = f, .m = m, .sweep = rt_march_weighed(m, trace), .states = room->states, .rings = room->rings,
                      .params = room->params, .slots = room->slots, .lags = room->lags, .lag_at = room->lag_at,
                      .n_steps = f->traces[trace].n_steps};
  if (m->def->n_ring_lags) w.each_ring = (form->n_rings - m->def->n_ring_lags) / m->def->n_ring_lags;
  return w;
}

struct rt_walk rt_walk_begin(const struct rt_fit *f, const struct rt_march *m, const struct nsl_march_form *form, uint32_t trace,
                             struct rt_room *room) {
  struct rt_walk w = rt_walk_in(f, m, form, trace, room);
  memset(w.states, 0, (uint64_t)form->n_states * RT_BLOCK * sizeof *w.states);
  memset(w.rings, 0, form->n_rings * (m->ring_mask + 1) * RT_BLOCK * sizeof *w.rings);
  if (form->begin.kernel != NSL_NONE) rt_walk_call(&w, &form->begin, 0);
  rt_lags_set(&w);
  return w;
}

/* Lanes beyond the last place begin with the first again. */
static void params_set(const struct rt_fit *f, const double *x, uint32_t n, uint32_t sweep, struct rt_room *room) {
  for (uint32_t k = 0; k < f->def->n_free; k++)
    for (uint32_t lane = 0; lane < RT_BLOCK; lane++) {
      const double *at = x + (uint64_t)(lane % n) * f->space.n;
      room->params[k * RT_BLOCK + lane] = rt_space_in(&f->space, at, k, sweep);
    }
}

/* Each lane along its own. */
static void along_set(const struct rt_fit *f, const struct rt_task *t, struct rt_room *room) {
  uint32_t n = f->def->n_free;
  for (uint32_t k = 0; k < n; k++)
    for (uint32_t lane = 0; lane < RT_BLOCK; lane++) {
      const double *v = t->along + (uint64_t)(lane % t->n) * f->space.n;
      room->params[(n + k) * RT_BLOCK + lane] = v[f->space.of[k * f->space.n_sweeps + t->sweep]];
    }
}

/* Lanes along parameters from `first` on, all at one place; those beyond the last parameter go along none. */
static void directions_set(const struct rt_fit *f, const struct rt_task *t, uint32_t place, uint32_t first, struct rt_room *room) {
  uint32_t n = f->def->n_free;
  for (uint32_t lane = 0; lane < RT_BLOCK; lane++)
    for (uint32_t k = 0; k < n; k++) {
      room->params[k * RT_BLOCK + lane] = rt_space_in(&f->space, t->x + (uint64_t)place * f->space.n, k, t->sweep);
      room->params[(n + k) * RT_BLOCK + lane] = k == first + lane;
    }
}

bool rt_walk_diverges(const struct rt_walk *w) {
  for (uint32_t lane = 0; lane < RT_BLOCK; lane++) {
    bool good = true;
    for (uint32_t t = 0; t < w->m->def->n_terms; t++)
      good &= isfinite(w->states[(uint64_t)w->m->def->terms[t].sum * RT_BLOCK + lane]) != 0;
    if (good) return false;
  }
  return w->m->def->n_terms > 0;
}

uint32_t rt_term_values(const struct rt_fit *f, enum rt_order order) {
  uint32_t n = f->def->n_free;
  return 1 + (order >= RT_GRADIENT ? n : 0) + (order >= RT_CURVATURE ? n * (n + 1) / 2 : 0);
}

static void sums_take(const struct rt_fit *f, enum rt_order order, const struct rt_march *m, const struct rt_room *room, double *to) {
  uint64_t n = f->def->n_free, counts[RT_ORDERS] = {1, order >= RT_GRADIENT ? n : 0, order >= RT_CURVATURE ? n * (n + 1) / 2 : 0};
  for (uint32_t t = 0; t < m->def->n_terms; t++) {
    const struct nsl_term *term = &m->def->terms[t];
    const uint32_t from[RT_ORDERS] = {term->sum, term->gradient, term->curvature};
    for (int k = 0; k < RT_ORDERS; k++) {
      if (!counts[k]) continue;
      memcpy(to, room->states + (uint64_t)from[k] * RT_BLOCK, counts[k] * RT_BLOCK * sizeof *to);
      to += counts[k] * RT_BLOCK;
    }
  }
}

/* The same of lanes along directions: their places in what sums_take leaves. */
static void sums_along(const struct rt_fit *f, const struct rt_task *t, uint32_t place, uint32_t first, const struct rt_room *room) {
  uint32_t n = f->def->n_free, plain = t->march->def->plain.n_states;
  for (uint32_t k = 0; k < t->march->def->n_terms; k++) {
    uint32_t sum = t->march->def->terms[k].sum;
    double *to = t->sums + (uint64_t)k * (1 + n) * RT_BLOCK + place;
    to[0] = room->states[(uint64_t)sum * RT_BLOCK];
    for (uint32_t lane = 0; lane < RT_BLOCK && first + lane < n; lane++)
      to[(1 + first + lane) * RT_BLOCK] = room->states[(uint64_t)(plain + sum) * RT_BLOCK + lane];
  }
}

/* ---- which walks a task is */

bool rt_task_goes_back(enum rt_order order, const struct rt_task *t) { return t->along || (order == RT_GRADIENT && t->march->reverse); }

static bool directed(enum rt_order order, const struct rt_task *t) { return order == RT_GRADIENT && t->march->along && !t->along; }

static uint32_t directions(const struct rt_fit *f) { return (f->def->n_free + RT_BLOCK - 1) / RT_BLOCK; } /* walks of a place */

uint32_t rt_task_walks(const struct rt_fit *f, enum rt_order order, const struct rt_task *t) {
  return directed(order, t) ? t->n * directions(f) : 1;
}

void rt_task_params(const struct rt_fit *f, enum rt_order order, const struct rt_task *t, uint32_t walk, struct rt_room *room) {
  if (directed(order, t)) {
    directions_set(f, t, walk / directions(f), walk % directions(f) * RT_BLOCK, room);
    return;
  }
  params_set(f, t->x, t->n, t->sweep, room);
  if (t->along) along_set(f, t, room);
}

void rt_task_sums(const struct rt_fit *f, enum rt_order order, const struct rt_task *t, uint32_t walk, const struct rt_room *room) {
  if (directed(order, t)) sums_along(f, t, walk / directions(f), walk % directions(f) * RT_BLOCK, room);
  else sums_take(f, order, t->march, room, t->sums);
}

struct crew {
  struct rt_fit *f;
  enum rt_order order;
  struct rt_task *tasks;
  uint32_t n;
  _Atomic uint32_t next;
};

/* From begin to end, with the params that are set. */
static int walk_all(struct crew *c, const struct rt_task *t, struct rt_room *room) {
  const struct nsl_march_form *form = t->march->forms[c->order];
  struct rt_walk w = rt_walk_begin(c->f, t->march, form, t->trace, room);
  while (w.done < w.n_steps && !(w.done && rt_walk_diverges(&w))) {
    if (c->f->s->interrupt && *c->f->s->interrupt) return NSL_ESTOPPED;
    rt_walk_call(&w, &form->march, RT_CALL);
  }
  return 0;
}

static int task_run(struct crew *c, const struct rt_task *t, struct rt_room *room) {
  int e = 0;
  for (uint32_t i = 0; !e && i < rt_task_walks(c->f, c->order, t); i++) {
    rt_task_params(c->f, c->order, t, i, room);
    if (rt_task_goes_back(c->order, t)) return rt_back_run(c->f, t, room);
    e = walk_all(c, t, room);
    if (!e) rt_task_sums(c->f, c->order, t, i, room);
  }
  return e;
}

static int crew_work(void *context, uint32_t thread) {
  struct crew *c = context;
  int e = 0;
  for (uint32_t i; !e && (i = atomic_fetch_add(&c->next, 1)) < c->n;) e = task_run(c, &c->tasks[i], &c->f->rooms[thread]);
  return e;
}

int rt_tasks_run(struct rt_fit *f, enum rt_order order, struct rt_task *tasks, uint32_t n) {
  struct crew c = {.f = f, .order = order, .tasks = tasks, .n = n};
  if (f->device) return rt_fit_device_run(f, order, tasks, n);
  int e = rt_team_run(f->s->team, crew_work, &c);
  return e == NSL_ESTOPPED ? rt_fail(NSL_ESTOPPED, "stopped") : e;
}

int rt_march_watch(struct rt_fit *f, const struct rt_march *m, uint32_t trace, uint32_t sweep, const double *x, rt_seen_fn *seen,
                   void *context) {
  struct rt_room *room = &f->rooms[0];
  params_set(f, x, 1, sweep, room);
  struct rt_walk w = rt_walk_begin(f, m, m->forms[RT_PLAIN], trace, room);
  if (!seen(context, 0, room->states)) return 0;
  while (w.done < w.n_steps) {
    rt_walk_call(&w, &m->forms[RT_PLAIN]->march, 1);
    if (!seen(context, w.done, room->states)) return 0;
  }
  return 0;
}
