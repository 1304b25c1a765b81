/* What a step on a device launches, of the experiments of a model: kernels with their registers, how many warps of them a multiprocessor
 * has room for, what each element reads and writes, what an event costs, and how large all is. The order and the conditions are those of
 * runtime/device_tables.c (tests/programs/device_facts.py compares with run.json). */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "ir/explain.h"
#include "lang/session.h"
#include "runtime/device/args.h"
#include "runtime/tree.h"
#include "tools/explain.h"

enum { WARP = 32, ALIGN = 256, LINE = 128 };
enum fn {
#define DEVICE(name, blocks, doc) FN_##name,
#include "runtime/device/device.def"
#undef DEVICE
  FN_NONE
};
static const struct {
  const char *name, *doc;
} fns[] = {
#define DEVICE(name, blocks, doc) {#name, doc},
#include "runtime/device/device.def"
#undef DEVICE
};
static const struct {
  const char *name;
  uint32_t registers, warps, blocks, unit, share;
} limits[] = {
#define GPU(name, registers, warps, blocks, unit, share) {#name, registers, warps, blocks, unit, share},
#include "tools/gpus.def"
#undef GPU
};

typedef struct {
  enum fn fn; /* or a generated kernel: */
  const IrKernel *kernel;
  uint32_t port;
  double elements; /* NAN: as many as there is work for */
} Launch;

typedef struct {
  Explain e;
  Arena *a;
  const OnDevice *d;
  bool f32;
  VEC(Launch) launches;
} Device;

/* Warps of a block of so many threads that fit into a multiprocessor at a time, as a share of the most. */
double explain_occupancy(const char *gpu, uint32_t registers, uint32_t threads, uint32_t *ret_warps, uint32_t *ret_most) {
  for (size_t i = 0; i < COUNT_OF(limits); i++) {
    if (strcmp(limits[i].name, gpu)) continue;
    uint32_t warps = (threads + WARP - 1) / WARP, each = (registers * WARP + limits[i].unit - 1) / limits[i].unit * limits[i].unit;
    uint32_t room = each ? limits[i].registers / each / limits[i].share * limits[i].share : limits[i].warps;
    uint32_t blocks = (room < limits[i].warps ? room : limits[i].warps) / warps;
    if (blocks > limits[i].blocks) blocks = limits[i].blocks;
    *ret_warps = blocks * warps;
    *ret_most = limits[i].warps;
    return (double)*ret_warps / *ret_most;
  }
  return NAN;
}

/* ---- the launches of a step */

/* Are rows made anew at each spike? A run may be told to, and may choose it itself where memory is short. */
static bool is_made(const Device *v) { return v->e.x->experiment->connectivity == CONNECTIVITY_PROCEDURAL; }

static double value(const Device *v, uint32_t slot) { return slot == IR_NONE ? NAN : v->e.g[slot]; }
static bool there(const Device *v, uint32_t cond) { return cond == IR_NONE || v->e.g[cond] != 0; }
static double size_of(const Device *v, uint32_t pop) { return value(v, v->e.x->populations.at[pop].size); }

static void function_add(Device *v, bool needed, enum fn fn, double elements) {
  if (needed) vec_push(v->a, &v->launches, ((Launch){.fn = fn, .elements = elements}));
}

/* Populations with the same kernel share a launch. */
static void kernel_add(Device *v, const IrKernel *k, uint32_t port, double elements, bool alone) {
  if (!k || elements == 0) return;
  for (uint32_t i = 0; i < v->launches.n && !alone; i++) {
    Launch *l = &v->launches.at[i];
    if (l->kernel != k || l->port != port) continue;
    l->elements += elements;
    return;
  }
  vec_push(v->a, &v->launches, ((Launch){.fn = FN_NONE, .kernel = k, .port = port, .elements = elements}));
}

static bool is_draw(const IrDrive *d) { return d->kernel && d->each && !d->steady; }

static double slice_elements(const Device *v, const IrSlice *s) {
  if (s->from == IR_NONE || s->to == IR_NONE) return size_of(v, s->pop);
  return value(v, s->to) - value(v, s->from) + 1;
}

