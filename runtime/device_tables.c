/* The arguments of all launches: tables that stay as they are for the whole run. They hold addresses, and are as long as the model
 * has populations and drives; so they are made twice, first to learn their size (addresses are then wrong), later with the block. */
#include <stddef.h>
#include <string.h>

#include "runtime/coupling.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/lump.h"

enum { BLOCKS_EACH = 8 }; /* of a multiprocessor, where threads take work as it comes */

uint64_t rt_image_put(struct rt_device *d, const void *data, uint64_t bytes) {
  struct dev_image *m = &d->image;
  uint64_t at = m->used;
  if (!bytes) return 0;
  if (m->failed || rt_grow(&m->at, &m->cap, m->used + bytes + 64, 1)) {
    m->failed = true;
    return 0;
  }
  memset(m->at + at, 0, bytes + 64);
  memcpy(m->at + at, data, bytes);
  m->used += (bytes + 63) / 64 * 64;
  return d->block + d->tables_at + at;
}

static void *address(const struct rt_device *d, uint64_t at) { return (void *)(uintptr_t)(d->block + at); }
#define PUT(d, list, n) ((const void *)(uintptr_t)rt_image_put(d, list, (uint64_t)(n) * sizeof *(list)))

/* ---- which blocks of threads have which elements */

/* sizes: threads that each needs. */
static struct dev_cover cover_put(struct rt_device *d, const uint64_t *sizes, uint32_t n) {
  uint64_t blocks = 0;
  for (uint32_t i = 0; i < n; i++) blocks += (sizes[i] + d->threads - 1) / d->threads;
  uint32_t *which = rt_alloc(&d->mem, blocks + 1, sizeof *which), *first = rt_alloc(&d->mem, blocks + 1, sizeof *first);
  if (!which || !first) {
    d->image.failed = true;
    return (struct dev_cover){0};
  }
  uint64_t at = 0;
  for (uint32_t i = 0; i < n; i++)
    for (uint64_t e = 0; e < sizes[i]; e += d->threads) which[at] = i, first[at++] = (uint32_t)e;
  return (struct dev_cover){PUT(d, which, blocks), PUT(d, first, blocks), (uint32_t)blocks};
}

/* ---- generated kernels */

static void *slot_at(const struct rt_device *d, const struct rt_pop *p, const struct nsl_binding *b, uint64_t out) {
  const struct dev_place *at = &d->places[p->index];
  switch ((enum nsl_slot_kind)b->kind) {
    case NSL_SLOT_STATE: return address(d, at->states + b->index * at->real_stride);
    case NSL_SLOT_PARAM: return address(d, at->params + b->index * at->real_stride);
    case NSL_SLOT_INPUT: return address(d, at->inputs + b->index * at->real_stride);
    case NSL_SLOT_HELD: return address(d, at->held + b->index * at->mask_stride);
    case NSL_SLOT_PREV: return address(d, at->prev);
    case NSL_SLOT_SPIKE: return address(d, at->now);
    case NSL_SLOT_PORT: return address(d, d->ring_at[DEV_SUMS] + at->sum_at[b->index] * (uint64_t)d->s->real_size);
    case NSL_SLOT_OLD: return address(d, at->olds + b->index * at->real_stride);
    case NSL_SLOT_PAST: return address(d, at->past_live + (b->index / 2 * 2 + !(b->index % 2)) * at->real_stride);
    case NSL_SLOT_OUT: return address(d, out);
    case NSL_SLOT_UNIFORM: /* what is no array, and what no kernel of a step has */
    case NSL_SLOT_ARG:
    case NSL_SLOT_COLUMN:
    case NSL_SLOT_GLOBAL:
    case NSL_SLOT_DER:
    case NSL_SLOT_SAMPLE:
    case NSL_SLOT_RING:
    case NSL_SLOT_TAPE: break;
  }
  return NULL;
}

static struct dev_handled_port *handled_of(const struct rt_device *d, const struct rt_pop *p, uint32_t port) {
  uint32_t i = 0;
  while (d->handled[i].pop != p || d->handled[i].port != port) i++;
  return &d->handled[i];
}

