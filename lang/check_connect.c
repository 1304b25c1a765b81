/* `connect [label:] A -> B.port by RULE …` -> one MProjection for each pair of populations and each element
 * of its `for`.
 *
 * A condition over binders alone is decided here; one over params is kept and decided when the program
 * starts. Tuples and families on either side mean all pairs, each with the rule on its own: `E -> (E, I).psp
 * by indegree(n)` gives n inputs to each cell of E and to each of I. */
#include "lang/net.h"
#include "lang/signal.h"

#include <string.h>

typedef struct {
  const char *name;
  MRule rule;
  const char *arg; /* NULL: takes none */
} RuleRow;
static const RuleRow rules[] = {
    {"all_to_all", RULE_ALL_TO_ALL, NULL},
    {"one_to_one", RULE_ONE_TO_ONE, NULL},
    {"indegree", RULE_INDEGREE, "the number of sources for each target"},
    {"outdegree", RULE_OUTDEGREE, "the number of targets for each source"},
    {"total_number", RULE_TOTAL_NUMBER, "the number of connections"},
    {"probability", RULE_PROBABILITY, "the probability of each pair"},
    {"matrix", RULE_MATRIX, "a file in double quotes, with a line for each target and a column for each source"},
    {"edges", RULE_EDGES, "a file in double quotes, perhaps with `of = \"population\"` and `types = \"types.csv\"`"},
};
static const double most_connections = 4e18;

/* What stands once for all elements of a connect. */
typedef struct {
  const AstConnect *ast;
  const RuleRow *rule;
  const Ast *rule_arg;
  MData file, types;
  bool no_self, no_multiple;
  const AstAssign *weight, *delay;
  NetAxes axes;
  const MComponent *synapse; /* NULL: the static one of the language */
  NetLabel *label;           /* NULL: it has none */
  uint32_t element;          /* of the axes: the one being made */
} Connect;

/* ---- rule and options */

static const RuleRow *find_rule(Net *n, const Ast *callee) {
  Session *s = n->s;
  const char *words[COUNT_OF(rules) + 2];
  const char *name = callee->kind == AST_NAME ? name_str(s, AST_AS(NameRef, callee)->name.name)
                                              : source_span_text(s, callee->span, s->arena);
  for (size_t i = 0; i < COUNT_OF(rules); i++) {
    if (strcmp(rules[i].name, name) == 0) return &rules[i];
    words[i] = rules[i].name;
  }
  if (*name) diag_unknown_rule(s, callee->span, name, diag_nearest(name, words, COUNT_OF(rules)));
  return NULL;
}

/* A named argument of `edges`. */
static bool edges_option(Net *n, Connect *k, const AstNamed *named) {
  const char *name = name_str(n->s, named->name.name);
  bool text = named->value && named->value->kind == AST_STRING;
  if (text && strcmp(name, "types") == 0) return source_file(n->c, named->value, &k->types);
  if (!text || strcmp(name, "of") != 0) return false;
  k->file.population = AST_AS(String, named->value)->text;
  return true;
}

/* The file of a rule that reads one, and what stands behind it. */
static bool rule_file(Net *n, Connect *k, const AstCall *call) {
  const Ast *file = call && call->args.n ? call->args.at[0] : NULL;
  uint32_t errors = n->s->errors;
  k->file.value_scale = 1;
  bool good = file && file->kind == AST_STRING && source_file(n->c, file, &k->file) &&
              (call->args.n == 1 || k->rule->rule == RULE_EDGES);
  for (uint32_t i = 1; good && i < call->args.n; i++)
    good = call->args.at[i]->kind == AST_NAMED && edges_option(n, k, AST_AS(Named, call->args.at[i]));
  if (!good && n->s->errors == errors) diag_rule_arguments(n->s, k->ast->rule->span, k->rule->name, k->rule->arg);
  return good;
}

static bool reads_file(const Connect *k) { return k->rule->rule == RULE_MATRIX || k->rule->rule == RULE_EDGES; }

static bool read_rule(Net *n, Connect *k) {
  Session *s = n->s;
  const Ast *rule = k->ast->rule;
  if (!rule) return false;
  const AstCall *call = rule->kind == AST_CALL ? AST_AS(Call, rule) : NULL;
  k->rule = find_rule(n, call ? call->callee : rule);
  if (!k->rule) return false;
  if (reads_file(k)) return rule_file(n, k, call);
  uint32_t given = call ? call->args.n : 0;
  if (given != (k->rule->arg ? 1u : 0u) || (given && call->args.at[0]->kind == AST_NAMED)) {
    diag_rule_arguments(s, rule->span, k->rule->name, k->rule->arg);
    return false;
  }
  k->rule_arg = given ? call->args.at[0] : NULL;
  return true;
}

