/* The two levels of IR in one form, and what the passes share. The only structure that leaves ir/.
 *
 * A kernel is SSA over named slots, run for each element of a population (or once, for the scalar kinds). `if` of the
 * language is a select. Loops over elements, synapses and time are outside of the kernel: in its kind. Every value has
 * a type, a dimension and the span of its origin.
 *
 * The one structured form within a kernel is the loop, for solvers that iterate:
 *   loop N %p           at most N turns (slot), and none where %p does not hold
 *   %c = carry %init    right behind it, one for each carried value: %init in the first turn, or behind a loop of none
 *   ...                 the body: values that are seen in it alone; no stores, takes, checks, no loop
 *   next %c %v          one for each carry: what it is in the next turn, and behind the loop
 *   again %p            one more turn where %p holds, if this was not the Nth
 * Each element counts for itself: one that is done keeps its carried values while others of its vector go on, so results
 * depend on no vector's width. Behind the loop only the carries are seen. A loop always ends and has no effect of its
 * own; whoever makes it carries what tells that N turns were not enough, and checks it.
 *
 * Level 1, "dynamics": what lower.c makes of a component: init, flow (right-hand sides, stored to `der` slots),
 * receive, test, fire, record; setup and synapse kernels. Level 2, "kernels": solver passes have replaced
 * flow + receive + test + fire by one fused `step`, and hoisting has moved all uniform work into `derive`.
 *
 * Time semantics of `step` (language.md): old state at T-dt -> integrate to T -> add what arrived at T (ports) -> test
 * -> fire -> store. A class some of whose handlers do more than add is cut there: `step` integrates, `receive` runs
 * once for each event, in order, and `finish` does the rest. */
#ifndef NSL_IR_IR_H
#define NSL_IR_IR_H

#include "lang/model.h"

typedef enum {
#define TYPE(id, text, doc) IR_##id,
#define TYPE_RULE(id, doc)
#define DIM_RULE(id, doc)
#include "ir/types.def"
#undef TYPE
#undef TYPE_RULE
#undef DIM_RULE
  IR_TYPES
} IrType;

typedef enum {
#define OP(id, ...) IR_##id,
#include "ir/ops.def"
#undef OP
  IR_OPS
} IrOp;

typedef uint32_t IrVal; /* position of the instruction in the kernel */
#define IR_NONE UINT32_MAX

typedef struct {
  uint8_t op, type; /* IrOp, IrType */
  uint32_t slot;    /* load, take, store: the kernel's slot. draws, noise: the ordinal. check: state index. loop: most
                       turns. else IR_NONE */
  IrVal arg[4];     /* unused: IR_NONE. take: arg[0] is the value of one integer unit (a load of u[IrPort.scale_u]) */
  double num;       /* const, else 0 */
  Dim dim;
  Span span;
} IrIns;

typedef enum {
#define SLOT(id, text, doc) SLOT_##id,
#include "ir/slots.def"
#undef SLOT
  SLOT_KINDS
} SlotKind;

typedef struct {
  SlotKind kind;
  uint32_t index; /* in its kind: see slots.def */
  Name name;
  IrType type;
  Dim dim;
  bool settable; /* global: a store keeps the value that the user has set */
  bool alike;    /* over time; param, state, ring: the 8 elements of a vector have the same value, so it may be computed once */
  uint32_t lag;  /* ring: 0: it is loaded as many steps ago as the run says; k + 1: as lag k of each element says (IrMarch.lags) */
} IrSlot;

typedef enum {
#define KERNEL(id, text, level, scalar, device, doc) KERNEL_##id,
#include "ir/kernels.def"
#undef KERNEL
  KERNEL_KINDS
} KernelKind;

typedef struct {
  KernelKind kind;
  Name name;      /* "step.iaf_psc_exp" */
  uint32_t index; /* in module->kernels */
  VEC(IrSlot) slots;
  VEC(IrIns) ins;
} IrKernel;
/* Computed in float64 whatever the program's precision: setup, derive, init, drive (kernels.def, `scalar` or doc). */
bool ir_kernel_f64(KernelKind kind);
/* Computed in float32 if the program is, or by its kind. */
bool ir_kernel_f32(KernelKind kind, bool program);
/* Its arrays are float64 whatever the precision: synapse (OUT), drive (all are the drive's own), fits. */
bool ir_kernel_f64_arrays(KernelKind kind);
bool ir_kernel_fit(KernelKind kind);       /* its elements are the starts of a fit */
bool ir_kernel_over_time(KernelKind kind); /* the compiled function, and ir_eval, run it for many steps */