/* Of synapses with states: an env for each inflow. */
static uint64_t gate_envs_put(struct rt_device *d, const struct dev_launch *l) {
  struct nsl_env *envs = rt_alloc(&d->mem, l->n_entries, sizeof *envs);
  for (uint32_t i = 0; envs && i < l->n_entries; i++) envs[i] = rt_device_gate_env(d, l->entries[i].pop, l->entries[i].code);
  d->image.failed |= !envs;
  return envs ? rt_image_put(d, envs, l->n_entries * sizeof *envs) : 0;
}

static uint64_t envs_put(struct rt_device *d, const struct dev_launch *l) {
  const struct rt_sim *s = d->s;
  struct nsl_env *envs = rt_alloc(&d->mem, l->n_entries, sizeof *envs);
  for (uint32_t i = 0; envs && i < l->n_entries; i++) {
    const struct rt_pop *p = &s->pops[l->entries[i].pop];
    const struct nsl_code *code = l->entries[i].code;
    void **slots = rt_alloc(&d->mem, code->n_bindings + 1ull, sizeof *slots);
    if (!slots) break;
    for (uint32_t k = 0; k < code->n_bindings; k++) slots[k] = slot_at(d, p, &code->bindings[k], l->entries[i].out);
    envs[i] = (struct nsl_env){.u = address(d, d->globals_at + (uint64_t)(p->u - s->G) * sizeof *p->u),
                               .key = p->key, .count = p->padded, .padding = p->padded - p->size, .dt = p->dt, .ring_mask = d->ring_mask, .ring_row = d->ring_row[DEV_SUMS]};
    if (l->pace) rt_device_pace_env(d, l, code, slots, &envs[i]);
    else envs[i].dt = s->dt;
    envs[i].slots = PUT(d, slots, code->n_bindings + 1);
  }
  for (uint32_t i = 0; envs && l->kind == DEV_RECEIVE && i < l->n_entries; i++) {
    envs[i].count = 0; /* counted in each step */
    envs[i].events = address(d, handled_of(d, &s->pops[l->entries[i].pop], l->port)->events_at);
  }
  d->image.failed |= !envs;
  uint64_t at = envs ? rt_image_put(d, envs, l->n_entries * sizeof *envs) : 0;
  for (uint32_t i = 0; l->kind == DEV_RECEIVE && i < l->n_entries; i++)
    handled_of(d, &s->pops[l->entries[i].pop], l->port)->count = at + i * sizeof *envs + offsetof(struct nsl_env, count);
  return at;
}

/* A drive's kernel: one env, and a clock that may be late. */
static void draw_put(struct rt_device *d, struct dev_launch *l, uint32_t number) {
  struct dev_draw *w = &d->draws[l->port];
  struct nsl_env env = rt_device_draw_env(d, l->port);
  uint64_t size = w->n, at = rt_image_put(d, &env, sizeof env);
  struct dev_cover c = cover_put(d, &size, 1);
  struct nsl_launch args = {.envs = (const struct nsl_env *)(uintptr_t)at, .clock = address(d, w->clock), .env_of_block = c.which,
                            .first_of_block = c.first, .bad = (uint64_t *)address(d, d->bad_at) + number};
  w->count = at + offsetof(struct nsl_env, count);
  if (!w->delay) args.clock = address(d, d->clock_at);
  l->blocks = c.n;
  l->args = rt_image_put(d, &args, sizeof args) - d->block;
}

/* Of synapses with memory: a list in place of elements, for any number of threads. */
static void learn_put(struct rt_device *d, struct dev_launch *l, uint32_t number) {
  uint64_t env = rt_image_learn(d, l->port, l->entries[0].code);
  struct nsl_launch args = {.envs = (const struct nsl_env *)(uintptr_t)env, .clock = address(d, d->clock_at), .bad = (uint64_t *)address(d, d->bad_at) + number};
  l->blocks = d->gpu.processors * BLOCKS_EACH;
  l->args = rt_image_put(d, &args, sizeof args) - d->block;
}

