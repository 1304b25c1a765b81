/* Messages that belong to no stage of their own: what is not supported yet (0xxx), targets (7xxx), files and the command
 * line (8xxx). */
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
  Diag *d = diag_new(s, DIAG_FILE_TOO_LARGE, span, "%s is too large: a source may have %u MiB", path, limit_mib);
  diag_hint(s, d, "Keep data in files of their own, and read them by name.");
}

void diag_file_not_utf8(Session *s, Span span, const char *path, unsigned byte, size_t offset) {
  Diag *d = diag_new(s, DIAG_FILE_NOT_UTF8, span, "%s is not UTF-8: byte 0x%02X at offset %zu", path, byte, offset);
  diag_hint(s, d, "Save the file as UTF-8.");
}

void diag_file_nul(Session *s, Span span, const char *path, size_t offset) {
  diag_new(s, DIAG_FILE_NUL, span, "%s contains a NUL byte at offset %zu: it is not a text", path, offset);
}