/* ---- a class: a component with what is uniform and what is per element decided; populations share it */
typedef struct {
  MVar *var;
  Name method;        /* "exact", "exponential euler", "rk4", "rk45", "euler-maruyama", …, "none" */
  Name reason;        /* for explain */
  bool counter;       /* the compiler's own, "%left.V": steps that are left of the holds on V */
  bool slow;          /* of a state that reacts: no reaction is faster than some steps, as far as is known when the model is compiled */
  bool stiff;         /* it is known to decay too fast for an explicit method with the dt of the run */
  Name failure;       /* a state of the integrator itself: what has happened if it becomes NaN; else empty */
} IrState;
typedef struct {
  MPort *port;
  bool additive;      /* the handler only adds coefficient * w to states: arriving weights may be summed per step.
                         Else each event runs the handler, in order */
  Name reason;        /* for explain: why it is or is not */
  uint32_t scale_u;   /* uniform: value of one integer unit of the accumulator; written by the runtime */
  uint32_t straight;  /* the state to which each event adds its weight, after the step; IR_NONE: accumulators */
} IrPort;
/* Either all who spike hold for the same time (masks, kept by the runtime), or each element counts for itself. */
typedef struct {
  uint32_t steps_u;   /* uniform: R = ceil(d/dt - 1e-6); IR_NONE: counted */
  uint32_t left;      /* counted: the state with the steps that are left; else IR_NONE */
  Name steps_name;
  VEC(uint32_t) states;
  Span span;
} IrHold;
typedef struct {
  IrKernel *value, *delay; /* record kernels: what is remembered; how long ago, in ms */
  Name name;               /* "delayed(x, d)" as written */
  Span span;
} IrPast;
/* A conservation law of the reactions: the sum of weight * state never changes but by events. */
typedef struct {
  uint32_t state;
  int32_t weight;
} IrLawMember;
typedef struct {
  VEC(IrLawMember) members;
  bool positive;      /* no weight is below 0 */
  uint32_t dependent; /* the member that may follow from the others; IR_NONE: none */
  bool used;          /* level 2: and does */
} IrLaw;
typedef struct {
  Name name;          /* "tau_m", or of the compiler: "%p.V.V" */
  Dim dim;
  MVar *var;          /* the param, or NULL */
} IrUniform;

typedef struct {
  uint32_t kept, gone;
} IrPair;

/* What runs of synapses with memory. At level 1 POST, PRE and CELL as they are written. */
typedef enum {
  LEARN_POST,    /* a postsynaptic spike comes: first all are advanced to it (stepped: the cell's alone) */
  LEARN_PRE,     /* a presynaptic spike comes: as POST, but the cell's states are those of now. OUT k: what the k-th `send` sends */
  LEARN_CELL,    /* presynaptic cells: what their spike does to their states */
  LEARN_ADVANCE, /* presynaptic cells: their states after `since` */
  LEARN_STEP,    /* stepped: over dt; the cell's states are those at its begin */
  LEARN_NOW,     /* the synapses' own states after `elapsed`, to be looked at; NULL: they are as they were stored */
  LEARN_POST_FROZEN, LEARN_PRE_FROZEN, LEARN_STEP_FROZEN, /* the same in a phase in which weights stand still */
  LEARNS
} IrLearn;

/* Reverse mode of a network's cells (autodiff/network_back.c): a step as a march of which `record` writes the tape, `back` goes
 * backwards. States: of the class without derivatives, z, slope, sums. PARAMs: `params`, of which the first n_active have adjoints. */
typedef enum { BACK_UNIFORM, BACK_PORT, BACK_INPUT, BACK_HELD, BACK_PREV, BACK_PARAM } IrBackKind;
typedef struct {
  IrBackKind kind;
  uint32_t index;     /* in its kind */
} IrBackParam;
typedef struct {
  IrKernel *record, *back;
  uint32_t n_tape, n_states, n_active;
  VEC(IrBackParam) params;
  VEC(uint32_t) measures; /* of each sum: the measure of the experiment, and its item */
  VEC(uint32_t) by;       /* of each active one, by free parameter: where its derivative lies (uniform, port, input), or IR_NONE */
  VEC(uint32_t) begin;    /* of each state, by free parameter: the state with its derivative at the start, or IR_NONE */
} IrNetBack;

/* What is shown to others through continuous synapses, and the kernel of its value at the end of the coming step. */
typedef struct {
  IrKernel *shown, *kernel;
} IrAhead;

