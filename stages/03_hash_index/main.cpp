#include "common/cli/cli.h"
#include "stages/03_hash_index/store.h"

int main(int argc, char** argv) {
  return strata::run(strata::stage_03_hash_index(), argc, argv);
}
