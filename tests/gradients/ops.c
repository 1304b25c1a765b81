/* Every row of ops.def that has a derivative: a march of two steps that applies the operation to parameters all over the row's
 * domain and sums up. In 113-bit arithmetic: forward mode against central differences, reverse mode against forward mode,
 * products with the Hessian against differences of the gradient. Rows
 * that have none are refused on an active path, in both modes. */
#include <math.h>
#include <quadmath.h>
#include <string.h>

#include "lang/session.h"
#include "tests/gradients/marches.h"
#include "tests/math/tap.h"

enum { POINTS = 96, STEPS = 2 };

typedef struct {
  int n;
  double lo[4], hi[4];
} Domain;
static const Domain domains[IR_OPS] = {
#define DOM0 {0}
#define DOM1(l, h) {1, {l}, {h}}
#define DOM2(l, h, m, i) {2, {l, m}, {h, i}}
#define DOM3(l, h, m, i, n, j) {3, {l, m, n}, {h, i, j}}
#define OP(id, text, arity, type, dim, eval, partials, cpu, ptx, domain, ulp, flags) [IR_##id] = domain,
#include "ir/ops.def"
#undef OP
};

/* Of rows without a derivative: the reason. */
static const char *const reasons[IR_OPS] = {
#define NODIFF(reason) reason
#define P0 NULL
#define FLAT NULL
#define P1(...) NULL
#define P2(...) NULL
#define P3(...) NULL
#define OP(id, text, arity, type, dim, eval, partials, cpu, ptx, domain, ulp, flags) [IR_##id] = partials,
#include "ir/ops.def"
#undef OP
};

