/* Forward mode: a kernel of a fit with the derivatives of its states by the free parameters, source to source.
 *
 * Each value has a short row of slopes by "atoms": parameters, states, and values at which rows were closed. An atom has its
 * derivatives by all parameters (for a parameter itself, 1 and zeros). So the partials of a step are found once, as scalars, and
 * multiplied with the long rows only where a state is stored: the local Jacobian of derivatives.md §2. A value that is used
 * more than once and hangs on several states is closed: it becomes an atom, or stages of a Runge-Kutta step would carry ever
 * longer rows. What cannot depend on a parameter has no derivative in memory or in code: which does is found by running over
 * `begin` and `march` until nothing is added.
 *
 * Loops (adaptive steps) carry the derivatives of what they carry: the derivative is that of the program that runs, choice of
 * steps included. A choice takes the side's derivative, never 0 * infinity of the other. */
#include "autodiff/ad.h"
#include "ir/algebra.h"
#include "ir/pass.h"
#include "lang/diag.h"

typedef struct {
  uint32_t n, cap;
  uint32_t *atom;
  IrVal *slope; /* in the new kernel */
} Row;

typedef struct {
  IrVal *by; /* by parameter, IR_NONE: 0 */
  uint32_t n;
} Atom;

typedef struct {
  AdForward *f;
  IrRewrite r;
  IrBuild *b;
  Row *row;       /* by old instruction */
  uint32_t *uses; /* by old instruction */
  VEC(Atom) atoms;
  uint32_t loop;  /* old position of the loop that is open; IR_NONE */
  IrVal **inner;  /* by old carry of it: its derivatives, as they are carried */
  IrVal seen;     /* where a derivative is missing, or IR_NONE */
  const char *why;
} Forward;

/* ---- rows */

static uint32_t atom_new(Forward *w, IrVal *by) {
  Atom a = {by, 0};
  for (uint32_t k = 0; k < w->f->n_params; k++) a.n += by[k] != IR_NONE;
  vec_push(w->b->arena, &w->atoms, a);
  return w->atoms.n - 1;
}

static void row_add(Forward *w, Row *row, uint32_t atom, IrVal slope) {
  VEC(uint32_t) atoms = {.at = row->atom, .n = row->n, .cap = row->cap};
  VEC(IrVal) slopes = {.at = row->slope, .n = row->n, .cap = row->cap};
  vec_push(w->b->arena, &atoms, atom);
  vec_push(w->b->arena, &slopes, slope);
  *row = (Row){atoms.n, atoms.cap, atoms.at, slopes.at};
}

static IrVal *params_new(Forward *w) {
  IrVal *by = NEW_ARRAY(w->b->arena, IrVal, w->f->n_params + 1);
  for (uint32_t k = 0; k < w->f->n_params; k++) by[k] = IR_NONE;
  return by;
}

/* The row by atoms as derivatives by parameters. */
static IrVal *expand(Forward *w, const Row *row) {
  IrVal *by = params_new(w);
  for (uint32_t i = 0; i < row->n; i++) {
    const Atom *a = &w->atoms.at[row->atom[i]];
    for (uint32_t k = 0; k < w->f->n_params; k++) {
      if (a->by[k] == IR_NONE) continue;
      by[k] = by[k] == IR_NONE ? alg_mul(w->b, row->slope[i], a->by[k])
                               : alg_fma(w->b, row->slope[i], a->by[k], by[k]);
    }
  }
  return by;
}

static void row_is_atom(Forward *w, Row *row, IrVal *by) {
  bool any = false;
  for (uint32_t k = 0; k < w->f->n_params; k++) any |= by[k] != IR_NONE;
  row->n = 0;
  if (any) row_add(w, row, atom_new(w, by), alg_num(w->b, 1));
}

/* Closing costs one multiplication for each derivative of each atom, and saves one for each atom but one in every operation
 * that follows. */
static void close_row(Forward *w, IrVal old) {
  Row *row = &w->row[old];
  uint32_t wide = 0, cost = 0;
  for (uint32_t i = 0; i < row->n; i++) {
    wide += w->atoms.at[row->atom[i]].n > 1;
    cost += w->atoms.at[row->atom[i]].n;
  }
  bool cheap = row->n >= 2 && cost <= 2 * w->uses[old] * (row->n - 1);
  if (cheap || (wide >= 2 && w->uses[old] >= 2)) row_is_atom(w, row, expand(w, row));
}

