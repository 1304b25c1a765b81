/* Names and what they stand for. A Scope is a table of Symbols with a parent; look-up goes outwards.
 *
 * Symbols are declared first and checked when first needed (`resolve`), so declarations hold in any order and
 * a cycle is found where it closes. */
#ifndef NSL_LANG_SCOPE_H
#define NSL_LANG_SCOPE_H

#include "lang/model.h"

typedef struct Checker Checker; /* lang/check.h */
typedef struct Scope Scope;
typedef struct Symbol Symbol;

/* A finite labelled set. Elements are known by their value: the position in the root set of labels (a subset
 * `of pop` keeps pop's values), or the number itself in a range. */
typedef struct IndexSet IndexSet;
struct IndexSet {
  Name name;
  Span span;
  IndexSet *root; /* a subset: the set it was taken from; else itself */
  bool range;     /* 1..3: elements are plain numbers, else labels */
  uint32_t n;
  Name *labels;    /* n texts: "L4e", "2" */
  int32_t *values; /* n values */
};

typedef enum {
  SYM_VAR,        /* var: param, state, let, input of a component */
  SYM_GLOBAL,     /* global: param, let of a network */
  SYM_EXPR,       /* expr: a function's argument, a constant: stands for the expression itself */
  SYM_FAMILY,     /* family: an indexed declaration, members in row order */
  SYM_SET,        /* set */
  SYM_ELEMENT,    /* set, value: a label, or an index variable bound to an element */
  SYM_FN,         /* ast: AstFn */
  SYM_BLOCK,      /* ast: AstBlock (neuron, channel, network, experiment, …); component once checked */
  SYM_MODULE,     /* module: an imported file under its alias */
  SYM_PART,       /* part: a use; its names stand in the scope as "na.g" */
  SYM_POPULATION, /* population (of a family: family whose members are these) */
  SYM_PORT,       /* ast: AstReceive */
  SYM_RECORDING,  /* recording: of a fit; its columns stand in the scope as "rec.V" */
  SYM_EVENTS      /* recording, event: a list of its events, "rec.s" */
} SymKind;

enum { FAMILY_AXES = 4 };
typedef struct {
  uint32_t n_axes;
  IndexSet *axes[FAMILY_AXES];
  VEC(Symbol *) members;
} Family;

typedef enum { SYM_NEW, SYM_BUSY, SYM_DONE } SymStatus;

struct Symbol {
  SymKind kind;
  SymStatus status; /* SYM_DONE unless `resolve` is set */
  Name name;
  Span span;   /* where it was declared; {0,0}: by the language */
  bool failed; /* resolved with an error: its uses are silent */
  bool circle; /* part of a circle that has been reported */
  union {
    MVar *var;
    MGlobal *global;
    MExpr *expr;
    Family *family;
    struct {
      IndexSet *set;
      int32_t value;
    };
    Scope *module;
    MComponent *part;
    MPopulation *population;
    struct {
      const MRecording *recording;
      uint32_t event;
    };
  };
  const Ast *ast; /* the declaration */
  Scope *scope;   /* in which `ast` is read */
  MComponent *component;
  /* Completes the symbol (dimension, value) when it is first needed; called with status SYM_BUSY. */
  void (*resolve)(Checker *c, Symbol *symbol);
  void *context; /* for `resolve` */
};

typedef VEC(const char *) TextList;

/* Names kept by someone else (a network keeps its own table of families and populations): asked after
 * `symbols`. */
typedef struct {
  void *context;
  /* Value of a NAME, or of a SUBSCRIPT of a NAME. *ret_known false: no such name here, look outwards. NULL
   * with *ret_known true: known, but reported as an error. */
  MExpr *(*value)(void *context, Scope *scope, const Ast *ast, bool *ret_known);
  bool (*visible)(void *context, Name name);   /* is the name known here? (units may clash with it) */
  void (*names)(void *context, TextList *ret); /* all of them, for "did you mean" */
} ScopeHook;

struct Scope {
  Scope *parent;
  const ScopeHook *hook;
  VEC(Symbol *) symbols; /* in order of declaration */
  uint32_t *slots;       /* hash table over them once there are many */
  uint32_t n_slots;
  bool model; /* names of a model (not of the language or the library): units may clash with them */
};

Scope *scope_new(Checker *c, Scope *parent);
/* Declares a name in this scope. After a message (declared twice) the symbol is made but not entered. Never
 * NULL. */
Symbol *scope_declare(Checker *c, Scope *scope, SymKind kind, Name name, Span span);
/* A symbol of another scope under its name, which must be free here. */
void scope_enter(Checker *c, Scope *scope, Symbol *symbol);
/* Here only, or here and outwards. NULL: none. No message. */
Symbol *scope_find_here(const Scope *scope, Name name);
Symbol *scope_find(const Scope *scope, Name name);
/* All names visible, for "did you mean". */
void scope_names(Checker *c, const Scope *scope, TextList *ret);
/* Completes a symbol; false (after a message, or silently if it failed before) if it cannot be used. */
bool symbol_resolve(Checker *c, Symbol *symbol, Span use);
/* "a state", "a network": for messages. */
const char *symbol_kind_text(const Checker *c, const Symbol *symbol);

/* Index sets: `index pop = {A, B}`, `index exc = {A} of pop`, `index k = 1..3` (ITEM of an index
 * declaration). Declares the set and its labels. NULL after a message. */
IndexSet *index_declare(Checker *c, Scope *scope, const AstItem *item);
/* The set that a binder runs over: `k` (a set), `k: pop`, `k in pop`. ret_name: the variable. NULL after a
 * message. */
IndexSet *binder_set(Checker *c, Scope *scope, const AstBinder *binder, Name *ret_name);
/* Position of a value in the set, -1 if it is none. */
int32_t index_position(const IndexSet *set, int32_t value);
/* Declares `name` as the element at `position`. */
void scope_bind(Checker *c, Scope *scope, Name name, Span span, IndexSet *set, uint32_t position);
/* The member for the given element values; NULL after a message. n must equal family->n_axes (checked, with
 * message). */
Symbol *family_member(Checker *c, const Symbol *family, const int32_t *values, uint32_t n, Span span);
/* "cell[L4e,2]": a base and the labels of a member. */
Name family_member_name(Checker *c, Name base, const Family *family, uint32_t member);

#endif
