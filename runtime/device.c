/* Steps on a device: a GPU, or its emulation.
 *
 * The host builds the simulation as for a run on the processor; then states, synapses and drives go to the device, and a step
 * is a fixed list of launches, which the host sends off batch by batch without waiting in between. Behind a batch it gets the masks
 * of its spikes, and the states behind those steps at which something is recorded or measured, and does with them what it would have done:
 * so files, measures, figures, digests are made by the same code. When a call ends, the host's simulation is as if it had run here.
 *
 * A step: given events -> begin (holds end, inputs, Poisson events) -> step kernels, one launch for all populations with the same code ->
 * collect (masks, holds, what goes straight to states) -> push (spikes along their rows).
 *
 * needs: a built simulation of one process. gives: the same bits as step.c. */
#include "runtime/device.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/blocks.h"
#include "runtime/error.h"
#include "runtime/threads.h"
#include "runtime/verify.h"

enum { THREADS = 128, MOST_LOOKS_BYTES = 1 << 28 };

/* ---- transfers */

int rt_device_copy_to(struct rt_device *d, uint64_t to, const void *from, uint64_t bytes, const char *what) {
  if (!bytes) return 0;
  return gpu_try(&d->gpu, cuMemcpyHtoDAsync_v2, (d->block + to, from, bytes, d->stream), "copying %s", what);
}

int rt_device_copy_from(struct rt_device *d, void *to, uint64_t from, uint64_t bytes, const char *what) {
  if (!bytes) return 0;
  return gpu_try(&d->gpu, cuMemcpyDtoHAsync_v2, (to, d->block + from, bytes, d->stream), "copying %s back", what);
}

int rt_device_wait(struct rt_device *d, const char *what) { return gpu_try(&d->gpu, cuStreamSynchronize, (d->stream), "%s", what); }

static int pinned(struct rt_device *d, void *ret, uint64_t bytes) {
  void **at = ret;
  return gpu_try(&d->gpu, cuMemHostAlloc, (at, bytes ? bytes : 1, 0), "allocating %.3f GB for transfers", (double)bytes / 1e9);
}

/* ---- making it */

static int straight_weights(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  if (!(d->straight = rt_alloc(&d->mem, s->n_ports + 1ull, sizeof *d->straight))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; k < s->pops[i].n_groups; k++) {
      const struct rt_group *g = &s->pops[i].groups[k];
      if (rt_forms[g->form].behind) d->straight[g->port] = g->weight;
    }
  return 0;
}

static int buffers_make(struct rt_device *d) {
  uint64_t most = MOST_LOOKS_BYTES / (d->live_bytes + 1);
  d->looks.most = most < 1 ? 1 : most > DEV_BATCH ? DEV_BATCH : (uint32_t)most;
  if (!(d->looks.steps = rt_alloc(&d->mem, d->looks.most, sizeof *d->looks.steps))) return NSL_EMEMORY;
  int e = pinned(d, &d->staging, d->live_bytes);
  if (!e) e = pinned(d, &d->looks.at, d->looks.most * d->live_bytes);
  if (!e) e = pinned(d, &d->mask_rows, (d->mask_mask + 1) * d->mask_row * 8);
  if (!e) e = pinned(d, &d->bad, d->n_launches * sizeof *d->bad);
  if (!e) e = pinned(d, &d->batch, d->batch_bytes);
  if (!e) memset(d->batch, 0, d->batch_bytes);
  return e;
}

/* Tests have blocks of several sizes. */
static uint32_t threads_of_block(const struct rt_device *d) {
  const char *text = d->gpu.emulated ? getenv("NSL_EMULATED_BLOCK") : NULL;
  int n = text ? atoi(text) : 0;
  return n == 64 || n == 128 || n == 256 ? (uint32_t)n : THREADS;
}

