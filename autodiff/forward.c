/* Forward mode: a kernel of a fit with the derivatives of its states by the free parameters, source to source.
 *
 * The kernel is copied. What it loads has derivatives by the parameters; at the end, and before each part of a loop, the graph of
 * partial derivatives (linear.c) between the parameters and what is stored, or lives on, is eliminated, which makes the
 * derivatives of that as values of the kernel: "known". What cannot depend on a parameter has no derivative in memory or in code:
 * which does is found by running over `begin` and `march` until nothing is added.
 *
 * Loops (adaptive steps) carry the derivatives of what they carry: the derivative is that of the program that runs, choice of
 * steps included. */
#include "autodiff/ad.h"
#include "autodiff/reverse.h"
#include "ir/algebra.h"
#include "ir/pass.h"
#include "lang/diag.h"

typedef struct {
  AdForward *f;
  IrRewrite r;
  IrBuild *b;
  IrVal from;    /* old position where the piece since the last control operation begins */
  IrVal **known; /* by old instruction: its derivatives by parameter (IR_NONE: 0), or NULL: none, or not yet */
  bool *active;  /* by old instruction: it depends on a parameter */
  IrVal *last;   /* by old instruction: its last use */
  IrVal **inner; /* by old carry of the open loop: its derivatives, as they are carried; by old next: what they are then */
  IrVal loop;    /* old position of that loop */
  IrVal seen;    /* where a derivative is missing */
  const char *why;
} Forward;

/* ---- values that memory or the caller gives */

static uint32_t depend_at(const Forward *w, SlotKind kind, uint32_t index) {
  return ((kind == SLOT_RING ? w->f->n_states : 0) + index) * w->f->n_params;
}

/* Of a derivative by a parameter; along a direction: that of the value. */
static Dim dim_by(const Forward *w, Dim dim, uint32_t param) { return dim_div(dim, w->f->dims[param]); }

/* Where the derivative of a state or a ring by parameter k lies. */
static uint32_t tangent_slot(Forward *w, const IrSlot *slot, uint32_t k) {
  uint32_t plain = slot->kind == SLOT_RING ? w->f->n_rings : w->f->n_states;
  Dim dim = dim_by(w, slot->dim, k);
  Name name = name_fmt(w->b->s, "d%s.%u", name_none(slot->name) ? "" : name_str(w->b->s, slot->name), k);
  IrSlot tangent = {.kind = slot->kind, .index = plain + slot->index * w->f->n_params + k, .name = name, .type = IR_REAL, .dim = dim, .lag = slot->lag};
  return ir_slot_again(w->b, &tangent);
}

static IrVal *params_new(Forward *w) {
  IrVal *by = NEW_ARRAY(w->b->arena, IrVal, w->f->n_params + 1);
  for (uint32_t k = 0; k < w->f->n_params; k++) by[k] = IR_NONE;
  return by;
}

static void load(Forward *w, IrVal old) {
  const IrSlot *slot = &w->r.in->slots.at[w->r.in->ins.at[old].slot];
  IrVal *by = params_new(w);
  if (slot->kind == SLOT_PARAM && w->f->n_free)
    by[0] = ir_load(w->b, ir_slot(w->b, SLOT_PARAM, w->f->n_free + slot->index, slot->name, IR_REAL, slot->dim));
  else if (slot->kind == SLOT_PARAM) by[slot->index] = alg_num(w->b, 1);
  if (slot->kind == SLOT_STATE || slot->kind == SLOT_RING)
    for (uint32_t k = 0; k < w->f->n_params; k++)
      if (w->f->depends[depend_at(w, slot->kind, slot->index) + k]) by[k] = ir_load(w->b, tangent_slot(w, slot, k));
  for (uint32_t k = 0; k < w->f->n_params; k++) w->active[old] |= by[k] != IR_NONE;
  if (w->active[old]) w->known[old] = by;
}

/* ---- what is stored */

static const IrTerm *term_of_sum(const Forward *w, const IrSlot *slot) {
  for (uint32_t i = 0; w->f->curvature && i < w->f->curvature->terms.n; i++)
    if (slot->kind == SLOT_STATE && w->f->curvature->terms.at[i].sum == slot->index) return &w->f->curvature->terms.at[i];
  return NULL;
}