static const IrKernel *step_kernel(Device *v, const IrPopulation *p) {
  const IrClass *c = p->class;
  bool equal = c->lumped != NULL;
  double *u = equal ? explain_uniforms(&v->e, p) : NULL;
  for (uint32_t i = 0; equal && i < c->lumped_equal.n; i++) equal = u[c->lumped_equal.at[i].kept] == u[c->lumped_equal.at[i].gone];
  return equal ? c->lumped : c->step;
}

/* Does anything send events to this handler that does more than add? */
static bool is_reached(const Device *v, uint32_t pop, uint32_t port) {
  const IrExperiment *x = v->e.x;
  for (uint32_t i = 0; i < x->projections.n; i++)
    if (x->projections.at[i].target.pop == pop && (uint32_t)x->projections.at[i].proj->port == port && there(v, x->projections.at[i].cond)) return true;
  for (uint32_t i = 0; i < x->drives.n; i++)
    if (x->drives.at[i].target.pop == pop && x->drives.at[i].drive->port == (int32_t)port && there(v, x->drives.at[i].cond)) return true;
  return false;
}

static bool own_step(const IrPopulation *p) { return p->pop->parts > 1 || p->pop->every > 1; }

/* Finer steps but the last of each. */
static void finer_add(Device *v) {
  const IrExperiment *x = v->e.x;
  uint32_t most = 1;
  for (uint32_t i = 0; i < x->populations.n; i++) most = x->populations.at[i].pop->parts > most ? x->populations.at[i].pop->parts : most;
  for (uint32_t nth = 0; nth + 1 < most; nth++) {
    for (uint32_t i = 0; i < x->populations.n; i++) {
      const IrPopulation *p = &x->populations.at[i];
      if (nth + 1 >= p->pop->parts) continue;
      kernel_add(v, step_kernel(v, p), 0, size_of(v, i), true);
      kernel_add(v, p->class->finish, 0, size_of(v, i), true);
      for (uint32_t k = 0; k < p->class->pasts.n; k++) kernel_add(v, p->class->pasts.at[k].value, 0, size_of(v, i), true);
    }
    double all = 0;
    for (uint32_t i = 0; i < x->populations.n; i++) all += size_of(v, i);
    function_add(v, true, FN_between, all);
  }
}

static void receives_add(Device *v) {
  const IrExperiment *x = v->e.x;
  uint32_t most = 0;
  for (uint32_t i = 0; i < x->populations.n; i++) most = x->populations.at[i].class->receive.n > most ? x->populations.at[i].class->receive.n : most;
  for (uint32_t q = 0; q < most; q++)
    for (uint32_t i = 0; i < x->populations.n; i++) {
      const IrClass *c = x->populations.at[i].class;
      if (q < c->receive.n && c->receive.at[q] && size_of(v, i) > 0 && is_reached(v, i, q)) kernel_add(v, c->receive.at[q], q, NAN, own_step(&x->populations.at[i]));
    }
}

typedef struct {
  bool given, samples, couple, wait, due, sort, sums_shown, sums, total, feed, push;
} Needs;

