/* Taylor coefficients of a kernel's values along a solution, by recursion from order to order: the
 * coefficient of a product is a sum of products of coefficients, that of exp(u) comes from y' = y u'.
 * All coefficients of one order cost a multiple of the order, and one exponential serves all orders.
 *
 * A choice (min, max, abs, clip) goes with the side that is taken where the series begins; whoever goes
 * far must ask whether that is still the side (ir_series_choices). An op without a rule is reported,
 * never a constant: what jumps (conditions on what moves), and sqrt and pow, whose series end at 0, are
 * left to methods that only evaluate.
 *
 * Method: Jorba A, Zou M (2005) Exp Math 14:99-117, doi 10.1080/10586458.2005.10128904. */
#include "ir/algebra.h"

static IrVal coef(const IrSeries *s, uint32_t i, uint32_t k) {
  return k == 0 ? s->map[i] : s->c[i] ? s->c[i][k] : IR_NONE;
}

static IrVal plus(IrBuild *b, IrVal x, IrVal y) { return x == IR_NONE ? y : y == IR_NONE ? x : alg_add(b, x, y); }
static IrVal less(IrBuild *b, IrVal x, IrVal y) {
  return y == IR_NONE ? x : x == IR_NONE ? alg_neg(b, y) : alg_sub(b, x, y);
}
static IrVal times(IrBuild *b, IrVal x, IrVal y) {
  return x == IR_NONE || y == IR_NONE ? IR_NONE : alg_mul(b, x, y);
}
static IrVal plus_product(IrBuild *b, IrVal sum, IrVal x, IrVal y) {
  if (x == IR_NONE || y == IR_NONE) return sum;
  return sum == IR_NONE ? alg_mul(b, x, y) : alg_fma(b, x, y, sum);
}
static IrVal chosen(IrBuild *b, IrVal c, IrVal x, IrVal y) {
  if (x == IR_NONE && y == IR_NONE) return IR_NONE;
  return alg_select(b, c, x == IR_NONE ? alg_zero_like(b, y) : x, y == IR_NONE ? alg_zero_like(b, x) : y);
}

/* ---- rules: coefficient k > 0 of instruction i, by those below and those of its arguments */

typedef IrVal (*Rule)(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k);

/* sum x_j y_(k-j), the coefficients that were made last at its end */
static IrVal product(IrSeries *s, IrVal sum, uint32_t x, uint32_t y, uint32_t k) {
  for (uint32_t j = 1; j < k; j++) sum = plus_product(s->b, sum, coef(s, x, j), coef(s, y, k - j));
  sum = plus_product(s->b, sum, coef(s, x, 0), coef(s, y, k));
  return plus_product(s->b, sum, coef(s, x, k), coef(s, y, 0));
}
static IrVal rule_mul(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  (void)i;
  return product(s, IR_NONE, ins->arg[0], ins->arg[1], k);
}
static IrVal rule_fma(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  (void)i;
  return product(s, coef(s, ins->arg[2], k), ins->arg[0], ins->arg[1], k);
}

/* y = a / b: a_k = sum b_j y_(k-j) */
static IrVal rule_div(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  IrVal sum = IR_NONE;
  for (uint32_t j = 1; j <= k; j++) sum = plus_product(s->b, sum, coef(s, ins->arg[1], j), coef(s, i, k - j));
  sum = less(s->b, coef(s, ins->arg[0], k), sum);
  return sum == IR_NONE ? IR_NONE : alg_div(s->b, sum, coef(s, ins->arg[1], 0));
}

/* y' = d u': k y_k = sum j u_j d_(k-j) */
static IrVal by_slope(IrSeries *s, uint32_t u, const IrVal *d, uint32_t k) {
  IrBuild *b = s->b;
  IrVal sum = IR_NONE;
  for (uint32_t j = 1; j < k; j++)
    sum = plus_product(b, sum, times(b, alg_num(b, j), coef(s, u, j)), d[k - j]);
  if (sum != IR_NONE) sum = alg_mul(b, sum, alg_num(b, 1.0 / k));
  return plus_product(b, sum, coef(s, u, k), d[0]);
}

/* of exp and expm1, whose slope is y or y + 1; tanh 1 - y^2; sigmoid y - y^2 */
static IrVal rule_exp(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  s->d[i][0] = coef(s, i, 0);
  s->d[i][k] = by_slope(s, ins->arg[0], s->d[i], k);
  return s->d[i][k];
}
static IrVal rule_expm1(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  s->d[i][0] = alg_add(s->b, coef(s, i, 0), alg_num(s->b, 1));
  s->d[i][k] = by_slope(s, ins->arg[0], s->d[i], k);
  return s->d[i][k];
}
static IrVal rule_tanh(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  IrVal y = coef(s, i, 0), one = alg_num(s->b, 1);
  if (k == 1) s->d[i][0] = alg_sub(s->b, one, alg_mul(s->b, y, y));
  else s->d[i][k - 1] = less(s->b, IR_NONE, product(s, IR_NONE, i, i, k - 1));
  return by_slope(s, ins->arg[0], s->d[i], k);
}
static IrVal rule_sigmoid(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  IrVal y = coef(s, i, k - 1), square = k == 1 ? alg_mul(s->b, y, y) : product(s, IR_NONE, i, i, k - 1);
  s->d[i][k - 1] = less(s->b, y, square);
  return by_slope(s, ins->arg[0], s->d[i], k);
}

