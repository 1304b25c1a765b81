/* The stages of a fit, one after the other: each begins where the one before has ended, with all of its starts, or the best
 * of them where it asks for fewer, or new ones beside them where it asks for more. */
#include "runtime/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/report.h"
#include "runtime/threads.h"

enum { ROWS_LEAST = 32, ROWS_MOST = 512, NUMBERS = 1 << 23 }; /* of a history */

/* ---- before the search */

/* Uniform work of the classes: once, since what is free is no uniform. */
static int pops_derive(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct nsl_class *c = s->pops[i].class;
    if (c->derive.kernel == NSL_NONE) continue;
    void **slots = rt_alloc(&s->build_mem, c->derive.n_bindings + 1, sizeof *slots);
    if (!slots) return NSL_EMEMORY;
    struct nsl_env env = {.slots = slots, .u = s->pops[i].u, .count = 1, .dt = s->dt};
    rt_kernel(s, &c->derive)(&env);
  }
  return 0;
}

/* A level that no sweep crosses: that there are no spikes would be what is fitted. */
static void crossings_missed(struct rt_fit *f) {
  const struct nsl_recording *rec = &f->def->data;
  for (uint32_t k = 0; k < rec->n_events; k++) {
    uint64_t n = 0, numbers = 0;
    const struct nsl_sweep_events *list = &rec->events[k];
    for (uint32_t i = 0; list->column != NSL_NONE && i < f->n_fitted; i++) {
      const struct rt_trace *t = &f->traces[f->fitted[i]];
      n += t->events[k].n;
      for (uint64_t at = 0; at < t->n; at++) numbers += isfinite(t->values[list->column][at]) != 0;
    }
    if (n || list->column == NSL_NONE || !f->n_fitted) continue;
    const struct nsl_sweep_column *column = &rec->columns[list->column];
    double level = list->level / column->unit_scale;
    if (numbers) rt_warn(f->s, "%s: no sweep has a crossing of %.6g %s, so %s is empty: is the level right?", list->place, level, column->unit, list->name);
    else rt_warn(f->s, "%s: column %s has no numbers in any sweep, so %s is empty", list->place, column->name, list->name);
  }
}

static int traces_read(struct rt_fit *f) {
  const struct nsl_recording *rec = &f->def->data;
  uint64_t n = f->n_traces = rec->n_sweeps;
  f->traces = rt_alloc(&f->s->mem, n + 1, sizeof *f->traces);
  f->fitted = rt_alloc(&f->s->mem, n + 1, sizeof *f->fitted);
  f->validated = rt_alloc(&f->s->mem, n + 1, sizeof *f->validated);
  if (!f->traces || !f->fitted || !f->validated) return NSL_EMEMORY;
  for (uint32_t i = 0, v = 0; i < n; i++) {
    int e = rt_trace_read(f->s, rec, &rec->sweeps[i], &f->traces[i]);
    if (e) return e;
    if (f->s->n_steps && f->traces[i].n_steps > f->s->n_steps) f->traces[i].n_steps = f->s->n_steps;
    if (rec->sweeps[i].validation) f->validated[v++] = i;
    else f->fitted[f->n_fitted++] = i;
  }
  crossings_missed(f);
  return f->n_fitted ? 0 : rt_fail_at(NSL_EINPUT, rec->place, "fit %s has no sweep to fit to", f->def->name);
}

int rt_fit_open(struct rt_fit *f, struct rt_sim *s, const struct nsl_fit *def) {
  *f = (struct rt_fit){.s = s, .def = def};
  if (def->network) return rt_network_open(f);
  int e = pops_derive(s);
  if (!e) e = traces_read(f);
  if (!e) e = rt_space_make(s, def, &f->space);
  return e ? e : rt_marches_make(f);
}

/* ---- history */

