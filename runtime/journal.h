/* What a checkpointing run has recorded so far: blocks that are only ever appended, beside the files of the output
 * folder, which a crash may leave unreadable. */
#ifndef NSL_RUNTIME_JOURNAL_H
#define NSL_RUNTIME_JOURNAL_H

#include <stdint.h>

#include "runtime/mem.h"

enum rt_journal_kind { RT_JOURNAL_SPIKES, RT_JOURNAL_ROWS, RT_JOURNAL_MARKS, RT_JOURNAL_WEIGHTS };
struct rt_journal {
  struct rt_mem mem;
  const char *path;
  int fd;
  uint64_t size, checksum; /* of all blocks so far */
  char *buffer;            /* while it is replayed */
  size_t buffer_cap;
};

/* Opens or makes the file and keeps other processes out: NSL_EIO if one is at work in the folder. */
int rt_journal_open(struct rt_journal *j, const char *path);
void rt_journal_close(struct rt_journal *j);
int rt_journal_clear(struct rt_journal *j); /* begin anew */

struct rt_journal_block {
  uint32_t kind, index, sub, zero; /* what it is */
  uint64_t n, bytes;
  uint64_t checksum; /* of the above */
};
int rt_journal_add(struct rt_journal *j, struct rt_journal_block block, const void *data);
int rt_journal_sync(struct rt_journal *j); /* all of it is on the disk */

/* Gives the blocks up to `size` to a function, checks that they are those of the checksum, and forgets what lies
 * behind: the run goes on from there. */
typedef int rt_journal_fn(void *context, const struct rt_journal_block *block, const void *data);
int rt_journal_replay(struct rt_journal *j, uint64_t size, uint64_t checksum, rt_journal_fn *take, void *context);

#endif
