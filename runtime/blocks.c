/* A slice's step in blocks: Poisson counts of a block go to its accumulators just before the step kernel
 * takes them, so both find them in the first cache; a pass over the whole slice for each would fetch them
 * twice.
 *
 * Arrays that hold the same number for all elements of a slice (an input that nothing drives, or one
 * current for all; the accumulators of a port that nothing reaches) are read at the slice's first block for
 * every block: a kernel's pointer is moved by as much as the block is behind the first. They then stay in
 * the cache, too.
 *
 * Needs: drives prepared, projections known, slots of kernels made. The order in which integers are added
 * does not matter, nor where a slice is cut: results are the same for any length of block. */
#include "runtime/blocks.h"

#include "runtime/carry.h"
#include "runtime/coupling.h"
#include "runtime/drive.h"
#include "runtime/lump.h"
#include "runtime/pace.h"
#include "runtime/rest.h"
#include "runtime/track.h"

enum { MOST_LANES = 16 };

/* Does a part of a slice's drives give its events block by block? Those onto handlers that do more than
 * add, with weights or delays of their own, those with a rate for each element, and those to sums that are
 * turned to floats before do not. */
static bool in_blocks(const struct rt_sim *s, const struct rt_drive_part *part) {
  const struct rt_drive *d = part->drive;
  if (s->program->f32 && s->ports[d->target->port0 + d->def->port].long_sums) return false;
  return !rt_has_own_step(d->target) && d->def->kind == NSL_POISSON && !d->each && !d->weights && !d->delays && !d->def->each;
}

static int draws_make(struct rt_sim *s, struct rt_shard *h, struct rt_slice *c) {
  c->draws = rt_alloc(&s->mem, h->n_events, sizeof *c->draws);
  if (!c->draws) return NSL_EMEMORY;
  for (uint32_t i = 0; i < h->n_events; i++) {
    struct rt_drive_part *part = &h->drives[i];
    if (part->slice != c || !in_blocks(s, part)) continue;
    part->in_blocks = true;
    c->draws[c->n_draws++] = part;
  }
  return 0;
}

/* Is this input the same for all elements of the slice, in every step? Feeds (feed.c) are. */
static bool input_is_flat(const struct rt_shard *h, const struct rt_slice *c, uint32_t input) {
  if (c->pop->every > 1) return false;
  if (rt_carry_reaches(c->pop->class, input) || rt_coupling_reaches(h->sim, c->pop, input)) return false;
  for (uint32_t i = h->n_events; i < h->n_drives; i++) {
    const struct rt_drive_part *part = &h->drives[i];
    uint32_t end = c->first + c->count < c->pop->size ? c->first + c->count : c->pop->size;
    bool all = part->from == c->first && part->to == end && !part->drive->def->each;
    if (part->slice == c && part->drive->def->input == input && !all) return false;
  }
  return true;
}

bool rt_port_is_silent(const struct rt_sim *s, const struct rt_slice *c, uint32_t port) {
  uint32_t number = c->pop->port0 + port;
  for (uint32_t i = 0; i < s->n_projs; i++)
    if (s->projs[i].port == number) return false;
  if (s->ports[number].plastic) return false;
  for (uint32_t i = 0; i < s->n_drives; i++) {
    const struct rt_drive *d = &s->drives[i];
    if (!rt_drive_is_current(d) && d->target == c->pop && d->def->port == port) return false;
  }
  return true;
}

static int flats_make(struct rt_sim *s, const struct rt_shard *h, struct rt_slice *c) {
  const struct nsl_code *code = rt_step_code(c->pop);
  c->flats = rt_alloc(&s->mem, code->n_bindings, sizeof *c->flats);
  if (!c->flats) return NSL_EMEMORY;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t at = code->bindings[i].index, kind = code->bindings[i].kind;
    bool input = kind == NSL_SLOT_INPUT && input_is_flat(h, c, at);
    bool port = kind == NSL_SLOT_PORT && rt_port_is_silent(s, c, at);
    if (input || port)
      c->flats[c->n_flats++] = (struct rt_flat){&c->slots[i], c->slots[i]};
  }
  return 0;
}

int rt_blocks_make(struct rt_sim *s) {
  int e = 0;
  for (uint32_t k = s->own0; !e && k < s->own1; k++)
    for (uint32_t i = 0; !e && i < s->shards[k].n_slices; i++) {
      struct rt_slice *c = &s->shards[k].slices[i];
      if (!c->step) continue;
      e = draws_make(s, &s->shards[k], c);
      if (!e) e = flats_make(s, &s->shards[k], c);
    }
  return e;
}

/* Of the elements behind the last one of a population, only those that lie in its vector are computed. */
static uint32_t lanes_used(const struct rt_pop *p, uint32_t first, uint32_t n) {
  uint32_t real = first < p->size ? p->size - first : 1;
  return real < n ? (real + MOST_LANES - 1) / MOST_LANES * MOST_LANES : n;
}

uint64_t rt_blocks_step(struct rt_shard *h, struct rt_slice *c, struct nsl_env *env) {
  uint64_t bad = 0;
  uint32_t end = c->first + c->count;
  if (c->rest) rt_rest_begin(h, c, env->step);
  for (uint32_t first = c->first; first < end; first += RT_BLOCK) {
    uint32_t n = end - first < RT_BLOCK ? end - first : RT_BLOCK;
    for (uint32_t i = 0; i < c->n_draws; i++) rt_drive_draw(h, c->draws[i], env->step, first, n);
    for (uint32_t i = 0; i < c->n_flats; i++)
      *c->flats[i].slot = (void *)((uintptr_t)c->flats[i].array - (uintptr_t)(first - c->first) * h->sim->real_size);
    env->first = first;
    env->count = n;
    if (h->sim->track) rt_track_take(h, c, env);
    if (c->rest && rt_rest_passes(h, c, env)) continue;
    env->count = lanes_used(c->pop, first, n);
    bad |= c->step(env);
    env->count = n;
    if (c->rest) rt_rest_look(h, c, env);
  }
  env->first = c->first;
  env->count = c->count;
  return bad;
}
