/* The page: what the file is, a section for each network, each model, each experiment. Components are
 * described once, with all parts and functions that they use, wherever these are declared. */
#include "describe/inner.h"

#include <string.h>

static const char style[] =
#include "runtime/page.def"
    "table.tab,table.model{width:100%;margin:16px 0 26px}"
    "caption{text-align:left;background:#222;color:#fff;padding:4px 10px;font-size:14px}"
    "table.model>tbody>tr:first-child>*{background:#222;color:#fff}"
    "table.model>tbody>tr>th,table.tab>tbody>tr>th{width:110px}"
    "table.tab td,table.model td,table.tab th,table.model th{padding-left:10px}"
    "table.inner{margin:0}table.matrix{margin:0;font-size:12px}table.matrix td{padding:1px 8px 1px "
    "0;border:0}"
    ".eq{margin:7px 0}.eq math{font-size:17px}"
    "math{font-size:15px;font-family:'Latin Modern Math','STIX Two Math','Cambria Math','DejaVu Math TeX "
    "Gyre',math}"
    "table.tab td.v{white-space:nowrap}"
    "nav{column-width:200px;font-size:14px}nav a{display:block}"
    ".body{margin-left:1.6em}.unit{color:#666;font-size:13px;margin:0 0 6px}pre{white-space:pre-wrap}";

/* ---- who is meant */

static const char *reference_name(const Describe *d, const Ast *reference) {
  if (!reference) return "";
  if (reference->kind == AST_NAME) return word(d, AST_AS(NameRef, reference)->name);
  return reference->kind == AST_MEMBER ? word(d, AST_AS(Member, reference)->name) : "";
}

bool is_block(const Describe *d, const Ast *item, const char *what) {
  return item->kind == AST_BLOCK && (!what || !strcmp(word(d, AST_AS(Block, item)->what), what));
}

/* Files come in the order in which names are looked for: a file's own first. */
const AstBlock *block_find(const Describe *d, const Ast *reference) {
  const char *name = reference_name(d, reference);
  for (uint32_t i = 0; *name && i < d->input->files.n; i++) {
    const AstFile *f = d->input->files.at[i];
    for (uint32_t k = 0; k < f->items.n; k++)
      if (is_block(d, f->items.at[k], NULL) && !strcmp(word(d, AST_AS(Block, f->items.at[k])->name), name))
        return AST_AS(Block, f->items.at[k]);
  }
  return NULL;
}

const AstFn *fn_find(const Describe *d, const Ast *callee) {
  const char *name = reference_name(d, callee);
  for (uint32_t i = 0; *name && i < d->input->files.n; i++) {
    const AstFile *f = d->input->files.at[i];
    for (uint32_t k = 0; k < f->items.n; k++)
      if (f->items.at[k]->kind == AST_FN && !strcmp(word(d, AST_AS(Fn, f->items.at[k])->name), name))
        return AST_AS(Fn, f->items.at[k]);
  }
  return NULL;
}

void component_want(Describe *d, const Ast *reference) {
  const AstBlock *b = block_find(d, reference);
  for (uint32_t i = 0; i < d->components.n; i++)
    if (d->components.at[i] == b) return;
  if (b) vec_push(d->arena, &d->components, b);
}

static void want_call(Ast *node, void *context) {
  Describe *d = context;
  if (!node) return;
  if (node->kind == AST_CALL) {
    const AstFn *fn = fn_find(d, AST_AS(Call, node)->callee);
    bool known = fn == NULL;
    for (uint32_t i = 0; i < d->fns.n && !known; i++) known = d->fns.at[i] == fn;
    if (!known) vec_push(d->arena, &d->fns, fn);
  }
  ast_each_child(node, want_call, d);
}

void fns_want(Describe *d, const Ast *node) { want_call((Ast *)node, d); }

/* ---- sections */

static bool is_component(const Describe *d, const Ast *item) {
  static const char *const kinds[] = {"neuron",  "component", "channel", "receptor",
                                      "synapse", "glia",      "mass"};
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    if (is_block(d, item, kinds[i])) return true;
  return false;
}

/* Networks of the file, and those of others that its experiments run; single cells are models that are
 * wanted. */
