/* Time by phase and memory of a run.
 *
 * One interval in EVERY is measured, from clock reads at the borders of its phases: five a shard and step, 25 ns each,
 * so that even steps of a microsecond cost less than 1 % more. EVERY is a prime, so that no rhythm of the run (batches,
 * records) is met again and again. The shares of the measured intervals are applied to the whole. */
#include "runtime/phases.h"

#include "runtime/plastic.h"
#include "runtime/streams.h"

enum { EVERY = 31 };

const char *const rt_phase_names[RT_N_PHASES] = {[RT_DELIVERY] = "delivery_s",
                                                 [RT_UPDATE] = "update_s",
                                                 [RT_EXCHANGE] = "exchange_s",
                                                 [RT_WAIT] = "wait_s",
                                                 [RT_OUTPUT] = "output_s"};

bool rt_laps_due(uint64_t interval) { return interval % EVERY == 1; }

void rt_phases(const struct rt_sim *s, double ret[RT_N_PHASES]) {
  double sum = 0;
  for (int p = 0; p < RT_N_PHASES; p++) {
    ret[p] = 0;
    for (uint32_t i = s->own0; i < s->own1; i++) ret[p] += s->shards[i].laps.spent[p];
    sum += ret[p];
  }
  for (int p = 0; p < RT_N_PHASES; p++) ret[p] = sum > 0 ? ret[p] / sum * s->simulate_s : 0;
}

void rt_costs(const struct rt_sim *s, struct rt_costs *ret) {
  *ret = (struct rt_costs){.limit = (double)rt_memory_limit(), .peak = (double)rt_memory_peak()};
  for (uint32_t i = s->own0; i < s->own1; i++) {
    ret->rested += s->shards[i].n_rested;
    ret->events += s->shards[i].delivery.n_delivered;
    ret->bytes += s->shards[i].delivery.n_read * sizeof(uint64_t);
    ret->synapse_bytes += (s->shards[i].store_used ? s->shards[i].store_used - 1 : 0) * sizeof(uint64_t);
  }
  ret->synapse_bytes += rt_plastic_bytes(s);
  if (s->streams) ret->synapse_bytes += (s->streams->used - 1) * sizeof(uint64_t) + s->n_rows * sizeof *s->streams->at;
}