/* `no self`, `no multiple`: the grammar has no others. */
static void read_options(Net *n, Connect *k) {
  for (uint32_t i = 0; i < k->ast->options.n; i++) {
    const char *name = name_str(n->s, AST_AS(NameRef, k->ast->options.at[i])->name.name);
    k->no_self |= strcmp(name, "self") == 0;
    k->no_multiple |= strcmp(name, "multiple") == 0;
  }
}

/* ---- weight and delay */

bool net_link_settings(Net *n, const AstList *settings, const char *of, const AstAssign **ret_weight,
                       const AstAssign **ret_delay) {
  Session *s = n->s;
  bool good = true;
  for (uint32_t i = 0; i < settings->n; i++) {
    const Ast *st = settings->at[i];
    if (st->kind != AST_ASSIGN) {
      net_misplaced(n, st, of, "Write `weight = …` and `delay = …`.");
      return false;
    }
    const AstAssign *a = AST_AS(Assign, st);
    const char *name = a->target->kind == AST_NAME ? name_str(s, AST_AS(NameRef, a->target)->name.name) : "";
    const AstAssign **slot = strcmp(name, "weight") == 0  ? ret_weight
                             : strcmp(name, "delay") == 0 ? ret_delay
                                                          : NULL;
    if (!slot) {
      const char *words[] = {"weight", "delay"}, *text = source_span_text(s, a->target->span, s->arena);
      diag_unknown_link_setting(s, a->target->span, text, of, diag_nearest(text, words, 2));
      good = false;
    } else if (*slot) {
      diag_setting_twice(s, a->target->span, name, (*slot)->target->span);
      good = false;
    } else if (a->op != ASSIGN_SET && a->op != ASSIGN_DRAW) {
      diag_setting_operator(s, a->head.span, name);
      good = false;
    } else {
      *slot = a;
    }
  }
  return good;
}

bool net_link_weight(Net *n, Scope *scope, Span span, const MPort *port, const AstAssign *weight,
                     MExpr **ret) {
  Session *s = n->s;
  const char *name = name_str(s, port->name);
  if (port->n_args == 0) {
    if (weight) diag_weight_not_taken(s, weight->target->span, name, port->span);
    return !weight;
  }
  if (!weight) {
    diag_weight_missing(s, span, name, dim_text(s, port->arg_dim), port->span);
    return false;
  }
  Want want = {.has_dim = true,
               .dim = port->arg_dim,
               .who = arena_printf(s->arena, "the weight of port `%s`", name),
               .allow = (weight->op == ASSIGN_DRAW ? ALLOW_DRAW : 0) | (n->c->pair ? ALLOW_PAIR : 0)};
  *ret = check_expr(n->c, scope, weight->value, &want);
  return *ret != NULL;
}

bool net_link_delay(Net *n, Scope *scope, const AstAssign *delay, bool zero_allowed, MExpr **ret) {
  Session *s = n->s;
  Want want = {.has_dim = true,
               .dim = dim_time(1),
               .who = "the delay",
               .allow = ALLOW_DT | (delay->op == ASSIGN_DRAW ? ALLOW_DRAW : 0) | (n->c->pair ? ALLOW_PAIR : 0)};
  bool parts = !zero_allowed && net_delay_has_parts(n, delay->value);
  *ret = parts ? net_delay_parts(n, scope, delay->value, &want) : check_expr(n->c, scope, delay->value, &want);
  Known k = net_known(n, *ret);
  if (*ret && k.known && !(k.value > 0 || (zero_allowed && k.value == 0))) {
    diag_delay_not_positive(s, delay->value->span, k.value);
    return false;
  }
  return *ret != NULL;
}

/* ---- ports */

MPort *net_port(Net *n, const MPopulation *pop, AstWord member, Span span, uint32_t *ret_index) {
  Session *s = n->s;
  const MComponent *component = pop->component;
  TextList words = {0};
  if (component->failed) return NULL;
  for (uint32_t i = 0; i < component->ports.n; i++)
    vec_push(s->arena, &words, name_str(s, component->ports.at[i]->name));
  if (name_none(member.name)) {
    diag_port_missing(s, span, name_str(s, pop->base), words.at, words.n);
    return NULL;
  }
  MPort *port = component_port(component, member.name, ret_index);
  if (port) return port;
  const char *name = name_str(s, member.name);
  const MVar *var = component_var(component, member.name);
  if (var && var->kind == VAR_INPUT)
    diag_input_not_port(s, member.span, name, name_str(s, component->name), words.at, words.n, var->span);
  else
    diag_unknown_port(s, member.span, name, name_str(s, component->name),
                      diag_nearest(name, words.at, words.n), words.at, words.n, component->span);
  return NULL;
}

