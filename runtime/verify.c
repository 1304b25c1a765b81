/* Was every event delivered, once, to the right element, at the right step, with the right weight?
 *
 * At sampled steps each shard keeps what its elements received: sums in accumulators, the events that handlers took in
 * their order, states before and after events that go straight to them. When the spikes of these steps and of those
 * before are known, the same is computed from them and from the synapses as their rules make them (synapses.c), without
 * the packed rows, their forms and the lists of spikes under way. Both must agree to the last bit. The sampled steps are
 * drawn by the seed, one in each of RT_VERIFY_STEPS parts of the run, so the cost is bounded: for a sample about that of
 * making the rows of all spikes under way.
 *
 * needs: rt_build; spikes by batches (run.c). gives: a failed run with the first difference. */
#include "runtime/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/plastic.h"
#include "runtime/synapses.h"

struct rt_history { /* the spikes of one step: population << 32 | element, sorted */
  uint64_t *spikes;
  size_t n, cap;
  uint64_t step;
};

/* ---- before the run */

/* The longest way of a spike. */
static uint64_t reach(const struct rt_sim *s) {
  uint64_t plastic = s->n_plastic ? rt_plastic_reach(s) : 0;
  return plastic > s->max_delay ? plastic : s->max_delay;
}

static void steps_choose(struct rt_sim *s, struct rt_verify *v) {
  uint64_t first = s->step, n = s->n_steps > first ? s->n_steps - first : 0, key = nslm_key(s->seed, nslm_hash("verify", 6, 0));
  uint64_t parts = n < RT_VERIFY_STEPS ? n : RT_VERIFY_STEPS;
  for (uint64_t i = 0; i < parts; i++) {
    uint64_t from = n * i / parts, to = n * (i + 1) / parts;
    uint64_t step = first + from + 1 + nslm_draw_index_u64(key, i, 0, 0, to - from);
    if (!first || step > first + reach(s)) v->steps[v->n_steps++] = step; /* else spikes before `first` matter */
  }
}

static int history_make(struct rt_sim *s, struct rt_verify *v) {
  uint64_t n = 1;
  while (n < reach(s) + s->batch + 1) n *= 2;
  v->history = rt_alloc(&v->mem, n, sizeof *v->history);
  v->history_mask = n - 1;
  v->part_of = rt_alloc(&v->mem, s->n_pops, sizeof *v->part_of);
  if (!v->history || !v->part_of) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    if (!(v->part_of[i] = rt_alloc(&v->mem, p->words, sizeof **v->part_of))) return NSL_EMEMORY;
    for (uint32_t k = 0; k < p->n_parts; k++) {
      const struct rt_slice *c = &s->shards[p->parts[k].shard].slices[p->parts[k].slice];
      for (uint32_t b = 0; b < c->count / 64; b++) v->part_of[i][c->first / 64 + b] = k;
    }
  }
  return 0;
}

static int seen_make(struct rt_verify *v, struct rt_shard *h) {
  if (!(h->seen = rt_alloc(&v->mem, 2, sizeof *h->seen))) return NSL_EMEMORY;
  if (!(h->seen->from = rt_alloc(&v->mem, h->n_slices + 1, sizeof *h->seen->from))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < h->n_slices; i++)
    h->seen->from[i + 1] = h->seen->from[i] + (size_t)h->slices[i].count * h->slices[i].pop->class->n_ports;
  if (v->n_steps) h->next_check = v->steps[0];
  return 0;
}

int rt_verify_open(struct rt_sim *s, bool samples, const char *compare) {
  struct rt_mem mem = {0};
  struct rt_verify *v = rt_alloc(&mem, 1, sizeof *v);
  if (!v) return NSL_EMEMORY;
  v->mem = mem;
  s->verify = v;
  if (samples) steps_choose(s, v);
  int e = samples ? history_make(s, v) : 0;
  for (uint32_t i = s->own0; !e && i < s->own1; i++) e = seen_make(v, &s->shards[i]);
  return e ? e : rt_digests_open(s, compare, &v->digests);
}

