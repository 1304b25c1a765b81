/* The arguments of the functions for devices: what the engine (runtime/device*.c) writes and they read. Pointers are the device's. */
#ifndef NSL_RUNTIME_DEVICE_ARGS_H
#define NSL_RUNTIME_DEVICE_ARGS_H

#include "math/math.h"
#include "runtime/abi.h"
#include "runtime/agreeing.h"
#include "runtime/shuffle.h"

/* The generated kernels read `step`, so do `given` and `begin`, which says in `now` what it was; `collect` and `push` read that, and
 * `collect` lets the clock go on. So nobody reads in a launch what that launch writes, and no launch is needed for the clock alone. */
struct dev_clock { /* struct nsl_clock, which the functions write */
  uint64_t step;
  uint64_t now;
};

/* Sums by port and element, one row for each step to come: row (step & mask). Ports of all populations side by side. */
struct dev_ring {
  void *at;
  uint64_t row; /* sums in a row */
  uint32_t mask;
  uint32_t bytes; /* of a sum: 4, 8 */
};
enum dev_ring_kind { DEV_SUMS, DEV_LONG_SUMS, DEV_COUNTS, DEV_RINGS }; /* long: of float32 programs; counts: events that go straight to states */

struct dev_hold {
  uint64_t *held;
  uint32_t steps;
};

/* Events for handlers that do more than add, in a list for each element and port; ordered by key (of a connection: its rank << 32 | source; those of
 * drives are greater) and number in the source's row. */
struct dev_node {
  uint64_t key;
  double weight;
  uint32_t number, count;
  uint32_t next, element; /* next: 1 + its number; 0: the last */
};
enum { DEV_LISTS = DEV_RINGS }; /* instead of a ring: events go into lists */

struct dev_late_clock { /* of a kernel that runs for the step so long ago, on no elements before there is one */
  struct dev_clock *clock;
  int64_t *count;
  uint64_t delay;
  int64_t n;
  uint64_t every, within; /* every not 0: or one that counts own steps of so many of the run, on no elements between them; or so many in one */
  uint64_t left;          /* of the run, of which so many follow. Its `now` is the step of the run. count: NULL, or 0 between */
};

struct dev_samples { /* of a file, for a drive's kernel: rows by step & mask; this step's go to where the kernel takes them */
  const double *rows;
  double *to;
  const struct dev_clock *clock; /* the kernel's */
  uint64_t mask;
  uint32_t n, pad;
};

struct dev_poisson {
  uint32_t from, to; /* elements */
  uint32_t ring, at; /* enum dev_ring_kind, DEV_LISTS; the sum, or list, of element 0 */
  uint32_t waits_at, pad; /* lists, with delays: the counts of element `from` that wait */
  const double *own_weights; double weight; uint64_t rank; /* lists: as events have them */
  uint64_t key, delay;
  int64_t units;
  const int64_t *own_units;  /* by element from `from`; NULL: units */
  const uint32_t *delays;    /* the same; then `delay` is 0 */
  const NslmPoisson *tables; /* by step & table_mask; NULL: */
  uint64_t table_mask;
  const double *means;       /* by element from `from`; */
  const double *rates;       /* or a rate, which is to be no greater than `most` / dt */
  double dt, most;
  uint64_t *bad;             /* … else step << 32 | element, the least of all */
};
struct dev_bad_rate { /* such a rate, which is kept for the host */
  const uint64_t *bad;
  const double *rates; /* by element from `from` */
  double *value;
  uint64_t from;
};

/* Something that is added to an input: a value for all, or one for each element. */
struct dev_term {
  uint32_t input, from, to; /* elements [from, to) */
  uint32_t column;          /* of the values of this step, */
  const double *values;     /* or by element from `from` */
};

struct dev_turn { /* long sums that become floats */
  uint32_t from, to; /* where element 0's are */
  double unit;
};

struct dev_straight { /* equal additions to a state */
  void *state;
  double weight;
  uint32_t at; /* the count of element 0 */
};

