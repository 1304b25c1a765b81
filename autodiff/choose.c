/* Which derivatives of a march are compiled: those that some stage's optimizer asks for, in the form that costs least. All of
 * them have been made; what nobody needs is dropped here, so that a program compiles in a blink.
 *
 * Cost of a form: its operations, weighted by what they take on a processor of today, times the vectors of 8 elements that
 * the stage's starts fill. A gradient by forward mode has one element for each start; along directions, one for each start and
 * free parameter, with one derivative each, and a vector's elements are of one start: cheaper where the starts are few. */
#include "autodiff/ad.h"
#include "ir/pass.h"

enum { LANES = 8 };

/* Multiplications that an operation takes as long as: functions of math/ are some 15-25 operations, division 8. */
static uint32_t weight(IrOp op) {
  static const uint8_t slow[IR_OPS] = {[IR_DIV] = 6,     [IR_SQRT] = 8,     [IR_EXP] = 14,  [IR_LOG] = 20, [IR_LOG1P] = 24,
                                       [IR_EXPM1] = 20,  [IR_EXPREL] = 28,  [IR_EXPRELR] = 28, [IR_TANH] = 26,
                                       [IR_SIGMOID] = 22, [IR_SIN] = 24,    [IR_COS] = 24,  [IR_POW] = 50};
  return slow[op] ? slow[op] : 1;
}

static double kernel_cost(const IrKernel *k) {
  double sum = 0;
  for (uint32_t i = 0; k && i < k->ins.n; i++) sum += weight((IrOp)k->ins.at[i].op);
  return sum;
}

static double vectors(double elements) { return (double)(uint64_t)((elements + LANES - 1) / LANES); }

static bool by_squares(const MStage *stage) {
  static const bool squares[OPTIMIZER_COUNT] = {
#define OPTIMIZER(id, name, needs, doc) [OPTIMIZER_##id] = needs,
#define OPTION(id, name, least, most, given, doc)
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
  };
  return squares[stage->by];
}

typedef struct {
  bool value, curvature, gradient; /* what stages ask for */
  double starts;                   /* most of them at once */
} Needs;

/* The last stage's curvature gives the uncertainties. */
static Needs needs_of(const IrFit *f, uint32_t march) {
  Needs n = {.value = true, .starts = 1};
  double starts = 1;
  for (uint32_t i = 0; i < f->stages.n; i++) {
    const MStage *stage = f->stages.at[i].stage;
    if (stage->starts) starts = stage->starts;
    bool uses = false;
    for (uint32_t k = 0; k < f->stages.at[i].marches.n; k++) uses |= f->stages.at[i].marches.at[k] == march;
    if (!uses) continue;
    if (starts > n.starts) n.starts = starts;
    bool squares = by_squares(stage);
    n.curvature |= squares || i + 1 == f->stages.n;
    n.gradient |= !squares && stage->by != OPTIMIZER_CMAES;
  }
  return n;
}

static void drop(IrMarchForm *form) {
  static const IrMarchForm none;
  *form = none;
}

static void choose(const IrFit *f, uint32_t at) {
  IrMarch *m = f->marches.at[at];
  Needs n = needs_of(f, at);
  double along = n.starts * vectors(f->free.n) * kernel_cost(m->direction.march);
  double all = vectors(n.starts) * kernel_cost(m->gradient.march);
  if (!n.gradient || along >= all) drop(&m->direction);
  if (!n.gradient || along < all) drop(&m->gradient);
  if (!n.curvature) drop(&m->curvature);
}

IrModule *ad_pass_choose(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->marches.n; k++) choose(m->fits.at[i], k);
  ir_module_renumber(m, out);
  return m;
}
