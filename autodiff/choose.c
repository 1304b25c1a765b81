/* Which derivatives of a march are compiled: those that some stage's optimizer asks for, in the form that costs least. All of
 * them have been made; what nobody needs is dropped here, so that a program compiles in a blink. The reason is kept for
 * `nslc explain`.
 *
 * Cost of a form: its operations in a step, weighted (ad_cost), times the vectors of 8 elements that the stage's starts fill. A
 * gradient by forward mode has one element for each start; along directions a vector's elements are directions of one start,
 * and what is alike in them counts half, since numbers are computed twice as fast as vectors; the way back has one element for
 * each start (a sweep too long for one tape, runtime/fit_back.c, runs its march once more: not counted). */
#include "autodiff/ad.h"
#include "autodiff/reverse.h"
#include "ir/pass.h"
#include "lang/session.h"

enum { LANES = 8 };

static double vectors(double elements) { return (double)(uint64_t)((elements + LANES - 1) / LANES); }

static double cost_of(const IrKernel *k, Arena *a) {
  if (!k) return 0;
  double cost = ad_cost(k, a);
  const bool *alike = ir_alike_values(k, a);
  uint32_t n = 0, values = 0;
  for (uint32_t i = 0; alike && i < k->ins.n; i++) values += k->ins.at[i].op != IR_CONST, n += alike[i] && k->ins.at[i].op != IR_CONST;
  return values ? cost * (1 - 0.5 * n / values) : cost;
}

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

AdNeeds ad_needs(const IrFit *f, uint32_t march) {
  AdNeeds n = {.starts = 1};
  double starts = 1;
  for (uint32_t i = 0; i < f->stages.n; i++) {
    const MStage *stage = f->stages.at[i].stage;
    if (stage->starts) starts = stage->starts;
    bool uses = false;
    for (uint32_t k = 0; k < f->stages.at[i].marches.n; k++) uses |= f->stages.at[i].marches.at[k] == march;
    if (!uses) continue;
    if (starts > n.starts) n.starts = starts;
    n.curvature |= by_squares(stage);
    n.certain |= i + 1 == f->stages.n && !f->fit->fields.n; /* weights of a network are not determined one by one */
    n.gradient |= !by_squares(stage) && stage->by != OPTIMIZER_CMAES;
  }
  return n;
}

typedef enum { WAY_ALL, WAY_ALONG, WAY_BACK, WAYS } Way;
static const char *const way_text[WAYS] = {"forward mode, all parameters at once", "forward mode, a parameter in each lane of a vector",
                                           "reverse mode"};

static void drop(IrMarchForm *form) {
  static const IrMarchForm none;
  *form = none;
}

static void keep(IrMarch *m, Way way) {
  static const IrMarchBack none;
  if (way != WAY_ALL) drop(&m->gradient);
  if (way != WAY_ALONG) drop(&m->direction);
  if (way != WAY_BACK) m->reverse = none;
}

static void choose(Session *s, Arena *a, const IrFit *f, uint32_t at) {
  IrMarch *m = f->marches.at[at];
  AdNeeds n = ad_needs(f, at);
  if (!n.curvature && !n.certain) drop(&m->curvature);
  if (!n.gradient) {
    keep(m, WAYS);
    return;
  }
  double cost[WAYS];
  cost[WAY_ALL] = vectors(n.starts) * cost_of(m->gradient.march, a);
  cost[WAY_ALONG] = n.starts * vectors(f->free.n) * cost_of(m->direction.march, a);
  cost[WAY_BACK] = vectors(n.starts) * (cost_of(m->reverse.record, a) + cost_of(m->reverse.back, a));
  bool there[WAYS] = {m->gradient.march != NULL, m->direction.march != NULL, m->reverse.back != NULL};
  Way best = WAYS;
  for (Way way = 0; way < WAYS; way++) {
    bool back = way == WAY_BACK, asked = f->fit->gradient == GRADIENT_REVERSE;
    if (!there[way] || (f->fit->gradient != GRADIENT_CHOSEN && back != asked)) continue;
    if (best == WAYS || cost[way] < cost[best]) best = way;
  }
  keep(m, best);
  if (best == WAYS) return; /* refused before */
  const char *others = "";
  for (Way way = 0; way < WAYS; way++)
    if (way != best && there[way]) others = arena_printf(a, "%s; %s %.0f", others, way_text[way], cost[way]);
  m->way = name_z(s, way_text[best]);
  m->reason = name_fmt(s, "%s%.0f multiplications a step for %.0f start%s by %u parameters%s",
                       f->fit->gradient == GRADIENT_CHOSEN ? "" : "asked for; ", cost[best], n.starts, n.starts == 1 ? "" : "s",
                       f->free.n, others);
}

IrModule *ad_pass_choose(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->marches.n; k++) choose(s, out, m->fits.at[i], k);
  ir_module_renumber(m, out);
  return m;
}
