/* Blocks of a slice in which nothing changes are passed over, with the same bits as if they were computed.
 *
 * A class may rest if its step kernel depends on nothing but states, masks, inputs, accumulators and what is constant
 * (ir/rest.c finds out; no time, no draws, no delayed values). Such a kernel gives the same result whenever these are the
 * same: where a step with empty accumulators, without a hold in force and without a spike has left every state of the
 * block as it was, bit for bit, the next step would do so too, and all that follow, until something arrives. So blocks
 * are tried now and then: states are kept before a step and compared after it. A block that rests wakes when one of its
 * accumulators is not empty, when inputs of the shard change, and when events go straight to states of its population in
 * this shard. This holds for any equations and any integrator; nothing is assumed about how states decay.
 *
 * Who is reached is marked from the spikes that are due, before they are delivered, where they are few against the cells at
 * rest; else, and where drives add events, accumulators are looked at.
 *
 * Cost: a block that is awake costs a comparison in a step, and a try, which is about another step, rarer and rarer while
 * tries fail. A block at rest costs some nanoseconds. While nobody rests there are no marks, so dense networks lose
 * nothing.
 *
 * needs: slots of kernels, blocks of blocks.c; gives: states, masks, spikes as without it; rt_shard.n_rested. */
#include "runtime/rest.h"

#include <string.h>

#include "runtime/blocks.h"
#include "runtime/coupling.h"
#include "runtime/pace.h"

enum { FIRST_WAIT = 16, MOST_WAIT = 1024, SHORT_REST = 64, MARKS_PER_BLOCK = RT_BLOCK / 4, MARKED = 64 };
#define RESTS 0 /* instead of the step of the next try */

struct rt_rest {
  uint64_t *next;    /* by block: the step at which it is tried; RESTS */
  uint64_t *since;   /* the step at which it came to rest, or began to be awake */
  uint32_t *wait;    /* steps from a try that fails to the next */
  uint32_t *ports;   /* that something may reach */
  uint32_t n_blocks, n_ports;
  char *kept;        /* states and masks of a block before its step */
  bool trying, straight; /* straight: a port adds to states */
  bool driven;           /* drives add events here */
  uint64_t inputs;       /* the shard's counter when it was last looked at */
};

/* What arrives by synapses with memory is in no list of events. */
static bool is_plastic(const struct rt_sim *s, const struct rt_pop *p) {
  for (uint32_t q = 0; q < p->class->n_ports; q++)
    if (s->ports[p->port0 + q].plastic) return true;
  return false;
}

static bool is_fed(const struct rt_sim *s, const struct rt_pop *p) {
  for (uint32_t i = 0; i < s->n_feeds; i++)
    if (s->feeds[i].def->to == p->index) return true;
  return rt_coupling_reaches(s, p, NSL_NONE);
}

/* Events go straight to states; of rows made anew it is not known here to whom. */
static bool has_straight(const struct rt_pop *p) {
  for (uint32_t q = 0; q < p->class->n_ports; q++)
    if (p->class->ports[q].straight) return true;
  return false;
}

static int slice_make(struct rt_sim *s, const struct rt_shard *h, struct rt_slice *c) {
  const struct nsl_class *k = c->pop->class;
  struct rt_rest *r = rt_alloc(&s->mem, 1, sizeof *r);
  if (!r) return NSL_EMEMORY;
  r->n_blocks = (c->count + RT_BLOCK - 1) / RT_BLOCK;
  r->next = rt_alloc(&s->mem, r->n_blocks, sizeof *r->next);
  r->since = rt_alloc(&s->mem, r->n_blocks, sizeof *r->since);
  r->wait = rt_alloc(&s->mem, r->n_blocks, sizeof *r->wait);
  r->ports = rt_alloc(&s->mem, k->n_ports, sizeof *r->ports);
  r->kept = rt_alloc(&s->mem, (uint64_t)RT_BLOCK * (k->n_states * s->real_size + 1), 1);
  if (!r->next || !r->since || !r->wait || !r->ports || !r->kept) return NSL_EMEMORY;
  for (uint32_t i = 0; i < h->n_events; i++) r->driven |= h->drives[i].slice == c;
  r->straight = has_straight(c->pop);
  for (uint32_t q = 0; q < k->n_ports; q++)
    if (!rt_port_is_silent(s, c, q)) r->ports[r->n_ports++] = q;
  for (uint32_t b = 0; b < r->n_blocks; b++) r->next[b] = FIRST_WAIT, r->wait[b] = FIRST_WAIT;
  c->rest = r;
  return 0;
}

