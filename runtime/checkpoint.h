/* Checkpoints of a run (--checkpoint), and going on from one (--resume). */
#ifndef NSL_RUNTIME_CHECKPOINT_H
#define NSL_RUNTIME_CHECKPOINT_H

#include "runtime/archive.h"
#include "runtime/journal.h"
#include "runtime/record.h"
#include "runtime/sim.h"

struct rt_checkpoint { /* of a run that writes checkpoints */
  struct rt_mem mem;
  const struct rt_config *config;
  const char *folder, *path, *before, *part; /* the last one, the one before it, the one being written */
  struct rt_journal journal;
  double every_s, last; /* wall time between two, and when the last was written; 0: not by wall time */
  uint64_t every_steps; /* of model time; 0: not by it */
  struct rt_mark *recent; /* spikes of the last max_delay steps: what is under way comes from them */
  size_t n_recent, recent_cap;
  void *whole; /* ranks: an array of which each has a part is put together here */
  uint64_t *journaled; /* by measure: marks of its spikes that are in the journal */
  uint64_t written, bytes; /* how many by this process; size of the last one */
  double seconds;          /* spent on them */
  double *resumed;         /* ms: where this run has been resumed */
  uint64_t n_resumed;
  uint64_t *digests, n_digests, digest_every; /* --verify: of the run that is resumed */
};

/* ---- checkpoint.c: in the order of a run */
/* Looks for checkpoints in the folder of a new run: refused without `force`. */
int rt_checkpoint_look(const char *folder, bool force);
/* Takes the folder, before anything is written into it: another process may be at work there. */
int rt_checkpoint_open(struct rt_sim *s, const struct rt_config *config, const char *folder);
int rt_checkpoint_begin(struct rt_sim *s); /* the recorder and the meters are there */
int rt_checkpoint_write(struct rt_sim *s);
/* rt_run to the end, with checkpoints on the way if s->checkpoint is there; one more when it is interrupted. */
int rt_checkpoint_run(struct rt_sim *s);
int rt_checkpoint_spikes(struct rt_sim *s, uint64_t from, uint32_t n_steps, uint32_t parity); /* of a batch */
void rt_checkpoint_remove(const char *folder); /* of a run that is complete, or is begun again */
void rt_checkpoint_drop(struct rt_sim *s);
/* FOLDER/NAME in mem; NULL after rt_fail. */
char *rt_checkpoint_name(struct rt_mem *mem, const char *folder, const char *name);
/* Puts a complete file in the place of `path`; the one that was there stays as `before` (NULL: it goes). */
int rt_checkpoint_place(const char *folder, const char *part, const char *path, const char *before);

/* ---- state.c: what changes in a run. Each writes or reads, as the archive does; reading, s->step is that of the file.
 * First what one process has for all: meters, recorder, report, counters; last what belongs to elements, by
 * population and element. Between them spikes are put under way again, which touches the elements. */
void rt_state_shared(struct rt_archive *a, struct rt_sim *s);
uint64_t rt_state_largest(const struct rt_sim *s); /* bytes */
void rt_state_elements(struct rt_archive *a, struct rt_sim *s);
int rt_state_replay(void *sim, const struct rt_journal_block *block, const void *data);
/* What follows from the step alone: the next times of drives, records and probes. */
void rt_state_settle(struct rt_sim *s);

#endif
