/* rt_wire by the standard interface of MPI (version 3 or later); the only file that includes mpi.h. Collective
 * operations that do not block, so that ranks go on computing, and notice in time that a rank is lost. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

static struct {
  MPI_Comm ranks;
  MPI_Request request;
  MPI_Op least, most;
} mpi; /* of the process, as MPI itself */

/* Of unsigned numbers. Not MPI_MIN and MPI_MAX: those of MPICH 4.0 compare them as if they were signed. */
static void least(void *from, void *to, int *n, MPI_Datatype *type) {
  const uint64_t *a = from;
  uint64_t *b = to;
  (void)type;
  for (int i = 0; i < *n; i++) b[i] = a[i] < b[i] ? a[i] : b[i];
}

static void most(void *from, void *to, int *n, MPI_Datatype *type) {
  const uint64_t *a = from;
  uint64_t *b = to;
  (void)type;
  for (int i = 0; i < *n; i++) b[i] = a[i] > b[i] ? a[i] : b[i];
}

static int begin(uint32_t *ret_rank, uint32_t *ret_n, uint32_t *ret_here) {
  int level, rank, n, here;
  MPI_Comm machine;
  if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS || level < MPI_THREAD_FUNNELED) return 1;
  if (MPI_Comm_dup(MPI_COMM_WORLD, &mpi.ranks) != MPI_SUCCESS) return 1;
  if (MPI_Op_create(least, 1, &mpi.least) != MPI_SUCCESS || MPI_Op_create(most, 1, &mpi.most) != MPI_SUCCESS) return 1;
  MPI_Comm_rank(mpi.ranks, &rank);
  MPI_Comm_size(mpi.ranks, &n);
  if (MPI_Comm_split_type(mpi.ranks, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &machine) != MPI_SUCCESS) return 1;
  MPI_Comm_size(machine, &here);
  MPI_Comm_free(&machine);
  MPI_Comm_set_errhandler(mpi.ranks, MPI_ERRORS_RETURN);
  mpi.request = MPI_REQUEST_NULL;
  *ret_rank = (uint32_t)rank;
  *ret_n = (uint32_t)n;
  *ret_here = (uint32_t)here;
  return 0;
}

static void end(void) {
  MPI_Op_free(&mpi.least);
  MPI_Op_free(&mpi.most);
  MPI_Comm_free(&mpi.ranks);
  MPI_Finalize();
}

static void stop(int status) {
  MPI_Abort(MPI_COMM_WORLD, status);
  _Exit(status);
}

static void library(char *text, uint32_t size) {
  char whole[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int n;
  MPI_Get_library_version(whole, &n);
  whole[strcspn(whole, ",\n")] = 0;
  for (char *c = whole; (c = strchr(c, '\t'));) *c = ' '; /* MPICH's is a line of a table */
  strncpy(text, whole, size - 1);
  text[size - 1] = 0;
}

static int start_combine(void *at, uint32_t n, enum rt_combine how, int to) {
  const struct {
    MPI_Datatype type;
    MPI_Op op;
  } ways[RT_N_COMBINES] = {[RT_SUM_U64] = {MPI_UINT64_T, MPI_SUM}, [RT_MIN_U64] = {MPI_UINT64_T, mpi.least},
                           [RT_MAX_U64] = {MPI_UINT64_T, mpi.most}, [RT_OR_U64] = {MPI_UINT64_T, MPI_BOR},
                           [RT_SUM_F64] = {MPI_DOUBLE, MPI_SUM},   [RT_MIN_F64] = {MPI_DOUBLE, MPI_MIN},
                           [RT_MAX_F64] = {MPI_DOUBLE, MPI_MAX}};
  int rank;
  if (to < 0)
    return MPI_Iallreduce(MPI_IN_PLACE, at, (int)n, ways[how].type, ways[how].op, mpi.ranks, &mpi.request) != MPI_SUCCESS;
  MPI_Comm_rank(mpi.ranks, &rank);
  return MPI_Ireduce(rank == to ? MPI_IN_PLACE : at, rank == to ? at : NULL, (int)n, ways[how].type, ways[how].op, to,
                     mpi.ranks, &mpi.request) != MPI_SUCCESS;
}

static int start_share(const void *own, void *all, uint32_t bytes) {
  return MPI_Iallgather(own, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, mpi.ranks, &mpi.request) != MPI_SUCCESS;
}

static int start_tell(void *at, uint32_t bytes, uint32_t from) {
  return MPI_Ibcast(at, (int)bytes, MPI_BYTE, (int)from, mpi.ranks, &mpi.request) != MPI_SUCCESS;
}

static int start_send(const void *from, uint32_t bytes, uint32_t to) {
  return MPI_Isend(from, (int)bytes, MPI_BYTE, (int)to, 0, mpi.ranks, &mpi.request) != MPI_SUCCESS;
}

static int start_receive(void *at, uint32_t bytes, uint32_t from) {
  return MPI_Irecv(at, (int)bytes, MPI_BYTE, (int)from, 0, mpi.ranks, &mpi.request) != MPI_SUCCESS;
}

static int done(bool *ret_done) {
  int flag = 0;
  if (MPI_Test(&mpi.request, &flag, MPI_STATUS_IGNORE) != MPI_SUCCESS) return 1;
  *ret_done = flag;
  return 0;
}

const struct rt_wire nsl_wire = {.begin = begin,
                                 .end = end,
                                 .stop = stop,
                                 .library = library,
                                 .start_combine = start_combine,
                                 .start_share = start_share,
                                 .start_tell = start_tell,
                                 .start_send = start_send,
                                 .start_receive = start_receive,
                                 .done = done};
