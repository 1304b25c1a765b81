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
#include "runtime/coupling.h"
#include "runtime/error.h"
#include "runtime/gating.h"
#include "runtime/plastic.h"
#include "runtime/record.h"
#include "runtime/threads.h"
#include "runtime/verify.h"

/* ---- transfers */

int rt_device_copy_to(struct rt_device *d, uint64_t to, const void *from, uint64_t bytes, const char *what) {
  if (!bytes) return 0;
  return gpu_try(&d->gpu, cuMemcpyHtoDAsync_v2, (d->block + to, from, bytes, d->stream), "copying %s", what);
}

int rt_device_copy_from(struct rt_device *d, void *to, uint64_t from, uint64_t bytes, const char *what) {
  if (!bytes) return 0;
  return gpu_try(&d->gpu, cuMemcpyDtoHAsync_v2, (to, d->block + from, bytes, d->stream), "copying %s back", what);
}

int rt_device_move(struct rt_device *d, bool up, uint64_t at, void *host, uint64_t bytes, const char *what) {
  return up ? rt_device_copy_to(d, at, host, bytes, what) : rt_device_copy_from(d, host, at, bytes, what);
}

int rt_device_wait(struct rt_device *d, const char *what) {
  int e = gpu_try(&d->gpu, cuStreamSynchronize, (d->stream), "%s", what);
  return e ? e : gpu_try(&d->gpu, cuStreamSynchronize, (d->beside), "%s", what);
}

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

static int batch_make(struct rt_device *d, struct dev_batch *b) {
  if (!(b->look_steps = rt_alloc(&d->mem, d->most_looks, sizeof *b->look_steps))) return NSL_EMEMORY;
  int e = pinned(d, &b->say, d->say_bytes);
  if (!e) memset(b->say, 0, d->say_bytes);
  if (!e) e = pinned(d, &b->masks, DEV_BATCH * d->mask_row * sizeof *b->masks);
  if (!e) e = pinned(d, &b->bad, rt_device_bad_bytes(d));
  if (!e) e = pinned(d, &b->looks, d->most_looks * d->live_bytes);
  struct rt_gpu_event **events[] = {&b->computed, &b->done};
  for (size_t i = 0; !e && i < sizeof events / sizeof *events; i++)
    e = gpu_try(&d->gpu, cuEventCreate, (events[i], RT_GPU_EVENT_PLAIN), "making an event");
  return e;
}

static int buffers_make(struct rt_device *d) {
  int e = pinned(d, &d->staging, d->live_bytes);
  if (!e && d->agree_at) e = pinned(d, &d->agreed, sizeof(struct dev_agree) + sizeof(struct dev_clock));
  if (!e && d->agreed) memset(d->agreed, 0, sizeof(struct dev_agree));
  for (int k = 0; !e && k < 2; k++) e = batch_make(d, &d->batches[k]);
  return e;
}

/* Tests have blocks of several sizes. */
static uint32_t threads_of_block(const struct rt_device *d) {
  const char *text = d->gpu.emulated ? getenv("NSL_EMULATED_BLOCK") : NULL;
  int n = text ? atoi(text) : 0;
  return n == 64 || n == 128 || n == 256 ? (uint32_t)n : DEV_THREADS;
}

static int launch(struct rt_device *d, const struct dev_launch *l) {
  return rt_gpu_launch(&d->gpu, l->function, l->blocks, d->threads, l->shared, d->block + l->args, d->stream, l->what);
}

/* Those of a trial of joint steps several times over. */
static int steps_launch(struct rt_device *d, uint32_t n) {
  int e = 0;
  for (uint32_t i = 0; !e && i < n * d->n_launches; i++) {
    uint32_t at = i % d->n_launches;
    for (uint32_t k = 0; at == d->trial_begin && at < d->trial_end && k < DEV_TRIALS - 1; k++)
      for (uint32_t j = at; !e && j < d->trial_end; j++) e = launch(d, &d->launches[j]);
    if (!e) e = launch(d, &d->launches[at]);
  }
  return e;
}

