/* A wave: walks of one march that run together on a device, in a fixed list of launches.
 *
 * The block's visible part is made on the host and copied at once: rooms (params, lags, states behind `begin`, which runs here), adjoints,
 * and for every launch an env for each walk. Forwards a walk goes in calls of RT_CALL steps, as on the processor, and is stopped behind
 * the call in which all its lanes diverge, so that its sums are the same there. Backwards it goes by segments, counted from its end, so
 * that walks of any length record and go back together; what is kept of segments, and the tapes, never leave the device. */
#include <stdatomic.h>
#include <string.h>

#include "runtime/device/args.h"
#include "runtime/error.h"
#include "runtime/fit_device.h"
#include "runtime/threads.h"

enum { ALIGN = 256, MOVE_THREADS = 256, MOVE_BLOCKS = 4, DIVERGE_THREADS = 64, MOST_THREADS = 128, LEAST_THREADS = 32 };

/* ---- where everything lies */

static uint64_t take(struct fit_wave *w, uint64_t bytes) {
  uint64_t at = w->bytes;
  w->bytes += (bytes + ALIGN - 1) / ALIGN * ALIGN;
  return at;
}

static uint64_t n_steps(const struct fit_wave *w, const struct fit_walk *k) { return w->d->f->traces[k->task->trace].n_steps; }

static struct fit_calls calls_plan(struct fit_wave *w, const struct nsl_code *code, uint64_t n_envs, uint64_t n_calls) {
  struct fit_calls c = {.code = code, .n_envs = n_envs, .n_calls = n_calls};
  c.slots = take(w, n_envs * code->n_bindings * sizeof(void *));
  c.lags = take(w, n_envs * code->n_bindings * sizeof(void *));
  c.envs = take(w, n_calls * n_envs * sizeof(struct nsl_env));
  c.launches = take(w, n_calls * sizeof(struct nsl_march_launch));
  return c;
}

static void lengths_plan(struct fit_wave *w) {
  uint64_t longest = 0;
  w->n_runs = 0;
  w->steps = w->segments = 1;
  for (uint32_t i = 0; i < w->n; i++) {
    struct fit_walk *k = &w->walks[i];
    if (n_steps(w, k) > w->steps) w->steps = n_steps(w, k);
    if (!w->back) continue;
    k->runs = rt_back_runs(k->task);
    w->n_runs += k->runs;
    if (k->sizes.segments > w->segments) w->segments = k->sizes.segments;
    if (k->sizes.segments > 1 && k->sizes.segment > longest) longest = k->sizes.segment;
  }
  w->segment_calls = (longest + RT_CALL - 1) / RT_CALL;
}

/* Tables of all launches: which there are, is found by lengths alone. */
static void launches_plan(struct fit_wave *w) {
  uint64_t most = w->n > w->n_runs ? w->n : w->n_runs;
  if (w->back) {
    w->forth = calls_plan(w, &w->form->march, w->n, (w->segments - 1) * w->segment_calls);
    w->record = calls_plan(w, &w->way.back->record, w->n, w->segments);
    w->backwards = calls_plan(w, &w->way.back->back, w->n_runs, w->segments);
    w->moves = take(w, 2 * (w->segments - 1) * (sizeof(struct dev_moves) + 2 * w->n * sizeof(struct dev_move)));
  } else {
    w->forth = calls_plan(w, &w->form->march, w->n, (w->steps + RT_CALL - 1) / RT_CALL);
    w->diverge = take(w, sizeof(struct dev_diverge));
    w->sums = take(w, w->m->def->n_terms * sizeof(uint32_t));
  }
  w->stopped = take(w, most * sizeof(uint32_t));
}

static void own_plan(struct fit_wave *w) {
  for (uint32_t i = 0; i < w->n; i++) w->walks[i].adjoint_rings = take(w, w->walks[i].sizes.rings * w->walks[i].runs * sizeof(double));
  w->adjoint_ring_bytes = w->bytes - w->adjoint_rings;
  for (uint32_t i = 0; i < w->n; i++) {
    struct fit_walk *k = &w->walks[i];
    k->kept = take(w, (k->sizes.segments - 1) * k->sizes.kept * sizeof(double));
    k->tape = take(w, k->sizes.tape * w->way.back->n_tape * RT_BLOCK * sizeof(double));
  }
}

