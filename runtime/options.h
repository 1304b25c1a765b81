/* The command line of a program. */
#ifndef NSL_RUNTIME_OPTIONS_H
#define NSL_RUNTIME_OPTIONS_H

#include "runtime/sim.h"

/* 0 or a negative code after rt_fail. `config->sets` lives in mem. */
int rt_options_read(const struct nsl_program *p, int argc, char **argv, struct rt_mem *mem,
                    struct rt_config *config);
/* --device: cpu, gpu, gpu:1, emulated, if the program has code for it. */
int rt_options_device(const struct nsl_program *p, const char *v, struct rt_config *c);

#endif
