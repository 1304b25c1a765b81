/* Terms that compare the course of a value with a recorded one by features of its spikes (lang/features.def): how many there are, how
 * high and wide, how deep V is between them. Nothing is searched: with p and q, smooth steps and ramps at the level, what rises up to
 * the peak of a spike and falls behind it is summed where it rises, and the sum telescopes: each spike adds p and q at its peak less
 * what they are in the trough before, whatever dt. So features are smooth in the course, and a spike that comes does so gradually.
 *
 * Both courses are taken at the ends of steps; a peak is the vertex of the parabola through the highest sample and its neighbours. That of
 * the samples alone would go up and down with where spikes lie between steps, and its slope be that of this.
 * What is carried is the same for the model and
 * the recording; the recording's has no derivative. */
#include "autodiff/ad.h"
#include "ir/algebra.h"

/* Where there is no spike, means are 0: the numbers of spikes below which they fade. */
static const double FADES = 0.01;

typedef struct {
  IrBuild *b;
  IrMarch *m;
  const MTerm *t;
  const AdCourses *c;
  Dim dim; /* of the value */
} Traces;

static IrVal minus(Traces *w, IrVal x, IrVal y) { return ir_op2(w->b, IR_SUB, x, y); }
static IrVal times(Traces *w, IrVal x, IrVal y) { return ir_op2(w->b, IR_MUL, x, y); }
static IrVal plus(Traces *w, IrVal x, IrVal y) { return ir_op2(w->b, IR_ADD, x, y); }

static uint32_t slot_new(Traces *w, const char *name, Dim dim) {
  return ir_slot(w->b, SLOT_STATE, w->m->plain.n_states++, name_z(w->b->s, name), IR_REAL, dim);
}

/* p = 1 / (1 + exp(-x)), q = smooth * log(1 + exp(x)), both by exp(-|x|), which is finite. */
static void at_level(Traces *w, IrVal v, IrVal *ret_p, IrVal *ret_q) {
  IrBuild *b = w->b;
  IrVal one = alg_num(b, 1), zero = alg_num(b, 0), smooth = ir_const(b, w->t->smooth, w->dim);
  IrVal x = ir_op2(b, IR_DIV, minus(w, v, ir_const(b, w->t->level, w->dim)), smooth);
  IrVal less = alg_exp(b, ir_op1(b, IR_NEG, ir_op1(b, IR_ABS, x))), share = ir_op2(b, IR_DIV, one, plus(w, one, less));
  *ret_p = times(w, share, ir_op3(b, IR_SELECT, ir_op2(b, IR_GT, x, zero), one, less));
  *ret_q = times(w, smooth, plus(w, ir_op2(b, IR_MAX, x, zero), ir_op1(b, IR_LOG1P, less)));
}

/* Where the value before this one, `mid`, was higher or lower than both beside it: the vertex of the parabola through the three. */
static void turn(Traces *w, AdCourse *c, IrVal first, IrVal mid, IrVal known) {
  IrBuild *b = w->b;
  IrVal up = ir_op2(b, IR_AND, ir_op2(b, IR_GT, mid, first), ir_op2(b, IR_GE, mid, c->v));
  IrVal down = ir_op2(b, IR_AND, ir_op2(b, IR_LT, mid, first), ir_op2(b, IR_LE, mid, c->v));
  c->top = ir_op2(b, IR_AND, known, up);
  c->bottom = ir_op2(b, IR_AND, known, down);
  IrVal bend = minus(w, minus(w, c->v, mid), minus(w, mid, first)), across = minus(w, c->v, first), unit = ir_const(b, 1, w->dim);
  bend = ir_op3(b, IR_SELECT, ir_op2(b, IR_OR, c->top, c->bottom), bend, unit);
  c->vertex = minus(w, mid, ir_op2(b, IR_DIV, times(w, across, across), times(w, alg_num(b, 8), bend)));
}

/* p and q, what they were a step before (at the first step what they are), and by how much more they are at a peak between the samples. */
static void make(Traces *w, AdCourse *c) {
  IrBuild *b = w->b;
  if (c->p != IR_NONE) return;
  uint32_t steps = slot_new(w, "%steps", DIM_NONE), one = slot_new(w, "%one.ago", w->dim), two = slot_new(w, "%two.ago", w->dim);
  uint32_t p = slot_new(w, "%p", DIM_NONE), q = slot_new(w, "%q", w->dim);
  IrVal n = ir_load(b, steps), mid = ir_load(b, one), had = ir_op2(b, IR_GT, n, alg_num(b, 0.5)), p_top, q_top;
  at_level(w, c->v, &c->p, &c->q);
  turn(w, c, ir_load(b, two), mid, ir_op2(b, IR_GT, n, alg_num(b, 1.5)));
  at_level(w, c->vertex, &p_top, &q_top);
  c->p_before = ir_op3(b, IR_SELECT, had, ir_load(b, p), c->p);
  c->q_before = ir_op3(b, IR_SELECT, had, ir_load(b, q), c->q);
  c->p_more = ir_op3(b, IR_SELECT, c->top, minus(w, p_top, c->p_before), alg_num(b, 0));
  c->q_more = ir_op3(b, IR_SELECT, c->top, minus(w, q_top, c->q_before), ir_const(b, 0, w->dim));
  ir_store(b, steps, ir_op2(b, IR_MIN, plus(w, n, alg_num(b, 1)), alg_num(b, 2)));
  ir_store(b, two, mid);
  ir_store(b, one, c->v);
  ir_store(b, p, c->p);
  ir_store(b, q, c->q);
}

