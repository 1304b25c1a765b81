/* Says whether a module is what its readers may rely on; run after every pass. Needs nothing; gives a count
 * of complaints and, if there are any, each kernel at fault with a line "^ what is wrong" under the place.
 *
 * Of an instruction: arguments stand above it and have values, unused ones are empty, type and dimension are
 * those of the op's rules. Of a slot: once in the list, legal for the kernel's kind (access.def), stored at
 * most once, loaded before it is stored (setup, derive: after). Of a kernel: no time or draws where it runs
 * once nor in kernels of fits, results present. Of a loop: the order loop, carries, body, one next for each carry, again; nothing in it
 * that writes; its values used in it alone. Of a module: kernels of its level, at their index, slots within the class's tables. */
#include <math.h>
#include <string.h>

#include "ir/text.h"
#include "lang/session.h"

typedef struct {
  uint32_t place; /* slot, or slots.n + instruction, or IR_NONE: the kernel as a whole */
  const char *text;
} Complaint;

typedef struct {
  Session *s;
  Arena *arena;
  const IrKernel *k;
  VEC(Complaint) found;
} Verify;

static void complain(Verify *v, uint32_t place, const char *text) {
  vec_push(v->arena, &v->found, ((Complaint){place, text}));
}

static void complain_ins(Verify *v, uint32_t at, const char *text) { complain(v, v->k->slots.n + at, text); }

/* ---- slots */

static IrType slot_type(SlotKind kind) {
  return kind == SLOT_HELD || kind == SLOT_PREV || kind == SLOT_SPIKE ? IR_BOOL : IR_REAL;
}

/* Every (kind, index) once; by hashing, since a setup kernel may have a slot for each of 100,000 globals. */
static void verify_unique(Verify *v) {
  uint32_t size = 16;
  while (size < 2 * v->k->slots.n) size *= 2;
  uint32_t *at = NEW_ARRAY(v->arena, uint32_t, size); /* slot + 1, or 0 */
  for (uint32_t i = 0; i < v->k->slots.n; i++) {
    const IrSlot *slot = &v->k->slots.at[i];
    uint32_t h = (slot->index * 2654435761u ^ (uint32_t)slot->kind * 40503u) & (size - 1);
    for (; at[h]; h = (h + 1) & (size - 1)) {
      const IrSlot *other = &v->k->slots.at[at[h] - 1];
      if (other->kind == slot->kind && other->index == slot->index) break;
    }
    if (at[h]) complain(v, i, "the same slot again");
    else at[h] = i + 1;
  }
}

static void verify_slots(Verify *v) {
  verify_unique(v);
  for (uint32_t i = 0; i < v->k->slots.n; i++) {
    const IrSlot *slot = &v->k->slots.at[i];
    if (slot->kind >= SLOT_KINDS) {
      complain(v, i, "no such kind of slot");
      continue;
    }
    if (slot->type != slot_type(slot->kind)) complain(v, i, "wrong type for its kind");
    if (slot->type == IR_BOOL && !dim_none(slot->dim)) complain(v, i, "a condition has a dimension");
    if (slot->settable && slot->kind != SLOT_GLOBAL) complain(v, i, "only a global can be settable");
    bool lanes = slot->kind == SLOT_PARAM || slot->kind == SLOT_STATE || slot->kind == SLOT_RING;
    if (slot->lag && slot->kind != SLOT_RING) complain(v, i, "only a ring has a lag of its own");
    if (slot->alike && !(lanes && ir_kernel_fit(v->k->kind))) complain(v, i, "only what a kernel over time has for each element can be alike");
    if (!ir_access(v->k->kind, slot->kind)) complain(v, i, "kernels of this kind have no such slots");
  }
}

/* ---- instructions */

static bool verify_args(Verify *v, uint32_t at) {
  const IrIns *ins = &v->k->ins.at[at];
  for (int i = 0; i < 4; i++) {
    bool used = i < ir_ops[ins->op].arity;
    if (!used && ins->arg[i] == IR_NONE) continue;
    const char *wrong = !used                                       ? "an argument too many"
                        : ins->arg[i] >= at                         ? "an argument does not stand above"
                        : v->k->ins.at[ins->arg[i]].type == IR_VOID ? "an argument has no value"
                                                                    : NULL;
    if (wrong) complain_ins(v, at, wrong);
    if (wrong) return false;
  }
  return true;
}

