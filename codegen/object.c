/* IrModule -> CgProgram: which levels, which kernels in which unit, units compiled side by side, the table.
 *
 * Kernels that are equal but for names are compiled once (the synapse kernels of a large network are few).
 * The cut into units depends on the kernels alone, never on the number of threads, so objects are the same
 * wherever they are made. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "codegen/unit.h"
#include "lang/diag.h"

enum { UNIT_INSTRUCTIONS = 250 }; /* of a kernel unit: about 10-20 ms of compilation */

/* ---- levels */
static const CgTarget *host_target(void) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return &cg_targets[TARGET_X86_64_V4];
  if (__builtin_cpu_supports("x86-64-v3")) return &cg_targets[TARGET_X86_64_V3];
  if (__builtin_cpu_supports("x86-64-v2")) return &cg_targets[TARGET_X86_64_V2];
  return NULL;
}

static const char *host_cpu(Arena *a) {
  char *name = LLVMGetHostCPUName();
  const char *copy = arena_text(a, name, strlen(name));
  LLVMDisposeMessage(name);
  return copy;
}

static bool choose_levels(Session *s, CgProgram *p, const char *cpu) {
  static const char *const names[] = {"native", "portable", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
  bool native = !cpu || !strcmp(cpu, "native");
  if (native) {
    const CgTarget *host = host_target();
    if (!host) diag_cpu_too_old(s, host_cpu(p->arena));
    else vec_push(p->arena, &p->levels, host);
    return host != NULL;
  }
  for (int i = 0; i < TARGETS; i++)
    if (!cg_is_device(&cg_targets[i]) && (!strcmp(cpu, "portable") || !strcmp(cpu, cg_targets[i].text)))
      vec_push(p->arena, &p->levels, &cg_targets[i]);
  if (p->levels.n == 0) diag_cpu_unknown(s, cpu, diag_nearest(cpu, names, COUNT_OF(names)));
  return p->levels.n > 0;
}

/* What is to run on many machines can run on their GPUs. */
static void choose_devices(CgProgram *p, unsigned devices) {
  _Static_assert(1u << (TARGET_SM_90 - TARGET_SM_75) == CG_SM_90 &&
                     1u << (TARGET_EMULATED - TARGET_SM_75) == CG_EMULATED,
                 "bits are in the order of the rows");
  for (int i = TARGET_SM_75; i < TARGETS; i++)
    if (devices >> (i - TARGET_SM_75) & 1) vec_push(p->arena, &p->devices, &cg_targets[i]);
}

/* ---- kernels by number, equal ones as one */
static bool is_wanted(const CgProgram *p, const IrKernel *k) {
  bool twin = k->kind == KERNEL_SYNAPSE_F32 && p->options.f32; /* all kernels are in float32 anyway */
  return (ir_kernel_levels(k->kind) & 2) && (!twin || p->options.kernels_only);
}

static void choose_kernels(CgProgram *p, const IrModule *m) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->kernels.n; i++)
    n = m->kernels.at[i]->index >= n ? m->kernels.at[i]->index + 1 : n;
  p->kernels.at = NEW_ARRAY(p->arena, const IrKernel *, n + 1);
  p->kernels.n = p->kernels.cap = n;
  for (uint32_t i = 0; i < m->kernels.n; i++) {
    const IrKernel *k = m->kernels.at[i];
    if (!is_wanted(p, k)) continue;
    p->kernels.at[k->index] = k;
    for (uint32_t j = 0; j < i && !p->options.kernels_only; j++) {
      const IrKernel *other = m->kernels.at[j];
      if (p->kernels.at[other->index] == other && ir_kernel_equal(k, other)) {
        p->kernels.at[k->index] = other;
        break;
      }
    }
  }
}

static bool is_own(const CgProgram *p, uint32_t i) {
  return p->kernels.at[i] && p->kernels.at[i]->index == i;
}

/* ---- units */
static CgUnit *unit_add(Session *s, CgProgram *p, const CgTarget *target, CgUnitKind kind) {
  CgUnit u = {.s = s, .options = &p->options, .target = target, .kind = kind};
  bool native = !p->options.cpu || !strcmp(p->options.cpu, "native");
  if (native && !cg_is_device(target)) u.tune = host_cpu(p->arena);
  if (p->module && p->module->model) u.main_source = p->module->model->source;
  vec_push(p->arena, &p->units, u);
  return &p->units.at[p->units.n - 1];
}

/* What projections draw of their synapses, by the numbers that the table has. */
static void value_add(const CgProgram *p, CgUnit *u, const IrKernel *k) {
  if (!k || !p->kernels.at[k->index]) return;
  for (uint32_t i = 0; i < u->values.n; i++)
    if (u->values.at[i].number == k->index) return;
  vec_push(p->arena, &u->values, ((CgValue){k->index, p->kernels.at[k->index]}));
}

/* What rows that are made anew need of a device's code; u NULL: only which functions. */
static void experiment_needs(CgProgram *p, CgUnit *u, const IrExperiment *x) {
  for (uint32_t k = 0; k < x->projections.n; k++) {
    const IrProjection *m = &x->projections.at[k];
    if (m->cells != IR_NONE) continue;
    p->makes |= x->populations.at[m->target.pop].class->ports.at[m->proj->port].additive
                    ? CG_MAKES_SUMS
                    : CG_MAKES_SUMS | CG_MAKES_EVENTS;
    if (m->proj->rule == RULE_THIRD) p->makes |= CG_MAKES_THIRDS;
    const IrKernel *drawn[] = {m->weight_kernel, m->weight_f32, m->delay_kernel, m->delay_f32};
    for (size_t j = 0; u && j < COUNT_OF(drawn); j++) value_add(p, u, drawn[j]);
  }
}

