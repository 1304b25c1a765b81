/* Derivatives of a network's runs by the free parameters of its fit: what network.c and network_cell.c share. */
#ifndef NSL_AUTODIFF_NETWORK_H
#define NSL_AUTODIFF_NETWORK_H

#include "ir/algebra.h"
#include "ir/pass.h"

/* A class with derivatives. Tables [index][parameter] hold where the derivative lies in `c`, IR_NONE: it is 0. */
typedef struct {
  const IrClass *from;
  IrClass *c;
  uint32_t *uniform, *state, *input, *port; /* port: of weights that depend on the parameter, for the spikes that arrive */
  uint32_t *carried;  /* [port of c][lane]: the input in which what spikes carry arrives */
  bool *moves;        /* [parameter]: its spikes carry a derivative by it */
} AdCell;

typedef struct {
  Session *s;
  Arena *a;
  IrModule *m;
  const IrFit *f;
  const MCarried *how;
  IrExperiment *x;    /* with derivatives */
  uint32_t n_params, n_lanes;
  bool relaxed;       /* lane 0: what the smooth step that stands for a spike is more than the spike; lane 1 + k, else k: by parameter k */
  Dim *dims;          /* of the parameters */
  bool *depends;      /* [slot of G][parameter] */
  VEC(uint32_t) fixed; /* slots of G that follow parameters, but as constants: steps of delays */
  uint32_t *slot;     /* [slot of G][parameter]: where its derivative lies, IR_NONE: 0 */
  AdCell *cells;     /* by class of the experiment, in the order of `of` */
  uint32_t n_cells;
  bool back;         /* reverse mode: states have no derivatives but at the start, spikes carry none */
  bool grew, failed;
} AdNet;

static inline uint32_t ad_net_lane(const AdNet *w, uint32_t param) { return param + w->relaxed; }
void ad_net_refuse(AdNet *w, Span span, const char *what, const char *hint); /* once */
bool ad_net_depends(const AdNet *w, uint32_t slot); /* a slot of G, or IR_NONE, on any parameter */
uint32_t ad_net_trained(const AdNet *w, uint32_t projection); /* the parameter that is the weights of its synapses, or IR_NONE */
AdCell *ad_net_cell_of(AdNet *w, const IrClass *from);
Name ad_net_name(const AdNet *w, const char *of, uint32_t param); /* "dV.J" */
MVar *ad_net_var(const AdNet *w, Name name, Dim dim, Span span);
uint32_t ad_net_uniform(AdNet *w, AdCell *cell, uint32_t uniform, uint32_t param); /* finds or adds */
uint32_t ad_net_port(AdNet *w, AdCell *cell, uint32_t port, uint32_t param);
uint32_t ad_net_input(AdNet *w, AdCell *cell, uint32_t input, uint32_t param);
uint32_t ad_net_carried(AdNet *w, AdCell *cell, uint32_t port, uint32_t lane); /* port: of cell->c */

/* ---- network_fixed.c: refuses what depends on a parameter and must not */
void ad_net_fixed(AdNet *w);

/* ---- network_spike.c */
typedef struct {
  IrVal left, right; /* what rises through what */
  IrVal gate;        /* all else that must hold; IR_NONE: nothing */
  IrVal x, slope;    /* (left - right) / width; what a spike's derivative is of that of left - right */
} AdGuard;
#define AD_NO_GUARD ((AdGuard){IR_NONE, IR_NONE, IR_NONE, IR_NONE, IR_NONE})
IrVal ad_net_spike(const IrKernel *step); /* IR_NONE: it has none */
AdGuard ad_net_guard(AdNet *w, IrBuild *b, IrVal spike); /* w->failed: there was a message */
IrVal ad_net_smooth(AdNet *w, IrBuild *b, const AdGuard *g); /* the smooth step, damped; 0 where the gate is closed */
IrVal ad_net_number(AdNet *w, IrBuild *b, const AdGuard *g, IrVal spike); /* 1 or 0, with the derivative of the smooth step */

/* ---- network_back.c: of a class that is known with its derivatives */
void ad_net_back(AdNet *w, AdCell *cell);

/* ---- network_delay.c */
/* The experiment with interpolated arrivals along these projections. */
IrExperiment *ad_net_delays(AdNet *w, const bool *moves);

/* ---- network_cell.c */
void ad_net_cell_new(AdNet *w, AdCell *cell, const IrClass *from);
/* init, derive and step with the derivatives that are known so far; w->grew: there are more now. */
void ad_net_cell_make(AdNet *w, AdCell *cell);
/* What a record kernel of the class gives, by a parameter; NULL: 0. */
IrKernel *ad_net_recorded(AdNet *w, AdCell *cell, const IrKernel *k, uint32_t param);
IrKernel *ad_net_rate(AdNet *w, AdCell *cell, uint32_t param); /* spikes by time; relaxed, param IR_NONE: the rate itself */
/* A synapse kernel, whose block begins at `block`, by a parameter; NULL: 0. */
IrKernel *ad_net_synapse(AdNet *w, const IrKernel *k, uint32_t block, uint32_t param);

#endif
