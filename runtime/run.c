/* Building a simulation and running it: the loop of intervals over all threads.
 *
 * In an interval, no spike can arrive that is emitted in it (it is no longer than the shortest delay), so
 * every thread runs all its shards through all its steps without asking anyone. Then all meet and take each
 * other's spikes. Lists hold a batch of intervals; when it is full, the first thread counts and records. Lists
 * exist twice, so one meeting for each interval is enough: whoever writes a list again has met all who read it. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "runtime/blocks.h"
#include "runtime/carry.h"
#include "runtime/checkpoint.h"
#include "runtime/coupling.h"
#include "runtime/drive.h"
#include "runtime/gating.h"
#include "runtime/error.h"
#include "runtime/gather.h"
#include "runtime/lump.h"
#include "runtime/events.h"
#include "runtime/plastic.h"
#include "runtime/procedural.h"
#include "runtime/ranks.h"
#include "runtime/record.h"
#include "runtime/rest.h"
#include "runtime/setup.h"
#include "runtime/threads.h"
#include "runtime/trade.h"
#include "runtime/verify.h"

enum { LONGEST_INTERVAL = 64 };

double rt_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double rt_cpu_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- building */

int rt_open(struct rt_sim *s, const struct rt_config *config) {
  s->allowed = config->allowed;
  s->all_cells = config->all_cells;
  s->n_allowed = config->n_allowed;
  int e = rt_level_choose(s);
  if (!e) e = rt_experiment_choose(s, config->experiment);
  return e ? e : rt_setup(s, config);
}

static int lists_make(struct rt_sim *s) {
  s->interval = s->min_delay && s->min_delay < LONGEST_INTERVAL ? s->min_delay : LONGEST_INTERVAL;
  if (s->n_feeds || s->carry) s->interval = 1;
  if (s->couplings && s->couplings->interval < s->interval) s->interval = s->couplings->interval;
  s->interval = rt_plastic_interval(s, s->interval);
  if (s->couplings) s->interval = rt_coupling_interval(s->interval);
  s->batch = LONGEST_INTERVAL / s->interval * s->interval;
  for (uint32_t i = 0; i < s->n_shards; i++) {
    struct rt_shard *h = &s->shards[i];
    uint64_t elements = 0;
    for (uint32_t k = 0; k < h->n_slices; k++) elements += (uint64_t)h->slices[k].count * h->slices[k].pop->within;
    for (int j = 0; j < 2; j++) {
      h->spikes[j].ids = rt_reserve(&s->mem, elements * s->batch * sizeof(uint32_t), 0);
      h->spikes[j].ends = rt_alloc(&s->mem, (uint64_t)h->n_slices * s->batch + 1, sizeof(uint64_t));
      if (!h->spikes[j].ids || !h->spikes[j].ends) return NSL_EMEMORY;
    }
    h->next_record = h->next_check = h->next_digest = RT_NO_STEP;
  }
  return 0;
}

int rt_build(struct rt_sim *s, uint32_t threads) {
  double began = rt_clock();
  int e = rt_layout(s);
  if (e) return e;
  uint32_t each = rt_processors_each(rt_ranks_here(s->ranks)), n = threads ? threads : each ? each : 1;
  uint32_t shards = s->own1 - s->own0;
  s->threads = n < shards ? n : shards ? shards : 1;
  if (s->ranks) s->ranks->crowded = s->threads > each;
  s->team = rt_team_new(s->threads, s->threads <= each);
  if (!s->team) return NSL_EMEMORY;
  if (!e) e = rt_meters_make(s);
  if (!e) e = rt_lumps_find(s);
  if (!e) e = rt_drives_prepare(s);
  if (!e) e = rt_connect(s);
  if (!e) e = rt_carry_make(s);
  if (!e) e = rt_drives_units(s);
  if (!e) e = rt_init(s);
  if (!e) rt_lumps_begin(s);
  if (!e) e = rt_blocks_make(s);
  e = rt_ranks_agree(s->ranks, e);
  if (!e) e = rt_feeds_make(s);
  if (!e) e = rt_couplings_make(s);
  if (!e) e = rt_rest_make(s);
  if (!e) e = rt_probes_begin(s);
  if (!e) e = lists_make(s);
  if (!e) e = rt_plastic_begin(s);
  s->moves = s->n_plastic || rt_any_gates(s);
  if (!e && s->by_source && s->max_delay) e = rt_procedural_make(s);
  if (!e) e = rt_trade_make(s);
  e = rt_ranks_agree(s->ranks, e);
  s->build_s += rt_clock() - began;
  return e;
}

