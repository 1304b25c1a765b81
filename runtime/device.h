/* Inside of the engine that runs steps on a device (device.c), over the driver's functions or the emulator's (gpu.h). */
#ifndef NSL_RUNTIME_DEVICE_H
#define NSL_RUNTIME_DEVICE_H

#include "runtime/device/args.h"
#include "runtime/gpu.h"
#include "runtime/sim.h"
#include "runtime/tree.h"

struct rt_values;
struct rt_inflow;

/* What the device's memory is used for. */
enum dev_use {
#define REGION(id, text) DEV_USE_##id,
#include "runtime/device_regions.def"
#undef REGION
  DEV_USES
};

enum dev_function { /* rows of device.def */
#define DEVICE(name, blocks, doc) DEV_FN_##name,
#include "runtime/device/device.def"
#undef DEVICE
  DEV_FUNCTIONS
};

/* Where things of a population are: offsets in the device's block, sums of a row of a ring. */
struct dev_place {
  uint64_t live, live_bytes; /* what steps change and the host looks at, one after another: */
  uint64_t states, inputs, held, prev, now, past_live; /* past_live: begin and end of each delayed value */
  struct dev_past_place *pasts;
  uint64_t params, real_stride, mask_stride; /* from one array to the next */
  uint64_t mask_at;
  uint64_t waiting, sums;    /* of what has longer steps than the run: by port, by input */
  uint64_t olds;             /* by state */
  uint32_t *sum_at, *long_at, *count_at, *list_at; /* by port; NSL_NONE: has none */
};

struct dev_past_place { /* offsets */
  uint64_t ring, value, lag, part;
};
struct dev_values_place {
  struct rt_values *values;
  uint64_t now[2], ahead[2], ring;
};
struct dev_inflow_place {
  const struct rt_inflow *inflow;
  uint64_t start, source, lag, at, weight, part, number[2], begin[DEV_REACHES], end[DEV_REACHES];
};
struct dev_gate_place { /* synapses with states of an inflow; offsets */
  const struct rt_inflow *inflow;
  uint64_t n, count, stride; /* count: with padding; stride: bytes from one array to the next */
  uint64_t states, inputs, out, source, target, *params;
};
struct dev_kept { /* an array that does not change */
  uint64_t at;
  const void *data;
  uint64_t bytes;
};
struct dev_entry { /* of a launch of a generated kernel: its env */
  uint32_t pop;
  const struct nsl_code *code;
  uint64_t out; /* offset of OUT */
};

struct dev_apart_rows { /* of a projection onto a handler that does more than add */
  const struct rt_proj *proj;
  const struct rt_group *group;
  uint64_t *begin, n;
  uint32_t least, most; /* delays */
  uint64_t begin_at, targets_at, numbers_at, delays_at, weights_at;
  struct dev_rows *made; /* NULL: they are stored */
};
struct dev_handled_port {
  const struct rt_pop *pop;
  uint32_t port;
  uint64_t most, events_at; /* events in a step */
  uint64_t count;           /* address of their number */
  uint64_t later, steps, ends, n_at; /* of a longer step: nodes, when they came; by element the first, the last; how many */
};

struct rt_plastic;
struct rt_plastic_shard;
struct dev_part { /* synapses with memory of one shard: from `base` on */
  struct rt_plastic_shard *q;
  uint64_t base;
};
struct dev_plastic_place { /* a projection whose synapses have memory; offsets */
  const struct rt_plastic *p;
  struct dev_part *parts;
  uint32_t n_parts;
  uint64_t n, n_rows; /* synapses, with those that fill up segments; rows of all parts */
  uint64_t begin, onto_begin, target, delay, row, onto, last, spikes, n_spiked, elapsed, since, row_since, listed, waits;
  uint64_t lists[DEV_LEARN_LISTS];
  uint64_t *states, *params, *cells, *sees; /* by state, by param; sees: of other sides. 0: it is not of this kind */
  uint64_t *ring, *history, *later, *out;   /* by state that is seen; by send */
  uint64_t *before, *after, *rows_see, third, follow; /* of cells that are no targets, by state that is seen; rows_see: by row. Which cell is a synapse's own; signals that are followed */
  uint64_t *told, *rows_told;               /* by input: by synapse, by row; 0: it is no signal, and no draw */
  uint64_t *looks, n_all;                   /* where synapses are stepped: by state of sources' cells; how many real ones there are */
  uint64_t each_waits, each_number;         /* p->each: see struct dev_learn_each */
  uint32_t each_length;
};