static Needs needs_of(const Device *v) {
  const IrExperiment *x = v->e.x;
  Needs n = {.feed = x->feeds.n != 0};
  for (uint32_t i = 0; i < x->drives.n; i++) {
    const IrDrive *d = &x->drives.at[i];
    if (!there(v, d->cond)) continue;
    n.given |= d->drive->kind == DRIVE_TIMES || d->drive->kind == DRIVE_SPIKES;
    n.samples |= is_draw(d) && d->drive->files.n && d->drive->kind != DRIVE_SPIKES;
  }
  for (uint32_t i = 0; i < x->projections.n; i++) {
    const IrProjection *p = &x->projections.at[i];
    if (p->cells != IR_NONE || !there(v, p->cond)) continue;
    n.push = true;
    n.due |= x->populations.at[p->target.pop].class->receive.at[p->proj->port] != NULL;
  }
  for (uint32_t i = 0; i < x->populations.n; i++) {
    n.wait |= x->populations.at[i].pop->every > 1;
    for (uint32_t q = 0; q < x->populations.at[i].class->receive.n; q++) n.sort |= x->populations.at[i].class->receive.at[q] != NULL;
  }
  for (uint32_t i = 0; i < x->couplings.n; i++) {
    if (!there(v, x->couplings.at[i].link.cond)) continue;
    n.couple = true;
    const IrCoupling *c = &x->couplings.at[i];
    const IrSlice *from = c->coupling->reversed ? &c->link.target : &c->link.source;
    for (uint32_t k = 0; k < c->terms.n; k++) {
      if (!explain_summed(c) || !c->terms.at[k].pre) continue;
      n.total = true;
      n.sums_shown |= slice_elements(v, from) > RT_TREE_CHUNK;
    }
  }
  n.sums = n.sums_shown;
  for (uint32_t i = 0; i < x->feeds.n; i++)
    for (uint32_t k = 0; k < x->feeds.at[i].items.n; k++) n.sums |= slice_elements(v, &x->feeds.at[i].items.at[k].slice) > RT_TREE_CHUNK;
  return n;
}

/* What is shown to others, behind the end of a step; elements as the population has. Returns whether there is any. */
static bool late_add(Device *v) {
  const IrExperiment *x = v->e.x;
  uint32_t had = v->launches.n;
  for (uint32_t i = 0; i < x->populations.n; i++)
    for (uint32_t k = 0; k < x->populations.at[i].class->pasts.n; k++)
      kernel_add(v, x->populations.at[i].class->pasts.at[k].value, 0, size_of(v, i), own_step(&x->populations.at[i]));
  for (uint32_t i = 0; i < x->couplings.n; i++) {
    const IrCoupling *c = &x->couplings.at[i];
    uint32_t from = c->coupling->reversed ? c->link.target.pop : c->link.source.pop, to = c->coupling->reversed ? c->link.source.pop : c->link.target.pop;
    for (uint32_t k = 0; there(v, c->link.cond) && k < c->terms.n; k++) {
      kernel_add(v, c->terms.at[k].post, 0, size_of(v, to), false);
      kernel_add(v, c->terms.at[k].pre, 0, size_of(v, from), false);
    }
    for (uint32_t k = 0; there(v, c->link.cond) && k < c->sights.n; k++)
      kernel_add(v, c->sights.at[k].kernel, 0, size_of(v, c->sights.at[k].pre ? from : to), false);
  }
  for (uint32_t i = 0; i < x->feeds.n; i++)
    for (uint32_t k = 0; k < x->feeds.at[i].items.n; k++)
      kernel_add(v, x->feeds.at[i].items.at[k].kernel, 0, size_of(v, x->feeds.at[i].items.at[k].slice.pop), false);
  return v->launches.n != had;
}

/* Synapses with states: what flows, then their steps. */
static void gates_add(Device *v) {
  const IrExperiment *x = v->e.x;
  bool any = false;
  for (uint32_t step = 0; step < 2; step++)
    for (uint32_t i = 0; i < x->couplings.n; i++) {
      const IrCoupling *c = &x->couplings.at[i];
      if (c->link.cells == IR_NONE || !there(v, c->link.cond)) continue;
      function_add(v, !any, FN_sights, NAN);
      any = true;
      kernel_add(v, step ? x->synapses.at[c->link.cells].class->step : c->flow, 0, NAN, false);
    }
}

/* Joint steps: what a trial shows, in the order in which it is shown, and whether steps agree. */
static void trial_add(Device *v, const Needs *n) {
  const IrExperiment *x = v->e.x;
  for (uint32_t i = 0; i < x->couplings.n; i++) {
    const IrCoupling *c = &x->couplings.at[i];
    uint32_t from = c->coupling->reversed ? c->link.target.pop : c->link.source.pop, to = c->coupling->reversed ? c->link.source.pop : c->link.target.pop;
    for (uint32_t k = 0; there(v, c->link.cond) && k < c->terms.n; k++) {
      kernel_add(v, ir_ahead(x->populations.at[to].class, c->terms.at[k].post), 0, size_of(v, to), false);
      kernel_add(v, ir_ahead(x->populations.at[from].class, c->terms.at[k].pre), 0, size_of(v, from), false);
    }
  }
  function_add(v, true, FN_ahead, NAN);
  function_add(v, n->sums_shown, FN_ahead_sums, NAN);
  function_add(v, n->total, FN_ahead_total, NAN);
  function_add(v, true, FN_agree, NAN);
}

