/* The reference evaluator: what each kind of slot and each op with an effect means, worked out by hand. */
#include <math.h>
#include <string.h>

#include "ir/pass.h"
#include "lang/session.h"
#include "math/math.h"
#include "tests/ir/random_kernel.h"
#include "tests/math/tap.h"

typedef struct {
  Session *s;
  IrBuild b;
  void *slots[16];
  double u[16];
  uint8_t set[16];
  IrEnv env;
} Rig;

static void rig_begin(Rig *r, KernelKind kind, int64_t first, int64_t count) {
  memset(r, 0, sizeof *r);
  r->s = session_new();
  r->b = (IrBuild){
      .s = r->s, .arena = r->s->arena, .k = ir_kernel(r->s, r->s->arena, kind, name_z(r->s, "rig"))};
  r->b.k->index = 0;
  r->env = (IrEnv){.slots = r->slots,
                   .u = r->u,
                   .set = r->set,
                   .key = 77,
                   .step = 5,
                   .first = first,
                   .count = count,
                   .t = 2.5,
                   .dt = 0.1};
}

static uint32_t rig_slot(Rig *r, SlotKind kind, uint32_t index, void *array) {
  IrType type = kind == SLOT_HELD || kind == SLOT_PREV || kind == SLOT_SPIKE ? IR_BOOL : IR_REAL;
  uint32_t slot = ir_slot(&r->b, kind, index, name_z(r->s, ir_slot_text[kind]), type, DIM_NONE);
  r->slots[slot] = array;
  return slot;
}

static uint64_t rig_run(Rig *r) {
  if (ir_verify_kernel(r->s, r->b.k, stdout) > 0) return 999;
  return ir_eval(r->b.k, &r->env);
}

static void rig_end(Rig *r) { session_free(r->s); }

/* ---- */

static void test_arrays(void) {
  Rig r;
  double v[128], p[128], in[128];
  for (int e = 0; e < 128; e++) v[e] = e, p[e] = 10 * e, in[e] = 0.5;
  rig_begin(&r, KERNEL_STEP, 64, 64);
  uint32_t state = rig_slot(&r, SLOT_STATE, 0, v), param = rig_slot(&r, SLOT_PARAM, 0, p),
           input = rig_slot(&r, SLOT_INPUT, 0, in);
  uint32_t uniform = rig_slot(&r, SLOT_UNIFORM, 3, NULL);
  r.u[3] = 1000;
  IrVal sum = ir_op2(&r.b, IR_ADD, ir_load(&r.b, state), ir_load(&r.b, param));
  sum = ir_op2(&r.b, IR_ADD, sum, ir_op2(&r.b, IR_ADD, ir_load(&r.b, input), ir_load(&r.b, uniform)));
  ir_store(&r.b, state, sum);
  uint64_t failed = rig_run(&r);
  tap_ok(failed == 0 && v[64] == 64 + 640 + 1000.5 && v[127] == 127 + 1270 + 1000.5,
         "state, param, input, uniform");
  tap_ok(v[63] == 63 && v[0] == 0, "elements before the range are not touched");
  rig_end(&r);
}

static void test_f32(void) {
  Rig r;
  float v[64];
  for (int e = 0; e < 64; e++) v[e] = 0.1f * (float)e;
  rig_begin(&r, KERNEL_STEP, 0, 64);
  r.env.f32 = true;
  uint32_t state = rig_slot(&r, SLOT_STATE, 0, v), uniform = rig_slot(&r, SLOT_UNIFORM, 0, NULL);
  r.u[0] = 0.3;
  IrVal x = ir_op2(&r.b, IR_MUL, ir_load(&r.b, state), ir_load(&r.b, uniform));
  ir_store(&r.b, state, ir_op1(&r.b, IR_EXP, ir_op3(&r.b, IR_FMA, x, x, ir_const(&r.b, 0.7, DIM_NONE))));
  float want = 0.1f * 7.0f * 0.3f;
  want = nslm_exp_f32(fmaf(want, want, 0.7f));
  rig_run(&r);
  tap_ok(v[7] == want, "f32: loads, uniforms, constants and every op in float");
  rig_end(&r);
}

