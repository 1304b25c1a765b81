/* See marches.h. Arrays are found by bank, kind and index; a bank is the march's own, or that of the adjoints. */
#include "tests/gradients/marches.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/pass.h"
#include "lang/session.h"
#include "tests/ir/random_kernel.h"

/* ---- kernels */

static void dims_of(const IrKernel *k, Dim *dims) {
  for (uint32_t i = 0; i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_PARAM) dims[k->slots.at[i].index] = k->slots.at[i].dim;
}

static void forward(Session *s, Arena *a, Marches *m) {
  AdForward f = {.s = s, .arena = a, .n_params = m->n_params, .n_states = m->plain.n_states, .n_rings = m->plain.n_rings};
  uint32_t n = (f.n_states + f.n_rings) * f.n_params, before = UINT32_MAX, now = 0;
  Dim *dims = NEW_ARRAY(a, Dim, m->n_params + 1);
  f.depends = NEW_ARRAY(a, bool, n + 1);
  f.dims = dims;
  dims_of(m->plain.begin, dims);
  dims_of(m->plain.march, dims);
  while (before != now && s->errors == 0) {
    before = now;
    now = 0;
    m->gradient.begin = ad_forward_kernel(&f, m->plain.begin, name_z(s, "begin.gradient"));
    m->gradient.march = ad_forward_kernel(&f, m->plain.march, name_z(s, "gradient"));
    for (uint32_t i = 0; i < n; i++) now += f.depends[i];
  }
}

static void count_slots(Marches *m, const IrKernel *k) {
  for (uint32_t i = 0; i < k->slots.n; i++) {
    const IrSlot *slot = &k->slots.at[i];
    uint32_t *n = slot->kind == SLOT_STATE ? &m->plain.n_states : slot->kind == SLOT_RING ? &m->plain.n_rings
                  : slot->kind == SLOT_PARAM ? &m->n_params : NULL;
    if (n && slot->index >= *n) *n = slot->index + 1;
  }
}

static void second(Session *s, Arena *a, Marches *m, int effort) {
  IrClass class = {.name = name_z(s, "test")};
  IrMarch march = {.class = &class, .plain = m->plain};
  AdForward f = {.s = s, .arena = a, .n_params = m->n_params, .n_states = m->plain.n_states, .n_rings = m->plain.n_rings};
  ad_hessian(&f, &march, m->sums, effort);
  m->tangent = march.tangent;
  m->hessian = march.hessian;
}

bool marches_of(Session *s, Arena *a, IrKernel *begin, IrKernel *march, int effort, Marches *ret) {
  *ret = (Marches){.plain = {.begin = begin, .march = march}};
  count_slots(ret, begin);
  count_slots(ret, march);
  ret->sums = NEW_ARRAY(a, bool, ret->plain.n_states + 1);
  for (uint32_t i = 0; i < ret->plain.n_states; i++) ret->sums[i] = i % 2 == 0;
  AdReverse r = {.s = s, .arena = a, .effort = effort};
  r.active = ad_active(a, &ret->plain, ret->n_params, ret->sums);
  ret->reverse = ad_reverse(&r, &ret->plain, "test");
  if (s->errors == 0) forward(s, a, ret);
  if (s->errors == 0) second(s, a, ret, effort);
  return s->errors == 0;
}

static bool smooth(const IrKernel *k) {
  bool jumps = false;
  for (IrVal i = 0; i < k->ins.n; i++) {
    IrOp op = (IrOp)k->ins.at[i].op;
    jumps |= op == IR_FLOOR || op == IR_HOLD || op == IR_ROUND || op == IR_HEAVISIDE || (ir_ops[op].flags & IRF_SURROGATE);
  }
  return !jumps;
}

static IrKernel *without_tape(Session *s, Arena *a, const IrKernel *k) {
  IrRewrite r = ir_rewrite(k, a, s);
  for (IrVal i = 0; i < k->ins.n; i++)
    if (k->ins.at[i].op != IR_STORE || k->slots.at[k->ins.at[i].slot].kind != SLOT_TAPE) ir_rewrite_copy(&r, i);
  return random_pass(s, a, r.b.k, "dce");
}

bool marches_random(Session *s, Arena *a, uint64_t seed, int effort, Marches *ret) {
  IrKernel *begin = random_kernel(s, a, seed, KERNEL_BEGIN, 5 + (uint32_t)(seed * 13 % 20));
  IrKernel *march = random_kernel(s, a, seed + 1, KERNEL_MARCH, 8 + (uint32_t)(seed * 37 % 80));
  bool loops = ad_has_loops(begin) != IR_NONE || ad_has_loops(march) != IR_NONE;
  if (!smooth(begin) || !smooth(march) || !marches_of(s, a, begin, without_tape(s, a, march), effort, ret)) return false;
  ret->loops = loops;
  return true;
}

/* ---- memory */

enum { PLAIN, ADJOINT, MASK = 7 };

