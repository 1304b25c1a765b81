/* The way back through a network's run, on a device (runtime/device/back.c): fit_network_back.c of the processor, of which the arrays
 * here are copies, and whose sums have the same order.
 *
 * One block of memory holds what changes (adjoints, states, adjoints of what is under way), the tables with addresses, and the history
 * of a part of the run, which the run itself writes there (`track`). Its size is known when the tables are made with addresses that
 * are wrong; then they are made again. A step is a fixed list of launches, captured as a graph; the clock goes back by itself. What
 * has been found comes back to the processor's arrays behind each part.
 *
 * needs: the simulation is built, its device opened. gives: the same bits as rt_adjoint_back. */
#include <stdlib.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/fit_network_back.h"

enum { LINE = 64, LOOKS = 256 }; /* bytes; steps after which Ctrl-C is looked for */

struct place { /* of a population's cells: addresses */
  uint64_t adjoint, state, param, tape, counts, by;
  uint64_t stride; /* bytes */
  uint64_t *begin; /* buckets by cell */
  uint32_t *seats;
  uint64_t launches[2];
  uint64_t before; /* see struct dev_back_pop */
};

struct rt_adjoint_device {
  struct rt_mem mem;
  struct rt_gpu gpu;
  const struct rt_sim *s; /* while tables are made */
  const struct rt_adjoint *a;
  uint32_t threads;
  struct place *places;
  struct dev_back_bucket *buckets;
  uint32_t *targets;
  double *weights;
  size_t n_buckets, n_targets, n_weights, buckets_cap, targets_cap, weights_cap;
  uint64_t n_elements, *element0; /* by shard */
  rt_gpu_at block, tables, history;
  uint64_t used, table_bytes, history_bytes, step_bytes, part, n_steps;
  char *image; /* of the tables; NULL: they are counted */
  uint64_t image_used;
  uint64_t clock, args, *by_weights; /* by_weights: by projection */
  uint32_t blocks;
  bool failed, begun;
  struct rt_gpu_stream *stream;
  struct rt_gpu_graph_exec *one;
};

/* ---- rows, as the processor reads them backwards */

static int targets_add(struct rt_adjoint_device *d, const struct rt_shard *h, const struct rt_group *g, const uint64_t *bucket, uint32_t n, bool plain) {
  const struct rt_form *form = &rt_forms[g->form];
  int e = rt_grow(&d->targets, &d->targets_cap, d->n_targets + n, sizeof *d->targets);
  bool each = form->weight_bits || plain;
  if (!e && each) e = rt_grow(&d->weights, &d->weights_cap, d->n_weights + n, sizeof *d->weights);
  for (uint32_t i = 0; !e && i < n; i++) {
    struct rt_synapse x = rt_synapse_at(g->form, bucket, i);
    d->targets[d->n_targets++] = (uint32_t)(d->element0[h->index] + x.element);
    if (each) d->weights[d->n_weights++] = plain ? (double)(form->weight_bits ? x.grains * g->units : g->units) : (double)x.grains;
  }
  return e;
}

static bool has_four_sums(uint32_t form) {
  return form == RT_FORM_same64 || form == RT_FORM_narrow64 || form == RT_FORM_middle64 || form == RT_FORM_wide64;
}

static int row_add(struct rt_adjoint_device *d, const struct rt_shard *h, const struct rt_group *g, struct rt_row row) {
  bool plain = !has_four_sums(g->form);
  uint64_t at = row.at;
  int e = 0;
  for (uint32_t n = row.n, delay = row.delay; n && !e;) {
    const uint64_t *bucket = h->store + at;
    uint32_t next = (uint32_t)bucket[0];
    struct dev_back_bucket x = {.first = d->n_targets, .weight = rt_forms[g->form].weight_bits || plain ? d->n_weights : UINT64_MAX, .units = (double)g->units,
                                .n = n, .delay = delay, .port = g->nth, .how = (next ? 0 : DEV_BACK_LAST) | (plain ? DEV_BACK_PLAIN : 0)};
    if ((e = rt_grow(&d->buckets, &d->buckets_cap, d->n_buckets + 1, sizeof x))) break;
    d->buckets[d->n_buckets++] = x;
    e = targets_add(d, h, g, bucket, n, plain);
    at += rt_bucket_units(g->form, n);
    delay += (uint32_t)(bucket[0] >> 32);
    n = next;
  }
  return e;
}

