/* Populations with one step of their own for several of the run: what arrives waits as sums of integers, an input becomes the
 * mean over these steps; both are there when the own step ends. Between, nobody spikes. */
#include "runtime/device/args.h"
#include "runtime/device/dev.h"

static int64_t ring_take(const struct dev_ring *r, uint64_t step, uint32_t at) {
  uint64_t i = (step & r->mask) * r->row + at;
  int64_t sum = r->bytes == 8 ? ((int64_t *)r->at)[i] : ((int32_t *)r->at)[i];
  if (r->bytes == 8) ((int64_t *)r->at)[i] = 0;
  else ((int32_t *)r->at)[i] = 0;
  return sum;
}

static void port_wait(const struct dev_args *a, const struct dev_waiting *w, uint32_t element, uint64_t step, int own) {
  const struct dev_ring *r = &a->rings[w->ring];
  int64_t sum = w->waiting[element] + ring_take(r, step, w->at + element);
  w->waiting[element] = own ? 0 : sum;
  if (!own) return;
  if (w->ring == DEV_LONG_SUMS) ((float *)w->taken)[element] = (float)((double)sum * w->unit);
  else if (r->bytes == 8) ((int64_t *)w->taken)[element] = sum;
  else ((int32_t *)w->taken)[element] = (int32_t)sum;
}

static void input_wait(const struct dev_args *a, const struct dev_mean *m, uint32_t element, uint32_t every, int own) {
  double sum = m->sum[element] + (a->f32 ? (double)((const float *)m->input)[element] : ((const double *)m->input)[element]);
  m->sum[element] = own ? 0 : sum;
  if (!own) return;
  if (a->f32) ((float *)m->mean)[element] = (float)(sum / (double)every);
  else ((double *)m->mean)[element] = sum / (double)every;
}

DEV_KERNEL(wait) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  uint32_t block = nsl_dev_block(), element = a->first_of_block[block] + nsl_dev_thread();
  const struct dev_pop *p = &a->pops[a->pop_of_block[block]];
  if (!p->waits || element >= p->words * 64) return;
  int own = step % p->every == 0;
  for (uint32_t i = 0; i < p->waits->n_ports; i++) port_wait(a, &p->waits->ports[i], element, step, own);
  for (uint32_t i = 0; i < p->waits->n_inputs; i++) input_wait(a, &p->waits->inputs[i], element, p->every, own);
  if (element % 64 == 0 && !own) p->now[element / 64] = 0;
}
