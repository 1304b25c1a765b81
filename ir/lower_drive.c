/* A drive to G slots and kernels.
 *
 * A current or rate that never changes is a number of G. Else a drive kernel computes it in each step, for each
 * element, or for all at once if no element differs (`each`). What it draws is drawn once, by synapse kernels
 * into PARAM arrays of the drive's own; noise with a memory is a STATE of the drive; samples of a file are its
 * INPUTs. Weights and delays are numbers of G or synapse kernels, as those of a projection. */
#include "ir/lower.h"

#include "lang/diag.h"

static const Dim TIME = {{[DIM_TIME] = DIM_ONE}};

enum { DRAWN_ORDINALS = 128, PER_DRAW = 16, MOST_DRAWN = 64 };

/* A file whose columns are the elements gives each its own value. */
static bool reads_each(const Setup *st, const MDrive *m) {
  for (uint32_t i = 0; i < m->files.n; i++) {
    const MData *f = &m->files.at[i];
    if (name_none(f->value) || name_eq(f->value, name_z(st->l->s, "id"))) return true;
  }
  return false;
}

/* Does the kernel give the same in every step? What it reads of the time, of noise or of files changes. */
static bool is_steady(const IrKernel *k) {
  for (uint32_t i = 0; i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_STATE || k->slots.at[i].kind == SLOT_INPUT) return false;
  for (uint32_t i = 0; i < k->ins.n; i++)
    if (k->ins.at[i].op == IR_TIME || ir_ops[k->ins.at[i].op].flags & IRF_DRAW) return false;
  return true;
}

static void drive_kernel(Setup *st, Scope *sc, const MDrive *m, Dim dim, IrDrive *d) {
  Lower *l = st->l;
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_DRIVE, name_fmt(l->s, "drive.%s", name_str(l->s, m->path)));
  uint32_t draws = 0;
  Scope own = lower_scope(l, k, LEAF_DRIVE, NULL);
  own.lifting = true;
  own.draws = &draws;
  IrVal v = lower_as(&own, m->value, dim);
  own.b.span = m->value->span;
  ir_store(&own.b, ir_slot(&own.b, SLOT_OUT, 0, name_z(l->s, "value"), IR_REAL, dim), v);
  sc->lifted.at = own.lifted.at, sc->lifted.n = own.lifted.n, sc->lifted.cap = own.lifted.cap;
  d->kernel = lower_share(l, k, false);
  d->n_processes = own.n_processes;
  d->steady = is_steady(k);
  d->each = draws > 0 || own.drawn.n > 0 || reads_each(st, m);
  if (own.drawn.n > MOST_DRAWN)
    diag_not_supported(l->s, m->value->span, "more than 64 draws in one source", "Draw less, or in several drives.");
  for (uint32_t i = 0; i < own.drawn.n && i < MOST_DRAWN; i++) {
    const MExpr *e = own.drawn.at[i];
    vec_push(l->a, &d->drawn, lower_synapse(st, sc, e, e->dim, "draw", DRAWN_ORDINALS + i * PER_DRAW));
  }
}

void lower_drive(Setup *st, MDrive *m, const Shape *shape) {
  IrDrive d = {.drive = m,
               .target = lower_slice(st, &m->target),
               .input = IR_NONE,
               .value = IR_NONE,
               .weight = IR_NONE,
               .delay = IR_NONE};
  const MComponent *comp = m->target.pop->component;
  Dim unit = m->port >= 0 ? comp->ports.at[m->port]->arg_dim : DIM_NONE;
  Scope sc = {.l = st->l};
  if (m->input) d.input = shape->index[m->input->index];
  Dim dim = m->input ? m->input->dim : m->value ? m->value->dim : DIM_NONE;
  if (lower_draws(st, m->value)) drive_kernel(st, &sc, m, dim, &d);
  else d.value = setup_slot_as(st, m->value, dim, "drive");
  if (lower_draws(st, m->weight)) d.weight_kernel = lower_synapse(st, &sc, m->weight, unit, "weight", 0);
  else if (!m->weights.n) d.weight = setup_slot_as(st, m->weight, unit, "weight");
  if (lower_draws(st, m->delay)) d.delay_kernel = lower_synapse(st, &sc, m->delay, TIME, "delay", DELAY_ORDINALS);
  else d.delay = setup_slot_as(st, m->delay, TIME, "delay");
  d.block = lower_block(st, &sc, m->path);
  d.cond = setup_slot(st, m->cond, "if");
  d.from = setup_slot_as(st, m->from, TIME, "from");
  d.to = setup_slot_as(st, m->to, TIME, "to");
  for (uint32_t i = 0; i < m->times.n; i++)
    vec_push(st->l->a, &d.times, setup_slot_as(st, m->times.at[i], TIME, "time"));
  for (uint32_t i = 0; i < m->weights.n; i++)
    vec_push(st->l->a, &d.weights, setup_slot_as(st, m->weights.at[i], unit, "weight"));
  vec_push(st->l->a, &st->x->drives, d);
}