static void kernel_put(struct rt_device *d, struct dev_launch *l, uint32_t number) {
  if (l->kind == DEV_LEARN) {
    learn_put(d, l, number);
    return;
  }
  if (l->kind == DEV_DRAW) {
    draw_put(d, l, number);
    return;
  }
  uint64_t *sizes = rt_alloc(&d->mem, l->n_entries, sizeof *sizes);
  for (uint32_t i = 0; sizes && i < l->n_entries; i++) {
    if (l->kind == DEV_GATE) {
      sizes[i] = d->gates[l->entries[i].pop].count;
      continue;
    }
    const struct rt_pop *p = &d->s->pops[l->entries[i].pop];
    sizes[i] = l->kind == DEV_RECEIVE ? handled_of(d, p, l->port)->most : p->padded;
  }
  d->image.failed |= !sizes;
  struct dev_cover c = sizes ? cover_put(d, sizes, l->n_entries) : (struct dev_cover){0};
  struct nsl_launch args = {.envs = (const struct nsl_env *)(uintptr_t)(l->kind == DEV_GATE ? gate_envs_put(d, l) : envs_put(d, l)), .clock = address(d, d->clock_at),
                            .env_of_block = c.which, .first_of_block = c.first, .bad = (uint64_t *)address(d, d->bad_at) + number};
  if (l->pace) args.clock = rt_device_pace_launch(d, l, (uint64_t)(uintptr_t)args.envs);
  if (l->kind == DEV_AHEAD) args.clock = address(d, d->agree_at + offsetof(struct dev_agree, clock));
  l->blocks = c.n;
  l->cover = c;
  l->args = rt_image_put(d, &args, sizeof args) - d->block;
}

static struct dev_watched watched(const struct rt_device *d, const struct rt_pop *p) {
  const struct dev_place *at = &d->places[p->index];
  return (struct dev_watched){address(d, at->states), at->real_stride, p->class->n_states, 0};
}

/* Who keeps the states, before another kernel changes them. */
static uint32_t watched_by(const struct rt_device *d, const struct dev_launch *l) {
  if (l->pace && l->nth + 1 < l->pace->pop->within) return l->nth;
  return l->kind == DEV_STEP && d->n_handled ? DEV_BY_WATCH : DEV_BY_COLLECT;
}

/* Of the kernels that look at what they have made. */
static void watches_put(struct rt_device *d, struct dev_args *a) {
  struct dev_watch *list = rt_alloc(&d->mem, d->n_launches + 1ull, sizeof *list);
  for (uint32_t i = 0; list && i < d->n_launches; i++) {
    const struct dev_launch *l = &d->launches[i];
    if (l->kernel == NSL_NONE || (l->kind != DEV_STEP && l->kind != DEV_FINISH && l->kind != DEV_GATE)) continue;
    struct dev_watched *of = rt_alloc(&d->mem, l->n_entries, sizeof *of);
    for (uint32_t k = 0; of && k < l->n_entries; k++)
      of[k] = l->kind == DEV_GATE ? rt_device_gate_watched(d, l->entries[k].pop) : watched(d, &d->s->pops[l->entries[k].pop]);
    d->image.failed |= !of;
    if (of)
      list[a->n_watches++] = (struct dev_watch){(const uint64_t *)address(d, d->bad_at) + i, l->cover.which, l->cover.first, PUT(d, of, l->n_entries),
                                                (double *)address(d, d->bad_at) + rt_device_wrong_at(d, i), .by = watched_by(d, l),
                                                .every = l->pace ? l->pace->pop->every : 1, .within = l->pace ? l->pace->pop->within : 1};
  }
  d->image.failed |= !list;
  if (list) a->watches = PUT(d, list, a->n_watches);
}

/* ---- functions of runtime/device */