static void test_f64_kernels(void) {
  Rig r;
  float v[64], prm[64];
  rig_begin(&r, KERNEL_INIT, 0, 64);
  r.env.f32 = true;
  uint32_t state = rig_slot(&r, SLOT_STATE, 0, v), param = rig_slot(&r, SLOT_PARAM, 0, prm),
           uniform = rig_slot(&r, SLOT_UNIFORM, 0, NULL);
  r.u[0] = 0.3;
  IrVal x = ir_op1(&r.b, IR_EXP, ir_load(&r.b, uniform));
  ir_store(&r.b, param, x);
  ir_store(&r.b, state, ir_op2(&r.b, IR_SUB, x, ir_const(&r.b, 1.349, DIM_NONE)));
  rig_run(&r);
  tap_ok(prm[5] == (float)nslm_exp_f64(0.3) && v[5] == (float)(nslm_exp_f64(0.3) - 1.349),
         "init in an f32 program: double, rounded when stored");
  rig_end(&r);

  double out[64];
  rig_begin(&r, KERNEL_SYNAPSE, 1000, 3);
  r.env.f32 = true;
  IrVal args[2] = {ir_const(&r.b, 1, DIM_NONE), ir_const(&r.b, 0.1, DIM_NONE)};
  ir_store(&r.b, rig_slot(&r, SLOT_OUT, 0, out), ir_draw(&r.b, IR_DRAW_NORMAL, 4, args, DIM_NONE));
  rig_run(&r);
  tap_ok(out[2] == (double)nslm_draw_normal_f32(77, 1002, 5, 4, 1, 0.1f),
         "synapse in an f32 program: float, stored as double; draws by ordinal in the row, out from `first`");
  rig_end(&r);
}

static void test_port(void) {
  Rig r;
  int64_t acc[64] = {[3] = -1000, [4] = (int64_t)1 << 60};
  double v[64];
  rig_begin(&r, KERNEL_STEP, 0, 64);
  r.u[2] = 0x1p-10;
  IrVal unit = ir_load(&r.b, rig_slot(&r, SLOT_UNIFORM, 2, NULL));
  ir_store(&r.b, rig_slot(&r, SLOT_STATE, 0, v), ir_take(&r.b, rig_slot(&r, SLOT_PORT, 0, acc), unit));
  rig_run(&r);
  tap_ok(v[3] == -1000 * 0x1p-10 && v[4] == 0x1p50 && v[5] == 0, "take: integer times unit");
  tap_ok(acc[3] == 0 && acc[4] == 0, "take: the port is cleared");
  rig_end(&r);

  int32_t narrow[64] = {[3] = -1000, [4] = 0x3f800000}; /* the bits of 1.0f */
  float f[64];
  rig_begin(&r, KERNEL_STEP, 0, 64);
  r.env.f32 = true;
  r.u[2] = 0x1p-10;
  unit = ir_load(&r.b, rig_slot(&r, SLOT_UNIFORM, 2, NULL));
  ir_store(&r.b, rig_slot(&r, SLOT_STATE, 0, f), ir_take(&r.b, rig_slot(&r, SLOT_PORT, 0, narrow), unit));
  rig_run(&r);
  tap_ok(f[3] == -1000 * 0x1p-10f && narrow[3] == 0, "take in an f32 program: of int32");
  narrow[4] = 0x3f800000;
  r.u[2] = -1;
  rig_run(&r);
  tap_ok(f[4] == 1 && narrow[4] == 0, "take with a unit below 0: the sum itself");
  rig_end(&r);
}

