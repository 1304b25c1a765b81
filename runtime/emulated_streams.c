/* Streams, events and graphs of the emulated device. What the driver leaves open is used against the engine: what is put on a stream runs
 * at once (order forward), as late as its result is asked for (reverse), or now and then, of any stream (shuffled); copies read and write
 * when they run. */
#include <stdio.h>
#include <string.h>

#include "runtime/emulated.h"
#include "runtime/error.h"
#include "runtime/mem.h"

struct op {
  enum { LAUNCH, COPY, FILL, MARK, AWAIT } kind;
  nsl_device_fn *fn;
  const char *name;
  const void *from; /* launch: its argument */
  char *to;
  size_t bytes;
  int value;
  uint32_t blocks, threads, shared;
  struct rt_gpu_event *event;
  uint64_t count; /* mark, await: the event's marks with this one */
};

struct ops {
  struct op *at;
  size_t n, cap;
};

struct rt_gpu_stream {
  struct ops ops;
  size_t done;
  struct rt_gpu_graph *capture; /* what is put on it goes there */
  struct rt_gpu_stream *next;
};

struct rt_gpu_event {
  uint64_t marked, passed;
  struct rt_gpu_stream *stream; /* of the last mark */
};

struct rt_gpu_graph {
  struct ops ops;
};

struct rt_gpu_graph_exec {
  struct ops ops;
};

/* ---- what streams do */

static int op_run(const struct op *o) {
  switch (o->kind) {
  case LAUNCH: {
    if (rt_emu_launch(rt_emulated.emu, o->fn, o->from, o->blocks, o->threads, o->shared) == 0) break;
    char words[600];
    snprintf(words, sizeof words, "%s: %.500s", o->name, rt_emulated_message());
    return rt_emulated.failed = rt_emulated_fails(RT_GPU_LAUNCH_FAILED, words);
  }
  case COPY: memcpy(o->to, o->from, o->bytes); break;
  case FILL: memset(o->to, o->value, o->bytes); break;
  case MARK: o->event->passed = o->event->passed > o->count ? o->event->passed : o->count; break;
  case AWAIT: break;
  }
  return 0;
}

static bool may_run(const struct rt_gpu_stream *s) {
  if (s->done == s->ops.n) return false;
  const struct op *o = &s->ops.at[s->done];
  return o->kind != AWAIT || o->event->passed >= o->count;
}

/* The first of what waits on a stream; it must be possible. */
static int head_run(struct rt_gpu_stream *s) {
  int e = op_run(&s->ops.at[s->done]);
  if (++s->done == s->ops.n) s->done = s->ops.n = 0;
  return e;
}

/* All of a stream up to its op number `end`, or until an event has passed; what it waits for first. An op can only wait for one that was
 * there before it, so this ends. */
static int stream_run(struct rt_gpu_stream *s, const struct rt_gpu_event *until, uint64_t count) {
  int e = 0;
  while (!e && s->ops.n && !(until && until->passed >= count)) {
    const struct op *o = &s->ops.at[s->done];
    if (!may_run(s)) e = stream_run(o->event->stream, o->event, o->count);
    if (!e) e = head_run(s);
  }
  return e;
}

/* Behind each op that was put on a stream: how much runs now. */
static int streams_some(struct rt_gpu_stream *s) {
  int e = 0;
  if (rt_emulated.order.way == RT_EMU_REVERSE) return 0;
  if (rt_emulated.order.way == RT_EMU_FORWARD) return stream_run(s, NULL, 0);
  for (struct rt_gpu_stream *k = rt_emulated.streams; k && !e; k = k->next)
    for (uint64_t n = rt_emu_draw(&rt_emulated.random) % 3; n && !e && may_run(k); n--) e = head_run(k);
  return e;
}

int rt_emulated_streams_all(void) {
  int e = 0;
  for (struct rt_gpu_stream *s = rt_emulated.streams; s && !e; s = s->next) e = stream_run(s, NULL, 0);
  return e;
}

static int ops_add(struct ops *to, const struct op *from, size_t n) {
  if (rt_grow(&to->at, &to->cap, to->n + n, sizeof *to->at) != 0) return RT_GPU_OUT_OF_MEMORY;
  for (size_t k = 0; k < n; k++) to->at[to->n++] = from[k];
  return 0;
}

static bool known(const struct rt_gpu_stream *s) {
  for (const struct rt_gpu_stream *k = rt_emulated.streams; k; k = k->next)
    if (k == s) return true;
  return false;
}

static int put(struct rt_gpu_stream *s, struct op op) {
  if (!known(s)) return rt_emulated_fails(RT_GPU_INVALID_HANDLE, "no stream: the emulated device has only those of cuStreamCreate");
  if (!s->capture) {
    int e = ops_add(&s->ops, &op, 1);
    return e ? e : streams_some(s);
  }
  if (op.kind == MARK || op.kind == AWAIT) return rt_emulated_fails(RT_GPU_STREAM_CAPTURE_UNSUPPORTED, "events within a graph are not emulated");
  return ops_add(&s->capture->ops, &op, 1);
}