typedef struct {
  Name name;
  uint32_t index;
  const MComponent *component;
  Name method;                 /* method of the run ("rk4", …); empty: the compiler chooses */
  double tolerance;            /* of the run; 0: not given */
  VEC(IrState) states;         /* SLOT_STATE indices */
  VEC(MVar *) elem_params;     /* SLOT_PARAM indices: params with one value per element */
  VEC(MVar *) inputs;          /* SLOT_INPUT indices: inputs that something drives; others are 0 */
  VEC(IrPort) ports;           /* SLOT_PORT indices */
  VEC(IrHold) holds;           /* SLOT_HELD indices */
  VEC(IrLaw) laws;
  VEC(IrPast) pasts;           /* SLOT_PAST indices, two for each */
  VEC(IrUniform) uniforms;     /* layout of the population's block of globals */
  bool fired;                  /* fits: it spikes where a recording says, by the number that the last of its inputs gives */
  bool has_spike, has_prev;    /* SLOT_SPIKE written; SLOT_PREV read and written */
  const MFitSpikes *spikes;    /* of a fit: how they are differentiated. Its test gives the difference of the condition's sides
                                  (with a surrogate: by its width) in OUT 0, its step what IR_OUT_… say */
  uint32_t n_columns;          /* of each population: numbers that `init` takes for its elements */
  uint32_t draws;              /* ordinals used so far */
  IrKernel *init;              /* stores params per element and states */
  IrKernel *flow, *test, *fire;/* level 1; NULL where there is none */
  IrKernel *jumps;             /* level 1: the rate of each reaction that jumps in OUT, by its place among them; or NULL */
  uint32_t parts, every;       /* its populations' own step: dt / parts, or every * dt; the other one is 1 */
  bool leaps;                  /* `jumps = tau_leaping` */
  VEC(IrKernel *) receive;     /* by port; level 2: NULL where arriving weights are summed */
  IrKernel *derive, *step;     /* level 2 */
  IrKernel *finish;            /* level 2: what follows on the events; NULL: all stands in `step` */
  VEC(IrAhead) aheads;         /* level 2: where steps agree with each other (solve_ahead.c) */
  IrKernel *lumped;            /* level 2: the step where each pair of uniforms in lumped_equal is equal; or NULL (lump.c) */
  uint32_t n_lanes, lane;      /* of the derivatives of a network (autodiff/network.c): what its cells' spikes carry, states from `lane` on; */
  IrNetBack *back;             /* … in reverse mode; else NULL */
  VEC(uint32_t) carried;       /* by port, by lane: the input in which that arrives, or IR_NONE */
  bool fitted;                 /* of a network's fit: a class of its own, without `straight` ports and `lumped`, so that runs with and
                                  without derivatives take the same steps */
  bool synaptic;               /* of synapses with memory: its elements are synapses (and, where noted, presynaptic cells) */
  bool stepped;                /* its synapses' own states are advanced in every step; else from event to event */
  uint32_t elapsed, since;     /* inputs: time since the synapse's last event; since the cell's last spike has come; */
  uint32_t signalled;          /* … since the last event of a signal that is followed, all synapses having been brought to it */
  VEC(uint32_t) drawn;         /* inputs: numbers between 0 and 1, drawn for each event of each synapse */
  IrKernel *learn[LEARNS];     /* NULL: nothing happens */
  VEC(IrPair) lumped_states, lumped_ports, lumped_equal; /* states that hold the sum, those that are 0; ports */
} IrClass;

/* OUT of the step of a fit's class with spikes: the spike as a number; the share of dt before it; where spikes are located, + i:
 * state i just before the handler, if that changes it. */
enum { IR_OUT_SPIKE, IR_OUT_WHEN, IR_OUT_WAS };

#define IR_JOINT_TOLERANCE 1e-6 /* of coupled steps that agree with each other, where none is given */
const IrKernel *ir_ahead(const IrClass *c, const IrKernel *shown); /* its kernel of the coming step, or NULL */

/* NULL: cells in which nothing changes may be passed over; else why not (rest.c). */
const char *ir_never_rests(const IrClass *c);

static inline double ir_own_step(const MPopulation *p, double dt) { return dt * (p->every > 1 ? p->every : 1) / (p->parts > 1 ? p->parts : 1); }

/* ---- an experiment: everything the runtime needs, as numbers of globals ("slots of G").
 * G[0 .. n_globals): network params and lets, then a block for each population (its class's uniforms) and each
 * projection (arguments of its weight and delay kernels). `setup` computes G from what the user has set. */