void rt_close(struct rt_sim *s) {
  rt_device_drop(s);
  rt_verify_drop(s);
  rt_plastic_drop(s);
  rt_events_drop(s);
  rt_couplings_drop(s);
  rt_procedural_drop(s);
  rt_gather_drop(s);
  rt_checkpoint_drop(s);
  rt_record_drop(s);
  rt_meters_drop(s);
  rt_trade_drop(s);
  rt_team_free(s->team);
  for (uint32_t i = 0; s->shards && i < s->n_shards; i++) {
    rt_drop(&s->shards[i].delivery.events);
    rt_drop(&s->shards[i].due);
    rt_drop(&s->shards[i].apart);
  }
  rt_mem_free(&s->build_mem);
  rt_mem_free(&s->mem);
  *s = (struct rt_sim){0};
}

/* ---- running */

struct loop {
  struct rt_sim *s;
  uint64_t until;
  _Atomic uint64_t stop_at; /* all stop at the end of the interval that holds this step */
  _Atomic int failed;       /* writing failed, or a rank is lost */
  _Atomic bool ask;         /* the other ranks are asked to stop with this one */
  int why;
  _Alignas(64) uint64_t reached; /* written by the first thread */
};

/* The first step at which a state was not finite, of all shards; those of later intervals do not count. */
uint64_t rt_bad_step(const struct rt_sim *s, uint64_t until) {
  uint64_t first = RT_NO_STEP;
  for (uint32_t i = 0; i < s->n_shards; i++) {
    uint64_t step = s->shards[i].bad.step;
    if (step <= until && step < first) first = step;
  }
  return first;
}

/* All stop after the interval that follows this one: not now, since some may already be past this meeting.
 * Never later than was said. */
static void stop_after(struct loop *l, uint64_t end) {
  uint64_t said = l->stop_at;
  while (end + 1 < said && !atomic_compare_exchange_weak(&l->stop_at, &said, end + 1)) continue;
}

/* With other ranks: as soon as all of them know. */
static void stop_ask(struct loop *l, uint64_t end) {
  if (l->s->trade) l->ask = true;
  else stop_after(l, end);
}

/* Spikes are counted and recorded by batches: the tables that this touches are large and in no cache. */
int rt_batch_end(struct rt_sim *s, uint64_t from, uint32_t n, uint32_t parity) {
  int e = rt_meters_spikes(s, from, n, parity);
  rt_gather_spikes(s, from, n, parity);
  if (!e) e = rt_record_spikes(s, from, n, parity);
  if (!e && s->checkpoint) e = rt_checkpoint_spikes(s, from, n, parity);
  return e ? e : rt_verify_batch(s, from, n, parity);
}

/* What only the first thread does after an interval: progress, Ctrl-C; counts and files when `full`, for the n
 * steps of the batch. */
static int interval_end(struct loop *l, uint64_t end, bool full, uint32_t n, uint32_t parity) {
  struct rt_sim *s = l->s;
  int e = full ? rt_batch_end(s, end - n + 1, n, parity) : 0;
  if (s->progress) s->progress(s, end);
  if (s->pause && s->pause(s, end)) stop_ask(l, end);
  if (e || (s->interrupt && *s->interrupt)) {
    if (!l->why) l->why = e ? e : NSL_ESTOPPED;
    stop_ask(l, end);
  }
  return e;
}

static int samples_write(struct loop *l, uint64_t end, uint32_t thread) {
  struct rt_sim *s = l->s;
  rt_barrier(s->team, thread);
  if (!thread) {
    int e = rt_record_flush(s, end);
    if (e) {
      l->why = e;
      l->failed = 1;
    }
  }
  rt_barrier(s->team, thread);
  return l->failed;
}

/* Weights are recorded: all synapses have seen what there was. */
static int weights_catch_up(struct loop *l, uint64_t end, uint32_t thread, uint32_t h0, uint32_t h1) {
  int e = 0;
  for (uint32_t h = h0; !e && h < h1; h++) e = rt_plastic_sweep(&l->s->shards[h], end);
  if (e) l->failed = 1;
  rt_barrier(l->s->team, thread);
  return e ? e : l->failed;
}

enum { STOP = 1 }; /* not an error of this thread */

