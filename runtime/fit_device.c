/* Fits on a device, or its emulation: the batch of each evaluation (places of all starts, by sweep) goes there, the search stays here.
 *
 * What does not change lies there from the beginning: G and the sweeps' samples. Of the rest there is one block. An evaluation's tasks are
 * divided as on threads, into walks of RT_BLOCK lanes (fit_march.c), one thread a lane; all walks of a march run together, in as many
 * waves as the device's memory makes necessary (fit_wave.c). Their sums are put together by fit_value.c, so results are those of the
 * processor.
 *
 * Of a network each place has a simulation there (device.c), which fit_network.c makes and runs: here is what they share. */
#include "runtime/fit_device.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/setup.h"

enum fit_function { /* rows of device.def */
#define DEVICE(name, blocks, doc) FIT_FN_##name,
#include "runtime/device/device.def"
#undef DEVICE
};

/* ---- opening */

static int refuse(const struct rt_sim *s, const struct nsl_fit *def) {
  if (!def->network) return 0;
  return rt_device_refuse_model(s);
}

int rt_fit_device_refused(const struct nsl_program *p, const struct nsl_fit *def, const char *const *allowed, uint32_t n_allowed) {
  struct rt_mem mem = {0};
  struct rt_sim *s = rt_alloc(&mem, 1, sizeof *s);
  const char **folders = rt_alloc(&mem, n_allowed + 1ull, sizeof *folders);
  int e = s && folders ? 0 : NSL_EMEMORY;
  if (!e) {
    memcpy(folders, allowed, n_allowed * sizeof *folders);
    s->program = p;
    s->x = &def->x;
    s->allowed = folders;
    s->n_allowed = n_allowed;
    struct rt_config config = {.allowed = folders, .n_allowed = n_allowed};
    e = rt_level_choose(s);
    if (!e) e = rt_setup(s, &config);
    if (!e) e = refuse(s, def);
    rt_close(s);
  }
  rt_mem_free(&mem);
  return e;
}

/* Tests have blocks of several sizes. */
static uint32_t threads_of_block(const struct rt_gpu *g) {
  const char *text = g->emulated ? getenv("NSL_EMULATED_BLOCK") : NULL;
  int n = text ? atoi(text) : 0;
  return n == 64 || n == 128 || n == 256 ? (uint32_t)n : 0;
}

int rt_fit_device_open(const struct rt_sim *s, const struct nsl_fit *def, const struct rt_config *c, struct rt_fit_device **ret) {
  const struct nsl_program *p = s->program;
  struct rt_mem mem = {0};
  int e = refuse(s, def);
  struct rt_fit_device *d = e ? NULL : rt_alloc(&mem, 1, sizeof *d);
  if (!d) return e ? e : NSL_EMEMORY;
  d->mem = mem;
  e = rt_gpu_open(&d->gpu, (enum rt_device_kind)c->device, c->gpu, p->n_devices, p->devices, p->n_kernels);
  if (e) { /* closed again */
    rt_mem_free(&mem);
    return e;
  }
  *ret = d;
  pthread_rwlock_init(&d->runs, NULL);
  d->threads = threads_of_block(&d->gpu);
  e = gpu_try(&d->gpu, cuStreamCreate, (&d->stream, RT_GPU_STREAM_OWN), "making a stream");
  for (int i = 0; !e && i < FIT_IN_FLIGHT; i++) e = gpu_try(&d->gpu, cuEventCreate, (&d->marks[i], RT_GPU_EVENT_PLAIN), "making an event");
  if (!e) e = rt_gpu_function(&d->gpu, FIT_FN_move, &d->move);
  if (!e) e = rt_gpu_function(&d->gpu, FIT_FN_diverge, &d->diverge);
  return e;
}

uint64_t rt_fit_device_bytes(const struct rt_fit_device *d) { return d->fixed_bytes + d->block_bytes + d->most; }

