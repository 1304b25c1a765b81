/* What the parts of lowering share. Internal to ir/. */
#ifndef NSL_IR_LOWER_H
#define NSL_IR_LOWER_H

#include "ir/algebra.h"

/* A map from pointers to numbers, IR_NONE where there is none. */
typedef struct {
  const void **key;
  uint32_t *value;
  uint32_t n, size;
} PtrMap;
uint32_t ptr_get(const PtrMap *m, const void *key);
void ptr_set(Arena *a, PtrMap *m, const void *key, uint32_t value);
void ptr_clear(PtrMap *m);

typedef struct Lower Lower;
typedef struct Setup Setup;

/* The shape of a class: which values exist once, which once for each element. By position in component->vars.
 */
typedef struct {
  IrClass *c;
  const MPopulation *pop;
  const MSetting **setting;  /* or NULL */
  bool *elem;                /* param: one value for each element */
  bool *driven;              /* input */
  uint32_t *index;           /* param: of uniform or elem_params; state: of states; driven input: of inputs */
  const MVar **left;         /* state with counted holds: its counter (IrHold.left) */
  PtrMap drawn;              /* MExpr of a draw in a handler of synapses -> the first input that it uses */
  PtrMap past;               /* MExpr of a delayed value -> its index */
  VEC(const MExpr *) lifted; /* uniform expressions of init, computed in setup */
  VEC(uint32_t) lifted_u;    /* their uniforms */
  VEC(const MColumn *) columns;
  MVar **streamed;           /* input: what flows into it through continuous synapses, as an input of its own; or NULL */
  uint32_t *stream_input;    /* … of inputs */
  PtrMap stream;             /* MExpr of a side of such a synapse -> its kernel */
  VEC(IrKernel *) stream_kernels;
  const MFit *fit;           /* a class whose elements are the starts of a fit; NULL: of a population. Then: */
  uint32_t *free, *initial;  /* by variable: the free parameter that it is, or that its initial value is; or IR_NONE */
  const MVar *given;         /* a state that a recording drives, as an input; or NULL */
  const MStage *forced;      /* the stage whose forces pull on the states; or NULL */
  const MFitDrive **drive;   /* input: its drive, or NULL */
} Shape;

typedef enum { LEAF_ELEMENT, LEAF_INIT, LEAF_SETUP, LEAF_SYNAPSE, LEAF_DRIVE } LeafKind;

/* Lowers expressions into one kernel. */
typedef struct {
  Lower *l;
  IrBuild b;
  LeafKind leaf;
  Shape *shape;              /* NULL: no component in sight */
  Setup *setup;              /* LEAF_SETUP */
  bool old;                  /* states are those before the step */
  bool noise;                /* white_noise() may stand here */
  bool lifting;              /* uniform subexpressions become uniforms, computed in setup */
  IrVal arg;                 /* the handler's argument */
  bool globals;              /* numbers of the network may stand here: they become uniforms */
  bool guarded;              /* assignments leave what is held as it is; but for the holds in */
  const bool *idle;          /* by hold: cannot be in force here */
  IrVal *state;              /* current value of each state, or IR_NONE: load it */
  PtrMap memo;               /* MExpr and MVar -> value; cleared when a state changes */
  const MVar *starting;      /* of a fit: the param or state whose value is being drawn; NULL: none */
  uint32_t n_started;        /* draws of it so far */
  PtrMap fixed;              /* the same for what does not depend on states: loads of params, draws, noise */
  PtrMap uniform;            /* MExpr -> 1 uniform, 0 not */
  PtrMap open;               /* MVar that is being computed: a second visit is a circle */
  uint32_t *draws;           /* next ordinal */
  VEC(const MExpr *) lifted; /* LEAF_SYNAPSE, LEAF_DRIVE: by uniform */
  VEC(const MExpr *) drawn;  /* LEAF_DRIVE: by PARAM, drawn once */
  uint32_t n_processes, n_samples, n_sends;
  uint32_t sends_told; /* OUT from here on: whether each send is one; 0: nobody asks */
} Scope;

