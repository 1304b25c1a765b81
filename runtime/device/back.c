/* The way back through a network's run (fit_network_back.c of the processor): what steps are going to read is kept (track), and then one
 * step after the other is gone back through: as it was (back_begin), the generated kernel that repeats it, the adjoints of spikes from
 * their targets (back_send), the generated kernel backwards, and what is left of the step (back_end).
 *
 * A thread has a cell, and walks along its synapses in the order in which the processor does: four sums by bucket, buckets by row.
 * Nobody adds to what another thread has. */
#include "runtime/device/args.h"
#include "runtime/device/dev.h"

DEV_KERNEL(track) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->step;
  uint32_t block = nsl_dev_block(), element = a->first_of_block[block] + nsl_dev_thread();
  const struct dev_track *t = &a->track[a->pop_of_block[block]];
  const struct dev_ring *ring = &a->rings[DEV_SUMS];
  if (!t->rows || element >= t->padded) return;
  int kept = step > t->from && step <= t->to;
  double *row = t->rows + (step - t->from - 1) * t->row + element;
  int64_t *sums = (int64_t *)ring->at + (step & ring->mask) * ring->row;
  for (uint32_t i = 0; i < t->n_ports; i++) {
    int64_t *sum = sums + t->ports[i].sum + element;
    if (kept) row[(uint64_t)(t->n_states + i) * t->padded] = (double)*sum * t->ports[i].unit;
    if (!t->ports[i].taken) *sum = 0;
  }
  if (!kept) return;
  for (uint32_t i = 0; i < t->n_states; i++) row[(uint64_t)i * t->padded] = t->states[i * t->state_stride + element];
  for (uint32_t i = 0; i < t->n_inputs; i++) row[(uint64_t)(t->n_states + t->n_ports + i) * t->padded] = t->inputs[i * t->input_stride + element];
  if (element % 64) return;
  uint64_t *mask = t->masks + (step - t->from - 1) * t->mask_row + element / 64;
  for (uint32_t i = 0; i < t->n_holds; i++) mask[(uint64_t)i * t->words] = t->held[i * t->held_stride + element / 64];
  if (t->prev) mask[(uint64_t)t->n_holds * t->words] = t->prev[element / 64];
}

/* A population's own part of the history: rows of all steps, then masks. */
static const double *row_of(const struct dev_back *b, const struct dev_back_pop *p, uint64_t step) {
  return b->history + p->before * b->clock->n + (step - b->clock->from - 1) * p->row;
}

static const uint64_t *mask_of(const struct dev_back *b, const struct dev_back_pop *p, uint64_t step) {
  return (const uint64_t *)(b->history + (p->before + p->row) * b->clock->n) + (step - b->clock->from - 1) * p->mask_row;
}

DEV_KERNEL(back_begin) {
  const struct dev_back *b = arguments;
  uint64_t step = b->clock->step;
  uint32_t block = nsl_dev_block(), element = b->first_of_block[block] + nsl_dev_thread();
  const struct dev_back_pop *p = &b->pops[b->pop_of_block[block]];
  if (!block && !nsl_dev_thread()) b->clock->now = step;
  if (element >= p->padded) return;
  const double *row = row_of(b, p, step);
  const uint64_t *mask = mask_of(b, p, step) + element / 64;
  for (uint32_t i = 0; i < p->n_copies; i++) p->copies[i].to[element] = row[p->copies[i].quantity * p->padded + element];
  for (uint32_t i = 0; i < p->n_unpacked; i++) p->unpacked[i].to[element] = (double)(mask[p->unpacked[i].word] >> element % 64 & 1);
  for (uint32_t i = 0; i < p->n_zeros; i++) p->zeros[i][element] = 0;
  for (int k = 0; k < 2 && element % NSL_MARCH_LANES == 0; k++) p->envs[k][element / NSL_MARCH_LANES].step = step;
}

static const double *due_row(const struct dev_back *b, uint64_t step, uint32_t port) {
  return b->due + ((step & b->mask) * b->n_ports + port) * b->n_elements;
}

