/* Inside the checker: one fit while it becomes an MFit. */
#ifndef NSL_LANG_FIT_H
#define NSL_LANG_FIT_H

#include "lang/net.h"

typedef VEC(MTerm *) MTermList;

typedef struct FitContext {
  Checker *c;
  Session *s;
  Net *n; /* the neuron as a network of one population */
  MFit *m;
  const AstBlock *block;
  const MPopulation *pop;
  Scope *names;  /* the neuron's names, `rec` and `rec.V`, and behind them those of the file */
  MStage *stage; /* whose objective is being checked */
  MExpr *from, *to, *around[2]; /* of its window */
  uint32_t except;
  MTermList constraints; /* of all stages */
} FitContext;

/* ---- check_recording.c */
/* `data rec[s] = csv("a.csv") { t : ms;  V : mV }`; false after a message. */
bool fit_data(FitContext *f, const AstDataDecl *ast);
bool fit_validate(FitContext *f, const AstValidate *ast);
void fit_declare_data(FitContext *f);

/* ---- check_events.c */
/* `events s : ms`, `events s = crossings(V, 0 mV)` in the braces of `data`, when its columns are known; false after a message. */
bool fit_events(FitContext *f, const AstEvents *ast);
/* `rec.s` -> its place among the recording's events; false after a message. who: "`given` of `loglik`". */
bool fit_events_named(FitContext *f, const Ast *ast, const char *who, uint32_t *ret);
/* `drive spike with rec.s`, and what follows from a likelihood: the handlers run at these events. False after a message. */
bool fit_drive_spike(FitContext *f, uint32_t events, Span span);
bool fit_is_spike(const FitContext *f, const Ast *ast); /* the word `spike` */
/* A neuron that spikes at random needs its spikes from a recording. */
void fit_spikes_known(FitContext *f);
/* `except -2 ms..4 ms around rec.s` */
bool fit_except(FitContext *f, const AstMinimize *ast);

/* ---- check_free.c */
void fit_free(FitContext *f, const AstFree *ast);
/* `free` in a stage: which of the fit's it looks for. */
void fit_searched(FitContext *f, const AstFree *ast);
bool fit_searches(const MStage *stage, uint32_t free);
/* Reports what is free and stays where it is in every stage. */
void fit_free_searched(FitContext *f);
/* Reports declared values outside of the bounds, where these are what the search starts from. */
void fit_free_starts(FitContext *f);
/* Reports what is known beforehand where no stage makes use of it. */
void fit_free_priors(FitContext *f);
/* Reports what is free and changes no term of any stage. */
void fit_free_matters(FitContext *f);

/* ---- check_fit_network.c: what differs in a fit of a network */
bool fit_of_network(const FitContext *f, const AstSubject *subject);
bool fit_network_subject(FitContext *f, Scope *scope, const AstSubject *subject);
bool fit_free_network(FitContext *f, const AstFreeItem *item, MFree *ret); /* false after a message */
void fit_network_stage(FitContext *f, const Ast *minimize, const AstList *body); /* minimize: NULL: there is none */
void fit_network_gradient(FitContext *f, const AstAssign *assign, const char *name); /* `gradient = surrogate(triangle, width = 2 mV)` */
void fit_network_derivatives(FitContext *f, bool squares);         /* has the stage's optimizer what it needs? */
void fit_network_body(FitContext *f); /* `run` and `drive`; refuses what belongs to recordings */

/* ---- check_objective.c */
void fit_minimize(FitContext *f, const AstMinimize *ast);
MExpr *fit_square_root(const MExpr *e); /* x of x^2 or x * x; NULL: it has another form */
/* `after 20 ms`, `during 100 ms..300 ms`: f->from, f->to; false after a message. */
bool fit_window(FitContext *f, const Ast *after, const Ast *during);
/* One more term of the stage, as it stands in its objective. */
MExpr *fit_term(FitContext *f, MTerm *term, Dim dim);

bool fit_same_value(const MExpr *a, const MExpr *b); /* read off the expressions; nothing is drawn in them */

/* ---- check_constrain.c */
void fit_constrain(FitContext *f, const AstConstrain *ast, MTermList *ret); /* its terms; none after a message */
/* check_reversible.c: `reversible` alone or of states; the balance of each loop, which must be 0 */
typedef VEC(MExpr *) MExprList;
bool is_reversible(const FitContext *f, const Ast *value);
void fit_reversible(FitContext *f, const Ast *value, MExprList *ret);
/* Behind the stage's objective: the fit's constraints and its own become terms. */
void fit_constrain_all(FitContext *f, const MTermList *own);
void fit_force(FitContext *f, const AstForce *ast); /* in f->stage */

/* ---- check_spikes.c */
/* Reads `exact_events` or `surrogate(…)`; false: it is something else. */
bool fit_spikes(FitContext *f, const Ast *value);
void fit_reset(FitContext *f, const AstAssign *assign); /* `reset = …` */
void fit_reset_matters(FitContext *f);                  /* reports one that changes nothing */

const MSpike *fit_spike_of(FitContext *f, const char *what, Span span); /* with a condition of two sides; NULL after a message */

/* ---- check_feature.c */
int feature_named(const char *text); /* FEATURES: none */
bool fit_feature(FitContext *f, const AstCall *call, int feature, MTerm *term);
Dim feature_dim(const MTerm *term);
void fit_features_matter(FitContext *f); /* reports what has no gradient and needs one */

/* ---- check_field.c */
void fit_field(FitContext *f, const AstFieldDecl *ast);

/* ---- check_optimizer.c */
void fit_by(FitContext *f, const AstBy *ast);
/* Can the optimizer make this objective least? */
void fit_squares(FitContext *f);

#endif