/* How the targets of a source are found where rows are not stored: what stands at a position of its row. See rules.c. */
enum dev_rule {
  DEV_ALL,       /* all targets in order */
  DEV_PARTNER,   /* the one with the same number */
  DEV_DRAWN,     /* drawn for each synapse */
  DEV_DIFFERENT, /* the first of the source's order of all targets */
  DEV_PLACES,    /* of an order of all places of targets that are no sources, */
  DEV_BOTH,      /* that are, but for itself; positions are those of all sources' */
  DEV_ASKED,     /* every target, if the source is among the first of its order */
  DEV_LISTED     /* as they were given, or found when the network was built: elements */
};
struct dev_field { /* what its kernels read of a pair of cells */
  uint32_t kind, axis;              /* enum nsl_field_kind */
  const double *values;             /* EDGE: by position; TABLE: of all pairs, source by source */
  const double *from[3], *to[3];    /* places */
  double around[3];                 /* where they come back; infinite: they do not */
};
struct dev_third { /* who stands at the synapses of a projection, instead of their targets: see third.c */
  uint32_t first, cells, t0, tn; /* of the third parts; of the targets */
  uint32_t pool, blocks;
  double share;
  uint64_t key, order_key;
  struct rt_shuffle order;
};
enum { DEV_TAKES, DEV_WHICH }; /* ordinals of draws by their rule's key */
struct dev_made {
  uint32_t rule, no_self;
  uint32_t s0, t0, tn; /* elements */
  uint32_t both, both_end; /* on both sides, if that matters */
  uint32_t sum;        /* which one of a row of the ring is element 0's */
  uint64_t key, n;
  struct rt_shuffle orders[2]; /* DIFFERENT, ASKED: [1] of one less */
  const uint32_t *listed;
  /* The number of a synapse in its row: its position; or counted from that of the first one of its piece of the row, by piece. Third parts
   * have rows of their own. */
  const uint32_t *ordinals, *third_ordinals, *piece0; /* piece0: by source */
  const struct dev_third *third; /* NULL */
  /* What is drawn for each synapse: numbers of kernels; NSL_NONE: the same for all. */
  uint32_t weight, delay;
  const double *u;
  uint64_t value_key;
  double dt, stretch, lo, hi, per_grain; /* see synapses.c, units.c */
  const struct dev_field *fields;
  const double *given; /* NULL; or weights that are sought, from given_begin of the source on */
  const uint64_t *given_begin;
};

struct dev_group { /* rows of one population's elements that have one form */
  const uint64_t *begin;   /* by element; one more behind the last */
  const struct dev_made *made; /* rows are made anew; NULL: stored, as */
  const uint32_t *targets; /* which sum of a row of the ring */
  const void *delays, *weights; /* NULL: `delay`, `units` for all */
  uint32_t delay_bytes, weight_bytes;
  uint32_t delay, ring;
  uint32_t piece, pad; /* the longest piece of a row */
  int64_t units; /* the weight; or units in a grain of weights */
};

struct dev_past { /* a delayed value: see past.c */
  void *ring, *begin, *end;
  const void *value; /* that of the last step, which has to go into the ring */
  const uint32_t *lag;
  const double *part;
  uint64_t rows;
};

/* What elements show to others through continuous synapses, and what flows: see coupling.h, whose structures these are. */
struct dev_values {
  double *now[2], *ahead[2], *ring; /* ahead: see struct rt_values */
  uint32_t mask, row;
};
struct dev_shown {
  const void *out; /* of the kernel, in the program's precision */
  const struct dev_values *values;
  uint32_t block0, n; /* of threads; elements */
};
struct dev_total { /* of one part of the population */
  const struct dev_values *of, *values;
  uint32_t part, from, end, pad;
  const double *sums; /* of pieces, where it is large: struct dev_tree */
};
struct dev_tree { /* a sum over more numbers than a block adds at once: see tree.h */
  const void *reals; /* NULL, or the numbers; else */
  const struct dev_values *of;
  double *to; /* the sum of each RT_TREE_CHUNK */
  uint32_t from, n, chunk0, n_chunks;
};
struct dev_flow {
  double factor, scale;
  const struct dev_values *shown, *total, *post; /* NULL */
  uint32_t delayed, weighted, n_parts, first, end; /* first, end: of the sources, where a target's own does not count */
  uint32_t but_own;
};
enum { DEV_REACHES = 4 };
struct dev_sight { /* what synapses with states see of a cell */
  const struct dev_values *of;
  void *to; /* reals by synapse */
  uint32_t pre, pad;
};
struct dev_gates { /* those of an inflow; see gating.c */
  const struct dev_sight *sights;
  const uint32_t *source, *target; /* elements, by synapse */
  uint64_t n, count;               /* with those that fill up the last word */
  uint32_t n_sights, block0;
  const void *flows; /* what each streams */
  void *weights;     /* NULL, or a state that stays within bounds */
  double lo, hi;
};
struct dev_inflow {
  const struct dev_gates *gates; /* NULL */
  const struct dev_flow *flows;
  uint32_t n_flows, first, n, lag_all;
  double part_all;
  const uint64_t *start, *begin[DEV_REACHES], *end[DEV_REACHES]; /* begin NULL: there are none */
  const uint32_t *source, *lag, *at;
  const double *weight, *part, *number[2];
  uint32_t alone[DEV_REACHES]; /* their sums are made step by step */
};
struct dev_sink {
  void *input; /* of element 0 */
  double *begin, *flow; /* joint steps, by element from `first`: what flows at T - dt; what flows over the step */
  const struct dev_inflow *inflows;
  uint32_t n_inflows, block0, first, n;
};