typedef struct {
  const MColumn *column;
  uint32_t from, to; /* G slots or IR_NONE */
} IrColumn;
typedef struct {
  MPopulation *pop;
  IrClass *class;
  uint32_t size;   /* G slot */
  uint32_t block;  /* first G slot of the block */
  VEC(IrColumn) columns; /* SLOT_COLUMN indices */
  uint32_t place[7]; /* G slots or IR_NONE: extents, spacing, origin */
} IrPopulation;
typedef struct {
  uint32_t pop;          /* index of the population */
  uint32_t from, to;     /* G slots, or IR_NONE: all */
} IrSlice;
typedef struct {
  uint32_t inner, outer, before; /* state of the synapses' class; of the cell's: the same, and just before the last spike. IR_NONE: as MSeen's */
  MSide side;                    /* whose cell it is */
} IrSeen;
typedef struct {
  uint32_t state, value, count;  /* state of the synapses' class, as of the last event; feeds: its value, how many events there were */
} IrFollowed;
typedef struct IrProjection {
  MProjection *proj;
  IrSlice source, target;
  uint32_t rule_arg, cond;           /* G slots or IR_NONE */
  uint32_t weight, delay;            /* G slots, or IR_NONE when the kernel draws them */
  IrKernel *weight_kernel, *delay_kernel; /* synapse kernels: OUT 0; NULL when the slot holds the value */
  IrKernel *weight_f32, *delay_f32;  /* the same in float32, where draws gain by it and lose but rounding; else NULL */
  uint32_t weight_lo, weight_hi;     /* G slots or IR_NONE: saturate */
  IrKernel *chance;                  /* synapse kernel, by pair: 1 connected, 0 not, -1 no probability; NULL: as the rule says */
  IrKernel *bound, *likely;          /* the same by parts of space (lower_bound.c), and of candidates found by it; NULL: there is no bound */
  uint32_t share;                    /* of a third part: G slot or IR_NONE */
  uint32_t first[2], ids[2];         /* of edges: G slots or IR_NONE */
  uint32_t block;                    /* uniforms of all its kernels */
  uint32_t cells, axonal;            /* synapses with memory: index in `synapses`; G slot or IR_NONE (0). cells IR_NONE: without */
  uint32_t weight_state;             /* state of their class; */
  VEC(IrSeen) seen;                  /* … what others have */
  struct IrProjection *third;        /* who the third part is that they see; NULL: as MPlastic's */
  VEC(uint32_t) afters;              /* by OUT: G slot or IR_NONE (0) */
  VEC(IrFollowed) follows;
  VEC(uint32_t) fed;                 /* by input of their class: index of the feed that it follows, or IR_NONE: 0 */
  uint32_t along;                    /* 1 + projection whose free weights these are the derivatives of, along a direction; 0: none */
} IrProjection;
typedef struct {
  MDrive *drive;
  IrSlice target;
  uint32_t input;                    /* class input index, or IR_NONE */
  uint32_t value;                    /* current or rate that never changes: G slot, or IR_NONE: */
  IrKernel *kernel;                  /* drive kernel: OUT 0; NULL: none */
  VEC(IrKernel *) drawn;             /* synapse kernels: its PARAMs, drawn once for each element */
  uint32_t n_processes;              /* its STATEs: each begins as a standard normal number */
  bool each;                         /* the kernel gives each element a value of its own */
  bool steady;                       /* and the same ones in every step */
  uint32_t weight, delay, cond, from, to; /* G slots, or IR_NONE */
  IrKernel *weight_kernel, *delay_kernel; /* synapse kernels where these are drawn, else NULL */
  uint32_t block;                    /* uniforms of all its kernels */
  VEC(uint32_t) times, weights;      /* weights: of each time, or none */
} IrDrive;
typedef struct {
  IrSlice slice;
  IrKernel *kernel;                  /* record kernel: OUT 0; NULL for spikes */
} IrRecordItem;
typedef struct {
  MRecord *record;
  VEC(IrRecordItem) items;
  VEC(uint32_t) states;              /* of synapses, by MRecord.links: state of their class, or IR_NONE: the weight */
  uint32_t every;                    /* G slot or IR_NONE: each step */
} IrRecord;
typedef struct {
  MFeed *feed;
  VEC(IrRecordItem) items;
  uint32_t to, input;                /* index of the population; class input index. IR_NONE: synapses with memory, who know of it */
} IrFeed;
/* A product of what a continuous synapse streams: factor * weight * pre * post; kernels NULL: 1. */
typedef struct {
  uint32_t factor;                   /* G slot, or IR_NONE: 1 */
  bool weighted, delayed;
  IrKernel *pre, *post;              /* record kernels of the classes of both sides */
  uint32_t delay;                    /* G slot, or IR_NONE: */
  IrKernel *delay_kernel;            /* synapse kernel */
} IrStreamTerm;
/* Of continuous synapses with states: an input of their class is what that side's element shows; a state begins with a value of the cells. */
typedef struct {
  uint32_t input;
  bool pre;
  IrKernel *kernel;                  /* record kernel of the side's class */
} IrSight;
typedef struct {
  uint32_t state;
  IrKernel *kernel;                  /* record kernel of the synapses' class */
} IrBegin;
typedef struct {
  MCoupling *coupling;
  IrProjection link;                 /* without a port and a delay; of synapses with states `cells` and `weight_state` */
  uint32_t input;                    /* class input index, of the side into which it flows */
  VEC(IrStreamTerm) terms;
  VEC(IrSight) sights;
  VEC(IrBegin) begins;
  IrKernel *flow;                    /* record kernel of the synapses' class: what each streams; NULL: terms */
} IrCoupling;
typedef struct {
  MExpect *expect;
  uint32_t value, lo, hi;            /* written by `judge`, when the run is over */
} IrExpect;
typedef struct {
  MMeasure *measure;
  VEC(IrRecordItem) items;
  uint32_t slot;                     /* G slot of its value: written by the runtime before `judge` */
  uint32_t argument, after, until;   /* G slots or IR_NONE */
} IrMeasure;
typedef struct {
  Name path, doc, unit;
  double unit_scale;
  Dim dim;
  Span span;
  uint32_t slot, lo, hi;             /* lo, hi: G slots or IR_NONE */
  bool open_lo, open_hi, integer;
  VEC(Name) labels;
} IrParam;