static int history_make(struct rt_mem *m, const struct rt_search *s, bool validates, struct rt_history *h) {
  uint64_t starts = s->starts, fit = NUMBERS / (starts * (1 + s->f->n_terms));
  uint64_t rows = fit < ROWS_LEAST ? ROWS_LEAST : fit > ROWS_MOST ? ROWS_MOST : fit;
  *h = (struct rt_history){.every = 1, .room = (uint32_t)rows};
  h->steps = rt_alloc(m, rows, sizeof *h->steps);
  h->loss = rt_alloc(m, rows * starts, sizeof *h->loss);
  h->terms = rt_alloc(m, rows * starts * s->f->n_terms + 1, sizeof *h->terms);
  if (validates && !(h->validation = rt_alloc(m, rows * starts, sizeof *h->validation))) return NSL_EMEMORY;
  return h->steps && h->loss && h->terms ? 0 : NSL_EMEMORY;
}

static void row_copy(struct rt_history *h, const struct rt_search *s, uint32_t to, uint32_t from) {
  uint64_t n = s->starts, m = n * s->f->n_terms;
  h->steps[to] = h->steps[from];
  memmove(h->loss + to * n, h->loss + from * n, n * sizeof *h->loss);
  memmove(h->terms + to * m, h->terms + from * m, m * sizeof *h->terms);
  if (h->validation) memmove(h->validation + to * n, h->validation + from * n, n * sizeof *h->validation);
}

static void history_thin(struct rt_history *h, const struct rt_search *s) {
  h->every *= 2;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < h->n_rows; i++)
    if (h->steps[i] == 1 || h->steps[i] % h->every == 0) row_copy(h, s, kept++, i);
  h->n_rows = kept;
}

static void history_add(struct rt_history *h, const struct rt_search *s, const double *validation, uint32_t step) {
  if (h->n_rows == h->room) history_thin(h, s);
  uint64_t n = s->starts, m = n * s->f->n_terms;
  h->steps[h->n_rows] = step;
  memcpy(h->loss + h->n_rows * n, s->loss, n * sizeof *h->loss);
  memcpy(h->terms + h->n_rows * m, s->terms, m * sizeof *h->terms);
  if (h->validation) memcpy(h->validation + h->n_rows * n, validation, n * sizeof *h->validation);
  h->n_rows++;
}

/* By what decides: the objective, or with patience that of the validation sweeps. */
static uint32_t best_of(const struct rt_stage_end *g) {
  const double *by = g->stopping.seen ? g->stopping.lowest : g->search.loss;
  uint32_t best = 0;
  for (uint32_t i = 1; i < g->search.starts; i++)
    if (by[i] < by[best]) best = i;
  return best;
}

static void say_progress(const struct rt_stage_end *g, const struct rt_search *s, uint32_t step) {
  struct rt_sim *sim = g->at.f->s;
  double now = rt_clock();
  if (!sim->progress || now - sim->progress_last < 0.2) return;
  sim->progress_last = now;
  uint32_t left = 0;
  for (uint32_t i = 0; i < s->starts; i++) left += !s->why[i];
  fprintf(stderr, "\r%s step %u, best %.6g, %u of %u starts go on, %.1f s \033[K", g->def->name ? g->def->name : "", step,
          s->loss[best_of(g)], left, s->starts, now - sim->progress_began);
  fflush(stderr);
}

const char *rt_term_text(const struct rt_stage_end *g, uint32_t k) {
  bool own = k < rt_stage_terms(g->at.f, g->def);
  if (own && g->at.f->def->network) return g->at.f->def->x.measures[g->def->measures[k]].text;
  return own ? rt_stage_term(g->at.f, g->def, k, NULL, NULL)->text : "squares of l2";
}

static int stage_look(void *context, const struct rt_search *s, uint32_t step) {
  struct rt_stage_at *at = context;
  struct rt_stage_end *g = at->history;
  int e = rt_stop_look(at, &g->stopping, s, step);
  if (e) return e;
  at->step = step + 1;
  if (step == 1 || step % g->history.every == 0) history_add(&g->history, s, g->stopping.now, step);
  say_progress(g, s, step);
  return at->f->s->interrupt && *at->f->s->interrupt ? rt_fail(NSL_ESTOPPED, "stopped") : 0;
}

/* ---- starts */

static bool is_pruned(const struct rt_search *s, uint32_t start) { return s->why[start] == rt_why_pruned; }

static uint32_t kept_of(const struct rt_search *s) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < s->starts; i++) n += !is_pruned(s, i);
  return n;
}

