/* What spikes carry beside their weights (runtime/carry.c), on a device: derivatives of networks, real numbers along the synapses.
 *
 * Sums of reals have an order. So nobody sends: what cells hold in their lanes after each step is kept for as long as the longest
 * delay, and each target fetches what is due, synapse by synapse in the order in which the processor adds: by the step at which it was
 * sent, then as rows lie. A cell of which no lane had anything is passed over, as there. */
#include "runtime/device/args.h"
#include "runtime/device/dev.h"

DEV_KERNEL(carry_keep) {
  const struct dev_args *a = arguments;
  const struct dev_carry *c = a->carry;
  uint64_t row = (a->clock->now & c->mask) * c->n_senders;
  uint32_t thread = nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread(), stride = nsl_dev_blocks() * nsl_dev_block_size();
  for (uint32_t i = thread; i < c->n_senders; i += stride) {
    uint32_t k = 0, any = 0;
    while (i >= c->pops[k].first + c->pops[k].n) k++;
    const double *lanes = c->pops[k].lanes + (i - c->pops[k].first);
    double *to = c->kept + (row + i) * c->n_lanes;
    for (uint32_t l = 0; l < c->n_lanes; l++) {
      to[l] = lanes[l * c->pops[k].stride];
      any |= to[l] != 0; /* NaN goes on its way */
    }
    c->any[row + i] = any;
  }
}

static double carried(const struct dev_carry *c, const struct dev_carried_input *input, uint32_t element, uint64_t step) {
  double sum = 0;
  for (uint64_t i = input->begin[element]; i < input->begin[element + 1]; i++) {
    const struct dev_carried *x = &c->synapses[i];
    uint64_t at = ((step - x->delay) & c->mask) * c->n_senders + x->sender;
    if (c->any[at]) sum += x->weight * c->kept[at * c->n_lanes + input->lane];
  }
  return sum;
}

DEV_KERNEL(carry_arrive) {
  const struct dev_args *a = arguments;
  const struct dev_carry *c = a->carry;
  uint64_t step = a->clock->step, stride = (uint64_t)nsl_dev_blocks() * nsl_dev_block_size();
  for (uint64_t i = (uint64_t)nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread(); i < c->n_tasks; i += stride) {
    uint32_t k = 0;
    while (k + 1 < c->n_inputs && i >= c->inputs[k + 1].task0) k++;
    const struct dev_carried_input *input = &c->inputs[k];
    uint32_t element = (uint32_t)(i - input->task0);
    input->to[element] = carried(c, input, element, step) * input->unit;
  }
}
