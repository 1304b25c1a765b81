/* Inside the checker: what check_expr.c, check_component.c, check_network.c and check_experiment.c share.
 *
 * Every check_* function that gives a pointer gives NULL after it has reported (or when a part of its input
 * had been reported before): NULL is the poison that silences echoes, and every builder here passes it on. */
#ifndef NSL_LANG_CHECK_H
#define NSL_LANG_CHECK_H

#include "lang/diag.h"
#include "lang/scope.h"

/* What a place asks of its expression. A zeroed Want asks for a number or quantity of any dimension. */
typedef struct {
  bool has_dim;
  Dim dim;
  const char *who; /* who asks, for messages: "V'", "the weight"; NULL: "this place" */
  bool condition;  /* a Boolean is wanted */
  unsigned allow;
  const MDomain *labels; /* names are looked up here first if it has labels (`= poisson`) */
} Want;

struct Checker {
  Session *s;
  Arena *arena; /* of the session */
  const CheckOptions *options;
  Model *model;
  Scope *library;             /* names of the standard library: parent of every file's scope */
  VEC(Symbol *) busy;         /* symbols being resolved: a cycle reads off here */
  uint32_t depth;             /* nesting of expressions and calls */
  uint32_t fn_depth;          /* nesting of function calls */
  bool too_large;             /* an expression outgrew MEXPR_SIZE or MEXPR_DEPTH, or calls their depth */
  bool chain_reported;        /* a chain of declarations was too long: said once */
  struct ExpectContext *expect; /* the expect that is checked (check_expect.c) */
  struct FitContext *fit;       /* the fit whose objective is checked (fit.h) */
  const struct CellsContext *cells; /* whose settings are checked, where they may differ from cell to cell */
  struct SignalContext *signal; /* the drive whose source is checked (signal.h) */
  /* `mean(E.V)` where populations can be seen; NULL: nowhere here */
  MExpr *(*total)(void *context, const AstCall *call, bool *ret_known);
  /* `da` where one signal reads another: an input of its own; NULL: nowhere here, or no signal */
  MVar *(*signal_read)(void *context, const Symbol *symbol, Span span);
  void *total_context; /* of both */
  /* `E.V` where an expression is meant for each cell of a population; NULL: nowhere here */
  MExpr *(*cell)(void *context, const Ast *ast, const Want *want, bool *ret_known);
  void *cell_context;
  struct PairContext *pair; /* the connection whose weight, delay or rule is checked (check_pair.c) */
  const struct SynapseSides *sides; /* whom the synapse stands between whose block is checked; NULL: it stands for itself */
  const MComponent *fallback; /* in settings: a component whose params are visible behind all else */
};

typedef struct SynapseSides {
  MPopulation *pops[3]; /* by MSide; of a third part NULL: there is none */
  bool gaps;            /* only a share of the synapses has a third part */
} SynapseSides;

/* The elements of a population that settings are for. */
typedef struct CellsContext {
  const char *name;
  bool known;      /* how many they are; else it is found when the program starts */
  double count;
  MExpr *from, *to; /* both included; NULL: all */
  bool nodes;       /* a file of nodes says where they are */
} CellsContext;

/* ---- expressions (check_expr.c) */

enum {
  ALLOW_DRAW = 1,     /* normal(…), uniform(…), … */
  ALLOW_NOISE = 2,    /* white_noise() */
  ALLOW_TIME = 4,     /* t */
  ALLOW_DT = 8,       /* dt */
  ALLOW_CHANGING = 16, /* states, lets, inputs (not only what is constant in a run) */
  ALLOW_SIGNAL = 32,   /* sine(…), noise(…), … (drives.def): in drives only; c->signal is set */
  ALLOW_MEASURE = 64,  /* rate(E), … (measures.def): in expects, and objectives of fits; c->expect or c->fit is set */
  ALLOW_PAIR = 256,    /* `entry`, a table for each pair: in connections (c->pair is set) */
  ALLOW_COLUMN = 128   /* `csv("cells.csv").tau ms`, a number for each cell: in settings (c->cells is set), params, initial values */
};

MExpr *check_expr(Checker *c, Scope *scope, const Ast *ast, const Want *want);
/* `let`s and literals: the value if it is known at compile time (params by their default only if `defaults`).
 */
