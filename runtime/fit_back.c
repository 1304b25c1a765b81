/* Reverse mode: the gradients of a march's terms by all free parameters, in one way forwards and one back; products of their
 * Hessians with a vector likewise, where the march that goes forwards has the derivatives along that vector.
 *
 * Forwards the march runs as for its value, and its states and rings are kept at the begin of every segment. Backwards, segment by
 * segment, `record` repeats the steps and writes the tape, and `back` runs over it for each term, whose sum has the
 * adjoint 1: of few places in the lanes of one vector, which repeat the places (fit_march.c), else once for each. The last segment's tape has 16 MB: no step of it is run twice, and shorter sweeps are one segment. The tapes of those before have
 * 1 MB, which stays in a core's cache: the march runs twice there, but nothing waits for memory. They are longer where what is kept would
 * be more than their tape: memory grows with the square root of the number of steps. The bits do not depend on segments. */
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit_walk.h"

const double RT_WHOLE_BYTES = 1 << 24, RT_TAPE_BYTES = 1 << 20;
enum { LANES = RT_BLOCK };

struct rt_way rt_way_back(const struct rt_fit *f, const struct rt_march *m, bool product) {
  const struct nsl_march *def = m->def;
  struct rt_way w = {.m = m, .form = &def->plain, .back = &def->reverse, .values = 1, .params = f->def->n_free};
  if (product)
    w = (struct rt_way){.m = m, .form = &def->tangent, .back = &def->hessian, .seeds = def->plain.n_states, .values = 2,
                        .params = 2 * f->def->n_free};
  if (w.back->back.kernel == NSL_NONE) w.back = NULL;
  return w;
}

struct rt_back_sizes rt_back_sizes(const struct rt_way *way, uint64_t n_steps, double whole) {
  struct rt_back_sizes z = {.states = (uint64_t)way->form->n_states * LANES, .rings = way->form->n_rings * (way->m->ring_mask + 1) * LANES,
                    .adjoints = (uint64_t)way->back->n_states * LANES};
  double row = fmax(1, way->back->n_tape) * LANES;
  z.kept = z.states + z.rings;
  double bytes = row * sizeof(double), all = (double)n_steps;
  double length = fmin(fmax(RT_TAPE_BYTES / bytes, sqrt(all * (double)z.kept / row)), all);
  z.segment = (uint64_t)fmax(1, length);
  z.tape = (uint64_t)fmax((double)z.segment, fmin(whole / bytes, all));
  z.segments = (n_steps - z.tape + z.segment - 1) / z.segment + 1;
  return z;
}

static double *room_for(struct rt_fit *f, double *old, uint64_t *had, uint64_t want) {
  if (want <= *had) return old;
  *had = want;
  return rt_alloc(&f->s->mem, want, sizeof *old);
}

int rt_back_room(struct rt_fit *f, struct rt_room *r) {
  uint64_t tape = 0, kept = 0, adjoints = 0, rings = 0, want[4] = {0};
  for (uint32_t i = 0; i < 2 * f->def->n_marches; i++) {
    struct rt_way way = rt_way_back(f, &f->marches[i / 2], i % 2);
    for (uint32_t k = 0; way.back && k < f->n_traces; k++) {
      struct rt_back_sizes z = rt_back_sizes(&way, f->traces[k].n_steps, RT_WHOLE_BYTES);
      const uint64_t of[4] = {z.tape * way.back->n_tape * LANES, z.segments * z.kept, z.adjoints * way.m->def->n_terms,
                              z.rings * way.m->def->n_terms};
      for (int q = 0; q < 4; q++) want[q] = of[q] + 1 > want[q] ? of[q] + 1 : want[q];
    }
  }
  if (!want[0]) return 0;
  r->tape = room_for(f, r->tape, &tape, want[0]);
  r->kept = room_for(f, r->kept, &kept, want[1]);
  r->adjoints = room_for(f, r->adjoints, &adjoints, want[2]);
  r->adjoint_rings = room_for(f, r->adjoint_rings, &rings, want[3]);
  return r->tape && r->kept && r->adjoints && r->adjoint_rings ? 0 : NSL_EMEMORY;
}

/* ---- a task */

static void keep(const struct rt_walk *w, const struct rt_back_sizes *z, double *to) {
  memcpy(to, w->states, z->states * sizeof *to);
  memcpy(to + z->states, w->rings, z->rings * sizeof *to);
}

static void restore(struct rt_walk *w, const struct rt_back_sizes *z, const double *from) {
  memcpy(w->states, from, z->states * sizeof *from);
  memcpy(w->rings, from + z->states, z->rings * sizeof *from);
}

static bool stopped(const struct rt_fit *f) { return f->s->interrupt && *f->s->interrupt; }