void rt_fit_wave_plan(struct fit_wave *w) {
  const struct rt_march *m = w->m;
  w->lags = (2 * (uint64_t)w->d->f->def->n_free + 1) * RT_BLOCK * sizeof(double);
  w->states = w->lags + (uint64_t)m->def->n_lags * RT_BLOCK * sizeof(int64_t);
  w->row = w->states + (uint64_t)w->form->n_states * RT_BLOCK * sizeof(double);
  w->ring_bytes = (uint64_t)w->form->n_rings * (m->ring_mask + 1) * RT_BLOCK * sizeof(double);
  w->bytes = 0;
  lengths_plan(w);
  w->rooms = take(w, w->n * w->row);
  for (uint32_t i = 0; w->back && i < w->n; i++)
    w->walks[i].adjoints = take(w, w->walks[i].sizes.adjoints * w->walks[i].runs * sizeof(double));
  launches_plan(w);
  w->visible = w->bytes;
  w->rings = take(w, w->n * w->ring_bytes);
  w->adjoint_rings = w->bytes;
  if (w->back) own_plan(w);
  w->bytes += ALIGN;
}

static void *here(const struct fit_wave *w, uint64_t at) { return w->d->staging + at; }
static void *there(const struct fit_wave *w, uint64_t at) { return (void *)(uintptr_t)(w->d->block + at); }

/* ---- tables */

/* The room of a walk, here or there. */
static struct rt_room room_of(const struct fit_wave *w, uint32_t walk, void *(*at)(const struct fit_wave *, uint64_t)) {
  uint64_t room = w->rooms + walk * w->row;
  return (struct rt_room){.params = at(w, room), .lags = at(w, room + w->lags), .states = at(w, room + w->states)};
}

/* As the kernels see it: the run `run` of its way back, or (NSL_NONE) the walk itself. */
static struct rt_walk walk_there(const struct fit_wave *w, uint32_t walk, uint32_t run) {
  const struct fit_walk *k = &w->walks[walk];
  struct rt_room r = room_of(w, walk, there);
  r.rings = there(w, w->rings + walk * w->ring_bytes);
  if (run != NSL_NONE) {
    r.states = there(w, k->adjoints + run * k->sizes.adjoints * sizeof(double));
    r.rings = there(w, k->adjoint_rings + run * k->sizes.rings * sizeof(double));
  }
  struct rt_walk v = rt_walk_in(w->d->f, w->m, w->form, k->task->trace, &r);
  v.sweep = &w->sweeps[k->task->trace];
  if (w->back) v.tape = there(w, k->tape), v.tape_row = (uint64_t)w->way.back->n_tape * RT_BLOCK;
  return v;
}

static void slots_put(const struct fit_wave *w, const struct fit_calls *c, uint64_t env, struct rt_walk *v) {
  uint64_t at = env * c->code->n_bindings * sizeof(void *);
  v->slots = here(w, c->slots + at);
  v->lag_at = here(w, c->lags + at);
  rt_walk_slots(v, c->code);
}

/* Steps [done, done + steps) of an env, in a call. */
static void env_put(const struct fit_wave *w, const struct fit_calls *c, uint64_t call, uint64_t env, const struct rt_walk *v,
                    uint64_t done, uint64_t steps) {
  const struct rt_sim *s = w->d->f->s;
  struct rt_walk at = *v;
  at.done = done < v->n_steps ? done : v->n_steps;
  uint64_t slots = env * c->code->n_bindings * sizeof(void *);
  struct nsl_env e = rt_walk_env(&at, steps);
  e.slots = there(w, c->slots + slots);
  e.lags = there(w, c->lags + slots);
  e.u = (double *)(uintptr_t)(w->d->fixed + (uint64_t)(w->m->u - s->G) * sizeof(double));
  ((struct nsl_env *)here(w, c->envs))[call * c->n_envs + env] = e;
}

