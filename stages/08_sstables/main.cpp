#include "common/cli/cli.h"
#include "stages/08_sstables/store.h"

int main(int argc, char** argv) {
  return strata::run(strata::stage_08_sstables(), argc, argv);
}