static struct dev_pop pop_of(struct rt_device *d, const struct rt_pop *p) {
  const struct dev_place *at = &d->places[p->index];
  const struct nsl_class *k = p->class;
  struct dev_pop to = {.size = p->size, .words = p->words, .now = address(d, at->now), .mask_at = at->mask_at, .n_holds = k->n_holds,
                       .n_inputs = k->n_inputs, .n_groups = d->rows_of[p->index + 1] - d->rows_of[p->index], .group0 = d->rows_of[p->index]};
  to.last = p->size % 64 ? ((uint64_t)1 << p->size % 64) - 1 : ~(uint64_t)0;
  struct dev_hold *holds = rt_alloc(&d->mem, k->n_holds + 1ull, sizeof *holds);
  struct dev_turn *turns = rt_alloc(&d->mem, k->n_ports + 1ull, sizeof *turns);
  struct dev_straight *straight = rt_alloc(&d->mem, k->n_ports + 1ull, sizeof *straight);
  void **inputs = rt_alloc(&d->mem, k->n_inputs + 1ull, sizeof *inputs);
  if (!holds || !turns || !straight || !inputs) {
    d->image.failed = true;
    return to;
  }
  for (uint32_t i = 0; i < k->n_holds; i++)
    holds[i] = (struct dev_hold){address(d, at->held + i * at->mask_stride), p->hold_steps[i]};
  for (uint32_t i = 0; i < k->n_inputs; i++) inputs[i] = address(d, at->inputs + i * at->real_stride);
  for (uint32_t q = 0; q < k->n_ports; q++) {
    if (at->long_at[q] != NSL_NONE && p->every == 1) turns[to.n_turns++] = (struct dev_turn){at->long_at[q], at->sum_at[q], d->s->ports[p->port0 + q].unit};
    if (at->count_at[q] == NSL_NONE) continue;
    uint32_t state = k->ports[q].straight - 1;
    straight[to.n_straight++] = (struct dev_straight){address(d, at->states + state * at->real_stride), d->straight[p->port0 + q], at->count_at[q]};
  }
  to.holds = PUT(d, holds, k->n_holds);
  to.turns = PUT(d, turns, to.n_turns);
  to.straight = PUT(d, straight, to.n_straight);
  to.inputs = (void *const *)PUT(d, inputs, k->n_inputs);
  to.poisson = (const struct dev_poisson *)(uintptr_t)rt_image_poisson(d, p, &to.n_poisson);
  to.terms = (const struct dev_term *)(uintptr_t)rt_image_terms(d, p, &to.n_terms);
  to.handled = (const struct dev_handled *)(uintptr_t)rt_image_handled(d, p, &to.n_handled);
  to.numbered = k->numbered;
  to.padded = p->padded;
  to.states = address(d, at->states);
  to.stride = at->real_stride;
  to.n_states = k->n_states;
  to.every = p->every;
  to.within = p->within;
  to.waits = (const struct dev_waits *)(uintptr_t)rt_image_waits(d, p);
  to.n_pasts = k->n_pasts;
  to.pasts = (const struct dev_past *)(uintptr_t)rt_image_pasts(d, p);
  to.fed = (const struct dev_fed *)(uintptr_t)rt_image_fed(d, p, &to.n_fed);
  return to;
}

static struct dev_group group_of(struct rt_device *d, const struct dev_rows *r) {
  return (struct dev_group){.begin = address(d, r->begin_at), .targets = address(d, r->targets_at),
                            .made = r->proj ? (const struct dev_made *)(uintptr_t)rt_image_made(d, r) : NULL, .piece = rt_device_piece(r),
                            .delays = r->delay_bytes ? address(d, r->delays_at) : NULL, .weights = r->weight_bytes ? address(d, r->weights_at) : NULL,
                            .delay_bytes = r->delay_bytes, .weight_bytes = r->weight_bytes, .delay = r->delay, .ring = r->ring,
                            .units = r->ring == DEV_COUNTS ? 1 : r->units};
}

