/* Inside the checker: one network (or a lone neuron) while it becomes an MExperiment.
 *
 * A Net holds what the scope alone does not: value families (params and lets, one MGlobal for each element),
 * population families (one MPopulation for each), and the defaults of all globals. Families are expanded: an
 * expression is checked once for each element, with the binders standing for elements. */
#ifndef NSL_LANG_NET_H
#define NSL_LANG_NET_H

#include "lang/check.h"

enum { NET_MAX_ELEMENTS = 1000000 };

typedef struct {
  bool known;
  double value;
} Known;

/* What an experiment puts in the place of a param's value. */
typedef struct {
  const AstList *indices; /* NULL: the whole param */
  const Ast *value;
  Span span;
  bool draw;
} NetOverride;

/* Axes of a family, with the names of their binders (id 0: none). */
typedef struct {
  uint32_t n, count;
  IndexSet *sets[FAMILY_AXES];
  Name names[FAMILY_AXES];
  Span spans[FAMILY_AXES];
} NetAxes;

typedef enum { NET_VALUE = 1, NET_POP } NetTag; /* first field of what a symbol's context points to */

/* A param or let, with its elements. */
typedef struct {
  NetTag tag;
  Name name;
  Span span;
  const AstItem *item;
  Symbol *symbol;
  bool param, is_enum, failed;
  enum { MARK_NEW, MARK_OPEN, MARK_DONE } mark;
  NetAxes axes;
  MGlobal **elements; /* NULL until checked, or after an error */
  VEC(NetOverride) overrides;
} NetValue;

typedef struct {
  NetTag tag;
  Name name;
  const AstPopulation *ast; /* NULL: a lone neuron */
  Symbol *symbol;
  NetAxes axes;
  MPopulation **elements;
  MComponent *component; /* NULL after an error */
} NetPop;

typedef struct {
  NetPop pop; /* of one element; its elements once checked */
  const AstItem *item;
  VEC(MFeed *) readers;
} NetSignal;

/* A label of connections, with what each element of the `for` behind it has made. */
typedef struct {
  Name name;
  Span span;
  NetAxes axes;
  bool failed; /* there was a message */
  VEC(MProjection *) *elements; /* axes.count of them; one without axes */
  VEC(uint32_t) *streams;       /* the same: couplings, of two directions the first */
} NetLabel;

/* What an experiment sets in the synapse of a label: `ee.gain = 3`, `ee[A].gain = 3`. */
typedef struct {
  const char *label; /* without blanks */
  AstAssign assign;  /* its target is the synapse's own name */
  Span span;
  bool met, failed;
} NetLinkOverride;

typedef struct Net {
  Checker *c;
  Session *s;
  Scope *scope;
  Name name;   /* "brunel": begins the paths of the globals */
  Span span;   /* of the network's name */
  bool neuron; /* a lone neuron: its names are used without the population */
  MExperiment *x;
  VEC(NetValue *) values;
  VEC(NetPop *) pops;
  VEC(NetSignal *) signals;
  VEC(NetLabel *) labels;
  VEC(NetLinkOverride) link_overrides;
  VEC(Known) known;  /* by index of the global */
  uint64_t elements; /* of all families */
  Known dt;          /* of the experiment */
  Scope *paths;      /* of projections and drives, to keep them unique */
} Net;

/* ---- binders (check_network.c) */
bool net_axes(Net *n, const AstList *binders, NetAxes *ret);
/* A scope in which the binders stand for element `at` (row order). */
Scope *net_scope_at(Net *n, const NetAxes *axes, uint32_t at);
Name net_element_name(Net *n, Name base, const NetAxes *axes, uint32_t at);
NetValue *net_value(Net *n, Name name);
NetPop *net_pop(Net *n, Name name);
/* Counts elements against the limit of a network; false after a diagnostic. */
bool net_count(Net *n, Span span, uint64_t more);

/* ---- values (check_value.c): what an expression comes to, as far as it is known before a run */
Known net_known(const Net *n, const MExpr *e); /* params at their defaults */
Known known_literal(const MExpr *e);           /* without globals */
/* 1 inside, 0 outside, -1 not known */
int net_inside(const Net *n, const MDomain *domain, double value);
/* Reports a value that is known and outside. */
bool net_in_domain(Net *n, const MExpr *e, const MDomain *domain, Name what, double scale, Name unit);

/* A statement that cannot stand in a block; hint: what can. */
void net_misplaced(Net *n, const Ast *st, const char *where, const char *hint);

