/* Continuous synapses: what flows into inputs of elements from others, in every step.
 *
 * What is streamed is a sum of products (lang/check_products.c): factor * weight * pre * post. At the end of a step every shard computes
 * pre of its elements and shows it in arrays that all shards read; before the next step it adds, for each target, its
 * synapses' products in the order of the rows, and multiplies with the target's own post; of delayed values for several steps at once. So a step sees its neighbours, and itself, at T - dt, and holds
 * what flows, or, in joint steps (agree.c), also at T. Of a delayed value it sees the mean of those at T - dt - d and T - d, each on the line between two grid
 * points: what `delayed` is in an equation. Where all synapses of a coupling are alike, one sum over the sources serves all.
 *
 * Sums are of reals: those of a row in eight lanes by ordinal, those over sources by the parts of their population, which are the
 * model's, each as a tree (tree.h). So bits are the same for any number of threads. A value is shown in one of two arrays, by parity of the
 * step, and in rings that hold one interval more than the longest delay: nobody writes what others may read before all have met.
 *
 * Needs: initial values. Gives: inputs of each step; run.c makes intervals no longer than the shortest delay. */
#include "runtime/coupling.h"

#include <string.h>

#include "runtime/agreeing.h"
#include "runtime/error.h"
#include "runtime/gating.h"
#include "runtime/ranks.h"
#include "runtime/tree.h"

enum { LANES = 8 };

bool rt_coupling_reaches(const struct rt_sim *s, const struct rt_pop *p, uint32_t input) {
  for (uint32_t i = 0; i < s->x->n_couplings; i++) {
    const struct nsl_coupling *c = &s->x->couplings[i];
    const struct nsl_slice *to = c->reversed ? &c->link.source : &c->link.target;
    if (to->pop == p->index && (input == NSL_NONE || c->input == input)) return true;
  }
  return false;
}