static int args_put(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  struct dev_pop *pops = rt_alloc(&d->mem, s->n_pops, sizeof *pops);
  struct dev_group *groups = rt_alloc(&d->mem, d->n_rows + 1ull, sizeof *groups);
  uint64_t *all = rt_alloc(&d->mem, s->n_pops, sizeof *all);
  if (!pops || !groups || !all) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) pops[i] = pop_of(d, &s->pops[i]), all[i] = s->pops[i].padded;
  for (uint32_t g = 0; g < d->n_rows; g++)
    if (d->rows[g].begin && !rt_device_is_apart(&d->rows[g])) groups[g] = group_of(d, &d->rows[g]);
  struct dev_cover c = cover_put(d, all, s->n_pops);
  struct dev_args a = {.clock = address(d, d->clock_at), .f32 = s->program->f32, .n_pops = s->n_pops, .pops = PUT(d, pops, s->n_pops),
                       .pop_of_block = c.which, .first_of_block = c.first, .masks = address(d, d->masks_at), .mask_row = d->mask_row,
                       .mask_mask = d->mask_mask, .values = address(d, d->values_at), .changed = address(d, d->changed_at),
                       .value_row = d->n_columns, .value_mask = DEV_BATCH - 1, .given = address(d, d->given_at), .n_given = d->n_given,
                       .groups = PUT(d, groups, d->n_rows), .pieces = address(d, d->pieces_at), .n_pieces = address(d, d->count_at)};
  for (int k = 0; k < DEV_RINGS; k++)
    a.rings[k] = (struct dev_ring){address(d, d->ring_at[k]), d->ring_row[k], d->ring_mask,
                                   k == DEV_LONG_SUMS || (k == DEV_SUMS && !s->program->f32) ? 8 : 4};
  rt_image_aparts(d, &a);
  rt_image_late(d, &a);
  a.ticks = d->ticks;
  watches_put(d, &a);
  a.samples = (const struct dev_samples *)(uintptr_t)rt_image_samples(d, &a.n_samples);
  a.late = (const struct dev_late_clock *)(uintptr_t)rt_image_late_clocks(d, &a.n_late);
  a.bad_rates = (const struct dev_bad_rate *)(uintptr_t)rt_image_bad_rates(d, &a.n_bad_rates);
  rt_image_plastics(d, &a);
  a.carry = rt_image_carry(d);
  a.track = rt_image_track(d);
  d->args_at = rt_image_put(d, &a, sizeof a) - d->block;
  d->element_blocks = c.n;
  return 0;
}

/* ---- the launches of a step */

static struct dev_launch *launch_add(struct rt_device *d, const char *what) {
  struct dev_launch *l = &d->launches[d->n_launches++];
  *l = (struct dev_launch){.what = what, .kernel = NSL_NONE};
  return l;
}

static struct dev_launch *function_add(struct rt_device *d, enum dev_function fn, const char *what) {
  struct dev_launch *l = launch_add(d, what);
  l->fn = fn;
  return l;
}

/* Whose blocks add numbers: they have memory of their own for it. */
static void sums_add(struct rt_device *d, enum dev_function fn, const char *what) { function_add(d, fn, what)->shared = DEV_SUMS_SHARED; }

/* Those with the same code share a launch. */
static int generated_add(struct rt_device *d, const struct dev_launch *like, const struct dev_entry *entry) {
  const struct rt_sim *s = d->s;
  struct dev_launch *l = NULL;
  for (uint32_t i = 0; i < d->n_launches; i++) {
    struct dev_launch *at = &d->launches[i];
    if (at->kernel == entry->code->kernel && at->kind == like->kind && at->port == like->port && at->pace == like->pace && at->nth == like->nth) l = at;
  }
  if (!l) {
    l = launch_add(d, like->kind == DEV_GATE ? "synapses with states" : s->pops[entry->pop].class->name);
    *l = (struct dev_launch){.what = l->what, .kernel = entry->code->kernel, .kind = like->kind, .port = like->port, .pace = like->pace, .nth = like->nth};
    if (!(l->entries = rt_alloc(&d->mem, d->most_entries, sizeof *l->entries))) return NSL_EMEMORY;
  }
  l->entries[l->n_entries++] = *entry;
  return 0;
}

/* Of a population: in the last of its own steps in one of the run, if there are several. */
static int own_add(struct rt_device *d, enum dev_generated kind, const struct dev_entry *entry, uint32_t port) {
  const struct rt_pop *p = &d->s->pops[entry->pop];
  struct dev_launch like = {.kind = kind, .port = port, .pace = rt_device_pace_of(d, p)};
  like.nth = like.pace ? p->within - 1 : 0;
  return generated_add(d, &like, entry);
}