static bool uses_slot(const IrIns *ins) {
  return ins->op == IR_LOAD || ins->op == IR_STORE || ins->op == IR_TAKE;
}

static void verify_rules(Verify *v, uint32_t at) {
  const IrIns *ins = &v->k->ins.at[at];
  IrType type;
  Dim dim;
  const char *wrong = ir_infer(v->s, v->k, ins, &type, &dim);
  if (wrong)
    complain_ins(v, at, wrong);
  else if (type != ins->type)
    complain_ins(v, at, "the type is not what the operation gives");
  else if (!dim_eq(dim, ins->dim))
    complain_ins(v, at, "the dimension is not what the operation gives");
}

static void verify_kind(Verify *v, uint32_t at) {
  const IrIns *ins = &v->k->ins.at[at];
  KernelKind kind = v->k->kind;
  if (ins->op == IR_TIME && ir_kernel_scalar(kind)) complain_ins(v, at, "no time in a kernel that runs once");
  if (ins->op == IR_DT && kind == KERNEL_SETUP) complain_ins(v, at, "no dt in setup: it computes dt");
  if ((ir_ops[ins->op].flags & IRF_DRAW) && kind == KERNEL_DERIVE)
    complain_ins(v, at, "no draws in a kernel that runs once");
  if ((ir_ops[ins->op].flags & IRF_DRAW) && ir_kernel_fit(kind) && kind != KERNEL_BEGIN)
    complain_ins(v, at, "no draws in a kernel of a fit");
  if (ins->op == IR_CHECK && kind != KERNEL_STEP && kind != KERNEL_FINISH)
    complain_ins(v, at, "checks belong into step kernels");
}

/* One ordinal, one kind of draw: two kinds would be made of the same random bits. */
static void verify_ordinal(Verify *v, uint32_t at) {
  const IrIns *ins = &v->k->ins.at[at];
  for (uint32_t i = 0; i < at; i++) {
    const IrIns *other = &v->k->ins.at[i];
    if (other->op >= IR_OPS || !(ir_ops[other->op].flags & IRF_DRAW) || other->slot != ins->slot ||
        other->op == ins->op)
      continue;
    complain_ins(v, at, "another kind of draw has this ordinal");
    return;
  }
}

static void verify_access(Verify *v, uint32_t at, uint8_t *done) {
  const IrIns *ins = &v->k->ins.at[at];
  const IrSlot *slot = &v->k->slots.at[ins->slot];
  unsigned may = slot->kind < SLOT_KINDS ? ir_access(v->k->kind, slot->kind) : 0;
  unsigned now = ins->op == IR_LOAD ? IRA_LOAD : ins->op == IR_STORE ? IRA_STORE : IRA_TAKE;
  if (!(may & now)) complain_ins(v, at, "kernels of this kind may not do this with such a slot");
  if (now != IRA_LOAD && (done[ins->slot] & now)) complain_ins(v, at, "stored or taken a second time");
  if (now == IRA_LOAD && (done[ins->slot] & IRA_STORE) && !ir_kernel_scalar(v->k->kind))
    complain_ins(v, at, "loaded after it was stored");
  if (now == IRA_STORE && (done[ins->slot] & IRA_LOAD) && ir_kernel_scalar(v->k->kind))
    complain_ins(v, at, "stored after it was loaded");
  done[ins->slot] |= (uint8_t)now;
}

static bool verify_slot_field(Verify *v, uint32_t at) {
  const IrIns *ins = &v->k->ins.at[at];
  bool has = ir_has_slot((IrOp)ins->op);
  const char *wrong = !has && ins->slot != IR_NONE                   ? "a slot where none belongs"
                      : has && ins->slot == IR_NONE                  ? "no slot or ordinal"
                      : uses_slot(ins) && ins->slot >= v->k->slots.n ? "no such slot"
                                                                     : NULL;
  if (wrong) complain_ins(v, at, wrong);
  return !wrong;
}

/* ---- loops */

typedef struct {
  uint32_t *loop; /* by instruction: position of its loop + 1, or 0 */
  uint32_t open;  /* position of the loop that we are in + 1, or 0 */
  uint32_t carries, nexts;
  bool *has_next; /* by carry */
} Loops;

static void verify_visible(Verify *v, const Loops *l, uint32_t at) {
  const IrIns *ins = &v->k->ins.at[at];
  for (int i = 0; i < ir_ops[ins->op].arity; i++) {
    uint32_t of = l->loop[ins->arg[i]];
    if (of && of != l->open && v->k->ins.at[ins->arg[i]].op != IR_CARRY)
      complain_ins(v, at, "a value of a loop's body is used outside of it");
  }
}

