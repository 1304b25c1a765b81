/* Weights of single synapses that a fit of a network looks for: which there are, what they are worth, their file. */
#ifndef NSL_RUNTIME_FIT_WEIGHTS_H
#define NSL_RUNTIME_FIT_WEIGHTS_H

#include "runtime/sim.h"

struct rt_out;
struct rt_fit;
struct rt_fit_end;

enum { RT_MOST_DENSE = 256 }; /* free weights for which derivatives are taken one by one, and matrices are kept */

/* The synapses of one projection: those of its source k from begin[k] on. Who is connected, and after how long, is the same at
 * all places of the search. */
struct rt_trained {
  uint32_t free, projection;       /* projection: of the fit's experiment */
  uint32_t source, target, port;   /* populations; number of the port in the class of the target */
  uint32_t s0, sn, first;          /* first: its first coordinate */
  uint32_t delay_steps;            /* of all, where `delay` is NULL */
  double lo, hi;                   /* declared bounds of its weights */
  uint64_t n, *begin;
  uint32_t *to, *delay;            /* by synapse: element, steps */
  double *declared;
  bool written;                    /* .fitted.nsl connects them by the file of weights */
};
/* Builds the network once; coordinates behind those that there are. */
int rt_trained_find(struct rt_fit *f);
/* What a simulation of `x` takes for s->given: the weights at this place of the search. along: coordinate by which `x`, in forward
 * mode, is derived (NSL_NONE: none). */
int rt_trained_given(const struct rt_fit *f, const struct nsl_experiment *x, const double *place, uint32_t along, struct rt_mem *mem,
                     const struct rt_given **ret);
/* The cells of a coordinate's synapse; unchanged if it is of none. */
void rt_trained_ends(const struct rt_fit *f, uint32_t coordinate, uint32_t *ret_source, uint32_t *ret_target);
bool rt_is_weights(const struct rt_fit *f, uint32_t free);

struct rt_weights_seen { /* of one free parameter */
  uint64_t n;
  double mean, sd, least, most; /* in the declared unit */
};
struct rt_weights_seen rt_weights_look(const struct rt_fit_end *end, uint32_t free);
const char *rt_weights_name(const struct rt_fit *f, char *text, size_t size); /* of the file */
int rt_weights_write(const struct rt_fit_end *end, struct rt_out *out);       /* if there are any */

#endif
