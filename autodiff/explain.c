/* What was chosen for fits, and why, for `nslc explain`. */
#include "autodiff/ad.h"
#include "lang/session.h"

typedef struct {
  Session *s;
  FILE *out;
  bool json;
  const IrFit *f;
} Explain;

static const char *str(const Explain *e, Name n) { return name_none(n) ? "" : name_str(e->s, n); }

static void text(Explain *e, const char *key, const char *value) {
  fprintf(e->out, ",\"%s\":", key);
  text_json(e->out, value);
}

static void line(Explain *e, const char *fact, const char *name, const char *value, const char *reason) {
  if (!e->json) {
    fprintf(e->out, "  %-8s %-12s %-20s %s\n", fact, name, value, reason);
    return;
  }
  fprintf(e->out, "{\"fact\":\"fit %s\"", fact);
  text(e, "fit", str(e, e->f->fit->name));
  text(e, "name", name);
  text(e, "value", value);
  text(e, "reason", reason);
  fputs("}\n", e->out);
}

static uint32_t operations(const IrKernel *k) {
  uint32_t n = 0;
  for (uint32_t i = 0; k && i < k->ins.n; i++) {
    IrOp op = (IrOp)k->ins.at[i].op;
    n += op != IR_CONST && op != IR_LOAD && op != IR_STORE;
  }
  return n;
}

static void form(Explain *e, const char *what, const IrMarchForm *p, const char *reason) {
  if (!p->march) return;
  const char *size = arena_printf(e->s->arena, "%u operations", operations(p->march));
  const char *more = p->n_rings ? arena_printf(e->s->arena, ", %u ring%s", p->n_rings, p->n_rings == 1 ? "" : "s") : "";
  line(e, "kernel", what, size, arena_printf(e->s->arena, "a step, with %u numbers%s for each start%s%s", p->n_states, more,
                                             reason[0] ? "; " : "", reason));
}

static void back(Explain *e, const IrMarchBack *p, const char *reason) {
  if (!p->back) return;
  const char *size = arena_printf(e->s->arena, "%u + %u operations", operations(p->record), operations(p->back));
  line(e, "kernel", "way back", size,
       arena_printf(e->s->arena, "a step, with %u numbers on the tape: all steps at once where that takes 16 MB at most, else segments of 1 MB, and each step runs twice; %s",
                    p->n_tape, reason));
}

static void spikes(Explain *e, const IrMarch *m) {
  static const char *const shapes[SURROGATES] = {
#define SURROGATE(id, word, doc, step) [SURROGATE_##id] = word,
#include "lang/surrogates.def"
#undef SURROGATE
  };
  const MFitSpikes *how = m->class->spikes;
  if (!how) return;
  const char *value = how->gradient == SPIKES_SURROGATE ? shapes[how->shape] : how->gradient == SPIKES_LOCATED ? "exact events" : "fixed";
  static const char *const reasons[] = {
      [SPIKES_FIXED] = "no derivative: a spike stays in its step; `gradient = exact_events` or `surrogate(...)` let it move or come",
      [SPIKES_LOCATED] = "the crossing is located within its step, to second order in dt; derivatives are those of this program, spikes and ends of holds move",
      [SPIKES_SURROGATE] = "stands for the derivative of the spike"};
  const char *reset = how->gradient != SPIKES_SURROGATE ? "" : how->detached ? "; the reset is detached" : "; the reset is differentiated with it";
  line(e, "spikes", "", value, arena_printf(e->s->arena, "%s%s", reasons[how->gradient], reset));
}

static void march(Explain *e, const IrMarch *m) {
  Arena *a = e->s->arena;
  const char *what = name_none(m->given) ? "free run" : arena_printf(a, "given %s", str(e, m->given));
  line(e, "march", what, arena_printf(a, "%u states", m->class->states.n),
       !name_none(m->given) ? "the recording drives this state; the others follow it"
       : m->class->fired    ? "the neuron runs by itself, driven as declared, but for its spikes: they are those of the recording"
                            : "the neuron runs by itself, driven as declared");
  for (uint32_t i = 0; i < m->class->states.n; i++) {
    const IrState *st = &m->class->states.at[i];
    if (!st->counter && name_none(st->failure)) line(e, "state", str(e, st->var->name), str(e, st->method), str(e, st->reason));
  }
  spikes(e, m);
  for (uint32_t i = 0; i < m->terms.n; i++) line(e, "term", "", str(e, m->terms.at[i].term->text), "");
  form(e, "values", &m->plain, "");
  form(e, "gradient", &m->gradient, str(e, m->reason));
  form(e, "direction", &m->direction, str(e, m->reason));
  back(e, &m->reverse, str(e, m->reason));
  form(e, "squares", &m->curvature, "the Gauss-Newton matrix, for Levenberg-Marquardt steps and uncertainties");
}