static void seen_drop(struct rt_seen *seen) {
  for (size_t k = 0; k < seen->made; k++) {
    void *arrays[] = {&seen->at[k].sums, &seen->at[k].before, &seen->at[k].after, &seen->at[k].taken, &seen->at[k].sent};
    for (size_t j = 0; j < sizeof arrays / sizeof *arrays; j++) rt_drop(arrays[j]);
  }
  rt_drop(&seen->at);
}

void rt_verify_drop(struct rt_sim *s) {
  struct rt_verify *v = s->verify;
  if (!v) return;
  for (uint64_t i = 0; v->history && i <= v->history_mask; i++) rt_drop(&v->history[i].spikes);
  for (uint32_t i = 0; s->shards && i < s->n_shards; i++) {
    for (int j = 0; s->shards[i].seen && j < 2; j++) seen_drop(&s->shards[i].seen[j]);
  }
  struct rt_mem mem = v->mem;
  rt_mem_free(&mem);
  s->verify = NULL;
}

void rt_verify_counts(const struct rt_sim *s, uint64_t ret[3]) {
  const struct rt_verify *v = s->verify;
  ret[0] = v ? v->at : 0;
  ret[1] = v ? v->n_sums : 0;
  ret[2] = v ? v->n_events : 0;
}

bool rt_verify_wants(const struct rt_sim *s, uint64_t step) {
  const struct rt_verify *v = s->verify;
  for (uint32_t i = 0; v && i < v->n_steps; i++)
    if (v->steps[i] == step) return true;
  return false;
}

/* ---- what a shard received */

static struct rt_snapshot *snapshot_new(struct rt_seen *seen, uint64_t step) {
  if (seen->n == seen->made) {
    if (rt_grow(&seen->at, &seen->cap, seen->n + 1, sizeof *seen->at)) return NULL;
    seen->at[seen->made++] = (struct rt_snapshot){0};
  }
  struct rt_snapshot *shot = &seen->at[seen->n++];
  shot->step = step;
  shot->n_taken = shot->n_sent = 0;
  return shot;
}

/* Of a shard's slices, all states that events go straight to, into one buffer. */
static int straight_copy(const struct rt_shard *h, char **at, size_t *cap) {
  size_t n = 0, size = h->sim->real_size;
  for (uint32_t i = 0; i < h->n_slices; i++) {
    const struct rt_slice *c = &h->slices[i];
    const struct nsl_class *k = c->pop->class;
    for (uint32_t q = 0; q < k->n_ports; q++) {
      if (!k->ports[q].straight) continue;
      if (rt_grow(at, cap, (n + c->count) * size, 1)) return NSL_EMEMORY;
      const char *state = c->pop->states[k->ports[q].straight - 1];
      memcpy(*at + n * size, state + c->first * size, c->count * size);
      n += c->count;
    }
  }
  return 0;
}

/* The accumulators of one slice and port. */
static void sums_copy(const struct rt_shard *h, const struct rt_slice *c, uint32_t port, int64_t *out) {
  struct rt_acc acc = rt_acc(h, c, port);
  for (uint32_t i = 0; i < c->count; i++) out[i] = acc.narrow ? acc.narrow[i] : acc.wide[i];
}

/* Where they lie in a snapshot. */
static size_t sums_from(const struct rt_shard *h, const struct rt_slice *c, uint32_t port) {
  return h->seen->from[c - h->slices] + (size_t)port * c->count;
}

void rt_verify_sums(struct rt_shard *h, uint64_t step, uint32_t parity) {
  struct rt_verify *v = h->sim->verify;
  struct rt_snapshot *shot = snapshot_new(&h->seen[parity], step);
  uint32_t next = 0;
  while (next < v->n_steps && v->steps[next] <= step) next++;
  h->next_check = next < v->n_steps ? v->steps[next] : RT_NO_STEP;
  if (!shot || rt_plastic_sent(h, shot) || rt_grow(&shot->sums, &shot->sums_cap, h->seen->from[h->n_slices] + 1, sizeof *shot->sums)) {
    v->failed = 1;
    return;
  }
  for (uint32_t i = 0; i < h->n_slices; i++)
    for (uint32_t q = 0; q < h->slices[i].pop->class->n_ports; q++)
      sums_copy(h, &h->slices[i], q, shot->sums + sums_from(h, &h->slices[i], q));
  h->snapshot = shot;
}