struct Lower {
  Session *s;
  Arena *a;
  IrModule *m;
  VEC(IrKernel *) synapse, record; /* made so far; equal ones are shared */
  bool fitted;                     /* IrClass.fitted of what is made now */
};

/* The setup kernel of one experiment. */
typedef struct {
  const MGlobal *of;
  uint32_t first, n; /* ordinals of its draws */
} DrawnRange;

struct Setup {
  Lower *l;
  const MExperiment *mx;
  IrExperiment *x;
  Scope scope;
  Shape *shape; /* of the population whose params are in sight, with its block */
  uint32_t block;
  const Shape *twin_of; /* setup_twin: where the params have their values, with its block */
  uint32_t twin_block;
  PtrMap slots;   /* MGlobal -> its value (a load) */
  PtrMap numbers; /* MGlobal -> its G slot */
  VEC(uint32_t)
  kernel_slots;      /* by G slot: the setup kernel's slot, or IR_NONE (ir_slot would search them all) */
  PtrMap params;     /* MVar of the population in sight -> its value */
  VEC(IrVal) consts; /* constants that have a slot */
  VEC(uint32_t) const_slots;
  VEC(DrawnRange) drawn;
};

/* lower_expr.c */
Scope lower_scope(Lower *l, IrKernel *k, LeafKind leaf, Shape *shape);
IrVal lower_learn_draw(Scope *sc, const MExpr *e, const IrVal *args); /* lower_synapse.c; args: as of the law */
IrVal lower_expr(Scope *sc, const MExpr *e);
IrVal lower_var(Scope *sc, const MVar *var);
IrVal lower_as(Scope *sc, const MExpr *e, Dim dim); /* a bare 0 or inf takes the dimension */
IrVal lower_fit(Scope *sc, IrVal v, Dim dim);
IrVal lower_once(Scope *sc, const MExpr *e, Name name); /* of a fit's class: one number for the whole run, a uniform */
bool lower_uniform(Scope *sc, const MExpr *e); /* the same for all elements, known in setup */
void lower_forget(Scope *sc);                  /* a state has changed */

/* lower_class.c */
Shape *lower_class(Lower *l, const MExperiment *x,
                   const MPopulation *pop); /* finds or adds the class; NULL after a diagnostic */
/* The class of a fit's neuron: free parameters are per element, what depends on them is computed where it is used, all holds
 * are counted, events do not arrive. given: a state that is an input instead; NULL: none. forced: the stage whose forces are
 * in the equations; NULL: none. */
Shape *lower_fit_class(Lower *l, const MFit *fit, const MVar *given, const MStage *forced);
Shape *lower_declared(Lower *l, const MFit *fit); /* the neuron's params alone, as declared: no kernels */
/* lower_fit.c */
void lower_fits(Lower *l);
/* The kernel that makes the stage's objective of its terms, which stand in it as these globals, and their slopes. */
void lower_objective(Setup *st, const MFit *fit, IrStage *stage, const MGlobal *const *terms, uint32_t n);

/* lower_fit_network.c */
void lower_network_fit(Lower *l, const MFit *fit);

/* lower_jumps.c */
void lower_jumps(Lower *l, Shape *shape); /* `kinetic stochastic` */
/* conserve.c */
void lower_laws(Lower *l, Shape *shape); /* of the component's reactions */
void lower_slow(Lower *l, Shape *shape, const MExperiment *x);

/* lower_past.c */
void lower_pasts(Lower *l, Shape *shape); /* the delayed values of the component, used or not */
IrVal lower_past(Scope *sc, const MExpr *e);

/* lower_stream.c */
void lower_stream_inputs(Lower *l, Shape *shape, const MExperiment *x, const MPopulation *pop); /* before the class is laid out */
void lower_stream_sides(Lower *l, Shape *shape, const MExperiment *x);                           /* behind its other kernels */
void lower_coupling(Setup *st, MCoupling *m, Shape *const *shapes);
const MPopulation *lower_stream_end(const MCoupling *c, bool post);