/* Forwards to the begin of the last segment; what is kept stands in room->kept by segment. */
static int forwards(struct rt_walk *w, const struct rt_way *way, const struct rt_back_sizes *z, struct rt_room *room) {
  for (uint64_t i = 0; i < z->segments; i++) {
    keep(w, z, room->kept + i * z->kept);
    for (uint64_t left = i + 1 < z->segments ? z->segment : 0; left;) {
      if (stopped(w->f)) return NSL_ESTOPPED;
      uint64_t steps = left < RT_CALL ? left : RT_CALL;
      rt_walk_call(w, &way->form->march, steps);
      left -= steps;
    }
  }
  return 0;
}

/* Lanes of a term: as many as there are places, behind those of the terms before that go back with it. */
struct lanes {
  uint32_t together; /* the number of the run, of those that go together */
  uint32_t first;
};

static struct lanes lanes_of(const struct rt_task *t, uint32_t term) {
  uint32_t at_once = LANES / t->n;
  return (struct lanes){term / at_once, term % at_once * t->n};
}

uint32_t rt_back_runs(const struct rt_task *t) {
  uint32_t n = t->march->def->n_terms;
  return n ? lanes_of(t, n - 1).together + 1 : 0;
}

void rt_back_begin(const struct rt_way *way, const struct rt_back_sizes *z, const struct rt_task *task, double *adjoints) {
  const struct rt_march *m = way->m;
  memset(adjoints, 0, z->adjoints * rt_back_runs(task) * sizeof *adjoints);
  for (uint32_t t = 0; t < m->def->n_terms; t++) {
    struct lanes is = lanes_of(task, t);
    for (uint32_t place = 0; place < task->n; place++)
      adjoints[is.together * z->adjoints + (uint64_t)(m->def->terms[t].sum + way->seeds) * LANES + is.first + place] = 1;
  }
}

/* Each term's adjoints through the steps behind w->done. */
static void terms_back(const struct rt_walk *at, const struct rt_back_sizes *z, const struct rt_task *task, const struct rt_room *room,
                       const struct nsl_code *code, uint64_t steps) {
  for (uint32_t i = 0; i < rt_back_runs(task); i++) {
    struct rt_walk w = *at;
    w.states = room->adjoints + i * z->adjoints;
    w.rings = room->adjoint_rings + i * z->rings;
    rt_walk_call(&w, code, steps);
  }
}

void rt_back_values(const struct rt_walk *w, const struct rt_way *way, double *to) {
  for (uint32_t t = 0; t < w->m->def->n_terms; t++, to += (way->values + way->params) * LANES)
    for (uint32_t i = 0; i < way->values; i++)
      memcpy(to + i * LANES, w->states + (uint64_t)(w->m->def->terms[t].sum + i * way->seeds) * LANES, LANES * sizeof *to);
}

static void gradients_take(const struct rt_way *way, const struct rt_back_sizes *z, const struct rt_task *task, const struct rt_room *room) {
  double *to = task->sums;
  for (uint32_t t = 0; t < way->m->def->n_terms; t++, to += (way->values + way->params) * LANES) {
    struct lanes is = lanes_of(task, t);
    const double *from = room->adjoints + is.together * z->adjoints + (uint64_t)way->form->n_states * LANES + is.first;
    for (uint32_t k = 0; k < way->params; k++)
      for (uint32_t lane = 0; lane < LANES; lane++)
        to[(way->values + k) * LANES + lane] = from[k * LANES + lane % task->n];
  }
}

void rt_back_end(struct rt_walk *w, const struct rt_way *way, const struct rt_back_sizes *z, const struct rt_task *t,
                 const struct rt_room *room) {
  w->done = 0;
  if (way->back->end.kernel != NSL_NONE) terms_back(w, z, t, room, &way->back->end, 0);
  gradients_take(way, z, t, room);
}

int rt_back_run(struct rt_fit *f, const struct rt_task *t, struct rt_room *room) {
  struct rt_way way = rt_way_back(f, t->march, t->along != NULL);
  struct rt_walk w = rt_walk_begin(f, t->march, way.form, t->trace, room);
  struct rt_back_sizes z = rt_back_sizes(&way, w.n_steps, RT_WHOLE_BYTES);
  w.tape = room->tape;
  w.tape_row = (uint64_t)way.back->n_tape * LANES;
  int e = forwards(&w, &way, &z, room);
  rt_back_begin(&way, &z, t, room->adjoints);
  memset(room->adjoint_rings, 0, z.rings * rt_back_runs(t) * sizeof *room->adjoint_rings);
  for (uint64_t i = z.segments; !e && i-- > 0;) {
    uint64_t from = i * z.segment, steps = i + 1 < z.segments ? z.segment : w.n_steps - from;
    if (stopped(f)) return NSL_ESTOPPED;
    restore(&w, &z, room->kept + i * z.kept);
    w.done = from;
    rt_walk_call(&w, &way.back->record, steps);
    if (i + 1 == z.segments) rt_back_values(&w, &way, t->sums);
    w.done = from;
    terms_back(&w, &z, t, room, &way.back->back, steps);
  }
  if (!e) rt_back_end(&w, &way, &z, t, room);
  return e;
}