/* Shards [h0, h1) through n steps: at once if rows are stored, else as far as their events have been made. */
static int steps_run(struct loop *l, uint32_t thread, const uint32_t shards[2], uint64_t step, uint32_t n, uint32_t had,
                     uint32_t parity) {
  struct rt_sim *s = l->s;
  int e = s->procedural && !thread ? rt_procedural_plan(s, step + 1, n) : 0;
  if (s->procedural) rt_barrier(s->team, thread);
  for (uint32_t done = 0, now = n; done < n; done += now) {
    if (done) rt_barrier(s->team, thread);
    rt_laps_from_here(&s->shards[shards[0]].laps);
    if (s->procedural && !(now = rt_procedural_next(s, thread, step + 1 + done, &e))) return e ? e : STOP;
    rt_lap(&s->shards[shards[0]].laps, RT_DELIVERY);
    for (uint32_t h = shards[0]; h < shards[1]; h++) {
      rt_laps_from_here(&s->shards[h].laps);
      for (uint32_t j = done; j < done + now; j++) rt_shard_step(&s->shards[h], step + 1 + j, had + j, parity);
    }
  }
  return 0;
}

struct span { /* an interval of one thread: its shards, steps from + 1 … from + n, and where they are in the lists */
  uint32_t thread, h0, h1, n, had, parity;
  uint64_t from;
};

/* Spikes go off to other ranks. While they are on their way, own shards take their own, and what is already known to arrive
 * in the next step arrives in the first shard: unless the run ends here, where nothing may be ahead of the others. */
static int ranks_meet(struct loop *l, const struct span *i) {
  struct rt_sim *s = l->s;
  uint64_t end = i->from + i->n;
  bool goes_on = end < l->until && end < l->stop_at, stop = false;
  struct rt_laps *laps = &s->shards[i->h0].laps;
  int e = 0, lost = 0;
  if (!i->thread) {
    s->trade->stop = l->ask;
    lost = rt_trade_begin(s, i->had, i->n, i->parity);
  }
  for (uint32_t h = i->h0; !e && !s->procedural && h < i->h1; h++)
    e = rt_exchange_with(&s->shards[h], s->own0, s->own1, i->from + 1, i->had, i->n, i->parity);
  rt_lap(laps, RT_EXCHANGE);
  if (goes_on && !s->procedural && i->h0 < i->h1) rt_arrivals_early(&s->shards[i->h0], end + 1);
  rt_lap(laps, RT_DELIVERY);
  if (!i->thread) {
    if (!lost) lost = rt_trade_end(s, i->had, i->n, i->parity, &stop);
    if (!lost && s->n_plastic) lost = rt_pre_trade(s, i->from + 1, i->n);
    if (stop) stop_after(l, end);
    if (lost) l->failed = 1;
  }
  rt_barrier(s->team, i->thread);
  rt_lap(laps, RT_WAIT);
  return lost ? lost : e;
}

/* The spikes of an interval go under way in own shards; of the ranks' own they already have. */
static int spikes_take(struct rt_sim *s, const struct span *i, uint32_t n) {
  int e = 0;
  for (uint32_t h = i->h0; !e && h < i->h1; h++) {
    struct rt_shard *shard = &s->shards[h];
    if (s->carry && n) rt_carry_send(shard, i->from + 1);
    if (!s->trade || s->procedural) {
      e = rt_exchange(shard, i->from + 1, i->had, n, i->parity);
    } else {
      e = rt_exchange_with(shard, 0, s->own0, i->from + 1, i->had, n, i->parity);
      if (!e) e = rt_exchange_with(shard, s->own1, s->n_shards, i->from + 1, i->had, n, i->parity);
    }
    if (!e) e = rt_events_whole(shard);
    if (!e && s->n_plastic) e = rt_plastic_spikes(shard, i->from + 1, i->had, n, i->parity);
  }
  return e;
}