/* lower_handler.c */
void lower_body(Scope *sc, const MStmtList *body); /* the statements; then stores what has changed */
void lower_spike(Lower *l, Shape *shape, const MSpike *spike);

/* lower_receive.c */
void lower_ports(Lower *l, Shape *shape); /* a kernel for each port, and whether weights may be summed */

/* lower_synapse.c */
void lower_learn(Lower *l, Shape *shape); /* of a class of synapses: its handlers */
void lower_plastic(Setup *st, const MProjection *m, Shape *const *shapes, IrProjection *p); /* fills p's part, if m has memory */

/* lower_hold.c */
void lower_holds(Lower *l, Shape *shape); /* which holds there are: before the handlers; makes `derive` */
void lower_hold_begin(Scope *sc, const MStmt *st, IrVal mask);
/* A hold on this state is in force, so a handler must leave it; IR_NONE: none can be. */
IrVal lower_hold_guard(Scope *sc, uint32_t state);

/* lower_setup.c */
void setup_begin(Setup *st); /* the kernel; params and lets; dt and seed */
void setup_globals(Setup *st);
uint32_t setup_slot(Setup *st, const MExpr *e,
                    const char *name); /* G slot with its value; IR_NONE for NULL */
uint32_t setup_slot_as(Setup *st, const MExpr *e, Dim dim, const char *name);
void setup_store(Setup *st, uint32_t slot, Name name, IrVal v, bool settable);
IrVal setup_load(Setup *st, uint32_t slot, Name name, Dim dim);
/* In a second setup kernel (expectations, objectives), whose `numbers` are the first's slots of G: loads what e names. */
void setup_see(Setup *st, const MExpr *e);
uint32_t setup_new(Setup *st, uint32_t n); /* first of n new G slots */
void setup_population(Setup *st, const MPopulation *pop, Shape *shape);
/* The same params once more, for another class: each has the value that it has in the population `first`, of shape `as`. */
void setup_twin(Setup *st, const MPopulation *pop, Shape *shape, uint32_t first, const Shape *as);
void setup_enter(Setup *st, Shape *shape, uint32_t block); /* this population's params are in sight; NULL: none */
void setup_again(Setup *st, Shape *shape, uint32_t block); /* the same, when they are stored already */
IrVal setup_param(Setup *st, const MVar *var);

/* lower_network.c */
void lower_network(Setup *st);
IrSlice lower_slice(Setup *st, const MSlice *m);
/* Slices, rule and weight of a projection; its kernels lift to sc, and its block is made by the caller. */
void lower_link(Setup *st, Scope *sc, MProjection *m, Dim unit, IrProjection *ret);
IrKernel *lower_share(Lower *l, IrKernel *k, bool record); /* an equal kernel that exists, or this one */
enum { DELAY_ORDINALS = 64 }; /* weights draw with ordinals below, delays from here on */
/* A synapse kernel; what it lifts goes to sc, which all kernels of one block share. */
IrKernel *lower_synapse(Setup *st, Scope *sc, const MExpr *e, Dim dim, const char *name, uint32_t first_ordinal);
IrKernel *lower_double(Lower *l, const IrKernel *k); /* the same in float64 in every program */
uint32_t lower_block(Setup *st, const Scope *sc, Name path); /* G slots of what was lifted */
bool lower_draws(Setup *st, const MExpr *e);                 /* not the same for all */
/* A record kernel: an expression over the variables of a population's elements. */
IrKernel *lower_recorded(Setup *st, Name name, const MExpr *e, Shape *shape);
/* lower_bound.c: stores an upper bound of the hazard of pairs whose fields lie in intervals; false: there is none. */
bool lower_bound(Scope *sc, const MExpr *chance, const MPairFieldList *fields);
/* lower_expect.c */
void lower_expects(Setup *st, Shape *const *shapes);
/* lower_drive.c */
void lower_drive(Setup *st, MDrive *m, const Shape *shape);

#endif
