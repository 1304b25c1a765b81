/* Inside codegen/: one kernel on its way to LLVM values. kernel.c makes the frame (arguments, loop, slots),
 * march.c that of kernels over time, emit.c the instructions, by the lowering column of ir/ops.def. */
#ifndef NSL_CODEGEN_EMIT_H
#define NSL_CODEGEN_EMIT_H

#include "codegen/unit.h"

/* The word of a draw, which the pass before has drawn: its chain then runs beside this pass's. */
typedef struct {
  LLVMValueRef word, next; /* word: a phi */
} EmitAhead;

enum { BESIDE = 4 };

typedef struct {
  CgUnit *u;
  const IrKernel *k;
  unsigned lanes;     /* elements at once; 1: scalar */
  bool once;          /* runs once, not for elements */
  bool over_time;     /* runs many steps in a call */
  bool f32;           /* this kernel's reals are floats */
  bool f32_arrays;    /* the program's arrays of reals are floats */
  LLVMTypeRef real, lane; /* lane: one element of real */
  LLVMTypeRef cond;       /* <lanes x i1>, or */
  bool wide;              /* integers as wide as real, 0 or -1 */
  LLVMValueRef function, env;
  LLVMValueRef key, step, first, t, dt, globals, set; /* from env */
  LLVMValueRef *slots;  /* arrays: pointer to element `first` (masks: to its byte) */
  LLVMTypeRef array;    /* pointers to arrays */
  /* uniform slots: value in all lanes, or NULL: loaded at each use; over time, params and states: value
   * before the step */
  LLVMValueRef *shared;
  /* over time, states that are stored: value behind the step. Devices: arrays whose address was looked up
   * behind a loop */
  LLVMValueRef *after;
  LLVMValueRef at;      /* i64: element - first, of lane 0 */
  LLVMValueRef arg;     /* receive: the event's weight */
  const struct CgCalled *called; /* devices: a function of one synapse (made.c) */
  LLVMValueRef result;           /* what it gives */
  LLVMValueRef checked; /* sum of what is checked in this pass; NULL: no check yet */
  LLVMValueRef *value;  /* by instruction */
  const bool *alike;    /* by instruction: one value for all lanes, and `value` is that; NULL: no value is */
  LLVMValueRef *spread; /* by instruction that is alike: in all lanes, or NULL */
  const IrVal **beside; /* by instruction that is alike: exponentials that are computed with it, BESIDE of
                         * them, itself among them, IR_NONE behind the last; or NULL */
  /* by instruction that is alike: the choice one of whose sides alone it serves, to be built there, or
   * IR_NONE */
  const IrVal *aside;
  const IrVal *order; /* in which instructions are computed; NULL: as they stand */
  IrVal choice;       /* whose side is being built; IR_NONE: none */
  const double **known; /* by instruction: what it is in every element (conditions: 0 or 1), or NULL */
  struct {              /* the loop that is being built */
    LLVMBasicBlockRef before, body, behind;
    LLVMValueRef active; /* a condition: the lane still turns */
    LLVMValueRef done;   /* turns that are over */
  } turn;
  struct {              /* over time: the step that is being built; all i64 */
    LLVMValueRef since;  /* steps since the first one of the call; other kernels: 0 */
    LLVMValueRef sample; /* position of samples, */
    LLVMValueRef skipped; /* and that of the call's first step; NULL: 0 */
    LLVMValueRef number; /* of the run */
    LLVMValueRef tape;   /* position of lane 0 in a tape */
    LLVMValueRef lag, ring_mask, ring_row, tape_row; /* from env */
  } now;
  bool turning;                   /* inside of it */
  LLVMBasicBlockRef entry, body; /* of the loop over elements; NULL: there is none */
  VEC(EmitAhead) ahead;
} Emit;