static int fill(struct rt_device *d) {
  int e = rt_device_rows_write(d);
  if (!e) e = rt_device_drives_write(d);
  if (!e) e = rt_device_tables(d);
  if (!e) e = rt_device_copy_to(d, d->tables_at, d->image.at, d->image.used, "tables");
  return e ? e : rt_device_wait(d, "copying tables");
}

int rt_device_open(struct rt_sim *s, uint32_t kind, uint32_t gpu) {
  struct rt_mem mem = {0};
  struct rt_device *d = rt_alloc(&mem, 1, sizeof *d);
  if (!d) return NSL_EMEMORY;
  int e = rt_gpu_open(&d->gpu, (enum rt_device_kind)kind, gpu, s->program->n_devices, s->program->devices, s->program->n_kernels);
  if (e) {
    rt_mem_free(&mem);
    return e;
  }
  d->mem = mem;
  d->s = s;
  d->threads = threads_of_block(d);
  s->device = d; /* rt_close drops it */
  return 0;
}

int rt_device_make(struct rt_sim *s) {
  struct rt_device *d = s->device;
  double began = rt_clock();
  int e = rt_device_refuse(s);
  if (!e) e = gpu_try(&d->gpu, cuStreamCreate, (&d->stream, RT_GPU_STREAM_OWN), "making a stream");
  if (!e) e = straight_weights(d);
  if (!e) e = rt_device_plan(d);
  if (!e) e = rt_device_allocate(d);
  if (!e) e = buffers_make(d);
  if (!e) e = fill(d);
  s->build_s += rt_clock() - began;
  return e;
}

void rt_device_drop(struct rt_sim *s) {
  struct rt_device *d = s->device;
  if (!d) return;
  void *buffers[] = {d->staging, d->looks.at, d->mask_rows, d->bad, d->batch};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (buffers[i]) d->gpu.driver.cuMemFreeHost(buffers[i]);
  if (d->block) d->gpu.driver.cuMemFree_v2(d->block);
  if (d->stream) d->gpu.driver.cuStreamDestroy_v2(d->stream);
  rt_gpu_close(&d->gpu);
  rt_drop(&d->given);
  rt_drop(&d->image.at);
  rt_mem_free(&d->pass);
  struct rt_mem mem = d->mem; /* it lies there itself */
  rt_mem_free(&mem);
  s->device = NULL;
}

/* ---- spikes of a batch */

uint64_t rt_device_spikes(const struct rt_device *d, const struct rt_slice *c, const uint64_t *row, uint32_t *ids, uint64_t end) {
  const uint64_t *mask = row + d->places[c->pop->index].mask_at;
  for (uint32_t w = c->first / 64; w < (c->first + c->count) / 64; w++)
    for (uint64_t m = mask[w]; m; m &= m - 1) ids[end++] = w * 64 + (uint32_t)__builtin_ctzll(m);
  return end;
}

static const uint64_t *mask_row(const struct rt_device *d, uint64_t step) { return d->mask_rows + (step & d->mask_mask) * d->mask_row; }

/* The lists that a run on the processor would have; and how many synapses these spikes reach. */
static void lists_make(struct rt_device *d, uint64_t from, uint32_t n) {
  struct rt_sim *s = d->s;
  for (uint32_t k = 0; k < s->n_shards; k++) {
    struct rt_shard *h = &s->shards[k];
    uint64_t end = 0;
    for (uint32_t j = 0; j < n; j++)
      for (uint32_t i = 0; i < h->n_slices; i++) {
        const struct rt_slice *c = &h->slices[i];
        uint64_t begin = end;
        end = rt_device_spikes(d, c, mask_row(d, from + 1 + j), h->spikes[0].ids, end);
        for (; begin < end; begin++) h->delivery.n_delivered += d->degrees[d->degree0[c->pop->index] + h->spikes[0].ids[begin]];
        h->spikes[0].ends[(size_t)j * h->n_slices + i] = end;
      }
  }
}