static int cell_add(struct rt_adjoint_device *d, const struct rt_pop *p, uint32_t cell) {
  const struct rt_sim *s = d->s;
  int e = 0;
  for (uint32_t k = 0; !e && k < s->n_shards; k++) {
    const struct rt_row *rows = s->shards[k].rows + p->row0 + (uint64_t)cell * p->n_groups;
    for (uint32_t g = 0; !e && g < p->n_groups; g++)
      if (rows[g].n && p->groups[g].form != RT_APART && d->a->reached[p->groups[g].nth]) e = row_add(d, &s->shards[k], &p->groups[g], rows[g]);
  }
  return e;
}

static int seats_find(struct rt_adjoint_device *d, const struct rt_pop *p, struct place *at) {
  if (!(at->seats = rt_alloc(&d->mem, p->padded, sizeof *at->seats))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < p->n_parts; i++) {
    const struct rt_slice *c = &d->s->shards[p->parts[i].shard].slices[p->parts[i].slice];
    for (uint32_t e = 0; e < c->count; e++) at->seats[c->first + e] = (uint32_t)(d->element0[p->parts[i].shard] + c->base + e);
  }
  return 0;
}

static int rows_find(struct rt_adjoint_device *d) {
  const struct rt_sim *s = d->s;
  int e = 0;
  if (!(d->element0 = rt_alloc(&d->mem, s->n_shards + 1ull, sizeof *d->element0))) return NSL_EMEMORY;
  for (uint32_t k = 0; k < s->n_shards; k++) {
    d->element0[k] = d->n_elements;
    d->n_elements += s->shards[k].n_elements;
  }
  if (d->n_elements > UINT32_MAX) return rt_fail(NSL_ECANNOT, "the network has more than 4294967295 elements, which is the most on a device");
  for (uint32_t i = 0; !e && i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    struct place *at = &d->places[i];
    e = seats_find(d, p, at);
    if (e || !d->a->cells[i].def || !p->n_groups) continue;
    if (!(at->begin = rt_alloc(&d->mem, p->size + 1ull, sizeof *at->begin))) return NSL_EMEMORY;
    for (uint32_t cell = 0; !e && cell < p->size; cell++) {
      at->begin[cell] = d->n_buckets;
      e = cell_add(d, p, cell);
    }
    at->begin[p->size] = d->n_buckets;
  }
  return e;
}

/* ---- memory: what changes first, then the tables, then the history */

static uint64_t reserve(struct rt_adjoint_device *d, uint64_t bytes) {
  uint64_t at = d->block + d->used;
  d->used += (bytes + LINE - 1) / LINE * LINE;
  return at;
}

static uint64_t put(struct rt_adjoint_device *d, const void *data, uint64_t bytes) {
  uint64_t at = d->image_used;
  d->image_used += (bytes + LINE) / LINE * LINE;
  if (d->image && data) memcpy(d->image + at, data, bytes);
  d->failed |= !data && bytes;
  return d->tables + at;
}
#define PUT(d, list, n) ((void *)(uintptr_t)put(d, list, (uint64_t)(n) * sizeof *(list)))
#define AT(address) ((void *)(uintptr_t)(address))

/* A list of n for a table, zeroed. */
static void *list_new(struct rt_adjoint_device *d, uint64_t n, uint64_t size) {
  void *list = rt_alloc(&d->mem, n + 1, size);
  d->failed |= !list;
  return list;
}

static void place_make(struct rt_adjoint_device *d, const struct rt_pop *p) {
  const struct rt_adjoint_cells *c = &d->a->cells[p->index];
  const struct nsl_net_back *def = c->def;
  struct place *at = &d->places[p->index];
  at->stride = (uint64_t)p->padded * sizeof(double);
  at->adjoint = reserve(d, (def->n_states + def->n_active) * at->stride);
  at->state = reserve(d, def->n_states * at->stride);
  at->param = reserve(d, def->n_params * at->stride);
  at->tape = reserve(d, def->n_tape * at->stride);
  at->counts = reserve(d, c->n_sums * d->n_steps * sizeof(double));
  at->by = reserve(d, def->n_by * sizeof(double));
}

/* ---- arguments of the generated kernels: an env for each NSL_MARCH_LANES elements, whose slots begin with these */

