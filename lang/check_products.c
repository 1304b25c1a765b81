/* What a continuous synapse streams, taken apart: a sum of products of what is known of the source alone, of the target
 * alone, of the synapse (its weight), and of the whole connection.
 *
 * So what is the source's is computed once for each source, what is the target's once for each target, and a synapse is left
 * with one product; where all synapses are alike, a sum over the sources serves all targets. Sums and differences, products,
 * quotients, squares, and sin and cos of sums can be taken apart; what cannot (`max(0 mV, pre.V - post.V)`) is refused.
 * What stands around a delayed value, and is the source's alone, is delayed with it. Params that differ from synapse to synapse are a factor
 * that all such products share: the weight. */
#include "lang/net.h"

enum { MOST_TERMS = 16 };
enum { IS_PRE = 1, IS_POST = 2, IS_WEIGHT = 4, IS_DELAY = 8 };

typedef VEC(MStreamTerm) TermList;
typedef struct {
  Net *n;
  const StreamNames *names;
  MExpr *delay; /* what `delay` is in this connection */
} Split;

static unsigned kinds_of(const Split *x, const MExpr *e) {
  unsigned kinds = 0;
  if (!e) return 0;
  if (e->kind == MX_VAR && e->var == x->names->synapse->weight) return IS_WEIGHT;
  if (e->kind == MX_VAR) {
    uint32_t at = e->var->index - x->names->first;
    return !x->names->of.at[at] ? IS_DELAY : x->names->post.at[at] ? IS_POST : IS_PRE;
  }
  if (e->kind == MX_DELAYED) return kinds_of(x, e->args[0]);
  for (uint32_t i = 0; i < e->n_args; i++) kinds |= kinds_of(x, e->args[i]);
  return kinds;
}

/* From synapse to synapse. */
static bool differs(const MExpr *e) { return expr_has(e, MX_DRAW) || expr_has(e, MX_PAIR); }

static bool refuse(const Split *x, const MExpr *e, const char *why) {
  diag_stream_mixed(x->n->s, e->span, source_span_text(x->n->s, e->span, x->n->s->arena), why);
  return false;
}

/* ---- what is one side's */

static bool same(const MExpr *a, const MExpr *b) {
  if (a == b) return true;
  if (!a || !b || a->kind != b->kind || a->n_args != b->n_args || !dim_eq(a->dim, b->dim)) return false;
  if (a->kind == MX_DRAW) return false; /* each its own */
  if (a->kind == MX_PAIR && a->arg != b->arg) return false;
  if (a->kind == MX_NUM ? a->num != b->num : a->kind == MX_VAR ? a->var != b->var
      : a->kind == MX_GLOBAL ? a->global != b->global : a->kind == MX_CALL ? a->builtin != b->builtin : true)
    return false;
  for (uint32_t i = 0; i < a->n_args; i++)
    if (!same(a->args[i], b->args[i])) return false;
  return true;
}

typedef struct {
  MExpr *delay;
  bool delayed, now; /* there are values that are delayed, that are not */
  bool bad;
} Delays;

/* The names replaced by the variables that they stand for, delayed values by themselves. */
static MExpr *own_value(const Split *x, MExpr *e, Delays *d, bool inside) {
  if (!e) return NULL;
  if (e->kind == MX_VAR) {
    d->now |= !inside;
    return expr_var(x->n->c, x->names->of.at[e->var->index - x->names->first], e->span);
  }
  if (e->kind == MX_DELAYED) {
    d->bad |= inside || (d->delay && !same(d->delay, e->args[1]));
    d->delayed = true;
    d->delay = e->args[1];
    return own_value(x, e->args[0], d, true);
  }
  MExpr *copy = expr_with_dim(x->n->c, e, e->dim);
  for (uint32_t i = 0; i < e->n_args; i++) copy->args[i] = own_value(x, e->args[i], d, inside);
  return copy;
}

/* The time of `delayed`, in which `delay` is that of the connection. */
static MExpr *delay_value(const Split *x, MExpr *e) {
  if (!e) return NULL;
  if (e->kind == MX_VAR) return x->delay;
  MExpr *copy = e->n_args ? expr_with_dim(x->n->c, e, e->dim) : e;
  for (uint32_t i = 0; i < e->n_args; i++) copy->args[i] = delay_value(x, e->args[i]);
  return copy;
}

static bool side_term(const Split *x, MExpr *e, bool post, MStreamTerm *ret) {
  Delays d = {0};
  MExpr *value = own_value(x, e, &d, false);
  if (d.bad || (d.delayed && d.now)) return refuse(x, e, "holds values of different times");
  if (d.delayed && post) return refuse(x, e, "delays what is the target's own");
  *(post ? &ret->post : &ret->pre) = value;
  ret->delay = delay_value(x, d.delay);
  return value != NULL;
}

/* ---- sums of products */

