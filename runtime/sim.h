/* One simulation: what setup.c, layout.c and connect.c make of a program's tables, and run.c runs.
 *
 * Elements are numbered in their population. A shard is a set of slices of populations with their
 * accumulators and the synapses onto them; it is the unit of work, owned by one thread. Shards are a property
 * of the model, never of the threads. */
#ifndef NSL_RUNTIME_SIM_H
#define NSL_RUNTIME_SIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/abi.h"
#include "runtime/hot.h"
#include "runtime/mem.h"
#include "runtime/nsl.h"
#include "runtime/phases.h"

#define RT_NO_STEP UINT64_MAX

/* hot.def as a struct of function pointers, taken from the level. */
struct rt_hot {
#define HOT(name, arguments, doc) void(*name) arguments;
#include "runtime/hot.def"
#undef HOT
};

/* Projections of one source population that share rows: they have one form and reach one array of a shard. */
struct rt_group {
  uint8_t form;   /* enum rt_form_id; RT_APART: one projection onto a handler that does more than add (events.h) */
  uint32_t rank;  /* apart: of the projection */
  uint32_t nth;   /* the accumulators' array: number of the port in its class */
  uint32_t port;  /* straight: the port of the model */
  int64_t units;  /* the weight, if there is one for all; else units in a grain */
  double weight;  /* straight: the same as a real */
  uint32_t index; /* in the sim's groups: index of `reach` in rt_delivery */
  uint32_t delay; /* steps; */
  bool late;      /* or synapses have delays of their own */
};

/* A row of forms.def. */
struct rt_form {
  const char *name, *text;
  uint8_t bytes, weight_bits, sum_bytes;
  bool behind;
};
extern const struct rt_form rt_forms[RT_N_FORMS]; /* forms.c */

struct rt_part {
  uint32_t shard, slice;
};

/* One delayed value of a population (past.c). */
struct rt_past {
  char *ring;       /* rows of padded reals */
  char *begin, *end; /* x(T - dt - d), x(T - d) of the step to T */
  uint32_t rows, longest;
  uint32_t *lag; /* by element: whole steps, and the part of the next one */
  double *part;
  bool uniform; /* the same for all elements of a slice */
};

/* Where the cells of a population are, in um; axes that are not given are 0. */
struct rt_places {
  double *at[3];
  double period[3]; /* 0: what leaves on one side does not come back */
  uint32_t n_axes;
};

struct rt_pop {
  const struct nsl_population *def;
  const struct nsl_class *class;
  uint32_t index, size, padded, words;
  double dt;             /* its own step, */
  uint32_t within, every; /* so many within one of the run, or one for so many of these; the other one is 1 (pace.c) */
  int64_t **waiting;     /* every > 1: by port, what has arrived since its last own step; */
  double **sums;         /* by input, the sum since then; */
  void **means;          /* and the means that its step sees */
  bool lumped; /* it runs the class's lumped step (lump.c) */
  uint32_t stride; /* words from one mask of the ring to the next */
  uint64_t first, key; /* first: number of element 0 among all elements of the model */
  double *u;
  void **states, **params, **inputs;
  void **olds;              /* by state: its value at T-dt, or NULL (class->has_finish) */
  struct rt_count *counts;  /* by element: its events in this step; NULL: nobody asks */
  uint64_t **held, *prev;
  struct rt_past *pasts; /* by delayed value of the class */
  double **columns; /* while `init` runs */
  uint64_t *ring;          /* spike masks of recent steps: ring_len times stride */
  uint32_t ring_mask;      /* ring_len - 1; a power of two minus 1 */
  uint32_t *hold_steps;    /* by hold */
  uint32_t port0;          /* number of port 0 among all ports of the model */
  struct rt_lane *lanes;   /* by block of 64 elements */
  struct rt_group *groups; /* outgoing */
  uint32_t n_groups, n_out; /* n_out: projections from here */
  uint64_t row0;         /* of source 0, group 0 in a shard's rows; a source's groups lie side by side */
  struct rt_part *parts; /* its slices in the order of elements */
  uint32_t n_parts;
  struct rt_places *places; /* NULL: nowhere */
};

