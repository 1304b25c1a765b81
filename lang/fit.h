/* Inside the checker: one fit while it becomes an MFit. */
#ifndef NSL_LANG_FIT_H
#define NSL_LANG_FIT_H

#include "lang/net.h"

typedef struct FitContext {
  Checker *c;
  Session *s;
  Net *n; /* the neuron as a network of one population */
  MFit *m;
  const AstBlock *block;
  const MPopulation *pop;
  Scope *names;  /* the neuron's names, `rec` and `rec.V`, and behind them those of the file */
  MStage *stage; /* whose objective is being checked */
  MExpr *from, *to; /* of its window */
} FitContext;

/* ---- check_recording.c */
/* `data rec[s] = csv("a.csv") { t : ms;  V : mV }`; false after a message. */
bool fit_data(FitContext *f, const AstDataDecl *ast);
bool fit_validate(FitContext *f, const AstValidate *ast);
void fit_declare_data(FitContext *f);

/* ---- check_free.c */
void fit_free(FitContext *f, const AstFree *ast);
/* Reports declared values outside of the bounds, where these are what the search starts from. */
void fit_free_starts(FitContext *f);
/* Reports what is free and changes no term of any stage. */
void fit_free_matters(FitContext *f);

/* ---- check_objective.c */
void fit_minimize(FitContext *f, const AstMinimize *ast);

/* ---- check_optimizer.c */
void fit_by(FitContext *f, const AstBy *ast);
/* Can the optimizer make this objective least? */
void fit_squares(FitContext *f);

#endif
