/* The verifier: each seeded fault is found, at its line, in its words; and random damage to sound kernels
 * never crashes it. */
#include <stdlib.h>
#include <string.h>

#include "ir/pass.h"
#include "lang/session.h"
#include "tests/ir/random_kernel.h"
#include "tests/math/tap.h"

enum { DAMAGED = 5000 };

/* A sound step kernel; instructions 0..11, slots 0..5. */
static const char *const sound =
  "kernel step \"a\" 0\n"
  "slot 0 state 0 \"V\" real [mV]\n"
  "slot 1 uniform 0 \"tau\" real [ms]\n"
  "slot 2 port 0 \"exc\" real [mV]\n"
  "slot 3 uniform 1 \"unit\" real [mV]\n"
  "slot 4 held 0 \"h\" bool []\n"
  "slot 5 spike 0 \"s\" bool []\n"
  "%0 = load 0 \"V\" : real [mV]\n"
  "%1 = load 1 \"tau\" : real [ms]\n"
  "%2 = load 3 \"unit\" : real [mV]\n"
  "%3 = take 2 \"exc\" %2 : real [mV]\n"
  "%4 = add %0 %3 : real [mV]\n"
  "%5 = load 4 \"h\" : bool []\n"
  "%6 = select %5 %0 %4 : real [mV]\n"
  "%7 = const 15 : real [mV]\n"
  "%8 = ge %6 %7 : bool []\n"
  "store 5 \"s\" %8\n"
  "store 0 \"V\" %6\n"
  "check 0 %6\n"
  "%12 = noise 3 : real []\n"
  "%13 = div %1 %1 : real []\n"
  "end\n";

static void fault_order(IrKernel *k) { k->ins.at[4].arg[1] = 6; }
static void fault_itself(IrKernel *k) { k->ins.at[4].arg[1] = 4; }
static void fault_no_value(IrKernel *k) { k->ins.at[13].arg[0] = 9; }
static void fault_too_many(IrKernel *k) { k->ins.at[4].arg[2] = 0; }
static void fault_type(IrKernel *k) { k->ins.at[4].type = IR_BOOL; }
static void fault_arg_type(IrKernel *k) { k->ins.at[6].arg[0] = 0; }
static void fault_dim(IrKernel *k) { k->ins.at[7].dim = DIM_NONE; }
static void fault_result_dim(IrKernel *k) { k->ins.at[13].dim = k->ins.at[0].dim; }
static void fault_store_dim(IrKernel *k) { k->ins.at[10].arg[0] = 1; }
static void fault_slot(IrKernel *k) { k->ins.at[0].slot = 17; }
static void fault_no_slot(IrKernel *k) { k->ins.at[0].slot = IR_NONE; }
static void fault_slot_where_none(IrKernel *k) { k->ins.at[4].slot = 0; }
static void fault_twice(IrKernel *k) { k->ins.at[11] = k->ins.at[10]; }
static void fault_load_after(IrKernel *k) {
  IrIns load = k->ins.at[0];
  k->ins.at[11] = load;
}
static void fault_store_uniform(IrKernel *k) { k->ins.at[10].slot = 3; }
static void fault_load_port(IrKernel *k) { k->ins.at[0].slot = 2; }
static void fault_der(IrKernel *k) { k->slots.at[0].kind = SLOT_DER; }
static void fault_mask_type(IrKernel *k) { k->slots.at[4].type = IR_REAL; }
static void fault_slot_again(IrKernel *k) { k->slots.at[3].index = 0; }
static void fault_settable(IrKernel *k) { k->slots.at[1].settable = true; }
static void fault_op(IrKernel *k) { k->ins.at[4].op = IR_OPS; }
static void fault_kind(IrKernel *k) { k->kind = KERNEL_KINDS; }
static void fault_number(IrKernel *k) { k->ins.at[4].num = 1; }
static void fault_index(IrKernel *k) { k->index = 1; }
static void fault_level(IrKernel *k) {
  k->kind = KERNEL_TEST, k->ins.n = 3, k->slots.at[2].kind = SLOT_INPUT;
}
static void fault_check(IrKernel *k) { k->kind = KERNEL_RECEIVE; }
static void fault_time(IrKernel *k) {
  k->kind = KERNEL_DERIVE, k->ins.at[0] = k->ins.at[1], k->ins.at[0].op = IR_TIME,
  k->ins.at[0].slot = IR_NONE;
}
static void fault_draw(IrKernel *k) { k->kind = KERNEL_DERIVE; }
static void fault_result(IrKernel *k) { k->kind = KERNEL_RECORD; }
static void fault_ordinal(IrKernel *k) {
  IrIns ins = k->ins.at[12];
  ins.op = IR_DRAW_EXPONENTIAL, ins.arg[0] = 12;
  k->ins.at[13] = ins;
}

