/* What the host looks at while a device computes: recorded and measured populations, digests. Behind a step at which it looks, their arrays are
 * copied to a place of their own on the device, which takes no time beside a step; from there they come to the host by a second
 * stream while further steps run. A batch's event `done` is behind both streams. */
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/record.h"
#include "runtime/verify.h"

enum { MOST_LOOKS_BYTES = 1 << 28, MEMORY_SHARE = 16 }; /* of a batch, on the host; of what is free on the device */

/* ---- which populations, and room for them */

static void looked_find(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  for (uint32_t i = 0; i < s->n_pops; i++) d->looked[i] = s->verify != NULL;
  for (uint32_t i = 0; i < s->x->n_records; i++)
    for (uint32_t k = 0; k < s->x->records[i].n_items; k++) d->looked[s->x->records[i].items[k].slice.pop] = true;
  for (uint32_t i = 0; i < s->n_measures; i++)
    for (uint32_t k = 0; k < s->measures[i].def->n_items; k++) d->looked[s->measures[i].def->items[k].slice.pop] = true;
}

struct range { /* arrays of populations that lie side by side go together */
  uint64_t from, bytes;
};

/* The next one from population *i on; false: there is none. */
static bool range_next(const struct rt_device *d, uint32_t *i, struct range *ret) {
  uint32_t n = d->s->n_pops, k;
  while (*i < n && !d->looked[*i]) ++*i;
  if (*i == n) return false;
  for (k = *i; k < n && d->looked[k]; k++) continue;
  ret->from = d->places[*i].live;
  ret->bytes = d->places[k - 1].live + d->places[k - 1].live_bytes - ret->from;
  *i = k;
  return true;
}

/* How many looks a batch may have. */
static uint32_t looks_most(const struct rt_device *d, uint64_t free) {
  uint64_t host = MOST_LOOKS_BYTES / (d->live_bytes + 1), there = free / MEMORY_SHARE / (d->look_bytes + 1);
  uint64_t most = host < there ? host : there;
  return most < 1 ? 1 : most > DEV_BATCH ? DEV_BATCH : (uint32_t)most;
}

int rt_device_looks_plan(struct rt_device *d) {
  uint64_t free;
  int e = rt_gpu_memory_free(&d->gpu, &free);
  if (e) return e;
  if (!(d->looked = rt_alloc(&d->mem, d->s->n_pops, sizeof *d->looked))) return NSL_EMEMORY;
  looked_find(d);
  struct range r;
  for (uint32_t i = 0; range_next(d, &i, &r);) d->look_bytes += r.bytes;
  d->most_looks = looks_most(d, free);
  for (int k = 0; k < 2; k++) d->batches[k].looks_at = rt_device_reserve(d, DEV_USE_LOOKS, d->most_looks * d->look_bytes);
  return 0;
}

/* ---- when */

static uint64_t look_next(const struct rt_sim *s, uint64_t step) {
  uint64_t next[] = {rt_record_next(s, step), rt_probes_next(s, step), rt_digest_next(s, step)}, first = RT_NO_STEP;
  for (int i = 0; i < 3; i++) first = next[i] < first ? next[i] : first;
  return first;
}

void rt_device_looks_steps(struct rt_device *d, struct dev_batch *b) {
  b->n_looks = 0;
  for (uint64_t step = look_next(d->s, b->from); step <= b->from + b->n; step = look_next(d->s, step)) {
    b->look_steps[b->n_looks++] = step;
    if (b->n_looks == d->most_looks) b->n = (uint32_t)(step - b->from);
  }
}

/* ---- copies */

/* What is behind this place in the stream of steps, the other stream waits for. */
static int beside_waits(struct rt_device *d, const struct dev_batch *b) {
  int e = gpu_try(&d->gpu, cuEventRecord, (b->computed, d->stream), "marking a step");
  return e ? e : gpu_try(&d->gpu, cuStreamWaitEvent, (d->beside, b->computed, 0), "waiting for a step");
}

/* From the arrays to where they wait, or from there to the host. */
static int look_ranges(struct rt_device *d, const struct dev_batch *b, uint32_t look, bool beside) {
  rt_gpu_at kept = d->block + b->looks_at + look * d->look_bytes;
  char *to = b->looks + look * d->live_bytes;
  struct range r;
  int e = 0;
  for (uint32_t i = 0; !e && range_next(d, &i, &r); kept += r.bytes) {
    if (beside) e = gpu_try(&d->gpu, cuMemcpyDtoHAsync_v2, (to + (r.from - d->live), kept, r.bytes, d->beside), "copying states back");
    else e = gpu_try(&d->gpu, cuMemcpyDtoDAsync_v2, (kept, d->block + r.from, r.bytes, d->stream), "keeping states of a step");
  }
  return e;
}

int rt_device_look_fetch(struct rt_device *d, const struct dev_batch *b, uint32_t look) {
  int e = d->look_bytes ? look_ranges(d, b, look, false) : 0;
  if (e || !d->look_bytes) return e;
  e = beside_waits(d, b);
  return e ? e : look_ranges(d, b, look, true);
}

int rt_device_looks_end(struct rt_device *d, const struct dev_batch *b) {
  int e = beside_waits(d, b);
  return e ? e : gpu_try(&d->gpu, cuEventRecord, (b->done, d->beside), "marking the end of steps");
}