struct rt_count {
  uint32_t step, n;
};

/* One (population, port): the unit of its accumulators (units.c). */
struct rt_port {
  uint32_t pop, port;
  uint32_t same;    /* union-find: ports that had better share a unit */
  double unit;      /* value of 1 in its accumulators, a power of two */
  double joint;     /* while units are chosen: the largest of those that share one */
  bool long_sums;   /* int64; always so in float64 programs, in float32 ones where int32 is not proved enough */
  bool plastic;     /* synapses with memory reach it: sums are int64 */
  bool exact;       /* weights of single synapses are searched for: they are held as finely as can be */
  bool used;        /* something adds to its accumulators */
  double need;      /* bound of a sum in one step */
  double finest;    /* the least of the typical weights; 0: none */
  const char *finest_of, *place; /* path and place of what has it */
  double drive_sum; /* bound of what drives may add in one step */
  double drive_typical; /* the least of their typical weights; 0: none */
  const char *drive_path, *drive_place;
  uint32_t rank0, n_ranks; /* of the projections onto it, if its handler does more than add */
};

struct rt_row {
  uint32_t at, n, delay; /* first bucket, its synapses, its delay; at 0: no synapses here */
};

/* A handler that does more than add. */
struct rt_receive {
  nsl_kernel_fn *kernel;
  void **slots;
};

/* Spikes of one row that are due in a step. */
struct rt_due {
  uint64_t key;   /* rank of the projection << 32 | source */
  uint32_t event; /* in the table of spikes under way */
  uint32_t at;    /* synapses done */
};

/* A kernel's pointer to an array that holds one number for all elements of a slice (blocks.c). */
struct rt_flat {
  void **slot, *array;
};

/* Events that wait for the end of a longer step, for one port of a slice, in the order in which they will be handled. */
struct rt_later {
  struct nsl_event *at;
  size_t cap;
  uint64_t n;
};

struct rt_rest; /* rest.c */
/* Part of a population that a shard owns: elements [first, first + count), count a multiple of 64. */
struct rt_slice {
  struct rt_pop *pop;
  uint32_t first, count;
  uint32_t base;       /* number of its first element in the shard: a multiple of 64 */
  void **slots;        /* of the step kernel */
  void **finish_slots;
  void **spike_at[2];  /* pointers to the mask of spikes among the slots */
  uint32_t n_spike_at; /* 0: no spikes */
  nsl_kernel_fn *step, *finish; /* finish: behind the events, or NULL */
  struct rt_receive *receive;   /* by port */
  struct rt_later *later;       /* by port: pop->every > 1 */
  void ***past_slots;           /* by delayed value: of the kernel of x */
  struct rt_drive_part **draws; /* Poisson counts that are drawn block by block */
  struct rt_flat *flats;
  uint32_t n_draws, n_flats;
  struct rt_flat *ports_at; /* within > 1: where kernels take what arrives, */
  uint32_t n_ports_at;
  void *nothing;            /* or find nothing */
  uint64_t last_mask; /* lanes of the last word that are real */
  struct rt_rest *rest; /* rest.c; NULL: every block is computed in every step */
  uint64_t again;     /* the last step at which an element spiked that was held, 0: none did */
};

/* Spikes of a shard in one batch: elements by step and slice. */
struct rt_spikes {
  uint32_t *ids;
  uint64_t *ends; /* of (step in the batch, slice): end in ids */
};

struct rt_error_at {     /* a state that is not finite */
  _Atomic uint64_t step; /* RT_NO_STEP: none */
  uint32_t pop, element, state;
  uint32_t stage;               /* which of the population's kernels in this step found it, from 0 */
  const struct rt_drive *drive; /* NULL, or the drive that went wrong, at `element` */
  const struct rt_inflow *inflow; /* NULL, or whose */
  uint64_t synapse;               /* … state of this synapse it is */
  double value; /* of the drive, or of the state as it was found */
};

enum { RT_WARNINGS = 16 };
struct rt_file { /* that the run has read */
  const char *path;
  uint64_t hash;
};