/* The sum is fma(weight, root * root, sum): march.c. Gives the old position of the root, if its products are asked for. */
static IrVal root_of(const Forward *w, const IrIns *store, IrVal *ret_weight) {
  const IrKernel *in = w->r.in;
  const IrTerm *t = term_of_sum(w, &in->slots.at[store->slot]);
  if (!t || t->curvature == IR_NONE) return IR_NONE;
  const IrIns *sum = &in->ins.at[store->arg[0]];
  for (int i = 0; sum->op == IR_FMA && i < 2; i++) {
    const IrIns *square = &in->ins.at[sum->arg[i]];
    *ret_weight = w->r.map[sum->arg[1 - i]];
    if (square->op == IR_MUL && square->arg[0] == square->arg[1]) return square->arg[0];
  }
  return IR_NONE;
}

/* Gauss-Newton sums of a term: products of its root's derivatives. */
static void products(Forward *w, const IrTerm *t, IrVal weight, const IrVal *by) {
  uint32_t p = w->f->n_params, at = t->curvature;
  for (uint32_t i = 0; i < p; i++) {
    IrVal left = by[i] == IR_NONE ? IR_NONE : alg_mul(w->b, weight, by[i]);
    for (uint32_t k = i; k < p; k++, at++) {
      if (left == IR_NONE || by[k] == IR_NONE) continue;
      Dim dim = dim_mul(w->b->k->ins.at[left].dim, w->b->k->ins.at[by[k]].dim);
      uint32_t slot = ir_slot(w->b, SLOT_STATE, at, name_fmt(w->b->s, "JJ.%u.%u", i, k), IR_REAL, dim);
      ir_store(w->b, slot, alg_fma(w->b, left, by[k], ir_load(w->b, slot)));
    }
  }
}

/* ---- pieces: what lies between control operations. Other vertices of the graph: the parameters, then for each instruction one
 * that takes what it is, so that it may itself be taken out. */

static uint32_t seed(const AdLinear *l, uint32_t k) { return ad_linear_other(l, k); }
static uint32_t taken(const Forward *w, const AdLinear *l, IrVal v) { return ad_linear_other(l, w->f->n_params + v); }

/* The old value's derivatives by parameter, from the graph. */
static IrVal *row_of(Forward *w, AdLinear *l, IrVal old) {
  IrVal *by = params_new(w);
  w->b->span = w->r.in->ins.at[old].span;
  for (uint32_t k = 0; k < w->f->n_params; k++) by[k] = ad_linear_between(l, seed(l, k), taken(w, l, old));
  return by;
}

static void take(Forward *w, AdLinear *l, IrVal old) {
  if (w->active[old] && !l->in[taken(w, l, old)].n) ad_linear_edge(l, old, taken(w, l, old), alg_num(w->b, 1));
}

/* What is known and used in this piece stands in the graph with its derivatives. */
static void leaves(Forward *w, AdLinear *l, IrVal end) {
  for (IrVal v = 0; v < end; v++)
    for (uint32_t k = 0; w->known[v] && w->last[v] >= w->from && k < w->f->n_params; k++)
      if (w->known[v][k] != IR_NONE) ad_linear_edge(l, seed(l, k), v, w->known[v][k]);
}

/* The graph of the piece up to `end`; what its instructions [from, end) give to those that are taken. */
static AdLinear graph(Forward *w, IrVal end) {
  AdLinear l = ad_linear_new(w->b, w->r.in, w->f->n_params + w->r.in->ins.n);
  bool *made = NEW_ARRAY(w->b->arena, bool, end + 1);
  for (IrVal v = w->from; v < end; v++) made[v] = w->active[v] && !w->known[v] && w->r.in->ins.at[v].op != IR_STORE;
  leaves(w, &l, end);
  ad_linear_fill(&l, w->r.map, w->active, w->from, end);
  for (IrVal v = w->from; v < end; v++) {
    const IrIns *ins = &w->r.in->ins.at[v];
    IrVal weight, root = ins->op == IR_STORE ? root_of(w, ins, &weight) : IR_NONE;
    if (w->last[v] >= end) take(w, &l, v);
    if (ins->op == IR_STORE) take(w, &l, ins->arg[0]);
    if (root != IR_NONE) take(w, &l, root);
  }
  ad_linear_guard(&l, made, w->from, end);
  if (l.why && !w->why) w->why = l.why, w->seen = l.seen;
  bool *known = NEW_ARRAY(w->b->arena, bool, w->r.in->ins.n + 1);
  for (IrVal v = 0; v < end; v++) known[v] = w->known[v] != NULL;
  ad_linear_eliminate(&l, known);
  return l;
}