static inline double lanes_sum(const double *a) {
  return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

/* ---- what is shown */

static inline void values_put(const struct rt_values *x, uint32_t i, uint64_t step, double value) {
  x->now[step & 1][i] = value;
  if (!x->ring) return;
  uint32_t at = (uint32_t)step & x->mask;
  double *row = x->ring + (uint64_t)i * x->row, mean = 0.5 * (value + x->now[(step + 1) & 1][i]);
  row[at] = mean;
  if (at < RT_COUPLED_AHEAD) row[x->mask + 1 + at] = mean;
}

static void kernel_run(const struct rt_sim *s, const struct rt_pop *p, const struct nsl_code *code, void **slots, double *out,
                       uint32_t first, uint32_t count, uint64_t step) {
  for (uint32_t i = 0; i < code->n_bindings; i++)
    if (code->bindings[i].kind == NSL_SLOT_OUT) slots[i] = out;
  struct nsl_env env = {.slots = slots, .u = p->u, .key = p->key, .step = step, .first = first, .count = count,
                        .t = (double)step * s->dt, .dt = s->dt};
  rt_kernel(s, code)(&env);
  for (uint32_t i = count; s->program->f32 && i-- > 0;) { /* in their own place: the last one first */
    float x;
    memcpy(&x, (const char *)out + i * sizeof x, sizeof x);
    out[i] = (double)x;
  }
}

static const struct rt_slice *slice_of(const struct rt_shard *h, const struct rt_pop *p, uint32_t *ret_part) {
  for (uint32_t i = 0; i < p->n_parts; i++)
    if (p->parts[i].shard == h->index) {
      *ret_part = i;
      return &h->slices[p->parts[i].slice];
    }
  return NULL;
}

/* Without padding. */
static uint32_t real_count(const struct rt_slice *c) {
  return c->first + c->count <= c->pop->size ? c->count : c->pop->size - c->first;
}

static double ahead_put(const struct rt_shard *h, struct rt_shown *x, uint64_t step, uint32_t trial) {
  const struct rt_sim *s = h->sim;
  uint32_t part;
  const struct rt_slice *c = slice_of(h, x->pop, &part);
  double *out = s->couplings->scratch[h->index], most = 0;
  const double *before = trial ? x->values.ahead[(trial + 1) & 1] : x->values.now[(step + 1) & 1];
  uint32_t n = c && x->ahead ? real_count(c) : 0;
  for (uint32_t at = 0; at < n; at += RT_STREAM_CHUNK) {
    uint32_t count = n - at < RT_STREAM_CHUNK ? n - at : RT_STREAM_CHUNK;
    kernel_run(s, x->pop, x->ahead, x->ahead_slots[part], out, c->first + at, count, step);
    for (uint32_t i = 0, e = c->first + at; i < count; i++, e++) {
      most = rt_larger(most, rt_change_of(before[e], out[i]));
      x->values.ahead[trial & 1][e] = out[i];
    }
  }
  return most;
}

static void shown_put(const struct rt_shard *h, struct rt_shown *x, uint64_t step) {
  const struct rt_sim *s = h->sim;
  uint32_t part;
  const struct rt_slice *c = slice_of(h, x->pop, &part);
  double *out = s->couplings->scratch[h->index];
  uint32_t n = c ? real_count(c) : 0;
  for (uint32_t at = 0; at < n; at += RT_STREAM_CHUNK) {
    uint32_t count = n - at < RT_STREAM_CHUNK ? n - at : RT_STREAM_CHUNK;
    kernel_run(s, x->pop, x->code, x->slots[part], out, c->first + at, count, step);
    for (uint32_t i = 0; i < count; i++) values_put(&x->values, c->first + at + i, step, out[i]);
  }
}

/* The sum of x over the shard's own part of the slice; false: it has none. */
static bool total_sum(const struct rt_shard *h, const struct rt_total *t, const double *x, uint32_t *ret_part, double *ret) {
  const struct rt_slice *c = slice_of(h, t->shown->pop, ret_part);
  if (!c) return false;
  uint32_t from = c->first > t->first ? c->first : t->first, end = c->first + real_count(c);
  if (end > t->first + t->n) end = t->first + t->n;
  *ret = from < end ? rt_tree_sum(x + from, end - from) : 0;
  return true;
}

void rt_couplings_show(struct rt_shard *h, uint64_t step) {
  const struct rt_couplings *c = h->sim->couplings;
  uint32_t part;
  double sum;
  for (uint32_t i = 0; i < c->n_shown; i++) shown_put(h, &c->shown[i], step);
  for (uint32_t i = 0; i < c->n_totals; i++)
    if (total_sum(h, &c->totals[i], c->totals[i].shown->values.now[step & 1], &part, &sum))
      values_put(&c->totals[i].values, part, step, sum);
}

double rt_couplings_ahead(struct rt_shard *h, uint64_t step, uint32_t trial) {
  const struct rt_couplings *c = h->sim->couplings;
  uint32_t part;
  double most = 0, sum;
  for (uint32_t i = 0; i < c->n_shown; i++) most = rt_larger(most, ahead_put(h, &c->shown[i], step, trial));
  for (uint32_t i = 0; i < c->n_totals; i++)
    if (total_sum(h, &c->totals[i], c->totals[i].shown->values.ahead[trial & 1], &part, &sum))
      c->totals[i].values.ahead[trial & 1][part] = sum;
  return most;
}

/* ---- what flows */

static inline double past_at(const struct rt_values *x, uint32_t i, uint64_t step, uint32_t lag, double part) {
  const double *ring = x->ring + (uint64_t)i * x->row;
  double value = ring[(step - lag) & x->mask];
  return part != 0 ? value + part * (ring[(step - lag - 1) & x->mask] - value) : value;
}

static inline const double *seen(const struct rt_values *x, struct rt_look look) {
  return look.trial < 0 ? x->now[(look.step + 1) & 1] : x->ahead[look.trial];
}

#define ROW(name, value)                                                                                                  \
  static double row_##name(const struct rt_inflow *f, const struct rt_values *x, uint64_t from, uint64_t to, struct rt_look look) { \
    const double *now = seen(x, look);                                                                                    \
    const uint32_t *source = f->source;                                                                                   \
    double a[LANES] = {0};                                                                                                \
    uint64_t i = from;                                                                                                    \
    (void)now;                                                                                                            \
    for (; i + LANES <= to; i += LANES)                                                                                   \
      for (uint32_t l = 0; l < LANES; l++) a[l] += value(i + l);                                                          \
    for (uint32_t l = 0; i < to; i++, l++) a[l] += value(i);                                                              \
    return lanes_sum(a);                                                                                                  \
  }
