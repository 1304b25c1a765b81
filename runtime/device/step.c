/* What a step does besides the generated kernels, one thread an element: before them (begin), behind them (collect). */
#include "runtime/device/clocks.h"
#include "runtime/device/events.h"

/* The plain form; what it makes for the host goes by other names, since the math library has that already. */
#define nslm_poisson_add_i64 dev_poisson_add_i64
#define nslm_poisson_add_i32 dev_poisson_add_i32
#define nslm_poisson_each_i64 dev_poisson_each_i64
#include "math/poisson.c"

static int64_t poisson_events(const NslmPoisson *t, uint64_t key, uint32_t element, uint64_t step) {
  int64_t n = 0;
  for (uint32_t part = 0; part < t->parts; part++) n += poisson_count(t, random_key(key, part), element, step);
  return n;
}

static inline void add(const struct dev_ring *r, uint64_t step, uint32_t at, int64_t sum) {
  uint64_t i = (step & r->mask) * r->row + at;
  if (r->bytes == 8) dev_add_i64((int64_t *)r->at + i, sum);
  else dev_add_i32((int32_t *)r->at + i, (int32_t)sum);
}

/* The first given event that arrives at this step or later. */
static uint64_t given_first(const struct dev_args *a, uint64_t step) {
  uint64_t from = 0, to = a->n_given;
  while (from < to) {
    uint64_t half = (from + to) / 2;
    if (a->given[half].step < step) from = half + 1;
    else to = half;
  }
  return from;
}

DEV_KERNEL(given) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->step, i = given_first(a, step);
  uint32_t stride = nsl_dev_blocks() * nsl_dev_block_size();
  for (i += nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread(); i < a->n_given && a->given[i].step == step; i += stride) {
    const struct dev_given *g = &a->given[i];
    if (g->ring != DEV_LISTS) add(&a->rings[g->ring], step, g->at, g->units);
    else node_add(a, g->at, (struct dev_node){.key = g->key, .weight = g->weight, .count = 1, .element = g->element});
  }
}

DEV_KERNEL(samples) {
  const struct dev_args *a = arguments;
  uint32_t thread = nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread(), stride = nsl_dev_blocks() * nsl_dev_block_size();
  for (uint32_t k = 0; k < a->n_samples; k++) {
    const struct dev_samples *s = &a->samples[k];
    const double *row = s->rows + (s->clock->step & s->mask) * s->n;
    for (uint32_t i = thread; i < s->n; i += stride) s->to[i] = row[i];
  }
}

/* ---- before the step kernels */

/* The mask of an own step. Those of finer steps lie side by side in the row of the run's. */
static uint64_t *own_mask(const struct dev_args *a, const struct dev_pop *p, uint32_t word, uint64_t own) {
  uint64_t row = p->within > 1 ? (own - 1) / p->within + 1 : own * p->every, nth = p->within > 1 ? (own - 1) % p->within : 0;
  return a->masks + (row & a->mask_mask) * a->mask_row + p->mask_at + nth * p->words + word;
}

/* Those that spiked steps + 1 ago are free, but who has spiked again since. */
static void hold_release(const struct dev_args *a, const struct dev_pop *p, const struct dev_hold *h, uint32_t word, uint64_t own) {
  if (!h->steps || own < (uint64_t)h->steps + 2 || !*own_mask(a, p, word, own - h->steps - 1)) return;
  uint64_t spiked = 0;
  for (uint32_t k = 1; k <= h->steps; k++) spiked |= *own_mask(a, p, word, own - k);
  h->held[word] = spiked;
}

/* Those that have waited for this step, if their targets have delays of their own. */
static int64_t waited(const struct dev_args *a, const struct dev_poisson *d, uint32_t i, uint64_t step, int64_t now) {
  const struct dev_ring *r = &a->rings[DEV_COUNTS];
  if (!d->delays) return now;
  int32_t *waits = (int32_t *)r->at + d->waits_at + i;
  waits[((step + d->delays[i]) & r->mask) * r->row] += (int32_t)now;
  int64_t n = waits[(step & r->mask) * r->row];
  waits[(step & r->mask) * r->row] = 0;
  return n;
}

