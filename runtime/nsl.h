/* NSL from C: what a program can do with a model built by `nslc build --lib`.
 *
 * A library NAME.so comes with NAME.h, which declares the model's table (const struct nsl_program …). Open a
 * simulation of one of its experiments, run it for a time, read states and spikes, close it:
 *
 *   struct nsl_sim *sim;
 *   if (nsl_open(&nsl_brunel_program, NULL, &sim) < 0 || nsl_set(sim, "brunel.g", 4.5) < 0 || nsl_run(sim,
 * 100) < 0) fputs(nsl_error(), stderr);
 *
 * Values are in the coherent units: ms, mV, pA, um, mM, K (so nS, pF, GOhm; rates in 1/ms). Every function
 * returns 0 or a negative NSL_E* code; what it returns through ret_ is untouched then. Different simulations
 * may run in different threads at once; one simulation belongs to one thread at a time. */
#ifndef NSL_H
#define NSL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NSL_API __attribute__((visibility("default")))

enum {
  NSL_OK = 0,
  NSL_EINPUT = -1,   /* a name, a value or an option that cannot be used */
  NSL_EMODEL = -2,   /* the model asks for what cannot be done: its place stands in the message */
  NSL_EMEMORY = -3,  /* memory is out, or the model would not fit */
  NSL_EIO = -4,      /* a file or folder */
  NSL_ENUMBER = -5,  /* a state became NaN or infinite */
  NSL_ESTOPPED = -6, /* interrupted */
  NSL_ECANNOT = -7,  /* this program was not built for it, or it does not exist yet */
  NSL_EVERIFY = -8   /* a run that checks itself has found a difference */
};

struct nsl_program;
struct nsl_sim;
struct nsl_spike {
  double t;            /* ms */
  uint32_t population; /* as by nsl_population */
  uint32_t id;         /* element of the population, from 0 */
};

/* What went wrong in this thread's last call that failed. */
NSL_API const char *nsl_error(void);

/* experiment: NULL if the model has only one. Nothing is built before the first nsl_run, nsl_read or
 * nsl_population. */
NSL_API int nsl_open(const struct nsl_program *program, const char *experiment, struct nsl_sim **ret_sim);
NSL_API void nsl_close(struct nsl_sim *sim); /* NULL is fine */

/* Before the first run: a value for a path that `PROGRAM --describe` lists; the seed; the number of threads
 * (0: all). */
NSL_API int nsl_set(struct nsl_sim *sim, const char *path, double value);
NSL_API int nsl_set_text(struct nsl_sim *sim, const char *path, const char *value); /* "12 ms", "poisson" */
NSL_API int nsl_set_seed(struct nsl_sim *sim, uint64_t seed);
NSL_API int nsl_set_threads(struct nsl_sim *sim, unsigned threads);

/* Runs for this long, from where the last run ended; to the nearest step. Records of the experiment are not
 * written. */
NSL_API int nsl_run(struct nsl_sim *sim, double ms);
NSL_API double nsl_time(const struct nsl_sim *sim);

/* The number of a population ("E", "cell[L4e]") and its size. */
NSL_API int nsl_population(struct nsl_sim *sim, const char *path, uint32_t *ret_index, uint32_t *ret_size);
/* State `name` of elements [first, first + count). */
NSL_API int nsl_read(struct nsl_sim *sim, uint32_t population, const char *name, uint32_t first,
                     uint32_t count, double *ret);
/* All spikes since the simulation began or since nsl_spikes_clear, by time, population and id. The array
 * lives until the next call with this sim. */
NSL_API int nsl_spikes(struct nsl_sim *sim, const struct nsl_spike **ret_spikes, size_t *ret_count);
NSL_API void nsl_spikes_clear(struct nsl_sim *sim);
/* A hash of the full state: equal for equal model, parameters, seed and time, whatever the threads and the
 * CPU. */
NSL_API int nsl_state_hash(struct nsl_sim *sim, uint64_t *ret_hash);

#ifdef __cplusplus
}
#endif
#endif