static void put_networks(Describe *d, const AstFile *file) {
  VEC(const AstBlock *) done = {0};
  for (uint32_t i = 0; i < file->items.n; i++)
    if (is_block(d, file->items.at[i], "network"))
      vec_push(d->arena, &done, AST_AS(Block, file->items.at[i]));
  for (uint32_t i = 0; i < file->items.n; i++) {
    if (!is_block(d, file->items.at[i], "experiment")) continue;
    const AstBlock *x = AST_AS(Block, file->items.at[i]);
    for (uint32_t k = 0; k < x->body.n; k++) {
      if (x->body.at[k]->kind != AST_SUBJECT) continue;
      const AstBlock *b = block_find(d, AST_AS(Subject, x->body.at[k])->component);
      bool known = !b || !is_block(d, &b->head, "network");
      for (uint32_t j = 0; j < done.n && !known; j++) known = done.at[j] == b;
      if (!known) vec_push(d->arena, &done, b);
      if (b && !is_block(d, &b->head, "network"))
        component_want(d, AST_AS(Subject, x->body.at[k])->component);
    }
  }
  for (uint32_t i = 0; i < done.n; i++) put_network(d, done.at[i]);
}

static void put_models(Describe *d, const AstFile *file) {
  for (uint32_t i = 0; i < file->items.n; i++) {
    if (!is_component(d, file->items.at[i])) continue;
    bool known = false;
    for (uint32_t k = 0; k < d->components.n; k++)
      known |= d->components.at[k] == AST_AS(Block, file->items.at[i]);
    if (!known) vec_push(d->arena, &d->components, AST_AS(Block, file->items.at[i]));
  }
  if (!d->components.n) return;
  put(d, "<section id=\"models\">\n<h2><span class=\"of\">D</span> Neuron and synapse models</h2>\n");
  for (uint32_t i = 0; i < d->components.n; i++)
    put_component(d, d->components.at[i]); /* parts come behind */
  put(d, "</section>\n");
}

enum { FEW = 3 }; /* sections that need no list */

/* Links to what the file declares. */
static void put_contents(Describe *d, const AstFile *file) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < file->items.n; i++) n += file->items.at[i]->kind == AST_BLOCK;
  if (n <= FEW) return;
  put(d, "<nav>\n");
  for (uint32_t i = 0; i < file->items.n; i++) {
    const Ast *item = file->items.at[i];
    const char *kind = is_component(d, item)             ? "model"
                       : is_block(d, item, "network")    ? "network"
                       : is_block(d, item, "experiment") ? "experiment"
                                                         : NULL;
    if (!kind) continue;
    const char *name = word(d, AST_AS(Block, item)->name);
    fprintf(d->out, "<a href=\"#%s-%s\">%s</a>\n", kind, name, name);
  }
  put(d, "</nav>\n");
}

static void put_references(Describe *d) {
  if (!d->references.n) return;
  put(d, "<section id=\"references\">\n<h2>References</h2>\n<ol>\n");
  for (uint32_t i = 0; i < d->references.n; i++) {
    put(d, "<li>");
    put_text(d, d->references.at[i].citation);
    put(d, ", <a href=\"https://doi.org/");
    put_text(d, d->references.at[i].doi);
    put(d, "\">");
    put_text(d, d->references.at[i].doi);
    put(d, "</a></li>\n");
  }
  put(d, "</ol>\n</section>\n");
}

void describe_page(Session *s, const Model *m, const DescribeInput *input, FILE *out) {
  Describe describe = {.s = s, .arena = s->arena, .model = m, .input = input, .out = out}, *d = &describe;
  const AstFile *file = input->files.at[0];
  const char *title = name_str(s, m->title)[0] ? name_str(s, m->title) : name_str(s, m->name);
  put(d,
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"/>\n<title>");
  put_text(d, title);
  fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n<header>\n<h1>", style);
  put_text(d, title);
  fprintf(out, "</h1>\n<p class=\"of\">model %016llx, nslc %s</p>\n</header>\n", (unsigned long long)m->hash,
          NSL_VERSION);
  put_contents(d, file);
  put_networks(d, file);
  put_models(d, file);
  for (uint32_t i = 0; i < file->items.n; i++)
    if (is_block(d, file->items.at[i], "experiment")) put_experiment(d, AST_AS(Block, file->items.at[i]));
  put_references(d);
  put(d,
      "<p class=\"of\">Tables after Nordlie E, Gewaltig M-O, Plesser HE (2009) PLoS Comput Biol 5:e1000456, "
      "doi "
      "<a href=\"https://doi.org/10.1371/journal.pcbi.1000456\">10.1371/journal.pcbi.1000456</a>.</p>\n"
      "</main>\n</body>\n</html>\n");
}