static uint64_t slot_at(const struct rt_adjoint_device *d, const struct place *at, const struct nsl_binding *b, uint64_t states, uint64_t lane) {
  switch (b->kind) {
    case NSL_SLOT_STATE: return states + b->index * at->stride + lane;
    case NSL_SLOT_PARAM: return at->param + b->index * at->stride + lane;
    case NSL_SLOT_TAPE: return at->tape + b->index * at->stride + lane;
    case NSL_SLOT_SAMPLE: return at->counts + b->index * d->n_steps * sizeof(double);
    default: return 0; /* uniforms are no arrays */
  }
}

static struct nsl_env *kernel_put(struct rt_adjoint_device *d, const struct rt_pop *p, const struct nsl_code *code, uint64_t states, rt_gpu_at globals,
                                  uint64_t *ret_args) {
  const struct place *at = &d->places[p->index];
  uint32_t n = p->padded / NSL_MARCH_LANES, n_slots = code->n_bindings + 1;
  struct nsl_env *envs = list_new(d, n, sizeof *envs);
  uint64_t *slots = list_new(d, (uint64_t)n * n_slots, sizeof *slots);
  uint32_t *stopped = list_new(d, n, sizeof *stopped);
  if (!envs || !slots || !stopped) return NULL;
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = 0; k < code->n_bindings; k++) slots[(uint64_t)i * n_slots + k] = slot_at(d, at, &code->bindings[k], states, i * NSL_MARCH_LANES * sizeof(double));
  uint64_t slots_at = put(d, slots, (uint64_t)n * n_slots * sizeof *slots);
  for (uint32_t i = 0; i < n; i++)
    envs[i] = (struct nsl_env){.slots = AT(slots_at + (uint64_t)i * n_slots * sizeof *slots), .u = AT(globals + (uint64_t)(p->u - d->s->G) * sizeof *p->u),
                               .steps = 1, .count = NSL_MARCH_LANES, .dt = d->s->dt};
  struct nsl_env *envs_at = PUT(d, envs, n);
  struct nsl_march_launch launch = {envs_at, PUT(d, stopped, n), n};
  *ret_args = put(d, &launch, sizeof launch);
  return envs_at;
}

/* ---- what a step has read, and what is made of it */

static bool of_step(const struct nsl_back_param *p) { return p->kind == NSL_BACK_PORT || p->kind == NSL_BACK_INPUT; }

static void reads_put(struct rt_adjoint_device *d, const struct rt_pop *p, struct dev_back_pop *to) {
  const struct rt_adjoint_cells *c = &d->a->cells[p->index];
  const struct nsl_net_back *def = c->def;
  const struct place *at = &d->places[p->index];
  struct dev_back_copy *copies = list_new(d, c->n_states + def->n_params, sizeof *copies);
  struct dev_back_mask *masks = list_new(d, def->n_params, sizeof *masks);
  double **zeros = list_new(d, def->n_active, sizeof *zeros);
  struct dev_back_due *dues = list_new(d, def->n_active, sizeof *dues);
  if (d->failed) return;
  for (uint32_t i = 0; i < c->n_states; i++) copies[to->n_copies++] = (struct dev_back_copy){AT(at->state + i * at->stride), i};
  for (uint32_t i = 0; i < def->n_params; i++) {
    double *param = AT(at->param + i * at->stride);
    uint32_t index = def->params[i].index;
    switch ((enum nsl_back_kind)def->params[i].kind) {
      case NSL_BACK_UNIFORM:
      case NSL_BACK_PARAM: break; /* always the same */
      case NSL_BACK_PORT: copies[to->n_copies++] = (struct dev_back_copy){param, c->n_states + index}; break;
      case NSL_BACK_INPUT: copies[to->n_copies++] = (struct dev_back_copy){param, c->n_states + p->class->n_ports + index}; break;
      case NSL_BACK_HELD: masks[to->n_unpacked++] = (struct dev_back_mask){param, (uint64_t)index * p->words}; break;
      case NSL_BACK_PREV: masks[to->n_unpacked++] = (struct dev_back_mask){param, (uint64_t)p->class->n_holds * p->words}; break;
    }
  }
  for (uint32_t i = 0; i < def->n_active; i++) {
    double *adjoint = AT(at->adjoint + (def->n_states + i) * at->stride);
    if (of_step(&def->params[i])) zeros[to->n_zeros++] = adjoint;
    if (def->params[i].kind == NSL_BACK_PORT)
      dues[to->n_dues++] = (struct dev_back_due){adjoint, d->s->ports[p->port0 + def->params[i].index].unit, def->params[i].index};
  }
  to->copies = PUT(d, copies, to->n_copies);
  to->unpacked = PUT(d, masks, to->n_unpacked);
  to->zeros = PUT(d, zeros, to->n_zeros);
  to->dues = PUT(d, dues, to->n_dues);
}

