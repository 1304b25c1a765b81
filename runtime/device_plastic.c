/* Synapses with memory on a device (runtime/device/learn.c). All shards' synapses of a projection lie in arrays side by side, each shard a part, in
 * the order in which the shard has them; rings of what is known of targets by element of the population.
 * device_plastic_sync.c copies what changes. */
#include <stdlib.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/plastic.h"

static void *address(const struct rt_device *d, uint64_t at) { return at ? (void *)(uintptr_t)(d->block + at) : NULL; }
#define PUT(d, list, n) ((const void *)(uintptr_t)rt_image_put(d, list, (uint64_t)(n) * sizeof *(list)))

/* ---- what cannot run there yet */

const char *rt_device_plastic_lacks(const struct rt_sim *s, const struct nsl_projection *def) {
  const struct rt_pop *source = &s->pops[def->source.pop], *target = &s->pops[def->target.pop];
  if (source->within > 1 || target->within > 1) return "synapses with memory between populations with shorter time steps";
  return NULL;
}

/* ---- plan */

static uint64_t room(struct rt_device *d, uint64_t n, uint64_t bytes) { return rt_device_reserve(d, DEV_USE_SYNAPSES, (n + 1) * bytes); }

static int arrays_plan(struct rt_device *d, struct dev_plastic_place *at) {
  const struct rt_plastic *p = at->p;
  const struct nsl_class *c = p->class;
  const struct nsl_projection *def = p->proj->def;
  uint64_t real = d->s->real_size, padded = p->proj->target->padded;
  uint64_t n = 4ull * c->n_states + c->n_params + 3ull * def->n_seen + 2ull * def->n_afters + 2ull * c->n_inputs;
  uint64_t *list = rt_alloc(&d->mem, n + 1, sizeof *list);
  if (!list) return NSL_EMEMORY;
  at->states = list;
  at->cells = at->states + c->n_states;
  at->sees = at->cells + c->n_states;
  at->looks = at->sees + c->n_states;
  at->params = at->looks + c->n_states;
  at->ring = at->params + c->n_params;
  at->history = at->ring + def->n_seen;
  at->later = at->history + def->n_seen;
  at->out = at->later + def->n_seen;
  at->told = at->out + 2ull * def->n_afters;
  at->rows_told = at->told + c->n_inputs;
  for (uint32_t i = 0; i < c->n_inputs; i++)
    if (def->fed[i] != NSL_NONE) at->told[i] = room(d, at->n, real), at->rows_told[i] = room(d, at->n_rows, real);
  for (uint32_t i = 0; i < c->n_drawn; i++) at->told[c->drawn[i]] = room(d, at->n, real);
  for (uint32_t i = 0; i < c->n_states; i++) {
    bool cell = c->states[i].per == NSL_PER_PRE && p->seen[i] == NSL_NONE;
    if (c->states[i].per == NSL_PER_ELEMENT) at->states[i] = room(d, at->n, real);
    if (cell) at->cells[i] = room(d, at->n_rows, real), at->sees[i] = room(d, at->n, real);
    if (cell && c->stepped) at->looks[i] = room(d, at->n_rows, real);
  }
  for (uint32_t i = 0; i < c->n_params; i++) at->params[i] = room(d, at->n, real);
  for (uint32_t i = 0; i < def->n_seen; i++) {
    at->sees[def->seen[i].inner] = room(d, at->n, real);
    if (def->seen[i].side != NSL_SIDE_POST) continue;
    at->ring[i] = room(d, padded * p->ring, real);
    at->history[i] = room(d, padded * p->history, real);
    at->later[i] = p->looks_back ? room(d, padded * p->history, real) : 0;
  }
  for (uint32_t i = 0; i < def->n_afters; i++) {
    at->out[i] = room(d, at->n, real);
    if (p->each && p->told[i]) at->out[def->n_afters + i] = room(d, at->n, real);
  }
  return rt_device_others_plan(d, at);
}

