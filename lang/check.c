/* A parsed file -> the checked model: imports, the standard library, then everything that the file declares.
 *
 * Each file has a scope of its own, whose parent holds the names of the standard library, so a model's own
 * names shadow the library's. An imported file is read once, is found relative to the file that imports it,
 * and never outside that file's folder unless the session allows a folder. Needs a syntax tree; gives a
 * model that is fit for lowering if there are no errors. */
#include "lang/check.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lang/net.h"
#include "lang/sha256.h"
#include "lang/warn.h"

enum { DEEPEST_IMPORT = 64 };

typedef struct {
  const char *path; /* canonical */
  Scope *scope;     /* NULL: being read, or failed */
  bool busy;
} Loaded;

typedef struct {
  Checker *c;
  VEC(Loaded) files;
  uint32_t depth;
} Loader;

static Scope *file_scope(Loader *l, const AstFile *file, const char *path);

/* ---- paths */

/* "lab/" of "lab/cells.nsl"; "" where there is no folder. */
static const char *folder_of(Arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? arena_text(a, path, (size_t)(slash - path) + 1) : "";
}

static bool is_within(const char *path, const char *folder) {
  char real[PATH_MAX];
  if (!realpath(*folder ? folder : ".", real)) return false;
  size_t n = strlen(real);
  return strncmp(path, real, n) == 0 && (path[n] == '/' || path[n] == 0 || n == 1);
}

static bool may_read(const Session *s, const char *real, const char *folder) {
  if (is_within(real, folder)) return true;
  for (uint32_t i = 0; i < s->allow_read.n; i++)
    if (is_within(real, s->allow_read.at[i])) return true;
  return false;
}

/* Does the text itself lead out of the folder it starts in? */
bool check_climbs_out(const char *path) {
  int depth = 0;
  if (*path == '/') return true;
  for (const char *p = path; *p;) {
    size_t n = strcspn(p, "/");
    if (n == 2 && strncmp(p, "..", 2) == 0) depth--;
    else if (n > 0 && !(n == 1 && *p == '.')) depth++;
    if (depth < 0) return true;
    p += n + (p[n] == '/');
  }
  return false;
}

/* ---- imports */

static bool hash_fits(Session *s, const AstImport *import, const Source *source) {
  char found[SHA256_TEXT];
  if (name_none(import->hash)) return true;
  const char *want = name_str(s, import->hash);
  sha256_text(source->text, source->len, found);
  if (strcasecmp(want, found) == 0) return true;
  diag_import_hash(s, import->head.span, name_str(s, import->path), found, strlen(want) == SHA256_TEXT - 1);
  return false;
}

static Loaded *find_loaded(Loader *l, const char *real) {
  for (uint32_t i = 0; i < l->files.n; i++)
    if (strcmp(l->files.at[i].path, real) == 0) return &l->files.at[i];
  return NULL;
}

static void report_cycle(Loader *l, const AstImport *import, const char *real) {
  Session *s = l->c->s;
  const char *text = "";
  bool inside = false;
  for (uint32_t i = 0; i < l->files.n; i++) {
    const char *slash = strrchr(l->files.at[i].path, '/');
    inside |= strcmp(l->files.at[i].path, real) == 0;
    if (inside && l->files.at[i].busy)
      text = arena_printf(s->arena, "%s%s -> ", text, slash ? slash + 1 : l->files.at[i].path);
  }
  const char *slash = strrchr(real, '/');
  diag_import_cycle(s, import->head.span, arena_printf(s->arena, "%s%s", text, slash ? slash + 1 : real));
}

const char *import_path(Session *s, Span where, const char *path) {
  char real[PATH_MAX];
  const Source *from = source_at(s, where.from);
  const char *folder = folder_of(s->arena, from ? from->path : "");
  const char *full = *path == '/' ? path : arena_printf(s->arena, "%s%s", folder, path);
  if (check_climbs_out(path) && s->allow_read.n == 0) {
    diag_import_outside(s, where, path);
    return NULL;
  }
  if (!realpath(full, real)) {
    if (errno == ENOENT || errno == ENOTDIR) diag_file_missing(s, where, full);
    else diag_file_unreadable(s, where, full, strerror(errno));
    return NULL;
  }
  if (may_read(s, real, folder)) return full;
  diag_import_outside(s, where, path);
  return NULL;
}