static double unit(uint64_t *rng) {
  *rng += 0x9e3779b97f4a7c15u;
  uint64_t z = (*rng ^ (*rng >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* state 0 += op(params); state 1 keeps the last value, so that it is used at a choice of the next step as well. */
static IrKernel *march_of(Session *s, Arena *a, IrOp op) {
  IrBuild b = {.s = s, .arena = a, .k = ir_kernel(s, a, KERNEL_MARCH, name_z(s, ir_ops[op].text))};
  IrVal args[4] = {0}, v = IR_NONE;
  for (uint32_t i = 0; i < ir_ops[op].arity; i++)
    args[i] = ir_load(&b, ir_slot(&b, SLOT_PARAM, i, name_fmt(s, "p%u", i), IR_REAL, DIM_NONE));
  if (op == IR_SELECT) args[0] = ir_op2(&b, IR_GT, args[0], ir_const(&b, 0.5, DIM_NONE));
  if (ir_ops[op].arity == 1) v = ir_op1(&b, op, args[0]);
  if (ir_ops[op].arity == 2) v = ir_op2(&b, op, args[0], args[1]);
  if (ir_ops[op].arity == 3) v = ir_op3(&b, op, args[0], args[1], args[2]);
  uint32_t sum = ir_slot(&b, SLOT_STATE, 0, name_z(s, "sum"), IR_REAL, DIM_NONE);
  ir_store(&b, sum, ir_op2(&b, IR_ADD, ir_load(&b, sum), v));
  return b.k;
}

static IrKernel *nothing(Session *s, Arena *a) { return ir_kernel(s, a, KERNEL_BEGIN, name_z(s, "begin")); }

static void set_points(Run *r, IrOp op) {
  uint64_t rng = (uint64_t)op + 1;
  for (int64_t e = 0; e < POINTS; e++)
    for (uint32_t i = 0; i < ir_ops[op].arity; i++) {
      double lo = domains[op].lo[i], hi = domains[op].hi[i], x = lo + (hi - lo) * unit(&rng);
      if (unit(&rng) < 0.4 && x * exp2(-18) > lo && x * exp2(-18) < hi) x *= exp2(-18 * unit(&rng));
      run_set_param(r, i, e, x);
    }
}

static void differences(Run *r, const Marches *m, uint32_t k, Quad share, Quad d[POINTS]) {
  Quad at[POINTS], h[POINTS];
  for (int64_t e = 0; e < POINTS; e++) {
    at[e] = run_param(r, k, e);
    h[e] = share * fmaxq(fabsq(at[e]), 1e-6Q);
    d[e] = 0;
  }
  for (int sign = -1; sign <= 1; sign += 2) {
    for (int64_t e = 0; e < POINTS; e++) run_set_param(r, k, e, at[e] + sign * h[e]);
    run_plain(r, m);
    for (int64_t e = 0; e < POINTS; e++) d[e] += sign * run_weight(0) * run_state(r, 0, e) / (2 * h[e]);
  }
  for (int64_t e = 0; e < POINTS; e++) run_set_param(r, k, e, at[e]);
}

/* Relative; below 1e-12 (tanh, far out) rounding shows. */
static Quad apart(Quad x, Quad y) { return x == y ? 0 : fabsq(x - y) / fmaxq(fmaxq(fabsq(x), fabsq(y)), 1e-12Q); }

/* The Hessian times the direction, by differences of the gradient along it. */
static void gradients_apart(Run *r, const Marches *m, Quad h, const Run *along, Quad d[][POINTS]) {
  uint32_t n = m->n_params;
  for (uint32_t i = 0; i < n * POINTS; i++) d[i / POINTS][i % POINTS] = 0;
  for (int sign = -1; sign <= 1; sign += 2) {
    for (uint32_t i = 0; i < n * POINTS; i++)
      run_set_param(r, i / POINTS, i % POINTS,
                    run_param(along, i / POINTS, i % POINTS) + sign * h * run_param(along, n + i / POINTS, i % POINTS));
    run_reverse(r, m);
    for (uint32_t i = 0; i < n * POINTS; i++)
      d[i / POINTS][i % POINTS] += sign * run_adjoint(r, m->plain.n_states + i / POINTS, i % POINTS) / (2 * h);
  }
}

static void test_second(Session *s, IrOp op, const Marches *m) {
  Run r = run_new(s->arena, 1, true, POINTS, STEPS, 1), f = run_new(s->arena, 1, true, POINTS, STEPS, 1);
  Quad with = 0, d[4][POINTS], wider[4][POINTS], size = 0;
  int kinks = 0;
  set_points(&r, op);
  for (uint32_t i = 0; i < m->n_params * POINTS; i++) /* the direction: of the size of the parameters */
    run_set_param(&r, m->n_params + i / POINTS, i % POINTS,
                  (i / POINTS % 2 ? -1 : 1) * (0.5Q + i % 3) * fabsq(run_param(&r, i / POINTS, i % POINTS)));
  run_hessian(&r, m);
  gradients_apart(&f, m, 1e-11Q, &r, d);
  gradients_apart(&f, m, 2e-11Q, &r, wider);
  for (uint32_t i = 0; i < m->n_params * POINTS; i++) {
    uint32_t k = i / POINTS, e = i % POINTS;
    Quad is = run_adjoint(&r, 2 * m->plain.n_states + k, e), want = d[k][e];
    Quad gradient = run_adjoint(&r, 2 * m->plain.n_states + m->n_params + k, e);
    Quad scale = fmaxq(fmaxq(fabsq(is), fabsq(want)), 1e-3Q * fabsq(gradient) + 1e-11Q);
    bool kink = fabsq(want - wider[k][e]) > 1e-9Q * scale;
    kinks += kink;
    size = fmaxq(size, fabsq(want));
    if (!kink) with = fmaxq(with, fabsq(is - want) / scale);
  }
  tap_ok(m->hessian.back && with < 1e-11Q && kinks < POINTS / 10, "%s: products with the Hessian %.1e from differences of the gradient (up to %.1e)",
         ir_ops[op].text, (double)with, (double)size);
}

static void test_row(IrOp op) {
  Session *s = session_new();
  Marches m;
  bool made = marches_of(s, s->arena, nothing(s, s->arena), march_of(s, s->arena, op), -1, &m);
  Quad modes = 0, with = 0;
  int kinks = 0;
  if (made) {
    Run f = run_new(s->arena, 1, true, POINTS, STEPS, 1), r = run_new(s->arena, 1, true, POINTS, STEPS, 1);
    set_points(&f, op);
    set_points(&r, op);
    run_forward(&f, &m);
    run_reverse(&r, &m);
    Quad mode[4][POINTS], scale, d[POINTS], wider[POINTS];
    for (uint32_t k = 0; k < m.n_params; k++)
      for (int64_t e = 0; e < POINTS; e++) {
        mode[k][e] = run_product(&f, &m, k, e, &scale);
        modes = fmaxq(modes, apart(mode[k][e], run_adjoint(&r, m.plain.n_states + k, e)));
      }
    for (uint32_t k = 0; k < m.n_params; k++) {
      if (k == 0 && (ir_ops[op].flags & IRF_SURROGATE)) continue; /* no difference shows it */
      differences(&f, &m, k, 1e-11Q, d);
      differences(&f, &m, k, 2e-11Q, wider);
      for (int64_t e = 0; e < POINTS; e++) {
        bool kink = apart(d[e], wider[e]) > 1e-9Q;
        kinks += kink;
        if (!kink) with = fmaxq(with, apart(d[e], mode[k][e]));
      }
    }
  }
  tap_ok(made && modes < 1e-12Q && with < 1e-12Q && kinks < POINTS / 20, "%s: reverse mode %.1e from forward mode, that %.1e from differences",
         ir_ops[op].text, (double)modes, (double)with);
  if (made && !(ir_ops[op].flags & IRF_SURROGATE)) test_second(s, op, &m);
  session_free(s);
}

static void test_none(IrOp op) {
  Session *s = session_new();
  Marches m = {0};
  bool made = marches_of(s, s->arena, nothing(s, s->arena), march_of(s, s->arena, op), -1, &m);
  tap_ok(!made && s->errors == 1 && !m.reverse.record, "%s: refused, since %s", ir_ops[op].text, reasons[op]);
  session_free(s);
}

/* What lies on the side that is not chosen may be infinite. */
static void test_choice(void) {
  Session *s = session_new();
  IrBuild b = {.s = s, .arena = s->arena, .k = ir_kernel(s, s->arena, KERNEL_MARCH, name_z(s, "choice"))};
  IrVal p = ir_load(&b, ir_slot(&b, SLOT_PARAM, 0, name_z(s, "p"), IR_REAL, DIM_NONE)), zero = ir_const(&b, 0, DIM_NONE);
  IrVal above = ir_op2(&b, IR_GT, p, zero), root = ir_op1(&b, IR_SQRT, p);
  IrVal inside = ir_op2(&b, IR_MUL, ir_op1(&b, IR_LOG, root), ir_op2(&b, IR_DIV, root, p));
  IrVal v = ir_op3(&b, IR_SELECT, above, ir_op2(&b, IR_ADD, inside, root), ir_op2(&b, IR_MUL, p, ir_const(&b, 3, DIM_NONE)));
  v = ir_op2(&b, IR_ADD, v, ir_op2(&b, IR_MAX, ir_op2(&b, IR_DIV, ir_op1(&b, IR_ABS, p), p), ir_const(&b, 7, DIM_NONE)));
  uint32_t sum = ir_slot(&b, SLOT_STATE, 0, name_z(s, "sum"), IR_REAL, DIM_NONE);
  ir_store(&b, sum, ir_op2(&b, IR_ADD, ir_load(&b, sum), v));
  bool good = true, forward = true;
  for (int effort = 0; effort < AD_EFFORTS; effort++) {
    Marches m;
    good &= marches_of(s, s->arena, nothing(s, s->arena), b.k, effort, &m);
    Run r = run_new(s->arena, 1, false, 2, 1, 1);
    run_set_param(&r, 0, 0, 0);
    run_set_param(&r, 0, 1, -2);
    run_reverse(&r, &m);
    for (int64_t e = 0; e < 2; e++) good &= run_adjoint(&r, 1, e) == (Quad)(3 * run_weight(0));
    run_forward(&r, &m);
    Quad scale;
    for (int64_t e = 0; e < 2; e++) forward &= run_product(&r, &m, 0, e, &scale) == (Quad)(3 * run_weight(0));
  }
  tap_ok(good, "a choice takes the adjoint of its side, whatever the other one is");
  tap_ok(forward, "and the derivative of its side");
  session_free(s);
}

/* A loop of up to 140 turns, as many as a parameter says: its way back has to find what each of them began with. */
static IrKernel *turning(Session *s, Arena *a) {
  IrBuild b = {.s = s, .arena = a, .k = ir_kernel(s, a, KERNEL_MARCH, name_z(s, "turning"))};
  IrVal p[3], one = ir_const(&b, 1, DIM_NONE), share = ir_const(&b, 0.25, DIM_NONE);
  for (uint32_t i = 0; i < 3; i++) p[i] = ir_load(&b, ir_slot(&b, SLOT_PARAM, i, name_fmt(s, "p%u", i), IR_REAL, DIM_NONE));
  IrVal zero = ir_const(&b, 0, DIM_NONE), below = ir_op2(&b, IR_LT, p[0], one);
  ir_loop(&b, 400, ir_op2(&b, IR_GT, p[2], zero));
  IrVal x = ir_carry(&b, p[0]), n = ir_carry(&b, zero), odd = ir_carry(&b, below);
  IrVal y = ir_op3(&b, IR_FMA, p[1], ir_op1(&b, IR_SIN, x), ir_op2(&b, IR_MUL, share, x));
  y = ir_op3(&b, IR_SELECT, odd, ir_op2(&b, IR_ADD, y, p[0]), y);
  IrVal more = ir_op2(&b, IR_ADD, n, one), even = ir_op1(&b, IR_NOT, odd);
  ir_next(&b, x, y);
  ir_next(&b, n, more);
  ir_next(&b, odd, even);
  ir_again(&b, ir_op2(&b, IR_LT, more, p[2]));
  uint32_t sum = ir_slot(&b, SLOT_STATE, 0, name_z(s, "sum"), IR_REAL, DIM_NONE);
  ir_store(&b, sum, ir_op2(&b, IR_ADD, ir_load(&b, sum), ir_op3(&b, IR_SELECT, odd, ir_op2(&b, IR_MUL, x, x), x)));
  return b.k;
}

static void test_turns(void) {
  Session *s = session_new();
  Marches m;
  bool made = marches_of(s, s->arena, nothing(s, s->arena), turning(s, s->arena), -1, &m);
  Run f = run_new(s->arena, 1, true, POINTS, STEPS, 1), r = run_new(s->arena, 1, true, POINTS, STEPS, 1);
  Quad worst = 0, scale;
  for (int64_t e = 0; e < POINTS; e++) /* lane e: int(1.5 e) turns */
    for (int i = 0; i < 2; i++) run_set_param(i ? &r : &f, 2, e, 1.5 * (double)e - 0.25), run_set_param(i ? &r : &f, 1, e, 1.1 + 0.01 * (double)e);
  run_forward(&f, &m);
  run_reverse(&r, &m);
  for (uint32_t k = 0; k < 2; k++)
    for (int64_t e = 0; e < POINTS; e++) {
      Quad want = run_product(&f, &m, k, e, &scale);
      worst = fmaxq(worst, fabsq(run_adjoint(&r, 1 + k, e) - want) / fmaxq(fabsq(want), 1e-12Q));
    }
  tap_ok(made && m.reverse.back && worst < 1e-20Q, "from 0 to 142 turns of a loop, backwards: %.1e from forward mode", (double)worst);
  session_free(s);
}

/* The first turn has a derivative that is infinite: nothing of it is left, as the last one begins anew. */
static IrKernel *overwriting(Session *s, Arena *a) {
  IrBuild b = {.s = s, .arena = a, .k = ir_kernel(s, a, KERNEL_MARCH, name_z(s, "overwriting"))};
  IrVal p = ir_load(&b, ir_slot(&b, SLOT_PARAM, 0, name_z(s, "p"), IR_REAL, DIM_NONE)), one = ir_const(&b, 1, DIM_NONE);
  IrVal nothing = ir_op2(&b, IR_SUB, p, p), square = ir_op2(&b, IR_MUL, p, p), zero = ir_const(&b, 0, DIM_NONE);
  ir_loop(&b, 400, ir_op2(&b, IR_GT, p, zero));
  IrVal x = ir_carry(&b, nothing), n = ir_carry(&b, zero);
  IrVal root = ir_op1(&b, IR_SQRT, ir_op2(&b, IR_MUL, x, p)), more = ir_op2(&b, IR_ADD, n, one);
  ir_next(&b, x, ir_op3(&b, IR_SELECT, ir_op2(&b, IR_GE, more, ir_const(&b, 3, DIM_NONE)), square, root));
  ir_next(&b, n, more);
  ir_again(&b, ir_op2(&b, IR_LT, more, ir_const(&b, 3, DIM_NONE)));
  uint32_t sum = ir_slot(&b, SLOT_STATE, 0, name_z(s, "sum"), IR_REAL, DIM_NONE);
  ir_store(&b, sum, ir_op2(&b, IR_ADD, ir_load(&b, sum), x));
  return b.k;
}

static void test_overwritten(void) {
  Session *s = session_new();
  bool good = true, second = true;
  for (int effort = 0; effort < AD_EFFORTS; effort++) {
    Marches m;
    good &= marches_of(s, s->arena, nothing(s, s->arena), overwriting(s, s->arena), effort, &m);
    Run r = run_new(s->arena, 1, true, POINTS, 1, 1);
    run_reverse(&r, &m);
    for (int64_t e = 0; e < POINTS; e++) good &= run_adjoint(&r, 1, e) == 2 * run_param(&r, 0, e) * run_weight(0);
    run_hessian(&r, &m);
    for (int64_t e = 0; e < POINTS; e++) second &= run_adjoint(&r, 2, e) == 2 * run_param(&r, 1, e) * run_weight(0);
  }
  tap_ok(good, "turns that a later one overwrites may have infinite derivatives");
  tap_ok(second, "second ones as well");
  session_free(s);
}

int main(void) {
  for (IrOp op = (IrOp)0; op < IR_OPS; op++) {
    if (!(ir_ops[op].flags & IRF_PURE) || !domains[op].n || ir_ops[op].type == IRT_COMPARE) continue;
    if (reasons[op]) test_none(op);
    else test_row(op);
  }
  test_choice();
  test_turns();
  test_overwritten();
  return tap_done();
}