/* ---- one element */

Known net_slice_size(const Net *n, const MSlice *slice) {
  if (!slice->from) return net_known(n, slice->pop->size);
  Known from = net_known(n, slice->from), to = net_known(n, slice->to);
  return (Known){from.known && to.known, to.value - from.value + 1};
}

/* Both sides are known to begin with the same cell. */
static bool begin_alike(const Net *n, const MSlice *a, const MSlice *b) {
  Known x = net_known(n, a->from), y = net_known(n, b->from);
  return a->pop == b->pop && (!a->from || x.known) && (!b->from || y.known) && (a->from ? x.value : 0) == (b->from ? y.value : 0);
}

static bool rule_fits(Net *n, const Connect *k, const MProjection *p) {
  Session *s = n->s;
  Known from = net_slice_size(n, &p->source), to = net_slice_size(n, &p->target), arg = net_known(n, p->rule_arg);
  const char *source = name_str(s, p->source.pop->path), *target = name_str(s, p->target.pop->path);
  if (k->rule->rule == RULE_ONE_TO_ONE && from.known && to.known && from.value != to.value) {
    diag_one_to_one_sizes(s, p->rule_span, source, from.value, target, to.value);
    return false;
  }
  if (k->rule->rule == RULE_ONE_TO_ONE && (p->no_self || k->ast->undirected) && begin_alike(n, &p->source, &p->target)) {
    diag_one_to_one_self(s, p->rule_span, source, k->ast->undirected);
    return false;
  }
  bool self = p->no_self && p->source.pop == p->target.pop && !p->source.from && !p->target.from;
  Known pool = k->rule->rule == RULE_INDEGREE ? from : to;
  if (!p->no_multiple || !arg.known || !pool.known) return true;
  if (k->rule->rule == RULE_TOTAL_NUMBER && from.known && to.known) {
    double pairs = self ? from.value * (to.value - 1) : from.value * to.value;
    if (arg.value <= pairs) return true;
    diag_too_many_connections(s, k->rule_arg->span, arg.value, source, target, pairs);
    return false;
  }
  if (k->rule->rule != RULE_INDEGREE && k->rule->rule != RULE_OUTDEGREE) return true;
  if (arg.value <= pool.value - (self ? 1 : 0)) return true;
  diag_too_many_partners(s, k->rule_arg->span, arg.value, k->rule->rule == RULE_INDEGREE ? source : target,
                         pool.value - (self ? 1 : 0));
  return false;
}

static bool rule_argument(Net *n, Scope *scope, const Connect *k, MExpr **ret) {
  if (!k->rule_arg) return true;
  if (k->rule->rule != RULE_PROBABILITY) {
    *ret = net_count_expr(n, scope, k->rule_arg, k->rule->arg, 0, most_connections);
    return *ret != NULL;
  }
  Want want = {.has_dim = true, .dim = DIM_NONE, .who = "a probability", .allow = ALLOW_PAIR};
  *ret = check_expr(n->c, scope, k->rule_arg, &want);
  Known p = net_known(n, *ret);
  if (*ret && p.known && !(p.value >= 0 && p.value <= 1)) {
    diag_not_a_probability(n->s, k->rule_arg->span, p.value);
    return false;
  }
  return *ret != NULL;
}

