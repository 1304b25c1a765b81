/* Units of the accumulators, and the form of each projection's synapses, before any synapse is made.
 *
 * Sums are of integers, so that no order of additions matters; a unit is a power of two for each port. It is bounded from
 * below by the largest sum of one step: all synapses that one target may have (fan_bound), each with the largest weight,
 * plus what drives may add. It is bounded from above by resolution: the least of the typical weights on the port shall have
 * 2^FINE units. Between the two the unit is raised until weights fit into the narrowest form that resolution allows. In
 * float32 programs sums are int32; a port where the two bounds contradict each other has int64 sums (long_sums).
 *
 * Weights that are drawn from a law need not be as fine as the units of int64 sums: 16 bits hold them, as multiples of a
 * grain (a power of two of units), where it is at most 2^-FINE_F32 of the typical weight and 2^-RT_FINE_LAW of the law's
 * standard deviation, so that rounding adds less than 1e-5 to its variance. Weights that are not drawn, those of drives,
 * and draws from a few values stay as fine as before. Weights in grains are drawn in float32 where the law allows it (laws.c).
 *
 * All this depends on the model alone: on declared rules, and on the largest of a sample of the weights (laws.c). So rows that are made anew at each spike have the
 * units of stored ones. Packing looks at every weight; if one is larger than allowed for, all is built again (connect.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"

enum { SUM32_BITS = 30, SUM64_BITS = 62, FINE_F32 = 10, FINE_F64 = 27, FINE_LEAST = 10 };
static const double LOG_UNLIKELY = 69; /* a bound that is random fails with probability exp(-69) = 1e-30 */

/* ---- how many synapses a target may have */

/* Binomial(n, p) of each of `owners`: Bernstein's bound. */
static double binomial_bound(double n, double p, double owners) {
  double mean = n * fmin(p, 1), l = LOG_UNLIKELY + log(fmax(owners, 1));
  return fmin(n, ceil(mean + l / 3 + sqrt(l * l / 9 + 2 * l * mean)));
}

/* Targets that have one cell in their pools, and those of their synapses that take it. */
static double third_bound(const struct rt_proj *p, double synapses) {
  double n = (double)p->n, cells = p->tn, targets = p->of->tn;
  double pools = p->def->blocks ? fmin(targets, ceil(n * targets / cells) + n + 1) : binomial_bound(targets, n / cells, cells);
  return binomial_bound(pools * synapses, p->p / n, cells);
}

static double fan_bound(const struct rt_proj *p) {
  double n = (double)p->n, synapses = p->def->rule == NSL_OUTDEGREE ? n * p->sn : n, one = 1 / fmax(p->tn - (p->self ? 1.0 : 0.0), 1), bound = 0;
  switch ((enum nsl_rule)p->def->rule) {
    case NSL_ALL_TO_ALL: return p->sn;
    case NSL_ONE_TO_ONE: return 1;
    case NSL_INDEGREE: return n;
    case NSL_EDGES:
    case NSL_MATRIX: return p->edges->most;
    case NSL_THIRD: return p->of ? third_bound(p, fan_bound(p->of)) : 0;
    case NSL_PROBABILITY: return binomial_bound(p->sn, p->p, p->tn);
    case NSL_OUTDEGREE: bound = binomial_bound(synapses, one, p->tn); break;
    case NSL_TOTAL_NUMBER: bound = binomial_bound(n, p->self ? one * p->tn / fmax(p->sn, 1) + one : one, p->tn); break;
  }
  if (p->crowd > 0) bound = binomial_bound(synapses, p->crowd / synapses, p->tn); /* among pairs with a condition */
  return p->def->no_multiple ? fmin(bound, p->sn) : bound;
}

/* ---- bounds of a port */

struct edge { /* from this target on, sums may be larger by this */
  uint32_t port, at;
  double change;
};

static int edge_order(const void *a, const void *b) {
  const struct edge *x = a, *y = b;
  if (x->port != y->port) return x->port < y->port ? -1 : 1;
  if (x->at != y->at) return x->at < y->at ? -1 : 1;
  return x->change < y->change ? -1 : x->change > y->change;
}

static bool is_summed(const struct rt_proj *p) { return p->form != RT_APART && !rt_forms[p->form].behind; }

