/* The linearized graph of a piece of a kernel, and the elimination of its inner vertices.
 *
 * A vertex is a value, an edge the partial derivative of a value by another as a value of the kernel. Eliminating a vertex
 * connects each of its predecessors with each of its successors by the product of the two edges: one multiplication and
 * addition for each pair. When only seeds and sinks are left, the edges between them are the derivatives. Forward mode
 * eliminates in the order of the program, reverse mode against it; neither is best. Here it is always the vertex with the fewest
 * pairs that goes next (Markowitz; Griewank A, Reese S (1991) in: Automatic Differentiation of Algorithms, SIAM): chains of
 * scalars inside of a step are multiplied up once, and the long rows of derivatives by all parameters come last.
 *
 * A choice has edges with a guard: what comes along one counts where the guard holds, by selection and not as a product with
 * 0, since the side not chosen may be infinite. So a choice itself waits until the values that it chooses from are gone. */
#include "autodiff/ad.h"
#include "ir/algebra.h"

static AdVertex *vertex(AdGraph *g, uint32_t v) { return &g->vertices.at[v]; }

AdGraph *ad_graph(IrBuild *b, uint32_t n_seeds) {
  AdGraph *g = NEW(b->arena, AdGraph);
  g->b = b;
  g->n_seeds = n_seeds;
  for (uint32_t i = 0; i < n_seeds; i++) ad_graph_vertex(g, AD_SEED);
  return g;
}

uint32_t ad_graph_vertex(AdGraph *g, AdVertexKind kind) {
  vec_push(g->b->arena, &g->vertices, ((AdVertex){.kind = kind}));
  return g->vertices.n - 1;
}

static AdEdge *edge(AdGraph *g, uint32_t to, uint32_t from) {
  AdVertex *k = vertex(g, to);
  for (uint32_t i = 0; i < k->in.n; i++)
    if (k->in.at[i].from == from) return &k->in.at[i];
  return NULL;
}

/* The edge's weight alone, its guard made a part of it. */
static IrVal weight_of(AdGraph *g, const AdEdge *e) {
  if (e->guard == IR_NONE) return e->weight;
  IrVal zero = alg_zero_like(g->b, e->weight);
  return e->when ? alg_select(g->b, e->guard, e->weight, zero) : alg_select(g->b, e->guard, zero, e->weight);
}

void ad_graph_edge(AdGraph *g, uint32_t to, AdEdge e) {
  AdEdge *old = edge(g, to, e.from);
  if (vertex(g, e.from)->kind != AD_INNER && e.guard != IR_NONE) e.weight = weight_of(g, &e), e.guard = IR_NONE;
  if (old) {
    old->weight = alg_add(g->b, weight_of(g, old), weight_of(g, &e));
    old->guard = IR_NONE;
    return;
  }
  vec_push(g->b->arena, &vertex(g, to)->in, e);
  vec_push(g->b->arena, &vertex(g, e.from)->out, to);
}

static void unlink(AdGraph *g, uint32_t to, uint32_t from) {
  AdVertex *k = vertex(g, to), *i = vertex(g, from);
  for (uint32_t n = 0; n < k->in.n; n++)
    if (k->in.at[n].from == from) {
      k->in.at[n] = k->in.at[--k->in.n];
      break;
    }
  for (uint32_t n = 0; n < i->out.n; n++)
    if (i->out.at[n] == to) {
      i->out.at[n] = i->out.at[--i->out.n];
      break;
    }
}

/* had + (what one side of a choice gives): of both sides from one predecessor, one selection. */
static IrVal chosen_added(AdGraph *g, IrVal had, const AdEdge *e, IrVal other_side) {
  const IrIns *ins = had == IR_NONE ? NULL : &g->b->k->ins.at[had];
  bool both = ins && ins->op == IR_SELECT && ins->arg[0] == e->guard && alg_is(g->b, ins->arg[e->when ? 1 : 2], 0);
  if (both) return e->when ? alg_select(g->b, e->guard, e->weight, ins->arg[2]) : alg_select(g->b, e->guard, ins->arg[1], e->weight);
  return had == IR_NONE ? other_side : alg_add(g->b, had, other_side);
}

/* What comes from `in` along the edge `out` (of k): out * in, added to what k has from there already. */
static void connect(AdGraph *g, uint32_t k, const AdEdge *out, const AdEdge *in) {
  AdEdge *old = edge(g, k, in->from);
  IrVal had = old ? weight_of(g, old) : IR_NONE, w;
  if (out->guard != IR_NONE) {
    AdEdge chosen = *out;
    chosen.weight = alg_mul(g->b, out->weight, in->weight);
    w = chosen_added(g, had, &chosen, weight_of(g, &chosen));
  } else {
    w = had == IR_NONE ? alg_mul(g->b, out->weight, in->weight) : alg_fma(g->b, out->weight, in->weight, had);
  }
  if (old) {
    old->weight = w, old->guard = IR_NONE;
    return;
  }
  vec_push(g->b->arena, &vertex(g, k)->in, ((AdEdge){in->from, w, IR_NONE, false}));
  vec_push(g->b->arena, &vertex(g, in->from)->out, k);
}

static void eliminate(AdGraph *g, uint32_t j) {
  while (vertex(g, j)->out.n) {
    uint32_t k = vertex(g, j)->out.at[0];
    AdEdge out = *edge(g, k, j);
    unlink(g, k, j);
    for (uint32_t i = 0; i < vertex(g, j)->in.n; i++) connect(g, k, &out, &vertex(g, j)->in.at[i]);
  }
  while (vertex(g, j)->in.n) unlink(g, j, vertex(g, j)->in.at[0].from);
  vertex(g, j)->kind = AD_GONE;
}

static bool guarded(const AdVertex *v) {
  for (uint32_t i = 0; i < v->in.n; i++)
    if (v->in.at[i].guard != IR_NONE) return true;
  return false;
}

/* The vertex with the fewest pairs, the earliest of them; a choice whose sides are still there waits. */
static uint32_t cheapest(const AdGraph *g) {
  uint32_t best = IR_NONE;
  uint64_t least = UINT64_MAX;
  for (uint32_t v = g->n_seeds; v < g->vertices.n; v++) {
    const AdVertex *p = &g->vertices.at[v];
    uint64_t pairs = (uint64_t)p->in.n * p->out.n;
    if ((p->kind != AD_INNER && p->kind != AD_ATOM) || pairs >= least || guarded(p)) continue;
    best = v;
    least = pairs;
  }
  return best;
}

void ad_graph_solve(AdGraph *g) {
  for (uint32_t v; (v = cheapest(g)) != IR_NONE;) eliminate(g, v);
}

IrVal *ad_graph_row(AdGraph *g, uint32_t sink) {
  IrVal *by = NEW_ARRAY(g->b->arena, IrVal, g->n_seeds + 1);
  for (uint32_t k = 0; k < g->n_seeds; k++) by[k] = IR_NONE;
  const AdVertex *v = vertex(g, sink);
  for (uint32_t i = 0; i < v->in.n; i++) by[v->in.at[i].from] = weight_of(g, &v->in.at[i]);
  return by;
}