/* n steps that are sent off by one call. */
static int graph_make(struct rt_device *d, uint32_t n, struct rt_gpu_graph_exec **ret) {
  struct rt_gpu_graph *graph = NULL;
  int e = gpu_try(&d->gpu, cuStreamBeginCapture_v2, (d->stream, RT_GPU_CAPTURE_THREAD), "beginning the graph of a step");
  if (e) return e;
  e = steps_launch(d, n);
  int ended = gpu_try(&d->gpu, cuStreamEndCapture, (d->stream, &graph), "ending the graph of a step");
  e = e ? e : ended;
  if (!e) e = gpu_try(&d->gpu, cuGraphInstantiateWithFlags, (ret, graph, 0), "making the graph of a step ready");
  if (graph) d->gpu.driver.cuGraphDestroy(graph);
  return e;
}

static int fill(struct rt_device *d) {
  int e = rt_device_rows_write(d);
  if (!e) e = rt_device_events_write(d);
  if (!e) e = rt_device_late_write(d);
  if (!e) e = rt_device_carry_write(d);
  if (!e) e = rt_device_plastic_write(d);
  if (!e) e = rt_device_drives_write(d);
  if (!e) e = rt_device_tables(d);
  if (!e) e = rt_device_copy_to(d, d->tables_at, d->image.at, d->image.used, "tables");
  if (!e) e = rt_device_wait(d, "copying tables");
  if (!e) e = graph_make(d, 1, &d->one);
  return e ? e : graph_make(d, DEV_MANY, &d->many);
}

static int sim_take(struct rt_sim *s, struct rt_device **ret) {
  struct rt_mem mem = {0};
  int e = rt_device_refuse_model(s);
  struct rt_device *d = e ? NULL : rt_alloc(&mem, 1, sizeof *d);
  if (!d) return e ? e : NSL_EMEMORY;
  d->mem = mem;
  *ret = d;
  return 0;
}

static int sim_taken(struct rt_sim *s, struct rt_device *d, int e) {
  if (e) {
    struct rt_mem mem = d->mem; /* it lies there itself */
    rt_mem_free(&mem);
    return e;
  }
  d->s = s;
  d->threads = threads_of_block(d);
  s->device = d; /* rt_close drops it */
  return 0;
}

int rt_device_open(struct rt_sim *s, uint32_t kind, uint32_t gpu) {
  struct rt_device *d = NULL;
  int e = sim_take(s, &d);
  if (e) return e;
  const struct nsl_program *p = s->program;
  return sim_taken(s, d, rt_gpu_open(&d->gpu, (enum rt_device_kind)kind, gpu, p->n_devices, p->devices, p->n_kernels));
}

int rt_device_lend(struct rt_sim *s, const struct rt_gpu *gpu) {
  struct rt_device *d = NULL;
  int e = sim_take(s, &d);
  if (e) return e;
  d->gpu = *gpu;
  d->lent = true;
  return sim_taken(s, d, rt_gpu_use(gpu));
}

int rt_device_make(struct rt_sim *s) {
  struct rt_device *d = s->device;
  double began = rt_clock();
  int e = rt_device_refuse(s);
  if (!e) e = gpu_try(&d->gpu, cuStreamCreate, (&d->stream, RT_GPU_STREAM_OWN), "making a stream");
  if (!e) e = gpu_try(&d->gpu, cuStreamCreate, (&d->beside, RT_GPU_STREAM_OWN), "making a stream");
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
  const struct rt_gpu_driver *gpu = &d->gpu.driver;
  gpu->cuCtxSetCurrent(d->gpu.context);
  struct rt_gpu_graph_exec *graphs[] = {d->one, d->many};
  if (d->staging) gpu->cuMemFreeHost(d->staging);
  if (d->agreed) gpu->cuMemFreeHost(d->agreed);
  for (int k = 0; k < 2; k++) {
    const struct dev_batch *b = &d->batches[k];
    void *buffers[] = {b->say, b->masks, b->bad, b->looks};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
      if (buffers[i]) gpu->cuMemFreeHost(buffers[i]);
    if (b->computed) gpu->cuEventDestroy_v2(b->computed);
    if (b->done) gpu->cuEventDestroy_v2(b->done);
    if (graphs[k]) gpu->cuGraphExecDestroy(graphs[k]);
  }
  if (d->block) gpu->cuMemFree_v2(d->block);
  if (d->beside) gpu->cuStreamDestroy_v2(d->beside);
  if (d->stream) gpu->cuStreamDestroy_v2(d->stream);
  if (!d->lent) rt_gpu_close(&d->gpu);
  rt_drop(&d->given);
  rt_drop(&d->kept);
  rt_drop(&d->image.at);
  rt_mem_free(&d->pass);
  struct rt_mem mem = d->mem; /* it lies there itself */
  rt_mem_free(&mem);
  s->device = NULL;
}

