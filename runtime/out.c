/* The output folder. A run is complete when its run.json (a fit, its fit.json) has its final name: it is the last to be renamed,
 * and what `--force` looks for to remove the files of the run before, whose names it holds. */
#include "runtime/out.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/error.h"

static char *path_join(struct rt_mem *m, const char *folder, const char *before, const char *name,
                       const char *after) {
  size_t n = strlen(folder) + strlen(before) + strlen(name) + strlen(after) + 2;
  char *path = rt_alloc(m, n, 1);
  if (path) snprintf(path, n, "%s/%s%s%s", folder, before, name, after);
  return path;
}

static bool is_plain(const char *name) { return *name && *name != '.' && !strchr(name, '/'); }

/* Removes the files that an earlier run says are its own. */
static void run_remove(struct rt_out *o, const char *json_path) {
  struct json_object *run = json_object_from_file(json_path), *files;
  if (run && json_object_object_get_ex(run, "files", &files) && json_object_is_type(files, json_type_array))
    for (size_t i = 0; i < json_object_array_length(files); i++) {
      const char *name = json_object_get_string(json_object_array_get_idx(files, i));
      char *path = name && is_plain(name) ? path_join(&o->mem, o->folder, "", name, "") : NULL;
      if (path) unlink(path);
    }
  json_object_put(run);
  unlink(json_path);
}

static int folder_make(struct rt_out *o) {
  if (mkdir(o->folder, 0777) == 0) {
    o->made = true;
    return 0;
  }
  if (errno != EEXIST)
    return rt_fail(NSL_EIO, "cannot make the output folder %s: %s", o->folder, strerror(errno));
  struct stat st;
  if (stat(o->folder, &st) != 0 || !S_ISDIR(st.st_mode))
    return rt_fail(NSL_EIO, "the output %s exists and is not a folder", o->folder);
  return 0;
}

int rt_out_open(struct rt_out *o, const char *folder, bool force) {
  *o = (struct rt_out){0};
  o->files = rt_alloc(&o->mem, RT_OUT_FILES, sizeof *o->files);
  o->folder = rt_text(&o->mem, folder);
  if (!o->files || !o->folder) return NSL_EMEMORY;
  int e = folder_make(o);
  if (e) return e;
  if (access(o->folder, W_OK | X_OK) != 0)
    return rt_fail(NSL_EIO, "cannot write into the output folder %s: %s", o->folder, strerror(errno));
  char *json = path_join(&o->mem, o->folder, "", "run.json", ""), *fit = path_join(&o->mem, o->folder, "", "fit.json", "");
  if (!json || !fit) return NSL_EMEMORY;
  if (access(json, F_OK) != 0) json = fit;
  if (access(json, F_OK) != 0) return 0;
  if (!force)
    return rt_fail(NSL_EIO,
                   "%s already holds a run; choose another folder with --out, or --force to replace it",
                   o->folder);
  o->earlier = json;
  return 0;
}

char *rt_out_temporary(struct rt_mem *m, const char *folder, const char *name) {
  return path_join(m, folder, ".", name, ".part");
}

const char *rt_out_file(struct rt_out *o, const char *name) {
  if (o->n_files == RT_OUT_FILES) {
    rt_fail(NSL_EIO, "more than %d files", RT_OUT_FILES);
    return NULL;
  }
  struct rt_out_file *f = &o->files[o->n_files];
  f->name = rt_text(&o->mem, name);
  f->temporary = rt_out_temporary(&o->mem, o->folder, name);
  f->final = path_join(&o->mem, o->folder, "", name, "");
  if (!f->name || !f->temporary || !f->final) return NULL;
  o->n_files++;
  unlink(f->temporary);
  return f->temporary;
}

int rt_out_commit(struct rt_out *o) {
  if (o->earlier) run_remove(o, o->earlier);
  for (uint32_t i = 0; i < o->n_files; i++)
    if (rename(o->files[i].temporary, o->files[i].final) != 0) {
      int e = rt_fail(NSL_EIO, "cannot rename %s: %s", o->files[i].temporary, strerror(errno));
      for (uint32_t k = 0; k < i; k++) unlink(o->files[k].final);
      return e;
    }
  o->n_files = 0;
  o->made = false;
  return 0;
}

void rt_out_drop(struct rt_out *o) {
  for (uint32_t i = 0; i < o->n_files; i++) unlink(o->files[i].temporary);
  if (o->made) rmdir(o->folder);
  rt_mem_free(&o->mem);
  *o = (struct rt_out){0};
}

int rt_text_open(struct rt_text_file *t, const char *path) {
  *t = (struct rt_text_file){.f = fopen(path, "we"), .path = path};
  return t->f ? 0 : rt_fail(NSL_EIO, "cannot write %s: %s", path, strerror(errno));
}

int rt_text_close(struct rt_text_file *t) {
  if (!t->f) return 0;
  errno = 0;
  bool bad = fflush(t->f) != 0 || ferror(t->f);
  int why = errno;
  bad |= fclose(t->f) != 0;
  t->f = NULL;
  return bad ? rt_fail(NSL_EIO, "cannot write %s: %s", t->path, strerror(why ? why : errno)) : 0;
}