/* The scope of an imported file; NULL after a diagnostic. */
static Scope *import_scope(Loader *l, const AstImport *import, const char *importer) {
  Session *s = l->c->s;
  char real[PATH_MAX];
  const char *path = name_str(s, import->path), *folder = folder_of(s->arena, importer);
  const char *full = *path == '/' ? path : arena_printf(s->arena, "%s%s", folder, path);
  if (check_climbs_out(path) && s->allow_read.n == 0) {
    diag_import_outside(s, import->head.span, path);
    return NULL;
  }
  if (!realpath(full, real)) {
    if (errno == ENOENT || errno == ENOTDIR) diag_file_missing(s, import->head.span, full);
    else diag_file_unreadable(s, import->head.span, full, strerror(errno));
    return NULL;
  }
  if (!may_read(s, real, folder)) {
    diag_import_outside(s, import->head.span, path);
    return NULL;
  }
  Loaded *known = find_loaded(l, real);
  if (known && known->busy) report_cycle(l, import, real);
  if (known) return known->scope;
  if (l->depth == DEEPEST_IMPORT) {
    diag_import_depth(s, import->head.span, DEEPEST_IMPORT);
    return NULL;
  }
  const Source *source = source_load(s, full, import->head.span);
  if (!source || !hash_fits(s, import, source)) return NULL;
  MImport made = {import->path, model_hash_bytes(source->text, source->len)};
  vec_push(s->arena, &l->c->model->imports, made);
  const AstFile *file = l->c->options->parse(s, source);
  Scope *scope = file_scope(l, file, full);
  return file->broken ? NULL : scope; /* what is missing from it is not its users' fault */
}

/* `import "cells.nsl"`: the names that the file itself declares, as if they stood here. */
static void import_all(Checker *c, Scope *around, const Scope *module, const AstImport *import) {
  for (uint32_t i = 0; i < module->symbols.n; i++) {
    Symbol *symbol = module->symbols.at[i];
    if (symbol->kind == SYM_MODULE) continue;
    const Symbol *before = scope_find_here(around, symbol->name);
    if (!before) scope_enter(c, around, symbol);
    else if (before != symbol)
      diag_two_candidates(c->s, import->head.span, name_str(c->s, symbol->name), before->span, symbol->span, true);
  }
}

/* A name of the file's own that an import without a name brings as well. */
static void refuse_doubles(Checker *c, const Scope *scope, const Scope *around) {
  for (uint32_t i = 0; i < scope->symbols.n; i++) {
    const Symbol *own = scope->symbols.at[i], *other = scope_find_here(around, own->name);
    if (other) diag_two_candidates(c->s, own->span, name_str(c->s, own->name), own->span, other->span, false);
  }
}

static void declare_import(Loader *l, Scope *around, Scope *scope, const AstImport *import, const char *importer) {
  if (name_none(import->path)) return;
  Scope *module = import_scope(l, import, importer);
  if (name_none(import->alias.name)) {
    if (module) import_all(l->c, around, module, import);
    return;
  }
  Symbol *symbol = scope_declare(l->c, scope, SYM_MODULE, import->alias.name, import->alias.span);
  symbol->module = module;
  symbol->failed = !module;
  symbol->ast = &import->head;
}

static Scope *file_scope(Loader *l, const AstFile *file, const char *path) {
  Checker *c = l->c;
  char real[PATH_MAX];
  Loaded made = {arena_text(c->arena, path, strlen(path)), NULL, true};
  if (realpath(path, real)) made.path = arena_text(c->arena, real, strlen(real));
  vec_push(c->arena, &l->files, made);
  uint32_t at = l->files.n - 1;
  Scope *around = scope_new(c, c->library), *scope = scope_new(c, around);
  l->depth++;
  for (uint32_t i = 0; i < file->items.n; i++)
    if (file->items.at[i]->kind == AST_IMPORT)
      declare_import(l, around, scope, AST_AS(Import, file->items.at[i]), path);
  l->depth--;
  check_declare_file(c, scope, file);
  refuse_doubles(c, scope, around);
  l->files.at[at].scope = scope;
  l->files.at[at].busy = false;
  return scope;
}

/* ---- the standard library */

static int text_order(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void load_library(Checker *c) {
  Session *s = c->s;
  TextList names = {0};
  c->library = scope_new(c, NULL);
  c->library->model = false;
  if (!s->stdlib_path) return;
  DIR *folder = opendir(s->stdlib_path);
  if (!folder) {
    diag_file_missing(s, (Span){0, 0}, s->stdlib_path);
    return;
  }
  for (struct dirent *entry; (entry = readdir(folder));) {
    size_t n = strlen(entry->d_name);
    if (n > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 4, ".nsl") == 0)
      vec_push(c->arena, &names, arena_printf(c->arena, "%s/%s", s->stdlib_path, entry->d_name));
  }
  closedir(folder);
  if (names.n) qsort(names.at, names.n, sizeof *names.at, text_order);
  for (uint32_t i = 0; i < names.n; i++) {
    const Source *source = source_load(s, names.at[i], (Span){0, 0});
    if (source) check_declare_file(c, c->library, c->options->parse(s, source));
  }
}

