/* Populations whose states are lumped (ir/lump.c): found before anything is connected, since the events of
 * one port then go to another.
 *
 * What a class asks for are pairs of uniforms, most of them computed by its `derive`; this runs here over a
 * copy of the population's block, with 1 as the unit of all accumulators, for units are not known yet and
 * are not what may differ. */
#include "runtime/lump.h"

#include <string.h>

#include "runtime/error.h"

static int lump_find(struct rt_sim *s, struct rt_pop *p) {
  const struct nsl_class *c = p->class;
  if (!c->n_lumped_ports) return 0;
  double *u = rt_alloc(&s->build_mem, c->n_uniforms, sizeof *u);
  void **slots = NULL;
  if (!u) return NSL_EMEMORY;
  memcpy(u, p->u, c->n_uniforms * sizeof *u);
  for (uint32_t q = 0; q < c->n_ports; q++)
    if (c->ports[q].scale_u != NSL_NONE) u[c->ports[q].scale_u] = 1;
  if (c->derive.kernel != NSL_NONE) {
    int e = rt_slots(s, p, &c->derive, &slots);
    if (e) return e;
    const struct nsl_env env = {.slots = slots, .u = u, .key = p->key, .count = 1, .dt = p->dt};
    rt_kernel(s, &c->derive)(&env);
  }
  p->lumped = true;
  for (uint32_t i = 0; i < c->n_lumped_equal; i++)
    p->lumped &= u[c->lumped_equal[i].kept] == u[c->lumped_equal[i].gone];
  return 0;
}

int rt_lumps_find(struct rt_sim *s) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) e = lump_find(s, &s->pops[i]);
  return e;
}

const struct nsl_code *rt_step_code(const struct rt_pop *p) { return p->lumped ? &p->class->lumped : &p->class->step; }

/* The port that takes the events of this one. */
static uint32_t port_kept(const struct rt_pop *p, uint32_t port) {
  for (uint32_t i = 0; p->lumped && i < p->class->n_lumped_ports; i++)
    if (p->class->lumped_ports[i].gone == port) return p->class->lumped_ports[i].kept;
  return port;
}

const struct nsl_projection *rt_lump_projection(struct rt_sim *s, const struct nsl_projection *def) {
  uint32_t port = port_kept(&s->pops[def->target.pop], def->port);
  if (port == def->port) return def;
  struct nsl_projection *own = rt_alloc(&s->mem, 1, sizeof *own);
  if (!own) return NULL;
  *own = *def;
  own->port = port;
  return own;
}

const struct nsl_drive *rt_lump_drive(struct rt_sim *s, const struct nsl_drive *def) {
  bool current = def->kind == NSL_CURRENT;
  uint32_t port = current ? def->port : port_kept(&s->pops[def->target.pop], def->port);
  if (port == def->port) return def;
  struct nsl_drive *own = rt_alloc(&s->mem, 1, sizeof *own);
  if (!own) return NULL;
  *own = *def;
  own->port = port;
  return own;
}

static void sum_begin(const struct rt_sim *s, const struct rt_slice *c, const struct nsl_pair *states) {
  void *kept = c->pop->states[states->kept], *gone = c->pop->states[states->gone];
  for (uint32_t e = c->first; e < c->first + c->count; e++)
    if (s->program->f32) {
      ((float *)kept)[e] += ((float *)gone)[e];
      ((float *)gone)[e] = 0;
    } else {
      ((double *)kept)[e] += ((double *)gone)[e];
      ((double *)gone)[e] = 0;
    }
}

void rt_lumps_begin(struct rt_sim *s) {
  for (uint32_t h = s->own0; h < s->own1; h++)
    for (uint32_t i = 0; i < s->shards[h].n_slices; i++) {
      const struct rt_slice *c = &s->shards[h].slices[i];
      for (uint32_t k = 0; c->pop->lumped && k < c->pop->class->n_lumped_states; k++)
        sum_begin(s, c, &c->pop->class->lumped_states[k]);
    }
}

int rt_lump_reads(const struct rt_pop *p, uint32_t state) {
  const struct nsl_class *c = p->class;
  for (uint32_t i = 0; p->lumped && i < c->n_lumped_states; i++) {
    const struct nsl_pair *pair = &c->lumped_states[i];
    if (pair->kept != state && pair->gone != state) continue;
    return rt_fail(NSL_EINPUT, "%s and %s of %s are advanced as their sum; record %s in the experiment, and they are kept apart",
                   c->states[pair->kept].name, c->states[pair->gone].name, p->def->path, c->states[state].name);
  }
  return 0;
}
