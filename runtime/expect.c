/* What a run is judged by: counts and intervals between spikes, in windows of time over parts of populations;
 * the table's columns; the experiment's `expect`s.
 *
 * The coefficient of variation is the mean over elements with at least RT_CV_SPIKES spikes of the standard
 * deviation of their intervals (over n) by their mean: the convention of the field's network papers. */
#include <math.h>

#include "runtime/error.h"
#include "runtime/sim.h"

static struct rt_meter *meter_new(struct rt_sim *s, double after, double until, uint64_t elements, bool isi) {
  struct rt_meter *m = rt_alloc(&s->mem, 1, sizeof *m);
  if (!m) return NULL;
  double from = floor(after / s->dt + 1e-6), to = floor(until / s->dt + 1e-6);
  m->after = from > 0 ? (uint64_t)from : 0;
  m->until = to < 0 ? 0 : to < 4e18 ? (uint64_t)to : RT_NO_STEP;
  m->isi = isi ? rt_alloc(&s->mem, elements, sizeof *m->isi) : NULL;
  return isi && !m->isi ? NULL : m;
}

static void watch_add(struct rt_sim *s, struct rt_meter *m, uint32_t pop, uint32_t first, uint32_t n,
                      uint64_t isi0) {
  if (n) s->watches[s->n_watches++] = (struct rt_watch){pop, first, first + n - 1, m, isi0};
}

static int expect_make(struct rt_sim *s, struct rt_expect *x, const struct nsl_expect *def) {
  *x = (struct rt_expect){.def = def, .value = NAN};
  if (def->kind == NSL_EXPECT_VALUE) return 0;
  uint32_t first, n;
  for (uint32_t i = 0; i < def->n_slices; i++) {
    int e = rt_slice_range(s, &def->slices[i], def->place, &first, &n);
    if (e) return e;
    x->elements += n;
  }
  double after = rt_value(s, def->after, 0), until = rt_value(s, def->until, INFINITY);
  x->meter = meter_new(s, after, until, (uint64_t)x->elements, def->kind == NSL_EXPECT_CV);
  if (!x->meter) return NSL_EMEMORY;
  uint64_t isi0 = 0;
  for (uint32_t i = 0; i < def->n_slices; i++) {
    rt_slice_range(s, &def->slices[i], def->place, &first, &n);
    watch_add(s, x->meter, def->slices[i].pop, first, n, isi0);
    isi0 += n;
  }
  return 0;
}

int rt_meters_make(struct rt_sim *s) {
  uint64_t n = s->n_pops;
  for (uint32_t i = 0; i < s->x->n_expects; i++) n += s->x->expects[i].n_slices;
  s->watches = rt_alloc(&s->mem, n, sizeof *s->watches);
  s->pop_meters = rt_alloc(&s->mem, s->n_pops, sizeof *s->pop_meters);
  s->n_expects = s->x->n_expects;
  s->expects = rt_alloc(&s->mem, s->n_expects, sizeof *s->expects);
  if (!s->watches || !s->pop_meters || !s->expects) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    s->pop_meters[i] = meter_new(s, 0, INFINITY, s->pops[i].size, s->pops[i].class->has_spike);
    if (!s->pop_meters[i]) return NSL_EMEMORY;
    watch_add(s, s->pop_meters[i], i, 0, s->pops[i].size, 0);
  }
  for (uint32_t i = 0; i < s->n_expects; i++) {
    int e = expect_make(s, &s->expects[i], &s->x->expects[i]);
    if (e) return e;
  }
  return 0;
}

static void isi_add(struct rt_isi *isi, uint32_t step) {
  if (isi->n++) {
    double x = step - isi->last;
    isi->sum += x;
    isi->squares += x * x;
  }
  isi->last = step;
}

static void meter_add(struct rt_sim *s, const struct rt_watch *w, const uint32_t *ids, uint64_t n,
                      uint64_t step) {
  struct rt_meter *m = w->meter;
  if (step <= m->after || step > m->until) return;
  bool all = w->from == 0 && w->to == s->pops[w->pop].size - 1;
  for (uint64_t i = 0; i < n; i++) {
    if (!all && (ids[i] < w->from || ids[i] > w->to)) continue;
    m->spikes++;
    if (m->isi) isi_add(&m->isi[w->isi0 + ids[i] - w->from], (uint32_t)step);
  }
}

void rt_meters_spikes(struct rt_sim *s, uint64_t from, uint32_t n_steps, uint32_t parity) {
  for (uint32_t k = 0; k < s->n_watches; k++) {
    const struct rt_watch *w = &s->watches[k];
    const struct rt_pop *p = &s->pops[w->pop];
    for (uint32_t i = 0; i < p->n_parts; i++) {
      const struct rt_shard *h = &s->shards[p->parts[i].shard];
      const struct rt_spikes *in = &h->spikes[parity];
      for (uint32_t j = 0; j < n_steps; j++) {
        size_t at = (size_t)j * h->n_slices + p->parts[i].slice;
        uint64_t begin = at ? in->ends[at - 1] : 0;
        if (in->ends[at] > begin) meter_add(s, w, in->ids + begin, in->ends[at] - begin, from + j);
      }
    }
  }
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

static double expect_value(const struct rt_sim *s, const struct rt_expect *x) {
  const struct rt_meter *m = x->meter;
  if (x->def->kind == NSL_EXPECT_VALUE) return s->G[x->def->value];
  uint64_t end = m->until < s->step ? m->until : s->step;
  double window = end > m->after ? (double)(end - m->after) * s->dt : 0;
  if (window == 0) return NAN;
  switch ((enum nsl_expect_kind)x->def->kind) {
    case NSL_EXPECT_RATE: return (double)m->spikes / (x->elements * window);
    case NSL_EXPECT_CV: return rt_meter_cv(m, (uint64_t)x->elements);
    case NSL_EXPECT_SPIKES: return (double)m->spikes;
    case NSL_EXPECT_VALUE: break;
  }
  return NAN;
}

void rt_expects_value(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_expects; i++) {
    struct rt_expect *x = &s->expects[i];
    const struct nsl_expect *d = x->def;
    x->value = expect_value(s, x);
    double lo = rt_value(s, d->lo, -INFINITY), hi = rt_value(s, d->hi, INFINITY);
    x->holds = (d->open_lo ? x->value > lo : x->value >= lo) && (d->open_hi ? x->value < hi : x->value <= hi);
  }
}