static void weights_put(struct rt_adjoint_device *d, const struct rt_pop *p, struct dev_back_pop *to) {
  struct dev_back_weights *list = list_new(d, d->a->n_weights, sizeof *list);
  for (uint32_t i = 0; list && i < d->a->n_weights; i++) {
    const struct rt_adjoint_weights *w = &d->a->weights[i];
    const struct rt_trained *t = w->of;
    if (t->source != p->index) continue;
    uint32_t *seats = list_new(d, t->n, sizeof *seats);
    for (uint64_t k = 0; seats && k < t->n; k++) seats[k] = (uint32_t)(d->element0[w->seats[t->to[k]].shard] + w->seats[t->to[k]].at);
    d->by_weights[i] = reserve(d, t->n * sizeof(double));
    list[to->n_weights++] = (struct dev_back_weights){.begin = PUT(d, t->begin, t->sn + 1ull), .to = PUT(d, seats, t->n),
                                                      .delays = t->delay ? PUT(d, t->delay, t->n) : NULL, .by = AT(d->by_weights[i]), .s0 = t->s0, .sn = t->sn,
                                                      .delay = t->delay_steps, .port = t->port};
  }
  to->weights = PUT(d, list, to->n_weights);
}

static struct dev_back_pop pop_of(struct rt_adjoint_device *d, const struct rt_pop *p, rt_gpu_at globals) {
  const struct rt_adjoint_cells *c = &d->a->cells[p->index];
  struct place *at = &d->places[p->index];
  place_make(d, p);
  struct dev_back_pop to = {.spikes = AT(at->state + c->n_states * at->stride), .slopes = AT(at->state + (c->n_states + 1) * at->stride),
                            .spike = AT(at->adjoint + c->n_states * at->stride), .size = p->size, .padded = p->padded, .before = at->before,
                            .row = (uint64_t)(c->n_states + p->class->n_ports + p->class->n_inputs) * p->padded,
                            .mask_row = (uint64_t)(p->class->n_holds + 1) * p->words};
  to.envs[0] = kernel_put(d, p, &c->def->record, at->state, globals, &at->launches[0]);
  to.envs[1] = kernel_put(d, p, &c->def->back, at->adjoint, globals, &at->launches[1]);
  if (at->begin) to.begin = PUT(d, at->begin, p->size + 1ull);
  to.seats = PUT(d, at->seats, p->padded);
  reads_put(d, p, &to);
  weights_put(d, p, &to);
  return to;
}

/* Of what arrives at a port, or an input, the derivatives by free parameters: their products with its adjoint. */
static uint64_t sums_of(struct rt_adjoint_device *d, const struct rt_pop *p, struct dev_back_sum *list) {
  const struct rt_adjoint_cells *c = &d->a->cells[p->index];
  const struct nsl_net_back *def = c->def;
  const struct place *at = &d->places[p->index];
  uint32_t n_free = def->n_active ? def->n_by / def->n_active : 0;
  uint64_t n = 0;
  for (uint32_t i = 0; i < def->n_active; i++)
    for (uint32_t k = 0; of_step(&def->params[i]) && k < n_free; k++) {
      uint64_t nth = (uint64_t)i * n_free + k;
      uint32_t of = def->by[nth];
      if (of == NSL_NONE) continue;
      uint64_t quantity = c->n_states + (def->params[i].kind == NSL_BACK_PORT ? of : p->class->n_ports + of);
      if (list)
        list[n] = (struct dev_back_sum){AT(at->adjoint + (def->n_states + i) * at->stride), AT(at->by + nth * sizeof(double)), quantity, p->index, 0};
      n++;
    }
  return n;
}