/* Those of the stage before that were not pruned, the best if there are more than asked for; in their order. */
static int starts_carry(struct rt_mem *m, const struct rt_search *before, uint32_t most, struct rt_search *s) {
  uint64_t n = s->f->n;
  uint32_t kept = 0, ranked = 0;
  struct rt_rank *order = rt_alloc(m, before->starts, sizeof *order);
  bool *goes = rt_alloc(m, before->starts, sizeof *goes);
  if (!order || !goes) return NSL_EMEMORY;
  for (uint32_t i = 0; i < before->starts; i++)
    if (!is_pruned(before, i)) order[ranked++] = (struct rt_rank){before->loss[i], i};
  qsort(order, ranked, sizeof *order, rt_by_rank);
  for (uint32_t i = 0; i < ranked && i < most; i++) goes[order[i].start] = true;
  for (uint32_t i = 0; i < before->starts; i++)
    if (goes[i]) memcpy(s->x + kept++ * n, before->x + i * n, n * sizeof *s->x);
  return 0;
}

/* 0: the optimizer has none. */
static double option_of(const struct nsl_stage *def, const char *name) {
  for (uint32_t i = 0; i < def->n_options; i++)
    if (strcmp(def->options[i].name, name) == 0) return def->options[i].value;
  return 0;
}

static int held_make(struct rt_fit *f, const struct nsl_stage *def, struct rt_stage_end *g) {
  if (!def->n_searched) return 0;
  g->held = rt_alloc(&f->s->mem, (uint64_t)f->space.n + 1, sizeof *g->held);
  if (!g->held) return NSL_EMEMORY;
  for (uint32_t i = 0; i < f->space.n; i++) g->held[i] = rt_stage_holds(f, def, i);
  return 0;
}

/* What the stage does not look for is as at the best place so far, or as declared. */
static void start_new(struct rt_stage_end *g, const struct rt_stage_end *before, uint32_t start) {
  const struct rt_fit *f = g->at.f;
  double *x = g->search.x + (uint64_t)start * f->space.n;
  rt_space_start(&f->space, f->def, f->s->seed, start, x);
  for (uint32_t i = 0; g->held && i < f->space.n; i++)
    if (g->held[i]) x[i] = before ? before->search.x[(uint64_t)before->best * f->space.n + i] : rt_space_place(&f->space.at[i], f->space.at[i].declared);
}

static int stage_make(struct rt_fit *f, const struct nsl_stage *def, const struct rt_stage_end *before, struct rt_stage_end *g) {
  struct rt_mem *m = &f->s->mem;
  uint32_t had = before ? kept_of(&before->search) : 0, starts = def->starts ? def->starts : had ? had : 1;
  *g = (struct rt_stage_end){.def = def, .at = {.f = f, .stage = def, .history = g}};
  g->at.l2 = option_of(def, "l2");
  g->at.dropout = option_of(def, "dropout");
  g->at.step = 1;
  int e = held_make(f, def, g);
  g->objective = rt_stage_objective(&g->at, g->held);
  g->objective.look = stage_look;
  if (!e) e = rt_search_make(m, &g->objective, starts, &g->search);
  g->search.options = def->options;
  g->search.n_options = def->n_options;
  g->search.key = nslm_key(f->s->seed, nslm_hash("search", 6, (uint64_t)(def - f->def->stages)));
  g->at.key = nslm_key(f->s->seed, nslm_hash("dropout", 7, (uint64_t)(def - f->def->stages)));
  if (!e) e = rt_stop_make(m, &g->search, &g->stopping);
  if (!e && g->at.dropout > 0) e = rt_thin_make(f, def);
  if (!e && before) e = starts_carry(m, &before->search, starts, &g->search);
  for (uint32_t i = had; !e && i < starts; i++) start_new(g, before, i);
  return e ? e : history_make(m, &g->search, g->stopping.patience > 0, &g->history);
}

/* ---- a stage */

struct first_bad {
  const struct rt_march *march;
  uint64_t step;
  uint32_t state;
  double value;
};

