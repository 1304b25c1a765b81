/* Synapses with memory: projections whose synapses change while the network runs.
 *
 * They lie with their targets, in rows by source; a row falls into segments of one dendritic delay, in which synapses are sorted by
 * target. Nothing happens to a synapse but at events, and all of a segment's events are handled together, by kernels over arrays
 * of its synapses. A presynaptic spike of step T is at the synapses at s = T + axonal, and is handled when an interval that holds s
 * ends: first what postsynaptic spikes have brought since the row's last event (those of T' with T' + dendritic <= s), then the
 * presynaptic handler. What it sends arrives at s + dendritic + after, beyond the interval, in the sums of that step.
 *
 * What the target's cells must be known by later is kept in rings: the times of their last spikes with the values of their states
 * just before, and these values at recent steps. Where a ring of spikes is about to be full, all rows of the shard are swept:
 * they catch up with postsynaptic spikes. States are only ever stored as of an event, so sweeps change no bits.
 *
 * What they know of their third parts is that of the step before: an event at s sees it as everything at s - dt has left it. It is kept in
 * rings of all its cells, as what is seen of presynaptic cells is; each synapse knows which of the cells is its own.
 *
 * If the synapses' own states are stepped (nsl_class.stepped), every synapse is advanced in every step as well, and intervals
 * have one step. */
#ifndef NSL_RUNTIME_PLASTIC_H
#define NSL_RUNTIME_PLASTIC_H

#include "runtime/sim.h"

enum { RT_LEARN_LANES = 16 }; /* segments begin at multiples of this */

struct rt_learn { /* a kernel, and what it asks for */
  nsl_kernel_fn *kernel; /* NULL: there is nothing to do */
  const struct nsl_code *code;
  bool elapsed, since, seen, signals; /* it reads these inputs; states per post; signals */
  bool pre, third;                    /* … states of the source's own, of third parts; */
  bool draws, follows;                /* … draws; signals that are followed */
};

struct rt_segment {
  uint64_t at; /* the first synapse, among the shard's; n real ones */
  uint32_t n, dendritic;
};

struct rt_plastic;
struct rt_plastic_shard { /* its synapses in one shard */
  struct rt_plastic *of;
  struct rt_shard *shard;
  struct rt_slice *slice;   /* of the target; NULL: it has none here */
  uint64_t n;               /* synapses, with those that fill up segments */
  uint32_t *target;         /* elements of the slice */
  uint32_t *third;          /* NULL, or which of its cells the third part is; NSL_NONE: there is none */
  void **states, **params;  /* by state (of the synapses), by param: arrays of reals */
  struct rt_segment *segments;
  uint32_t *row;            /* by source: its first segment; one more at the end */
  uint64_t *last;           /* by source: the step of its last presynaptic event here, 0: none; */
  uint32_t *again;          /* … how many there were in that step before it; NULL: there can be but one */
  void **cells;             /* by state (of presynaptic cells): by source, as of that step */
  uint64_t swept;           /* all rows have caught up to here */
  uint32_t *spikes, *n_spiked, *n_swept; /* by target: ring of times; how many there were; … when last swept */
  void **before;            /* by seen: by target, the ring's values */
  char **history;           /* by seen: rows of the slice's reals, by step, just before its spikes; */
  char **later;             /* if the synapses are stepped, or states per post recorded: behind them */
  uint32_t *number;         /* of->each: by synapse, its number in the source's row */
  struct rt_waiting {       /* … what is under way, by step; instead of: */
    struct rt_apart *at;
    size_t cap;
    uint32_t n;
  } *waiting;
  uint32_t most_waiting;    /* of a step */
  int64_t *sums;            /* what is under way: rows of the slice's units, by step */
  uint8_t *dirty;           /* by row of these */
  struct rt_pre { uint64_t step; uint32_t source; } *queue; /* presynaptic events still on their way */
  size_t queue_cap;
  uint32_t n_queue;
  bool full;                /* some ring of spikes is about to be */
  uint64_t signalled;       /* the step of the last event of a signal that is followed: all synapses are stored as of then, or later */
  double *signals, *counts; /* by such a signal: its value then, how many events there were */
  struct rt_lanes *lanes;   /* scratch */
  struct rt_sent *sent;     /* --verify: what is under way to sampled steps */
  size_t n_sent, sent_cap;
};