#define NOW(k) now[source[k]]
#define NOW_WEIGHTED(k) f->weight[k] * now[source[k]]
ROW(now, NOW)
ROW(now_weighted, NOW_WEIGHTED)

typedef double row_fn(const struct rt_inflow *f, const struct rt_values *x, uint64_t from, uint64_t to, struct rt_look look);
static row_fn *const row_fns[2] = {row_now, row_now_weighted};

static struct rt_coupled coupled_of(const struct rt_inflow *f, const struct rt_flow *flow) {
  const struct rt_values *x = &flow->shown->values;
  return (struct rt_coupled){x->ring, f->at, f->lag, f->part, flow->weighted ? f->weight : NULL, x->mask, f->coupling->lag, f->coupling->part};
}

/* The sums of the steps from this one on for which it is enough what was shown before all last met. */
static void sums_ahead(const struct rt_shard *h, const struct rt_inflow *f, struct rt_reached *r, uint64_t step) {
  const struct rt_coupling *c = f->coupling;
  uint32_t n = r->least - (uint32_t)(step - 1 - h->met);
  if (n > r->room) n = r->room;
  if (n > RT_COUPLED_LANES) n -= n % RT_COUPLED_LANES;
  for (uint32_t k = 0; k < c->def->n_terms; k++) {
    if (!r->sums[k]) continue;
    const struct rt_coupled of = coupled_of(f, &c->flows[k]);
    if (r->room == 1) h->sim->hot.coupled_past(&of, step, &r->rows, r->sums[k]);
    else h->sim->hot.coupled_ahead(&of, step, n, &r->rows, f->n, r->sums[k]);
  }
  r->from = step;
  r->until = step + n;
}

/* Delayed values, as they have been summed. */
static void late_sums(const struct rt_inflow *f, uint32_t term, uint64_t step, uint32_t from, uint32_t n, double scale, double *out) {
  const double *sums[RT_REACHES];
  uint32_t some = 0;
  for (uint32_t k = 0; k < RT_REACHES; k++)
    if (f->reached[k].rows.n) sums[some++] = f->reached[k].sums[term] + (step - f->reached[k].from) * f->n + (from - f->first);
  if (some == 4)
    for (uint32_t e = 0; e < n; e++) out[e] = scale * (sums[0][e] + sums[1][e] + sums[2][e] + sums[3][e]);
  else if (some == 3)
    for (uint32_t e = 0; e < n; e++) out[e] = scale * (sums[0][e] + sums[1][e] + sums[2][e]);
  else if (some == 2)
    for (uint32_t e = 0; e < n; e++) out[e] = scale * (sums[0][e] + sums[1][e]);
  else
    for (uint32_t e = 0; e < n; e++) out[e] = some ? scale * sums[0][e] : 0;
}

/* The sum over all sources. */
static double total_now(const struct rt_coupling *c, const struct rt_flow *flow, struct rt_look look) {
  const struct rt_values *x = &flow->total->values;
  double sum = 0;
  for (uint32_t i = 0; i < x->n; i++) sum += flow->delayed ? past_at(x, i, look.step, c->lag, c->part) : seen(x, look)[i];
  return sum;
}