void rt_fit_device_close(struct rt_fit_device *d) {
  if (!d) return;
  const struct rt_gpu_driver *g = &d->gpu.driver;
  g->cuCtxSetCurrent(d->gpu.context);
  for (int i = 0; i < FIT_IN_FLIGHT; i++)
    if (d->marks[i]) g->cuEventDestroy_v2(d->marks[i]);
  if (d->staging) g->cuMemFreeHost(d->staging);
  for (uint32_t i = 0; d->thinned && i < d->n_marches; i++)
    if (d->thinned[i]) g->cuMemFree_v2(d->thinned[i]);
  if (d->fixed) g->cuMemFree_v2(d->fixed);
  if (d->block) g->cuMemFree_v2(d->block);
  if (d->stream) g->cuStreamDestroy_v2(d->stream);
  rt_gpu_close(&d->gpu);
  pthread_rwlock_destroy(&d->runs);
  struct rt_mem mem = d->mem;
  rt_mem_free(&mem);
}

/* ---- runs of networks */

void rt_fit_device_enter(struct rt_fit_device *d, bool alone) {
  if (alone) pthread_rwlock_wrlock(&d->runs);
  else pthread_rwlock_rdlock(&d->runs);
  if (alone) d->alone = true;
}

void rt_fit_device_leave(struct rt_fit_device *d) {
  if (d->alone) d->alone = false;
  pthread_rwlock_unlock(&d->runs);
}

/* As much again is for the runs themselves. */
double rt_fit_device_share(const struct rt_fit_device *d, uint32_t runs) { return 0.5 / (d->alone ? 1 : runs); }

void rt_fit_device_used(struct rt_fit_device *d, uint64_t bytes) {
  uint64_t most = d->most;
  while (bytes > most && !atomic_compare_exchange_weak(&d->most, &most, bytes)) continue;
}

/* ---- what does not change */

static int put(struct rt_fit_device *d, rt_gpu_at to, const double *from, uint64_t n, const char *what) {
  if (!n) return 0;
  return gpu_try(&d->gpu, cuMemcpyHtoDAsync_v2, (to, from, n * sizeof *from, d->stream), "copying %s", what);
}

static int wait(struct rt_fit_device *d, const char *what) { return gpu_try(&d->gpu, cuStreamSynchronize, (d->stream), "%s", what); }

static void size_text(char *out, size_t n, uint64_t bytes) {
  double x = (double)bytes;
  if (x >= 1e9) snprintf(out, n, "%.1f GB", x / 1e9);
  else if (x >= 1e6) snprintf(out, n, "%.1f MB", x / 1e6);
  else snprintf(out, n, "%.1f kB", x / 1e3);
}

static int too_large(const struct rt_fit_device *d, const char *what, uint64_t bytes, uint64_t free) {
  char need[40], has[40];
  size_text(need, sizeof need, bytes);
  size_text(has, sizeof has, free);
  return rt_fail_at(NSL_EMEMORY, d->f->def->place, "fit %s needs %s on the device for %s, and %s has %s free: shorter sweeps or fewer free "
                    "parameters need less; or run it with --device cpu", d->f->def->name, need, what, d->gpu.name, has);
}

/* Samples that are the sweep's own (thin: only those that differ from the whole sweep's), from `at` on; gives where they end. */
static rt_gpu_at samples_place(const struct rt_fit *f, const struct rt_march *m, bool thin, struct rt_weighed *ret, rt_gpu_at at) {
  for (uint32_t i = 0; i < f->n_traces; i++)
    for (uint32_t k = 0; k < m->def->n_samples; k++) {
      if (thin && m->thin[i].samples[k] == m->sweeps[i].samples[k]) continue;
      ret[i].samples[k] = (double *)(uintptr_t)at;
      at += f->traces[i].n_steps * sizeof(double);
    }
  return at;
}

static int samples_put(struct rt_fit_device *d, const struct rt_march *m, bool thin, const struct rt_weighed *to) {
  const struct rt_fit *f = d->f;
  int e = 0;
  for (uint32_t i = 0; !e && i < f->n_traces; i++)
    for (uint32_t k = 0; !e && k < m->def->n_samples; k++) {
      const double *from = thin ? m->thin[i].samples[k] : m->sweeps[i].samples[k];
      if (thin && from == m->sweeps[i].samples[k]) continue;
      e = put(d, (rt_gpu_at)(uintptr_t)to[i].samples[k], from, f->traces[i].n_steps, "samples");
    }
  return e;
}

