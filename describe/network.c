/* The tables of a network: populations, connectivity, input, parameters; and of an experiment: measurements.
 * A family of populations or projections stays one row, as it is one line of the model. */
#include <string.h>

#include "describe/inner.h"

static void cell(Describe *d) { put(d, "</td><td>"); }

static bool is_kind(const Ast *a, AstKind kind) { return a->kind == kind; }

/* ---- pieces */

static void put_settings(Describe *d, const AstList *settings) {
  for (uint32_t i = 0; i < settings->n; i++) {
    put(d, "<div>");
    if (is_kind(settings->at[i], AST_ASSIGN)) put_assign(d, AST_AS(Assign, settings->at[i]), false);
    else put(d, "<code>"), put_source(d, settings->at[i]->span), put(d, "</code>");
    put(d, "</div>");
    fns_want(d, settings->at[i]);
  }
}

static void put_binders(Describe *d, const AstList *binders, const Ast *cond) {
  for (uint32_t i = 0; i < binders->n; i++) {
    const AstBinder *b = AST_AS(Binder, binders->at[i]);
    put(d, i ? ", " : "<div class=\"unit\">for each ");
    put_name_math(d, b->name, NULL);
    if (b->set) put(d, " in "), put_math(d, b->set);
  }
  if (binders->n) put(d, "</div>");
  if (cond) put(d, "<div class=\"unit\">if "), put_math(d, cond), put(d, "</div>");
}

/* cell[i].exc: the population, and its port or input. */
static void put_endpoint(Describe *d, const Ast *target, bool with_port) {
  if (target && is_kind(target, AST_MEMBER) && with_port) {
    put_math(d, AST_AS(Member, target)->base);
    put(d, " at <code>");
    put_text(d, word(d, AST_AS(Member, target)->name));
    put(d, "</code>");
  } else if (target) {
    put_math(d, target);
  }
}

static const char *callee_name(const Describe *d, const Ast *e) {
  if (e && is_kind(e, AST_NAME)) return word(d, AST_AS(NameRef, e)->name);
  if (!e || !is_kind(e, AST_CALL)) return "";
  const Ast *callee = AST_AS(Call, e)->callee;
  return callee && is_kind(callee, AST_NAME) ? word(d, AST_AS(NameRef, callee)->name) : "";
}

static const struct {
  const char *name, *words;
} patterns[] = {{"all_to_all", "all to all"},
                {"one_to_one", "one to one"},
                {"indegree", "random, fixed indegree "},
                {"outdegree", "random, fixed outdegree "},
                {"total_number", "random, fixed total number "},
                {"probability", "random, each pair with probability "}},
  sources[] = {{"poisson", "Poisson spike trains, one for each target, rate "},
               {"times", "spikes at given times "},
               {"constant", "constant current "},
               {"step", "current step "},
               {"ramp", "current ramp "},
               {"sine", "sine "},
               {"chirp", "sine of rising frequency "},
               {"noise", "Ornstein-Uhlenbeck noise "},
               {"samples", "samples of a file "},
               {"spikes", "spikes of a file "}};

static void put_called(Describe *d, const Ast *e, const char *words) {
  put(d, words);
  const AstCall *c = is_kind(e, AST_CALL) ? AST_AS(Call, e) : NULL;
  for (uint32_t i = 0; c && i < c->args.n; i++) {
    if (i) put(d, ", ");
    put_math(d, c->args.at[i]);
  }
}

static void put_rule(Describe *d, const Ast *rule) {
  for (size_t i = 0; i < COUNT_OF(patterns); i++)
    if (!strcmp(callee_name(d, rule), patterns[i].name)) {
      put_called(d, rule, patterns[i].words);
      return;
    }
  put_math(d, rule);
}

static void put_drive_source(Describe *d, const Ast *source) {
  for (size_t i = 0; i < COUNT_OF(sources); i++)
    if (!strcmp(callee_name(d, source), sources[i].name)) {
      put_called(d, source, sources[i].words);
      return;
    }
  put_math(d, source);
}

/* ---- rows */

static void population_row(Describe *d, const AstPopulation *p) {
  put(d, "<tr><td>");
  put_name_math(d, p->name, &p->binders);
  put_binders(d, &p->binders, NULL);
  put_doc(d, p->doc);
  cell(d);
  if (p->component) put_source(d, p->component->span);
  cell(d);
  if (p->size) put_math(d, p->size);
  if (p->step) put(d, ", step "), put_math(d, p->step);
  cell(d);
  put_settings(d, &p->settings);
  put(d, "</td></tr>\n");
  component_want(d, p->component);
}

