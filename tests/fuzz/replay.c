/* Runs a fuzz target over files, one test case each: replay FILE… . Without libFuzzer this is how a corpus is checked. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    FILE *in = fopen(argv[i], "rb");
    if (!in) {
      printf("not ok %d - %s cannot be read\n", i, argv[i]);
      continue;
    }
    char *text = NULL, buffer[4096];
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;) fwrite(buffer, 1, n, out);
    fclose(in);
    fclose(out);
    LLVMFuzzerTestOneInput((const uint8_t *)text, len);
    free(text);
    const char *name = argv[i];
    for (const char *c = argv[i]; *c; c++)
      if (*c == '/') name = c + 1;
    printf("ok %d - %s\n", i, name);
  }
  printf("1..%d\n", argc - 1);
  return 0;
}
