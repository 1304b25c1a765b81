/* What a run says when it is over: run.json, report.html, the table and the expects on standard output; progress while it
 * goes on. */
#ifndef NSL_RUNTIME_REPORT_H
#define NSL_RUNTIME_REPORT_H

#include <stdio.h>

#include "runtime/out.h"
#include "runtime/sim.h"

struct rt_end {
  int argc;
  char **argv;
  int exit;
  const char *error; /* NULL: none */
};
/* Parts of run.json that fit.json has too: program, data, machine, command; --set; files registered so far. */
struct json_object;
void rt_json_what(struct json_object *o, const struct rt_sim *s, const struct rt_end *end);
struct json_object *rt_json_parameters(const struct rt_sim *s);
struct json_object *rt_json_files(const struct rt_out *out);
/* device_report.c: of a run on a device; where --device would run, before the rest of --describe */
struct rt_gpu;
struct json_object *rt_gpu_json(const struct rt_gpu *g, uint64_t used); /* used: bytes of its memory */
struct rt_device;
struct json_object *rt_device_json(const struct rt_device *d); /* and what the plan of a run's steps says */
double rt_device_event_bytes(const struct rt_device *d);       /* that an event reads of its row, on the mean over synapses */
int rt_device_describe(const struct nsl_program *p, const struct rt_config *c, FILE *out);
int rt_json_write(struct json_object *facts, const char *path);
/* run.json, and report.html if s->gather holds what it shows. */
int rt_report_write(struct rt_sim *s, struct rt_out *out, const struct rt_end *end);
/* "[0.5, 1.5] Hz" */
void rt_expect_interval(const struct rt_sim *s, const struct rt_expect *x, char *text, size_t size);
/* The unit in which an expect's value is shown: divide by it. */
double rt_expect_unit(const struct rt_expect *x, const char **ret_unit);
void rt_report_table(const struct rt_sim *s, FILE *out);
void rt_progress(struct rt_sim *s, uint64_t step); /* to standard error, a few times a second */
void rt_progress_end(struct rt_sim *s);

#endif