static bool connect_pair(Net *n, Scope *scope, const Connect *k, Name label, MProjection base,
                         AstWord port_word) {
  Session *s = n->s;
  const MPopulation *from = base.source.pop, *to = base.target.pop;
  if (from->component->failed || to->component->failed) return false;
  if (k->synapse && k->synapse->stream) {
    Sent flows = {k->synapse, k->ast, k->weight, label, NULL, k->delay, NULL};
    uint32_t at = n->x->couplings.n;
    if (!rule_fits(n, k, &base) || !net_places_known(n, from, to) || !net_stream_pair(n, scope, &flows, &base, port_word)) return false;
    if (k->label) vec_push(s->arena, &k->label->streams[k->element], at);
    return true;
  }
  if (from->component->spikes.n == 0) {
    diag_source_never_spikes(s, k->ast->source->span, name_str(s, from->base),
                             name_str(s, from->component->name), from->component->span);
    return false;
  }
  MPort *port = net_port(n, to, port_word, k->ast->target->span, &base.port);
  if (!port || !rule_fits(n, k, &base)) return false;
  if (!net_places_known(n, from, to)) return false;
  Sent sent = {k->synapse, k->ast, k->weight, label, NULL, k->delay, NULL};
  NetPick pick;
  if (k->synapse && net_has_third(k->synapse)) {
    if (!net_pick(n, scope, k->ast, &pick)) return false;
    sent.pick = &pick;
  }
  bool plastic = k->synapse && (k->synapse->plastic || k->synapse->sided);
  if (plastic && k->synapse->sided && !(sent.synapse = net_synapse_between(n, &sent, base.source.pop, base.target.pop))) return false;
  if (plastic && !net_delay_axonal(n, scope, k->delay, &sent.axonal)) return false;
  if (plastic ? false : k->synapse ? !net_synapse_weight(n, scope, &sent, port, &base.weight)
                 : !net_link_weight(n, scope, k->ast->head.span, port, k->weight, &base.weight))
    return false;
  if (!net_count(n, k->ast->head.span, 1)) return false;
  Name path = name_none(label) ? name_fmt(s, "%s -> %s.%s", name_str(s, from->path), name_str(s, to->path),
                                          name_str(s, port->name))
                               : label;
  MProjection *p = NEW(s->arena, MProjection);
  *p = base;
  p->path = net_unique_path(n, path, name_none(label) ? (Span){0, 0} : k->ast->label.span);
  if (plastic && !net_plastic(n, scope, &sent, port, p)) return false;
  p->index = n->x->projections.n;
  p->fields = n->c->pair->fields;
  if (!net_places_known(n, from, to)) return false;
  vec_push(s->arena, &n->x->projections, p);
  if (k->label) vec_push(s->arena, &k->label->elements[k->element], p);
  return !k->synapse || net_third(n, scope, &sent, p);
}

bool net_condition(Net *n, Scope *scope, const Ast *ast, MExpr **ret, bool *ret_skip) {
  *ret = NULL;
  *ret_skip = false;
  if (!ast) return true;
  Want want = {.condition = true, .who = "the condition", .allow = n->c->pair ? ALLOW_PAIR : 0};
  MExpr *cond = check_expr(n->c, scope, ast, &want);
  if (!cond) return false;
  Known k = known_literal(cond);
  *ret_skip = k.known && k.value == 0;
  if (!k.known) *ret = cond;
  return true;
}

static bool is_stream(const Connect *k) { return k->synapse && k->synapse->stream; }

static bool same_slice(const MSlice *a, const MSlice *b) { return a->pop == b->pop && !a->from && !b->from; }

/* Of `(A, B) -- (A, B).I` the pair of B and A is that of A and B. */
static bool mirrored(const MSliceList *sources, const MSliceList *targets, uint32_t i, uint32_t j) {
  for (uint32_t a = 0; a < i; a++)
    for (uint32_t b = 0; b < targets->n; b++)
      if (same_slice(&sources->at[a], &targets->at[j]) && same_slice(&sources->at[i], &targets->at[b])) return true;
  return false;
}

/* What depends on the pair: a probability, a condition. A condition over params alone stays where it is. */
static bool chance_find(Net *n, const Connect *k, MProjection *p) {
  MExpr *mask = p->cond && expr_has(p->cond, MX_PAIR) ? p->cond : NULL, *chance = p->rule_arg;
  if (mask) p->cond = NULL;
  bool numbered = k->rule->rule == RULE_INDEGREE || k->rule->rule == RULE_OUTDEGREE || k->rule->rule == RULE_TOTAL_NUMBER;
  if (mask && k->rule->rule == RULE_ONE_TO_ONE) {
    diag_mask_misplaced(n->s, k->ast->cond->span, k->rule->name);
    return false;
  }
  if (numbered) chance = NULL; /* the number of partners stays where it is */
  if (!mask && !(chance && expr_has(chance, MX_PAIR))) return true;
  if (!chance) chance = expr_number(n->c, 1, DIM_NONE, k->ast->rule->span);
  MExpr *args[3] = {mask, chance, expr_number(n->c, 0, DIM_NONE, k->ast->rule->span)};
  p->chance = mask ? expr_call(n->c, B_SELECT, mask->span, DIM_NONE, M_REAL, args, 3) : chance;
  if (!numbered) p->rule_arg = NULL;
  return p->chance != NULL;
}