/* Many may be wrong at once: the least is told, and `collect` keeps its value. */
static int rate_good(const struct dev_poisson *d, uint32_t element, double rate, uint64_t step) {
  double mean = rate * d->dt;
  if (mean >= 0 && mean <= d->most) return 1;
  __atomic_fetch_min(d->bad, step << 32 | element, __ATOMIC_RELAXED);
  return 0;
}

static void poisson(const struct dev_args *a, const struct dev_poisson *d, uint32_t element, uint64_t step) {
  if (element < d->from || element >= d->to || step <= d->delay) return;
  uint32_t i = element - d->from;
  uint64_t from = step - d->delay, at = step + (d->delays ? d->delays[i] : 0);
  if (d->rates && !rate_good(d, element, d->rates[i], step)) return;
  int64_t count = d->rates   ? nslm_draw_poisson_i64(d->key, element, from, 0, d->rates[i] * d->dt)
                  : d->means ? nslm_draw_poisson_i64(d->key, element, from, 0, d->means[i])
                             : poisson_events(&d->tables[from & d->table_mask], d->key, element, from);
  if (d->ring == DEV_LISTS) {
    count = waited(a, d, i, step, count);
    double weight = d->own_weights ? d->own_weights[i] : d->weight;
    if (count) node_add(a, d->at + element, (struct dev_node){.key = d->rank << 32, .weight = weight, .count = (uint32_t)count, .element = element});
    return;
  }
  if (count) add(&a->rings[d->ring], at, d->at + element, count * (d->own_units ? d->own_units[i] : d->units));
}

static double term(const struct dev_args *a, const struct dev_term *t, uint32_t element, uint64_t step) {
  return t->values ? t->values[element - t->from] : a->values[(step & a->value_mask) * a->value_row + t->column];
}

/* In the order of the drives, as the host adds them. */
static void inputs_sum(const struct dev_args *a, const struct dev_pop *p, uint32_t element, uint64_t step) {
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    double wide = 0;
    float narrow = 0;
    for (uint32_t k = 0; k < p->n_terms; k++) {
      const struct dev_term *t = &p->terms[k];
      if (t->input != i || element < t->from || element >= t->to) continue;
      if (a->f32) narrow += (float)term(a, t, element, step);
      else wide += term(a, t, element, step);
    }
    if (a->f32) ((float *)p->inputs[i])[element] = narrow;
    else ((double *)p->inputs[i])[element] = wide;
  }
}

/* The step kernel takes floats from where its sums would be. */
static void turn(const struct dev_args *a, const struct dev_turn *t, uint32_t element, uint64_t step) {
  const struct dev_ring *longs = &a->rings[DEV_LONG_SUMS], *sums = &a->rings[DEV_SUMS];
  int64_t *from = (int64_t *)longs->at + (step & longs->mask) * longs->row + t->from + element;
  ((float *)sums->at)[(step & sums->mask) * sums->row + t->to + element] = (float)((double)*from * t->unit);
  *from = 0;
}

/* As past.c: the last value goes into the ring, `begin` becomes what `end` was, and `end` is the value so long ago. */
#define PAST(T)                                                                                                          \
  static void past_##T(const struct dev_past *p, uint64_t padded, uint32_t element, uint64_t step) {                    \
    T *ring = (T *)p->ring, *end = (T *)p->end + element;                                                               \
    ring[(step - 1) % p->rows * padded + element] = ((const T *)p->value)[element];                                     \
    ((T *)p->begin)[element] = *end;                                                                                    \
    uint64_t lag = p->lag[element], at = (step + p->rows - lag % p->rows) % p->rows;                                    \
    T x = ring[at * padded + element], part = (T)p->part[element];                                                      \
    if (part != 0) x += part * (ring[(step + p->rows - (lag + 1) % p->rows) % p->rows * padded + element] - x);         \
    *end = x;                                                                                                           \
  }