static struct rt_weighed *weighed_make(struct rt_fit_device *d, const struct rt_march *m) {
  struct rt_weighed *all = rt_alloc(&d->mem, d->f->n_traces, sizeof *all);
  for (uint32_t i = 0; all && i < d->f->n_traces; i++)
    if (!(all[i].samples = rt_alloc(&d->mem, m->def->n_samples + 1, sizeof *all[i].samples))) return NULL;
  return all;
}

static int allocate(struct rt_fit_device *d, rt_gpu_at *ret, uint64_t bytes, const char *what) {
  uint64_t free;
  int e = rt_gpu_memory_free(&d->gpu, &free);
  if (!e && bytes > free) e = too_large(d, what, bytes, free);
  return e ? e : gpu_try(&d->gpu, cuMemAlloc_v2, (ret, bytes), "allocating %.3f GB for %s", (double)bytes / 1e9, what);
}

int rt_fit_device_make(struct rt_fit_device *d, struct rt_fit *f) {
  uint32_t n = f->def->n_marches;
  uint64_t globals = f->s->x->n_globals * sizeof(double), bytes = globals;
  d->f = f;
  if (f->def->network) {
    f->device = d;
    return 0;
  }
  d->n_marches = n;
  d->sweeps = rt_alloc(&d->mem, n + 1ull, sizeof *d->sweeps);
  d->thin = rt_alloc(&d->mem, n + 1ull, sizeof *d->thin);
  d->thinned = rt_alloc(&d->mem, n + 1ull, sizeof *d->thinned);
  if (!d->sweeps || !d->thin || !d->thinned) return NSL_EMEMORY;
  for (uint32_t i = 0; i < n; i++) {
    if (!(d->sweeps[i] = weighed_make(d, &f->marches[i]))) return NSL_EMEMORY;
    bytes = samples_place(f, &f->marches[i], false, d->sweeps[i], bytes);
  }
  int e = allocate(d, &d->fixed, bytes + 1, "the sweeps");
  d->fixed_bytes = bytes;
  if (!e) e = put(d, d->fixed, f->s->G, f->s->x->n_globals, "numbers");
  rt_gpu_at at = d->fixed + globals;
  for (uint32_t i = 0; !e && i < n; i++) {
    at = samples_place(f, &f->marches[i], false, d->sweeps[i], at);
    e = samples_put(d, &f->marches[i], false, d->sweeps[i]);
  }
  if (!e) e = wait(d, "copying sweeps");
  if (!e) f->device = d;
  return e;
}

/* With observations left out: new weights, else what is there. */
static int thin_put(struct rt_fit_device *d, uint32_t march) {
  const struct rt_march *m = &d->f->marches[march];
  int e = 0;
  if (!d->thin[march]) {
    struct rt_weighed *thin = weighed_make(d, m);
    if (!thin) return NSL_EMEMORY;
    for (uint32_t i = 0; i < d->f->n_traces; i++)
      memcpy(thin[i].samples, d->sweeps[march][i].samples, m->def->n_samples * sizeof *thin[i].samples);
    e = allocate(d, &d->thinned[march], samples_place(d->f, m, true, thin, 0) + 1, "sweeps with observations left out");
    if (e) return e;
    samples_place(d->f, m, true, thin, d->thinned[march]);
    d->thin[march] = thin;
  }
  return samples_put(d, m, true, d->thin[march]);
}

/* ---- an evaluation */

static int block_make(struct rt_fit_device *d, uint64_t bytes) {
  if (bytes <= d->block_bytes) return 0;
  rt_gpu_at old = d->block;
  d->block = d->block_bytes = 0;
  int e = old ? gpu_try(&d->gpu, cuMemFree_v2, (old), "freeing memory") : 0;
  if (!e) e = allocate(d, &d->block, bytes, "its marches");
  if (!e) d->block_bytes = bytes;
  return e;
}

