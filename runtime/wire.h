/* What ranks need of MPI: the table that mpi.c fills and ranks.c calls. This header and mpi.c are also installed as
 * text: `nslc build --mpi` compiles mpi.c with the MPI of the machine, so any MPI will do.
 *
 * One operation is under way at a time: start_… begins it, `done` says whether it has ended. All functions return
 * 0, or nonzero if a rank is lost. */
#ifndef NSL_RUNTIME_WIRE_H
#define NSL_RUNTIME_WIRE_H

#include <stdbool.h>
#include <stdint.h>

enum rt_combine { RT_SUM_U64, RT_MIN_U64, RT_MAX_U64, RT_OR_U64, RT_SUM_F64, RT_MIN_F64, RT_MAX_F64, RT_N_COMBINES };

struct rt_wire {
  /* here: how many ranks this machine has */
  int (*begin)(uint32_t *ret_rank, uint32_t *ret_n, uint32_t *ret_here);
  void (*end)(void);
  void (*stop)(int status); /* ends all ranks at once */
  void (*library)(char *text, uint32_t size);
  /* n numbers of each rank are combined place by place, into `at` of rank `to`, or of all if `to` is negative */
  int (*start_combine)(void *at, uint32_t n, enum rt_combine how, int to);
  /* `bytes` of each rank, side by side in `all` of every rank */
  int (*start_share)(const void *own, void *all, uint32_t bytes);
  int (*start_tell)(void *at, uint32_t bytes, uint32_t from); /* rank `from` tells all */
  /* `bytes` from one rank to another, which both call */
  int (*start_send)(const void *from, uint32_t bytes, uint32_t to);
  int (*start_receive)(void *at, uint32_t bytes, uint32_t from);
  int (*done)(bool *ret_done);
};
extern const struct rt_wire nsl_wire; /* absent from programs that were built without --mpi */

#endif
