/* Continuous synapses while a network runs (coupling.c, coupling_rows.c). */
#ifndef NSL_RUNTIME_COUPLING_H
#define NSL_RUNTIME_COUPLING_H

#include "runtime/sim.h"

/* Numbers that change from step to step, and what is remembered of them. */
struct rt_values {
  uint32_t n, n_real;     /* n_real: without padding */
  double *now[2];         /* by parity of the step */
  double *ahead[2];       /* joint steps: as the step to come will leave it, by parity of the trial; else NULL */
  uint8_t *mine;          /* by number: this process makes it */
  double *ring;           /* NULL, or by number, by step & mask: the mean of this step's and the one's before; a row's begin again behind its end */
  uint32_t mask, row, longest; /* row: from one number's to the next one's; longest: steps that are looked back */
};

/* What elements of a population show to others: a kernel's values, of all its elements. */
struct rt_shown {
  const struct rt_pop *pop;
  const struct nsl_code *code, *ahead; /* ahead: joint steps, NULL where the past alone is seen */
  struct rt_values values;
  void ***slots, ***ahead_slots; /* by part of the population */
};

/* Their sum over a slice, one for each part of the population. */
struct rt_total {
  const struct rt_shown *shown;
  uint32_t first, n;
  struct rt_values values;
};

struct rt_flow { /* one product of what a synapse streams */
  double factor;
  bool weighted, delayed;
  struct rt_shown *shown;    /* NULL: 1 */
  struct rt_total *total;    /* where all synapses are alike */
  struct rt_shown *post;       /* of the target itself; NULL: 1 */
};

struct rt_gating; /* gating.h */
struct rt_gates;
struct rt_coupling {
  const struct nsl_coupling *def;
  struct rt_gating *gating; /* synapses with states; NULL: flows */
  struct rt_proj link;
  struct rt_pop *from, *to;
  uint32_t first, n; /* of `to`: the elements that may be reached */
  struct rt_flow *flows;
  bool summed;       /* all synapses are alike: one sum serves all targets, */
  bool but_own;      /* less their own */
  bool empty;        /* the other direction has what is here */
  const struct nsl_stream_term *timed; /* a term with the delay; NULL: none has */
  uint32_t lag;      /* one delay for all: whole steps, */
  double part;       /* and the part of the next one */
};

/* Delayed synapses by how many steps their delays let be summed at once: less than 8, from 8, 16, and 32 on. */
enum { RT_REACHES = 4 };
struct rt_reached {
  struct rt_coupled_rows rows;   /* targets from the inflow's first on */
  uint32_t least, room;  /* the shortest delay; steps that are summed at once */
  uint64_t from, until;  /* those that are: [from, until) */
  double **sums;         /* by term, by step, by target */
};

/* The synapses of a coupling onto a slice of its targets: by target, reach of the delay, source, ordinal. */
struct rt_inflow {
  const struct rt_coupling *coupling;
  uint32_t first, n;
  uint64_t *start;  /* n + 1 of them */
  uint32_t *source, *lag, *at; /* at: of delayed values, where the source's past begins */
  double *weight, *part; /* NULL: one for all; of part, 0 */
  struct rt_gates *gates; /* NULL, or states of the synapses */
  double *number[2];     /* by target: synapses, and the sum of their weights */
  struct rt_reached reached[RT_REACHES];
};

/* All that flows into one input of a slice. */
struct rt_sink {
  struct rt_slice *slice;
  uint32_t input, n;
  struct rt_inflow *inflows;
};

/* Which values of others a sum is of. */
struct rt_look {
  uint64_t step; /* to T */
  int trial;     /* -1: those at T - dt; else those at T, of the trials with this parity */
};

struct rt_agree; /* agree.c */
struct rt_couplings {
  struct rt_coupling *all;
  struct rt_shown *shown;
  struct rt_total *totals;
  uint32_t n, n_shown, n_totals, interval;
  struct rt_sink **sinks; /* by shard */
  uint32_t *n_sinks;
  double **scratch;   /* by shard */
  struct rt_agree *agree; /* joint steps; NULL: what flows is held */
  double *traded;     /* all values, on their way to other ranks */
  struct rt_mem *mem; /* by shard: of its rows */
};

enum {
  RT_STREAM_CHUNK = 1024, /* elements for which a kernel runs at once */
  RT_STREAM_INTERVAL = 64,
  RT_STREAM_AHEAD_ROOM = 1 << 18 /* sums of later steps */
};

int rt_couplings_make(struct rt_sim *s); /* after the initial values */
bool rt_coupling_reaches(const struct rt_sim *s, const struct rt_pop *p, uint32_t input); /* also before they are made */
void rt_couplings_drop(struct rt_sim *s);
uint32_t rt_coupling_interval(uint32_t steps); /* so many or a little less: as sums of several steps like them */
void rt_couplings_write(struct rt_shard *h, uint64_t step); /* inputs of the step, from what was shown before it */
void rt_couplings_show(struct rt_shard *h, uint64_t step);  /* what the step has left */
void rt_couplings_trade(struct rt_sim *s, uint64_t step);   /* to all ranks; one thread, when all have met */
double rt_couplings_ahead(struct rt_shard *h, uint64_t step, uint32_t trial); /* what the step would leave; by how much that is other than before */
void rt_couplings_trade_ahead(struct rt_sim *s, uint32_t trial);
/* What flows into elements [at, at + count) of a sink's slice, added up in acc; the second part of scratch is used. */
void rt_sink_sum(const struct rt_shard *h, const struct rt_sink *sink, struct rt_look look, uint32_t at, uint32_t count, double *acc);
void rt_sink_put(const struct rt_shard *h, const struct rt_sink *sink, uint32_t at, uint32_t count, const double *acc);
/* agree.c */
int rt_agree_make(struct rt_sim *s);
int rt_agree_fail(const struct rt_sim *s, uint64_t step); /* says so, with its place */
/* Inputs of the step, with which all that is coupled agrees; shards [h0, h1) of a thread, all threads at once. */
int rt_couplings_agree(struct rt_sim *s, uint32_t thread, uint32_t h0, uint32_t h1, uint64_t step);
uint32_t rt_coupling_values(const struct rt_sim *s, uint32_t i, struct rt_values **ret); /* all of them, one by one; 0: no more */
/* coupling_rows.c */
int rt_coupling_prepare(struct rt_sim *s, struct rt_coupling *c, const struct nsl_coupling *def, uint32_t index);
int rt_coupling_rows(struct rt_sim *s); /* with all threads */
/* Does the synapse of this pair count? Of one source's synapses, when what they stream comes, in ms; all zero: begins. */
bool rt_pair_counts(const struct rt_coupling *c, uint32_t source, uint32_t target);
struct rt_coupled_delays {
  double *ms;
  size_t cap;
};
struct rt_synapses;
int rt_coupled_delays_of(struct rt_sim *s, const struct rt_coupling *c, const struct rt_synapses *synapses, uint32_t source, uint64_t n,
                         struct rt_coupled_delays *ret);
int rt_coupling_reaches_make(struct rt_sim *s); /* behind that: rows and room of what is delayed */
int rt_coupling_lags(struct rt_sim *s); /* how long values are remembered; all ranks together */

#endif
