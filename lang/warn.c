/* A checked model without errors -> warnings: what of an experiment has no effect or never happens, values of
 * a suspicious size. What nothing uses is in warn_unused.c, what never spikes in warn_silent.c.
 *
 * A warning that is sometimes wrong is worse than none: each is given only if the text as it stands shows it.
 */
#include "lang/warn.h"

#include <math.h>
#include <string.h>

#include "lang/check.h"
#include "lang/diag.h"

/* ---- who takes part in what */

typedef struct {
  bool driven;           /* something arrives */
  bool sends, seen;      /* is the source of a projection; recorded or measured */
  bool spikes_wanted;    /* by a record or a projection */
  bool silence_expected; /* a measure allows for it */
} Part;

/* An expect that is one measure of the population says whether spikes are wanted. */
static void part_expects(const MExperiment *x, const MPopulation *pop, Part *part) {
  for (uint32_t i = 0; i < x->measures.n; i++) {
    const MMeasure *m = x->measures.at[i];
    bool wanted = false, of = false;
    for (uint32_t k = 0; k < m->items.n; k++) of |= m->items.at[k].slice.pop == pop;
    if (!of) continue;
    part->seen = true;
    for (uint32_t k = 0; k < x->expects.n; k++) {
      const MExpect *e = x->expects.at[k];
      WarnPoint p = {pop, NULL, NULL};
      double lo;
      if (e->value->kind != MX_GLOBAL || e->value->global != m->global || m->items.at[0].value) continue;
      wanted |= e->interval.lo && warn_value(&p, e->interval.lo, &lo) && lo > 0;
    }
    part->spikes_wanted |= wanted;
    part->silence_expected |= !wanted;
  }
}

static Part part_of(const MExperiment *x, const MPopulation *pop) {
  Part part = {0};
  for (uint32_t i = 0; i < x->projections.n; i++) {
    part.driven |= x->projections.at[i]->target.pop == pop;
    part.sends |= x->projections.at[i]->source.pop == pop;
    const MPlastic *plastic = x->projections.at[i]->plastic;
    part.seen |= plastic && plastic->third && plastic->third->source.pop == pop;
  }
  for (uint32_t i = 0; i < x->couplings.n; i++) {
    const MCoupling *c = x->couplings.at[i];
    part.driven |= (c->reversed ? c->link.source.pop : c->link.target.pop) == pop;
    part.seen |= (c->reversed ? c->link.target.pop : c->link.source.pop) == pop;
  }
  for (uint32_t i = 0; i < x->drives.n; i++) part.driven |= x->drives.at[i]->target.pop == pop;
  part.spikes_wanted = part.sends;
  for (uint32_t i = 0; i < x->feeds.n; i++) {
    part.driven |= x->feeds.at[i]->to == pop;
    for (uint32_t k = 0; k < x->feeds.at[i]->items.n; k++)
      part.seen |= x->feeds.at[i]->items.at[k].slice.pop == pop;
  }
  for (uint32_t i = 0; i < x->records.n; i++)
    for (uint32_t k = 0; k < x->records.at[i]->items.n; k++) {
      if (x->records.at[i]->items.at[k].slice.pop != pop) continue;
      part.seen = true;
      part.spikes_wanted |= x->records.at[i]->kind == RECORD_SPIKES;
    }
  part_expects(x, pop, &part);
  return part;
}

/* ---- populations: the elements of a family are judged together */

typedef struct {
  bool silent, idle, apart; /* each of all of them */
  double level, threshold;
} Verdict;

static Verdict verdict_of(Session *s, const MExperiment *x, const MPopulation *first) {
  Verdict v = {true, true, true, 0, 0};
  for (uint32_t i = 0; i < x->populations.n; i++) {
    const MPopulation *pop = x->populations.at[i];
    if (!name_eq(pop->base, first->base)) continue;
    Part part = part_of(x, pop);
    v.apart &= !part.sends && !part.seen;
    v.idle &= !part.driven;
    v.silent = v.silent && part.spikes_wanted && !part.silence_expected &&
               warn_silent(s, x, pop, &v.level, &v.threshold);
  }
  return v;
}

static bool another_experiment_sees(const Model *m, const MExperiment *x, const MPopulation *pop) {
  for (uint32_t i = 0; i < m->experiments.n; i++) {
    const MExperiment *other = m->experiments.at[i];
    for (uint32_t k = 0; k < other->populations.n && other != x; k++)
      if (other->populations.at[k]->span.from == pop->span.from &&
          part_of(other, other->populations.at[k]).seen)
        return true;
  }
  return false;
}

static void population_warn(Session *s, const Model *m, const MExperiment *x, const MPopulation *pop) {
  Verdict v = verdict_of(s, x, pop);
  const char *name = name_str(s, pop->base);
  if (v.silent && v.idle) {
    diag_population_idle(s, pop->span, name, x->span);
  } else if (v.silent && fabs(v.level) < 1e6) {
    Span spike = pop->component->spikes.at[0]->span;
    diag_threshold_unreached(s, pop->span, name, v.level, v.threshold,
                             dim_coherent_unit(s, pop->component->spikes.at[0]->cond->args[0]->dim), spike);
  }
  bool others = x->records.n + x->expects.n > 0 && x->populations.n > 1;
  if (v.apart && others && !another_experiment_sees(m, x, pop)) diag_population_apart(s, pop->span, name);
}