struct rt_shard { /* on cache lines of its own: its thread writes it in every step */
  _Alignas(64) struct rt_sim *sim;
  uint32_t index, n_slices, n_elements; /* elements: padded slices, one after another */
  uint32_t n_ports;                     /* most ports of a class here */
  bool has_pasts; /* a population here has delayed values */
  bool torn;      /* there was no memory for an event */
  struct rt_slice *slices;
  /* accumulators by port number of a class, indexed by the element's number here: int64_t, in a float32 program int32_t;
   * in one block of memory */
  void **acc, *acc_block;
  uint64_t acc_bytes;
  int64_t **sums, *sums_block; /* float32: of the ports with long_sums, cleared by rt_sums_turn; else NULL */
  uint64_t sums_bytes;
  uint64_t *store;
  uint64_t store_cap; /* in units */
  _Atomic uint64_t store_used;
  struct rt_row *rows;
  struct rt_delivery delivery;
  size_t events_cap;
  struct rt_spikes spikes[2];   /* of this batch and the one before */
  uint64_t n_input_changes;     /* how often inputs have been written */
  uint64_t n_resting;           /* blocks at rest (rest.c) */
  uint8_t *reached;             /* by 64 elements: a spike reaches one of them in this step; */
  bool reached_known;           /* if that has been looked at */
  uint64_t reached_step;
  uint64_t n_rested;            /* elements times steps that were not computed, since they were at rest */
  void *nothing;                /* zeros; NULL: nobody needs them */
  uint64_t met;                 /* the step after which all threads last met */
  uint64_t next_input;          /* the next step at which an input may change */
  struct rt_drive_part *drives; /* what is driven here: events first, then currents */
  uint32_t n_events, n_drives;
  uint64_t next_probe;                 /* the next step at which a measure looks at a variable */
  uint64_t next_record;                /* the next step at which a variable is recorded */
  uint64_t next_check, next_digest;    /* the next steps of --verify (verify.h) */
  struct rt_seen *seen;                /* by parity of the batch; NULL: no --verify */
  struct rt_snapshot *snapshot;        /* of this step, if it is a sampled one */
  void *record_scratch;                /* one slice of OUT */
  struct rt_apart *apart;              /* rows made anew: instead of `due` */
  size_t apart_cap;
  uint32_t n_apart, at_apart;          /* [0, at_apart) are handled; */
  struct rt_apart *learnt;             /* the same of synapses with memory (plastic_each.c) */
  size_t learnt_cap;
  uint32_t n_learnt, at_learnt;
  struct rt_due *due;                  /* of this step, sorted; [0, at_due) are handled */
  size_t due_cap;
  uint32_t n_due, at_due;
  struct nsl_event *batch; /* NULL: no handler does more than add */
  struct rt_laps laps;
  _Alignas(64) struct rt_error_at bad; /* read by all threads after every interval */
};

/* Weights of a projection's synapses that somebody else says: those of source k from begin[k] on, in the order of rt_synapses_of. */
struct rt_given {
  const uint64_t *begin;
  const double *weights; /* NULL: as declared */
};
struct rt_rule; /* rules.h */
/* Connections that are given one by one: those of a projection's source k are begin[k] .. begin[k + 1]. */
struct rt_edges {
  uint64_t *begin;
  uint32_t *target; /* elements */
  uint64_t n;
  uint32_t most;    /* onto one target */
};
struct rt_proj {
  const struct nsl_projection *def;
  uint32_t index;
  struct rt_pop *source, *target;
  uint32_t s0, sn, t0, tn; /* slices: first element and number */
  bool self;               /* `no self` matters: both sides are the same population */
  uint64_t n;              /* indegree, outdegree, total_number */
  uint64_t *counts;       /* total_number among pairs with a condition: by source; */
  double crowd;           /* of these and of outdegree: the most that a target has on the average; 0: there is no condition */
  double p;
  double weight, delay; /* when they are not drawn */
  uint32_t delay_steps;
  bool drawn_weight, drawn_delay;
  double lo, hi;  /* of the weight */
  bool each;      /* each synapse holds its weight: drawn, or the source has too many different ones */
  double typical; /* |weight|: the median */
  double largest; /* |weight| that is allowed for; while rows are packed it is checked */
  double spread;  /* standard deviation of weights that are drawn from a law; 0: they have one value, or few */
  double grain;   /* weights are whole multiples of it, */
  int64_t grain_units; /* and it is one of so many of the port's units; a power of two */
  bool weight_single; /* float32 is enough to draw weights that become whole grains */
  const struct nsl_code *weight_code, *delay_code; /* the kernels that draw them */
  uint8_t form;   /* enum rt_form_id or RT_APART */
  uint32_t group; /* of the source's groups */
  uint32_t rank;  /* if the handler does more than add: in what order */
  uint32_t port;  /* number among the ports of the model */
  uint64_t key, rule_key;
  double *u;
  double expected; /* number of synapses, roughly */
  struct rt_rule *rule;
  const struct rt_proj *of; /* of a third part: whose synapses it stands at; NULL: there are none (third.c) */
  struct rt_edges *edges; /* of a rule that gives them; NULL */
  const double *edge_values; /* of a matrix, by edge */
  const double **fields;  /* by field of the projection: its numbers (pairs.h) */
  const struct rt_given *given; /* NULL: weights are as declared */
  struct rt_nearby *nearby; /* its targets by place, where rows are drawn by parts of space (chance.c); NULL */
};