static void launches_put(const struct fit_wave *w, const struct fit_calls *c) {
  struct nsl_march_launch *all = here(w, c->launches);
  for (uint64_t i = 0; i < c->n_calls; i++)
    all[i] = (struct nsl_march_launch){there(w, c->envs + i * c->n_envs * sizeof(struct nsl_env)), there(w, w->stopped), c->n_envs};
}

/* Forwards, all steps. */
static void forth_put(const struct fit_wave *w, uint32_t walk) {
  struct rt_walk v = walk_there(w, walk, NSL_NONE);
  slots_put(w, &w->forth, walk, &v);
  for (uint64_t i = 0; i < w->forth.n_calls; i++) env_put(w, &w->forth, i, walk, &v, i * RT_CALL, RT_CALL);
}

/* Forwards to the begin of its last segment, segment by segment. */
static void segments_put(const struct fit_wave *w, uint32_t walk) {
  const struct rt_back_sizes *z = &w->walks[walk].sizes;
  struct rt_walk v = walk_there(w, walk, NSL_NONE);
  slots_put(w, &w->forth, walk, &v);
  for (uint64_t i = 0; i < w->forth.n_calls; i++) {
    uint64_t segment = i / w->segment_calls, from = i % w->segment_calls * RT_CALL;
    uint64_t left = segment + 1 < z->segments && from < z->segment ? z->segment - from : 0;
    env_put(w, &w->forth, i, walk, &v, segment * z->segment + from, left < RT_CALL ? left : RT_CALL);
  }
}

/* Call j of a kernel that goes by segments from the last one on. */
static void segments_back_put(const struct fit_wave *w, const struct fit_calls *c, uint64_t env, const struct rt_back_sizes *z,
                              struct rt_walk *v) {
  slots_put(w, c, env, v);
  for (uint64_t j = 0; j < c->n_calls; j++) {
    uint64_t segment = j < z->segments ? z->segments - 1 - j : 0, from = segment * z->segment;
    env_put(w, c, j, env, v, from, j >= z->segments ? 0 : j ? z->segment : v->n_steps - from);
  }
}

static void back_put(const struct fit_wave *w, uint32_t walk, uint64_t first_run) {
  const struct fit_walk *k = &w->walks[walk];
  struct rt_walk v = walk_there(w, walk, NSL_NONE);
  segments_put(w, walk);
  segments_back_put(w, &w->record, walk, &k->sizes, &v);
  for (uint32_t i = 0; i < k->runs; i++) {
    v = walk_there(w, walk, i);
    segments_back_put(w, &w->backwards, first_run + i, &k->sizes, &v);
  }
}

/* States and rings as they are at the begin of segment i, kept, and back from there: the two lists of moves. */
static uint64_t moves_at(const struct fit_wave *w, uint64_t segment, bool back) {
  return w->moves + (2 * segment + back) * (sizeof(struct dev_moves) + 2 * w->n * sizeof(struct dev_move));
}

/* back: of each walk's segment `segment`, counted from its last one, which is 0 and needs none. */
static void moves_put(const struct fit_wave *w, uint64_t i, bool back) {
  uint64_t at = moves_at(w, i, back), n = 0;
  struct dev_moves *all = here(w, at);
  struct dev_move *m = here(w, at + sizeof *all);
  for (uint32_t walk = 0; walk < w->n; walk++) {
    const struct fit_walk *k = &w->walks[walk];
    if (i + 1 >= k->sizes.segments) continue;
    struct rt_walk v = walk_there(w, walk, NSL_NONE);
    uint64_t segment = back ? k->sizes.segments - 2 - i : i;
    double *kept = (double *)there(w, k->kept) + segment * k->sizes.kept;
    m[n++] = back ? (struct dev_move){v.states, kept, k->sizes.states} : (struct dev_move){kept, v.states, k->sizes.states};
    kept += k->sizes.states;
    if (k->sizes.rings) m[n++] = back ? (struct dev_move){v.rings, kept, k->sizes.rings} : (struct dev_move){kept, v.rings, k->sizes.rings};
  }
  *all = (struct dev_moves){there(w, at + sizeof *all), n, MOVE_BLOCKS};
}