/* The sum over a target's synapses of weight * pre, for targets [from, to). */
static void sums_make(const struct rt_inflow *f, const struct rt_flow *flow, struct rt_look look, uint32_t from, uint32_t to, double *out) {
  const struct rt_coupling *c = f->coupling;
  bool each = flow->weighted && f->weight;
  double scale = flow->weighted && !f->weight ? c->link.weight : 1;
  if (!flow->shown) {
    const double *number = f->number[each];
    for (uint32_t e = from; e < to; e++) out[e - from] = scale * number[e - f->first];
    return;
  }
  if (c->summed) {
    double all = total_now(c, flow, look);
    const double *now = seen(&flow->shown->values, look);
    uint32_t first = flow->total->first, end = first + flow->total->n;
    for (uint32_t e = from; e < to; e++) out[e - from] = scale * (c->but_own && e >= first && e < end ? all - now[e] : all);
    return;
  }
  if (flow->delayed) {
    late_sums(f, (uint32_t)(flow - c->flows), look.step, from, to - from, scale, out);
    return;
  }
  row_fn *row = row_fns[each];
  for (uint32_t e = from; e < to; e++)
    out[e - from] = scale * row(f, &flow->shown->values, f->start[e - f->first], f->start[e - f->first + 1], look);
}

/* Adds what flows into elements [at, at + count) of the slice. */
static void inflow_add(const struct rt_shard *h, const struct rt_inflow *f, struct rt_look look, uint32_t at, uint32_t count, double *acc) {
  const struct rt_coupling *c = f->coupling;
  double *sums = h->sim->couplings->scratch[h->index] + RT_STREAM_CHUNK;
  uint32_t from = f->first > at ? f->first : at, to = f->first + f->n < at + count ? f->first + f->n : at + count;
  if (f->gates && from < to) rt_gates_sum(f, from, to, acc + (from - at));
  for (uint32_t k = 0; from < to && k < c->def->n_terms; k++) {
    const struct rt_flow *flow = &c->flows[k];
    const double *post = flow->post ? seen(&flow->post->values, look) : NULL;
    sums_make(f, flow, look, from, to, sums);
    if (post)
      for (uint32_t e = from; e < to; e++) acc[e - at] += flow->factor * post[e] * sums[e - from];
    else
      for (uint32_t e = from; e < to; e++) acc[e - at] += flow->factor * sums[e - from];
  }
}

/* Not inlined: what the compiler makes of small sizes known to be whole doubles is slow. */
__attribute__((noinline)) static void clear(double *x, size_t n) { memset(x, 0, n * sizeof *x); }

void rt_sink_sum(const struct rt_shard *h, const struct rt_sink *sink, struct rt_look look, uint32_t at, uint32_t count, double *acc) {
  for (uint32_t i = 0; i < sink->n; i++)
    for (uint32_t k = 0; k < RT_REACHES; k++) {
      struct rt_reached *r = &sink->inflows[i].reached[k];
      if (r->rows.n && look.step >= r->until) sums_ahead(h, &sink->inflows[i], r, look.step);
    }
  clear(acc, count);
  for (uint32_t i = 0; i < sink->n; i++) inflow_add(h, &sink->inflows[i], look, at, count, acc);
}

void rt_sink_put(const struct rt_shard *h, const struct rt_sink *sink, uint32_t at, uint32_t count, const double *acc) {
  void *array = sink->slice->pop->inputs[sink->input];
  if (h->sim->program->f32)
    for (uint32_t i = 0; i < count; i++) ((float *)array)[at + i] = (float)acc[i];
  else if (acc != (double *)array + at) memcpy((double *)array + at, acc, count * sizeof *acc);
}

static void sink_write(const struct rt_shard *h, const struct rt_sink *sink, uint64_t step) {
  const struct rt_slice *c = sink->slice;
  double *scratch = h->sim->couplings->scratch[h->index], *array = (double *)c->pop->inputs[sink->input];
  for (uint32_t at = c->first, end = at + real_count(c); at < end; at += RT_STREAM_CHUNK) {
    uint32_t count = end - at < RT_STREAM_CHUNK ? end - at : RT_STREAM_CHUNK;
    double *acc = h->sim->program->f32 ? scratch : array + at;
    rt_sink_sum(h, sink, (struct rt_look){step, -1}, at, count, acc);
    rt_sink_put(h, sink, at, count, acc);
  }
}

uint32_t rt_coupling_interval(uint32_t steps) {
  uint32_t n = 1;
  if (steps >= RT_COUPLED_LANES) return steps - steps % RT_COUPLED_LANES;
  while (2 * n <= steps) n *= 2;
  return n;
}

