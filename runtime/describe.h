/* --describe, --help and the words of error messages about parameters. */
#ifndef NSL_RUNTIME_DESCRIBE_H
#define NSL_RUNTIME_DESCRIBE_H

#include <stdio.h>

#include "runtime/sim.h"

/* The path of a settable parameter that is nearest to a wrong one, or NULL. */
const char *rt_nearest_path(const struct nsl_experiment *x, const char *path);
void rt_domain_text(const double *G, const struct nsl_param *p, char *text, size_t size);
void rt_describe_params(const struct rt_sim *s, FILE *out);
void rt_describe(const struct rt_sim *s, FILE *out); /* after rt_setup */
void rt_help(const struct nsl_program *p, FILE *out);
/* Edit distance, at most `limit` + 1. */
unsigned rt_distance(const char *a, const char *b, unsigned limit);

#endif