static int loop_job(void *context, uint32_t thread) {
  struct loop *l = context;
  struct rt_sim *s = l->s;
  uint32_t parity = 0, n_own = s->own1 - s->own0;
  uint32_t h0 = s->own0 + n_own * thread / s->threads, h1 = s->own0 + n_own * (thread + 1) / s->threads;
  uint32_t had = 0; /* steps in this batch before the interval */
  uint64_t interval = 0;
  struct rt_laps *own_laps = &s->shards[h0].laps;
  int e = 0;
  for (uint64_t step = s->step; step < l->until;) {
    uint64_t due = s->moves ? rt_weights_due(s, step) : RT_NO_STEP, until = due < l->until ? due : l->until;
    uint32_t n = until - step < s->interval ? (uint32_t)(until - step) : s->interval;
    if (had + n > s->batch) n = s->batch - had; /* an interval was cut short before */
    bool timed = rt_laps_due(interval++);
    for (uint32_t h = h0; h < h1; h++) {
      s->shards[h].laps.on = timed;
      s->shards[h].met = step;
    }
    if (s->couplings && s->couplings->agree && (e = rt_couplings_agree(s, thread, h0, h1, step + 1))) { /* of all ranks */
      if (!thread) l->reached = step;
      break;
    }
    int stopped = steps_run(l, thread, (const uint32_t[]){h0, h1}, step, n, had, parity);
    if (stopped) {
      if (!thread) l->reached = step;
      if (!thread && s->ranks) s->ranks->lost = true; /* the others cannot go on */
      e = stopped == STOP ? e : stopped;
      break;
    }
    rt_laps_from_here(own_laps);
    rt_barrier(s->team, thread);
    rt_lap(own_laps, RT_WAIT);
    struct span span = {thread, h0, h1, n, had, parity, step};
    int met = s->trade ? ranks_meet(l, &span) : 0;
    e = e ? e : met;
    if (l->failed) break;
    uint64_t end = step + n, bad = rt_bad_step(s, end);
    uint32_t good = bad <= end ? (uint32_t)(bad - step - 1) : n;
    if (!e) e = spikes_take(s, &span, good);
    rt_lap(own_laps, RT_EXCHANGE);
    if (e) stop_ask(l, end); /* memory is out */
    bool last = good < n || end >= l->stop_at, full = last || end == l->until || had + n == s->batch;
    if (!thread) {
      int own = interval_end(l, step + good, full, had + good, parity);
      e = e ? e : own;
      l->reached = step + good;
      rt_lap(own_laps, RT_OUTPUT);
    }
    if (s->couplings && !thread) rt_couplings_trade(s, end); /* also at the end, where a checkpoint may be written */
    if (last) break;
    if (s->n_feeds || s->carry || (s->couplings && s->ranks)) { /* lanes are states, which nobody may step on while others read them */
      if (s->n_feeds && !thread) rt_feeds_read(s, end);
      rt_barrier(s->team, thread);
    }
    if (end == due && weights_catch_up(l, end, thread, h0, h1)) break;
    if ((end == due || rt_record_full(s, end)) && samples_write(l, end, thread)) break;
    step = end;
    had = full ? 0 : had + n;
    parity ^= full;
  }
  return e;
}

/* A drive whose value makes no sense. */
static int bad_drive(const struct rt_sim *s, const struct rt_error_at *bad) {
  const struct nsl_drive *def = bad->drive->def;
  double t = ((double)(bad->step - rt_drive_late(bad->drive)) - 0.5) * s->dt;
  if (def->kind != NSL_POISSON)
    return rt_fail_at(NSL_ENUMBER, def->place, "%s: the value is not a finite number at t = %.6g ms", def->path, t);
  return rt_fail_at(NSL_ENUMBER, def->place, "%s: the rate is %g Hz at t = %.6g ms%s", def->path, bad->value * 1000, t,
                    bad->value < 0 ? "; max(0 Hz, …) keeps it from falling below 0"
                                   : ", a peak too narrow to be seen before the run; use a shorter run or a smoother rate");
}

/* The first of what went wrong in a step: drives, then states by population, kernel and element. So no shard shows. */
uint64_t rt_bad_key(const struct rt_error_at *b, uint32_t shard) {
  const uint64_t MOST_POP = 0xffff, MOST_STAGE = 0x3fff; /* beyond these it is one of the last */
  uint64_t pop = b->pop < MOST_POP ? b->pop : MOST_POP, stage = b->stage < MOST_STAGE ? b->stage : MOST_STAGE;
  if (b->inflow) return (uint64_t)1 << 61 | (uint64_t)b->inflow->coupling->link.index << 32 | shard;
  return b->drive ? (uint64_t)b->drive->index << 32 | b->element : (uint64_t)1 << 62 | pop << 46 | stage << 32 | b->element;
}

static const struct rt_error_at *bad_first(const struct rt_sim *s, uint64_t step, uint64_t *ret_key) {
  const struct rt_error_at *bad = NULL;
  *ret_key = UINT64_MAX;
  for (uint32_t i = s->own0; i < s->own1; i++) {
    const struct rt_error_at *b = &s->shards[i].bad;
    if (b->step != step || rt_bad_key(b, i) >= *ret_key) continue;
    *ret_key = rt_bad_key(b, i);
    bad = b;
  }
  return bad;
}

