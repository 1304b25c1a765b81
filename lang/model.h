/* The checked model: the only structure that leaves lang/. Flat and resolved: names are gone, parts (`use`) are inlined
 * with dotted names, index families are expanded, every expression carries its dimension and its span, and every
 * value is in the coherent units (ms, mV, pA, um, mM, K). Nothing after lang/ knows about unit prefixes.
 *
 * Three scopes of values:
 *   MGlobal  one number of an experiment: network params and lets (settable or computed once at start)
 *   MVar     of a component: one value for each element of a population
 *   handler arguments (MX_ARG) */
#ifndef NSL_LANG_MODEL_H
#define NSL_LANG_MODEL_H

#include "lang/ast.h"
#include "lang/unit.h"

/* Builtin functions and operators (builtins.def): B_ADD, B_EXP, B_SELECT, …; one-to-one with IR ops. */
typedef enum {
#define BUILTIN(id, text, arity, dims, ir, doc) B_##id,
#include "lang/builtins.def"
#undef BUILTIN
  B_COUNT
} Builtin;

typedef enum { DIST_UNIFORM, DIST_NORMAL, DIST_EXPONENTIAL, DIST_LOGNORMAL, DIST_COUNT } Dist;

typedef struct MExpr MExpr;
typedef struct MVar MVar;
typedef struct MGlobal MGlobal;
typedef struct MComponent MComponent;
typedef struct MPopulation MPopulation;
typedef struct MColumn MColumn;

typedef enum {
  MX_NUM,    /* num */
  MX_VAR,    /* var */
  MX_ARG,    /* arg: index of the handler's argument */
  MX_GLOBAL, /* global */
  MX_CALL,   /* builtin, args; conditions are MX_CALLs of comparison builtins with type M_BOOL */
  MX_DRAW,   /* dist, args[0..1]; within [lo, hi]: args[2], args[3] (NULL: no bound) */
  MX_NOISE,  /* white_noise(): each occurrence (each MExpr node) an independent source, dimension 1/sqrt(time) */
  MX_TIME,   /* t; in a drive the middle of the step */
  MX_PROCESS, /* in a drive: Ornstein-Uhlenbeck noise of mean 0, variance 1; args: decay and new noise of a step */
  MX_SAMPLE, /* in a drive: this step's value of a file; arg: its place among the drive's. In a fit: of a recording; arg: the column */
  MX_COLUMN, /* in a setting of a population: each element's own number; column */
  MX_PAIR,   /* in a connection: a number of each synapse; arg: its place among the projection's fields */
  MX_DT,     /* dt (in delays and rates only) */
  MX_DELAYED /* args[0] as it was args[1] ago; each node has a memory of its own */
} MExprKind;

typedef enum { M_REAL, M_BOOL } MType; /* labels and enum values are reals: the index in their set */

/* Expressions are graphs: a node that is reached twice (a function's argument) is one value, computed once. Read as a tree
 * they have at most MEXPR_SIZE nodes and are MEXPR_DEPTH deep, so plain recursion is safe. */
enum { MEXPR_DEPTH = 2000, MEXPR_SIZE = 1 << 17 };
struct MExpr {
  MExprKind kind;
  MType type;
  Dim dim;
  Span span;
  uint32_t size, depth;
  const void *labels; /* in the checker only: the set whose element this is; NULL: a number or quantity */
  union {
    double num;
    MVar *var;
    uint32_t arg;
    MGlobal *global;
    Builtin builtin;
    Dist dist;
    const MColumn *column;
  };
  uint32_t n_args;
  MExpr *args[4];
};

typedef struct {
  bool has;              /* false: unrestricted */
  bool open_lo, open_hi;
  MExpr *lo, *hi;        /* NULL: -inf, +inf */
  VEC(Name) labels;      /* `in {poisson, dc}`: the value is the index */
  Span span;
} MDomain;

typedef enum { VAR_PARAM, VAR_STATE, VAR_LET, VAR_INPUT } VarKind;
typedef enum { PER_ELEMENT, PER_PRE, PER_POST, PER_SIGNAL, PER_THIRD } VarPer; /* a state of a synapse: each synapse, each cell on that side, known as of a signal, its third part's */