/* ---- parts of a network */
void net_declare_values(Net *n, const AstDecl *decl);          /* check_globals.c */
void net_override(Net *n, const AstAssign *assign);            /* check_globals.c */
void net_check_values(Net *n);                                 /* check_globals.c */
/* The unit of a number, of a list's first one, as the user wrote it; none: empty. */
Name net_unit_written(const Ast *ast);
/* For output: `text` if it is a unit of this dimension, else the coherent one. A value is `scale` times what is shown. */
void net_unit_shown(Net *n, Name text, Dim dim, Name *ret_unit, double *ret_scale);
void net_declare_population(Net *n, const AstPopulation *ast); /* check_population.c */
void net_check_population(Net *n, NetPop *pop);                /* check_population.c */
bool net_place(Net *n, Scope *scope, const Ast *ast, MPopulation *p); /* `at grid(…)`; false after a message (check_place.c) */
void net_override_setting(Net *n, const AstAssign *assign);    /* check_population.c */
/* `cell[L4e].na.w[2]` -> `cell[L4e]`, and the rest as a tree of its own (check_population.c). */
const Ast *net_split(Net *n, const Ast *ast, Ast **ret_rest);
MComponent *net_whole_component(Checker *c, Scope *scope, const Ast *ref); /* what populations are made of; NULL after a message */
void net_lone_population(Net *n, MComponent *component, Span span, const AstList *settings);
void net_declare_signals(Net *n, const AstDecl *decl); /* check_feed.c */
void net_check_signals(Net *n);                        /* after the populations */
void net_check_feeds(Net *n);                          /* after the drives */
void net_close_signals(Net *n);                        /* last: synapses that follow signals in closed form (check_closed.c) */
MPopulation *net_signal_named(const Net *n, Name name); /* NULL: none */
/* `n = da` in a population's braces; false: no input bound to a signal. */
bool net_feed_setting(Net *n, MPopulation *pop, const AstAssign *assign, bool *ret_good);
void net_connect(Net *n, const AstConnect *ast);                                       /* check_connect.c */
/* from, to: of a phase; NULL: always (check_drive.c) */
void net_drive(Net *n, const AstDrive *ast, MExpr *from, MExpr *to);
MVar *net_lone_input(Net *n, const Ast *target); /* of a lone neuron; NULL after a message */
Net *net_check(Checker *c, Symbol *network, MExperiment *x, const AstList *overrides); /* check_network.c */
Net *net_check_neuron(Checker *c, Scope *scope, const AstSubject *subject, MExperiment *x); /* of any kind that stands alone */

/* "`A` is a population and has no `X`", with the nearest that it has; side: the word before the point that the span begins with,
 * NULL: none (check_endpoint.c). */
void net_no_variable(Session *s, const MPopulation *pop, const char *side, const char *name, Span span);

/* ---- endpoints (check_endpoint.c) */
typedef VEC(MSlice) MSliceList;
/* `cell[L4e][0..9]`, `cell[exc]`, `(E, I)` -> slices. `ret_member` (NULL: none allowed) gets a dotted tail:
 * `E.na.m` -> "na.m" and its span. false after a message. */
bool net_slices(Net *n, Scope *scope, const Ast *ast, MSliceList *ret, AstWord *ret_member);
/* Checks that the expression is a whole number in [least, most], as far as it is known; marks globals. */
MExpr *net_count_expr(Net *n, Scope *scope, const Ast *ast, const char *who, double least, double most);
/* What `name[…]` means of a family: positions in row order. false after a message. */
typedef VEC(uint32_t) NetPositions;
bool net_members(Net *n, Scope *scope, Name name, const NetAxes *axes, Span decl, const AstSubscript *sub,
                 NetPositions *ret);
/* label: its place, if it is one. */
Name net_unique_path(Net *n, Name path, Span label);

/* ---- what connections and drives share (check_connect.c) */
/* The `weight` and `delay` of a block of settings; of: "a connection". */
bool net_link_settings(Net *n, const AstList *settings, const char *of, const AstAssign **ret_weight,
                       const AstAssign **ret_delay);
/* The weight for one port: required where the port takes an argument, refused where it takes none. */
bool net_link_weight(Net *n, Scope *scope, Span span, const MPort *port, const AstAssign *weight,
                     MExpr **ret);