struct dev_carry_place { /* derivatives along synapses (carry.h): lists of synapses by target */
  uint64_t *list0, *begin, n, n_lists, length; /* length: steps that are kept */
  uint32_t n_senders;
  struct dev_carried *synapses;
  uint64_t begin_at, synapses_at, kept_at, any_at, any_bytes; /* offsets */
};

struct dev_rows { /* the rows of a group, as they are on the device */
  const struct rt_group *group; /* NULL: of a projection whose rows are made anew, */
  const struct rt_proj *proj;
  struct dev_made made;         /* in this way; */
  const uint32_t *list;         /* or are few, or were given: elements; NULL */
  uint32_t *ordinals, *third_ordinals, *piece0; /* NULL; numbers of synapses by piece, pieces by source */
  uint64_t n_ordinals, ordinals_at, third_ordinals_at, piece0_at;
  uint64_t synapses;            /* of the projection, in its first part */
  uint32_t least, most;         /* delays, onto handlers that do more than add */
  const struct rt_pop *pop;
  uint64_t *begin; /* by source */
  int64_t units;
  uint64_t n;
  uint32_t ring, delay, delay_bytes, weight_bytes; /* delay: of all, if they have no bytes */
  uint64_t begin_at, targets_at, delays_at, weights_at; /* offsets */
};

struct dev_cover { /* which blocks of threads have which elements: addresses */
  const uint32_t *which, *first;
  uint32_t n;
};
static inline bool rt_device_is_apart(const struct dev_rows *r) { return r->ring == DEV_LISTS; } /* its rows are made in `due_made`, not pushed */
static inline uint32_t rt_device_piece(const struct dev_rows *r) { return r->proj ? DEV_MADE_PIECE : DEV_PIECE; }

enum dev_generated { DEV_STEP, DEV_AHEAD, DEV_GATE, DEV_RECEIVE, DEV_FINISH, DEV_LATE, DEV_DRAW, DEV_LEARN };
struct dev_launch {
  struct rt_gpu_function *function;
  const char *what;
  enum dev_function fn; /* if it is none that was generated */
  enum dev_generated kind;
  uint32_t port; /* of a handler; or a number that tells launches with one kernel apart */
  struct dev_pace *pace; /* NULL: its populations step with the run; */
  uint32_t nth;          /* … which of the own steps; functions: behind which */
  uint32_t blocks, shared; /* shared: bytes of a block's own memory */
  uint64_t args;   /* offset */
  uint32_t kernel; /* generated: its number; NSL_NONE */
  struct dev_entry *entries; /* generated: envs, in order */
  uint32_t n_entries;
  struct dev_cover cover;
};

/* Drives whose values the host computes, step by step, before the batch. */
struct dev_column { /* of the table of values: a current */
  const struct rt_drive *drive;
  uint64_t each_at; /* one value for each element, always the same: offset of its values; else 0 */
};
struct dev_table { /* Poisson tables of a rate that changes, by step */
  const struct rt_drive *drive;
  uint64_t at, room_at, room; /* offsets; numbers in a table's room */
};

struct dev_draw { /* a drive whose kernel runs on the device */
  const struct rt_drive *drive;
  uint32_t first, n;     /* whole blocks of 64 elements */
  uint64_t delay, stride, arrays, out, clock, samples; /* offsets; arrays: by binding of the code */
  uint64_t count;        /* address of the env's */
};

