/* Makes random kernels. Method: a pool of values with their dimensions grows by one random op at a time;
 * where an op wants arguments alike, a partner is looked for in the pool or a constant is made. Numbers stay
 * mostly tame (tanh and clip are frequent, powers of dimensions are bounded), with infinities, NaNs, signed
 * zeros and huge values mixed in. Loops turn a few times, each element as often as its own condition says. */
#include "tests/ir/random_kernel.h"

#include <math.h>
#include <string.h>

#include "lang/session.h"

typedef struct {
  IrBuild b;
  uint64_t rng;
  VEC(IrVal) reals, bools;
  VEC(IrVal) fresh; /* reals that nothing uses yet */
  uint32_t draws;
} Gen;

static uint64_t next(uint64_t *rng) {
  uint64_t z = *rng += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
static uint32_t below(Gen *g, uint32_t n) { return (uint32_t)(next(&g->rng) >> 33) % n; }
static bool chance(Gen *g, uint32_t percent) { return below(g, 100) < percent; }

static const double special[] = {0.0,  -0.0, 1,   -1,       2,         0.5,  10,    4,    -3,   0.1,
                                 1e-3, 1e3,  100, INFINITY, -INFINITY, 1e30, 1e-30, 87.3, -87.3,
                                 1e-40, -3e-310};
/* the first of them that are not extreme; those that arrays hold: nothing subnormal, as in the runtime */
enum { TAME = 13, IN_ARRAYS = 19 };
enum { MOST_TURNS = 20 }; /* a number of turns that random memory says */

static double number(Gen *g) {
  if (chance(g, 40)) return special[below(g, chance(g, 5) ? COUNT_OF(special) : TAME)];
  return ((double)(next(&g->rng) >> 11) * 0x1p-53 - 0.5) * (chance(g, 20) ? 100 : 4);
}

static Dim some_dim(Gen *g) {
  Dim d = DIM_NONE;
  if (chance(g, 60)) return d;
  d.e[below(g, DIM_BASES)] = (int16_t)(chance(g, 70) ? DIM_ONE : -DIM_ONE);
  return d;
}

static IrVal keep(Gen *g, IrVal v) {
  const IrIns *ins = &g->b.k->ins.at[v];
  if (ins->type == IR_REAL) {
    vec_push(g->b.arena, &g->reals, v);
    vec_push(g->b.arena, &g->fresh, v);
  } else {
    vec_push(g->b.arena, &g->bools, v);
  }
  return v;
}
static Dim dim_of(const Gen *g, IrVal v) { return g->b.k->ins.at[v].dim; }

/* Unused and recent values more often, so that kernels are deep and little in them is dead. */
static IrVal some_real(Gen *g) {
  if (g->fresh.n > 0 && chance(g, 50)) {
    uint32_t at = below(g, g->fresh.n);
    IrVal v = g->fresh.at[at];
    g->fresh.at[at] = g->fresh.at[--g->fresh.n];
    return v;
  }
  uint32_t n = g->reals.n, recent = n < 8 ? n : 8;
  return g->reals.at[chance(g, 60) ? n - 1 - below(g, recent) : below(g, n)];
}
static IrVal some_bool(Gen *g) { return g->bools.at[below(g, g->bools.n)]; }

static IrVal real_like(Gen *g, Dim d) {
  for (int i = 0; i < 12; i++) {
    IrVal v = some_real(g);
    if (dim_eq(dim_of(g, v), d)) return v;
  }
  return ir_const(&g->b, number(g), d);
}

static bool wild(Dim d) {
  for (int i = 0; i < DIM_BASES; i++)
    if (d.e[i] > 4 * DIM_ONE || d.e[i] < -4 * DIM_ONE) return true;
  return false;
}

/* ---- slots */

static uint32_t slot(Gen *g, SlotKind kind, uint32_t index, IrType type, Dim d) {
  Name name = chance(&(Gen){.rng = index * 8 + kind}, 5)
                  ? (Name){0}
                  : name_fmt(g->b.s, "%s%u", ir_slot_text[kind], index);
  if (kind == SLOT_RING) return ir_ring(&g->b, index, index, name, d); /* 0: the run's lag */
  return ir_slot(&g->b, kind, index, name, type, d);
}

/* The dimension of a slot belongs to its kind and index. */
static Dim slot_dim(SlotKind kind, uint32_t index) {
  Gen g = {.rng = (uint64_t)kind * 1000 + index};
  return kind == SLOT_HELD || kind == SLOT_PREV || kind == SLOT_SPIKE ? DIM_NONE : some_dim(&g);
}

static uint32_t real_slot(Gen *g, SlotKind kind, uint32_t index) {
  return slot(g, kind, index, IR_REAL, slot_dim(kind, index));
}

static void load_reals(Gen *g, SlotKind kind, uint32_t n) {
  if (!(ir_access(g->b.k->kind, kind) & IRA_LOAD)) return;
  for (uint32_t i = 0; i < n; i++) keep(g, ir_load(&g->b, real_slot(g, kind, i)));
}
/* A ring that is loaded is stored at the end. */
static void load_over_time(Gen *g) {
  if (!ir_kernel_over_time(g->b.k->kind)) return;
  load_reals(g, SLOT_SAMPLE, below(g, 3));
  load_reals(g, SLOT_RING, below(g, 3));
  load_reals(g, SLOT_TAPE, below(g, 4));
}
static void load_masks(Gen *g, SlotKind kind, uint32_t n) {
  if (!(ir_access(g->b.k->kind, kind) & IRA_LOAD)) return;
  for (uint32_t i = 0; i < n; i++) keep(g, ir_load(&g->b, slot(g, kind, i, IR_BOOL, DIM_NONE)));
}

static void take_ports(Gen *g, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    Dim d = slot_dim(SLOT_PORT, i);
    IrVal unit = ir_load(&g->b, slot(g, SLOT_UNIFORM, 100 + i, IR_REAL, d));
    keep(g, ir_take(&g->b, slot(g, SLOT_PORT, i, IR_REAL, d), unit));
  }
}