static bool steps_of(const struct rt_pop *p, enum dev_generated kind) {
  return p->class->step.kernel != NSL_NONE && p->size && (kind == DEV_STEP || p->class->has_finish);
}

static struct dev_entry entry_of(const struct rt_pop *p, enum dev_generated kind) {
  return (struct dev_entry){.pop = p->index, .code = kind == DEV_STEP ? rt_step_code(p) : &p->class->finish};
}

static int steps_add(struct rt_device *d, enum dev_generated kind) {
  const struct rt_sim *s = d->s;
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) {
    struct dev_entry entry = entry_of(&s->pops[i], kind);
    if (steps_of(&s->pops[i], kind)) e = own_add(d, kind, &entry, 0);
  }
  return e;
}

/* Own steps of finer populations but the last ones: they see no events, and what they delay is kept. */
static int finer_add(struct rt_device *d, uint32_t nth) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_paces; i++) {
    struct dev_pace *w = &d->paces[i];
    const struct nsl_class *k = w->pop->class;
    if (nth + 1 >= w->pop->within) continue;
    for (enum dev_generated kind = DEV_STEP; !e && kind <= DEV_FINISH; kind += DEV_FINISH - DEV_STEP) {
      struct dev_entry entry = entry_of(w->pop, kind);
      if (steps_of(w->pop, kind)) e = generated_add(d, &(struct dev_launch){.kind = kind, .pace = w, .nth = nth}, &entry);
    }
    for (uint32_t q = 0; !e && q < k->n_pasts; q++)
      e = generated_add(d, &(struct dev_launch){.kind = DEV_LATE, .pace = w, .nth = nth},
                        &(struct dev_entry){w->pop->index, &k->pasts[q].value, d->places[w->pop->index].pasts[q].value});
  }
  function_add(d, DEV_FN_between, "the end of a finer step")->nth = nth;
  return e;
}

/* Port by port, as their events are handled. */
static int receives_add(struct rt_device *d) {
  uint32_t most = 0;
  int e = 0;
  for (uint32_t i = 0; i < d->n_handled; i++) most = d->handled[i].port > most ? d->handled[i].port : most;
  for (uint32_t q = 0; q <= most; q++)
    for (uint32_t i = 0; !e && i < d->n_handled; i++) {
      const struct dev_handled_port *h = &d->handled[i];
      if (h->port == q && h->most && h->pop->size)
        e = own_add(d, DEV_RECEIVE, &(struct dev_entry){.pop = h->pop->index, .code = &h->pop->class->ports[q].receive}, q);
    }
  return e;
}

/* Delayed values are on the grid of the population, what others see is on the run's. */
static int late_add(struct rt_device *d, const struct nsl_code *code, uint32_t pop, uint64_t out) {
  const struct rt_pop *p = &d->s->pops[pop];
  struct dev_entry entry = {pop, code, out};
  if (!p->size) return 0;
  d->ticks = true;
  for (uint32_t k = 0; k < p->class->n_pasts; k++)
    if (code == &p->class->pasts[k].value) return own_add(d, DEV_LATE, &entry, 0);
  return generated_add(d, &(struct dev_launch){.kind = DEV_LATE}, &entry);
}

static int ahead_add(struct rt_device *d, const struct nsl_code *code, uint32_t pop, uint64_t out) {
  return d->s->pops[pop].size ? generated_add(d, &(struct dev_launch){.kind = DEV_AHEAD}, &(struct dev_entry){pop, code, out}) : 0;
}

static int gate_add(struct rt_device *d, const struct nsl_code *code, uint32_t number, uint64_t out) {
  return generated_add(d, &(struct dev_launch){.kind = DEV_GATE}, &(struct dev_entry){number, code, out});
}

static int gates_add(struct rt_device *d) {
  function_add(d, DEV_FN_sights, "what synapses with states see");
  int e = rt_device_gates_launches(d, false, gate_add);
  return e ? e : rt_device_gates_launches(d, true, gate_add);
}

