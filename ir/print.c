/* Kernels as text that read.c reads back: printing, reading and printing again gives the same bytes. One line
 * for each slot and instruction:
 *
 *   kernel step "iaf.step" 2
 *     slot 0 state 0 "V" real [mV]
 *     %0 = load 0 "V" : real [mV] @120-121
 *     %1 = const 0x1.8p+1 : real [] ; 3
 *     store 0 "V" %0
 *   end
 *
 * %N is the position, counted with the lines that give no value. Dimensions are products of powers of ms, mV,
 * pA, um, mM and K; @ gives the source bytes of the origin; what follows ; is for people. */
#include "ir/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "lang/session.h"

const char *const ir_base_text[DIM_BASES] = {[DIM_TIME] = "ms",   [DIM_VOLTAGE] = "mV", [DIM_CURRENT] = "pA",
                                             [DIM_LENGTH] = "um", [DIM_CONC] = "mM",    [DIM_TEMP] = "K"};

static void print_quoted(const char *text, FILE *out) {
  fputc('"', out);
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      fprintf(out, "\\%c", c);
    else if (c < 32 || c == 127)
      fprintf(out, "\\x%02x", c);
    else
      fputc(c, out);
  }
  fputc('"', out);
}

static void print_dim(Dim d, FILE *out) {
  bool first = true;
  fputc('[', out);
  for (int i = 0; i < DIM_BASES; i++) {
    int num = d.e[i], den = DIM_ONE;
    if (num == 0) continue;
    for (int p = 2; p <= 3; p++)
      while (num % p == 0 && den % p == 0) num /= p, den /= p;
    fprintf(out, "%s%s", first ? "" : " ", ir_base_text[i]);
    if (den != 1)
      fprintf(out, "^%d/%d", num, den);
    else if (num != 1)
      fprintf(out, "^%d", num);
    first = false;
  }
  fputc(']', out);
}

static void print_type(uint8_t type, Dim dim, FILE *out) {
  fprintf(out, "%s ", type < IR_TYPES ? ir_type_text[type] : "?");
  print_dim(dim, out);
}

static void print_num(double num, FILE *out) {
  uint64_t bits;
  memcpy(&bits, &num, sizeof bits);
  if (isnan(num))
    fprintf(out, "nan(0x%" PRIx64 ")", bits);
  else
    fprintf(out, "%a", num);
}

void ir_print_head(Session *s, const IrKernel *k, FILE *out) {
  fprintf(out, "kernel %s ", k->kind < KERNEL_KINDS ? ir_kernel_text[k->kind] : "?");
  print_quoted(name_str(s, k->name), out);
  if (k->index != IR_NONE) fprintf(out, " %u", k->index);
  fputc('\n', out);
}

void ir_print_slot(Session *s, const IrKernel *k, uint32_t slot, FILE *out) {
  const IrSlot *p = &k->slots.at[slot];
  fprintf(out, "  slot %u %s %u ", slot, p->kind < SLOT_KINDS ? ir_slot_text[p->kind] : "?", p->index);
  print_quoted(name_str(s, p->name), out);
  fputc(' ', out);
  print_type((uint8_t)p->type, p->dim, out);
  if (p->lag) fprintf(out, " lag %u", p->lag - 1);
  fputs(p->settable ? " settable\n" : p->alike ? " alike\n" : "\n", out);
}

/* Must also print what the verifier is about to complain of. */
void ir_print_ins(Session *s, const IrKernel *k, uint32_t at, FILE *out) {
  const IrIns *ins = &k->ins.at[at];
  fputs("  ", out);
  if (ins->type != IR_VOID) fprintf(out, "%%%u = ", at);
  if (ins->op >= IR_OPS) {
    fprintf(out, "? %u\n", ins->op);
    return;
  }
  fputs(ir_ops[ins->op].text, out);
  if (ins->op == IR_CONST) fputc(' ', out), print_num(ins->num, out);
  if (ins->slot != IR_NONE) fprintf(out, " %u", ins->slot);
  if (ins->op == IR_LOAD || ins->op == IR_STORE || ins->op == IR_TAKE) {
    fputc(' ', out);
    print_quoted(ins->slot < k->slots.n ? name_str(s, k->slots.at[ins->slot].name) : "?", out);
  }
  for (int i = 0; i < 4; i++)
    if (ins->arg[i] != IR_NONE) fprintf(out, " %%%u", ins->arg[i]);
  if (ins->type != IR_VOID) fputs(" : ", out), print_type(ins->type, ins->dim, out);
  if (ins->span.to != 0) fprintf(out, " @%u-%u", ins->span.from, ins->span.to);
  if (ins->op == IR_CONST) fprintf(out, " ; %.9g", ins->num);
  fputc('\n', out);
}

void ir_print_kernel(Session *s, const IrKernel *k, FILE *out) {
  ir_print_head(s, k, out);
  for (uint32_t i = 0; i < k->slots.n; i++) ir_print_slot(s, k, i, out);
  for (uint32_t i = 0; i < k->ins.n; i++) ir_print_ins(s, k, i, out);
  fputs("end\n", out);
}

static void print_class(Session *s, const IrClass *c, FILE *out) {
  fprintf(out, "; class %u %s\n", c->index, name_str(s, c->name));
  for (uint32_t i = 0; i < c->states.n; i++) {
    const IrState *state = &c->states.at[i];
    fprintf(out, ";   state %u %s", i, name_str(s, state->var->name));
    if (!name_none(state->method))
      fprintf(out, ": %s (%s)", name_str(s, state->method), name_str(s, state->reason));
    fputc('\n', out);
  }
  for (uint32_t i = 0; i < c->elem_params.n; i++)
    fprintf(out, ";   param %u %s for each element\n", i, name_str(s, c->elem_params.at[i]->name));
  for (uint32_t i = 0; i < c->uniforms.n; i++)
    fprintf(out, ";   uniform %u %s\n", i, name_str(s, c->uniforms.at[i].name));
  for (uint32_t i = 0; i < c->ports.n; i++)
    if (c->ports.at[i].straight != IR_NONE)
      fprintf(out, ";   port %u %s straight to state %u\n", i, name_str(s, c->ports.at[i].port->name),
              c->ports.at[i].straight);
    else
      fprintf(out, ";   port %u %s%s, unit in uniform %u\n", i, name_str(s, c->ports.at[i].port->name),
              c->ports.at[i].additive ? " only adds" : "", c->ports.at[i].scale_u);
}

void ir_print(Session *s, const IrModule *m, FILE *out) {
  fprintf(out, "; level %d\n", m->level);
  for (uint32_t i = 0; i < m->classes.n; i++) print_class(s, m->classes.at[i], out);
  for (uint32_t i = 0; i < m->kernels.n; i++) {
    fputc('\n', out);
    ir_print_kernel(s, m->kernels.at[i], out);
  }
}
