/* Starts that end before their optimizer would end them.
 *
 * `patience`: after each step the objective of the validation sweeps is taken where that step was taken, or, where steps only
 * go down, at the best place if that has changed. A start for which it has not become lower for so many steps ends. In the end every start is where it was lowest,
 * and the best start is the one with the lowest.
 * `prune`: after so many steps, and after two, four, … times as many, the worse half of the starts that go on stops (successive
 * halving); the best never does. What decides is the best objective so far, then the number of the start, so it is the same for
 * any number of threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fit.h"

const char *const rt_why_pruned = "pruned: others were better", *const rt_why_patience = "the validation sweeps came out no better";

int rt_stop_make(struct rt_mem *m, const struct rt_search *s, struct rt_stopping *t) {
  double patience = rt_search_option(s, "patience"), prune = rt_search_option(s, "prune");
  uint64_t n = s->starts, each = s->f->n;
  *t = (struct rt_stopping){.patience = patience > 0 ? (uint32_t)patience : 0, .prune = prune > 0 ? (uint32_t)prune : 0};
  t->next = t->prune;
  t->order = rt_alloc(m, n + 1, sizeof *t->order);
  if (!t->order) return NSL_EMEMORY;
  if (!t->patience) return 0;
  t->now = rt_alloc(m, n, sizeof *t->now);
  t->lowest = rt_alloc(m, n, sizeof *t->lowest);
  t->loss = rt_alloc(m, n, sizeof *t->loss);
  t->terms = rt_alloc(m, n * s->f->n_terms + 1, sizeof *t->terms);
  t->x = rt_alloc(m, n * each + 1, sizeof *t->x);
  t->ask = rt_alloc(m, n * each + 1, sizeof *t->ask);
  t->since = rt_alloc(m, n, sizeof *t->since);
  if (!t->now || !t->lowest || !t->loss || !t->terms || !t->x || !t->ask || !t->since) return NSL_EMEMORY;
  for (uint64_t i = 0; i < n; i++) t->now[i] = t->lowest[i] = t->loss[i] = INFINITY;
  return rt_points_make(m, RT_PLAIN, s->starts, s->f->n, s->f->n_terms, &t->points);
}

/* ---- patience */

static void start_validated(struct rt_stopping *t, const struct rt_search *s, uint32_t start, uint32_t step, double v) {
  uint64_t n = s->f->n, n_terms = s->f->n_terms;
  bool here = s->here.x != NULL;
  t->now[start] = v;
  t->seen = true;
  if (!(v < t->lowest[start])) return;
  t->lowest[start] = v;
  t->since[start] = step;
  t->loss[start] = (here ? s->here.loss : s->loss)[start];
  memcpy(t->x + start * n, (here ? s->here.x : s->x) + start * n, n * sizeof *t->x);
  memcpy(t->terms + start * n_terms, (here ? s->here.terms : s->terms) + start * n_terms, n_terms * sizeof *t->terms);
}

/* Is there a place that was not yet looked at? */
static bool is_new(const struct rt_search *s, uint32_t start, uint32_t step) {
  if (s->here.x) return !s->why[start] && isfinite(s->here.loss[start]);
  return s->steps[start] == step && isfinite(s->loss[start]);
}

static int patience_look(struct rt_stage_at *at, struct rt_stopping *t, const struct rt_search *s, uint32_t step) {
  struct rt_stage_at other = *at;
  uint64_t n = s->f->n;
  uint32_t asked = 0;
  other.validation = true;
  other.l2 = 0;
  for (uint32_t i = 0; i < s->starts; i++)
    if (is_new(s, i, step)) {
      memcpy(t->ask + asked * n, (s->here.x ? s->here.x : s->x) + i * n, n * sizeof *t->ask);
      t->order[asked++] = (struct rt_rank){0, i};
    }
  int e = asked ? rt_stage_evaluate(&other, RT_PLAIN, asked, t->ask, &t->points) : 0;
  for (uint32_t k = 0; !e && k < asked; k++) start_validated(t, s, t->order[k].start, step, t->points.loss[k]);
  for (uint32_t i = 0; !e && i < s->starts; i++)
    if (!s->why[i] && step >= t->since[i] + t->patience) s->why[i] = rt_why_patience;
  return e;
}

void rt_stop_end(const struct rt_stopping *t, struct rt_search *s) {
  uint64_t n = s->f->n, n_terms = s->f->n_terms;
  for (uint32_t i = 0; t->patience && i < s->starts; i++) {
    if (!isfinite(t->lowest[i])) continue;
    s->loss[i] = t->loss[i];
    s->steps[i] = t->since[i];
    memcpy(s->x + i * n, t->x + i * n, n * sizeof *s->x);
    memcpy(s->terms + i * n_terms, t->terms + i * n_terms, n_terms * sizeof *s->terms);
  }
}

/* ---- pruning */

int rt_by_rank(const void *a, const void *b) {
  const struct rt_rank *x = a, *y = b;
  if (x->loss != y->loss) return x->loss < y->loss ? -1 : 1;
  return x->start < y->start ? -1 : x->start > y->start;
}

static void prune_look(struct rt_stopping *t, const struct rt_search *s, uint32_t step) {
  uint32_t n = 0;
  if (step < t->next) return;
  t->next *= 2;
  for (uint32_t i = 0; i < s->starts; i++)
    if (!s->why[i]) t->order[n++] = (struct rt_rank){s->loss[i], i};
  qsort(t->order, n, sizeof *t->order, rt_by_rank);
  for (uint32_t k = (n + 1) / 2; k < n; k++) s->why[t->order[k].start] = rt_why_pruned;
}

int rt_stop_look(struct rt_stage_at *at, struct rt_stopping *t, const struct rt_search *s, uint32_t step) {
  int e = t->patience ? patience_look(at, t, s, step) : 0;
  if (!e && t->prune) prune_look(t, s, step);
  return e;
}
