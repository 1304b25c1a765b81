/* The objective of a network's fit: for each place of the search the network is built and run like that of an experiment, its
 * measures are the terms.
 *
 * Each place has a simulation of its own. Where there are at least as many places as threads, each thread takes one after the
 * other; else places are run in turn, each on all threads. A simulation gives the same bits on any number of threads, so the
 * search does not depend on them. On a device each run goes there, side by side as on threads. A run in which a state is no finite number has the loss INFINITY; any other failure is one of
 * the fit. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/fit_device.h"
#include "runtime/fit_network_back.h"
#include "runtime/setup.h"
#include "runtime/threads.h"

/* Of reverse mode, by thread: history of a part of a run, which is repeated up to the end of each part. */
static const double TRACK_LEAST = 0x1p27, TRACK_MOST = 0x1p30, TRACK_SHARE = 0.125; /* of the memory that is left */

int rt_network_open(struct rt_fit *f) {
  const struct nsl_fit *def = f->def;
  for (uint32_t i = 0; i < def->n_follow; i++) {
    const struct nsl_param *p = &def->x.params[def->follow[i]];
    if (f->s->set[p->slot])
      return rt_fail_at(NSL_EINPUT, def->place, "--set %s: the value of this param follows from those that are free", p->path);
  }
  for (uint32_t k = 0; k < def->n_free; k++)
    for (uint32_t i = 0; i < def->free[k].n_others; i++)
      if (f->s->set[def->free[k].others[i]])
        return rt_fail_at(NSL_EINPUT, def->free[k].place, "this param is free for several populations at once: set %s", def->free[k].path);
  if (def->reverse) {
    f->track_bytes = fmax(TRACK_LEAST, fmin(TRACK_MOST, floor(TRACK_SHARE * (double)rt_memory_left() / f->s->threads)));
    f->tracks = rt_alloc(&f->s->mem, f->s->threads + 1, sizeof *f->tracks);
    for (uint32_t i = 0; f->tracks && i < f->s->threads; i++)
      if (!(f->tracks[i] = rt_reserve(&f->s->mem, (uint64_t)f->track_bytes, 0))) return NSL_EMEMORY;
    if (!f->tracks) return NSL_EMEMORY;
  }
  int e = rt_space_make(f->s, def, &f->space);
  return e ? e : rt_trained_find(f);
}

struct runs {
  const struct rt_stage_at *at;
  enum rt_order order;
  uint32_t places, threads; /* threads: of each run */
  const double *x;
  struct rt_points *ret;
  _Atomic uint32_t next;
};

static int setting_add(const struct rt_sim *s, uint32_t slot, double value, struct rt_setting *sets, uint32_t *n) {
  for (uint32_t i = 0; i < s->x->n_params; i++)
    if (s->x->params[i].slot == slot) {
      sets[(*n)++] = (struct rt_setting){s->x->params[i].path, NULL, value};
      return 0;
    }
  return rt_fail(NSL_EINPUT, "what is free is no param of the network");
}

/* What the user has set, and over it the free params of a place; x NULL: those as declared. */
static int settings_make(const struct rt_fit *f, const double *x, struct rt_mem *mem, struct rt_config *ret) {
  const struct rt_sim *s = f->s;
  uint64_t most = s->x->n_params;
  for (uint32_t k = 0; k < f->def->n_free; k++) most += 1 + f->def->free[k].n_others;
  struct rt_setting *sets = rt_alloc(mem, most + 1, sizeof *sets);
  if (!sets) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->x->n_params; i++) {
    const struct nsl_param *p = &s->x->params[i];
    if (s->set[p->slot]) sets[ret->n_sets++] = (struct rt_setting){p->path, NULL, s->G[p->slot]};
  }
  int e = 0;
  for (uint32_t k = 0; x && !e && k < f->def->n_free; k++) {
    const struct nsl_free *def = &f->def->free[k];
    if (rt_is_weights(f, k)) continue;
    double value = rt_space_in(&f->space, x, k, 0);
    e = setting_add(s, def->value, value, sets, &ret->n_sets);
    for (uint32_t i = 0; !e && i < def->n_others; i++) e = setting_add(s, def->others[i], value, sets, &ret->n_sets);
  }
  ret->sets = sets;
  return e;
}