static void connect_row(Describe *d, const AstConnect *c, uint32_t number) {
  put(d, "<tr><td>");
  put_text(d, word(d, c->label)[0] ? word(d, c->label) : arena_printf(d->arena, "%u", number));
  cell(d);
  put_endpoint(d, c->source, false);
  cell(d);
  put_endpoint(d, c->target, true);
  cell(d);
  if (c->rule) put_rule(d, c->rule);
  for (uint32_t i = 0; i < c->options.n; i++) put(d, ", "), put_source(d, c->options.at[i]->span);
  put_binders(d, &c->binders, c->cond);
  put_doc(d, c->doc);
  cell(d);
  if (c->synapse) put_source(d, c->synapse->span);
  else put(d, "static");
  put_settings(d, &c->synapse_settings);
  put_settings(d, &c->settings);
  put(d, "</td></tr>\n");
  if (c->synapse) component_want(d, c->synapse);
}

static void drive_row(Describe *d, const AstDrive *x) {
  put(d, "<tr><td>");
  put_endpoint(d, x->target, true);
  put_binders(d, &x->binders, x->cond);
  cell(d);
  if (x->source) put_drive_source(d, x->source);
  cell(d);
  put_settings(d, &x->settings);
  put(d, "</td></tr>\n");
}

static void table_value(Describe *d, const AstListExpr *rows) {
  put(d, "<table class=\"matrix\"><tbody>");
  for (uint32_t i = 0; i < rows->items.n; i++) {
    const AstListExpr *r = AST_AS(ListExpr, rows->items.at[i]);
    put(d, "<tr>");
    for (uint32_t k = 0; k < r->items.n; k++) put(d, "<td>"), put_math(d, r->items.at[k]), put(d, "</td>");
    put(d, "</tr>");
  }
  put(d, "</tbody></table>");
}

static void put_value(Describe *d, const Ast *value) {
  if (!value) return;
  if (is_kind(value, AST_LIST) && AST_AS(ListExpr, value)->items.n &&
      is_kind(AST_AS(ListExpr, value)->items.at[0], AST_LIST)) {
    table_value(d, AST_AS(ListExpr, value));
    return;
  }
  if (!is_kind(value, AST_LIST)) {
    put_math(d, value);
    return;
  }
  const AstList *items = &AST_AS(ListExpr, value)->items; /* a line that can break */
  for (uint32_t i = 0; i < items->n; i++) put(d, i ? ", " : ""), put_math(d, items->at[i]);
}

static void item_row(Describe *d, const AstDecl *decl, const AstItem *p) {
  put(d, "<tr><td>");
  put_name_math(d, p->name, &p->binders);
  put(d, "</td><td class=\"v\">");
  put_text(d, word(d, p->name));
  cell(d);
  if (p->value && p->value->kind != AST_LIST && !strcmp(word(d, decl->what), "let")) put_formula(d, p->value);
  else put_value(d, p->value);
  cell(d);
  put_domain(d, p->domain);
  cell(d);
  put_doc_inline(d, name_str(d->s, p->doc)[0] ? p->doc : decl->doc);
  put(d, "</td></tr>\n");
  fns_want(d, p->value);
}

/* ---- tables */

static uint32_t count(const AstBlock *b, AstKind kind) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < b->body.n; i++) n += b->body.at[i]->kind == kind;
  return n;
}

static void table(Describe *d, const char *letter, const char *title, const char *head) {
  fprintf(d->out, "<table class=\"tab\"><caption><b>%s</b> %s</caption>", letter, title);
  if (*head) fprintf(d->out, "<thead><tr>%s</tr></thead>", head);
  put(d, "<tbody>\n");
}
static void table_end(Describe *d) { put(d, "</tbody></table>\n"); }

/* Distinct words in the order in which they come. */
static void put_once(Describe *d, const char *text, const char **seen, uint32_t *n, uint32_t most) {
  for (uint32_t i = 0; i < *n; i++)
    if (!strcmp(seen[i], text)) return;
  if (*n == most) return;
  if (*n) put(d, ", ");
  put_text(d, text);
  seen[(*n)++] = text;
}