/* The masks of n steps, which turn. */
static int masks_fetch(struct rt_device *d, uint64_t from, uint32_t n) {
  uint64_t row = d->mask_row * 8, first = (from + 1) & d->mask_mask, until_end = d->mask_mask + 1 - first;
  uint64_t head = n < until_end ? n : until_end;
  int e = rt_device_copy_from(d, (char *)d->mask_rows + first * row, d->masks_at + first * row, head * row, "spikes");
  return e ? e : rt_device_copy_from(d, d->mask_rows, d->masks_at, (n - head) * row, "spikes");
}

/* ---- what the host looks at */

static uint64_t look_next(const struct rt_sim *s, uint64_t step) {
  uint64_t next[] = {rt_record_next(s, step), rt_probes_next(s, step), rt_digest_next(s, step)}, first = RT_NO_STEP;
  for (int i = 0; i < 3; i++) first = next[i] < first ? next[i] : first;
  return first;
}

/* Which steps of a batch, and how long it may be for them. */
static uint32_t looks_plan(struct rt_device *d, uint64_t from, uint32_t n) {
  struct dev_looks *l = &d->looks;
  l->n = 0;
  for (uint64_t step = look_next(d->s, from); step <= from + n; step = look_next(d->s, step)) {
    l->steps[l->n++] = step;
    if (l->n == l->most) return (uint32_t)(step - from);
  }
  return n;
}

static int look_take(struct rt_device *d, uint32_t i) {
  struct rt_sim *s = d->s;
  uint64_t step = d->looks.steps[i];
  rt_device_take(d, d->looks.at + i * d->live_bytes);
  rt_device_masks_take(d, mask_row(d, step), step);
  for (uint32_t k = 0; k < s->n_shards; k++) {
    struct rt_shard *h = &s->shards[k];
    if (step >= h->next_probe) rt_probes_step(h, step);
    if (step >= h->next_record) rt_record_step(h, step);
    if (step == h->next_digest) rt_digest_take(h, step);
  }
  return rt_record_full(s, step) ? rt_record_flush(s, step) : 0;
}

/* ---- values that are no numbers */

/* Which element a thread of a launch had. */
static bool thread_element(const struct rt_device *d, const struct dev_launch *l, uint32_t thread, uint32_t *ret_pop, uint32_t *ret_element) {
  uint64_t block = thread / d->threads;
  for (uint32_t i = 0; i < l->n_pops; i++) {
    const struct rt_pop *p = &d->s->pops[l->pops[i]];
    uint64_t n = (p->padded + d->threads - 1) / d->threads;
    *ret_pop = p->index;
    *ret_element = (uint32_t)block * d->threads + thread % d->threads;
    if (block < n) return *ret_element < p->size;
    block -= n;
  }
  return false;
}

static uint32_t state_bad(const struct rt_device *d, uint32_t pop, uint32_t element) {
  const struct rt_pop *p = &d->s->pops[pop];
  for (uint32_t i = 0; i < p->class->n_states; i++) {
    double x = d->s->program->f32 ? (double)((const float *)p->states[i])[element] : ((const double *)p->states[i])[element];
    if (!(x - x == 0)) return i;
  }
  return 0;
}

/* The first of all, by step and population. */
static void bad_find(struct rt_device *d) {
  struct rt_error_at *bad = &d->s->shards[0].bad;
  for (uint32_t i = 0; i < d->n_launches; i++) {
    uint64_t step = d->bad[i] >> 32;
    uint32_t pop, element;
    if (d->bad[i] == UINT64_MAX || !thread_element(d, &d->launches[i], (uint32_t)d->bad[i], &pop, &element)) continue;
    if (bad->step < step || (bad->step == step && (bad->drive || bad->pop < pop))) continue;
    bad->step = step;
    bad->pop = pop;
    bad->element = element;
    bad->drive = NULL;
  }
}

/* ---- a batch */