PAST(double)
PAST(float)

static void past(const struct dev_args *a, const struct dev_pop *p, uint32_t element, uint64_t step) {
  for (uint32_t i = 0; i < p->n_pasts; i++)
    if (a->f32) past_float(&p->pasts[i], p->padded, element, step);
    else past_double(&p->pasts[i], p->padded, element, step);
}

/* Inputs that follow others. */
static void fed(const struct dev_args *a, const struct dev_pop *p, uint32_t element) {
  for (uint32_t i = 0; i < p->n_fed; i++) {
    const struct dev_fed *f = &p->fed[i];
    if (a->f32) ((float *)p->inputs[f->input])[element] = (float)*f->value;
    else ((double *)p->inputs[f->input])[element] = *f->value;
  }
}

/* Of the population: whether it ends by this step of the run or not. */
static void own_step_begin(const struct dev_args *a, const struct dev_pop *p, uint32_t element, uint64_t own) {
  for (uint32_t i = 0; i < p->n_holds && element % 64 == 0; i++) hold_release(a, p, &p->holds[i], element / 64, own);
  past(a, p, element, own);
}

DEV_KERNEL(begin) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->step;
  uint32_t block = nsl_dev_block(), thread = nsl_dev_thread(), element = a->first_of_block[block] + thread;
  if (!block && !thread) {
    a->clock->now = step;
    *a->n_pieces = 0;
  }
  const struct dev_pop *p = &a->pops[a->pop_of_block[block]];
  if (element >= p->words * 64) return;
  if (step % p->every == 0) own_step_begin(a, p, element, step / p->every * p->within - p->within + 1);
  for (uint32_t i = 0; i < p->n_poisson; i++) poisson(a, &p->poisson[i], element, step);
  if (p->n_terms && a->changed[step & a->value_mask]) inputs_sum(a, p, element, step);
  fed(a, p, element);
  for (uint32_t i = 0; i < p->n_turns; i++) turn(a, &p->turns[i], element, step);
}

/* ---- behind the step kernels */

/* As many additions, one behind the other, as events have come. */
static void straight(const struct dev_args *a, const struct dev_straight *s, uint32_t element, uint64_t step) {
  const struct dev_ring *r = &a->rings[DEV_COUNTS];
  int32_t *count = (int32_t *)r->at + (step & r->mask) * r->row + s->at + element, n = *count;
  if (!n) return;
  *count = 0;
  if (a->f32) {
    float x = ((float *)s->state)[element], w = (float)s->weight;
    for (int32_t i = 0; i < n; i++) x += w;
    ((float *)s->state)[element] = x;
  } else {
    double x = ((double *)s->state)[element];
    for (int32_t i = 0; i < n; i++) x += s->weight;
    ((double *)s->state)[element] = x;
  }
}

/* A spike: its rows in pieces, for the warps of `push`. */
static void rows_send(const struct dev_args *a, const struct dev_pop *p, uint32_t element) {
  for (uint32_t k = 0; k < p->n_groups; k++) {
    const uint64_t *row = a->groups[p->group0 + k].begin;
    uint32_t most = a->groups[p->group0 + k].piece;
    if (!row) continue; /* onto handlers that do more than add */
    row += element;
    uint64_t begin = row[0], n = row[1] - begin;
    if (!n) continue;
    uint32_t pieces = (uint32_t)((n + most - 1) / most), at = dev_take_u32(a->n_pieces, pieces);
    for (uint32_t i = 0; i < pieces; i++, begin += most, n -= most)
      a->pieces[at + i] = (struct dev_piece){begin, n < most ? (uint32_t)n : most, p->group0 + k, element, 0};
  }
}