/* ---- spikes of a batch */

uint64_t rt_device_spikes(const struct rt_device *d, const struct rt_slice *c, const uint64_t *row, uint32_t *ids, uint64_t end) {
  const uint64_t *mask = row + d->places[c->pop->index].mask_at;
  for (uint32_t k = 0; k < c->pop->within; k++, mask += c->pop->words)
    for (uint32_t w = c->first / 64; w < (c->first + c->count) / 64; w++)
      for (uint64_t m = mask[w]; m; m &= m - 1) ids[end++] = w * 64 + (uint32_t)__builtin_ctzll(m);
  return end;
}

static const uint64_t *mask_row(const struct rt_device *d, const struct dev_batch *b, uint64_t step) {
  return b->masks + (step & (DEV_BATCH - 1)) * d->mask_row;
}

/* The lists that a run on the processor would have; and how many synapses these spikes reach. */
static void lists_make(struct rt_device *d, const struct dev_batch *b, uint32_t n) {
  struct rt_sim *s = d->s;
  for (uint32_t k = 0; k < s->n_shards; k++) {
    struct rt_shard *h = &s->shards[k];
    uint64_t end = 0;
    for (uint32_t j = 0; j < n; j++)
      for (uint32_t i = 0; i < h->n_slices; i++) {
        const struct rt_slice *c = &h->slices[i];
        uint64_t begin = end;
        end = rt_device_spikes(d, c, mask_row(d, b, b->from + 1 + j), h->spikes[0].ids, end);
        for (; begin < end; begin++) h->delivery.n_delivered += d->degrees[d->degree0[c->pop->index] + h->spikes[0].ids[begin]];
        h->spikes[0].ends[(size_t)j * h->n_slices + i] = end;
      }
  }
}

/* The masks of all steps; both rings turn at a multiple of DEV_BATCH. */
static int masks_fetch(struct rt_device *d, const struct dev_batch *b) {
  uint64_t row = d->mask_row * 8, first = b->from + 1, head = DEV_BATCH - (first & (DEV_BATCH - 1));
  head = b->n < head ? b->n : head;
  int e = rt_device_copy_from(d, b->masks + (first & (DEV_BATCH - 1)) * d->mask_row, d->masks_at + (first & d->mask_mask) * row, head * row, "spikes");
  return e ? e : rt_device_copy_from(d, b->masks, d->masks_at + ((first + head) & d->mask_mask) * row, (b->n - head) * row, "spikes");
}

/* ---- what the host looks at */

static int look_take(struct rt_device *d, const struct dev_batch *b, uint32_t i) {
  struct rt_sim *s = d->s;
  uint64_t step = b->look_steps[i];
  rt_device_take(d, b->looks + i * d->live_bytes);
  rt_device_masks_take(d, mask_row(d, b, step), step);
  for (uint32_t k = 0; k < s->n_shards; k++) {
    struct rt_shard *h = &s->shards[k];
    if (step >= h->next_probe) rt_probes_step(h, step);
    if (step >= h->next_record) rt_record_step(h, step);
    if (step == h->next_digest) rt_digest_take(h, step);
  }
  return rt_record_full(s, step) ? rt_record_flush(s, step) : 0;
}

/* ---- values that are no numbers */