struct rt_event_at { /* a given event */
  uint64_t step;    /* at which it is emitted; its delay is not in it */
  uint32_t element; /* NSL_NONE: for every target */
  uint32_t nth;     /* among those given: which of `given` is its weight */
};

struct rt_drive {
  const struct nsl_drive *def;
  uint32_t index;
  struct rt_pop *target;
  uint32_t t0, tn;
  uint64_t key;
  nsl_kernel_fn *kernel; /* NULL: the value never changes */
  double value;          /* current, rate */
  uint64_t from, to;     /* a current without a kernel acts on steps (from, to] */
  double *given;         /* by event; NULL: */
  double *weights;       /* by target; NULL: */
  double weight;
  int64_t *given_units, *units; /* the weights as integers; NULL: */
  int64_t weight_units;
  bool each; /* onto a handler that does more than add: events are given one by one */
  uint32_t *delays; /* by target, in steps; NULL: */
  uint32_t delay_steps, most_delay;
  NslmPoisson table; /* poisson, where the rate never changes */
  double mean;      /* events in a step; of a changing rate the most */
  bool all_looked;  /* at every step for it */
  struct rt_event_at *events; /* sorted by step */
  uint64_t n_events;
  struct rt_samples *samples; /* by file */
};

struct rt_drive_part { /* a drive's elements in one slice: [from, to) */
  const struct rt_drive *drive;
  const struct rt_slice *slice;
  uint32_t from, to;
  uint64_t at;       /* events: the next of them */
  void **slots;      /* of the kernel */
  double *out;       /* what the kernel gives: a block, or all blocks if each element has its own */
  bool known;        /* the drive is steady, and `out` holds its values */
  double **inputs;   /* of its files */
  double **states;   /* of its processes */
  uint32_t **columns; /* by file, by element from `from`: which column; NULL: the only one */
  double now;        /* current: the last value; rate: that of the table */
  NslmPoisson table;
  uint64_t *room; /* the table's */
  bool in_blocks;           /* drawn by rt_drive_draw, */
  const NslmPoisson *drawn; /* from this table in this step; NULL: no events */
  int64_t *ring;     /* where delays differ: weights (`each`: events) under way, by step and element */
  uint32_t ring_mask;
};

/* Counts and intervals between spikes in a window of time, over slices of populations. */
enum { RT_CV_SPIKES = 4 }; /* a coefficient of variation of fewer says nothing */
struct rt_isi {
  uint32_t last, n;
  double sum, squares;
};
struct rt_meter {
  uint64_t after, until; /* steps in (after, until] */
  uint64_t spikes;
  uint64_t first;     /* step of the first of them, 0: none */
  struct rt_isi *isi; /* by element; NULL: only counted */
  uint64_t n_isi;
  uint64_t bin;       /* steps; 0: spikes are not kept */
  uint64_t *marks;    /* element << 32 | bin of each spike */
  size_t n_marks, marks_cap;
};
struct rt_watch { /* a part of a population that a meter looks at */
  uint32_t pop, from, to;
  struct rt_meter *meter;
  uint64_t isi0; /* of element `from` */
};