/* times a constant of the missing dimension */
static IrVal to_dim(Gen *g, IrVal v, Dim d) {
  if (dim_eq(dim_of(g, v), d)) return v;
  return ir_op2(&g->b, IR_MUL, v, ir_const(&g->b, 1, dim_div(d, dim_of(g, v))));
}

/* What is stored: a value, plus some that would else be dead; large ones tamed. */
static IrVal of_dim(Gen *g, Dim d) {
  IrVal v = to_dim(g, some_real(g), d);
  while (g->fresh.n > 0 && chance(g, 75)) {
    IrVal x = to_dim(g, g->fresh.at[--g->fresh.n], DIM_NONE);
    if (chance(g, 70)) x = ir_op1(&g->b, IR_TANH, x);
    v = ir_op2(&g->b, chance(g, 50) ? IR_ADD : IR_SUB, v, to_dim(g, x, d));
  }
  return v;
}

static void store_reals(Gen *g, SlotKind kind, uint32_t n) {
  if (!(ir_access(g->b.k->kind, kind) & IRA_STORE)) return;
  for (uint32_t i = 0; i < n; i++) {
    if (chance(g, 20) && kind != SLOT_OUT && kind != SLOT_RING) continue;
    uint32_t to = real_slot(g, kind, i);
    IrVal v = of_dim(g, g->b.k->slots.at[to].dim);
    ir_store(&g->b, to, v);
    bool checks = g->b.k->kind == KERNEL_STEP || g->b.k->kind == KERNEL_FINISH;
    if (kind == SLOT_STATE && checks && chance(g, 50)) ir_check(&g->b, i, v);
  }
}

static void store_mask(Gen *g, SlotKind kind, uint32_t index) {
  if (!(ir_access(g->b.k->kind, kind) & IRA_STORE) || chance(g, 20)) return;
  ir_store(&g->b, slot(g, kind, index, IR_BOOL, DIM_NONE), some_bool(g));
}

/* setup and derive: store, then perhaps load again */
static void store_scalar(Gen *g, SlotKind kind, uint32_t index) {
  if (!(ir_access(g->b.k->kind, kind) & IRA_STORE)) return;
  uint32_t to = real_slot(g, kind, index);
  if (kind == SLOT_GLOBAL && chance(g, 40)) g->b.k->slots.at[to].settable = true;
  ir_store(&g->b, to, of_dim(g, g->b.k->slots.at[to].dim));
  if (chance(g, 70)) keep(g, ir_load(&g->b, to));
}

