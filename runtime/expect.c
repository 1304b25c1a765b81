/* What a run is judged by: counts, intervals and counts in bins of spikes, in windows of time over parts of
 * populations; the table's columns; the experiment's `expect`s.
 *
 * The coefficient of variation is the mean over elements with at least RT_CV_SPIKES spikes of the standard
 * deviation of their intervals (over n) by their mean: the convention of the field's network papers. */
#include <math.h>
#include <stdlib.h>

#include "runtime/error.h"
#include "runtime/ranks.h"
#include "runtime/sim.h"

/* The last step that ends at or before t. */
static uint64_t step_before(const struct rt_sim *s, double t) {
  double n = floor(t / s->dt + 1e-6);
  return n < 0 ? 0 : n < 4e18 ? (uint64_t)n : RT_NO_STEP;
}

static struct rt_meter *meter_new(struct rt_sim *s, uint64_t after, uint64_t until, uint64_t elements, bool isi) {
  struct rt_meter *m = rt_alloc(&s->mem, 1, sizeof *m);
  if (!m) return NULL;
  m->after = after;
  m->until = until;
  m->n_isi = isi ? elements : 0;
  m->isi = isi ? rt_alloc(&s->mem, elements, sizeof *m->isi) : NULL;
  return isi && !m->isi ? NULL : m;
}

static void watch_add(struct rt_sim *s, struct rt_meter *m, uint32_t pop, uint32_t first, uint32_t n,
                      uint64_t isi0) {
  if (n) s->watches[s->n_watches++] = (struct rt_watch){pop, first, first + n - 1, m, isi0};
}

static int bin_read(struct rt_sim *s, struct rt_measure *x) {
  if (x->def->argument == NSL_NONE) return 0;
  double bin = s->G[x->def->argument], steps = rt_steps(bin, s->dt);
  if (!(steps >= 1 && steps < 4e9) || fabs(bin / s->dt - steps) > 1e-6 * steps)
    return rt_fail_at(NSL_EMODEL, x->def->place, "%s: bins of %g ms are not a whole number of steps of %g ms",
                      x->def->text, bin, s->dt);
  x->meter->bin = (uint64_t)steps;
  return 0;
}

static int meter_make(struct rt_sim *s, struct rt_measure *x) {
  uint32_t first, n;
  uint64_t isi0 = 0;
  x->meter = meter_new(s, x->after, x->until, (uint64_t)x->elements, x->def->kind == NSL_MEASURE_CV);
  if (!x->meter) return NSL_EMEMORY;
  for (uint32_t i = 0; i < x->def->n_items; i++) {
    const struct nsl_slice *slice = &x->def->items[i].slice;
    rt_slice_range(s, slice, x->def->place, &first, &n);
    watch_add(s, x->meter, slice->pop, first, n, isi0);
    isi0 += n;
  }
  return bin_read(s, x);
}

static int measure_make(struct rt_sim *s, struct rt_measure *x, const struct nsl_measure *def) {
  *x = (struct rt_measure){.def = def};
  uint32_t first, n;
  for (uint32_t i = 0; i < def->n_items; i++) {
    int e = rt_slice_range(s, &def->items[i].slice, def->place, &first, &n);
    if (e) return e;
    x->elements += n;
  }
  x->after = step_before(s, rt_value(s, def->after, 0));
  x->until = step_before(s, rt_value(s, def->until, INFINITY));
  return def->n_items && def->items[0].code.kernel != NSL_NONE ? rt_probe_make(s, x) : meter_make(s, x);
}

int rt_meters_make(struct rt_sim *s) {
  uint64_t n = s->n_pops;
  for (uint32_t i = 0; i < s->x->n_measures; i++) n += s->x->measures[i].n_items;
  s->watches = rt_alloc(&s->mem, n, sizeof *s->watches);
  s->pop_meters = rt_alloc(&s->mem, s->n_pops, sizeof *s->pop_meters);
  s->n_expects = s->x->n_expects;
  s->expects = rt_alloc(&s->mem, s->n_expects, sizeof *s->expects);
  s->measures = rt_alloc(&s->mem, s->x->n_measures, sizeof *s->measures);
  if (!s->watches || !s->pop_meters || !s->expects || !s->measures) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    s->pop_meters[i] = meter_new(s, 0, RT_NO_STEP, s->pops[i].size, s->pops[i].class->has_spike);
    if (!s->pop_meters[i]) return NSL_EMEMORY;
    watch_add(s, s->pop_meters[i], i, 0, s->pops[i].size, 0);
  }
  for (uint32_t i = 0; i < s->n_expects; i++) s->expects[i] = (struct rt_expect){&s->x->expects[i], NAN, false};
  for (uint32_t i = 0; i < s->x->n_measures; i++) {
    int e = measure_make(s, &s->measures[s->n_measures++], &s->x->measures[i]);
    if (e) return e;
  }
  return 0;
}

void rt_meters_drop(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_measures; i++)
    if (s->measures[i].meter) rt_drop(&s->measures[i].meter->marks);
}

