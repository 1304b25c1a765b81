/* Shards and arrays: where every element, state and accumulator lies.
 *
 * Each population is cut into as many slices of whole 64-element blocks as there are shards, so that all
 * shards have the same mixture of work. The number of shards is a power of two, at least 2 from SHARE
 * elements on, and so large that a shard has at most 65,536 elements (a synapse's 16 bits). State arrays
 * belong to the population, one after another with a few lines between them (arrays that begin at the same
 * place of a page evict each other); accumulators belong to the shard, one array for all first ports of its
 * elements, one for all second ports, …: a group of synapses reaches one of them (hot.h). */
#include <math.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/flush.h"
#include "runtime/lump.h"
#include "runtime/nodes.h"
#include "runtime/pace.h"
#include "runtime/ranks.h"

enum { SHARE = 1024, ELEMENTS = 65536, MOST_SHARDS = 32768 };
enum { PAGE = 4096, CUT_AT_PAGES = 24, WAYS = 8, STAGGER = 5 * 64 };

/* ---- shards */

bool rt_cut_at_pages(const struct rt_pop *p, uint32_t n_shards) { return p->words / n_shards >= CUT_AT_PAGES; }

/* Where a part begins. In large populations at a page of a state's array (in float64) and a cache line of its
 * masks: threads that write the same line, or read ahead into each other's, slow each other down. */
static uint32_t block_from(const struct rt_pop *p, uint32_t part, uint32_t n_shards) {
  uint32_t word = (uint32_t)((uint64_t)p->words * part / n_shards);
  return part < n_shards && rt_cut_at_pages(p, n_shards) ? (word + 4) / 8 * 8 : word;
}

/* Which part of a population a shard gets; rotated, so that small populations do not all fall to one shard.
 */
uint32_t rt_part_of(const struct rt_pop *p, uint32_t shard, uint32_t n_shards) {
  return (uint32_t)((shard + p->first / NSL_LANES) % n_shards);
}

static uint64_t elements(const struct rt_sim *s, uint32_t shard, uint32_t n_shards) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    uint32_t part = rt_part_of(p, shard, n_shards);
    n += (uint64_t)(block_from(p, part + 1, n_shards) - block_from(p, part, n_shards)) * 64;
  }
  return n;
}

static int shards_count(struct rt_sim *s) {
  uint64_t all = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) all += s->pops[i].size;
  s->n_shards = all >= SHARE ? 2 : 1;
  for (uint32_t h = 0; h < s->n_shards; h++)
    while (elements(s, h, s->n_shards) > ELEMENTS) {
      if (s->n_shards == MOST_SHARDS)
        return rt_fail(NSL_EMEMORY, "the model has too many elements: more than %u shards", MOST_SHARDS);
      s->n_shards *= 2;
      h = 0;
    }
  return 0;
}

static void slice_make(struct rt_shard *h, struct rt_pop *p, uint32_t from, uint32_t to) {
  struct rt_slice *c = &h->slices[h->n_slices++];
  c->pop = p;
  c->first = from * 64;
  c->count = (to - from) * 64;
  c->base = h->n_elements;
  h->n_elements += c->count;
  uint32_t real = p->size % 64;
  c->last_mask = to == p->words && real ? ((uint64_t)1 << real) - 1 : ~(uint64_t)0;
  for (uint32_t b = from; b < to; b++)
    p->lanes[b] = (struct rt_lane){(uint16_t)h->index, (uint16_t)(c->base + (b - from) * 64)};
  p->parts[p->n_parts++] = (struct rt_part){h->index, h->n_slices - 1};
}

static void parts_sort(struct rt_sim *s, struct rt_pop *p) {
  for (uint32_t i = 1; i < p->n_parts; i++)
    for (uint32_t k = i; k; k--) {
      struct rt_part *a = &p->parts[k - 1], *b = &p->parts[k], t = *a;
      if (s->shards[a->shard].slices[a->slice].first < s->shards[b->shard].slices[b->slice].first) break;
      *a = *b;
      *b = t;
    }
}