static void test_masks(void) {
  Rig r;
  uint64_t held[2] = {0x5, 0x8000000000000001}, prev[2] = {~0ull, 0}, spike[2] = {0, ~0ull};
  rig_begin(&r, KERNEL_STEP, 0, 128);
  uint32_t was = rig_slot(&r, SLOT_PREV, 0, prev);
  IrVal h = ir_load(&r.b, rig_slot(&r, SLOT_HELD, 0, held)), p = ir_load(&r.b, was);
  ir_store(&r.b, rig_slot(&r, SLOT_SPIKE, 0, spike), ir_op2(&r.b, IR_AND, h, p));
  ir_store(&r.b, was, ir_op1(&r.b, IR_NOT, h));
  rig_run(&r);
  tap_ok(spike[0] == 0x5 && spike[1] == 0, "masks: and; bits that were set are cleared");
  tap_ok(prev[0] == ~0x5ull && prev[1] == 0x7ffffffffffffffe, "masks: not, of element 64 and 127");
  rig_end(&r);
}

static void test_check(void) {
  Rig r;
  double v[128] = {0};
  rig_begin(&r, KERNEL_STEP, 0, 64);
  IrVal x = ir_load(&r.b, rig_slot(&r, SLOT_STATE, 0, v));
  ir_check(&r.b, 0, x);
  tap_ok(rig_run(&r) == 0, "check: finite values pass");
  v[100] = NAN;
  tap_ok(rig_run(&r) == 0, "check: only elements of the range count");
  v[63] = INFINITY;
  tap_ok(rig_run(&r) != 0, "check: infinity fails");
  v[63] = 0, v[1] = NAN;
  tap_ok(rig_run(&r) != 0, "check: NaN fails");
  rig_end(&r);
}

static void test_setup(void) {
  Rig r;
  rig_begin(&r, KERNEL_SETUP, 0, 0);
  uint32_t a = rig_slot(&r, SLOT_GLOBAL, 0, NULL), b = rig_slot(&r, SLOT_GLOBAL, 1, NULL),
           c = rig_slot(&r, SLOT_GLOBAL, 2, NULL);
  r.b.k->slots.at[a].settable = r.b.k->slots.at[b].settable = true;
  r.env.f32 = true;
  r.u[0] = 0.7, r.u[1] = 42, r.set[0] = 1, r.set[2] = 1;
  ir_store(&r.b, a, ir_const(&r.b, 1, DIM_NONE));
  ir_store(&r.b, b, ir_const(&r.b, 2, DIM_NONE));
  ir_store(&r.b, c, ir_op2(&r.b, IR_MUL, ir_load(&r.b, a), ir_load(&r.b, b)));
  rig_run(&r);
  tap_ok(r.u[0] == 0.7, "setup: a settable global that the user has set keeps its value");
  tap_ok(r.u[1] == 2, "setup: one that the user has not set takes the default");
  tap_ok(r.u[2] == 0.7 * 2, "setup: loads see what was set, in float64; what is not settable is computed");
  rig_end(&r);
}

static void test_run(void) {
  Rig r;
  double v[64], w[64], n[64];
  rig_begin(&r, KERNEL_STEP, 0, 64);
  Dim ms = DIM_NONE;
  ms.e[DIM_TIME] = DIM_ONE;
  uint32_t t = ir_slot(&r.b, SLOT_STATE, 0, name_z(r.s, "t"), IR_REAL, ms),
           dt = ir_slot(&r.b, SLOT_STATE, 1, name_z(r.s, "dt"), IR_REAL, ms);
  r.slots[t] = v, r.slots[dt] = w;
  ir_store(&r.b, t, ir_nullary(&r.b, IR_TIME));
  ir_store(&r.b, dt, ir_nullary(&r.b, IR_DT));
  ir_store(&r.b, rig_slot(&r, SLOT_STATE, 2, n), ir_draw(&r.b, IR_NOISE, 9, NULL, DIM_NONE));
  rig_run(&r);
  tap_ok(v[0] == 2.5 && w[63] == 0.1, "time and dt");
  tap_ok(n[10] == nslm_draw_normal_f64(77, 10, 5, 9, 0, 1) && n[10] != n[11],
         "noise: a standard normal for each element, step, ordinal");
  rig_end(&r);
}