static MExpr *times(const Split *x, MExpr *a, MExpr *b, Span span) {
  MExpr *args[2] = {a, b};
  return !a ? b : !b ? a : expr_call(x->n->c, B_MUL, span, dim_mul(a->dim, b->dim), M_REAL, args, 2);
}

static MExpr *negative(const Split *x, MExpr *a, Span span) {
  if (!a) return expr_number(x->n->c, -1, DIM_NONE, span);
  return expr_call(x->n->c, B_NEG, span, a->dim, M_REAL, &a, 1);
}

static bool product(const Split *x, const MStreamTerm *a, const MStreamTerm *b, const MExpr *e, MStreamTerm *ret) {
  if (a->weighted && b->weighted) return refuse(x, e, "holds the weight twice");
  if (a->pre && b->pre && !same(a->delay, b->delay)) return refuse(x, e, "holds values of different times");
  *ret = (MStreamTerm){times(x, a->factor, b->factor, e->span), times(x, a->each, b->each, e->span), a->weighted || b->weighted, times(x, a->pre, b->pre, e->span),
                       times(x, a->post, b->post, e->span), a->delay ? a->delay : b->delay};
  return true;
}

static bool append(const Split *x, TermList *to, const MStreamTerm *term, const MExpr *e) {
  if (to->n == MOST_TERMS) return refuse(x, e, "has more than 16 products");
  vec_push(x->n->s->arena, to, *term);
  return true;
}

static bool products(const Split *x, const TermList *a, const TermList *b, const MExpr *e, TermList *ret) {
  for (uint32_t i = 0; i < a->n; i++)
    for (uint32_t k = 0; k < b->n; k++) {
      MStreamTerm term;
      if (!product(x, &a->at[i], &b->at[k], e, &term) || !append(x, ret, &term, e)) return false;
    }
  return true;
}

static MExpr *reciprocal(const Split *x, MExpr *a) {
  if (!a) return NULL;
  MExpr *args[2] = {expr_number(x->n->c, 1, DIM_NONE, a->span), a};
  return expr_call(x->n->c, B_DIV, a->span, dim_div(DIM_NONE, a->dim), M_REAL, args, 2);
}

static bool split(const Split *x, MExpr *e, TermList *ret);

static bool split_quotient(const Split *x, MExpr *e, TermList *ret) {
  TermList a = {0}, b = {0};
  if (!split(x, e->args[0], &a) || !split(x, e->args[1], &b)) return false;
  if (b.n != 1 || b.at[0].weighted) return refuse(x, e, "divides by what is no product, or by the weight");
  MStreamTerm *d = &b.at[0];
  d->factor = reciprocal(x, d->factor);
  d->each = reciprocal(x, d->each);
  d->pre = reciprocal(x, d->pre);
  d->post = reciprocal(x, d->post);
  return products(x, &a, &b, e, ret);
}

/* The summands that are the source's, and all others; each of one side. */
static bool sides_of(const Split *x, MExpr *e, bool minus, MExpr *sums[2]) {
  bool sum = e->kind == MX_CALL && (e->builtin == B_ADD || e->builtin == B_SUB);
  unsigned kinds = kinds_of(x, e);
  if (sum && (kinds & IS_PRE) && (kinds & ~(unsigned)IS_PRE))
    return sides_of(x, e->args[0], minus, sums) && sides_of(x, e->args[1], minus != (e->builtin == B_SUB), sums);
  if (e->kind == MX_CALL && e->builtin == B_NEG && (kinds & IS_PRE) && (kinds & IS_POST))
    return sides_of(x, e->args[0], !minus, sums);
  if ((kinds & IS_PRE && kinds != IS_PRE) || (kinds & (IS_WEIGHT | IS_DELAY))) return refuse(x, e, "cannot be taken apart");
  MExpr **to = &sums[kinds == IS_PRE ? 0 : 1], *args[2] = {*to, e};
  if (*to) *to = expr_call(x->n->c, minus ? B_SUB : B_ADD, e->span, e->dim, M_REAL, args, 2);
  else *to = minus ? negative(x, e, e->span) : e;
  return *to != NULL;
}

static bool trig_product(const Split *x, MExpr *const sums[2], Builtin first, Builtin second, bool minus, const MExpr *e, TermList *ret) {
  TermList a = {0}, b = {0};
  MExpr *p = sums[0], *q = sums[1];
  if (!split(x, expr_call(x->n->c, first, p->span, DIM_NONE, M_REAL, &p, 1), &a)) return false;
  if (!split(x, expr_call(x->n->c, second, q->span, DIM_NONE, M_REAL, &q, 1), &b)) return false;
  if (minus) b.at[0].factor = negative(x, b.at[0].factor, e->span);
  return products(x, &a, &b, e, ret);
}

