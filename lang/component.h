/* Between the check_component*.c files: one component while it is checked. */
#ifndef NSL_LANG_COMPONENT_H
#define NSL_LANG_COMPONENT_H

#include "lang/check.h"

typedef struct {
  const AstUse *ast;
  Name alias;
  MComponent *part;
  MExpr **map; /* for each variable of the part: what stands for it here */
} PartUse;

typedef struct {
  const AstGate *ast;
  MVar *var;
} GateUse;

typedef struct Comp {
  Checker *c;
  Session *s;
  Scope *scope;
  MComponent *m;
  const AstBlock *block;
  bool too_large; /* a part that would make it too large is left out: said once */
  bool neuron; /* stands on its own: its inputs come from outside and cannot be written */
  VEC(PartUse *) parts;
  VEC(GateUse) gates;
  VEC(Symbol *) declared; /* variables and families' members, in order */
} Comp;

/* One declared variable, for Symbol.context. */
typedef struct {
  Comp *comp;
  const AstItem *item; /* NULL: the derivative x' of an equation of higher order, starting at 0 */
  const Ast *value;    /* item's, or the element of its list */
  Symbol *base;        /* of a derivative: the state below it */
  const Symbol *self;
  const Family *family; /* of a member: all are of one dimension */
} VarDecl;

MVar *comp_var_new(Comp *k, VarKind kind, Name name, Span span);
/* Loops over the free indices of `w[k]`: calls once for each choice with a scope in which they are bound. */
typedef void (*FreeIndexFn)(Comp *k, Scope *scope, const void *what);
MVar *comp_acts_on(Comp *k, MVar *input); /* gives the input */
void comp_each_index(Comp *k, Scope *scope, const AstList *indices, FreeIndexFn fn, const void *what);

/* check_part.c */
void comp_declare_use(Comp *k, const AstUse *use);
void comp_bind_parts(
    Comp *k); /* needs all names declared and resolved; gives the parts' expressions and ports */

/* check_dynamics.c */
void comp_declare_gate(Comp *k, const AstGate *gate);
void comp_check_gates(Comp *k);
void comp_check_equation(Comp *k, const AstEquation *equation);
void comp_link_derivatives(Comp *k); /* after all equations */
void comp_check_receive(Comp *k, const AstReceive *receive);
void comp_check_spike(Comp *k, const AstSpike *spike);
void comp_check_statements(Comp *k, Scope *scope, const AstList *body, MStmtList *ret);

/* check_kinetic.c */
void comp_check_kinetic(Comp *k, const AstKinetic *kinetic);
void comp_copy_reactions(Comp *k, const PartUse *use); /* a part's, its inputs bound */
void comp_link_reactions(Comp *k); /* after all equations and reactions: the states' equations */

void comp_steady_starts(Comp *k); /* check_steady.c: initial values of `kinetic steady`, after that */

/* check_synapse.c */
bool synapse_statement(Comp *k, const Ast *st); /* may it stand in a synapse? false after a message */
void synapse_weight(Comp *k, const AstItem *item, MVar *var);
bool synapse_has_memory(const Comp *k);
VarPer synapse_per(Comp *k, const AstItem *item);
void synapse_check_on(Comp *k, const AstOn *on);
void synapse_check_send(Comp *k, Scope *scope, const AstSend *send, MStmtList *ret);
void synapse_check_memory(Comp *k); /* the whole, after all its statements */
void synapse_sides(Comp *k); /* check_sides.c: `pre.V` in its scope */
void synapse_stream(Comp *k, const AstStream *stream); /* check_stream.c */
/* check_third.c: `send … to astro.glu after t`, `stream … to post.I` */
void synapse_third_send(Comp *k, Scope *scope, const AstSend *send);
void synapse_third_stream(Comp *k, const AstStream *stream);
bool synapse_third_named(Session *s, MComponent *m, AstWord part); /* the synapse calls its third part so; false after a message: it has another name */

/* check_order.c: let_order, init_order; cycles, noise where none can be, defaults outside of their domain */
void comp_order(Comp *k);

#endif