void rt_verify_straight(struct rt_shard *h, bool after) {
  struct rt_snapshot *shot = h->snapshot;
  int e = after ? straight_copy(h, &shot->after, &shot->after_cap) : straight_copy(h, &shot->before, &shot->before_cap);
  if (e) h->sim->verify->failed = 1;
  if (e || after) h->snapshot = NULL;
}

void rt_verify_event(struct rt_shard *h, uint32_t port, uint32_t element, double weight) {
  struct rt_snapshot *shot = h->snapshot;
  if (rt_grow(&shot->taken, &shot->taken_cap, shot->n_taken + 1, sizeof *shot->taken)) h->sim->verify->failed = 1;
  else shot->taken[shot->n_taken++] = (struct rt_taken){port, element, weight};
}

/* ---- the spikes of the last steps */

static int spikes_keep(struct rt_history *to, uint32_t pop, const uint32_t *ids, uint64_t n) {
  if (rt_grow(&to->spikes, &to->cap, to->n + n, sizeof *to->spikes)) return NSL_EMEMORY;
  for (uint64_t i = 0; i < n; i++) to->spikes[to->n++] = (uint64_t)pop << 32 | ids[i];
  return 0;
}

static int step_keep(struct rt_sim *s, struct rt_history *to, uint32_t in_batch, uint32_t parity) {
  int e = 0;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; !e && k < s->pops[i].n_parts; k++) {
      const struct rt_part part = s->pops[i].parts[k];
      const struct rt_shard *h = &s->shards[part.shard];
      const struct rt_spikes *in = &h->spikes[parity];
      size_t at = (size_t)in_batch * h->n_slices + part.slice;
      uint64_t begin = at ? in->ends[at - 1] : 0;
      e = spikes_keep(to, i, in->ids + begin, in->ends[at] - begin);
    }
  return e;
}

/* Those that a sampled step can need. */
static int history_add(struct rt_sim *s, struct rt_verify *v, uint64_t from, uint32_t n, uint32_t parity) {
  int e = 0;
  uint32_t next = v->at;
  for (uint32_t j = 0; !e && j < n; j++) {
    uint64_t step = from + j;
    struct rt_history *to = &v->history[step & v->history_mask];
    to->n = 0;
    to->step = step;
    while (next < v->n_steps && v->steps[next] < step + s->min_delay) next++;
    if (next < v->n_steps && v->steps[next] <= step + reach(s)) e = step_keep(s, to, j, parity);
  }
  return e;
}

/* ---- what should have arrived: all synapses of one projection whose spikes are due in a step */

typedef int take_fn(void *context, const struct rt_proj *p, uint32_t target, double weight);

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static int due_add(struct rt_verify_due *d, const struct rt_proj *p, const struct rt_history *of, uint64_t lag) {
  uint64_t first = (uint64_t)p->source->index << 32 | p->s0;
  size_t low = 0;
  for (size_t high = of->n; low < high;) {
    size_t middle = (low + high) / 2;
    if (of->spikes[middle] < first) low = middle + 1;
    else high = middle;
  }
  for (; low < of->n && of->spikes[low] - first < p->sn; low++) {
    if (rt_grow(&d->at, &d->cap, d->n + 1, sizeof *d->at)) return NSL_EMEMORY;
    d->at[d->n++] = of->spikes[low] << 32 | lag;
  }
  return 0;
}

int rt_verify_due(const struct rt_sim *s, const struct rt_proj *p, uint64_t step, uint64_t least, uint64_t most, struct rt_verify_due *d) {
  const struct rt_verify *v = s->verify;
  d->n = 0;
  for (uint64_t lag = least; lag <= most && lag < step; lag++) {
    const struct rt_history *of = &v->history[(step - lag) & v->history_mask];
    int e = of->step == step - lag ? due_add(d, p, of, lag) : 0;
    if (e) return e;
  }
  if (d->n) qsort(d->at, d->n, sizeof *d->at, by_value);
  return 0;
}