static const struct {
  void (*make)(IrKernel *k);
  const char *line, *complaint; /* complaint follows line */
} faults[] = {
  {fault_order, "%4 = add", "an argument does not stand above"},
  {fault_itself, "%4 = add", "an argument does not stand above"},
  {fault_no_value, "%13 = div", "an argument has no value"},
  {fault_too_many, "%4 = add", "an argument too many"},
  {fault_type, "%4 = add", "the type is not what the operation gives"},
  {fault_arg_type, "%6 = select", "the first argument is not a condition"},
  {fault_dim, "%8 = ge", "dimensions differ: mV and"},
  {fault_result_dim, "%13 = div", "the dimension is not what the operation gives"},
  {fault_store_dim, "store 0 \"V\"", "dimensions differ: ms and mV"},
  {fault_slot, "%0 = load", "no such slot"},
  {fault_no_slot, "%0 = load", "no slot or ordinal"},
  {fault_slot_where_none, "%4 = add", "a slot where none belongs"},
  {fault_twice, "store 0 \"V\"", "stored or taken a second time"},
  {fault_load_after, "%11 = load", "loaded after it was stored"},
  {fault_store_uniform, "store 3", "kernels of this kind may not do this with such a slot"},
  {fault_load_port, "%0 = load", "kernels of this kind may not do this with such a slot"},
  {fault_der, "slot 0 der", "kernels of this kind have no such slots"},
  {fault_mask_type, "slot 4 held", "wrong type for its kind"},
  {fault_slot_again, "slot 3 uniform", "the same slot again"},
  {fault_settable, "slot 1 uniform", "only a global can be settable"},
  {fault_op, "? ", "no such operation or type"},
  {fault_kind, "kernel ?", "no such kind of kernel"},
  {fault_number, "%4 = add", "a number where none belongs"},
  {fault_index, "kernel step", "the kernel's index is not its position"},
  {fault_level, "kernel test", "not a kernel of this level"},
  {fault_check, "check 0", "checks belong into step kernels"},
  {fault_time, "%0 = time", "no time in a kernel that runs once"},
  {fault_draw, "%12 = noise", "no draws in a kernel that runs once"},
  {fault_result, "kernel record", "the kernel has no result"},
  {fault_ordinal, "%13 = draw_exponential", "another kind of draw has this ordinal"},
};

static char *complaints(Session *s, const IrModule *m, int *ret_n) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  *ret_n = ir_verify(s, m, f);
  fclose(f);
  char *copy = arena_text(s->arena, text, size);
  free(text);
  return copy;
}

/* The complaint stands below the line, perhaps after others. */
static bool blames(char *text, const char *line, const char *complaint) {
  bool below = false;
  for (char *end, *at = text; *at; at = end + 1) {
    end = strchr(at, '\n');
    *end = 0;
    bool mark = strncmp(at, "    ^ ", 6) == 0;
    if (!mark) below = strstr(at, line) != NULL;
    if (mark && below && strncmp(at + 6, complaint, strlen(complaint)) == 0) return true;
  }
  return false;
}

