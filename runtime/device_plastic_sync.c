/* Synapses with memory between the host and a device (device_plastic.c): states, what is known of the targets, what is under way. Behind a call of
 * the engine the host has everything as if its rows had just caught up; what waits for presynaptic events is made from masks of spikes. */
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/plastic.h"

struct way { /* to the device, or from it */
  struct rt_device *d;
  bool back;
  int e;
};

static void whole(struct way *w, uint64_t at, void *host, uint64_t bytes) {
  if (w->e) return;
  w->e = w->back ? rt_device_copy_from(w->d, host, at, bytes, "synapses with memory") : rt_device_copy_to(w->d, at, host, bytes, "synapses with memory");
}

/* Rows by step: of all elements on the device, of a shard's on the host. */
static void by_step(struct way *w, const struct dev_plastic_place *at, uint64_t to, uint32_t rows, uint64_t bytes, void *(*of)(struct rt_plastic_shard *, uint32_t),
                    uint32_t which) {
  uint64_t padded = at->p->proj->target->padded, all = rows * padded * bytes;
  char *image = w->e ? NULL : rt_alloc(&w->d->pass, all + 1, 1);
  if (!image && !w->e) w->e = NSL_EMEMORY;
  if (w->e) return;
  if (w->back) {
    whole(w, to, image, all);
    if (!w->e) w->e = rt_device_wait(w->d, "copying synapses with memory");
  }
  for (uint32_t i = 0; !w->e && i < at->n_parts; i++) {
    struct rt_plastic_shard *q = at->parts[i].q;
    uint64_t row = q->slice->count * bytes;
    for (uint32_t k = 0; k < rows; k++) {
      char *host = (char *)of(q, which) + k * row, *there = image + (k * padded + q->slice->first) * bytes;
      if (w->back) memcpy(host, there, row);
      else memcpy(there, host, row);
    }
  }
  if (!w->back) {
    whole(w, to, image, all);
    if (!w->e) w->e = rt_device_wait(w->d, "copying synapses with memory");
  }
}

static void *history_of(struct rt_plastic_shard *q, uint32_t i) { return q->history[i]; }
static void *later_of(struct rt_plastic_shard *q, uint32_t i) { return q->later[i]; }
static void *sums_of(struct rt_plastic_shard *q, uint32_t i) {
  (void)i;
  return q->sums;
}

static void part_move(struct way *w, const struct dev_plastic_place *at, uint32_t part) {
  const struct rt_plastic *p = at->p;
  struct rt_plastic_shard *q = at->parts[part].q;
  uint64_t real = w->d->s->real_size, base = at->parts[part].base * real, row = (uint64_t)part * p->proj->sn, element = q->slice->first, n = q->slice->count;
  for (uint32_t i = 0; i < p->class->n_states; i++) {
    if (at->states[i] && q->n) whole(w, at->states[i] + base, q->states[i], q->n * real);
    if (at->cells[i]) whole(w, at->cells[i] + row * real, q->cells[i], p->proj->sn * real);
  }
  for (uint32_t i = 0; !w->back && q->n && i < p->class->n_params; i++) whole(w, at->params[i] + base, q->params[i], q->n * real);
  whole(w, at->last + row * sizeof *q->last, q->last, p->proj->sn * sizeof *q->last);
  whole(w, at->spikes + element * p->ring * sizeof *q->spikes, q->spikes, n * p->ring * sizeof *q->spikes);
  whole(w, at->n_spiked + element * sizeof *q->n_spiked, q->n_spiked, n * sizeof *q->n_spiked);
  for (uint32_t i = 0; i < p->proj->def->n_seen; i++)
    if (at->ring[i]) whole(w, at->ring[i] + element * p->ring * real, q->before[i], n * p->ring * real);
}

static void one_move(struct way *w, const struct dev_plastic_place *at) {
  const struct rt_plastic *p = at->p;
  for (uint32_t i = 0; i < at->n_parts; i++) part_move(w, at, i);
  for (uint32_t i = 0; i < p->proj->def->n_seen; i++) {
    if (at->history[i]) by_step(w, at, at->history[i], p->history, w->d->s->real_size, history_of, i);
    if (at->later[i]) by_step(w, at, at->later[i], p->history, w->d->s->real_size, later_of, i);
  }
  if (!p->each) by_step(w, at, at->waits, p->sums, sizeof(int64_t), sums_of, 0);
  else if (!w->e && !w->back) w->e = rt_device_plastic_each_up(w->d, at);
  if (!w->e) w->e = rt_device_others_move(w->d, at, w->back);
}