void rt_couplings_write(struct rt_shard *h, uint64_t step) {
  const struct rt_couplings *c = h->sim->couplings;
  for (uint32_t i = 0; i < c->n_sinks[h->index]; i++)
    for (uint32_t k = 0; k < c->sinks[h->index][i].n; k++)
      if (c->sinks[h->index][i].inflows[k].gates) rt_gates_step(h, &c->sinks[h->index][i].inflows[k], step);
  for (uint32_t i = 0; i < c->n_sinks[h->index]; i++) sink_write(h, &c->sinks[h->index][i], step);
}

/* ---- making */

void rt_couplings_drop(struct rt_sim *s) {
  for (uint32_t i = 0; s->couplings && s->couplings->mem && i < s->n_shards; i++) rt_mem_free(&s->couplings->mem[i]);
}

/* ahead: of the step to come, or NULL, or without a kernel. */
static struct rt_shown *shown_of(struct rt_couplings *c, const struct rt_pop *p, const struct nsl_code *code, const struct nsl_code *ahead) {
  if (code->kernel == NSL_NONE) return NULL;
  if (ahead && ahead->kernel == NSL_NONE) ahead = NULL;
  for (uint32_t i = 0; i < c->n_shown; i++)
    if (c->shown[i].pop == p && c->shown[i].code->kernel == code->kernel) {
      if (!c->shown[i].ahead) c->shown[i].ahead = ahead;
      return &c->shown[i];
    }
  struct rt_shown *made = &c->shown[c->n_shown++];
  *made = (struct rt_shown){.pop = p, .code = code, .ahead = ahead, .values = {.n = p->padded, .n_real = p->size}};
  return made;
}

static struct rt_total *total_of(struct rt_couplings *c, const struct rt_shown *shown, uint32_t first, uint32_t n) {
  for (uint32_t i = 0; i < c->n_totals; i++)
    if (c->totals[i].shown == shown && c->totals[i].first == first && c->totals[i].n == n) return &c->totals[i];
  struct rt_total *made = &c->totals[c->n_totals++];
  *made = (struct rt_total){.shown = shown, .first = first, .n = n, .values = {.n = shown->pop->n_parts, .n_real = shown->pop->n_parts}};
  return made;
}

static int flows_make(struct rt_sim *s, struct rt_coupling *c) {
  struct rt_couplings *all = s->couplings;
  const struct rt_proj *p = &c->link;
  c->flows = rt_alloc(&s->mem, c->def->n_terms, sizeof *c->flows);
  if (!c->flows) return NSL_EMEMORY;
  for (uint32_t k = 0; k < c->def->n_terms; k++) {
    const struct nsl_stream_term *t = &c->def->terms[k];
    struct rt_flow *flow = &c->flows[k];
    *flow = (struct rt_flow){.factor = rt_value(s, t->factor, 1), .weighted = t->weighted, .delayed = t->delayed};
    flow->post = shown_of(all, c->to, &t->post, &t->post_ahead);
    flow->shown = shown_of(all, c->from, &t->pre, &t->pre_ahead);
    bool reversed = c->def->reversed;
    if (c->summed && flow->shown) flow->total = total_of(all, flow->shown, reversed ? p->t0 : p->s0, reversed ? p->tn : p->sn);
  }
  for (uint32_t k = 0; c->gating && k < c->def->n_sights; k++)
    c->gating->seen[k] = shown_of(all, c->def->sights[k].pre ? c->from : c->to, &c->def->sights[k].code, NULL);
  return 0;
}

static int numbers_alloc(struct rt_sim *s, struct rt_values *x) {
  for (int k = 0; k < 2; k++)
    if (!(x->now[k] = rt_alloc(&s->mem, x->n, sizeof **x->now))) return NSL_EMEMORY;
  for (int k = 0; k < 2 && s->x->joint > 0; k++)
    if (!(x->ahead[k] = rt_alloc(&s->mem, x->n, sizeof **x->ahead))) return NSL_EMEMORY;
  if (!x->longest) return 0;
  uint64_t rows = 2;
  while (rows < (uint64_t)x->longest + s->couplings->interval + 2) rows *= 2;
  x->mask = (uint32_t)(rows - 1);
  x->row = x->mask + 1 + RT_COUPLED_AHEAD;
  double bytes = (double)x->row * x->n * sizeof *x->ring;
  if (bytes > 0.5 * (double)rt_memory_left() || bytes / sizeof *x->ring > UINT32_MAX)
    return rt_fail(NSL_EMEMORY, "values that arrive %u steps late need %.3g GB", x->longest, bytes / 1e9);
  x->ring = rt_alloc(&s->mem, (uint64_t)x->row * x->n, sizeof *x->ring);
  return x->ring ? 0 : NSL_EMEMORY;
}