/* Values of this piece that are used at `end` or later become known. */
static void piece_end(Forward *w, IrVal end) {
  AdLinear l = graph(w, end);
  for (IrVal v = w->from; v < end; v++)
    if (w->active[v] && !w->known[v] && w->last[v] >= end) w->known[v] = row_of(w, &l, v);
}

static void store_derivatives(Forward *w, AdLinear *l, const IrIns *ins) {
  const IrSlot *slot = &w->r.in->slots.at[ins->slot];
  IrVal *by = row_of(w, l, ins->arg[0]), weight;
  w->b->span = ins->span;
  for (uint32_t k = 0; k < w->f->n_params; k++) {
    bool *depends = &w->f->depends[depend_at(w, slot->kind, slot->index) + k];
    *depends |= by[k] != IR_NONE;
    if (!*depends) continue;
    uint32_t at = tangent_slot(w, slot, k);
    ir_store(w->b, at, by[k] == IR_NONE ? ir_const(w->b, 0, w->b->k->slots.at[at].dim) : by[k]);
  }
  IrVal root = root_of(w, ins, &weight);
  if (root != IR_NONE) products(w, term_of_sum(w, slot), weight, row_of(w, l, root));
}

/* Stores stand behind the last loop, as all effects do: they belong to the last piece. */
static void stores_end(Forward *w) {
  AdLinear l = graph(w, w->r.in->ins.n);
  for (IrVal v = w->from; v < w->r.in->ins.n; v++)
    if (w->r.in->ins.at[v].op == IR_STORE) store_derivatives(w, &l, &w->r.in->ins.at[v]);
}

static const IrVal *derivatives_of(Forward *w, IrVal old) { return w->known[old] ? w->known[old] : params_new(w); }

/* ---- loops: the derivatives of what is carried are carried, by all parameters, if it depends on any */

static bool *depends_of(Forward *w) {
  const AdForward *f = w->f;
  AdActive all = {.n_params = f->n_free ? f->n_free : f->n_params, .n_states = f->n_states, .n_rings = f->n_rings};
  all.depends = NEW_ARRAY(w->b->arena, bool, f->n_states + f->n_rings + 1);
  for (uint32_t i = 0; i < (f->n_states + f->n_rings) * f->n_params; i++) all.depends[i / f->n_params] |= f->depends[i];
  return ad_depends(&all, w->r.in, w->b->arena);
}

static void loop_begin(Forward *w, IrVal at) {
  const IrKernel *k = w->r.in;
  const bool *depends = depends_of(w);
  bool *any = NEW_ARRAY(w->b->arena, bool, w->f->n_params + 1);
  for (uint32_t i = 0; i < (w->f->n_states + w->f->n_rings) * w->f->n_params; i++)
    any[i % w->f->n_params] |= w->f->depends[i];
  for (IrVal i = 0; i < at; i++)
    for (uint32_t j = 0; w->known[i] && j < w->f->n_params; j++) any[j] |= w->known[i][j] != IR_NONE;
  w->loop = at;
  for (IrVal i = at + 1; k->ins.at[i].op == IR_CARRY; i++) {
    const IrVal *had = derivatives_of(w, k->ins.at[i].arg[0]);
    w->inner[i] = params_new(w);
    for (uint32_t j = 0; depends[i] && j < w->f->n_params; j++)
      if (any[j]) w->inner[i][j] = had[j] != IR_NONE ? had[j] : ir_const(w->b, 0, dim_by(w, k->ins.at[i].dim, j));
  }
  ir_rewrite_copy(&w->r, at);
}