struct dev_agree { /* joint steps, while they go on: see device/agree.c */
  struct nsl_clock clock;      /* of the kernels that look ahead; 0: they need not */
  uint64_t step, failed;       /* failed: the step that does not agree; 0: none */
  uint32_t next, trial;        /* the trial whose values come next, and which are judged next; UINT32_MAX: none */
  uint64_t change[2];          /* by parity of the trial: bits of the largest of all */
  struct rt_agreeing state[2]; /* the same: as it begins */
  uint64_t trials, steps;      /* of all steps, and how many those were */
};

struct dev_feed_item {
  const void *out;
  uint32_t first, n;
  const double *sums; /* as in struct dev_total */
};
struct dev_feed {
  const struct dev_feed_item *items;
  double *value, over; /* over: elements, or 1 */
  uint32_t n_items, pad;
};
struct dev_fed {
  const double *value;
  uint32_t input, pad;
};

struct dev_waiting { /* a port of a population with longer steps: what has arrived since its last one, and what the next one takes */
  int64_t *waiting;
  void *taken;
  uint32_t ring, at; /* enum dev_ring_kind; the sum of element 0 */
  double unit;       /* of long sums, which become floats */
};
struct dev_mean { /* the same of an input */
  const void *input;
  double *sum;
  void *mean;
};
struct dev_waits {
  const struct dev_waiting *ports;
  const struct dev_mean *inputs;
  uint32_t n_ports, n_inputs;
};

struct dev_pop {
  uint32_t size, words;
  uint64_t *now;    /* mask of spikes of this step */
  uint64_t last;    /* lanes of its last word that are real */
  uint64_t mask_at; /* its words in a row of the ring of masks */
  uint32_t n_holds, n_poisson, n_inputs, n_terms, n_turns, n_straight, n_groups, group0, n_handled, numbered;
  const struct dev_handled *handled; /* in the order of ports */
  uint32_t n_pasts, n_fed, padded;
  uint32_t every, within; /* steps of the run in one of its own; own steps in one of the run */
  uint32_t pad6;
  const struct dev_waits *waits; /* every > 1 */
  const struct dev_past *pasts;
  const void *states;
  uint64_t stride; /* bytes from one state's array to the next one's */
  uint32_t n_states, pad4;
  const struct dev_fed *fed;
  const struct dev_hold *holds;
  const struct dev_poisson *poisson;
  void *const *inputs;
  const struct dev_term *terms;
  const struct dev_turn *turns;
  const struct dev_straight *straight;
};

struct dev_watched { /* states of a population, or of synapses */
  const void *states;
  uint64_t stride;
  uint32_t n_states, pad;
};
enum { DEV_BY_WATCH = UINT32_MAX - 1, DEV_BY_COLLECT = UINT32_MAX }; /* else `between` of this number */
struct dev_watch { /* of a generated kernel that says what is not finite: the states of that element, as they are then */
  const uint64_t *bad;
  const uint32_t *env_of_block, *first_of_block;
  const struct dev_watched *of; /* by env */
  double *states;
  uint32_t by, every, within, pad; /* by whom; of the launch's clock: see dev_pop */
};

struct dev_given { /* an event that is given */
  uint64_t step; /* at which it arrives */
  int64_t units;
  uint32_t ring, at;
  uint64_t key; /* lists: as events have them */
  double weight;
  uint32_t element, pad;
};