/* ---- ops */

static void add_within(Gen *g) {
  IrBuild *b = &g->b;
  static const IrOp ops[] = {IR_DRAW_UNIFORM_WITHIN, IR_DRAW_NORMAL_WITHIN, IR_DRAW_EXPONENTIAL_WITHIN,
                             IR_DRAW_LOGNORMAL_WITHIN};
  IrOp op = ops[below(g, COUNT_OF(ops))];
  Dim d = op == IR_DRAW_LOGNORMAL_WITHIN ? DIM_NONE : some_dim(g);
  IrVal zero = ir_const(b, 0, d), one = ir_const(b, 1, d), high = ir_const(b, 1.5, d),
        half = ir_const(b, chance(g, 20) ? -0.5 : 0.25, d);
  IrVal args[4] = {zero, one, half, high};
  if (op == IR_DRAW_EXPONENTIAL_WITHIN) args[0] = one, args[1] = half, args[2] = high;
  keep(g, ir_draw(b, op, g->draws++, args, d));
}

static void add_draw(Gen *g) {
  static const IrOp ops[] = {IR_NOISE, IR_DRAW_UNIFORM, IR_DRAW_NORMAL, IR_DRAW_EXPONENTIAL,
                             IR_DRAW_LOGNORMAL};
  if (ir_kernel_scalar(g->b.k->kind) || ir_kernel_fit(g->b.k->kind)) return;
  if (chance(g, 30)) {
    add_within(g);
    return;
  }
  IrOp op = ops[below(g, COUNT_OF(ops))];
  Dim d = op == IR_DRAW_LOGNORMAL ? DIM_NONE : some_dim(g);
  IrVal args[4] = {real_like(g, d), real_like(g, d), 0, 0};
  keep(g, ir_draw(&g->b, op, g->draws++, args, d));
}

static IrVal plain(Gen *g) {
  IrVal v = some_real(g);
  if (dim_none(dim_of(g, v))) return v;
  if (chance(g, 50)) return ir_op2(&g->b, IR_DIV, v, ir_const(&g->b, number(g), dim_of(g, v)));
  return ir_op2(&g->b, IR_MUL, v, ir_const(&g->b, number(g), dim_div(DIM_NONE, dim_of(g, v))));
}

/* NULL-safe choice of the ops that ir_op1..3 make. */
static IrOp some_op(Gen *g) {
  static const IrOp frequent[] = {IR_ADD, IR_SUB,  IR_MUL,  IR_DIV, IR_FMA, IR_SELECT,
                                  IR_EXP, IR_TANH, IR_CLIP, IR_LT,  IR_GE,  IR_EXPRELR};
  if (chance(g, 50)) return frequent[below(g, COUNT_OF(frequent))];
  for (;;) {
    IrOp op = (IrOp)below(g, IR_OPS);
    if ((ir_ops[op].flags & IRF_PURE) && ir_ops[op].arity > 0 && op != IR_SOLVED) return op; /* its derivative is another's */
  }
}

static IrVal pow_args(Gen *g, IrVal args[4]) {
  static const double exponents[] = {0, 1, 2, 3, 4, -1, -2, 0.5, 1.5, -0.5, 7, 33, 2.25};
  args[0] = plain(g);
  args[1] = chance(g, 70) ? ir_const(&g->b, exponents[below(g, COUNT_OF(exponents))], DIM_NONE) : plain(g);
  if (chance(g, 60)) args[0] = ir_op1(&g->b, IR_ABS, args[0]);
  return ir_op2(&g->b, IR_POW, args[0], args[1]);
}