/* Which element, or synapse with states, a thread of a launch had. */
static bool thread_has(const struct rt_device *d, const struct dev_launch *l, uint32_t thread, struct rt_error_at *ret) {
  uint64_t block = thread / d->threads;
  if (l->kernel == NSL_NONE || (l->kind != DEV_STEP && l->kind != DEV_FINISH && l->kind != DEV_GATE)) return false;
  for (uint32_t i = 0; i < l->n_entries; i++) {
    ret->pop = l->entries[i].pop;
    const struct dev_gate_place *g = l->kind == DEV_GATE ? &d->gates[ret->pop] : NULL;
    uint64_t size = g ? g->n : d->s->pops[ret->pop].size, blocks = ((g ? g->count : d->s->pops[ret->pop].padded) + d->threads - 1) / d->threads;
    ret->inflow = g ? g->inflow : NULL;
    ret->synapse = block * d->threads + thread % d->threads;
    ret->element = (uint32_t)ret->synapse;
    if (block < blocks) return ret->synapse < size;
    block -= blocks;
  }
  return false;
}

static uint32_t states_of(const struct rt_device *d, const struct rt_error_at *at) {
  return at->inflow ? at->inflow->coupling->gating->class->n_states : d->s->pops[at->pop].class->n_states;
}

/* The first of an element's states that is not finite, as it was then. */
static void state_find(const struct rt_device *d, const struct dev_batch *b, uint32_t launch, struct rt_error_at *bad) {
  const uint64_t *states = b->bad + rt_device_wrong_at(d, launch);
  for (uint32_t i = states_of(d, bad); i-- > 0;) {
    double x;
    memcpy(&x, &states[i], sizeof x);
    if (x - x == 0) continue;
    bad->state = i;
    bad->value = x;
  }
}

/* A rate that makes no sense stands before states. */
static void rate_find(const struct rt_device *d, const struct dev_batch *b, const struct dev_draw *w, struct rt_error_at *bad) {
  const uint64_t *told = &b->bad[rt_device_rate_at(d, w)];
  struct rt_error_at other = {.step = *told >> 32, .drive = w->drive, .element = (uint32_t)*told};
  if (*told == UINT64_MAX || bad->step < other.step) return;
  if (bad->step == other.step && rt_bad_key(bad, 0) <= rt_bad_key(&other, 0)) return;
  bad->step = other.step;
  bad->drive = other.drive;
  bad->inflow = NULL;
  bad->element = other.element;
  memcpy(&bad->value, &told[1], sizeof bad->value);
}

/* The first of all: see rt_bad_key. Launches are in the order of a population's kernels. */
static void bad_find(struct rt_device *d, const struct dev_batch *b) {
  struct rt_error_at *bad = &d->s->shards[0].bad;
  for (uint32_t i = 0; i < d->n_draws; i++) rate_find(d, b, &d->draws[i], bad);
  for (uint32_t i = 0; i < d->n_launches; i++) {
    const struct dev_launch *l = &d->launches[i];
    uint64_t step = b->bad[i] >> 32;
    if (l->pace) step = (step + l->pace->pop->within - 1) / l->pace->pop->within * l->pace->pop->every;
    struct rt_error_at at = {.step = step, .stage = 2 * l->nth + (l->kind == DEV_FINISH)};
    if (b->bad[i] == UINT64_MAX || !thread_has(d, &d->launches[i], (uint32_t)b->bad[i], &at)) continue;
    if (bad->step < step || (bad->step == step && rt_bad_key(bad, 0) <= rt_bad_key(&at, 0))) continue;
    bad->step = step;
    bad->pop = at.pop;
    bad->element = at.element;
    bad->stage = at.stage;
    bad->drive = NULL;
    bad->inflow = at.inflow;
    bad->synapse = at.synapse;
    state_find(d, b, i, bad);
  }
}

/* ---- batches */

/* As many times through the launches of a step. */
static int passes_send(struct rt_device *d, uint64_t n) {
  int e = 0;
  for (; !e && n >= DEV_MANY; n -= DEV_MANY) e = gpu_try(&d->gpu, cuGraphLaunch, (d->many, d->stream), "computing steps");
  for (; !e && n; n--) e = gpu_try(&d->gpu, cuGraphLaunch, (d->one, d->stream), "computing a step");
  return e;
}

/* Up to the next look. A joint step may take several passes, so the device is asked how far it has come. */
static int steps_send(struct rt_device *d, uint64_t from, uint64_t until) {
  int e = 0;
  while (!e && from < until && !d->failed) {
    e = passes_send(d, until - from);
    from = until;
    if (!e && d->agree_at) e = rt_device_agreed(d, &from);
  }
  return e;
}

