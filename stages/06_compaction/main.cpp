#include "common/cli/cli.h"
#include "stages/06_compaction/store.h"

int main(int argc, char** argv) {
  return strata::run(strata::stage_06_compaction(), argc, argv);
}
