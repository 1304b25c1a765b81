/* Handlers of arriving events. Where data flow shows that a handler only adds (each state it changes
 * becomes itself + coefficient * argument, the coefficient over params alone), arriving weights are summed
 * per step and the handler runs once on the sum, in the step. Any other handler runs once for each event,
 * in the order of language.md.
 *
 * A handler that only adds, declared between two that do more, must run between them, so it too runs for
 * each event; those before all others keep their place in the step, those behind all others theirs in
 * `finish`. */
#include "ir/lower.h"

/* NULL if the stored value is state + coefficient * argument, else what is wrong. */
static const char *not_additive(IrForms *f, IrVal arg, IrVal state, IrVal v) {
  const IrForm *form = ir_form(f, v);
  if (!form->linear) return "it is not linear in states and weight";
  for (uint32_t i = 0; i < f->atoms.n; i++) {
    IrVal atom = f->atoms.at[i], c = form->coef[i];
    if (atom == state && c == IR_NONE) return "it sets a state instead of adding to it";
    if (atom == state && !alg_is(f->b, c, 1)) return "its change of a state depends on that state";
    if (atom != state && atom != arg && c != IR_NONE) return "it adds one state to another";
  }
  if (arg != IR_NONE && form->rest != IR_NONE) return "it adds something other than a multiple of the weight";
  for (uint32_t i = 0; i < f->atoms.n; i++)
    if (form->coef[i] != IR_NONE && ir_traits(f->b, form->coef[i]).time) return "it depends on t";
  if (form->rest != IR_NONE && ir_traits(f->b, form->rest).time) return "it depends on t";
  return NULL;
}

static const char *stores_wrong(IrKernel *k, IrForms *f, IrVal arg, uint32_t n_ins) {
  for (uint32_t i = 0; i < n_ins; i++) {
    const IrIns ins = k->ins.at[i];
    if (ins.op != IR_STORE) continue;
    IrVal state = IR_NONE;
    for (uint32_t j = 0; j < n_ins; j++)
      if (k->ins.at[j].op == IR_LOAD && k->ins.at[j].slot == ins.slot) state = j;
    const char *wrong = state == IR_NONE ? "it sets a state instead of adding to it"
                                         : not_additive(f, arg, state, ins.arg[0]);
    if (wrong) return wrong;
  }
  return NULL;
}

/* NULL: the handler only adds. */
static const char *why_each(Lower *l, IrKernel *k, const MPort *port) {
  IrBuild b = {.s = l->s, .arena = l->a, .k = k, .span = port->span};
  uint32_t n_ins = k->ins.n; /* forms make values; they are dropped again */
  VEC(IrVal) atoms = {0};
  IrVal arg = IR_NONE;
  for (uint32_t i = 0; i < n_ins; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (ir_ops[ins->op].flags & IRF_DRAW) return "it draws";
    if (ins->op != IR_LOAD) continue;
    SlotKind kind = k->slots.at[ins->slot].kind;
    if (kind == SLOT_ARG) arg = i;
    if (kind == SLOT_ARG || kind == SLOT_STATE || kind == SLOT_INPUT) vec_push(l->a, &atoms, i);
  }
  IrForms f = ir_forms(&b, atoms.at, atoms.n);
  const char *wrong = stores_wrong(k, &f, arg, n_ins);
  k->ins.n = n_ins;
  return wrong;
}

static bool has_hold(const MStmtList *list) {
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    MStmtList then = {.at = st->then.at, .n = st->then.n}, other = {.at = st->other.at, .n = st->other.n};
    if (st->kind == STMT_HOLD || has_hold(&then) || has_hold(&other)) return true;
  }
  return false;
}

static IrKernel *port_kernel(Lower *l, Shape *shape, const MPort *p, bool guarded) {
  IrKernel *k =
      ir_kernel(l->s, l->a, KERNEL_RECEIVE,
                name_fmt(l->s, "receive.%s.%s", name_str(l->s, shape->c->name), name_str(l->s, p->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  sc.b.span = p->span;
  sc.guarded = guarded;
  if (p->n_args) sc.arg = ir_load(&sc.b, ir_slot(&sc.b, SLOT_ARG, 0, p->arg_name, IR_REAL, p->arg_dim));
  lower_body(&sc, &p->body);
  return k;
}

static void lower_port(Lower *l, Shape *shape, IrPort *port) {
  uint32_t draws = shape->c->draws, errors = l->s->errors;
  IrKernel *k = port_kernel(l, shape, port->port, false); /* the step guards the sum */
  const char *why = l->s->errors > errors        ? NULL
                    : has_hold(&port->port->body) ? "it holds a state"
                                                  : why_each(l, k, port->port);
  port->additive = !why;
  port->reason = name_z(l->s, why ? why : "its handler only adds coefficient * weight to states");
  if (why) {
    shape->c->draws = draws;
    k = port_kernel(l, shape, port->port, true);
  }
  vec_push(l->a, &shape->c->receive, k);
}

void lower_ports(Lower *l, Shape *shape) {
  IrClass *c = shape->c;
  uint32_t first = c->ports.n, last = 0;
  for (uint32_t i = 0; i < c->ports.n; i++) {
    lower_port(l, shape, &c->ports.at[i]);
    if (c->ports.at[i].additive) continue;
    first = first < i ? first : i;
    last = i;
  }
  for (uint32_t i = first; i < last; i++) {
    IrPort *port = &c->ports.at[i];
    if (!port->additive) continue;
    port->additive = false;
    port->reason = name_z(l->s, "it is declared between handlers that do more than add");
    c->receive.at[i] = port_kernel(l, shape, port->port, true);
  }
}