/* An array for each number of a port, from the first element that has such a port to the last. */
static int accumulators_make(struct rt_sim *s, struct rt_shard *h) {
  for (uint32_t i = 0; i < h->n_slices; i++)
    if (h->slices[i].pop->class->n_ports > h->n_ports) h->n_ports = h->slices[i].pop->class->n_ports;
  uint32_t n_ports = h->n_ports;
  h->acc = rt_alloc(&s->mem, n_ports, sizeof *h->acc);
  uint64_t *from = rt_alloc(&s->build_mem, n_ports, sizeof *from), bytes = s->program->f32 ? 4 : 8, total = 0;
  if (!h->acc || !from) return NSL_EMEMORY;
  for (uint32_t k = 0; k < n_ports; k++) { /* from[k]: where element 0's would lie, may be before the block */
    uint64_t begin = UINT64_MAX, end = 0;
    for (uint32_t i = 0; i < h->n_slices; i++) {
      if (h->slices[i].pop->class->n_ports <= k) continue;
      if (begin == UINT64_MAX) begin = h->slices[i].base;
      end = (uint64_t)h->slices[i].base + h->slices[i].count;
    }
    from[k] = total - begin * bytes;
    total += (end - begin) * bytes + STAGGER;
  }
  h->acc_bytes = total;
  h->acc_block = rt_alloc(&s->mem, total, 1);
  if (!h->acc_block) return NSL_EMEMORY;
  for (uint32_t k = 0; k < n_ports; k++) h->acc[k] = (void *)((uintptr_t)h->acc_block + from[k]);
  return 0;
}

static int shard_make(struct rt_sim *s, struct rt_shard *h) {
  h->sim = s;
  h->bad.step = RT_NO_STEP;
  h->slices = rt_alloc(&s->mem, s->n_pops, sizeof *h->slices);
  if (!h->slices) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    struct rt_pop *p = &s->pops[i];
    uint32_t part = rt_part_of(p, h->index, s->n_shards);
    uint32_t from = block_from(p, part, s->n_shards), to = block_from(p, part + 1, s->n_shards);
    if (from < to) slice_make(h, p, from, to);
  }
  return rt_is_own(s, h->index) ? accumulators_make(s, h) : 0;
}

/* ---- arrays of a population */

/* Large arrays begin at a page, so that slices do (block_from); where there are so many that they would evict
 * each other from the first cache, they begin some lines apart instead. */
static void *carve(char **at, uint64_t bytes, bool pages) {
  if (pages) *at += -(uintptr_t)*at & (PAGE - 1);
  void *here = *at;
  *at += ((bytes + 63) & ~(uint64_t)63) + (pages ? 0 : STAGGER);
  return here;
}

static int pop_arrays(struct rt_sim *s, struct rt_pop *p) {
  const struct nsl_class *c = p->class;
  uint32_t reals = c->n_states + c->n_params + c->n_inputs, masks = c->n_holds + 1;
  uint64_t real_bytes = (uint64_t)p->padded * s->real_size, mask_bytes = (uint64_t)p->words * 8;
  bool pages = real_bytes >= 2 * PAGE && reals + c->n_ports <= WAYS;
  uint64_t apart = 64 + (pages ? PAGE : STAGGER);
  char *at = rt_alloc(&s->mem, reals * (real_bytes + apart) + masks * (mask_bytes + apart), 1);
  void **tables = rt_alloc(&s->mem, reals + masks, sizeof *tables);
  p->hold_steps = rt_alloc(&s->mem, c->n_holds, sizeof *p->hold_steps);
  if (!at || !tables || !p->hold_steps) return NSL_EMEMORY;
  for (uint32_t i = 0; i < reals; i++) tables[i] = carve(&at, real_bytes, pages);
  for (uint32_t i = 0; i < masks; i++) tables[reals + i] = carve(&at, mask_bytes, false);
  p->states = tables;
  p->params = p->states + c->n_states;
  p->inputs = p->params + c->n_params;
  p->held = (uint64_t **)(void *)(tables + reals);
  p->prev = tables[reals + c->n_holds];
  p->lanes = rt_alloc(&s->mem, p->words, sizeof *p->lanes);
  p->parts = rt_alloc(&s->mem, s->n_shards, sizeof *p->parts);
  if (!p->parts || !p->lanes) return NSL_EMEMORY;
  for (uint32_t q = 0; q < c->n_ports; q++)
    s->ports[p->port0 + q] = (struct rt_port){.pop = p->index, .port = q, .same = p->port0 + q, .unit = 1};
  int e = rt_pace_pop(s, p);
  return e ? e : rt_events_pop(s, p);
}