static void test_fault(size_t i) {
  Session *s = session_new();
  const char *error = NULL;
  IrModule *m = ir_read(s, s->arena, sound, &error);
  if (!m) printf("# %s\n", error);
  faults[i].make(m->kernels.at[0]);
  int n;
  char *text = complaints(s, m, &n), *shown = arena_text(s->arena, text, strlen(text));
  bool found = blames(text, faults[i].line, faults[i].complaint);
  tap_ok(n > 0 && found, "%s: %s", faults[i].line, faults[i].complaint);
  if (!found) printf("# %d\n%s", n, shown);
  session_free(s);
}

/* Any field of any instruction or slot may hold anything. */
static void damage(IrKernel *k) {
  static const uint32_t values[] = {0, 1, 2, 3, 5, 9, 20, 63, 255, IR_NONE, IR_NONE - 1, 1u << 31};
  IrIns *ins = &k->ins.at[(uint32_t)rand() % k->ins.n];
  uint32_t v = values[(size_t)rand() % COUNT_OF(values)];
  switch (rand() % 8) {
    case 0: ins->op = (uint8_t)v; break;
    case 1: ins->type = (uint8_t)v; break;
    case 2: ins->slot = v; break;
    case 3: ins->arg[rand() % 4] = v; break;
    case 4: ins->dim.e[rand() % DIM_BASES] = (int16_t)v; break;
    case 5: k->kind = v % KERNEL_KINDS; break;
    case 6:
      if (k->slots.n) k->slots.at[(uint32_t)rand() % k->slots.n].kind = (SlotKind)(v % (SLOT_KINDS + 1));
      break;
    default: ins->op = (uint8_t)(rand() % IR_OPS); break;
  }
}

static void test_damage(void) {
  int found = 0;
  srand(2);
  FILE *nowhere = fopen("/dev/null", "w");
  for (int i = 0; i < DAMAGED; i++) {
    Session *s = session_new();
    IrKernel *k = random_kernel(s, s->arena, (uint64_t)i, random_kind((uint64_t)i), 30);
    for (int hits = 1 + rand() % 3; hits > 0; hits--) damage(k);
    found += ir_verify_kernel(s, k, nowhere) > 0;
    session_free(s);
  }
  fclose(nowhere);
  tap_ok(found > DAMAGED / 2, "damaged kernels: %d of %d found faulty, no crash", found, DAMAGED);
}

/* ---- loops: one fault in each body; %0 a real, %1 a condition */
static const struct {
  const char *body, *complaint;
} loop_faults[] = {
    {"loop 3 %1\n%3 = carry %0 : real []\nnext %3 %3\nagain %1\nstore 0 \"n\" %3\n", NULL},
    {"loop 0 %1\n%3 = carry %0 : real []\nnext %3 %3\nagain %1\n", "a loop of no turns"},
    {"loop 3 %1\nloop 3 %1\n%4 = carry %0 : real []\nnext %4 %4\nagain %1\n", "a loop in a loop"},
    {"loop 3 %1\n%3 = add %0 %0 : real []\nagain %1\nstore 0 \"n\" %3\n", "a value of a loop's body is used outside"},
    {"loop 3 %1\n%3 = add %0 %0 : real []\n%4 = carry %0 : real []\nnext %4 %3\nagain %1\n", "carried values stand"},
    {"loop 3 %1\n%3 = carry %0 : real []\n%4 = carry %3 : real []\nnext %3 %3\nnext %4 %4\nagain %1\n",
     "it does not begin with a value above"},
    {"loop 3 %1\n%3 = carry %0 : real []\nagain %1\n", "a carried value has no next"},
    {"loop 3 %1\n%3 = carry %0 : real []\nnext %3 %3\nnext %3 %0\nagain %1\n", "the carried value has a next one"},
    {"loop 3 %1\n%3 = carry %0 : real []\nnext %0 %3\nagain %1\n", "not a value that this loop carries"},
    {"loop 3 %1\n%3 = carry %0 : real []\nnext %3 %3\n%5 = add %3 %3 : real []\nagain %1\n", "between the ends"},
    {"loop 3 %1\n%3 = carry %0 : real []\nstore 0 \"n\" %3\nnext %3 %3\nagain %1\n", "in a loop, which writes nothing"},
    {"loop 3 %1\n%3 = carry %0 : real []\nnext %3 %3\n", "the loop does not end"},
    {"%2 = carry %0 : real []\n", "outside of a loop"},
};