static void experiment_warn(Session *s, const Model *m, const MExperiment *x) {
  for (uint32_t i = 0; i < x->populations.n && x->populations.n <= 200; i++) {
    bool first = i == 0 || !name_eq(x->populations.at[i]->base, x->populations.at[i - 1]->base);
    if (first) population_warn(s, m, x, x->populations.at[i]);
  }
}

/* ---- weights that are 0 in the text itself; a param that is 0 may be set to another value */

static void weight_warn(Session *s, const MExpr *weight, const char *what) {
  double value;
  WarnPoint none = {&(MPopulation){.size = NULL}, NULL, NULL};
  if (weight && !expr_has(weight, MX_GLOBAL) && warn_value(&none, weight, &value) && value == 0)
    diag_weight_zero(s, weight->span, what);
}

static void weights_warn(Session *s, const MExperiment *x) {
  for (uint32_t i = 0; i < x->projections.n; i++) weight_warn(s, x->projections.at[i]->weight, "projection");
  for (uint32_t i = 0; i < x->drives.n; i++) weight_warn(s, x->drives.at[i]->weight, "drive");
}

/* ---- values of a suspicious size, as they stand in the text */

enum { HIGHEST_POTENTIAL = 1000 }; /* mV */

static void size_warn(Session *s, const MExpr *value) {
  WarnPoint none = {&(MPopulation){.size = NULL}, NULL, NULL};
  double x;
  if (!value || !dim_eq(value->dim, (Dim){.e = {[DIM_VOLTAGE] = DIM_ONE}})) return;
  if (!expr_has(value, MX_VAR) && !expr_has(value, MX_GLOBAL) && warn_value(&none, value, &x) &&
      fabs(x) >= HIGHEST_POTENTIAL)
    diag_potential_large(s, value->span, x);
}

static void sizes_warn(Session *s, const Model *m) {
  for (uint32_t i = 0; i < m->components.n; i++)
    for (uint32_t k = 0; k < m->components.at[i]->vars.n; k++) {
      const MVar *var = m->components.at[i]->vars.at[k];
      if (var->kind == VAR_PARAM || var->kind == VAR_STATE) size_warn(s, var->value);
    }
  for (uint32_t i = 0; i < m->experiments.n; i++)
    for (uint32_t k = 0; k < m->experiments.at[i]->populations.n; k++) {
      const MPopulation *pop = m->experiments.at[i]->populations.at[k];
      for (uint32_t j = 0; j < pop->settings.n; j++) size_warn(s, pop->settings.at[j].value);
    }
}

/* ---- columns of recordings that no drive and no term reads */

static bool has_column(const MExpr *e, uint32_t column) {
  if (!e) return false;
  if (e->kind == MX_SAMPLE) return e->arg == column;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (has_column(e->args[i], column)) return true;
  return false;
}

static bool column_used(const MFit *f, uint32_t column) {
  for (uint32_t i = 0; i < f->drives.n; i++)
    if (f->drives.at[i].column == column) return true;
  for (uint32_t i = 0; i < f->stages.n; i++) {
    for (uint32_t k = 0; k < f->stages.at[i]->forces.n; k++)
      if (f->stages.at[i]->forces.at[k].column == column) return true;
    for (uint32_t k = 0; k < f->stages.at[i]->terms.n; k++) {
      const MTerm *t = f->stages.at[i]->terms.at[k];
      if (t->kind == TERM_RESIDUAL ? t->column == column : has_column(t->value, column) || has_column(t->given, column)) return true;
    }
  }
  for (uint32_t i = 0; i < f->data.events.n; i++)
    if (f->data.events.at[i].crossings && f->data.events.at[i].column == column) return true;
  return false;
}

static bool events_used(const MFit *f, uint32_t events) {
  if (f->spikes == (int32_t)events) return true;
  for (uint32_t i = 0; i < f->stages.n; i++)
    for (uint32_t k = 0; k < f->stages.at[i]->terms.n; k++)
      if (f->stages.at[i]->terms.at[k]->kind == TERM_FEATURE && f->stages.at[i]->terms.at[k]->events == events) return true;
  for (uint32_t i = 0; i < f->stages.n; i++)
    for (uint32_t k = 0; k < f->stages.at[i]->terms.n; k++)
      if (f->stages.at[i]->terms.at[k]->around[0] && f->stages.at[i]->terms.at[k]->except == events) return true;
  return false;
}

static void fit_warn(Session *s, const MFit *f) {
  for (uint32_t i = 0; i < f->data.events.n; i++)
    if (!events_used(f, i))
      diag_recording_column_unused(s, f->data.events.at[i].span, name_str(s, f->data.name), name_str(s, f->data.events.at[i].name));
  for (uint32_t i = 0; i < f->data.columns.n; i++) {
    const MSweepColumn *column = &f->data.columns.at[i];
    if (!column->time && !column_used(f, i))
      diag_recording_column_unused(s, column->span, name_str(s, f->data.name), name_str(s, column->name));
  }
}

void model_warn(Session *s, const Model *m) {
  for (uint32_t i = 0; i < m->fits.n; i++) fit_warn(s, m->fits.at[i]);
  warn_unused(s, m);
  sizes_warn(s, m);
  for (uint32_t i = 0; i < m->experiments.n; i++) {
    weights_warn(s, m->experiments.at[i]);
    experiment_warn(s, m, m->experiments.at[i]);
  }
}