static void loop_carry(Forward *w, IrVal at) {
  ir_rewrite_copy(&w->r, at);
  for (uint32_t j = 0; j < w->f->n_params; j++)
    if (w->inner[at][j] != IR_NONE) w->inner[at][j] = ir_carry(w->b, w->inner[at][j]);
  for (uint32_t j = 0; j < w->f->n_params; j++) w->active[at] |= w->inner[at][j] != IR_NONE;
  if (w->active[at]) w->known[at] = w->inner[at];
}

/* What the derivatives of all carried values are in the next turn: before the first `next`, as nothing may stand between them. */
static void loop_follow(Forward *w, IrVal at) {
  for (; w->r.in->ins.at[at].op == IR_NEXT; at++) {
    const IrIns *ins = &w->r.in->ins.at[at];
    const IrVal *carried = w->inner[ins->arg[0]], *by = derivatives_of(w, ins->arg[1]);
    w->inner[at] = params_new(w);
    for (uint32_t j = 0; j < w->f->n_params; j++)
      if (carried[j] != IR_NONE)
        w->inner[at][j] = by[j] == IR_NONE ? ir_const(w->b, 0, w->b->k->ins.at[carried[j]].dim) : by[j];
  }
}

static void loop_next(Forward *w, IrVal at) {
  const IrVal *carried = w->inner[w->r.in->ins.at[at].arg[0]];
  if (w->r.in->ins.at[at - 1].op != IR_NEXT) loop_follow(w, at);
  ir_rewrite_copy(&w->r, at);
  for (uint32_t j = 0; j < w->f->n_params; j++)
    if (carried[j] != IR_NONE) ir_next(w->b, carried[j], w->inner[at][j]);
}

/* Behind a loop only what is carried is seen. */
static void loop_end(Forward *w, IrVal at) {
  ir_rewrite_copy(&w->r, at);
  for (IrVal i = w->loop + 1; i < at; i++)
    if (w->r.in->ins.at[i].op != IR_CARRY) w->known[i] = NULL, w->active[i] = false;
}

/* ---- the walk */

static void control(Forward *w, IrVal i, IrOp op) {
  piece_end(w, i);
  if (op == IR_LOOP) loop_begin(w, i);
  else if (op == IR_CARRY) loop_carry(w, i);
  else if (op == IR_NEXT) loop_next(w, i);
  else loop_end(w, i);
  w->from = i + 1;
}

static void walk(Forward *w, IrVal i) {
  const IrIns *ins = &w->r.in->ins.at[i];
  ir_rewrite_at(&w->r, i);
  if (ir_ops[ins->op].flags & IRF_CONTROL) {
    control(w, i, (IrOp)ins->op);
    return;
  }
  ir_rewrite_copy(&w->r, i);
  if (ins->op == IR_LOAD) load(w, i);
  for (int j = ad_first_arg((IrOp)ins->op); ins->type == IR_REAL && j < ir_ops[ins->op].arity; j++)
    w->active[i] |= w->active[ins->arg[j]];
}

IrKernel *ad_forward_kernel(AdForward *f, const IrKernel *k, Name name) {
  Forward w = {.f = f, .r = ir_rewrite(k, f->arena, f->s)};
  w.b = &w.r.b;
  w.b->k->name = name;
  w.active = NEW_ARRAY(f->arena, bool, k->ins.n + 1);
  w.known = NEW_ARRAY(f->arena, IrVal *, k->ins.n + 1);
  w.last = NEW_ARRAY(f->arena, IrVal, k->ins.n + 1);
  w.inner = NEW_ARRAY(f->arena, IrVal *, k->ins.n + 1);
  for (IrVal i = 0; i < k->ins.n; i++)
    for (int j = 0; j < ir_ops[k->ins.at[i].op].arity; j++) w.last[k->ins.at[i].arg[j]] = i;
  for (IrVal i = 0; i < k->ins.n; i++) walk(&w, i);
  stores_end(&w);
  for (uint32_t i = 0; f->alike && k->kind == KERNEL_MARCH && i < w.b->k->slots.n; i++) { /* all directions of a vector are of one start */
    IrSlot *slot = &w.b->k->slots.at[i];
    slot->alike = (slot->kind == SLOT_PARAM && slot->index < f->n_free) || (slot->kind == SLOT_STATE && slot->index < f->n_states) ||
                  (slot->kind == SLOT_RING && slot->index < f->n_rings);
  }
  f->failed |= w.why != NULL;
  if (w.why && !f->quiet) diag_no_gradient(f->s, k->ins.at[w.seen].span, ir_ops[k->ins.at[w.seen].op].text, w.why);
  return w.b->k;
}