static void isi_add(struct rt_isi *isi, uint32_t step) {
  if (isi->n++) {
    double x = step - isi->last;
    isi->sum += x;
    isi->squares += x * x;
  }
  isi->last = step;
}

static int mark_add(struct rt_meter *m, uint64_t element, uint64_t step) {
  int e = rt_grow(&m->marks, &m->marks_cap, m->n_marks + 1, sizeof *m->marks);
  if (!e) m->marks[m->n_marks++] = element << 32 | (step - m->after - 1) / m->bin;
  return e;
}

static int meter_add(struct rt_sim *s, const struct rt_watch *w, const uint32_t *ids, uint64_t n, uint64_t step) {
  struct rt_meter *m = w->meter;
  int e = 0;
  if (step <= m->after || step > m->until) return 0;
  bool all = w->from == 0 && w->to == s->pops[w->pop].size - 1;
  for (uint64_t i = 0; !e && i < n; i++) {
    if (!all && (ids[i] < w->from || ids[i] > w->to)) continue;
    m->spikes++;
    if (!m->first || step < m->first) m->first = step;
    if (m->isi) isi_add(&m->isi[w->isi0 + ids[i] - w->from], (uint32_t)step);
    if (m->bin) e = mark_add(m, w->isi0 + ids[i] - w->from, step);
  }
  return e;
}

/* Each rank counts the spikes of its shards; bins, which are sums over elements, are the first rank's. */
static bool is_counted(const struct rt_sim *s, const struct rt_meter *m, uint32_t shard) {
  return m->bin ? rt_ranks_first(s->ranks) : rt_is_own(s, shard);
}

int rt_meters_spikes(struct rt_sim *s, uint64_t from, uint32_t n_steps, uint32_t parity) {
  int e = 0;
  for (uint32_t k = 0; k < s->n_watches; k++) {
    const struct rt_watch *w = &s->watches[k];
    const struct rt_pop *p = &s->pops[w->pop];
    for (uint32_t i = 0; i < p->n_parts; i++) {
      const struct rt_shard *h = &s->shards[p->parts[i].shard];
      const struct rt_spikes *in = &h->spikes[parity];
      if (!is_counted(s, w->meter, p->parts[i].shard)) continue;
      for (uint32_t j = 0; !e && j < n_steps; j++) {
        size_t at = (size_t)j * h->n_slices + p->parts[i].slice;
        uint64_t begin = at ? in->ends[at - 1] : 0;
        if (in->ends[at] > begin) e = meter_add(s, w, in->ids + begin, in->ends[at] - begin, from + j);
      }
    }
  }
  return e;
}

/* The first rank gets what all have counted. Of an element all but one have nothing, so bits are combined. */
static int meter_collect(struct rt_sim *s, struct rt_meter *m) {
  uint64_t first = m->first ? m->first : UINT64_MAX;
  int e = rt_ranks_collect(s->ranks, &m->spikes, 1, RT_SUM_U64);
  if (!e) e = rt_ranks_collect(s->ranks, &first, 1, RT_MIN_U64);
  m->first = first == UINT64_MAX ? 0 : first;
  if (!e && m->isi) e = rt_ranks_collect(s->ranks, m->isi, m->n_isi * (sizeof *m->isi / 8), RT_OR_U64);
  return e;
}

int rt_meters_collect(struct rt_sim *s) {
  int e = 0;
  if (!s->ranks) return 0;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) e = meter_collect(s, s->pop_meters[i]);
  for (uint32_t i = 0; !e && i < s->n_measures; i++)
    e = s->measures[i].probe ? rt_probe_collect(s, &s->measures[i]) : meter_collect(s, s->measures[i].meter);
  return e;
}

double rt_isi_cv(const struct rt_isi *isi) {
  if (isi->n < RT_CV_SPIKES || isi->sum <= 0) return NAN;
  double k = isi->n - 1, mean = isi->sum / k, variance = isi->squares / k - mean * mean;
  return variance > 0 ? sqrt(variance) / mean : 0;
}

double rt_meter_cv(const struct rt_meter *m, uint64_t n) {
  double sum = 0;
  uint64_t counted = 0;
  for (uint64_t i = 0; m->isi && i < n; i++) {
    double cv = rt_isi_cv(&m->isi[i]);
    if (isnan(cv)) continue;
    sum += cv;
    counted++;
  }
  return counted ? sum / (double)counted : NAN;
}

/* ---- counts in bins. Only whole bins count: n of them. All sums run in the order of elements and bins. */