/* As many steps as there is room for, none behind the one where the run pauses. */
static int batch_send(struct rt_device *d, struct dev_batch *b, uint64_t from, uint64_t until) {
  const struct rt_sim *s = d->s;
  uint64_t n = until - from;
  if (s->pause_at > from && s->pause_at - from < n) n = s->pause_at - from;
  if (n > s->batch) n = s->batch;
  b->from = from;
  b->n = n > DEV_BATCH ? DEV_BATCH : (uint32_t)n;
  rt_device_looks_steps(d, b);
  int e = rt_device_drives_batch(d, b);
  for (uint32_t i = 0; !e && i < b->n_looks; i++) {
    e = steps_send(d, from, b->look_steps[i]);
    if (d->failed) b->n_looks = i;
    else if (!e) e = rt_device_look_fetch(d, b, i);
    from = b->look_steps[i];
  }
  if (!e) e = steps_send(d, from, b->from + b->n);
  if (d->failed) b->n = (uint32_t)(d->failed - 1 - b->from);
  if (!e) e = masks_fetch(d, b);
  if (!e) e = rt_device_copy_from(d, b->bad, d->bad_at, rt_device_bad_bytes(d), "what went wrong");
  return e ? e : rt_device_looks_end(d, b);
}

/* What the run on the processor does behind these steps. */
static int batch_take(struct rt_device *d, const struct dev_batch *b, uint32_t *ret_good) {
  struct rt_sim *s = d->s;
  int e = gpu_try(&d->gpu, cuEventSynchronize, (b->done), "computing steps");
  if (e) return e;
  if (b->bad[d->n_launches + DEV_BAD_LOST] != UINT64_MAX) /* see drive_most: no run has so many */
    return rt_fail(NSL_ECANNOT, "more events came in one step than the device has room for; run it with --device cpu");
  double began = rt_clock();
  bad_find(d, b);
  uint64_t bad = rt_bad_step(s, b->from + b->n);
  *ret_good = bad <= b->from + b->n ? (uint32_t)(bad - b->from - 1) : b->n;
  d->odd = b->bad[d->n_launches + DEV_BAD_SENT];
  if (d->odd >> 32 > b->from + *ret_good) d->odd = UINT64_MAX;
  if (d->odd != UINT64_MAX) *ret_good = (uint32_t)((d->odd >> 32) - b->from);
  lists_make(d, b, *ret_good);
  for (uint32_t i = 0; !e && i < b->n_looks && b->look_steps[i] <= b->from + *ret_good; i++) e = look_take(d, b, i);
  if (!e) e = rt_batch_end(s, b->from + 1, *ret_good, 0);
  s->output_s += rt_clock() - began;
  return e;
}

/* Does somebody want the run to end here? Nothing further is sent then. */
static bool ends(struct rt_sim *s, int *ret_why) {
  if (s->interrupt && *s->interrupt) *ret_why = NSL_ESTOPPED;
  return (s->pause && s->pause(s, s->step)) || *ret_why;
}

/* While the device computes a batch, the host takes the one before. */
static int batches_run(struct rt_device *d, uint64_t until, int *ret_why) {
  struct rt_sim *s = d->s;
  uint64_t sent = s->step;
  struct dev_batch *under_way = NULL;
  bool stops = false;
  int e = 0;
  for (uint32_t k = 0; !e; k ^= 1) {
    struct dev_batch *next = !stops && !d->failed && sent < until && !(s->pause_at && sent >= s->pause_at) ? &d->batches[k] : NULL;
    if (next && !(e = batch_send(d, next, sent, until))) sent = next->from + next->n;
    if (!e && !under_way && !next) break;
    uint32_t good = 0;
    if (!e && under_way && !(e = batch_take(d, under_way, &good))) {
      s->step += good;
      if (s->progress) s->progress(s, s->step);
      if (d->odd != UINT64_MAX) return rt_plastic_odd(&s->plastics[(uint32_t)d->odd], d->odd >> 32);
      if (good < under_way->n) break; /* what is under way means nothing */
      if (d->failed == s->step + 1) return rt_agree_fail(s, d->failed);
      stops |= ends(s, ret_why);
    }
    under_way = next;
  }
  return e ? e : rt_device_wait(d, "computing steps");
}

