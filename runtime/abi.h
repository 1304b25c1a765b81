/* What a compiled program and the runtime agree on; the only header that both sides of the link know.
 *
 * A program is a table (struct nsl_program) of layouts and numbers, and for each x86 level an array of kernels.
 * The runtime is one generic driver for it. */
#ifndef NSL_RUNTIME_ABI_H
#define NSL_RUNTIME_ABI_H

#include <stddef.h>
#include <stdint.h>

#define NSL_ABI 1u
#define NSL_NONE UINT32_MAX
#define NSL_LANES 64 /* arrays are padded to, and kernels run over, multiples of this many elements */

/* One event for a handler that does more than add. */
struct nsl_event {
  uint32_t element, ordinal; /* the how manieth of this element in this step, from 0: draws depend on it */
  double weight;
};

/* The arguments of every kernel. Array pointers are those of element 0 of the population (masks: of word 0), except OUT,
 * whose position 0 is element `first`. */
struct nsl_env {
  void *const *slots;   /* by the code's bindings: real arrays (double, or float in an f32 program; OUT of synapse kernels: double),
                           int64_t accumulators (port; in an f32 program int32_t, or floats if the unit is below 0), uint64_t words (held, prev, spike). NULL for uniform and global */
  double *u;            /* the population's or projection's block of G; setup: G */
  const uint8_t *set;   /* setup: by slot, nonzero if the user has set it */
  uint64_t key;         /* nslm_key(seed, path_hash) */
  uint64_t step;        /* number of the step that ends at t (1, 2, …); init: 0; synapse: the row's owner */
  int64_t first, count; /* elements [first, first + count), multiples of 64; synapse: ordinals in the row, `first` a multiple of 4
                           (OUT has room up to the next multiple of 64) */
  double t, dt;         /* t = T, the end of the step; kernels that want T-dt compute it */
  /* Kernels over time (march, back) run `steps` steps in one call: those that end at dt * step, dt * (step + 1), …; back: the
   * last of them first. Elements are the starts of a fit; `count` is a multiple of 8. Slots: STATE, PARAM: arrays over elements; SAMPLE:
   * over steps, [0] for the first; RING: rows of `ring_row` doubles, step n in row n & ring_mask, `lag` steps back loaded, or lags[slot][element] of them;
   * TAPE: rows of `tape_row` doubles, one for each step of the call. */
  uint64_t steps, lag, ring_mask, ring_row, tape_row;
  const int64_t *const *lags; /* by slot: NULL but for rings with lags of their own */
  const struct nsl_event *events; /* receive: `count` of them, handled one after the other; arrays as for first = 0 */
  const uint32_t *list, *listed;  /* learn, on a device: which synapses, or rows of them, and how many; instead of first and count */
  uint64_t padding; /* launches: so many of the last elements are padding, in which nothing is checked */
};
/* Nonzero: a checked state became NaN or infinite in this range (step), else 0. */
typedef uint64_t nsl_kernel_fn(const struct nsl_env *env);

enum nsl_slot_kind { NSL_SLOT_STATE, NSL_SLOT_OLD, NSL_SLOT_DER, NSL_SLOT_PARAM, NSL_SLOT_UNIFORM, NSL_SLOT_INPUT, NSL_SLOT_PORT, NSL_SLOT_ARG,
  NSL_SLOT_HELD, NSL_SLOT_PREV, NSL_SLOT_SPIKE, NSL_SLOT_OUT, NSL_SLOT_GLOBAL, NSL_SLOT_PAST, NSL_SLOT_COLUMN,
  NSL_SLOT_SAMPLE, NSL_SLOT_RING, NSL_SLOT_TAPE }; /* order of ir/slots.def (tested) */
enum nsl_learn { NSL_LEARN_POST, NSL_LEARN_PRE, NSL_LEARN_CELL, NSL_LEARN_ADVANCE, NSL_LEARN_STEP, NSL_LEARN_NOW,
  NSL_LEARN_POST_FROZEN, NSL_LEARN_PRE_FROZEN, NSL_LEARN_STEP_FROZEN, NSL_LEARNS }; /* order of IrLearn */