static void summary_list(Describe *d, const AstBlock *b, AstKind kind) {
  const char *seen[64];
  uint32_t n = 0;
  for (uint32_t i = 0; i < b->body.n; i++) {
    const Ast *a = b->body.at[i];
    if (a->kind != kind) continue;
    const char *text = "";
    if (kind == AST_POPULATION) text = word(d, AST_AS(Population, a)->name);
    else if (kind == AST_CONNECT) text = callee_name(d, AST_AS(Connect, a)->rule);
    else if (kind == AST_DRIVE) text = callee_name(d, AST_AS(Drive, a)->source);
    for (size_t k = 0; k < COUNT_OF(patterns); k++)
      if (!strcmp(text, patterns[k].name) && kind == AST_CONNECT) text = patterns[k].words;
    for (size_t k = 0; k < COUNT_OF(sources); k++)
      if (!strcmp(text, sources[k].name) && kind == AST_DRIVE) text = sources[k].words;
    size_t len = strcspn(text, ",");
    if (kind == AST_CONNECT && text[len]) len = strlen(text); /* "random, fixed indegree" as a whole */
    while (len && text[len - 1] == ' ') len--;
    put_once(d, arena_printf(d->arena, "%.*s", (int)len, text), seen, &n, COUNT_OF(seen));
  }
  if (!n) put(d, "none");
}

static void summary_models(Describe *d, const AstBlock *b, bool synapses) {
  const char *seen[64];
  uint32_t n = 0;
  for (uint32_t i = 0; i < b->body.n; i++) {
    const Ast *ref =
        is_kind(b->body.at[i], AST_POPULATION) && !synapses ? AST_AS(Population, b->body.at[i])->component
        : is_kind(b->body.at[i], AST_CONNECT) && synapses   ? AST_AS(Connect, b->body.at[i])->synapse
                                                            : NULL;
    if (synapses && is_kind(b->body.at[i], AST_CONNECT) && !ref)
      put_once(d, "static", seen, &n, COUNT_OF(seen));
    const AstBlock *c = ref ? block_find(d, ref) : NULL;
    if (!c) continue;
    const char *about = first_sentence(d, c->doc);
    put_once(d, *about ? arena_printf(d->arena, "%s (%s)", word(d, c->name), about) : word(d, c->name), seen,
             &n, COUNT_OF(seen));
  }
  if (!n) put(d, "none");
}

static void put_summary(Describe *d, const AstBlock *b) {
  table(d, "A", "Model summary", "");
  put(d, "<tr><th>Populations</th><td>"), summary_list(d, b, AST_POPULATION), put(d, "</td></tr>\n");
  put(d, "<tr><th>Connectivity</th><td>"), summary_list(d, b, AST_CONNECT), put(d, "</td></tr>\n");
  put(d, "<tr><th>Neuron model</th><td>"), summary_models(d, b, false), put(d, "</td></tr>\n");
  put(d, "<tr><th>Synapse model</th><td>"), summary_models(d, b, true), put(d, "</td></tr>\n");
  put(d, "<tr><th>Input</th><td>"), summary_list(d, b, AST_DRIVE), put(d, "</td></tr>\n");
  table_end(d);
}

static void put_rows(Describe *d, const AstBlock *b, AstKind kind) {
  for (uint32_t i = 0, number = 0; i < b->body.n; i++) {
    if (b->body.at[i]->kind != kind) continue;
    number++;
    if (kind == AST_POPULATION) population_row(d, AST_AS(Population, b->body.at[i]));
    if (kind == AST_CONNECT) connect_row(d, AST_AS(Connect, b->body.at[i]), number);
    if (kind == AST_DRIVE) drive_row(d, AST_AS(Drive, b->body.at[i]));
  }
}

static bool is_signal(const Describe *d, const Ast *item) {
  return is_kind(item, AST_DECL) && !strcmp(word(d, AST_AS(Decl, item)->what), "signal");
}

static void signal_row(Describe *d, const AstItem *s) {
  put(d, "<tr><td>");
  put_name_math(d, s->name, &s->binders);
  cell(d);
  if (s->value) put(d, "starts at "), put_math(d, s->value);
  put_body(d, &s->body);
  cell(d);
  put_doc_inline(d, s->doc);
  put(d, "</td></tr>\n");
}

static void put_signals(Describe *d, const AstBlock *b) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < b->body.n; i++) {
    if (!is_signal(d, b->body.at[i])) continue;
    if (!n++) table(d, "", "Signals of the network", "<th>name</th><th>dynamics</th><th></th>");
    const AstDecl *decl = AST_AS(Decl, b->body.at[i]);
    for (uint32_t k = 0; k < decl->items.n; k++) signal_row(d, AST_AS(Item, decl->items.at[k]));
  }
  if (n) table_end(d);
}

