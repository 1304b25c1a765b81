/* What of a network must not depend on a free parameter where derivatives are asked for: sizes, connections, times on the grid of the
 * steps, rates of what is drawn; and parts of a network that have no derivatives. Each is refused at its place. */
#include "autodiff/network.h"

static void block_fixed(AdNet *w, const IrKernel *k, uint32_t block, Span span, const char *what, const char *hint) {
  for (uint32_t i = 0; k && i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_UNIFORM && ad_net_depends(w, block + k->slots.at[i].index)) ad_net_refuse(w, span, what, hint);
}

static bool places_depend(const AdNet *w, const IrPopulation *p) {
  bool depend = false;
  for (uint32_t i = 0; i < COUNT_OF(p->place); i++) depend |= ad_net_depends(w, p->place[i]);
  return depend;
}

/* Each synapse's weight is free: nothing else says what it is. */
static void weights_fixed(AdNet *w, const IrProjection *p) {
  static const char both[] = "weights of single synapses that are free, and follow a free param as well";
  static const char hint[] = "The search would change one of the two: leave the param out of `free`.";
  if (ad_net_depends(w, p->weight) || ad_net_depends(w, p->weight_lo) || ad_net_depends(w, p->weight_hi)) ad_net_refuse(w, p->proj->span, both, hint);
  block_fixed(w, p->weight_kernel, p->block, p->proj->span, both, hint);
}

/* What must be the same for all values of the parameters. */
void ad_net_fixed(AdNet *w) {
  const IrExperiment *x = w->f->x;
  static const char counts[] = "a free param on which the size or the connections of a network depend, where derivatives are asked for";
  static const char times[] = "a free param on which a delay or a time depends, where derivatives are asked for";
  static const char grid[] = "On the grid of the steps their derivative is 0: use `cmaes`, or let it be. The delay of a connection has one, if it is not drawn.";
  if (x->feeds.n) ad_net_refuse(w, x->feeds.at[0].feed->span, "derivatives of a network with signals or inputs that follow means", NULL);
  if (x->couplings.n) ad_net_refuse(w, x->couplings.at[0].coupling->link.span, "derivatives of a network with continuous synapses", NULL);
  if (ad_net_depends(w, x->dt)) ad_net_refuse(w, w->f->fit->span, times, grid);
  for (uint32_t i = 0; i < x->phases.n; i++)
    if (ad_net_depends(w, x->phases.at[i])) ad_net_refuse(w, w->f->fit->span, times, grid);
  for (uint32_t i = 0; i < x->populations.n; i++)
    if (ad_net_depends(w, x->populations.at[i].size) || places_depend(w, &x->populations.at[i]))
      ad_net_refuse(w, x->populations.at[i].pop->span, counts, "Let it be.");
  for (uint32_t i = 0; i < x->projections.n; i++) {
    const IrProjection *p = &x->projections.at[i];
    if (p->proj->third) ad_net_refuse(w, p->proj->span, "derivatives of a network with three-part synapses", NULL);
    if (ad_net_depends(w, p->rule_arg) || ad_net_depends(w, p->share) || ad_net_depends(w, p->cond)) ad_net_refuse(w, p->proj->span, counts, "Let it be.");
    if (ad_net_depends(w, p->delay)) ad_net_refuse(w, p->proj->span, times, grid);
    block_fixed(w, p->chance, p->block, p->proj->span, counts, "Let it be.");
    block_fixed(w, p->delay_kernel, p->block, p->proj->span, times, grid);
    if (ad_net_trained(w, i) != IR_NONE) weights_fixed(w, p);
    if (ad_net_depends(w, p->weight_lo) || ad_net_depends(w, p->weight_hi)) ad_net_refuse(w, p->proj->span, "bounds of weights that depend on a free param", NULL);
  }
  for (uint32_t i = 0; i < x->drives.n; i++) {
    const IrDrive *d = &x->drives.at[i];
    bool timed = ad_net_depends(w, d->delay) || ad_net_depends(w, d->from) || ad_net_depends(w, d->to);
    for (uint32_t k = 0; k < d->times.n; k++) timed |= ad_net_depends(w, d->times.at[k]);
    if (timed) ad_net_refuse(w, d->drive->span, times, grid);
    if (ad_net_depends(w, d->cond)) ad_net_refuse(w, d->drive->span, counts, "Let it be.");
    if (d->drive->kind == DRIVE_POISSON && ad_net_depends(w, d->value))
      ad_net_refuse(w, d->drive->span, "the rate of a Poisson process that depends on a free param, where derivatives are asked for",
             "Its events are drawn, and jump: let the weight follow the param, or use `cmaes`.");
    block_fixed(w, d->kernel, d->block, d->drive->span, "a drive that changes in time by a free param, where derivatives are asked for", NULL);
    block_fixed(w, d->delay_kernel, d->block, d->drive->span, times, grid);
    for (uint32_t k = 0; k < d->weights.n; k++)
      if (ad_net_depends(w, d->weights.at[k])) ad_net_refuse(w, d->drive->span, "weights of given events that depend on a free param", NULL);
  }
  for (uint32_t i = 0; i < x->measures.n; i++) {
    const IrMeasure *m = &x->measures.at[i];
    if (ad_net_depends(w, m->argument) || ad_net_depends(w, m->after) || ad_net_depends(w, m->until)) ad_net_refuse(w, m->measure->span, times, grid);
  }
}