/* sin(p + q) = sin p cos q + cos p sin q; cos(p + q) = cos p cos q - sin p sin q */
static bool split_trig(const Split *x, MExpr *e, TermList *ret) {
  MExpr *sums[2] = {NULL, NULL};
  if (!sides_of(x, e->args[0], false, sums)) return false;
  if (!sums[0] || !sums[1]) return refuse(x, e, "cannot be taken apart");
  if (e->builtin == B_SIN) return trig_product(x, sums, B_SIN, B_COS, false, e, ret) && trig_product(x, sums, B_COS, B_SIN, false, e, ret);
  return trig_product(x, sums, B_COS, B_COS, false, e, ret) && trig_product(x, sums, B_SIN, B_SIN, true, e, ret);
}

static bool split_call(const Split *x, MExpr *e, TermList *ret) {
  TermList a = {0}, b = {0};
  if (e->builtin == B_SIN || e->builtin == B_COS) return split_trig(x, e, ret);
  if (e->builtin == B_DIV) return split_quotient(x, e, ret);
  bool square = e->builtin == B_POW && e->args[1]->kind == MX_NUM && e->args[1]->num == 2;
  bool two = e->builtin == B_ADD || e->builtin == B_SUB || e->builtin == B_MUL;
  if (!two && !square && e->builtin != B_NEG) return refuse(x, e, "cannot be taken apart");
  if (!split(x, e->args[0], &a) || (two && !split(x, e->args[1], &b))) return false;
  if (e->builtin == B_MUL || square) return products(x, &a, square ? &a : &b, e, ret);
  TermList *minus = e->builtin == B_SUB ? &b : &a;
  for (uint32_t i = 0; e->builtin != B_ADD && i < minus->n; i++) minus->at[i].factor = negative(x, minus->at[i].factor, e->span);
  for (uint32_t i = 0; i < a.n; i++)
    if (!append(x, ret, &a.at[i], e)) return false;
  for (uint32_t i = 0; i < b.n; i++)
    if (!append(x, ret, &b.at[i], e)) return false;
  return true;
}

static bool split(const Split *x, MExpr *e, TermList *ret) {
  MStreamTerm term = {0};
  if (!e) return false;
  unsigned kinds = kinds_of(x, e);
  if (kinds & IS_DELAY) return refuse(x, e, "uses the delay as a number");
  bool each = differs(e);
  if (!each && (kinds == IS_PRE || kinds == IS_POST)) return side_term(x, e, kinds == IS_POST, &term) && append(x, ret, &term, e);
  if (!kinds) *(each ? &term.each : &term.factor) = e;
  else if (e->kind == MX_VAR) term.weighted = true;
  else if (e->kind != MX_CALL) return refuse(x, e, "cannot be taken apart");
  else return split_call(x, e, ret);
  return append(x, ret, &term, e);
}

/* What differs from synapse to synapse is one number for each: it becomes the weight, together with it where both stand in the products. */
static bool each_as_weight(const Split *x, MExpr *e, TermList *terms, MProjection *link) {
  const MStreamTerm *one = NULL;
  for (uint32_t i = 0; i < terms->n; i++)
    if (terms->at[i].each) one = &terms->at[i];
  if (!one) return true;
  if (x->names->alike) {
    diag_not_supported(x->n->s, e->span, "params that differ from synapse to synapse in what a third part streams", "The third part has its own params.");
    return false;
  }
  MExpr *each = one->each;
  bool weighted = one->weighted;
  if (weighted && link->weight_domain.has) return refuse(x, e, "has params that differ from synapse to synapse beside a weight with bounds");
  for (uint32_t i = 0; i < terms->n; i++) {
    MStreamTerm *t = &terms->at[i];
    if (!t->each && !t->weighted) continue;
    if (t->weighted != weighted || !same(t->each, each)) return refuse(x, e, "has products that differ from synapse to synapse in several ways");
    t->each = NULL;
    t->weighted = true;
  }
  if (!weighted) link->weight_domain = (MDomain){0};
  link->weight = weighted ? times(x, link->weight, each, e->span) : each;
  return true;
}

bool net_stream_terms(Net *n, MExpr *e, const StreamNames *names, MExpr *delay, MCoupling *ret) {
  Split x = {n, names, delay};
  TermList terms = {0};
  MExpr *weight = ret->link.weight;
  if (!split(&x, e, &terms) || !each_as_weight(&x, e, &terms, &ret->link)) return false;
  ret->weight = weight == ret->link.weight ? names->synapse->weight : NULL;
  const MExpr *one = NULL; /* the delay of all that is delayed */
  for (uint32_t i = 0; i < terms.n; i++) {
    MStreamTerm *t = &terms.at[i];
    if (t->delay && one && !same(one, t->delay)) return refuse(&x, e, "holds values of different times");
    if (t->delay) t->delay = (MExpr *)(one = one ? one : t->delay);
    vec_push(n->s->arena, &ret->terms, *t);
  }
  return true;
}