int rt_layout(struct rt_sim *s) {
  s->ports = rt_alloc(&s->mem, s->n_ports, sizeof *s->ports);
  if (!s->ports) return NSL_EMEMORY;
  int e = shards_count(s);
  for (uint32_t i = 0; !e && i < s->n_pops; i++) {
    s->pops[i].key = nslm_key(s->seed, s->pops[i].def->path_hash);
    e = pop_arrays(s, &s->pops[i]);
  }
  if (e) return e;
  rt_ranks_shards(s->ranks, s->n_shards, &s->own0, &s->own1);
  s->shards = rt_alloc(&s->mem, s->n_shards, sizeof *s->shards);
  if (!s->shards) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < s->n_shards; i++) {
    s->shards[i].index = i;
    e = shard_make(s, &s->shards[i]);
  }
  for (uint32_t i = 0; !e && i < s->n_pops; i++) parts_sort(s, &s->pops[i]);
  return e;
}

/* ---- kernels */

nsl_kernel_fn *rt_kernel(const struct rt_sim *s, const struct nsl_code *code) {
  return s->level->kernels[code->kernel];
}

int rt_slots(struct rt_sim *s, const struct rt_pop *p, const struct nsl_code *code, void ***ret_slots) {
  void **slots = rt_alloc(&s->mem, code->n_bindings + 1, sizeof *slots);
  if (!slots) return NSL_EMEMORY;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t at = code->bindings[i].index;
    switch ((enum nsl_slot_kind)code->bindings[i].kind) {
      case NSL_SLOT_STATE: slots[i] = p->states[at]; break;
      case NSL_SLOT_PARAM: slots[i] = p->params[at]; break;
      case NSL_SLOT_INPUT: slots[i] = p->inputs[at]; break;
      case NSL_SLOT_HELD: slots[i] = p->held[at]; break;
      case NSL_SLOT_PREV: slots[i] = p->prev; break;
      case NSL_SLOT_OLD: slots[i] = p->olds ? p->olds[at] : NULL; break;
      case NSL_SLOT_PAST: slots[i] = at % 2 ? p->pasts[at / 2].begin : p->pasts[at / 2].end; break;
      case NSL_SLOT_COLUMN: slots[i] = p->columns[at]; break;
      case NSL_SLOT_SPIKE: /* the ring's mask of the step */
      case NSL_SLOT_PORT:  /* the shard's */
      case NSL_SLOT_OUT:
      case NSL_SLOT_UNIFORM:
      case NSL_SLOT_GLOBAL:
      case NSL_SLOT_DER:
      case NSL_SLOT_ARG:
      case NSL_SLOT_SAMPLE: /* of fits */
      case NSL_SLOT_RING:
      case NSL_SLOT_TAPE: break;
    }
  }
  *ret_slots = slots;
  return 0;
}

static int slice_slots(struct rt_sim *s, struct rt_shard *h, struct rt_slice *c, const struct nsl_code *code,
                       void ***ret_slots) {
  int e = rt_slots(s, c->pop, code, ret_slots);
  if (e) return e;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t at = code->bindings[i].index;
    if (code->bindings[i].kind == NSL_SLOT_SPIKE) c->spike_at[c->n_spike_at++] = &(*ret_slots)[i];
    if (code->bindings[i].kind == NSL_SLOT_PORT) /* so that [first + i] is the slice's element i */
      (*ret_slots)[i] = (void *)((uintptr_t)h->acc[at] + ((uintptr_t)c->base - c->first) * s->real_size);
  }
  return 0;
}