static int one_plan(struct rt_device *d, struct dev_plastic_place *at, const struct rt_plastic *p) {
  const struct rt_sim *s = d->s;
  uint64_t padded = p->proj->target->padded;
  at->p = p;
  if (!(at->parts = rt_alloc(&d->mem, s->n_shards, sizeof *at->parts))) return NSL_EMEMORY;
  for (uint32_t h = 0; h < s->n_shards; h++) {
    if (!p->shards[h].slice) continue;
    at->parts[at->n_parts++] = (struct dev_part){&p->shards[h], at->n};
    at->n += p->shards[h].n;
  }
  at->n_rows = (uint64_t)at->n_parts * p->proj->sn;
  if (at->n >= NSL_NONE || at->n_rows >= NSL_NONE)
    return rt_fail_at(NSL_ECANNOT, p->proj->def->place, "%s: more than 4294967294 synapses with memory, which is the most on a device", p->proj->def->path);
  at->begin = room(d, at->n_rows, sizeof(uint64_t));
  at->onto_begin = room(d, padded, sizeof(uint64_t));
  at->target = room(d, at->n, sizeof(uint32_t));
  at->delay = room(d, at->n, sizeof(uint32_t));
  at->row = room(d, at->n, sizeof(uint32_t));
  at->onto = room(d, at->n, sizeof(uint32_t));
  at->last = room(d, at->n_rows, sizeof(uint64_t));
  at->spikes = room(d, padded * p->ring, sizeof(uint32_t));
  at->n_spiked = room(d, padded, sizeof(uint32_t));
  at->elapsed = room(d, at->n, s->real_size);
  at->since = room(d, at->n, s->real_size);
  at->row_since = room(d, at->n_rows, s->real_size);
  for (int i = 0; i < DEV_WHOLE; i++)
    at->lists[i] = i == DEV_POST_FROZEN ? at->lists[DEV_POST] : i == DEV_PRE_FROZEN ? at->lists[DEV_PRE] : i == DEV_NOW && !p->proj->def->n_follows ? 0 : room(d, i == DEV_CELLS ? at->n_rows : at->n, sizeof(uint32_t));
  if (p->class->stepped) {
    at->lists[DEV_WHOLE] = at->lists[DEV_WHOLE_FROZEN] = room(d, at->n, sizeof(uint32_t));
    at->lists[DEV_ROWS] = room(d, at->n_rows, sizeof(uint32_t));
  }
  at->listed = room(d, DEV_LEARN_LISTS, sizeof(uint32_t));
  if (p->each) rt_device_plastic_each_plan(d, at);
  else at->waits = room(d, padded * p->sums, sizeof(int64_t));
  return arrays_plan(d, at);
}

int rt_device_plastic_plan(struct rt_device *d) {
  int e = 0;
  if (!(d->plastics = rt_alloc(&d->mem, d->s->n_plastic + 1ull, sizeof *d->plastics))) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < d->s->n_plastic; i++) e = one_plan(d, &d->plastics[i], &d->s->plastics[i]);
  return e;
}

/* ---- rows, once */

struct rows {
  uint64_t *begin, *onto_begin, *keys; /* keys: delay << 32 | synapse */
  uint32_t *target, *delay, *row, *onto;
};

static void part_rows(const struct dev_plastic_place *at, uint32_t part, struct rows *r) {
  const struct rt_plastic_shard *q = at->parts[part].q;
  uint64_t base = at->parts[part].base, end = base;
  for (uint32_t i = 0; i < at->p->proj->sn; i++) {
    uint64_t row = (uint64_t)part * at->p->proj->sn + i;
    r->begin[row] = end;
    for (uint32_t g = q->row[i]; g < q->row[i + 1]; g++) {
      const struct rt_segment *x = &q->segments[g];
      for (uint64_t y = x->at; y < x->at + x->n; y++) {
        r->target[base + y] = q->slice->first + q->target[y];
        r->delay[base + y] = x->dendritic;
        r->row[base + y] = (uint32_t)row;
        r->onto_begin[r->target[base + y] + 1]++;
      }
      end = base + x->at + (x->n + RT_LEARN_LANES - 1) / RT_LEARN_LANES * RT_LEARN_LANES;
      for (uint64_t y = base + x->at + x->n; y < end; y++) r->delay[y] = x->dendritic; /* a row stays in the order of delays */
    }
  }
}