static void rows_need(CgProgram *p, CgUnit *u) {
  for (uint32_t i = 0; i < p->module->experiments.n; i++)
    experiment_needs(p, u, p->module->experiments.at[i]);
  for (uint32_t i = 0; i < p->module->fits.n; i++) experiment_needs(p, u, p->module->fits.at[i]->x);
}

static void cut_units(Session *s, CgProgram *p, const CgTarget *target, bool once) {
  uint32_t size = UNIT_INSTRUCTIONS;
  CgUnit *u = NULL;
  if (cg_is_device(target) && p->makes) {
    u = unit_add(s, p, target, UNIT_KERNELS);
    u->makes = p->makes;
    rows_need(p, u);
    size = 0;
  }
  for (uint32_t i = 0; i < p->kernels.n; i++) {
    const IrKernel *k = p->kernels.at[i];
    if (!is_own(p, i) || ir_kernel_scalar(k->kind) != once) continue;
    if (cg_is_device(target) && !ir_kernel_on_devices(k->kind)) continue;
    if (!u || (size + k->ins.n > UNIT_INSTRUCTIONS && !target->machine->text)) {
      u = unit_add(s, p, target, once ? UNIT_ONCE : UNIT_KERNELS);
      size = 0;
    }
    size += k->ins.n;
    vec_push(p->arena, &u->kernels, k);
  }
}

static void unit_make(CgUnit *u) {
  if (u->kind == UNIT_HOT && !u->want_text) u->object = cg_hot_object(u->target);
  else cg_unit_compile(u);
}

typedef struct {
  CgProgram *p;
  CgWatch *watch;
  atomic_uint next;
} Work;

static void *work(void *arg) {
  Work *w = arg;
  unsigned me = cg_watch_worker(w->watch);
  for (;;) {
    unsigned i = atomic_fetch_add(&w->next, 1);
    if (i >= w->p->units.n) return NULL;
    cg_watch_unit(w->watch, me, &w->p->units.at[i]);
    unit_make(&w->p->units.at[i]);
    cg_watch_unit(w->watch, me, NULL);
  }
}

static void compile_units(CgProgram *p) {
  for (uint32_t i = 0; i < p->units.n; i++) p->units.at[i].arena = arena_new();
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  unsigned threads = p->options.threads ? p->options.threads
                     : processors > 4   ? 4
                     : processors < 1   ? 1
                                        : (unsigned)processors;
  if (threads > CG_MAX_THREADS) threads = CG_MAX_THREADS;
  Work w = {.p = p, .watch = cg_watch_begin(p->arena, p->options.patience_s), .next = 0};
  pthread_t thread[CG_MAX_THREADS];
  unsigned started = 0;
  while (started + 1 < threads && started + 1 < p->units.n &&
         !pthread_create(&thread[started], NULL, work, &w))
    started++;
  work(&w);
  for (unsigned i = 0; i < started; i++) pthread_join(thread[i], NULL);
  cg_watch_end(w.watch);
  for (uint32_t i = 0; i < p->units.n; i++) {
    CgUnit *u = &p->units.at[i];
    if (u->object.data) u->object.data = arena_text(p->arena, u->object.data, u->object.size);
    if (u->text) u->text = arena_text(p->arena, u->text, strlen(u->text));
    arena_free(u->arena);
    u->arena = NULL;
  }
}

static CgProgram *program_plan(Session *s, const IrModule *m, const CgOptions *options) {
  CgProgram *p = NEW(s->arena, CgProgram);
  p->module = m;
  p->options = *options;
  p->arena = s->arena;
  if (!choose_levels(s, p, options->cpu)) return NULL;
  cg_llvm_start();
  choose_kernels(p, m);
  for (uint32_t i = 0; i < p->levels.n; i++) {
    if (!options->kernels_only) unit_add(s, p, p->levels.at[i], UNIT_HOT);
    cut_units(s, p, p->levels.at[i], false);
    cut_units(s, p, p->levels.at[i], true);
  }
  choose_devices(
      p, options->devices |
             (!options->kernels_only && options->cpu && !strcmp(options->cpu, "portable") ? CG_GPUS : 0));
  if (!options->kernels_only) rows_need(p, NULL);
  for (uint32_t i = 0; i < p->devices.n; i++) {
    if (!options->kernels_only) unit_add(s, p, p->devices.at[i], UNIT_HOT);
    cut_units(s, p, p->devices.at[i], false);
  }
  return p;
}

CgProgram *cg_compile(Session *s, const IrModule *m, const CgOptions *options) {
  CgProgram *p = program_plan(s, m, options);
  if (!p) return NULL;
  compile_units(p);
  if (!options->kernels_only) p->table = cg_table(s, m, options, p->arena);
  return p;
}

bool cg_print(Session *s, const IrModule *m, const CgOptions *options, CgText form, FILE *out) {
  CgProgram *p = program_plan(s, m, options);
  if (!p) return false;
  uint32_t n = 0;
  for (uint32_t i = 0; i < p->units.n; i++) {
    CgUnit u = p->units.at[i];
    if (form == CG_PTX && (!u.target->machine->text || u.kind == UNIT_HOT)) continue;
    u.want_text = true;
    u.text_form = form;
    p->units.at[n++] = u;
  }
  p->units.n = n;
  compile_units(p);
  for (uint32_t i = 0; i < n; i++) fputs(p->units.at[i].text, out);
  return true;
}