struct MVar {
  VarKind kind;
  uint32_t index; /* position in component->vars */
  Name name;      /* "V", "na.g", "na.m" */
  Name doc;
  Dim dim;
  Name unit; /* as declared, for output ("mV"); scale of that unit: */
  double unit_scale;
  Span span;
  MExpr *value;    /* param: default; state: initial value; let: expression; input: NULL */
  bool draw;       /* `~` instead of `=` */
  MDomain domain;
  MExpr *equation; /* state: right-hand side of V' = …; NULL: constant between events */
  Span equation_span;
  VarPer per;
  bool everywhere; /* input of a synapse that a signal may be bound to: the same for all */
  MVar *product[2]; /* of a synapse, PER_SIGNAL: states whose product it is, where it is made anew; or NULL */
  MVar *of;        /* of a synapse: the cell's variable that it stands for */
  bool internal;   /* of a synapse with memory, in its target: no path of its own */
  bool gate;       /* declared by `gate`: starts at its steady state (value holds it) */
  bool varies;     /* changes during a run: states, inputs, lets that depend on them, on time or on noise */
  bool noisy;      /* let: depends on white noise */
  bool reacts;     /* state: its equation is the sum of the component's reactions */
  bool steady;     /* state: begins where the reactions of `kinetic steady` leave it (value holds that) */
  bool counts;     /* state: a whole number that jumps by reactions, without an equation */
};

/* A reaction of a `kinetic`: what it takes and makes, and how fast it runs. `a <-> b` is two of them. */
typedef struct {
  MVar *var;            /* a state; in a part also an input, which is a state of its host */
  uint32_t taken, made; /* how many of it at a time */
} MSpecies;
typedef enum { STEADY_NOT, STEADY_OWN, STEADY_PART } MSteady; /* of `kinetic steady`: of the component itself, of a part */
typedef struct {
  VEC(MSpecies) species; /* each once */
  MExpr *constant;       /* the rate as it is written */
  MExpr *rate;           /* how often it happens: constant * product of state^taken in unit(state)/time; of a jump process
                            constant * product of state (state - 1) … in 1/time */
  bool jumps;            /* `kinetic stochastic` */
  MSteady steady;
  bool reverse;          /* the way back of the reaction before it */
  Span span;
} MReaction;

typedef enum { STMT_ASSIGN, STMT_IF, STMT_HOLD, STMT_SEND } MStmtKind;
typedef struct MStmt MStmt;
typedef VEC(MStmt *) MStmtList;
struct MStmt {
  MStmtKind kind;
  Span span;
  MVar *var;       /* assign, hold */
  int op;          /* AssignOp: = += -= *= */
  MExpr *value;    /* assign: right side; if: condition; hold: duration; send: what arrives */
  MExpr *after;    /* send: added to the delay; NULL: nothing */
  MStmtList then, other;
};

typedef struct {
  Name name;
  Span span;
  Name doc;
  uint32_t n_args; /* 0 or 1 (the weight) */
  Name arg_name;
  Dim arg_dim;
  Name arg_unit;
  double arg_unit_scale;
  MStmtList body;
} MPort;

typedef struct {
  int form;      /* SpikeForm */
  MExpr *cond;   /* when: Boolean; peak: the variable's expression; rate: 1/time */
  MExpr *level;  /* peak: above; NULL: none */
  MStmtList body;
  Span span;
} MSpike;

/* In a synapse: `send value to part.port after after`; `stream value to post.input`, in which `part.x` stands. */
typedef struct {
  Name part, port;
  Span span, port_span;
  MExpr *value, *after;
  uint32_t at;   /* it stands behind so many statements of `on pre` */
  bool stateful; /* the value depends on states of the synapse */
} MThirdSend;
typedef struct {
  const Ast *value; /* in the checker only */
  Name input;
  Span span, input_span;
} MThirdStream;

