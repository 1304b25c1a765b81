/* What synapses with memory are told on a device besides states of their targets (runtime/device/learn_see.h): draws. */
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/plastic.h"

static void *address(const struct rt_device *d, uint64_t at) { return at ? (void *)(uintptr_t)(d->block + at) : NULL; }
#define PUT(d, list, n) ((const void *)(uintptr_t)rt_image_put(d, list, (uint64_t)(n) * sizeof *(list)))

static void draws_put(struct rt_device *d, const struct dev_plastic_place *at, struct dev_plastic *to) {
  const struct nsl_class *c = at->p->class;
  void **draws = rt_alloc(&d->mem, c->n_drawn + 1ull, sizeof *draws);
  d->image.failed |= !draws;
  for (uint32_t i = 0; draws && i < c->n_drawn; i++) draws[i] = address(d, at->told[c->drawn[i]]);
  to->key = at->p->key;
  to->n_draws = c->n_drawn;
  if (draws) to->draws = PUT(d, draws, to->n_draws);
}

void rt_image_learn_others(struct rt_device *d, const struct dev_plastic_place *at, struct dev_plastic *to) { draws_put(d, at, to); }
