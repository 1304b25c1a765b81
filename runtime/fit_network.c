/* The objective of a network's fit: for each place of the search the network is built and run like that of an experiment, its
 * measures are the terms.
 *
 * Each place has a simulation of its own. Where there are at least as many places as threads, each thread takes one after the
 * other; else places are run in turn, each on all threads. A simulation gives the same bits on any number of threads, so the
 * search does not depend on them. A run in which a state is no finite number has the loss INFINITY; any other failure is one of
 * the fit. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit.h"
#include "runtime/setup.h"
#include "runtime/threads.h"

int rt_network_open(struct rt_fit *f) {
  const struct nsl_fit *def = f->def;
  for (uint32_t i = 0; i < def->n_follow; i++) {
    const struct nsl_param *p = &def->x.params[def->follow[i]];
    if (f->s->set[p->slot])
      return rt_fail_at(NSL_EINPUT, def->place, "--set %s: the value of this param follows from those that are free", p->path);
  }
  return rt_space_make(f->s, def, &f->space);
}

struct runs {
  const struct rt_stage_at *at;
  enum rt_order order;
  uint32_t places, threads; /* threads: of each run */
  const double *x;
  struct rt_points *ret;
  _Atomic uint32_t next;
};

static const struct nsl_param *param_of(const struct nsl_experiment *x, uint32_t slot) {
  for (uint32_t i = 0; i < x->n_params; i++)
    if (x->params[i].slot == slot) return &x->params[i];
  return NULL;
}

/* What the user has set, and over it the free params of a place. */
static int settings_make(const struct rt_fit *f, const double *x, struct rt_mem *mem, struct rt_config *ret) {
  const struct rt_sim *s = f->s;
  struct rt_setting *sets = rt_alloc(mem, s->x->n_params + f->def->n_free + 1, sizeof *sets);
  if (!sets) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->x->n_params; i++) {
    const struct nsl_param *p = &s->x->params[i];
    if (s->set[p->slot]) sets[ret->n_sets++] = (struct rt_setting){p->path, NULL, s->G[p->slot]};
  }
  for (uint32_t k = 0; k < f->def->n_free; k++) {
    const struct nsl_param *p = param_of(s->x, f->def->free[k].value);
    if (!p) return rt_fail(NSL_EINPUT, "%s is no param of the network", f->def->free[k].path);
    sets[ret->n_sets++] = (struct rt_setting){p->path, NULL, rt_space_in(&f->space, x, k, 0)};
  }
  ret->sets = sets;
  return 0;
}

static int sim_run(const struct runs *r, const double *x, struct rt_mem *mem, struct rt_sim *s) {
  const struct rt_fit *f = r->at->f;
  struct rt_config config = {.has_seed = true, .seed = f->s->seed, .has_duration = true, .duration = f->s->duration,
                             .connectivity = f->s->connectivity, .rows = f->s->rows};
  s->program = f->s->program;
  s->x = f->s->x;
  if (r->order >= RT_GRADIENT || f->def->relaxed) s->x = &f->def->differentiated, config.rows = RT_ROWS_BY_SHARD;
  s->interrupt = f->s->interrupt;
  s->allowed = f->s->allowed;
  s->n_allowed = f->s->n_allowed;
  int e = settings_make(f, x, mem, &config);
  if (!e) e = rt_level_choose(s);
  if (!e) e = rt_setup(s, &config);
  if (!e) e = rt_build(s, r->threads);
  if (!e) e = rt_run(s, s->n_steps);
  if (!e) rt_expects_value(s); /* measures into G */
  return e;
}

/* d loss / dx, by the slopes of the objective and the measures' derivatives; false: it is not finite. */
static bool gradient_make(const struct runs *r, const struct rt_sim *s, const double *G, const double *x, double *ret) {
  const struct rt_fit *f = r->at->f;
  const struct nsl_stage *stage = r->at->stage;
  uint32_t n = f->def->n_free;
  bool finite = true;
  for (uint32_t i = 0; i < f->space.n; i++) {
    uint32_t free = f->space.at[i].free;
    double sum = 0;
    for (uint32_t k = 0; k < stage->n_measures; k++) {
      uint32_t measure = f->def->derivatives[(uint64_t)stage->measures[k] * n + free];
      if (measure != NSL_NONE) sum += G[stage->slopes[k]] * s->G[s->x->measures[measure].slot];
    }
    ret[i] = sum * rt_space_slope(&f->space.at[i], x[i]);
    finite &= isfinite(ret[i]) != 0;
  }
  return finite;
}