struct rt_probe; /* probe.c */
struct rt_measure {
  const struct nsl_measure *def;
  uint64_t after, until;  /* steps in (after, until] */
  struct rt_meter *meter; /* of spikes, or: */
  struct rt_probe *probe; /* of values */
  double elements;
};

struct rt_expect {
  const struct nsl_expect *def;
  double value; /* coherent units; NaN: no data */
  bool holds;
};

struct rt_setting {
  const char *path, *text; /* text NULL: the number, in coherent units */
  double number;
};
/* How rows lie in memory: a source has one in each shard (hot.h), or one for all shards (streams.c). */
enum rt_rows { RT_ROWS_CHOSEN, RT_ROWS_BY_SHARD, RT_ROWS_BY_SOURCE };

struct rt_config { /* what the command line or nsl.h asks for */
  const char *experiment, *fit, *out;
  const char *compare; /* --compare; NULL: none */
  struct rt_setting *sets; /* text NULL: the number, in coherent units */
  uint32_t n_sets;
  bool has_seed, has_duration, csv, force, quiet, describe, help, no_report, verify, all_cells;
  uint64_t seed;
  double duration;
  enum nsl_connectivity connectivity; /* NSL_CONNECTIVITY_CHOSEN: as the experiment says */
  enum rt_rows rows;
  uint32_t threads; /* 0: as many as there are processors */
  uint32_t device, gpu; /* enum rt_device_kind of gpu.h; which one, or RT_GPU_ANY */
  double checkpoint_s, checkpoint_ms; /* between two checkpoints: wall time in s, model time; 0: not asked for */
  const char *resume;                 /* a folder, or a checkpoint in it */
  const char *profile; /* --profile: of a fit; NULL: none */
  const char **allowed; /* --allow-read */
  uint32_t n_allowed;
};

struct rt_checkpoint; /* checkpoint.h */
struct rt_procedural; /* procedural.c */
struct rt_streams;    /* streams.h */
struct rt_plastic;    /* plastic.h */
struct rt_team;     /* threads.h */
struct rt_ranks;    /* ranks.h */
struct rt_trade;    /* trade.h */
struct rt_recorder; /* record.c */
struct rt_gather;   /* gather.h */
struct rt_verify;   /* verify.h */
struct rt_out;      /* out.h */
struct rt_samples;  /* data.h */

struct rt_feed_item {
  const struct nsl_record_item *def;
  struct rt_pop *pop;
  uint32_t first, n;
  uint64_t at; /* in the values of all feeds */
  void **slots;
};
struct rt_feed { /* an input that follows a sum or mean (feed.c) */
  const struct nsl_feed *def;
  struct rt_feed_item *items;
  uint64_t elements;
  double value; /* of the end of the last step */
  double shown[2]; /* of the last two, by the step's parity: one thread reads the next while others still ask for the last */
};

