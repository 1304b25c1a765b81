/* What derivatives of a march cost in machine code: Hodgkin-Huxley neurons, eight parameters each, the sum of squares of V
 * against a trace (tests/codegen/hodgkin_huxley.ir). Forward mode, and reverse mode in each degree of joining edges, in one
 * piece and in segments with the states between them kept. Blocks of elements go through all steps one after the other, so that
 * one tape serves all. Compares the gradients.
 *
 * usage: bench KERNEL.ir [ELEMENTS [STEPS [ELEMENTS OF A BLOCK [STEPS OF A SEGMENT]]]] */
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/codegen.h"
#include "lang/session.h"
#include "ir/pass.h"
#include "math/math.h"
#include "tests/gradients/marches.h"
#include "tests/ir/random_kernel.h"

enum { PARAMS = 8, STATES = 5, EFFORTS = AD_EFFORTS, FORMS = 2 + 2 * EFFORTS };

typedef struct {
  SlotKind kind;
  const char *name;
  double from, to; /* spread over the elements; of a sample: over the steps */
} Number;
static const Number numbers[] = {
    {SLOT_UNIFORM, "na.celsius", 279.45, 0}, {SLOT_UNIFORM, "k.celsius", 279.45, 0},
    {SLOT_PARAM, "C", 0.0095, 0.0105},       {SLOT_PARAM, "area", 7600, 8100},
    {SLOT_PARAM, "na.g", 1.1, 1.3},          {SLOT_PARAM, "na.E", 48, 52},
    {SLOT_PARAM, "k.g", 0.33, 0.39},         {SLOT_PARAM, "k.E", -79, -75},
    {SLOT_PARAM, "leak.g", 0.0028, 0.0032},  {SLOT_PARAM, "leak.E", -56, -52},
    {SLOT_SAMPLE, "I", 500, 1500},           {SLOT_SAMPLE, "V", -65, -55},
    {SLOT_SAMPLE, "weight", 1, 1},
};
static const double first[STATES] = {0.053, 0.596, 0.318, -65, 0};

typedef struct {
  Session *s;
  CgJit *jit;
  int64_t elements, block;
  uint64_t steps, segment;
  double *param[PARAMS], *sample[3], *state[STATES * (1 + PARAMS)], *adjoint[STATES + PARAMS], *tape[64], *kept, u[8], record, back; /* ms */
} Bench;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double *doubles(Bench *w, uint64_t n) {
  uintptr_t p = (uintptr_t)arena_alloc(w->s->arena, n * sizeof(double) + 64);
  double *array = (double *)((p + 63) & ~(uintptr_t)63);
  memset(array, 0, n * sizeof *array);
  return array;
}

static void fill(Bench *w, const IrKernel *k) {
  for (uint32_t i = 0; i < k->slots.n; i++)
    for (size_t j = 0; j < COUNT_OF(numbers); j++) {
      const IrSlot *slot = &k->slots.at[i];
      if (slot->kind != numbers[j].kind || strcmp(name_str(w->s, slot->name), numbers[j].name)) continue;
      uint64_t n = slot->kind == SLOT_SAMPLE ? w->steps : (uint64_t)w->elements;
      double *array = slot->kind == SLOT_UNIFORM ? &w->u[slot->index] : slot->kind == SLOT_PARAM ? w->param[slot->index] : w->sample[slot->index];
      for (uint64_t e = 0; e < (slot->kind == SLOT_UNIFORM ? 1 : n); e++)
        array[e] = numbers[j].from + (numbers[j].to - numbers[j].from) * (double)(e * 7 % n) / (double)n;
    }
}

static void memory(Bench *w) {
  for (int i = 0; i < PARAMS; i++) w->param[i] = doubles(w, (uint64_t)w->elements);
  for (int i = 0; i < 3; i++) w->sample[i] = doubles(w, w->steps);
  for (int i = 0; i < STATES * (1 + PARAMS); i++) w->state[i] = doubles(w, (uint64_t)w->elements);
  for (int i = 0; i < STATES + PARAMS; i++) w->adjoint[i] = doubles(w, (uint64_t)w->elements);
  for (int i = 0; i < 64; i++) w->tape[i] = NULL;
  w->kept = doubles(w, (w->steps / w->segment + 2) * (uint64_t)w->block * STATES);
}

