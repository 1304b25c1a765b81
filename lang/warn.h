/* Warnings: what a checked model says that its author hardly means. Nothing here changes the model. */
#ifndef NSL_LANG_WARN_H
#define NSL_LANG_WARN_H

#include "lang/model.h"

/* All that the model alone shows: what is unused, what never happens, values of a suspicious size. */
void model_warn(Session *s, const Model *m);

/* Where an expression is looked at: a population with its settings and the params' defaults, and perhaps
 * other values of them, and values of states and inputs, by MVar.index. */
typedef struct {
  const MPopulation *pop;
  const bool *has; /* NULL: none is known */
  const double *at;
} WarnPoint;
bool warn_value(const WarnPoint *p, const MExpr *e, double *ret);
/* d e / d var, where e is a constant times var and something without it. False: it is not, or the constant is
 * not known. */
bool warn_slope(const WarnPoint *p, const MExpr *e, const MVar *var, double *ret);

/* Parts of model_warn. */
void warn_unused(Session *s, const Model *m);
bool warn_silent(Session *s, const MExperiment *x, const MPopulation *pop, double *ret_level,
                 double *ret_threshold);

#endif