struct rt_others { /* rows of reals by step, of cells [first, first + n) of pop; NULL: the state is the target's own */
  const struct rt_pop *pop;
  uint32_t first, n;
  char *before, *after; /* before: just before the spikes of the step, NULL for third parts; after: behind them, of third parts when all is over */
};

struct rt_plastic {
  struct rt_proj *proj;
  const struct nsl_class *class;
  const struct nsl_population *def;
  double *u;
  uint64_t key;
  uint32_t axonal, least, most; /* steps; of the dendritic part */
  uint32_t *after, most_after;  /* by send */
  bool each, *told;             /* what they send goes to a handler one by one; by send: it has a condition, and OUT tells whether it holds */
  struct rt_learn learn[NSL_LEARNS];
  uint32_t ring, history, sums; /* lengths of the rings: powers of two */
  struct rt_others *others;     /* by seen: what is kept of cells that are no targets */
  uint32_t *seen;               /* by state of the class: which of the projection's `seen` it is, or NSL_NONE */
  struct rt_proj *third;        /* who third parts are; NULL: nobody asks, or they are the targets: */
  const struct rt_pop *third_pop; /* their population, NULL: nobody asks; */
  uint32_t third0, third_n;     /* … of it */
  uint32_t pre_ring;            /* rows of others; a power of two */
  uint64_t *pre_spiked;         /* sources with a finer step: by source, the last step in which it has spiked */
  uint64_t *pre_whole;          /* scratch: a row */
  struct rt_span { uint64_t from, to; } *frozen; /* steps (from, to] in which weights keep their values; rising */
  uint32_t n_frozen;
  bool looks_back;              /* shards have `later` */
  double expected_bytes;        /* of all shards */
  struct rt_plastic_shard *shards; /* by shard; those of others are empty */
};

bool rt_is_plastic(const struct nsl_projection *def);
int rt_plastic_prepare(struct rt_sim *s);  /* after the projections: classes, kernels, the size of what is sent */
int rt_plastic_fits(struct rt_sim *s);     /* are they too many for the memory? All ranks */
uint64_t rt_plastic_bytes(const struct rt_sim *s); /* that own rows have taken */
int rt_plastic_build(struct rt_sim *s);    /* rows: after the units */
int rt_plastic_begin(struct rt_sim *s);    /* rings: after the initial values */
uint32_t rt_plastic_interval(const struct rt_sim *s, uint32_t interval); /* that they allow */
void rt_plastic_drop(struct rt_sim *s);
/* In a shard's step: what arrives, before the step kernels; who has spiked, behind them. */
void rt_plastic_arrive(struct rt_shard *h, uint64_t step);
void rt_plastic_after(struct rt_shard *h, uint64_t step, const uint32_t *ids, const uint64_t *ends, uint64_t begin);
/* Of a population with a finer step: who has spiked in each of its own steps, behind it. */
void rt_plastic_within(struct rt_shard *h, const struct rt_slice *c, uint64_t step, const uint32_t *ids, uint64_t n);
/* The spikes of an interval, which ends at `end`. */
int rt_plastic_spikes(struct rt_shard *h, uint64_t from, uint32_t in_batch, uint32_t n_steps, uint32_t parity);
/* plastic_verify.c: a synapse has sent what will be looked at. */
int rt_plastic_note(struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step, uint32_t nth, uint32_t lane, int64_t units,
                    double sent);