/* One call for a block and a segment. */
static void call(Bench *w, const IrKernel *k, int64_t at, uint64_t from, uint64_t steps) {
  void *slots[256];
  for (uint32_t i = 0; i < k->slots.n; i++) {
    const IrSlot *slot = &k->slots.at[i];
    double **bank = k->kind == KERNEL_BACK ? w->adjoint : w->state;
    if (slot->kind == SLOT_STATE) slots[i] = bank[slot->index] + at;
    if (slot->kind == SLOT_PARAM) slots[i] = w->param[slot->index] + at;
    if (slot->kind == SLOT_SAMPLE) slots[i] = w->sample[slot->index] + from;
    if (slot->kind == SLOT_TAPE) {
      if (!w->tape[slot->index]) w->tape[slot->index] = doubles(w, w->segment * (uint64_t)w->block);
      slots[i] = w->tape[slot->index];
    }
  }
  struct nsl_env env = {.slots = slots, .u = w->u, .step = from + 1, .count = w->block, .dt = 0.01, .steps = steps,
                        .tape_row = (uint64_t)w->block};
  cg_jit_kernel(w->jit, k->index)(&env);
}

static void begin(Bench *w) {
  for (int i = 0; i < STATES * (1 + PARAMS); i++)
    for (int64_t e = 0; e < w->elements; e++) w->state[i][e] = i < STATES ? first[i] : 0;
  for (int i = 0; i < STATES + PARAMS; i++)
    for (int64_t e = 0; e < w->elements; e++) w->adjoint[i][e] = i == STATES - 1;
}

static void march(Bench *w, const IrKernel *k) {
  for (int64_t at = 0; at < w->elements; at += w->block) call(w, k, at, 0, w->steps);
}

static void states(Bench *w, int64_t at, uint64_t segment, bool back) {
  for (int i = 0; i < STATES; i++) {
    double *kept = w->kept + (segment * STATES + (uint64_t)i) * (uint64_t)w->block, *state = w->state[i] + at;
    if (back) memcpy(state, kept, (size_t)w->block * sizeof *state);
    else memcpy(kept, state, (size_t)w->block * sizeof *state);
  }
}

static void reverse(Bench *w, const IrKernel *plain, const IrMarchBack *r) {
  uint64_t n = (w->steps + w->segment - 1) / w->segment;
  for (int64_t at = 0; at < w->elements; at += w->block) {
    for (uint64_t i = 0; n > 1 && i < n; i++) {
      states(w, at, i, false);
      if (i + 1 < n) call(w, plain, at, i * w->segment, w->segment);
    }
    for (uint64_t i = n; i-- > 0;) {
      if (n > 1) states(w, at, i, true);
      uint64_t from = i * w->segment, steps = from + w->segment < w->steps ? w->segment : w->steps - from;
      double t0 = now();
      call(w, r->record, at, from, steps);
      double t1 = now();
      call(w, r->back, at, from, steps);
      w->record += t1 - t0;
      w->back += now() - t1;
    }
  }
}

static double worst(const Bench *w, double *const *gradient) {
  double most = 0;
  for (int k = 0; k < PARAMS; k++)
    for (int64_t e = 0; e < w->elements; e++) {
      double x = gradient[k][e], y = w->adjoint[STATES + k][e];
      most = fmax(most, fabs(x - y) / fmax(fabs(x), 1e-300));
    }
  return most;
}

static void measure(Bench *w, const Marches *forms, double *forward) {
  double best[3 + EFFORTS], apart[EFFORTS] = {0}, record[EFFORTS], back[EFFORTS], *gradient[PARAMS];
  for (int i = 0; i < 3 + EFFORTS; i++) best[i] = 1e30;
  for (int k = 0; k < PARAMS; k++) gradient[k] = w->state[STATES + (STATES - 1) * PARAMS + k];
  for (int turn = 0; turn < 3; turn++)
    for (int i = 0; i < 2 + EFFORTS; i++) {
      begin(w);
      w->record = w->back = 0;
      double start = now();
      if (i < EFFORTS) reverse(w, forms[i].plain.march, &forms[i].reverse);
      else march(w, i == EFFORTS ? forms[0].plain.march : forms[0].gradient.march);
      double took = now() - start;
      if (took < best[i] && i < EFFORTS) record[i] = w->record, back[i] = w->back;
      if (took < best[i]) best[i] = took;
      if (i == EFFORTS + 1) continue;
      double *saved[PARAMS];
      for (int k = 0; k < PARAMS && i < EFFORTS; k++) saved[k] = w->adjoint[STATES + k];
      if (i < EFFORTS) {
        double *copy[PARAMS];
        for (int k = 0; k < PARAMS; k++) memcpy(copy[k] = doubles(w, (uint64_t)w->elements), saved[k], (size_t)w->elements * 8);
        begin(w);
        if (turn == 0) march(w, forms[0].gradient.march);
        for (int k = 0; k < PARAMS; k++) memcpy(saved[k], copy[k], (size_t)w->elements * 8);
        if (turn == 0) apart[i] = worst(w, gradient);
      }
    }
  *forward = best[EFFORTS];
  printf("forward %.1f ms; forward mode %.1f (%.2f)\n", best[EFFORTS], best[EFFORTS + 1], best[EFFORTS + 1] / best[EFFORTS]);
  for (int i = 0; i < EFFORTS; i++)
    printf("reverse, degree %d: %.1f ms (%.2f), record %.1f, back %.1f, tape of %u values, %.2g from forward mode\n", i, best[i],
           best[i] / best[EFFORTS], record[i], back[i], forms[i].reverse.n_tape, apart[i]);
}