/* One source's synapses, in the order of their numbers, whose delay is one of the n lags. */
static int row_take(struct rt_synapses *k, const struct rt_proj *p, const uint64_t *due, size_t n, take_fn *take,
                    void *context) {
  struct rt_row_of row;
  int e = rt_synapses_of(k, p, (uint32_t)(due[0] >> 32), &row);
  for (uint64_t i = 0; !e && i < row.n; i++) {
    uint32_t delay = row.delay ? row.delay[i] : p->delay_steps;
    for (size_t j = 0; !e && j < n; j++) /* twice, where a cell with a finer step has spiked twice in a step */
      if ((uint32_t)due[j] == delay) e = take(context, p, row.target[i], row.weight ? row.weight[i] : p->weight);
  }
  return e;
}

static int projection_take(struct rt_sim *s, const struct rt_proj *p, struct rt_verify_due *d, take_fn *take, void *context) {
  struct rt_synapses synapses = {.s = s};
  int e = 0;
  for (size_t i = 0, n; !e && i < d->n; i += n) {
    for (n = 1; i + n < d->n && d->at[i + n] >> 32 == d->at[i] >> 32;) n++;
    e = row_take(&synapses, p, d->at + i, n, take, context);
  }
  rt_synapses_drop(&synapses);
  return e;
}

/* All arrivals of a step, in the order of projections, sources and numbers; of synapses with memory only what goes to handlers one by
 * one: what it weighs is what they say, who has sent is looked at beside this (plastic_verify.c). */
static int arrivals(struct rt_sim *s, uint32_t parity, size_t which, uint64_t step, take_fn *take, void *context) {
  struct rt_verify_due due = {0};
  struct rt_declared at = {0};
  int e = 0;
  for (const struct rt_proj *p; !e && (p = rt_declared_next(s, &at));) {
    if (rt_is_plastic(p->def)) {
      e = rt_plastic_events(s, parity, which, p, take, context);
      continue;
    }
    e = rt_verify_due(s, p, step, p->drawn_delay ? s->min_delay : p->delay_steps, p->drawn_delay ? s->max_delay : p->delay_steps, &due);
    if (!e) e = projection_take(s, p, &due, take, context);
  }
  rt_drop(&due.at);
  return e;
}

/* ---- one sampled step */

struct tally { /* of one element: what arrived, and in which order */
  uint64_t n, order;
  double sum, last;
};

struct check {
  struct rt_sim *s;
  uint32_t parity;
  size_t which;           /* of the shards' snapshots */
  struct tally **tallies; /* by port of the model, by element: taken, then expected. NULL: accumulators */
  struct rt_mem mem;
};

static struct rt_part part_at(const struct rt_sim *s, const struct rt_pop *p, uint32_t element) {
  return p->parts[s->verify->part_of[p->index][element / 64]];
}

static void tally_add(struct tally *t, double weight) {
  uint64_t bits;
  memcpy(&bits, &weight, sizeof bits);
  t->n++;
  t->sum += weight;
  t->last = weight;
  t->order = (t->order ^ bits) * 0x9e3779b97f4a7c15u + 1;
  t->order ^= t->order >> 29;
}

/* Expected events of handlers and of states are added up; from sums they are taken off, so that nothing remains. */
static int expected(void *context, const struct rt_proj *p, uint32_t target, double weight) {
  struct check *k = context;
  struct rt_verify *v = k->s->verify;
  struct rt_part at = part_at(k->s, p->target, target);
  if (!rt_is_own(k->s, at.shard)) return 0;
  v->n_events++;
  if (k->tallies[p->port]) {
    tally_add(&k->tallies[p->port][p->target->size + target], weight);
    return 0;
  }
  const struct rt_shard *h = &k->s->shards[at.shard];
  const struct rt_slice *c = &h->slices[at.slice];
  h->seen[k->parity].at[k->which].sums[sums_from(h, c, p->def->port) + target - c->first] -= rt_weight_units(p, weight);
  return 0;
}