/* Where weights are recorded, the host's synapses are brought up to date. */
static int weights_run(struct rt_device *d, uint64_t until, int *ret_why) {
  struct rt_sim *s = d->s;
  int e = 0;
  for (uint64_t began = s->step, due; !e; began = s->step) {
    due = s->moves ? rt_weights_due(s, s->step) : RT_NO_STEP;
    e = batches_run(d, due < until ? due : until, ret_why);
    if (e || s->step != due || due >= until || *ret_why || s->step == began) break;
    e = rt_device_plastic_back(d);
    if (!e) e = rt_device_gates_move(d, false);
    if (!e) e = rt_device_wait(d, "copying synapses with states back");
    rt_mem_free(&d->pass);
    if (!e) e = rt_record_flush(s, due);
  }
  return e;
}

/* A caller that steps a simulation, and seldom looks at it. */
static bool stays(const struct rt_sim *s) { return s->stays && !s->moves && rt_bad_step(s, RT_NO_STEP - 1) == RT_NO_STEP; }

/* All comes back. What is under way is counted where it arrives: as if it had been emitted before, until it goes back. */
static int bring_back(struct rt_device *d) {
  struct rt_sim *s = d->s;
  uint64_t left = 0;
  int e = rt_device_download(d, d->known);
  if (rt_bad_step(s, RT_NO_STEP - 1) != RT_NO_STEP) return e; /* then the device has gone further than that, and its masks with it */
  if (!e) e = rt_device_left(s, &left);
  s->shards[0].delivery.n_delivered -= left;
  return e;
}

/* The host lets the device go on. */
static int hand_over(struct rt_device *d) {
  struct rt_sim *s = d->s;
  uint64_t left = 0;
  int e = d->there ? 0 : rt_device_upload(d);
  d->known = s->step;
  if (!e) e = rt_device_left(s, &left);
  s->shards[0].delivery.n_delivered += left;
  return e;
}

int rt_device_run(struct rt_sim *s, uint64_t until) {
  struct rt_device *d = s->device;
  double began = rt_clock(), cpu = rt_cpu_clock(), output = s->output_s;
  unsigned mode = rt_float_mode_flush();
  int why = 0, e = 0;
  d->began = s->step;
  e = rt_gpu_use(&d->gpu); /* which GPU is used is a matter of the thread */
  if (!e && !d->ahead) e = hand_over(d);
  if (!e) e = weights_run(d, until, &why);
  d->there = d->ahead = !e && stays(s);
  if (!e && !d->ahead) e = bring_back(d);
  rt_float_mode_restore(mode);
  s->simulate_cpu_s += rt_cpu_clock() - cpu;
  s->simulate_s += rt_clock() - began - (s->output_s - output);
  uint64_t bad = rt_bad_step(s, RT_NO_STEP - 1);
  if (!e && bad != RT_NO_STEP) return rt_bad_report(s, bad);
  if (!e && s->moves) e = rt_record_weights(s, s->step);
  if (!e && why == NSL_ESTOPPED && s->step < until)
    rt_fail(NSL_ESTOPPED, "interrupted at t = %.12g ms", (double)s->step * s->dt);
  return e ? e : why;
}

int rt_device_settle(struct rt_sim *s) {
  struct rt_device *d = s->device;
  if (!d || !d->ahead) return 0;
  unsigned mode = rt_float_mode_flush();
  int e = rt_gpu_use(&d->gpu);
  if (!e) e = bring_back(d);
  rt_float_mode_restore(mode);
  d->ahead = e != 0;
  return e;
}

int rt_device_look(struct rt_sim *s, const struct rt_pop *p, uint32_t state, uint32_t first, uint32_t count) {
  struct rt_device *d = s->device;
  if (!d || !d->ahead) return 0;
  const struct dev_place *at = &d->places[p->index];
  uint64_t from = (uint64_t)first * s->real_size;
  int e = rt_gpu_use(&d->gpu);
  if (!e) e = rt_device_copy_from(d, (char *)p->states[state] + from, at->states + state * at->real_stride + from, (uint64_t)count * s->real_size, "a state");
  return e ? e : rt_device_wait(d, "copying a state");
}