bool net_link_delay(Net *n, Scope *scope, const AstAssign *delay, bool zero_allowed, MExpr **ret);
/* The port of a population; NULL after a message. */
MPort *net_port(Net *n, const MPopulation *pop, AstWord member, Span span, uint32_t *ret_index);
/* What a projection with a synapse of its own sends (check_synapse.c). */
typedef struct {
  const MComponent *synapse;
  const AstConnect *ast;
  const AstAssign *weight;
  Name label; /* of the projection, with its binders' labels; begins the paths of the synapse's params. Empty: none */
  MExpr *axonal; /* that part of the delay, of a synapse with memory; NULL: 0 */
  const AstAssign *delay;
  const struct NetPick *pick; /* who its third part is; NULL: it has none */
} Sent;
/* Every variable of a synapse as a projection has it. */
typedef struct {
  Net *n;
  const MComponent *synapse;
  MPopulation *cells; /* set before the begin: whose inputs may be bound to signals; NULL: it has none */
  MSettingList set; /* what the projection and the experiment set */
  Name label;
  MExpr **map; /* by variable, once it was asked for: an expression over globals, perhaps with draws */
  bool *open;
  bool failed;
} NetInline;
bool net_inline_begin(NetInline *in, Net *n, Scope *scope, const Sent *sent); /* false after a message */
void net_inline(NetInline *in, const MVar *var);                              /* to in->map; sets in->failed */
/* What `cells` of a projection's synapses are set to; inner: by variable of the synapse, the same of its copy (check_plastic.c). */
bool net_cells_settings(NetInline *in, MExpr **inner, MPopulation *cells);
/* A synapse that reads variables of both sides or of its third part, checked with these; NULL after a message (check_sides.c). */
MComponent *net_synapse_between(Net *n, const Sent *sent, MPopulation *from, MPopulation *to);
/* A synapse with memory: its weight at the start, and what it is here (check_plastic.c). */
bool net_plastic(Net *n, Scope *scope, const Sent *sent, const MPort *port, MProjection *p);
/* What the names in a stream stand for: variables with the index of a name's, in order of declaration. */
typedef struct {
  const MComponent *synapse; /* a copy of it with these names behind its own variables, from `first` on */
  uint32_t first;
  VEC(MVar *) of; /* the variable itself; NULL: `delay` */
  VEC(bool) post;
  bool alike; /* params must not differ from synapse to synapse */
} StreamNames;
/* Third parts (check_third.c): `astro = A by pool(10)`; whether the synapse has one, and it is said who; false after a message. */
bool net_is_pick(const Ast *st);
bool net_third_known(Net *n, const AstConnect *ast, const MComponent *synapse);
typedef struct NetPick {
  AstWord part;
  Span span;
  MSlice cells;
  MExpr *pool;
  MThird third;
} NetPick;
bool net_has_third(const MComponent *synapse);
bool net_pick(Net *n, Scope *scope, const AstConnect *ast, NetPick *ret); /* false after a message */
MProjection *net_third_link(Net *n, const NetPick *pick, const MProjection *p); /* whom the synapses of p read */
bool net_third(Net *n, Scope *scope, const Sent *sent, const MProjection *p); /* projections and couplings that hang on p */
/* Of a send whose value depends on states: p gets a synapse with memory of its own (check_release.c). */
bool net_release(Net *n, Scope *scope, const Sent *sent, const MThirdSend *send, const MPort *port, MProjection *p);
/* What a third part streams to the link's target (check_stream.c). */
bool net_stream_third(Net *n, Scope *scope, const Sent *sent, const MProjection *link, const MThirdStream *stream, Name part);
Known net_slice_size(const Net *n, const MSlice *slice); /* check_connect.c */
const char *net_without_blanks(const Net *n, const char *text);
/* Keeps it, if its base is the label of a connection in `body`. */
bool net_override_link(Net *n, const AstList *body, const AstAssign *assign);
void net_overrides_met(Net *n); /* reports what has met no synapse */
void net_part_settings(Net *n, AstConnect *ast);        /* `with s { weight = …;  gain = 2 }`: whose is what */
MComponent *net_synapse(Net *n, const AstConnect *ast); /* NULL after a message */
bool net_synapse_weight(Net *n, Scope *scope, const Sent *sent, const MPort *port, MExpr **ret);
/* `axonal(a)` in it, for a synapse with memory; NULL: 0. false after a message. */
bool net_delay_axonal(Net *n, Scope *scope, const AstAssign *delay, MExpr **ret);
/* What a connection makes of a synapse's params and lets, put into expressions over its variables; inputs stay. */
bool net_synapse_inline(Net *n, Scope *scope, const Sent *sent, MExpr **values, uint32_t n_values);
/* A pair of populations joined by a synapse that streams; `base` has the pair and the rule (check_stream.c). */
bool net_stream_pair(Net *n, Scope *scope, const Sent *sent, const MProjection *base, AstWord input);
/* The same of one with states (check_gated.c); link: as a connection without a synapse. Its weight, with bounds (check_stream.c). */
bool net_stream_gated(Net *n, Scope *scope, const Sent *sent, const MProjection *link, MVar *input);
bool net_stream_weight(Net *n, Scope *scope, const Sent *sent, MProjection *link);
/* Terms whose sum is the value of a stream: what is pre's, post's and the synapse's taken apart (check_products.c). */
bool net_stream_terms(Net *n, MExpr *e, const StreamNames *names, MExpr *delay, MCoupling *ret);
/* An input of the population; NULL after a message (check_drive.c). */
MVar *net_input(Net *n, Scope *scope, const MPopulation *pop, AstWord member, Span span);
bool net_delay_has_parts(const Net *n, const Ast *ast); /* `axonal(a) + dendritic(b)` */
MExpr *net_delay_parts(Net *n, Scope *scope, const Ast *ast, const Want *want);
/* Have both populations places, if the connection asks for some? false after a message (check_pair.c). */
bool net_places_known(Net *n, const MPopulation *from, const MPopulation *to);
/* Decides a condition over binders; keeps one over globals. ret_skip: it is false. */
bool net_condition(Net *n, Scope *scope, const Ast *ast, MExpr **ret, bool *ret_skip);