int rt_emulated_cuMemcpyHtoDAsync_v2(rt_gpu_at to, const void *from, size_t bytes, struct rt_gpu_stream *stream) {
  int e = rt_emulated_begins();
  if (!e && !rt_emulated_inside(rt_emulated_pointer(to), bytes)) e = RT_GPU_INVALID_VALUE;
  return rt_emulated_ends(e ? e : put(stream, (struct op){.kind = COPY, .to = rt_emulated_pointer(to), .from = from, .bytes = bytes}));
}

int rt_emulated_cuMemcpyDtoHAsync_v2(void *to, rt_gpu_at from, size_t bytes, struct rt_gpu_stream *stream) {
  int e = rt_emulated_begins();
  if (!e && !rt_emulated_inside(rt_emulated_pointer(from), bytes)) e = RT_GPU_INVALID_VALUE;
  return rt_emulated_ends(e ? e : put(stream, (struct op){.kind = COPY, .to = to, .from = rt_emulated_pointer(from), .bytes = bytes}));
}

int rt_emulated_cuMemcpyDtoDAsync_v2(rt_gpu_at to, rt_gpu_at from, size_t bytes, struct rt_gpu_stream *stream) {
  int e = rt_emulated_begins();
  if (!e && (!rt_emulated_inside(rt_emulated_pointer(to), bytes) || !rt_emulated_inside(rt_emulated_pointer(from), bytes))) e = RT_GPU_INVALID_VALUE;
  return rt_emulated_ends(e ? e : put(stream, (struct op){.kind = COPY, .to = rt_emulated_pointer(to), .from = rt_emulated_pointer(from), .bytes = bytes}));
}

int rt_emulated_cuMemsetD8Async(rt_gpu_at to, unsigned char value, size_t bytes, struct rt_gpu_stream *stream) {
  int e = rt_emulated_begins();
  if (!e && !rt_emulated_inside(rt_emulated_pointer(to), bytes)) e = RT_GPU_INVALID_VALUE;
  return rt_emulated_ends(e ? e : put(stream, (struct op){.kind = FILL, .to = rt_emulated_pointer(to), .value = value, .bytes = bytes}));
}

int rt_emulated_cuCtxSynchronize(void) {
  int e = rt_emulated_begins();
  return rt_emulated_ends(e ? e : rt_emulated_streams_all());
}

int rt_emulated_cuStreamCreate(struct rt_gpu_stream **ret, unsigned flags) {
  int e = rt_emulated_begins();
  struct rt_gpu_stream *s = NULL;
  size_t cap = 0;
  if (!e && flags != RT_GPU_STREAM_OWN) e = rt_emulated_fails(RT_GPU_INVALID_VALUE, "a stream that waits for stream NULL is not emulated");
  if (!e && rt_grow(&s, &cap, 1, sizeof *s) != 0) e = RT_GPU_OUT_OF_MEMORY;
  if (!e) {
    *s = (struct rt_gpu_stream){.next = rt_emulated.streams};
    *ret = rt_emulated.streams = s;
  }
  return rt_emulated_ends(e);
}

int rt_emulated_cuStreamSynchronize(struct rt_gpu_stream *stream) {
  int e = rt_emulated_begins();
  if (!e && (!known(stream) || stream->capture)) e = known(stream) ? RT_GPU_STREAM_CAPTURE_UNSUPPORTED : RT_GPU_INVALID_HANDLE;
  return rt_emulated_ends(e ? e : stream_run(stream, NULL, 0));
}

static void stream_free(struct rt_gpu_stream *s) {
  if (s->capture) rt_drop(&s->capture->ops.at), rt_drop(&s->capture);
  rt_drop(&s->ops.at);
  rt_drop(&s);
}

void rt_emulated_streams_drop(void) {
  while (rt_emulated.streams) {
    struct rt_gpu_stream *s = rt_emulated.streams;
    rt_emulated.streams = s->next;
    stream_free(s);
  }
}

int rt_emulated_cuStreamDestroy_v2(struct rt_gpu_stream *stream) {
  int e = rt_emulated_begins();
  if (!known(stream)) return rt_emulated_ends(RT_GPU_INVALID_HANDLE);
  if (!e) e = stream_run(stream, NULL, 0);
  struct rt_gpu_stream **s = &rt_emulated.streams;
  while (*s != stream) s = &(*s)->next;
  *s = stream->next;
  stream_free(stream);
  return rt_emulated_ends(e);
}

int rt_emulated_cuEventCreate(struct rt_gpu_event **ret, unsigned flags) {
  int e = rt_emulated_begins();
  struct rt_gpu_event *event = NULL;
  size_t cap = 0;
  if (!e && flags != RT_GPU_EVENT_PLAIN) e = rt_emulated_fails(RT_GPU_INVALID_VALUE, "times of events are not emulated");
  if (!e && rt_grow(&event, &cap, 1, sizeof *event) != 0) e = RT_GPU_OUT_OF_MEMORY;
  if (!e) {
    *event = (struct rt_gpu_event){0};
    *ret = event;
  }
  return rt_emulated_ends(e);
}