int rt_device_plastic_up(struct rt_device *d) {
  struct way w = {.d = d};
  for (uint32_t i = 0; i < d->s->n_plastic; i++) one_move(&w, &d->plastics[i]);
  return w.e;
}

/* Spikes that are still on their way: to the synapses of their targets, and to those of their own rows. */
void rt_device_plastic_masks(const struct rt_device *d, uint64_t *rows) {
  for (uint32_t i = 0; i < d->s->n_plastic; i++) {
    const struct rt_plastic *p = d->plastics[i].p;
    if (p->each) rt_device_plastic_each_masks(d, &d->plastics[i], rows);
#define MARK(pop, step, element) \
  rows[((step) & d->mask_mask) * d->mask_row + d->places[(pop)->index].mask_at + (element) / 64] |= (uint64_t)1 << (element) % 64
    for (uint32_t k = 0; k < d->plastics[i].n_parts; k++) {
      const struct rt_plastic_shard *q = d->plastics[i].parts[k].q;
      for (uint32_t j = 0; j < q->n_queue; j++) MARK(p->proj->source, q->queue[j].step - p->axonal, p->proj->s0 + q->queue[j].source);
      for (uint32_t t = 0; t < q->slice->count; t++)
        for (uint32_t n = q->n_spiked[t], j = n; j && n - j < p->ring; j--) {
          uint64_t step = q->spikes[(uint64_t)t * p->ring + ((j - 1) & (p->ring - 1))];
          if (step + p->most <= d->s->step) break;
          MARK(p->proj->target, step, q->slice->first + t);
        }
    }
#undef MARK
  }
}

static void caught_up(const struct rt_plastic *p, struct rt_plastic_shard *q, uint64_t step) {
  uint64_t n = q->slice->count;
  for (uint32_t k = 0; !p->each && k < p->sums; k++) {
    q->dirty[k] = 0;
    for (uint64_t t = 0; t < n; t++) q->dirty[k] |= q->sums[k * n + t] != 0;
  }
  memcpy(q->n_swept, q->n_spiked, n * sizeof *q->n_swept);
  q->swept = step;
  q->full = false;
}

int rt_device_plastic_back(struct rt_device *d) {
  struct way w = {.d = d, .back = true};
  for (uint32_t i = 0; i < d->s->n_plastic; i++) one_move(&w, &d->plastics[i]);
  if (!w.e) w.e = rt_device_wait(d, "copying synapses with memory");
  for (uint32_t i = 0; !w.e && i < d->s->n_plastic; i++)
    for (uint32_t k = 0; k < d->plastics[i].n_parts; k++) caught_up(d->plastics[i].p, d->plastics[i].parts[k].q, d->s->step);
  return w.e;
}

/* Presynaptic events on their way, and to handlers, from the masks of the last steps. */
int rt_device_plastic_queues(struct rt_device *d, const uint64_t *rows) {
  const struct rt_sim *s = d->s;
  int e = 0;
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = d->plastics[i].p;
    if (!e && p->each) e = rt_device_plastic_each_back(d, &d->plastics[i], rows);
    for (uint32_t k = 0; k < d->plastics[i].n_parts; k++) {
      struct rt_plastic_shard *q = d->plastics[i].parts[k].q;
      q->n_queue = 0;
      for (uint64_t step = s->step > p->axonal ? s->step - p->axonal + 1 : 1; step <= s->step; step++) {
        const uint64_t *mask = rows + (step & d->mask_mask) * d->mask_row + d->places[p->proj->source->index].mask_at;
        for (uint32_t r = 0; r < p->proj->sn; r++) {
          uint32_t source = p->proj->s0 + r;
          if (!(mask[source / 64] >> source % 64 & 1)) continue;
          if (!e) e = rt_grow(&q->queue, &q->queue_cap, q->n_queue + 1, sizeof *q->queue);
          if (!e) q->queue[q->n_queue++] = (struct rt_pre){step + p->axonal, r};
        }
      }
    }
  }
  return e;
}