/* y' u = u': y_k = (u_k - 1/k sum j y_j u_(k-j)) / u_0 */
static IrVal rule_log(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  IrBuild *b = s->b;
  IrVal sum = IR_NONE;
  for (uint32_t j = 1; j < k; j++) {
    IrVal part = times(b, alg_num(b, (double)j / k), coef(s, i, j));
    sum = plus_product(b, sum, part, coef(s, ins->arg[0], k - j));
  }
  sum = less(b, coef(s, ins->arg[0], k), sum);
  return sum == IR_NONE ? IR_NONE : alg_div(b, sum, coef(s, ins->arg[0], 0));
}

/* the slope of sin(u) is cos(u), of which the series is made beside it, and the other way round */
static IrVal circular(IrSeries *s, uint32_t u, uint32_t i, uint32_t k, IrOp other, double sign) {
  IrBuild *b = s->b;
  IrVal *d = s->d[i], *y = NEW_ARRAY(b->arena, IrVal, k + 1);
  for (uint32_t j = 0; j < k; j++) y[j] = coef(s, i, j);
  if (k == 1) d[0] = alg_mul(b, alg_num(b, sign), ir_op1(b, other, coef(s, u, 0)));
  IrVal next = by_slope(s, u, d, k);
  d[k] = less(b, IR_NONE, by_slope(s, u, y, k));
  return next;
}
static IrVal rule_sin(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  return circular(s, ins->arg[0], i, k, IR_COS, 1);
}
static IrVal rule_cos(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  return circular(s, ins->arg[0], i, k, IR_SIN, -1);
}

static IrVal rule_time(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  (void)ins, (void)i;
  return k == 1 ? s->h : IR_NONE;
}
static IrVal rule_load(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  (void)i;
  return s->state[s->k->slots.at[ins->slot].index][k];
}

/* ---- choices: conditions of one instruction at given values */

static uint32_t choices(IrBuild *b, const IrIns *ins, const IrVal *map, IrVal *ret) {
  if (ir_ops[ins->op].arity == 0) return 0;
  IrVal x = map[ins->arg[0]];
  if (ins->op == IR_ABS) return ret[0] = ir_op2(b, IR_LT, x, alg_zero_like(b, x)), 1;
  if (ins->op == IR_MIN) return ret[0] = ir_op2(b, IR_LT, x, map[ins->arg[1]]), 1;
  if (ins->op == IR_MAX) return ret[0] = ir_op2(b, IR_GT, x, map[ins->arg[1]]), 1;
  if (ins->op != IR_CLIP) return 0;
  ret[0] = ir_op2(b, IR_GT, map[ins->arg[1]], x);
  ret[1] = ir_op2(b, IR_LT, map[ins->arg[2]], ir_op2(b, IR_MAX, map[ins->arg[1]], x));
  return 2;
}

static IrVal rule_choice(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  (void)i;
  IrVal by[2], x = coef(s, ins->arg[0], k), y = ir_ops[ins->op].arity > 1 ? coef(s, ins->arg[1], k) : IR_NONE;
  if (ins->op == IR_SELECT) return chosen(s->b, s->map[ins->arg[0]], y, coef(s, ins->arg[2], k));
  choices(s->b, ins, s->map, by);
  if (ins->op == IR_ABS) return chosen(s->b, by[0], less(s->b, IR_NONE, x), x);
  if (ins->op == IR_CLIP) return chosen(s->b, by[1], coef(s, ins->arg[2], k), chosen(s->b, by[0], y, x));
  return chosen(s->b, by[0], x, y);
}
static IrVal rule_flat(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  (void)s, (void)ins, (void)i, (void)k;
  return IR_NONE;
}

/* ---- linear forms: a sum of others times what does not move, at once, what is known last at its end */

static bool is_linear(const IrSeries *s, uint32_t i) {
  const IrIns *ins = &s->k->ins.at[i];
  if (ins->op == IR_ADD || ins->op == IR_SUB || ins->op == IR_NEG) return true;
  if (ins->op == IR_DIV) return !s->moves[ins->arg[1]];
  if (ins->op != IR_MUL && ins->op != IR_FMA) return false;
  return !s->moves[ins->arg[0]] || !s->moves[ins->arg[1]];
}