struct dev_image { /* tables on their way to the device */
  char *at;
  size_t used, cap;
  bool failed;
};

/* Some steps that are sent off together, and what comes back behind them. There are two, so that the device need not wait for the host. */
struct dev_batch {
  uint64_t from; /* steps from + 1 … from + n */
  uint32_t n;
  struct rt_gpu_event *computed, *done; /* of the steps so far; of all, and what comes back */
  char *say;       /* pinned: what the host says of these steps before, */
  uint64_t *masks; /* who has spiked, by step & (DEV_BATCH - 1), */
  uint64_t *bad;   /* by launch: see struct nsl_launch, */
  uint64_t *look_steps;
  char *looks; /* and the arrays behind the steps at which the host looks at them: */
  uint64_t looks_at; /* where those that are looked at wait until they have come */
  uint32_t n_looks;
};

struct dev_own_clock { /* of an own step of a population in one of the run */
  uint64_t at;      /* offset */
  uint64_t *counts; /* addresses: of envs that have no elements between own steps */
  uint32_t n_counts;
};
struct dev_pace { /* a population with a step of its own */
  const struct rt_pop *pop;
  uint64_t stride; /* from one array to the next; offsets: */
  uint64_t taken, means; /* means: 0 of finer ones, whose ports all take zeros from `taken` until the last own step */
  struct dev_own_clock *clocks; /* by own step in one of the run */
};

struct rt_device {
  struct dev_pace *paces;
  uint32_t n_paces, most_within;
  bool waits_at_all; /* some have longer steps */
  struct rt_sim *s;
  struct rt_gpu gpu;
  bool lent; /* it stays open */
  struct rt_mem mem, pass; /* pass: of what is being done */
  struct rt_gpu_stream *stream, *beside; /* steps; what comes back while they run */
  rt_gpu_at block; /* of memory; all offsets are in it */
  uint64_t bytes, used[DEV_USES];
  uint32_t threads; /* of a block */
  struct dev_place *places; /* by population */
  uint64_t live, live_bytes;
  uint64_t ring_at[DEV_RINGS], ring_bytes[DEV_RINGS], ring_row[DEV_RINGS];
  uint32_t ring_mask;
  uint64_t masks_at, mask_row, mask_mask;
  uint64_t globals_at;
  struct dev_rows *rows; /* by group, or where rows are made anew by projection and part of it; in the order of source populations */
  uint32_t *rows_of;     /* by population: its first ones */
  uint32_t n_rows;
  uint64_t most_pieces, pieces_at, count_at;
  struct dev_apart_rows *aparts;
  struct dev_handled_port *handled;
  uint32_t n_aparts, n_handled;
  uint64_t n_lists, most_nodes, nodes_at, lists_at;
  struct dev_plastic_place *plastics; /* by projection whose synapses have memory */
  struct dev_carry_place carry;
  struct dev_kept *kept;
  size_t n_kept, kept_cap;
  struct dev_values_place *shown_values; /* by number of rt_coupling_values */
  struct dev_inflow_place *inflows;      /* by shard and sink */
  uint32_t n_values, n_inflows, show_blocks, couple_blocks, n_gates, gate_blocks;
  struct dev_gate_place *gates; /* by coupling and shard */
  struct dev_tree *trees;       /* while tables are made */
  uint32_t n_trees, most_trees; /* most_trees: as they are planned */
  bool sums_shown, sums;        /* some are over so many elements that there may be trees: of what is shown, of all */
  uint64_t *total_sums, *feed_sums; /* by total and part, by item: where the sums of pieces are; 0: there are none */
  uint64_t agree_at, flows_at, flows_bytes; /* joint steps; agree_at 0: there are none */
  void *agreed;    /* pinned: how far they have come */
  uint64_t failed; /* the step that did not agree; 0: none */
  uint32_t trial_begin, trial_end; /* launches of a trial */
  uint64_t *shown_at, *feed_items, feeds_at; /* where kernels put what is shown, and what is summed */
  uint32_t *waits; /* by drive: where the counts that wait begin */
  struct dev_given *given;
  size_t n_given, given_cap;
  uint64_t given_at;
  struct dev_column *columns;
  uint32_t n_columns;
  uint64_t say_at, say_bytes, changed_at, values_at; /* what the host says of each batch before it begins */
  uint64_t began; /* the step behind which this call of the engine began; */
  uint64_t known; /* … of which the host last knew all */
  bool there, ahead; /* the device has what belongs to s->step, and needs nothing of the host; the host has not */
  uint64_t odd;   /* step << 32 | synapses with memory that have sent what is no number; UINT64_MAX: none */
  struct dev_draw *draws;
  uint32_t n_draws, n_samples;
  struct dev_table *tables;
  uint32_t n_tables;
  uint64_t clock_at, bad_at, args_at, tables_at;
  struct dev_image image;
  struct dev_launch *launches;
  uint32_t n_launches, element_blocks, most_entries, most_states;
  bool ticks; /* generated kernels run behind `collect`, and read the clock */
  double *straight; /* by port of the model: the weight of events that go straight to a state */
  char *staging; /* pinned: live_bytes */
  struct dev_batch batches[2];
  bool *looked; /* by population: recorded, measured, or part of a digest */
  uint64_t look_bytes; /* their arrays */
  uint32_t most_looks;
  struct rt_gpu_graph_exec *one, *many; /* a step, and DEV_MANY of them */
  uint32_t *degrees; /* by element of all populations: its synapses */
  uint64_t *degree0; /* by population */
};
/* Behind the launches' numbers of what went wrong. Lost events; what a synapse sends. */
enum { DEV_BAD_LOST, DEV_BAD_SENT, DEV_BAD_MORE };
enum { DEV_TRIALS = 4 }; /* in a pass through the launches of a joint step: weak couplings need three */
enum { DEV_MANY = 16, DEV_BATCH = 64 }; /* steps whose inputs and masks are kept; a power of two */