int rt_network_build(const struct rt_fit *f, bool differentiated, const double *x, const struct rt_given *given, uint32_t threads,
                     struct rt_mem *mem, struct rt_sim *s) {
  struct rt_config config = {.has_seed = true, .seed = f->s->seed, .has_duration = true, .duration = f->s->duration,
                             .connectivity = f->s->connectivity, .rows = f->s->rows};
  s->program = f->s->program;
  s->x = f->s->x;
  if (differentiated) s->x = &f->def->differentiated, config.rows = RT_ROWS_BY_SHARD;
  s->given = given;
  s->interrupt = f->s->interrupt;
  s->allowed = f->s->allowed;
  s->n_allowed = f->s->n_allowed;
  int e = settings_make(f, x, mem, &config);
  if (!e) e = rt_level_choose(s);
  if (!e) e = rt_setup(s, &config);
  if (!e && f->device) e = rt_device_lend(s, &f->device->gpu);
  return e ? e : rt_build(s, threads);
}

static int sim_run(struct rt_sim *s, uint64_t until) {
  int e = rt_run(s, until);
  if (!e) rt_expects_value(s); /* measures into G */
  return e;
}

/* ---- the objective. Its atoms: measures, then values known before the run that it names itself */

struct place {
  const struct runs *r;
  const struct rt_sim *s; /* has run */
  const double *x;
  uint32_t thread;
  const struct rt_given *given;
  double *G;              /* of the objective */
  uint32_t n_by;
  double *by;             /* [atom][coordinate, n_by]: the atom's derivative; not of weights in reverse mode */
  const double *reverse;  /* by free parameter: the derivative of what is made of measures; NULL: forward mode */
  const double *weights;  /* … by coordinate behind n_plain */
  double *gradient, *curvature; /* NULL: not wanted */
  uint32_t n_atoms;
};

/* By the value of a free parameter. */
static double atom_by(const struct place *p, uint32_t atom, uint32_t free) {
  const struct rt_fit *f = p->r->at->f;
  const struct nsl_stage *stage = p->r->at->stage;
  uint64_t n = f->def->n_free;
  if (atom >= stage->n_measures) {
    uint32_t slot = stage->named_by[(atom - stage->n_measures) * n + free];
    return slot == NSL_NONE ? 0 : p->s->G[slot];
  }
  if (p->reverse) return 0;
  uint32_t measure = f->def->derivatives[stage->measures[atom] * n + free];
  return measure == NSL_NONE ? 0 : p->s->G[p->s->x->measures[measure].slot];
}

static bool gradient_make(const struct place *p) {
  const struct rt_space *space = &p->r->at->f->space;
  bool finite = true;
  for (uint64_t i = 0; i < space->n; i++) {
    double slope = rt_space_slope(&space->at[i], p->x[i]), sum = 0;
    for (uint32_t a = 0; i < p->n_by && a < p->n_atoms; a++) {
      double *d = &p->by[(uint64_t)a * p->n_by + i];
      if (i < space->n_plain) *d = atom_by(p, a, space->at[i].free); /* of weights they are there */
      *d *= slope;
      sum += p->G[p->r->at->stage->slopes[a]] * *d;
    }
    if (p->reverse) sum += (i < space->n_plain ? p->reverse[space->at[i].free] : p->weights[i - space->n_plain]) * slope;
    p->gradient[i] = sum;
    finite &= isfinite(sum) != 0;
  }
  return finite;
}