/* ---- synapses with memory */

typedef enum { ALWAYS, STEPPED, FOLLOWS } When; /* only where synapses are stepped, where they follow signals */
typedef struct {
  IrLearn kernel;
  When when;
} LearnRun;
static const LearnRun runs_meet[] = {{LEARN_NOW, FOLLOWS}}, runs_look[] = {{LEARN_ADVANCE, STEPPED}},
                      runs_step[] = {{LEARN_STEP, STEPPED}, {LEARN_STEP_FROZEN, STEPPED}},
                      runs_due[] = {{LEARN_POST, ALWAYS}, {LEARN_POST_FROZEN, ALWAYS}, {LEARN_ADVANCE, ALWAYS}},
                      runs_pre[] = {{LEARN_PRE, ALWAYS}, {LEARN_PRE_FROZEN, ALWAYS}}, runs_sent[] = {{LEARN_CELL, ALWAYS}};

/* NULL: this projection's synapses have no memory, or there are none. */
static const IrClass *learns(const Device *v, const IrProjection *p) {
  if (p->cells == IR_NONE || !there(v, p->cond) || explain_synapses(&v->e, p) == 0) return NULL;
  return v->e.x->synapses.at[p->cells].class;
}

static void learn_add(Device *v, const LearnRun *runs, size_t n) {
  for (size_t k = 0; k < n; k++)
    for (uint32_t i = 0; i < v->e.x->projections.n; i++) {
      const IrProjection *p = &v->e.x->projections.at[i];
      const IrClass *c = learns(v, p);
      if (!c || (runs[k].when == STEPPED && !c->stepped) || (runs[k].when == FOLLOWS && !p->follows.n)) continue;
      kernel_add(v, c->learn[runs[k].kernel], 0, NAN, true);
    }
}
#define LEARN_ADD(v, runs) learn_add(v, runs_##runs, COUNT_OF(runs_##runs))

static bool plastics_there(const Device *v, bool *ret_stepped, bool *ret_follows) {
  bool any = false;
  *ret_stepped = *ret_follows = false;
  for (uint32_t i = 0; i < v->e.x->projections.n; i++) {
    const IrClass *c = learns(v, &v->e.x->projections.at[i]);
    any |= c != NULL;
    *ret_stepped |= c && c->stepped;
    *ret_follows |= c && v->e.x->projections.at[i].follows.n;
  }
  return any;
}

static void plastics_add(Device *v, bool stepped, bool follows) {
  function_add(v, follows, FN_learn_meet, NAN);
  LEARN_ADD(v, meet);
  function_add(v, stepped, FN_learn_look, NAN);
  LEARN_ADD(v, look);
  function_add(v, stepped, FN_learn_all, NAN);
  LEARN_ADD(v, step);
  function_add(v, true, FN_learn_due, NAN);
  LEARN_ADD(v, due);
  function_add(v, true, FN_learn_pre, NAN);
  LEARN_ADD(v, pre);
  function_add(v, true, FN_learn_send, NAN);
  LEARN_ADD(v, sent);
}