static int mark_order(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

struct cell_counts { /* of one element: its marks [from, to), sums over the bins */
  size_t from, to;
  double sum, squares;
};

/* The next element's counts; false: no more. Bins from n on do not count. */
static bool cell_next(const struct rt_meter *m, uint64_t n, struct cell_counts *c) {
  c->from = c->to;
  c->sum = c->squares = 0;
  if (c->from >= m->n_marks) return false;
  for (size_t i = c->from, same; i < m->n_marks && m->marks[i] >> 32 == m->marks[c->from] >> 32; i = c->to = same) {
    for (same = i + 1; same < m->n_marks && m->marks[same] == m->marks[i]; same++) continue;
    if ((uint32_t)m->marks[i] >= n) continue;
    double count = (double)(same - i);
    c->sum += count;
    c->squares += count * count;
  }
  return true;
}

/* Of z-scored counts: the sum over pairs is the square of the sum less the sum of squares. */
static double correlation(const struct rt_meter *m, uint64_t n, double *sums) {
  struct cell_counts c = {0};
  double cells = 0, base = 0, squares = 0;
  while (cell_next(m, n, &c)) {
    double mean = c.sum / (double)n, variance = c.squares / (double)n - mean * mean;
    if (variance <= 1e-12 * c.squares) continue;
    double sd = sqrt(variance);
    cells++;
    base += mean / sd;
    for (size_t i = c.from; i < c.to; i++)
      if ((uint32_t)m->marks[i] < n) sums[(uint32_t)m->marks[i]] += 1 / sd;
  }
  for (uint64_t b = 0; b < n; b++) squares += (sums[b] - base) * (sums[b] - base);
  return cells > 1 ? (squares / (double)n - cells) / (cells * (cells - 1)) : NAN;
}

static double fano(const struct rt_meter *m, uint64_t n) {
  struct cell_counts c = {0};
  double cells = 0, sum = 0;
  while (cell_next(m, n, &c)) {
    double mean = c.sum / (double)n;
    if (mean == 0) continue;
    cells++;
    sum += (c.squares / (double)n - mean * mean) / mean;
  }
  return cells > 0 ? sum / cells : NAN;
}

static double synchrony(const struct rt_meter *m, uint64_t n, double *counts) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < m->n_marks; i++)
    if ((uint32_t)m->marks[i] < n) counts[(uint32_t)m->marks[i]]++;
  for (uint64_t b = 0; b < n; b++) {
    sum += counts[b];
    squares += counts[b] * counts[b];
  }
  double mean = sum / (double)n;
  return mean > 0 ? (squares / (double)n - mean * mean) / mean : NAN;
}

static double binned(const struct rt_measure *x, uint64_t steps) {
  struct rt_meter *m = x->meter;
  struct rt_mem mem = {0};
  uint64_t n = steps / m->bin;
  double value = NAN, *sums = n ? rt_alloc(&mem, n, sizeof *sums) : NULL;
  if (m->n_marks) qsort(m->marks, m->n_marks, sizeof *m->marks, mark_order);
  if (sums && x->def->kind == NSL_MEASURE_CORRELATION) value = correlation(m, n, sums);
  if (sums && x->def->kind == NSL_MEASURE_FANO) value = fano(m, n);
  if (sums && x->def->kind == NSL_MEASURE_SYNCHRONY) value = synchrony(m, n, sums);
  rt_mem_free(&mem);
  return value;
}

/* ---- values */

static double measure_value(const struct rt_sim *s, const struct rt_measure *x) {
  const struct rt_meter *m = x->meter;
  uint64_t end = x->until < s->step ? x->until : s->step, steps = end > x->after ? end - x->after : 0;
  if (x->probe) return rt_probe_value(s, x);
  if (steps == 0) return NAN;
  switch ((enum nsl_measure_kind)x->def->kind) {
    case NSL_MEASURE_RATE: return (double)m->spikes / (x->elements * (double)steps * s->dt);
    case NSL_MEASURE_CV: return rt_meter_cv(m, (uint64_t)x->elements);
    case NSL_MEASURE_SPIKES: return (double)m->spikes;
    case NSL_MEASURE_LATENCY: return m->first ? (double)(m->first - m->after) * s->dt : NAN;
    case NSL_MEASURE_CORRELATION:
    case NSL_MEASURE_FANO:
    case NSL_MEASURE_SYNCHRONY: return binned(x, steps);
    case NSL_MEASURE_MIN:
    case NSL_MEASURE_MAX:
    case NSL_MEASURE_MEAN:
    case NSL_MEASURE_VALUE: break;
  }
  return NAN;
}

/* Measures into G, then the kernel that computes all expects from them. */
void rt_expects_value(struct rt_sim *s) {
  const struct nsl_code *code = &s->x->judge;
  for (uint32_t i = 0; i < s->n_measures; i++) s->G[s->measures[i].def->slot] = measure_value(s, &s->measures[i]);
  if (code->kernel != NSL_NONE && s->n_expects) {
    void **slots = rt_alloc(&s->mem, code->n_bindings + 1, sizeof *slots);
    struct nsl_env env = {.slots = slots, .u = s->G, .set = s->set, .count = 1, .dt = s->dt};
    if (!slots) return;
    rt_kernel(s, code)(&env);
  }
  for (uint32_t i = 0; i < s->n_expects; i++) {
    struct rt_expect *x = &s->expects[i];
    const struct nsl_expect *d = x->def;
    x->value = s->G[d->value];
    double lo = rt_value(s, d->lo, -INFINITY), hi = rt_value(s, d->hi, INFINITY);
    x->holds = (d->open_lo ? x->value > lo : x->value >= lo) && (d->open_hi ? x->value < hi : x->value <= hi);
  }
}