/* The largest sum over the targets: projections may be onto different parts of a population. */
static int needs(struct rt_sim *s) {
  struct edge *edges = rt_alloc(&s->build_mem, 2 * (uint64_t)(s->n_projs + s->n_plastic), sizeof *edges);
  if (!edges) return NSL_EMEMORY;
  uint32_t n = 0;
  for (uint32_t i = 0; i < (s->n_projs + s->n_plastic); i++) {
    const struct rt_proj *p = &s->projs[i];
    if (!is_summed(p)) continue;
    double most = fan_bound(p) * p->largest;
    edges[n++] = (struct edge){p->port, p->t0, most};
    edges[n++] = (struct edge){p->port, p->t0 + p->tn, -most};
  }
  qsort(edges, n, sizeof *edges, edge_order);
  double sum = 0;
  for (uint32_t i = 0; i < s->n_ports; i++) s->ports[i].need = 0;
  for (uint32_t i = 0; i < n; i++) {
    sum = i && edges[i].port == edges[i - 1].port ? sum + edges[i].change : edges[i].change;
    struct rt_port *port = &s->ports[edges[i].port];
    port->need = fmax(port->need, sum * (1 + 1e-9));
  }
  for (uint32_t i = 0; i < s->n_ports; i++)
    s->ports[i].need = (s->ports[i].need + s->ports[i].drive_sum) * s->pops[s->ports[i].pop].every;
  return 0;
}

static void finest_find(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_ports; i++) {
    struct rt_port *port = &s->ports[i];
    port->finest = port->drive_typical;
    port->finest_of = port->drive_path;
    port->place = port->drive_place;
  }
  for (uint32_t i = 0; i < (s->n_projs + s->n_plastic); i++) {
    const struct rt_proj *p = &s->projs[i];
    struct rt_port *port = &s->ports[p->port];
    if (!is_summed(p) || p->typical == 0 || (port->finest > 0 && port->finest <= p->typical)) continue;
    port->finest = p->typical;
    port->finest_of = p->def->path;
    port->place = p->def->place;
  }
}

/* ---- units */

static double power_above(double x) {
  if (!(x > 0)) return 0;
  double power = ldexp(1, ilogb(x));
  return power < x ? 2 * power : power;
}

/* Of int32 sums. */
double rt_unit_narrow(const struct rt_port *port) { return power_above(ldexp(port->need, -SUM32_BITS)); }

double rt_form_unit(uint32_t form, double largest) {
  return power_above(largest / (ldexp(1, rt_forms[form].weight_bits - 1) - 1));
}

uint32_t rt_form_narrower(uint32_t form) {
  uint32_t at = form;
  while (at-- > 0 && rt_forms[at].sum_bytes == rt_forms[form].sum_bytes)
    if (rt_forms[at].weight_bits && !rt_forms[at].behind) return at;
  return RT_N_FORMS;
}

static double coarsest(const struct rt_sim *s, const struct rt_port *port) {
  if (!(port->finest > 0)) return INFINITY;
  return ldexp(port->finest, s->program->f32 ? -FINE_F32 : -FINE_F64);
}

/* The narrowest form whose unit is at most `unit`, or the widest. */
static uint32_t form_within(const struct rt_port *port, const struct rt_proj *p, double unit) {
  uint32_t last = 0, sum_bytes = port->long_sums ? sizeof(int64_t) : sizeof(int32_t);
  for (uint32_t form = 0; form < RT_N_FORMS; form++) {
    if (rt_forms[form].behind || rt_forms[form].sum_bytes != sum_bytes || !rt_forms[form].weight_bits != !p->each)
      continue;
    last = form;
    if (!p->each || (!port->exact && rt_form_unit(form, p->largest) <= unit)) break;
  }
  return last;
}

/* ---- grains */

/* The grain in 16 bits, of a law that they are fine enough for; 0: they are not. */
static double grain_of(const struct rt_sim *s, const struct rt_proj *p, double least) {
  double grain = fmax(rt_form_unit(RT_FORM_narrow64, p->largest), least);
  bool fine = grain <= ldexp(p->typical, -FINE_F32) && grain <= ldexp(p->spread, -RT_FINE_LAW);
  return s->ports[p->port].long_sums && !s->ports[p->port].exact && is_summed(p) && p->each && fine ? grain : 0;
}

/* Projections of one source onto ports of one number could share rows: they have the coarsest of their grains where it is
 * fine enough. */