int rt_emulated_cuEventRecord(struct rt_gpu_event *event, struct rt_gpu_stream *stream) {
  int e = rt_emulated_begins();
  if (e || (e = put(stream, (struct op){.kind = MARK, .event = event, .count = event->marked + 1}))) return rt_emulated_ends(e);
  event->marked++;
  event->stream = stream;
  return rt_emulated_ends(0);
}

int rt_emulated_cuEventSynchronize(struct rt_gpu_event *event) {
  int e = rt_emulated_begins();
  return rt_emulated_ends(e || !event->stream ? e : stream_run(event->stream, event, event->marked));
}

int rt_emulated_cuEventDestroy_v2(struct rt_gpu_event *event) {
  int e = rt_emulated_begins();
  if (!e) e = rt_emulated_streams_all(); /* nobody waits for it any more */
  rt_drop(&event);
  return rt_emulated_ends(e);
}

int rt_emulated_cuStreamWaitEvent(struct rt_gpu_stream *stream, struct rt_gpu_event *event, unsigned flags) {
  int e = rt_emulated_begins();
  if (!e && flags) e = RT_GPU_INVALID_VALUE;
  return rt_emulated_ends(e || !event->stream ? e : put(stream, (struct op){.kind = AWAIT, .event = event, .count = event->marked}));
}

int rt_emulated_cuLaunchKernel(struct rt_gpu_function *function, unsigned blocks, unsigned blocks_y, unsigned blocks_z, unsigned threads,
                                   unsigned threads_y, unsigned threads_z, unsigned shared, struct rt_gpu_stream *stream, void **arguments,
                                   void **extra) {
  int e = rt_emulated_begins();
  rt_gpu_at args;
  memcpy(&args, arguments[0], sizeof args);
  bool flat = blocks_y == 1 && blocks_z == 1 && threads_y == 1 && threads_z == 1 && !extra;
  if (!e && (!flat || !blocks || blocks > INT32_MAX || !threads || threads > RT_EMU_THREADS || shared > RT_EMU_SHARED)) e = RT_GPU_INVALID_VALUE;
  return rt_emulated_ends(e ? e : put(stream, (struct op){.kind = LAUNCH, .fn = function->fn, .name = function->name, .from = rt_emulated_pointer(args),
                                              .blocks = blocks, .threads = threads, .shared = shared}));
}

/* ---- graphs: the ops of one stream, put on it together */

int rt_emulated_cuStreamBeginCapture_v2(struct rt_gpu_stream *stream, int mode) {
  int e = rt_emulated_begins();
  struct rt_gpu_graph *graph = NULL;
  size_t cap = 0;
  if (!e && (!known(stream) || stream->capture || mode != RT_GPU_CAPTURE_THREAD)) e = RT_GPU_INVALID_VALUE;
  if (!e && rt_grow(&graph, &cap, 1, sizeof *graph) != 0) e = RT_GPU_OUT_OF_MEMORY;
  if (!e) {
    *graph = (struct rt_gpu_graph){0};
    stream->capture = graph;
  }
  return rt_emulated_ends(e);
}

int rt_emulated_cuStreamEndCapture(struct rt_gpu_stream *stream, struct rt_gpu_graph **ret) {
  int e = rt_emulated_begins();
  if (!e && (!known(stream) || !stream->capture)) e = RT_GPU_INVALID_VALUE;
  if (!e) {
    *ret = stream->capture;
    stream->capture = NULL;
  }
  return rt_emulated_ends(e);
}

int rt_emulated_cuGraphInstantiateWithFlags(struct rt_gpu_graph_exec **ret, struct rt_gpu_graph *graph, unsigned long long flags) {
  int e = rt_emulated_begins();
  struct rt_gpu_graph_exec *made = NULL;
  size_t cap = 0;
  if (!e && flags) e = RT_GPU_INVALID_VALUE;
  if (!e && rt_grow(&made, &cap, 1, sizeof *made) != 0) e = RT_GPU_OUT_OF_MEMORY;
  if (e) return rt_emulated_ends(e);
  *made = (struct rt_gpu_graph_exec){0};
  e = ops_add(&made->ops, graph->ops.at, graph->ops.n);
  if (e) rt_drop(&made);
  else *ret = made;
  return rt_emulated_ends(e);
}

int rt_emulated_cuGraphLaunch(struct rt_gpu_graph_exec *graph, struct rt_gpu_stream *stream) {
  int e = rt_emulated_begins();
  if (!e && (!known(stream) || stream->capture)) e = RT_GPU_INVALID_HANDLE;
  if (!e) e = ops_add(&stream->ops, graph->ops.at, graph->ops.n);
  return rt_emulated_ends(e ? e : streams_some(stream));
}

int rt_emulated_cuGraphExecDestroy(struct rt_gpu_graph_exec *graph) {
  pthread_mutex_lock(&rt_emulated.turn);
  rt_drop(&graph->ops.at);
  rt_drop(&graph);
  return rt_emulated_ends(0);
}

int rt_emulated_cuGraphDestroy(struct rt_gpu_graph *graph) {
  pthread_mutex_lock(&rt_emulated.turn);
  rt_drop(&graph->ops.at);
  rt_drop(&graph);
  return rt_emulated_ends(0);
}
