/* Terms that compare the neuron's own spikes with recorded ones (lang/features.def): numbers that a march carries, of the model
 * and in the same way of the recording, and what their squared difference grows by in a step, so that the sum over all steps is that
 * at the end. A step's spike is a number s, 0 or 1 (with a surrogate it has a derivative), after the share u of the step; recorded
 * ones are taken to stand in the middle of theirs.
 *
 * van Rossum: D is the difference of the filtered trains. Between spikes D' = -D / tau, so the integral of D^2 over the step is
 * tau / 2 (D^2 at its begin - D^2 at its end + the jumps of D^2 at spikes), exactly: it is smooth in the time of a spike. */
#include "autodiff/ad.h"
#include "ir/algebra.h"

typedef struct {
  IrBuild *b;
  IrMarch *m;
  const AdSpike *is;
  IrVal zero, one, half, dt;
} Feature;

/* A number that is carried: its slot, and what it is at the step's begin. */
static IrVal carried(Feature *w, const char *name, Dim dim, uint32_t *ret_slot) {
  *ret_slot = ir_slot(w->b, SLOT_STATE, w->m->plain.n_states++, name_z(w->b->s, name), IR_REAL, dim);
  return ir_load(w->b, *ret_slot);
}

static IrVal minus(Feature *w, IrVal x, IrVal y) { return ir_op2(w->b, IR_SUB, x, y); }
static IrVal times(Feature *w, IrVal x, IrVal y) { return ir_op2(w->b, IR_MUL, x, y); }
static IrVal plus(Feature *w, IrVal x, IrVal y) { return ir_op2(w->b, IR_ADD, x, y); }
static IrVal square(Feature *w, IrVal x) { return times(w, x, x); }

/* The growth of (x - y)^2 from its value before. */
static IrVal growth(Feature *w, IrVal x, IrVal y, IrVal x_before, IrVal y_before) {
  return minus(w, square(w, minus(w, x, y)), square(w, minus(w, x_before, y_before)));
}

/* ---- van Rossum */

static IrVal van_rossum(Feature *w, const MTerm *t) {
  static const Dim time = {{[DIM_TIME] = DIM_ONE}};
  IrBuild *b = w->b;
  uint32_t slot;
  IrVal tau = ir_const(b, t->tau, time), h = ir_op2(b, IR_DIV, w->dt, tau);
  IrVal d = carried(w, "%difference", DIM_NONE, &slot), s = w->is->spike, u = w->is->when, m = w->is->recorded;
  IrVal at = alg_exp(b, ir_op1(b, IR_NEG, times(w, u, h))), rest = alg_exp(b, ir_op1(b, IR_NEG, times(w, minus(w, w->one, u), h)));
  IrVal middle = alg_exp(b, ir_op1(b, IR_NEG, times(w, w->half, h))), all = alg_exp(b, ir_op1(b, IR_NEG, h));
  IrVal apart = alg_exp(b, ir_op1(b, IR_NEG, times(w, ir_op1(b, IR_ABS, minus(w, u, w->half)), h)));
  IrVal end = plus(w, times(w, d, all), minus(w, times(w, s, rest), times(w, m, middle)));
  IrVal two = alg_num(b, 2), jumps = plus(w, square(w, s), square(w, m));
  jumps = plus(w, jumps, times(w, times(w, two, d), minus(w, times(w, s, at), times(w, m, middle))));
  jumps = minus(w, jumps, times(w, times(w, two, apart), times(w, s, m)));
  ir_store(b, slot, end);
  IrVal lost = minus(w, square(w, d), square(w, end));
  return ir_op2(b, IR_DIV, plus(w, lost, jumps), times(w, two, h));
}

/* ---- numbers at the end of the window: one of the model, one of the recording */

typedef struct {
  IrVal spike, when;
  const char *name;
} Train;

static IrVal count_of(Feature *w, const Train *of, IrVal *ret_before) {
  uint32_t slot;
  *ret_before = carried(w, of->name, DIM_NONE, &slot);
  IrVal now = ir_op3(w->b, IR_FMA, w->is->weight, of->spike, *ret_before);
  ir_store(w->b, slot, now);
  return now;
}