enum { SIDED_CELLS = 1, SIDED_THIRD = 2 };
struct MComponent {
  Name name;
  Name what; /* keyword: neuron, … */
  bool failed; /* checked with errors: what is missing in it is no error of its users */
  bool columns; /* a param or an initial value has a number for each cell, from a file */
  void *scope; /* in the checker only: the names that its expressions see */
  Name doc;
  Span span;
  VEC(MVar *) vars;  /* in order of declaration, parts first where they are used */
  VEC(MVar *) init_order; /* params, then states, then lets they need, in order of dependence (cycles are errors) */
  VEC(MVar *) let_order;  /* lets in order of dependence */
  VEC(MReaction) reactions; /* of all `kinetic`s, those of parts first */
  VEC(MPort *) ports;
  MVar *weight; /* of a synapse; in it, like an input */
  MExpr *send;  /* of a synapse without memory: what arrives */
  const AstBlock *block; /* in the checker only: of a synapse */
  unsigned sided; /* it reads variables of the cells (SIDED_CELLS), of its third part: checked once more for each pair of populations */
  Name third;   /* of a synapse: its third part, as it calls it where it sends to it or its handlers read it; empty: none, or it streams alone */
  Span third_span;
  VEC(MVar *) reads; /* of others, that its block names */
  const MVar *acts_on; /* an input that it changes: a state of whatever has it as a part; NULL: none */
  bool gated;   /* of continuous synapses with states: whoever has it gives all inputs */
  bool plastic; /* a synapse with memory. Its handlers: */
  MStmtList on_pre, on_post;
  MStmtList on_step; /* of a projection's: what keeps a weight with an equation within its domain */
  bool apart;   /* of a projection's: what it sends goes to a handler that does more than add */
  bool freezes; /* of a projection's: there are phases in which its weights stand still */
  VEC(MThirdSend) third_sends;     /* what goes to third parts, */
  VEC(MThirdStream) third_streams; /* what comes from them */
  const Ast *stream; /* in the checker only: of a continuous synapse, what flows into the target's input */
  VEC(MSpike *) spikes; /* at most one in this version */
};

struct MGlobal {
  Name path; /* "brunel.g", "microcircuit.N[L4e]", "brunel.nu" */
  uint32_t index;
  Dim dim;
  Name unit; /* as declared */
  double unit_scale;
  Span span;
  Name doc;
  MExpr *value; /* over globals earlier in order; the default if settable */
  bool settable;
  bool integer_like; /* used as a size or count: must come out whole */
  MDomain domain;
};

/* A number for each element of a population, known before the run: a column of a file, a number of its nodes, or 1 in a part of the
 * population and 0 outside. */
struct MColumn {
  Span span;
  uint32_t n;
  const double *values; /* n of them, for the elements from..to; NULL: a part */
  MExpr *const *items;  /* in the checker only: as they stand in the file */
  MExpr *from, *to;     /* over globals, both included; NULL: all */
  Name node;            /* in the file of nodes where the cells are; empty: none */
};

typedef struct {
  MVar *var;    /* a param, or a state (its initial value) */
  MExpr *value; /* over globals, and the component's own params */
  bool draw;
  Span span;
} MSetting;

typedef VEC(MSetting) MSettingList;

/* A file that is read when the program starts. Of a drive: spikes: SONATA, or CSV with `t_ms`, `id`; samples: CSV, or a
 * SONATA report. Of a connection: who is connected, or numbers of the pairs. */
typedef struct {
  Name path; /* relative to the model's folder, as written */
  bool spikes;
  Name population;                /* of a SONATA file; empty: its only one */
  Name time, value;               /* samples: columns of a CSV file; empty: a report. value `id`: one column for each element */
  double time_scale, value_scale; /* of the columns' units */
  Dim dim;
  Span span;
} MData;
typedef VEC(MData) MDataList;

/* Where the cells of a population are. */
typedef enum { PLACE_GRID, PLACE_BOX, PLACE_FILE, PLACE_NODES } MPlaceKind;
typedef struct {
  bool has, periodic;
  MPlaceKind kind;
  uint32_t n_axes;
  MExpr *extent[3]; /* GRID: cells along each axis; BOX: lengths; NODES: of one, the id of cell 0 */
  MExpr *spacing;   /* GRID */
  MExpr *origin[3]; /* the least corner; NULL: 0 */
  MData file, types; /* types: of NODES, if `path` is not empty */
  Span span;
} MPlace;

struct MPopulation {
  Name path; /* "E", "cell[L4e]", "squid" */
  Name base; /* "cell" */
  uint32_t index;
  MComponent *component;
  bool extended; /* the component is its own: synapses with memory have states in its cells */
  MExpr *size; /* over globals */
  MSettingList settings;
  MPlace place;
  uint32_t parts, every; /* its own step: dt / parts, or every * dt; the other one is 1 */
  Span span;
};

