#include "common/cli/cli.h"
#include "stages/02_reverse_scan/store.h"

int main(int argc, char** argv) {
  return strata::run(strata::stage_02_reverse_scan(), argc, argv);
}