typedef struct {
  const MExperiment *experiment;
  uint32_t n_globals;
  VEC(IrParam) params;               /* settable */
  IrKernel *setup;
  VEC(IrPopulation) populations;
  VEC(IrPopulation) synapses;        /* with memory, of one projection each; their blocks of globals stand behind the populations' */
  VEC(IrProjection) projections;
  VEC(IrDrive) drives;
  VEC(IrRecord) records;
  VEC(IrFeed) feeds;
  VEC(IrCoupling) couplings;
  VEC(uint32_t) phases;              /* durations: G slots */
  VEC(IrMeasure) measures;
  VEC(IrExpect) expects;
  IrKernel *judge;                   /* setup kernel, run once after the run; NULL: nothing is expected */
  uint32_t dt, seed, seed_last;      /* G slots or IR_NONE */
} IrExperiment;

/* ---- a fit: starts side by side as elements, each with its own free parameters (PARAM k: MFit.free k) and states.
 *
 * A march is a program over time: `begin` once, then `march` for every step of a sweep. Its states are, in this order,
 * those of its class, the sums of its terms, and what a derivative adds. From a march autodiff/ makes
 *   gradient   forward mode: the states' derivatives by each parameter go along; each term's sum gets its gradient
 *   direction  the states' derivative along one direction for each element: PARAM n_free + k is its component k; a term's is
 *              state n_states + sum. The 8 elements of a vector are directions of one start, so all but these are alike in it: for few starts. Exponentials that a
 *              step makes for the next are states behind all these
 *   curvature  the gradient form, and each term's sum of products of its root's derivatives: J'J, rows of the upper triangle
 *   record, back   reverse mode: `record` is `march` that writes its tape, `back` runs from the last step to the first
 *   tangent    as direction, but each element has a place and a direction of its own
 *   hessian    the way back of tangent: what begins at the derivative of a term's sum along the direction ends as the term's
 *              Hessian times the direction at PARAM k, as its gradient at PARAM n_free + k */