static int batch_send(struct rt_device *d, uint64_t from, uint32_t n) {
  uint32_t look = 0;
  int e = rt_device_drives_batch(d, from, n);
  for (uint64_t step = from + 1; !e && step <= from + n; step++) {
    for (uint32_t i = 0; !e && i < d->n_launches; i++) {
      const struct dev_launch *l = &d->launches[i];
      e = rt_gpu_launch(&d->gpu, l->function, l->blocks, d->threads, 0, d->block + l->args, d->stream, l->what);
    }
    if (e || look == d->looks.n || d->looks.steps[look] != step) continue;
    e = rt_device_copy_from(d, d->looks.at + look++ * d->live_bytes, d->live, d->live_bytes, "states");
  }
  if (!e) e = masks_fetch(d, from, n);
  if (!e) e = rt_device_copy_from(d, d->bad, d->bad_at, d->n_launches * sizeof *d->bad, "what went wrong");
  return e ? e : rt_device_wait(d, "computing steps");
}

static int batch_take(struct rt_device *d, uint64_t from, uint32_t n, uint32_t *ret_good) {
  struct rt_sim *s = d->s;
  bad_find(d);
  uint64_t bad = rt_bad_step(s, from + n);
  *ret_good = bad <= from + n ? (uint32_t)(bad - from - 1) : n;
  lists_make(d, from, *ret_good);
  int e = 0;
  for (uint32_t i = 0; !e && i < d->looks.n && d->looks.steps[i] <= from + *ret_good; i++) e = look_take(d, i);
  return e ? e : rt_batch_end(s, from + 1, *ret_good, 0);
}

/* As many steps as there is room for, none behind the one where the run pauses. */
static uint32_t batch_length(struct rt_device *d, uint64_t until) {
  const struct rt_sim *s = d->s;
  uint64_t n = until - s->step;
  if (s->pause_at > s->step && s->pause_at - s->step < n) n = s->pause_at - s->step;
  if (n > s->batch) n = s->batch;
  return looks_plan(d, s->step, n > DEV_BATCH ? DEV_BATCH : (uint32_t)n);
}

static int batches_run(struct rt_device *d, uint64_t until, int *ret_why) {
  struct rt_sim *s = d->s;
  int e = 0;
  for (bool goes_on = true; !e && goes_on && s->step < until;) {
    uint32_t n = batch_length(d, until), good = n;
    e = batch_send(d, s->step, n);
    double output = rt_clock();
    if (!e) e = batch_take(d, s->step, n, &good);
    s->output_s += rt_clock() - output;
    if (e) break;
    s->step += good;
    if (s->progress) s->progress(s, s->step);
    goes_on = good == n && !(s->pause_at && s->step >= s->pause_at);
    if (s->pause && s->pause(s, s->step)) goes_on = false;
    if (s->interrupt && *s->interrupt) *ret_why = NSL_ESTOPPED, goes_on = false;
  }
  return e;
}

int rt_device_run(struct rt_sim *s, uint64_t until) {
  struct rt_device *d = s->device;
  double began = rt_clock(), cpu = rt_cpu_clock(), output = s->output_s;
  unsigned mode = rt_float_mode_flush();
  int why = 0, e = 0;
  d->began = s->step;
  e = rt_device_upload(d);
  if (!e) e = batches_run(d, until, &why);
  if (!e) e = rt_device_download(d, d->began);
  rt_float_mode_restore(mode);
  s->simulate_cpu_s += rt_cpu_clock() - cpu;
  s->simulate_s += rt_clock() - began - (s->output_s - output);
  uint64_t bad = rt_bad_step(s, RT_NO_STEP - 1);
  if (!e && bad != RT_NO_STEP) {
    struct rt_error_at *at = &s->shards[0].bad;
    if (at->step == bad && !at->drive) at->state = state_bad(d, at->pop, at->element);
    return rt_bad_report(s, bad);
  }
  if (!e && why == NSL_ESTOPPED && s->step < until)
    rt_fail(NSL_ESTOPPED, "interrupted at t = %.12g ms", (double)s->step * s->dt);
  return e ? e : why;
}