static void test_subnormals(void) {
  Rig r;
  double v[64] = {1e-310, 1e-300}, u = 1e-200;
  rig_begin(&r, KERNEL_STEP, 0, 64);
  uint32_t state = rig_slot(&r, SLOT_STATE, 0, v);
  r.u[0] = u;
  IrVal x = ir_load(&r.b, state);
  ir_store(&r.b, state, ir_op2(&r.b, IR_MUL, x, ir_const(&r.b, 1e-9, DIM_NONE)));
  rig_run(&r);
  volatile double small = 1e-300, smaller = small * 1e-9;
  tap_ok(v[0] == 0 && v[1] == 0, "subnormal results are flushed to zero");
  tap_ok(smaller > 0, "and the mode of the caller is as before");
  rig_end(&r);
}

/* x gains p * sample, y sums what x was two steps before, and the tape keeps x and the time. Three steps, elements
 * 8 to 15, rows of 20. */
static void march_build(Rig *r, double *x, double *y, double *p, const double *sample, double *ring, double *tape) {
  uint32_t sx = rig_slot(r, SLOT_STATE, 0, x), sy = rig_slot(r, SLOT_STATE, 1, y), sp = rig_slot(r, SLOT_PARAM, 0, p);
  uint32_t ss = rig_slot(r, SLOT_SAMPLE, 0, (void *)(uintptr_t)sample), sr = rig_slot(r, SLOT_RING, 0, ring);
  uint32_t st = rig_slot(r, SLOT_TAPE, 0, tape);
  Dim ms = DIM_NONE;
  ms.e[DIM_TIME] = DIM_ONE;
  IrVal gain = ir_op2(&r->b, IR_MUL, ir_load(&r->b, sp), ir_load(&r->b, ss));
  IrVal before = ir_load(&r->b, sx), after = ir_op2(&r->b, IR_ADD, before, gain), old = ir_load(&r->b, sr);
  IrVal t = ir_op2(&r->b, IR_MUL, ir_nullary(&r->b, IR_TIME), ir_const(&r->b, 1000, dim_div(DIM_NONE, ms)));
  ir_store(&r->b, sx, after);
  ir_store(&r->b, sy, ir_op2(&r->b, IR_ADD, ir_load(&r->b, sy), old));
  ir_store(&r->b, sr, after);
  ir_store(&r->b, st, ir_op2(&r->b, IR_ADD, after, t));
  r->env.ring_row = r->env.tape_row = 20;
  r->env.ring_mask = 3, r->env.lag = 2, r->env.dt = 0.25;
}

static void test_march(void) {
  Rig r;
  double x[16] = {0}, y[16] = {0}, p[16], ring[80] = {0}, tape[100] = {0};
  static const double sample[5] = {1, 10, 100, 1000, 10000};
  for (int e = 0; e < 16; e++) p[e] = e;
  rig_begin(&r, KERNEL_MARCH, 8, 8);
  march_build(&r, x, y, p, sample, ring, tape);
  r.env.steps = 3;
  rig_run(&r);
  tap_ok(x[9] == 9 * 111 && x[15] == 15 * 111 && x[7] == 0, "march: all steps, a sample for each");
  tap_ok(y[9] == 9, "march: a ring gives what was stored `lag` steps before, 0 before that");
  tap_ok(tape[9] == 9 + 1250 && tape[29] == 9 * 11 + 1500 && tape[49] == 9 * 111 + 1750 && tape[69] == 0,
         "march: a row of the tape for each step, and its time");
  r.slots[3] = (void *)(uintptr_t)(sample + 3);
  r.slots[5] = tape + 60;
  r.env.step += 3, r.env.steps = 2;
  rig_run(&r);
  tap_ok(x[9] == 9 * 11111 && y[9] == 9 * (1 + 11 + 111) && tape[89] == x[9] + 2250, "march: goes on in the next call");
  r.env.steps = 0;
  rig_run(&r);
  tap_ok(x[9] == 9 * 11111, "march: a call of no steps");
  rig_end(&r);
}