static int forms_choose(struct rt_sim *s) {
  uint32_t ports = 0;
  for (uint32_t i = 0; i < s->n_projs; i++) ports = s->projs[i].def->port >= ports ? s->projs[i].def->port + 1 : ports;
  double *joint = rt_alloc(&s->build_mem, (uint64_t)s->n_pops * ports, sizeof *joint);
  if (!joint) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_projs; i++) {
    struct rt_proj *p = &s->projs[i];
    double *most = &joint[(uint64_t)p->source->index * ports + p->def->port];
    p->grain = grain_of(s, p, s->ports[p->port].unit);
    *most = fmax(*most, p->grain);
  }
  for (uint32_t i = 0; i < s->n_projs; i++) {
    struct rt_proj *p = &s->projs[i];
    double unit = s->ports[p->port].unit, most = joint[(uint64_t)p->source->index * ports + p->def->port];
    bool coarse = p->grain > 0;
    if (coarse && grain_of(s, p, most) > 0) p->grain = most;
    if (!coarse) p->grain = unit;
    p->weight_code = coarse && p->weight_single ? &p->def->weight_f32 : &p->def->weight_code;
    p->grain_units = (int64_t)(p->grain / unit);
    if (is_summed(p)) p->form = coarse ? RT_FORM_narrow64 : (uint8_t)form_within(&s->ports[p->port], p, unit);
  }
  return 0;
}

double rt_weight_held(const struct rt_proj *p, double weight) {
  return is_summed(p) ? llrint(weight / p->grain) * p->grain : weight;
}

int64_t rt_weight_units(const struct rt_proj *p, double weight) { return llrint(weight / p->grain) * p->grain_units; }

static void unit_begin(struct rt_sim *s, struct rt_port *port) {
  port->unit = rt_unit_narrow(port);
  port->long_sums = !s->program->f32 || port->plastic || port->unit > coarsest(s, port);
  if (port->long_sums) port->unit = power_above(ldexp(port->need, -SUM64_BITS));
  port->used = port->need > 0;
  if (!port->used) port->unit = 1;
}

/* Ports that one group could reach had better have one unit, the coarsest of theirs, where resolution allows it. */
static void units_join(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_ports; i++) {
    struct rt_port *root = &s->ports[rt_same(s, i)];
    root->joint = fmax(root->joint, s->ports[i].unit);
  }
  for (uint32_t i = 0; i < s->n_ports; i++) {
    double joint = s->ports[rt_same(s, i)].joint;
    if (joint <= coarsest(s, &s->ports[i]) && !s->ports[i].exact) s->ports[i].unit = joint;
  }
}

static int unit_check(const struct rt_sim *s, const struct rt_port *port) {
  const struct rt_pop *pop = &s->pops[port->pop];
  const struct nsl_port *def = &pop->class->ports[port->port];
  if (!isfinite(port->need) || port->need > 0x1p900 || (port->finest > 0 && port->finest < 0x1p-900))
    return rt_fail(NSL_EMODEL, "%s.%s: weights of %g %s cannot be summed", pop->def->path, def->name,
                   (port->finest > 0 ? port->finest : port->need) / def->unit_scale, def->unit);
  if (!(port->finest > 0) || port->unit <= ldexp(port->finest, -FINE_LEAST)) return 0;
  return rt_fail_at(NSL_EMODEL, port->place,
                    "%s: weights of about %g %s cannot be summed exactly with what else %s.%s may get in one step, up to %g "
                    "%s: they differ by more than 2^%d; give them a port of their own",
                    port->finest_of, port->finest / def->unit_scale, def->unit, pop->def->path, def->name,
                    port->need / def->unit_scale, def->unit, SUM64_BITS - FINE_LEAST);
}

int rt_units_choose(struct rt_sim *s) {
  int e = needs(s);
  if (e) return e;
  finest_find(s);
  for (uint32_t i = 0; i < s->n_ports; i++) {
    s->ports[i].joint = 0;
    unit_begin(s, &s->ports[i]);
  }
  for (uint32_t i = 0; i < s->n_projs; i++) {
    struct rt_proj *p = &s->projs[i];
    struct rt_port *port = &s->ports[p->port];
    if (!is_summed(p) || !p->each) continue;
    /* grains: of as many units at one port as at the next, so that rows reach both */
    double unit = grain_of(s, p, 0) > 0 ? power_above(coarsest(s, port) / 2)
                                        : rt_form_unit(form_within(port, p, fmax(port->unit, coarsest(s, port))), p->largest);
    port->unit = fmax(port->unit, unit);
  }
  units_join(s);
  s->long_sums = false;
  for (uint32_t i = 0; !e && i < s->n_ports; i++) {
    s->long_sums |= s->program->f32 && s->ports[i].long_sums && s->ports[i].used;
    e = unit_check(s, &s->ports[i]);
  }
  return e ? e : forms_choose(s);
}
