/* Messages that belong to no stage of their own: what is not supported yet (0xxx), targets (7xxx), files and
 * the command line (8xxx). */
#include "lang/diag.h"

void diag_not_supported(Session *s, Span span, const char *what, const char *nearest) {
  Diag *d = diag_new(s, DIAG_NOT_SUPPORTED, span, "not supported yet: %s", what);
  if (nearest) diag_hint(s, d, "%s", nearest);
}

void diag_file_missing(Session *s, Span span, const char *path) {
  diag_new(s, DIAG_FILE_MISSING, span, "no such file: %s", path);
}

void diag_file_not_a_file(Session *s, Span span, const char *path) {
  diag_new(s, DIAG_FILE_NOT_A_FILE, span, "not a file: %s", path);
}

void diag_file_unreadable(Session *s, Span span, const char *path, const char *reason) {
  diag_new(s, DIAG_FILE_UNREADABLE, span, "cannot read %s: %s", path, reason);
}

void diag_file_too_large(Session *s, Span span, const char *path, unsigned limit_mib) {
  Diag *d =
      diag_new(s, DIAG_FILE_TOO_LARGE, span, "%s is too large: a source may have %u MiB", path, limit_mib);
  diag_hint(s, d, "Keep data in files of their own, and read them by name.");
}

void diag_file_not_utf8(Session *s, Span span, const char *path, unsigned byte, size_t offset) {
  Diag *d =
      diag_new(s, DIAG_FILE_NOT_UTF8, span, "%s is not UTF-8: byte 0x%02X at offset %zu", path, byte, offset);
  diag_hint(s, d, "Save the file as UTF-8.");
}

void diag_file_nul(Session *s, Span span, const char *path, size_t offset) {
  diag_new(s, DIAG_FILE_NUL, span, "%s contains a NUL byte at offset %zu: it is not a text", path, offset);
}

void diag_cpu_unknown(Session *s, const char *cpu, const char *nearest) {
  Diag *d = diag_new(s, DIAG_CPU_UNKNOWN, (Span){0, 0}, "unknown processor `%s`", cpu);
  if (nearest)
    diag_hint(s, d, "Did you mean `%s`?", nearest);
  else
    diag_hint(s, d, "It is one of native, portable, x86-64-v2, x86-64-v3, x86-64-v4.");
}

void diag_cpu_too_old(Session *s, const char *cpu) {
  Diag *d = diag_new(s, DIAG_CPU_TOO_OLD, (Span){0, 0},
                     "this machine's processor (%s) has less than x86-64-v2", cpu);
  diag_hint(s, d,
            "Programs can be built here for other machines with `--cpu x86-64-v2` or `--cpu portable`.");
}

void diag_link_failed(Session *s, const char *path, const char *linker, const char *said) {
  Diag *d = diag_new(s, DIAG_LINK_FAILED, (Span){0, 0}, "cannot link %s: %s failed", path, linker);
  if (said && *said) diag_note(s, d, (Span){0, 0}, "%s", said);
}

void diag_linker_missing(Session *s, const char *path) {
  Diag *d =
      diag_new(s, DIAG_LINKER_MISSING, (Span){0, 0}, "cannot link %s: neither ld nor cc was found", path);
  diag_hint(s, d, "Install binutils; `nslc run` needs no linker.");
}

void diag_mpi_missing(Session *s, const char *path, const char *compiler) {
  Diag *d = diag_new(s, DIAG_MPI_MISSING, (Span){0, 0}, "cannot build %s with --mpi: `%s` was not found", path, compiler);
  diag_hint(s, d, "Install an MPI with its compiler (Open MPI: libopenmpi-dev, MPICH: libmpich-dev), or name it: MPICC=/path/mpicc.");
}

void diag_file_unwritable(Session *s, const char *path, const char *reason) {
  diag_new(s, DIAG_FILE_UNWRITABLE, (Span){0, 0}, "cannot write %s: %s", path, reason);
}