static const char *wrong_next(const Verify *v, Loops *l, const IrIns *ins) {
  if (l->loop[ins->arg[0]] != l->open || v->k->ins.at[ins->arg[0]].op != IR_CARRY)
    return "not a value that this loop carries";
  if (l->has_next[ins->arg[0]]) return "the carried value has a next one already";
  l->has_next[ins->arg[0]] = true;
  l->nexts++;
  return NULL;
}

static const char *wrong_control(Verify *v, Loops *l, uint32_t at) {
  const IrIns *ins = &v->k->ins.at[at];
  IrOp before = at ? (IrOp)v->k->ins.at[at - 1].op : IR_CONST;
  if (ins->op == IR_LOOP) {
    if (ins->slot == 0 || ins->slot > IR_MOST_TURNS) return "a loop of no turns, or too many";
    return l->open ? "a loop in a loop" : NULL;
  }
  if (!l->open) return "outside of a loop";
  if (ins->op == IR_CARRY) {
    l->carries++;
    if (before != IR_LOOP && before != IR_CARRY) return "carried values stand right behind `loop`";
    return ins->arg[0] >= l->open ? "it does not begin with a value above the loop" : NULL;
  }
  if (ins->op == IR_NEXT) return wrong_next(v, l, ins);
  return l->nexts != l->carries ? "a carried value has no next one" : NULL;
}

static void verify_loop(Verify *v, Loops *l, uint32_t at) {
  const IrIns *ins = &v->k->ins.at[at];
  const char *wrong = NULL;
  if (ir_ops[ins->op].flags & IRF_CONTROL) wrong = wrong_control(v, l, at);
  else if (l->open && l->nexts) wrong = "between the ends of a loop";
  else if (l->open && (ir_ops[ins->op].flags & IRF_EFFECT)) wrong = "in a loop, which writes nothing";
  if (wrong) complain_ins(v, at, wrong);
  if (ins->op == IR_LOOP) l->open = at + 1, l->carries = l->nexts = 0;
  l->loop[at] = l->open;
  verify_visible(v, l, at);
  if (ins->op == IR_AGAIN) l->open = 0;
}

static void verify_ins(Verify *v) {
  uint8_t *done = NEW_ARRAY(v->arena, uint8_t, v->k->slots.n + 1);
  Loops loops = {.loop = NEW_ARRAY(v->arena, uint32_t, v->k->ins.n + 1),
                 .has_next = NEW_ARRAY(v->arena, bool, v->k->ins.n + 1)};
  for (uint32_t at = 0; at < v->k->ins.n; at++) {
    const IrIns *ins = &v->k->ins.at[at];
    if (ins->op >= IR_OPS || ins->type >= IR_TYPES) {
      complain_ins(v, at, "no such operation or type");
      return; /* what follows cannot be judged */
    }
    if (!verify_args(v, at) || !verify_slot_field(v, at)) continue;
    verify_rules(v, at);
    verify_kind(v, at);
    verify_loop(v, &loops, at);
    if (ir_ops[ins->op].flags & IRF_DRAW) verify_ordinal(v, at);
    if (uses_slot(ins)) verify_access(v, at, done);
    if (ins->op != IR_CONST && memcmp(&ins->num, &(double){0}, sizeof ins->num) != 0)
      complain_ins(v, at, "a number where none belongs");
  }
  if (loops.open) complain_ins(v, loops.open - 1, "the loop does not end");
  for (uint32_t i = 0; i < v->k->slots.n; i++)
    if (v->k->slots.at[i].kind == SLOT_RING && done[i] == IRA_LOAD) complain(v, i, "a ring that nothing is stored to");
  bool answers = v->k->kind == KERNEL_RECORD || v->k->kind == KERNEL_AHEAD || v->k->kind == KERNEL_SYNAPSE || v->k->kind == KERNEL_SYNAPSE_F32 ||
                 v->k->kind == KERNEL_SYNAPSE_F64 || v->k->kind == KERNEL_DRIVE;
  if (!answers) return;
  for (uint32_t i = 0; i < v->k->slots.n; i++)
    if (v->k->slots.at[i].kind == SLOT_OUT && (done[i] & IRA_STORE)) return;
  complain(v, IR_NONE, "the kernel has no result");
}