/* ---- the file's own declarations */

static Name model_name(Session *s, const char *path) {
  const char *slash = strrchr(path, '/');
  const char *base = slash ? slash + 1 : path;
  size_t n = strlen(base);
  if (n > 4 && strcmp(base + n - 4, ".nsl") == 0) n -= 4;
  return name_of(s, base, n);
}

/* Does an experiment of this file run the network as it stands? Then that is its check. */
static bool runs_as_it_stands(const AstFile *file, Name network) {
  for (uint32_t i = 0; i < file->items.n; i++) {
    if (file->items.at[i]->kind != AST_BLOCK) continue;
    const AstBlock *block = AST_AS(Block, file->items.at[i]);
    for (uint32_t k = 0; k < block->body.n; k++) {
      if (block->body.at[k]->kind != AST_SUBJECT) continue;
      const AstSubject *subject = AST_AS(Subject, block->body.at[k]);
      const Ast *ref = subject->component;
      if (ref && ref->kind == AST_NAME && name_eq(AST_AS(NameRef, ref)->name.name, network) &&
          subject->settings.n == 0)
        return true;
    }
  }
  return false;
}

/* A network is checked with its own defaults, used by an experiment or not. */
static void check_network(Checker *c, const AstFile *file, Symbol *symbol) {
  if (runs_as_it_stands(file, symbol->name)) return;
  MExperiment *unused = NEW(c->arena, MExperiment);
  net_check(c, symbol, unused, NULL);
}

static void check_block(Checker *c, Scope *scope, const AstFile *file, const AstBlock *block) {
  Session *s = c->s;
  const char *what = name_str(s, block->what.name);
  Symbol *symbol = scope_find_here(scope, block->name.name);
  bool network = strcmp(what, "network") == 0, experiment = strcmp(what, "experiment") == 0, fit = strcmp(what, "fit") == 0;
  if (!network && !experiment && !fit && !block_is_component(block, s)) {
    diag_not_supported(s, block->what.span, arena_printf(s->arena, "`%s` blocks", what),
                       "This version knows neurons, networks, experiments and fits.");
    return;
  }
  if (!symbol || symbol->ast != &block->head) return; /* declared twice */
  if (block_is_component(block, s)) {
    MComponent *component = check_component(c, symbol);
    if (component) vec_push(c->arena, &c->model->components, component);
  } else if (network) {
    check_network(c, file, symbol);
  } else if (fit) {
    check_fit(c, symbol);
  } else {
    check_experiment(c, symbol);
  }
}

static void check_items(Checker *c, Scope *scope, const AstFile *file) {
  for (uint32_t i = 0; i < file->items.n; i++) {
    const Ast *item = file->items.at[i];
    if (item->kind == AST_DECL) check_constants(c, scope, AST_AS(Decl, item));
    if (item->kind == AST_MODEL_INFO) c->model->title = AST_AS(ModelInfo, item)->title;
    if (item->kind == AST_FN) check_fn(c, scope, AST_AS(Fn, item));
    if (item->kind == AST_BLOCK) check_block(c, scope, file, AST_AS(Block, item));
    if (item->kind == AST_LATER)
      diag_not_supported(c->s, item->span,
                         arena_printf(c->arena, "`%s`", name_str(c->s, AST_AS(Later, item)->what.name)),
                         NULL);
  }
}

static uint64_t resolved_hash(Session *s, const Model *m) {
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  if (!out) return 0;
  model_print(s, m, out);
  fclose(out);
  uint64_t hash = model_hash_bytes(text, len);
  free(text);
  return hash;
}

Model *model_check(Session *s, const AstFile *file, const CheckOptions *options) {
  Model *m = NEW(s->arena, Model);
  Checker *c = NEW(s->arena, Checker);
  *c = (Checker){.s = s, .arena = s->arena, .options = options, .model = m};
  m->source = source_at(s, file->head.span.from);
  const char *path = m->source ? m->source->path : "";
  m->name = model_name(s, path);
  load_library(c);
  Loader loader = {.c = c};
  Scope *scope = file_scope(&loader, file, path);
  if (!file->broken) check_items(c, scope, file); /* else names would be missing that stand in the text */
  if (s->errors == 0) {
    m->hash = resolved_hash(s, m);
    model_warn(s, m);
  }
  return m;
}