typedef enum {
  SAMPLE_MEAN,   /* the column's mean over the step: what drives */
  SAMPLE_TRACE,  /* the same of a line between the samples: what stands for a state */
  SAMPLE_AT,     /* the column at the step's end */
  SAMPLE_CHANGE, /* … minus that `lag` steps before: of a residual */
  SAMPLE_WEIGHT, /* of a term: how much this step counts; 0 outside of its window, and where the recording has no number.
                    Of a residual: 1 / (1 + mean |dV/dt| / (20 mV/ms)) over the last `lag` steps, squared */
  SAMPLE_DRAWN,  /* a number drawn for the step, by seed and sweep alone: `column` IrDrawn, `term` the ordinal */
  SAMPLE_EVENTS  /* how many events of the list `column` lie in the step: in (T - dt, T] */
} IrSampleKind;
typedef enum { DRAWN_NORMAL, DRAWN_UNIFORM, DRAWN_EXPONENTIAL } IrDrawn; /* mean 0, sd 1; from 0 to 1; mean 1 */
typedef struct {
  IrSampleKind kind;
  uint32_t column, term; /* of the recording (or its events); of the march */
} IrSample;
typedef struct {
  const MTerm *term;
  uint32_t measure;                  /* G slot: where the runtime puts its mean, sum / sum of weights; of a likelihood the sum */
  uint32_t over, from, to, around[2]; /* G slots or IR_NONE */
  IrKernel *value, *root, *given;    /* record kernels; value: NULL for what is of spikes; root: NULL where it is no square; given: of a
                                        feature of a course: the recorded one, or NULL */
  bool squared;                      /* a mean of squares, whose products (curvature) make a Gauss-Newton matrix */
  uint32_t sum, gradient, curvature; /* states: the sum; the first derivative of it; the first of J'J; else IR_NONE */
} IrTerm;
typedef struct {
  IrKernel *begin, *march; /* NULL: nobody needs it */
  uint32_t n_states, n_rings;
} IrMarchForm;
/* Of a delayed value, for each element: how long ago, and in whole steps, at least 1; behind `begin` the second is made of the first. */
typedef struct {
  uint32_t delay, steps; /* states of the plain form */
  uint32_t free;         /* the delay is this free param; IR_NONE: it is not one */
  bool fixed;            /* it depends on nothing that is free or drawn */
  Name name;
  Span span;
} IrLag;
/* Reverse mode. The sums' adjoints are given (slope of the objective / sum of weights), all others begin as 0. Forwards:
 * `record` instead of plain.march over a segment, from the states and rings at its begin. Backwards: `back` over the segment.
 * At the first step's begin: `end`, a begin kernel: adjoints of states -> what they add to those of parameters. */
typedef struct {
  IrKernel *record, *back, *end; /* NULL: nobody needs it */
  uint32_t n_tape;               /* TAPE slots */
  uint32_t n_states;             /* of back: adjoint of plain state i at i; of PARAM k at plain.n_states + k. Rings: as plain */
} IrMarchBack;
typedef struct {
  IrClass *class;
  Name given;              /* residual: the state that a recording drives; else empty */
  const MStage *forced;    /* the stage whose forces pull on the states; else NULL */
  VEC(IrSample) samples;   /* SLOT_SAMPLE indices */
  VEC(IrTerm) terms;
  VEC(IrLag) lags;
  IrMarchForm plain, gradient, direction, curvature, tangent;
  IrMarchBack reverse, hessian; /* of plain; of tangent */
  Name way, reason;        /* of gradients, for explain; empty: nobody needs them */
} IrMarch;
typedef struct {
  const MStage *stage;
  VEC(uint32_t) marches;   /* of the fit */
  VEC(uint32_t) measures;  /* of a network: of x, its terms */
  IrKernel *objective;     /* setup kernel: measures -> loss, and its derivatives by them */
  uint32_t loss;           /* G slot */
  VEC(uint32_t) named;     /* of a network: G slots of what the objective names beside measures and free params can change */
  VEC(uint32_t) named_by;  /* … by parameter: G slots of `differentiated` with the derivative, or IR_NONE: 0 */
  VEC(uint32_t) slopes;    /* G slots, for each term of these marches, or each measure, then each that is named, in order */
  VEC(uint32_t) bends;     /* second derivatives: G slots or IR_NONE (0), rows of the upper triangle; of MStage.squares without
                              what the roots bend (Gauss-Newton) */
} IrStage;
typedef struct {
  uint32_t value, lo, hi;  /* G slots: the declared value; bounds or IR_NONE */
  uint32_t mean, sd;       /* … what is known beforehand, or IR_NONE */
  VEC(uint32_t) others;    /* of a network: G slots of the same param in further populations */
  VEC(uint32_t) weights;   /* of a network: projections each synapse of which has a weight that is free; then `value` is IR_NONE */
} IrFree;
typedef struct {
  const MFit *fit;
  IrExperiment *x;         /* its setup, the one population, dt; of a network: as an experiment's */
  VEC(IrFree) free;
  VEC(IrMarch *) marches;
  VEC(IrStage) stages;
  bool reverse;                 /* of a network: its classes go backwards, `derivatives` is empty */
  IrExperiment *differentiated; /* of a network, if an optimizer asks for derivatives: x with them; else NULL */
  VEC(uint32_t) derivatives;    /* by measure of x, by parameter: the measure of `differentiated` that gives it, or IR_NONE: 0 */
  VEC(uint32_t) follow;         /* params of x whose values follow those that are free: setting them would cut that off */
} IrFit;