static int slice_kernel(struct rt_sim *s, struct rt_shard *h, struct rt_slice *c) {
  const struct nsl_class *k = c->pop->class;
  if (k->step.kernel == NSL_NONE) return 0;
  c->step = rt_kernel(s, rt_step_code(c->pop));
  int e = slice_slots(s, h, c, rt_step_code(c->pop), &c->slots);
  if (!e && k->n_pasts) e = rt_pasts_slice(s, h, c);
  if (!e && k->has_finish) {
    c->finish = rt_kernel(s, &k->finish);
    e = slice_slots(s, h, c, &k->finish, &c->finish_slots);
    if (!e) e = rt_events_slice(s, h, c);
  }
  return e ? e : rt_pace_slice(s, h, c);
}

static int ring_make(struct rt_sim *s, struct rt_pop *p) {
  uint64_t longest = 0;
  for (uint32_t i = 0; i < p->class->n_holds; i++) {
    if (p->class->holds[i].steps_u == NSL_NONE) continue; /* counted by the kernels */
    double steps = p->u[p->class->holds[i].steps_u];
    if (!(steps >= 0 && steps < 1e9))
      return rt_fail_at(NSL_EMODEL, p->def->place, "population %s: a hold of %g steps", p->def->path, steps);
    p->hold_steps[i] = (uint32_t)steps;
    if (p->hold_steps[i] > longest) longest = p->hold_steps[i];
  }
  uint64_t length = 2;
  while (length < longest + 2) length *= 2;
  if ((double)length * p->words * 8 > 0.5 * (double)rt_memory_left())
    return rt_fail_at(NSL_EMEMORY, p->def->place,
                      "population %s: a hold of %llu steps does not fit in memory", p->def->path,
                      (unsigned long long)longest);
  p->ring_mask = (uint32_t)(length - 1);
  p->stride = (p->words + 7) / 8 * 8; /* each mask on cache lines of its own */
  p->ring = rt_alloc(&s->mem, length * p->stride, sizeof *p->ring);
  return p->ring ? 0 : NSL_EMEMORY;
}

static double array_at(const struct rt_sim *s, const void *array, uint32_t e) {
  return s->program->f32 ? (double)((const float *)array)[e] : ((const double *)array)[e];
}

static void array_set(const struct rt_sim *s, void *array, uint32_t e, double v) {
  if (s->program->f32) ((float *)array)[e] = (float)v;
  else ((double *)array)[e] = v;
}

/* Params with a value for each element: NaN is what lies outside of the domain. Padding lanes take that of the
 * slice's first element. */
static int params_check(const struct rt_sim *s, const struct rt_pop *p, const struct rt_slice *c) {
  for (uint32_t i = 0; i < p->class->n_params; i++)
    for (uint32_t e = c->first; e < c->first + c->count; e++) {
      if (!isnan(array_at(s, p->params[i], e))) continue;
      if (e < p->size)
        return rt_fail_at(NSL_EINPUT, p->def->place,
                          "%s of %s[%u] is not within its domain (`within [a, b]` behind a draw keeps it inside)",
                          p->class->params[i], p->def->path, e);
      array_set(s, p->params[i], e, array_at(s, p->params[i], c->first));
    }
  return 0;
}

/* Initial values that are not numbers: a draw that found nothing within its bounds, a division by 0. */
static int states_check(const struct rt_sim *s, const struct rt_pop *p, const struct rt_slice *c) {
  for (uint32_t i = 0; i < p->class->n_states; i++)
    for (uint32_t e = c->first; e < c->first + c->count && e < p->size; e++) {
      double v = array_at(s, p->states[i], e);
      if (isfinite(v)) continue;
      return rt_fail_at(NSL_ENUMBER, p->class->states[i].place, "%s of %s[%u] begins as %s",
                        p->class->states[i].name, p->def->path, e, rt_not_finite(v));
    }
  return 0;
}