static void diverge_put(const struct fit_wave *w) {
  uint32_t *sums = here(w, w->sums), n = w->m->def->n_terms;
  for (uint32_t t = 0; t < n; t++) sums[t] = w->m->def->terms[t].sum;
  *(struct dev_diverge *)here(w, w->diverge) = (struct dev_diverge){
      .rooms = there(w, w->rooms), .row = w->row / sizeof(double), .states = w->states / sizeof(double), .n = w->n,
      .sums = there(w, w->sums), .n_sums = n, .stopped = there(w, w->stopped)};
}

static void tables_put(const struct fit_wave *w) {
  uint64_t runs = 0;
  memset(here(w, w->stopped), 0, (w->n > w->n_runs ? w->n : w->n_runs) * sizeof(uint32_t));
  launches_put(w, &w->forth);
  if (!w->back) {
    for (uint32_t i = 0; i < w->n; i++) forth_put(w, i);
    diverge_put(w);
    return;
  }
  launches_put(w, &w->record);
  launches_put(w, &w->backwards);
  for (uint32_t i = 0; i < w->n; runs += w->walks[i++].runs) back_put(w, i, runs);
  for (uint64_t i = 0; i + 1 < w->segments; i++) {
    moves_put(w, i, false);
    moves_put(w, i, true);
  }
}

/* ---- what is done here, on all threads: a walk's begin and end */

struct hands {
  struct fit_wave *w;
  void (*work)(struct fit_wave *w, uint32_t walk, struct rt_room *room);
  _Atomic uint32_t next;
};

static int hands_work(void *context, uint32_t thread) {
  struct hands *h = context;
  for (uint32_t i; (i = atomic_fetch_add(&h->next, 1)) < h->w->n;) {
    struct rt_room room = h->w->d->f->rooms[thread], own = room_of(h->w, i, here);
    room.params = own.params;
    room.lags = own.lags;
    room.states = own.states;
    if (h->w->back) room.adjoints = here(h->w, h->w->walks[i].adjoints);
    h->work(h->w, i, &room);
  }
  return 0;
}

static int each_walk(struct fit_wave *w, void (*work)(struct fit_wave *, uint32_t, struct rt_room *)) {
  struct hands h = {.w = w, .work = work};
  return rt_team_run(w->d->f->s->team, hands_work, &h);
}

static void walk_begin(struct fit_wave *w, uint32_t walk, struct rt_room *room) {
  const struct fit_walk *k = &w->walks[walk];
  rt_task_params(w->d->f, w->order, k->task, k->nth, room);
  rt_walk_begin(w->d->f, w->m, w->form, k->task->trace, room);
  if (w->back) rt_back_begin(&w->way, &k->sizes, k->task, room->adjoints);
}

static void walk_end(struct fit_wave *w, uint32_t walk, struct rt_room *room) {
  const struct fit_walk *k = &w->walks[walk];
  if (!w->back) {
    rt_task_sums(w->d->f, w->order, k->task, k->nth, room);
    return;
  }
  struct rt_walk v = rt_walk_in(w->d->f, w->m, w->form, k->task->trace, room);
  rt_back_values(&v, &w->way, k->task->sums);
  rt_back_end(&v, &w->way, &k->sizes, k->task, room);
}

/* ---- the launches */

/* A fit waits for the launch before the last one: the device is never idle, and Ctrl-C is seen. */
static int launch(struct fit_wave *w, struct rt_gpu_function *f, uint64_t blocks, uint32_t threads, uint64_t args, const char *what) {
  struct rt_fit_device *d = w->d;
  const struct rt_sim *s = d->f->s;
  struct rt_gpu_event *mark = d->marks[d->launched % FIT_IN_FLIGHT];
  int e = 0;
  if (s->interrupt && *s->interrupt) return NSL_ESTOPPED;
  if (d->launched >= FIT_IN_FLIGHT) e = gpu_try(&d->gpu, cuEventSynchronize, (mark), "waiting for %s", what);
  if (!e) e = rt_gpu_launch(&d->gpu, f, (uint32_t)blocks, threads, 0, d->block + args, d->stream, what);
  if (!e) e = gpu_try(&d->gpu, cuEventRecord, (mark, d->stream), "marking %s", what);
  d->launched++;
  return e;
}