typedef struct {
  MPopulation *pop;
  MExpr *from, *to; /* both ends included; NULL: all */
  Span span;
} MSlice;

typedef struct MFeed MFeed;
/* A signal that synapses follow in closed form: the state that it is there, its value, and how often events have changed it. */
typedef struct {
  MVar *state;
  MFeed *value, *count;
} MFollowed;

/* Synapses with memory of one projection. `cells` is no population of the experiment: its component is the synapse with a
 * state in the place of the weight, its settings are what the projection sets. States per post are states of the target's
 * component too, where they are stepped and where the spike handler changes them; so are states per pre of the source's, if
 * they have no closed form between spikes. */
typedef enum { SIDE_PRE, SIDE_POST, SIDE_THIRD } MSide;
typedef struct {
  MVar *inner;  /* of cells->component: a state per post, or an input that follows the target's variable */
  MVar *outer;  /* the cell's state; of a third part, NULL: 1 where there is one, else 0 */
  MVar *before; /* the cell's state that holds its value just before the last spike; of a third part: NULL */
  MSide side;   /* whose cell it is */
} MSeen;
typedef struct {
  MPopulation *cells;
  MVar *weight;
  MExpr *axonal; /* that part of the delay; NULL: 0 */
  VEC(MSeen) seen;
  struct MProjection *third; /* who the third part is that it reads: a link with MThird; NULL: it reads none, or it stands there itself */
  VEC(MFollowed) follows;
} MPlastic;

typedef enum { RULE_ALL_TO_ALL, RULE_ONE_TO_ONE, RULE_INDEGREE, RULE_OUTDEGREE, RULE_TOTAL_NUMBER, RULE_PROBABILITY, RULE_MATRIX, RULE_EDGES, RULE_THIRD } MRule;

/* `astro = A by pool(10)`: at each synapse of a projection stands one of the cells that its target has around it, or none. A projection
 * with it goes from the source to that cell, a coupling from it to the target; `rule_arg` is the size of a pool. */
typedef struct {
  Name path; /* "ee.astro": keys who it is */
  const struct MProjection *of;
  MExpr *share; /* of the synapses; NULL: all */
  bool blocks;  /* pools are runs of cells, in the order of the targets; else drawn */
  bool back;    /* it is the source: from the cell to the synapse's target */
} MThird;

/* What a weight or delay may know of its synapse (MX_PAIR). */
typedef enum {
  FIELD_EDGE,     /* a number of the file of the rule, for each connection */
  FIELD_TABLE,    /* a table of its own: a line for each target, a column for each source */
  FIELD_DISTANCE, /* between the two cells */
  FIELD_PRE,      /* a coordinate of the source */
  FIELD_POST      /* of the target */
} MFieldKind;
typedef struct {
  MFieldKind kind;
  MData file;    /* EDGE: only `value`, the name of the number */
  uint32_t axis; /* PRE, POST */
  Dim dim;
} MPairField;
typedef VEC(MPairField) MPairFieldList;

typedef struct MProjection {
  Name path; /* label, or "E -> I.psp", made unique by "#2"; keys the draws */
  Span span;
  uint32_t index; /* in the experiment's projections */
  MSlice source, target;
  uint32_t port; /* index in target.pop->component->ports */
  MRule rule;
  MExpr *rule_arg; /* n, or p that is one for all pairs; NULL: the rule has none */
  MExpr *chance;   /* all_to_all, probability: p of each pair; matrix, edges: 0 where a connection of the file is left out; NULL: as the rule says */
  MData file, types; /* matrix, edges: whose; types of edges, if `path` is not empty */
  MExpr *first[2], *ids[2]; /* edges: of the source and target side the id of cell 0, and how many ids there are; NULL: 0, the cells */
  MPairFieldList fields;
  MThird *third; /* RULE_THIRD; else NULL */
  Span rule_span;
  bool no_self, no_multiple;
  MExpr *weight; /* draws allowed; NULL: the port takes no argument */
  MDomain weight_domain;
  MExpr *delay; /* draws allowed; time */
  MExpr *cond;  /* over globals; NULL: always */
  MPlastic *plastic; /* a synapse with memory: `weight` is its weight at the start, measured as the synapse says; else NULL */
} MProjection;