/* Before the start every value was what it begins with. */
static void values_fill(struct rt_values *x) {
  memcpy(x->now[1], x->now[0], x->n * sizeof **x->now);
  for (uint64_t i = 0; x->ring && i < x->n; i++)
    for (uint64_t k = 0; k < x->row; k++) x->ring[i * x->row + k] = x->now[0][i];
}

static int parts_slots(struct rt_sim *s, const struct rt_pop *p, const struct nsl_code *code, void ****ret) {
  int e = 0;
  *ret = rt_alloc(&s->mem, p->n_parts, sizeof **ret);
  if (!*ret) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < p->n_parts; i++) e = rt_slots(s, p, code, &(*ret)[i]);
  return e;
}

static int shown_slots(struct rt_sim *s, struct rt_shown *x) {
  int e = parts_slots(s, x->pop, x->code, &x->slots);
  return e || !x->ahead ? e : parts_slots(s, x->pop, x->ahead, &x->ahead_slots);
}

uint32_t rt_coupling_values(const struct rt_sim *s, uint32_t i, struct rt_values **ret) {
  struct rt_couplings *c = s->couplings;
  if (i >= c->n_shown + c->n_totals) return 0;
  *ret = i < c->n_shown ? &c->shown[i].values : &c->totals[i - c->n_shown].values;
  return 1;
}

static int couplings_alloc(struct rt_sim *s, struct rt_couplings *c) {
  uint32_t n_terms = 0, n_sights = 0;
  for (uint32_t i = 0; i < s->x->n_couplings; i++) {
    n_terms += s->x->couplings[i].n_terms;
    n_sights += s->x->couplings[i].n_sights;
  }
  c->all = rt_alloc(&s->mem, s->x->n_couplings, sizeof *c->all);
  c->shown = rt_alloc(&s->mem, 2 * n_terms + n_sights, sizeof *c->shown);
  c->totals = rt_alloc(&s->mem, n_terms, sizeof *c->totals);
  c->sinks = rt_alloc(&s->mem, s->n_shards, sizeof *c->sinks);
  c->n_sinks = rt_alloc(&s->mem, s->n_shards, sizeof *c->n_sinks);
  c->scratch = rt_alloc(&s->mem, s->n_shards, sizeof *c->scratch);
  c->mem = rt_alloc(&s->mem, s->n_shards, sizeof *c->mem);
  if (!c->mem || !c->all || !c->shown || !c->totals || !c->sinks || !c->n_sinks || !c->scratch) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_shards; i++)
    if (!(c->scratch[i] = rt_alloc(&s->mem, 2 * RT_STREAM_CHUNK, sizeof **c->scratch))) return NSL_EMEMORY;
  return 0;
}

static int all_prepare(struct rt_sim *s, struct rt_couplings *c) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->x->n_couplings; i++) {
    const struct nsl_coupling *def = &s->x->couplings[i];
    if (def->link.cond != NSL_NONE && s->G[def->link.cond] == 0) continue;
    e = rt_coupling_prepare(s, &c->all[c->n], def, i);
    if (!e && !c->all[c->n].empty) e = flows_make(s, &c->all[c->n++]);
  }
  return e;
}

/* ---- ranks: each shows what it has to all others, when all have met */