/* ---- experiments (check_experiment.c, check_measure.c) */
void net_record(Net *n, const AstRecord *ast);
/* When phase `at` begins: the sum of the durations before it; NULL: at 0 (check_experiment.c). */
MExpr *net_phase_begin(Net *n, uint32_t at);
/* `record weight of ee`: is it of connections? Then their projections, in order (check_weight.c). */
bool net_weights_meant(Net *n, const Ast *of, Name weight);
bool *net_weights_of(Net *n, const Ast *of); /* by projection: is it one of these connections? NULL after a message */
bool net_record_weights(Net *n, const AstRecord *ast, MRecord *r);
/* `record x of ee`: are these connections, and no population? Then a state of their synapses. */
bool net_label_meant(Net *n, const Ast *of);
bool net_record_states(Net *n, const AstRecord *ast, MRecord *r);
void net_freeze(Net *n, const AstFreeze *ast, MPhase *phase); /* `freeze weight of ee` in it */
void net_expect(Net *n, const AstExpect *ast);
/* Adds an item for each slice: `value` among the variables of its component, all of one dimension (check_measure.c). */
bool net_record_values(Net *n, const Ast *value, const MSliceList *slices, MRecord *r, Dim *ret_dim);
/* Does a cell's variable stand in it, as in `E.V - E.E_L`? */
bool net_has_cells(const Net *n, const Ast *ast);
/* Such an expression for each cell of one population or group, as items of r; who: "sum" (check_cellwise.c). */
bool net_cell_values(Net *n, const Ast *value, const char *who, MRecord *r, Dim *ret_dim);
Dim dim_time(int power); /* ms^power */
/* A time, not negative (or even positive) as far as it is known. NULL after a message. */
MExpr *net_time(Net *n, const Ast *ast, const char *who, bool positive);
/* `dt = 0.1 ms, seed = 1`: what was given, and where (to = 0: not yet). fit: those that a fit has. */
typedef struct {
  Span dt, seed, seeds, method, tolerance, connectivity, jumps, coupling;
} NetRunSeen;
bool net_run_settings(Net *n, const AstList *settings, bool fit, NetRunSeen *seen);
Net *net_check_network(Checker *c, Scope *scope, const AstSubject *subject, MExperiment *x); /* NULL after a message */
void net_run(Net *n, const AstRun *run, NetRunSeen *seen);
void net_check_delays(Net *n); /* when dt is known */
void net_check_steps(Net *n, bool fit);
/* A value over measures in the window of `window`, which is no `expect` itself; NULL after a message (check_expect.c). */
MExpr *net_measured(Net *n, const AstExpect *window, const Ast *value);
void check_experiment(Checker *c, Symbol *experiment);
void check_fit(Checker *c, Symbol *fit); /* check_fit.c */

#endif
