/* `drive TARGET.port with SOURCE { … }` -> one MDrive for each population and each element of its `for`.
 *
 * Events (the rows of drives.def that are EVENTS) go to a port and have a weight; anything else is an expression
 * over t that an input gets, and has none. */
#include "lang/net.h"

#include <math.h>
#include <string.h>

#include "lang/check_inner.h"
#include "lang/signal.h"

typedef struct {
  const AstDrive *ast;
  const SourceRow *source; /* NULL: an expression */
  const char *name;        /* for the path and messages */
  MDriveKind kind;
  const AstCall *call; /* of events */
  AstList settings, columns;
  const AstAssign *weight, *delay;
  MExpr *from, *to; /* of a phase */
  NetAxes axes;
} Drive;

/* ---- the source */

static bool is_events(const Drive *d) { return d->source && d->source->what == SOURCE_EVENTS; }

/* A function of the file hides a source of its name. */
static bool own_function(const Net *n, Name name) {
  const Symbol *symbol = name_none(name) ? NULL : scope_find(n->scope, name);
  return symbol && symbol->kind == SYM_FN;
}

/* A word that could be meant as a source: a callee, or a name alone, that nothing else is called. */
static bool unknown_source(Net *n, const Ast *callee) {
  Session *s = n->s;
  if (callee->kind != AST_NAME) return false;
  Name name = AST_AS(NameRef, callee)->name.name;
  const char *words[SOURCE_COUNT], *text = name_str(s, name);
  if (scope_find(n->scope, name)) return false;
#define BUILTIN(id, word, arity, dims, ir, doc)                                                              \
  if (*word && strcmp(text, word) == 0) return false;
#include "lang/builtins.def"
#undef BUILTIN
  for (size_t i = 0; i < SOURCE_COUNT; i++) words[i] = source_rows[i].name;
  const char *nearest = diag_nearest(text, words, SOURCE_COUNT);
  if (*text) diag_unknown_drive(s, callee->span, text, nearest);
  return true;
}

static bool is_function_of_language(const char *text) {
  static const char *const words[] = {"white_noise", "uniform", "normal", "exponential", "lognormal", "choice"};
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (strcmp(words[i], text) == 0) return true;
  return false;
}

static bool read_source(Net *n, Drive *d) {
  Session *s = n->s;
  static const MDriveKind kinds[SOURCE_COUNT] = {
      [SOURCE_POISSON] = DRIVE_POISSON, [SOURCE_TIMES] = DRIVE_TIMES, [SOURCE_SPIKES] = DRIVE_SPIKES};
  const Ast *ast = d->ast->source;
  if (!ast) return false;
  d->kind = DRIVE_CURRENT;
  d->name = "current";
  bool call = ast->kind == AST_CALL;
  const Ast *callee = call ? AST_AS(Call, ast)->callee : ast;
  if (callee->kind != AST_NAME) return true;
  const char *name = name_str(s, AST_AS(NameRef, callee)->name.name);
  if (own_function(n, AST_AS(NameRef, callee)->name.name)) return true;
  d->source = source_named(name);
  if (d->source && !call && scope_find(n->scope, AST_AS(NameRef, callee)->name.name)) {
    d->source = NULL;
    return true;
  }
  if (!d->source) return (call && is_function_of_language(name)) || (!call && strcmp(name, "t") == 0) || !unknown_source(n, callee);
  d->name = d->source->name;
  if (!call) {
    diag_drive_arguments(s, ast->span, d->source->name, d->source->form);
    return false;
  }
  d->call = AST_AS(Call, ast);
  if (is_events(d)) d->kind = kinds[d->source - source_rows];
  return true;
}

/* Columns of a file, and settings proper. */
static void split_braces(Net *n, Drive *d) {
  for (uint32_t i = 0; i < d->ast->settings.n; i++) {
    Ast *st = d->ast->settings.at[i];
    if (st->kind == AST_COLUMN) vec_push(n->s->arena, &d->columns, st);
    else vec_push(n->s->arena, &d->settings, st);
  }
}

static bool not_negative(Net *n, const MExpr *e, const char *who) {
  Known k = net_known(n, e);
  bool rate = e->dim.e[DIM_TIME] < 0;
  if (k.known && k.value < 0)
    diag_negative(n->s, e->span, who, rate ? k.value * 1000 : k.value, rate ? "Hz" : "ms");
  return !(k.known && k.value < 0);
}