static double tame(uint64_t seed, uint64_t what, uint64_t at) {
  uint64_t z = seed * 0x9e3779b97f4a7c15u + what * 0xbf58476d1ce4e5b9u + at * 0x94d049bb133111ebu;
  z = (z ^ (z >> 31)) * 0xd6e8feb86659fd93u;
  z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93u;
  return 0.2 + 2 * ((double)((z ^ (z >> 32)) >> 11) * 0x1p-53);
}

Run run_new(Arena *a, uint64_t seed, bool quad, int64_t lanes, uint64_t steps, uint64_t lag) {
  Run r = {.quad = quad, .lanes = lanes, .steps = steps, .most = steps, .lag = lag, .segment = steps, .arena = a, .seed = seed};
  for (uint64_t i = 0; i < COUNT_OF(r.u); i++) r.wide_u[i] = r.u[i] = tame(seed, 7, i);
  return r;
}

static size_t bytes_of(const Run *r, SlotKind kind) {
  size_t rows = kind == SLOT_RING ? MASK + 1 : kind == SLOT_TAPE ? r->most + 1 : 1;
  size_t n = kind == SLOT_SAMPLE ? r->most + 1 : rows * (size_t)r->lanes;
  return n * (r->quad ? sizeof(Quad) : sizeof(double));
}

static void put(const Run *r, void *array, int64_t at, Quad v) {
  if (r->quad) ((Quad *)array)[at] = v;
  else ((double *)array)[at] = (double)v;
}
static Quad get(const Run *r, const void *array, int64_t at) { return r->quad ? ((const Quad *)array)[at] : (Quad)((const double *)array)[at]; }

static void *array_of(const Run *run, int bank, SlotKind kind, uint32_t index) {
  Run *r = (Run *)(uintptr_t)run; /* arrays come into being when they are asked for */
  uint64_t key = (uint64_t)bank << 40 | (uint64_t)kind << 32 | index;
  for (uint32_t i = 0; i < r->keys.n; i++)
    if (r->keys.at[i] == key) return r->arrays.at[i];
  size_t bytes = bytes_of(r, kind);
  char *array = NEW_ARRAY(r->arena, char, bytes + 16);
  array += -(uintptr_t)array & 15;
  memset(array, 0, bytes);
  bool given = kind == SLOT_PARAM || kind == SLOT_SAMPLE || kind == SLOT_INPUT;
  for (size_t e = 0; given && e < bytes / (r->quad ? sizeof(Quad) : sizeof(double)); e++)
    put(r, array, (int64_t)e, tame(r->seed, (uint64_t)kind << 8 | index, e));
  vec_push(r->arena, &r->keys, key);
  vec_push(r->arena, &r->arrays, (void *)array);
  return array;
}

static void clear(Run *r, int bank) {
  for (uint32_t i = 0; i < r->keys.n; i++) {
    SlotKind kind = (SlotKind)(r->keys.at[i] >> 32 & 255);
    if ((int)(r->keys.at[i] >> 40) == bank && (kind == SLOT_STATE || kind == SLOT_RING))
      memset(r->arrays.at[i], 0, bytes_of(r, kind));
  }
}

/* Own lags of a march's elements: as all that is given, functions of the seed. */
static const int64_t *lags_of(const Run *r, uint32_t lag) {
  int64_t *own = NEW_ARRAY(r->arena, int64_t, r->lanes + 1);
  for (int64_t e = 0; e < r->lanes; e++) own[e] = 1 + (int64_t)(tame(r->seed, 9 + lag, (uint64_t)e) * 1e6) % MASK;
  return own;
}

static void call(Run *r, const IrKernel *k, int bank, uint64_t first, uint64_t steps) {
  void **slots = NEW_ARRAY(r->arena, void *, k->slots.n + 1);
  const int64_t **lags = NEW_ARRAY(r->arena, const int64_t *, k->slots.n + 1);
  for (uint32_t i = 0; i < k->slots.n; i++) {
    const IrSlot *slot = &k->slots.at[i];
    bool own = slot->kind == SLOT_STATE || slot->kind == SLOT_RING;
    if (slot->kind == SLOT_UNIFORM) continue;
    lags[i] = slot->lag ? lags_of(r, slot->lag) : NULL;
    slots[i] = array_of(r, own ? bank : PLAIN, slot->kind, slot->index);
    if (slot->kind == SLOT_SAMPLE) slots[i] = (char *)slots[i] + (first - 1) * (r->quad ? sizeof(Quad) : sizeof(double));
  }
  double *u = r->quad ? (double *)(void *)r->wide_u : r->u;
  IrEnv env = {.slots = slots, .u = u, .step = first, .count = r->lanes, .t = 0, .dt = 0.125, .steps = steps, .lag = r->lag,
               .ring_mask = MASK, .ring_row = (uint64_t)r->lanes, .tape_row = (uint64_t)r->lanes, .lags = lags};
  if (r->quad) ir_eval_quad(k, &env);
  else ir_eval(k, &env);
}

/* ---- runs */