struct dev_apart { /* rows of a projection onto such a port; a row in the order of delays, or */
  const uint64_t *begin;
  const struct dev_made *made; /* made anew, with */
  double weight;               /* this weight, if none is drawn */
  const uint32_t *targets, *numbers, *delays;
  const double *weights;
  uint64_t mask_at; /* the source's words in a row of the ring of masks */
  uint64_t task0;   /* tasks: a delay and a word of the source's mask */
  uint32_t words, least, most; /* delays */
  uint32_t rank, list_at, within; /* within: masks of a step of the run, one behind the other */
};

struct dev_later { /* events that wait for the end of a longer step: of each element a list, in the order in which they will be handled */
  struct dev_node *nodes;
  uint64_t *steps; /* by node: when it came */
  uint32_t *n, *first, *last; /* nodes; by element: 1 + number of a node; 0: none */
  uint64_t most;
};
struct dev_handled { /* a port of a population: its events of this step, those of an element side by side and in order */
  struct nsl_event *events;
  int64_t *n; /* the env's */
  const struct dev_later *later; /* NULL: they are handled at once */
  uint64_t most;
  uint32_t list_at, pad;
};

/* Synapses with memory (plastic.c): a projection's, row by row; a row: the synapses of a source in a part (a shard of the host). */
struct dev_cell { /* a state of presynaptic cells: by row; what its synapses see of it: by synapse */
  const void *from;
  void *to;
};
struct dev_seen { /* a state of postsynaptic cells: before the spikes of a step, behind them; */
  const void *before, *outer;
  void *ring, *history, *later; /* before recent spikes, by element; by step, later: NULL, or behind the spikes; */
  void *to;                     /* what a synapse sees of it */
};
struct dev_other { /* a state of cells that are no targets: sources, or third parts */
  const void *now, *spiked;      /* of the first cell; just before its spike, NULL: third parts */
  const uint64_t *spikes;        /* sources: the mask of this step */
  void *before, *after;          /* rows of n by step: just before spikes; when a step is over. NULL: the target's own, which is there */
  void *to, *row_to;             /* what a synapse sees of it; a source's own statement */
  uint32_t first, n;
};
struct dev_follow { /* a signal that is followed: now, and how many events it has had; the same behind the last one that synapses know of */
  const double *value, *count;
  double *kept, *counted;
  void *to;
};
struct dev_signal { /* of the step before; for each synapse, each row */
  const double *value;
  void *to, *row_to;
};
struct dev_learn_each { /* what is sent goes to a handler one by one */
  void *waits;               /* by send, by step % length: reals by synapse, n of them; NaN: it has sent nothing */
  const uint32_t *number;    /* by synapse: in its source's row */
  const void *const *told;   /* by send; NULL, or reals by synapse: is it sent? */
  uint64_t n;
  uint32_t length, list_at, rank, pad;
};
enum { DEV_POST, DEV_POST_FROZEN, DEV_PRE, DEV_PRE_FROZEN, DEV_CELLS, DEV_NOW, DEV_WHOLE, DEV_WHOLE_FROZEN, DEV_ROWS, DEV_LEARN_LISTS }; /* from DEV_WHOLE on: what is stepped */
struct dev_plastic {
  const uint64_t *begin, *onto_begin; /* by row, by target: its synapses; one more behind the last */
  const uint32_t *target, *delay, *row, *onto; /* by synapse; onto: those of a target in the order of delays. NSL_NONE: fills up a row */
  const uint64_t *frozen; /* steps (from, to] in which weights stand still */
  uint32_t n_rows, sources, source0, n_frozen;
  uint32_t axonal, least, most, padded; /* steps; dendritic; elements */
  uint32_t words, ring, history, sums;  /* of the targets' mask; lengths of rings */
  uint64_t source_at, target_at;        /* words in a row of the ring of masks */
  uint64_t *now;                        /* the targets' mask of this step, */
  uint64_t last_lanes;                  /* … lanes of its last word that are real */
  uint64_t *last;                       /* by row: the step of its last event */
  uint32_t *spikes, *n_spiked;          /* by target: when; how many there were */
  void *elapsed, *since, *row_since;    /* reals by synapse; by row */
  const struct dev_cell *cells;
  const struct dev_seen *seen;
  const struct dev_signal *signals;
  uint32_t n_cells, n_seen, n_signals;
  uint32_t *lists[DEV_LEARN_LISTS], *listed; /* what generated kernels run for, and how many of it */
  uint32_t runs[DEV_LEARN_LISTS], n_sends;
  const void *const *sent;              /* by send: reals by synapse */
  const uint32_t *after;
  double units, largest, dt;
  int64_t *waits;                       /* sums under way, by step */
  uint32_t to_ring, to_at;              /* enum dev_ring_kind; the sum of element 0 */
  void *const *looks;                   /* NULL: nothing is stepped. By state of `cells`: reals by row, as of the step before */
  uint64_t n_all;                       /* synapses that are stepped */
  const struct dev_learn_each *each;    /* NULL: what is sent is summed, in the three above */
  uint64_t number;
  void *const *draws; /* by draw: reals by synapse */
  uint64_t key, n_draws;
  const struct dev_other *others;
  const uint32_t *third; /* by synapse: which cell of the others it is, or NSL_NONE */
  uint32_t n_others, others_ring; /* rows: a power of two */
  const struct dev_follow *follows;
  uint64_t *signalled, n_follows; /* the step of that event */
  void *since_signal;
};