bool expr_constant(const MExpr *e, bool defaults, double *ret);
bool expr_has(const MExpr *e, MExprKind kind); /* anywhere inside; lets are not entered */
bool expr_varies(const MExpr *e);              /* changes during a run */
bool expr_noisy(const MExpr *e);               /* depends on white noise */

/* Builders; NULL in, NULL out. */
MExpr *expr_number(Checker *c, double value, Dim dim, Span span);
MExpr *expr_var(Checker *c, MVar *var, Span span);
MExpr *expr_global(Checker *c, MGlobal *global, Span span);
MExpr *expr_call(Checker *c, Builtin builtin, Span span, Dim dim, MType type, MExpr *const *args, uint32_t n);
MExpr *expr_leaf(Checker *c, MExprKind kind, Dim dim, Span span); /* MX_TIME, MX_DT, MX_NOISE, MX_ARG */
MExpr *expr_process(Checker *c, Span span, MExpr *decay, MExpr *fresh); /* MX_PROCESS */
MExpr *expr_sample(Checker *c, Span span, Dim dim, uint32_t file);      /* MX_SAMPLE */
MExpr *expr_draw(Checker *c, Dist dist, Span span, Dim dim, MExpr *const *args,
                 uint32_t n);                              /* args may hold NULL */
MExpr *expr_delayed(Checker *c, Span span, MExpr *value, MExpr *delay);
MExpr *expr_with_dim(Checker *c, const MExpr *e, Dim dim); /* a copy */
double builtin_value(Builtin b, const double *args);
/* A quantity in the declared unit -> the plain number, and back. */
MExpr *expr_from_unit(Checker *c, MExpr *e, const Unit *unit);
MExpr *expr_to_unit(Checker *c, MExpr *e, const Unit *unit);
/* A copy in which variables are replaced: map[var->index], NULL keeps the variable. */
MExpr *expr_replace(Checker *c, const MExpr *e, MExpr *const *map);

/* The name of a declared thing written `a`, `a.b`, `a.b.c` (id 0 if the expression is none of these). */
Name path_name(Checker *c, const Ast *ast);
/* "x''": the name with its primes. */
Name primed_name(Checker *c, Name base, int primes);
/* The indices of `w[k]` or `x[k]'`; an empty list for the rest. */
const AstList *path_indices(const Ast *ast);
/* An assignment or setting; `x' = …` reads as an equation and is one of a state here. NULL: neither. */
const AstAssign *check_assignment(Checker *c, const Ast *st);
/* The symbol of NAME, MEMBER, SUBSCRIPT (indices must be known elements). NULL after a message. */
Symbol *check_path(Checker *c, Scope *scope, const Ast *ast);
/* An element of a set: a label, an index variable, or a whole number. */
bool check_element(Checker *c, Scope *scope, const Ast *ast, const IndexSet *set, int32_t *ret_value);

/* The call of a row of measures.def; *ret_known false: this is none (check_expect.c). */
MExpr *measure_call(Checker *c, const AstCall *call, bool *ret_known);
/* The same in an objective: mean(…), residual(…) (check_objective.c). */
MExpr *term_call(Checker *c, const AstCall *call, bool *ret_known);
/* Does a path lead out of the folder that it starts in? (check.c) */
bool check_climbs_out(const char *path);
/* The call of a row of drives.def that is a signal; *ret_known false: none has this name (check_signal.c). */
MExpr *signal_call(Checker *c, Scope *scope, const AstCall *call, const Want *want, bool *ret_known);

/* Domains: INTERVAL or SET. dim: of the thing declared. */
bool check_domain(Checker *c, Scope *scope, const Ast *ast, Dim dim, const char *who, MDomain *ret);
/* Is the value inside? true if not known at compile time. */
bool domain_holds(const MDomain *domain, const MExpr *value);
/* Reports a constant value outside. */
void check_in_domain(Checker *c, const MDomain *domain, Name what, const MExpr *value);

/* `fn` declarations: checked when declared as far as that is possible without arguments. */
void check_fn(Checker *c, Scope *scope, const AstFn *fn);