/* Where there are few walks, each warp goes on a processor of its own. */
static int call_run(struct fit_wave *w, const struct fit_calls *c, uint64_t call, const char *what) {
  struct rt_fit_device *d = w->d;
  struct rt_gpu_function *f;
  uint64_t lanes = c->n_envs * RT_BLOCK;
  uint32_t threads = d->threads ? d->threads : MOST_THREADS;
  while (!d->threads && threads > LEAST_THREADS && lanes / threads < d->gpu.processors) threads /= 2;
  if (!c->n_envs) return 0;
  int e = rt_gpu_kernel(&d->gpu, c->code->kernel, &f);
  return e ? e : launch(w, f, (lanes + threads - 1) / threads, threads, c->launches + call * sizeof(struct nsl_march_launch), what);
}

static int move_run(struct fit_wave *w, uint64_t segment, bool back) {
  uint64_t at = moves_at(w, segment, back), n = ((const struct dev_moves *)here(w, at))->n;
  return n ? launch(w, w->d->move, n * MOVE_BLOCKS, MOVE_THREADS, at, back ? "states that come back" : "states that are kept") : 0;
}

static int copy_back(struct fit_wave *w, uint64_t from, uint64_t bytes, const char *what) {
  if (!bytes) return 0;
  return gpu_try(&w->d->gpu, cuMemcpyDtoHAsync_v2, (here(w, from), w->d->block + from, bytes, w->d->stream), "copying %s back", what);
}

static int forth_run(struct fit_wave *w) {
  int e = 0;
  for (uint64_t i = 0; !e && i < w->forth.n_calls; i++) {
    e = call_run(w, &w->forth, i, "a march");
    if (!e && i + 1 < w->forth.n_calls)
      e = launch(w, w->d->diverge, (w->n + DIVERGE_THREADS - 1) / DIVERGE_THREADS, DIVERGE_THREADS, w->diverge, "a look at sums");
  }
  return e ? e : copy_back(w, w->rooms, w->n * w->row, "states");
}

static int back_run(struct fit_wave *w) {
  int e = 0;
  for (uint64_t i = 0; !e && i < w->forth.n_calls; i++) {
    if (i % w->segment_calls == 0) e = move_run(w, i / w->segment_calls, false);
    if (!e) e = call_run(w, &w->forth, i, "a march");
  }
  for (uint64_t j = 0; !e && j < w->segments; j++) {
    if (j) e = move_run(w, j - 1, true);
    if (!e) e = call_run(w, &w->record, j, "a march that records");
    if (!e && !j) e = copy_back(w, w->rooms, w->n * w->row, "states");
    if (!e) e = call_run(w, &w->backwards, j, "a way back");
  }
  const struct fit_walk *last = &w->walks[w->n - 1];
  uint64_t end = last->adjoints + last->sizes.adjoints * last->runs * sizeof(double);
  return e ? e : copy_back(w, w->walks[0].adjoints, end - w->walks[0].adjoints, "gradients");
}

static int fill(const struct rt_fit_device *d, uint64_t at, uint64_t bytes) {
  if (!bytes) return 0;
  return gpu_try(&d->gpu, cuMemsetD8Async, (d->block + at, 0, bytes, d->stream), "clearing what is delayed");
}

int rt_fit_wave_run(struct fit_wave *w) {
  struct rt_fit_device *d = w->d;
  int e = each_walk(w, walk_begin);
  if (!e) {
    tables_put(w);
    e = gpu_try(&d->gpu, cuMemcpyHtoDAsync_v2, (d->block, here(w, 0), w->visible, d->stream), "copying places");
  }
  if (!e) e = fill(d, w->rings, w->n * w->ring_bytes);
  if (!e) e = fill(d, w->adjoint_rings, w->back ? w->adjoint_ring_bytes : 0);
  if (!e) e = w->back ? back_run(w) : forth_run(w);
  if (!e || e == NSL_ESTOPPED) { /* what is under way uses the block */
    int late = gpu_try(&d->gpu, cuStreamSynchronize, (d->stream), "computing marches");
    e = e ? e : late;
  }
  return e ? e : each_walk(w, walk_end);
}