struct rt_couplings; /* coupling.h */
struct rt_device;    /* device.h */
struct rt_sim {
  struct rt_device *device; /* NULL: steps run on the processor */
  bool stays; /* what a device has done stays there behind rt_run, until somebody looks: rt_device_settle */
  struct rt_couplings *couplings; /* NULL: there are no continuous synapses */
  struct rt_feed *feeds;
  const struct rt_given *given; /* by projection of x; NULL: all weights are as declared */
  struct rt_track *track; /* track.c; NULL: nobody goes back */
  struct rt_carry *carry; /* carry.c; NULL: spikes carry nothing but their weights */
  uint32_t n_feeds;
  void *feed_scratch;
  double *feed_values; /* by item and element */
  uint64_t n_feed_values;
  const struct nsl_program *program;
  const struct nsl_experiment *x;
  const struct nsl_level *level;
  struct rt_hot hot;
  struct rt_mem mem, build_mem;
  double *G;
  uint8_t *set;
  double dt, duration;
  uint64_t seed, n_steps, step; /* step: the last one done */
  uint32_t real_size;
  uint32_t n_pops, n_shards, n_ports, n_projs, n_drives, n_groups, n_ranks, n_expects, n_measures, n_watches;
  struct rt_pop *pops;
  struct rt_port *ports;
  struct rt_shard *shards;
  struct rt_proj *projs;        /* those whose synapses have memory behind the others */
  struct rt_plastic *plastics;  /* what these have; */
  bool moves; /* synapses have states, which may be recorded */
  uint32_t n_plastic, max_plastic; /* how many; their longest delay */
  double plastic_bytes;         /* that they will take on this machine */
  struct rt_drive *drives;
  struct rt_expect *expects;
  struct rt_measure *measures;
  struct rt_watch *watches;
  struct rt_meter **pop_meters;
  bool long_sums;   /* float32: some ports have them */
  struct rt_ranks *ranks; /* NULL: one process */
  struct rt_trade *trade;
  bool all_cells; /* those at rest are computed too */
  uint32_t own0, own1; /* shards [own0, own1) are this process's: of others it has no states, synapses or drives */
  uint64_t n_elements, n_rows, n_synapses, n_flows; /* n_flows: continuous synapses, those of both directions once */
  uint32_t min_delay, max_delay; /* steps, over what was built; 0: nothing was */
  uint32_t interval;             /* steps between exchanges */
  uint32_t batch;                /* most steps whose spikes are kept until they are counted: whole intervals */
  uint32_t threads;
  enum nsl_connectivity connectivity; /* asked for; when connected: what it is */
  const char *connectivity_why;
  enum rt_rows rows;                  /* asked for; when connected: how they are stored, if they are */
  const char *rows_why;
  bool by_source;                     /* rows are made anew, or stored by source: events come through queues, */
  struct rt_procedural *procedural;   /* these; NULL: rows are stored by shard */
  struct rt_streams *streams;         /* NULL: rows are not stored by source */
  struct rt_team *team;
  struct rt_recorder *recorder; /* NULL: nothing is recorded */
  struct rt_gather *gather;     /* NULL: no report will be written */
  struct rt_verify *verify;     /* NULL: no --verify */
  struct rt_checkpoint *checkpoint; /* NULL: none are written */
  double build_s, simulate_s, simulate_cpu_s, output_s;
  uint64_t state_hash;   /* of the end, and what the run has cost: of all ranks */
  struct rt_costs costs;
  const volatile int *interrupt; /* NULL: cannot be interrupted */
  uint64_t pause_at; /* rt_run returns 0 at the end of the interval that holds this step, even before its end; 0: not */
  bool (*pause)(struct rt_sim *s, uint64_t step); /* the same, soon after this says so (first thread); NULL: never */
  void (*progress)(struct rt_sim *s,
                   uint64_t step); /* NULL: none; called by the first thread after an interval */
  double progress_began, progress_last;
  uint64_t progress_from; /* the step at which this process began */
  const char *const *allowed; /* --allow-read */
  uint32_t n_allowed, n_files, n_warnings;
  struct rt_file *files;
  const char *warnings[RT_WARNINGS];
};

/* ---- setup.c */
int rt_level_choose(struct rt_sim *s);
int rt_setup(struct rt_sim *s,
             const struct rt_config *config); /* G, dt, seed, duration, sizes of populations */
double rt_value(const struct rt_sim *s, uint32_t slot, double without);
/* Slice of a table entry as first element and number; `what` and place are for messages. */
int rt_slice_range(struct rt_sim *s, const struct nsl_slice *slice, const char *place, uint32_t *ret_first,
                   uint32_t *ret_n);
/* Rounds a time to steps, to the nearest, half up. */
double rt_steps(double time, double dt);
/* ---- layout.c */
static inline bool rt_is_own(const struct rt_sim *s, uint32_t shard) {
  return shard >= s->own0 && shard < s->own1;
}
bool rt_cut_at_pages(const struct rt_pop *p, uint32_t n_shards); /* parts begin at multiples of 8 blocks */
uint32_t rt_part_of(const struct rt_pop *p, uint32_t shard, uint32_t n_shards);
int rt_layout(struct rt_sim *s); /* shards, state arrays, accumulators */
int rt_init(struct rt_sim *s);   /* derive and init kernels, hold rings: after the units are known */
nsl_kernel_fn *rt_kernel(const struct rt_sim *s, const struct nsl_code *code);
/* The pointers that a code's bindings mean for a population; port pointers stay NULL. */
int rt_slots(struct rt_sim *s, const struct rt_pop *p, const struct nsl_code *code, void ***ret_slots);
/* ---- record.c: opened before the run; spikes and samples are taken from the shards, files are written
 * between intervals */