static bool drive_times(Net *n, Scope *scope, const Ast *list, MDrive *ret) {
  Session *s = n->s;
  const Ast *table = table_of_file(n->c, list);
  const AstListExpr *items = table ? AST_AS(ListExpr, table) : NULL;
  if (!items) return false;
  Known last = {false, 0};
  Want want = {.has_dim = true, .dim = dim_time(1), .who = "an event time"};
  for (uint32_t i = 0; i < items->items.n; i++) {
    MExpr *t = check_expr(n->c, scope, items->items.at[i], &want);
    if (!t || !not_negative(n, t, "an event time")) return false;
    Known now = net_known(n, t);
    if (last.known && now.known && now.value < last.value) {
      diag_times_order(s, items->items.at[i]->span, now.value, last.value);
      return false;
    }
    last = now;
    vec_push(s->arena, &ret->times, t);
  }
  return true;
}

/* The list behind `weights` of `times(…)`; NULL: all events have the weight of the braces. */
static const Ast *listed_weights(const Net *n, const Drive *d) {
  for (uint32_t i = 0; d->kind == DRIVE_TIMES && i < d->call->args.n; i++) {
    const AstNamed *arg = d->call->args.at[i]->kind == AST_NAMED ? AST_AS(Named, d->call->args.at[i]) : NULL;
    if (arg && strcmp(name_str(n->s, arg->name.name), "weights") == 0) return arg->value;
  }
  return NULL;
}

/* A weight for each time. */
static bool drive_time_weights(Net *n, Scope *scope, const Drive *d, const MPort *port, const Ast *written, MDrive *ret) {
  Session *s = n->s;
  const Ast *list = table_of_file(n->c, written);
  if (!list) return false;
  const AstList *items = &AST_AS(ListExpr, list)->items;
  const char *name = name_str(s, port->name);
  if (port->n_args == 0) diag_weight_not_taken(s, written->span, name, port->span);
  else if (d->weight) diag_setting_twice(s, d->weight->head.span, "weight", written->span);
  else if (d->delay && d->delay->op == ASSIGN_DRAW) diag_times_delay(s, d->delay->head.span);
  else if (items->n != ret->times.n) diag_time_weights(s, written->span, items->n, ret->times.n);
  else {
    Want want = {.has_dim = true, .dim = port->arg_dim, .who = arena_printf(s->arena, "the weight of port `%s`", name)};
    for (uint32_t i = 0; i < items->n; i++) {
      MExpr *e = check_expr(n->c, scope, items->at[i], &want);
      if (!e) return false;
      vec_push(s->arena, &ret->weights, e);
    }
    return true;
  }
  return false;
}

static bool drive_spikes(Net *n, const SourceArgs *args, MDrive *ret) {
  MData data = {.spikes = true};
  if (!source_file(n->c, args->ast[0], &data)) return false;
  if (args->ast[1]) data.population = AST_AS(String, args->ast[1])->text;
  vec_push(n->s->arena, &ret->files, data);
  return true;
}

static bool events_source(Net *n, Scope *scope, const Drive *d, MDrive *ret) {
  SourceArgs args;
  Want want = {.who = "the rate"};
  if (!source_args(n->c, scope, d->call, d->source, &want, &args)) return false;
  if (d->kind == DRIVE_TIMES) return drive_times(n, scope, args.ast[0], ret);
  if (d->kind == DRIVE_SPIKES) return drive_spikes(n, &args, ret);
  ret->value = args.value[0];
  return not_negative(n, ret->value, "the rate");
}

/* One number throughout the run. */
static bool stays(const MExpr *e) { return e && !expr_varies(e) && !expr_has(e, MX_DRAW) && !expr_has(e, MX_DT); }

