/* Signals that synapses with memory follow from event to event: a signal moves on its own between its events, so it is known by its
 * value just behind the last of them. When there is one, all synapses are brought to that step first, and begin anew from there. */
#include "runtime/error.h"
#include "runtime/plastic_lanes.h"

int rt_follow_begin(struct rt_sim *s, struct rt_plastic_shard *q) {
  const struct nsl_projection *def = q->of->proj->def;
  q->signals = rt_alloc(&s->mem, def->n_follows + 1, sizeof *q->signals);
  q->counts = rt_alloc(&s->mem, def->n_follows + 1, sizeof *q->counts);
  if (!q->signals || !q->counts) return NSL_EMEMORY;
  if (def->n_follows) rt_signals_take(q, 0);
  return 0;
}

bool rt_signals_changed(const struct rt_plastic_shard *q, uint64_t step) {
  const struct nsl_projection *def = q->of->proj->def;
  bool any = false;
  for (uint32_t i = 0; i < def->n_follows; i++) any |= q->shard->sim->feeds[def->follows[i].count].shown[step & 1] != q->counts[i];
  return any;
}

void rt_signals_take(struct rt_plastic_shard *q, uint64_t step) {
  const struct nsl_projection *def = q->of->proj->def;
  for (uint32_t i = 0; i < def->n_follows; i++) {
    q->signals[i] = q->shard->sim->feeds[def->follows[i].value].shown[step & 1];
    q->counts[i] = q->shard->sim->feeds[def->follows[i].count].shown[step & 1];
  }
  q->signalled = step;
}

void rt_signals_fill(const struct rt_plastic_shard *q, const struct rt_segment *g, const struct nsl_code *code, uint64_t step, bool list, uint32_t n) {
  const struct rt_sim *s = q->shard->sim;
  const struct rt_lanes *l = q->lanes;
  const struct nsl_projection *def = q->of->proj->def;
  for (uint32_t i = 0; i < code->n_bindings; i++)
    for (uint32_t k = 0; code->bindings[i].kind == NSL_SLOT_STATE && k < def->n_follows; k++)
      for (uint32_t j = 0; code->bindings[i].index == def->follows[k].state && j < n; j++) rt_real_set(s, l->states[def->follows[k].state], j, q->signals[k]);
  for (uint32_t i = 0; i < n; i++) {
    uint64_t at = step;
    if (list) at = (uint64_t)q->spikes[(uint64_t)q->target[g->at + l->lane[i]] * q->of->ring + (l->first[i] & (q->of->ring - 1))] + g->dendritic;
    rt_real_set(s, l->inputs[q->of->class->signalled], i, (double)(at - q->signalled) * s->dt);
  }
}