struct one { /* what is expected of one element */
  uint32_t port, element;
  uint64_t n;
  int64_t units;
  const struct rt_sim *s;
};

static int expected_one(void *context, const struct rt_proj *p, uint32_t target, double weight) {
  struct one *one = context;
  if (p->port != one->port || target != one->element) return 0;
  one->n++;
  one->units += rt_weight_units(p, weight);
  return 0;
}

static int differs(const struct rt_sim *s, const struct rt_pop *p, uint32_t port, uint32_t element, uint64_t step,
                   const char *what) {
  return rt_fail_at(NSL_EVERIFY, p->def->place, "verify: %s[%u].%s at step %llu (t = %.12g ms): %s", p->def->path, element,
                    p->class->ports[port].name, (unsigned long long)step, (double)step * s->dt, what);
}

static int sum_differs(const struct check *k, const struct rt_pop *p, uint32_t port, uint32_t element, uint64_t step,
                       int64_t rest) {
  struct rt_sim *s = k->s;
  struct one one = {.port = p->port0 + port, .element = element, .s = s};
  const struct nsl_port *def = &p->class->ports[port];
  double unit = s->ports[one.port].unit / (def->unit_scale ? def->unit_scale : 1);
  int e = arrivals(s, k->parity, k->which, step, expected_one, &one);
  if (e) return e;
  char what[300];
  const char *name = def->unit && strcmp(def->unit, "1") != 0 ? def->unit : "";
  snprintf(what, sizeof what,
           "a sum of %.9g %s arrived, %.9g %s in %llu events were expected from the spikes and the rules "
           "(difference %lld units of %.3g %s%s)",
           (double)(one.units + rest) * unit, name, (double)one.units * unit, name, (unsigned long long)one.n,
           (long long)rest, unit, name, s->ports[one.port].plastic ? "; what synapses with memory sent is not counted" : "");
  return differs(s, p, port, element, step, what);
}

/* What remains of the sums of one slice, when all that was expected is taken off. */
static int sums_check(struct check *k, const struct rt_shard *h, const struct rt_slice *c, const struct rt_snapshot *shot) {
  const struct rt_pop *p = c->pop;
  for (uint32_t q = 0; q < p->class->n_ports; q++) {
    if (k->tallies[p->port0 + q]) continue;
    const int64_t *rest = shot->sums + sums_from(h, c, q);
    for (uint32_t i = 0; i < c->count && c->first + i < p->size; i++)
      if (rest[i]) return sum_differs(k, p, q, c->first + i, shot->step, rest[i]);
    k->s->verify->n_sums += c->first + c->count <= p->size ? c->count : p->size - c->first;
  }
  return 0;
}

static int tally_check(struct check *k, const struct rt_pop *p, uint32_t q, uint32_t element, uint64_t step) {
  const struct tally *got = &k->tallies[p->port0 + q][element], *want = got + p->size;
  k->s->verify->n_sums++;
  if (got->n == want->n && got->order == want->order) return 0;
  char what[200];
  if (got->n == want->n && fabs(got->sum - want->sum) <= 1e-12 * fabs(want->sum))
    snprintf(what, sizeof what, "its %llu events were handled in another order than the rules have them",
             (unsigned long long)got->n);
  else
    snprintf(what, sizeof what,
             "%llu events with weights of %.9g in all were handled, %llu with %.9g were expected from the spikes and "
             "the rules",
             (unsigned long long)got->n, got->sum, (unsigned long long)want->n, want->sum);
  return differs(k->s, p, q, element, step, what);
}

static double real_at(const struct rt_sim *s, const char *array, size_t i) {
  return s->program->f32 ? (double)((const float *)(const void *)array)[i] : ((const double *)(const void *)array)[i];
}

/* As many equal weights added to the state before, one by one as delivery does it: the state after. */
static double straight_after(const struct rt_sim *s, double before, uint64_t n, double weight) {
  float narrow = (float)before;
  for (uint64_t i = 0; i < n; i++) {
    narrow += (float)weight;
    before += weight;
  }
  return s->program->f32 ? (double)narrow : before;
}

