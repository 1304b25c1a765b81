/* Spans of IR instructions -> lines of the .nsl text in the debug information, always; with `debug` also
 * states as variables: gdb stops at `model.nsl:12`, prints V (all lanes of the pass), and perf shows the
 * model's own text. Code inlined from math/ takes the place of its call. A kernel may come from several files
 * (parts of the standard library): each has a scope of its own inside of the function. */
#include <string.h>
#include <unistd.h>

#include <llvm-c/DebugInfo.h>

#include "codegen/unit.h"

typedef struct {
  const Source *source;
  LLVMMetadataRef file, scope; /* scope: in the current function */
  VEC(uint32_t) lines;         /* where each line begins: source_place would count from the start */
} DebugFile;
typedef struct {
  Name name;
  LLVMMetadataRef variable;
} DebugVariable;

struct CgDebug {
  LLVMDIBuilderRef builder;
  LLVMMetadataRef unit, function, real, expression, place;
  VEC(DebugFile) files;
  VEC(DebugVariable) variables;
};

static LLVMMetadataRef debug_file_of(CgUnit *u, const char *path) {
  char here[4096];
  if (!getcwd(here, sizeof here)) strcpy(here, ".");
  return LLVMDIBuilderCreateFile(u->debug->builder, path, strlen(path), here, strlen(here));
}

static DebugFile *debug_source(CgUnit *u, const Source *source) {
  CgDebug *d = u->debug;
  for (uint32_t i = 0; i < d->files.n; i++)
    if (d->files.at[i].source == source) return &d->files.at[i];
  vec_push(u->arena, &d->files, ((DebugFile){.source = source, .file = debug_file_of(u, source->path)}));
  DebugFile *file = &d->files.at[d->files.n - 1];
  vec_push(u->arena, &file->lines, 0);
  for (uint32_t i = 0; i < source->len; i++)
    if (source->text[i] == '\n') vec_push(u->arena, &file->lines, i + 1);
  return file;
}

/* What source_place gives, in the time of a binary search. */
static Place debug_place(CgUnit *u, uint32_t offset) {
  Place place = {source_at(u->s, offset), 1, 1};
  if (!place.source) return place;
  const DebugFile *file = debug_source(u, place.source);
  uint32_t at = offset - place.source->base, low = 0, high = file->lines.n;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (file->lines.at[middle] <= at) low = middle;
    else high = middle;
  }
  place.line = low + 1;
  for (uint32_t i = file->lines.at[low]; i < at; i++)
    place.column += ((unsigned char)place.source->text[i] & 0xC0) != 0x80;
  return place;
}

static void module_flag(CgUnit *u, const char *key, unsigned value) {
  LLVMMetadataRef v = LLVMValueAsMetadata(LLVMConstInt(u->i32, value, false));
  LLVMAddModuleFlag(u->module, LLVMModuleFlagBehaviorWarning, key, strlen(key), v);
}

void cg_debug_begin(CgUnit *u) {
  if (!u->main_source || u->kind == UNIT_HOT || cg_is_device(u->target)) return;
  CgDebug *d = u->debug = NEW(u->arena, CgDebug);
  d->builder = LLVMCreateDIBuilder(u->module);
  module_flag(u, "Debug Info Version", LLVMDebugMetadataVersion());
  /* not 5: that brings .debug_names, which ld puts one after the other and gdb refuses */
  module_flag(u, "Dwarf Version", 4);
  static const char producer[] = "nslc " NSL_VERSION;
  d->unit = LLVMDIBuilderCreateCompileUnit(d->builder, LLVMDWARFSourceLanguageC,
                                           debug_source(u, u->main_source)->file, producer,
                                           sizeof producer - 1, u->options->opt > 0, "", 0, 0, "", 0,
                                           LLVMDWARFEmissionFull, 0, false, false, "", 0, "", 0);
  d->expression = LLVMDIBuilderCreateExpression(d->builder, NULL, 0);
}