typedef enum { DRIVE_POISSON, DRIVE_TIMES, DRIVE_CURRENT, DRIVE_SPIKES } MDriveKind;

typedef struct {
  Name path; /* "poisson -> E.psp", unique; keys the draws */
  Span span;
  MDriveKind kind;
  MSlice target;
  int32_t port; /* index of the port, or -1: */
  MVar *input;  /* the continuous input */
  MExpr *value;       /* current, rate of poisson: an expression over t */
  VEC(MExpr *) times, weights; /* times([…], weights = […]); no weights: all have `weight` */
  MDataList files;    /* spikes: one; of the samples in the value: one for each */
  MExpr *from, *to;   /* given events, and a current that is one number: on (from, to] only; NULL: always */
  MExpr *weight, *delay, *cond;
} MDrive;

typedef enum { RECORD_SPIKES, RECORD_VALUE, RECORD_SUM, RECORD_MEAN, RECORD_WEIGHT } MRecordKind;
typedef struct {
  MSlice slice;
  MExpr *value; /* over that population's vars; NULL for spikes */
} MRecordItem;
/* Synapses of a projection or coupling, and what of each: a state of theirs (of the component with their settings), or the weight. */
typedef struct {
  uint32_t index;
  bool streams;
  const MVar *state; /* NULL: the weight */
} MRecorded;
typedef struct {
  MRecordKind kind;
  Name name; /* file name: "V", "lfp" */
  Name unit;
  double unit_scale;
  VEC(MRecordItem) items;
  VEC(MRecorded) links; /* RECORD_WEIGHT: projections, then couplings, each in the order of the model */
  MExpr *every; /* NULL: every step; of weights: at the start and the end */
  Span span;
} MRecord;

typedef struct {
  Name name; /* phase; empty: none */
  MExpr *duration;
  VEC(uint32_t) frozen; /* projections whose weights stand still; rising */
  Span span;
} MPhase;

typedef enum {
#define MEASURE(id, name, of, per_time, argument, doc) MEASURE_##id,
#include "lang/measures.def"
#undef MEASURE
  MEASURE_COUNT
} MMeasureKind;
/* What is measured of a run: stands in an expression as its global, which has no value before the run's end. */
typedef struct {
  MMeasureKind kind;
  VEC(MRecordItem) items; /* of VALUES with their expression */
  MExpr *argument;        /* bin, at; NULL: none */
  MExpr *after, *until;   /* NULL: start, end */
  MGlobal *global;
  Span span;
} MMeasure;
typedef struct {
  Name text;    /* as written */
  MExpr *value; /* over globals and measures, as the ends of the interval */
  Dim dim;
  Name unit; /* for output; a value is `unit_scale` times what is shown */
  double unit_scale;
  MDomain interval;
  Span span;
} MExpect;

/* An input that follows a sum or mean over other populations (or the one value of a signal): that of T-dt in the step to
 * T, the same for all elements. */
struct MFeed {
  MPopulation *to; /* or the `cells` of synapses with memory */
  MVar *input;
  bool sum;
  VEC(MRecordItem) items;
  Span span;
};

/* What flows through a continuous synapse is a sum of products, each of what is known of the source, of the target, and of
 * the synapse: factor * weight * pre(t - delay) * post. */
typedef struct {
  MExpr *factor;     /* over globals; NULL: 1 */
  MExpr *each;       /* while it is checked: params that differ from synapse to synapse; then they are the weight. NULL: 1 */
  bool weighted;     /* times the synapse's weight */
  MExpr *pre, *post; /* over variables of the two sides' components, and globals; NULL: 1 */
  MExpr *delay;      /* over globals, dt and draws; NULL: none */
} MStreamTerm;
/* States of continuous synapses: as MPlastic, `cells` is no population of the experiment, and its component is the synapse with a state in the
 * place of the weight. It reads variables of its two cells as inputs. */