static void put_params(Describe *d, const AstBlock *b) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < b->body.n; i++)
    n += is_kind(b->body.at[i], AST_DECL) && !is_signal(d, b->body.at[i]);
  if (!n) return;
  table(d, "", "Parameters, sets and definitions",
        "<th></th><th>name</th><th>value</th><th>domain</th><th></th>");
  for (uint32_t i = 0; i < b->body.n; i++)
    if (is_kind(b->body.at[i], AST_DECL) && !is_signal(d, b->body.at[i])) {
      const AstDecl *decl = AST_AS(Decl, b->body.at[i]);
      for (uint32_t k = 0; k < decl->items.n; k++) item_row(d, decl, AST_AS(Item, decl->items.at[k]));
    }
  table_end(d);
}

void put_network(Describe *d, const AstBlock *b) {
  fprintf(d->out, "<section id=\"network-%s\">\n<h2>%s</h2>\n", word(d, b->name), word(d, b->name));
  put_doc(d, b->doc);
  put_summary(d, b);
  if (count(b, AST_POPULATION)) {
    table(d, "B", "Populations", "<th>name</th><th>elements</th><th>size</th><th>values</th>");
    put_rows(d, b, AST_POPULATION), table_end(d);
  }
  if (count(b, AST_CONNECT)) {
    table(d, "C", "Connectivity",
          "<th>name</th><th>source</th><th>target</th><th>pattern</th><th>synapse</th>");
    put_rows(d, b, AST_CONNECT), table_end(d);
  }
  if (count(b, AST_DRIVE)) {
    table(d, "E", "Input", "<th>target</th><th>type</th><th>values</th>");
    put_rows(d, b, AST_DRIVE), table_end(d);
  }
  put_signals(d, b);
  put_params(d, b);
  put(d, "</section>\n");
}

/* ---- experiments */

static void put_line(Describe *d, const char *what, const Ast *statement) {
  fprintf(d->out, "<tr><th>%s</th><td><code>", what);
  put_source(d, statement->span);
  put(d, "</code></td></tr>\n");
}

static void subject_row(Describe *d, const AstSubject *s) {
  put(d, "<tr><th>Subject</th><td>");
  put_text(d, word(d, s->what));
  put(d, " ");
  if (s->component) put_source(d, s->component->span);
  put_settings(d, &s->settings);
  put(d, "</td></tr>\n");
}

static void run_row(Describe *d, const AstRun *r) {
  put(d, "<tr><th>Run</th><td>");
  put_math(d, r->duration);
  for (uint32_t i = 0; i < r->settings.n; i++) {
    put(d, ", ");
    if (is_kind(r->settings.at[i], AST_ASSIGN)) put_assign(d, AST_AS(Assign, r->settings.at[i]), false);
    else put_source(d, r->settings.at[i]->span);
  }
  if (word(d, r->alias)[0]) put(d, ", phase "), put_text(d, word(d, r->alias));
  for (uint32_t i = 0; i < r->body.n; i++)
    put(d, "<div><code>"), put_source(d, r->body.at[i]->span), put(d, "</code></div>");
  put(d, "</td></tr>\n");
}

static const DescribeRun *run_of(const Describe *d, const char *name) {
  for (uint32_t i = 0; i < d->input->runs.n; i++)
    if (!strcmp(d->input->runs.at[i].experiment, name)) return &d->input->runs.at[i];
  return NULL;
}

void put_experiment(Describe *d, const AstBlock *b) {
  fprintf(d->out, "<section id=\"experiment-%s\">\n<h2>Experiment: %s</h2>\n", word(d, b->name),
          word(d, b->name));
  put_doc(d, b->doc);
  if (count(b, AST_DRIVE)) {
    table(d, "E", "Input", "<th>target</th><th>type</th><th>values</th>");
    put_rows(d, b, AST_DRIVE), table_end(d);
  }
  table(d, "F", "Measurements", "");
  const DescribeRun *run = run_of(d, word(d, b->name));
  for (uint32_t i = 0; i < b->body.n; i++) {
    const Ast *st = b->body.at[i];
    if (st->kind == AST_SUBJECT) subject_row(d, AST_AS(Subject, st));
    else if (st->kind == AST_RUN) run_row(d, AST_AS(Run, st));
    else if (st->kind == AST_RECORD) put_line(d, "Recorded", st);
    else if (st->kind == AST_EXPECT && !(run && run->expects)) put_line(d, "Expected", st);
  }
  table_end(d);
  if (run && run->expects) put(d, run->expects);
  if (run && run->figures) put(d, run->figures);
  put(d, "</section>\n");
}