int rt_record_open(struct rt_sim *s, struct rt_out *out,
                   bool csv); /* out NULL: keep spikes of all populations in memory */
void rt_record_step(struct rt_shard *h, uint64_t step); /* samples due at this step */
uint64_t rt_record_next(const struct rt_sim *s, uint64_t step); /* the first step behind this at which samples are due; RT_NO_STEP */
int rt_record_spikes(struct rt_sim *s, uint64_t from, uint32_t n_steps, uint32_t parity);
bool rt_record_full(const struct rt_sim *s,
                    uint64_t step); /* the samples must be written before the next interval */
int rt_record_flush(struct rt_sim *s, uint64_t step); /* samples up to this step */
int rt_record_close(struct rt_sim *s); /* all written up to s->step; files closed, not renamed */
void rt_record_drop(struct rt_sim *s);
/* ---- connect.c */
int rt_connect(struct rt_sim *s);
/* ---- forms.c */
uint64_t rt_bucket_units(uint32_t form, uint64_t n); /* with its header; also of RT_APART */
struct rt_synapse {
  uint32_t element; /* number in the shard */
  int64_t grains;   /* the weight, of forms that hold one for each; else 0 */
};
struct rt_synapse rt_synapse_at(uint32_t form, const uint64_t *bucket, uint32_t i); /* not of RT_APART */
/* The accumulators of a slice's first element. One of the two is NULL. */
struct rt_acc {
  int64_t *wide;
  int32_t *narrow;
};
struct rt_acc rt_acc(const struct rt_shard *h, const struct rt_slice *c, uint32_t port);
/* Long sums of a float32 program's slice become the floats that its step kernel takes. */
void rt_sums_turn(struct rt_shard *h, const struct rt_slice *c);
void rt_sums_clear(struct rt_shard *h); /* all accumulators */
/* ---- drive.c */
int rt_drives_prepare(struct rt_sim *s); /* before connect: bounds for the units */
int rt_drives_units(struct rt_sim *s);   /* after it: weights as integers, tables, inputs at time 0 */
/* ---- drive_step.c */
void rt_drives_step(struct rt_shard *h, uint64_t step);
int rt_feeds_make(struct rt_sim *s); /* feed.c: after the initial values */
void rt_feeds_read(struct rt_sim *s, uint64_t step);
void rt_feeds_write(const struct rt_shard *h);
int rt_pasts_make(struct rt_sim *s, struct rt_pop *p); /* past.c: after the initial values */
int rt_pasts_slice(struct rt_sim *s, struct rt_shard *h, struct rt_slice *c);
void rt_pasts_begin(const struct rt_sim *s, const struct rt_slice *c, uint64_t step);
void rt_pasts_end(const struct rt_sim *s, const struct rt_slice *c, uint64_t step);
void rt_inputs_step(struct rt_shard *h, uint64_t step);
/* ---- run.c */
int rt_open(struct rt_sim *s, const struct rt_config *config); /* everything up to the first step */
int rt_build(struct rt_sim *s, uint32_t threads);              /* 0: as many as there are processors */
int rt_run(struct rt_sim *s, uint64_t until);                  /* NSL_ENUMBER, NSL_ESTOPPED, … */
void rt_close(struct rt_sim *s);
/* The first step up to `until` at which a state was not finite; else RT_NO_STEP. What rt_run says of it. */
uint64_t rt_bad_step(const struct rt_sim *s, uint64_t until);
uint64_t rt_bad_key(const struct rt_error_at *b, uint32_t shard); /* the least is told of */
int rt_bad_report(const struct rt_sim *s, uint64_t step);
int rt_batch_end(struct rt_sim *s, uint64_t from, uint32_t n, uint32_t parity); /* spikes of n steps are counted and recorded */
/* ---- device.c: steps on a GPU, or its emulation (enum rt_device_kind of gpu.h) */
int rt_device_open(struct rt_sim *s, uint32_t kind, uint32_t gpu); /* before rt_build: no driver, no device, no code for it */
/* Can the steps of this experiment not go on a device? As rt_device_open says it; of one that is opened and dropped again. */
int rt_device_refused(const struct nsl_program *p, const char *experiment, const char *const *allowed, uint32_t n_allowed);
struct rt_gpu;
int rt_device_lend(struct rt_sim *s, const struct rt_gpu *gpu);    /* the same, of one that is open, and stays so */
int rt_device_make(struct rt_sim *s);                              /* when all is built, and before the first rt_run */
int rt_device_run(struct rt_sim *s, uint64_t until);
int rt_device_settle(struct rt_sim *s); /* s->stays: all that the device has done comes back; whoever looks at more than these: */
int rt_device_look(struct rt_sim *s, const struct rt_pop *p, uint32_t state, uint32_t first, uint32_t count);
void rt_device_drop(struct rt_sim *s);
/* ---- step.c */
/* Inputs of a step, holds that end, delayed values: before coupled steps that agree with each other; else the step does it. */
void rt_shard_begin(struct rt_shard *h, uint64_t step);
void rt_shard_step(struct rt_shard *h, uint64_t step, uint32_t in_batch, uint32_t parity);
int rt_exchange(struct rt_shard *h, uint64_t from, uint32_t in_batch, uint32_t n_steps, uint32_t parity);
int rt_exchange_with(struct rt_shard *h, uint32_t k0, uint32_t k1, uint64_t from, uint32_t in_batch, uint32_t n_steps,
                     uint32_t parity); /* only the spikes of shards [k0, k1) */
