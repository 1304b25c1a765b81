/* Reads what print.c writes: text to kernels. For tests, for bisecting a pass, and so that a kernel can be
 * sent in a bug report.
 *
 * Any bytes may come in: every number is checked before it is used, arguments must stand above their use,
 * types and dimensions must be those that the rules of ops.def give, and nothing recurses. The first mistake
 * ends the reading with its line. What a kernel of its kind may do with its slots is left to the verifier. */
#include "ir/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lang/session.h"

typedef struct {
  Session *s;
  Arena *arena;
  const char *at;
  uint32_t line;
  const char *error; /* the first one */
  IrKernel *k;
} Reader;

enum { LONGEST_WORD = 63, LONGEST_NAME = 4096, MOST_INS = 1 << 22 };

__attribute__((format(printf, 2, 3))) static bool fail(Reader *r, const char *fmt, ...) {
  if (r->error) return false;
  char text[160];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  r->error = arena_printf(r->s->arena, "line %u: %s", r->line, text);
  return false;
}

/* ---- words */

static void skip_blanks(Reader *r) {
  while (*r->at == ' ' || *r->at == '\t' || *r->at == '\r') r->at++;
  if (*r->at == ';')
    while (*r->at && *r->at != '\n') r->at++;
}

static void skip_lines(Reader *r) {
  for (skip_blanks(r); *r->at == '\n'; skip_blanks(r)) {
    r->at++;
    r->line++;
  }
}

static bool end_of_line(Reader *r) {
  skip_blanks(r);
  return *r->at == '\n' || *r->at == 0 || fail(r, "more on the line than expected");
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '+' || c == '-';
}

/* The next word, or "" where none begins. */
static const char *word(Reader *r, char into[static LONGEST_WORD + 1]) {
  skip_blanks(r);
  int n = 0;
  while (n < LONGEST_WORD && is_word(*r->at)) into[n++] = *r->at++;
  into[n] = 0;
  return into;
}

static bool accept(Reader *r, char c) {
  skip_blanks(r);
  if (*r->at != c) return false;
  r->at++;
  return true;
}

static bool expect(Reader *r, char c) { return accept(r, c) || fail(r, "expected '%c'", c); }

static bool number(Reader *r, uint32_t *ret) {
  uint64_t n = 0;
  skip_blanks(r);
  const char *from = r->at;
  for (; *r->at >= '0' && *r->at <= '9' && n <= UINT32_MAX; r->at++) n = n * 10 + (uint64_t)(*r->at - '0');
  if (r->at == from || n > UINT32_MAX) return fail(r, "expected a number");
  *ret = (uint32_t)n;
  return true;
}