static bool bad_seen(void *context, uint64_t step, const double *states) {
  struct first_bad *b = context;
  for (uint32_t i = 0; i < b->march->forms[RT_PLAIN]->n_states; i++)
    if (!isfinite(states[(uint64_t)i * RT_BLOCK])) {
      b->step = step;
      b->state = i;
      b->value = states[(uint64_t)i * RT_BLOCK];
      return false;
    }
  return true;
}

static bool spikes_in_step(const struct rt_fit *f, const struct rt_trace *t, uint64_t step) {
  const struct rt_events *e = &t->events[f->def->spikes];
  for (uint64_t i = 0; i < e->n; i++)
    if (ceil(e->times[i] / f->s->dt - 1e-6) == (double)step) return true;
  return false;
}

/* A likelihood of 0: at a spike of the recording the neuron has no rate (elsewhere: an infinite one). */
static bool is_unlikely(const struct first_bad *b) {
  for (uint32_t t = 0; t < b->march->def->n_terms; t++)
    if (b->march->def->terms[t].likelihood && b->march->def->terms[t].sum == b->state) return b->value == -INFINITY;
  return false;
}

/* Where a start first goes wrong: "V is no finite number at 12 ms of a.csv". false: its derivatives alone do. */
static bool diverges_text(struct rt_fit *f, const struct rt_stage_end *g, uint32_t start, bool *ret_impossible, char *text, size_t size) {
  for (uint32_t i = 0; i < g->def->n_marches; i++)
    for (uint32_t k = 0; k < f->n_fitted; k++) {
      struct first_bad b = {.march = &f->marches[g->def->marches[i]], .step = UINT64_MAX};
      rt_march_watch(f, b.march, f->fitted[k], k, g->search.x + (uint64_t)start * f->space.n, bad_seen, &b);
      if (b.step == UINT64_MAX) continue;
      const struct nsl_class *c = &f->s->program->classes[b.march->def->class_index];
      const struct nsl_sweep *sweep = f->traces[f->fitted[k]].def;
      char where[300];
      bool named = sweep->name && *sweep->name;
      snprintf(where, sizeof where, "%.12g ms of %.120s%s%.60s", (double)b.step * f->s->dt, sweep->path, named ? ", sweep " : "",
               named ? sweep->name : "");
      bool unlikely = is_unlikely(&b);
      *ret_impossible = unlikely && spikes_in_step(f, &f->traces[f->fitted[k]], b.step);
      if (unlikely && !*ret_impossible) snprintf(text, size, "the rate of spikes is infinite at %s", where);
      else if (*ret_impossible) snprintf(text, size, "the recording has a spike at %s, where the model cannot fire", where);
      else snprintf(text, size, "%.60s is no finite number at %s", b.state < c->n_states ? c->states[b.state].name : "the objective", where);
      return true;
    }
  return false;
}

static int stage_diverges(struct rt_fit *f, const struct rt_stage_end *g) {
  char text[400];
  bool impossible;
  if (!diverges_text(f, g, 0, &impossible, text, sizeof text))
    return rt_fail_at(NSL_ENUMBER, g->def->place, "the objective or its derivatives are not finite at any start");
  if (impossible)
    return rt_fail_at(NSL_ENUMBER, g->def->place,
                      "%s at any start: there its rate is 0, or it is refractory; a shorter hold, or a larger rate, makes it possible", text);
  return rt_fail_at(NSL_ENUMBER, g->def->place,
                    "the model diverges at every start: at the first one %s; narrower bounds, or a smaller dt, may help", text);
}

/* Some starts are lost: how many, and where the first of them went wrong. */
static void diverging_warn(struct rt_fit *f, const struct rt_stage_end *g) {
  uint32_t lost = 0, first = 0;
  char text[400];
  bool impossible;
  for (uint32_t i = g->search.starts; i-- > 0;)
    if (isinf(g->search.loss[i])) lost++, first = i;
  if (!lost) return;
  if (!diverges_text(f, g, first, &impossible, text, sizeof text)) snprintf(text, sizeof text, "the derivatives are not finite");
  rt_warn(f->s, "%s: %u of %u starts are lost, since the model diverges: at number %u %s", g->def->place, lost, g->search.starts, first + 1,
          text);
}

