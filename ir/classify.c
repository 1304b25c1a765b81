/* Reads from the data flow what a value is made of: its linear form over chosen values (the "atoms": states,
 * inputs, noise), and whether it needs time, noise, transcendental functions or anything that differs between
 * elements. The choice of integrator rests on this alone, never on how a model is written.
 *
 * Method: one walk over the instructions. A sum adds forms, a product needs one side free of atoms, a select
 * a condition free of atoms; anything else that depends on an atom is not linear. Coefficients are new values
 * of the same kernel. */
#include "ir/algebra.h"

#include <string.h>

#include "lang/session.h"

IrForms ir_forms(IrBuild *b, const IrVal *atoms, uint32_t n) {
  IrForms f = {.b = b};
  for (uint32_t i = 0; i < n; i++) vec_push(b->arena, &f.atoms, atoms[i]);
  return f;
}

static IrForm *form_new(IrForms *f) {
  IrForm *r = NEW(f->b->arena, IrForm);
  r->linear = true;
  r->depends = NEW_ARRAY(f->b->arena, bool, f->atoms.n + 1);
  r->coef = NEW_ARRAY(f->b->arena, IrVal, f->atoms.n + 1);
  for (uint32_t i = 0; i < f->atoms.n; i++) r->coef[i] = IR_NONE;
  r->rest = IR_NONE;
  return r;
}

static bool is_free(const IrForms *f, const IrForm *a) {
  for (uint32_t i = 0; i < f->atoms.n; i++)
    if (a->depends[i]) return false;
  return true;
}

/* Coefficients that may be absent (0). */
static IrVal c_made(IrBuild *b, IrVal x) { return alg_is(b, x, 0) ? IR_NONE : x; }
static IrVal c_neg(IrBuild *b, IrVal x) { return x == IR_NONE ? IR_NONE : alg_neg(b, x); }
static IrVal c_add(IrBuild *b, IrVal x, IrVal y) {
  return x == IR_NONE ? y : y == IR_NONE ? x : c_made(b, alg_add(b, x, y));
}
static IrVal c_mul(IrBuild *b, IrVal x, IrVal y) {
  return x == IR_NONE ? IR_NONE : c_made(b, alg_mul(b, x, y));
}
static IrVal c_div(IrBuild *b, IrVal x, IrVal y) {
  return x == IR_NONE ? IR_NONE : c_made(b, alg_div(b, x, y));
}
static IrVal c_select(IrBuild *b, IrVal c, IrVal x, IrVal y) {
  if (x == IR_NONE && y == IR_NONE) return IR_NONE;
  if (x == IR_NONE) x = alg_zero_like(b, y);
  if (y == IR_NONE) y = alg_zero_like(b, x);
  return alg_select(b, c, x, y);
}

static void set_sum(IrForms *f, IrForm *r, const IrForm *x, const IrForm *y) {
  r->linear = x->linear && y->linear;
  if (!r->linear) return;
  for (uint32_t i = 0; i < f->atoms.n; i++) r->coef[i] = c_add(f->b, x->coef[i], y->coef[i]);
  r->rest = c_add(f->b, x->rest, y->rest);
}

static void set_negated(IrForms *f, IrForm *r, const IrForm *x) {
  r->linear = x->linear;
  if (!r->linear) return;
  for (uint32_t i = 0; i < f->atoms.n; i++) r->coef[i] = c_neg(f->b, x->coef[i]);
  r->rest = c_neg(f->b, x->rest);
}

/* x times the value v, which is free of atoms */
static void set_scaled(IrForms *f, IrForm *r, const IrForm *x, IrVal v) {
  r->linear = x->linear;
  if (!r->linear) return;
  for (uint32_t i = 0; i < f->atoms.n; i++) r->coef[i] = c_mul(f->b, x->coef[i], v);
  r->rest = c_mul(f->b, x->rest, v);
}

static void set_divided(IrForms *f, IrForm *r, const IrForm *x, IrVal v) {
  r->linear = x->linear;
  if (!r->linear) return;
  for (uint32_t i = 0; i < f->atoms.n; i++) r->coef[i] = c_div(f->b, x->coef[i], v);
  r->rest = c_div(f->b, x->rest, v);
}

static void set_product(IrForms *f, IrForm *r, IrVal u, const IrForm *x, IrVal v, const IrForm *y) {
  if (is_free(f, y)) set_scaled(f, r, x, v);
  else if (is_free(f, x)) set_scaled(f, r, y, u);
  else r->linear = false;
}