/* By the time that the host asks, much else may have become infinite. */
static void state_keep(const struct dev_args *a, const struct dev_watch *w, uint64_t step) {
  uint64_t bad = *w->bad;
  if (bad == UINT64_MAX || ((bad >> 32) + w->within - 1) / w->within * w->every != step) return;
  uint32_t thread = (uint32_t)bad, block = thread / nsl_dev_block_size(), element = w->first_of_block[block] + thread % nsl_dev_block_size();
  const struct dev_watched *p = &w->of[w->env_of_block[block]];
  for (uint32_t i = 0; i < p->n_states; i++) {
    const char *array = (const char *)p->states + i * p->stride;
    w->states[i] = a->f32 ? (double)((const float *)array)[element] : ((const double *)array)[element];
  }
}

static void states_keep(const struct dev_args *a, uint32_t by) {
  for (uint32_t i = 0; i < a->n_watches; i++)
    if (a->watches[i].by == by) state_keep(a, &a->watches[i], a->clock->now);
}

static void rates_keep(const struct dev_args *a, uint64_t step) {
  for (uint64_t i = 0; i < a->n_bad_rates; i++) {
    const struct dev_bad_rate *r = &a->bad_rates[i];
    if (*r->bad != UINT64_MAX && *r->bad >> 32 == step) *r->value = r->rates[(uint32_t)*r->bad - r->from];
  }
}

DEV_KERNEL(watch) {
  if (!nsl_dev_block() && !nsl_dev_thread()) states_keep(arguments, DEV_BY_WATCH);
}

/* The mask of an own step: kept, and in force as holds. Gives it. */
static uint64_t own_step_end(const struct dev_pop *p, uint32_t element, uint64_t *kept) {
  uint32_t word = element / 64;
  uint64_t mask = p->now[word];
  if (word + 1 == p->words) mask &= p->last;
  if (element % 64) return mask;
  *kept = mask;
  for (uint32_t i = 0; mask && i < p->n_holds; i++)
    if (p->holds[i].steps) p->holds[i].held[word] |= mask;
  return mask;
}

DEV_FUNCTION(between) {
  const struct dev_between *b = arguments;
  const struct dev_args *a = b->args;
  uint32_t block = nsl_dev_block(), thread = nsl_dev_thread(), element = a->first_of_block[block] + thread;
  if (!block && !thread) states_keep(a, (uint32_t)b->nth);
  const struct dev_pop *p = &a->pops[a->pop_of_block[block]];
  if (!a->clock->step || element >= p->words * 64 || b->nth + 1 >= p->within) return;
  uint64_t own = (a->clock->now - 1) * p->within + b->nth + 1;
  uint64_t mask = own_step_end(p, element, own_mask(a, p, element / 64, own));
  if (mask >> element % 64 & 1) rows_send(a, p, element);
  own_step_begin(a, p, element, own + 1);
}

DEV_KERNEL(collect) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  uint32_t block = nsl_dev_block(), thread = nsl_dev_thread(), element = a->first_of_block[block] + thread, word = element / 64;
  if (!block && !thread) {
    if (!a->ticks) clocks_go_on(a, step + 1);
    *a->n_nodes = 0;
    states_keep(a, DEV_BY_COLLECT);
    rates_keep(a, step);
  }
  const struct dev_pop *p = &a->pops[a->pop_of_block[block]];
  if (element >= p->words * 64) return;
  uint64_t *row = a->masks + (step & a->mask_mask) * a->mask_row + p->mask_at, mask = own_step_end(p, element, row + (p->within - 1) * p->words + word);
  for (uint32_t i = 0; i < p->n_handled && !element; i++) {
    *p->handled[i].n = 0;
    if (p->handled[i].later && step % p->every == 0) *p->handled[i].later->n = 0;
  }
  for (uint32_t i = 0; i < p->n_straight; i++) straight(a, &p->straight[i], element, step);
  if (mask >> element % 64 & 1) rows_send(a, p, element);
}

/* Where kernels run behind `collect`, which read the clock. */
DEV_KERNEL(tick) {
  const struct dev_args *a = arguments;
  if (!nsl_dev_block() && !nsl_dev_thread()) clocks_go_on(a, a->clock->now + 1);
}