/* What the optimizer needs and the compiler has not made. */
static int stage_possible(const struct rt_fit *f, const struct rt_stage_end *g) {
  static const enum rt_order needs[] = {
      [NSL_OPTIMIZER_LM] = RT_CURVATURE,     [NSL_OPTIMIZER_LBFGS] = RT_GRADIENT, [NSL_OPTIMIZER_ADAM] = RT_GRADIENT,
      [NSL_OPTIMIZER_RMSPROP] = RT_GRADIENT, [NSL_OPTIMIZER_SGD] = RT_GRADIENT,   [NSL_OPTIMIZER_CMAES] = RT_PLAIN,
      [NSL_OPTIMIZER_ADAMW] = RT_GRADIENT};
  if (g->def->optimizer >= sizeof needs / sizeof *needs) return rt_fail(NSL_ECANNOT, "an optimizer that this runtime does not have");
  uint32_t weights = f->space.n - f->space.n_plain;
  bool dense = g->def->optimizer == NSL_OPTIMIZER_CMAES || needs[g->def->optimizer] == RT_CURVATURE;
  if (dense && weights > RT_MOST_DENSE)
    return rt_fail_at(NSL_ECANNOT, g->def->place, "%u weights of single synapses are free: this optimizer keeps a matrix of all, and takes up to %d; take "
                      "one that needs gradients alone, as `adam`", weights, RT_MOST_DENSE);
  if (rt_stage_can(f, g->def, needs[g->def->optimizer]) && rt_stage_can(f, g->def, RT_PLAIN)) return 0;
  return rt_fail_at(NSL_ECANNOT, g->def->place, "this program holds no derivatives for this stage");
}

static int stage_run(struct rt_fit *f, struct rt_stage_end *g) {
  uint64_t before[RT_ORDERS];
  memcpy(before, f->evaluations, sizeof before);
  double began = rt_clock();
  int e = stage_possible(f, g);
  if (!e) e = rt_search_run(&g->search, (enum nsl_optimizer)g->def->optimizer);
  rt_stop_end(&g->stopping, &g->search);
  g->best = best_of(g);
  g->seconds = rt_clock() - began;
  for (int i = 0; i < RT_ORDERS; i++) g->evaluations[i] = f->evaluations[i] - before[i];
  if (!e && isinf(g->search.loss[g->best])) return stage_diverges(f, g);
  if (!e) diverging_warn(f, g);
  return e;
}

/* ---- the fit */

static int validate(struct rt_fit_end *end) {
  struct rt_fit *f = end->f;
  struct rt_stage_at at = end->last->at;
  at.validation = true;
  at.l2 = 0;
  if (f->n_fitted == f->n_traces) return 0;
  int e = rt_points_make(&f->s->mem, RT_PLAIN, 1, f->space.n, end->last->objective.n_terms, &end->validation);
  return e ? e : rt_stage_evaluate(&at, RT_PLAIN, 1, end->x, &end->validation);
}

int rt_fit_run(struct rt_fit *f, struct rt_fit_end *end) {
  double began = f->s->progress_began = rt_clock();
  int e = 0;
  *end = (struct rt_fit_end){.f = f, .certainty = {.why_not = "the fit was not finished"}};
  end->stages = rt_alloc(&f->s->mem, f->def->n_stages + 1, sizeof *end->stages);
  if (!end->stages) return NSL_EMEMORY;
  rt_fit_scales(f);
  for (uint32_t i = 0; !e && i < f->def->n_stages; i++) {
    struct rt_stage_end *g = &end->stages[i];
    e = stage_make(f, &f->def->stages[i], i ? g - 1 : NULL, g);
    if (!e) e = stage_run(f, g);
    if (g->search.x) end->n_stages++;
    if (g->search.x && isfinite(g->search.loss[g->best])) {
      end->last = g;
      end->x = g->search.x + (uint64_t)g->best * f->space.n;
    }
  }
  if (!e && end->last) e = rt_fit_certainty(end);
  if (!e && end->last) e = validate(end);
  if (!e && end->last && f->profile) e = rt_fit_profiles(end, f->profile);
  end->seconds = rt_clock() - began;
  return e;
}