struct dev_between { /* argument of `between` */
  const struct dev_args *args;
  uint64_t nth; /* of the finer steps */
};

struct dev_piece { /* part of a row that a warp sends */
  uint64_t begin;
  uint32_t n, group, source, pad;
};

/* What spikes carry beside their weights: see carry.h */
struct dev_sender { /* cells that send, of a population: its states that are lanes */
  const double *lanes;
  uint64_t stride; /* from one lane to the next */
  uint32_t first, n;
};
struct dev_carried { /* a synapse */
  double weight;
  uint32_t sender, delay;
};
struct dev_carried_input { /* where a lane arrives: elements side by side, of each the synapses [begin[i], begin[i + 1]) */
  double *to;
  const uint64_t *begin;
  uint64_t task0;
  double unit;
  uint32_t lane, pad;
};
struct dev_carry {
  const struct dev_sender *pops;
  const struct dev_carried_input *inputs;
  const struct dev_carried *synapses;
  double *kept;  /* of recent steps: [step & mask][sender][lane] */
  uint32_t *any; /* … [step & mask][sender]: not all of them are 0 */
  uint64_t mask, n_tasks;
  uint32_t n_lanes, n_senders, n_inputs, pad;
};

/* What each step reads is kept for the way back: see track.h, track.c. By population */
struct dev_track_port {
  uint64_t sum; /* of element 0 */
  double unit;
  uint32_t taken, pad;
};
struct dev_track {
  const double *states, *inputs;
  const uint64_t *held, *prev; /* prev: NULL */
  const struct dev_track_port *ports;
  uint64_t state_stride, input_stride, held_stride, row, mask_row; /* doubles, words */
  double *rows; /* NULL: nothing is kept of this population */
  uint64_t *masks, from, to; /* steps (from, to] */
  uint32_t n_states, n_ports, n_inputs, n_holds, padded, words;
};

struct dev_args {
  struct dev_clock *clock;
  uint32_t f32, n_pops;
  struct dev_ring rings[DEV_RINGS];
  const struct dev_pop *pops;
  const uint32_t *pop_of_block, *first_of_block; /* of `begin` and `collect` */
  uint64_t *masks;   /* of recent steps: row (step & mask_mask) of mask_row words */
  uint64_t mask_row, mask_mask;
  const double *values;   /* of inputs that change: row (step & value_mask) of value_row columns; */
  const uint32_t *changed; /* and is any of a row's other than in the step before? */
  uint64_t value_row, value_mask;
  const struct dev_given *given;
  uint64_t n_given;
  const struct dev_group *groups;
  struct dev_piece *pieces;
  uint32_t *n_pieces;
  const struct dev_apart *aparts;
  uint32_t n_aparts, most_nodes;
  uint64_t n_tasks;
  struct dev_node *nodes;
  uint32_t *n_nodes, *lists;
  uint32_t ticks, n_shown, n_totals, n_sinks, n_feeds, pad; /* ticks: the clock goes on in a launch of its own */
  const struct dev_shown *shown;
  const struct dev_total *totals;
  const struct dev_sink *sinks;
  const struct dev_gates *gates;
  const struct dev_tree *trees; /* first those of what is shown */
  uint32_t n_gates, n_chunks, n_shown_chunks, pad7; /* chunks: of all trees */
  const struct dev_feed *feeds;
  const struct dev_watch *watches;
  uint32_t n_watches, pad5;
  const struct dev_samples *samples;
  uint32_t n_samples, pad3;
  const struct dev_late_clock *late;
  uint32_t n_late, pad2;
  struct dev_agree *agree; /* NULL: what flows is held */
  double tolerance;
  const struct dev_bad_rate *bad_rates;
  uint64_t n_bad_rates;
  uint32_t *lost; /* events for which there was no room */
  const struct dev_plastic *plastics;
  uint64_t n_plastics;
  uint64_t *bad_sent; /* step << 32 | number of the projection, the least of all */
  const struct dev_carry *carry;
  const struct dev_track *track; /* by population */
};
/* A function of a step. While the clock stands it does nothing: joint steps do not agree yet (device/agree.c). */
#define DEV_KERNEL(name)                                                       \
  static void dev_do_##name(const void *arguments);                            \
  DEV_FUNCTION(name) {                                                         \
    const struct dev_args *of = arguments;                                     \
    if (of->clock->step) dev_do_##name(arguments);                             \
  }                                                                            \
  static void dev_do_##name(const void *arguments)

