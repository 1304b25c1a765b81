/* Forms of synapses (forms.def) for all but the hot loops: sizes, reading one synapse; and a shard's accumulators,
 * which are int64, or int32 in a float32 program, whose ports with long sums have int64 ones beside them. */
#include <string.h>

#include "runtime/sim.h"

const struct rt_form rt_forms[RT_N_FORMS] = {
#define FORM(id, cell, weight_bits, sum, behind, text) \
  {#id, text, sizeof(struct rt_cell_##cell), weight_bits, sizeof(sum), behind},
#include "runtime/forms.def"
#undef FORM
};

uint64_t rt_bucket_units(uint32_t form, uint64_t n) {
  if (form == RT_APART) return RT_UNITS_APART(n);
  return 1 + (RT_CELLS(rt_forms[form].weight_bits, n) * rt_forms[form].bytes + 7) / 8;
}

#define CELL_same(c) (struct rt_synapse){(c).target, 0}
#define CELL_real(c) (struct rt_synapse){(c).target, 0}
#define CELL_narrow(c) (struct rt_synapse){(c).target, (c).weight}
#define CELL_coarse(c) (struct rt_synapse){(c).target, (c).weight}
#define CELL_middle(c) (struct rt_synapse){(c).target, (c).weight}
#define CELL_wide(c) (struct rt_synapse){(uint32_t)(c).target, (c).weight}

struct rt_synapse rt_synapse_at(uint32_t form, const uint64_t *bucket, uint32_t i) {
  const void *cells = bucket + 1;
  switch (form) {
#define FORM(id, cell, weight_bits, sum, behind, text) \
  case RT_FORM_##id: return CELL_##cell(((const struct rt_cell_##cell *)cells)[i]);
#include "runtime/forms.def"
#undef FORM
  }
  return (struct rt_synapse){0};
}

/* ---- accumulators */

struct rt_acc rt_acc(const struct rt_shard *h, const struct rt_slice *c, uint32_t port) {
  const struct rt_sim *s = h->sim;
  if (!s->program->f32) return (struct rt_acc){.wide = (int64_t *)h->acc[port] + c->base};
  if (s->ports[c->pop->port0 + port].long_sums) return (struct rt_acc){.wide = h->sums[port] + c->base};
  return (struct rt_acc){.narrow = (int32_t *)h->acc[port] + c->base};
}

void rt_sums_turn(struct rt_shard *h, const struct rt_slice *c) {
  for (uint32_t q = 0; q < c->pop->class->n_ports; q++) {
    const struct rt_port *port = &h->sim->ports[c->pop->port0 + q];
    if (port->long_sums) h->sim->hot.turn(h->sums[q] + c->base, (float *)h->acc[q] + c->base, c->count, port->unit);
  }
}

void rt_sums_clear(struct rt_shard *h) {
  memset(h->acc_block, 0, h->acc_bytes);
  if (h->sums) memset(h->sums_block, 0, h->sums_bytes);
}