/* Sum over pairs of atoms: second derivative of the objective by them, times their derivatives. */
static bool curvature_make(const struct place *p) {
  const struct nsl_stage *stage = p->r->at->stage;
  uint64_t n = p->r->at->f->space.n, k = 0;
  bool finite = true;
  memset(p->curvature, 0, n * n * sizeof *p->curvature);
  for (uint32_t a = 0; a < p->n_atoms; a++)
    for (uint32_t b = a; b < p->n_atoms; b++, k++) {
      if (stage->bends[k] == NSL_NONE) continue;
      const double *x = p->by + a * n, *y = p->by + b * n, bend = p->G[stage->bends[k]];
      for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = 0; j < n; j++) p->curvature[i * n + j] += bend * (a == b ? x[i] * y[j] : x[i] * y[j] + y[i] * x[j]);
    }
  for (uint64_t i = 0; i < n * n; i++) finite &= isfinite(p->curvature[i]) != 0;
  return finite;
}

/* The kernel of the objective, on a G of its own: that of the run, in which its measures stand. false: not finite. */
static bool objective_run(const struct place *p, void **slots, double *terms) {
  const struct rt_fit *f = p->r->at->f;
  const struct nsl_stage *stage = p->r->at->stage;
  bool finite = true;
  memcpy(p->G, p->s->G, f->s->x->n_globals * sizeof *p->G);
  for (uint32_t k = 0; k < stage->n_measures; k++) {
    terms[k] = p->s->G[p->s->x->measures[stage->measures[k]].slot];
    finite &= isfinite(terms[k]) != 0;
  }
  struct nsl_env env = {.slots = slots, .u = p->G, .set = f->s->set, .count = 1, .dt = f->s->dt};
  rt_kernel(f->s, &stage->objective)(&env);
  return finite && isfinite(p->G[stage->loss]) != 0;
}

/* ---- runs: forwards; and back, in parts */

static int place_build(const struct place *p, struct rt_mem *mem, struct rt_sim *s) {
  const struct rt_fit *f = p->r->at->f;
  return rt_network_build(f, p->r->order >= RT_GRADIENT || f->def->relaxed, p->x, p->given, p->r->threads, mem, s);
}

/* After all that the run is to keep has been said. */
static int place_to(const struct place *p, struct rt_sim *s, const struct rt_adjoint *a, uint64_t until) {
  int e = s->device ? rt_device_make(s) : 0;
  if (!e && s->device) rt_fit_device_used(p->r->at->f->device, s->device->bytes + (a ? rt_adjoint_device_bytes(a->device) : 0));
  return e ? e : sim_run(s, until);
}

/* Forward mode by weights of single synapses: a run for each that is asked for. */
static int weights_forward(struct place *p, struct rt_sim *s) {
  const struct rt_fit *f = p->r->at->f;
  const struct rt_space *space = &f->space;
  const struct nsl_stage *stage = p->r->at->stage;
  uint32_t n = f->asked ? f->n_asked : space->n - space->n_plain;
  for (uint32_t k = 0; k < n; k++) {
    uint32_t at = f->asked ? f->asked[k] : space->n_plain + k;
    struct rt_mem mem = {0};
    rt_close(s);
    int e = rt_trained_given(f, &f->def->differentiated, p->x, at, &mem, &p->given);
    if (!e) e = place_build(p, &mem, s);
    if (!e) e = place_to(p, s, NULL, s->n_steps);
    for (uint32_t a = 0; !e && a < stage->n_measures; a++) p->by[(uint64_t)a * p->n_by + at] = atom_by(p, a, space->at[at].free);
    rt_mem_free(&mem);
    if (e) return e;
  }
  return 0;
}

static uint64_t part_steps(const struct rt_fit *f, const struct rt_sim *s, const struct rt_adjoint *a) {
  if (a->device) return rt_adjoint_device_part(a->device);
  double steps = floor(f->track_bytes / fmax(1, rt_track_bytes(s)));
  return steps < (double)s->n_steps ? (uint64_t)steps : s->n_steps;
}