static uint32_t row_find(const Row *row, uint32_t atom) {
  uint32_t i = 0;
  while (i < row->n && row->atom[i] != atom) i++;
  return i;
}

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
  return ir_slot(w->b, slot->kind, plain + slot->index * w->f->n_params + k,
                 name_fmt(w->b->s, "d%s.%u", name_none(slot->name) ? "" : name_str(w->b->s, slot->name), k), IR_REAL, dim);
}

static void row_of_load(Forward *w, IrVal old, const IrSlot *slot) {
  IrVal *by = params_new(w);
  if (slot->kind == SLOT_PARAM && w->f->n_free)
    by[0] = ir_load(w->b, ir_slot(w->b, SLOT_PARAM, w->f->n_free + slot->index, slot->name, IR_REAL, slot->dim));
  else if (slot->kind == SLOT_PARAM) by[slot->index] = alg_num(w->b, 1);
  if (slot->kind == SLOT_STATE || slot->kind == SLOT_RING)
    for (uint32_t k = 0; k < w->f->n_params; k++)
      if (w->f->depends[depend_at(w, slot->kind, slot->index) + k]) by[k] = ir_load(w->b, tangent_slot(w, slot, k));
  row_is_atom(w, &w->row[old], by);
}

/* ---- Gauss-Newton sums: J'J of a term's root */

static const IrTerm *term_of_sum(const Forward *w, const IrSlot *slot) {
  for (uint32_t i = 0; w->f->curvature && i < w->f->curvature->terms.n; i++)
    if (slot->kind == SLOT_STATE && w->f->curvature->terms.at[i].sum == slot->index) return &w->f->curvature->terms.at[i];
  return NULL;
}