static void choose_args(Gen *g, IrOp op, IrVal args[4]) {
  Dim d;
  args[0] = ir_ops[op].type == IRT_LOGIC || op == IR_SELECT ? some_bool(g) : some_real(g);
  for (int i = 1; i < 4; i++) args[i] = ir_ops[op].type == IRT_LOGIC ? some_bool(g) : some_real(g);
  if (op == IR_SELECT) {
    if (chance(g, 10))
      args[1] = some_bool(g), args[2] = some_bool(g);
    else
      args[2] = real_like(g, dim_of(g, args[1]));
    return;
  }
  d = dim_of(g, args[0]);
  if (ir_ops[op].dim == IRD_BLEND) args[0] = plain(g), args[2] = real_like(g, dim_of(g, args[1]));
  if (ir_ops[op].dim == IRD_NUMBER) args[0] = plain(g);
  if (ir_ops[op].dim == IRD_SAME || ir_ops[op].dim == IRD_COMPARE)
    args[1] = real_like(g, d), args[2] = real_like(g, d);
  if (op == IR_FMA) args[2] = real_like(g, dim_mul(d, dim_of(g, args[1])));
  if (op == IR_SQRT && !dim_pow(d, 1, 2, &d)) args[0] = plain(g);
}

static void add_op(Gen *g) {
  IrVal args[4], v = IR_NONE;
  IrOp op = some_op(g);
  if (op == IR_POW) {
    keep(g, pow_args(g, args));
    return;
  }
  choose_args(g, op, args);
  if (ir_ops[op].arity == 1) v = ir_op1(&g->b, op, args[0]);
  if (ir_ops[op].arity == 2) v = ir_op2(&g->b, op, args[0], args[1]);
  if (ir_ops[op].arity == 3) v = ir_op3(&g->b, op, args[0], args[1], args[2]);
  if (g->b.k->ins.at[v].type == IR_BOOL || !wild(dim_of(g, v))) keep(g, v);
}

static void keep_below(IrVal *at, uint32_t *n, IrVal end) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < *n; i++)
    if (at[i] < end) at[kept++] = at[i];
  *n = kept;
}

/* A loop of some carried values; what its body makes is forgotten behind it. */
static void add_loop(Gen *g) {
  IrVal init[4], carry[4], next[4];
  uint32_t n = 1 + below(g, 4);
  for (uint32_t i = 0; i < n; i++) init[i] = chance(g, 75) ? some_real(g) : some_bool(g);
  ir_loop(&g->b, 1 + below(g, 6), chance(g, 50) ? some_bool(g) : ir_always(&g->b));
  for (uint32_t i = 0; i < n; i++) carry[i] = keep(g, ir_carry(&g->b, init[i]));
  IrVal body = g->b.k->ins.n;
  for (uint32_t i = below(g, 12); i-- > 0;) {
    if (chance(g, 10)) add_draw(g);
    else if (chance(g, 10)) keep(g, ir_const(&g->b, number(g), some_dim(g)));
    else add_op(g);
  }
  for (uint32_t i = 0; i < n; i++) {
    const IrIns c = g->b.k->ins.at[carry[i]];
    next[i] = c.type == IR_BOOL ? some_bool(g) : real_like(g, c.dim);
  }
  IrVal more = some_bool(g);
  for (uint32_t i = 0; i < n; i++) ir_next(&g->b, carry[i], next[i]);
  ir_again(&g->b, more);
  keep_below(g->reals.at, &g->reals.n, body);
  keep_below(g->bools.at, &g->bools.n, body);
  keep_below(g->fresh.at, &g->fresh.n, body);
}

static void add_something(Gen *g) {
  KernelKind kind = g->b.k->kind;
  g->b.span = chance(g, 50) ? (Span){below(g, 1000), 1000 + below(g, 1000)} : (Span){0};
  uint32_t what = below(g, 100);
  if (what >= 97)
    add_loop(g);
  else if (what < 6)
    keep(g, ir_const(&g->b, number(g), some_dim(g)));
  else if (what < 12)
    add_draw(g);
  else if (what < 14 && !ir_kernel_scalar(kind))
    keep(g, ir_nullary(&g->b, IR_TIME));
  else if (what < 16 && kind != KERNEL_SETUP)
    keep(g, ir_nullary(&g->b, IR_DT));
  else if (what < 24 && ir_kernel_scalar(kind) && g->draws < 12)
    store_scalar(g, kind == KERNEL_SETUP ? SLOT_GLOBAL : SLOT_UNIFORM, 20 + g->draws++);
  else
    add_op(g);
}