/* f: there was a spike; the time goes on until then. */
static IrVal latency_of(Feature *w, const Train *of, IrVal *ret_before) {
  static const Dim time = {{[DIM_TIME] = DIM_ONE}};
  uint32_t slot, had_slot;
  IrVal had = carried(w, "%had", DIM_NONE, &had_slot), waits = minus(w, w->one, had);
  *ret_before = carried(w, of->name, time, &slot);
  IrVal share = minus(w, w->one, times(w, of->spike, minus(w, w->one, of->when)));
  IrVal part = times(w, times(w, w->is->weight, w->dt), times(w, waits, share)), now = plus(w, *ret_before, part);
  ir_store(w->b, slot, now);
  ir_store(w->b, had_slot, ir_op3(w->b, IR_FMA, times(w, w->is->weight, waits), of->spike, had));
  return now;
}

static IrVal time_of(Feature *w, const Train *of) {
  return minus(w, ir_nullary(w->b, IR_TIME), times(w, w->dt, minus(w, w->one, of->when)));
}

static IrVal counts(Feature *w, const Train *of) {
  return ir_op2(w->b, IR_GT, times(w, w->is->weight, of->spike), w->half);
}

static IrVal last_of(Feature *w, const Train *of, IrVal *ret_before) {
  static const Dim time = {{[DIM_TIME] = DIM_ONE}};
  uint32_t slot;
  *ret_before = carried(w, of->name, time, &slot);
  IrVal now = ir_op3(w->b, IR_SELECT, counts(w, of), time_of(w, of), *ret_before);
  ir_store(w->b, slot, now);
  return now;
}

/* (n - 1) / (last - first) */
static IrVal rate_at(Feature *w, IrVal n, IrVal first, IrVal last) {
  IrBuild *b = w->b;
  IrVal some = ir_op2(b, IR_GT, n, alg_num(b, 1.5));
  IrVal over = ir_op3(b, IR_SELECT, some, minus(w, last, first), w->dt);
  IrVal r = ir_op2(b, IR_DIV, minus(w, n, w->one), over);
  return ir_op3(b, IR_SELECT, some, r, alg_zero_like(b, r));
}

static IrVal rate_of(Feature *w, const Train *of, IrVal *ret_before) {
  static const Dim time = {{[DIM_TIME] = DIM_ONE}};
  uint32_t slot;
  IrVal n_before, last_before, first_before = carried(w, "%first", time, &slot);
  IrVal n = count_of(w, of, &n_before), last = last_of(w, of, &last_before);
  IrVal begins = ir_op2(w->b, IR_AND, counts(w, of), ir_op2(w->b, IR_LT, n_before, w->half));
  IrVal first = ir_op3(w->b, IR_SELECT, begins, last, first_before);
  ir_store(w->b, slot, first);
  *ret_before = rate_at(w, n_before, first_before, last_before);
  return rate_at(w, n, first, last);
}

static IrVal both(Feature *w, IrVal (*of)(Feature *, const Train *, IrVal *)) {
  Train model = {w->is->spike, w->is->when, "%model"}, given = {w->is->recorded, w->half, "%recorded"};
  IrVal x_before, y_before, x = of(w, &model, &x_before), y = of(w, &given, &y_before);
  return growth(w, x, y, x_before, y_before);
}

IrVal ad_feature(IrBuild *b, IrMarch *m, const MTerm *t, const AdSpike *is) {
  Feature w = {.b = b, .m = m, .is = is, .zero = alg_num(b, 0), .one = alg_num(b, 1), .half = alg_num(b, 0.5), .dt = ir_nullary(b, IR_DT)};
  switch (t->feature) {
    case FEATURE_VAN_ROSSUM: return van_rossum(&w, t);
    case FEATURE_COUNT: return both(&w, count_of);
    case FEATURE_RATE: return both(&w, rate_of);
    case FEATURE_LATENCY: return both(&w, latency_of);
    case FEATURE_LAST: return both(&w, last_of);
    case FEATURES: break;
  }
  return w.zero;
}