/* The sum is fma(weight, root * root, sum): march.c. */
static void products(Forward *w, const IrTerm *t, const IrIns *store) {
  const IrKernel *in = w->r.in;
  const IrIns *sum = &in->ins.at[store->arg[0]];
  if (sum->op != IR_FMA) return;
  IrVal weight = w->r.map[sum->arg[0]];
  const IrIns *square = &in->ins.at[sum->arg[1]];
  if (square->op != IR_MUL || square->arg[0] != square->arg[1]) {
    square = &in->ins.at[sum->arg[0]], weight = w->r.map[sum->arg[1]];
    if (square->op != IR_MUL || square->arg[0] != square->arg[1]) return;
  }
  const Row *root = &w->row[square->arg[0]];
  IrVal *by = expand(w, root);
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

static void store_row(Forward *w, const IrIns *ins) {
  const IrSlot *slot = &w->r.in->slots.at[ins->slot];
  IrVal *by = expand(w, &w->row[ins->arg[0]]);
  for (uint32_t k = 0; k < w->f->n_params; k++) {
    bool *depends = &w->f->depends[depend_at(w, slot->kind, slot->index) + k];
    *depends |= by[k] != IR_NONE;
    if (!*depends) continue;
    uint32_t at = tangent_slot(w, slot, k);
    ir_store(w->b, at, by[k] == IR_NONE ? ir_const(w->b, 0, w->b->k->slots.at[at].dim) : by[k]);
  }
  const IrTerm *t = term_of_sum(w, slot);
  if (t && t->curvature != IR_NONE) products(w, t, ins);
}

/* ---- operations */

static void row_of_op(Forward *w, IrVal old, const IrIns *ins) {
  IrVal args[4];
  Row *row = &w->row[old];
  for (int i = 0; i < ir_ops[ins->op].arity; i++) args[i] = w->r.map[ins->arg[i]];
  for (int i = 0; i < ir_ops[ins->op].arity; i++) {
    const Row *of = &w->row[ins->arg[i]];
    if (!of->n) continue;
    const char *why = NULL;
    IrVal d = ir_partial(w->b, (IrOp)ins->op, args, w->r.map[old], i, &why);
    if (why && !w->why) w->why = why, w->seen = old;
    if (d == IR_NONE || alg_is(w->b, d, 0)) continue;
    for (uint32_t j = 0; j < of->n; j++) {
      uint32_t at = row_find(row, of->atom[j]);
      if (at == row->n) row_add(w, row, of->atom[j], alg_mul(w->b, d, of->slope[j]));
      else row->slope[at] = alg_fma(w->b, d, of->slope[j], row->slope[at]);
    }
  }
}

static void row_of_choice(Forward *w, IrVal old, const IrIns *ins) {
  const Row *x = &w->row[ins->arg[1]], *y = &w->row[ins->arg[2]];
  IrVal c = w->r.map[ins->arg[0]];
  for (uint32_t j = 0; j < x->n; j++) {
    uint32_t at = row_find(y, x->atom[j]);
    IrVal other = at < y->n ? y->slope[at] : alg_zero_like(w->b, x->slope[j]);
    row_add(w, &w->row[old], x->atom[j], alg_select(w->b, c, x->slope[j], other));
  }
  for (uint32_t j = 0; j < y->n; j++)
    if (row_find(x, y->atom[j]) == x->n)
      row_add(w, &w->row[old], y->atom[j], alg_select(w->b, c, alg_zero_like(w->b, y->slope[j]), y->slope[j]));
}

/* ---- loops: the derivatives of what is carried are carried. All of them, if any may be there. */

static void loop_begin(Forward *w, IrVal at) {
  const IrKernel *k = w->r.in;
  w->loop = at;
  for (IrVal i = at + 1; k->ins.at[i].op == IR_CARRY; i++) w->inner[i] = expand(w, &w->row[k->ins.at[i].arg[0]]);
  ir_rewrite_copy(&w->r, at);
}

static void loop_carry(Forward *w, IrVal at) {
  const IrIns *ins = &w->r.in->ins.at[at];
  IrVal *by = w->inner[at];
  ir_rewrite_copy(&w->r, at);
  if (ins->type != IR_REAL) return;
  for (uint32_t k = 0; k < w->f->n_params; k++) {
    if (by[k] == IR_NONE) continue;
    by[k] = ir_carry(w->b, by[k]);
  }
  row_is_atom(w, &w->row[at], by);
}

static void loop_next(Forward *w, IrVal at) {
  const IrIns *ins = &w->r.in->ins.at[at];
  IrVal *carried = w->inner[ins->arg[0]], *by = expand(w, &w->row[ins->arg[1]]);
  ir_rewrite_copy(&w->r, at);
  for (uint32_t k = 0; w->r.in->ins.at[ins->arg[0]].type == IR_REAL && k < w->f->n_params; k++) {
    if (carried[k] == IR_NONE) continue;
    IrVal zero = by[k] == IR_NONE ? ir_const(w->b, 0, w->b->k->ins.at[carried[k]].dim) : by[k];
    ir_next(w->b, carried[k], zero);
  }
}

/* Behind a loop only what is carried is seen. */
static void loop_end(Forward *w, IrVal at) {
  ir_rewrite_copy(&w->r, at);
  for (IrVal i = w->loop + 1; i < at; i++)
    if (w->r.in->ins.at[i].op != IR_CARRY) w->row[i].n = 0;
  w->loop = IR_NONE;
}

/* Every carried real of the kernel's loops may come to depend on whatever the kernel depends on. */
static void loop_seeds(Forward *w, IrVal at) {
  const IrKernel *k = w->r.in;
  bool *any = NEW_ARRAY(w->b->arena, bool, w->f->n_params + 1);
  for (uint32_t i = 0; i < w->atoms.n; i++)
    for (uint32_t j = 0; j < w->f->n_params; j++) any[j] |= w->atoms.at[i].by[j] != IR_NONE;
  for (IrVal i = at + 1; k->ins.at[i].op == IR_CARRY; i++) {
    if (k->ins.at[i].type != IR_REAL) continue;
    Row *row = &w->row[k->ins.at[i].arg[0]];
    IrVal *by = expand(w, row);
    for (uint32_t j = 0; j < w->f->n_params; j++)
      if (any[j] && by[j] == IR_NONE) by[j] = ir_const(w->b, 0, dim_by(w, k->ins.at[i].dim, j));
    row_is_atom(w, row, by);
  }
}

/* ---- the walk */

static void control(Forward *w, IrVal i, IrOp op) {
  if (op == IR_LOOP) loop_seeds(w, i), loop_begin(w, i);
  else if (op == IR_CARRY) loop_carry(w, i);
  else if (op == IR_NEXT) loop_next(w, i);
  else loop_end(w, i);
}

static void walk(Forward *w, IrVal i) {
  const IrIns *ins = &w->r.in->ins.at[i];
  ir_rewrite_at(&w->r, i);
  if (ir_ops[ins->op].flags & IRF_CONTROL) {
    control(w, i, (IrOp)ins->op);
    return;
  }
  ir_rewrite_copy(&w->r, i);
  if (ins->op == IR_LOAD) row_of_load(w, i, &w->r.in->slots.at[ins->slot]);
  else if (ins->op == IR_STORE) store_row(w, ins);
  else if (ins->type != IR_REAL) return;
  else if (ins->op == IR_SELECT) row_of_choice(w, i, ins);
  else row_of_op(w, i, ins);
  close_row(w, i);
}

IrKernel *ad_forward_kernel(AdForward *f, const IrKernel *k, Name name) {
  Forward w = {.f = f, .r = ir_rewrite(k, f->arena, f->s), .loop = IR_NONE, .seen = IR_NONE};
  w.b = &w.r.b;
  w.b->k->name = name;
  w.row = NEW_ARRAY(f->arena, Row, k->ins.n + 1);
  w.uses = NEW_ARRAY(f->arena, uint32_t, k->ins.n + 1);
  w.inner = NEW_ARRAY(f->arena, IrVal *, k->ins.n + 1);
  for (uint32_t i = 0; i < k->ins.n; i++)
    for (int j = 0; j < ir_ops[k->ins.at[i].op].arity; j++) w.uses[k->ins.at[i].arg[j]]++;
  for (uint32_t i = 0; i < k->ins.n; i++) walk(&w, i);
  if (w.why) diag_no_gradient(f->s, k->ins.at[w.seen].span, ir_ops[k->ins.at[w.seen].op].text, w.why);
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
    if (m->terms.at[i].term->kind == TERM_RESIDUAL || m->terms.at[i].term->root) return true;
  return false;
}

/* Where each term has its gradient and its products. */
static void lay_out(AdForward *f, IrMarch *m) {
  uint32_t p = f->n_params, at = f->n_states * (1 + p);
  for (uint32_t i = 0; i < m->terms.n; i++) {
    IrTerm *t = &m->terms.at[i];
    t->gradient = f->n_states + t->sum * p;
    if (t->term->kind != TERM_RESIDUAL && !t->term->root) continue;
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
  for (uint32_t before = IR_NONE; s->errors == errors && before != depends_count(f);) {
    before = depends_count(f);
    form.begin = ad_forward_kernel(f, m->plain.begin, name_fmt(s, "begin.%s.%s", what, class));
    form.march = ad_forward_kernel(f, m->plain.march, name_fmt(s, "%s.%s", what, class));
  }
  form.begin->index = form.march->index = IR_NONE;
  return form;
}

static IrMarchForm direction_of(const AdForward *all, const IrMarch *m) {
  static const Dim plain;
  AdForward f = *all;
  f.n_free = all->n_params;
  f.n_params = 1;
  f.curvature = NULL;
  f.depends = NEW_ARRAY(f.arena, bool, f.n_states + f.n_rings + 1);
  f.dims = &plain;
  return form_of(&f, m, "direction");
}

static const Dim *dims_of(const IrFit *f, Arena *a) {
  Dim *dims = NEW_ARRAY(a, Dim, f->free.n + 1);
  for (uint32_t k = 0; k < f->free.n; k++) dims[k] = f->fit->free.at[k].var->dim;
  return dims;
}

IrModule *ad_pass_forward(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->marches.n; k++) {
      IrMarch *march = m->fits.at[i]->marches.at[k];
      AdForward f = {.s = s, .arena = out, .n_params = m->fits.at[i]->free.n, .n_states = march->plain.n_states,
                     .n_rings = march->plain.n_rings};
      f.depends = NEW_ARRAY(out, bool, (f.n_states + f.n_rings) * f.n_params + 1);
      f.dims = dims_of(m->fits.at[i], out);
      lay_out(&f, march);
      march->gradient = form_of(&f, march, "gradient");
      if (s->errors == 0) march->direction = direction_of(&f, march);
      f.curvature = some_squares(march) ? march : NULL;
      if (f.curvature && s->errors == 0) march->curvature = form_of(&f, march, "curvature");
    }
  ir_module_renumber(m, out);
  return m;
}