/* s has been built. Through its last part first, of which the end is the end of the run. */
static int reverse_parts(struct place *p, struct rt_mem *mem, struct rt_sim *s, struct rt_adjoint *a, double *terms, void **slots, bool *ret_finite) {
  const struct rt_fit *f = p->r->at->f;
  const struct nsl_stage *stage = p->r->at->stage;
  double *slopes = rt_alloc(mem, stage->n_measures + 1, sizeof *slopes), *by = rt_alloc(mem, f->def->n_free + 1, sizeof *by);
  uint64_t part = part_steps(f, s, a), end = s->n_steps, n = part ? (end + part - 1) / part : 0;
  int e = slopes && by ? 0 : NSL_EMEMORY;
  if (!part) return rt_fail_at(NSL_EMEMORY, f->def->place, "`gradient = reverse`: one step of this network needs %.3g MB of history, more than %.3g",
                               rt_track_bytes(s) / 1e6, f->track_bytes / 1e6);
  for (uint64_t i = n; !e && i-- > 0;) {
    uint64_t to = i + 1 == n ? end : (i + 1) * part;
    if (i + 1 < n) {
      rt_close(s);
      e = place_build(p, mem, s);
    }
    if (!e) e = rt_track_make(s, i * part, to, a->device ? rt_adjoint_device_room(a->device) : f->tracks[p->thread]);
    if (!e) e = place_to(p, s, a, to);
    if (!e && i + 1 == n) {
      *ret_finite = objective_run(p, slots, terms);
      if (!*ret_finite) return 0;
      for (uint32_t k = 0; k < stage->n_measures; k++) slopes[k] = p->G[stage->slopes[k]];
      e = rt_adjoint_seed(a, s, stage->n_measures, stage->measures, slopes);
    }
    if (!e) e = rt_adjoint_back(a, s);
  }
  if (!e) p->weights = rt_adjoint_end(a, s, f->def->n_free, by);
  p->reverse = by;
  return e;
}

static int reverse_run(struct place *p, struct rt_mem *mem, struct rt_sim *s, double *terms, void **slots, bool *ret_finite) {
  const struct rt_fit *f = p->r->at->f;
  const struct rt_adjoint_of of = {f->trained, f->n_trained, f->space.n_plain, f->space.n - f->space.n_plain};
  struct rt_adjoint *a = NULL;
  int e = rt_adjoint_make(mem, s, &of, f->device ? rt_fit_device_share(f->device, p->r->threads > 1 ? 1 : f->s->threads) : 0, &a);
  if (!e) e = reverse_parts(p, mem, s, a, terms, slots, ret_finite);
  rt_adjoint_drop(a);
  return e;
}

/* Its derivatives follow; s has been built. */
static int place_go(struct place *p, struct rt_mem *mem, struct rt_sim *s, double *terms, bool *ret_finite) {
  const struct rt_fit *f = p->r->at->f;
  const struct nsl_stage *stage = p->r->at->stage;
  void **slots = rt_alloc(mem, stage->objective.n_bindings + 1, sizeof *slots);
  if (!slots) return NSL_EMEMORY;
  if (p->gradient && f->def->reverse) return reverse_run(p, mem, s, terms, slots, ret_finite);
  int e = place_to(p, s, NULL, s->n_steps);
  if (!e) *ret_finite = objective_run(p, slots, terms);
  return !e && *ret_finite && p->gradient && f->space.n > f->space.n_plain ? weights_forward(p, s) : e;
}