enum nsl_per { NSL_PER_ELEMENT, NSL_PER_PRE, NSL_PER_POST, NSL_PER_SIGNAL, NSL_PER_THIRD }; /* order of VarPer */
enum nsl_side { NSL_SIDE_PRE, NSL_SIDE_POST, NSL_SIDE_THIRD }; /* order of MSide */
enum nsl_rule { NSL_ALL_TO_ALL, NSL_ONE_TO_ONE, NSL_INDEGREE, NSL_OUTDEGREE, NSL_TOTAL_NUMBER, NSL_PROBABILITY, NSL_MATRIX, NSL_EDGES, NSL_THIRD };
enum nsl_place_kind { NSL_PLACE_GRID, NSL_PLACE_BOX, NSL_PLACE_FILE, NSL_PLACE_NODES }; /* order of MPlaceKind */
enum nsl_field_kind { NSL_FIELD_EDGE, NSL_FIELD_TABLE, NSL_FIELD_DISTANCE, NSL_FIELD_PRE, NSL_FIELD_POST }; /* order of MFieldKind */
enum nsl_connectivity { NSL_CONNECTIVITY_CHOSEN, NSL_STORED, NSL_PROCEDURAL }; /* order of MConnectivity */
enum nsl_drive_kind { NSL_POISSON, NSL_TIMES, NSL_CURRENT, NSL_SPIKES };
enum nsl_record_kind { NSL_RECORD_SPIKES, NSL_RECORD_VALUE, NSL_RECORD_SUM, NSL_RECORD_MEAN, NSL_RECORD_WEIGHT };
enum { NSL_DRAWN_ONCE = 1 << 24 }; /* as IR_DRAWN_ONCE */
enum nsl_back_kind { NSL_BACK_UNIFORM, NSL_BACK_PORT, NSL_BACK_INPUT, NSL_BACK_HELD, NSL_BACK_PREV, NSL_BACK_PARAM }; /* order of IrBackKind */
enum nsl_drawn { NSL_DRAWN_NORMAL, NSL_DRAWN_UNIFORM, NSL_DRAWN_EXPONENTIAL }; /* order of IrDrawn */
enum nsl_sample_kind { NSL_SAMPLE_MEAN, NSL_SAMPLE_TRACE, NSL_SAMPLE_AT, NSL_SAMPLE_CHANGE, NSL_SAMPLE_WEIGHT, NSL_SAMPLE_DRAWN, NSL_SAMPLE_EVENTS }; /* order of IrSampleKind */
enum nsl_sweep_form { NSL_SWEEPS_CSV, NSL_SWEEPS_HDF5, NSL_SWEEPS_NWB };                       /* order of MSweepForm */
enum nsl_optimizer {
#define OPTIMIZER(id, name, squares, doc) NSL_OPTIMIZER_##id,
#define OPTION(id, name, least, most, given, doc)
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
};
enum nsl_measure_kind {
#define MEASURE(id, name, of, per_time, argument, doc) NSL_MEASURE_##id,
#include "lang/measures.def"
#undef MEASURE
};

/* One x86 level of the same program: its kernels, and the runtime's hot functions compiled for it
 * (runtime/hot.def names them in order). */
struct nsl_level {
  const char *cpu; /* "x86-64-v3" */
  uint32_t x86_level; /* 1..4 */
  nsl_kernel_fn *const *kernels;
  void *const *hot;
};

/* ---- devices (a GPU, or the emulation of one): kernels of one form, `void (const void *args)`. The arguments lie in the device's
 * memory and stay the same for the whole run; what changes from step to step is read from the clock. */
typedef void nsl_device_fn(const void *args);

struct nsl_clock {
  uint64_t step; /* that is being computed; 0: none, kernels do nothing. Of a population with a step of its own: one of these, */
  uint64_t now;  /* and that of the run, in which it is */
};

/* The arguments of a generated kernel over elements: one thread an element. Of the envs, `t` and `step` are not read: the step is the
 * clock's, t = (double)step * env.dt (of drives: step - 0.5). A port's accumulators are a ring over steps of the run: those of this step begin at
 * slot + (now & ring_mask) * ring_row elements; receive draws by `now`, too. Threads of elements from env.count on do nothing; counts are multiples of 64, so whole warps do or do not. */
struct nsl_launch {
  const struct nsl_env *envs; /* pointers are the device's */
  const struct nsl_clock *clock;
  const uint32_t *env_of_block;   /* by block: whose elements its threads have, */
  const uint32_t *first_of_block; /* and that of its first thread, counted from env.first */
  uint64_t *bad; /* the least of step << 32 | thread of the launch where a checked value was not finite; UINT64_MAX: none */
};

/* The arguments of a kernel over time (march, back): an env for each NSL_MARCH_LANES elements, one thread an element, which runs all
 * steps of the call: step and steps are those of its env, `t` and `count` are not read. Samples are those of the whole run, [0] for step 1. */
#define NSL_MARCH_LANES 8
struct nsl_march_launch {
  const struct nsl_env *envs; /* pointers are the device's */
  const uint32_t *stopped;    /* by env: not 0: its threads do nothing */
  uint64_t n;
};

/* Code for one kind of device. */
struct nsl_device {
  const char *name;                  /* "sm_75", "sm_90", "emulated" */
  const char *ptx, *functions_ptx;   /* the model's kernels; the functions of runtime/device. NULL: emulated, */
  nsl_device_fn *const *kernels;     /* by number of the kernel, */
  nsl_device_fn *const *functions;   /* by row of runtime/device/device.def; else NULL */
  const char *const *symbols;        /* by number of the kernel: its entry in the PTX; NULL: it has no code for devices */
};

#define STR(S, f) const char *f;
#define U32(S, f) uint32_t f;
#define U64(S, f) uint64_t f;
#define F64(S, f) double f;
#define ONE(S, T, f) struct nsl_##T f;
#define ARR(S, T, f) uint32_t n_##f; const struct nsl_##T *f;
#define STRS(S, f) uint32_t n_##f; const char *const *f;
#define NUMS(S, f) uint32_t n_##f; const uint32_t *f;
#define STRUCT(name, fields) struct nsl_##name { fields };
#include "runtime/abi.def"
#undef STR
#undef U32
#undef U64
#undef F64
#undef ONE
#undef ARR
#undef STRS
#undef NUMS
#undef STRUCT

/* The whole command line of a compiled program. Returns the exit status. */
int nsl_main(const struct nsl_program *program, int argc, char **argv);
/* The same of a longer command, as `nslc run FILE -- OPTIONS`: the program's own begins after `skip` words. */
int nsl_main_under(const struct nsl_program *program, int argc, char **argv, int skip);

#endif