/* ---- the pass */

static uint32_t depends_count(const AdForward *f) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < (f->n_states + f->n_rings) * f->n_params; i++) n += f->depends[i];
  return n;
}

static bool some_squares(const IrMarch *m) {
  for (uint32_t i = 0; i < m->terms.n; i++)
    if (m->terms.at[i].squared) return true;
  return false;
}

/* Where each term has its gradient and its products. */
static void lay_out(AdForward *f, IrMarch *m) {
  uint32_t p = f->n_params, at = f->n_states * (1 + p);
  for (uint32_t i = 0; i < m->terms.n; i++) {
    IrTerm *t = &m->terms.at[i];
    t->gradient = f->n_states + t->sum * p;
    if (!t->squared) continue;
    t->curvature = at;
    at += p * (p + 1) / 2;
  }
  f->n_added = at - f->n_states * (1 + p);
}

static IrMarchForm form_of(AdForward *f, const IrMarch *m, const char *what) {
  Session *s = f->s;
  const char *class = name_str(s, m->class->name);
  IrMarchForm form = {.n_states = f->n_states * (1 + f->n_params) + (f->curvature ? f->n_added : 0),
                      .n_rings = f->n_rings * (1 + f->n_params)};
  uint32_t errors = s->errors;
  for (uint32_t before = IR_NONE; s->errors == errors && !f->failed && before != depends_count(f);) {
    before = depends_count(f);
    form.begin = ad_forward_kernel(f, m->plain.begin, name_fmt(s, "begin.%s.%s", what, class));
    form.march = ad_forward_kernel(f, m->plain.march, name_fmt(s, "%s.%s", what, class));
  }
  form.begin->index = form.march->index = IR_NONE;
  return form;
}

IrMarchForm ad_direction(const AdForward *all, const IrMarch *m, bool alike) {
  static const Dim plain;
  AdForward f = *all;
  f.n_free = all->n_params;
  f.alike = alike;
  f.n_params = 1;
  f.curvature = NULL;
  f.depends = NEW_ARRAY(f.arena, bool, f.n_states + f.n_rings + 1);
  f.dims = &plain;
  static const IrMarchForm none;
  IrMarchForm form = form_of(&f, m, alike ? "direction" : "tangent");
  return f.failed ? none : form;
}

static const Dim *dims_of(const IrFit *f, Arena *a) {
  Dim *dims = NEW_ARRAY(a, Dim, f->free.n + 1);
  for (uint32_t k = 0; k < f->free.n; k++) dims[k] = f->fit->free.at[k].dim;
  return dims;
}

AdForward ad_forward_of(Session *s, Arena *a, const IrFit *fit, const IrMarch *m) {
  AdForward f = {.s = s, .arena = a, .n_params = fit->free.n, .n_states = m->plain.n_states, .n_rings = m->plain.n_rings};
  f.depends = NEW_ARRAY(a, bool, (f.n_states + f.n_rings) * f.n_params + 1);
  f.dims = dims_of(fit, a);
  return f;
}

/* Uncertainties that nobody asked for are left out where there is no derivative. */
static void derivatives(AdForward *f, IrMarch *m, AdNeeds needs) {
  if (needs.gradient) m->gradient = form_of(f, m, "gradient");
  if (needs.gradient && !f->failed) m->direction = ad_direction(f, m, true);
  if (f->failed || !some_squares(m) || !(needs.curvature || needs.certain)) return;
  f->curvature = m;
  f->quiet = !needs.curvature;
  m->curvature = form_of(f, m, "curvature");
  static const IrMarchForm none;
  if (f->failed) m->curvature = none;
}

IrModule *ad_pass_forward(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->marches.n; k++) {
      IrMarch *march = m->fits.at[i]->marches.at[k];
      AdForward f = ad_forward_of(s, out, m->fits.at[i], march);
      lay_out(&f, march);
      derivatives(&f, march, ad_needs(m->fits.at[i], k));
    }
  ir_module_renumber(m, out);
  return m;
}