/* ---- reports */

static void print_complaints(Verify *v, uint32_t place, FILE *out) {
  for (uint32_t i = 0; i < v->found.n; i++)
    if (v->found.at[i].place == place) fprintf(out, "    ^ %s\n", v->found.at[i].text);
}

static void print_all(Verify *v, FILE *out) {
  ir_print_head(v->s, v->k, out);
  print_complaints(v, IR_NONE, out);
  for (uint32_t i = 0; i < v->k->slots.n; i++) {
    ir_print_slot(v->s, v->k, i, out);
    print_complaints(v, i, out);
  }
  for (uint32_t i = 0; i < v->k->ins.n; i++) {
    ir_print_ins(v->s, v->k, i, out);
    print_complaints(v, v->k->slots.n + i, out);
  }
  fputs("end\n", out);
}

static void verify_alike(Verify *v) {
  const bool *alike = ir_alike_values(v->k, v->arena);
  for (uint32_t i = 0; alike && i < v->k->ins.n; i++) {
    const IrIns *ins = &v->k->ins.at[i];
    if (ins->op == IR_STORE && v->k->slots.at[ins->slot].alike && !alike[ins->arg[0]])
      complain_ins(v, i, "the slot's elements are alike, this value's are not");
  }
}

static void verify_kernel(Verify *v) {
  if (v->k->kind >= KERNEL_KINDS) {
    complain(v, IR_NONE, "no such kind of kernel");
    return;
  }
  verify_slots(v);
  verify_ins(v);
  if (v->found.n == 0) verify_alike(v);
}

static int verify_finish(Verify *v, FILE *out) {
  int n = (int)v->found.n;
  if (n > 0) print_all(v, out);
  return n;
}

int ir_verify_kernel(Session *s, const IrKernel *k, FILE *out) {
  Verify v = {.s = s, .arena = arena_new(), .k = k};
  verify_kernel(&v);
  int n = verify_finish(&v, out);
  arena_free(v.arena);
  return n;
}

/* ---- the module around the kernels */

static void verify_limits(Verify *v, const IrClass *c) {
  for (uint32_t i = 0; i < v->k->slots.n; i++) {
    const IrSlot *slot = &v->k->slots.at[i];
    uint32_t n = 0;
    switch (slot->kind) {
      case SLOT_STATE:
      case SLOT_OLD:
      case SLOT_DER: n = c->states.n; break;
      case SLOT_PARAM: n = c->elem_params.n; break;
      case SLOT_UNIFORM: n = c->uniforms.n; break;
      case SLOT_INPUT: n = c->inputs.n; break;
      case SLOT_PORT: n = c->ports.n; break;
      case SLOT_HELD: n = c->holds.n; break;
      case SLOT_PAST: n = 2 * c->pasts.n; break;
      case SLOT_COLUMN: n = c->n_columns; break;
      case SLOT_ARG:
      case SLOT_PREV:
      case SLOT_SPIKE:
      case SLOT_OUT: /* of synapses with memory one for each send */
        n = v->k->kind == KERNEL_LEARN ? UINT32_MAX : v->k == c->jumps ? c->component->reactions.n : c->spikes ? IR_OUT_WAS + c->states.n : 1;
        break;
      case SLOT_GLOBAL: break;
      case SLOT_SAMPLE:
      case SLOT_RING:
      case SLOT_TAPE:
      case SLOT_KINDS: n = UINT32_MAX; break; /* not the class's */
    }
    if (slot->index >= n) complain(v, i, "the class has fewer slots of this kind");
  }
  for (uint32_t i = 0; i < v->k->ins.n; i++) {
    const IrIns *ins = &v->k->ins.at[i];
    if (ins->op == IR_CHECK && ins->slot >= c->states.n) complain_ins(v, i, "the class has fewer states");
    if (ins->op < IR_OPS && (ir_ops[ins->op].flags & IRF_DRAW) && ins->slot >= c->draws && !(ins->slot & IR_DRAWN_ONCE))
      complain_ins(v, i, "the class has given out fewer ordinals");
  }
}

typedef struct {
  Session *s;
  const IrModule *m;
  FILE *out;
  int found;
} VerifyModule;