KernelKind random_kind(uint64_t seed) {
  static const KernelKind kinds[] = {KERNEL_STEP,   KERNEL_STEP,    KERNEL_STEP,    KERNEL_STEP,
                                     KERNEL_INIT,   KERNEL_RECORD,  KERNEL_SYNAPSE, KERNEL_DERIVE,
                                     KERNEL_SETUP,  KERNEL_RECEIVE, KERNEL_RECEIVE, KERNEL_FINISH, KERNEL_DRIVE,
                                     KERNEL_BEGIN,  KERNEL_MARCH,   KERNEL_MARCH,   KERNEL_BACK,   KERNEL_SYNAPSE_F32};
  return kinds[next(&seed) % COUNT_OF(kinds)];
}

IrKernel *random_kernel(Session *s, Arena *a, uint64_t seed, KernelKind kind, uint32_t size) {
  Gen g = {.b = {.s = s,
                 .arena = a,
                 .k = ir_kernel(s, a, kind, name_fmt(s, "random.%llu", (unsigned long long)seed))},
           .rng = seed};
  g.b.k->index = 0;
  keep(&g, ir_const(&g.b, number(&g), DIM_NONE));
  keep(&g, ir_op2(&g.b, IR_LT, g.reals.at[0], ir_const(&g.b, 0.25, DIM_NONE)));
  uint32_t states = 1 + below(&g, 4);
  load_reals(&g, SLOT_STATE, states);
  load_reals(&g, SLOT_PARAM, below(&g, 3));
  load_reals(&g, SLOT_UNIFORM, below(&g, 4));
  load_reals(&g, SLOT_GLOBAL, below(&g, 4));
  load_reals(&g, SLOT_INPUT, below(&g, 3));
  load_masks(&g, SLOT_HELD, below(&g, 3));
  load_masks(&g, SLOT_PREV, below(&g, 2));
  load_masks(&g, SLOT_SPIKE, below(&g, 2));
  load_reals(&g, SLOT_ARG, 1);
  load_reals(&g, SLOT_OLD, below(&g, 2));
  load_over_time(&g);
  if (ir_access(kind, SLOT_PORT)) take_ports(&g, below(&g, 3));
  while (g.b.k->ins.n < size) add_something(&g);
  g.b.span = (Span){0};
  if (ir_kernel_scalar(kind)) store_scalar(&g, kind == KERNEL_SETUP ? SLOT_GLOBAL : SLOT_UNIFORM, 19);
  if (ir_kernel_scalar(kind)) return g.b.k;
  store_reals(&g, SLOT_STATE, states);
  store_reals(&g, SLOT_PARAM, 2);
  if (ir_kernel_over_time(kind)) store_reals(&g, SLOT_RING, 3);
  if (ir_kernel_over_time(kind)) store_reals(&g, SLOT_TAPE, 4);
  store_reals(&g, SLOT_OUT, 1);
  store_reals(&g, SLOT_OLD, 1);
  store_mask(&g, SLOT_PREV, 0);
  store_mask(&g, SLOT_SPIKE, 0);
  store_mask(&g, SLOT_HELD, 5);
  return g.b.k;
}

/* ---- memory */

enum { UNIFORMS = 128, ALIGN = 64 };