static void cover_put(struct rt_adjoint_device *d, struct dev_back *to) {
  const struct rt_sim *s = d->s;
  uint64_t n = 0, all = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) all += (s->pops[i].padded + d->threads - 1) / d->threads;
  uint32_t *pops = list_new(d, all, sizeof *pops), *first = list_new(d, all, sizeof *first);
  for (uint32_t i = 0; pops && first && i < s->n_pops; i++)
    for (uint32_t e = 0; d->a->cells[i].def && e < s->pops[i].padded; e += d->threads) pops[n] = i, first[n++] = e;
  to->pop_of_block = PUT(d, pops, n);
  to->first_of_block = PUT(d, first, n);
  d->blocks = (uint32_t)n;
}

static void tables_make(struct rt_adjoint_device *d) {
  const struct rt_sim *s = d->s;
  const struct rt_adjoint *a = d->a;
  d->used = d->image_used = 0;
  d->clock = reserve(d, sizeof(struct dev_back_clock));
  struct dev_back to = {.clock = AT(d->clock), .history = AT(d->history), .mask = a->mask, .n_ports = a->n_ports, .n_elements = d->n_elements};
  to.due = AT(reserve(d, (a->mask + 1) * a->n_ports * d->n_elements * sizeof(double)));
  rt_gpu_at globals = put(d, s->G, s->x->n_globals * sizeof *s->G);
  struct dev_back_pop *pops = list_new(d, s->n_pops, sizeof *pops);
  uint64_t n = 0;
  for (uint32_t i = 0; pops && !d->failed && i < s->n_pops; i++)
    if (a->cells[i].def) pops[i] = pop_of(d, &s->pops[i], globals), to.n_sums += sums_of(d, &s->pops[i], NULL);
  struct dev_back_sum *sums = list_new(d, to.n_sums, sizeof *sums);
  for (uint32_t i = 0; sums && !d->failed && i < s->n_pops; i++)
    if (a->cells[i].def) n += sums_of(d, &s->pops[i], sums + n);
  cover_put(d, &to);
  to.pops = PUT(d, pops, s->n_pops);
  to.sums = PUT(d, sums, to.n_sums);
  to.buckets = PUT(d, d->buckets, d->n_buckets);
  to.targets = PUT(d, d->targets, d->n_targets);
  to.weights = PUT(d, d->weights, d->n_weights);
  d->args = put(d, &to, sizeof to);
}

/* ---- making it */

static int step_capture(struct rt_adjoint_device *d) {
  const struct rt_sim *s = d->s;
  const enum dev_function own[] = {DEV_FN_back_begin, DEV_FN_back_send, DEV_FN_back_end};
  const char *what = "going back through a step";
  int e = 0;
  for (int k = 0; !e && k < 5; k++) { /* own, generated, own, generated, own */
    struct rt_gpu_function *function = NULL;
    if (k % 2 == 0) {
      e = rt_gpu_function(&d->gpu, own[k / 2], &function);
      if (!e && d->blocks) e = rt_gpu_launch(&d->gpu, function, d->blocks, d->threads, 0, d->args, d->stream, what);
      continue;
    }
    for (uint32_t i = 0; !e && i < s->n_pops; i++) {
      const struct nsl_net_back *def = d->a->cells[i].def;
      if (!def) continue;
      e = rt_gpu_kernel(&d->gpu, k == 1 ? def->record.kernel : def->back.kernel, &function);
      if (!e) e = rt_gpu_launch(&d->gpu, function, (s->pops[i].padded + d->threads - 1) / d->threads, d->threads, 0, d->places[i].launches[k / 2], d->stream, what);
    }
  }
  return e;
}

static int graph_make(struct rt_adjoint_device *d) {
  struct rt_gpu_graph *graph = NULL;
  int e = gpu_try(&d->gpu, cuStreamBeginCapture_v2, (d->stream, RT_GPU_CAPTURE_THREAD), "beginning the graph of a step back");
  if (e) return e;
  e = step_capture(d);
  int ended = gpu_try(&d->gpu, cuStreamEndCapture, (d->stream, &graph), "ending the graph of a step back");
  e = e ? e : ended;
  if (!e) e = gpu_try(&d->gpu, cuGraphInstantiateWithFlags, (&d->one, graph, 0), "making the graph of a step back ready");
  if (graph) d->gpu.driver.cuGraphDestroy(graph);
  return e;
}

static int wait(struct rt_adjoint_device *d) { return gpu_try(&d->gpu, cuStreamSynchronize, (d->stream), "going back through the run"); }

