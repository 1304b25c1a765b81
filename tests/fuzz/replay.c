/* Runs a fuzz target over files, and over the *.nsl and corpus files of folders, one test case each: replay
 * FILE|FOLDER… . Without libFuzzer this is how a corpus is checked. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int n_cases;

static void replay_file(const char *path) {
  FILE *in = fopen(path, "rb");
  n_cases++;
  if (!in) {
    printf("not ok %d - %s cannot be read\n", n_cases, path);
    return;
  }
  char *text = NULL, buffer[4096];
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;) fwrite(buffer, 1, n, out);
  fclose(in);
  fclose(out);
  LLVMFuzzerTestOneInput((const uint8_t *)text, len);
  free(text);
  const char *name = strrchr(path, '/');
  printf("ok %d - %s\n", n_cases, name ? name + 1 : path);
}

/* Texts: *.nsl, and what libFuzzer keeps, which has no ending. */
static int is_text(const struct dirent *entry) {
  const char *dot = strrchr(entry->d_name, '.');
  return dot ? strcmp(dot, ".nsl") == 0 : entry->d_type == DT_REG;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    struct dirent **entries;
    int n = scandir(argv[i], &entries, is_text, alphasort);
    if (n < 0) replay_file(argv[i]);
    for (int k = 0; k < n; k++) {
      char path[4352];
      snprintf(path, sizeof path, "%s/%s", argv[i], entries[k]->d_name);
      replay_file(path);
      free(entries[k]);
    }
    if (n >= 0) free(entries);
  }
  printf("1..%d\n", n_cases);
  return 0;
}
