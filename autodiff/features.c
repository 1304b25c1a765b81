/* Terms that compare the neuron's own spikes with recorded ones (lang/features.def): numbers that a march carries, of the model
 * and in the same way of the recording, and the square of their difference so far. A step's spike is a number s, 0 or 1 (with a
 * surrogate it has a derivative), after the share u of the step; recorded ones are taken to stand in the middle of theirs.
 *
 * van Rossum: D is the difference of the filtered trains. Between spikes D' = -D / tau, so the integral of D^2 over the step is
 * tau / 2 (D^2 at its begin - D^2 at its end + the jumps of D^2 at spikes), exactly: it is smooth in the time of a spike.
 *
 * Victor and Purpura: E = sum over all pairs c_i c_j k(t_i - t_j), with c = 1 for the model's spikes and -1 for recorded ones and
 * k(x) = (1 + |x| / tau) exp(-|x| / tau), which is smooth at 0. A spike adds c^2 + 2 c F, where F = sum of c_i k over those before: a + b with
 * a = sum of c_i exp(-x_i / tau), b = sum of c_i x_i / tau exp(-x_i / tau), which are carried. */
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

/* ---- Victor and Purpura */

/* exp(-x h) */
static IrVal decayed(Feature *w, IrVal x, IrVal h) { return alg_exp(w->b, ir_op1(w->b, IR_NEG, times(w, x, h))); }

/* (a + b + a x h) exp(-x h): k of all spikes before, seen after the share x of the step. */
static IrVal seen(Feature *w, IrVal a, IrVal b, IrVal x, IrVal h) {
  return times(w, ir_op3(w->b, IR_FMA, a, times(w, x, h), plus(w, a, b)), decayed(w, x, h));
}

static IrVal victor_purpura(Feature *w, const MTerm *t) {
  static const Dim time = {{[DIM_TIME] = DIM_ONE}};
  IrBuild *build = w->b;
  uint32_t a_slot, b_slot, sum_slot;
  IrVal h = ir_op2(build, IR_DIV, w->dt, ir_const(build, t->tau, time)), two = alg_num(build, 2);
  IrVal a = carried(w, "%a", DIM_NONE, &a_slot), b = carried(w, "%b", DIM_NONE, &b_slot), sum = carried(w, "%pairs", DIM_NONE, &sum_slot);
  IrVal s = times(w, w->is->weight, w->is->spike), m = times(w, w->is->weight, w->is->recorded), u = w->is->when;
  IrVal apart = ir_op1(build, IR_ABS, minus(w, u, w->half));
  IrVal more = plus(w, times(w, s, plus(w, s, times(w, two, seen(w, a, b, u, h)))), times(w, m, minus(w, m, times(w, two, seen(w, a, b, w->half, h)))));
  more = minus(w, more, times(w, times(w, two, times(w, s, m)), seen(w, w->one, w->zero, apart, h)));
  IrVal rest = minus(w, w->one, u), of_s = times(w, s, decayed(w, rest, h)), of_m = times(w, m, decayed(w, w->half, h)), all = decayed(w, w->one, h);
  IrVal aged = minus(w, times(w, of_s, times(w, rest, h)), times(w, of_m, times(w, w->half, h)));
  ir_store(build, a_slot, ir_op3(build, IR_FMA, a, all, minus(w, of_s, of_m)));
  ir_store(build, b_slot, ir_op3(build, IR_FMA, ir_op3(build, IR_FMA, a, h, b), all, aged));
  sum = plus(w, sum, more);
  ir_store(build, sum_slot, sum);
  return sum;
}

/* ---- numbers at the end of the window: one of the model, one of the recording */

typedef struct {
  IrVal spike, when;
  const char *name;
} Train;

static IrVal count_of(Feature *w, const Train *of) {
  uint32_t slot;
  IrVal before = carried(w, of->name, DIM_NONE, &slot), now = ir_op3(w->b, IR_FMA, w->is->weight, of->spike, before);
  ir_store(w->b, slot, now);
  return now;
}