/* What went wrong: a number for each launch, DEV_BAD_MORE further ones, then the states of an element for each launch, a rate's step and element, and
 * the rate, for each drive. In numbers of 8 bytes. */
static inline uint64_t rt_device_wrong_at(const struct rt_device *d, uint32_t launch) {
  return d->n_launches + DEV_BAD_MORE + (uint64_t)launch * d->most_states;
}
static inline uint64_t rt_device_rate_at(const struct rt_device *d, const struct dev_draw *w) { return rt_device_wrong_at(d, d->n_launches) + 2 * (uint64_t)(w - d->draws); }
static inline uint64_t rt_device_bad_bytes(const struct rt_device *d) { return rt_device_rate_at(d, d->draws + d->n_draws) * sizeof(uint64_t); }
/* ---- device_refuse.c: what cannot run on a device yet, with place and reason */
int rt_device_refuse_model(const struct rt_sim *s);
int rt_device_refuse(const struct rt_sim *s);
/* ---- device_plan.c */
uint64_t rt_device_reserve(struct rt_device *d, enum dev_use use, uint64_t bytes); /* offset */
uint64_t rt_device_keep(struct rt_device *d, const void *data, uint64_t bytes); /* data that does not change: where it is there; 0: there is none. While it is planned */
int rt_device_plan(struct rt_device *d);
int rt_device_allocate(struct rt_device *d); /* all at once; what does not fit is told before */
/* ---- device_looks.c: what the host looks at while steps run */
int rt_device_looks_plan(struct rt_device *d);
void rt_device_looks_steps(struct rt_device *d, struct dev_batch *b); /* at which steps of a batch, and how long it may be for them */
int rt_device_look_fetch(struct rt_device *d, const struct dev_batch *b, uint32_t look); /* behind its step */
int rt_device_looks_end(struct rt_device *d, const struct dev_batch *b); /* `done` when all has come */
/* ---- device_rows.c */
int rt_device_rows_count(struct rt_device *d);
int rt_device_rows_write(struct rt_device *d);
/* ---- device_made.c: rows that are made anew at each spike */
int rt_device_made_count(struct rt_device *d);
void rt_device_made_plan(struct rt_device *d, struct dev_rows *g);
int rt_device_made_write(struct rt_device *d, struct dev_rows *g);
uint64_t rt_image_made(struct rt_device *d, const struct dev_rows *g); /* address of struct dev_made */
uint32_t rt_device_made_sum(const struct rt_device *d, const struct rt_proj *p, uint32_t *ret_ring); /* element 0's */
/* ---- device_events.c */
int rt_device_events_plan(struct rt_device *d);
int rt_device_events_write(struct rt_device *d);
int rt_device_events_masks(struct rt_device *d, uint64_t *rows); /* spikes under way, as masks of recent steps */
int rt_device_later_up(struct rt_device *d); /* events that wait for the end of a longer step: device_waits.c */
int rt_device_later_back(struct rt_device *d);
uint64_t rt_image_later(struct rt_device *d, const struct dev_handled_port *h);
uint64_t rt_image_handled(struct rt_device *d, const struct rt_pop *p, uint32_t *ret_n); /* address of struct dev_handled */
void rt_image_aparts(struct rt_device *d, struct dev_args *a);
/* ---- device_pace.c */
int rt_device_paces_plan(struct rt_device *d);
struct dev_pace *rt_device_pace_of(const struct rt_device *d, const struct rt_pop *p); /* NULL: it steps with the run */
void rt_device_paces_again(struct rt_device *d); /* before tables are made */
void rt_device_pace_env(struct rt_device *d, const struct dev_launch *l, const struct nsl_code *code, void **slots, struct nsl_env *env);
const struct nsl_clock *rt_device_pace_launch(struct rt_device *d, const struct dev_launch *l, uint64_t envs); /* the clock of a launch with these envs */
uint32_t rt_device_pace_clocks(const struct rt_device *d); /* at most */
uint32_t rt_image_pace_clocks(const struct rt_device *d, struct dev_late_clock *list);
uint64_t rt_image_waits(struct rt_device *d, const struct rt_pop *p);
int rt_device_paces_up(struct rt_device *d);
/* ---- device_late.c */
typedef int dev_late_fn(struct rt_device *d, const struct nsl_code *code, uint32_t pop, uint64_t out);
int rt_device_late_plan(struct rt_device *d);
int rt_device_late_write(struct rt_device *d);
int rt_device_late_launches(struct rt_device *d, dev_late_fn *add);
int rt_device_late_up(struct rt_device *d);
int rt_device_late_back(struct rt_device *d);
uint64_t rt_image_pasts(struct rt_device *d, const struct rt_pop *p);
uint64_t rt_image_fed(struct rt_device *d, const struct rt_pop *p, uint32_t *ret_n);
void rt_image_late(struct rt_device *d, struct dev_args *a);
/* ---- device_couple.c: continuous synapses */
int rt_device_couplings_plan(struct rt_device *d);
int rt_device_couplings_launches(struct rt_device *d, bool ahead, dev_late_fn *add);
void rt_image_couplings(struct rt_device *d, struct dev_args *a);
int rt_device_couplings_up(struct rt_device *d);
int rt_device_couplings_back(struct rt_device *d);
const struct dev_values *rt_device_values_of(const struct rt_device *d, const struct dev_values *first, const struct rt_values *x);
/* ---- device_gates.c: those with states */
int rt_device_gates_plan(struct rt_device *d);
int rt_device_gates_launches(struct rt_device *d, bool step, dev_late_fn *add);
struct nsl_env rt_device_gate_env(struct rt_device *d, uint32_t number, const struct nsl_code *code);
struct dev_watched rt_device_gate_watched(const struct rt_device *d, uint32_t number);
void rt_image_gates(struct rt_device *d, struct dev_args *a, const struct dev_values *values);
const struct dev_gates *rt_device_gates_of(const struct rt_device *d, const struct dev_gates *list, const struct rt_inflow *f); /* NULL: it has none */
int rt_device_gates_move(struct rt_device *d, bool up);
/* ---- device_sums.c: sums over many elements */
uint64_t rt_device_sums_plan(struct rt_device *d, uint64_t n); /* where n numbers have the sums of their pieces; 0: they are few */
enum { DEV_SUMS_SHARED = (RT_TREE_LANES + RT_TREE_CHUNK) * sizeof(double) }; /* memory of a block */
void rt_image_sums_begin(struct rt_device *d);
const double *rt_image_sum(struct rt_device *d, uint64_t at, struct dev_tree tree); /* address of the sums of pieces; NULL */
void rt_image_sums_end(struct rt_device *d, struct dev_args *a);
/* ---- device_couple.c: joint steps */
double rt_device_trials(const struct rt_device *d); /* of a joint step, on average */
int rt_device_agreed(struct rt_device *d, uint64_t *ret_done); /* joint steps: waits; steps that are done, and d->failed */
/* ---- device_carry.c: derivatives of networks along synapses; nothing where there are none */
int rt_device_carry_plan(struct rt_device *d);
int rt_device_carry_write(struct rt_device *d);
int rt_device_carry_up(struct rt_device *d);
const struct dev_carry *rt_image_carry(struct rt_device *d);
const struct dev_track *rt_image_track(struct rt_device *d); /* what steps have read (track.h) */
/* ---- device_plastic.c */
const char *rt_device_plastic_lacks(const struct rt_sim *s, const struct nsl_projection *def); /* why it cannot run there; NULL */
int rt_device_plastic_plan(struct rt_device *d);
int rt_device_plastic_write(struct rt_device *d);
/* LOOK, STEP: of what is stepped, its sources' cells, itself; DUE: postsynaptic spikes and the sources' cells; SENDS: presynaptic events; SENT: what they do to the cells;
 * MEET: events of signals that are followed */