static LLVMMetadataRef real_type(CgUnit *u, unsigned lanes, bool f32) {
  LLVMDIBuilderRef b = u->debug->builder;
  const char *name = f32 ? "float" : "double";
  unsigned bits = f32 ? 32 : 64;
  LLVMMetadataRef lane =
      LLVMDIBuilderCreateBasicType(b, name, strlen(name), bits, 4 /* DW_ATE_float */, LLVMDIFlagZero);
  if (lanes == 1) return lane;
  LLVMMetadataRef range = LLVMDIBuilderGetOrCreateSubrange(b, 0, lanes);
  return LLVMDIBuilderCreateVectorType(b, (uint64_t)bits * lanes, bits * lanes, lane, &range, 1);
}

void cg_debug_kernel(CgUnit *u, const IrKernel *k, LLVMValueRef function, unsigned lanes, bool f32) {
  CgDebug *d = u->debug;
  if (!d) return;
  const Source *source = u->main_source;
  uint32_t line = 1;
  for (uint32_t i = 0; i < k->ins.n; i++) {
    Place place = debug_place(u, k->ins.at[i].span.from);
    if (!place.source) continue;
    source = place.source;
    line = place.line;
    break;
  }
  LLVMMetadataRef file = debug_source(u, source)->file;
  LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(d->builder, file, NULL, 0, LLVMDIFlagZero);
  const char *name = name_str(u->s, k->name);
  d->function = LLVMDIBuilderCreateFunction(d->builder, file, name, strlen(name), "", 0, file, line, type,
                                            false, true, line, LLVMDIFlagZero, u->options->opt > 0);
  LLVMSetSubprogram(function, d->function);
  d->real = real_type(u, lanes, f32);
  d->variables.n = 0;
  for (uint32_t i = 0; i < d->files.n; i++) d->files.at[i].scope = NULL;
  debug_source(u, source)->scope = d->function;
  d->place = LLVMDIBuilderCreateDebugLocation(u->ctx, line, 0, d->function, NULL);
  LLVMSetCurrentDebugLocation2(u->builder, d->place);
}

void cg_debug_at(CgUnit *u, Span span) {
  CgDebug *d = u->debug;
  if (!d || span.to == 0) return;
  Place place = debug_place(u, span.from);
  if (!place.source) return;
  DebugFile *file = debug_source(u, place.source);
  if (!file->scope) file->scope = LLVMDIBuilderCreateLexicalBlockFile(d->builder, d->function, file->file, 0);
  d->place = LLVMDIBuilderCreateDebugLocation(u->ctx, place.line, place.column, file->scope, NULL);
  LLVMSetCurrentDebugLocation2(u->builder, d->place);
}

static LLVMMetadataRef debug_variable(CgUnit *u, Name name, Span span) {
  CgDebug *d = u->debug;
  for (uint32_t i = 0; i < d->variables.n; i++)
    if (name_eq(d->variables.at[i].name, name)) return d->variables.at[i].variable;
  Place place = debug_place(u, span.from);
  const char *text = name_str(u->s, name);
  LLVMMetadataRef file = debug_source(u, place.source ? place.source : u->main_source)->file;
  LLVMMetadataRef v = LLVMDIBuilderCreateAutoVariable(d->builder, d->function, text, strlen(text), file,
                                                      place.line, d->real, false, LLVMDIFlagZero, 0);
  vec_push(u->arena, &d->variables, ((DebugVariable){name, v}));
  return v;
}

void cg_debug_value(CgUnit *u, Name name, Span span, LLVMValueRef value) {
  CgDebug *d = u->debug;
  if (!d || !u->options->debug || name_none(name)) return;
  LLVMDIBuilderInsertDbgValueRecordAtEnd(d->builder, value, debug_variable(u, name, span), d->expression,
                                         d->place, LLVMGetInsertBlock(u->builder));
}

void cg_debug_end(CgUnit *u) {
  if (!u->debug) return;
  LLVMSetCurrentDebugLocation2(u->builder, NULL);
  LLVMDIBuilderFinalize(u->debug->builder);
  LLVMDisposeDIBuilder(u->debug->builder);
}