void run_plain(Run *r, const Marches *m) {
  clear(r, PLAIN);
  call(r, m->plain.begin, PLAIN, 1, 1);
  call(r, m->plain.march, PLAIN, 1, r->steps);
}

void run_forward(Run *r, const Marches *m) {
  clear(r, PLAIN);
  call(r, m->gradient.begin, PLAIN, 1, 1);
  call(r, m->gradient.march, PLAIN, 1, r->steps);
}

/* States and rings as they are, or as they were. */
static void keep(Run *r, char *at, bool back) {
  for (uint32_t i = 0; i < r->keys.n; i++) {
    SlotKind kind = (SlotKind)(r->keys.at[i] >> 32 & 255);
    if (r->keys.at[i] >> 40 != PLAIN || (kind != SLOT_STATE && kind != SLOT_RING)) continue;
    if (back) memcpy(r->arrays.at[i], at, bytes_of(r, kind));
    else memcpy(at, r->arrays.at[i], bytes_of(r, kind));
    at += bytes_of(r, kind);
  }
}

double run_weight(uint32_t state) { return 0.75 + 0.5 * state; }

typedef struct {
  const IrMarchForm *form;
  const IrMarchBack *back;
  const Marches *m;
  uint32_t seeds; /* adjoints begin at so many states behind the sums */
} Way;

static void way_run(Run *r, const Way *w) {
  const Marches *m = w->m;
  uint64_t n = (r->steps + r->segment - 1) / r->segment;
  size_t room = 0;
  clear(r, PLAIN);
  call(r, w->form->begin, PLAIN, 1, 1);
  call(r, w->form->march, PLAIN, 1, r->steps); /* so that all arrays are there */
  for (uint32_t i = 0; i < r->keys.n; i++) room += bytes_of(r, (SlotKind)(r->keys.at[i] >> 32 & 255));
  char *kept = NEW_ARRAY(r->arena, char, n * room + 1);
  clear(r, PLAIN);
  clear(r, ADJOINT);
  call(r, w->form->begin, PLAIN, 1, 1);
  for (uint64_t i = 0; i < n; i++) {
    keep(r, kept + i * room, false);
    uint64_t from = i * r->segment, steps = from + r->segment < r->steps ? r->segment : r->steps - from;
    call(r, w->form->march, PLAIN, from + 1, steps);
  }
  for (uint32_t i = 0; i < m->plain.n_states; i++)
    for (int64_t e = 0; m->sums[i] && e < r->lanes; e++)
      put(r, array_of(r, ADJOINT, SLOT_STATE, i + w->seeds), e, run_weight(i));
  for (uint64_t i = n; i-- > 0;) {
    keep(r, kept + i * room, true);
    uint64_t from = i * r->segment, steps = from + r->segment < r->steps ? r->segment : r->steps - from;
    call(r, w->back->record, PLAIN, from + 1, steps);
    call(r, w->back->back, ADJOINT, from + 1, steps);
  }
  call(r, w->back->end, ADJOINT, 1, 1);
}

void run_reverse(Run *r, const Marches *m) { way_run(r, &(Way){&m->plain, &m->reverse, m, 0}); }
void run_hessian(Run *r, const Marches *m) { way_run(r, &(Way){&m->tangent, &m->hessian, m, m->plain.n_states}); }

Quad run_state(const Run *r, uint32_t state, int64_t lane) { return get(r, array_of(r, PLAIN, SLOT_STATE, state), lane); }
Quad run_adjoint(const Run *r, uint32_t state, int64_t lane) { return get(r, array_of(r, ADJOINT, SLOT_STATE, state), lane); }
Quad run_param(const Run *r, uint32_t k, int64_t lane) { return get(r, array_of(r, PLAIN, SLOT_PARAM, k), lane); }
void run_set_param(Run *r, uint32_t k, int64_t lane, Quad v) { put(r, array_of(r, PLAIN, SLOT_PARAM, k), lane, v); }

bool run_finite(const Run *r, int64_t lane, double most) {
  for (uint32_t i = 0; i < r->keys.n; i++) {
    SlotKind kind = (SlotKind)(r->keys.at[i] >> 32 & 255);
    if (r->keys.at[i] >> 40 != PLAIN || (kind != SLOT_STATE && kind != SLOT_RING)) continue;
    for (int64_t row = 0; row <= (kind == SLOT_RING ? MASK : 0); row++)
      if (!(fabs((double)get(r, r->arrays.at[i], row * r->lanes + lane)) < most)) return false;
  }
  return true;
}

Quad run_product(const Run *r, const Marches *m, uint32_t k, int64_t lane, Quad *ret_scale) {
  Quad sum = 0;
  *ret_scale = 0;
  for (uint32_t i = 0; i < m->plain.n_states; i++) {
    if (!m->sums[i]) continue;
    Quad d = run_weight(i) * run_state(r, m->plain.n_states + i * m->n_params + k, lane);
    sum += d;
    *ret_scale += d < 0 ? -d : d;
  }
  return sum;
}