static int by_key(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Synapses by target. */
static void onto_make(const struct dev_plastic_place *at, struct rows *r) {
  uint32_t padded = at->p->proj->target->padded;
  uint64_t n = 0;
  for (uint32_t t = 0; t < padded; t++) r->onto_begin[t + 1] += r->onto_begin[t];
  n = r->onto_begin[padded];
  for (uint64_t y = at->n; y-- > 0;)
    if (r->target[y] != NSL_NONE) r->keys[--r->onto_begin[r->target[y] + 1]] = (uint64_t)r->delay[y] << 32 | y;
  memmove(r->onto_begin, r->onto_begin + 1, padded * sizeof *r->onto_begin); /* each stands at its begin now */
  r->onto_begin[padded] = n;
  for (uint32_t t = 0; t < padded; t++) qsort(r->keys + r->onto_begin[t], r->onto_begin[t + 1] - r->onto_begin[t], sizeof *r->keys, by_key);
  for (uint64_t i = 0; i < n; i++) r->onto[i] = (uint32_t)r->keys[i];
}

/* Who is in the lists of those that are stepped. */
static int all_write(struct rt_device *d, struct dev_plastic_place *at, struct rows *r) {
  uint32_t *rows = rt_alloc(&d->pass, at->n_rows + 1, sizeof *rows), *all = r->row; /* which is on the device now */
  if (!rows) return NSL_EMEMORY;
  for (uint32_t i = 0; i < at->n_rows; i++) rows[i] = i;
  for (uint64_t y = 0; y < at->n; y++)
    if (r->target[y] != NSL_NONE) all[at->n_all++] = (uint32_t)y;
  int e = rt_device_copy_to(d, at->lists[DEV_WHOLE], all, at->n_all * sizeof *all, "synapses with memory");
  if (!e) e = rt_device_copy_to(d, at->lists[DEV_ROWS], rows, at->n_rows * sizeof *rows, "synapses with memory");
  return e ? e : rt_device_wait(d, "copying synapses with memory");
}

static int one_write(struct rt_device *d, struct dev_plastic_place *at) {
  struct rt_mem mem = {0};
  uint64_t n = at->n, padded = at->p->proj->target->padded;
  struct rows r = {.begin = rt_alloc(&mem, at->n_rows + 1, sizeof *r.begin), .onto_begin = rt_alloc(&mem, padded + 2, sizeof *r.onto_begin),
                   .keys = rt_alloc(&mem, n + 1, sizeof *r.keys), .target = rt_alloc(&mem, n + 1, sizeof *r.target),
                   .delay = rt_alloc(&mem, n + 1, sizeof *r.delay), .row = rt_alloc(&mem, n + 1, sizeof *r.row),
                   .onto = rt_alloc(&mem, n + 1, sizeof *r.onto)};
  int e = r.begin && r.onto_begin && r.keys && r.target && r.delay && r.row && r.onto ? 0 : NSL_EMEMORY;
  if (!e) memset(r.target, 0xff, n * sizeof *r.target); /* what fills up segments */
  for (uint32_t i = 0; !e && i < at->n_parts; i++) part_rows(at, i, &r);
  if (!e) r.begin[at->n_rows] = n;
  if (!e) onto_make(at, &r);
  const struct {
    uint64_t to;
    const void *from;
    uint64_t bytes;
  } list[] = {{at->begin, r.begin, (at->n_rows + 1) * sizeof *r.begin}, {at->onto_begin, r.onto_begin, (padded + 1) * sizeof *r.onto_begin},
              {at->target, r.target, n * sizeof *r.target}, {at->delay, r.delay, n * sizeof *r.delay}, {at->row, r.row, n * sizeof *r.row},
              {at->onto, r.onto, n * sizeof *r.onto}};
  for (size_t i = 0; !e && i < sizeof list / sizeof *list; i++) e = rt_device_copy_to(d, list[i].to, list[i].from, list[i].bytes, "synapses with memory");
  if (!e && at->p->each) e = rt_device_plastic_each_write(d, at);
  if (!e) e = rt_device_others_write(d, at);
  if (!e) e = rt_device_wait(d, "copying synapses with memory");
  if (!e && at->p->class->stepped) e = all_write(d, at, &r);
  rt_mem_free(&mem);
  return e;
}

int rt_device_plastic_write(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->s->n_plastic; i++) e = one_write(d, &d->plastics[i]);
  return e;
}

/* ---- launches and their arguments */

static const struct { uint32_t kernel, list; } runs[] = {
    {NSL_LEARN_ADVANCE, DEV_ROWS}, {NSL_LEARN_STEP, DEV_WHOLE}, {NSL_LEARN_STEP_FROZEN, DEV_WHOLE_FROZEN},
    {NSL_LEARN_POST, DEV_POST}, {NSL_LEARN_POST_FROZEN, DEV_POST_FROZEN}, {NSL_LEARN_ADVANCE, DEV_CELLS},
    {NSL_LEARN_PRE, DEV_PRE}, {NSL_LEARN_PRE_FROZEN, DEV_PRE_FROZEN}, {NSL_LEARN_CELL, DEV_CELLS}, {NSL_LEARN_NOW, DEV_NOW}};
enum { RUNS = sizeof runs / sizeof *runs };