/* By how much x has risen since it was `before`, and to the peak between, if this step counts. */
static IrVal rise(Traces *w, IrVal x, IrVal before, IrVal more) {
  return times(w, w->c->weight, plus(w, ir_op2(w->b, IR_MAX, minus(w, x, before), ir_const(w->b, 0, w->b->k->ins.at[x].dim)), more));
}

static IrVal summed(Traces *w, const char *name, IrVal more) {
  uint32_t slot = slot_new(w, name, w->b->k->ins.at[more].dim);
  IrVal sum = plus(w, ir_load(w->b, slot), more);
  ir_store(w->b, slot, sum);
  return sum;
}

/* x / sqrt(y^2 + least^2) */
static IrVal faded(Traces *w, IrVal x, IrVal y, double least) {
  IrVal rest = ir_const(w->b, least * least, dim_mul(w->b->k->ins.at[y].dim, w->b->k->ins.at[y].dim));
  return ir_op2(w->b, IR_DIV, x, ir_op1(w->b, IR_SQRT, ir_op3(w->b, IR_FMA, y, y, rest)));
}

static IrVal peaks(Traces *w, AdCourse *c) {
  if (c->n == IR_NONE) c->n = summed(w, "%n", rise(w, c->p, c->p_before, c->p_more));
  return c->n;
}

static IrVal height(Traces *w, AdCourse *c) {
  if (c->height == IR_NONE) c->height = summed(w, "%height", rise(w, c->q, c->q_before, c->q_more));
  return c->height;
}

static IrVal amplitude(Traces *w, AdCourse *c) { return faded(w, height(w, c), peaks(w, c), FADES); }

static IrVal width(Traces *w, AdCourse *c) {
  IrVal area = summed(w, "%area", times(w, times(w, w->c->weight, ir_nullary(w->b, IR_DT)), c->q));
  return faded(w, area, height(w, c), w->t->smooth);
}

/* The lowest value since the end of a spike, by the rise to the next one. */
static IrVal ahp(Traces *w, AdCourse *c) {
  IrBuild *b = w->b;
  uint32_t low_slot = slot_new(w, "%lowest", w->dim), had_slot = slot_new(w, "%had", DIM_NONE);
  IrVal half = alg_num(b, 0.5), low = ir_load(b, low_slot), had = ir_load(b, had_slot);
  IrVal ends = ir_op2(b, IR_AND, ir_op2(b, IR_GT, c->p_before, half), ir_op2(b, IR_LE, c->p, half));
  IrVal seen = ir_op2(b, IR_AND, ends, ir_op2(b, IR_GT, w->c->weight, half));
  IrVal more = times(w, had, rise(w, c->p, c->p_before, c->p_more)), n = summed(w, "%troughs", more);
  IrVal depth = summed(w, "%depth", times(w, more, minus(w, ir_const(b, w->t->level, w->dim), low)));
  IrVal least = ir_op3(b, IR_SELECT, c->bottom, c->vertex, c->v);
  ir_store(b, low_slot, ir_op3(b, IR_SELECT, ends, c->v, ir_op2(b, IR_MIN, low, ir_op2(b, IR_MIN, least, c->v))));
  ir_store(b, had_slot, ir_op3(b, IR_SELECT, seen, alg_num(b, 1), had));
  return faded(w, depth, n, FADES);
}

static IrVal (*const features[FEATURES])(Traces *, AdCourse *) = {
    [FEATURE_PEAKS] = peaks, [FEATURE_AMPLITUDE] = amplitude, [FEATURE_WIDTH] = width, [FEATURE_AHP] = ahp};

IrVal ad_trace_feature(IrBuild *b, IrMarch *m, const MTerm *t, AdCourses *c) {
  Traces w = {.b = b, .m = m, .t = t, .c = c, .dim = b->k->ins.at[c->model.v].dim};
  make(&w, &c->model);
  IrVal x = features[t->feature](&w, &c->model), y;
  if (c->given.v == IR_NONE) y = ir_const(b, t->number, b->k->ins.at[x].dim);
  else {
    make(&w, &c->given);
    y = features[t->feature](&w, &c->given);
  }
  IrVal apart = minus(&w, x, y);
  return times(&w, apart, apart);
}