typedef struct {
  MVar *inner;  /* of cells->component */
  MExpr *outer; /* over the variables of that side's component */
  bool pre;
} MSight;
typedef struct {
  MVar *state;
  MExpr *value; /* with which it begins: it depends on the cells */
} MBegin;
typedef struct {
  MPopulation *cells;
  MVar *weight; /* NULL: it has none */
  MExpr *flow;  /* what a synapse streams */
  VEC(MSight) sights;
  VEC(MBegin) begins; /* in order of dependence */
} MGated;
/* `connect A -> B.I by … with s`, where s streams; `A -- B.I` is two of them, one of them reversed. */
typedef struct {
  MProjection link; /* who with whom, and the weight; it has no port and no delay */
  MVar *input;      /* of the component into which it flows */
  bool undirected, reversed; /* reversed: from the link's target to its source */
  const MVar *weight; /* as the synapse declares it; NULL: it has none, or params that differ between synapses are in it */
  bool once;        /* both ends are of one population: a pair and its mirror image are one connection, nobody has one with itself */
  VEC(MStreamTerm) terms;
  MGated *gated;    /* synapses with states, and no terms; else NULL */
  Name text;        /* as written */
} MCoupling;

/* Synapses in memory, or made anew at each spike. */
typedef enum { CONNECTIVITY_CHOSEN, CONNECTIVITY_STORED, CONNECTIVITY_PROCEDURAL } MConnectivity; /* chosen: when memory is known */

typedef struct {
  Name name;
  Name subject; /* "brunel", "squid" */
  Name doc, subject_doc;
  Span span;
  VEC(MGlobal *) globals; /* in order of dependence */
  VEC(MPopulation *) populations;
  VEC(MProjection *) projections;
  VEC(MDrive *) drives;
  VEC(MFeed *) feeds;
  VEC(MCoupling *) couplings;
  VEC(MRecord *) records;
  VEC(MPhase) phases;
  VEC(MMeasure *) measures;
  VEC(MExpect *) expects;
  MExpr *dt;
  MExpr *seed;            /* NULL: 1 */
  MExpr *seed_last;       /* seeds = a..b; NULL: one */
  Name method;            /* overrides the choice for all states ("rk4", "euler", …); empty: the compiler chooses */
  double tolerance;       /* of methods with steps of their own, and of coupled steps; 0: not given */
  Span tolerance_span;
  MConnectivity connectivity;
  bool leaps;             /* jumps of `kinetic stochastic` by tau-leaping; else one by one */
  bool joint;             /* steps of what continuous synapses couple agree with each other; else both sides are held */
} MExperiment;

/* ---- fits: parameters of a lone neuron from recordings (language.md §6), or of a network from what its runs show (§7) */

/* One sweep of a recording. */
typedef struct {
  Name path;  /* the file, relative to the model's folder, as written */
  Name sweep; /* HDF5: its group; NWB: name or number; CSV: empty */
  Span span;
  uint32_t cell;
} MSweep;
typedef VEC(MSweep) MSweepList;
typedef enum { SWEEPS_CSV, SWEEPS_HDF5, SWEEPS_NWB } MSweepForm;
typedef struct {
  Name name;         /* as in the file, and in `rec.NAME` */
  Name unit;         /* as written */
  double unit_scale; /* value in coherent units = number in the file * unit_scale */
  Dim dim;
  bool time;         /* the times of the samples; at most one column, never in an expression. None: the file gives the rate */
  Span span;
} MSweepColumn;
/* A list of times in each sweep, read as `rec.NAME`: from the file, or where a column rises through a level. */
typedef struct {
  Name name;
  bool crossings;
  uint32_t column;   /* crossings: of this one, */
  double level;      /* in coherent units */
  Name unit;         /* times: as written, */
  double unit_scale; /* and in ms */
  Span span;
} MSweepEvents;
typedef struct {
  Name name, index;   /* `rec`, and the `s` of `rec[s]` (or empty) */
  Name cell_index;    /* the `c` of `rec[c, s]` (or empty) */
  uint32_t cells;
  MSweepForm form;
  MSweepList sweeps;     /* fitted */
  MSweepList validation; /* only looked at */
  VEC(MSweepColumn) columns;
  VEC(MSweepEvents) events;
  Span span;
} MRecording;