/* ret += (or -=) form of j, times by if that is not IR_NONE */
static void add_form(const IrSeries *s, IrVal *ret, uint32_t j, IrVal by, bool minus) {
  IrBuild *b = s->b;
  for (uint32_t a = 0; s->moves[j] && a < s->n_atoms; a++) {
    IrVal c = s->form[j][a];
    if (c == IR_NONE) continue;
    if (by != IR_NONE) c = alg_mul(b, c, by);
    ret[a] = minus ? less(b, ret[a], c) : plus(b, ret[a], c);
  }
}

static void linear_form(const IrSeries *s, const IrIns *ins, IrVal *ret) {
  IrBuild *b = s->b;
  if (ins->op == IR_MUL || ins->op == IR_FMA) {
    bool first = s->moves[ins->arg[0]];
    add_form(s, ret, ins->arg[first ? 0 : 1], s->map[ins->arg[first ? 1 : 0]], false);
    if (ins->op == IR_FMA) add_form(s, ret, ins->arg[2], IR_NONE, false);
  } else if (ins->op == IR_DIV) {
    const IrVal *form = s->form[ins->arg[0]];
    for (uint32_t a = 0; a < s->n_atoms; a++)
      if (form[a] != IR_NONE) ret[a] = alg_div(b, form[a], s->map[ins->arg[1]]);
  } else {
    add_form(s, ret, ins->arg[0], IR_NONE, ins->op == IR_NEG);
    if (ins->op != IR_NEG) add_form(s, ret, ins->arg[1], IR_NONE, ins->op == IR_SUB);
  }
}

/* How many others stand between a value and the states within one order. */
static uint32_t *depths(const IrSeries *s) {
  uint32_t *depth = NEW_ARRAY(s->b->arena, uint32_t, s->k->ins.n + 1);
  for (uint32_t i = 0; i < s->k->ins.n; i++) {
    const IrIns *ins = &s->k->ins.at[i];
    for (int j = 0; j < ir_ops[ins->op].arity; j++)
      if (s->moves[i] && depth[i] < depth[ins->arg[j]]) depth[i] = depth[ins->arg[j]];
    if (ir_ops[ins->op].arity && s->moves[i] && !is_linear(s, i)) depth[i]++;
  }
  return depth;
}

static void find_forms(IrSeries *s) {
  Arena *arena = s->b->arena;
  uint32_t n = s->k->ins.n, *depth = depths(s), *place = NEW_ARRAY(arena, uint32_t, n + 1);
  s->atom = NEW_ARRAY(arena, uint32_t, n + 1);
  s->form = NEW_ARRAY(arena, IrVal *, n + 1);
  for (uint32_t d = 0, left = n; left; d++)
    for (uint32_t i = 0; i < n; i++) {
      if (depth[i] != d) continue;
      left--;
      if (s->moves[i] && !is_linear(s, i)) place[i] = s->n_atoms, s->atom[s->n_atoms++] = i;
    }
  for (uint32_t i = 0; i < n; i++) {
    if (!s->moves[i]) continue;
    s->form[i] = NEW_ARRAY(arena, IrVal, s->n_atoms + 1);
    for (uint32_t a = 0; a < s->n_atoms; a++) s->form[i][a] = IR_NONE;
    s->b->span = s->k->ins.at[i].span;
    if (is_linear(s, i)) linear_form(s, &s->k->ins.at[i], s->form[i]);
    else s->form[i][place[i]] = alg_num(s->b, 1);
  }
}

static bool is_uniform(IrBuild *b, IrVal x) { return !ir_traits(b, x).element; }

/* Coefficient k > 0 of a form, times `by` if that is not IR_NONE: into its factors where all are constants. */
static IrVal by_form(const IrSeries *s, const IrVal *form, uint32_t k, IrVal by) {
  IrBuild *b = s->b;
  IrVal sum = IR_NONE;
  bool into = by != IR_NONE && is_uniform(b, by);
  for (uint32_t a = 0; a < s->n_atoms; a++) into &= form[a] == IR_NONE || is_uniform(b, form[a]);
  for (uint32_t a = 0; a < s->n_atoms; a++)
    if (form[a] != IR_NONE)
      sum = plus_product(b, sum, into ? alg_mul(b, by, form[a]) : form[a], s->c[s->atom[a]][k]);
  return into || by == IR_NONE ? sum : times(b, sum, by);
}

static IrVal rule_linear(IrSeries *s, const IrIns *ins, uint32_t i, uint32_t k) {
  (void)ins;
  return by_form(s, s->form[i], k, IR_NONE);
}

