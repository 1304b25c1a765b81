/* What the writers of `nslc explain` share: one fact after another, as text or as JSON. */
#ifndef NSL_IR_EXPLAIN_H
#define NSL_IR_EXPLAIN_H

#include "ir/ir.h"

typedef struct {
  Session *s;
  FILE *out;
  bool json;
  const IrModule *m;
  const IrExperiment *x;
  const double *g; /* globals at their defaults */
} Explain;

/* A line of JSON: begin, fields, end. */
void fact_begin(Explain *e, const char *fact);
void fact_text(Explain *e, const char *key, const char *value);
void fact_number(Explain *e, const char *key, double value); /* not finite: null */
void fact_end(Explain *e);
const char *fact_grouped(Explain *e, double value); /* "12,345,678" */
const char *fact_memory(Explain *e, double bytes);  /* "1.2 MiB" */

const double *explain_globals(Explain *e, const IrExperiment *x);       /* at the defaults of its params */
double *explain_uniforms(Explain *e, const IrPopulation *p);            /* of e->x */
double explain_synapses(const Explain *e, const IrProjection *p);       /* how many a rule comes to; NAN: not known before the run */
bool explain_summed(const IrCoupling *c);                                /* one sum over the sources serves all targets */

#endif