int rt_plastic_odd(const struct rt_plastic *p, uint64_t step); /* fails: a synapse sends what makes no sense */
int rt_plastic_sweep(struct rt_shard *h, uint64_t step); /* all rows catch up to here */
/* plastic_each.c: synapses onto handlers that do more than add */
int rt_each_make(struct rt_sim *s, struct rt_plastic *p); /* before the run; */
int rt_each_begin(struct rt_sim *s, struct rt_plastic_shard *q);
int rt_each_send(struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step); /* all sends of a segment's synapses */
bool rt_each_sends(const struct rt_plastic_shard *q, uint32_t nth, uint32_t lane); /* in the kernel that ran last */
int rt_each_room(struct rt_shard *h);                      /* for what has been sent */
void rt_each_gather(struct rt_shard *h, uint64_t step);    /* what is due, sorted */
uint64_t rt_each_hash(const struct rt_plastic_shard *q);
void rt_each_drop(struct rt_plastic_shard *q);
/* plastic_pre.c */
int rt_pre_make(struct rt_sim *s, struct rt_plastic *p); /* rings */
void rt_pre_keep(struct rt_shard *h, uint64_t step, const uint32_t *ids, const uint64_t *ends, uint64_t begin); /* behind a step */
void rt_pre_within(struct rt_shard *h, const struct rt_slice *c, uint64_t step, const uint32_t *ids, uint64_t n); /* … behind an own, finer one */
int rt_pre_trade(struct rt_sim *s, uint64_t from, uint32_t n); /* ranks: n steps; by the first thread of each */
void rt_third_keep(struct rt_shard *h, uint64_t step); /* when the step is over */
/* What a presynaptic event at the synapse at `step` brings along; after: behind the source's spike. */
double rt_pre_seen(const struct rt_sim *s, const struct rt_plastic *p, uint32_t nth, bool after, uint32_t row, uint64_t step);
/* The row of an event at `step`, by cell of the third parts; NULL: the state says whether there is one. */
const void *rt_third_row_at(const struct rt_sim *s, const struct rt_plastic *p, uint32_t nth, uint64_t step);
int rt_follow_begin(struct rt_sim *s, struct rt_plastic_shard *q); /* plastic_signal.c */
bool rt_signals_changed(const struct rt_plastic_shard *q, uint64_t step); /* by events of the step before this one; */
void rt_signals_take(struct rt_plastic_shard *q, uint64_t step); /* … when all synapses have come to it */
uint32_t rt_power_of_two(uint64_t n); /* the least one from 2 on that is not less */
bool rt_plastic_reaches(const struct rt_sim *s, uint32_t port);
uint64_t rt_plastic_sum(const struct rt_sim *s); /* part of the state hash */
struct rt_archive;
void rt_plastic_walk(struct rt_archive *a, struct rt_sim *s); /* part of a checkpoint */
static inline struct rt_slice *rt_slice_of(const struct rt_shard *h, const struct rt_pop *pop) {
  for (uint32_t i = 0; i < h->n_slices; i++)
    if (h->slices[i].pop == pop) return &h->slices[i];
  return NULL;
}
/* A state (perhaps the weight) of now of one source's synapses, asked for in the order (target, ordinal); 0 where another rank has them. All zero but
 * p and state: begins. */
struct rt_weight_walk {
  const struct rt_plastic *p;
  uint32_t state;
  struct rt_mem mem;
  struct rt_weight_part { /* by shard: its segments of the row, */
    const struct rt_segment *first;
    uint32_t n, *next; /* by segment: synapses passed */
    double *weight;    /* by synapse */
    size_t next_cap, weight_cap;
  } *row_of;
};
int rt_weight_row(struct rt_sim *s, struct rt_weight_walk *w, uint32_t source);
double rt_weight_next(struct rt_sim *s, struct rt_weight_walk *w, uint32_t target, uint32_t delay);
void rt_weight_drop(struct rt_sim *s, struct rt_weight_walk *w);

#endif