/* Values in the order of the elements; 0 where there is none, the first one's in padding lanes. */
static int column_fill(struct rt_sim *s, const struct rt_pop *p, const struct nsl_column *c, double *array) {
  const struct nsl_slice all = {p->index, c->from, c->to};
  uint32_t first, n;
  int e = rt_slice_range(s, &all, c->place, &first, &n);
  if (e) return e;
  if (!c->part && !c->node && c->n_values != n)
    return rt_fail_at(NSL_EINPUT, c->place, "the column has %u values, %s%s has %u cells", c->n_values,
                      n < p->size ? "this part of " : "", p->def->path, n);
  const double *node = NULL;
  if (c->node && (e = rt_nodes_number(s, p, c->node, &node))) return e;
  for (uint32_t i = 0; i < n; i++) array[first + i] = node ? node[first + i] : c->part ? 1 : c->values[i].value;
  for (uint32_t i = p->size; i < p->padded; i++) array[i] = array[0];
  return 0;
}

static int columns_make(struct rt_sim *s, struct rt_pop *p, struct rt_mem *mem) {
  p->columns = rt_alloc(mem, p->def->n_columns + 1, sizeof *p->columns);
  if (!p->columns) return NSL_EMEMORY;
  for (uint32_t i = 0; i < p->def->n_columns; i++) {
    p->columns[i] = rt_alloc(mem, p->padded, sizeof **p->columns);
    if (!p->columns[i]) return NSL_EMEMORY;
    int e = column_fill(s, p, &p->def->columns[i], p->columns[i]);
    if (e) return e;
    rt_flush_all(p->columns[i], p->padded);
  }
  return 0;
}

/* Initial values of the elements of one slice: draws have the element's number, so slices do not show. */
static int slice_init(struct rt_sim *s, const struct rt_slice *c, struct nsl_env *env) {
  env->first = c->first;
  env->count = c->count;
  rt_kernel(s, &c->pop->class->init)(env);
  int e = params_check(s, c->pop, c);
  return e ? e : states_check(s, c->pop, c);
}

static int pop_init(struct rt_sim *s, struct rt_pop *p) {
  const struct nsl_class *c = p->class;
  struct nsl_env env = {.u = p->u, .key = p->key, .count = p->padded, .dt = p->dt};
  void **slots;
  int e;
  for (uint32_t q = 0; q < c->n_ports; q++)
    if (c->ports[q].scale_u != NSL_NONE)
      p->u[c->ports[q].scale_u] = s->program->f32 && s->ports[p->port0 + q].long_sums ? -1 : s->ports[p->port0 + q].unit;
  if (c->derive.kernel != NSL_NONE) {
    if ((e = rt_slots(s, p, &c->derive, &slots))) return e;
    env.slots = slots;
    env.count = 1;
    rt_kernel(s, &c->derive)(&env);
    env.count = p->padded;
  }
  if ((e = ring_make(s, p))) return e;
  if (c->init.kernel == NSL_NONE || !p->size) return 0;
  struct rt_mem mem = {0}; /* columns are needed here alone */
  if (!(e = columns_make(s, p, &mem)) && !(e = rt_slots(s, p, &c->init, &slots))) {
    env.slots = slots;
    for (uint32_t i = 0; !e && i < p->n_parts; i++)
      if (rt_is_own(s, p->parts[i].shard))
        e = slice_init(s, &s->shards[p->parts[i].shard].slices[p->parts[i].slice], &env);
  }
  rt_mem_free(&mem);
  return e ? e : rt_pasts_make(s, p);
}

int rt_init(struct rt_sim *s) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) e = pop_init(s, &s->pops[i]);
  for (uint32_t h = s->own0; !e && h < s->own1; h++)
    for (uint32_t i = 0; !e && i < s->shards[h].n_slices; i++)
      e = slice_kernel(s, &s->shards[h], &s->shards[h].slices[i]);
  return e;
}