/* A free parameter, or a free initial value of a state. */
typedef struct {
  Name path;      /* "na.g", "V(0)" */
  MVar *var;      /* of the neuron: a param, or */
  bool initial;   /* … a state, whose initial value it is */
  const MPopulation *pop; /* of a network: whose param `var` is, or NULL: */
  VEC(const MPopulation *) others; /* … that share it */
  MGlobal *global;        /* … a param of the network; else NULL */
  VEC(uint32_t) weights;  /* … or of these projections the weight of each synapse; var and global NULL */
  Name unit;
  double unit_scale;
  Dim dim;
  bool per_sweep; /* one value for each sweep */
  bool per_cell;  /* … for each cell */
  uint32_t field; /* a weight: number of its field from 1 on; else 0 */
  double spread;  /* … which begins as a normal number with this standard deviation, 0: where it is declared */
  MDomain domain; /* of both kinds of bounds numbers or expressions over globals; the param's own where none is given */
  MExpr *mean, *sd; /* what is known beforehand, over globals; NULL: nothing */
  Span span, prior_span;
} MFree;

/* What an objective measures of a run. In the objective's expression its `global` stands for it, which has no value before a run. */
typedef enum {
  TERM_MEAN,    /* mean(value): over the steps of all sweeps in the window */
  TERM_LOGLIK,  /* loglik(spike, given = rec.s): log-likelihood of the recorded spikes by the neuron's rate, a sum over the steps */
  TERM_RESIDUAL, /* residual(V, given = rec.V, over = w): mean square of what the trace leaves over in V's own equation, in units of V^2 */
  TERM_FEATURE,  /* van_rossum(spike, given = rec.s, tau = T), amplitude(V, given = rec.V, level = L, smooth = s), …: features.def */
  TERM_CONSTRAINT /* constrain value in [lo, hi]: mean square of by how much it lies outside, in `scale` */
} MTermKind;
typedef enum {
#define FEATURE(id, word, takes, moves, counts, doc) FEATURE_##id,
#include "lang/features.def"
#undef FEATURE
  FEATURES
} MFeature;
typedef struct MTerm {
  MTermKind kind;
  Name text;       /* as written, for reports */
  MExpr *value;    /* mean, constraint, feature of a course: over the neuron's variables after the step, and recordings: MX_SAMPLE, `arg` the column at the step's end */
  MExpr *root;     /* mean: value == root * root where it has this form; else NULL */
  MVar *state;     /* residual: V. Of a constraint: NULL, or of which residual of the stage it is evaluated along the march */
  uint32_t column; /* residual: that of the given trace */
  MExpr *over;     /* residual: w, over globals */
  uint32_t events; /* loglik, feature of spikes: given */
  MFeature feature;
  double tau;      /* … of the filter, in coherent units */
  MExpr *given;    /* feature of a course: the recorded course; NULL: `number` */
  double number, level, smooth; /* … the feature's given value; in coherent units */
  const struct MTerm *like; /* … the first of the stage with the same course, recording, level, smooth and window; NULL: it is the first */
  MExpr *from, *to; /* counted for times in (from, to]; over globals; NULL: all */
  double lo, hi;    /* constraint: where value has to lie; infinite: no bound */
  double scale;     /* … and what counts 1: one of the unit that the names in it are declared in */
  double weight;    /* … its factor in the objective */
  MExpr *around[2]; /* not counted so long from and to each of the events `except`; over globals; NULL: there is no such thing */
  uint32_t except;
  MGlobal *global;
  Span span;
} MTerm;
static inline bool term_is_course(const MTerm *t) { return t->kind == TERM_FEATURE && t->value; }
static inline bool term_is_square(const MTerm *t) { return t->kind == TERM_RESIDUAL || t->kind == TERM_CONSTRAINT || t->root; }

/* A state that is pulled towards a recording: + rate * (trace - state) in its equation. */
typedef struct {
  MVar *state;
  MVar *trace;     /* the recording, as an input */
  uint32_t column;
  MExpr *rate;     /* over globals */
  Span span;
} MForce;