static const Rule rules[IR_OPS] = {
    [IR_LOAD] = rule_load,   [IR_TIME] = rule_time,   [IR_STORE] = rule_flat,   [IR_ADD] = rule_linear,
    [IR_SUB] = rule_linear,  [IR_MUL] = rule_mul,     [IR_DIV] = rule_div,      [IR_NEG] = rule_linear,
    [IR_FMA] = rule_fma,     [IR_SELECT] = rule_choice, [IR_EXP] = rule_exp,
    [IR_LOG] = rule_log,     [IR_EXPM1] = rule_expm1, [IR_TANH] = rule_tanh,
    [IR_SIN] = rule_sin,     [IR_COS] = rule_cos,     [IR_SIGMOID] = rule_sigmoid, [IR_ABS] = rule_choice,
    [IR_MIN] = rule_choice,  [IR_MAX] = rule_choice,  [IR_CLIP] = rule_choice,
};

/* ---- all of a kernel */

static bool moves_itself(const IrKernel *k, const IrIns *ins, const bool *states) {
  if (ins->op != IR_LOAD) return ins->op == IR_TIME;
  const IrSlot *slot = &k->slots.at[ins->slot];
  return slot->kind == SLOT_STATE && states[slot->index];
}

static bool *moving(Arena *a, const IrKernel *k, const bool *states) {
  bool *moves = NEW_ARRAY(a, bool, k->ins.n + 1);
  for (uint32_t i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    moves[i] = moves_itself(k, ins, states);
    for (int j = 0; j < ir_ops[ins->op].arity; j++) moves[i] |= moves[ins->arg[j]];
  }
  return moves;
}

const char *ir_series_none(Arena *a, const IrKernel *k, const bool *states) {
  const bool *moves = moving(a, k, states);
  for (uint32_t i = 0; i < k->ins.n; i++)
    if (moves[i] && !rules[k->ins.at[i].op]) return ir_ops[k->ins.at[i].op].text;
  return NULL;
}

IrSeries ir_series_of(IrBuild *b, const IrKernel *k, const bool *states, const IrVal *map, uint32_t order) {
  IrSeries s = {.b = b, .k = k, .map = map, .moves = moving(b->arena, k, states), .order = order};
  s.c = NEW_ARRAY(b->arena, IrVal *, k->ins.n + 1);
  s.d = NEW_ARRAY(b->arena, IrVal *, k->ins.n + 1);
  for (uint32_t i = 0; i < k->ins.n; i++) {
    if (!s.moves[i]) continue;
    s.c[i] = NEW_ARRAY(b->arena, IrVal, order + 1);
    s.d[i] = NEW_ARRAY(b->arena, IrVal, order + 1);
    for (uint32_t j = 0; j <= order; j++) s.c[i][j] = s.d[i][j] = IR_NONE;
  }
  find_forms(&s);
  return s;
}

void ir_series_next(IrSeries *s, uint32_t k) {
  for (uint32_t i = 0; i < s->k->ins.n; i++) {
    if (!s->moves[i]) continue;
    const IrIns *ins = &s->k->ins.at[i];
    s->b->span = ins->span;
    s->c[i][k] = is_linear(s, i) ? rule_linear(s, ins, i, k) : rules[ins->op](s, ins, i, k);
  }
}

IrVal ir_series_stored(const IrSeries *s, SlotKind kind, uint32_t index, uint32_t k, IrVal by) {
  for (uint32_t i = 0; i < s->k->ins.n; i++) {
    const IrIns *ins = &s->k->ins.at[i];
    if (ins->op != IR_STORE) continue;
    const IrSlot *slot = &s->k->slots.at[ins->slot];
    if (slot->kind != kind || slot->index != index) continue;
    uint32_t value = ins->arg[0];
    if (k == 0) return by == IR_NONE ? s->map[value] : alg_mul(s->b, s->map[value], by);
    return s->moves[value] ? by_form(s, s->form[value], k, by) : IR_NONE;
  }
  return IR_NONE;
}

IrVal ir_series_choices(const IrSeries *s, const IrVal *there) {
  IrBuild *b = s->b;
  IrVal other = IR_NONE, here[2], then[2];
  for (uint32_t i = 0; i < s->k->ins.n; i++) {
    const IrIns *ins = &s->k->ins.at[i];
    if (!s->moves[i]) continue;
    uint32_t n = choices(b, ins, s->map, here);
    choices(b, ins, there, then);
    for (uint32_t j = 0; j < n; j++) {
      IrVal on = ir_op2(b, IR_AND, here[j], ir_op1(b, IR_NOT, then[j]));
      IrVal off = ir_op2(b, IR_AND, then[j], ir_op1(b, IR_NOT, here[j])), differs = ir_op2(b, IR_OR, on, off);
      other = other == IR_NONE ? differs : ir_op2(b, IR_OR, other, differs);
    }
  }
  return other;
}