/* f: there was a spike; the time goes on until then. */
static IrVal latency_of(Feature *w, const Train *of) {
  static const Dim time = {{[DIM_TIME] = DIM_ONE}};
  uint32_t slot, had_slot;
  IrVal had = carried(w, "%had", DIM_NONE, &had_slot), waits = minus(w, w->one, had);
  IrVal before = carried(w, of->name, time, &slot), share = minus(w, w->one, times(w, of->spike, minus(w, w->one, of->when)));
  IrVal part = times(w, times(w, w->is->weight, w->dt), times(w, waits, share)), now = plus(w, before, part);
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

static IrVal last_of(Feature *w, const Train *of) {
  static const Dim time = {{[DIM_TIME] = DIM_ONE}};
  uint32_t slot;
  IrVal before = carried(w, of->name, time, &slot), now = ir_op3(w->b, IR_SELECT, counts(w, of), time_of(w, of), before);
  ir_store(w->b, slot, now);
  return now;
}

/* x / y where there are more than `least` spikes, else 0 */
static IrVal above(Feature *w, IrVal n, double least, IrVal x, IrVal y) {
  IrBuild *b = w->b;
  IrVal some = ir_op2(b, IR_GT, n, alg_num(b, least + 0.5));
  IrVal ratio = ir_op2(b, IR_DIV, x, ir_op3(b, IR_SELECT, some, y, ir_const(b, 1, b->k->ins.at[y].dim)));
  return ir_op3(b, IR_SELECT, some, ratio, alg_zero_like(b, ratio));
}

/* (n - 1) / (last - first) */
static IrVal rate_of(Feature *w, const Train *of) {
  static const Dim time = {{[DIM_TIME] = DIM_ONE}};
  uint32_t slot;
  IrVal before = carried(w, "%first", time, &slot), n = count_of(w, of), last = last_of(w, of);
  IrVal begins = ir_op2(w->b, IR_AND, counts(w, of), ir_op2(w->b, IR_LT, n, alg_num(w->b, 1.5)));
  IrVal first = ir_op3(w->b, IR_SELECT, begins, last, before);
  ir_store(w->b, slot, first);
  return above(w, n, 1, minus(w, n, w->one), minus(w, last, first));
}

/* Of neighbouring intervals a, b behind one another: the mean of (b - a) / (b + a), where b ends now. */
static IrVal adaptation_of(Feature *w, const Train *of) {
  static const Dim time = {{[DIM_TIME] = DIM_ONE}};
  IrBuild *b = w->b;
  uint32_t one_slot, two_slot, sum_slot;
  IrVal one = carried(w, "%one.ago", time, &one_slot), two = carried(w, "%two.ago", time, &two_slot);
  IrVal before = carried(w, "%differences", DIM_NONE, &sum_slot), n = count_of(w, of), spikes = counts(w, of), now = time_of(w, of);
  IrVal change = minus(w, minus(w, now, one), minus(w, one, two)), share = above(w, n, 2, change, minus(w, now, two));
  IrVal sum = plus(w, before, ir_op3(b, IR_SELECT, spikes, share, w->zero));
  ir_store(b, sum_slot, sum);
  ir_store(b, two_slot, ir_op3(b, IR_SELECT, spikes, one, two));
  ir_store(b, one_slot, ir_op3(b, IR_SELECT, spikes, now, one));
  return above(w, n, 2, sum, minus(w, n, alg_num(b, 2)));
}

static IrVal both(Feature *w, IrVal (*of)(Feature *, const Train *)) {
  Train model = {w->is->spike, w->is->when, "%model"}, given = {w->is->recorded, w->half, "%recorded"};
  IrVal x = of(w, &model), y = of(w, &given);
  return square(w, minus(w, x, y));
}

IrVal ad_feature(IrBuild *b, IrMarch *m, const MTerm *t, const AdSpike *is) {
  Feature w = {.b = b, .m = m, .is = is, .zero = alg_num(b, 0), .one = alg_num(b, 1), .half = alg_num(b, 0.5), .dt = ir_nullary(b, IR_DT)};
  switch (t->feature) {
    case FEATURE_VAN_ROSSUM: return van_rossum(&w, t);
    case FEATURE_VICTOR_PURPURA: return victor_purpura(&w, t);
    case FEATURE_COUNT: return both(&w, count_of);
    case FEATURE_RATE: return both(&w, rate_of);
    case FEATURE_LATENCY: return both(&w, latency_of);
    case FEATURE_LAST: return both(&w, last_of);
    case FEATURE_ADAPTATION: return both(&w, adaptation_of);
    case FEATURE_PEAKS: /* of courses: traces.c */
    case FEATURE_AMPLITUDE:
    case FEATURE_WIDTH:
    case FEATURE_AHP:
    case FEATURES: break;
  }
  return w.zero;
}