static IrKernel *begin_kernel(Session *s, Arena *a) { return ir_kernel(s, a, KERNEL_BEGIN, name_z(s, "begin")); }

static IrKernel *tidy(Session *s, Arena *a, const IrKernel *k) {
  k = random_pass(s, a, k, "cse");
  return random_pass(s, a, k, "dce");
}

static IrKernel *finished(Session *s, Arena *a, const IrKernel *k) {
  IrModule *m = NEW(a, IrModule);
  m->level = 2;
  ir_module_add(m, a, ir_kernel_copy(k, a));
  return ad_finish(s, a, m)->kernels.at[0];
}

int main(int argc, char **argv) {
  Bench w = {.s = session_new(), .elements = argc > 2 ? atoll(argv[2]) : 1000, .steps = argc > 3 ? (uint64_t)atoll(argv[3]) : 10000};
  w.block = argc > 4 ? atoll(argv[4]) : 8;
  w.segment = argc > 5 ? (uint64_t)atoll(argv[5]) : w.steps;
  const Source *source = argc > 1 ? source_load(w.s, argv[1], (Span){0, 0}) : NULL;
  const char *error = NULL;
  IrModule *m = source ? ir_read(w.s, w.s->arena, source->text, &error) : NULL;
  if (!m || error || w.elements % w.block || w.block % 8) {
    fputs("usage: bench KERNEL.ir [ELEMENTS [STEPS [ELEMENTS OF A BLOCK [STEPS OF A SEGMENT]]]]\n", stderr);
    return 2;
  }
  m->level = 2;
  Marches forms[EFFORTS];
  IrKernel *plain = tidy(w.s, w.s->arena, m->kernels.at[0]);
  m->kernels.n = 0;
  ir_module_add(m, w.s->arena, plain);
  for (int i = 0; i < EFFORTS; i++) {
    if (!marches_of(w.s, w.s->arena, begin_kernel(w.s, w.s->arena), plain, i, &forms[i])) return 1;
    if (i == 0) ir_module_add(m, w.s->arena, forms[0].gradient.march = finished(w.s, w.s->arena, forms[0].gradient.march));
    ir_module_add(m, w.s->arena, forms[i].reverse.record);
    ir_module_add(m, w.s->arena, forms[i].reverse.back);
    printf("degree %d: cost %u of record, %u of back; march %u, gradient %u\n", i, ad_cost(forms[i].reverse.record, w.s->arena),
           ad_cost(forms[i].reverse.back, w.s->arena), ad_cost(plain, w.s->arena), ad_cost(forms[0].gradient.march, w.s->arena));
  }
  if (getenv("PRINT")) ir_print(w.s, m, stdout);
  CgOptions options = {.opt = 2, .cpu = "native", .kernels_only = true};
  double start = now(), forward;
  CgProgram *p = ir_verify(w.s, m, stderr) ? NULL : cg_compile(w.s, m, &options);
  if (!p || !(w.jit = cg_jit(w.s, p))) return 1;
  printf("compiled in %.0f ms\n", now() - start);
  _mm_setcsr(_mm_getcsr() | 0x8040); /* as the runtime's threads */
  memory(&w);
  fill(&w, plain);
  measure(&w, forms, &forward);
  cg_jit_free(w.jit);
  session_free(w.s);
  return 0;
}