/* The source; dim: of the driven input. A number that acts on (from, to] is kept as such: it needs no kernel. */
static bool drive_source(Net *n, Scope *scope, const Drive *d, Dim dim, MDrive *ret) {
  struct SignalContext context = {.net = n, .columns = &d->columns, .files = &ret->files};
  Want want = {.has_dim = true,
               .dim = dim,
               .who = "the driven input",
               .allow = ALLOW_TIME | ALLOW_NOISE | ALLOW_DRAW | ALLOW_DT | ALLOW_SIGNAL};
  n->c->signal = &context;
  bool good = true;
  if (is_events(d)) {
    good = events_source(n, scope, d, ret);
  } else {
    ret->value = check_expr(n->c, scope, d->ast->source, &want);
    good = ret->value != NULL;
  }
  n->c->signal = NULL;
  if (good && d->columns.n && !context.used) {
    diag_columns_unused(n->s, d->columns.at[0]->span, d->name);
    return false;
  }
  if (!good) return false;
  if (d->kind == DRIVE_CURRENT && ret->value == context.step && stays(context.step_value)) {
    ret->value = context.step_value;
    ret->from = context.step_from;
    ret->to = context.step_to;
  }
  bool number = d->kind == DRIVE_CURRENT && stays(ret->value) && !ret->from && !ret->to;
  if (number || d->kind == DRIVE_TIMES || d->kind == DRIVE_SPIKES) {
    ret->from = d->from;
    ret->to = d->to;
  } else if (d->from || d->to) {
    ret->value = signal_window(n->c, signal_window(n->c, ret->value, ret->from, ret->to), d->from, d->to);
    ret->from = ret->to = NULL;
  }
  return ret->value != NULL || (is_events(d) && d->kind != DRIVE_POISSON);
}

/* ---- the target */

/* What is driven: `E.I`, `E.I[2]`. */
typedef struct {
  AstWord member;
  AstList indices;
} Driven;

/* The name of an input, "I[2]" of one of an array. None after a message. */
static Name input_name(Net *n, Scope *scope, const MComponent *component, const Driven *to) {
  Checker *c = n->c;
  Name name = to->member.name;
  const AstList *indices = &to->indices;
  const Symbol *array = component->scope ? scope_find_here(component->scope, name) : NULL;
  const MVar *plain = component_var(component, name);
  if (indices->n && plain) diag_not_indexed(n->s, to->member.span, name_str(n->s, name), plain->span);
  if (plain || !array || array->kind != SYM_FAMILY || array->failed) return indices->n && plain ? (Name){0} : name;
  int32_t values[FAMILY_AXES] = {0};
  for (uint32_t i = 0; i < indices->n && i < array->family->n_axes; i++)
    if (!check_element(c, scope, indices->at[i], array->family->axes[i], &values[i])) return (Name){0};
  if (!indices->n) diag_index_missing(n->s, to->member.span, name_str(n->s, name), array->family->n_axes, array->span);
  const Symbol *element = indices->n ? family_member(c, array, values, indices->n, to->member.span) : NULL;
  return element ? element->name : (Name){0};
}

static MVar *find_input(Net *n, Scope *scope, const MPopulation *pop, const Driven *to, Span span) {
  Session *s = n->s;
  const MComponent *component = pop->component;
  TextList words = {0};
  AstWord member = to->member;
  if (component->failed) return NULL;
  for (uint32_t i = 0; i < component->vars.n; i++)
    if (component->vars.at[i]->kind == VAR_INPUT)
      vec_push(s->arena, &words, name_str(s, component->vars.at[i]->name));
  if (name_none(member.name)) {
    diag_input_missing(s, span, name_str(s, pop->base), words.at, words.n);
    return NULL;
  }
  member.name = input_name(n, scope, component, to);
  if (name_none(member.name)) return NULL;
  MVar *var = component_var(component, member.name);
  uint32_t index;
  if (var && var->kind == VAR_INPUT) return var;
  const char *name = name_str(s, member.name);
  const MPort *port = component_port(component, member.name, &index);
  if (port)
    diag_port_not_input(s, member.span, name, name_str(s, component->name), words.at, words.n, port->span);
  else
    diag_unknown_input(s, member.span, name, name_str(s, component->name),
                       diag_nearest(name, words.at, words.n), words.at, words.n, component->span);
  return NULL;
}

MVar *net_input(Net *n, Scope *scope, const MPopulation *pop, AstWord member, Span span) {
  Driven to = {.member = member};
  return find_input(n, scope, pop, &to, span);
}

/* In an experiment with a lone neuron the target is a name of the neuron. */
static bool drive_targets(Net *n, Scope *scope, const Ast *ast, MSliceList *ret, Driven *ret_to) {
  const Ast *array = ast->kind == AST_SUBSCRIPT ? AST_AS(Subscript, ast)->base : NULL;
  if (array && (n->neuron || array->kind == AST_MEMBER)) {
    ret_to->indices = AST_AS(Subscript, ast)->indices;
    ast = array;
  }
  AstWord *ret_member = &ret_to->member;
  if (!n->neuron) return net_slices(n, scope, ast, ret, ret_member);
  MSlice all = {n->pops.at[0]->elements[0], NULL, NULL, ast->span};
  vec_push(n->s->arena, ret, all);
  *ret_member = (AstWord){path_name(n->c, ast), ast->span};
  if (name_none(ret_member->name)) diag_name_wanted(n->s, ast->span);
  return !name_none(ret_member->name);
}