static void launches_make(Device *v) {
  const IrExperiment *x = v->e.x;
  Needs n = needs_of(v);
  bool stepped, follows, learn = plastics_there(v, &stepped, &follows);
  double all = 0;
  v->launches.n = 0;
  if (!x->populations.n) return; /* it asks for numbers alone */
  for (uint32_t i = 0; i < x->populations.n; i++) all += size_of(v, i);
  function_add(v, n.given, FN_given, NAN);
  function_add(v, n.samples, FN_samples, NAN);
  for (uint32_t i = 0; i < x->drives.n; i++)
    if (is_draw(&x->drives.at[i]) && there(v, x->drives.at[i].cond)) kernel_add(v, x->drives.at[i].kernel, 0, slice_elements(v, &x->drives.at[i].target), true);
  function_add(v, learn, FN_learn_arrive, NAN);
  function_add(v, true, FN_begin, all);
  gates_add(v);
  function_add(v, n.couple, FN_couple, NAN);
  if (n.couple && x->experiment->joint) trial_add(v, &n);
  function_add(v, n.wait, FN_wait, all);
  function_add(v, n.due, is_made(v) ? FN_due_made : FN_due, NAN);
  function_add(v, n.sort, FN_sort, all);
  finer_add(v);
  for (uint32_t i = 0; i < x->populations.n; i++) kernel_add(v, step_kernel(v, &x->populations.at[i]), 0, size_of(v, i), own_step(&x->populations.at[i]));
  function_add(v, n.sort, FN_watch, 1);
  receives_add(v);
  for (uint32_t i = 0; i < x->populations.n; i++) kernel_add(v, x->populations.at[i].class->finish, 0, size_of(v, i), own_step(&x->populations.at[i]));
  function_add(v, learn, FN_learn_keep, NAN);
  function_add(v, true, FN_collect, all);
  if (learn) plastics_add(v, stepped, follows);
  bool late = late_add(v);
  function_add(v, n.couple, FN_show, NAN);
  function_add(v, n.sums, FN_sums, NAN);
  function_add(v, n.total, FN_total, NAN);
  function_add(v, n.feed, FN_feed, NAN);
  function_add(v, n.push, is_made(v) ? FN_push_made : FN_push, NAN);
  function_add(v, late || learn, FN_tick, 1);
}

/* ---- what an element reads and writes: each array of its kernel once */

static double slot_bytes(const Device *v, const IrKernel *k, SlotKind kind) {
  double real = v->f32 && !ir_kernel_f64_arrays(k->kind) ? 4 : 8;
  bool array = kind == SLOT_STATE || kind == SLOT_OLD || kind == SLOT_PARAM || kind == SLOT_INPUT || kind == SLOT_PAST || kind == SLOT_OUT || kind == SLOT_PORT;
  bool mask = kind == SLOT_HELD || kind == SLOT_PREV || kind == SLOT_SPIKE;
  return array ? real : mask ? 1 / 8.0 : 0; /* else one number for all */
}

static void traffic(const Device *v, const IrKernel *k, double *ret_read, double *ret_written) {
  *ret_read = *ret_written = 0;
  for (uint32_t slot = 0; slot < k->slots.n; slot++) {
    bool read = false, written = false;
    for (uint32_t i = 0; i < k->ins.n; i++) {
      const IrIns *ins = &k->ins.at[i];
      if (ins->slot != slot) continue;
      read |= ins->op == IR_LOAD || ins->op == IR_TAKE;
      written |= ins->op == IR_STORE || ins->op == IR_TAKE; /* what has been taken is 0 then */
    }
    double bytes = slot_bytes(v, k, k->slots.at[slot].kind);
    *ret_read += read ? bytes : 0;
    *ret_written += written ? bytes : 0;
  }
}

/* ---- as text, as JSON */

/* Equal kernels are compiled once, as the first of them (codegen/object.c). */
static const IrKernel *compiled(const Device *v, const IrKernel *k) {
  for (uint32_t i = 0; i < v->e.m->kernels.n; i++) {
    const IrKernel *other = v->e.m->kernels.at[i];
    if (other == k) break;
    if (other->kind == k->kind && ir_kernel_equal(other, k)) return other;
  }
  return k;
}