void rt_couplings_trade(struct rt_sim *s, uint64_t step) {
  struct rt_couplings *c = s->couplings;
  struct rt_values *x;
  uint64_t at = 0;
  if (!s->ranks) return;
  for (uint32_t i = 0; rt_coupling_values(s, i, &x); i++)
    for (uint32_t k = 0; k < x->n; k++) c->traded[at++] = x->mine[k] ? x->now[step & 1][k] : 0;
  rt_ranks_combine(s->ranks, c->traded, at, RT_OR_U64); /* a failure shows when the ranks next meet */
  at = 0;
  for (uint32_t i = 0; rt_coupling_values(s, i, &x); i++)
    for (uint32_t k = 0; k < x->n; k++, at++)
      if (!x->mine[k]) values_put(x, k, step, c->traded[at]);
}

/* What is ahead is shown to nobody for longer than a trial. */
void rt_couplings_trade_ahead(struct rt_sim *s, uint32_t trial) {
  struct rt_couplings *c = s->couplings;
  struct rt_values *x;
  uint64_t at = 0;
  for (uint32_t i = 0; rt_coupling_values(s, i, &x); i++)
    for (uint32_t k = 0; k < x->n; k++) c->traded[at++] = x->mine[k] ? x->ahead[trial & 1][k] : 0;
  rt_ranks_combine(s->ranks, c->traded, at, RT_OR_U64);
  at = 0;
  for (uint32_t i = 0; rt_coupling_values(s, i, &x); i++, at += x->n) memcpy(x->ahead[trial & 1], c->traded + at, x->n * sizeof *c->traded);
}

static int mine_find(struct rt_sim *s, const struct rt_pop *p, bool parts, struct rt_values *x) {
  if (!(x->mine = rt_alloc(&s->mem, x->n, 1))) return NSL_EMEMORY;
  for (uint32_t k = 0; k < p->n_parts; k++) {
    const struct rt_slice *c = &s->shards[p->parts[k].shard].slices[p->parts[k].slice];
    if (rt_is_own(s, p->parts[k].shard)) memset(x->mine + (parts ? k : c->first), 1, parts ? 1 : c->count);
  }
  return 0;
}

static int values_alloc(struct rt_sim *s) {
  struct rt_couplings *c = s->couplings;
  uint64_t n = 0;
  int e = 0;
  for (uint32_t i = 0; !e && i < c->n_shown; i++) {
    e = numbers_alloc(s, &c->shown[i].values);
    if (!e) e = mine_find(s, c->shown[i].pop, false, &c->shown[i].values);
    n += c->shown[i].values.n;
  }
  for (uint32_t i = 0; !e && i < c->n_totals; i++) {
    e = numbers_alloc(s, &c->totals[i].values);
    if (!e) e = mine_find(s, c->totals[i].shown->pop, true, &c->totals[i].values);
    n += c->totals[i].values.n;
  }
  if (!e && s->x->joint > 0) e = rt_agree_make(s);
  c->traded = e ? NULL : rt_alloc(&s->mem, n, sizeof *c->traded);
  return e ? e : c->traded ? 0 : NSL_EMEMORY;
}

int rt_couplings_make(struct rt_sim *s) {
  if (!s->x->n_couplings) return 0;
  struct rt_couplings *c = s->couplings = rt_alloc(&s->mem, 1, sizeof *c);
  struct rt_values *x;
  int e = c ? couplings_alloc(s, c) : NSL_EMEMORY;
  if (!e) e = all_prepare(s, c);
  if (!e) e = rt_coupling_rows(s);
  e = rt_ranks_agree(s->ranks, e);
  if (!e) e = rt_coupling_lags(s);
  if (!e) e = values_alloc(s);
  if (!e) e = rt_coupling_reaches_make(s);
  for (uint32_t i = 0; !e && i < c->n_shown; i++) e = shown_slots(s, &c->shown[i]);
  e = rt_ranks_agree(s->ranks, e);
  for (uint32_t i = s->own0; !e && i < s->own1; i++) rt_couplings_show(&s->shards[i], 0);
  if (!e) rt_couplings_trade(s, 0);
  for (uint32_t i = 0; !e && rt_coupling_values(s, i, &x); i++) values_fill(x);
  if (!e && rt_any_gates(s)) e = rt_ranks_agree(s->ranks, rt_gates_begin(s));
  return e;
}