/* Those of one kind of event. */
int rt_device_plastic_launches(struct rt_device *d, enum dev_learn_phase phase, dev_late_fn *add) {
  static const uint32_t ends[] = {0, 1, 3, 6, 8, 9, RUNS};
  int e = 0;
  for (uint32_t k = ends[phase]; k < ends[phase + 1]; k++)
    for (uint32_t i = 0; !e && i < d->s->n_plastic; i++)
      if (d->plastics[i].p->learn[runs[k].kernel].kernel && d->plastics[i].lists[runs[k].list])
        e = add(d, d->plastics[i].p->learn[runs[k].kernel].code, i * RUNS + k, 0);
  return e;
}

bool rt_device_plastic_steps(const struct rt_device *d) {
  bool any = false;
  for (uint32_t i = 0; i < d->s->n_plastic; i++) any |= d->plastics[i].p->class->stepped;
  return any;
}

static uint64_t slot_at(const struct dev_plastic_place *at, const struct nsl_binding *b, uint32_t list) {
  bool cells = list == DEV_CELLS || list == DEV_ROWS;
  const struct rt_plastic *p = at->p;
  if (b->kind == NSL_SLOT_PARAM) return at->params[b->index];
  if (b->kind == NSL_SLOT_OUT) return at->out[b->index];
  if (b->kind == NSL_SLOT_INPUT && at->told[b->index]) return cells ? at->rows_told[b->index] : at->told[b->index];
  if (b->kind == NSL_SLOT_INPUT) return cells ? at->row_since : b->index == p->class->since ? at->since : at->elapsed;
  if (b->kind != NSL_SLOT_STATE) return 0;
  if (list == DEV_ROWS && at->looks[b->index]) return at->looks[b->index];
  if (cells) return at->cells[b->index] ? at->cells[b->index] : at->rows_see[p->seen[b->index]];
  return at->sees[b->index] ? at->sees[b->index] : at->states[b->index];
}

/* Address of the env of a launch's kernel. */
uint64_t rt_image_learn(struct rt_device *d, uint32_t number, const struct nsl_code *code) {
  const struct dev_plastic_place *at = &d->plastics[number / RUNS];
  const struct rt_plastic *p = at->p;
  uint32_t list = runs[number % RUNS].list;
  void **slots = rt_alloc(&d->mem, code->n_bindings + 1ull, sizeof *slots);
  if (!slots) {
    d->image.failed = true;
    return 0;
  }
  for (uint32_t i = 0; i < code->n_bindings; i++) slots[i] = address(d, slot_at(at, &code->bindings[i], list));
  struct nsl_env env = {.slots = (void *const *)PUT(d, slots, code->n_bindings + 1), .key = p->key, .dt = d->s->dt,
                        .u = address(d, d->globals_at + (uint64_t)(p->u - d->s->G) * sizeof *p->u),
                        .list = address(d, at->lists[list]), .listed = (const uint32_t *)address(d, at->listed) + list};
  return rt_image_put(d, &env, sizeof env);
}

static void seen_put(struct rt_device *d, const struct dev_plastic_place *at, struct dev_plastic *to) {
  const struct rt_plastic *p = at->p;
  const struct nsl_class *c = p->class;
  const struct dev_place *place = &d->places[p->proj->target->index];
  struct dev_cell *cells = rt_alloc(&d->mem, c->n_states + 1ull, sizeof *cells);
  struct dev_seen *seen = rt_alloc(&d->mem, p->proj->def->n_seen + 1ull, sizeof *seen);
  void **sent = rt_alloc(&d->mem, p->proj->def->n_afters + 1ull, sizeof *sent);
  struct dev_signal *signals = rt_alloc(&d->mem, c->n_inputs + 1ull, sizeof *signals);
  if (!cells || !seen || !sent || !signals) {
    d->image.failed = true;
    return;
  }
  for (uint32_t i = 0; i < c->n_states; i++)
    if (at->cells[i]) cells[to->n_cells++] = (struct dev_cell){address(d, at->cells[i]), address(d, at->sees[i])};
  for (uint32_t i = 0; i < p->proj->def->n_seen; i++) {
    const struct nsl_seen *def = &p->proj->def->seen[i];
    if (def->side != NSL_SIDE_POST) continue;
    seen[to->n_seen++] = (struct dev_seen){address(d, place->states + def->before * place->real_stride), address(d, place->states + def->outer * place->real_stride),
                                         address(d, at->ring[i]), address(d, at->history[i]), address(d, at->later[i]), address(d, at->sees[def->inner])};
  }
  for (; to->n_sends < p->proj->def->n_afters; to->n_sends++) sent[to->n_sends] = address(d, at->out[to->n_sends]);
  for (uint32_t i = 0; i < c->n_inputs; i++)
    if (p->proj->def->fed[i] != NSL_NONE)
      signals[to->n_signals++] = (struct dev_signal){address(d, d->feeds_at + p->proj->def->fed[i] * sizeof(double)), address(d, at->told[i]), address(d, at->rows_told[i])};
  to->signals = PUT(d, signals, to->n_signals);
  to->cells = PUT(d, cells, to->n_cells);
  to->seen = PUT(d, seen, to->n_seen);
  to->sent = PUT(d, sent, to->n_sends);
  to->after = PUT(d, p->after, to->n_sends);
}