/* The adjoint of a sum with a delay: a is 1 from the last step on, and gets what its ring holds of 2 steps behind. */
static void test_back(void) {
  Rig r;
  double a[8] = {0}, b[8] = {0}, ring[32] = {0}, tape[40];
  for (int i = 0; i < 40; i++) tape[i] = i / 8 + 1;
  rig_begin(&r, KERNEL_BACK, 0, 8);
  uint32_t sa = rig_slot(&r, SLOT_STATE, 0, a), sb = rig_slot(&r, SLOT_STATE, 1, b), st = rig_slot(&r, SLOT_TAPE, 0, tape),
           sr = rig_slot(&r, SLOT_RING, 0, ring);
  IrVal digits = ir_op2(&r.b, IR_MUL, ir_load(&r.b, sa), ir_const(&r.b, 10, DIM_NONE)), now = ir_load(&r.b, st);
  IrVal late = ir_load(&r.b, sr);
  ir_store(&r.b, sa, ir_op2(&r.b, IR_ADD, digits, now));
  ir_store(&r.b, sr, now);
  ir_store(&r.b, sb, ir_op2(&r.b, IR_ADD, ir_op2(&r.b, IR_MUL, ir_load(&r.b, sb), ir_const(&r.b, 10, DIM_NONE)), late));
  r.env.ring_row = r.env.tape_row = 8, r.env.ring_mask = 3, r.env.lag = 2, r.env.steps = 5;
  rig_run(&r);
  tap_ok(a[0] == 54321 && a[7] == 54321, "back: from the last step to the first");
  tap_ok(b[3] == 543, "back: a ring gives what was stored `lag` steps behind: %g", b[3]);
  rig_end(&r);
}

static void test_begin(void) {
  Rig r;
  double x[16], p[16];
  for (int e = 0; e < 16; e++) p[e] = e, x[e] = -1;
  rig_begin(&r, KERNEL_BEGIN, 8, 8);
  r.env.f32 = true;
  r.u[1] = 0.1;
  IrVal v = ir_op2(&r.b, IR_MUL, ir_load(&r.b, rig_slot(&r, SLOT_PARAM, 0, p)), ir_load(&r.b, rig_slot(&r, SLOT_UNIFORM, 1, NULL)));
  ir_store(&r.b, rig_slot(&r, SLOT_STATE, 0, x), v);
  rig_run(&r);
  tap_ok(x[9] == 9 * 0.1 && x[15] == 15 * 0.1 && x[7] == -1, "begin: float64, also in an f32 program");
  rig_end(&r);
}

/* How much of what random kernels store is worth comparing. */
static void test_random(void) {
  int finite = 0, all = 0, zero = 0;
  for (uint64_t seed = 1; seed <= 400; seed++) {
    Session *s = session_new();
    const IrKernel *k = random_kernel(s, s->arena, seed, KERNEL_STEP, 60);
    RandomMemory *m = random_memory(s->arena, k, seed, false);
    ir_eval(k, &m->env);
    for (uint32_t i = 0; i < k->slots.n; i++)
      for (int64_t e = m->env.first; k->slots.at[i].kind == SLOT_STATE && e < m->env.first + m->env.count;
           e++, all++) {
        double x = ((const double *)m->env.slots[i])[e];
        finite += isfinite(x);
        zero += x == 0;
      }
    session_free(s);
  }
  tap_ok(finite > all / 2 && zero < all / 4, "states of random kernels: %d%% finite, %d%% zero",
         100 * finite / all, 100 * zero / all);
}

int main(void) {
  test_arrays();
  test_f32();
  test_f64_kernels();
  test_port();
  test_masks();
  test_check();
  test_setup();
  test_run();
  test_subnormals();
  test_begin();
  test_march();
  test_back();
  test_random();
  return tap_done();
}