/* What is known so far of the arrivals of the coming step: the rest is added in the step. */
void rt_arrivals_early(struct rt_shard *h, uint64_t step);
/* What is due at this step passes: events go on to their next buckets as in any step, and what they add is
 * forgotten (accumulators) or overwritten by the caller (states). So a resumed run puts the spikes of its past under way
 * again by the ordinary path, whatever the form of rows: exchange and pass, step by step (checkpoint.c). */
void rt_arrivals_pass(struct rt_shard *h, uint64_t step);
/* ---- hash.c */
uint64_t rt_state_hash(const struct rt_sim *s); /* all ranks together */
/* One synapse's part: target is port << 32 | element, units the weight in those of its port; apart: handlers that do
 * more than add, `number` in the source's row, weight as bits. */
uint64_t rt_hash_event(uint64_t target, uint64_t step, uint64_t units);
uint64_t rt_hash_apart(uint64_t target, uint64_t step, uint64_t number, uint64_t source, uint64_t weight);
uint64_t rt_state_sum(const struct rt_sim *s); /* what the own shards add to it */
/* ---- expect.c */
int rt_meters_make(struct rt_sim *s);
int rt_meters_spikes(struct rt_sim *s, uint64_t from, uint32_t n_steps, uint32_t parity);
double rt_isi_cv(const struct rt_isi *isi); /* NaN: less than RT_CV_SPIKES spikes */
double rt_meter_cv(const struct rt_meter *m, uint64_t n);
void rt_meters_drop(struct rt_sim *s);
int rt_meters_collect(struct rt_sim *s); /* counts and looks of all ranks, to the first */
/* ---- probe.c */
int rt_probe_make(struct rt_sim *s, struct rt_measure *m);
int rt_probes_begin(struct rt_sim *s); /* after rt_init: also what is asked of time 0 */
void rt_probes_step(struct rt_shard *h, uint64_t step);
uint64_t rt_probes_next(const struct rt_sim *s, uint64_t step); /* the first step behind this at which a measure looks */
struct rt_probe_sums { /* by block of 64 elements of an item's population, over the steps so far */
  double *sums, *least, *most;
};
struct rt_probe_sums rt_probe_sums(const struct rt_measure *m, uint32_t item);
int rt_probe_collect(struct rt_sim *s, struct rt_measure *m);
double rt_probe_value(const struct rt_sim *s, const struct rt_measure *m);
void rt_expects_value(struct rt_sim *s);

#endif