int rt_rest_make(struct rt_sim *s) {
  int e = 0;
  for (uint32_t k = s->own0; !e && k < s->own1 && !s->all_cells; k++) {
    struct rt_shard *h = &s->shards[k];
    h->reached = rt_alloc(&s->mem, h->n_elements / MARKED, 1);
    if (!h->reached) e = NSL_EMEMORY;
    for (uint32_t i = 0; !e && i < h->n_slices; i++) {
      struct rt_slice *c = &h->slices[i];
      if (c->step && !rt_has_own_step(c->pop) && c->pop->class->rests && !is_fed(s, c->pop) && !is_plastic(s, c->pop) && !(s->by_source && has_straight(c->pop)))
        e = slice_make(s, h, c);
    }
  }
  return e;
}

/* ---- who is reached by spikes in this step */

#define FORM(id, cell, weight_bits, sum, behind, text)                                       \
  static void mark_##id(uint8_t *reached, const uint64_t *bucket, uint32_t n) {              \
    const struct rt_cell_##cell *at = (const struct rt_cell_##cell *)(const void *)(bucket + 1); \
    for (uint32_t i = 0; i < n; i++) reached[at[i].target / MARKED] = 1;                     \
  }
#include "runtime/forms.def"
#undef FORM

static void (*const marks[RT_N_FORMS])(uint8_t *, const uint64_t *, uint32_t) = {
#define FORM(id, cell, weight_bits, sum, behind, text) mark_##id,
#include "runtime/forms.def"
#undef FORM
};

/* Blocks are either all marked or none, that is: false. */
static bool arrivals_mark(struct rt_shard *h, uint64_t step) {
  const struct rt_delivery *d = &h->delivery;
  uint64_t room = h->n_resting * MARKS_PER_BLOCK;
  for (uint32_t form = 0; form < RT_N_FORMS; form++)
    for (uint32_t i = d->lists[form] ? d->lists[form][step & d->mask] : 0; i; i = d->events[i].next) {
      if (d->events[i].n > room) return false;
      room -= d->events[i].n;
    }
  for (uint32_t form = 0; form < RT_N_FORMS; form++)
    for (uint32_t i = d->lists[form] ? d->lists[form][step & d->mask] : 0, next; i; i = next) {
      next = d->events[i].next;
      if (next) __builtin_prefetch(d->store + d->events[next].at);
      marks[form](h->reached, d->store + d->events[i].at, d->events[i].n);
    }
  return true;
}

void rt_rest_arrivals(struct rt_shard *h, uint64_t step) {
  if (step != h->reached_step) { /* else more of the same step */
    h->reached_step = step;
    h->reached_known = h->n_resting && !h->sim->by_source;
    if (h->reached_known) memset(h->reached, 0, h->n_elements / MARKED);
  }
  h->reached_known = h->reached_known && arrivals_mark(h, step);
}

/* ---- a slice's step */

static void slice_wake(struct rt_shard *h, struct rt_rest *r, uint64_t step) {
  for (uint32_t b = 0; b < r->n_blocks; b++)
    if (r->next[b] == RESTS) {
      r->wait[b] = r->wait[b] < MOST_WAIT ? 2 * r->wait[b] : MOST_WAIT;
      r->next[b] = step + r->wait[b];
      h->n_resting--;
    }
}

/* Events of this step that are added to states behind the kernel, of elements that are not known. */
static bool goes_straight(const struct rt_shard *h, const struct rt_rest *r, uint64_t step) {
  const struct rt_delivery *d = &h->delivery;
  if (!r->straight || h->reached_known) return false;
  for (uint32_t form = 0; form < RT_N_FORMS; form++)
    if (rt_forms[form].behind && d->lists[form] && d->lists[form][step & d->mask]) return true;
  return false;
}

void rt_rest_begin(struct rt_shard *h, struct rt_slice *c, uint64_t step) {
  struct rt_rest *r = c->rest;
  bool inputs = h->n_input_changes != r->inputs && c->pop->class->n_inputs;
  r->inputs = h->n_input_changes;
  if (inputs || goes_straight(h, r, step)) slice_wake(h, r, step);
}

