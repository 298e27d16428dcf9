#include "common/cli/cli.h"
#include "stages/07_bitcask/store.h"

int main(int argc, char** argv) {
  return strata::run(strata::stage_07_bitcask(), argc, argv);
}
