#include "common/cli/cli.h"
#include "stages/09_lsm_tree/store.h"

int main(int argc, char** argv) {
  return strata::run(strata::stage_09_lsm_tree(), argc, argv);
}