/* What is gone through until joint steps agree. */
static int trial_add(struct rt_device *d) {
  d->trial_begin = d->n_launches;
  int e = rt_device_couplings_launches(d, true, ahead_add);
  function_add(d, DEV_FN_ahead, "what a trial shows");
  if (d->sums_shown) sums_add(d, DEV_FN_ahead_sums, "sums of what a trial shows");
  if (d->s->couplings->n_totals) sums_add(d, DEV_FN_ahead_total, "sums of what a trial shows");
  function_add(d, DEV_FN_agree, "joint steps");
  d->trial_end = d->n_launches;
  return e;
}

static int draw_add(struct rt_device *d, const struct nsl_code *code, uint32_t number, uint64_t out) {
  return generated_add(d, &(struct dev_launch){.kind = DEV_DRAW, .port = number}, &(struct dev_entry){d->draws[number].drive->target->index, code, out});
}

static int learn_add(struct rt_device *d, const struct nsl_code *code, uint32_t number, uint64_t out) {
  return generated_add(d, &(struct dev_launch){.kind = DEV_LEARN, .port = number}, &(struct dev_entry){0, code, out});
}

/* All that are looked at behind a step, or run in it. */
static uint32_t entries_most(const struct rt_device *d) {
  const struct rt_sim *s = d->s;
  uint32_t n = s->n_pops + 2 * d->n_gates + (s->couplings ? s->couplings->n_shown : 0);
  for (uint32_t i = 0; i < s->n_pops; i++) n += s->pops[i].class->n_pasts;
  for (uint32_t i = 0; i < s->n_feeds; i++) n += s->feeds[i].def->n_items;
  return n;
}

static uint64_t finer_launches(const struct rt_device *d) {
  uint64_t n = d->most_within;
  for (uint32_t i = 0; i < d->n_paces; i++) n += d->paces[i].pop->within * (2ull + d->paces[i].pop->class->n_pasts);
  return n;
}

static int plastics_add(struct rt_device *d) {
  bool steps = rt_device_plastic_steps(d);
  d->ticks = true;
  int e = 0;
  if (rt_device_follows(d)) {
    function_add(d, DEV_FN_learn_meet, "signals that synapses with memory follow");
    e = rt_device_plastic_launches(d, DEV_LEARN_MEET, learn_add);
  }
  if (steps) {
    function_add(d, DEV_FN_learn_look, "synapses with memory that are stepped");
    if (!e) e = rt_device_plastic_launches(d, DEV_LEARN_LOOK, learn_add);
    function_add(d, DEV_FN_learn_all, "synapses with memory that are stepped");
    if (!e) e = rt_device_plastic_launches(d, DEV_LEARN_STEP, learn_add);
  }
  function_add(d, DEV_FN_learn_due, "spikes at synapses with memory");
  if (!e) e = rt_device_plastic_launches(d, DEV_LEARN_DUE, learn_add);
  function_add(d, DEV_FN_learn_pre, "spikes at synapses with memory");
  if (!e) e = rt_device_plastic_launches(d, DEV_LEARN_SENDS, learn_add);
  function_add(d, DEV_FN_learn_send, "what synapses with memory send");
  return e ? e : rt_device_plastic_launches(d, DEV_LEARN_SENT, learn_add);
}

