/* Which run a checkpoint is of, and going on with it. */
#ifndef NSL_RUNTIME_RESUME_H
#define NSL_RUNTIME_RESUME_H

#include "runtime/archive.h"
#include "runtime/sim.h"

struct rt_meta { /* the head of a checkpoint: everything that must be the same, and what the command line asked for */
  struct rt_mem mem;
  const char *compiler, *model_hash, *experiment, *compare; /* compare "": none */
  uint64_t f32, several; /* several: of a run over seeds first..last, of which those before `next` are done */
  uint64_t first, last, next;
  uint64_t seed, step, n_steps, state_hash;
  uint64_t has_duration, csv, no_report, verify, connectivity, rows;
  double dt, duration, every_s, every_ms;
  const struct rt_setting *sets;
  uint64_t n_sets;
  const char **allowed;
  uint64_t n_allowed;
  double *params, *globals, *units, *resumed; /* by parameter; G; by port; ms */
  uint64_t n_params, n_globals, n_units, n_resumed;
  const struct rt_file *files;
  uint64_t n_files;
  uint64_t journal, journal_checksum;
};
int rt_meta_fill(struct rt_meta *m, const struct rt_sim *s, const struct rt_config *config);
void rt_meta_walk(struct rt_archive *a, struct rt_meta *m);

/* Completes the options from the checkpoint of `config->resume`; what was given and differs is an error.
 * config->out and config->resume are then the folder. */
int rt_resume_options(const struct nsl_program *program, struct rt_config *config, struct rt_meta *meta);
/* Is the checkpoint of `config->resume` one of this run? After rt_open. */
int rt_resume_check(const struct rt_sim *s, const struct rt_config *config);
/* Its state, and its records into the files: after everything is built and open, and rt_checkpoint_begin. */
int rt_resume_load(struct rt_sim *s, const struct rt_config *config);

/* Of a run over several seeds: FOLDER/checkpoint says which are done. The head is that of the first seed. */
int rt_resume_seeds_write(struct rt_meta *m, const char *folder);

#endif