typedef enum {
#define OPTIMIZER(id, name, squares, doc) OPTIMIZER_##id,
#define OPTION(id, name, least, most, given, doc)
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
  OPTIMIZER_COUNT
} MOptimizer;
typedef struct {
  Name name; /* row of optimizers.def */
  double value;
  Span span;
} MOption;
typedef struct {
  const MExpr *root, *factor; /* factor: positive, free of measures; NULL: 1 */
} MSquare;
typedef struct {
  Name name;         /* empty: the fit's only one */
  MExpr *objective;  /* over globals and terms: a plain number, to be made least */
  VEC(MTerm *) terms;
  VEC(MForce) forces; /* in the free run of this stage */
  VEC(uint32_t) searched; /* in MFit.free; empty: all are */
  MOptimizer by;
  VEC(MOption) options;
  uint32_t starts;   /* side by side; 0: what the stage before has left (first stage: 1, the declared values) */
  uint32_t first_measure, n_measures; /* of a network: its terms are these measures of the fit's experiment */
  VEC(MSquare) squares; /* of a network, where the optimizer needs them: the objective is the sum of factor * root^2 */
  Span span, by_span;
} MStage;
/* An unknown function as a small network, whose weights are free params of the fit's own copy of the component. */
typedef struct {
  Name name;
  MVar *value;     /* a let */
  uint32_t first, n_weights; /* in MFit.free */
  Span span;
} MField;
typedef struct {
  MVar *input;
  uint32_t column; /* of the recording: held over each step at its mean there; UINT32_MAX: none */
  MExpr *value;    /* or, without a recording, an expression over globals; else NULL */
  MExpr *field;    /* an expression over fields, alone or added to the recording; else NULL */
  Span span;
} MFitDrive;
enum { MODEL_NO_EVENTS = -1 };
typedef enum { GRADIENT_CHOSEN, GRADIENT_FORWARD, GRADIENT_REVERSE } MGradient;

/* How the derivative of the spikes is taken that the neuron fires by itself. */
typedef enum {
  SPIKES_FIXED,    /* where they are they stay */
  SPIKES_LOCATED,  /* `exact_events`: the crossing is located within its step, and moves */
  SPIKES_SURROGATE /* they stay; a smooth step of the condition's sides stands for the jump of the spike */
} MSpikeGradient;
typedef enum {
#define SURROGATE(id, word, doc, step) SURROGATE_##id,
#include "lang/surrogates.def"
#undef SURROGATE
  SURROGATES
} MSurrogate;
typedef struct {
  MSpikeGradient gradient;
  MSurrogate shape;
  MExpr *width;   /* over globals; of the condition's sides */
  bool detached;  /* what the handler does with the states has no part in it */
  Span span, reset; /* reset: of `reset = …`, if it stands there */
} MFitSpikes;
/* What the spikes of a network carry to others where derivatives are asked for: damping * shape((left - right) / width) / width
 * times the derivative of left - right. */
typedef struct {
  bool given;
  MSurrogate shape;
  double width, damping; /* width: of the condition's sides, in coherent units */
  bool reset;            /* what the handler does to the cell itself has this derivative too */
  Dim dim;
  Span span, reset_span; /* the latter: of `reset = …`, if it stands there */
} MCarried;

typedef struct {
  Name name, doc;
  Span span;
  MExperiment *x; /* the neuron as a network of one population with its globals, dt, seed, method; nothing is recorded */
  bool network;   /* `x` is a network as an experiment would run it, and there are no recordings */
  MRecording data;
  VEC(MFitDrive) drives;
  int32_t spikes;   /* events at which the neuron's spike handlers run, instead of by its own condition; or MODEL_NO_EVENTS */
  Span spikes_span;
  VEC(MFree) free;
  VEC(MField) fields;
  VEC(MStage *) stages;
  MGradient gradient;
  bool compares_spikes; /* some term is of the spikes that the neuron fires by itself */
  MFitSpikes own_spikes; /* those that it fires by itself */
  MCarried carried; /* of a network */
} MFit;

typedef struct {
  Name path;
  uint64_t hash;
} MImport;

typedef struct {
  Name name; /* file name without folder and .nsl */
  Name title;
  const Source *source;
  VEC(MImport) imports;
  VEC(MComponent *) components; /* declared in the file itself and checked, used or not */
  VEC(MExperiment *) experiments;
  VEC(MFit *) fits;
  uint64_t hash; /* of the resolved model: comments and layout not counted */
} Model;

typedef struct {
  AstFile *(*parse)(Session *s, const Source *source); /* lang/ may not call parser/ */
} CheckOptions;

/* Checks a file and everything that it imports. Always returns a Model; it is fit for lowering only if
 * s->errors == 0. Declarations of the standard library (s->stdlib_path/ *.nsl) are visible without import. */

Model *model_check(Session *s, const AstFile *file, const CheckOptions *options);
void model_print(const Session *s, const Model *m, FILE *out); /* `nslc ir --after check` */
uint64_t model_hash_bytes(const char *bytes, size_t n);

#endif