enum dev_learn_phase { DEV_LEARN_LOOK, DEV_LEARN_STEP, DEV_LEARN_DUE, DEV_LEARN_SENDS, DEV_LEARN_SENT, DEV_LEARN_MEET };
int rt_device_plastic_launches(struct rt_device *d, enum dev_learn_phase phase, dev_late_fn *add); /* of kernels; `pop` is a number for rt_image_learn */
bool rt_device_plastic_steps(const struct rt_device *d); /* is anything stepped? */
uint64_t rt_image_learn(struct rt_device *d, uint32_t number, const struct nsl_code *code); /* address of struct nsl_env */
void rt_image_plastics(struct rt_device *d, struct dev_args *a);
/* ---- device_plastic_others.c: what they are told besides */
bool rt_device_follows(const struct rt_device *d); /* do any follow signals? */
int rt_device_others_plan(struct rt_device *d, struct dev_plastic_place *at);
int rt_device_others_write(struct rt_device *d, const struct dev_plastic_place *at);
int rt_device_others_move(struct rt_device *d, const struct dev_plastic_place *at, bool back);
void rt_image_learn_others(struct rt_device *d, const struct dev_plastic_place *at, struct dev_plastic *to);
int rt_device_plastic_up(struct rt_device *d);
int rt_device_plastic_back(struct rt_device *d); /* to s->step */
void rt_device_plastic_masks(const struct rt_device *d, uint64_t *rows);
int rt_device_plastic_queues(struct rt_device *d, const uint64_t *rows);
/* ---- device_plastic_each.c: those onto handlers that do more than add */
void rt_device_plastic_each_plan(struct rt_device *d, struct dev_plastic_place *at);
int rt_device_plastic_each_write(struct rt_device *d, const struct dev_plastic_place *at);
uint64_t rt_image_plastic_each(struct rt_device *d, const struct dev_plastic_place *at); /* address of struct dev_learn_each */
int rt_device_plastic_each_up(struct rt_device *d, const struct dev_plastic_place *at);
int rt_device_plastic_each_back(struct rt_device *d, const struct dev_plastic_place *at, const uint64_t *rows);
void rt_device_plastic_each_masks(const struct rt_device *d, const struct dev_plastic_place *at, uint64_t *rows);
/* ---- device_tables.c: arguments of all launches; twice: how large they are, and with addresses */
int rt_device_tables(struct rt_device *d);
int rt_device_launches(struct rt_device *d);
/* ---- device_drives.c */
int rt_device_drives_plan(struct rt_device *d);
int rt_device_drives_write(struct rt_device *d);
/* Values and tables of the steps from + 1 … from + n. */
int rt_device_drives_batch(struct rt_device *d, const struct dev_batch *b);
uint64_t rt_image_put(struct rt_device *d, const void *data, uint64_t bytes); /* address */
uint64_t rt_image_poisson(struct rt_device *d, const struct rt_pop *p, uint32_t *ret_n); /* address of struct dev_poisson */
uint64_t rt_image_terms(struct rt_device *d, const struct rt_pop *p, uint32_t *ret_n);
/* ---- device_draws.c */
bool rt_device_draws(const struct rt_drive *drive);
const struct dev_draw *rt_device_draw_of(const struct rt_device *d, const struct rt_drive *drive); /* NULL: the host computes its values */
int rt_device_draws_plan(struct rt_device *d);
int rt_device_draws_launches(struct rt_device *d, dev_late_fn *add);
void rt_device_draws_reserve(struct rt_device *d);
void rt_device_draws_batch(struct rt_device *d, const struct dev_batch *b);
int rt_device_say_rows(struct rt_device *d, const struct dev_batch *b, uint64_t at, uint64_t row, uint64_t delay);
int rt_device_draws_say(struct rt_device *d, const struct dev_batch *b);
uint64_t rt_image_bad_rates(struct rt_device *d, uint64_t *ret_n);
uint64_t rt_image_samples(struct rt_device *d, uint32_t *ret_n);
struct nsl_env rt_device_draw_env(struct rt_device *d, uint32_t i);
uint64_t rt_image_late_clocks(struct rt_device *d, uint32_t *ret_n);
int rt_device_draws_up(struct rt_device *d);
int rt_device_draws_back(struct rt_device *d);
/* ---- device_way.c: how many synapses the spikes under way have still to reach */
int rt_device_left(struct rt_sim *s, uint64_t *ret);
/* ---- device_sync.c */
int rt_device_upload(struct rt_device *d);   /* what the host's simulation is at s->step */
int rt_device_download(struct rt_device *d, uint64_t began); /* the same back; the call began behind this step */
void rt_device_take(const struct rt_device *d, char *live); /* live arrays of the populations that are looked at, to the host's */
void rt_device_masks_take(const struct rt_device *d, const uint64_t *row, uint64_t step);
/* The elements of a slice that spike, behind `end` others in a list; gives its new end. */
uint64_t rt_device_spikes(const struct rt_device *d, const struct rt_slice *c, const uint64_t *row, uint32_t *ids, uint64_t end);
static inline uint32_t rt_device_sum_bytes(const struct rt_device *d, uint32_t ring) {
  return ring == DEV_LONG_SUMS || (ring == DEV_SUMS && !d->s->program->f32) ? 8 : 4;
}
/* ---- device.c */
int rt_device_copy_to(struct rt_device *d, uint64_t to, const void *from, uint64_t bytes, const char *what);
int rt_device_copy_from(struct rt_device *d, void *to, uint64_t from, uint64_t bytes, const char *what);
int rt_device_move(struct rt_device *d, bool up, uint64_t at, void *host, uint64_t bytes, const char *what);
int rt_device_wait(struct rt_device *d, const char *what);

#endif