MVar *net_lone_input(Net *n, const Ast *target) {
  MSliceList targets = {0};
  Driven to = {0};
  if (!drive_targets(n, n->scope, target, &targets, &to)) return NULL;
  return find_input(n, n->scope, targets.at[0].pop, &to, target->span);
}

/* Weights, and the delay, of events. */
static bool drive_link(Net *n, Scope *scope, const Drive *d, const MPort *port, MDrive *ret) {
  const Ast *weights = listed_weights(n, d);
  bool good = weights ? drive_time_weights(n, scope, d, port, weights, ret)
                      : net_link_weight(n, scope, d->ast->head.span, port, d->weight, &ret->weight);
  return good && (!d->delay || net_link_delay(n, scope, d->delay, true, &ret->delay));
}

static bool drive_one(Net *n, Scope *scope, const Drive *d, MDrive base, const Driven *to) {
  Session *s = n->s;
  const MPopulation *pop = base.target.pop;
  uint32_t index = 0;
  Span span = d->ast->target->span;
  const MPort *port = is_events(d) ? net_port(n, pop, to->member, span, &index) : NULL;
  if (!is_events(d)) base.input = find_input(n, scope, pop, to, span);
  if (!port && !base.input) return false;
  if (port && to->indices.n) {
    diag_not_indexed(s, to->member.span, name_str(s, port->name), port->span);
    return false;
  }
  base.port = port ? (int32_t)index : -1;
  bool good = drive_source(n, scope, d, base.input ? base.input->dim : DIM_NONE, &base);
  if (port && (good || d->kind != DRIVE_TIMES)) good = drive_link(n, scope, d, port, &base) && good;
  if (!good || !net_count(n, span, 1)) return false;
  const char *name = name_str(s, base.input ? base.input->name : to->member.name);
  const char *target = n->neuron ? name : arena_printf(s->arena, "%s.%s", name_str(s, pop->path), name);
  MDrive *drive = NEW(s->arena, MDrive);
  *drive = base;
  drive->path = net_unique_path(n, name_fmt(s, "%s -> %s", d->name, target), (Span){0, 0});
  vec_push(s->arena, &n->x->drives, drive);
  return true;
}

static bool drive_element(Net *n, Scope *scope, const Drive *d) {
  MDrive base = {.span = d->ast->head.span, .kind = d->kind};
  MSliceList targets = {0};
  Driven to = {0};
  bool skip;
  if (!net_condition(n, scope, d->ast->cond, &base.cond, &skip)) return false;
  if (skip) return true;
  if (!drive_targets(n, scope, d->ast->target, &targets, &to)) return false;
  for (uint32_t i = 0; i < targets.n; i++) {
    base.target = targets.at[i];
    if (!drive_one(n, scope, d, base, &to)) return false;
  }
  return true;
}

/* The word `spike`, which no name can be. */
static bool is_spike(const Net *n, const Ast *target) {
  return target && target->kind == AST_NAME && strcmp(name_str(n->s, AST_AS(NameRef, target)->name.name), "spike") == 0;
}

void net_drive(Net *n, const AstDrive *ast, MExpr *from, MExpr *to) {
  Drive d = {.ast = ast, .from = from, .to = to};
  if (is_spike(n, ast->target)) {
    net_misplaced(n, &ast->head, "a run", "`drive spike with rec.s` stands in a fit; in a run cells fire by themselves.");
    return;
  }
  if (!ast->target || !read_source(n, &d) || !net_axes(n, &ast->binders, &d.axes)) return;
  bool good = true;
  split_braces(n, &d);
  if (is_events(&d)) good = net_link_settings(n, &d.settings, "a drive", &d.weight, &d.delay);
  else if (d.settings.n) diag_current_settings(n->s, d.settings.at[0]->span, d.name);
  for (uint32_t i = 0; good && i < d.axes.count; i++)
    good = drive_element(n, net_scope_at(n, &d.axes, i), &d);
}