/* A reference from a table to a kernel. */
static void verify_use(VerifyModule *vm, const IrKernel *k, KernelKind kind, const IrClass *c) {
  if (!k) return;
  Verify v = {.s = vm->s, .arena = arena_new(), .k = k};
  if (k->index >= vm->m->kernels.n || vm->m->kernels.at[k->index] != k)
    complain(&v, IR_NONE, "the kernel is not in the module");
  if (k->kind != kind) complain(&v, IR_NONE, "the kernel is of another kind than its place");
  if (c && k->kind < KERNEL_KINDS) verify_limits(&v, c);
  vm->found += verify_finish(&v, vm->out);
  arena_free(v.arena);
}

/* What is read of populations: each item's kernel is one of the class of its population. */
static void verify_items(VerifyModule *vm, const IrExperiment *x, const IrRecordItem *items, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t pop = items[i].slice.pop;
    verify_use(vm, items[i].kernel, KERNEL_RECORD, pop < x->populations.n ? x->populations.at[pop].class : NULL);
  }
}

static void verify_class(VerifyModule *vm, const IrClass *c) {
  verify_use(vm, c->init, KERNEL_INIT, c);
  verify_use(vm, c->flow, KERNEL_FLOW, c);
  verify_use(vm, c->jumps, KERNEL_FLOW, c);
  verify_use(vm, c->test, KERNEL_TEST, c);
  verify_use(vm, c->fire, KERNEL_FIRE, c);
  for (uint32_t i = 0; i < c->receive.n; i++) verify_use(vm, c->receive.at[i], KERNEL_RECEIVE, c);
  verify_use(vm, c->derive, KERNEL_DERIVE, c);
  verify_use(vm, c->step, KERNEL_STEP, c);
  verify_use(vm, c->finish, KERNEL_FINISH, c);
  verify_use(vm, c->lumped, KERNEL_STEP, c);
  for (uint32_t i = 0; i < c->aheads.n; i++) {
    verify_use(vm, c->aheads.at[i].shown, KERNEL_RECORD, c);
    verify_use(vm, c->aheads.at[i].kernel, KERNEL_AHEAD, c);
  }
  for (uint32_t i = 0; i < LEARNS; i++) verify_use(vm, c->learn[i], KERNEL_LEARN, c);
  for (uint32_t i = 0; i < c->pasts.n; i++) {
    verify_use(vm, c->pasts.at[i].value, KERNEL_RECORD, c);
    verify_use(vm, c->pasts.at[i].delay, KERNEL_RECORD, c);
  }
}

static void verify_coupling(VerifyModule *vm, const IrExperiment *x, const IrCoupling *c) {
  const IrClass *from = x->populations.at[c->link.source.pop].class, *to = x->populations.at[c->link.target.pop].class;
  bool reversed = c->coupling->reversed;
  verify_use(vm, c->link.weight_kernel, KERNEL_SYNAPSE_F64, NULL);
  verify_use(vm, c->link.chance, KERNEL_SYNAPSE, NULL);
  for (uint32_t i = 0; i < c->terms.n; i++) {
    verify_use(vm, c->terms.at[i].pre, KERNEL_RECORD, reversed ? to : from);
    verify_use(vm, c->terms.at[i].post, KERNEL_RECORD, reversed ? from : to);
    verify_use(vm, c->terms.at[i].delay_kernel, KERNEL_SYNAPSE_F64, NULL);
  }
  for (uint32_t i = 0; i < c->sights.n; i++) verify_use(vm, c->sights.at[i].kernel, KERNEL_RECORD, c->sights.at[i].pre ? from : to);
  const IrClass *cells = c->flow ? x->synapses.at[c->link.cells].class : NULL;
  for (uint32_t i = 0; i < c->begins.n; i++) verify_use(vm, c->begins.at[i].kernel, KERNEL_RECORD, cells);
  verify_use(vm, c->flow, KERNEL_RECORD, cells);
}