static double bucket_sum(const struct dev_back *b, const struct dev_back_bucket *x, const double *due) {
  const uint32_t *to = b->targets + x->first;
  int alike = x->weight == UINT64_MAX;
  const double *weight = b->weights + (alike ? 0 : x->weight);
  double sum[4] = {0};
  if (x->how & DEV_BACK_PLAIN) {
    for (uint32_t i = 0; i < x->n; i++) sum[0] += weight[i] * due[to[i]];
    return sum[0];
  }
  uint32_t whole = x->n / 4 * 4;
  for (uint32_t i = 0; i < x->n; i++) {
    double one = alike ? due[to[i]] : weight[i] * due[to[i]];
    if (i >= whole || i % 4 == 0) sum[0] += one;
    else if (i % 4 == 1) sum[1] += one;
    else if (i % 4 == 2) sum[2] += one;
    else sum[3] += one;
  }
  return x->units * ((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static double sent_back(const struct dev_back *b, const struct dev_back_pop *p, uint32_t cell, uint64_t step) {
  double sum = 0, row = 0;
  for (uint64_t k = p->begin ? p->begin[cell] : 0, end = p->begin ? p->begin[cell + 1] : 0; k < end; k++) {
    const struct dev_back_bucket *x = &b->buckets[k];
    row += bucket_sum(b, x, due_row(b, step + x->delay, x->port));
    if (!(x->how & DEV_BACK_LAST)) continue;
    sum += row;
    row = 0;
  }
  return sum;
}

/* What each synapse whose weight is looked for has brought. */
static void weights_add(const struct dev_back *b, const struct dev_back_weights *w, uint32_t cell, double spike, uint64_t step) {
  if (cell < w->s0 || cell - w->s0 >= w->sn || spike == 0) return;
  for (uint64_t k = w->begin[cell - w->s0]; k < w->begin[cell - w->s0 + 1]; k++)
    w->by[k] += spike * due_row(b, step + (w->delays ? w->delays[k] : w->delay), w->port)[w->to[k]];
}

DEV_KERNEL(back_send) {
  const struct dev_back *b = arguments;
  uint64_t step = b->clock->now;
  uint32_t block = nsl_dev_block(), element = b->first_of_block[block] + nsl_dev_thread();
  const struct dev_back_pop *p = &b->pops[b->pop_of_block[block]];
  if (element >= p->size) return;
  p->spike[element] = p->slopes[element] != 0 ? sent_back(b, p, element, step) : 0; /* NaN goes on its way */
  for (uint32_t i = 0; i < p->n_weights; i++) weights_add(b, &p->weights[i], element, p->spikes[element], step);
}

static double product_sum(const double *x, const double *y, uint32_t n) {
  double a = 0, b = 0, c = 0, d = 0;
  uint32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    a += x[i] * y[i];
    b += x[i + 1] * y[i + 1];
    c += x[i + 2] * y[i + 2];
    d += x[i + 3] * y[i + 3];
  }
  for (; i < n; i++) a += x[i] * y[i];
  return (a + b) + (c + d);
}

DEV_KERNEL(back_end) {
  const struct dev_back *b = arguments;
  uint64_t step = b->clock->now;
  uint32_t block = nsl_dev_block(), thread = nsl_dev_thread(), element = b->first_of_block[block] + thread;
  const struct dev_back_pop *p = &b->pops[b->pop_of_block[block]];
  if (!block && !thread) b->clock->step = step - 1;
  for (uint64_t i = (uint64_t)block * nsl_dev_block_size() + thread; i < b->n_sums; i += (uint64_t)nsl_dev_blocks() * nsl_dev_block_size()) {
    const struct dev_back_sum *x = &b->sums[i];
    const struct dev_back_pop *of = &b->pops[x->pop];
    *x->by += product_sum(x->adjoint, row_of(b, of, step) + x->quantity * of->padded, of->size);
  }
  if (element >= p->padded) return;
  for (uint32_t i = 0; i < p->n_dues; i++) {
    const struct dev_back_due *x = &p->dues[i];
    b->due[((step & b->mask) * b->n_ports + x->port) * b->n_elements + p->seats[element]] = element < p->size ? x->adjoint[element] * x->unit : 0;
  }
}