static int staging_make(struct rt_fit_device *d, uint64_t bytes) {
  if (bytes <= d->staging_bytes) return 0;
  char *old = d->staging;
  d->staging = NULL;
  d->staging_bytes = 0;
  int e = old ? gpu_try(&d->gpu, cuMemFreeHost, (old), "freeing memory") : 0;
  void **at = (void **)(void *)&d->staging;
  if (!e) e = gpu_try(&d->gpu, cuMemHostAlloc, (at, bytes, 0), "allocating %.3f GB for transfers", (double)bytes / 1e9);
  if (!e) d->staging_bytes = bytes;
  return e;
}

/* What waves may use, all in all. */
static int room_left(const struct rt_fit_device *d, uint64_t *ret) {
  uint64_t free;
  int e = rt_gpu_memory_free(&d->gpu, &free);
  *ret = e ? 0 : free + d->block_bytes;
  return e;
}

static void sizes_set(struct fit_wave *w, double whole) {
  for (uint32_t i = 0; w->back && i < w->n; i++)
    w->walks[i].sizes = rt_back_sizes(&w->way, w->d->f->traces[w->walks[i].task->trace].n_steps, whole);
}

/* All that fit together; shorter tapes, and more of them, rather than several waves. Then half of the walks, and so on. */
static int wave_fit(struct fit_wave *w, uint64_t room) {
  double whole = RT_WHOLE_BYTES;
  uint64_t bytes = 0;
  for (uint32_t n = w->n; n; n /= 2) {
    w->n = n;
    do {
      sizes_set(w, whole);
      rt_fit_wave_plan(w);
      bytes = w->bytes;
    } while (bytes > room && w->back && (whole /= 2) >= RT_TAPE_BYTES);
    if (bytes <= room) return 0;
    whole = RT_TAPE_BYTES;
  }
  return too_large(w->d, "one of its marches", bytes, room);
}

/* Walks of the tasks of one march, from the first one on, that have not run yet. */
static int waves_run(struct fit_wave *w, uint32_t n) {
  struct fit_walk *all = w->walks;
  int e = 0;
  for (uint32_t done = 0; !e && done < n; done += w->n) {
    uint64_t room;
    w->walks = all + done;
    w->n = n - done;
    e = room_left(w->d, &room);
    if (!e) e = wave_fit(w, room);
    if (!e) e = block_make(w->d, w->bytes);
    if (!e) e = staging_make(w->d, w->visible);
    if (!e) e = rt_fit_wave_run(w);
  }
  w->walks = all;
  return e;
}

static int march_run(struct rt_fit_device *d, enum rt_order order, const struct rt_task *tasks, uint32_t n) {
  struct rt_fit *f = d->f;
  const struct rt_march *m = tasks->march;
  uint32_t march = (uint32_t)(m - f->marches), walks = 0;
  struct fit_wave w = {.d = d, .order = order, .m = m, .back = rt_task_goes_back(order, tasks)};
  struct rt_mem mem = {0};
  int e = m->thinned ? thin_put(d, march) : 0;
  w.sweeps = m->thinned ? d->thin[march] : d->sweeps[march];
  if (w.back) w.way = rt_way_back(f, m, tasks->along != NULL);
  w.form = w.back ? w.way.form : m->forms[order];
  for (uint32_t i = 0; i < n; i++) walks += rt_task_walks(f, order, &tasks[i]);
  w.walks = rt_alloc(&mem, walks + 1ull, sizeof *w.walks);
  if (!e && !w.walks) e = NSL_EMEMORY;
  for (uint32_t i = 0, at = 0; !e && i < n; i++)
    for (uint32_t k = 0; k < rt_task_walks(f, order, &tasks[i]); k++) w.walks[at++] = (struct fit_walk){.task = &tasks[i], .nth = k};
  if (!e) e = waves_run(&w, walks);
  rt_mem_free(&mem);
  return e;
}

int rt_fit_device_run(struct rt_fit *f, enum rt_order order, struct rt_task *tasks, uint32_t n) {
  int e = rt_gpu_use(&f->device->gpu); /* which GPU is used is a matter of the thread */
  for (uint32_t i = 0, end; !e && i < n; i = end) {
    for (end = i + 1; end < n && tasks[end].march == tasks[i].march; end++) continue;
    e = march_run(f->device, order, tasks + i, end - i);
  }
  return e == NSL_ESTOPPED ? rt_fail(NSL_ESTOPPED, "stopped") : e;
}