static void *aligned(Arena *a, size_t bytes) {
  uintptr_t p = (uintptr_t)arena_alloc(a, bytes + ALIGN);
  return (void *)((p + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
}

static uint64_t cell(uint64_t seed, SlotKind kind, uint32_t index, uint64_t element) {
  uint64_t h = seed ^ ((uint64_t)kind << 56) ^ ((uint64_t)index << 32) ^ element;
  next(&h);
  return next(&h);
}

static double cell_real(uint64_t seed, SlotKind kind, uint32_t index, uint64_t element) {
  uint64_t h = cell(seed, kind, index, element);
  if (h % 16 == 0) return special[(h >> 8) % IN_ARRAYS];
  if (h % 512 == 1) return NAN;
  return ((double)(h >> 11) * 0x1p-53 - 0.5) * ((h & 64) ? 8 : 200);
}

static void fill(const IrSlot *slot, void *array, int64_t n, uint64_t seed, bool f32) {
  for (int64_t e = 0; e < n; e++) {
    uint64_t h = cell(seed, slot->kind, slot->index, (uint64_t)e);
    if (slot->type == IR_BOOL)
      ((uint64_t *)array)[e / 64] = ((uint64_t *)array)[e / 64] << 1 | (h & 1);
    else if (slot->kind == SLOT_PORT && !f32)
      ((int64_t *)array)[e] = (int64_t)h >> (h & 63);
    else if (slot->kind == SLOT_PORT && slot->index != 1)
      ((int32_t *)array)[e] = (int32_t)h >> (h >> 32 & 31);
    else if (f32)
      ((float *)array)[e] = (float)cell_real(seed, slot->kind, slot->index, (uint64_t)e);
    else
      ((double *)array)[e] = cell_real(seed, slot->kind, slot->index, (uint64_t)e);
  }
}

static size_t element_bits(const IrKernel *k, const IrSlot *slot, bool f32) {
  if (slot->type == IR_BOOL) return 1;
  bool single = f32 && (slot->kind == SLOT_PORT || !ir_kernel_f64_arrays(k->kind));
  return single ? 32 : 64;
}

/* Kernels of fits: few elements, many steps. */
static void over_time(IrEnv *env, uint64_t *rng) {
  static const uint64_t steps[] = {0, 1, 7, 7, 30, 1000}, lags[] = {0, 1, 5, 8};
  env->first = (int64_t)(next(rng) % 3) * 8;
  env->count = 8 + (int64_t)(next(rng) % 2) * 16;
  env->steps = steps[next(rng) % COUNT_OF(steps)];
  env->lag = lags[next(rng) % COUNT_OF(lags)];
  env->ring_mask = 7;
  env->ring_row = (uint64_t)(env->first + env->count) + next(rng) % 2 * 8;
  env->tape_row = (uint64_t)(env->first + env->count) + next(rng) % 2 * 8;
}

static int64_t slot_elements(const IrSlot *slot, const IrEnv *env) {
  if (slot->kind == SLOT_SAMPLE) return (int64_t)env->steps + 1;
  if (slot->kind == SLOT_RING) return (int64_t)(env->ring_row * (env->ring_mask + 1));
  if (slot->kind == SLOT_TAPE) return (int64_t)(env->tape_row * env->steps + 1);
  return (env->first + env->count + 63) / 64 * 64 + 64;
}

/* By slot: of rings with lags of their own, for each element from 0 to ring_mask. */
static const int64_t *const *lags_of(Arena *a, const IrKernel *k, const IrEnv *env, uint64_t seed) {
  const int64_t **lags = NEW_ARRAY(a, const int64_t *, k->slots.n + 1);
  int64_t n = env->first + env->count + 64;
  for (uint32_t i = 0; i < k->slots.n; i++) {
    uint32_t lag = k->slots.at[i].lag;
    int64_t *own = lag ? NEW_ARRAY(a, int64_t, n) : NULL;
    for (int64_t e = 0; lag && e < n; e++) own[e] = (int64_t)(cell(seed, SLOT_KINDS, lag, (uint64_t)e) % (env->ring_mask + 1));
    lags[i] = own;
  }
  return lags;
}

/* A way back reads from the tape how many turns a loop had: few. */
static void few_turns(double *tape, int64_t n) {
  for (int64_t e = 0; e < n; e++) tape[e] = fmax(-MOST_TURNS, fmin(tape[e], MOST_TURNS));
}

RandomMemory *random_memory(Arena *a, const IrKernel *k, uint64_t seed, bool f32) {
  RandomMemory *m = NEW(a, RandomMemory);
  uint64_t rng = seed ^ 0x5eed;
  IrEnv env = {.t = 12.5, .dt = 0.1, .f32 = f32};
  env.first = (int64_t)(next(&rng) % 3) * 64, env.count = 64 + (int64_t)(next(&rng) % 3) * 64;
  if (k->kind == KERNEL_SYNAPSE || k->kind == KERNEL_SYNAPSE_F32)
    env.first = (int64_t)(next(&rng) % 250) * 4, env.count = 1 + (int64_t)(next(&rng) % 200);
  if (k->kind == KERNEL_LEARN) env.first = 0; /* synapses begin with the first */
  if (ir_kernel_fit(k->kind)) over_time(&env, &rng);
  void **slots = NEW_ARRAY(a, void *, k->slots.n + 1);
  m->bytes = NEW_ARRAY(a, size_t, k->slots.n + 1);
  m->n_u = UNIFORMS;
  double *u = aligned(a, UNIFORMS * sizeof *u);
  for (uint32_t i = 0; i < UNIFORMS; i++) {
    u[i] = cell_real(seed, SLOT_UNIFORM, i, 0);
    if (i >= 100) u[i] = ldexp(1 + (double)(i - 100) / 7, -20) * (f32 && i == 101 ? -1 : 1); /* units of ports */
  }
  uint8_t *set = NEW_ARRAY(a, uint8_t, UNIFORMS);
  for (uint32_t i = 0; i < UNIFORMS; i++) set[i] = next(&rng) & 1;
  for (uint32_t i = 0; i < k->slots.n; i++) {
    const IrSlot *slot = &k->slots.at[i];
    if (slot->kind == SLOT_UNIFORM || slot->kind == SLOT_GLOBAL) continue;
    int64_t n = slot_elements(slot, &env);
    m->bytes[i] = (size_t)n * element_bits(k, slot, f32) / 8;
    slots[i] = aligned(a, m->bytes[i]);
    fill(slot, slots[i], n, seed, element_bits(k, slot, f32) == 32);
    if (slot->kind == SLOT_TAPE && element_bits(k, slot, f32) == 64) few_turns(slots[i], n);
  }
  IrEvent *events = NEW_ARRAY(a, IrEvent, (size_t)env.count);
  uint64_t padded = (uint64_t)(env.first + env.count + 63) / 64 * 64 + 64;
  for (int64_t i = 0; i < env.count; i++)
    events[i] = (IrEvent){(uint32_t)(next(&rng) % padded), (uint32_t)(next(&rng) % 5),
                          cell_real(seed, SLOT_ARG, 0, (uint64_t)i)};
  env.slots = slots, env.events = events, env.u = u, env.set = set;
  env.key = next(&rng), env.step = next(&rng) >> 40;
  env.lags = lags_of(a, k, &env, seed);
  m->env = env;
  return m;
}

/* ---- comparison */

static bool same(double x, double y) { return (x != x && y != y) || memcmp(&x, &y, sizeof x) == 0; }

const char *random_memory_diff(Session *s, Arena *a, const IrKernel *k, const RandomMemory *x,
                               const RandomMemory *y) {
  for (uint32_t i = 0; i < UNIFORMS; i++)
    if (!same(x->env.u[i], y->env.u[i]))
      return arena_printf(a, "u[%u]: %a and %a", i, x->env.u[i], y->env.u[i]);
  for (uint32_t i = 0; i < k->slots.n; i++) {
    const IrSlot *slot = &k->slots.at[i];
    size_t bits = element_bits(k, slot, x->env.f32), words = x->bytes[i] * 8 / (bits == 1 ? 64 : bits);
    /* what lies behind the range of a synapse kernel may hold anything, up to the next 64 */
    if (slot->kind == SLOT_OUT) words = (size_t)x->env.count;
    for (size_t e = 0; e < words; e++) {
      const void *p = x->env.slots[i], *q = y->env.slots[i];
      double v, w;
      if (!p) break;
      if (slot->kind == SLOT_PORT && bits == 32) {
        if (((const int32_t *)p)[e] == ((const int32_t *)q)[e]) continue;
        v = ((const int32_t *)p)[e], w = ((const int32_t *)q)[e];
      } else if (slot->type == IR_BOOL || slot->kind == SLOT_PORT) {
        if (((const uint64_t *)p)[e] == ((const uint64_t *)q)[e]) continue;
        v = (double)((const int64_t *)p)[e], w = (double)((const int64_t *)q)[e];
      } else {
        v = bits == 32 ? ((const float *)p)[e] : ((const double *)p)[e];
        w = bits == 32 ? ((const float *)q)[e] : ((const double *)q)[e];
        if (same(v, w)) continue;
      }
      return arena_printf(a, "%s %u %s, %s %zu: %a (%.9g) and %a (%.9g)", ir_slot_text[slot->kind],
                          slot->index, name_str(s, slot->name), slot->type == IR_BOOL ? "word" : "element", e,
                          v, v, w, w);
    }
  }
  return NULL;
}

char *random_text(Session *s, Arena *a, const IrKernel *k) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  ir_print_kernel(s, k, f);
  fclose(f);
  char *copy = arena_text(a, text, size);
  __builtin_free(text);
  return copy;
}