/* Is any of the bytes, a multiple of 64, not 0? */
static bool any(const void *array, size_t bytes) {
  const uint64_t *at = array;
  for (size_t i = 0; i < bytes / 8; i += 8)
    if (at[i] | at[i + 1] | at[i + 2] | at[i + 3] | at[i + 4] | at[i + 5] | at[i + 6] | at[i + 7]) return true;
  return false;
}

static bool any_mask(const uint64_t *mask, const struct nsl_env *env) {
  uint64_t all = 0;
  for (int64_t w = env->first / 64; w < (env->first + env->count) / 64; w++) all |= mask[w];
  return all != 0;
}

static bool has_arrived(const struct rt_shard *h, const struct rt_slice *c, const struct nsl_env *env) {
  const struct rt_rest *r = c->rest;
  uint32_t element = c->base + (uint32_t)(env->first - c->first), real = h->sim->real_size;
  if (h->reached_known)
    for (uint32_t i = element / MARKED; i < (element + (uint32_t)env->count) / MARKED; i++)
      if (h->reached[i]) return true;
  if (h->reached_known && !r->driven) return false;
  for (uint32_t i = 0; i < r->n_ports; i++)
    if (any((const char *)h->acc[r->ports[i]] + (size_t)element * real, (size_t)env->count * real)) return true;
  return false;
}

static bool is_held(const struct rt_pop *p, const struct nsl_env *env) {
  for (uint32_t i = 0; i < p->class->n_holds; i++)
    if (any_mask(p->held[i], env)) return true;
  return false;
}

static char *state_at(const struct rt_slice *c, uint32_t i, size_t bytes, const struct nsl_env *env) {
  return (char *)c->pop->states[i] + (size_t)env->first * bytes;
}

static void keep(const struct rt_shard *h, const struct rt_slice *c, const struct nsl_env *env) {
  const struct rt_pop *p = c->pop;
  size_t real = h->sim->real_size, bytes = (size_t)env->count * real;
  char *to = c->rest->kept;
  for (uint32_t i = 0; i < p->class->n_states; i++, to += bytes) memcpy(to, state_at(c, i, real, env), bytes);
  memcpy(to, p->prev + env->first / 64, (size_t)env->count / 8);
}

bool rt_rest_passes(struct rt_shard *h, struct rt_slice *c, const struct nsl_env *env) {
  struct rt_rest *r = c->rest;
  uint32_t b = (uint32_t)(env->first - c->first) / RT_BLOCK;
  if (env->step < r->next[b]) return false;
  if (r->next[b] == RESTS) {
    if (!has_arrived(h, c, env)) {
      const struct rt_pop *p = c->pop;
      uint64_t *mask = p->ring + (env->step & p->ring_mask) * p->stride;
      memset(mask + env->first / 64, 0, (size_t)env->count / 8);
      h->n_rested += (uint64_t)env->count;
      return true;
    }
    h->n_resting--;
    bool soon = env->step - r->since[b] < SHORT_REST;
    r->wait[b] = !soon ? FIRST_WAIT : r->wait[b] < MOST_WAIT ? 2 * r->wait[b] : MOST_WAIT;
    r->next[b] = env->step + r->wait[b];
    return false;
  }
  r->next[b] = env->step + r->wait[b];
  r->trying = !goes_straight(h, r, env->step) && !is_held(c->pop, env) && !has_arrived(h, c, env);
  r->wait[b] = r->wait[b] < MOST_WAIT ? 2 * r->wait[b] : MOST_WAIT;
  if (r->trying) keep(h, c, env);
  return false;
}

void rt_rest_look(struct rt_shard *h, struct rt_slice *c, const struct nsl_env *env) {
  struct rt_rest *r = c->rest;
  const struct rt_pop *p = c->pop;
  if (!r->trying) return;
  r->trying = false;
  size_t real = h->sim->real_size, bytes = (size_t)env->count * real;
  const char *kept = r->kept;
  if (c->n_spike_at && any_mask(p->ring + (env->step & p->ring_mask) * p->stride, env)) return;
  for (uint32_t i = 0; i < p->class->n_states; i++, kept += bytes)
    if (memcmp(kept, state_at(c, i, real, env), bytes)) return;
  if (memcmp(kept, p->prev + env->first / 64, (size_t)env->count / 8) || is_held(p, env)) return;
  uint32_t b = (uint32_t)(env->first - c->first) / RT_BLOCK;
  r->next[b] = RESTS;
  r->since[b] = env->step;
  h->n_resting++;
}
