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
  NSL_EVERIFY = -8,  /* a run that checks itself has found a difference */
  NSL_EDEVICE = -9   /* a GPU, or its driver, has failed */
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
/* Before the first run: where steps are computed, "cpu", "gpu", "gpu:1" or "emulated", in a library that was built with
 * --target gpu. The results are the same bits. A simulation is used by the thread that opened it. */
NSL_API int nsl_set_device(struct nsl_sim *sim, const char *device);

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

/* ---- fits: the objective of each stage as a function of the free parameters, with its derivatives, for an optimizer or a
 * sampler of one's own. Values of n parameter sets stand row by row, n x k, in the order of nsl_fit_parameter and in coherent
 * units; all n are computed side by side, on all threads, and each gives the same bits whatever n, its place
 * and the threads. An objective is a plain number, so its derivative by a parameter has the unit 1 / (that of the parameter).
 *
 *   struct nsl_fitting *fit;
 *   double v[8], loss, slope[8];
 *   if (nsl_fit_open(&nsl_cell_program, "staged", &fit) < 0 || nsl_fit_start(fit, 0, v) < 0 ||
 *       nsl_fit_gradient(fit, 1, 1, v, &loss, slope) < 0) fputs(nsl_error(), stderr); */
struct nsl_fitting;
#define NSL_SHARED UINT32_MAX
struct nsl_fit_parameter {
  const char *path, *unit;  /* unit: the declared one, in which `PROGRAM --describe` shows it; values are not in it, but */
  double unit_scale;        /* in coherent units: value = unit_scale times the number shown */
  uint32_t sweep;           /* of one `per sweep`: number of the fitted sweep, from 0; else NSL_SHARED */
  double declared, lo, hi;  /* coherent units; -INFINITY, INFINITY: no bound */
  uint32_t cell;            /* of one `per cell`: number of the cell, from 0; else NSL_SHARED */
  uint32_t source, target;  /* of a weight of one synapse: from which cell, onto which; else NSL_SHARED */
};
struct nsl_fit_stage {
  const char *name;         /* "" if it has none */
  int has_gradient, has_squares, has_products;
};

/* fit: NULL if the program has only one. Recordings are read by the first call that needs them. */
NSL_API int nsl_fit_open(const struct nsl_program *program, const char *fit, struct nsl_fitting **ret_fit);
NSL_API void nsl_fit_close(struct nsl_fitting *fit); /* NULL is fine */
/* Before recordings are read: as nsl_set …; a folder with recordings outside of the model's; at most so much of each sweep. */
NSL_API int nsl_fit_set(struct nsl_fitting *fit, const char *path, double value);
NSL_API int nsl_fit_set_text(struct nsl_fitting *fit, const char *path, const char *value);
NSL_API int nsl_fit_set_seed(struct nsl_fitting *fit, uint64_t seed);
NSL_API int nsl_fit_set_threads(struct nsl_fitting *fit, unsigned threads);
/* Where all sets are computed side by side, as nsl_set_device. The results are the same bits. */
NSL_API int nsl_fit_set_device(struct nsl_fitting *fit, const char *device);
NSL_API int nsl_fit_allow_read(struct nsl_fitting *fit, const char *folder);
NSL_API int nsl_fit_set_duration(struct nsl_fitting *fit, double ms);

/* The numbers of free parameters (one `per sweep` counts once for each fitted sweep) and of stages, and what they are. */
NSL_API int nsl_fit_size(struct nsl_fitting *fit, uint32_t *ret_parameters, uint32_t *ret_stages);
NSL_API int nsl_fit_parameter(struct nsl_fitting *fit, uint32_t k, struct nsl_fit_parameter *ret);
NSL_API int nsl_fit_stage(struct nsl_fitting *fit, uint32_t stage, struct nsl_fit_stage *ret);
/* The k values with which start 0, 1, … of the fit begins: 0 the declared ones, others drawn by the seed. */
NSL_API int nsl_fit_start(struct nsl_fitting *fit, uint32_t start, double *ret_values);

/* The objective of a stage, n numbers; its gradient, n x k; the Gauss-Newton matrix, n x k x k, symmetric: of an objective
 * that is a sum of squares the second derivatives without those of the residuals. Where the model diverges the
 * objective is INFINITY, and its derivatives are NaN. A value outside of its bounds is refused (NSL_EINPUT), and
 * so are derivatives that the program was not built with (NSL_ECANNOT; nsl_fit_stage tells): it holds those that its own optimizers ask for. */
NSL_API int nsl_fit_value(struct nsl_fitting *fit, uint32_t stage, uint32_t n, const double *values, double *ret_objective);
NSL_API int nsl_fit_gradient(struct nsl_fitting *fit, uint32_t stage, uint32_t n, const double *values, double *ret_objective,
                             double *ret_gradient);
NSL_API int nsl_fit_squares(struct nsl_fitting *fit, uint32_t stage, uint32_t n, const double *values, double *ret_objective,
                            double *ret_gradient, double *ret_matrix);
/* The Hessian of the objective times a vector for each set, both n x k: all second derivatives, exactly, for the price of a few
 * gradients. Where the model diverges: NaN. NSL_ECANNOT where the model has no second derivatives (has_products), and
 * nothing else takes their place. nsl_fit_squares gives the part of first derivatives. */
NSL_API int nsl_fit_hessian_vector(struct nsl_fitting *fit, uint32_t stage, uint32_t n, const double *values,
                                   const double *vectors, double *ret_products);

#ifdef __cplusplus
}
#endif
#endif