static void verify_experiment(VerifyModule *vm, const IrExperiment *x) {
  verify_use(vm, x->setup, KERNEL_SETUP, NULL);
  for (uint32_t i = 0; i < x->projections.n; i++) {
    verify_use(vm, x->projections.at[i].weight_kernel, KERNEL_SYNAPSE, NULL);
    verify_use(vm, x->projections.at[i].delay_kernel, KERNEL_SYNAPSE, NULL);
    verify_use(vm, x->projections.at[i].chance, KERNEL_SYNAPSE, NULL);
    verify_use(vm, x->projections.at[i].likely, KERNEL_SYNAPSE, NULL);
    verify_use(vm, x->projections.at[i].bound, KERNEL_SYNAPSE, NULL);
    verify_use(vm, x->projections.at[i].weight_f32, KERNEL_SYNAPSE_F32, NULL);
    verify_use(vm, x->projections.at[i].delay_f32, KERNEL_SYNAPSE_F32, NULL);
  }
  verify_use(vm, x->judge, KERNEL_SETUP, NULL);
  for (uint32_t i = 0; i < x->measures.n; i++)
    verify_items(vm, x, x->measures.at[i].items.at, x->measures.at[i].items.n);
  for (uint32_t i = 0; i < x->drives.n; i++) {
    const IrDrive *d = &x->drives.at[i];
    verify_use(vm, d->kernel, KERNEL_DRIVE, NULL);
    for (uint32_t j = 0; j < d->drawn.n; j++) verify_use(vm, d->drawn.at[j], KERNEL_SYNAPSE, NULL);
    verify_use(vm, d->weight_kernel, KERNEL_SYNAPSE, NULL);
    verify_use(vm, d->delay_kernel, KERNEL_SYNAPSE, NULL);
  }
  for (uint32_t i = 0; i < x->feeds.n; i++)
    verify_items(vm, x, x->feeds.at[i].items.at, x->feeds.at[i].items.n);
  for (uint32_t i = 0; i < x->couplings.n; i++) verify_coupling(vm, x, &x->couplings.at[i]);
  for (uint32_t i = 0; i < x->records.n; i++)
    verify_items(vm, x, x->records.at[i].items.at, x->records.at[i].items.n);
}

static void verify_form(VerifyModule *vm, const IrMarchForm *form) {
  verify_use(vm, form->begin, KERNEL_BEGIN, NULL);
  verify_use(vm, form->march, KERNEL_MARCH, NULL);
}

static void verify_back(VerifyModule *vm, const IrMarchBack *back) {
  verify_use(vm, back->record, KERNEL_MARCH, NULL);
  verify_use(vm, back->back, KERNEL_BACK, NULL);
  verify_use(vm, back->end, KERNEL_BEGIN, NULL);
}

static void verify_fit(VerifyModule *vm, const IrFit *f) {
  verify_experiment(vm, f->x);
  if (f->differentiated) verify_experiment(vm, f->differentiated);
  for (uint32_t i = 0; i < f->marches.n; i++) {
    const IrMarch *march = f->marches.at[i];
    verify_form(vm, &march->plain);
    verify_form(vm, &march->gradient);
    verify_form(vm, &march->direction);
    verify_form(vm, &march->curvature);
    verify_form(vm, &march->tangent);
    verify_back(vm, &march->reverse);
    verify_back(vm, &march->hessian);
    for (uint32_t k = 0; k < march->terms.n; k++) {
      verify_use(vm, march->terms.at[k].value, KERNEL_RECORD, march->class);
      verify_use(vm, march->terms.at[k].root, KERNEL_RECORD, march->class);
      verify_use(vm, march->terms.at[k].given, KERNEL_RECORD, march->class);
    }
  }
  for (uint32_t i = 0; i < f->stages.n; i++) verify_use(vm, f->stages.at[i].objective, KERNEL_SETUP, NULL);
}

static void verify_position(VerifyModule *vm, uint32_t at) {
  Verify v = {.s = vm->s, .arena = arena_new(), .k = vm->m->kernels.at[at]};
  if (v.k->index != at) complain(&v, IR_NONE, "the kernel's index is not its position");
  verify_kernel(&v);
  if (v.k->kind < KERNEL_KINDS && !(ir_kernel_levels(v.k->kind) & vm->m->level))
    complain(&v, IR_NONE, "not a kernel of this level");
  vm->found += verify_finish(&v, vm->out);
  arena_free(v.arena);
}

int ir_verify(Session *s, const IrModule *m, FILE *out) {
  VerifyModule vm = {.s = s, .m = m, .out = out};
  for (uint32_t i = 0; i < m->kernels.n; i++) verify_position(&vm, i);
  if (vm.found > 0) return vm.found; /* the tables are judged by sound kernels */
  for (uint32_t i = 0; i < m->classes.n; i++) verify_class(&vm, m->classes.at[i]);
  for (uint32_t i = 0; i < m->experiments.n; i++) verify_experiment(&vm, m->experiments.at[i]);
  for (uint32_t i = 0; i < m->fits.n; i++) verify_fit(&vm, m->fits.at[i]);
  return vm.found;
}