int rt_device_launches(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  d->most_entries = entries_most(d);
  d->launches = rt_alloc(&d->mem, 2ull * s->n_pops + d->n_handled + 2ull * d->most_entries + d->n_draws + (NSL_LEARNS + 1) * s->n_plastic + DEV_FUNCTIONS + finer_launches(d),
                         sizeof *d->launches);
  if (!d->launches) return NSL_EMEMORY;
  if (!s->n_pops) return 0; /* an experiment may ask for numbers alone */
  bool sends = d->n_rows != 0;
  if (d->n_given) function_add(d, DEV_FN_given, "given events");
  if (d->n_samples) function_add(d, DEV_FN_samples, "samples of files");
  int e = rt_device_draws_launches(d, draw_add);
  if (s->n_plastic) function_add(d, DEV_FN_learn_arrive, "what synapses with memory have sent");
  function_add(d, DEV_FN_begin, "the begin of a step");
  if (s->carry) function_add(d, DEV_FN_carry_arrive, "derivatives along synapses arrive");
  if (d->n_gates) e = e ? e : gates_add(d);
  if (s->couplings) function_add(d, DEV_FN_couple, "continuous synapses");
  if (d->agree_at) e = e ? e : trial_add(d);
  if (d->waits_at_all) function_add(d, DEV_FN_wait, "what waits for longer steps");
  if (d->n_aparts) function_add(d, s->connectivity == NSL_PROCEDURAL ? DEV_FN_due_made : DEV_FN_due, "events that are due");
  if (d->n_handled) function_add(d, DEV_FN_sort, "the order of events");
  if (s->track) function_add(d, DEV_FN_track, "what a step is going to read");
  for (uint32_t i = 0; !e && i + 1 < d->most_within; i++) e = finer_add(d, i);
  if (!e) e = steps_add(d, DEV_STEP);
  if (d->n_handled) function_add(d, DEV_FN_watch, "who is not finite");
  if (!e) e = receives_add(d);
  if (!e) e = steps_add(d, DEV_FINISH);
  if (s->n_plastic) function_add(d, DEV_FN_learn_keep, "what synapses see of their targets");
  function_add(d, DEV_FN_collect, "the end of a step");
  if (s->carry) function_add(d, DEV_FN_carry_keep, "derivatives along synapses set off");
  if (!e && s->n_plastic) e = plastics_add(d); /* before `feed`: they know signals of the step before */
  if (!e) e = rt_device_late_launches(d, late_add);
  if (s->couplings) function_add(d, DEV_FN_show, "what elements show");
  if (d->sums) sums_add(d, DEV_FN_sums, "sums over many elements");
  if (s->couplings && s->couplings->n_totals) sums_add(d, DEV_FN_total, "sums of what elements show");
  if (s->n_feeds) sums_add(d, DEV_FN_feed, "inputs that follow others");
  if (sends) function_add(d, s->connectivity == NSL_PROCEDURAL ? DEV_FN_push_made : DEV_FN_push, "spikes along their rows");
  if (d->ticks) function_add(d, DEV_FN_tick, "the clock");
  for (uint32_t i = 0; !e && i < d->n_launches; i++)
    if (d->launches[i].kernel != NSL_NONE) e = rt_gpu_kernel(&d->gpu, d->launches[i].kernel, &d->launches[i].function);
    else e = rt_gpu_function(&d->gpu, d->launches[i].fn, &d->launches[i].function);
  return e;
}

static uint32_t blocks_of(const struct rt_device *d, enum dev_function fn) {
  const uint32_t ELEMENTS = d->element_blocks, COUPLED = d->couple_blocks, SHOWN = d->show_blocks, GATED = d->gate_blocks, ONE = 1, OTHER = 0;
  const uint32_t MANY = d->gpu.processors * BLOCKS_EACH;
  const uint32_t blocks[] = {
#define DEVICE(name, blocks, doc) blocks,
#include "runtime/device/device.def"
#undef DEVICE
  };
  return blocks[fn] ? blocks[fn] : 1;
}

static uint64_t between_put(struct rt_device *d, const struct dev_launch *l) {
  struct dev_between to = {address(d, d->args_at), l->nth};
  return rt_image_put(d, &to, sizeof to) - d->block;
}

int rt_device_tables(struct rt_device *d) {
  d->image.used = 0;
  rt_device_paces_again(d);
  for (uint32_t i = 0; i < d->n_launches; i++)
    if (d->launches[i].kernel != NSL_NONE) kernel_put(d, &d->launches[i], i);
  int e = args_put(d);
  for (uint32_t i = 0; i < d->n_launches; i++) {
    struct dev_launch *l = &d->launches[i];
    if (l->kernel != NSL_NONE) continue;
    l->args = l->fn == DEV_FN_between ? between_put(d, l) : d->args_at;
    l->blocks = blocks_of(d, l->fn);
  }
  return e ? e : d->image.failed ? NSL_EMEMORY : 0;
}