/* Ids of a file count the cells of a group, population after population. */
static void ids_count(Net *n, const MSliceList *group, uint32_t at, MExpr **ret_first, MExpr **ret_ids) {
  MExpr *sum = NULL;
  *ret_first = *ret_ids = NULL;
  for (uint32_t i = 0; i < group->n && group->n > 1; i++) {
    MExpr *args[2] = {sum, group->at[i].pop->size};
    if (i == at) *ret_first = sum;
    sum = sum ? expr_call(n->c, B_ADD, group->at[i].span, DIM_NONE, M_REAL, args, 2) : group->at[i].pop->size;
  }
  *ret_ids = sum;
}

/* All pairs of one element; n->c->pair is set. */
static bool connect_pairs(Net *n, Scope *scope, const Connect *k, Name label) {
  MProjection base = {.span = k->ast->head.span,
                      .rule = k->rule->rule,
                      .rule_span = k->ast->rule->span,
                      .file = k->file,
                      .types = k->types,
                      .no_self = k->no_self,
                      .no_multiple = k->no_multiple};
  MSliceList sources = {0}, targets = {0};
  AstWord port = {0};
  bool skip;
  if (!net_condition(n, scope, k->ast->cond, &base.cond, &skip)) return false;
  if (skip) return true;
  bool good = net_slices(n, scope, k->ast->source, &sources, NULL);
  good &= net_slices(n, scope, k->ast->target, &targets, &port);
  good &= rule_argument(n, scope, k, &base.rule_arg);
  if (!is_stream(k)) good &= k->delay && net_link_delay(n, scope, k->delay, false, &base.delay);
  good = good && chance_find(n, k, &base);
  if (!good) return false;
  for (uint32_t i = 0; i < sources.n; i++)
    for (uint32_t j = 0; j < targets.n; j++) {
      if (k->ast->undirected && mirrored(&sources, &targets, i, j)) continue;
      base.source = sources.at[i];
      base.target = targets.at[j];
      if (k->rule->rule == RULE_EDGES) {
        ids_count(n, &sources, i, &base.first[0], &base.ids[0]);
        ids_count(n, &targets, j, &base.first[1], &base.ids[1]);
      }
      if (!connect_pair(n, scope, k, label, base, port)) return false;
    }
  return true;
}

static bool connect_element(Net *n, Scope *scope, const Connect *k, Name label) {
  PairContext pair = {.rule = k->rule->rule};
  n->c->pair = &pair;
  bool good = connect_pairs(n, scope, k, label);
  n->c->pair = NULL;
  return good;
}

/* ---- the statement */

static NetLabel *label_new(Net *n, const AstConnect *ast, const NetAxes *axes) {
  NetLabel *label = NEW(n->s->arena, NetLabel);
  *label = (NetLabel){.name = ast->label.name, .span = ast->label.span, .axes = *axes};
  label->elements = arena_array(n->s->arena, axes->count + 1u, sizeof *label->elements);
  label->streams = arena_array(n->s->arena, axes->count + 1u, sizeof *label->streams);
  vec_push(n->s->arena, &n->labels, label);
  return label;
}

void net_connect(Net *n, const AstConnect *written) {
  Session *s = n->s;
  if (!written->source || !written->target) return;
  AstConnect parted = *written;
  if (written->synapse) net_part_settings(n, &parted);
  const AstConnect *ast = &parted;
  Connect k = {.ast = ast};
  bool good = net_axes(n, &ast->binders, &k.axes);
  good &= read_rule(n, &k);
  if (ast->synapse && (!(k.synapse = net_synapse(n, ast)) || !net_third_known(n, ast, k.synapse))) good = false;
  read_options(n, &k);
  good &= net_link_settings(n, &ast->settings, "a connection", &k.weight, &k.delay);
  if (good && ast->undirected && !is_stream(&k)) {
    diag_undirected(s, ast->head.span);
    good = false;
  }
  if (good && !k.delay && !is_stream(&k)) {
    diag_delay_missing(s, ast->head.span);
    /* the rest is checked all the same: one message for each cause */
  }
  if (!name_none(ast->label.name)) {
    const Symbol *before = scope_find_here(n->paths, ast->label.name);
    if (before) diag_declared_twice(s, ast->label.span, name_str(s, ast->label.name), before->span);
    if (!before && k.axes.n) scope_declare(n->c, n->paths, SYM_ELEMENT, ast->label.name, ast->label.span);
    if (!before) k.label = label_new(n, ast, &k.axes);
  }
  for (uint32_t i = 0; good && i < k.axes.count; i++) {
    Name label =
        name_none(ast->label.name) ? ast->label.name : net_element_name(n, ast->label.name, &k.axes, i);
    k.element = i;
    good = connect_element(n, net_scope_at(n, &k.axes, i), &k, label);
  }
  if (k.label) k.label->failed = !good;
}