typedef struct {
  int level; /* 1 or 2 */
  const Model *model;
  VEC(IrKernel *) kernels;
  VEC(IrClass *) classes;
  VEC(IrExperiment *) experiments;
  VEC(IrFit *) fits;
} IrModule;

/* ---- build.c: the only way to make instructions; folds nothing, checks types and dimensions (BUG on a mistake) */
typedef struct {
  Session *s;
  Arena *arena;
  IrKernel *k;
  Span span; /* of what is made next */
} IrBuild;
IrKernel *ir_kernel(Session *s, Arena *a, KernelKind kind, Name name);
uint32_t ir_slot(IrBuild *b, SlotKind kind, uint32_t index, Name name, IrType type, Dim dim); /* finds or adds */
uint32_t ir_slot_again(IrBuild *b, const IrSlot *slot); /* the same of another kernel, but that it is not settable and not alike */
uint32_t ir_ring(IrBuild *b, uint32_t index, uint32_t lag, Name name, Dim dim);
IrVal ir_const(IrBuild *b, double num, Dim dim);
IrVal ir_load(IrBuild *b, uint32_t slot);
/* port: (real)integer * scale, and clear. In f32 programs scale < 0 says that the accumulator holds the sum as a float. */
IrVal ir_take(IrBuild *b, uint32_t slot, IrVal scale);
void ir_store(IrBuild *b, uint32_t slot, IrVal v);
IrVal ir_op1(IrBuild *b, IrOp op, IrVal a);
IrVal ir_op2(IrBuild *b, IrOp op, IrVal a, IrVal c);
IrVal ir_op3(IrBuild *b, IrOp op, IrVal a, IrVal c, IrVal d);
IrVal ir_draw(IrBuild *b, IrOp op, uint32_t ordinal, const IrVal *args, Dim dim); /* DRAW_*, NOISE */
IrVal ir_nullary(IrBuild *b, IrOp op); /* TIME, DT */
void ir_check(IrBuild *b, uint32_t state, IrVal v); /* a non-finite v stops the run, blaming the state */
enum { IR_MOST_TURNS = 1 << 24 };
void ir_loop(IrBuild *b, uint32_t most, IrVal enters);
IrVal ir_always(IrBuild *b); /* a condition that holds */
IrVal ir_carry(IrBuild *b, IrVal init);
void ir_next(IrBuild *b, IrVal carry, IrVal v);
void ir_again(IrBuild *b, IrVal cond);

/* Ordinals of what is drawn once for a sweep of a fit (params, initial values): this, the var's index * 8, and which of its draws. */
enum { IR_DRAWN_ONCE = 1 << 24, IR_DRAWS_OF_VAR = 8 };

/* ---- the op table at run time */
enum { /* see ops.def */
  IRF_PURE = 1, IRF_COMMUTES = 2, IRF_DRAW = 4, IRF_MEMORY = 8, IRF_EFFECT = 16,
  IRF_POSITIVE = 32, IRF_KEEPS_POSITIVE = 64, IRF_POSITIVE_BASE = 128, IRF_CONTROL = 256, IRF_SURROGATE = 512
};
#define TYPE(id, text, doc)
typedef enum {
#define DIM_RULE(id, doc)
#define TYPE_RULE(id, doc) IRT_##id,
#include "ir/types.def"
#undef TYPE_RULE
#undef DIM_RULE
} IrTypeRule;
typedef enum {
#define TYPE_RULE(id, doc)
#define DIM_RULE(id, doc) IRD_##id,
#include "ir/types.def"
#undef TYPE_RULE
#undef DIM_RULE
} IrDimRule;
#undef TYPE
typedef struct {
  const char *text;
  uint8_t arity, type, dim; /* type: IrTypeRule, dim: IrDimRule */
  uint32_t flags;           /* IRF_* */
  uint16_t ulp;
} IrOpInfo;
extern const IrOpInfo ir_ops[IR_OPS];
bool ir_has_slot(IrOp op); /* IrIns.slot means something */
extern const char *const ir_type_text[IR_TYPES];
extern const char *const ir_slot_text[SLOT_KINDS];
extern const char *const ir_kernel_text[KERNEL_KINDS];
bool ir_kernel_scalar(KernelKind kind);        /* runs once, not for each element */
bool ir_kernel_on_devices(KernelKind kind);    /* a step of a run calls it */
bool ir_kernel_called(KernelKind kind);        /* not launched there, but called by what is: a function of one synapse */
int ir_kernel_levels(KernelKind kind);         /* bit 0: level 1, bit 1: level 2 */
/* What a kernel of this kind may do with a slot of that kind (access.def). */
enum { IRA_LOAD = 1, IRA_STORE = 2, IRA_TAKE = 4 };
unsigned ir_access(KernelKind kernel, SlotKind slot);
/* The type and dimension that the rules give; NULL, or what is wrong ("arguments have dimensions mV and ms"). Ops whose
 * type or dimension is given keep what ins says. */