/* How kernels are called, and what stands around their instructions. */
struct CgForm {
  /* over elements: what is uniform is loaded before, and kept. Else where it is used: registers are few */
  bool loops;
  const char *(*symbol)(const Session *s, Arena *a, const IrKernel *k, const CgTarget *target);
  void (*frame)(Emit *e); /* makes e->function, whole */
  /* pointer to this step's accumulator of lane 0 */
  LLVMValueRef (*port)(Emit *e, uint32_t slot, LLVMTypeRef word);
  /* word: pointer to the mask of element `first` */
  void (*mask_store)(Emit *e, LLVMValueRef word, LLVMValueRef cond);
};

void emit_instruction(Emit *e, IrVal i);
/* of math/, its form included */
LLVMValueRef emit_math(Emit *e, const char *function, LLVMValueRef *args, unsigned n);

/* beside.c */
bool *emit_changes(const Emit *e); /* by instruction: not the same in every step */
const IrVal **emit_beside(const Emit *e);
void emit_together(Emit *e, const IrVal *members);
/* Of instructions 0 to n - 1: what those that are `needed` need, and are not built yet, is needed as well. */
void emit_needs(const Emit *e, bool *needed, IrVal n);

/* aside.c */
const IrVal *emit_aside(const Emit *e);
LLVMValueRef emit_choice(Emit *e, IrVal choice, LLVMValueRef cond); /* NULL: both sides are there */

/* order.c */
const IrVal *emit_order(const Emit *e);

/* kernel.c */
LLVMValueRef emit_bytes(Emit *e, LLVMValueRef base, LLVMValueRef bytes); /* base + bytes */
LLVMValueRef emit_load_at(Emit *e, LLVMTypeRef type, LLVMValueRef p, unsigned align);
/* nobody writes it while the kernel runs */
LLVMValueRef emit_fixed(Emit *e, LLVMTypeRef type, LLVMValueRef p, unsigned align);
/* a field of struct nsl_env */
LLVMValueRef emit_env(Emit *e, size_t offset, LLVMTypeRef type, const char *name);
void emit_all(Emit *e); /* the kernel's instructions */
/* e->function, of one pointer; the builder stands in it */
void emit_function(Emit *e, LLVMTypeRef result, const char *parameter);
void emit_slots(Emit *e); /* what the frame needs of env; step, t, dt, first are there */
/* of struct nsl_event */
LLVMValueRef emit_event_field(Emit *e, LLVMValueRef event, size_t offset, LLVMTypeRef type);
/* the handler, for event i; gives the event */
LLVMValueRef emit_event(Emit *e, LLVMValueRef events, LLVMValueRef i, LLVMValueRef key);

LLVMValueRef emit_load(Emit *e, uint32_t slot);
void emit_store(Emit *e, uint32_t slot, LLVMValueRef v);
/* Pointer to the array's element of lane 0. */
LLVMValueRef emit_array_at(Emit *e, uint32_t slot, LLVMTypeRef element);
LLVMValueRef emit_splat(Emit *e, LLVMValueRef scalar);
void emit_width(Emit *e, unsigned lanes); /* what is made next has that many: 1, or all of the kernel's */
unsigned emit_all_lanes(const Emit *e);
LLVMTypeRef emit_vector(const Emit *e, LLVMTypeRef element); /* <lanes x element>, or element */
LLVMValueRef emit_real(const Emit *e, double number);
LLVMValueRef emit_cond(Emit *e, LLVMValueRef bits); /* i1 in each lane -> cond */
LLVMValueRef emit_bits(Emit *e, LLVMValueRef cond); /* and back */

/* made.c */
void emit_called(Emit *e); /* the whole function */
LLVMValueRef emit_called_load(Emit *e, uint32_t slot);

/* march.c */
void emit_march(Emit *e);
LLVMValueRef emit_march_begin(Emit *e);                /* what it needs of env; gives the number of steps */
void emit_march_steps(Emit *e, LLVMValueRef steps);    /* of the elements at e->at; at least one */
LLVMValueRef emit_march_load(Emit *e, uint32_t slot);
void emit_march_store(Emit *e, uint32_t slot, LLVMValueRef v);

/* adds NaN to lanes where a check failed; only if e->checked */
LLVMValueRef emit_bad(Emit *e, LLVMValueRef bad);

#endif