/* As much of the history as its share of the memory holds, a step of it at least. */
static int block_make(struct rt_adjoint_device *d, double share) {
  uint64_t free, rest = d->used + d->image_used;
  int e = rt_gpu_memory_free(&d->gpu, &free);
  if (e) return e;
  double room = share * (double)free - (double)rest, steps = d->step_bytes ? room / (double)d->step_bytes : (double)d->n_steps;
  if (steps < 1)
    return rt_fail(NSL_EMEMORY, "reverse mode of this network needs %.3g MB on the device beside the run itself, more than %.3g: run it with --device cpu",
                   (double)(rest + d->step_bytes) / 1e6, share * (double)free / 1e6);
  d->part = steps < (double)d->n_steps ? (uint64_t)steps : d->n_steps;
  d->history_bytes = d->part * d->step_bytes;
  e = gpu_try(&d->gpu, cuMemAlloc_v2, (&d->block, rest + d->history_bytes + LINE), "allocating %.3f GB for the way back", (double)(rest + d->history_bytes) / 1e9);
  d->tables = d->block + d->used;
  d->history = d->tables + d->image_used;
  return e;
}

static int tables_write(struct rt_adjoint_device *d) {
  if (!(d->image = rt_alloc(&d->mem, d->image_used + 1, 1))) return NSL_EMEMORY;
  tables_make(d);
  if (d->failed) return NSL_EMEMORY;
  int e = gpu_try(&d->gpu, cuMemsetD8Async, (d->block, 0, d->used, d->stream), "clearing adjoints");
  if (!e) e = gpu_try(&d->gpu, cuMemcpyHtoDAsync_v2, (d->tables, d->image, d->image_used, d->stream), "copying tables");
  if (!e) e = wait(d);
  rt_drop(&d->buckets);
  rt_drop(&d->targets);
  rt_drop(&d->weights);
  return e ? e : graph_make(d);
}

static int device_make(struct rt_adjoint_device *d, double share) {
  const struct rt_sim *s = d->s;
  d->places = rt_alloc(&d->mem, s->n_pops + 1ull, sizeof *d->places);
  d->by_weights = rt_alloc(&d->mem, d->a->n_weights + 1ull, sizeof *d->by_weights);
  if (!d->places || !d->by_weights) return NSL_EMEMORY;
  d->step_bytes = (uint64_t)rt_track_bytes(s);
  d->n_steps = s->n_steps;
  uint64_t before = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    const struct rt_adjoint_cells *c = &d->a->cells[i];
    d->places[i].before = before;
    if (c->def) before += (uint64_t)(c->n_states + p->class->n_ports + p->class->n_inputs) * p->padded + (uint64_t)(p->class->n_holds + 1) * p->words;
  }
  int e = rows_find(d);
  if (!e) tables_make(d);
  if (!e && d->failed) e = NSL_EMEMORY;
  if (!e) e = gpu_try(&d->gpu, cuStreamCreate, (&d->stream, RT_GPU_STREAM_OWN), "making a stream");
  if (!e) e = block_make(d, share);
  return e ? e : tables_write(d);
}

int rt_adjoint_device_make(struct rt_adjoint *a, const struct rt_sim *s, double share) {
  struct rt_mem mem = {0};
  struct rt_adjoint_device *d = rt_alloc(&mem, 1, sizeof *d);
  if (!d) return NSL_EMEMORY;
  d->mem = mem;
  d->gpu = s->device->gpu;
  d->threads = s->device->threads;
  d->s = s;
  d->a = a;
  a->device = d;
  return device_make(d, share);
}

uint64_t rt_adjoint_device_part(const struct rt_adjoint_device *d) { return d->part; }
double *rt_adjoint_device_room(const struct rt_adjoint_device *d) { return AT(d->history); }
uint64_t rt_adjoint_device_bytes(const struct rt_adjoint_device *d) { return d->used + d->image_used + d->history_bytes; }

void rt_adjoint_device_drop(struct rt_adjoint_device *d) {
  if (!d) return;
  const struct rt_gpu_driver *g = &d->gpu.driver;
  if (d->one) g->cuGraphExecDestroy(d->one);
  if (d->block) g->cuMemFree_v2(d->block);
  if (d->stream) g->cuStreamDestroy_v2(d->stream);
  rt_drop(&d->buckets);
  rt_drop(&d->targets);
  rt_drop(&d->weights);
  struct rt_mem mem = d->mem; /* it lies there itself */
  rt_mem_free(&mem);
}