static int straight_check(struct check *k, const struct rt_slice *c, const struct rt_snapshot *shot, uint32_t q,
                          size_t at) {
  const struct rt_pop *p = c->pop;
  for (uint32_t i = 0; i < c->count && c->first + i < p->size; i++) {
    const struct tally *want = &k->tallies[p->port0 + q][p->size + c->first + i];
    double before = real_at(k->s, shot->before, at + i), after = real_at(k->s, shot->after, at + i);
    double good = straight_after(k->s, before, want->n, want->last);
    k->s->verify->n_sums++;
    if (after == good || isnan(before)) continue;
    char what[200];
    snprintf(what, sizeof what, "the events of the step changed %s from %.17g to %.17g; %llu were expected, giving %.17g",
             p->class->states[p->class->ports[q].straight - 1].name, before, after, (unsigned long long)want->n, good);
    return differs(k->s, p, q, c->first + i, shot->step, what);
  }
  return 0;
}

static int shard_check(struct check *k, const struct rt_shard *h) {
  const struct rt_snapshot *shot = &h->seen[k->parity].at[k->which];
  size_t straight = 0;
  int e = 0;
  for (uint32_t i = 0; !e && i < h->n_slices; i++) {
    const struct rt_slice *c = &h->slices[i];
    const struct nsl_class *class = c->pop->class;
    e = sums_check(k, h, c, shot);
    for (uint32_t q = 0; !e && q < class->n_ports; q++) {
      if (class->ports[q].each)
        for (uint32_t j = c->first; !e && j < c->first + c->count && j < c->pop->size; j++)
          e = tally_check(k, c->pop, q, j, shot->step);
      if (!e && class->ports[q].straight) {
        e = straight_check(k, c, shot, q, straight);
        straight += c->count;
      }
    }
  }
  return e;
}

static int tallies_make(struct check *k) {
  struct rt_sim *s = k->s;
  k->tallies = rt_alloc(&k->mem, s->n_ports + 1, sizeof *k->tallies);
  for (uint32_t i = 0; k->tallies && i < s->n_ports; i++) {
    const struct rt_pop *p = &s->pops[s->ports[i].pop];
    const struct nsl_port *port = &p->class->ports[s->ports[i].port];
    if (!port->each && !port->straight) continue;
    if (!(k->tallies[i] = rt_alloc(&k->mem, 2 * (uint64_t)p->size, sizeof **k->tallies))) return NSL_EMEMORY;
  }
  return k->tallies ? 0 : NSL_EMEMORY;
}

static int step_check(struct rt_sim *s, uint32_t parity, size_t which, uint64_t step) {
  struct check k = {.s = s, .parity = parity, .which = which};
  int e = tallies_make(&k);
  for (uint32_t i = s->own0; !e && i < s->own1; i++) {
    const struct rt_snapshot *shot = &s->shards[i].seen[parity].at[which];
    for (size_t j = 0; j < shot->n_taken; j++)
      tally_add(&k.tallies[shot->taken[j].port][shot->taken[j].element], shot->taken[j].weight);
  }
  if (!e) e = arrivals(s, parity, which, step, expected, &k);
  if (!e && s->n_plastic) e = rt_plastic_check(s, parity, which, step);
  for (uint32_t i = s->own0; !e && i < s->own1; i++) e = shard_check(&k, &s->shards[i]);
  rt_mem_free(&k.mem);
  return e;
}

int rt_verify_batch(struct rt_sim *s, uint64_t from, uint32_t n, uint32_t parity) {
  struct rt_verify *v = s->verify;
  if (!v || v->over) return 0;
  if (v->failed) return rt_fail(NSL_EMEMORY, "not enough memory for --verify");
  int e = v->n_steps ? history_add(s, v, from, n, parity) : 0;
  uint64_t end = from + n - 1;
  for (size_t which = 0; !e && v->at < v->n_steps && v->steps[v->at] <= end; v->at++, which++)
    e = step_check(s, parity, which, v->steps[v->at]);
  v->over = e != 0;
  for (uint32_t i = s->own0; i < s->own1; i++) s->shards[i].seen[parity].n = 0;
  return e ? e : rt_digests_compare(s, v->digests, end);
}