static void test_loop(size_t i) {
  Session *s = session_new();
  const char *error = NULL;
  const char *text = arena_printf(s->arena,
                                  "kernel step \"a\" 0\nslot 0 state 0 \"n\" real []\n%%0 = load 0 \"n\" : real []\n"
                                  "%%1 = lt %%0 %%0 : bool []\n%send\n",
                                  loop_faults[i].body);
  IrModule *m = ir_read(s, s->arena, text, &error);
  int n = 0;
  const char *found = m ? complaints(s, m, &n) : error;
  const char *want = loop_faults[i].complaint;
  tap_ok(m && (want ? strstr(found, want) != NULL : n == 0), "loop: %s", want ? want : "a sound one");
  if (!m || !want) printf("# %s\n", found);
  session_free(s);
}

/* ---- kernels over time: one fault in each body; slots 0 state, 1 param, 2 sample, 3 ring, 4 tape; %0 a real */
static const struct {
  const char *kind, *body, *complaint;
} march_faults[] = {
    {"march", "%1 = load 3 \"r\" : real []\nstore 3 \"r\" %1\nstore 4 \"t\" %1\n", NULL},
    {"back", "%1 = load 4 \"t\" : real []\nstore 3 \"r\" %1\n", NULL},
    {"march", "%1 = load 3 \"r\" : real []\nstore 0 \"x\" %1\n", "a ring that nothing is stored to"},
    {"march", "store 3 \"r\" %0\n%2 = load 3 \"r\" : real []\n", "loaded after it was stored"},
    {"march", "%1 = load 4 \"t\" : real []\n", "kernels of this kind may not do this with such a slot"},
    {"back", "store 4 \"t\" %0\n", "kernels of this kind may not do this with such a slot"},
    {"march", "store 1 \"p\" %0\n", "kernels of this kind may not do this with such a slot"},
    {"back", "store 2 \"s\" %0\n", "kernels of this kind may not do this with such a slot"},
    {"begin", "store 0 \"x\" %0\n", "kernels of this kind have no such slots"},
    {"march", "check 0 %0\n", "checks belong into step kernels"},
    {"march", "%1 = noise 3 : real []\n", "no draws in a kernel of a fit"},
    {"step", "%1 = load 2 \"s\" : real []\n", "kernels of this kind have no such slots"},
};

static void test_march(size_t i) {
  Session *s = session_new();
  const char *error = NULL;
  const char *text = arena_printf(s->arena,
                                  "kernel %s \"a\" 0\nslot 0 state 0 \"x\" real []\nslot 1 param 0 \"p\" real []\n"
                                  "slot 2 sample 0 \"s\" real []\nslot 3 ring 0 \"r\" real []\n"
                                  "slot 4 tape 0 \"t\" real []\n%%0 = load 1 \"p\" : real []\n%send\n",
                                  march_faults[i].kind, march_faults[i].body);
  IrModule *m = ir_read(s, s->arena, text, &error);
  if (m) m->level = 2;
  int n = 0;
  const char *found = m ? complaints(s, m, &n) : error, *want = march_faults[i].complaint;
  tap_ok(m && (want ? strstr(found, want) != NULL : n == 0), "%s: %s", march_faults[i].kind, want ? want : "a sound one");
  if (!m || !want) printf("# %s\n", found);
  session_free(s);
}

int main(void) {
  for (size_t i = 0; i < COUNT_OF(loop_faults); i++) test_loop(i);
  for (size_t i = 0; i < COUNT_OF(march_faults); i++) test_march(i);
  Session *s = session_new();
  const char *error = NULL;
  int n;
  complaints(s, ir_read(s, s->arena, sound, &error), &n);
  tap_ok(n == 0, "the sound kernel has no fault");
  session_free(s);
  for (size_t i = 0; i < COUNT_OF(faults); i++) test_fault(i);
  test_damage();
  return tap_done();
}