/* ---- going back */

static int up(struct rt_adjoint_device *d, uint64_t to, const void *from, uint64_t bytes) {
  return bytes ? gpu_try(&d->gpu, cuMemcpyHtoDAsync_v2, (to, from, bytes, d->stream), "copying adjoints") : 0;
}

static int back(struct rt_adjoint_device *d, void *to, uint64_t from, uint64_t bytes) {
  return bytes ? gpu_try(&d->gpu, cuMemcpyDtoHAsync_v2, (to, from, bytes, d->stream), "copying adjoints back") : 0;
}

/* What counts of each sum, step by step. */
static int counts_up(struct rt_adjoint_device *d, const struct rt_adjoint_cells *c, const struct place *at) {
  double *counts = rt_alloc(&d->mem, c->n_sums * d->n_steps + 1, sizeof *counts);
  if (!counts) return NSL_EMEMORY;
  for (uint32_t k = 0; k < c->n_sums; k++)
    for (uint64_t step = 1; step <= d->n_steps; step++) {
      const struct rt_counted *q = &c->sums[k];
      counts[k * d->n_steps + step - 1] = q->at != RT_NO_STEP ? step == q->at : step > q->after && step <= q->until;
    }
  return up(d, at->counts, counts, c->n_sums * d->n_steps * sizeof *counts);
}

/* Before the last part: adjoints of what is measured, and what is always the same. */
static int seeds_up(struct rt_adjoint_device *d, const struct rt_sim *s) {
  int e = 0;
  for (uint32_t q = 0; !e && q < s->n_pops; q++) {
    const struct rt_adjoint_cells *c = &d->a->cells[q];
    const struct place *at = &d->places[q];
    if (!c->def) continue;
    for (uint32_t i = 0; !e && i < c->def->n_states + c->def->n_active; i++) e = up(d, at->adjoint + i * at->stride, c->adjoint[i], at->stride);
    for (uint32_t i = 0; !e && i < c->def->n_params; i++) {
      const struct nsl_back_param *p = &c->def->params[i];
      if (p->kind == NSL_BACK_UNIFORM) e = up(d, at->param + i * at->stride, c->param[i], at->stride);
      if (p->kind == NSL_BACK_PARAM) e = up(d, at->param + i * at->stride, s->pops[q].params[p->index], at->stride);
    }
    if (!e) e = counts_up(d, c, at);
  }
  return e ? e : wait(d);
}

static int found_back(struct rt_adjoint_device *d, const struct rt_sim *s) {
  int e = 0;
  for (uint32_t q = 0; !e && q < s->n_pops; q++) {
    const struct rt_adjoint_cells *c = &d->a->cells[q];
    const struct place *at = &d->places[q];
    if (!c->def) continue;
    for (uint32_t i = 0; !e && i < c->def->n_states + c->def->n_active; i++) e = back(d, c->adjoint[i], at->adjoint + i * at->stride, at->stride);
    if (!e) e = back(d, c->by, at->by, c->def->n_by * sizeof *c->by);
  }
  for (uint32_t i = 0; !e && i < d->a->n_weights; i++) e = back(d, d->a->weights[i].by, d->by_weights[i], d->a->weights[i].of->n * sizeof(double));
  return e ? e : wait(d);
}

int rt_adjoint_device_back(struct rt_adjoint *a, const struct rt_sim *s) {
  struct rt_adjoint_device *d = a->device;
  const struct rt_track *t = s->track;
  struct dev_back_clock clock = {.step = t->to, .from = t->from, .n = t->to - t->from};
  int e = d->begun ? 0 : seeds_up(d, s);
  d->begun = true;
  if (!e) e = up(d, d->clock, &clock, sizeof clock);
  for (uint64_t done = 0; !e && done < clock.n; done++) {
    e = gpu_try(&d->gpu, cuGraphLaunch, (d->one, d->stream), "going back through a step");
    if (e || (done + 1) % LOOKS) continue;
    e = wait(d);
    if (!e && s->interrupt && *s->interrupt) e = rt_fail(NSL_ESTOPPED, "stopped");
  }
  return e ? e : found_back(d, s);
}