/* Where nothing moves cells between their spikes, they are as they are kept. */
static void looks_put(struct rt_device *d, const struct dev_plastic_place *at, struct dev_plastic *to) {
  void **looks = rt_alloc(&d->mem, at->p->class->n_states + 1ull, sizeof *looks);
  uint32_t n = 0;
  d->image.failed |= !looks;
  for (uint32_t i = 0; looks && i < at->p->class->n_states; i++)
    if (at->looks[i]) looks[n++] = address(d, at->looks[i]);
  if (looks) to->looks = PUT(d, looks, n + 1);
  to->n_all = at->n_all;
}

static struct dev_plastic plastic_of(struct rt_device *d, const struct dev_plastic_place *at, uint32_t number) {
  const struct rt_plastic *p = at->p;
  const struct rt_pop *target = p->proj->target;
  const struct dev_place *place = &d->places[target->index];
  uint32_t port = p->proj->def->port;
  bool longs = place->long_at[port] != NSL_NONE;
  struct dev_plastic to = {
      .begin = address(d, at->begin), .onto_begin = address(d, at->onto_begin), .target = address(d, at->target), .delay = address(d, at->delay),
      .row = address(d, at->row), .onto = address(d, at->onto), .n_rows = (uint32_t)at->n_rows, .sources = p->proj->sn, .source0 = p->proj->s0,
      .n_frozen = p->n_frozen, .axonal = p->axonal, .least = at->n ? p->least : 1, .most = at->n ? p->most : 0, .padded = target->padded, .words = target->words,
      .ring = p->ring, .history = p->history, .sums = p->sums, .source_at = d->places[p->proj->source->index].mask_at, .target_at = place->mask_at,
      .now = address(d, place->now), .last_lanes = target->size % 64 ? ((uint64_t)1 << target->size % 64) - 1 : ~(uint64_t)0,
      .last = address(d, at->last), .spikes = address(d, at->spikes), .n_spiked = address(d, at->n_spiked), .elapsed = address(d, at->elapsed),
      .since = address(d, at->since), .row_since = address(d, at->row_since), .listed = address(d, at->listed),
      .units = 1 / d->s->ports[p->proj->port].unit, .largest = p->proj->largest, .dt = d->s->dt, .waits = address(d, at->waits),
      .to_ring = longs ? DEV_LONG_SUMS : DEV_SUMS, .to_at = longs ? place->long_at[port] : place->sum_at[port], .number = number};
  for (int i = 0; i < DEV_LEARN_LISTS; i++) to.lists[i] = address(d, at->lists[i]);
  for (int i = 0; i < RUNS; i++) to.runs[runs[i].list] |= p->learn[runs[i].kernel].kernel != NULL;
  to.frozen = PUT(d, (const uint64_t *)p->frozen, 2 * p->n_frozen);
  seen_put(d, at, &to);
  rt_image_learn_others(d, at, &to);
  if (p->class->stepped) looks_put(d, at, &to);
  if (p->each) to.each = (const struct dev_learn_each *)(uintptr_t)rt_image_plastic_each(d, at);
  return to;
}

void rt_image_plastics(struct rt_device *d, struct dev_args *a) {
  uint32_t n = d->s->n_plastic;
  struct dev_plastic *all = rt_alloc(&d->mem, n + 1ull, sizeof *all);
  if (!all) {
    d->image.failed = true;
    return;
  }
  for (uint32_t i = 0; i < n; i++) all[i] = plastic_of(d, &d->plastics[i], i);
  a->plastics = PUT(d, all, n);
  a->n_plastics = n;
  a->bad_sent = (uint64_t *)address(d, d->bad_at) + d->n_launches + DEV_BAD_SENT;
}