static bool index_of(const char *const *texts, int n, const char *text, uint32_t *ret) {
  for (int i = 0; i < n; i++)
    if (strcmp(texts[i], text) == 0) {
      *ret = (uint32_t)i;
      return true;
    }
  return false;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

static bool quoted(Reader *r, Name *ret) {
  char text[LONGEST_NAME];
  size_t n = 0;
  if (!expect(r, '"')) return false;
  while (*r->at != '"') {
    if (*r->at == 0 || *r->at == '\n' || n == sizeof text) return fail(r, "a name does not end");
    char c = *r->at++;
    if (c == '\\' && r->at[0] == 'x') {
      int high = hex_digit(r->at[1]), low = high < 0 ? -1 : hex_digit(r->at[2]);
      if (low < 0 || high + low == 0) return fail(r, "expected two hex digits");
      c = (char)(high * 16 + low);
      r->at += 3;
    } else if (c == '\\') {
      if (*r->at != '"' && *r->at != '\\') return fail(r, "unknown escape");
      c = *r->at++;
    }
    text[n++] = c;
  }
  r->at++;
  *ret = n ? name_of(r->s, text, n) : (Name){0};
  return true;
}

/* ---- types and constants */

static bool exponent(Reader *r, int16_t *ret) {
  uint32_t num = 1, den = 1;
  bool minus = false;
  if (accept(r, '^')) {
    minus = accept(r, '-');
    if (!number(r, &num) || (accept(r, '/') && !number(r, &den))) return false;
  }
  if (num == 0 || num > INT16_MAX || den == 0 || DIM_ONE % den != 0) return fail(r, "not an exponent");
  int64_t e = (int64_t)num * (int64_t)(DIM_ONE / den);
  if (e > INT16_MAX) return fail(r, "not an exponent");
  *ret = (int16_t)(minus ? -e : e);
  return true;
}

static bool dim(Reader *r, Dim *ret) {
  *ret = DIM_NONE;
  if (!expect(r, '[')) return false;
  while (!accept(r, ']')) {
    char base[LONGEST_WORD + 1];
    uint32_t i;
    if (!index_of(ir_base_text, DIM_BASES, word(r, base), &i)) return fail(r, "unknown base unit '%s'", base);
    if (ret->e[i] != 0) return fail(r, "%s twice", base);
    if (!exponent(r, &ret->e[i])) return false;
  }
  return true;
}

static bool type_and_dim(Reader *r, IrType *ret_type, Dim *ret_dim) {
  char text[LONGEST_WORD + 1];
  uint32_t type;
  if (!index_of(ir_type_text, IR_TYPES, word(r, text), &type)) return fail(r, "unknown type '%s'", text);
  *ret_type = (IrType)type;
  return dim(r, ret_dim);
}

static bool constant(Reader *r, double *ret) {
  char text[LONGEST_WORD + 1], *end;
  word(r, text);
  if (strcmp(text, "nan") == 0) {
    uint64_t bits = 0;
    if (!expect(r, '(')) return false;
    word(r, text);
    if (strncmp(text, "0x", 2) != 0 || strlen(text) > 18) return fail(r, "expected the bits of a nan");
    bits = strtoull(text, &end, 16);
    memcpy(ret, &bits, sizeof bits);
    return *end == 0 && *ret != *ret && expect(r, ')') ? true : fail(r, "not a nan");
  }
  *ret = strtod(text, &end);
  return text[0] && *end == 0 && *ret == *ret ? true : fail(r, "not a number: '%s'", text);
}

/* ---- lines */

static bool read_slot(Reader *r) {
  uint32_t at, kind, index;
  char text[LONGEST_WORD + 1];
  IrSlot slot = {0};
  if (!number(r, &at)) return false;
  if (at != r->k->slots.n) return fail(r, "slots are numbered from 0 in order");
  if (!index_of(ir_slot_text, SLOT_KINDS, word(r, text), &kind))
    return fail(r, "unknown kind of slot '%s'", text);
  if (!number(r, &index) || !quoted(r, &slot.name) || !type_and_dim(r, &slot.type, &slot.dim)) return false;
  if (slot.type == IR_VOID) return fail(r, "a slot has a type");
  slot.kind = (SlotKind)kind;
  slot.index = index;
  if (strcmp(word(r, text), "lag") == 0) {
    if (!number(r, &slot.lag) || slot.lag++ == UINT32_MAX) return fail(r, "expected which lag");
    word(r, text);
  }
  slot.settable = strcmp(text, "settable") == 0;
  slot.alike = strcmp(text, "alike") == 0;
  if (text[0] && !slot.settable && !slot.alike) return fail(r, "unknown word '%s'", text);
  vec_push(r->arena, &r->k->slots, slot);
  return end_of_line(r);
}

static bool read_op(Reader *r, const char *text, uint8_t *ret) {
  for (int i = 0; i < IR_OPS; i++)
    if (strcmp(ir_ops[i].text, text) == 0) {
      *ret = (uint8_t)i;
      return true;
    }
  return fail(r, "unknown operation '%s'", text);
}

static bool read_args(Reader *r, IrIns *ins) {
  for (int i = 0; i < ir_ops[ins->op].arity; i++) {
    if (!expect(r, '%') || !number(r, &ins->arg[i])) return false;
    if (ins->arg[i] >= r->k->ins.n || r->k->ins.at[ins->arg[i]].type == IR_VOID)
      return fail(r, "%%%u is not a value above this line", ins->arg[i]);
  }
  return true;
}

static bool read_slot_use(Reader *r, IrIns *ins) {
  Name name;
  if (!ir_has_slot((IrOp)ins->op)) return true;
  if (!number(r, &ins->slot)) return false;
  if (ins->slot == IR_NONE) return fail(r, "number too large");
  if (ins->op != IR_LOAD && ins->op != IR_STORE && ins->op != IR_TAKE) return true;
  if (ins->slot >= r->k->slots.n) return fail(r, "no slot %u", ins->slot);
  if (!quoted(r, &name)) return false;
  return name_eq(name, r->k->slots.at[ins->slot].name) || fail(r, "slot %u has another name", ins->slot);
}

/* The part after the value's number. */
static bool read_ins(Reader *r, const char *op_text, bool has_value) {
  IrIns ins = {.slot = IR_NONE, .arg = {IR_NONE, IR_NONE, IR_NONE, IR_NONE}};
  IrType type = IR_VOID;
  Dim dimension = DIM_NONE;
  if (!read_op(r, op_text, &ins.op)) return false;
  if (ins.op == IR_CONST && !constant(r, &ins.num)) return false;
  if (!read_slot_use(r, &ins) || !read_args(r, &ins)) return false;
  if (has_value && (!expect(r, ':') || !type_and_dim(r, &type, &ins.dim))) return false;
  ins.type = (uint8_t)type;
  if (accept(r, '@') && (!number(r, &ins.span.from) || !expect(r, '-') || !number(r, &ins.span.to)))
    return false;
  const char *wrong = ir_infer(r->s, r->k, &ins, &type, &dimension);
  if (wrong) return fail(r, "%s", wrong);
  if (ins.type != type) return fail(r, "the type should be %s", ir_type_text[type]);
  if (!dim_eq(ins.dim, dimension)) return fail(r, "the dimension is not what the operation gives");
  if (r->k->ins.n >= MOST_INS) return fail(r, "the kernel is too long");
  vec_push(r->arena, &r->k->ins, ins);
  return end_of_line(r);
}

static bool read_line(Reader *r, bool *ret_end) {
  char text[LONGEST_WORD + 1];
  uint32_t at;
  *ret_end = false;
  if (accept(r, '%')) {
    if (!number(r, &at) || !expect(r, '=')) return false;
    if (at != r->k->ins.n) return fail(r, "this is instruction %%%u", r->k->ins.n);
    return read_ins(r, word(r, text), true);
  }
  word(r, text);
  if (strcmp(text, "end") == 0) *ret_end = true;
  if (*ret_end) return end_of_line(r);
  if (strcmp(text, "slot") != 0) return read_ins(r, text, false);
  return r->k->ins.n == 0 ? read_slot(r) : fail(r, "slots stand above instructions");
}

static bool read_kernel(Reader *r, IrModule *m) {
  char text[LONGEST_WORD + 1];
  uint32_t kind;
  Name name;
  if (strcmp(word(r, text), "kernel") != 0) return fail(r, "expected 'kernel'");
  if (!index_of(ir_kernel_text, KERNEL_KINDS, word(r, text), &kind))
    return fail(r, "unknown kind of kernel '%s'", text);
  if (!quoted(r, &name)) return false;
  r->k = ir_kernel(r->s, r->arena, (KernelKind)kind, name);
  skip_blanks(r);
  if (*r->at >= '0' && *r->at <= '9' && !number(r, &r->k->index)) return false;
  if (!end_of_line(r)) return false;
  for (bool end = false; !end;) {
    skip_lines(r);
    if (!*r->at) return fail(r, "the kernel has no end");
    if (!read_line(r, &end)) return false;
  }
  vec_push(r->arena, &m->kernels, r->k);
  return true;
}

IrModule *ir_read(Session *s, Arena *a, const char *text, const char **ret_error) {
  Reader r = {.s = s, .arena = a, .at = text, .line = 1};
  IrModule *m = NEW(a, IrModule);
  m->level = 2;
  for (skip_lines(&r); *r.at; skip_lines(&r))
    if (!read_kernel(&r, m)) {
      *ret_error = r.error;
      return NULL;
    }
  for (uint32_t i = 0; i < m->kernels.n; i++)
    if (!(ir_kernel_levels(m->kernels.at[i]->kind) & 2)) m->level = 1;
  return m;
}