static int place_make(const struct runs *r, uint32_t thread, uint32_t place, struct rt_sim *s, struct rt_mem *mem, double *terms) {
  const struct rt_fit *f = r->at->f;
  const struct nsl_stage *stage = r->at->stage;
  uint64_t n = f->space.n;
  struct place p = {.r = r, .s = s, .thread = thread, .x = r->x + place * n, .n_atoms = stage->n_measures + stage->n_named};
  bool derived = r->order >= RT_GRADIENT || f->def->relaxed;
  p.n_by = f->def->reverse ? f->space.n_plain : f->space.n;
  p.G = rt_alloc(mem, f->s->x->n_globals + 1, sizeof *p.G);
  p.by = rt_alloc(mem, (uint64_t)p.n_atoms * p.n_by + 1, sizeof *p.by);
  if (!p.G || !p.by) return NSL_EMEMORY;
  if (r->order >= RT_GRADIENT) p.gradient = r->ret->gradient + place * n;
  if (r->order >= RT_CURVATURE) p.curvature = r->ret->curvature + place * n * n;
  bool finite = true;
  int e = rt_trained_given(f, derived ? &f->def->differentiated : &f->def->x, p.x, NSL_NONE, mem, &p.given);
  if (!e) e = place_build(&p, mem, s);
  if (!e) e = place_go(&p, mem, s, terms, &finite);
  if (e) return e;
  if (finite && p.gradient) finite = gradient_make(&p);
  if (finite && p.curvature) finite = curvature_make(&p);
  r->ret->loss[place] = finite ? p.G[stage->loss] : INFINITY;
  return 0;
}

static void l2_add(const struct runs *r, uint32_t place, const double *x, double *term) {
  const struct rt_space *space = &r->at->f->space;
  double *gradient = r->order >= RT_GRADIENT ? r->ret->gradient + (uint64_t)place * space->n : NULL;
  double *curvature = r->order >= RT_CURVATURE ? r->ret->curvature + (uint64_t)place * space->n * space->n : NULL;
  *term = rt_space_pulls(space, r->at->l2, x, gradient, curvature);
  r->ret->loss[place] += r->at->l2 * *term;
}

static int place_try(const struct runs *r, uint32_t thread, uint32_t place) {
  const struct rt_fit *f = r->at->f;
  uint32_t n_terms = rt_stage_values(r->at), n = r->at->stage->n_measures;
  const double *x = r->x + (uint64_t)place * f->space.n;
  struct rt_mem mem = {0};
  struct rt_sim s = {0};
  double *terms = rt_alloc(&mem, n_terms + 1, sizeof *terms);
  int e = terms ? place_make(r, thread, place, &s, &mem, terms) : NSL_EMEMORY;
  bool diverged = e == NSL_ENUMBER;
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

static int place_run(const struct runs *r, uint32_t thread, uint32_t place) {
  struct rt_fit_device *d = r->at->f->device;
  int e = 0;
  if (!d) return place_try(r, thread, place);
  for (int alone = 0; alone < 2 && (!alone || e == NSL_EMEMORY); alone++) { /* others may have what it needs */
    rt_fit_device_enter(d, alone);
    e = place_try(r, thread, place);
    rt_fit_device_leave(d);
  }
  return e;
}

static int runs_work(void *context, uint32_t thread) {
  struct runs *r = context;
  unsigned mode = rt_float_mode_flush();
  int e = 0;
  for (uint32_t i; !e && (i = atomic_fetch_add(&r->next, 1)) < r->places;) e = place_run(r, thread, i);
  rt_float_mode_restore(mode);
  return e;
}

int rt_network_evaluate(const struct rt_stage_at *at, enum rt_order order, uint32_t places, const double *x, struct rt_points *ret) {
  struct rt_fit *f = at->f;
  bool each = places >= f->s->threads;
  uint32_t weights = f->space.n - f->space.n_plain;
  if (order >= RT_GRADIENT && !f->def->reverse && !f->asked && weights > RT_MOST_DENSE)
    return rt_fail_at(NSL_ECANNOT, at->stage->place, "%u weights of single synapses are free: forward mode would need a run for each; up to %d have one. Take "
                      "`gradient = reverse`, with an optimizer that needs gradients alone, as `adam`", weights, RT_MOST_DENSE);
  struct runs r = {.at = at, .order = order, .places = places, .threads = each ? 1 : f->s->threads, .x = x, .ret = ret};
  int e = each ? rt_team_run(f->s->team, runs_work, &r) : runs_work(&r, 0);
  f->evaluations[order] += places;
  return e;
}