const char *ir_infer(Session *s, const IrKernel *k, const IrIns *ins, IrType *ret_type, Dim *ret_dim);

/* By instruction: the same in the elements of a vector, as it is made of uniforms, samples, the time and slots that are `alike`.
 * NULL: the kernel has loops, or no such slots. */
bool *ir_alike_values(const IrKernel *k, Arena *a);

/* ---- verify.c, print.c, read.c */
/* 0, or the number of complaints, written with the kernel's text to `out`. */
int ir_verify(Session *s, const IrModule *m, FILE *out);
int ir_verify_kernel(Session *s, const IrKernel *k, FILE *out);
void ir_print(Session *s, const IrModule *m, FILE *out);
void ir_print_kernel(Session *s, const IrKernel *k, FILE *out);
/* Reads what ir_print_kernel writes (one or more kernels). NULL and an error text on bad input. */
IrModule *ir_read(Session *s, Arena *a, const char *text, const char **ret_error);
bool ir_kernel_equal(const IrKernel *a, const IrKernel *b); /* names and spans not counted */

/* ---- interp.c: the reference evaluator, slow and obvious; same operations in the same order as compiled code */
typedef struct {      /* as struct nsl_event */
  uint32_t element, ordinal; /* the how manieth of this element in this step, from 0: draws depend on it */
  double weight;
} IrEvent;
typedef struct {
  void *const *slots;   /* by the kernel's slot number: double* or float* (f32), int64_t* or int32_t* (f32; port), uint64_t* masks (bool) */
  double *u;            /* uniform block or G */
  const uint8_t *set;   /* setup: by G slot */
  uint64_t key, step;
  int64_t first, count;
  double t, dt;
  bool f32;
  uint64_t steps, lag, ring_mask, ring_row, tape_row; /* kernels over time: as in struct nsl_env */
  const int64_t *const *lags;
  const IrEvent *events; /* receive: `count` of them, instead of elements */
} IrEnv;
/* The key of draws for the event with that ordinal. */
static inline uint64_t ir_event_key(uint64_t key, uint32_t ordinal) {
  return key + ordinal * 0xd1b54a32d192ed03u;
}
/* Runs the kernel for elements [first, first + count), or for events [0, count). Returns nonzero if a check failed. */
uint64_t ir_eval(const IrKernel *k, const IrEnv *env);
/* One PURE op, conditions as 0 and 1: in float64; in float32, arguments rounded before. */
double ir_eval_op(IrOp op, const double *args);
double ir_eval_op_f32(IrOp op, const double *args);
/* A constant as kernels have it: rounded to float32 if f32, zero where it would be subnormal. */
double ir_number(double number, bool f32);

/* ---- lower.c: model to level 1; explain.c */
IrModule *ir_lower(Session *s, Arena *a, const Model *m);
void ir_explain(Session *s, const IrModule *m, FILE *out, bool json);

/* ---- passes.def: a pass reads one module and returns a new one in the other arena */
typedef struct {
  const char *name;
  IrModule *(*run)(const IrModule *in, Arena *out, Session *s);
  bool exact; /* false: may change last bits */
  const char *doc;
} IrPass;
extern const IrPass ir_passes[];
extern const uint32_t ir_n_passes;
/* Runs all passes with the verifier after each; stops after `after` (NULL: run all), or where a pass has reported an error
 * (s->errors). Helpers for those who write passes: ir/pass.h. */
/* Warns of steps that are too large for the methods of `m`, at any stage behind the choice of integrators. */
void ir_warn(Session *s, const IrModule *m);
IrModule *ir_pipeline(Session *s, IrModule *m, const char *after);
/* The same with other passes, on a sound module. */
IrModule *ir_run_passes(Session *s, IrModule *m, const IrPass *passes, uint32_t n, const char *after);
IrModule *ir_module_copy(Session *s, const IrModule *in, Arena *out); /* shallow but for the kernels, which are deep */

#endif