enum { DEV_THREADS = 128 }; /* of a block */
enum { DEV_PIECE = 128, DEV_MADE_PIECE = 256 }; /* synapses: stored, four for each thread; made anew */

/* ---- the way back through a network's run (fit_network_device.c), step by step; `now`: that which is gone back through */
struct dev_back_clock {
  uint64_t step, now, from, n; /* the history has n steps behind `from` */
};
struct dev_back_copy { /* what a step has read: a quantity of the history's row, to where kernels read it */
  double *to;
  uint64_t quantity;
};
struct dev_back_mask { /* the same of a mask, as numbers */
  double *to;
  uint64_t word;
};
struct dev_back_due { /* the adjoint of what arrives at a port */
  const double *adjoint;
  double unit;
  uint64_t port;
};
struct dev_back_bucket { /* synapses of one row, port and delay */
  uint64_t first, weight; /* the first target; the first weight, UINT64_MAX: all are 1 */
  double units;           /* times the sum */
  uint32_t n, delay, port, how;
};
enum { DEV_BACK_LAST = 1, DEV_BACK_PLAIN = 2 }; /* how: the last of its row; one sum, not four */
struct dev_back_weights { /* of single synapses that are looked for: of source s0 + i from begin[i] on */
  const uint64_t *begin;
  const uint32_t *to, *delays; /* delays NULL: `delay` */
  double *by;
  uint32_t s0, sn, delay, port;
};
struct dev_back_sum { /* of adjoints times what arrived, over elements */
  const double *adjoint;
  double *by;
  uint64_t quantity;
  uint32_t pop, pad;
};
struct dev_back_pop {
  const struct dev_back_copy *copies;
  const struct dev_back_mask *unpacked;
  double *const *zeros; /* adjoints that begin anew with each step */
  const struct dev_back_due *dues;
  const struct dev_back_weights *weights;
  struct nsl_env *envs[2]; /* of both kernels */
  const double *spikes, *slopes;
  double *spike;         /* its adjoint */
  const uint64_t *begin; /* buckets by cell; NULL: nobody is reached */
  const uint32_t *seats; /* by element: where in a row of `due` */
  uint64_t row, mask_row, before; /* before: of the history's block, for each step, what is of populations before */
  uint32_t size, padded, n_copies, n_unpacked, n_zeros, n_dues, n_weights, pad;
};
struct dev_back {
  struct dev_back_clock *clock;
  const struct dev_back_pop *pops;
  const uint32_t *pop_of_block, *first_of_block;
  const double *history;
  double *due; /* [step & mask][port][element] */
  const struct dev_back_bucket *buckets;
  const uint32_t *targets;
  const double *weights;
  const struct dev_back_sum *sums;
  uint64_t mask, n_ports, n_elements, n_sums;
};

/* ---- fits (fit_device.c) */
struct dev_move { /* of n doubles */
  double *to;
  const double *from;
  uint64_t n;
};
struct dev_moves {
  const struct dev_move *moves;
  uint64_t n;
  uint32_t blocks; /* that share one */
};

/* Walks of NSL_MARCH_LANES lanes: by walk `row` doubles, with the states from `states` on, lane by lane. */
struct dev_diverge {
  const double *rooms;
  uint64_t row, states, n;
  const uint32_t *sums; /* states that are sums of terms */
  uint32_t n_sums;
  uint32_t *stopped;    /* by walk */
};

#endif