/* ---- declarations */

/* fn, blocks and constants (`let` at file level) of one file into a scope; messages for what cannot stand
 * there. Nothing is checked yet. */
void check_declare_file(Checker *c, Scope *scope, const AstFile *file);
/* ---- tables in files (check_table.c) */

/* `csv("f.csv").x`, perhaps with a unit. */
bool is_table_file(Checker *c, const Ast *ast);
/* Its numbers as a (nested) list; what is no file comes back as it is. NULL after a message. */
const Ast *table_of_file(Checker *c, const Ast *ast);
/* A column as one number for each of c->cells. NULL after a message. (check_cells.c) */
MExpr *column_of_cells(Checker *c, Scope *scope, const Ast *ast, const Want *want);
/* `node.tau_m`: the cells' number of this name in the file of nodes where they are. *ret_known false: it is no such. */
MExpr *node_of_cells(Checker *c, const Ast *ast, const Want *want, bool *ret_known);
/* Have the columns in the component's own values a number for each cell? Settings stand in their place. */
bool cells_fit(Checker *c, const CellsContext *cells, const MComponent *component, const MSettingList *settings);
/* 1 in c->cells, 0 outside. */
MExpr *cells_inside(Checker *c, Span span);
/* What a connection knows of its synapses: `entry`, `csv("tracts.csv") mm`. A name that has no other meaning here; *ret_known
 * false: it has none at all. (check_pair.c) */
typedef struct PairContext {
  MRule rule;
  MPairFieldList fields; /* what has been asked for */
  Span place;            /* where a position has been asked for, or the last of such places */
} PairContext;
MExpr *pair_value(Checker *c, const Ast *ast, const Want *want, bool *ret_known);
MExpr *pair_table(Checker *c, const Ast *ast);
/* Its labels as a set. NULL after a message. */
const Ast *labels_of_file(Checker *c, const Ast *ast);
/* Where a file named in a model lies: relative to the file of `where`. NULL after a message. (check.c) */
const char *import_path(Session *s, Span where, const char *path);

/* Only its constants and index sets (check_constant.c). */
void constants_declare(Checker *c, Scope *scope, const AstFile *file);
/* The element of a value written as a (nested) list, the value itself if it is none, NULL after a message. */
const Ast *family_list_element(Checker *c, const Ast *value, const Family *family, const uint32_t *position);
/* An element that says what the whole family is measured in: completed, with a value of its own that is no literal 0 or
 * inf. NULL: none but `member` itself, or none yet. */
/* Without the branches of `if` that are not this element's: those under conditions of its index. */
const Ast *check_branch(Checker *c, Scope *scope, const Ast *ast);
const Symbol *family_model(Checker *c, const Family *family, const Symbol *member, const Ast *(*value)(const Symbol *));
/* The values of a file's constants, used or not. */
void check_constants(Checker *c, Scope *scope, const AstDecl *decl);
/* The unit written after a `:`; no unit: a plain number (false). */
bool check_unit(Checker *c, const Ast *unit, Unit *ret);

/* ---- components (check_component.c) */

/* neuron, channel, receptor, component: checked once, when first needed. */
MComponent *check_component(Checker *c, Symbol *block);
/* The same for a block that is no declaration of a file; fills *m. */
void check_component_block(Checker *c, Scope *scope, const AstBlock *block, MComponent *m);
/* `hh_na`, `lab.hh_na` as written after `use`, `population X :`, `neuron X` -> the checked component. */
MComponent *check_component_ref(Checker *c, Scope *scope, const Ast *ref);
bool block_is_component(const AstBlock *block, const Session *s);
bool component_stands_alone(const Session *s, Name what); /* neuron, component, glia, mass: what populations are made of */
MVar *component_var(const MComponent *component, Name name); /* "V", "na.g"; NULL: none */
MPort *component_port(const MComponent *component, Name name, uint32_t *ret_index);
/* `V ~ normal(…)`, `na.g = 3 mS/cm^2`: settings of a use or population; several for a free index or a table. The values see `scope`, then the
 * component's own params. false after a message. */
bool check_setting(Checker *c, Scope *scope, MComponent *component, const AstAssign *assign, MSettingList *ret);

#endif