/* The kernel of the objective, on a G of its own in which the run's measures stand. */
static int objective_run(const struct runs *r, const struct rt_sim *s, struct rt_mem *mem, uint32_t place, double *terms) {
  const struct rt_fit *f = r->at->f;
  const struct nsl_stage *stage = r->at->stage;
  double *G = rt_alloc(mem, f->s->x->n_globals + 1, sizeof *G);
  void **slots = rt_alloc(mem, stage->objective.n_bindings + 1, sizeof *slots);
  if (!G || !slots) return NSL_EMEMORY;
  memcpy(G, f->s->G, f->s->x->n_globals * sizeof *G);
  bool finite = true;
  for (uint32_t k = 0; k < stage->n_measures; k++) {
    terms[k] = G[f->s->x->measures[stage->measures[k]].slot] = s->G[s->x->measures[stage->measures[k]].slot];
    finite &= isfinite(terms[k]) != 0;
  }
  struct nsl_env env = {.slots = slots, .u = G, .set = f->s->set, .count = 1, .dt = f->s->dt};
  rt_kernel(f->s, &stage->objective)(&env);
  const double *x = r->x + (uint64_t)place * f->space.n;
  finite &= isfinite(G[stage->loss]) != 0;
  if (finite && r->order >= RT_GRADIENT) finite = gradient_make(r, s, G, x, r->ret->gradient + (uint64_t)place * f->space.n);
  r->ret->loss[place] = finite ? G[stage->loss] : INFINITY;
  return 0;
}

static void l2_add(const struct runs *r, uint32_t place, const double *x, double *term) {
  const struct rt_space *space = &r->at->f->space;
  double *gradient = r->order >= RT_GRADIENT ? r->ret->gradient + (uint64_t)place * space->n : NULL;
  *term = rt_space_pulls(space, r->at->l2, x, gradient, NULL);
  r->ret->loss[place] += r->at->l2 * *term;
}

static int place_run(const struct runs *r, uint32_t place) {
  const struct rt_fit *f = r->at->f;
  uint32_t n_terms = rt_stage_values(r->at), n = r->at->stage->n_measures;
  const double *x = r->x + (uint64_t)place * f->space.n;
  struct rt_mem mem = {0};
  struct rt_sim s = {0};
  double *terms = rt_alloc(&mem, n_terms + 1, sizeof *terms);
  int e = terms ? sim_run(r, x, &mem, &s) : NSL_EMEMORY;
  bool diverged = e == NSL_ENUMBER;
  if (!e) e = objective_run(r, &s, &mem, place, terms);
  if (!e && r->at->l2 > 0) l2_add(r, place, x, &terms[n]);
  if (diverged) {
    r->ret->loss[place] = INFINITY;
    for (uint32_t k = 0; k < n_terms; k++) terms[k] = INFINITY;
    e = 0;
  }
  if (!e && r->ret->terms) memcpy(r->ret->terms + (uint64_t)place * n_terms, terms, n_terms * sizeof *terms);
  rt_close(&s);
  rt_mem_free(&mem);
  return e;
}

static int runs_work(void *context, uint32_t thread) {
  struct runs *r = context;
  unsigned mode = rt_float_mode_flush();
  int e = 0;
  (void)thread;
  for (uint32_t i; !e && (i = atomic_fetch_add(&r->next, 1)) < r->places;) e = place_run(r, i);
  rt_float_mode_restore(mode);
  return e;
}

int rt_network_evaluate(const struct rt_stage_at *at, enum rt_order order, uint32_t places, const double *x, struct rt_points *ret) {
  struct rt_fit *f = at->f;
  bool each = places >= f->s->threads;
  struct runs r = {.at = at, .order = order, .places = places, .threads = each ? 1 : f->s->threads, .x = x, .ret = ret};
  int e = each ? rt_team_run(f->s->team, runs_work, &r) : runs_work(&r, 0);
  f->evaluations[order] += places;
  return e;
}