static void set_choice(IrForms *f, IrForm *r, IrVal c, const IrForm *x, const IrForm *y) {
  r->linear = x->linear && y->linear;
  if (!r->linear) return;
  for (uint32_t i = 0; i < f->atoms.n; i++) r->coef[i] = c_select(f->b, c, x->coef[i], y->coef[i]);
  r->rest = c_select(f->b, c, x->rest, y->rest);
}

static IrForm *form_make(IrForms *f, IrVal v) {
  IrForm *r = form_new(f);
  const IrIns ins = f->b->k->ins.at[v];
  const IrForm *a[4] = {NULL};
  for (int i = 0; i < ir_ops[ins.op].arity; i++) {
    a[i] = ir_form(f, ins.arg[i]);
    for (uint32_t k = 0; k < f->atoms.n; k++) r->depends[k] |= a[i]->depends[k];
  }
  f->b->span = ins.span;
  if (is_free(f, r)) r->rest = c_made(f->b, v);
  else if (ins.op == IR_ADD) set_sum(f, r, a[0], a[1]);
  else if (ins.op == IR_NEG) set_negated(f, r, a[0]);
  else if (ins.op == IR_MUL) set_product(f, r, ins.arg[0], a[0], ins.arg[1], a[1]);
  else if (ins.op == IR_DIV && is_free(f, a[1])) set_divided(f, r, a[0], ins.arg[1]);
  else if (ins.op == IR_SELECT && is_free(f, a[0]) && ins.type == IR_REAL)
    set_choice(f, r, ins.arg[0], a[1], a[2]);
  else if (ins.op == IR_SUB) {
    IrForm *n = form_new(f);
    set_negated(f, n, a[1]);
    set_sum(f, r, a[0], n);
  } else if (ins.op == IR_FMA) {
    IrForm *p = form_new(f);
    set_product(f, p, ins.arg[0], a[0], ins.arg[1], a[1]);
    set_sum(f, r, p, a[2]);
  } else {
    r->linear = false;
  }
  return r;
}

const IrForm *ir_form(IrForms *f, IrVal v) {
  if (v >= f->n_memo) {
    uint32_t n = f->b->k->ins.n * 2 + 16;
    IrForm **grown = NEW_ARRAY(f->b->arena, IrForm *, n);
    if (f->n_memo) memcpy(grown, f->memo, f->n_memo * sizeof *grown);
    f->memo = grown;
    f->n_memo = n;
  }
  if (f->memo[v]) return f->memo[v];
  IrForm *r = NULL;
  for (uint32_t i = 0; i < f->atoms.n; i++) {
    if (f->atoms.at[i] != v) continue;
    r = form_new(f);
    r->depends[i] = true;
    r->coef[i] = alg_num(f->b, 1);
  }
  if (!r) r = form_make(f, v);
  f->memo[v] = r;
  return r;
}

static bool op_transcendental(IrOp op) {
  return op == IR_EXP || op == IR_LOG || op == IR_LOG1P || op == IR_EXPM1 || op == IR_EXPREL ||
         op == IR_EXPRELR || op == IR_TANH || op == IR_SIGMOID || op == IR_SIN || op == IR_COS ||
         op == IR_POW;
}

/* Only functions of what differs between elements count as transcendental: the rest is computed once, or is a
 * drive. */
IrTraits ir_traits(IrBuild *b, IrVal v) {
  bool *seen = NEW_ARRAY(b->arena, bool, v + 1), *varies = NEW_ARRAY(b->arena, bool, v + 1);
  IrTraits t = {0};
  seen[v] = true;
  for (uint32_t n = v + 1; n-- > 0;) /* arguments stand before their users */
    for (int i = 0; seen[n] && i < ir_ops[b->k->ins.at[n].op].arity; i++) seen[b->k->ins.at[n].arg[i]] = true;
  for (uint32_t n = 0; n <= v; n++) {
    const IrIns *ins = &b->k->ins.at[n];
    if (!seen[n]) continue;
    bool element = ins->op == IR_TAKE ||
                   (ins->op == IR_LOAD && b->k->slots.at[ins->slot].kind != SLOT_UNIFORM);
    bool noise = (ir_ops[ins->op].flags & IRF_DRAW) != 0;
    varies[n] = element || noise;
    for (int i = 0; i < ir_ops[ins->op].arity; i++) varies[n] |= varies[ins->arg[i]];
    t.time |= ins->op == IR_TIME;
    t.noise |= noise;
    t.element |= element;
    t.transcendental |= varies[n] && op_transcendental((IrOp)ins->op);
  }
  return t;
}