/* What it looks for, where it does not look for all; a field once. */
static const char *searched(Explain *e, const MStage *m) {
  const char *text = "";
  for (uint32_t i = 0; i < m->searched.n; i++) {
    const MFree *free = &e->f->fit->free.at[m->searched.at[i]];
    const MField *field = free->field ? &e->f->fit->fields.at[free->field - 1] : NULL;
    if (field && m->searched.at[i] != field->first) continue;
    text = arena_printf(e->s->arena, "%s%s%s", text, *text ? ", " : "; looks for ", str(e, field ? field->name : free->path));
  }
  return text;
}

static void stage(Explain *e, const IrStage *p) {
  Arena *a = e->s->arena;
  static const char *const names[OPTIMIZER_COUNT] = {
#define OPTIMIZER(id, name, squares, doc) [OPTIMIZER_##id] = name,
#define OPTION(id, name, least, most, given, doc)
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
  };
  const MStage *m = p->stage;
  const char *starts = m->starts ? arena_printf(a, "from %u starts", m->starts) : "from where the stage before has ended";
  starts = m->starts || p != e->f->stages.at ? starts : "from the declared values";
  line(e, "stage", str(e, m->name), names[m->by], arena_printf(a, "%s%s", starts, searched(e, m)));
  for (uint32_t i = 0; i < p->marches.n; i++) march(e, e->f->marches.at[p->marches.at[i]]);
}

/* Of a network: what it has more than the experiment that it is. */
static void network(Explain *e) {
  Arena *a = e->s->arena;
  const IrExperiment *x = e->f->differentiated;
  const MCarried *how = &e->f->fit->carried;
  static const char *const shapes[] = {
#define SURROGATE(id, word, doc, step) [SURROGATE_##id] = word,
#include "lang/surrogates.def"
#undef SURROGATE
  };
  if (!x) return;
  uint32_t trained = 0;
  for (uint32_t i = 0; i < e->f->free.n; i++) trained += e->f->free.at[i].weights.n;
  const char *weights = trained ? arena_printf(a, ", with the weights of single synapses of %u projections", trained) : "";
  const char *more = arena_printf(a, "%u projections, of which %u are of weights' derivatives", x->projections.n, x->projections.n - e->f->x->projections.n);
  if (e->f->reverse)
    line(e, "gradient", "reverse mode", arena_printf(a, "%u parameters%s, backwards through the run of the network and along its synapses", e->f->free.n, weights), more);
  else line(e, "gradient", "forward mode", arena_printf(a, "%u parameters%s, along with the run of the network", e->f->free.n, weights), more);
  line(e, "spikes", shapes[how->shape], arena_printf(a, "width %g, damping %g", how->width, how->damping),
       how->reset ? "the reset is differentiated with it" : "the reset is detached");
}

static void device(Explain *e) {
  if (e->f->fit->network) line(e, "device", "runs", "float64", "each place of the search is a run of the network there; the search stays on the processor");
  else line(e, "device", "marches", "float64", "a thread takes all steps of a place of the search, of a parameter, or of a term on its way back; the search stays on the processor");
}

void ad_explain(Session *s, const IrModule *m, FILE *out, bool json) {
  for (uint32_t i = 0; i < m->fits.n; i++) {
    Explain e = {.s = s, .out = out, .json = json, .f = m->fits.at[i]};
    if (!json) fprintf(out, "\nfit %s\n", str(&e, e.f->fit->name));
    for (uint32_t k = 0; k < e.f->stages.n; k++) stage(&e, &e.f->stages.at[k]);
    network(&e);
    device(&e);
  }
}