/* As run.json has it: "step_iaf_psc_exp". */
static const char *launch_name(Device *v, const Launch *l) {
  if (l->fn != FN_NONE) return fns[l->fn].name;
  char *name = arena_printf(v->a, "%s", name_str(v->e.s, compiled(v, l->kernel)->name));
  for (char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  return name;
}

static void registers_print(Device *v, const Launch *l) {
  for (uint32_t i = 0; i < v->d->n; i++) {
    const GpuCode *gpu = &v->d->gpus[i];
    const GpuKernel *k = l->fn == FN_NONE ? &gpu->kernels[compiled(v, l->kernel)->index] : &gpu->functions[l->fn];
    uint32_t warps, most;
    if (gpu->unknown || !k->registers) continue;
    double share = explain_occupancy(gpu->name, k->registers, DEV_THREADS, &warps, &most);
    if (v->e.json) {
      fact_number(&v->e, arena_printf(v->a, "registers_%s", gpu->name), k->registers);
      fact_number(&v->e, arena_printf(v->a, "spilled_%s", gpu->name), k->spilled);
      fact_number(&v->e, arena_printf(v->a, "occupancy_%s", gpu->name), share);
    } else {
      fprintf(v->e.out, "    %s: %u registers a thread, %u bytes spilled, %u of %u warps at a time\n", gpu->name, k->registers, k->spilled, warps, most);
    }
  }
}

static void launch_print(Device *v, const Launch *l) {
  double read = NAN, written = NAN;
  if (l->fn == FN_NONE) traffic(v, l->kernel, &read, &written);
  if (v->e.json) {
    fact_begin(&v->e, "launch");
    fact_text(&v->e, "experiment", name_str(v->e.s, v->e.x->experiment->name));
    fact_text(&v->e, "kernel", launch_name(v, l));
    fact_number(&v->e, "elements", l->elements);
    fact_number(&v->e, "bytes_read", read);
    fact_number(&v->e, "bytes_written", written);
    registers_print(v, l);
    fact_end(&v->e);
    return;
  }
  const char *many = isnan(l->elements) ? "as many threads as there is work for" : arena_printf(v->a, "%s threads", fact_grouped(&v->e, l->elements));
  if (l->fn != FN_NONE) fprintf(v->e.out, "  %-24s %s; %s\n", launch_name(v, l), many, fns[l->fn].doc);
  else fprintf(v->e.out, "  %-24s %s; an element reads %.4g and writes %.4g bytes of arrays\n", launch_name(v, l), many, read, written);
  registers_print(v, l);
}

/* ---- events */

static double steps_of(const Device *v, double delay) { return round(delay / value(v, v->e.x->dt)); }
static double delay_bytes(double steps) { return steps < 256 ? 1 : steps < 65536 ? 2 : 4; }

/* Bytes of a delay: of synapses that share it none; with other delays in the same rows it may have some. */
static void delays_of(const Device *v, const IrProjection *p, double *ret_least, double *ret_most) {
  double longest = p->delay_kernel ? INFINITY : steps_of(v, value(v, p->delay));
  *ret_least = p->delay_kernel ? 1 : 0;
  *ret_most = p->delay_kernel ? 4 : 0;
  for (uint32_t i = 0; i < v->e.x->projections.n; i++) {
    const IrProjection *o = &v->e.x->projections.at[i];
    if (o == p || o->cells != IR_NONE || o->source.pop != p->source.pop || o->proj->port != p->proj->port || !there(v, o->cond)) continue;
    if (!p->delay_kernel && !o->delay_kernel && steps_of(v, value(v, o->delay)) == longest) continue;
    double other = o->delay_kernel ? 4 : fmax(delay_bytes(longest), delay_bytes(steps_of(v, value(v, o->delay))));
    *ret_most = fmax(*ret_most, other);
  }
}

typedef struct {
  double synapses, least, most; /* bytes of rows */
} Rows;

static void events_print(Device *v, const IrProjection *p, Rows *all) {
  const IrClass *c = v->e.x->populations.at[p->target.pop].class;
  bool apart = c->receive.at[p->proj->port] != NULL, straight = c->ports.at[p->proj->port].straight != IR_NONE;
  double least, most, n = explain_synapses(&v->e, p), sum = straight ? 4 : v->f32 ? 4 : 8;
  delays_of(v, p, &least, &most);
  least += 4 + (p->weight_kernel ? 2 : 0);
  most += 4 + (p->weight_kernel ? 8 : 0);
  if (apart) least = most = 4 + 4 + 4 + 8, sum = sizeof(struct dev_node);
  if (is_made(v)) least = 0, most = p->proj->rule == RULE_MATRIX || p->proj->rule == RULE_EDGES || p->chance ? 4 : 0;
  all->synapses += n;
  all->least += n * least + 8 * slice_elements(v, &p->source);
  all->most += n * most + 8 * slice_elements(v, &p->source);
  if (v->e.json) {
    fact_begin(&v->e, "device_events");
    fact_text(&v->e, "experiment", name_str(v->e.s, v->e.x->experiment->name));
    fact_text(&v->e, "projection", name_str(v->e.s, p->proj->path));
    fact_number(&v->e, "bytes_read_least", least);
    fact_number(&v->e, "bytes_read_most", most);
    fact_number(&v->e, "accumulator_bytes", sum);
    fact_end(&v->e);
    return;
  }
  if (is_made(v)) {
    fprintf(v->e.out, "  %-24s an event is made anew%s%s, and %s\n", name_str(v->e.s, p->proj->path),
            apart && p->delay_kernel ? ", its row once for each delay," : "", most > 0 ? ", but for its target, of which it reads 4 bytes" : "",
            apart ? arena_printf(v->a, "is a note of %.0f bytes", sum) : arena_printf(v->a, "adds to %.0f bytes of %s", sum, straight ? "a count" : "an accumulator"));
    return;
  }
  const char *read = least == most ? arena_printf(v->a, "%.0f", least) : arena_printf(v->a, "%.0f to %.0f", least, most);
  fprintf(v->e.out, "  %-24s an event reads %s bytes of its row (target 4%s%s%s) and %s\n", name_str(v->e.s, p->proj->path), read,
          apart ? ", number 4, delay 4, weight 8" : "", !apart && most > 4 + (p->weight_kernel ? 8 : 0) ? ", delay" : "",
          !apart && p->weight_kernel ? ", weight: 2, 4 or 8, as its sample says when the run begins" : "",
          apart ? arena_printf(v->a, "is a note of %.0f bytes until it is handled", sum)
                : arena_printf(v->a, "adds to %.0f bytes of %s", sum, straight ? "a count" : "an accumulator"));
}

/* ---- memory */

static double rounded(double bytes, double to) { return ceil(bytes / to) * to; }

static double states_bytes(const Device *v) {
  double sum = 0, real = v->f32 ? 4 : 8;
  for (uint32_t i = 0; i < v->e.x->populations.n; i++) {
    const IrClass *c = v->e.x->populations.at[i].class;
    double padded = rounded(size_of(v, i), NSL_LANES), array = rounded(padded * real, LINE), mask = rounded(padded / 8, LINE);
    sum += rounded((c->states.n + c->inputs.n + 2.0 * c->pasts.n) * array + (c->holds.n + 2.0) * mask, ALIGN);
    sum += rounded(c->elem_params.n * array, ALIGN);
  }
  return sum;
}

/* Rows of a ring as long as the longest delay; NAN: that is drawn. */
static double sums_bytes(const Device *v) {
  const IrExperiment *x = v->e.x;
  double longest = 0, length = 2, sums = 0, counts = 0;
  for (uint32_t i = 0; i < x->projections.n; i++) {
    if (!there(v, x->projections.at[i].cond)) continue;
    if (x->projections.at[i].delay_kernel) return NAN;
    longest = fmax(longest, steps_of(v, value(v, x->projections.at[i].delay)));
  }
  for (uint32_t i = 0; i < x->drives.n; i++)
    if (x->drives.at[i].delay_kernel) return NAN;
  while (length < longest + 1) length *= 2;
  for (uint32_t i = 0; i < x->populations.n; i++) {
    const IrClass *c = x->populations.at[i].class;
    for (uint32_t q = 0; q < c->ports.n; q++)
      if (!c->receive.at[q]) *(c->ports.at[q].straight != IR_NONE ? &counts : &sums) += rounded(size_of(v, i), NSL_LANES);
  }
  return rounded(sums * (v->f32 ? 4 : 8) * length, ALIGN) + rounded(counts * 4 * length, ALIGN);
}

static void memory_print(Device *v, const Rows *rows) {
  double states = states_bytes(v), sums = sums_bytes(v);
  if (v->e.json) {
    fact_begin(&v->e, "device_memory");
    fact_text(&v->e, "experiment", name_str(v->e.s, v->e.x->experiment->name));
    fact_number(&v->e, "states", states);
    fact_number(&v->e, "sums", sums);
    fact_number(&v->e, "synapses_least", rows->least);
    fact_number(&v->e, "synapses_most", rows->most);
    fact_end(&v->e);
    return;
  }
  fprintf(v->e.out, "  memory of the device: states and inputs %s; sums of what arrives %s", fact_memory(&v->e, states),
          isnan(sums) ? "as long as the longest delay, which is drawn" : fact_memory(&v->e, sums));
  if (v->e.x->projections.n && isnan(rows->least)) fprintf(v->e.out, "; synapses as many as the run makes");
  else if (v->e.x->projections.n && rows->least == rows->most) fprintf(v->e.out, "; synapses %s", fact_memory(&v->e, rows->least));
  else if (v->e.x->projections.n) fprintf(v->e.out, "; synapses %s to %s", fact_memory(&v->e, rows->least), fact_memory(&v->e, rows->most));
  bool stepped, follows;
  if (plastics_there(v, &stepped, &follows)) fprintf(v->e.out, "; beside them synapses with memory");
  fprintf(v->e.out, "; run.json has each item\n");
}

static void experiment_print(Device *v, const char *refused) {
  const IrExperiment *x = v->e.x;
  const char *name = name_str(v->e.s, x->experiment->name);
  Rows rows = {0};
  if (!refused) launches_make(v);
  if (v->e.json) {
    fact_begin(&v->e, "device");
    fact_text(&v->e, "experiment", name);
    if (refused) fact_text(&v->e, "refused", refused);
    else fact_number(&v->e, "launches_per_step", v->launches.n);
    fact_number(&v->e, "threads_of_block", DEV_THREADS);
    fact_text(&v->e, "bits", refused ? "" : "equal");
    if (v->d->n && v->d->gpus[0].unknown) fact_text(&v->e, "registers_unknown", v->d->gpus[0].unknown);
    fact_end(&v->e);
  } else if (refused) {
    fprintf(v->e.out, "\nexperiment %s cannot run on a device:\n  %s\n", name, refused);
  } else {
    fprintf(v->e.out, "\nexperiment %s on a device: %u launches a step, blocks of %u threads; the bits are the processor's: what threads add together are whole numbers\n",
            name, v->launches.n, DEV_THREADS);
    if (v->d->n && v->d->gpus[0].unknown) fprintf(v->e.out, "  %s\n", v->d->gpus[0].unknown);
  }
  if (refused) return;
  for (uint32_t i = 0; i < v->launches.n; i++) launch_print(v, &v->launches.at[i]);
  for (uint32_t i = 0; i < x->projections.n; i++)
    if (x->projections.at[i].cells == IR_NONE && there(v, x->projections.at[i].cond)) events_print(v, &x->projections.at[i], &rows);
  memory_print(v, &rows);
}

/* What is to be said of those that can, the explanation of fits says. */
static void fit_print(Device *v, const IrFit *f, const char *refused) {
  const char *name = name_str(v->e.s, f->fit->name);
  if (!refused) return;
  if (v->e.json) {
    fact_begin(&v->e, "device");
    fact_text(&v->e, "fit", name);
    fact_text(&v->e, "refused", refused);
    fact_end(&v->e);
  } else {
    fprintf(v->e.out, "\nfit %s cannot run on a device:\n  %s\n", name, refused);
  }
}

void explain_device(Compilation *c, const OnDevice *d, FILE *out) {
  Device v = {.e = {.s = c->s, .out = out, .json = c->options->json, .m = c->module}, .a = c->arena, .d = d, .f32 = c->options->f32};
  for (uint32_t i = 0; i < c->module->experiments.n; i++) {
    v.e.x = c->module->experiments.at[i];
    v.e.g = explain_globals(&v.e, v.e.x);
    experiment_print(&v, d->refused[i]);
  }
  for (uint32_t i = 0; i < c->module->fits.n; i++) fit_print(&v, c->module->fits.at[i], d->refused[c->module->experiments.n + i]);
}