static int bad_state(const struct rt_sim *s, const struct rt_error_at *bad, uint64_t step) {
  const struct rt_pop *p = &s->pops[bad->pop];
  const struct nsl_state *state = &p->class->states[bad->state];
  double v = bad->value;
  if (state->failure)
    return rt_fail_at(NSL_ENUMBER, state->place, "%s of %s[%u]: %s t = %.12g ms", state->name + 1, p->def->path,
                      bad->element, state->failure, (double)step * s->dt);
  return rt_fail_at(NSL_ENUMBER, state->place, "%s of %s[%u] became %s at t = %.12g ms", state->name,
                    p->def->path, bad->element,
                    isnan(v) ? "NaN"
                    : v > 0  ? "infinite"
                             : "minus infinite",
                    (double)step * s->dt);
}

static int bad_synapse(const struct rt_sim *s, const struct rt_error_at *bad, uint64_t step) {
  const struct rt_inflow *f = bad->inflow;
  const struct nsl_state *state = &f->coupling->gating->class->states[bad->state];
  uint32_t target = 0;
  while (f->start[target + 1] <= bad->synapse) target++;
  return rt_fail_at(NSL_ENUMBER, state->place, "%s: %s of the synapse from %s[%u] to %s[%u] is not finite at t = %.12g ms", f->coupling->def->link.path,
                    state->name, f->coupling->from->def->path, f->source[bad->synapse], f->coupling->to->def->path, f->first + target, (double)step * s->dt);
}

int rt_bad_report(const struct rt_sim *s, uint64_t step) {
  uint64_t key;
  const struct rt_error_at *bad = bad_first(s, step, &key);
  int e = !bad ? 0 : bad->drive ? bad_drive(s, bad) : bad->inflow ? bad_synapse(s, bad, step) : bad_state(s, bad, step);
  return rt_ranks_choose(s->ranks, key, e);
}

/* What is looked at after the run has seen all spikes. */
static int catch_up_job(void *context, uint32_t thread) {
  struct rt_sim *s = ((struct loop *)context)->s;
  uint32_t n_own = s->own1 - s->own0, h1 = s->own0 + n_own * (thread + 1) / s->threads;
  unsigned mode = rt_float_mode_flush();
  int e = 0;
  for (uint32_t h = s->own0 + n_own * thread / s->threads; !e && h < h1; h++) e = rt_plastic_sweep(&s->shards[h], s->step);
  rt_float_mode_restore(mode);
  return e;
}

int rt_run(struct rt_sim *s, uint64_t until) {
  struct loop l = {.s = s, .until = until, .stop_at = s->pause_at ? s->pause_at : RT_NO_STEP};
  if (until <= s->step) return 0;
  if (s->device) return rt_device_run(s, until);
  if (s->n_feeds) rt_feeds_read(s, s->step); /* a phase begins where the last one ended */
  int e = s->n_plastic && !s->step ? rt_pre_trade(s, 0, 1) : 0;
  if (e) return e; /* a rank is lost */
  double began = rt_clock(), cpu = rt_cpu_clock(), output = s->output_s;
  unsigned mode = rt_float_mode_flush();
  e = rt_team_run(s->team, loop_job, &l);
  rt_float_mode_restore(mode);
  s->step = l.reached;
  if ((!e || e == NSL_ESTOPPED) && s->n_plastic) {
    int late = rt_team_run(s->team, catch_up_job, &l);
    e = late ? late : e;
  }
  s->simulate_cpu_s += rt_cpu_clock() - cpu;
  s->simulate_s += rt_clock() - began - (s->output_s - output);
  if (!e) e = rt_procedural_whole(s);
  e = rt_ranks_agree(s->ranks, e);
  uint64_t bad = rt_bad_step(s, RT_NO_STEP - 1);
  if (!e && bad != RT_NO_STEP) return rt_bad_report(s, bad);
  if (!e && s->moves) e = rt_record_weights(s, s->step);
  if (!e && l.why == NSL_ESTOPPED && s->step < until)
    rt_fail(NSL_ESTOPPED, "interrupted at t = %.12g ms", (double)s->step * s->dt);
  return rt_ranks_agree(s->ranks, e ? e : l.why);
}
